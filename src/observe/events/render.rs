//! From a decision to its events, as they are sent.

use std::sync::Arc;

use crate::action::Action;
use crate::action::Fault;
use crate::action::TableId;
use crate::generate::Decision;
use crate::generate::World;
use crate::observe::events::Forms;
use crate::sink::event::trace::Headers;
use crate::sink::event::way::topic_of;

/// Renders events again.
#[derive(Debug)]
pub(in crate::observe) struct EventRenderer {
    world: Arc<World>,
    forms: Arc<Forms>,
    /// Only to name actions as records do.
    headers: Headers,
    action: Action,
    payload: Vec<u8>,
    key: Vec<u8>,
}

/// An event as it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    /// The index of its operation.
    pub(super) operation: u32,
    pub(super) table: TableId,
    pub(super) key: Option<&'a [u8]>,
    pub(super) payload: &'a [u8],
    /// Whether it waits on purpose before it is sent.
    pub(super) is_held_back: bool,
}

impl EventRenderer {
    pub(in crate::observe) fn new(world: Arc<World>, forms: Arc<Forms>) -> Self {
        let (headers, action) = (Headers::new(None, &world.series), Action::default());
        Self { world, forms, headers, action, payload: Vec::new(), key: Vec::new() }
    }

    /// The events of a part of a decision, in their order.
    pub(super) fn each(
        &mut self,
        decision: &Decision,
        part: usize,
        mut each: impl FnMut(&Written<'_>),
    ) {
        self.world.render_part(decision, part, &mut self.action);
        let action = &self.action;
        for (number, operation) in (0..).zip(action.operations()) {
            let Some(topic) = topic_of(&self.forms.topics, operation) else { continue };
            self.payload.clear();
            self.key.clear();
            if topic.write(operation, action, &mut self.payload).is_err() {
                // Nor could it be sent.
                continue;
            }
            let has_key = topic.form.write_key(action.values(operation), action, &mut self.key);
            each(&Written {
                operation: number,
                table: operation.table,
                key: has_key.then_some(self.key.as_slice()),
                payload: &self.payload,
                is_held_back: operation.fault.is_some_and(Fault::holds_back),
            });
        }
    }

    /// One event for people: its action, its key and its bytes.
    pub(super) fn shown(
        &mut self,
        decision: &Decision,
        (part, operation): (usize, u32),
    ) -> (String, String) {
        let mut shown = (String::new(), String::new());
        self.each(decision, part, |it| {
            if it.operation == operation {
                shown = (text(it.key.unwrap_or_default()), text(it.payload));
            }
        });
        let action = self.headers.action(&self.action.origin);
        (if shown.0.is_empty() { action } else { format!("{} ({action})", shown.0) }, shown.1)
    }
}

/// Bytes of what is shown, at most.
const SHOWN_MAX: usize = 2_000;

/// Bytes for people.
pub(super) fn text(bytes: &[u8]) -> String {
    match bytes.split_at_checked(SHOWN_MAX) {
        Some((first, rest)) if !rest.is_empty() => format!("{}…", String::from_utf8_lossy(first)),
        Some(_) | None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_cut_off_is_said_to_be() {
        for (length, is_cut) in [(0, false), (1_999, false), (2_000, false), (2_001, true)] {
            assert_eq!(text(&vec![b'x'; length]).ends_with('…'), is_cut, "{length}");
        }
    }
}
