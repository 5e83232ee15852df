//! Steps that make a row or change the one that is there.

use crate::diagnostic::Problem;
use crate::schema::Step;
use crate::schema::check::action::Steps;
use crate::schema::check::action::Touch;
use crate::schema::check::shape::StepShape;
use crate::schema::file::StepFile;
use crate::yaml::Spanned;

/// The share of upserts that find a row, unless set.
const EXISTING: f64 = 0.5;

impl Steps<'_> {
    pub(super) fn upsert(
        &mut self,
        table: usize,
        shape: StepShape<'_>,
        earlier: Option<Touch>,
        file: &Spanned<StepFile>,
    ) -> Option<Step> {
        let name = shape.table();
        if earlier.is_some() {
            let message = format!("an earlier step works on a row of `{}` already", name.value);
            let help = "an upsert finds its row itself: make it an action of its own";
            return self.refuse(name.place, message, help);
        }
        self.row(table, shape, None, &file.value)?;
        if self.tables[table].states.as_ref().is_some_and(|states| states.walk.is_some()) {
            let message = format!("a row of `{}` walks, and an upsert begins no walk", name.value);
            return self.refuse(
                name.place,
                message,
                "use `insert`, and `update` for the next step",
            );
        }
        let owned = self.tables.iter().find(|other| {
            let owner = other.owner.as_ref();
            owner.is_some_and(|owner| owner.table == table)
        });
        if let Some(owned) = owned {
            let message = format!(
                "a row of `{}` owns rows of `{}`, and an upsert makes one row only",
                name.value, owned.name
            );
            return self.refuse(name.place, message, "use `insert`, and `update` beside it");
        }
        self.insert(table, name)?;
        let choice = self.choice(table, &file.value);
        let set = self.sets(table, file)?;
        let existing = file.value.existing.as_ref();
        if let Some(share) = existing.filter(|share| !(0.0..=1.0).contains(&share.value)) {
            self.problems.add(Problem::new("a share is between 0 and 1").at(share.place));
        }
        let existing = existing.map_or(EXISTING, |share| share.value);
        Some(Step::Upsert { table, pick: choice?.0, existing, set })
    }
}
