//! What sets the pace of a stream, for those who watch.

/// What sets the pace of a stream, at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many slots a second.
    Rate(f64),
    /// Nothing but the target.
    Unlimited,
    /// So many sessions, and how long they think.
    Sessions(u64),
    /// The actions that it follows.
    Follows,
}

impl Pace {
    /// Slots a second; infinite if none sets it.
    pub fn rate(&self) -> f64 {
        match self {
            Pace::Rate(rate) => *rate,
            Pace::Unlimited | Pace::Sessions(_) | Pace::Follows => f64::INFINITY,
        }
    }
}
