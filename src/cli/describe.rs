//! What loadgen says about itself, for editors and shells.

use clap::ValueEnum;

use crate::cli::output::Output;

/// The kinds of file that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FileKind {
    /// A scenario
    Scenario,
    /// A schema
    Schema,
}

/// Prints the JSON Schema of a kind of file.
pub(super) fn json_schema(kind: FileKind) -> u8 {
    let schema = match kind {
        FileKind::Scenario => crate::scenario::json_schema(),
        FileKind::Schema => crate::schema::json_schema(),
    };
    let mut output = Output::default();
    output.say(&format!("{schema:#}\n"));
    output.end(0)
}
