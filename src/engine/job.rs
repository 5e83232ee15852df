//! What a job has of connections and lanes.

use crate::engine::Destination;
use crate::engine::Job;

/// Of a group that no destination limits: enough for every core to have work.
const CONNECTIONS: usize = 16;

impl Job {
    /// Whether anybody wants to know when each transaction was last sent.
    pub(super) fn has_audience(&self) -> bool {
        self.witness.is_some() || self.trace.is_some()
    }

    /// As many as the group of streams with the most has.
    pub(super) fn connections(&self) -> usize {
        (0..self.world.groups.len()).map(|group| self.spread(group)).max().unwrap_or(1)
    }

    /// Over how many connections a group's lanes are dealt: as many as each of its destinations
    /// allows, but no more than there are lanes.
    pub(super) fn spread(&self, group: usize) -> usize {
        self.allowed(group).clamp(1, self.lanes(group).max(1))
    }

    /// How many lanes a connection has, over all groups.
    pub(super) fn lanes_on(&self, connection: usize) -> usize {
        let of = |group: usize| {
            let (lanes, spread) = (self.lanes(group), self.spread(group));
            if connection < spread { lanes.saturating_sub(connection).div_ceil(spread) } else { 0 }
        };
        (0..self.world.groups.len()).map(of).sum()
    }

    /// How many of a group's lanes are played here.
    pub(super) fn lanes(&self, group: usize) -> usize {
        self.shard.lane_count(self.world.lanes_of(group)) as usize
    }

    /// How many connections a group's lanes may be dealt to.
    pub(super) fn allowed(&self, group: usize) -> usize {
        let ways = self.world.ways_of(group);
        let is_events = |way: &usize| matches!(self.destinations[*way], Destination::Events(_));
        // They wait for nothing and share a client: more of them only wake each other's threads.
        if !ways.is_empty() && ways.iter().all(is_events) {
            return self.workers;
        }
        // A connection has lanes of as few copies as can be: each copy's database gets all of its own.
        let of = |it: &usize| {
            self.destinations[*it].connections().map(|all| all * self.world.copies_of(*it))
        };
        let most = if ways.is_empty() { 1 } else { CONNECTIONS };
        ways.iter().filter_map(of).min().unwrap_or(most)
    }

    /// By series, whether something holds of the events of its group, as lanes are shared: told whether the
    /// group sends any, and nothing else, and whether none of its streams has sessions.
    pub(super) fn of_events(&self, holds: impl Fn((bool, bool), bool) -> bool) -> Vec<bool> {
        let mut all = vec![false; self.world.series.len()];
        for (group, streams) in self.world.groups.iter().enumerate() {
            // A session waits for the answer.
            let is_open = |stream: &usize| self.world.plan(*stream).sessions().is_none();
            if !holds(self.world.sends_events(group), streams.iter().all(is_open)) {
                continue;
            }
            for (series, holds) in (0_u16..).zip(&mut all) {
                *holds |= streams.contains(&self.world.stream_of(series));
            }
        }
        all
    }

    /// Says so if connections were asked for that have no lane.
    pub(super) fn warn_of_idle(&self) {
        let groups = 0..self.world.groups.len();
        let all = groups.map(|group| (self.allowed(group), self.lanes(group)));
        // The group that uses the most.
        let most = all.max_by_key(|(allowed, lanes)| *allowed.min(lanes));
        // Nobody asked for those.
        let is_ours =
            |each: &Destination| matches!(each, Destination::Discard | Destination::Lines(_));
        let is_discarded = self.destinations.iter().all(is_ours);
        if let Some((allowed, lanes)) =
            most.filter(|(allowed, lanes)| allowed > lanes && !is_discarded)
        {
            self.feed.message(format!(
                "{lanes} of {allowed} connections are used: a lane has one action under way, so \
                 more need more `lanes`"
            ));
        }
    }
}
