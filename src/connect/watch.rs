//! Watches connectors while a run goes on: tasks that fail, workers that go and come back.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::connect::api::Api;
use crate::connect::api::Standing;
use crate::connect::config::Connector;
use crate::connect::register::Slots;
use crate::measure::Clock;
use crate::measure::Feed;
use crate::measure::Interruption;

/// How often one looks.
const LOOK: Duration = Duration::from_secs(1);
/// How long Kafka Connect, and a server, may take to answer: whoever ends the watch waits for one of them.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How often one looks whether it is over.
const TURN: Duration = Duration::from_millis(50);
/// Interruptions that are kept.
const KEPT_MAX: usize = 10_000;

/// Connectors being watched, on a thread of its own. Dropped, it ends.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Mutex<Vec<Interruption>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch. What changes is told to `feed`.
    pub fn start(
        api: Arc<Api>,
        connectors: Vec<Connector>,
        slots: Box<dyn Slots + Send>,
        (clock, feed): (Clock, Feed),
    ) -> std::io::Result<Self> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let watcher = Watcher {
            api,
            known: connectors.into_iter().map(WatchedConnector::new).collect(),
            slots,
            clock,
            feed,
            seen: Arc::clone(&seen),
        };
        let ended = Arc::clone(&is_over);
        let thread = std::thread::Builder::new()
            .name("connectors".to_owned())
            .spawn(move || watcher.watch(&ended))?;
        Ok(Self { seen, is_over, thread: Some(thread) })
    }

    /// What was seen so far.
    pub fn interruptions(&self) -> Vec<Interruption> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Watcher {
    api: Arc<Api>,
    known: Vec<WatchedConnector>,
    slots: Box<dyn Slots + Send>,
    clock: Clock,
    feed: Feed,
    seen: Arc<Mutex<Vec<Interruption>>>,
}

/// A connector, as it was when one last looked.
struct WatchedConnector {
    connector: Connector,
    standing: String,
    reader: Option<i32>,
}

impl WatchedConnector {
    fn new(connector: Connector) -> Self {
        Self { connector, standing: RUNS.to_owned(), reader: None }
    }
}

/// How a connector is about which nothing is to be said.
const RUNS: &str = "runs";

impl Watcher {
    fn watch(mut self, is_over: &AtomicBool) {
        let mut waited = LOOK;
        while !is_over.load(Ordering::Relaxed) {
            if waited >= LOOK {
                waited = Duration::ZERO;
                for number in 0..self.known.len() {
                    self.look(number, is_over);
                }
            }
            std::thread::sleep(TURN);
            waited += TURN;
        }
    }

    fn look(&mut self, number: usize, is_over: &AtomicBool) {
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let found = self.api.answering(ANSWER_WITHIN).standing(&self.known[number].connector.name);
        let is_failure = matches!(found, Ok(Some(Standing::Failed(_))));
        let is_silent = found.is_err();
        let now = match found {
            Ok(Some(Standing::Running)) => RUNS.to_owned(),
            Ok(Some(Standing::Waiting(state))) => format!("is {state}"),
            Ok(Some(Standing::Failed(line))) => format!("failed: {line}"),
            Ok(None) => "is not there".to_owned(),
            Err(error) => format!("cannot be asked after: {error}"),
        };
        // One that does not answer does not answer for any of its connectors.
        let is_told = is_silent && self.known.iter().any(|it| it.standing == now);
        let WatchedConnector { connector, standing, reader } = &mut self.known[number];
        if is_over.load(Ordering::Relaxed) {
            return;
        }
        let reading = self.slots.reading(connector, ANSWER_WITHIN);
        let reads = match reading {
            Ok(reading) => reading.process().map(|process| process.pid),
            Err(_) => None,
        };
        let mut happened = Vec::new();
        if now != *standing {
            let what = format!("the connector `{}` {now}", connector.name);
            if !is_told {
                self.feed.message(what.as_str());
            }
            happened.push((is_failure, what));
            *standing = now;
        }
        if let Some(pid) = reads {
            if reader.is_some_and(|before| before != pid) {
                let slot = &connector.slot;
                let anew = format!("the slot `{slot}` of `{}` is read anew", connector.name);
                self.feed.message(anew.as_str());
                happened.push((false, anew));
            }
            *reader = Some(pid);
        }
        let at_ns = self.clock.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (is_failure, what) in happened {
            if seen.len() < KEPT_MAX {
                let Connector { name, database, .. } = &*connector;
                let (connector, database) = (name.clone(), database.clone());
                seen.push(Interruption { at_ns, connector, database, is_failure, what });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::TcpListener;
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;

    use super::*;
    use crate::connect::api::ConnectError;
    use crate::connect::register::Reading;
    use crate::measure::Change;
    use crate::scenario::cdc::Connect;
    use crate::scenario::cdc::Snapshot;

    /// A server that counts how often it is asked.
    struct Asked(Arc<AtomicUsize>);

    impl Slots for Asked {
        fn reading(&self, _: &Connector, _: Duration) -> Result<Reading, ConnectError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Reading::Idle)
        }
    }

    /// A server on which nothing is read.
    struct Gone;

    impl Slots for Gone {
        fn reading(&self, _: &Connector, _: Duration) -> Result<Reading, ConnectError> {
            Ok(Reading::Absent)
        }
    }

    fn connect() -> Connect {
        Connect {
            url: None,
            user: None,
            password: None,
            ca: None,
            prefix: String::new(),
            snapshot: Snapshot::NoData,
            poll: Duration::ZERO,
            within: Duration::ZERO,
            servers: BTreeMap::new(),
            properties: Vec::new(),
        }
    }

    #[test]
    fn whoever_ends_the_watch_waits_for_one_answer_and_not_for_those_of_all_connectors() {
        // It takes connections, and answers nothing.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        silent.set_nonblocking(true).unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let api = Arc::new(Api::new(&url, &connect()).unwrap());
        let connectors = ["one", "other", "third"].map(Connector::named).to_vec();
        let clock = (Clock::start(), Feed::default());
        let readings = Arc::new(AtomicUsize::new(0));
        let slots = Box::new(Asked(Arc::clone(&readings)));
        let watch = Watch::start(api, connectors, slots, clock).unwrap();
        let begun = Instant::now();
        let _asked = loop {
            match silent.accept() {
                Ok(call) => break call,
                Err(_) => assert!(begun.elapsed() < Duration::from_mins(1), "nobody asks"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        drop(watch);
        // It asks after one connector by one connection: there is no answer after which it could use that again.
        assert!(silent.accept().is_err(), "it has asked after the next connector");
        assert_eq!(readings.load(Ordering::Relaxed), 0, "it has asked for a slot");
    }

    #[test]
    fn that_nobody_answers_is_said_once_and_known_of_each_connector() {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let feed = Feed::default();
        let mut watcher = Watcher {
            api: Arc::new(Api::new(&format!("http://{gone}"), &connect()).unwrap()),
            known: ["one", "other"]
                .map(|name| WatchedConnector::new(Connector::named(name)))
                .into(),
            slots: Box::new(Gone),
            clock: Clock::start(),
            feed: feed.clone(),
            seen: Arc::default(),
        };
        (0..2).for_each(|number| watcher.look(number, &AtomicBool::new(false)));
        let said = feed.wait(Duration::ZERO).unwrap();
        let [Change::Message(said)] = said.as_slice() else { panic!("{said:?}") };
        let begins = "the connector `one` cannot be asked after: no Kafka Connect answers at";
        assert!(said.starts_with(begins), "{said}");
        assert_eq!(watcher.seen.lock().unwrap().len(), 2);
    }
}
