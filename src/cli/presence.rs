//! Says in the databases that a run is at work there, until its verdict stands: whoever would drop them beside it
//! is refused.

use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::cli::doctor::databases;
use crate::cli::place::connector;
use crate::cli::prepare::NOTE_WITHIN;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::books;
use crate::engine::seed::unless_cancelled;
use crate::engine::stop::Stop;
use crate::measure::Feed;
use crate::scenario::TargetKind;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::control::keep;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::presence::announce;
use crate::sink::postgres::provision::SetupError;

/// A run is at work for as long as this lives.
#[derive(Debug)]
pub(super) struct Presence {
    /// Drives a session in each database, and makes a lost one anew.
    runtime: Option<Runtime>,
}

impl Presence {
    /// Says so in each database that the run has made something in. Where that cannot be said, people are told.
    pub(super) fn announce(
        prepared: &Prepared,
        (feed, stop): (&Feed, &Stop),
    ) -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("presence").enable_all().build()?;
        for (address, books) in made(prepared) {
            let place = Place { address, books, application: prepared.application_name() };
            match runtime.block_on(unless_cancelled(stop, place.say())) {
                Ok(session) => drop(runtime.spawn(place.keep(session))),
                Err(error) => feed.message(format!(
                    "nobody else can see that this run is at work in `{}`: {error}",
                    place.address.database()
                )),
            }
        }
        Ok(Self { runtime: Some(runtime) })
    }
}

impl Drop for Presence {
    /// A server that does not answer holds up nobody.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A database in which it is said.
struct Place {
    address: Address,
    /// Of the domains there.
    books: Vec<Books>,
    application: String,
}

impl Place {
    async fn say(&self) -> Result<Client, SetupError> {
        let said = async {
            let client = connector(self.address.clone(), self.application.clone())(None).await?;
            for books in &self.books {
                announce(&client, books).await?;
            }
            Ok(client)
        };
        let late = |_| Err(SetupError::Local("it did not answer in time".to_owned()));
        timeout(NOTE_WITHIN, said).await.unwrap_or_else(late)
    }

    /// Says it again whenever the session is lost: a run may survive its server's restart.
    async fn keep(self, session: Client) {
        // What is wrong with the server is said by those who work there.
        keep(session, || async { self.say().await.ok() }).await;
    }
}

/// The databases in which the run has made something, each with the books of the domains there.
fn made(prepared: &Prepared) -> Vec<(Address, Vec<Books>)> {
    let (scenario, place) = (&prepared.scenario, &prepared.place);
    let mut all = Vec::new();
    for (number, target) in scenario.targets.iter().enumerate() {
        let TargetKind::Postgres(target) = &target.kind else { continue };
        for domains in databases(scenario, place, number).into_values() {
            let domains: Vec<_> = domains.iter().map(|it| &scenario.domains[*it]).collect();
            let books: Vec<_> = domains.iter().filter_map(|it| books(target, it)).collect();
            let address = domains.first().and_then(|it| place.domain(scenario, it));
            all.extend(address.filter(|_| !books.is_empty()).map(|address| (address, books)));
        }
    }
    all
}
