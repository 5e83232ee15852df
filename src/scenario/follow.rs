//! Which actions follow those that streams mix: each of them is counted as a series of its own.

use crate::scenario::MixEntry;
use crate::scenario::Scenario;

/// Most streams and follow-ups together: each is measured apart.
pub(crate) const SERIES_MAX: usize = 256;

/// An action follows itself so often at most: a walk that goes on for longer is cut.
pub(crate) const HOPS_MAX: u64 = (1 << 10) - 1;

/// An action that follows others of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUp {
    /// Index into [`crate::scenario::Load::streams`].
    pub stream: usize,
    /// Index into [`Scenario::domains`]; of several copies, the first stands for all.
    pub domain: usize,
    /// Index into the schema's actions.
    pub action: usize,
    /// How its counts are called: `shop/ship`.
    pub name: String,
}

impl Scenario {
    /// All follow-ups, in the order of the streams, of their mixes and of what follows; each once for
    /// each stream.
    pub fn follow_ups(&self) -> Vec<FollowUp> {
        let mut all: Vec<FollowUp> = Vec::new();
        for (stream, each) in self.load.streams.iter().enumerate() {
            for entry in &each.mix {
                let domain = self.first_copy(entry.domain);
                for action in self.following(entry) {
                    let is_known = |it: &FollowUp| {
                        (it.stream, it.domain, it.action) == (stream, domain, action)
                    };
                    if !all.iter().any(is_known) {
                        let name = String::new();
                        all.push(FollowUp { stream, domain, action, name });
                    }
                }
            }
        }
        for number in 0..all.len() {
            all[number].name = self.name_of(&all, number);
        }
        all
    }

    /// `shop/ship`, or `shop/orders.ship` where two domains have such an action.
    fn name_of(&self, all: &[FollowUp], number: usize) -> String {
        let FollowUp { stream, domain, action, .. } = all[number];
        let named = |it: &FollowUp| self.domains[it.domain].schema.actions[it.action].name.as_str();
        let stream_name = &self.load.streams[stream].name;
        let schema = &self.domains[domain].schema;
        let action = &schema.actions[action].name;
        let is_namesake =
            |it: &&FollowUp| it.stream == stream && it.domain != domain && named(it) == action;
        match all.iter().find(is_namesake) {
            Some(_) => format!("{stream_name}/{}.{action}", self.domains[domain].copy.of),
            None => format!("{stream_name}/{action}"),
        }
    }

    /// The names of all that is measured apart: the streams, then what follows in them.
    pub fn series(&self) -> Vec<String> {
        let streams = self.load.streams.iter().map(|stream| stream.name.clone());
        streams.chain(self.follow_ups().into_iter().map(|follow_up| follow_up.name)).collect()
    }

    /// The actions of a mix that an entry of it leads to: its own, and what follows.
    pub(crate) fn leading_to(&self, entry: &MixEntry) -> Vec<usize> {
        let mut actions = vec![entry.action];
        let mut next = 0;
        while let Some(action) = actions.get(next).copied() {
            next += 1;
            for then in &self.domains[entry.domain].schema.actions[action].then {
                if !actions.contains(&then.action) {
                    actions.push(then.action);
                }
            }
        }
        actions
    }

    fn following(&self, entry: &MixEntry) -> Vec<usize> {
        let all = self.leading_to(entry);
        let actions = &self.domains[entry.domain].schema.actions;
        // What is mixed may also follow itself.
        let is_again = actions[entry.action].then.iter().any(|then| then.action == entry.action);
        let itself = is_again.then_some(entry.action);
        all.into_iter().skip(1).chain(itself).collect()
    }
}
