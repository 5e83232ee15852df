//! The tables filled, and all that follows the last row.

use std::sync::Arc;

use crate::action::TableId;
use crate::cli::Refusal;
use crate::cli::lines;
use crate::cli::place::connector;
use crate::cli::prepare::MAKE_WITHIN;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::books;
use crate::cli::wait::past_deadlocks;
use crate::engine::seed;
use crate::engine::seed::Seeded;
use crate::engine::seed::Seeding;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::measure::Feed;
use crate::measure::Phase;
use crate::scenario::PostgresTarget;
use crate::scenario::TargetKind;
use crate::sink::postgres::mark::Stage;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::Servers;
use crate::sink::postgres::provision::SetupError;

impl Prepared {
    /// Seeds every domain, and notes in its books how far it is.
    pub(super) fn fill(&mut self, feed: &Feed, stop: &Stop) -> Result<(), Refusal> {
        feed.phase(Phase::Seeding);
        self.seeded = vec![0; self.world.table_count()];
        for number in 0..self.scenario.domains.len() {
            self.fill_domain(number, feed, stop).map_err(|error| Refusal::setup(&error))?;
        }
        Ok(())
    }

    fn fill_domain(&mut self, number: usize, feed: &Feed, stop: &Stop) -> Result<(), SetupError> {
        let scenario = Arc::clone(&self.scenario);
        let domain = &scenario.domains[number];
        let TargetKind::Postgres(target) = &scenario.targets[domain.target].kind else {
            match lines::seed(self, number, (feed, stop))? {
                Some(seeded) => self.note_seeded(&seeded),
                None => self.fill_nothing(number),
            }
            return Ok(());
        };
        let Some(address) = self.place.domain(&scenario, domain) else { return Ok(()) };
        let seeding = Seeding {
            world: Arc::clone(&self.world),
            domain: number,
            address,
            application_name: self.application_name(),
            books: books(target, domain),
            connections: seed_connections(target),
            feed: feed.clone(),
            stop: stop.clone(),
            guard: self.guard.guard(),
        };
        let turn = match self.shard {
            // The first shard seeds; who comes later waits until it has.
            Some(_) => Some(seed::turn(&seeding)?),
            None => None,
        };
        let is_seeded = match &turn {
            None => false,
            Some(turn) => !turn.has_come() || self.is_seeded(number)?,
        };
        if is_seeded {
            self.note_seeded(&seed::counted(&seeding)?);
            return Ok(());
        }
        // Of several that are at work here at once, one goes on at each step.
        self.advance(number, &[Stage::Made, Stage::Seeding, Stage::Seeded], Stage::Seeding)?;
        self.note_seeded(&seed::seed(&seeding)?);
        if stop.level() == Level::Run {
            self.finish_domain(number)?;
            self.advance(number, &[Stage::Seeding, Stage::Seeded], Stage::Seeded)?;
        }
        Ok(())
    }

    fn note_seeded(&mut self, all: &[Seeded]) {
        for seeded in all {
            self.seeded[usize::from(seeded.table.0)] = seeded.rows;
        }
    }

    /// Whether the books say that a domain is seeded.
    fn is_seeded(&self, number: usize) -> Result<bool, SetupError> {
        let mut stage = None;
        self.write_books(number, async |books, client| {
            stage = books.read(client).await?.map(|mark| mark.stage);
            Ok(())
        })?;
        Ok(stage.is_some_and(|stage| stage >= Stage::Seeded))
    }

    /// A target that keeps nothing is as full as it should be.
    fn fill_nothing(&mut self, domain: usize) {
        for number in 0..self.world.table_count() {
            let table = TableId::of(number);
            if self.world.catalog.table(table).domain == domain {
                self.seeded[number] = self.world.seeded_count(table);
            }
        }
    }

    /// Sequences beyond our keys, fresh statistics.
    pub(in crate::cli) fn finish_domain(&self, number: usize) -> Result<(), SetupError> {
        let domain = &self.scenario.domains[number];
        let Some(address) = self.place.address(domain.target).cloned() else { return Ok(()) };
        let connect = connector(address, self.application_name());
        let provisioner = Provisioner::new(&self.scenario, domain.target, Servers::new(&connect));
        let Some(provisioner) = provisioner else { return Ok(()) };
        let keys_max: Vec<_> =
            self.tables_of(number).map(|table| self.world.key_max(table)).collect();
        let limits = (&self.stop, MAKE_WITHIN);
        past_deadlocks(limits, || provisioner.finish_seed(domain, &keys_max))
    }
}

/// Seeding is bound by processors: more connections than twice their number only get in the way.
fn seed_connections(target: &PostgresTarget) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    (target.connections as usize).clamp(1, processors * 2)
}
