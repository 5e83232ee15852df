//! Records that are committed together.

use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Transactions;
use crate::scenario::check::kafka::count;
use crate::scenario::check::positive;
use crate::scenario::file::AcksFile;
use crate::scenario::file::KafkaFile;
use crate::units::parse_share;

/// What is meant where the file says nothing.
const EVERY: Duration = Duration::from_millis(100);
const EVENTS: u64 = 10_000;

/// The longest that a cluster lets a transaction take, unless it is set up otherwise; and most records.
const LENGTH_MAX: Duration = Duration::from_mins(15);
const EVENTS_MAX: u64 = 1_000_000;

/// How records are committed together, if they are; mistakes go to `problems`.
pub(super) fn transactions(
    file: &KafkaFile,
    timeout: Duration,
    problems: &mut Problems,
) -> Option<Transactions> {
    let written = file.transactions.as_ref()?;
    let is_once = file.idempotence.as_ref().is_none_or(|word| word.value);
    if file.acks == AcksFile::Leader || !is_once {
        let message =
            "transactions need all replicas to acknowledge, and each record to be stored once";
        let help = "leave `acks` and `idempotence` out, or `transactions`";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
    let file = &written.value;
    let every = file.every.as_ref().and_then(|text| positive(text, problems)).unwrap_or(EVERY);
    if every.saturating_add(timeout) > LENGTH_MAX {
        let place = file.every.as_ref().map_or(written.place, |every| every.place);
        let message = "with `timeout`, a transaction takes 15m at most: a cluster ends longer ones";
        problems.add(Problem::new(message).at(place));
    }
    let events = count(file.events.as_ref(), "a transaction", "records", EVENTS_MAX, problems);
    let abort = file.abort.as_ref().map_or(0.0, |text| {
        parse_share(&text.value).unwrap_or_else(|message| {
            problems.add(Problem::new(message).at(text.place));
            0.0
        })
    });
    let events = usize::try_from(events.unwrap_or(EVENTS)).unwrap_or(usize::MAX);
    Some(Transactions { every, events, abort })
}
