//! `loadgen plan`: what a run would make and send. Touches nothing.

mod bill;
mod content;
mod facts;
mod greatest;
mod load;
mod makes;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use crate::action::FaultClass;
use crate::action::TableId;
use crate::cli::Subject;
use crate::cli::output::Output;
use crate::cli::parse_length;
use crate::cli::plan::content::Changes;
use crate::cli::plan::content::Content;
use crate::cli::plan::facts::DatabaseNeeds;
use crate::cli::plan::facts::EventOutlook;
use crate::cli::plan::facts::Outlook;
use crate::cli::plan::facts::StreamOutlook;
use crate::cli::plan::facts::TableOutlook;
use crate::cli::plan::facts::WalOutlook;
use crate::cli::read;
use crate::cli::sample::timeless;
use crate::generate::World;
use crate::pace::nanoseconds;
use crate::pace::real;
use crate::pace::whole;
use crate::scenario::Domain;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::scenario::Start;
use crate::scenario::Target;
use crate::scenario::TargetKind;
use crate::sink::postgres::size::Layout;
use crate::sink::postgres::size::PAGE;
use crate::sink::postgres::size::Weight;
use crate::units::format_duration;
use crate::units::format_rate;
use crate::units::parse_duration;

/// How long a server is taken to need for an action where nobody says so.
const SERVICE: Duration = Duration::from_millis(2);

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    subject: Subject,
    /// How long each stream lasts, whatever its profile says
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_length)]
    length: Option<Duration>,
    /// How it is written
    #[arg(long, value_enum, default_value_t = As::Text)]
    format: As,
    /// How long the server may take for an action: from it follows what connections and lanes carry
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "2ms")]
    service: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum As {
    /// For people
    Text,
    /// For scripts: `"format": "loadgen.plan/1"`
    Json,
}

/// `loadgen plan`.
pub(super) fn plan(arguments: &PlanArguments) -> u8 {
    let overrides = Overrides { length: arguments.length, ..arguments.subject.overrides() };
    let scenario = match read(&arguments.subject.scenario, &overrides) {
        Ok(scenario) => scenario,
        Err(refusal) => return refusal.report(),
    };
    let (outlook, ..) = look(&scenario, arguments.service);
    let mut output = Output::default();
    match arguments.format {
        As::Text => output.say(&text::draw(&outlook)),
        // What has only texts and numbers can be written.
        As::Json => {
            output.say(&(serde_json::to_string_pretty(&outlook).unwrap_or_default() + "\n"));
        }
    }
    output.end(0)
}

/// What a run is reckoned to write.
#[derive(Debug, Default)]
pub(super) struct Reckoned {
    /// Bytes of write-ahead log; `None` if it has no end.
    pub(super) wal: Option<u64>,
    /// About how many bytes the greatest row or event has as a message, by domain and name of its table.
    pub(super) greatest: BTreeMap<(usize, String), u64>,
}

/// What a run is reckoned to write.
pub(super) fn reckoned(scenario: &Scenario) -> Reckoned {
    let (outlook, world, content) = look(scenario, SERVICE);
    let tables = world.catalog.tables.iter().take(world.table_count()).enumerate();
    let greatest = tables.map(|(number, info)| {
        // What goes to several places is decided once.
        let decided = info.same_as.map_or(number, |first| usize::from(first.0));
        ((info.domain, info.name.clone()), content.greatest.bytes(decided))
    });
    Reckoned { wal: outlook.wal.run_bytes, greatest: greatest.collect() }
}

fn look(scenario: &Scenario, service: Duration) -> (Outlook, Arc<World>, Content) {
    let world = timeless(scenario);
    let content = content::look(&world, &Layout::of(scenario, &world.catalog));
    (outlook(scenario, (&world, &content), service), world, content)
}

fn outlook(
    scenario: &Scenario,
    (world, content): (&World, &Content),
    service: Duration,
) -> Outlook {
    let layout = Layout::of(scenario, &world.catalog);
    let streams = (0..scenario.load.streams.len())
        .map(|number| load::stream(scenario, (world, number), content))
        .collect::<Vec<_>>();
    let changes = changes(content, &streams);
    let tables = (0..world.table_count())
        .filter(|number| world.catalog.table(TableId::of(*number)).is_row())
        .map(|number| table(scenario, (world, number), content, changes.as_deref()))
        .collect::<Vec<_>>();
    let lasting = (0..streams.len()).map(|number| world.plan(number).length());
    let lasting = lasting.map(|length| length.map(nanoseconds));
    let connections = load::connections(scenario, &streams, service);
    let lanes_needed = load::lanes(scenario, world, (&streams, service));
    let mut outlook = Outlook {
        format: "loadgen.plan/1",
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        start: start(scenario.start),
        lanes: scenario.lanes,
        warmup_ns: nanoseconds(scenario.load.warmup),
        duration_ns: lasting
            .collect::<Option<Vec<_>>>()
            .map(|all| all.into_iter().max().unwrap_or(0)),
        exact: content.is_exact,
        wal: wal((scenario, world), &layout, content, (&streams, &tables)),
        connections,
        lanes_needed,
        creates: makes::creates(scenario, &world.catalog),
        warnings: Vec::new(),
        events: events(scenario, world, content, changes.as_deref()),
        streams,
        tables,
    };
    outlook.warnings = warnings(&outlook);
    outlook.warnings.extend(shortages(scenario, &outlook));
    outlook
}

fn start(start: Start) -> String {
    match start {
        Start::Now => "now".to_owned(),
        Start::At(micros) => chrono::DateTime::from_timestamp_micros(micros)
            .map_or_else(|| micros.to_string(), |at| at.to_rfc3339()),
    }
}

/// What all streams do to each table; `None` if only the clock decides how much that is.
fn changes(content: &Content, streams: &[StreamOutlook]) -> Option<Vec<Changes>> {
    let mut all = vec![Changes::default(); content.weights.len()];
    for (seen, stream) in content.streams.iter().zip(streams) {
        let factor = real(stream.slots?) / real(seen.slots.max(1));
        for (sum, changes) in all.iter_mut().zip(&seen.changes) {
            sum.inserted += changes.inserted * factor;
            sum.updated += changes.updated * factor;
            sum.deleted += changes.deleted * factor;
        }
    }
    Some(all)
}

fn table(
    scenario: &Scenario,
    (world, number): (&World, usize),
    content: &Content,
    changes: Option<&[Changes]>,
) -> TableOutlook {
    let info = world.catalog.table(TableId::of(number));
    let weight = &content.weights[number];
    let seeded = content.seeded[number];
    let changes = changes.map(|changes| changes[number]);
    let rounded = |count: f64| whole(count.round());
    let alive = changes
        .map(|changes| rounded((real(seeded) + changes.inserted - changes.deleted).max(0.0)));
    // What a row weighs on a server's pages says nothing of its lines.
    let is_file = matches!(scenario.targets[info.target].kind, TargetKind::Lines(_));
    let weight = &if is_file { Weight::default() } else { *weight };
    let known = alive.filter(|_| !is_file);
    let bytes = |rows: u64, each: f64| (rounded(real(rows) * each)).div_ceil(PAGE) * PAGE;
    TableOutlook {
        target: scenario.targets[info.target].name.clone(),
        database: info.database.clone(),
        table: format!("{}.{}", info.namespace, info.name),
        seeded,
        inserted: changes.map(|changes| rounded(changes.inserted)),
        updated: changes.map(|changes| rounded(changes.updated)),
        deleted: changes.map(|changes| rounded(changes.deleted)),
        alive,
        row_bytes: rounded(weight.heap()),
        index_row_bytes: rounded(weight.index()),
        seeded_bytes: bytes(seeded, weight.heap()),
        seeded_index_bytes: bytes(seeded, weight.index()),
        bytes: known.map(|alive| bytes(alive, weight.heap())),
        index_bytes: known.map(|alive| bytes(alive, weight.index())),
    }
}

/// What is sent of each event.
fn events(
    scenario: &Scenario,
    world: &World,
    content: &Content,
    changes: Option<&[Changes]>,
) -> Vec<EventOutlook> {
    let tables = world.catalog.tables.iter().enumerate();
    let events = tables.filter(|(_, table)| table.event.is_some());
    let outlook = events.map(|(number, table)| {
        // Whatever else gets the same is decided and weighed once.
        let number = table.same_as.map_or(number, |first| usize::from(first.0));
        let sent = changes.map(|changes| changes[number].inserted);
        let each = content.event_bytes[number];
        EventOutlook {
            target: scenario.targets[table.target].name.clone(),
            event: table.name.clone(),
            sent: sent.map(whole),
            faulty: faulty(&scenario.domains[table.domain], sent),
            event_bytes: whole(each),
            bytes: sent.map(|sent| whole(sent * each)),
            bill: bill::bill(&scenario.targets[table.target].kind, sent, each),
        }
    });
    outlook.collect()
}

/// How many of so many events have a fault; those that are doubled count twice among them.
fn faulty(domain: &Domain, sent: Option<f64>) -> Option<u64> {
    let faults = domain.faults.as_ref()?;
    let all: f64 = faults.shares.iter().sum();
    Some(whole(sent? * all / (1.0 + faults.share(FaultClass::Doubled))))
}

fn wal(
    (scenario, world): (&Scenario, &World),
    layout: &Layout,
    content: &Content,
    (streams, tables): (&[StreamOutlook], &[TableOutlook]),
) -> WalOutlook {
    // Files have no log.
    let is_logged = |number: usize| {
        let info = world.catalog.table(TableId::of(number));
        !matches!(scenario.targets[info.target].kind, TargetKind::Lines(_))
    };
    let is_any = (0..world.table_count()).any(is_logged);
    let mut seed = 0.0;
    for number in (0..world.table_count()).filter(|number| is_logged(*number)) {
        let table = TableId::of(number);
        let each = layout.copied(table, &content.weights[number], &content.seeded);
        seed += real(content.seeded[number]) * each;
    }
    let run = content.streams.iter().zip(streams).map(|(seen, stream)| {
        let committed = if is_any { Layout::committed() } else { 0.0 };
        let mut sum = real(seen.slots - seen.skipped) * committed;
        let stored = |(number, _): &(usize, &Changes)| {
            world.catalog.table(TableId::of(*number)).event.is_none() && is_logged(*number)
        };
        for (number, changes) in seen.changes.iter().enumerate().filter(stored) {
            let (table, weight) = (TableId::of(number), &content.weights[number]);
            sum += changes.inserted * layout.inserted(table, weight);
            sum += changes.updated * layout.updated(table, weight);
            sum += changes.deleted * layout.deleted(table, weight);
        }
        Some(sum * real(stream.slots?) / real(seen.slots.max(1)))
    });
    let run = run.sum::<Option<f64>>();
    // No more pages than there are, and no more than there are changes.
    // What is in files has none.
    let pages = tables.iter().filter(|table| table.row_bytes > 0).map(|table| {
        let changed = table.inserted? + table.updated? + table.deleted?;
        Some((table.bytes? + table.index_bytes?).min(changed.saturating_mul(3 * PAGE)))
    });
    WalOutlook {
        seed_bytes: whole(seed),
        run_bytes: run.map(whole),
        full_page_bytes_max: pages.sum::<Option<u64>>(),
    }
}

/// What streams of Firehose are too narrow for.
fn shortages(scenario: &Scenario, outlook: &Outlook) -> Vec<String> {
    let Some(length) = outlook.duration_ns else { return Vec::new() };
    let shortage = |target: &Target| {
        let TargetKind::Firehose(firehose) = &target.kind else { return None };
        bill::shortage((&target.name, firehose), &outlook.events, length)
    };
    scenario.targets.iter().filter_map(shortage).collect()
}

/// What cannot carry the peak.
fn warnings(outlook: &Outlook) -> Vec<String> {
    let mut warnings = Vec::new();
    for DatabaseNeeds { database, target, peak_rate, service_ns, needed, connections, in_flight } in
        &outlook.connections
    {
        let most = f64::from(*connections) * f64::from(*in_flight);
        if *needed > most {
            warnings.push(format!(
                "the {connections} connections to `{database}` with {in_flight} in flight on each carry {} \
                 actions at a time, and the peak of {} keeps {needed:.0} under way at {} each: raise \
                 `connections` or `in_flight` of the target `{target}`",
                most,
                format_rate(*peak_rate),
                format_duration(Duration::from_nanos(*service_ns)),
            ));
        }
    }
    for needs in &outlook.lanes_needed {
        if needs.needed > f64::from(needs.lanes) {
            warnings.push(format!(
                "a lane has one action under way, and at its peak of {} `{}` keeps {:.0} under way on {} \
                 lanes: raise `lanes` (other lanes are other content)",
                format_rate(needs.peak_rate),
                needs.streams.join("`, `"),
                needs.needed,
                needs.lanes,
            ));
        }
    }
    warnings
}
