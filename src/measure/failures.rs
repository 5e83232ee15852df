//! Why actions failed: classes, kinds, and the first message of each kind.

use serde::Serialize;

/// The most kinds of failure that are told apart. Further ones are counted by their class alone.
const KINDS_MAX: usize = 20;

/// The longest message that is kept, in bytes.
const MESSAGE_MAX: usize = 400;

/// Why an action failed, as far as what to do about it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// A concurrent transaction was in the way (40001).
    Serialization,
    /// It was the victim of a deadlock (40P01).
    Deadlock,
    /// A constraint was violated (class 23).
    Constraint,
    /// It took longer than allowed: statement, lock or idle time-out.
    Timeout,
    /// The connection was lost or refused.
    Connection,
    /// The server's disk is full.
    DiskFull,
    /// The login may not do this.
    Privilege,
    /// The statement does not fit the tables (class 42).
    Statement,
    /// A value does not fit its column (class 22).
    Data,
    /// The server changed another number of rows than it must.
    RowCount,
    /// The event is larger than the service takes.
    TooLarge,
    /// There were too many requests, also after all retries.
    Throttled,
    /// Anything else.
    Other,
}

impl ErrorClass {
    /// The class of an error that PostgreSQL reports by its SQLSTATE, five characters.
    pub fn of_sqlstate(code: &str) -> ErrorClass {
        match code {
            "40001" => ErrorClass::Serialization,
            "40P01" => ErrorClass::Deadlock,
            "57014" | "55P03" | "25P03" | "57P05" => ErrorClass::Timeout,
            "57P01" | "57P02" | "57P03" | "53300" => ErrorClass::Connection,
            "53100" => ErrorClass::DiskFull,
            "42501" => ErrorClass::Privilege,
            _ => match code.get(..2) {
                Some("08") => ErrorClass::Connection,
                Some("22") => ErrorClass::Data,
                Some("23") => ErrorClass::Constraint,
                Some("28") => ErrorClass::Privilege,
                Some("42") => ErrorClass::Statement,
                _ => ErrorClass::Other,
            },
        }
    }

    /// As summaries and reports call it.
    pub fn name(self) -> &'static str {
        match self {
            ErrorClass::Serialization => "serialization",
            ErrorClass::Deadlock => "deadlock",
            ErrorClass::Constraint => "constraint",
            ErrorClass::Timeout => "timeout",
            ErrorClass::Connection => "connection",
            ErrorClass::DiskFull => "disk_full",
            ErrorClass::Privilege => "privilege",
            ErrorClass::Statement => "statement",
            ErrorClass::Data => "data",
            ErrorClass::RowCount => "row_count",
            ErrorClass::TooLarge => "too_large",
            ErrorClass::Throttled => "throttled",
            ErrorClass::Other => "other",
        }
    }
}

/// One action's failure, as it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure<'a> {
    /// Its class.
    pub class: ErrorClass,
    /// What tells it from others of its class: the SQLSTATE, or nothing.
    pub code: &'a str,
    /// What the target said, without secrets. Cut to 400 bytes.
    pub message: &'a str,
}

/// A kind of failure: how often, and what was said first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureCount {
    /// Its class.
    pub class: ErrorClass,
    /// The SQLSTATE, or nothing.
    pub code: String,
    /// How often.
    pub count: u64,
    /// The first message.
    pub first: String,
    /// When that was: nanoseconds on the run's clock.
    #[serde(skip)]
    pub first_at_ns: u64,
}

/// Failures by kind. Its memory is limited, whatever fails.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures {
    kinds: Vec<FailureCount>,
}

impl Failures {
    /// Counts a failure. Keeps its message if it is the first of its kind.
    pub fn record(&mut self, failure: Failure<'_>, at_ns: u64) {
        if let Some(kind) = self.find(failure.class, failure.code) {
            kind.count += 1;
            return;
        }
        let mut first = failure.message.to_owned();
        first.truncate(failure.message.floor_char_boundary(MESSAGE_MAX));
        let (class, code) = (failure.class, failure.code.to_owned());
        self.kinds.push(FailureCount { class, code, count: 1, first, first_at_ns: at_ns });
    }

    /// Adds those of another worker. The earlier message is kept.
    pub fn merge(&mut self, other: &Failures) {
        for theirs in &other.kinds {
            let Some(kind) = self.find(theirs.class, &theirs.code) else {
                self.kinds.push(theirs.clone());
                continue;
            };
            kind.count += theirs.count;
            if theirs.first_at_ns < kind.first_at_ns {
                kind.first.clone_from(&theirs.first);
                kind.first_at_ns = theirs.first_at_ns;
            }
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.kinds.clear();
    }

    /// All kinds, the most frequent first.
    pub fn kinds(&self) -> Vec<FailureCount> {
        let mut kinds = self.kinds.clone();
        kinds.sort_by(|a, b| {
            b.count.cmp(&a.count).then(a.class.cmp(&b.class)).then(a.code.cmp(&b.code))
        });
        kinds
    }

    /// The kind that a failure counts under; once there are enough kinds, any of its class.
    fn find(&mut self, class: ErrorClass, code: &str) -> Option<&mut FailureCount> {
        let is_full = self.kinds.len() >= KINDS_MAX;
        let exact = self.kinds.iter().position(|kind| kind.class == class && kind.code == code);
        let similar = || self.kinds.iter().position(|kind| is_full && kind.class == class);
        let index = exact.or_else(similar)?;
        self.kinds.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint<'a>(code: &'a str, message: &'a str) -> Failure<'a> {
        Failure { class: ErrorClass::Constraint, code, message }
    }

    #[test]
    fn the_first_message_stays_also_after_merging() {
        let (mut late, mut early) = (Failures::default(), Failures::default());
        late.record(constraint("23505", "second"), 20);
        late.record(constraint("23505", "third"), 30);
        early.record(constraint("23505", "first"), 10);
        late.merge(&early);
        let kinds = late.kinds();
        assert_eq!(kinds.len(), 1);
        assert_eq!((kinds[0].count, kinds[0].first.as_str()), (3, "first"));
    }

    #[test]
    fn no_number_of_kinds_or_length_of_message_grows_the_memory_without_limit() {
        let mut failures = Failures::default();
        for n in 0..1_000 {
            failures.record(constraint(&format!("{n:05}"), &"ä".repeat(1_000)), n);
        }
        let kinds = failures.kinds();
        assert_eq!(kinds.len(), KINDS_MAX);
        assert_eq!(kinds.iter().map(|kind| kind.count).sum::<u64>(), 1_000);
        assert!(kinds.iter().all(|kind| kind.first.len() <= MESSAGE_MAX));
    }

    #[test]
    fn sqlstates_fall_into_their_classes() {
        let class = ErrorClass::of_sqlstate;
        assert_eq!(class("40P01"), ErrorClass::Deadlock);
        assert_eq!(class("23503"), ErrorClass::Constraint);
        assert_eq!(class("42501"), ErrorClass::Privilege);
        assert_eq!(class("42P01"), ErrorClass::Statement);
        assert_eq!(class("08006"), ErrorClass::Connection);
        assert_eq!(class("XX000"), ErrorClass::Other);
        assert_eq!(class("é"), ErrorClass::Other);
    }
}
