//! What is measured of a worker itself: when it woke, and what befell its connections.

use super::Histogram;

/// One worker's own record, or that of all workers.
#[derive(Debug)]
pub struct WorkerRecord {
    /// How much later than it was due each wake-up of a worker came: whatever held it up, it was not
    /// the target.
    pub wake: Histogram,
    /// What befell the connections.
    pub faults: Faults,
    /// Processor time of the thread, in nanoseconds; of several, of that which used most.
    pub busiest_ns: u64,
    /// For how long the threads were ready to run and had no processor, in nanoseconds.
    pub run_delay_ns: u64,
}

/// What befell the connections, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Ways that were lost.
    pub lost: u64,
    /// Ways that stood again.
    pub mended: u64,
    /// Ways that found, when they stood again, that the server had crashed.
    pub crashed: u64,
}

impl Default for WorkerRecord {
    fn default() -> Self {
        let wake = Histogram::coarse();
        WorkerRecord { wake, faults: Faults::default(), busiest_ns: 0, run_delay_ns: 0 }
    }
}

impl WorkerRecord {
    pub(super) fn merge(&mut self, other: &WorkerRecord) {
        self.wake.merge(&other.wake);
        self.faults.lost += other.faults.lost;
        self.faults.mended += other.faults.mended;
        self.faults.crashed += other.faults.crashed;
        self.busiest_ns = self.busiest_ns.max(other.busiest_ns);
        self.run_delay_ns += other.run_delay_ns;
    }

    pub(super) fn clear(&mut self) {
        self.wake.clear();
        (self.faults, self.busiest_ns, self.run_delay_ns) = (Faults::default(), 0, 0);
    }
}
