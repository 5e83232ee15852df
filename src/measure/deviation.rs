//! The ways in which what came may differ from what was expected.

use std::fmt;

use serde::Serialize;

/// What is not as it should be with a change, or is not known of it. In the order in which examples are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deviation {
    /// It did not come.
    Lost,
    /// It came a second time, though nothing was restarted.
    Doubled,
    /// It came behind a later change of its row.
    Reordered,
    /// It came with other values.
    Wrong,
    /// It came, and nobody had sent it.
    Phantom,
    /// Nobody can tell, or not yet.
    Pending,
}

impl Deviation {
    /// As files and people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::Reordered => "reordered",
            Self::Wrong => "wrong",
            Self::Phantom => "phantom",
            Self::Pending => "pending",
        }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
