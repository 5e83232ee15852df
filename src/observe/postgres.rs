//! A replica as a far end: it is read by a slot of our own there, and tells by a row of ours how far it is.
//!
//! A note in the replica's own log says nothing of what is still on its way there. So a row that was written
//! at the source is waited for: what is committed before it comes before it.

use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::schema::beside::HEARTBEATS;
use crate::sink::postgres::address::Address;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::slots;

/// How often the replica is asked.
const LOOK: Duration = Duration::from_millis(100);
/// How long one question may take.
const STEP: Duration = Duration::from_secs(15);

/// Where what comes to a replica is written.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// The database there.
    pub address: Address,
    /// The PostgreSQL schema of the table of heartbeats, in both.
    pub namespace: String,
    /// How long it may take until the replica has what the source has.
    pub within: Duration,
}

/// Waits until a replica has all that is committed at its source now.
pub(super) async fn catch_up(
    upstream: &Upstream,
    replica: &Address,
    application: &str,
) -> Result<(), SetupError> {
    let Upstream { address, namespace, within } = upstream;
    let written = timed(async {
        let client = control(address, application).await?;
        slots::write_fence(&client, namespace).await
    });
    let fence = written.await?;
    let begun = Instant::now();
    let mut last = None;
    while begun.elapsed() < *within {
        // A replica that is started again comes back.
        let asked = timed(async {
            let client = control(replica, application).await?;
            let looked = Instant::now();
            while looked.elapsed() < STEP / 2 && begun.elapsed() < *within {
                if slots::has_fence(&client, namespace, fence).await? {
                    return Ok(true);
                }
                sleep(LOOK).await;
            }
            Ok(false)
        });
        match asked.await {
            Ok(true) => return Ok(()),
            Ok(false) => last = None,
            Err(error) => last = Some(error),
        }
        sleep(LOOK).await;
    }
    let why = match last {
        Some(error) => error.to_string(),
        None => {
            "look at `SELECT * FROM pg_stat_subscription` there, and at the server's log".to_owned()
        }
    };
    Err(SetupError::Local(format!(
        "`{replica}` did not get within {} s what was written at its source `{address}` ({namespace}.\
         {HEARTBEATS}, row 2): {why}",
        within.as_secs()
    )))
}

/// No longer than one step may take; asking on is another one.
async fn timed<T>(work: impl Future<Output = Result<T, SetupError>>) -> Result<T, SetupError> {
    let late = || Err(SetupError::Local("the server did not answer".to_owned()));
    timeout(STEP, work).await.unwrap_or_else(|_| late())
}
