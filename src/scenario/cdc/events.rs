//! A far end to which events come.

use std::time::Duration;

use crate::scenario::LakeSite;
use crate::scenario::Way;

/// A far end of events.
#[derive(Debug, Clone)]
pub struct EventSurface {
    /// What is sent these ways comes there.
    pub ways: Vec<Way>,
    /// Where that is.
    pub place: Events,
    /// For how long nothing may come at the end until it is given up.
    pub within: Duration,
}

/// Where events are found.
#[derive(Debug, Clone)]
pub enum Events {
    /// In topics.
    Topics {
        /// Index into [`Scenario::targets`](crate::scenario::Scenario::targets): which cluster.
        target: usize,
        /// The topic of an event, in which `{event}` and `{domain}` stand for names; `None`: the one to which it
        /// is sent.
        topics: Option<String>,
    },
    /// In objects, a line each.
    Files {
        /// Where those are; `None`: where the stand-in for Firehose puts them.
        site: Option<LakeSite>,
        /// How often it is looked for new ones.
        every: Duration,
    },
}
