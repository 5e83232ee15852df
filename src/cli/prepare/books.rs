//! What is noted in the databases about how far a run is.

use crate::cli::place::connector;
use crate::cli::prepare::NOTE_WITHIN;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::books;
use crate::cli::wait::on_runtime_within;
use crate::scenario::TargetKind;
use crate::sink::postgres::mark::Books;
use crate::sink::postgres::mark::Stage;
use crate::sink::postgres::provision::SetupError;

impl Prepared {
    /// Goes on in a domain's books, where there are books, unless somebody else has gone on there.
    pub(in crate::cli) fn advance(
        &self,
        number: usize,
        from: &[Stage],
        to: Stage,
    ) -> Result<(), SetupError> {
        let domain = self.scenario.domains[number].schema.name.clone();
        self.write_books(number, async |books, client| {
            if books.advance(client, from, to).await? {
                return Ok(());
            }
            let why = "another run, or another domain of this one, has begun to load it";
            Err(SetupError::Used { domain, why: why.to_owned() })
        })
    }

    /// Goes on in a domain's books where another run stopped, with its lanes there, unless somebody else
    /// has.
    pub(in crate::cli) fn take_over(
        &self,
        number: usize,
        from: &str,
        lanes: &str,
    ) -> Result<(), SetupError> {
        let domain = self.scenario.domains[number].schema.name.clone();
        let run = self.folder.run();
        self.write_books(number, async |books, client| {
            if books.take_over(client, (from, run), lanes).await? {
                return Ok(());
            }
            let why = format!("another run has gone on where `{from}` stopped");
            Err(SetupError::Used { domain, why })
        })
    }

    /// Writes in a domain's books; does nothing where there are none.
    pub(in crate::cli) fn write_books(
        &self,
        number: usize,
        write: impl AsyncFnOnce(&Books, &tokio_postgres::Client) -> Result<(), SetupError>,
    ) -> Result<(), SetupError> {
        let domain = &self.scenario.domains[number];
        let TargetKind::Postgres(target) = &self.scenario.targets[domain.target].kind else {
            return Ok(());
        };
        let Some(books) = books(target, domain) else { return Ok(()) };
        let Some(address) = self.place.domain(&self.scenario, domain) else { return Ok(()) };
        let connect = connector(address, self.application_name());
        on_runtime_within((&self.stop, NOTE_WITHIN), async {
            let client = connect(None).await?;
            write(&books, &client).await
        })
    }
}
