//! Topics with the events that are sent there, or that somebody copies there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;
use rdkafka::message::Headers as _;
use tokio::sync::watch;

use crate::observe::Options;
use crate::observe::Order;
use crate::observe::course::Course;
use crate::observe::course::Ending;
use crate::observe::course::LOOK;
use crate::observe::course::Next;
use crate::observe::course::TURN;
use crate::observe::course::each;
use crate::observe::events::Came;
use crate::observe::events::EventTopics;
use crate::observe::events::judge::EventJudge;
use crate::observe::events::judge::Rules;
use crate::observe::events::quiet::Quiet;
use crate::observe::kafka::consumer;
use crate::observe::kafka::consumer::FromTopics;
use crate::observe::kafka::consumer::TopicContents;
use crate::observe::reading::Asked;
use crate::observe::reading::Reading;
use crate::observe::reading::Weighs;
use crate::observe::reasons::unfinished;
use crate::sink::event::trace::RUN;
use crate::sink::postgres::provision::SetupError;
use crate::units::format_duration;

/// A record as it was read; `None`: another run has sent it.
type Record = Option<Came>;

impl Weighs for Record {
    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, Came::bytes)
    }
}

/// Topics with events that are being read.
pub(in crate::observe) struct EventReader {
    surface: String,
    reading: Reading<FromTopics<Record, ()>>,
    within: Duration,
    /// Where somebody copies events to the topics.
    quiet: Option<Quiet>,
    /// Of other runs.
    foreign: u64,
}

/// What the topics hold.
struct Events {
    /// By name: their numbers.
    topics: BTreeMap<String, usize>,
    run: Option<String>,
}

impl TopicContents for Events {
    type Of = usize;
    type Record = Record;
    type End = ();

    fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.keys().map(String::as_str)
    }

    fn of(&self, topic: &str) -> Option<usize> {
        self.topics.get(topic).copied()
    }

    fn read(
        &mut self,
        place: usize,
        message: &BorrowedMessage<'_>,
        _: &Asked,
    ) -> Result<Option<Record>, String> {
        let mut headers = message.headers().into_iter().flat_map(|all| all.iter());
        let whose = headers.find(|header| header.key == RUN).and_then(|header| header.value);
        let is_foreign = |run: &String| whose.is_some_and(|whose| whose != run.as_bytes());
        if self.run.as_ref().is_some_and(is_foreign) {
            return Ok(Some(None));
        }
        let payload = message.payload().unwrap_or_default().into();
        let (file, key) = (None, message.key().map(Box::from));
        Ok(Some(Some(Came { place, file, key, payload, since: 0, at: 0 })))
    }

    fn end(&mut self, _: impl Fn(&str) -> bool) {}
}

impl EventTopics {
    /// The topics, each with a number.
    fn numbers(&self) -> BTreeMap<String, usize> {
        let mut numbers = BTreeMap::new();
        for (topic, _) in self.events.values() {
            let next = numbers.len();
            numbers.entry(topic.clone()).or_insert(next);
        }
        numbers
    }

    /// What is to be known of them.
    pub(in crate::observe) fn rules(&self) -> Rules {
        let numbers = self.numbers();
        let event = |(topic, name): &(String, String)| {
            (numbers.get(topic).copied().unwrap_or_default(), name.clone())
        };
        let mut places = vec![String::new(); numbers.len()];
        for (name, number) in &numbers {
            places[*number] = format!("{}.{name}", self.target);
        }
        Rules {
            target: self.target.clone(),
            events: self.events.iter().map(|(table, it)| (*table, event(it))).collect(),
            places,
            has_keys: self.has_keys,
            is_ordered: self.is_ordered,
            publishers: self.publishers.clone(),
            has_many_repeats: false,
        }
    }
}

/// Begins to read: all that comes from now on is seen.
pub(in crate::observe) async fn open(
    surface: &str,
    meant: &EventTopics,
    options: &Options,
) -> Result<EventReader, SetupError> {
    let events = Events { topics: meant.numbers(), run: meant.run.clone() };
    let reading = consumer::start(&meant.cluster, events, (options, meant.within)).await?;
    let (surface, within) = (surface.to_owned(), meant.within);
    let quiet = meant.is_copied.then(Quiet::default);
    Ok(EventReader { surface, reading, within, quiet, foreign: 0 })
}

impl EventReader {
    /// Reads to the end of what was sent. Returns whether it came there, and what people should know.
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
                Next::Fence => {
                    course.is_fenced();
                    if self.quiet.is_none() {
                        self.end(&mut course);
                    }
                }
                // What has not come by now does not.
                Next::GiveUp if course.ending == Ending::Fenced => self.end(&mut course),
                Next::GiveUp => {
                    let within = format_duration(self.within);
                    let reason =
                        format!("the topics could not be read to their ends within {within}");
                    return self.give_up(&judge, &reason);
                }
            }
            // What waits for what the engine tells has a limit.
            let is_open = !judge.borrow().is_full();
            tokio::select! {
                told = self.reading.told.recv(), if is_open => {
                    if let Some(end) = self.take(told, &judge) {
                        return end;
                    }
                    tokio::task::yield_now().await;
                }
                _ = look.tick() => {
                    // What others write to these topics may never end.
                    course.is_at(judge.borrow().progress());
                    let quiet = self.quiet.as_mut().filter(|_| course.ending == Ending::Fenced);
                    if quiet.is_some_and(|it| it.over(&judge.borrow(), (LOOK * 2, self.within)).is_some()) {
                        self.end(&mut course);
                    }
                }
                _ = orders.changed() => {}
            }
        }
    }

    /// What is there now is the end.
    fn end(&self, course: &mut Course) {
        course.is_fenced();
        course.ending = Ending::Reading;
        self.reading.end();
    }

    /// Takes what waits, as much as one turn allows. Returns how it ended, if it did.
    fn take(
        &mut self,
        first: Option<FromTopics<Record, ()>>,
        judge: &Rc<RefCell<EventJudge>>,
    ) -> Option<(bool, Vec<String>)> {
        let mut told = first;
        for left in (0..TURN).rev() {
            match told {
                Some(FromTopics::Record { record: Some(came), at, .. }) => {
                    judge.borrow_mut().come(Came { since: at, at, ..came });
                }
                Some(FromTopics::Record { record: None, .. }) => self.foreign += 1,
                Some(FromTopics::AtEnd { busy, .. }) => {
                    if let Some(late) = consumer::late(&self.surface, busy) {
                        judge.borrow_mut().spoil(late);
                    }
                    return Some((true, self.notes()));
                }
                Some(FromTopics::Broken(reason)) => return Some(self.give_up(judge, &reason)),
                None => return Some(self.give_up(judge, "its thread ended early")),
            }
            if left == 0 {
                break;
            }
            told = Some(self.reading.told.try_recv().ok()?);
        }
        None
    }

    fn give_up(&self, judge: &Rc<RefCell<EventJudge>>, reason: &str) -> (bool, Vec<String>) {
        judge.borrow_mut().spoil(unfinished(&self.surface, reason));
        (false, self.notes())
    }

    fn notes(&self) -> Vec<String> {
        let foreign = Some(self.foreign).filter(|count| *count > 0);
        let said = foreign.map(|count| {
            format!(
                "at the observer `{}`, {count} events came that another run has sent",
                self.surface
            )
        });
        said.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    use crate::observe::events::judge::tests::Step;
    use crate::observe::events::judge::tests::judge_of;
    use crate::observe::events::judge::tests::taken;

    /// One event is lost, and somebody else writes to the topic without end.
    #[tokio::test(flavor = "current_thread")]
    async fn what_others_write_puts_no_end_off() {
        let reading = Reading::start("test", |tell, asked| {
            let payload = || (*b"x").into();
            while !asked.to_stop() && !asked.to_end() {
                let came =
                    Came { place: 0, file: None, key: None, payload: payload(), since: 0, at: 0 };
                let (partition, at) = (0, 1);
                for record in [Some(came), None] {
                    if tell.blocking_send(FromTopics::Record { partition, record, at }).is_err() {
                        return;
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            let _ = tell.blocking_send(FromTopics::AtEnd { of: (), busy: None });
        });
        let within = Duration::from_millis(600);
        let (surface, quiet) = ("seen".to_owned(), Some(Quiet::default()));
        let reading = reading.unwrap();
        let reader = EventReader { surface, reading, within, quiet, foreign: 0 };
        let judge = Rc::new(RefCell::new(judge_of(&[Step::Sent(0, "a"), Step::Stored(0)])));
        let (_order, orders) = watch::channel(Order::Finish);
        let (begun, work) = (Instant::now(), reader.work(Rc::clone(&judge), orders));
        let found = tokio::time::timeout(Duration::from_secs(20), taken(&judge, work)).await;
        assert!(found.expect("it waits without end").0 && begun.elapsed() >= within);
        let reasons = std::mem::take(&mut judge.borrow_mut().invalid_because).all();
        assert_eq!(reasons, Vec::<String>::new());
    }
}
