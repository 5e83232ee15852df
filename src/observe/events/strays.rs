//! Events that are not as they should be: kept until the end, when it is known which belong together.

use crate::measure::Deviation;
use crate::measure::First;
use crate::observe::events::Came;
use crate::observe::events::judge::Outstanding;

/// What has come and nobody is known to have sent, at most; and the bytes that it takes.
const STRAYS_MAX: usize = 1 << 17;
const BYTES_MAX: usize = 128 << 20;

/// Something that has come, and was not expected.
#[derive(Debug)]
pub(super) struct Stray {
    pub(super) came: Came,
    pub(super) content: u128,
    /// The same came before.
    pub(super) is_again: bool,
}

/// An event that is not as it should be.
#[derive(Debug)]
pub(super) struct EventFault {
    pub(super) class: Deviation,
    /// What was sent, and what came.
    pub(super) sent: Option<Outstanding>,
    pub(super) came: Option<Came>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Strays {
    all: Vec<Stray>,
    bytes: usize,
    first: First<EventFault>,
}

impl Strays {
    /// Keeps what has come until the end. Returns whether there was room.
    pub(super) fn keep(&mut self, came: Came, content: u128, is_again: bool) -> bool {
        self.bytes += came.bytes();
        let has_room = self.all.len() < STRAYS_MAX && self.bytes < BYTES_MAX;
        if has_room {
            self.all.push(Stray { came, content, is_again });
        }
        has_room
    }

    /// Whether something has come that had not come before.
    pub(super) fn has_any_new(&self) -> bool {
        self.all.iter().any(|stray| !stray.is_again)
    }

    /// Takes all that was kept.
    pub(super) fn take(&mut self) -> Vec<Stray> {
        std::mem::take(&mut self.all)
    }

    /// One is not as it should be: the first of them are named.
    pub(super) fn fault(
        &mut self,
        class: Deviation,
        sent: Option<Outstanding>,
        came: Option<Came>,
    ) {
        self.first.add(class, || EventFault { class, sent, came });
    }

    /// The first of those that are not as they should be.
    pub(super) fn faults(self) -> impl Iterator<Item = EventFault> {
        self.first.all()
    }
}
