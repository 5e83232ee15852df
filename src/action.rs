//! The waist: what generators make and sinks send. Knows no generator and no destination.

mod catalog;
mod fault;
pub mod message;
mod take;
mod text;

use crate::schema::Geometry;
use crate::schema::typed::Bound;
use crate::units::Decimal;
use crate::units::Hardware;
use crate::units::Interval;
use crate::units::Network;
use crate::units::TimeOfDay;

pub use catalog::Assign;
pub use catalog::Assignment;
pub use catalog::Catalog;
pub use catalog::EventInfo;
pub use catalog::Statement;
pub use catalog::StatementKind;
pub use catalog::TableInfo;
pub use fault::Fault;
pub use fault::FaultClass;
pub use message::Mark;
pub use take::Cell;
pub use take::Take;
pub use take::TakeRows;
pub use text::write_value;

/// A table of the run, counted over all its domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub u16);

impl TableId {
    /// The table of this number. `check` allows no more tables than there are numbers.
    pub fn of(number: usize) -> Self {
        Self(u16::try_from(number).unwrap_or(u16::MAX))
    }
}

/// A statement shape of the run (insert into a table, one action's update of a table, ...): the
/// same shape always has the same parameters, so a sink prepares it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatementId(pub u16);

impl StatementId {
    /// The statement of this number. `check` allows no more tables and steps than there are numbers.
    pub fn of(number: usize) -> Self {
        Self(u16::try_from(number).unwrap_or(u16::MAX))
    }
}

/// What an operation does to rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// New rows.
    Insert,
    /// Some columns of rows that exist.
    Update,
    /// Rows go.
    Delete,
}

/// One value, ready to be written in any format. Text lives in the action's own arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// SQL `NULL`.
    Null,
    /// A boolean.
    Bool(bool),
    /// Any integer type.
    Int(i64),
    /// Any floating-point type.
    Float(f64),
    /// A `numeric`, exact.
    Decimal(Decimal),
    /// A `uuid`, in network byte order.
    Uuid([u8; 16]),
    /// Microseconds since 1970-01-01T00:00:00Z; the ends of the type stand for infinity.
    Timestamp(i64),
    /// Days since 1970-01-01; the ends of the type stand for infinity.
    Date(i32),
    /// A time of day.
    Time(TimeOfDay),
    /// A span of time.
    Interval(Interval),
    /// Text in the arena, also that of JSON and of an enum's label: see [`Action::text`].
    Text(Span),
    /// Bytes: see [`Action::bytes`].
    Bytes(Span),
    /// Bits, each a byte of 0 or 1 among the action's bytes.
    Bits(Span),
    /// The address of a machine, or of a network.
    Network(Network),
    /// The address of a network card.
    Hardware(Hardware),
    /// The numbers of a shape: see [`Action::elements`].
    Shape(Geometry, Span),
    /// The values of an array: see [`Action::elements`].
    Array(Span),
    /// The two bounds of a range, among the elements; an open one is NULL.
    Range(Span, [Bound; 2]),
    /// The range that holds nothing.
    EmptyRange,
}

/// A piece of an action's arena, of its bytes, or of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte, or element.
    pub start: u32,
    /// Length in bytes, or elements.
    pub len: u32,
}

/// One statement to execute: its shape, and where its values stand in the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// The table it changes.
    pub table: TableId,
    /// How it changes it.
    pub change: Change,
    /// The statement's shape.
    pub statement: StatementId,
    /// How many rows the server must report as changed.
    pub rows: u32,
    /// What is wrong with it on purpose: with an event alone.
    pub fault: Option<Fault>,
    /// First value in the action.
    first: u32,
    /// Number of values.
    len: u32,
}

/// One or more operations that commit together. Reused: cleared and filled again for each slot.
#[derive(Debug, Default, Clone)]
pub struct Action {
    operations: Vec<Operation>,
    values: Vec<Value>,
    arena: String,
    bytes: Vec<u8>,
    elements: Vec<Value>,
    /// Text in the making: see [`Action::take_draft`].
    draft: String,
    /// Whether its rows may look already as if it had been committed: what it leaves in them then
    /// proves nothing.
    pub is_doubtful: bool,
    /// The transaction's number below which its telling row was before it was sent, as the sink said
    /// then; 0 if it said none. See [`crate::sink::Receipt`].
    pub horizon: u64,
    /// Whether it holds what many slots insert, which may go out in any way that makes these rows in
    /// one transaction.
    pub is_batch: bool,
    /// Whose it is.
    pub origin: Origin,
    /// Of one that holds what many slots do: whose the operations before each number are.
    origins: Vec<(usize, Origin)>,
}

impl Action {
    /// Empties it, and keeps the memory.
    pub fn clear(&mut self) {
        self.operations.clear();
        self.values.clear();
        self.arena.clear();
        self.bytes.clear();
        self.elements.clear();
        self.is_doubtful = false;
        self.horizon = 0;
        self.is_batch = false;
        self.origins.clear();
    }

    /// The operations since this was said last are those of [`Action::origin`], and more will follow that are not.
    pub fn end_origin(&mut self) {
        self.origins.push((self.operations.len(), self.origin));
    }

    /// Whose the operation of this number is.
    pub fn origin_of(&self, operation: usize) -> &Origin {
        let at = self.origins.partition_point(|(end, _)| *end <= operation);
        self.origins.get(at).map_or(&self.origin, |(_, origin)| origin)
    }

    /// Whose its operations are, one after the other.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        let only = self.origins.is_empty().then_some(&self.origin);
        self.origins.iter().map(|(_, origin)| origin).chain(only)
    }

    /// The operations, in the order in which they must be executed.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The values of one of its operations, in the order of the statement's parameters.
    pub fn values(&self, operation: &Operation) -> &[Value] {
        &self.values[operation.first as usize..(operation.first + operation.len) as usize]
    }

    /// Replaces a value pushed before.
    pub fn set(&mut self, index: usize, value: Value) {
        self.values[index] = value;
    }

    /// The text that a [`Value::Text`] stands for.
    pub fn text(&self, span: Span) -> &str {
        &self.arena[span.start as usize..(span.start + span.len) as usize]
    }

    /// The same as bytes.
    pub fn letters(&self, span: Span) -> &[u8] {
        &self.arena.as_bytes()[span.start as usize..(span.start + span.len) as usize]
    }

    /// What a [`Value::Bytes`] or [`Value::Bits`] stands for.
    pub fn bytes(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..(span.start + span.len) as usize]
    }

    /// Appends bytes, and names them.
    pub fn push_bytes(&mut self, bytes: impl IntoIterator<Item = u8>) -> Span {
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        Span { start: narrow(start), len: narrow(self.bytes.len() - start) }
    }

    /// The values that an array, a range or a shape is made of.
    pub fn elements(&self, span: Span) -> &[Value] {
        &self.elements[span.start as usize..(span.start + span.len) as usize]
    }

    /// Makes room for so many elements; [`Action::set_element`] puts them in, so that those of an
    /// element can be made meanwhile.
    pub fn reserve_elements(&mut self, count: usize) -> Span {
        let start = self.elements.len();
        self.elements.resize(start + count, Value::Null);
        Span { start: narrow(start), len: narrow(count) }
    }

    /// Puts the element of this number in.
    pub fn set_element(&mut self, span: Span, number: usize, value: Value) {
        self.elements[span.start as usize + number] = value;
    }

    /// An empty text beside the arena, for what is made of texts in the arena; give it back.
    pub fn take_draft(&mut self) -> String {
        std::mem::take(&mut self.draft)
    }

    /// Takes the text back, for the next.
    pub fn return_draft(&mut self, mut draft: String) {
        draft.clear();
        self.draft = draft;
    }

    /// Appends so many NULLs, to be replaced by [`Action::set`]; returns the place of the first.
    pub fn push_nulls(&mut self, count: usize) -> usize {
        let first = self.values.len();
        self.values.resize(first + count, Value::Null);
        first
    }

    /// Appends a value to the operation being written.
    pub fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    /// Where text is appended before [`Action::text_from`] names it; never shortened below that.
    pub fn arena(&mut self) -> &mut String {
        &mut self.arena
    }

    /// The value that stands for everything written to the arena from `start` on.
    pub fn text_from(&self, start: usize) -> Value {
        let len = self.arena.len() - start;
        Value::Text(Span { start: narrow(start), len: narrow(len) })
    }

    /// The values written since `first`, as one operation.
    pub fn finish(&mut self, first: usize, shape: Shape) {
        let len = self.values.len() - first;
        let Shape { table, change, statement, rows } = shape;
        let (first, len) = (narrow(first), narrow(len));
        let fault = None;
        self.operations.push(Operation { table, change, statement, rows, fault, first, len });
    }

    /// Number of values so far: what [`Action::finish`] takes as `first`.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// Forgets the values from `first` on, which were needed to make others.
    pub fn truncate_values(&mut self, first: usize) {
        self.values.truncate(first);
    }

    /// The values from `first` on, of the operation being written.
    pub fn values_from(&self, first: usize) -> &[Value] {
        &self.values[first..]
    }
}

/// Whose action it is: what travels beside its events.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The series that it is counted in.
    pub series: u16,
    /// The stream whose slot it is, or follows.
    pub stream: u16,
    /// That slot's number.
    pub slot: u64,
    /// How many actions of its own kind led from that slot to it.
    pub hop: u16,
    /// Its time in the data: microseconds since 1970.
    pub at_us: i64,
    /// Its number among all that the run decides, and which part of it.
    pub mark: Mark,
}

/// What [`Action::finish`] needs to know of the operation.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The table it changes.
    pub table: TableId,
    /// How it changes it.
    pub change: Change,
    /// The statement's shape.
    pub statement: StatementId,
    /// How many rows the server must report as changed.
    pub rows: u32,
}

/// Actions are kept far below 4 GiB by the limits that `check` sets on rows and text.
fn narrow(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
