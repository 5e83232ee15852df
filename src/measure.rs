//! How punctual, how well received: what each worker records, what all of it comes to, and the
//! verdict. Knows no target; prints nothing.
//!
//! ```text
//!   worker ── Recorder ── publish, once a second ──> Window ──> Meter ──┬── Second ──> Watch, Gates
//!   worker ── Recorder ── publish, once a second ──> Window ──────┘     ├── Second ──> report: series, hlog
//!                                                                       ├── Feed ────> report, live
//!                                                                       └── at the end: Summary
//! ```

mod bound;
mod cgroup;
mod clock;
mod counters;
mod deviation;
mod failures;
mod faults;
mod feed;
mod first;
mod gate;
mod generator;
mod histogram;
mod interruption;
mod judge;
mod lag;
mod live;
mod part;
mod recorder;
mod second;
mod shared;
mod shown;
mod slots;
mod spans;
mod steps;
mod summary;
mod sums;
mod threshold;
mod unjudged;
mod verdict;
mod watch;
mod window;
mod worker;

pub use bound::Bound;
pub use cgroup::Periods;
pub use clock::Clock;
pub use counters::Counters;
pub use counters::EventCounts;
pub use counters::Retries;
pub use counters::TableCounts;
pub use deviation::Deviation;
pub use failures::ErrorClass;
pub use failures::Failure;
pub use failures::FailureCount;
pub use failures::Failures;
pub use faults::FaultCounts;
pub use feed::Change;
pub use feed::Feed;
pub use feed::Phase;
pub use feed::Unit;
pub use feed::Work;
pub use first::EXAMPLES_MAX;
pub use first::First;
pub use gate::Gate;
pub use gate::GateState;
pub use gate::Gates;
pub use generator::Generator;
pub use generator::Probe;
pub use generator::Usage;
pub use generator::cpu_quota;
pub use generator::thread_usage;
pub use histogram::Digest;
pub use histogram::Histogram;
pub use interruption::Interruption;
pub use lag::Example;
pub use lag::Findings;
pub use lag::LagPlace;
pub use lag::LagSecond;
pub use lag::LagSummary;
pub use lag::LiveLag;
pub use lag::NotCompared;
pub use lag::SurfaceCounts;
pub use lag::SurfaceFindings;
pub use lag::Verification;
pub use live::Meter;
pub use live::Moment;
pub use live::Timetable;
pub use part::Part;
pub use part::join;
pub use recorder::Outcome;
pub use recorder::Recorder;
pub use recorder::Stamps;
pub use recorder::StreamRecorder;
pub use second::Second;
pub use second::StreamSecond;
pub use shared::SharedPlace;
pub use shared::SharedSum;
pub use shown::LiveState;
pub use shown::LiveStream;
pub use shown::Pace;
pub use slots::LiveSlot;
pub use slots::SlotCounts;
pub use slots::Slots;
pub use spans::Spans;
pub use steps::StepSummary;
pub use summary::RunFacts;
pub use summary::SegmentSummary;
pub use summary::SessionCount;
pub use summary::StreamFacts;
pub use summary::StreamSummary;
pub use summary::Summary;
pub use threshold::Judgement;
pub use threshold::Observed;
pub use verdict::End;
pub use verdict::Verdict;
pub use watch::Waiting;
pub use watch::Watch;
pub use window::Window;
pub use worker::Faults;
pub use worker::WorkerRecord;

use crate::pace::real;

/// So many a second; 0 over no time.
fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { real(count) / seconds } else { 0.0 }
}
