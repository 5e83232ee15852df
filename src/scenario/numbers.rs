//! How many row numbers a run may use in a table: what its keys must have room for.

use crate::pace::Pacing;
use crate::pace::Plan;
use crate::pace::real;
use crate::pace::whole;
use crate::scenario::Stream;
use crate::scenario::follow::HOPS_MAX;
use crate::scenario::life::At;
use crate::scenario::life::Tables;
use crate::schema::Action;
use crate::schema::Otherwise;
use crate::schema::Step;

/// How improbable it is that a lane makes more rows than are reckoned with: e to the power of so
/// much. With 4,096 lanes it is still less than one in a thousand million runs.
const CERTAINTY: f64 = 32.0;

/// More slots a second than a server has been seen to take of an unlimited stream.
const UNLIMITED_RATE: f64 = 500_000.0;

/// The rows that one slot makes in a table: at most, on average, and the mean of their squares.
#[derive(Default)]
struct Births {
    most: f64,
    mean: f64,
    square: f64,
}

impl Tables<'_> {
    /// How many row numbers a run may use in a table, counted from 0. A row's number is its index
    /// in its lane × `lanes` + the lane, and what a lane makes is drawn, so the fullest lane decides.
    /// Of an unlimited stream without a limit it is an estimate.
    pub(crate) fn numbers_max(&self, at: At) -> u64 {
        let seeded = self.seeded(at);
        let streams = &self.scenario.load.streams;
        let born: u64 = streams.iter().map(|stream| self.born_in_a_lane(stream, at)).sum();
        if born == 0 || self.table(at).owner.is_some() {
            return seeded;
        }
        let lanes = u64::from(self.lanes(at));
        seeded.div_ceil(lanes).saturating_add(born).saturating_mul(lanes)
    }

    /// How many rows a stream may make of a table in one lane: the mean and a margin by Bernstein's
    /// inequality, and never more than each slot can.
    fn born_in_a_lane(&self, stream: &Stream, at: At) -> u64 {
        let births = self.births(stream, at);
        if births.most == 0.0 {
            return 0;
        }
        let slots = match &stream.pacing {
            Pacing::Open(_) => {
                Plan::new(&stream.pacing, self.scenario.load.warmup, stream.limit).slots()
            }
            Pacing::Unlimited { length } => {
                let most = length.map(|length| whole(length.as_secs_f64() * UNLIMITED_RATE));
                stream.limit.or(most)
            }
            Pacing::Closed { sessions, .. } => {
                let length = sessions.length() + self.scenario.load.warmup;
                Some(whole(length.as_secs_f64() * UNLIMITED_RATE))
            }
        };
        let slots = real(slots.unwrap_or(0).div_ceil(u64::from(self.all_lanes(at))));
        let variance = (births.square - births.mean * births.mean).max(0.0);
        let margin = (2.0 * CERTAINTY * slots * variance).sqrt() + births.most * CERTAINTY / 1.5;
        whole((slots * births.mean + margin).min(slots * births.most).ceil())
    }

    fn births(&self, stream: &Stream, at: At) -> Births {
        let total: f64 = stream.mix.iter().map(|entry| entry.weight).sum();
        // In the lanes of a copy, its actions have the weight of all copies'.
        let copies = f64::from(self.scenario.domains[at.0].copy.count);
        let mut births = Births::default();
        for entry in stream.mix.iter().filter(|entry| entry.domain == at.0) {
            let actions = &self.scenario.domains[at.0].schema.actions;
            // What follows is reckoned to follow always.
            let all = self.scenario.leading_to(entry);
            let times = |action: usize| {
                let is_again = actions[action].then.iter().any(|then| then.action == action);
                if is_again { AGAIN_MAX } else { 1 }
            };
            let made = |action: &usize| made_by(&actions[*action], at.1) * times(*action);
            let rows = real(all.iter().map(made).sum());
            births.most = births.most.max(rows);
            births.mean += entry.weight * copies / total * rows;
            births.square += entry.weight * copies / total * rows * rows;
        }
        births
    }
}

/// How often an action that follows itself does so, at most.
const AGAIN_MAX: u64 = HOPS_MAX;

/// How many rows an action makes of a table, or makes of it instead of what it should.
fn made_by(action: &Action, table: usize) -> u64 {
    let is_made = |step: &&Step| matches!(step, Step::Insert { table: of } | Step::Upsert { table: of, .. } if *of == table);
    let made = action.steps.iter().filter(is_made).count() as u64;
    let falls_back = action.steps.iter().any(|step| {
        matches!(step, Step::Update { table: of, otherwise: Otherwise::Insert, .. }
            | Step::Delete { table: of, otherwise: Otherwise::Insert, .. } if *of == table)
    });
    made.max(u64::from(falls_back))
}
