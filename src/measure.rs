//! How punctual, how well received: what each worker records, what all of it comes to, and the
//! verdict. Knows no target; prints nothing.
//!
//! ```text
//!   worker ── Recorder ──┬── publish, once a second ──> Window ──> Meter ──> Feed ──> report, live
//!   worker ── Recorder ──┤
//!                        └── merge, at the end ──────────────────> Summary ────────> report, closing
//! ```

mod counters;
mod failures;
mod feed;
mod generator;
mod histogram;
mod live;
mod recorder;
mod summary;
mod threshold;
mod verdict;

pub use counters::Counters;
pub use counters::TableCounts;
pub use failures::ErrorClass;
pub use failures::Failure;
pub use failures::FailureCount;
pub use failures::Failures;
pub use feed::Change;
pub use feed::Feed;
pub use feed::Phase;
pub use feed::Unit;
pub use feed::Work;
pub use generator::Generator;
pub use generator::cpu_quota;
pub use histogram::Digest;
pub use histogram::Histogram;
pub use live::LiveState;
pub use live::LiveStream;
pub use live::Meter;
pub use live::Pace;
pub use live::Window;
pub use recorder::Outcome;
pub use recorder::Recorder;
pub use recorder::Stamps;
pub use recorder::StreamRecorder;
pub use summary::RunFacts;
pub use summary::SessionCount;
pub use summary::StreamFacts;
pub use summary::StreamSummary;
pub use summary::Summary;
pub use threshold::Judgement;
pub use threshold::Observed;
pub use verdict::End;
pub use verdict::Verdict;

use crate::pace::real;

/// So many a second; 0 over no time.
fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { real(count) / seconds } else { 0.0 }
}
