//! Takes what the engine tells of events, and hands it to those who judge.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::generate::World;
use crate::observe::events::Departure;
use crate::observe::events::Ended;
use crate::observe::events::EventFate;
use crate::observe::events::Forms;
use crate::observe::events::Sender;
use crate::observe::events::judge::EventJudge;
use crate::observe::events::judge::Fate;
use crate::observe::events::render::EventRenderer;

use smallvec::SmallVec;

/// Takes what is told of events.
pub(in crate::observe) struct EventTaker {
    judges: Vec<Rc<RefCell<EventJudge>>>,
    renderer: EventRenderer,
    /// How many events there have been.
    count: u64,
    /// By who sent them: the number of the first event, and of each the index of its operation.
    under_way: HashMap<Sender, (u64, SmallVec<[u32; 4]>)>,
}

impl EventTaker {
    pub(in crate::observe) fn new(
        world: &Arc<World>,
        forms: &Arc<Forms>,
        judges: Vec<Rc<RefCell<EventJudge>>>,
    ) -> Self {
        let renderer = EventRenderer::new(Arc::clone(world), Arc::clone(forms));
        Self { judges, renderer, count: 0, under_way: HashMap::new() }
    }

    /// What has come by now is judged when all was taken that is told by now.
    pub(in crate::observe) fn mark(&self) {
        self.judges.iter().for_each(|judge| judge.borrow_mut().mark());
    }

    /// All was taken that was told by the mark.
    pub(in crate::observe) fn judge_marked(&self) {
        self.judges.iter().for_each(|judge| judge.borrow_mut().judge_marked());
    }

    /// Events go out.
    pub(in crate::observe) fn departs(&mut self, departure: &Departure) {
        let Self { judges, renderer, count, under_way } = self;
        let (first, mut operations) = (*count, SmallVec::new());
        renderer.each(&departure.decision, departure.part, |event| {
            for judge in judges.iter() {
                judge.borrow_mut().departs(*count, event, departure);
            }
            operations.push(event.operation);
            *count += 1;
        });
        under_way.insert(departure.sender, (first, operations));
    }

    /// It is known what became of events.
    pub(in crate::observe) fn ended(&mut self, ended: &Ended) {
        let Some((first, operations)) = self.under_way.remove(&ended.sender) else { return };
        let (spared, refused) = match &ended.fate {
            EventFate::Stored => (Fate::Stored, None),
            EventFate::Refused(which) => (Fate::Refused, Some(which)),
            EventFate::Unknown(which) => (Fate::Unknown, Some(which)),
        };
        for (number, operation) in (first..).zip(operations) {
            let is_spared = refused.is_some_and(|it| !it.is_empty() && !it.contains(&operation));
            let fate = if is_spared { Fate::Stored } else { spared };
            for judge in &self.judges {
                let mut judge = judge.borrow_mut();
                if ended.is_repeated {
                    judge.repeats(number);
                }
                judge.settle(number, fate, (ended.settled, ended.is_measured));
            }
        }
    }

    /// Nobody can tell what became of what a connection has under way.
    pub(in crate::observe) fn none_known(&mut self, connection: u32, now: u64) {
        let mut lost: Vec<Sender> = self.under_way.keys().copied().collect();
        lost.retain(|sender| sender.connection == connection);
        lost.sort_unstable_by_key(|sender| sender.ticket);
        for sender in lost {
            let fate = EventFate::Unknown(Box::default());
            let (settled, is_measured, is_repeated) = (now, false, false);
            self.ended(&Ended { sender, settled, is_measured, fate, is_repeated });
        }
    }
}
