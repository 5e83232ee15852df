//! The end: what of the events is left on both sides is judged.

use crate::measure::Deviation;
use crate::measure::Example;
use crate::measure::SurfaceFindings;
use crate::measure::Verification;
use crate::observe::events::Came;
use crate::observe::events::judge::EventJudge;
use crate::observe::events::judge::Fate;
use crate::observe::events::judge::Outstanding;
use crate::observe::events::render::EventRenderer;
use crate::observe::events::render::text;
use crate::observe::events::strays::EventFault;
use crate::observe::events::strays::Stray;
use crate::observe::judge::Certainty;

/// More than so many that did not come are not compared with what nobody is known to have sent.
const COMPARED_MAX: usize = 2_000;
/// Nor more bytes of them than this; and what all comparisons look at together: a second or so.
const LACKING_BYTES_MAX: usize = 64 << 20;
const LOOKED_AT_MAX: usize = 1 << 30;
/// What a comparison takes that looks at no byte, in bytes.
const COMPARISON: usize = 16;
/// How summaries call what was done.
const EVENT: &str = "event";

impl EventJudge {
    /// Judges what is left, and says why that means nothing, if it does not. `is_complete` says that the surface
    /// was read to its end; otherwise what did not come is pending.
    pub(in crate::observe) fn finish(
        mut self,
        renderer: &mut EventRenderer,
        is_complete: bool,
    ) -> (SurfaceFindings, Vec<String>) {
        let missing = self.end(is_complete);
        let lacking = self.lacking(&missing, renderer);
        self.resolve(missing, lacking);
        self.findings(renderer)
    }

    /// Judges all that waits. Returns what must have come and has not.
    pub(super) fn end(&mut self, is_complete: bool) -> Vec<Outstanding> {
        self.mark();
        self.judge_marked();
        // A hash map decides no order.
        let mut left: Vec<u64> = self.events.keys().copied().collect();
        left.sort_unstable();
        for number in &left {
            if self.events.get(number).is_some_and(|event| event.certainty.is_none()) {
                // Nobody has told what became of it.
                self.settle(*number, Fate::Unknown, (0, false));
            }
        }
        let mut missing = Vec::new();
        for event in left.iter().filter_map(|number| self.events.remove(number)) {
            let is_certain = event.certainty == Some(Certainty::Certain);
            if is_certain && is_complete {
                missing.push(event);
            } else {
                self.verification.expected += u64::from(!is_certain);
                self.verification.pending += 1;
                self.strays.fault(Deviation::Pending, Some(event), None);
            }
        }
        missing
    }

    /// What is missing, as it was sent, to be compared with what came and was not expected.
    fn lacking(&self, missing: &[Outstanding], renderer: &mut EventRenderer) -> Vec<Lacking> {
        let (mut lacking, mut bytes) = (Vec::new(), 0);
        if !self.strays.has_any_new() {
            return lacking;
        }
        for (place, event) in missing.iter().enumerate().take(COMPARED_MAX) {
            let Some((at, _)) = self.rules.events.get(&event.table) else { continue };
            let (at, has_keys) = (*at, self.rules.has_keys);
            if bytes >= LACKING_BYTES_MAX {
                break;
            }
            renderer.each(&event.decision, event.part, |it| {
                if it.operation == event.operation {
                    let key = it.key.filter(|_| has_keys).map(Box::from);
                    bytes += it.payload.len();
                    lacking.push(Lacking { place, at, key, payload: it.payload.into() });
                }
            });
        }
        lacking
    }

    /// Tells what is missing from what came as another one.
    pub(super) fn resolve(&mut self, missing: Vec<Outstanding>, lacking: Vec<Lacking>) {
        let altered = self.judge_strays(lacking);
        let mut came: Vec<Option<Came>> = missing.iter().map(|_| None).collect();
        for (place, it) in altered {
            came[place] = Some(it);
        }
        for (event, came) in missing.into_iter().zip(came) {
            let class = if came.is_some() { Deviation::Wrong } else { Deviation::Lost };
            match came {
                Some(_) => self.verification.wrong += 1,
                None => self.verification.lost += 1,
            }
            self.strays.fault(class, Some(event), came);
        }
    }

    /// Judges what came and was not expected. Returns what is one of those that are missing, altered.
    fn judge_strays(&mut self, mut lacking: Vec<Lacking>) -> Vec<(usize, Came)> {
        let (mut altered, mut unnamed) = (Vec::new(), self.unnamed_repeats());
        let mut looked_at = 0;
        for Stray { came, content, is_again } in self.strays.take() {
            if is_again {
                let is_named = self.repeated.contains(&content);
                if is_named || unnamed > 0 {
                    unnamed -= u64::from(!is_named);
                    self.verification.replayed += 1;
                } else {
                    self.verification.doubled += 1;
                    self.strays.fault(Deviation::Doubled, None, Some(came));
                }
                continue;
            }
            self.verification.observed += 1;
            if let Some(best) = best_of(&lacking, &came, &mut looked_at) {
                altered.push((lacking.swap_remove(best).place, came));
            } else {
                self.verification.phantom += 1;
                self.strays.fault(Deviation::Phantom, None, Some(came));
            }
        }
        altered
    }

    fn findings(self, renderer: &mut EventRenderer) -> (SurfaceFindings, Vec<String>) {
        let Self { surface, rules, lags, strays, high, freshness, .. } = self;
        let mut verification = self.verification;
        let names = &rules.events;
        let faults = strays.faults();
        let example = |EventFault { class, sent, came }: EventFault| {
            let shown = sent.as_ref();
            let shown = shown.map(|it| renderer.shown(&it.decision, (it.part, it.operation)));
            let place = came.as_ref().and_then(|came| match &came.file {
                Some(file) => Some(file.to_string()),
                None => rules.places.get(came.place).cloned(),
            });
            let name = sent.as_ref().and_then(|it| Some(names.get(&it.table)?.1.clone()));
            let (key, expected) = shown.unzip();
            let stray_key = came.as_ref().and_then(|came| Some(text(came.key.as_deref()?)));
            // Of one that was refused, what came is what was sent.
            let seen = match (&came, class) {
                (Some(came), _) => Some(text(&came.payload)),
                (None, Deviation::Phantom | Deviation::Reordered) => expected.clone(),
                (None, _) => None,
            };
            Example {
                class,
                surface: surface.clone(),
                table: name.or(place).unwrap_or_default(),
                key: key.or(stray_key).unwrap_or_default(),
                operation: EVENT,
                expected: expected.filter(|_| class != Deviation::Phantom),
                seen,
                lsn: None,
            }
        };
        verification.examples = faults.map(example).collect();
        let lags = lags
            .iter()
            .filter_map(|(table, lags)| lags.summary(&surface, (&names.get(table)?.1, EVENT)));
        let lags = lags.collect();
        let found = SurfaceFindings {
            surface,
            lags,
            high,
            freshness,
            verification,
            own: Verification::default(),
            snapshot_rows: 0,
            is_of_events: true,
        };
        (found, self.invalid_because.all())
    }
}

/// An event that did not come.
pub(super) struct Lacking {
    /// Its place among them.
    place: usize,
    /// Where it should have come.
    at: usize,
    key: Option<Box<[u8]>>,
    payload: Box<[u8]>,
}

impl Lacking {
    /// How much of what came is as it was sent, in thousandths; 0 if it is another one. And how many bytes that
    /// took to be looked at.
    fn likeness(&self, came: &Came) -> (usize, usize) {
        let (one, other) = (&*self.payload, &*came.payload);
        let (shorter, longer) = (one.len().min(other.len()), one.len().max(other.len()));
        let is_another = self.at != came.place || shorter * 2 < longer || self.key != came.key;
        if is_another {
            return (0, COMPARISON);
        }
        let same = |(one, other): &(&u8, &u8)| one == other;
        let head = one.iter().zip(other).take_while(same).count();
        let tail = one.iter().rev().zip(other.iter().rev()).take_while(same).count();
        let alike = (head + tail.min(shorter - head)) * 1_000 / longer.max(1);
        (if alike >= 500 { alike } else { 0 }, COMPARISON + head + tail)
    }
}

/// The one that is most like what came, unless that was `looked_at` too much already.
fn best_of(lacking: &[Lacking], came: &Came, looked_at: &mut usize) -> Option<usize> {
    let (mut best, mut most) = (None, 0);
    for (place, it) in lacking.iter().enumerate() {
        if *looked_at >= LOOKED_AT_MAX {
            return best;
        }
        let (likeness, bytes) = it.likeness(came);
        *looked_at += bytes;
        if likeness > most {
            (best, most) = (Some(place), likeness);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_altered_is_told_from_another_one() {
        let sent = |key: &[u8], payload: &[u8]| Lacking {
            place: 0,
            at: 0,
            key: Some(key.into()),
            payload: payload.into(),
        };
        let came = |payload: &[u8]| Came {
            place: 0,
            file: None,
            key: Some((*b"k").into()),
            payload: payload.into(),
            since: 0,
            at: 0,
        };
        let one = sent(b"k", b"{\"id\":1,\"page\":\"/home\"}");
        assert!(one.likeness(&came(b"{\"id\":1,\"page\":\"/cart\"}")).0 > 500);
        assert!(one.likeness(&came(b"{\"id\":1,\"page\":\"/home")).0 > 900);
        assert_eq!(one.likeness(&came(b"[7]")).0, 0);
        assert_eq!(one.likeness(&came(b"")).0, 0);
        assert_eq!(sent(b"j", b"{\"id\":1}").likeness(&came(b"{\"id\":1}")).0, 0);
        assert_eq!(sent(b"k", b"").likeness(&came(b"x")).0, 0);
    }
    #[test]
    fn what_is_compared_at_the_end_has_a_limit() {
        let payload: Box<[u8]> = vec![b'x'; 1 << 20].into();
        let other = [&payload[1..], b"y"].concat();
        let one = |place| Lacking { place, at: 0, key: None, payload: payload.clone() };
        let lacking: Vec<Lacking> = (0..50).map(one).collect();
        let payload = other.into();
        let came = Came { place: 0, file: None, key: None, payload, since: 0, at: 0 };
        // Most of it has been looked at.
        let (mut looked_at, mut found) = (LOOKED_AT_MAX - (256 << 20), 0);
        for _ in 0..100 {
            found += usize::from(best_of(&lacking, &came, &mut looked_at).is_some());
        }
        assert!((1..100).contains(&found), "{found} were compared");
        assert!(looked_at < LOOKED_AT_MAX + (4 << 20), "{looked_at} bytes");
    }
}
