//! Values of the environment, which no message shows.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::diagnostic::Place;

/// Each value once, however often it stands in a file: every message is searched for all of them.
#[derive(Debug, Default, Clone)]
pub(super) struct Hidden {
    values: Vec<Value>,
    numbers: HashMap<Value, usize>,
    /// Ends, and numbers of values, by file and beginning. They are scalars, so they lie apart.
    places: BTreeMap<(u16, u32), (u32, BTreeSet<usize>)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Value {
    value: String,
    /// What is shown for it.
    shown: String,
}

impl Hidden {
    /// Notes that a value went into the scalar at this place.
    pub(super) fn add(&mut self, place: Place, value: String, shown: String) {
        if value.is_empty() {
            return;
        }
        let value = Value { value, shown };
        let number = self.numbers.get(&value).copied().unwrap_or_else(|| {
            self.values.push(value.clone());
            self.numbers.insert(value, self.values.len() - 1);
            self.values.len() - 1
        });
        let (end, numbers) = self.places.entry((place.file, place.start)).or_default();
        *end = place.end.max(*end);
        numbers.insert(number);
    }

    /// A text about a place, without the values.
    pub(super) fn redact(&self, text: &str, place: Option<Place>) -> String {
        let mut text = text.to_owned();
        let near = place.filter(|_| text.contains('`')).map(|place| self.near(place));
        for (number, Value { value, shown }) in self.values.iter().enumerate() {
            if text.contains(value.as_str()) {
                // A short value may be part of many innocent words; as a whole it is always quoted.
                if value.len() >= 4 {
                    text = text.replace(value.as_str(), shown);
                }
                text = text.replace(&format!("`{value}`"), &format!("`{shown}`"));
            }
            if near.as_ref().is_some_and(|near| near.contains(&number)) {
                text = redact_pieces(&text, value, shown);
            }
        }
        text
    }

    /// Numbers of the values that went into what this place touches.
    fn near(&self, place: Place) -> BTreeSet<usize> {
        let before = self.places.range((place.file, 0)..(place.file, place.end));
        let touching = before.rev().take_while(|(_, (end, _))| *end > place.start);
        touching.flat_map(|(_, (_, numbers))| numbers).copied().collect()
    }
}

/// Replaces whatever stands in backticks and is a piece of the value.
fn redact_pieces(text: &str, value: &str, shown: &str) -> String {
    let mut pieces: Vec<&str> = text.split('`').collect();
    let is_closed = pieces.len() % 2 == 1;
    for (index, piece) in pieces.iter_mut().enumerate() {
        let is_quoted = is_closed && index % 2 == 1;
        if is_quoted && !piece.is_empty() && value.contains(*piece) && !shown.contains(*piece) {
            *piece = shown;
        }
    }
    pieces.join("`")
}

#[cfg(test)]
mod tests {
    use super::Hidden;
    use crate::diagnostic::Place;

    fn hide(hidden: &mut Hidden, start: u32, value: &str, shown: &str) {
        let place = Place { file: 0, start, end: start + 5 };
        hidden.add(place, value.to_owned(), shown.to_owned());
    }

    #[test]
    fn a_value_is_looked_for_once_however_often_it_stands_there() {
        let mut hidden = Hidden::default();
        for number in 0..10_000 {
            hide(&mut hidden, number / 10 * 10, "secret", "${A}");
            hide(&mut hidden, number / 10 * 10, "other", "${B}");
        }
        assert_eq!((hidden.values.len(), hidden.places.len()), (2, 1_000));
        assert_eq!(hidden.redact("a secret and another", None), "a ${A} and an${B}");
    }

    #[test]
    fn pieces_of_a_value_are_hidden_where_it_stands() {
        let mut hidden = Hidden::default();
        hide(&mut hidden, 10, "ab/cd", "${A}");
        hide(&mut hidden, 20, "ef", "${B}");
        let redacted =
            |start, end, text: &str| hidden.redact(text, Some(Place { file: 0, start, end }));
        assert_eq!(redacted(12, 13, "`ab` or `e`"), "`${A}` or `e`");
        assert_eq!(redacted(24, 30, "`ab` or `e`"), "`ab` or `${B}`");
        assert_eq!(redacted(0, 99, "`ab` or `e`"), "`${A}` or `${B}`");
        assert_eq!(redacted(15, 20, "`ab` or `e`"), "`ab` or `e`");
        assert_eq!(hidden.redact("`ef` or ef", None), "`${B}` or ef");
    }
}
