//! The databases behind topics: where in their log the run begins and ends, and how far the connectors that
//! read them are.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use crate::measure::Clock;
use crate::observe::Source;
use crate::observe::debezium::repeats::Restart;
use crate::sink::postgres::control::control;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::replication::Lsn;
use crate::sink::postgres::replication::slot;
use crate::sink::postgres::replication::slot::Foreign;
use crate::sink::postgres::slots;

/// How long one question may take.
const STEP: Duration = Duration::from_secs(10);

/// A database whose changes come by a connector.
#[derive(Debug)]
pub(in crate::observe) struct CapturedSource {
    pub(in crate::observe) source: Source,
    application: String,
    client: Option<Client>,
    /// What was committed before it is none of this run.
    pub(in crate::observe) opening: Lsn,
    /// Where it ends, once that is known.
    fence: Option<Lsn>,
    /// What reads it: slots of others, as they were last seen.
    slots: Vec<Foreign>,
    /// The same as they were at the beginning.
    begun: Vec<Foreign>,
    /// When they were last looked at.
    looked: u64,
}

/// What is said of a database that nobody captures.
pub(in crate::observe) fn nobody(source: &Source) -> String {
    let (surface, database) = (&source.surface, source.address.database());
    format!(
        "nobody captures the changes of the database `{database}`, so none can come to `{surface}`: \
         there is no logical slot in it; register a connector first"
    )
}

impl CapturedSource {
    /// Looks where the log is, and who reads it: somebody must.
    pub(in crate::observe) async fn open(
        source: Source,
        application: String,
    ) -> Result<Self, SetupError> {
        let client = control(&source.address, &application).await?;
        let slots = slot::foreign(&client).await?;
        if slots.is_empty() {
            return Err(SetupError::Local(nobody(&source)));
        }
        let opening = slot::position(&client).await?;
        let (client, fence, looked, begun) = (Some(client), None, 0, slots.clone());
        Ok(Self { source, application, client, opening, fence, slots, begun, looked })
    }

    /// One at which nobody looks.
    #[cfg(test)]
    pub(super) fn unread(source: Source, opening: Lsn) -> Self {
        let (application, client, fence, looked) = (String::new(), None, None, 0);
        let (slots, begun) = (Vec::new(), Vec::new());
        Self { source, application, client, opening, fence, slots, begun, looked }
    }

    /// All that was sent is before this place; called once it is.
    pub(in crate::observe) async fn fence(&mut self) -> Result<(), String> {
        let position = self.ask(async |client| slot::position(client).await).await?;
        self.fence = Some(position);
        Ok(())
    }

    /// A heartbeat, which whoever captures that table hands over behind all that was committed before.
    pub(in crate::observe) async fn beat(&mut self, namespace: &str) -> Result<(), String> {
        self.ask(async |client| slots::write_fence(client, namespace).await.map(drop)).await
    }

    /// Whether the fence is known, and before a place in the log.
    pub(in crate::observe) fn is_fenced_before(&self, lsn: Lsn) -> bool {
        self.fence.is_some_and(|fence| fence <= lsn)
    }

    /// Something to read, so that the connectors go on behind the fence.
    pub(in crate::observe) async fn push(&mut self, prefix: &str) -> Result<(), String> {
        self.ask(async |client| slot::note(client, prefix, "go on").await).await
    }

    /// Looks how far the connectors are. Returns whether one began again since the last look.
    pub(in crate::observe) async fn look(
        &mut self,
        clock: Clock,
    ) -> Result<Option<Restart>, String> {
        let asked = clock.now();
        let found = self.ask(async |client| slot::foreign(client).await).await?;
        let reader = |slots: &[Foreign], name: &str| {
            slots.iter().find(|slot| slot.name == name).and_then(|slot| slot.reader)
        };
        // One that nobody reads for a while is remembered by who read it.
        let is_other = |slot: &Foreign| {
            let before = reader(&self.slots, &slot.name);
            slot.reader.is_some() && before.is_some() && slot.reader != before
        };
        let restart = found
            .iter()
            .any(is_other)
            .then_some(Restart { after: self.looked, before: clock.now() });
        let is_read = found.iter().any(|slot| slot.reader.is_some());
        self.slots = found
            .into_iter()
            .map(|slot| {
                let reader = slot.reader.or(reader(&self.slots, &slot.name));
                Foreign { reader, ..slot }
            })
            .collect();
        // While nobody reads, the moment of the restart lies ahead.
        if is_read || restart.is_some() {
            self.looked = asked;
        }
        Ok(restart)
    }

    /// Whether the connectors have handed over all that is before the fence.
    pub(in crate::observe) fn is_past_fence(&self) -> bool {
        let Some(fence) = self.fence else { return false };
        // Some are read by one question after the other: those move.
        let is_read = |slot: &&Foreign| {
            let is_same =
                |begun: &Foreign| begun.name == slot.name && begun.confirmed == slot.confirmed;
            slot.reader.is_some() || !self.begun.iter().any(is_same)
        };
        let mut read = self.slots.iter().filter(is_read).peekable();
        read.peek().is_some() && read.all(|slot| slot.confirmed >= fence)
    }

    /// How far they are, for people.
    pub(in crate::observe) fn shown(&self) -> String {
        let database = self.source.address.database();
        let fence = self.fence.unwrap_or_default();
        let slots = self.slots.iter().map(|slot| format!("`{}` at {}", slot.name, slot.confirmed));
        let slots: Vec<_> = slots.collect();
        format!(
            "`{database}` ends at {fence}, and its slots are {}; each that is read must come there, one of something \
             else, too: let it go on, or end it",
            slots.join(", ")
        )
    }

    pub(in crate::observe) fn progress(&self) -> u64 {
        self.slots.iter().map(|slot| slot.confirmed.0).sum()
    }

    async fn ask<T>(
        &mut self,
        question: impl AsyncFnOnce(&Client) -> Result<T, SetupError>,
    ) -> Result<T, String> {
        let asked = timeout(STEP, async {
            let client = match self.client.take() {
                Some(client) if !client.is_closed() => client,
                _ => {
                    let client = control(&self.source.address, &self.application).await;
                    client.map_err(|error| error.to_string())?
                }
            };
            let answer = question(&client).await.map_err(|error| error.to_string())?;
            self.client = Some(client);
            Ok(answer)
        });
        asked.await.unwrap_or_else(|_| Err("the server did not answer".to_owned()))
    }
}
