//! What Firehose, or a sink, wrote of events to a bucket or a folder: objects with an event on each line, plain or
//! by gzip. Nothing but a list says which there are; each is read once.

mod look;
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
use crate::observe::events::files::look::Work;
use crate::observe::events::judge::EventJudge;
use crate::observe::events::judge::Rules;
use crate::observe::events::quiet::Quiet;
use crate::observe::reading::Reading;
use crate::observe::reading::Weighs;
use crate::observe::reasons::unfinished;
use crate::scenario::LakeSite;
use crate::sink::event::Publisher;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_duration;

/// How long the first look may take.
const FIRST_WITHIN: Duration = Duration::from_mins(2);

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

/// What the thread tells.
#[derive(Debug)]
enum Told {
    /// A line of an object, which was there some time between two looks.
    Line { file: Arc<str>, line: Box<[u8]>, between: (u64, u64) },
    /// A look that began at a moment has ended: all that was there then was read, or could not be, for a reason.
    Looked { trouble: Option<String>, begun: Instant, took: Duration },
}

impl Weighs for Told {
    fn bytes(&self) -> usize {
        match self {
            Self::Line { line, .. } => line.len(),
            Self::Looked { .. } => 0,
        }
    }
}

/// Objects that are being read.
pub(in crate::observe) struct FileReader {
    surface: String,
    reading: Reading<Told>,
    quiet: Quiet,
    every: Duration,
    within: Duration,
    trouble: Option<String>,
    /// When the last look began that read all that was there.
    seen: Option<Instant>,
    /// Nothing comes any more: such a look must begin after this moment, and show so. Once it has: how much had
    /// come by then, and must be judged.
    last: Option<(Instant, Option<u64>)>,
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
        seen: None,
        last: None,
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
                Next::GiveUp if self.last.is_none() => {
                    self.last = Some((Instant::now(), None));
                    course.is_fenced();
                }
                Next::GiveUp if self.is_over(&judge.borrow()) => return (true, self.notes()),
                Next::GiveUp => {
                    let reason = self.stuck();
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
        let since = self.quiet.over(judge, (self.every * 2, self.within));
        since.is_some_and(|since| self.seen.is_some_and(|seen| seen >= since))
    }

    /// Takes what waits, as much as one turn allows.
    fn take(&mut self, first: Told, judge: &Rc<RefCell<EventJudge>>) {
        let mut told = first;
        for left in (0..TURN).rev() {
            match told {
                Told::Line { file, line, between: (since, at) } => {
                    let (place, file, payload) = (0, Some(file), line);
                    judge.borrow_mut().come(Came { place, file, key: None, payload, since, at });
                }
                Told::Looked { trouble, begun, took } => {
                    if trouble.is_none() {
                        self.seen = Some(begun);
                        if let Some((_, shown)) = self.last.as_mut().filter(|it| begun >= it.0) {
                            // Those that come later must not put it off.
                            shown.get_or_insert_with(|| judge.borrow().taken().0);
                        }
                    }
                    (self.trouble, self.slowest) = (trouble, self.slowest.max(took));
                }
            }
            if left == 0 {
                break;
            }
            let Ok(next) = self.reading.told.try_recv() else { break };
            told = next;
        }
    }

    /// Why nobody knows what is there.
    fn stuck(&self) -> String {
        if let Some(trouble) = &self.trouble {
            return format!("what is there could not be read: {trouble}");
        }
        let (within, slowest) = (format_duration(self.within), self.slowest.as_secs());
        format!(
            "no look for objects came to its end within {within} (the slowest before took {slowest} s); let `within` \
             be longer, or name a prefix with fewer objects"
        )
    }

    fn give_up(&self, judge: &Rc<RefCell<EventJudge>>, reason: &str) -> (bool, Vec<String>) {
        judge.borrow_mut().spoil(unfinished(&self.surface, reason));
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
