//! What several processes that play one run need, and how they keep out of each other's way.

use std::time::Duration;

use crate::cli::Refusal;
use crate::cli::prepare::Prepared;
use crate::generate::World;
use crate::pace::Shard;
use crate::scenario::Brokers;
use crate::scenario::FirehoseEndpoint;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::Server;
use crate::scenario::Start;
use crate::scenario::TargetKind;
use crate::sink::postgres::mark::shards::Claim;
use crate::sink::postgres::provision::Connecting;
use crate::sink::postgres::provision::Servers;
use crate::sink::postgres::provision::SetupError;

/// How long a shard waits for those that set up the same server before it.
const PATIENCE: Duration = Duration::from_mins(5);

/// The longest part of the scenario's name in that of a shard's run, in characters.
const NAME_MAX: usize = 60;

/// Which place a shard had among all, in each domain.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Turns {
    /// The name of the run of all shards; `None` where there are no books.
    pub(in crate::cli) together: Option<String>,
    /// By domain: whether nobody had loaded it before.
    pub(in crate::cli) is_first: Vec<bool>,
    /// By domain: whether everybody else had ended when it had.
    pub(in crate::cli) is_last: Vec<bool>,
}

impl Turns {
    /// Of a whole run: it is first and last everywhere.
    pub(in crate::cli) fn alone(domains: usize) -> Self {
        Self { together: None, is_first: vec![true; domains], is_last: vec![true; domains] }
    }
}

/// What a shard's run is called by, if the scenario may be played in shards.
pub(super) fn label(scenario: &Scenario, shard: Shard) -> Result<String, Refusal> {
    if let Some(why) = unfit(scenario, shard) {
        return Err(Refusal { text: format!("error: `--shard {shard}`: {why}"), code: 4 });
    }
    let name: String = scenario.name.chars().take(NAME_MAX).collect();
    Ok(format!("{name}-{}of{}", shard.number, shard.of))
}

/// Why a scenario cannot be played in so many shards.
fn unfit(scenario: &Scenario, shard: Shard) -> Option<String> {
    if scenario.start == Start::Now {
        let how = "write `start: 2026-01-01T00:00:00Z`, or give `--set start=…`";
        return Some(format!("all shards need the same start; {how}"));
    }
    if let Some(target) = scenario.targets.iter().find_map(|target| {
        let why = unfit_target(scenario, &target.kind)?;
        Some(format!("the target `{}` {why}", target.name))
    }) {
        return Some(target);
    }
    if let Some(observer) = scenario.observers.first() {
        return Some(format!(
            "the observer `{}` would take what the other shards change for made up; leave `observe` \
             out, and read the far end by a run of its own",
            observer.name
        ));
    }
    if !scenario.load.steps.is_empty() {
        return Some(
            "its `steps` would happen in each of them; leave them out of shards".to_owned(),
        );
    }
    let mut watched = scenario.thresholds.iter().filter(|it| it.is_watched());
    if let Some(threshold) = watched.find(|threshold| threshold.is_of_amounts()) {
        return Some(format!(
            "the threshold `{}` is looked at each second and is of how much is done, of which a shard \
             knows its own part only; let it be of the whole run (no `over` a duration, no `action: \
             abort`): then `loadgen merge` judges it",
            threshold.title()
        ));
    }
    let world = World::new(scenario, 0);
    let lanes = (0..world.groups.len()).map(|group| world.lanes_of(group)).max()?;
    (shard.of > lanes).then(|| {
        format!("there are {lanes} lanes, and a shard needs one at least: take fewer shards or more `lanes`")
    })
}

fn unfit_target(scenario: &Scenario, target: &TargetKind) -> Option<&'static str> {
    match target {
        TargetKind::Postgres(PostgresTarget { server: Server::Embedded(_), .. }) => Some(
            "is an embedded server, which each shard would have for itself; name one that all reach",
        ),
        TargetKind::Postgres(PostgresTarget { provision: Provision::Nothing, .. }) => Some(
            "has tables that loadgen did not make (`provision: nothing`): there are no books in which \
             shards could tell each other what they have done",
        ),
        TargetKind::Postgres(PostgresTarget { provision: Provision::Databases, .. })
            if scenario.cdc.application_password.is_none() || scenario.cdc.password.is_none() =>
        {
            Some(
                "has logins whose passwords would be generated, and all shards must know them: set \
                 `cdc.application_password` and `cdc.password`, from the environment",
            )
        }
        TargetKind::Kafka(kafka) if matches!(kafka.brokers, Brokers::Embedded) => Some(
            "is an embedded broker, which each shard would have for itself; name one that all reach",
        ),
        TargetKind::Firehose(firehose)
            if matches!(firehose.endpoint, FirehoseEndpoint::Embedded(_)) =>
        {
            Some(
                "is an embedded stand-in, which each shard would have for itself; name an endpoint that \
                 all reach",
            )
        }
        TargetKind::Lines(_) => {
            Some("writes files, which each shard would make for itself; let one process write them")
        }
        _ => None,
    }
}

impl Prepared {
    /// How set-up reaches a server: shards wait longer for each other.
    pub(super) fn control<'a>(
        &self,
        connect: &'a (dyn Fn(Option<&str>) -> Connecting + Sync),
    ) -> Servers<'a> {
        let servers = Servers::new(connect);
        if self.shard.is_some() { servers.patience(PATIENCE) } else { servers }
    }

    /// Enters a shard in a domain's books; `None` where there are none.
    pub(in crate::cli) fn begin_shard(
        &self,
        number: usize,
        shard: Shard,
    ) -> Result<Option<Claim>, SetupError> {
        let domain = &self.scenario.domains[number].schema.name;
        let run = self.folder.run();
        let mut claim = None;
        self.write_books(number, async |books, client| {
            match books.begin_shard(client, shard, run).await? {
                Ok(made) => claim = Some(made),
                Err(why) => return Err(SetupError::Used { domain: domain.clone(), why }),
            }
            Ok(())
        })?;
        Ok(claim)
    }
}
