//! What Firehose, or a sink, wrote of events to a bucket or a folder: objects with an event on each line, plain or
//! by gzip. Nothing but a list says which there are; each is read once.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::watch;

use crate::action::TableId;
use crate::measure::Clock;
use crate::observe::Order;
use crate::observe::course::Course;
use crate::observe::course::Ending;
use crate::observe::course::LOOK;
use crate::observe::course::Next;
use crate::observe::course::TURN;
use crate::observe::course::each;
use crate::observe::events::Came;
use crate::observe::events::judge::EventJudge;
use crate::observe::events::judge::Rules;
use crate::observe::events::quiet::Quiet;
use crate::observe::objects;
use crate::observe::objects::FromObjects;
use crate::observe::objects::Gone;
use crate::observe::objects::Object;
use crate::observe::objects::ObjectContents;
use crate::observe::objects::Teller;
use crate::observe::objects::lines;
use crate::observe::objects::lines::checked;
use crate::observe::objects::looks::Looks;
use crate::observe::objects::store::Listed;
use crate::observe::reading::Reading;
use crate::observe::reading::Weighs;
use crate::observe::reasons::unfinished;
use crate::scenario::LakeSite;
use crate::sink::event::Publisher;
use crate::sink::postgres::provision::SetupError;

/// Objects with events that are observed.
#[derive(Debug, Clone)]
pub struct EventFiles {
    /// Where they are.
    pub(crate) site: LakeSite,
    /// Only those whose names begin with one of these, and go on with a date, count; all do if there is none.
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

/// The time in the name of an object.
const TIME: &str = "0000-00-00-00-00-00-";

/// A line of an object, which was there some time between two looks.
#[derive(Debug)]
struct Line {
    file: Arc<str>,
    text: Box<[u8]>,
    between: (u64, u64),
}

impl Weighs for Line {
    fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// Which objects have events. Each is read once.
#[derive(Debug)]
struct Lines {
    names: Vec<String>,
}

impl ObjectContents for Lines {
    type Told = Line;
    type End = ();

    const READS_AGAIN: bool = false;

    fn is_meant(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|begins| is_called(name, begins))
    }

    fn read(
        &mut self,
        object: Object<'_>,
        tell: &Teller<Self>,
    ) -> Result<Result<(), String>, Gone> {
        let Object { name, bytes, between } = object;
        if let Err(why) = checked(name, &bytes) {
            return Ok(Err(why));
        }
        let file: Arc<str> = Arc::from(name);
        let told = lines::each(&bytes, |line| {
            let line = Line { file: Arc::clone(&file), text: line.into(), between };
            tell.blocking_send(FromObjects::Of(line)).map_err(|_| Gone)
        });
        told.map_or(Ok(Ok(())), |told| told.map(Ok))
    }

    fn end(&mut self, _there: &Listed, _tell: &Teller<Self>) -> Result<(), Gone> {
        Ok(())
    }
}

/// Whether an object is called as Firehose does: how it begins, the time, and what tells it from others. The name of
/// another stream may begin in the same way.
fn is_called(name: &str, begins: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let Some(rest) = last.strip_prefix(begins) else { return false };
    let time = rest.get(..TIME.len()).unwrap_or_default();
    let is_as_said = |(letter, pattern): (u8, u8)| match pattern {
        b'0' => letter.is_ascii_digit(),
        other => letter == other,
    };
    time.len() == TIME.len() && time.bytes().zip(TIME.bytes()).all(is_as_said)
}

/// Objects that are being read.
pub(in crate::observe) struct FileReader {
    surface: String,
    reading: Reading<FromObjects<Line, ()>>,
    quiet: Quiet,
    looks: Looks,
    /// Nothing comes any more: a look must begin after this moment, and show so. Once it has: how much had
    /// come by then, and must be judged.
    last: Option<(Instant, Option<u64>)>,
}

/// Begins to read: all objects that are new from now on are.
pub(in crate::observe) async fn open(
    surface: &str,
    meant: &EventFiles,
    clock: Clock,
) -> Result<FileReader, SetupError> {
    let lines = Lines { names: meant.names.clone() };
    let at = (surface, &meant.site, meant.every);
    Ok(FileReader {
        surface: surface.to_owned(),
        reading: objects::start(at, lines, clock).await?,
        quiet: Quiet::default(),
        looks: Looks::new(meant.every, meant.within),
        last: None,
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
        let (mut course, mut look) = (Course::new(self.looks.within), each(LOOK));
        loop {
            match course.next(*orders.borrow_and_update()) {
                Next::Wait => {}
                Next::Abandon => return (false, self.notes()),
                Next::Fence => course.is_fenced(),
                Next::GiveUp if self.last.is_none() => {
                    self.last = Some((Instant::now(), None));
                    course.is_fenced();
                }
                Next::GiveUp if self.is_over(&judge.borrow()) => return (true, self.notes()),
                Next::GiveUp => {
                    let reason = self.looks.stuck();
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
                    self.take(told, &judge);
                    tokio::task::yield_now().await;
                }
                _ = look.tick() => {
                    let judge = judge.borrow();
                    // What others write there may never end.
                    if course.is_at(judge.progress()) {
                        self.last = None;
                    }
                    if course.ending == Ending::Fenced && self.is_over(&judge) {
                        return (true, self.notes());
                    }
                }
                _ = orders.changed() => {}
            }
        }
    }

    /// Whether what has not come by now does not: a look has shown so that began behind all that was waited for.
    fn is_over(&mut self, judge: &EventJudge) -> bool {
        let (_, judged) = judge.taken();
        if let Some((_, Some(came))) = self.last
            && judged >= came
        {
            return true;
        }
        let since = self.quiet.over(judge, (self.looks.every * 2, self.looks.within));
        since.is_some_and(|since| self.looks.have_seen(since))
    }

    /// Takes what waits, as much as one turn allows.
    fn take(&mut self, first: FromObjects<Line, ()>, judge: &Rc<RefCell<EventJudge>>) {
        let mut told = first;
        for left in (0..TURN).rev() {
            match told {
                FromObjects::Of(Line { file, text, between: (since, at) }) => {
                    let (place, file, payload) = (0, Some(file), text);
                    judge.borrow_mut().come(Came { place, file, key: None, payload, since, at });
                }
                FromObjects::Looked { trouble, begun, took } => {
                    if self.looks.took(trouble, (begun, took))
                        && let Some((_, shown)) = self.last.as_mut().filter(|it| begun >= it.0)
                    {
                        // Those that come later must not put it off.
                        shown.get_or_insert_with(|| judge.borrow().taken().0);
                    }
                }
                // Nobody asks for that.
                FromObjects::Ended(()) => {}
            }
            if left == 0 {
                break;
            }
            let Ok(next) = self.reading.told.try_recv() else { break };
            told = next;
        }
    }

    fn give_up(&self, judge: &Rc<RefCell<EventJudge>>, reason: &str) -> (bool, Vec<String>) {
        judge.borrow_mut().spoil(unfinished(&self.surface, reason));
        (false, self.notes())
    }

    fn notes(&self) -> Vec<String> {
        vec![self.looks.note(&self.surface)]
    }
}
