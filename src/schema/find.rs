//! Finds things in a schema by their names and relations.

use crate::schema::Action;
use crate::schema::ColumnType;
use crate::schema::Dependent;
use crate::schema::Fill;
use crate::schema::Literal;
use crate::schema::Otherwise;
use crate::schema::Reference;
use crate::schema::Schema;
use crate::schema::Step;
use crate::schema::Table;
use crate::schema::TypedFill;
use crate::schema::expression;

impl Schema {
    /// The index of a table.
    pub fn table(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }

    /// The tables whose rows a database keeps, where the domain has one: they come first.
    pub fn stored(&self) -> &[Table] {
        &self.tables[..self.tables.iter().take_while(|table| table.stored).count()]
    }

    /// Whether it has events.
    pub fn has_events(&self) -> bool {
        self.tables.iter().any(|table| table.event.is_some())
    }

    /// The index of an action.
    pub fn action(&self, name: &str) -> Option<usize> {
        self.actions.iter().position(|action| action.name == name)
    }

    /// Whether an action of the schema makes or deletes rows of a table, so that a lane decides which
    /// of them new rows refer to.
    pub(crate) fn is_moving(&self, table: usize) -> bool {
        self.actions.iter().flat_map(|action| &action.steps).any(|step| match step {
            Step::Insert { table: of }
            | Step::Upsert { table: of, .. }
            | Step::Delete { table: of, .. } => *of == table,
            Step::Update { table: of, otherwise, .. } => {
                *of == table && *otherwise == Otherwise::Insert
            }
        })
    }

    /// An action that changes a column of rows that exist.
    pub(crate) fn changer(&self, table: usize, column: usize) -> Option<&Action> {
        let changes = |step: &Step| match step {
            Step::Update { table: of, set, .. } | Step::Upsert { table: of, set, .. } => {
                *of == table && set.iter().any(|(at, _)| *at == column)
            }
            Step::Insert { .. } | Step::Delete { .. } => false,
        };
        self.actions.iter().find(|action| action.steps.iter().any(changes))
    }

    /// The tables whose rows belong to rows of this one.
    pub fn owned_by(&self, owner: usize) -> impl Iterator<Item = usize> {
        let owners = self.tables.iter().enumerate();
        owners
            .filter(move |(_, table)| table.owner.as_ref().is_some_and(|of| of.table == owner))
            .map(|(index, _)| index)
    }
}

impl Table {
    /// The index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Of a column that follows from the row's number by way of other columns of the row: those that it
    /// takes, itself included. `None` if it does not follow from the number.
    pub(crate) fn made_from(&self, column: usize) -> Option<Vec<usize>> {
        let mut all = vec![column];
        let mut next = 0;
        while let Some(column) = all.get(next).copied() {
            next += 1;
            let fill = &self.columns[column].fill;
            let from = match fill {
                fill if fill.is_pure() => Vec::new(),
                Fill::Email { from } => from.iter().copied().collect(),
                Fill::Derived(expression) => expression::columns(expression),
                Fill::Dependent(Dependent::Given { column, cases, otherwise }) => {
                    let mut fills = cases.iter().map(|(_, fill)| fill).chain([&**otherwise]);
                    fills.all(Fill::is_pure).then(|| vec![*column])?
                }
                Fill::Dependent(dependent) => vec![dependent.column()],
                Fill::Lookup { through, .. } => vec![*through],
                // Whether nobody decides which row it names, only all schemas together tell.
                Fill::Reference(reference) if reference.of.is_none() => Vec::new(),
                _ => return None,
            };
            let new: Vec<usize> = from.into_iter().filter(|it| !all.contains(it)).collect();
            all.extend(new);
        }
        Some(all)
    }

    /// Whether a column shows where a row is on its walk.
    pub(crate) fn is_walk(&self, column: usize) -> bool {
        self.states.as_ref().is_some_and(|states| states.column == column && states.walk.is_some())
    }

    /// The columns that refer to other tables, and to what.
    pub fn references(&self) -> impl Iterator<Item = (usize, &Reference)> {
        let columns = self.columns.iter().enumerate();
        columns.filter_map(|(index, column)| match &column.fill {
            Fill::Reference(reference) => Some((index, reference)),
            _ => None,
        })
    }
}

impl Action {
    /// The table whose row an action passes on to one that follows it, if they share one: the first
    /// on which the follower works, or to whose rows its new rows refer.
    pub(crate) fn shared_table(&self, follower: &Action, schema: &Schema) -> Option<usize> {
        let is_passed_on = |table: usize| {
            let is_kept =
                |step: &Step| step.table() == table && !matches!(step, Step::Delete { .. });
            // Rows that all lanes change belong to no lane.
            let of = &schema.tables[table];
            self.steps.iter().any(is_kept) && of.owner.is_none() && !of.shared
        };
        follower.steps.iter().find_map(|step| match step {
            Step::Insert { table } => {
                let references = schema.tables[*table].references();
                let mut parents = references
                    .filter(|(_, reference)| reference.schema == schema.name)
                    .filter_map(|(_, reference)| schema.table(&reference.table));
                parents.find(|parent| is_passed_on(*parent) && schema.is_moving(*parent))
            }
            Step::Update { table, .. }
            | Step::Upsert { table, .. }
            | Step::Delete { table, .. } => Some(*table).filter(|table| is_passed_on(*table)),
        })
    }
}

impl Step {
    /// The table it works on.
    pub fn table(&self) -> usize {
        match self {
            Self::Insert { table }
            | Self::Update { table, .. }
            | Self::Upsert { table, .. }
            | Self::Delete { table, .. } => *table,
        }
    }
}

impl Fill {
    /// The fills within it, and the types that they fill; its own is `kind`.
    pub(crate) fn inner_mut(&mut self, kind: ColumnType) -> Vec<(ColumnType, &mut Self)> {
        match self {
            Self::Listed { then: inner, .. } | Self::Unique(inner) => vec![(kind, inner)],
            Self::Dependent(Dependent::Given { cases, otherwise, .. }) => {
                let cases = cases.iter_mut().map(|(_, fill)| fill);
                cases.chain([&mut **otherwise]).map(|fill| (kind, fill)).collect()
            }
            Self::Typed(TypedFill::Array(array)) => vec![(array.kind, &mut array.of)],
            Self::Typed(TypedFill::Range { of, from, length, length_kind }) => {
                vec![(*of, from), (*length_kind, length)]
            }
            Self::Typed(TypedFill::Json(json)) => json.fills_mut(),
            _ => Vec::new(),
        }
    }

    /// How many different values it has in a unique column; `None` is without end.
    pub(crate) fn count(&self, kind: ColumnType) -> Option<u64> {
        let Self::Unique(inner) = self else { return None };
        match &**inner {
            Self::Uniform { min: Literal::Int(min), max: Literal::Int(max) } => {
                Some(max.abs_diff(*min).saturating_add(1))
            }
            Self::Uniform { min: Literal::Decimal(min), max: Literal::Decimal(max) } => {
                Some(max.unscaled.abs_diff(min.unscaled).saturating_add(1))
            }
            Self::Drawn(drawn) => drawn.count(kind),
            _ => None,
        }
    }

    /// Whether the value follows from the row's number alone, so that it can be found without
    /// the row.
    pub fn is_pure(&self) -> bool {
        match self {
            Self::Sequence { .. }
            | Self::Uuid
            | Self::Id
            | Self::Constant(_)
            | Self::Uniform { .. }
            | Self::Lognormal { .. }
            | Self::Weighted(_)
            | Self::Words { .. }
            | Self::Name(_)
            | Self::Drawn(_)
            | Self::Unique(_) => true,
            Self::Listed { then, .. } => then.is_pure(),
            Self::Typed(fill) => fill.is_pure(),
            _ => false,
        }
    }
}
