//! How the stand-in fails: by shares, decided for each call by its number and a seed, so that the same
//! calls meet the same fate again.

use std::str::FromStr;
use std::time::Duration;

use crate::pace::GOLDEN;
use crate::pace::mix64;
use crate::scenario::FirehoseFaults as Faults;
use crate::units::parse_duration;

impl Faults {
    /// What is wrong with it, if anything is.
    pub fn mistake(&self) -> Option<String> {
        let shares = [
            ("partial", self.partial),
            ("partial_records", self.partial_records),
            ("throttled", self.throttled),
            ("error", self.error),
            ("reset", self.reset),
        ];
        if let Some((name, share)) = shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Some(format!("`{name}` is {share}: a share lies between 0 and 1"));
        }
        let sum = self.partial + self.throttled + self.error + self.reset;
        if sum > 1.0 + 1e-9 {
            return Some(format!(
                "`partial`, `throttled`, `error` and `reset` make {sum}: a call fails in one way, so \
                 they make 1 at most"
            ));
        }
        (self.delay.0 > self.delay.1).then(|| "`delay` begins behind its end".to_owned())
    }

    /// What becomes of the call of this number.
    pub(super) fn of_call(&self, number: u64) -> Draws<'_> {
        Draws { faults: self, key: mix64(self.seed ^ mix64(number.wrapping_mul(GOLDEN))) }
    }
}

/// `partial=0.3,throttled=0.1,error=0.05,reset=0.02,delay=5ms..50ms,seed=7`; what is left out is not so.
impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut faults = Self::NONE;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` has no `=`: {EXAMPLE}"))?;
            let share = || value.parse().map_err(|_| format!("`{value}` is no share: {EXAMPLE}"));
            match name.trim() {
                "partial" => faults.partial = share()?,
                "partial_records" => faults.partial_records = share()?,
                "throttled" => faults.throttled = share()?,
                "error" => faults.error = share()?,
                "reset" => faults.reset = share()?,
                "delay" => faults.delay = parse_delay(value)?,
                "seed" => {
                    faults.seed = value.parse().map_err(|_| format!("`{value}` is no seed"))?;
                }
                name => return Err(format!("`{name}` is no way to fail: {EXAMPLE}")),
            }
        }
        faults.mistake().map_or(Ok(faults), Err)
    }
}

const EXAMPLE: &str = "write it like `partial=0.3,throttled=0.1,error=0.05,reset=0.02,delay=5ms..50ms`, \
                       with `partial_records=0.5` and `seed=1` on request";

/// `20ms`, or `5ms..50ms`.
fn parse_delay(text: &str) -> Result<(Duration, Duration), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    Ok((parse_duration(from)?, parse_duration(to)?))
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is served.
    Served,
    /// It is served but for some records.
    Partial,
    /// It is told to slow down.
    Throttled,
    /// It is answered by 500.
    Error,
    /// Its connection is closed, and nothing is stored.
    LostBefore,
    /// Its connection is closed when its records are stored.
    LostAfter,
}

/// The draws of one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draws<'a> {
    faults: &'a Faults,
    key: u64,
}

impl Draws<'_> {
    /// How long it waits.
    pub(super) fn delay(&self) -> Duration {
        let (from, to) = self.faults.delay;
        from + to.saturating_sub(from).mul_f64(self.unit(0))
    }

    /// What becomes of it.
    pub(super) fn fate(&self) -> Fate {
        let faults = self.faults;
        let half = faults.reset / 2.0;
        let fates = [
            (faults.partial, Fate::Partial),
            (faults.throttled, Fate::Throttled),
            (faults.error, Fate::Error),
            (half, Fate::LostBefore),
            (half, Fate::LostAfter),
        ];
        let mut rest = self.unit(1);
        for (share, fate) in fates {
            if rest < share {
                return fate;
            }
            rest -= share;
        }
        Fate::Served
    }

    /// Whether a record of a call that is served in part is refused. `count` is how many it has.
    pub(super) fn refuses(&self, record: usize, count: usize) -> bool {
        let number = |index: usize| u64::try_from(index).unwrap_or(u64::MAX);
        let chosen = self.draw(2) % number(count).max(1);
        number(record) == chosen
            || self.unit(number(record).wrapping_add(8)) < self.faults.partial_records
    }

    /// Whether a refused record failed inside the service; otherwise there were too many.
    pub(super) fn is_internal(&self, record: usize) -> bool {
        self.draw(u64::try_from(record).unwrap_or(u64::MAX).wrapping_add(4_096)).is_multiple_of(8)
    }

    fn draw(&self, number: u64) -> u64 {
        mix64(self.key.wrapping_add(number.wrapping_add(1).wrapping_mul(GOLDEN)))
    }

    /// A number in [0, 1).
    fn unit(&self, number: u64) -> f64 {
        let upper = u32::try_from(self.draw(number) >> 32).unwrap_or(u32::MAX);
        f64::from(upper) / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Fate;
    use super::Faults;

    #[test]
    fn shares_come_about() {
        let faults: Faults =
            "partial=0.3,throttled=0.1,error=0.05,reset=0.2,seed=3".parse().unwrap();
        let fates: Vec<Fate> = (0..10_000).map(|call| faults.of_call(call).fate()).collect();
        let share = |fate| fates.iter().filter(|each| **each == fate).count();
        for (fate, expected) in [
            (Fate::Partial, 3_000),
            (Fate::Throttled, 1_000),
            (Fate::Error, 500),
            (Fate::LostBefore, 1_000),
            (Fate::LostAfter, 1_000),
            (Fate::Served, 3_500),
        ] {
            assert!(share(fate).abs_diff(expected) < 200, "{fate:?}: {}", share(fate));
        }
        let again: Vec<Fate> = (0..10_000).map(|call| faults.of_call(call).fate()).collect();
        assert_eq!(fates, again);
    }

    #[test]
    fn a_partial_failure_refuses_one_record_at_least() {
        let faults: Faults = "partial=1,partial_records=0".parse().unwrap();
        for call in 0..100 {
            let draws = faults.of_call(call);
            assert_eq!((0..7).filter(|record| draws.refuses(*record, 7)).count(), 1);
        }
    }

    #[test]
    fn delays_lie_between_their_ends() {
        let faults: Faults = "delay=5ms..50ms".parse().unwrap();
        let delays: Vec<Duration> = (0..100).map(|call| faults.of_call(call).delay()).collect();
        let (from, to) = faults.delay;
        assert!(delays.iter().all(|delay| (from..=to).contains(delay)));
        assert!(delays.iter().max() > delays.iter().min());
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        for (text, reason) in [
            ("partial", "no `=`"),
            ("partial=x", "no share"),
            ("partial=1.5", "between 0 and 1"),
            ("partial=0.6,throttled=0.6", "1 at most"),
            ("delay=5", "no unit"),
            ("delay=5ms..1ms", "behind its end"),
            ("sometimes=1", "no way to fail"),
        ] {
            let said = text.parse::<Faults>().unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }
}
