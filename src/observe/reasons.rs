//! Why a verdict says nothing.

use crate::measure::SurfaceFindings;

/// Reasons, each once, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Reasons(Vec<String>);

impl Reasons {
    pub(super) fn add(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    pub(super) fn extend(&mut self, reasons: impl IntoIterator<Item = String>) {
        reasons.into_iter().for_each(|reason| self.add(reason));
    }

    pub(super) fn all(self) -> Vec<String> {
        self.0
    }
}

/// Why an observer has not come to its end.
pub(super) fn unfinished(surface: &str, reason: &str) -> String {
    format!("the observer `{surface}` did not come to its end: {reason}")
}

/// Of a surface at which values could not be compared: how many, and of which columns.
pub(super) fn not_compared(found: &SurfaceFindings) -> Option<String> {
    let all = &found.verification.not_compared;
    let columns: Vec<_> = all.iter().map(|it| format!("{}.{}", it.table, it.column)).collect();
    let count: u64 = all.iter().map(|it| it.values).sum();
    let said = format!(
        "the observer `{}` could not compare {count} values, as what came leaves them out, or leaves open what they are: {}",
        found.surface,
        columns.join(", ")
    );
    Some(said).filter(|_| count > 0)
}
