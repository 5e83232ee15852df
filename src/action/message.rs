//! What a transaction says of itself in the log, by `pg_logical_emit_message(true, 'loadgen', …)`: which actions of
//! which run it is.
//!
//! ```text
//!   action 3f1c09a2b7d45e61 100000007.1 100000009 +
//!          run              action.part  another  another message of this transaction goes on
//! ```
//!
//! All numbers are hexadecimal. The run is what rows say by [`Marker::Run`](crate::schema::Marker::Run), an action what
//! they say by [`Marker::Operation`](crate::schema::Marker::Operation). A part that is 0 is left out: only actions
//! that work in several databases have others.

use std::fmt::Write as _;

use crate::action::Origin;

/// The kind of our messages.
pub const PREFIX: &str = "loadgen";
/// What tells one from other messages of ours.
const WORD: &str = "action";
/// What stands behind one that another follows.
const MORE: &str = "+";
/// Actions that one message names, at most: so that none is too long for whatever hands it on.
const ACTIONS_MAX: usize = 1_024;

/// Which part of which action.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The action's number.
    pub action: u64,
    /// The part's.
    pub part: u8,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Of which run.
    pub run: i64,
    /// The actions.
    pub marks: Vec<Mark>,
    /// Whether another message of the transaction goes on.
    pub goes_on: bool,
}

/// Writes the messages of a transaction, one after the other; `each` takes them. Returns how many.
pub fn write<'a>(
    run: i64,
    origins: impl Iterator<Item = &'a Origin>,
    mut each: impl FnMut(&str),
) -> u32 {
    let (mut origins, mut count) = (origins.peekable(), 0);
    while origins.peek().is_some() {
        let mut text = format!("{WORD} {run:x}");
        for origin in origins.by_ref().take(ACTIONS_MAX) {
            let Mark { action, part } = origin.mark;
            let written = match part {
                0 => write!(text, " {action:x}"),
                part => write!(text, " {action:x}.{part:x}"),
            };
            debug_assert!(written.is_ok(), "a text takes all that is written");
        }
        if origins.peek().is_some() {
            text.push(' ');
            text.push_str(MORE);
        }
        each(&text);
        count += 1;
    }
    count
}

/// Reads a message; `None` if it is another one.
pub fn read(content: &[u8]) -> Option<Said> {
    let mut words = std::str::from_utf8(content).ok()?.split(' ');
    words.next().filter(|word| *word == WORD)?;
    let run = i64::from_str_radix(words.next()?, 16).ok()?;
    let (mut marks, mut goes_on) = (Vec::new(), false);
    for word in words {
        if goes_on {
            return None;
        }
        if word == MORE {
            goes_on = true;
            continue;
        }
        let (action, part) = word.split_once('.').unwrap_or((word, "0"));
        let part = u8::from_str_radix(part, 16).ok()?;
        marks.push(Mark { action: u64::from_str_radix(action, 16).ok()?, part });
    }
    (!marks.is_empty()).then_some(Said { run, marks, goes_on })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(action: u64, part: u8) -> Origin {
        Origin { mark: Mark { action, part }, ..Origin::default() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let (mut texts, origins) = (Vec::new(), [origin(0x1_0000_0007, 1), origin(9, 0)]);
        assert_eq!(write(0x3f, origins.iter(), |text| texts.push(text.to_owned())), 1);
        assert_eq!(texts, ["action 3f 100000007.1 9"]);
        let marks = origins.map(|it| it.mark).to_vec();
        let said = Said { run: 0x3f, marks, goes_on: false };
        assert_eq!(read(texts[0].as_bytes()), Some(said));
    }

    #[test]
    fn many_actions_have_several_messages_of_which_the_last_says_so() {
        let origins: Vec<_> = (1..=2_500).map(|action| origin(action, 0)).collect();
        let mut all = Vec::new();
        let count = write(7, origins.iter(), |text| all.push(read(text.as_bytes()).unwrap()));
        assert_eq!((count, all.len()), (3, 3));
        assert_eq!(all.iter().map(|it| it.goes_on).collect::<Vec<_>>(), [true, true, false]);
        let marks: Vec<_> = all.into_iter().flat_map(|it| it.marks).collect();
        assert!(marks.iter().map(|it| it.action).eq(1..=2_500));
    }

    #[test]
    fn other_messages_are_none() {
        for other in
            ["fence 12ab", "go on", "", "action", "action 3f", "action 3f x", "action 3f + 1"]
        {
            assert_eq!(read(other.as_bytes()), None, "{other}");
        }
        assert_eq!(read(&[0xff, 0xfe]), None);
    }
}
