//! Registers connectors, waits until they stream, and removes them.

use std::time::Duration;
use std::time::Instant;

use serde_json::json;

use crate::connect::api::Answer;
use crate::connect::api::Api;
use crate::connect::api::ConnectError;
use crate::connect::api::Standing;
use crate::connect::api::place;
use crate::connect::config::Connector;
use crate::connect::config::MARK;
use crate::connect::found::rivals;
use crate::sink::postgres::replication::slot::Process;

/// How often one looks how a connector is.
const LOOK: Duration = Duration::from_millis(250);
/// How long a server may take to say how a slot is read, however little time is left.
const LOOK_WITHIN: Duration = Duration::from_secs(1);
/// A failure from before, that a restart has not yet cleared, is shown for no longer than that.
const FAILED_FOR: Duration = Duration::from_secs(3);
/// Who reads a slot may need so long to let go of it.
const GONE_WITHIN: Duration = Duration::from_secs(8);
/// What is answered while workers agree on who does what.
const BUSY: u16 = 409;

/// How a slot is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// There is no such slot.
    Absent,
    /// Nobody reads it.
    Idle,
    /// It is read by this one, and what was there before is not yet sent.
    CatchingUp(Process),
    /// It is read up to its end.
    Streaming(Process),
}

impl Reading {
    /// Who reads it.
    pub(super) fn process(&self) -> Option<&Process> {
        match self {
            Self::CatchingUp(process) | Self::Streaming(process) => Some(process),
            Self::Absent | Self::Idle => None,
        }
    }
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
    let (is_known, reading) = look(api, connector, slots, is_cancelled)?;
    if reading == Reading::Absent {
        forget(api, connector, is_known, is_cancelled)?;
    }
    put(api, connector, is_cancelled)?;
    let at = place(&connector.name);
    // These may be refused by a worker that has yet to hear of the connector; then it runs anyhow.
    let _ = api.call("PUT", &format!("{at}/resume"), None)?;
    let _ = api.call("POST", &format!("{at}/restart?includeTasks=true&onlyFailed=true"), None)?;
    wait(api, connector, slots, (within, is_cancelled))
}

/// What would be refused, before anything is changed: as [`register`], but it stops before that.
pub fn look_ahead(
    api: &Api,
    connector: &Connector,
    slots: &dyn Slots,
    (within, is_cancelled): (Duration, Cancelled<'_>),
) -> Result<(), ConnectError> {
    look(&api.within(within), connector, slots, is_cancelled).map(drop)
}

/// Looks whether a connector can be put, and whether it is there and how its slot is read.
fn look(
    api: &Api,
    connector: &Connector,
    slots: &dyn Slots,
    is_cancelled: Cancelled<'_>,
) -> Result<(bool, Reading), ConnectError> {
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
    refuse_rivals(api, connector)?;
    let reading = taken(api, connector, slots, (known.is_some(), is_cancelled))?;
    Ok((known.is_some(), reading))
}

/// Refuses to register a connector that another one of this Kafka Connect would take the slot from.
fn refuse_rivals(api: &Api, connector: &Connector) -> Result<(), ConnectError> {
    let Some(rival) = rivals(api, &connector.settings(), &connector.name)?.into_iter().next()
    else {
        return Ok(());
    };
    let (Connector { name, slot, .. }, url) = (connector, api.url());
    Err(ConnectError(format!(
        "the Kafka Connect at `{url}` has a connector `{}` that reads the slot `{slot}` of the same server, and a slot \
         has one reader, so `{name}` would wait for ever; remove that one (`curl -X DELETE {url}{}`), or give it \
         another `slot.name`",
        rival.name,
        place(&rival.name)
    )))
}

/// How the slot is read before the connector is put: not by anybody, unless the connector is at work already. One
/// that was removed a moment ago is given time to go.
fn taken(
    api: &Api,
    connector: &Connector,
    slots: &dyn Slots,
    (is_known, is_cancelled): (bool, Cancelled<'_>),
) -> Result<Reading, ConnectError> {
    let may_read = match is_known.then(|| api.standing(&connector.name)).transpose()?.flatten() {
        Some(Standing::Failed(_)) => false,
        Some(standing) => !standing.is_stopped(),
        // Nobody knows yet how it is.
        None => is_known,
    };
    let begun = Instant::now();
    loop {
        let reading = slots.reading(connector, api.left().max(LOOK_WITHIN))?;
        match reading.process().filter(|_| !may_read) {
            None => return Ok(reading),
            Some(process) if begun.elapsed() > GONE_WITHIN || api.is_over() => {
                return Err(held(connector, process));
            }
            Some(_) => pause(is_cancelled)?,
        }
    }
}

/// That somebody else reads the slot of a connector.
fn held(connector: &Connector, process: &Process) -> ConnectError {
    let (Connector { name, slot, database, .. }, pid) = (connector, process.pid);
    ConnectError(format!(
        "{process} reads the slot `{slot}` of `{database}`, and is not the connector `{name}`, which would wait for it \
         in vain; stop whoever that is, or let them read another slot (`SELECT pg_terminate_backend({pid})` ends the \
         process; whoever comes back takes the slot again)"
    ))
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

/// Calls again for as long as Kafka Connect is busy with its workers, and there is time.
pub(super) fn repeated(
    api: &Api,
    is_cancelled: Cancelled<'_>,
    call: impl Fn() -> Result<Answer, ConnectError>,
) -> Result<Answer, ConnectError> {
    loop {
        let answer = call()?;
        if answer.status != BUSY || api.is_over() {
            return Ok(answer);
        }
        pause(is_cancelled)?;
    }
}

/// What became of how far a connector was.
pub(super) enum Offsets {
    Gone,
    /// This Kafka Connect is so old that nobody can tell it to let go of them.
    Kept,
    /// It did not, as this says.
    Refused(ConnectError),
}

/// Lets Kafka Connect forget how far a connector of this name was: its slot is gone, and another one begins
/// elsewhere. Versions before 3.7 cannot be told before the connector runs, and are not.
fn forget(
    api: &Api,
    connector: &Connector,
    is_known: bool,
    is_cancelled: Cancelled<'_>,
) -> Result<(), ConnectError> {
    let name = connector.name.as_str();
    if !is_known {
        let body = json!({ "name": name, "config": connector.sent(), "initial_state": "STOPPED" });
        let answer = repeated(api, is_cancelled, || api.call("POST", "/connectors", Some(&body)))?;
        if !answer.is_good() {
            // What is wrong with it is said of the other way to put it.
            return Ok(());
        }
    }
    match drop_offsets(api, (name, is_known), is_cancelled)? {
        Offsets::Gone | Offsets::Kept => Ok(()),
        Offsets::Refused(why) => Err(ConnectError(format!(
            "{why}; the slot that the connector `{name}` had read is gone, so it would begin at the wrong place; \
             more time: `within`"
        ))),
    }
}

/// Stops a connector, if it runs, and lets go of how far it was.
pub(super) fn drop_offsets(
    api: &Api,
    (name, runs): (&str, bool),
    is_cancelled: Cancelled<'_>,
) -> Result<Offsets, ConnectError> {
    let at = place(name);
    if runs {
        let stop = || api.call("PUT", &format!("{at}/stop"), None);
        let answer = repeated(api, is_cancelled, stop)?;
        if is_unknown(answer.status) {
            return Ok(Offsets::Kept);
        }
        if !answer.is_good() {
            return Ok(Offsets::Refused(api.refused(&format!("stop `{name}`"), &answer)));
        }
    }
    loop {
        let answer = api.call("DELETE", &format!("{at}/offsets"), None)?;
        if answer.is_good() {
            return Ok(Offsets::Gone);
        }
        if is_unknown(answer.status) {
            return Ok(Offsets::Kept);
        }
        // 400: not stopped yet. 409: workers agree on who does what. 500: tasks are still ending.
        if !matches!(answer.status, 400 | BUSY | 500) || api.is_over() {
            let doing = format!("let go of how far the connector `{name}` was");
            return Ok(Offsets::Refused(api.refused(&doing, &answer)));
        }
        pause(is_cancelled)?;
    }
}

/// Whether that is what versions answer that know no such call.
fn is_unknown(status: u16) -> bool {
    matches!(status, 404 | 405)
}

/// Until every task runs and the slot streams.
fn wait(
    api: &Api,
    connector: &Connector,
    slots: &dyn Slots,
    (within, is_cancelled): (Duration, Cancelled<'_>),
) -> Result<(), ConnectError> {
    let (name, slot) = (&connector.name, &connector.slot);
    let (mut failed_since, mut held_since): (Option<Instant>, Option<Instant>) = (None, None);
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
            let reading = slots.reading(connector, api.left().max(LOOK_WITHIN))?;
            let other = reading.process().filter(|process| !connector.may_be(process));
            if let Some(process) = other {
                let since = *held_since.get_or_insert_with(Instant::now);
                if since.elapsed() > GONE_WITHIN || api.is_over() {
                    return Err(held(connector, process));
                }
                pause(is_cancelled)?;
                continue;
            }
            held_since = None;
            lacks = match reading {
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
