//! Where values go as they are made: into an action, to be sent; or straight into a format.

use crate::action::Action;
use crate::action::Value;

/// Takes values, one after the other.
pub trait Take {
    /// The next value; its text, bytes and elements stand in [`Take::scratch`].
    fn take(&mut self, value: Value);

    /// The next value: this text.
    fn take_text(&mut self, text: &str);

    /// The next value: what `write` appends. It must be UTF-8, and is taken as empty if it is not.
    fn take_letters(&mut self, write: impl FnOnce(&mut Vec<u8>));

    /// Where values are made that are made of several.
    fn scratch(&mut self) -> &mut Action;

    /// The text that an earlier column of the row took; `None` if it took none.
    fn text_of(&self, column: usize) -> Option<&[u8]>;
}

/// Takes the values of rows, column after column, in the order of the table.
pub trait TakeRows: Take {
    /// A row begins.
    fn begin_row(&mut self);

    /// Rows that stand in [`Take::scratch`], each of them an insert.
    fn take_rows(&mut self);
}

/// A place in an action that takes one value.
#[derive(Debug)]
pub struct Cell<'a> {
    action: &'a mut Action,
    /// Where the values of the row begin.
    first: usize,
    /// What was taken.
    pub value: Value,
}

impl<'a> Cell<'a> {
    /// A place of the row whose values begin at `first`; it has taken NULL.
    pub fn new(action: &'a mut Action, first: usize) -> Self {
        Self { action, first, value: Value::Null }
    }

    /// A place of no row.
    pub fn alone(action: &'a mut Action) -> Self {
        let first = action.value_count();
        Self::new(action, first)
    }
}

impl Take for Cell<'_> {
    #[inline]
    fn take(&mut self, value: Value) {
        self.value = value;
    }

    #[inline]
    fn take_text(&mut self, text: &str) {
        let start = self.action.arena.len();
        self.action.arena.push_str(text);
        self.value = self.action.text_from(start);
    }

    #[inline]
    fn take_letters(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut letters = self.action.take_draft().into_bytes();
        write(&mut letters);
        let text = String::from_utf8(letters).unwrap_or_default();
        self.take_text(&text);
        self.action.return_draft(text);
    }

    #[inline]
    fn scratch(&mut self) -> &mut Action {
        self.action
    }

    fn text_of(&self, column: usize) -> Option<&[u8]> {
        match self.action.values_from(self.first).get(column) {
            Some(Value::Text(span)) => Some(self.action.letters(*span)),
            _ => None,
        }
    }
}
