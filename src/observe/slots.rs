//! Makes the slots that are read, and removes them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::action::Catalog;
use crate::action::TableInfo;
use crate::observe::Options;
use crate::observe::Order;
use crate::observe::Source;
use crate::observe::SurfaceKind;
use crate::observe::postgres::catch_up;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::control;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::slot;

/// How long making or dropping the slot of one database may take.
const STEP: Duration = Duration::from_mins(1);
/// How often it is looked whether others still know whose a slot is.
const PAUSE: Duration = Duration::from_millis(250);
/// The same for all of them together, once somebody waits for the end.
const HURRY: Duration = Duration::from_secs(1);
/// So many are dropped at a time.
const AT_A_TIME: usize = 8;

/// All slots, with the numbers of their surfaces, and their names.
pub(super) fn all(options: &Options) -> Vec<(usize, &Source, String)> {
    let mut all = Vec::new();
    for (number, surface) in options.surfaces.iter().enumerate() {
        let SurfaceKind::Slots(sources) = &surface.kind else { continue };
        for source in sources {
            let name = slot::name(&options.mark, all.len());
            all.push((number, source, name));
        }
    }
    all
}

/// The slot that is read in the database of a domain, at a surface.
pub(super) fn name_of(options: &Options, surface: usize, domain: usize) -> Option<String> {
    let is_it = |it: &(usize, &Source, String)| it.0 == surface && it.1.domains.contains(&domain);
    all(options).into_iter().find(is_it).map(|(_, _, name)| name)
}

/// Sessions that say whose the slots are, also while nobody reads them. Dropped, they end.
pub(super) type Claims = JoinSet<()>;

/// Makes a slot in each database, or none.
pub(super) async fn make(
    options: &Options,
    orders: &watch::Receiver<Order>,
    notes: &mut Vec<String>,
) -> Result<Claims, SetupError> {
    // Before any is made: what is made and not read yet looks like what was left.
    for (_, source, _) in all(options) {
        let swept = timeout(STEP, sweep(options, source, notes)).await;
        swept.unwrap_or_else(|_| Err(late(source, "answer")))?;
    }
    for (_, source, _) in all(options) {
        // What was sent before the slot is there is not observed, so it must not come behind it.
        if let Some(upstream) = &source.upstream {
            catch_up(upstream, &source.address, &options.application).await?;
        }
    }
    let mut claims = Claims::new();
    for (_, source, name) in all(options) {
        let (address, application) = (source.address.clone(), options.application.clone());
        let made = timeout(STEP, async {
            let client = claim(&address, &application, &name).await?;
            make_one(options, source, &name).await?;
            Ok(client)
        });
        match made.await.unwrap_or_else(|_| Err(late(source, "make a slot"))) {
            Ok(client) => {
                claims.spawn(async move { keep(client, (&address, &application), &name).await })
            }
            Err(error) => {
                remove(options, orders, notes).await;
                return Err(error);
            }
        };
    }
    Ok(claims)
}

/// What a server did not do for one of its databases.
fn late(source: &Source, what: &str) -> SetupError {
    SetupError::Local(format!(
        "the server did not {what} within {} s, in the database `{}`; it makes one once all transactions have ended that \
         were open as it began: `SELECT pid, xact_start, query FROM pg_stat_activity WHERE backend_xid IS NOT NULL \
         ORDER BY xact_start` names them",
        STEP.as_secs(),
        source.name
    ))
}

/// A session that says that a slot is ours.
async fn claim(address: &Address, application: &str, name: &str) -> Result<Client, SetupError> {
    let client = control(address, application).await?;
    while !slot::claim(&client, name).await? {
        sleep(PAUSE).await;
    }
    Ok(client)
}

/// Says it again whenever the session is lost, for as long as the slot is wanted.
async fn keep(client: Client, (address, application): (&Address, &str), name: &str) {
    // Who reads the slot says what is wrong with the server.
    let again = || async { timeout(STEP, claim(address, application, name)).await.ok()?.ok() };
    control::keep(client, again).await;
}

/// Drops what killed runs left.
async fn sweep(
    options: &Options,
    source: &Source,
    notes: &mut Vec<String>,
) -> Result<(), SetupError> {
    let client = control(&source.address, &options.application).await?;
    for swept in slot::sweep(&client).await? {
        notes.push(format!("dropped the replication slot `{swept}`, which a killed run had left"));
    }
    Ok(())
}

async fn make_one(options: &Options, source: &Source, name: &str) -> Result<(), SetupError> {
    let about = (&*options.world.catalog, options.publication.as_str());
    let client = check(about, source, &options.application).await?;
    slot::make(&client, name).await
}

/// Looks whether a slot in a database would tell of all its tables. Returns the session that has looked.
pub(super) async fn check(
    (catalog, publication): (&Catalog, &str),
    source: &Source,
    application: &str,
) -> Result<Client, SetupError> {
    let client = control(&source.address, application).await?;
    let tables = catalog.all().map(|(_, table)| table);
    let is_seen = |it: &&TableInfo| it.is_row() && source.domains.contains(&it.domain);
    let tables = tables.filter(is_seen);
    let tables: Vec<_> =
        tables.map(|table| (table.namespace.clone(), table.name.clone())).collect();
    slot::check(&client, publication, &tables).await?;
    Ok(client)
}

/// Drops the slots that are being made, too: a server makes one until all older transactions have ended, and goes
/// on though nobody waits for it.
pub(super) async fn give_up(
    options: &Options,
    orders: &watch::Receiver<Order>,
    notes: &mut Vec<String>,
) {
    let ended = timeout(HURRY, async {
        for (_, source, name) in all(options) {
            let client = control(&source.address, &options.application).await?;
            let sql = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots \
                       WHERE slot_name::text = $1 AND active";
            let ended = client.execute(sql, &[&name]).await;
            ended.map_err(|error| SetupError::Local(error.to_string()))?;
        }
        Ok::<_, SetupError>(())
    });
    // What is left of them is said when it cannot be dropped.
    let _ = ended.await;
    remove(options, orders, notes).await;
}

/// Drops the slots, in a hurry once that is asked for. What cannot be dropped is said: a slot keeps the server's log
/// for ever.
pub(super) async fn remove(
    options: &Options,
    orders: &watch::Receiver<Order>,
    notes: &mut Vec<String>,
) {
    let mut orders = orders.clone();
    let hurry = async {
        let _ = orders.wait_for(|order| *order == Order::Abandon).await;
        sleep(HURRY).await;
    };
    let late = || SetupError::Local("the server did not answer".to_owned());
    let kept = |name: &str, error: &SetupError| {
        format!(
            "the replication slot `{name}` was not dropped, and keeps the server's log: {error}"
        )
    };
    let mut left: BTreeSet<String> = all(options).into_iter().map(|it| it.2).collect();
    let drop_one = |(_, source, name): (usize, &Source, String)| {
        let address = source.address.clone();
        async move {
            let dropped = timeout(STEP, async {
                let client = control(&address, &options.application).await?;
                slot::drop(&client, &name).await
            });
            (dropped.await.unwrap_or_else(|_| Err(late())), name)
        }
    };
    // One whose server does not answer does not keep the others.
    let mut dropping = stream::iter(all(options)).map(drop_one).buffer_unordered(AT_A_TIME);
    let all_dropped = async {
        while let Some((dropped, name)) = dropping.next().await {
            notes.extend(dropped.err().map(|error| kept(&name, &error)));
            left.remove(&name);
        }
    };
    tokio::select! {
        () = all_dropped => {}
        () = hurry => {}
    }
    notes.extend(left.iter().map(|name| kept(name, &late())));
}
