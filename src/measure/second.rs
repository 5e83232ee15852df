//! What all workers measured in a second, and what was known of the run at its end.

use std::time::Duration;

use super::Counters;
use super::Digest;
use super::Histogram;
use super::Phase;
use super::Usage;
use super::recorder::Record;
use super::worker::Faults;

/// A second of a run, all workers together; a little more or less where a worker came late.
#[derive(Debug)]
pub struct Second {
    /// When it ended, on the run's clock.
    pub at_ns: u64,
    /// How long it took.
    pub length_ns: u64,
    /// How much of the measured part was over at its end; `None` in the warm-up.
    pub measured_ns: Option<u64>,
    /// What the run was doing.
    pub phase: Phase,
    /// In the scenario's order.
    pub streams: Vec<StreamSecond>,
    /// What the generator used in it.
    pub usage: Usage,
    /// What happened in it, in words.
    pub events: Vec<String>,
    pub(super) record: Record,
}

/// What is known of a stream at the end of a second, beside what was recorded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamSecond {
    /// Slots a second that should come due; `None` if it is unlimited.
    pub target_rate: Option<f64>,
    /// Slots that came due and were not taken yet.
    pub backlog: u64,
    /// Sent, and nothing heard of it yet.
    pub in_flight: u64,
    /// The named segment that is played.
    pub segment: Option<String>,
}

impl Second {
    /// What was counted in a stream.
    pub fn counters(&self, stream: usize) -> Counters {
        self.record.streams.get(stream).map_or_else(Counters::default, |record| record.counters)
    }

    /// A stream's distributions that have anything in them, by name.
    pub fn distributions(&self, stream: usize) -> Vec<(&'static str, &Histogram)> {
        let Some(record) = self.record.streams.get(stream) else { return Vec::new() };
        [
            ("sched", &record.sched),
            ("queue", &record.queue),
            ("service", &record.service),
            ("response", &record.response),
            ("failed", &record.failed_response),
        ]
        .into_iter()
        .filter(|(_, histogram)| histogram.count() > 0)
        .collect()
    }

    /// `sched`, `queue`, `service` and `response` of a stream.
    pub fn digests(&self, stream: usize) -> [Digest; 4] {
        let record = self.record.streams.get(stream);
        record.map_or_else(Default::default, |record| {
            [&record.sched, &record.queue, &record.service, &record.response].map(Histogram::digest)
        })
    }

    /// What befell the connections.
    pub fn faults(&self) -> Faults {
        self.record.worker.faults
    }

    /// How much later than they were due the workers woke.
    pub fn wake(&self) -> &Histogram {
        &self.record.worker.wake
    }

    /// How long it was.
    pub fn length(&self) -> Duration {
        Duration::from_nanos(self.length_ns)
    }

    /// Whether it is of the measured part.
    pub fn is_measured(&self) -> bool {
        self.record.is_measuring
    }

    /// Adds the second behind it, so that both are one, longer.
    pub fn join(&mut self, next: Second) {
        self.record.merge(&next.record);
        self.usage = self.usage.then(next.usage, (self.length(), next.length()));
        (self.at_ns, self.length_ns) = (next.at_ns, self.length_ns + next.length_ns);
        (self.measured_ns, self.phase) = (next.measured_ns, next.phase);
        self.streams = next.streams;
        self.events.extend(next.events);
    }
}
