//! When all is there that will be, where nobody says so: once all that is expected has come, it is looked for as long
//! again as the slowest of it took, as what comes twice may come as late.

use std::time::Duration;
use std::time::Instant;

use crate::observe::events::judge::EventJudge;

/// How long nothing has been missing.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    since: Option<Instant>,
}

impl Quiet {
    /// Since when nothing is missing, once it was looked for long enough: for so long at least, and at most.
    pub(super) fn over(
        &mut self,
        judge: &EventJudge,
        (least, most): (Duration, Duration),
    ) -> Option<Instant> {
        if !judge.is_settled() {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let slowest = Duration::from_nanos(judge.slowest());
        (since.elapsed() >= slowest.max(least).min(most)).then_some(since)
    }
}
