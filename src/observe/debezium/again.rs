//! Looks at connectors, and what came again before: what is decided of it.

use std::cell::RefCell;

use crate::measure::Clock;
use crate::observe::debezium::Intake;
use crate::observe::debezium::arrival;
use crate::observe::debezium::repeats::Again;
use crate::observe::debezium::repeats::known::REMEMBERED;
use crate::observe::judge::Judge;
use crate::observe::tails::LATE;

impl Intake {
    /// Looks at the connectors, and decides what came again before.
    pub(in crate::observe) async fn look(&mut self, clock: Clock, judge: &RefCell<Judge>) {
        let now = clock.now();
        self.trouble = None;
        for (source, captured) in self.captured.iter_mut().enumerate() {
            match captured.look(clock).await {
                Ok(Some(restart)) => self.repeats.restarted(source, restart),
                Ok(None) => {}
                // The server is away: what reads it is, too, and begins again.
                Err(why) => self.trouble = Some(why),
            }
        }
        if self.trouble.is_none() {
            self.decide(now, &mut judge.borrow_mut());
        }
    }

    /// Decides what came again before a look at the connectors.
    pub(super) fn decide(&mut self, looked: u64, judge: &mut Judge) {
        if self.repeats.is_beyond {
            judge.spoil(format!(
                "more came again at the observer `{}` than is kept until its connector is looked at; so nobody \
                 can tell what of it was doubled",
                self.surface
            ));
        }
        for repeat in self.repeats.awaited(|it| judge.awaits_like(it)) {
            self.take_new(LATE, (repeat.change, repeat.origin), repeat.at, judge);
        }
        if let Some(first) = self.repeats.untold(looked) {
            judge.forgets((first.change.table, first.origin.lsn), REMEMBERED);
        }
        for (repeat, what) in self.repeats.decided(looked) {
            let (change, is_replay) = (repeat.change, what == Again::Replayed);
            // Of equal rows without a key, each that is waited for is one of its own.
            let is_another =
                is_replay && self.repeats.is_keyless(change.table) && judge.awaits(&change);
            if what == Again::New || is_another {
                // Meanwhile others have come.
                self.take_new(LATE, (change, repeat.origin), repeat.at, judge);
                continue;
            }
            judge.notes.change(&change, arrival(repeat.origin, repeat.at), Some(is_replay));
            judge.repeated(std::slice::from_ref(&change), is_replay, repeat.origin.lsn);
        }
    }
}
