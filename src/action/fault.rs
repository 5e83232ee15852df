//! What is wrong with an event on purpose.

use serde::Deserialize;
use serde::Serialize;

use crate::action::Action;
use crate::action::Operation;

/// What is wrong with one event, and what that needs to be known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is sent so many nanoseconds late; its own time stays.
    Late(u64),
    /// It is sent behind what follows it.
    OutOfOrder,
    /// It is sent a second time: the one before it is the first.
    Doubled,
    /// It is cut off; this number says where.
    Malformed(u64),
    /// This column of its table is left out.
    MissingField(u16),
    /// The value of this column is of another type.
    WrongType(u16),
    /// This column, which says what the event is, says what nobody knows.
    UnknownType(u16),
}

/// The classes of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// Sent later than it happened.
    Late,
    /// Sent behind what follows it.
    OutOfOrder,
    /// Sent twice.
    Doubled,
    /// Cut off.
    Malformed,
    /// Without one of its fields.
    MissingField,
    /// With a value of another type.
    WrongType,
    /// Of a type that nobody knows.
    UnknownType,
}

impl FaultClass {
    /// All of them, in the order in which they are written and drawn.
    pub const ALL: [FaultClass; 7] = [
        FaultClass::Late,
        FaultClass::OutOfOrder,
        FaultClass::Doubled,
        FaultClass::Malformed,
        FaultClass::MissingField,
        FaultClass::WrongType,
        FaultClass::UnknownType,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::OutOfOrder => "out_of_order",
            Self::Doubled => "doubled",
            Self::Malformed => "malformed",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::UnknownType => "unknown_type",
        }
    }
}

impl Fault {
    /// Its class.
    pub fn class(self) -> FaultClass {
        match self {
            Self::Late(_) => FaultClass::Late,
            Self::OutOfOrder => FaultClass::OutOfOrder,
            Self::Doubled => FaultClass::Doubled,
            Self::Malformed(_) => FaultClass::Malformed,
            Self::MissingField(_) => FaultClass::MissingField,
            Self::WrongType(_) => FaultClass::WrongType,
            Self::UnknownType(_) => FaultClass::UnknownType,
        }
    }

    /// The column that it is about, if it is about one.
    pub fn column(self) -> Option<usize> {
        match self {
            Self::MissingField(column) | Self::WrongType(column) | Self::UnknownType(column) => {
                Some(usize::from(column))
            }
            Self::Late(_) | Self::OutOfOrder | Self::Doubled | Self::Malformed(_) => None,
        }
    }

    /// Whether the event waits before it is sent.
    pub fn holds_back(self) -> bool {
        matches!(self, Self::Late(_) | Self::OutOfOrder)
    }
}

impl Action {
    /// Gives the operation that was finished last a fault. One that is doubled is there a second time,
    /// and that one has the fault.
    pub fn fault_last(&mut self, fault: Fault) {
        let Some(last) = self.operations.last_mut() else { return };
        let faulty = Operation { fault: Some(fault), ..*last };
        if fault == Fault::Doubled {
            self.operations.push(faulty);
        } else {
            *last = faulty;
        }
    }
}
