//! Far ends whose tables are looked at: how all rows stand there at the end, held against what they must be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio_postgres::Client;

use crate::cli::ledger::files;
use crate::cli::observe::replicas;
use crate::cli::place::Place;
use crate::cli::place::connector;
use crate::cli::prepare::Prepared;
use crate::cli::wait::on_runtime_until;
use crate::engine::stop::Halt;
use crate::measure::Feed;
use crate::measure::Findings;
use crate::measure::SurfaceFindings;
use crate::measure::Verification;
use crate::observe::Source;
use crate::replay::Past;
use crate::replay::Replay;
use crate::replay::Standing;
use crate::scenario::Observer;
use crate::scenario::Replica;
use crate::scenario::Scenario;
use crate::sink::postgres::provision::SetupError;
use crate::verify::source;

/// How long that may take, once a copy has had its time: all rows are read, up to three times.
const WITHIN: Duration = Duration::from_mins(45);

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

/// Judges how the rows stand, `since` their sources are as they stay. Returns why that could not be done.
pub(super) fn judge(
    prepared: &Prepared,
    findings: &mut Findings,
    since: Instant,
    (feed, halt): (&Feed, &Halt),
) -> Vec<String> {
    let mut reasons = Vec::new();
    for (number, replica) in polled(prepared) {
        let Some(found) = findings.surfaces.get_mut(number) else { continue };
        let until = since + replica.within;
        let standing = stand(prepared, (number, replica), until, (feed, halt));
        let limit = WITHIN + until.saturating_duration_since(Instant::now());
        let judged = on_runtime_until((halt.clone(), limit), standing);
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

/// A replica whose rows are compared.
#[derive(Debug)]
pub(in crate::cli) struct Compared<'a> {
    /// Where its databases are.
    sources: Vec<Source>,
    replica: &'a Replica,
    /// Who asks.
    application: String,
}

impl<'a> Compared<'a> {
    pub(in crate::cli) fn new(
        at: (&Scenario, &Place),
        (observer, replica): (&Observer, &'a Replica),
        application: &str,
    ) -> Result<Self, SetupError> {
        let sources = replicas(at, observer, replica)?;
        Ok(Self { sources, replica, application: application.to_owned() })
    }

    /// Whether the rows of a domain come there.
    pub(in crate::cli) fn has(&self, domain: usize) -> bool {
        self.sources.iter().any(|source| source.domains.contains(&domain))
    }

    /// How its rows stand. One that is only behind is compared again and again, as not all that it has yet to get can
    /// be looked for: what differs is a fault once it has had its time. `tell` hears that it is waited for.
    pub(in crate::cli) async fn stand(
        &self,
        replay: &Replay,
        until: Instant,
        mut tell: impl FnMut(),
    ) -> Result<Standing, SetupError> {
        let expected = replay.expected()?;
        let mut pause = self.replica.every.unwrap_or_default();
        while Instant::now() < until {
            let begun = Instant::now();
            let sessions = self.sessions().await?;
            if let Some(standing) = replay.judge_if_it_holds(&expected, &sessions).await? {
                return Ok(standing);
            }
            drop(sessions);
            tell();
            // The server there has other work, too.
            pause = pause.max(begun.elapsed());
            sleep_until(until.min(Instant::now() + pause)).await;
        }
        replay.judge(&self.sessions().await?).await
    }

    /// Sessions with its databases, by domain; in each, all that is read stands still.
    async fn sessions(&self) -> Result<BTreeMap<usize, Client>, SetupError> {
        let mut sessions = BTreeMap::new();
        for source in &self.sources {
            for domain in &source.domains {
                let application = self.application.clone();
                let client = connector(source.address.clone(), application)(None).await?;
                source::hold_still(&client, None).await?;
                sessions.insert(*domain, client);
            }
        }
        Ok(sessions)
    }
}

/// How the rows of a replica stand, and why that is not certain, if it is not.
async fn stand(
    prepared: &Prepared,
    (number, replica): (usize, &Replica),
    until: Instant,
    (feed, halt): (&Feed, &Halt),
) -> Result<(Standing, Option<String>), SetupError> {
    let local = |error: String| SetupError::Local(error);
    let world = &prepared.world;
    let past = Past::read(files(&prepared.folder), world).map_err(|it| local(it.to_string()))?;
    let lost = past.gaps.lost;
    let (at, observer) =
        ((&*prepared.scenario, &prepared.place), &prepared.scenario.observers[number]);
    let copy = Compared::new(at, (observer, replica), &prepared.application_name())?;
    let replay = replay(prepared, (past, halt), |domain| copy.has(domain));
    let mut is_told = false;
    let standing = copy.stand(&replay, until, || {
        if !std::mem::replace(&mut is_told, true) {
            feed.message(format!(
                "the rows at `{}` are not what they must be yet; they are compared again until `within` is over",
                observer.name
            ));
        }
    });
    let standing = standing.await?;
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
