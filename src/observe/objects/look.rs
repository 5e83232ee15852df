//! The thread that looks for objects, and has those read that are new.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tokio::runtime::Runtime;

use crate::measure::Clock;
use crate::observe::objects::FromObjects;
use crate::observe::objects::Gone;
use crate::observe::objects::Object;
use crate::observe::objects::ObjectContents;
use crate::observe::objects::Teller;
use crate::observe::objects::store::Listed;
use crate::observe::objects::store::Store;
use crate::observe::reading::Asked;
use crate::scenario::LakeSite;

/// The thread that looks.
pub(super) struct Work<C> {
    runtime: Runtime,
    store: Store,
    contents: C,
    every: Duration,
    /// What was read, and what need not be.
    known: Listed,
    clock: Clock,
    /// When it was looked the last time.
    looked: u64,
    asked: Arc<Asked>,
}

impl<C: ObjectContents> Work<C> {
    pub(super) fn begin(
        site: &LakeSite,
        (contents, every): (C, Duration),
        (clock, asked): (Clock, Arc<Asked>),
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let mut store = runtime.block_on(Store::open(site))?;
        let known = runtime.block_on(store.list(|| asked.to_stop()))?;
        let looked = clock.now();
        let mut work = Self { runtime, store, contents, every, known, clock, looked, asked };
        // What is there already is none of the run, and may say something by its names.
        let mut before: Vec<String> = work.known.keys().cloned().collect();
        before.retain(|name| work.contents.is_meant(name));
        work.contents.were_there(&before);
        Ok(work)
    }

    pub(super) fn work(&mut self, tell: &Teller<C>) {
        loop {
            let is_last = self.asked.to_end();
            let begun = Instant::now();
            let Ok(looked) = self.look(tell) else { return };
            let said = match looked {
                Ok(there) if is_last => match self.contents.end(&there, tell) {
                    Ok(end) => FromObjects::Ended(end),
                    Err(Gone) => return,
                },
                Ok(_) => FromObjects::Looked { trouble: None, begun, took: begun.elapsed() },
                Err(why) => {
                    FromObjects::Looked { trouble: Some(why), begun, took: begun.elapsed() }
                }
            };
            let is_end = matches!(said, FromObjects::Ended(_));
            if tell.blocking_send(said).is_err() || is_end {
                return;
            }
            if !self.asked.pause(begun, self.every) {
                return;
            }
        }
    }

    /// Reads what is new. Returns what is there, or what could not be read: one object does not keep the others from
    /// it.
    fn look(&mut self, tell: &Teller<C>) -> Result<Result<Listed, String>, Gone> {
        let found = match self.runtime.block_on(self.store.list(|| self.asked.to_stop())) {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        // What is in the list is there for everybody from now on, whenever it is read.
        let between = (self.looked, self.clock.now());
        let is_new = |it: &(&String, &u64)| match self.known.get(it.0) {
            Some(version) => C::READS_AGAIN && version != it.1,
            None => true,
        };
        let mut new: Vec<String> = found.iter().filter(is_new).map(|it| it.0.clone()).collect();
        new.retain(|name| self.contents.is_meant(name));
        self.contents.begin(&mut new);
        let mut trouble = None;
        for name in new {
            if self.asked.to_stop() {
                return Err(Gone);
            }
            if self.contents.waits(&name) {
                continue;
            }
            // It may have gone before it was read.
            let read = match self.runtime.block_on(self.store.get(&name)) {
                Ok(None) => continue,
                Ok(Some(bytes)) => {
                    self.contents.read(Object { name: &name, bytes, between }, tell)?
                }
                Err(why) => Err(why),
            };
            match read {
                Ok(()) => {
                    let version = found.get(&name).copied().unwrap_or_default();
                    self.known.insert(name, version);
                }
                Err(why) => {
                    self.contents.failed(&name);
                    trouble.get_or_insert(why);
                }
            }
        }
        if let Some(why) = trouble {
            return Ok(Err(why));
        }
        self.looked = between.1;
        Ok(Ok(found))
    }
}
