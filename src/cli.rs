//! Arguments in, exit code out. Only this module and `report` print.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueHint;

use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::pace::Shard;
use crate::report::Colour;
use crate::scenario::Overrides;
use crate::units::parse_duration;

mod books;
mod check;
mod clean;
mod connector;
mod describe;
mod destination;
mod doctor;
mod firehose;
mod guard;
mod ledger;
mod lines;
mod merge;
mod observe;
mod output;
mod place;
mod plan;
mod prepare;
mod presence;
mod publish;
mod run;
mod sample;
mod seed;
mod shards;
mod signals;
mod steps;
mod verify;
mod wait;

use shards::StartAt;

/// Puts a realistic, exactly known load on a data platform, and says exactly what came out.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  loadgen run @quickstart                 a minute of everything, on a private PostgreSQL
  loadgen check scenario.yaml             every mistake, with its place; touches nothing
  loadgen sample scenario.yaml -n 5       a few rows and statements; needs no server
  loadgen run scenario.yaml --for 30s --set load.streams.shop.profile='[{ hold: 100/s, for: 30s }]'
  LOADGEN_POSTGRES=postgres://me@db.test/postgres loadgen run scenario.yaml --allow-remote

Exit codes: 0 passed, 2 usage, 3 scenario invalid, 4 set-up or permission, 5 stopped by errors,
6 run invalid, 99 a threshold failed, 105 stopped by a signal.

`@name` is a built-in scenario: they are in the folder `scenarios` of the source.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Set up, seed, load, judge and report
    Run(RunArguments),
    /// Report every mistake in scenario or schema files; touch nothing
    Check {
        /// Files, or `@name` for built-in scenarios
        #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
        files: Vec<String>,
    },
    /// Tell what a run would make and send: rows, bytes, rates, connections; touch nothing
    Plan(plan::PlanArguments),
    /// Print a few rows, or what the first slots would send; needs no server
    Sample(sample::SampleArguments),
    /// Print the hash of the first actions: equal on every machine, for any number of workers
    Fingerprint(sample::FingerprintArguments),
    /// Make databases, roles, tables and publications; safe to repeat
    Setup(SetupArguments),
    /// Set up, and fill the tables; a repeated or interrupted seeding is completed, never doubled
    Seed(SetupArguments),
    /// Add up the folders of all shards of a run, and judge the whole
    Merge(merge::MergeArguments),
    /// Judge a run again by its ledger, or what stands in the databases of a scenario
    Verify(verify::VerifyArguments),
    /// Tell whether the databases are fit for change data capture: each check, how bad, what to do
    Doctor(doctor::DoctorArguments),
    /// Print Debezium's configuration for each database of a scenario, or register it with Kafka Connect
    Connector(connector::ConnectorArguments),
    /// Remove what `setup` made: databases, roles, slots, topics, streams and connectors that carry our mark,
    /// nothing else
    Clean(CleanArguments),
    /// Stand in for Amazon Data Firehose on this machine, until a signal comes
    FirehoseStub(firehose::FirehoseStubArguments),
    /// Print the JSON Schema of a kind of file, for editors
    JsonSchema {
        /// Which kind of file
        kind: describe::FileKind,
    },
    /// Print what a shell needs to complete command lines
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands
    Man {
        /// A folder for the pages
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
}

/// The scenario, and what the command line says instead of it.
#[derive(Debug, Args)]
pub(crate) struct Subject {
    /// A scenario file, or `@name` for a built-in one
    #[arg(value_hint = ValueHint::FilePath)]
    scenario: String,
    /// Override a value: `load.streams.shop.profile=[{ hold: 10/s, for: 5s }]` (repeatable)
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Another seed: other data, equally repeatable
    #[arg(long)]
    seed: Option<u64>,
    /// All rates, totals and traces times this: `0.1` for a tenth of the load
    #[arg(long, value_name = "FACTOR", value_parser = parse_factor)]
    scale_rate: Option<f64>,
    /// Profiles and warm-up so many times as fast, at the same rates: `10` for a tenth of the time
    #[arg(long, value_name = "FACTOR", value_parser = parse_factor)]
    time_scale: Option<f64>,
}

/// A factor of `--scale-rate` or `--time-scale`.
fn parse_factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok().filter(|factor| factor.is_finite());
    match factor {
        None => Err("it is not a number".to_owned()),
        Some(factor) if factor <= 0.0 => Err("it must be above 0".to_owned()),
        Some(factor) if !(1e-6..=1e6).contains(&factor) => {
            Err("it must lie between 0.000001 and 1000000".to_owned())
        }
        Some(factor) => Ok(factor),
    }
}

#[derive(Debug, Args)]
struct CleanArguments {
    #[command(flatten)]
    subject: Subject,
    /// The Kafka Connect whose connectors of this scenario go first, instead of the scenario's
    #[arg(long, value_name = "URL", env = "LOADGEN_CONNECT", hide_env_values = true)]
    connect: Option<String>,
    /// Permit a server that is not on this machine
    #[arg(long)]
    allow_remote: bool,
}

/// `setup` and `seed`.
#[derive(Debug, Args)]
pub(crate) struct SetupArguments {
    #[command(flatten)]
    subject: Subject,
    /// Permit a server that is not on this machine
    #[arg(long)]
    allow_remote: bool,
    /// Drop what carries our mark, and make it again
    #[arg(long)]
    fresh: bool,
    /// Where the run's folder goes, instead of `runs/<scenario>-<time>`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Leave an embedded server running, and say how to reach it
    #[arg(long)]
    keep: bool,
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    setup: SetupArguments,
    /// How long each stream lasts, whatever its profile says
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_length)]
    length: Option<Duration>,
    /// Worker threads, instead of one for each processor; they do not change what is sent
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Send nothing: show what the generator itself can do
    #[arg(long)]
    discard: bool,
    /// Play one of several parts of the run: `2/8` is the second of eight; `merge` adds them up
    #[arg(long, value_name = "K/N", conflicts_with = "fresh")]
    shard: Option<Shard>,
    /// Go on where the last run on these databases stopped; if it was killed, DIR is its folder, or holds it
    #[arg(
        long = "continue",
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "runs",
        conflicts_with_all = ["fresh", "shard", "discard"]
    )]
    continues: Option<PathBuf>,
    /// Keep what became of each transaction, so that `verify` can judge the run again later; kept anyhow if
    /// something is observed
    #[arg(long)]
    trace: bool,
    /// Begin the load at this time (RFC 3339), or so long after the command (`+30s`)
    #[arg(long, value_name = "TIME")]
    start_at: Option<StartAt>,
}

/// How long something is to last.
fn parse_length(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err(format!("`{text}` is no time at all: nothing would be sent")),
        length => Ok(length),
    }
}

impl Subject {
    fn overrides(&self) -> Overrides {
        Overrides {
            set: self.set.clone(),
            seed: self.seed,
            scale_rate: self.scale_rate,
            time_scale: self.time_scale,
            ..Overrides::default()
        }
    }
}

impl SetupArguments {
    fn overrides(&self) -> Overrides {
        Overrides { allow_remote: self.allow_remote, ..self.subject.overrides() }
    }
}

impl RunArguments {
    fn overrides(&self) -> Overrides {
        let Self { length, discard, .. } = *self;
        Overrides { length, discard, ..self.setup.overrides() }
    }
}

/// Runs the command line of this process; returns the exit code.
pub fn main() -> u8 {
    match Arguments::try_parse() {
        Ok(arguments) => dispatch(arguments.command),
        Err(error) => {
            // Help goes to standard output, mistakes to standard error; neither can be mended here.
            let _ = error.print();
            if error.use_stderr() { 2 } else { 0 }
        }
    }
}

fn dispatch(command: Command) -> u8 {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check { files } => check::run(&files),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Sample(arguments) => sample::sample(&arguments),
        Command::Fingerprint(arguments) => sample::fingerprint(&arguments),
        Command::FirehoseStub(arguments) => firehose::stub(&arguments),
        Command::JsonSchema { kind } => describe::json_schema(kind),
        Command::Completions { shell } => describe::completions(shell),
        Command::Man { folder } => describe::man(folder.as_deref()),
        Command::Setup(arguments) => seed::setup(&arguments),
        Command::Seed(arguments) => seed::seed(&arguments),
        Command::Merge(arguments) => merge::merge(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Connector(arguments) => connector::connector(&arguments),
        Command::Clean(arguments) => {
            let overrides =
                Overrides { allow_remote: arguments.allow_remote, ..arguments.subject.overrides() };
            let connect = arguments.connect.as_deref().filter(|url| !url.is_empty());
            clean::clean(&arguments.subject.scenario, connect, &overrides)
        }
    }
}

/// Standard error: everything that is no result. If nobody hears it, there is nobody to tell.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Why a command ends before its work is done: what to say, and the exit code.
#[derive(Debug)]
struct Refusal {
    text: String,
    code: u8,
}

impl Refusal {
    /// Set-up, connection or permission.
    fn setup(error: &impl std::fmt::Display) -> Self {
        Self { text: format!("error: {error}"), code: 4 }
    }

    /// A signal came before anything was made that should stay.
    fn interrupted(error: &impl std::fmt::Display) -> Self {
        Self { text: format!("error: {error}"), code: 105 }
    }

    /// The same, but what a signal cut short has not failed.
    fn unless(self, is_interrupted: bool) -> Self {
        if is_interrupted { Self { code: 105, ..self } } else { self }
    }

    fn report(&self) -> u8 {
        complain(&self.text);
        self.code
    }

    /// As `report`, but what a signal cut short has not failed.
    fn report_unless_cancelled(&self, stop: &Stop) -> u8 {
        let code = self.report();
        if stop.level() == Level::Cancel || stop.is_signalled() { 105 } else { code }
    }
}

/// Reads a scenario; every mistake is in the refusal.
fn read(scenario: &str, overrides: &Overrides) -> Result<crate::scenario::Scenario, Refusal> {
    crate::scenario::Scenario::read(scenario, overrides)
        .map_err(|problems| Refusal { text: problems.draw(Colour::of_stderr().is_on()), code: 3 })
}
