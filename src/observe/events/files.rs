//! What Firehose, or a sink, wrote of events to a bucket or a folder: objects with an event on each line, plain or
//! by gzip. Nothing but a list says which there are; each is read once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::action::TableId;
use crate::measure::Clock;
use crate::observe::Order;
use crate::observe::debezium::Course;
use crate::observe::debezium::Ending;
use crate::observe::debezium::LOOK;
use crate::observe::debezium::Next;
use crate::observe::debezium::TURN;
use crate::observe::debezium::each;
use crate::observe::debezium::reading::Asked;
use crate::observe::debezium::reading::Reading;
use crate::observe::events::Came;
use crate::observe::events::judge::EventJudge;
use crate::observe::events::judge::Rules;
use crate::observe::events::quiet::Quiet;
use crate::observe::lake::store::Store;
use crate::scenario::LakeSite;
use crate::sink::event::Publisher;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_duration;

/// How soon the thread sees that it is to end.
const SOON: Duration = Duration::from_millis(50);
/// How long the first look may take.
const FIRST_WITHIN: Duration = Duration::from_mins(2);
/// What an object may have once it is unpacked.
const BYTES_MAX: u64 = 1 << 30;
/// What a file begins with that is packed by gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Objects with events that are observed.
#[derive(Debug, Clone)]
pub struct EventFiles {
    /// Where they are.
    pub(crate) site: LakeSite,
    /// Only those whose names begin with one of these count; all do if there is none.
    pub(crate) names: Vec<String>,
    /// What each event that comes there is called.
    pub(crate) events: BTreeMap<TableId, String>,
    /// What the place is called: the target.
    pub(crate) target: String,
    /// Those who know how many may be there twice, and not which.
    pub(crate) publishers: Vec<Arc<dyn Publisher>>,
    /// How often it is looked for new ones.
    pub(crate) every: Duration,
    /// For so long nothing may come at the end until it is given up.
    pub(crate) within: Duration,
}

impl EventFiles {
    /// What is to be known of them. Lines have no keys, and objects no order.
    pub(in crate::observe) fn rules(&self) -> Rules {
        let events = self.events.iter().map(|(table, name)| (*table, (0, name.clone())));
        Rules {
            target: self.target.clone(),
            events: events.collect(),
            places: vec![self.target.clone()],
            has_keys: false,
            is_ordered: false,
            publishers: self.publishers.clone(),
            has_many_repeats: false,
        }
    }
}

/// What the thread tells.
#[derive(Debug)]
enum Told {
    /// A line of an object, which was there some time between two looks.
    Line { file: Arc<str>, line: Box<[u8]>, between: (u64, u64) },
    /// All that was there was read, or could not be, for a reason.
    Looked { trouble: Option<String>, took: Duration },
    /// An object cannot be read, and never will.
    Broken(String),
}

/// Objects that are being read.
pub(in crate::observe) struct FileReader {
    surface: String,
    reading: Reading<Told>,
    quiet: Quiet,
    every: Duration,
    within: Duration,
    trouble: Option<String>,
    slowest: Duration,
}

/// Begins to read: all objects that are new from now on are.
pub(in crate::observe) async fn open(
    surface: &str,
    meant: &EventFiles,
    clock: Clock,
) -> Result<FileReader, SetupError> {
    let (files, (ready, is_ready)) = (meant.clone(), tokio::sync::oneshot::channel());
    let reading = Reading::start("event file observer", move |tell, asked| {
        let mut work = match Work::begin(files, (clock, asked)) {
            Ok(work) => work,
            Err(why) => return drop(ready.send(Err(why))),
        };
        if ready.send(Ok(())).is_ok() {
            work.work(tell);
        }
    })?;
    let failed = |why: &str| {
        SetupError::Local(format!("the observer `{surface}` cannot look for objects: {why}"))
    };
    match tokio::time::timeout(FIRST_WITHIN, is_ready).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(why))) => return Err(failed(&why)),
        Ok(Err(_)) | Err(_) => return Err(failed("the first look did not come to its end")),
    }
    Ok(FileReader {
        surface: surface.to_owned(),
        reading,
        quiet: Quiet::default(),
        every: meant.every,
        within: meant.within,
        trouble: None,
        slowest: Duration::ZERO,
    })
}

impl FileReader {
    /// Reads until all that was sent has come, or nothing comes any more. Returns whether it came to that, and what
    /// people should know.
    pub(in crate::observe) async fn work(
        mut self,
        judge: Rc<RefCell<EventJudge>>,
        mut orders: watch::Receiver<Order>,
    ) -> (bool, Vec<String>) {
        let (mut course, mut look) = (Course::new(self.within), each(LOOK));
        loop {
            match course.next(*orders.borrow_and_update()) {
                Next::Wait => {}
                Next::Abandon => return (false, self.notes()),
                Next::Fence => course.is_fenced(),
                Next::GiveUp => {
                    let Some(trouble) = self.trouble.take() else {
                        // What has not come by now does not.
                        return (true, self.notes());
                    };
                    let reason = format!("what is there could not be read: {trouble}");
                    return self.give_up(&judge, &reason);
                }
            }
            // What waits for what the engine tells has a limit.
            let is_open = !judge.borrow().is_full();
            tokio::select! {
                told = self.reading.told.recv(), if is_open => {
                    let Some(told) = told else {
                        return self.give_up(&judge, "its thread ended early");
                    };
                    let (has_moved, broken) = self.take(told, &judge);
                    if let Some(reason) = broken {
                        return self.give_up(&judge, &reason);
                    }
                    if has_moved {
                        course.has_moved();
                    }
                    tokio::task::yield_now().await;
                }
                _ = look.tick() => {
                    let is_last = course.ending == Ending::Fenced && self.trouble.is_none();
                    // At least one look must have shown nothing more.
                    let enough = self.within.max(self.every);
                    if is_last && self.quiet.is_over(&judge.borrow(), (self.every * 2, enough)) {
                        return (true, self.notes());
                    }
                }
                _ = orders.changed() => {}
            }
        }
    }

    /// Takes what waits, as much as one turn allows. Returns whether something came, and why nothing more can.
    fn take(&mut self, first: Told, judge: &Rc<RefCell<EventJudge>>) -> (bool, Option<String>) {
        let (mut told, mut has_moved) = (first, false);
        for left in (0..TURN).rev() {
            match told {
                Told::Line { file, line, between: (since, at) } => {
                    has_moved = true;
                    let (place, file, payload) = (0, Some(file), line);
                    judge.borrow_mut().come(Came { place, file, key: None, payload, since, at });
                }
                Told::Looked { trouble, took } => {
                    (self.trouble, self.slowest) = (trouble, self.slowest.max(took));
                }
                Told::Broken(reason) => return (has_moved, Some(reason)),
            }
            if left == 0 {
                break;
            }
            let Ok(next) = self.reading.told.try_recv() else { break };
            told = next;
        }
        (has_moved, None)
    }

    fn give_up(&self, judge: &Rc<RefCell<EventJudge>>, reason: &str) -> (bool, Vec<String>) {
        let surface = &self.surface;
        let text = format!("the observer `{surface}` did not come to its end: {reason}");
        judge.borrow_mut().spoil(text);
        (false, self.notes())
    }

    fn notes(&self) -> Vec<String> {
        let Self { surface, every, slowest, .. } = self;
        let every = format_duration((*every).max(Duration::from_secs(slowest.as_secs())));
        vec![format!(
            "the observer `{surface}` looked for objects every {every}, so what it saw may have been there so much \
             sooner: lags say at least and at most"
        )]
    }
}

/// The thread that looks.
struct Work {
    runtime: Runtime,
    store: Store,
    files: EventFiles,
    known: BTreeSet<String>,
    clock: Clock,
    /// When it was looked the last time.
    looked: u64,
    asked: Arc<Asked>,
}

impl Work {
    fn begin(files: EventFiles, (clock, asked): (Clock, Arc<Asked>)) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let mut store = runtime.block_on(Store::open(&files.site))?;
        let known = runtime.block_on(store.list())?;
        let looked = clock.now();
        Ok(Self { runtime, store, files, known, clock, looked, asked })
    }

    fn work(&mut self, tell: &mpsc::Sender<Told>) {
        loop {
            let begun = Instant::now();
            let said = match self.look(tell) {
                Ok(()) => Told::Looked { trouble: None, took: begun.elapsed() },
                Err(Wrong::Passing(why)) => {
                    Told::Looked { trouble: Some(why), took: begun.elapsed() }
                }
                Err(Wrong::Lasting(why)) => Told::Broken(why),
                Err(Wrong::Gone) => return,
            };
            let is_broken = matches!(said, Told::Broken(_));
            if tell.blocking_send(said).is_err() || is_broken {
                return;
            }
            while begun.elapsed() < self.files.every {
                if self.asked.to_stop() {
                    return;
                }
                std::thread::sleep(SOON.min(self.files.every));
            }
        }
    }

    /// Reads what is new.
    fn look(&mut self, tell: &mpsc::Sender<Told>) -> Result<(), Wrong> {
        let found = self.runtime.block_on(self.store.list()).map_err(Wrong::Passing)?;
        // What is in the list is there for everybody from now on, whenever it is read.
        let between = (self.looked, self.clock.now());
        for name in found {
            if self.known.contains(&name) {
                continue;
            }
            if self.is_meant(&name) {
                let found = self.runtime.block_on(self.store.get(&name));
                // It may have gone before it was read.
                if let Some(bytes) = found.map_err(Wrong::Passing)? {
                    hand_over(&name, &bytes, between, (tell, &self.asked))?;
                }
            }
            self.known.insert(name);
        }
        self.looked = between.1;
        Ok(())
    }

    /// Whether an object is one of those that are observed.
    fn is_meant(&self, name: &str) -> bool {
        let last = name.rsplit('/').next().unwrap_or(name);
        let names = &self.files.names;
        names.is_empty() || names.iter().any(|begins| last.starts_with(begins.as_str()))
    }
}

/// Why a look did not come to its end.
enum Wrong {
    /// It may go well later.
    Passing(String),
    /// It will not.
    Lasting(String),
    /// Nobody listens any more.
    Gone,
}

/// Tells each line of an object.
fn hand_over(
    name: &str,
    bytes: &[u8],
    between: (u64, u64),
    (tell, asked): (&mpsc::Sender<Told>, &Asked),
) -> Result<(), Wrong> {
    let broken =
        |why: &dyn std::fmt::Display| Wrong::Lasting(format!("`{name}` cannot be read: {why}"));
    let mut text = Vec::new();
    let text = if bytes.starts_with(&GZIP) {
        let unpacked = MultiGzDecoder::new(bytes).take(BYTES_MAX + 1).read_to_end(&mut text);
        unpacked.map_err(|error| broken(&error))?;
        text.as_slice()
    } else {
        bytes
    };
    if text.len() as u64 > BYTES_MAX {
        return Err(broken(&format_args!("it has more than {} MB", BYTES_MAX >> 20)));
    }
    if text.is_empty() {
        return Ok(());
    }
    let file: Arc<str> = Arc::from(name);
    // What ends the last line begins no other one.
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    for line in text.split(|byte| *byte == b'\n') {
        let told = Told::Line { file: Arc::clone(&file), line: line.into(), between };
        if asked.to_stop() || tell.blocking_send(told).is_err() {
            return Err(Wrong::Gone);
        }
    }
    Ok(())
}
