//! Arguments in, exit code out.

mod check;

use clap::Parser;
use clap::Subcommand;

/// Puts a realistic, exactly known load on a data platform and says exactly what came out, and how
/// late.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows every mistake in scenarios and schemas, with its place; touches nothing
    Check {
        /// Scenario or schema files, or `@name` for built-in scenarios
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
}

/// Runs the command line. The result is the exit code: see DESIGN §5.
pub fn run() -> u8 {
    match Arguments::parse().command {
        Command::Check { files } => check::run(&files),
    }
}
