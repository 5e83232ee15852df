//! What a run was: enough to repeat it, and to judge whether two runs may be compared.

use std::collections::BTreeMap;
use std::fs;
use std::thread::available_parallelism;

use serde::Serialize;

use crate::diagnostic::Secrets;
use crate::measure::cpu_quota;

/// The format's name and version, by which our folders are known.
pub(super) const FORMAT: &str = "loadgen.manifest/1";

/// `manifest.json`. Made by [`Manifest::new`], which takes passwords out of all text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    format: &'static str,
    /// The run's name: that of its folder.
    run: String,
    /// When it began: UTC, RFC 3339.
    started: String,
    /// Our version.
    version: &'static str,
    /// The command line.
    command: Vec<String>,
    /// The scenario's name.
    scenario: String,
    /// The hash of what decides the content.
    hash: String,
    /// The seed.
    seed: u64,
    /// The time in the data at which the run began: microseconds since 1970-01-01T00:00:00Z.
    start_us: i64,
    /// All rates were multiplied by it: `--scale-rate`.
    scale_rate: f64,
    /// All lengths were divided by it: `--time-scale`.
    time_scale: f64,
    /// Numbers that rows of others had, by table, if there were any: ours begin behind them.
    taken: Vec<u64>,
    /// The scenario's text, and the schemas'.
    files: Vec<SourceFile>,
    /// What is known of each server.
    servers: Vec<ServerFacts>,
    /// Where the generator ran.
    machine: Machine,
}

/// What [`Manifest::new`] needs to know of the scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// Its name.
    pub scenario: String,
    /// The hash of what decides the content.
    pub hash: String,
    /// The seed.
    pub seed: u64,
    /// The time in the data at which the run began: microseconds since 1970-01-01T00:00:00Z.
    pub start_us: i64,
    /// All rates were multiplied by it.
    pub scale_rate: f64,
    /// All lengths were divided by it.
    pub time_scale: f64,
    /// Numbers that rows of others had, by table, if there were any: ours begin behind them.
    pub taken: Vec<u64>,
    /// The scenario's text, and the schemas'.
    pub files: Vec<SourceFile>,
    /// What is taken out of all text.
    pub secrets: Secrets,
}

/// A file that the run was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceFile {
    /// Its path as given, or `@name` if it is built in.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// What is known of a server, as far as it decides what a run measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerFacts {
    /// The target's name in the scenario.
    pub target: String,
    /// Its version, as it says.
    pub version: String,
    /// Settings: `shared_buffers`, `synchronous_commit`, `wal_level`, ...
    pub settings: BTreeMap<String, String>,
}

/// Where the generator ran.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// Processors that it may use.
    pub cpus: usize,
    /// How many of them at once, by its control group; `null` without a limit.
    pub cpu_quota: Option<f64>,
    /// The kernel's release.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn here() -> Machine {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            cpus: available_parallelism().map_or(1, usize::from),
            cpu_quota: cpu_quota(),
            kernel: kernel.trim().to_owned(),
        }
    }
}

impl Manifest {
    /// For a run of a scenario, begun by a command line, on servers, on this machine.
    pub fn new(
        run: &str,
        started: &str,
        command: &[String],
        subject: Subject,
        servers: Vec<ServerFacts>,
    ) -> Manifest {
        let secrets = subject.secrets;
        let clean = |file: SourceFile| SourceFile { text: secrets.redact(&file.text), ..file };
        Manifest {
            format: FORMAT,
            run: run.to_owned(),
            started: started.to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            command: command.iter().map(|argument| secrets.redact_argument(argument)).collect(),
            scenario: subject.scenario,
            hash: subject.hash,
            seed: subject.seed,
            start_us: subject.start_us,
            scale_rate: subject.scale_rate,
            time_scale: subject.time_scale,
            taken: subject.taken,
            files: subject.files.into_iter().map(clean).collect(),
            servers,
            machine: Machine::here(),
        }
    }
}
