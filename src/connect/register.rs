//! Registers connectors, waits until they stream, and removes them.

use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::connect::api::Api;
use crate::connect::api::ConnectError;
use crate::connect::api::Standing;
use crate::connect::api::place;
use crate::connect::config::Connector;
use crate::connect::config::MARK;
use crate::connect::config::is_marked;
use crate::connect::config::mark_of;

/// How often one looks how a connector is.
const LOOK: Duration = Duration::from_millis(250);
/// How long a server may take to say how a slot is read, however little time is left.
const LOOK_WITHIN: Duration = Duration::from_secs(1);
/// A failure from before, that a restart has not yet cleared, is shown for no longer than that.
const FAILED_FOR: Duration = Duration::from_secs(3);
/// How long a connector may take to stop, or Kafka Connect to have its workers in order.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// How a slot is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// There is no such slot.
    Absent,
    /// Nobody reads it.
    Idle,
    /// It is read, and what was there before is not yet sent: by which process of the server.
    CatchingUp(i32),
    /// It is read up to its end.
    Streaming(i32),
}

/// The server's side: how the slot of a connector is read.
pub trait Slots {
    /// Of the slot of a connector, on the server of its domains: others may have databases of the same name.
    /// No longer than `limit` is waited.
    fn reading(&self, connector: &Connector, limit: Duration) -> Result<Reading, ConnectError>;
}

/// What one gives way to: says why nothing more is to be waited for.
pub(super) type Cancelled<'a> = &'a dyn Fn() -> bool;

/// Puts a connector to Kafka Connect, as it should be, and waits until it streams. May be repeated. A connector
/// of that name that is not ours is left as it is.
pub fn register(
    api: &Api,
    connector: &Connector,
    slots: &dyn Slots,
    (within, is_cancelled): (Duration, Cancelled<'_>),
) -> Result<(), ConnectError> {
    // All of it has the same time.
    let api = &api.within(within);
    let name = &connector.name;
    let known = api.config(name)?;
    if let Some(config) = &known
        && config[MARK].as_str() != Some(connector.mark())
    {
        return Err(ConnectError(format!(
            "the Kafka Connect at `{}` has a connector `{name}` that loadgen has not registered for this \
             scenario; remove it, or name the scenario otherwise",
            api.url()
        )));
    }
    if slots.reading(connector, api.left().max(LOOK_WITHIN))? == Reading::Absent {
        forget(api, connector, known.is_some(), is_cancelled)?;
    }
    put(api, connector, is_cancelled)?;
    let at = place(name);
    // These may be refused by a worker that has yet to hear of the connector; then it runs anyhow.
    let _ = api.call("PUT", &format!("{at}/resume"), None)?;
    let _ = api.call("POST", &format!("{at}/restart?includeTasks=true&onlyFailed=true"), None)?;
    wait(api, connector, slots, (within, is_cancelled))
}

/// Puts the configuration; while workers agree on who does what, again.
fn put(api: &Api, connector: &Connector, is_cancelled: Cancelled<'_>) -> Result<(), ConnectError> {
    let at = format!("{}/config", place(&connector.name));
    let config = connector.sent();
    let answer = repeated(api, is_cancelled, || api.call("PUT", &at, Some(&config)))?;
    if answer.is_good() {
        return Ok(());
    }
    Err(api.refused(&format!("take the connector `{}`", connector.name), &answer))
}

/// Calls again for as long as Kafka Connect is busy with its workers.
fn repeated(
    api: &Api,
    is_cancelled: Cancelled<'_>,
    call: impl Fn() -> Result<super::api::Answer, ConnectError>,
) -> Result<super::api::Answer, ConnectError> {
    let begun = Instant::now();
    loop {
        let answer = call()?;
        if answer.status != 409 || begun.elapsed() > STOP_WITHIN || api.is_over() {
            return Ok(answer);
        }
        pause(is_cancelled)?;
    }
}

/// Lets Kafka Connect forget how far a connector of this name was: its slot is gone, and another one begins
/// elsewhere. Versions before 3.7 cannot be told before the connector runs, and are not.
fn forget(
    api: &Api,
    connector: &Connector,
    is_known: bool,
    is_cancelled: Cancelled<'_>,
) -> Result<(), ConnectError> {
    let at = place(&connector.name);
    if is_known {
        let answer = api.call("PUT", &format!("{at}/stop"), None)?;
        if !answer.is_good() {
            return Ok(());
        }
    } else {
        let name = connector.name.as_str();
        let body = json!({ "name": name, "config": connector.sent(), "initial_state": "STOPPED" });
        let answer = repeated(api, is_cancelled, || api.call("POST", "/connectors", Some(&body)))?;
        if !answer.is_good() {
            // What is wrong with it is said of the other way to put it.
            return Ok(());
        }
    }
    let is_done = drop_offsets(api, connector.name.as_str(), is_cancelled)?;
    if !is_done && api.is_over() {
        return Err(ConnectError(format!(
            "the Kafka Connect at `{}` did not let go of how far the connector `{}` was, within the time that \
             it had: `within`; the slot that it had read is gone, so it would begin at the wrong place",
            api.url(),
            connector.name
        )));
    }
    Ok(())
}

/// Of a connector that is stopped, or stops. Returns whether they are gone.
fn drop_offsets(api: &Api, name: &str, is_cancelled: Cancelled<'_>) -> Result<bool, ConnectError> {
    let at = format!("{}/offsets", place(name));
    let begun = Instant::now();
    loop {
        let answer = api.call("DELETE", &at, None)?;
        // 400: not stopped yet. 409: workers agree on who does what. 500: tasks are still ending.
        if answer.is_good() || !matches!(answer.status, 400 | 409 | 500) {
            return Ok(answer.is_good());
        }
        if begun.elapsed() > STOP_WITHIN || api.is_over() {
            return Ok(false);
        }
        pause(is_cancelled)?;
    }
}

/// Until every task runs and the slot streams.
fn wait(
    api: &Api,
    connector: &Connector,
    slots: &dyn Slots,
    (within, is_cancelled): (Duration, Cancelled<'_>),
) -> Result<(), ConnectError> {
    let (name, slot) = (&connector.name, &connector.slot);
    let mut failed_since: Option<Instant> = None;
    loop {
        let standing = api.standing(name)?;
        let mut lacks = match &standing {
            None => "Kafka Connect has not yet begun it".to_owned(),
            Some(Standing::Waiting(state)) => format!("it is {state}"),
            Some(Standing::Running) => String::new(),
            Some(Standing::Failed(line)) => {
                let since = *failed_since.get_or_insert_with(Instant::now);
                if since.elapsed() > FAILED_FOR {
                    return Err(ConnectError(format!("the connector `{name}` failed: {line}")));
                }
                line.clone()
            }
        };
        if lacks.is_empty() {
            failed_since = None;
            lacks = match slots.reading(connector, api.left().max(LOOK_WITHIN))? {
                Reading::Streaming(_) => return Ok(()),
                Reading::CatchingUp(_) => {
                    format!("the slot `{slot}` still has changes of before to send")
                }
                Reading::Idle => format!("it runs, but nobody reads the slot `{slot}` yet"),
                Reading::Absent => format!("it runs, but has not made the slot `{slot}` yet"),
            };
        }
        if api.is_over() {
            return Err(ConnectError(format!(
                "the connector `{name}` does not stream after {} s: {lacks}; a snapshot may take longer: \
                 `within`",
                within.as_secs()
            )));
        }
        pause(is_cancelled)?;
    }
}

fn pause(is_cancelled: Cancelled<'_>) -> Result<(), ConnectError> {
    std::thread::sleep(LOOK);
    if is_cancelled() {
        return Err(ConnectError(
            "stopped before Kafka Connect had done what it was asked for".to_owned(),
        ));
    }
    Ok(())
}

/// A connector that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its name.
    pub name: String,
    /// The slot that it read, and the database of that.
    pub slot: String,
    /// See `slot`.
    pub database: String,
    /// What it was known by.
    mark: String,
}

/// Removes all connectors of a scenario that loadgen has registered, and how far they were. Their slots stay:
/// nobody reads them any more.
pub fn remove(
    api: &Api,
    scenario: &str,
    is_cancelled: Cancelled<'_>,
) -> Result<Vec<Removed>, ConnectError> {
    let mark = mark_of(scenario);
    let mut removed = Vec::new();
    for (name, config) in api.all()? {
        let text = |key: &str| config[key].as_str().unwrap_or_default().to_owned();
        let its = text(MARK);
        if !its.starts_with(&mark) {
            continue;
        }
        let at = place(&name);
        if api.call("PUT", &format!("{at}/stop"), None)?.is_good() {
            drop_offsets(api, &name, is_cancelled)?;
        }
        let answer = repeated(api, is_cancelled, || api.call("DELETE", &at, None))?;
        if !answer.is_good() && answer.status != 404 {
            return Err(api.refused(&format!("remove the connector `{name}`"), &answer));
        }
        let (slot, database) = (text("slot.name"), text("database.dbname"));
        removed.push(Removed { name, slot, database, mark: its });
    }
    Ok(removed)
}

impl Removed {
    /// Whether it was registered for this domain of a scenario, which says where its slot is.
    pub fn is_of(&self, scenario: &str, domain: &str) -> bool {
        is_marked(&self.mark, scenario, domain)
    }

    /// As people read it.
    pub fn shown(&self, url: &str) -> String {
        format!("the connector `{}` at `{url}`", self.name)
    }
}
