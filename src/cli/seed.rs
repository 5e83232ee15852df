//! `setup` and `seed`: the parts of `run` that come before the load.

use std::fmt::Write as _;

use crate::cli::Refusal;
use crate::cli::SetupArguments;
use crate::cli::complain;
use crate::cli::output::Output;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::Until;
use crate::cli::prepare::prepare;
use crate::cli::read;
use crate::cli::signals;
use crate::engine::stop::Stop;
use crate::measure::End;
use crate::report::Progress;
use crate::scenario::Server;
use crate::scenario::TargetKind;

/// Exit code where the slot guard ended it.
const STOPPED: u8 = 5;
/// Exit code where a file could not be written to its end.
const UNWRITTEN: u8 = 4;

/// `loadgen setup`.
pub(super) fn setup(arguments: &SetupArguments) -> u8 {
    part(arguments, Until::Made)
}

/// `loadgen seed`.
pub(super) fn seed(arguments: &SetupArguments) -> u8 {
    part(arguments, Until::Seeded)
}

fn part(arguments: &SetupArguments, until: Until<'_>) -> u8 {
    let scenario = match read(&arguments.subject.scenario, &arguments.overrides()) {
        Ok(scenario) => scenario,
        Err(refusal) => return refusal.report(),
    };
    let is_embedded = scenario.targets.iter().any(|target| {
        matches!(&target.kind, TargetKind::Postgres(target) if matches!(target.server, Server::Embedded(_)))
    });
    if is_embedded && !arguments.keep {
        complain("note: an embedded server goes with its run; `--keep` leaves it running");
    }
    let progress = Progress::start();
    let stop = Stop::default();
    let prepared = signals::listen(stop.clone(), progress.feed())
        .map_err(|error| Refusal::setup(&error))
        .and_then(|()| prepare(arguments, scenario, until, (&progress.feed(), &stop)));
    progress.finish();
    match prepared {
        Ok(prepared) => {
            prepared.folder.begun();
            let unwritten = prepared.lines.close();
            for error in &unwritten {
                complain(&format!("error: {error}"));
            }
            let is_taken = prepared.scenario.has_stdout();
            let mut output = if is_taken { Output::aside() } else { Output::default() };
            output.say(&closing(&prepared, until));
            prepared.place.close(arguments.keep).iter().for_each(|note| complain(note));
            output.end(match stop.end() {
                End::Complete if unwritten.is_empty() => 0,
                End::Complete => UNWRITTEN,
                End::Stopped(reason) => {
                    complain(&format!("stopped: {reason}"));
                    STOPPED
                }
                _ => 105,
            })
        }
        Err(refusal) => refusal.report_unless_cancelled(&stop),
    }
}

fn closing(prepared: &Prepared, until: Until<'_>) -> String {
    let mut text = String::new();
    for (number, table) in prepared.world.catalog.tables.iter().enumerate() {
        let domain = &prepared.scenario.domains[table.domain];
        let is_elsewhere = prepared.scenario.is_stored(domain) && !prepared.is_stored(table);
        if prepared.scenario.is_external(domain) || is_elsewhere || table.same_as.is_some() {
            continue;
        }
        let name = format!("{}.{}.{}", prepared.database_of(table), table.namespace, table.name);
        // Writing to a string does not fail.
        let _ = match until {
            Until::Made => writeln!(text, "{name}"),
            Until::Seeded
            | Until::SeededForLoad
            | Until::SeededForShards(_)
            | Until::Continued(_) => {
                let rows = prepared.seeded.get(number).copied().unwrap_or(0);
                writeln!(text, "{name:<40} {rows:>12} rows")
            }
        };
    }
    text
}
