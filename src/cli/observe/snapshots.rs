//! Rows of snapshots that came among the changes: held against the versions that their rows have had.

use crate::cli::ledger::files;
use crate::cli::observe::polled::replay;
use crate::cli::prepare::Prepared;
use crate::engine::stop::Halt;
use crate::measure::Feed;
use crate::measure::Findings;
use crate::measure::Verification;
use crate::replay::Observations;
use crate::replay::Past;

/// Judges them. Returns why that could not be done.
pub(super) fn judge(
    prepared: &Prepared,
    findings: &mut Findings,
    told: (&Feed, &Halt),
) -> Option<String> {
    if findings.surfaces.iter().all(|found| found.snapshot_rows == 0) {
        return None;
    }
    let held = hold(prepared, findings, told);
    held.err().map(|why| format!("rows of snapshots could not be judged: {why}"))
}

fn hold(
    prepared: &Prepared,
    findings: &mut Findings,
    (feed, halt): (&Feed, &Halt),
) -> Result<(), String> {
    let (world, files) = (&prepared.world, files(&prepared.folder));
    if prepared.stopped.is_some() {
        return Err(
            "a run that goes on where another stopped does not know all versions".to_owned()
        );
    }
    let observers = &prepared.scenario.observers;
    let seen = Observations::read(files, &world.catalog, observers.len());
    let seen = seen.map_err(|error| error.to_string())?;
    let seen = seen.ok_or("what was observed is not kept (`ledger: { trace: false }`)")?;
    for ((mut seen, observer), found) in seen.into_iter().zip(observers).zip(&mut findings.surfaces)
    {
        if found.snapshot_rows == 0 {
            continue;
        }
        seen.arrivals = observer.arrivals();
        let past = Past::read(files, world).map_err(|error| error.to_string())?;
        let replay = replay(prepared, (past, halt), |domain| observer.domains.contains(&domain));
        let verdict = replay.snapshots(&observer.name, &seen, &replay.is_judged);
        let verdict = verdict.map_err(|error| error.to_string())?;
        let all = &mut found.verification;
        *all = Verification::sum(&[all, &verdict.verification]);
        let (judged, left) = (verdict.judged, verdict.left);
        let left = match left {
            0 => String::new(),
            left => format!(", and {left} of which nobody can tell what they must be were not"),
        };
        feed.message(format!(
            "at the observer `{}`, {judged} rows of snapshots were held against the versions of their rows{left}",
            observer.name
        ));
    }
    Ok(())
}
