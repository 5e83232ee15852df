//! Fills that are made for one type, or of other fills: what is meant.

use crate::schema::ColumnType;
use crate::schema::Fill;

/// A fill for one type, or made of other fills.
#[derive(Debug, Clone, PartialEq)]
pub enum TypedFill {
    /// Anything that the type holds, its edges often.
    Random,
    /// Random bytes; their number is uniform between the two.
    Bytes {
        /// At least so many.
        min: u32,
        /// At most so many.
        max: u32,
    },
    /// A time of day or a span, evenly between two (microseconds).
    Span {
        /// Least.
        min: i64,
        /// Greatest.
        max: i64,
    },
    /// JSON, or text that holds JSON.
    Json(JsonFill),
    /// An array of values of one fill.
    Array(ArrayFill),
    /// A range that begins at a value of one fill and is as long as one of another; the end is not
    /// part of it.
    Range {
        /// The type of its bounds.
        of: ColumnType,
        /// Where it begins.
        from: Box<Fill>,
        /// How long it is; below 0 stands for 0, which makes an empty range.
        length: Box<Fill>,
        /// The type of that.
        length_kind: ColumnType,
    },
}

impl TypedFill {
    /// Whether the value follows from the row's number alone.
    pub fn is_pure(&self) -> bool {
        match self {
            Self::Random | Self::Bytes { .. } | Self::Span { .. } => true,
            Self::Json(json) => json.is_pure(),
            Self::Array(array) => array.of.is_pure(),
            Self::Range { from, length, .. } => from.is_pure() && length.is_pure(),
        }
    }
}

impl JsonFill {
    /// The fills of its values, and their types.
    pub(crate) fn fills_mut(&mut self) -> Vec<(ColumnType, &mut Fill)> {
        let (mut found, mut rest) = (Vec::new(), vec![self]);
        while let Some(part) = rest.pop() {
            match part {
                Self::Object(members) => rest.extend(members.iter_mut().map(|(_, part)| part)),
                Self::Array { of, .. } => rest.push(of),
                Self::Value { kind, fill } => found.push((*kind, &mut **fill)),
            }
        }
        found
    }

    fn is_pure(&self) -> bool {
        match self {
            Self::Object(members) => members.iter().all(|(_, member)| member.is_pure()),
            Self::Array { of, .. } => of.is_pure(),
            Self::Value { fill, .. } => fill.is_pure(),
        }
    }
}

/// JSON made of fills.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonFill {
    /// `{ … }`: names and what stands there.
    Object(Vec<(String, JsonFill)>),
    /// `[ … ]`
    Array {
        /// Its elements.
        of: Box<JsonFill>,
        /// At least so many.
        min: u32,
        /// At most so many.
        max: u32,
        /// Share of elements that are null.
        null_rate: f64,
    },
    /// A value of a fill.
    Value {
        /// Its type.
        kind: ColumnType,
        /// Its fill.
        fill: Box<Fill>,
    },
}

/// The elements of an array.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayFill {
    /// Their fill.
    pub of: Box<Fill>,
    /// Their type.
    pub kind: ColumnType,
    /// At least so many.
    pub min: u32,
    /// At most so many.
    pub max: u32,
    /// Share of them that are NULL.
    pub null_rate: f64,
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The value belongs to the range.
    Included,
    /// The range ends just before the value.
    Excluded,
    /// There is no end.
    Open,
}
