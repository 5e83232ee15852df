//! Which events are also sent in a transaction that is aborted: a function of (seed, series, slot), so
//! that they are the same ones whoever sends them when.

use crate::action::Origin;
use crate::sink::event::trace::mix;

/// Tells this draw from others of the same seed.
const DRAW: u64 = 0x0061_626f_7274_6564;

/// A share of all events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aborted {
    seed: u64,
    share: f64,
}

impl Aborted {
    /// Of a run's events so many, from 0 to 1; none if it is 0.
    pub(crate) fn new(seed: u64, share: f64) -> Option<Self> {
        (share > 0.0).then_some(Self { seed, share })
    }

    /// Whether the events of an action are among them.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub(crate) fn has(&self, origin: &Origin) -> bool {
        let drawn = mix(mix(mix(self.seed, DRAW), origin.series.into()), origin.slot);
        let drawn = mix(drawn, origin.hop.into()) >> 11;
        (drawn as f64) < self.share * (1_u64 << 53) as f64
    }
}
