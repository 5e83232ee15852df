//! One column's values. Each is a pure function of the row: of its number, when it was made, and
//! what its references name.

use crate::action::Action;
use crate::action::TableId;
use crate::action::Value;
use crate::generate::chance::Chance;
use crate::generate::dependent::Dependent;
use crate::generate::derive::derived;
use crate::generate::invent::email;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::key::key_of;
use crate::generate::moment::Moment;
use crate::generate::pick::rank;
use crate::generate::typed;
use crate::generate::typed::TypedFiller;
use crate::generate::words::Words;
use crate::generate::world::World;
use crate::schema::ColumnType;
use crate::schema::Expression;
use crate::schema::NamePart;
use crate::schema::Pick;
use crate::schema::written::Written;
use crate::units::Decimal;

/// A column and how to fill it, made ready.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its number in the table.
    pub(super) number: u16,
    /// Its type.
    pub(super) kind: ColumnType,
    /// Share of rows in which it is NULL.
    pub(super) null_rate: f64,
    /// How to fill it.
    pub(super) filler: Filler,
}

/// A fill, made ready: see [`crate::schema::Fill`].
#[derive(Debug, Clone)]
pub(super) enum Filler {
    Sequence {
        start: i64,
    },
    Uuid,
    Id,
    Constant(Constant),
    Whole {
        min: i64,
        count: u64,
    },
    Decimal {
        min: i64,
        count: u64,
        scale: u8,
    },
    Real {
        min: f64,
        width: f64,
    },
    Lognormal {
        mu: f64,
        sigma: f64,
    },
    Weighted {
        values: Vec<Constant>,
        shares: Vec<f64>,
    },
    Listed {
        values: Vec<Constant>,
        then: Box<Filler>,
    },
    Words {
        min: u32,
        max: u32,
    },
    Name(NamePart),
    Email {
        from: Option<usize>,
    },
    EventTime {
        offset_min: i64,
        offset_count: u64,
    },
    Moment(Box<Moment>),
    Reference {
        table: TableId,
        column: usize,
        parent: ParentRow,
    },
    Lookup {
        through: usize,
        table: TableId,
        column: usize,
    },
    /// As a lookup, of a column that is made from others of its row: these, in the order in which they
    /// are filled.
    LookupMade {
        through: usize,
        table: TableId,
        columns: Vec<usize>,
    },
    Derived(Expression),
    State {
        names: Vec<Constant>,
    },
    /// Where the row of a decided reference is on its walk: this place among the row's parents.
    Watched {
        at: usize,
        names: Vec<Constant>,
    },
    Line,
    Chance(Chance),
    Dependent(Box<Dependent>),
    Unique(Box<Filler>),
    Typed(Box<TypedFiller>),
}

/// How a reference finds its row.
#[derive(Debug, Clone)]
pub(super) enum ParentRow {
    /// The owner of an owned row.
    Owner,
    /// The lane decides: this place among the row's parents.
    Decided(usize),
    /// Any row of a table that stands still; by the row's own number.
    Still(Pick),
    /// The row that this column of another row names, to which a column of ours refers.
    Of { through: usize, table: TableId, column: usize },
}

/// A value that does not change.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    Value(Value),
    Text(Box<str>),
    Written(Box<Written>),
}

impl Constant {
    /// The value, its text copied to the arena.
    pub(super) fn value(&self, action: &mut Action) -> Value {
        match self {
            Self::Value(value) => *value,
            Self::Text(text) => {
                let start = action.arena().len();
                action.arena().push_str(text);
                action.text_from(start)
            }
            Self::Written(written) => typed::written(written, action),
        }
    }
}

/// The row whose columns are filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// Its table.
    pub(super) table: TableId,
    /// Its run-wide number; of an owned row, its owner's.
    pub(super) ordinal: u64,
    /// Its number among its owner's rows, from 1; 0 for others.
    pub(super) line: u32,
    /// When it was made, or changed: microseconds since 1970.
    pub(super) at_us: i64,
    /// The run-wide numbers of its decided parents.
    pub(super) parents: &'a [u64],
    /// Its state, if its life has states.
    pub(super) state: usize,
    /// 0 for a row being made; slot + 1 for a row being changed, so that it draws anew.
    pub(super) change: u64,
}

impl Row<'_> {
    /// What its draws are keyed by.
    pub(super) fn item(&self) -> u64 {
        self.ordinal ^ u64::from(self.line) << 48 ^ self.change.rotate_left(40)
    }
}

impl World {
    /// The value of a column that is not computed from other columns of the row.
    pub(super) fn column_value(
        &self,
        column: &Column,
        row: &Row<'_>,
        action: &mut Action,
    ) -> Value {
        if self.is_null(column, row) {
            return Value::Null;
        }
        as_held(column.kind, self.fill(column, &column.filler, row, action))
    }

    /// Whether a decided reference of a row is NULL.
    pub(super) fn refers_to_nobody(&self, table: TableId, place: usize, ordinal: u64) -> bool {
        let of = self.table(table);
        let column = &of.columns[of.decided[place].column];
        let row = Row { table, ordinal, line: 0, at_us: 0, parents: &[], state: 0, change: 0 };
        self.is_null(column, &row)
    }

    /// What the draws of a row's column are keyed by.
    #[inline]
    pub(super) fn column_key(&self, column: &Column, row: &Row<'_>) -> u64 {
        match self.table(row.table).stems.get(usize::from(column.number)) {
            Some(stem) => key_of(*stem, row.item()),
            None => key(self.seed, row.table.0, Purpose::Column(column.number), row.item()),
        }
    }

    /// Whether a column of a row is among those that are NULL.
    #[inline]
    pub(super) fn is_null(&self, column: &Column, row: &Row<'_>) -> bool {
        if column.null_rate <= 0.0 {
            return false;
        }
        let key = key(self.seed, row.table.0, Purpose::Null(column.number), row.item());
        Draw::new(key).unit() < column.null_rate
    }

    /// The value that a fill makes of a row.
    pub(super) fn fill(
        &self,
        column: &Column,
        filler: &Filler,
        row: &Row<'_>,
        action: &mut Action,
    ) -> Value {
        let key = || self.column_key(column, row);
        match filler {
            Filler::Sequence { start } => {
                Value::Int(start.saturating_add_unsigned(self.number(row.table, row.ordinal)))
            }
            Filler::Uuid => Value::Uuid(self.uuid(row.table, row.ordinal)),
            Filler::Id => self.id(row.table, row.ordinal, action),
            Filler::Constant(constant) => constant.value(action),
            Filler::Whole { .. } | Filler::Decimal { .. } | Filler::Real { .. } => {
                uniform(filler, &mut Draw::new(key()))
            }
            Filler::Lognormal { mu, sigma } => {
                let normal = standard_normal(&mut Draw::new(key()));
                round_to(column.kind, libm::exp(mu + sigma * normal))
            }
            Filler::Weighted { values, shares } => {
                let at = pick_share(shares, Draw::new(key()).unit());
                values[at].value(action)
            }
            Filler::Listed { values, then } => {
                match usize::try_from(row.ordinal).ok().and_then(|at| values.get(at)) {
                    Some(listed) => listed.value(action),
                    None => self.fill(column, then, row, action),
                }
            }
            Filler::Words { .. } | Filler::Name(_) => text(column, filler, key(), action),
            Filler::EventTime { offset_min, offset_count } => {
                let offset = Draw::new(key()).below(*offset_count);
                moment(
                    column.kind,
                    row.at_us.saturating_add(*offset_min).saturating_add_unsigned(offset),
                )
            }
            Filler::Moment(meant) => self.moment_value(column, meant, row, action),
            Filler::Reference { table, column: target, parent } => {
                let parent = self.parent_ordinal(column, parent, *table, row);
                self.pure_value(*table, *target, parent, action)
            }
            Filler::Lookup { through, table, column: target } => {
                let parent = self.looked_up(row, *through, *table);
                parent
                    .map_or(Value::Null, |parent| self.pure_value(*table, *target, parent, action))
            }
            Filler::LookupMade { through, table, columns } => {
                let parent = self.looked_up(row, *through, *table);
                parent
                    .map_or(Value::Null, |parent| self.made_value(*table, columns, parent, action))
            }
            Filler::State { names } => names[row.state].value(action),
            Filler::Watched { at, names } => {
                let state = row.parents.get(*at).and_then(|state| usize::try_from(*state).ok());
                let name = state.and_then(|state| names.get(state));
                name.map_or(Value::Null, |name| name.value(action))
            }
            Filler::Line => Value::Int(i64::from(row.line)),
            Filler::Chance(chance) => {
                let place =
                    |name| self::key(self.seed, row.table.0, Purpose::Place, row.item() ^ name);
                chance.value(column.kind, key(), place, action)
            }
            Filler::Unique(inner) => self.unique_value(column, inner, row, action),
            Filler::Typed(filler) => self.typed(column.kind, filler, (key(), row), action),
            // Filled after the others: see `render_row`.
            Filler::Email { .. } | Filler::Derived(_) | Filler::Dependent(_) => Value::Null,
        }
    }

    /// The row that a reference of this row names, if it names one.
    fn looked_up(&self, row: &Row<'_>, through: usize, table: TableId) -> Option<u64> {
        let via = &self.table(row.table).columns[through];
        match &via.filler {
            _ if self.is_null(via, row) => None,
            Filler::Reference { parent, .. } => Some(self.parent_ordinal(via, parent, table, row)),
            _ => None,
        }
    }

    /// The last of some columns of another row, whose values follow from that row's number, some of
    /// them by way of those before them.
    fn made_value(
        &self,
        table: TableId,
        columns: &[usize],
        ordinal: u64,
        action: &mut Action,
    ) -> Value {
        let of = self.table(table);
        let row = Row { table, ordinal, line: 0, at_us: 0, parents: &[], state: 0, change: 0 };
        let first = action.push_nulls(of.columns.len());
        let mut value = Value::Null;
        for number in columns {
            value = self.filled(&of.columns[*number], &row, first, action);
            action.set(first + number, value);
        }
        action.truncate_values(first);
        value
    }

    /// The value of a column of a row whose values begin at `first`: those that it is made from are
    /// there already.
    pub(super) fn filled(
        &self,
        column: &Column,
        row: &Row<'_>,
        first: usize,
        action: &mut Action,
    ) -> Value {
        match &column.filler {
            _ if self.is_null(column, row) => Value::Null,
            Filler::Derived(expression) => derived(column.kind, expression, first, action),
            Filler::Email { from } => {
                let number = self.number(row.table, row.ordinal);
                email(column, number, from.map(|at| first + at), action)
            }
            Filler::Dependent(dependent) => {
                self.dependent_value((column, dependent), row, first, action)
            }
            filler => as_held(column.kind, self.fill(column, filler, row, action)),
        }
    }

    /// The run-wide number of the row that a reference names.
    pub(super) fn parent_ordinal(
        &self,
        column: &Column,
        parent: &ParentRow,
        table: TableId,
        row: &Row<'_>,
    ) -> u64 {
        match parent {
            ParentRow::Owner => row.ordinal,
            ParentRow::Decided(place) => row.parents[*place],
            ParentRow::Still(pick) => {
                let key = self.column_key(column, row);
                let count = self.table(table).seeded;
                rank(pick, count, &mut Draw::new(key))
            }
            ParentRow::Of { through, table: between, column } => {
                let ordinal = self.looked_up(row, *through, *between).unwrap_or_default();
                let other = Row { table: *between, ordinal, parents: &[], ..*row };
                let other = Row { line: 0, state: 0, change: 0, ..other };
                let via = &self.table(*between).columns[*column];
                match &via.filler {
                    Filler::Reference { parent, .. } => {
                        self.parent_ordinal(via, parent, table, &other)
                    }
                    _ => 0,
                }
            }
        }
    }

    /// A column of another row, whose value follows from that row's number alone.
    pub(super) fn pure_value(
        &self,
        table: TableId,
        column: usize,
        ordinal: u64,
        action: &mut Action,
    ) -> Value {
        let row = Row { table, ordinal, line: 0, at_us: 0, parents: &[], state: 0, change: 0 };
        self.column_value(&self.table(table).columns[column], &row, action)
    }
}

/// The first share above `unit`, of shares that rise.
pub(super) fn pick_share(shares: &[f64], unit: f64) -> usize {
    shares.partition_point(|share| *share <= unit).min(shares.len() - 1)
}

fn uniform(filler: &Filler, draw: &mut Draw) -> Value {
    match filler {
        Filler::Whole { min, count } => Value::Int(min.saturating_add_unsigned(draw.below(*count))),
        Filler::Decimal { min, count, scale } => {
            let unscaled = min.saturating_add_unsigned(draw.below(*count));
            Value::Decimal(Decimal { unscaled, scale: *scale })
        }
        Filler::Real { min, width } => Value::Float(min + width * draw.unit()),
        _ => Value::Null,
    }
}

/// A standard normal number, by Box and Muller's method (1958), with portable functions.
pub(super) fn standard_normal(draw: &mut Draw) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log1p(-draw.unit()));
    radius * libm::cos(std::f64::consts::TAU * draw.unit())
}

fn text(column: &Column, filler: &Filler, key: u64, action: &mut Action) -> Value {
    let start = action.arena().len();
    let mut words = Words::new(key);
    match filler {
        Filler::Words { min, max } => {
            let more = Draw::new(!key).below(u64::from(max - min) + 1);
            words.words(min + u32::try_from(more).unwrap_or(0), action.arena());
        }
        Filler::Name(part) => words.name(*part, action.arena()),
        _ => {}
    }
    cut(column.kind, start, action);
    action.text_from(start)
}

/// Shortens the text from `start` on to what the column holds, in characters.
pub(super) fn cut(kind: ColumnType, start: usize, action: &mut Action) {
    let (ColumnType::Varchar(Some(limit)) | ColumnType::Char(limit)) = kind else { return };
    let arena = action.arena();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if arena.len() - start > limit
        && let Some((end, _)) = arena[start..].char_indices().nth(limit)
    {
        arena.truncate(start + end);
    }
}

/// A moment as the column holds it.
pub(super) fn moment(kind: ColumnType, us: i64) -> Value {
    match kind {
        ColumnType::Date => {
            Value::Date(i32::try_from(us.div_euclid(86_400_000_000)).unwrap_or(i32::MAX))
        }
        _ => Value::Timestamp(us),
    }
}

/// A value as the column holds it and what is computed from it sees it: a `real` keeps 24 bits.
pub(super) fn as_held(kind: ColumnType, value: Value) -> Value {
    match (kind, value) {
        #[expect(clippy::cast_possible_truncation, reason = "the column holds no more")]
        (ColumnType::Real, Value::Float(number)) => Value::Float(f64::from(number as f32)),
        (
            ColumnType::TimestampTo(_)
            | ColumnType::TimestamptzTo(_)
            | ColumnType::Time(_)
            | ColumnType::Timetz(_),
            _,
        ) => typed::to_digits(kind, value),
        _ => value,
    }
}

/// A number as the column holds it: rounded half away from zero, and kept inside its range.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "`as` saturates, as wanted"
)]
pub(super) fn round_to(kind: ColumnType, number: f64) -> Value {
    match kind {
        ColumnType::Smallint => {
            Value::Int((libm::round(number) as i64).clamp(i16::MIN.into(), i16::MAX.into()))
        }
        ColumnType::Integer => {
            Value::Int((libm::round(number) as i64).clamp(i32::MIN.into(), i32::MAX.into()))
        }
        ColumnType::Bigint => Value::Int(libm::round(number) as i64),
        ColumnType::Numeric { .. } | ColumnType::Money => {
            let (precision, scale) = kind.digits();
            let largest = 10_i64.pow(u32::from(precision.min(18))) - 1;
            let unscaled = libm::round(number * 10_i64.pow(u32::from(scale)) as f64) as i64;
            Value::Decimal(Decimal { unscaled: unscaled.clamp(-largest, largest), scale })
        }
        _ => Value::Float(number),
    }
}
