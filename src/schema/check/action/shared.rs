//! Steps on tables that all lanes share: what they do must not depend on who comes first.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Otherwise;
use crate::schema::Pick;
use crate::schema::Set;
use crate::schema::Step;
use crate::schema::Table;
use crate::schema::check::action::Steps;
use crate::schema::check::outline::TableOutline;
use crate::schema::check::shape::StepShape;
use crate::schema::file::PickFile;
use crate::schema::file::StepFile;
use crate::yaml::Spanned;

/// A shared table's rows live by themselves, and their lives have no states: whose turn it was to
/// change one would depend on which lane comes first.
pub(in crate::schema::check) fn shared_table(
    table: &TableOutline<'_>,
    meant: &Table,
    problems: &mut Problems,
) {
    if !meant.shared {
        return;
    }
    let per = table.file.and_then(|file| file.per.as_ref());
    let state = meant.states.as_ref().map(|states| table.columns[states.column].name.place);
    let name = &meant.name;
    if let Some(per) = per {
        let message = format!("`{name}` is shared, so its rows do not belong to others");
        problems.add(Problem::new(message).at(per.place).help("take away `per`, or `shared`"));
    }
    if let Some(place) = state {
        let message = format!("`{name}` is shared, so its rows have no states");
        let help = "keep states in a table that is not shared";
        problems.add(Problem::new(message).at(place).help(help));
    }
    if meant.key.is_empty() {
        let message =
            format!("`{name}` is shared and has no key, so none of its rows can be changed");
        problems
            .add(Problem::new(message).at(table.name.place).help("mark a column with `key: true`"));
    }
}

impl Steps<'_> {
    /// An update by adding; nothing else is allowed.
    pub(super) fn shared(
        &mut self,
        table: usize,
        shape: StepShape<'_>,
        file: &Spanned<StepFile>,
    ) -> Option<Step> {
        let name = shape.table();
        let StepShape::Update(_) = shape else {
            let (verb, table) = (shape.verb(), &name.value);
            let message = format!("`{table}` is shared, and its rows are neither made nor deleted");
            let help = format!("seed it, and {verb} rows of a table of your own beside it");
            return self.refuse(name.place, message, &help);
        };
        self.row(table, shape, None, &file.value)?;
        let pick = self.shared_pick(&file.value);
        if let Some(word) = &file.value.otherwise {
            let message =
                "`otherwise` has no meaning here: the rows of a shared table stay".to_owned();
            self.refuse::<()>(word.place, message, "leave this away");
        }
        let set = self.sets(table, file)?;
        self.only_adds(table, &set, file)?;
        Some(Step::Update { table, pick: pick?, set, otherwise: Otherwise::Skip })
    }

    /// Rows are picked among all lanes', so no lane knows which is the newest, or its state.
    fn shared_pick(&mut self, file: &StepFile) -> Option<Pick> {
        let Some(pick) = &file.pick else { return Some(Pick::Uniform) };
        if matches!(pick.value, PickFile::Uniform | PickFile::Zipf(_)) {
            return super::row_pick(pick, self.problems);
        }
        let message = "the rows of a shared table are picked by `uniform` or `zipf`".to_owned();
        self.refuse(pick.place, message, "")
    }

    fn only_adds(
        &mut self,
        table: usize,
        set: &[(usize, Set)],
        file: &Spanned<StepFile>,
    ) -> Option<()> {
        let written = file.value.set.as_ref().map_or(&[][..], |set| set.value.0.as_slice());
        let mut is_good = true;
        for (column, set) in set {
            let of = &self.tables[table].columns[*column];
            let place = written.iter().find(|(name, _)| name.value == of.name);
            let place = place.map_or(file.place, |(name, _)| name.place);
            let problem = if !matches!(set, Set::Add(_)) {
                let message =
                    format!("`{}` is of a shared table, where an update can only `add`", of.name);
                let help = "whatever else it did would depend on which lane comes first";
                Problem::new(message).help(help)
            } else if of.kind == ColumnType::Money {
                let message =
                    format!("`{}` is money, and the sum of a shared column is a number", of.name);
                Problem::new(message).help("make it `numeric(12,2)`")
            } else if of.nullable {
                let message =
                    format!("`{}` may be NULL, and nothing can be added to NULL", of.name);
                Problem::new(message).help("write `nullable: false`")
            } else {
                continue;
            };
            self.problems.add(problem.at(place));
            is_good = false;
        }
        is_good.then_some(())
    }
}
