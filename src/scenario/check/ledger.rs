//! What is kept of each transaction: `ledger: { trace: true, limit: 8GB }`.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::LedgerLimits;
use crate::scenario::file::LedgerFile;
use crate::units::parse_bytes;
use crate::yaml::Spanned;

/// The least limit.
const LEAST: u64 = 1 << 20;

pub(super) fn ledger(file: &LedgerFile, problems: &mut Problems) -> LedgerLimits {
    let limit = file.limit.as_ref().and_then(|written| limit(written, problems));
    LedgerLimits { trace: file.trace, bytes: limit.unwrap_or(LedgerLimits::BYTES) }
}

fn limit(written: &Spanned<String>, problems: &mut Problems) -> Option<u64> {
    let message = match parse_bytes(&written.value) {
        Ok(bytes) if bytes >= LEAST => return Some(bytes),
        Ok(_) => "the least limit is `1MB`".to_owned(),
        Err(message) => message,
    };
    problems.add(Problem::new(message).at(written.place));
    None
}
