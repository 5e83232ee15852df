//! One column's values. Each is a pure function of the row: of its number, when it was made, and
//! what its references name.

use crate::action::Action;
use crate::action::Cell;
use crate::action::TableId;
use crate::action::Take;
use crate::action::Value;
use crate::generate::chance::Chance;
use crate::generate::dependent::Dependent;
use crate::generate::invent::email;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::key::key_of;
use crate::generate::moment::Moment;
use crate::generate::typed;
use crate::generate::typed::TypedFiller;
use crate::generate::words;
use crate::generate::words::Words;
use crate::generate::world::World;
use crate::schema::ColumnType;
use crate::schema::Expression;
use crate::schema::Marker;
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
    Sequence { start: i64 },
    Uuid,
    Id,
    Constant(Constant),
    Whole { min: i64, count: u64 },
    Decimal { min: i64, count: u64, scale: u8 },
    Real { min: f64, width: f64 },
    Lognormal { mu: f64, sigma: f64 },
    Weighted { values: Vec<Constant>, shares: Vec<f64> },
    Listed { values: Vec<Constant>, then: Box<Filler> },
    Words { min: u32, max: u32 },
    Name(NamePart),
    Email { from: Option<usize> },
    EventTime { offset_min: i64, offset_count: u64 },
    Moment(Box<Moment>),
    // As the time of the event, but changed later, with the state, in a row that has a history.
    Touched,
    Reference { table: TableId, column: usize, parent: ParentRow },
    Lookup { through: usize, table: TableId, column: usize },
    // As a lookup, of a column that is made from others of its row: these, in the order in which they
    // are filled.
    LookupMade { through: usize, table: TableId, columns: Vec<usize> },
    Derived(Expression),
    State { names: Vec<Constant> },
    // Where the row of a decided reference is on its walk: this place among the row's parents.
    Watched { at: usize, names: Vec<Constant> },
    Line,
    Chance(Chance),
    Dependent(Box<Dependent>),
    Unique(Box<Filler>),
    Typed(Box<TypedFiller>),
    Marker(Marker),
}

/// How a reference finds its row.
#[derive(Debug, Clone)]
pub(super) enum ParentRow {
    /// The owner of an owned row.
    Owner,
    /// The lane decides: this place among the row's parents.
    Decided(usize),
    /// Any row of a table that stands still; by the row's own number. Not the one that this column of
    /// the row names.
    Still { pick: Pick, unlike: Option<usize> },
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
    /// The value, made in `action`.
    pub(super) fn value(&self, action: &mut Action) -> Value {
        let mut cell = Cell::alone(action);
        self.put(&mut cell);
        cell.value
    }

    /// Gives the value away.
    #[inline]
    pub(super) fn put(&self, out: &mut impl Take) {
        match self {
            Self::Value(value) => out.take(*value),
            Self::Text(text) => out.take_text(text),
            Self::Written(written) => {
                let value = typed::written(written, out.scratch());
                out.take(value);
            }
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
    /// The number of the action that makes or changes it; 0 where it is seeded.
    pub(super) operation: u64,
}

impl Row<'_> {
    /// What its draws are keyed by.
    #[inline]
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
        let mut cell = Cell::alone(action);
        self.put_column(column, row, &mut cell);
        cell.value
    }

    /// Gives the value of a column away that is not computed from other columns of the row, or from
    /// a text before it only.
    #[inline]
    pub(super) fn put_column(&self, column: &Column, row: &Row<'_>, out: &mut impl Take) {
        if self.is_null(column, row) {
            out.take(Value::Null);
        } else {
            self.fill(column, &column.filler, row, out);
        }
    }

    /// Whether a decided reference of a row is NULL.
    pub(super) fn refers_to_nobody(&self, table: TableId, place: usize, ordinal: u64) -> bool {
        let of = self.table(table);
        let column = &of.columns[of.decided[place].column];
        let row = Row::pure(table, ordinal);
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

    /// Gives the value away that a fill makes of a row.
    pub(super) fn fill(
        &self,
        column: &Column,
        filler: &Filler,
        row: &Row<'_>,
        out: &mut impl Take,
    ) {
        let key = || self.column_key(column, row);
        let number = || self.number(row.table, row.ordinal);
        match filler {
            Filler::Sequence { start } => {
                out.take(Value::Int(start.saturating_add_unsigned(number())));
            }
            Filler::Uuid => out.take(Value::Uuid(self.uuid(row.table, row.ordinal))),
            Filler::Id => out.take_letters(|out| self.id(row.table, row.ordinal, out)),
            Filler::Constant(constant) => constant.put(out),
            Filler::Whole { min, count } => {
                let more = Draw::new(key()).below(*count);
                out.take(Value::Int(min.saturating_add_unsigned(more)));
            }
            Filler::Decimal { min, count, scale } => {
                let unscaled = min.saturating_add_unsigned(Draw::new(key()).below(*count));
                out.take(Value::Decimal(Decimal { unscaled, scale: *scale }));
            }
            Filler::Real { min, width } => {
                let number = Value::Float(min + width * Draw::new(key()).unit());
                out.take(as_held(column.kind, number));
            }
            Filler::Weighted { values, shares } => {
                values[pick_share(shares, Draw::new(key()).unit())].put(out);
            }
            Filler::Name(part) => out.take_letters(|out| {
                let start = out.len();
                Words::new(key()).name(*part, out);
                // Names are ASCII, so a byte is a character.
                if let Some(limit) = column.kind.length_max() {
                    out.truncate(
                        start.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX)),
                    );
                }
            }),
            Filler::Email { from } => email(column.kind, number(), *from, out),
            Filler::EventTime { offset_min, offset_count } => {
                let offset = Draw::new(key()).below(*offset_count);
                let at = row.at_us.saturating_add(*offset_min).saturating_add_unsigned(offset);
                out.take(as_held(column.kind, moment(column.kind, at)));
            }
            Filler::Listed { values, then } => {
                match usize::try_from(row.ordinal).ok().and_then(|at| values.get(at)) {
                    Some(listed) => listed.put(out),
                    None => self.fill(column, then, row, out),
                }
            }
            Filler::Reference { table, column: target, parent } => {
                let parent = self.parent_ordinal(column, parent, *table, row);
                self.put_pure(*table, *target, parent, out);
            }
            Filler::State { names } => names[row.state].put(out),
            Filler::Watched { at, names } => watched(row, *at, names, out),
            Filler::Line => out.take(Value::Int(i64::from(row.line))),
            rare => {
                let value = self.made(column, rare, row, out.scratch());
                out.take(as_held(column.kind, value));
            }
        }
    }

    /// The value of a fill that makes it of several, or takes long anyway.
    #[inline(never)]
    fn made(&self, column: &Column, filler: &Filler, row: &Row<'_>, action: &mut Action) -> Value {
        let key = || self.column_key(column, row);
        match filler {
            Filler::Lognormal { mu, sigma } => {
                let normal = standard_normal(&mut Draw::new(key()));
                round_to(column.kind, libm::exp(mu + sigma * normal))
            }
            Filler::Words { min, max } => words::text(column.kind, (*min, *max), key(), action),
            Filler::Moment(meant) => self.moment_value(column, meant, row, action),
            Filler::Touched => self.touched_value(column, row),
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
            Filler::Chance(chance) => {
                let place =
                    |name| self::key(self.seed, row.table.0, Purpose::Place, row.item() ^ name);
                chance.value(column.kind, key(), place, action)
            }
            Filler::Unique(inner) => self.unique_value(column, inner, row, action),
            Filler::Typed(filler) => self.typed(column.kind, filler, (key(), row), action),
            Filler::Marker(marker) => self.marker(*marker, row),
            // The others are filled above, or after the columns that they are computed from.
            _ => Value::Null,
        }
    }
}

/// Where the row of a reference is on its walk, as it was decided.
fn watched(row: &Row<'_>, at: usize, names: &[Constant], out: &mut impl Take) {
    let state = row.parents.get(at).and_then(|state| usize::try_from(*state).ok());
    match state.and_then(|state| names.get(state)) {
        Some(name) => name.put(out),
        None => out.take(Value::Null),
    }
}

/// The first share above `unit`, of shares that rise.
#[inline]
pub(super) fn pick_share(shares: &[f64], unit: f64) -> usize {
    shares.partition_point(|share| *share <= unit).min(shares.len() - 1)
}

/// A standard normal number, by Box and Muller's method (1958), with portable functions.
pub(super) fn standard_normal(draw: &mut Draw) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log1p(-draw.unit()));
    radius * libm::cos(std::f64::consts::TAU * draw.unit())
}

/// Shortens the text from `start` on to what the column holds, in characters.
pub(super) fn cut(kind: ColumnType, start: usize, action: &mut Action) {
    let Some(limit) = kind.length_max() else { return };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let arena = action.arena();
    if arena.len() - start > limit
        && let Some((end, _)) = arena[start..].char_indices().nth(limit)
    {
        arena.truncate(start + end);
    }
}

/// A moment as the column holds it.
#[inline]
pub(super) fn moment(kind: ColumnType, us: i64) -> Value {
    match kind {
        ColumnType::Date => {
            Value::Date(i32::try_from(us.div_euclid(86_400_000_000)).unwrap_or(i32::MAX))
        }
        _ => Value::Timestamp(us),
    }
}

/// A value as the column holds it and what is computed from it sees it: a `real` keeps 24 bits.
#[inline]
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
