//! Makes what a scenario needs on one PostgreSQL server, in the order that works: roles, databases,
//! tables, rights, publication. Safe to repeat, also after it was interrupted anywhere.

mod content;
mod databases;
mod error;
mod finish;
mod publication;
mod roles;
pub(super) mod scripts;
mod session;
pub(super) mod types;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use secrecy::SecretString;
use tokio_postgres::Client;

use crate::pace::Shard;
use crate::scenario::Domain;
use crate::scenario::PostgresTarget;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::sink::postgres::catalogue::Local;
use crate::sink::postgres::catalogue::Login;
use crate::sink::postgres::catalogue::Shared;
use crate::sink::postgres::clean;
use crate::sink::postgres::clean::OwnSlots;
use crate::sink::postgres::existing;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::mark::Mark;
use crate::sink::postgres::mark::Stage;
use crate::sink::postgres::mark::shards::refusal;
use crate::sink::postgres::preflight::check_names;

pub use error::ObjectKind;
pub use error::SetupError;
pub use session::Connecting;
pub use session::Servers;

pub(super) use error::DEPENDENTS_EXIST;
pub(super) use publication::published;
pub(super) use session::alone;
pub(super) use session::atomically;

/// The passwords of a domain's logins. They are sent as SCRAM verifiers only.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// Of the application's login.
    pub application: SecretString,
    /// Of the login of change data capture.
    pub capture: SecretString,
}

/// What a set-up did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupReport {
    /// The start of the data, in microseconds since 1970: the one given, or that of the rows which
    /// an interrupted seeding left.
    pub start_us: i64,
    /// What was made, in order: ``database `orders` ``.
    pub made: Vec<String>,
    /// What a user should know, and what to do about it.
    pub notes: Vec<String>,
}

/// One server of a scenario, and what the scenario wants there.
#[derive(Debug, Clone)]
pub struct Provisioner<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) settings: &'a PostgresTarget,
    /// The domains on this server, each with its index in the scenario.
    pub(super) domains: Vec<(usize, &'a Domain)>,
    pub(super) servers: Servers<'a>,
    /// Set for one of several processes that play a run together.
    shard: Option<Shard>,
    /// Whether a run is to go on where another stopped.
    is_continued: bool,
    /// Slots that go with their databases.
    pub(super) slots: OwnSlots,
}

impl<'a> Provisioner<'a> {
    /// For the target of this index; `None` if that is no PostgreSQL server.
    pub fn new(scenario: &'a Scenario, target: usize, servers: Servers<'a>) -> Option<Self> {
        let TargetKind::Postgres(settings) = &scenario.targets.get(target)?.kind else {
            return None;
        };
        let domains = scenario.domains.iter().enumerate();
        let domains = domains.filter(|(_, domain)| domain.target == target).collect();
        let (shard, is_continued, slots) = (None, false, OwnSlots::default());
        Some(Self { scenario, settings, domains, servers, shard, is_continued, slots })
    }

    /// The same for a scenario whose connectors have these slots.
    #[must_use]
    pub fn with_slots(self, slots: OwnSlots) -> Self {
        Self { slots, ..self }
    }

    /// The same for a shard: what others have set up for the same run is as it should be.
    #[must_use]
    pub fn of_shard(self, shard: Option<Shard>) -> Self {
        Self { shard, ..self }
    }

    /// What the books of its domains say, by the domain's index in the scenario. An error where the marks
    /// do not fit this scenario. Changes nothing.
    pub async fn marks(&self) -> Result<Vec<(usize, Mark)>, SetupError> {
        let mut marks = Vec::new();
        match self.settings.provision {
            Provision::Databases => {
                let control = self.servers.open(None).await?;
                let shared = Shared::read(&control, &self.domains()).await?;
                shared.refuse_foreign()?;
                for (database, domains) in self.by_database() {
                    if shared.databases.get(database).is_some_and(|found| !found.is_broken) {
                        let client = self.servers.open(Some(database)).await?;
                        marks.extend(read_marks(&client, &domains).await?);
                    }
                }
            }
            Provision::Schemas => {
                let client = self.servers.open(None).await?;
                marks.extend(read_marks(&client, &self.domains()).await?);
            }
            Provision::Nothing => {}
        }
        self.agreed_start(&marks, 0)?;
        let number = |domain: &Domain| {
            let found = self.domains.iter().find(|(_, own)| std::ptr::eq(*own, domain));
            found.map_or(0, |(number, _)| *number)
        };
        Ok(marks.into_iter().map(|(domain, mark)| (number(domain), mark)).collect())
    }

    /// The database that a domain's sessions use; `None` stands for the one that the URL names.
    pub fn database_of<'d>(&self, domain: &'d Domain) -> Option<&'d str> {
        (self.settings.provision != Provision::Schemas).then_some(domain.database.as_str())
    }

    /// The same for a run that goes on where another stopped: what that left is as it should be.
    #[must_use]
    pub fn continued(self, is_continued: bool) -> Self {
        Self { is_continued, ..self }
    }

    /// Makes all that the scenario needs and keeps rows that are seeded already. With `fresh`,
    /// everything marked is dropped first. `passwords` has one entry for each of the scenario's
    /// domains; a login without one keeps the password it has. Nothing is changed before it is
    /// known that nothing foreign stands in the way.
    pub async fn setup(
        &self,
        passwords: &[Passwords],
        start_us: i64,
        fresh: bool,
    ) -> Result<SetupReport, SetupError> {
        for domain in self.domains() {
            check_names(domain, &self.scenario.cdc.publication)?;
        }
        let mut report = SetupReport { start_us, made: Vec::new(), notes: Vec::new() };
        match self.settings.provision {
            Provision::Databases => self.setup_databases(passwords, fresh, &mut report).await?,
            Provision::Schemas => self.setup_schemas(fresh, &mut report).await?,
            Provision::Nothing => existing::verify(self).await?,
        }
        Ok(report)
    }

    async fn setup_databases(
        &self,
        passwords: &[Passwords],
        fresh: bool,
        report: &mut SetupReport,
    ) -> Result<(), SetupError> {
        let control = self.servers.open_locked(None).await?;
        let login = Login::read(&control).await?;
        let mut shared = Shared::read(&control, &self.domains()).await?;
        shared.refuse_foreign()?;
        if fresh {
            let cleaned = clean::databases(self, &control, &login, &shared).await?;
            let dropped = |slot: &String| format!("dropped the replication slot `{slot}`");
            report.notes.extend(cleaned.slots.iter().map(dropped));
            shared = Shared::read(&control, &self.domains()).await?;
        }
        let mut marks = Vec::new();
        for (database, domains) in self.by_database() {
            if shared.databases.get(database).is_some_and(|found| !found.is_broken) {
                let client = self.servers.open_locked(Some(database)).await?;
                marks.extend(read_marks(&client, &domains).await?);
            }
        }
        report.start_us = self.agreed_start(&marks, report.start_us)?;
        if self.is_made_for_shards(&marks) {
            return Ok(());
        }

        let mut setup = Setup { provisioner: self, control: &control, login, shared, report };
        for (index, domain) in &self.domains {
            roles::make(&mut setup, domain, passwords.get(*index)).await?;
        }
        databases::make(&mut setup).await?;
        for (database, domains) in self.by_database() {
            let client = self.servers.open_locked(Some(database)).await?;
            for domain in &domains {
                content::fill(self, &client, domain, report).await?;
            }
            publication::bring_up_to_date(self, &client, &domains, report).await?;
            self.hand_over(&client, &domains).await?;
        }
        Ok(())
    }

    async fn setup_schemas(&self, fresh: bool, report: &mut SetupReport) -> Result<(), SetupError> {
        let client = self.servers.open_locked(None).await?;
        let publication = &self.scenario.cdc.publication;
        let local = Local::read(&client, &self.domains(), publication).await?;
        local.refuse_foreign(publication)?;
        if fresh {
            clean::refuse_runs_on_schemas(self, &client).await?;
            clean::schemas(self, &client, &local).await?;
        }
        let marks = read_marks(&client, &self.domains()).await?;
        report.start_us = self.agreed_start(&marks, report.start_us)?;
        if self.is_made_for_shards(&marks) {
            return Ok(());
        }
        for domain in self.domains() {
            content::fill(self, &client, domain, report).await?;
        }
        publication::bring_up_to_date(self, &client, &self.domains(), report).await?;
        self.hand_over(&client, &self.domains()).await
    }

    /// Tells other shards that the set-up is over: who comes later must not do it again, for it would be
    /// in the way of who seeds.
    async fn hand_over(&self, client: &Client, domains: &[&Domain]) -> Result<(), SetupError> {
        for domain in domains.iter().filter(|_| self.shard.is_some()) {
            let books = Books::beside(&domain.namespace);
            books.advance(client, &[Stage::Made], Stage::Seeding).await?;
        }
        Ok(())
    }

    pub(super) fn domains(&self) -> Vec<&'a Domain> {
        self.domains.iter().map(|(_, domain)| *domain).collect()
    }

    /// The domains on this server, by the database they live in.
    pub(super) fn by_database(&self) -> BTreeMap<&'a str, Vec<&'a Domain>> {
        let mut databases: BTreeMap<&str, Vec<&Domain>> = BTreeMap::new();
        for domain in self.domains() {
            databases.entry(&domain.database).or_default().push(domain);
        }
        databases
    }

    /// The start that rows seeded already were made for, or `wanted`. An error where the marks do
    /// not fit this scenario.
    fn agreed_start(&self, marks: &[(&Domain, Mark)], wanted: i64) -> Result<i64, SetupError> {
        let used = |domain: &Domain, why: String| {
            Err(SetupError::Used { domain: domain.schema.name.clone(), why })
        };
        let mut starts = BTreeSet::new();
        for (domain, mark) in marks {
            if mark.hash != self.scenario.hash || mark.seed != self.scenario.seed {
                let (name, seed) = (&mark.scenario, mark.seed);
                let what = match mark.stage {
                    Stage::Made => "set up, and not yet seeded,",
                    Stage::Seeding | Stage::Seeded => "seeded",
                    Stage::Loading | Stage::Loaded => "seeded and loaded",
                };
                let mut why = format!("it was {what} for another state of `{name}` (seed {seed})");
                if self.is_continued {
                    why.push_str(", and only the same files and options go on from there");
                }
                return used(domain, why);
            }
            if self.is_continued && mark.stage < Stage::Loading {
                return Err(nothing_to_continue(domain));
            }
            if mark.stage >= Stage::Loading && !self.is_continued && !self.is_beside(mark) {
                if let Some(why) = self.beside_refusal(mark) {
                    return used(domain, why);
                }
                let run = mark.run.as_deref().map(|run| format!(" `{run}`")).unwrap_or_default();
                let why = "has changed its rows, and `run --continue` goes on where it stopped";
                return used(domain, format!("a run{run} {why}"));
            }
            if mark.stage > Stage::Made {
                starts.insert(mark.start_us);
            }
            if starts.len() > 1 {
                return used(
                    domain,
                    "it was seeded for another start than its neighbours".to_owned(),
                );
            }
        }
        let has_mark = |domain: &Domain| marks.iter().any(|(own, _)| std::ptr::eq(*own, domain));
        let unmarked = self.domains().into_iter().find(|domain| !has_mark(domain));
        if let Some(domain) = unmarked.filter(|_| self.is_continued) {
            return Err(nothing_to_continue(domain));
        }
        Ok(starts.first().copied().unwrap_or(wanted))
    }

    /// Whether other shards have made all that this one needs. Seeding begins when the set-up is over.
    fn is_made_for_shards(&self, marks: &[(&Domain, Mark)]) -> bool {
        let is_made = |mark: &Mark| mark.stage >= Stage::Seeding && mark.shards.is_some();
        self.shard.is_some()
            && marks.len() == self.domains.len()
            && marks.iter().all(|(_, mark)| is_made(mark))
    }

    /// Why this shard may not begin beside those that have.
    fn beside_refusal(&self, mark: &Mark) -> Option<String> {
        let begun = mark.shards.as_deref().filter(|begun| !begun.is_empty())?;
        refusal(begun, self.shard?)
    }

    /// Whether this is a shard of the run that loads the domain.
    fn is_beside(&self, mark: &Mark) -> bool {
        let has_others = mark.shards.as_ref().is_some_and(|begun| !begun.is_empty());
        self.shard.is_some()
            && mark.stage == Stage::Loading
            && has_others
            && self.beside_refusal(mark).is_none()
    }
}

fn nothing_to_continue(domain: &Domain) -> SetupError {
    SetupError::Local(format!(
        "`--continue`: no run has loaded `{}` there yet; leave `--continue` out to begin one",
        domain.schema.name
    ))
}

/// A set-up under way: what its steps share.
struct Setup<'s> {
    provisioner: &'s Provisioner<'s>,
    /// The session that holds the lock, outside the domains' databases.
    control: &'s Client,
    login: Login,
    shared: Shared,
    report: &'s mut SetupReport,
}

async fn read_marks<'d>(
    client: &Client,
    domains: &[&'d Domain],
) -> Result<Vec<(&'d Domain, Mark)>, SetupError> {
    let mut marks = Vec::new();
    for domain in domains {
        if let Some(mark) = Books::beside(&domain.namespace).read(client).await? {
            marks.push((*domain, mark));
        }
    }
    Ok(marks)
}
