//! Far ends whose tables are looked at: how all rows stand there at the end, held against what they must be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Client;

use crate::cli::observe::replicas;
use crate::cli::place::Place;
use crate::cli::place::connector;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_until;
use crate::engine::stop::Halt;
use crate::measure::Findings;
use crate::measure::SurfaceFindings;
use crate::measure::Verification;
use crate::replay::Past;
use crate::replay::Replay;
use crate::replay::Standing;
use crate::scenario::Observer;
use crate::scenario::Replica;
use crate::scenario::Scenario;
use crate::sink::postgres::provision::SetupError;
use crate::verify::source;

/// How long that may take: all rows are read.
const WITHIN: Duration = Duration::from_mins(30);

/// The replicas that are looked at, each with its place among the observers.
fn polled(prepared: &Prepared) -> impl Iterator<Item = (usize, &Replica)> {
    let observers = prepared.scenario.observers.iter().enumerate();
    observers.filter_map(|(number, observer)| Some((number, observer.polled()?)))
}

/// Refuses a run of which nobody could tell at its end what rows must be.
pub(super) fn refuse(prepared: &Prepared) -> Result<(), SetupError> {
    let Some((number, _)) = polled(prepared).next() else { return Ok(()) };
    let name = &prepared.scenario.observers[number].name;
    let why = if prepared.stopped.is_some() {
        "a run that goes on where another stopped does not know what all rows must be"
    } else if prepared.before.iter().any(|rows| *rows > 0) {
        "there are rows of others in the tables, and nobody knows what these must be"
    } else {
        return Ok(());
    };
    Err(SetupError::Local(format!(
        "the observer `{name}` compares all rows in the end, and {why}; begin anew with `--fresh`, or read it by \
         a slot (`by: slot`)"
    )))
}

/// Judges how the rows stand. Returns why that could not be done.
pub(super) fn judge(prepared: &Prepared, findings: &mut Findings, halt: &Halt) -> Vec<String> {
    let mut reasons = Vec::new();
    for (number, replica) in polled(prepared) {
        let Some(found) = findings.surfaces.get_mut(number) else { continue };
        let standing = stand(prepared, (number, replica), halt);
        let judged = on_runtime_until((halt.clone(), WITHIN), standing);
        let reason = match judged {
            Ok((standing, doubt)) => {
                take(found, &standing);
                doubt
            }
            Err(error) => Some(error.to_string()),
        };
        reasons.extend(reason.map(|reason| {
            format!("how rows stand at `{}` could not be judged: {reason}", found.surface)
        }));
    }
    reasons
}

/// Sessions with the databases of a replica, by domain; in each, all that is read stands still.
pub(in crate::cli) async fn sessions(
    at: (&Scenario, &Place),
    (observer, replica): (&Observer, &Replica),
    application: &str,
) -> Result<BTreeMap<usize, Client>, SetupError> {
    let mut sessions = BTreeMap::new();
    for source in replicas(at, observer, replica)? {
        for domain in &source.domains {
            let client = connector(source.address.clone(), application.to_owned())(None).await?;
            source::hold_still(&client, None).await?;
            sessions.insert(*domain, client);
        }
    }
    Ok(sessions)
}

/// How the rows of a replica stand, and why that is not certain, if it is not.
async fn stand(
    prepared: &Prepared,
    (number, replica): (usize, &Replica),
    halt: &Halt,
) -> Result<(Standing, Option<String>), SetupError> {
    let local = |error: String| SetupError::Local(error);
    let world = &prepared.world;
    let past = Past::read(prepared.folder.path(), world).map_err(|it| local(it.to_string()))?;
    let lost = past.gaps.lost;
    let (at, observer) =
        ((&*prepared.scenario, &prepared.place), &prepared.scenario.observers[number]);
    let sessions = sessions(at, (observer, replica), &prepared.application_name()).await?;
    let replay = replay(prepared, (past, halt), |domain| sessions.contains_key(&domain));
    let standing = replay.judge(&sessions).await?;
    let untold = standing.untold;
    let unjudged: u64 = standing.tables.iter().map(|table| table.unjudged).sum();
    let doubt = (lost + untold + unjudged > 0).then(|| {
        format!(
            "the trace does not tell of {untold} transactions, {lost} blocks of it are missing, and of {unjudged} \
             rows nobody knows what they must be"
        )
    });
    Ok((standing, doubt))
}

/// The run, to be gone through again; what is judged are the rows of the domains that are meant.
pub(super) fn replay(
    prepared: &Prepared,
    (past, halt): (Past, &Halt),
    is_meant: impl Fn(usize) -> bool,
) -> Replay {
    let (world, halt) = (&prepared.world, halt.clone());
    let tables = world.catalog.tables.iter().take(world.table_count());
    let has_others = prepared.before.iter().map(|rows| *rows > 0).collect();
    let judged = tables.map(|info| {
        let is_judged = info.is_row() && is_meant(info.domain);
        let database =
            prepared.place.shown(&prepared.scenario, &prepared.scenario.domains[info.domain]);
        (is_judged, format!("{database}.{}.{}", info.namespace, info.name))
    });
    let (is_judged, names) = judged.unzip();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    Replay { world: Arc::clone(world), past, is_judged, has_others, names, workers, halt }
}

/// What had not been found by then is judged now by how its row stands.
fn take(found: &mut SurfaceFindings, standing: &Standing) {
    let mut stands = Verification::default();
    for table in &standing.tables {
        stands.lost += table.lost + table.unexamined;
        stands.wrong += table.wrong;
        stands.phantom += table.phantom;
    }
    let surface = &found.surface;
    let examples = standing.examples.iter().cloned();
    stands.examples =
        examples.map(|it| crate::measure::Example { surface: surface.clone(), ..it }).collect();
    let all = &mut found.verification;
    // It has come unnoticed, or is among what is not as it should be.
    all.passed_over += std::mem::take(&mut all.pending);
    *all = Verification::sum(&[all, &stands]);
}
