//! What travels beside an event: the run, the action, and a trace as the W3C writes it.

use std::sync::Arc;

use crate::action::Origin;

/// The header in which a record says of which run it is.
pub(crate) const RUN: &str = "loadgen.run";

/// What the records of a run carry beside the event.
#[derive(Debug, Clone)]
pub(crate) struct Headers {
    /// The run's name; none if nothing is to be carried.
    run: Option<Arc<str>>,
    /// From which the numbers of traces are made.
    seed: u64,
    /// What each series is called.
    series: Arc<[String]>,
}

/// The headers of one record.
#[derive(Debug)]
pub(crate) struct Carried {
    run: Arc<str>,
    action: String,
    trace: String,
}

impl Headers {
    /// Of a run. Without a name nothing is carried.
    pub(crate) fn new(run: Option<&str>, series: &[String]) -> Self {
        let seed = run.unwrap_or_default().bytes().fold(0, |seed, byte| mix(seed, byte.into()));
        Self { run: run.map(Arc::from), seed, series: Arc::from(series) }
    }

    /// With a name of its own: see [`crate::sink::event::way::EventOptions`].
    pub(crate) fn apart(self) -> Self {
        Self { run: self.run.as_deref().map(Arc::from), ..self }
    }

    /// Of what one action sends. What follows an action is of the same trace.
    pub(crate) fn of(&self, origin: &Origin) -> Option<Carried> {
        let run = Arc::clone(self.run.as_ref()?);
        let Origin { stream, series, slot, hop, .. } = *origin;
        let action = self.action(origin);
        let trace = mix(mix(self.seed, stream.into()), slot);
        let (other, span) = (mix(trace, 1), mix(mix(trace, series.into()), hop.into()));
        // Numbers of 0 are not allowed.
        let trace = format!("00-{:016x}{other:016x}-{:016x}-01", trace | 1, span | 1);
        Some(Carried { run, action, trace })
    }

    /// Which action it is: its series, its slot, and how often it has followed itself.
    pub(crate) fn action(&self, origin: &Origin) -> String {
        let Origin { series, slot, hop, .. } = *origin;
        let name = self.series.get(usize::from(series)).map_or("", String::as_str);
        match hop {
            0 => format!("{name}/{slot}"),
            hop => format!("{name}/{slot}.{hop}"),
        }
    }
}

impl Carried {
    /// Names and values.
    pub(crate) fn pairs(&self) -> [(&'static str, &str); 3] {
        [(RUN, &self.run), ("loadgen.action", &self.action), ("traceparent", &self.trace)]
    }
}

/// Mixes a number into another: the finish of SplitMix64.
pub(super) fn mix(state: u64, number: u64) -> u64 {
    let mut mixed = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
