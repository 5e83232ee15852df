//! What is wrong with some of a domain's events on purpose.

use crate::action::FaultClass;

/// Which share of a domain's events has which fault. An event has one at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Faults {
    /// Of each class of [`FaultClass::ALL`], the share of events that have it, 0 to 1; all together at
    /// most 1.
    pub shares: [f64; FaultClass::ALL.len()],
    /// How late those are that are late, at least and at most, in nanoseconds.
    pub late_ns: (u64, u64),
    /// Which column says of what type an event is, if the scenario says so; otherwise the first of
    /// `TYPE_FIELDS` that it has.
    pub type_field: Option<String>,
}

/// What the column is called that says of what type an event is, unless somebody says it.
pub(crate) const TYPE_FIELDS: [&str; 2] = ["event_type", "type"];

impl Faults {
    /// The share of events that have a fault of this class.
    pub fn share(&self, class: FaultClass) -> f64 {
        let place = FaultClass::ALL.iter().position(|it| *it == class);
        place.map_or(0.0, |place| self.shares[place])
    }

    /// The column of an event that says of what type it is: its number among `names`.
    pub fn type_column(&self, names: &[&str]) -> Option<usize> {
        let find = |wanted: &str| names.iter().position(|name| *name == wanted);
        match &self.type_field {
            Some(field) => find(field),
            None => TYPE_FIELDS.iter().find_map(|field| find(field)),
        }
    }
}
