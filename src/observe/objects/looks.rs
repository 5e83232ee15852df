//! What looks for objects have shown, for the one who judges.

use std::time::Duration;
use std::time::Instant;

use crate::units::format_duration;

/// What looks have shown.
#[derive(Debug)]
pub(in crate::observe) struct Looks {
    /// How often it is looked.
    pub(in crate::observe) every: Duration,
    /// For so long nothing may come at the end.
    pub(in crate::observe) within: Duration,
    trouble: Option<String>,
    /// When the last look began that read all that was there.
    seen: Option<Instant>,
    slowest: Duration,
}

impl Looks {
    pub(in crate::observe) fn new(every: Duration, within: Duration) -> Self {
        Self { every, within, trouble: None, seen: None, slowest: Duration::ZERO }
    }

    /// A look has ended. Returns whether all was read that was there.
    pub(in crate::observe) fn took(
        &mut self,
        trouble: Option<String>,
        (begun, took): (Instant, Duration),
    ) -> bool {
        let is_whole = trouble.is_none();
        if is_whole {
            self.seen = Some(begun);
        }
        (self.trouble, self.slowest) = (trouble, self.slowest.max(took));
        is_whole
    }

    /// Whether all was read that was there at a moment.
    pub(in crate::observe) fn have_seen(&self, moment: Instant) -> bool {
        self.seen.is_some_and(|seen| seen >= moment)
    }

    /// Why nobody knows what is there.
    pub(in crate::observe) fn stuck(&self) -> String {
        if let Some(trouble) = &self.trouble {
            return format!("what is there could not be read: {trouble}");
        }
        let (within, slowest) = (format_duration(self.within), self.slowest.as_secs());
        format!(
            "no look for objects came to its end within {within} (the slowest before took {slowest} s); let `within` \
             be longer, or name a prefix with fewer objects"
        )
    }

    /// What people should know of lags.
    pub(in crate::observe) fn note(&self, surface: &str) -> String {
        let every = format_duration(self.every.max(Duration::from_secs(self.slowest.as_secs())));
        format!(
            "the observer `{surface}` looked for objects every {every}, so what it saw may have been there so much \
             sooner: lags say at least and at most"
        )
    }
}
