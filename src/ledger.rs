//! What became of each transaction, on disk: the trace. With the scenario and the seed it tells, long
//! after the run, what each row must have become; a killed run leaves all but its last moments.
//!
//! ```text
//!   workers ── 24 bytes a transaction, gathered ──> writer ── blocks with checksums ──> trace-0001.bin, …
//! ```
//!
//! Whoever sends never waits for the disk: what cannot be taken is left out, and that is said.

mod blocks;
pub(crate) mod hash;
mod read;
mod record;
mod seen;
mod write;

pub use blocks::Kind;
pub use blocks::RunFiles;
pub use read::Blocks;
pub use read::Gaps;
pub use record::Fate;
pub use record::RECORD;
pub use record::Record;
pub use seen::SEEN;
pub use seen::Seen;
pub use seen::What;
pub use write::Completeness;
pub use write::Ledger;
pub use write::Out;
pub use write::Writing;

/// What became of transactions.
pub const TRACE: Kind = Kind { stem: "trace", magic: *b"loadgen.trace/1\n" };

/// What observers saw.
pub const OBSERVED: Kind = Kind { stem: "observed", magic: *b"loadgen.seen/1\n\0" };
