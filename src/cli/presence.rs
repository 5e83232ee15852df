//! Says in the databases that a run is at work there, until its verdict stands: whoever would drop them beside it
//! is refused.

use tokio::runtime::Builder;
use tokio::runtime::Runtime;
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
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::presence::announce;
use crate::sink::postgres::provision::SetupError;

/// A run is at work for as long as this lives.
#[derive(Debug)]
pub(super) struct Presence {
    /// One in each database. They go before the runtime that drives them.
    _sessions: Vec<Client>,
    _runtime: Runtime,
}

impl Presence {
    /// Says so in each database that the run has made something in. Where that cannot be said, people are told.
    pub(super) fn announce(
        prepared: &Prepared,
        (feed, stop): (&Feed, &Stop),
    ) -> std::io::Result<Self> {
        let mut sessions = Vec::new();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        for (address, books) in made(prepared) {
            let said = unless_cancelled(stop, say(prepared, &address, &books));
            match runtime.block_on(said) {
                Ok(session) => sessions.push(session),
                Err(error) => feed.message(format!(
                    "nobody else can see that this run is at work in `{}`: {error}",
                    address.database()
                )),
            }
        }
        Ok(Self { _sessions: sessions, _runtime: runtime })
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

async fn say(
    prepared: &Prepared,
    address: &Address,
    books: &[Books],
) -> Result<Client, SetupError> {
    let said = async {
        let client = connector(address.clone(), prepared.application_name())(None).await?;
        for books in books {
            announce(&client, books).await?;
        }
        Ok(client)
    };
    let late = |_| Err(SetupError::Local("it did not answer in time".to_owned()));
    tokio::time::timeout(NOTE_WITHIN, said).await.unwrap_or_else(late)
}
