//! How many events had a fault on purpose.

use serde::Deserialize;
use serde::Serialize;

use crate::action::FaultClass;

/// Events that the service acknowledged and that had a fault on purpose, by class. Each of them has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultCounts {
    /// Sent later than they happened.
    pub late: u64,
    /// Sent behind what follows them.
    pub out_of_order: u64,
    /// Meant to be sent so, but nothing of their key followed in time: they came later, and in order.
    pub not_overtaken: u64,
    /// Sent a second time; both are among those that were sent and acknowledged.
    pub doubled: u64,
    /// Cut off.
    pub malformed: u64,
    /// Without one of their fields.
    pub missing_field: u64,
    /// With a value of another type.
    pub wrong_type: u64,
    /// Of a type that nobody knows.
    pub unknown_type: u64,
}

impl FaultCounts {
    /// Adds what else went there.
    pub fn add(&mut self, other: &Self) {
        self.late += other.late;
        self.out_of_order += other.out_of_order;
        self.not_overtaken += other.not_overtaken;
        self.doubled += other.doubled;
        self.malformed += other.malformed;
        self.missing_field += other.missing_field;
        self.wrong_type += other.wrong_type;
        self.unknown_type += other.unknown_type;
    }

    /// One more of a class; `is_overtaken` is asked of those that are out of order.
    pub fn count(&mut self, class: FaultClass, is_overtaken: bool) {
        *match class {
            FaultClass::Late => &mut self.late,
            FaultClass::OutOfOrder if is_overtaken => &mut self.out_of_order,
            FaultClass::OutOfOrder => &mut self.not_overtaken,
            FaultClass::Doubled => &mut self.doubled,
            FaultClass::Malformed => &mut self.malformed,
            FaultClass::MissingField => &mut self.missing_field,
            FaultClass::WrongType => &mut self.wrong_type,
            FaultClass::UnknownType => &mut self.unknown_type,
        } += 1;
    }

    /// Names and counts, in the order in which they are written.
    pub fn each(&self) -> [(&'static str, u64); 8] {
        [
            ("late", self.late),
            ("out of order", self.out_of_order),
            ("not overtaken", self.not_overtaken),
            ("doubled", self.doubled),
            ("malformed", self.malformed),
            ("missing field", self.missing_field),
            ("wrong type", self.wrong_type),
            ("unknown type", self.unknown_type),
        ]
    }
}
