//! Tables of a far end that are read again and again: a replica, or what a sink writes. What is outstanding is looked
//! for by its key, so what a look costs follows from that, and not from the size of the tables.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use futures_util::TryStreamExt;
use futures_util::stream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::Statement;
use tokio_postgres::types::FromSql;
use tokio_postgres::types::IsNull;
use tokio_postgres::types::ToSql;
use tokio_postgres::types::Type;
use tokio_postgres::types::to_sql_checked;

use crate::action::Catalog;
use crate::action::TableId;
use crate::action::TableInfo;
use crate::measure::Clock;
use crate::observe::Options;
use crate::observe::Order;
use crate::observe::Source;
use crate::observe::cells;
use crate::observe::course::each;
use crate::observe::judge::Judge;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::identifier;
use crate::sink::postgres::statement::table_name;

/// Rows of a table that one look asks for, at most.
const ROWS_MAX: usize = 10_000;
/// Questions under way on a connection.
const IN_FLIGHT: usize = 64;
/// How long a connection, or an answer, may take.
const STEP: Duration = Duration::from_secs(15);

/// Tables that are looked at again and again.
#[derive(Debug)]
pub struct Polled {
    /// The databases that they are in.
    pub sources: Vec<Source>,
    /// How often.
    pub every: Duration,
    /// How long one looks at the end for what is missing.
    pub within: Duration,
}

/// Who looks.
pub(super) struct PollReader {
    catalog: Arc<Catalog>,
    application: String,
    places: Vec<PolledDatabase>,
    every: Duration,
    within: Duration,
}

/// A database.
struct PolledDatabase {
    source: Source,
    tables: Vec<TableId>,
    session: Option<Session>,
    /// By table: when all that was outstanding of it was looked at the last time.
    looked: Vec<u64>,
    lost: Option<Instant>,
}

/// A connection, and for each table what asks for a row.
pub(super) struct Session {
    client: Client,
    statements: Vec<Statement>,
}

/// Looks whether all tables are there.
pub(super) async fn open(options: &Options, meant: &Polled) -> Result<PollReader, SetupError> {
    let catalog = &options.world.catalog;
    let mut places = Vec::new();
    for source in &meant.sources {
        let (session, tables) = reach(catalog, source, &options.application).await?;
        let (lost, looked) = (None, vec![options.clock.now(); tables.len()]);
        let (source, session) = (source.clone(), Some(session));
        places.push(PolledDatabase { source, tables, session, looked, lost });
    }
    Ok(PollReader {
        catalog: Arc::clone(catalog),
        application: options.application.clone(),
        places,
        every: meant.every,
        within: meant.within,
    })
}

/// A session in one of the databases, and the tables at which one can look there.
pub(super) async fn reach(
    catalog: &Catalog,
    source: &Source,
    application: &str,
) -> Result<(Session, Vec<TableId>), SetupError> {
    let is_here = |it: &(TableId, &TableInfo)| {
        let (id, info) = it;
        let is_theirs = info.is_row() && !catalog.is_own(*id);
        is_theirs && source.domains.contains(&info.domain)
    };
    let all = catalog.all().filter(is_here);
    let tables: Vec<TableId> =
        all.filter(|(_, info)| !info.key.is_empty()).map(|it| it.0).collect();
    Ok((connect((catalog, &tables), source, application).await?, tables))
}

async fn connect(
    (catalog, tables): (&Catalog, &[TableId]),
    source: &Source,
    application: &str,
) -> Result<Session, SetupError> {
    let connected = timeout(STEP, async {
        let client = control(&source.address, application).await?;
        let mut statements = Vec::new();
        for table in tables {
            let info = catalog.table(*table);
            let prepared = client.prepare(&question(info)).await.map_err(|error| {
                SetupError::server(
                    format!("read {} at the observer `{}`", table_name(info), source.surface),
                    &error,
                )
            });
            statements.push(prepared?);
        }
        Ok(Session { client, statements })
    });
    let late = || Err(SetupError::Local("the server did not answer".to_owned()));
    connected.await.unwrap_or_else(|_| late())
}

/// What asks for a row by its key.
fn question(info: &TableInfo) -> String {
    let columns: Vec<_> = info.columns.iter().map(|(name, _)| identifier(name)).collect();
    let key = info.key.iter().enumerate();
    let key: Vec<_> =
        key.map(|(at, column)| format!("{} = ${}", columns[*column], at + 1)).collect();
    format!("SELECT {} FROM {} WHERE {}", columns.join(", "), table_name(info), key.join(" AND "))
}

impl PollReader {
    /// Looks until nothing is missing any more. Returns whether it came so far, and what people should know.
    pub(super) async fn work(
        mut self,
        clock: Clock,
        judge: Rc<RefCell<Judge>>,
        mut orders: watch::Receiver<Order>,
    ) -> (bool, Vec<String>) {
        let mut looks = each(self.every);
        let mut ending: Option<Instant> = None;
        loop {
            let order = *orders.borrow_and_update();
            if order == Order::Abandon {
                return (false, Vec::new());
            }
            if order == Order::Finish {
                // What the engine has told before is taken first.
                let since = *ending.get_or_insert_with(Instant::now);
                let is_settled = judge.borrow().is_settled() && since.elapsed() > self.every;
                if is_settled || since.elapsed() > self.within {
                    return (true, Vec::new());
                }
            }
            let waited = tokio::select! {
                _ = looks.tick() => true,
                _ = orders.changed() => false,
            };
            if waited {
                let mut stopped = orders.clone();
                let looked = tokio::select! {
                    looked = self.look(clock, &judge) => looked,
                    _ = stopped.wait_for(|order| *order == Order::Abandon) => Ok(()),
                };
                if let Err(reason) = looked {
                    judge.borrow_mut().spoil(reason);
                    return (false, Vec::new());
                }
            }
        }
    }

    /// Looks once at all that is outstanding; at what cannot be reached, later.
    async fn look(&mut self, clock: Clock, judge: &RefCell<Judge>) -> Result<(), String> {
        let (catalog, application) = (&self.catalog, &self.application);
        for place in &mut self.places {
            match place.look((catalog, application), clock, judge).await {
                Ok(()) => place.lost = None,
                Err(error) => {
                    place.session = None;
                    let since = *place.lost.get_or_insert_with(Instant::now);
                    if since.elapsed() > place.source.reconnect {
                        let surface = &place.source.surface;
                        return Err(format!(
                            "the observer `{surface}` could not look at `{}` any more: {error}",
                            place.source.address
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

impl PolledDatabase {
    async fn look(
        &mut self,
        (catalog, application): (&Catalog, &str),
        clock: Clock,
        judge: &RefCell<Judge>,
    ) -> Result<(), SetupError> {
        let session = match &mut self.session {
            Some(session) => session,
            empty => {
                empty.insert(connect((catalog, &self.tables), &self.source, application).await?)
            }
        };
        let tables = self.tables.iter().zip(&mut self.looked).zip(&session.statements);
        for ((table, looked), statement) in tables {
            let (info, now) = (catalog.table(*table), clock.now());
            let wanted = judge.borrow().wanted(*table, ROWS_MAX);
            let asked = wanted.iter().map(async |key| {
                let found = row(&session.client, statement, (info, key)).await?;
                Ok::<_, tokio_postgres::Error>((key, found, clock.now()))
            });
            let mut answers = stream::iter(asked).buffered(IN_FLIGHT);
            let late = |_| SetupError::Local("the server did not answer".to_owned());
            while let Some((key, found, at)) = timeout(STEP, answers.try_next())
                .await
                .map_err(late)?
                .map_err(|error| SetupError::server(format!("read {}", table_name(info)), &error))?
            {
                let place = (*table, key.as_ref());
                judge.borrow_mut().looked(place, found.as_deref(), (*looked, at));
            }
            // Of rows that were not asked for nobody knows what they were by now.
            if wanted.len() < ROWS_MAX {
                *looked = now;
            }
        }
        Ok(())
    }
}

/// The cells of the row with a key; `None` if there is none. Of several the first: a table there may have lost its key,
/// and that a row is there twice is found at the end.
async fn row(
    client: &Client,
    statement: &Statement,
    (info, key): (&TableInfo, &[u8]),
) -> Result<Option<Vec<u8>>, tokio_postgres::Error> {
    let key: Vec<_> = cells::pieces(key).map(|(_, cell)| Bytes(cell.flatten())).collect();
    let key: Vec<_> = key.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
    let all = client.query(statement, &key).await?;
    let Some(found) = all.first() else { return Ok(None) };
    let mut row = Vec::new();
    for (column, (_, kind)) in info.columns.iter().enumerate() {
        match found.try_get(column)? {
            Bytes(Some(bytes)) => cells::push(*kind, bytes, &mut row),
            Bytes(None) => cells::push_null(&mut row),
        }
    }
    Ok(Some(row))
}

/// A value of any type, in its binary form.
#[derive(Debug)]
struct Bytes<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Bytes<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(bytes) = self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
