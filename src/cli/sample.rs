//! `sample` and `fingerprint`: what a run would send, without a server.

use std::sync::Arc;

use clap::Args;
use clap::ValueEnum;
use clap::ValueHint;

use crate::action::Action;
use crate::action::TableId;
use crate::cli::Refusal;
use crate::cli::Subject;
use crate::cli::output::Output;
use crate::cli::read;
use crate::generate;
use crate::generate::Lane;
use crate::generate::World;
use crate::scenario::Scenario;
use crate::scenario::Start;
use crate::sink::lines::Format;
use crate::sink::lines::Lines;
use crate::units::parse_count;

mod judged;

/// Actions that a fingerprint looks at, unless told otherwise.
pub(super) const FINGERPRINT_ACTIONS: u64 = 100_000;

/// `start: now` as far as samples and fingerprints are concerned: 2026-01-01T00:00:00Z.
const NOW_US: i64 = 1_767_225_600_000_000;

/// A scenario's content as it is shown and compared, whenever and wherever that is.
pub(super) fn timeless(scenario: &Scenario) -> Arc<World> {
    let start_us = match scenario.start {
        Start::At(start_us) => start_us,
        Start::Now => NOW_US,
    };
    Arc::new(World::new(scenario, start_us))
}

/// The fingerprint of a scenario's first actions: of `loadgen fingerprint` and of a run alike.
pub(super) fn fingerprint_of(scenario: &Scenario, actions: u64, workers: usize) -> String {
    generate::fingerprint(&timeless(scenario), actions, workers)
}

/// `sample`.
#[derive(Debug, Args)]
pub(crate) struct SampleArguments {
    #[command(flatten)]
    subject: Subject,
    /// Seeded rows of this table, instead of what the first slots send
    #[arg(long)]
    table: Option<String>,
    /// How they are written: JSON lines unless said otherwise
    #[arg(long, value_enum)]
    format: Option<As>,
    /// How many rows, or slots: 10, or 100k with `--judge`
    #[arg(short = 'n', long = "count", value_parser = parse_count)]
    count: Option<u64>,
    /// Print nothing of them, but whether they follow the laws that the schemas declare
    #[arg(long, conflicts_with = "table")]
    judge: bool,
    /// Judge them by what this scenario declares, which has the same tables and streams
    #[arg(long, value_name = "SCENARIO", requires = "judge", value_hint = ValueHint::FilePath)]
    against: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum As {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated, a head line for each table
    Csv,
    /// Statements
    Sql,
}

const COUNT: u64 = 10;
const COUNT_JUDGED: u64 = 100_000;

/// `fingerprint`.
#[derive(Debug, Args)]
pub(crate) struct FingerprintArguments {
    #[command(flatten)]
    subject: Subject,
    /// How many actions are looked at
    #[arg(short = 'n', long = "count", default_value_t = FINGERPRINT_ACTIONS)]
    count: u64,
    /// Threads that share the work; they do not change the result
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024), default_value_t = 1)]
    workers: u16,
}

/// `loadgen sample`.
pub(super) fn sample(arguments: &SampleArguments) -> u8 {
    let scenario = match read(&arguments.subject.scenario, &arguments.subject.overrides()) {
        Ok(scenario) => scenario,
        Err(refusal) => return refusal.report(),
    };
    if arguments.judge {
        return judged::judge(arguments, &scenario);
    }
    let world = timeless(&scenario);
    let count = arguments.count.unwrap_or(COUNT);
    let format = match arguments.format.unwrap_or(As::Jsonl) {
        As::Jsonl => Format::Jsonl,
        As::Csv => Format::Csv,
        As::Sql => Format::Sql,
    };
    let mut lines = Lines::new(Arc::clone(&world.catalog), format);
    let mut output = Output::default();
    match &arguments.table {
        None => actions(&world, count, (&mut lines, &mut output)),
        Some(name) => match find(&world, name) {
            Ok(table) => rows(&world, table, count, (&mut lines, &mut output)),
            Err(refusal) => return refusal.report(),
        },
    }
    output.end(0)
}

fn find(world: &World, name: &str) -> Result<TableId, Refusal> {
    let tables = &world.catalog.tables[..world.table_count()];
    let full = |at: usize| format!("{}.{}", tables[at].database, tables[at].name);
    let found = (0..tables.len()).find(|at| tables[*at].name == name || full(*at) == name);
    let Some(at) = found else {
        let names: Vec<_> = tables.iter().map(|table| table.name.as_str()).collect();
        let text =
            format!("error: the scenario has no table `{name}`; it has {}", names.join(", "));
        return Err(Refusal { text, code: 2 });
    };
    Ok(TableId::of(at))
}

/// Seeded rows; of a table that is not seeded, those that it would begin with.
fn rows(world: &World, table: TableId, count: u64, (lines, output): (&mut Lines, &mut Output)) {
    let mut action = Action::default();
    let mut left = count;
    for number in 0..world.seeded_rows(table) {
        world.render_seeded(table, number, &mut action);
        if left == 0 || !output.is_open() {
            break;
        }
        left -= lines.write_rows(&action, left, &mut |line| output.say(line));
    }
}

/// What the first slots send, in the order in which they are due.
fn actions(world: &Arc<World>, count: u64, (lines, output): (&mut Lines, &mut Output)) {
    let mut all: Vec<Lane> = (0..world.groups.len())
        .flat_map(|group| (0..world.lanes_of(group)).map(move |lane| (group, lane)))
        .map(|(group, lane)| Lane::new(world, group, lane))
        .collect();
    let mut sent = Action::default();
    for _ in 0..count {
        let next = all
            .iter_mut()
            .filter_map(|lane| lane.peek().map(|due| (due, lane)))
            .min_by_key(|(due, _)| *due);
        let Some((due, lane)) = next.filter(|_| output.is_open()) else { return };
        let Some(next) = lane.decide() else { return };
        world.render(&next, &mut sent);
        let head = (due.planned_ns, world.action_name(&next));
        lines.write_action(head, &sent, &mut |line| output.say(line));
    }
}

/// `loadgen fingerprint`.
pub(super) fn fingerprint(arguments: &FingerprintArguments) -> u8 {
    let scenario = match read(&arguments.subject.scenario, &arguments.subject.overrides()) {
        Ok(scenario) => scenario,
        Err(refusal) => return refusal.report(),
    };
    let hash = fingerprint_of(&scenario, arguments.count, usize::from(arguments.workers));
    let mut output = Output::default();
    output.say(&format!("{hash}\n"));
    output.end(0)
}
