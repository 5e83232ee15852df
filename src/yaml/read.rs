//! Text to tree.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_saphyr::Error;
use serde_saphyr::Location;
use serde_saphyr::Spanned;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::yaml::Kind;
use crate::yaml::Node;
use crate::yaml::Value;

/// Larger files are refused.
const BYTES_MAX: usize = 4 << 20;

/// Reads the text of a file from a byte on. The mistake that stops it is returned, not added.
pub fn read(problems: &Problems, file: u16, from: usize) -> Result<Node, Problem> {
    let whole = problems.text(file);
    if whole.len() > BYTES_MAX {
        return Err(Problem::new("the file is larger than 4 MiB"));
    }
    let text = whole.get(from..).unwrap_or("");
    let origin = Origin { file, from, text };
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(origin.node(raw)),
        Err(error) => Err(origin.problem(&error)),
    }
}

/// Whether a value and the entry behind it are halves of `word(1,2)`.
fn is_torn(half: &Node, key: &Node, value: &Node) -> bool {
    let Value::Scalar { kind: Kind::Word, text: opening } = &half.value else {
        return false;
    };
    let Value::Scalar { kind: Kind::Word | Kind::Number, text: closing } = &key.value else {
        return false;
    };
    let is_nothing = matches!(value.value, Value::Scalar { kind: Kind::Null, .. });
    let opened = opening.matches('(').count();
    is_nothing
        && opened == opening.matches(')').count() + 1
        && closing.ends_with(')')
        && !closing.contains('(')
}

/// Where the text stands in its file.
struct Origin<'a> {
    file: u16,
    from: usize,
    text: &'a str,
}

impl Origin<'_> {
    fn node(&self, raw: Spanned<Raw>) -> Node {
        let place = self.place(&raw.referenced);
        let value = match raw.value {
            Raw::Null => self.scalar(Kind::Null, self.written(&raw.defined).to_owned()),
            Raw::Bool(value) => self.scalar(Kind::Bool, value.to_string()),
            Raw::Number(value) => {
                let written = self.written(&raw.defined);
                // Behind an alias or a tag the digits may stand elsewhere; then the value must do.
                let is_plain =
                    written.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
                let text = if is_plain { written.to_owned() } else { value };
                self.scalar(Kind::Number, text)
            }
            Raw::Text(text) => {
                let is_quoted = self.written(&raw.defined).starts_with(['"', '\'']);
                let is_block = self.before(&raw.defined).is_some();
                let kind = if is_quoted || is_block { Kind::Quoted } else { Kind::Word };
                self.scalar(kind, text)
            }
            Raw::List(list) => Value::List(list.into_iter().map(|raw| self.node(raw)).collect()),
            Raw::Map(entries) => {
                Value::Map(self.rejoined(
                    entries.into_iter().map(|(key, raw)| (self.node(key), self.node(raw))),
                ))
            }
        };
        Node { place: self.widened(place, &value), value }
    }

    /// The parser knows only where a collection begins. In flow style it is shown as a whole if it
    /// stands on one line; in block style its first key stands for it.
    fn widened(&self, place: Place, value: &Value) -> Place {
        let inner = match value {
            Value::Scalar { .. } => return place,
            Value::List(items) => items.last().map(|last| last.place),
            Value::Map(entries) => entries.last().map(|(key, last)| key.place.to(last.place)),
        };
        let at = |byte: u32| (byte as usize).saturating_sub(self.from);
        let closing = match self.text.as_bytes().get(at(place.start)) {
            Some(b'{') => '}',
            Some(b'[') => ']',
            _ => {
                let first = match value {
                    Value::Map(entries) => entries.first().map(|(key, _)| key.place),
                    _ => None,
                };
                // Behind an alias the entries stand elsewhere.
                let is_here = |first: &Place| first.start == place.start;
                return first.filter(is_here).unwrap_or(Place { end: place.start + 1, ..place });
            }
        };
        let from = inner.map_or(place.start + 1, |inner| inner.end).max(place.start + 1);
        let rest = self.text.get(at(from)..).unwrap_or("");
        let behind = rest.trim_start_matches([' ', ',']);
        let end = at(from) + rest.len() - behind.len() + 1;
        let is_one_line =
            self.text.get(at(place.start)..end).is_some_and(|all| !all.contains('\n'));
        if behind.starts_with(closing) && is_one_line {
            Place { end: u32::try_from(self.from + end).unwrap_or(u32::MAX), ..place }
        } else {
            place
        }
    }

    /// In `{ type: numeric(10,2), … }` the comma ends the value for YAML, and `2)` is a key with
    /// nothing behind it. That is never meant, so the two halves become one value again.
    fn rejoined(&self, entries: impl Iterator<Item = (Node, Node)>) -> Vec<(Node, Node)> {
        let mut joined: Vec<(Node, Node)> = Vec::new();
        for (key, value) in entries {
            let half = joined.last_mut().map(|(_, value)| value);
            if let Some(half) = half.filter(|half| is_torn(half, &key, &value)) {
                let place = half.place.to(key.place);
                let start = (place.start as usize).saturating_sub(self.from);
                let end = (place.end as usize).saturating_sub(self.from);
                let text = self.text.get(start..end).unwrap_or("").to_owned();
                *half = Node { place, value: self.scalar(Kind::Word, text) };
            } else {
                joined.push((key, value));
            }
        }
        joined
    }

    #[expect(clippy::unused_self, reason = "reads as its siblings do")]
    fn scalar(&self, kind: Kind, text: String) -> Value {
        Value::Scalar { kind, text }
    }

    fn written(&self, location: &Location) -> &str {
        let span = location.span();
        let start = span.byte_offset().and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
        let length = span.byte_len().and_then(|at| usize::try_from(at).ok()).unwrap_or(0);
        self.text.get(start..start + length).unwrap_or("")
    }

    /// The sign of a text block (`|` or `>`), if the line above ends with one.
    fn before(&self, location: &Location) -> Option<char> {
        let start = usize::try_from(location.span().byte_offset()?).ok()?;
        let above = self.text.get(..start)?.trim_end_matches([' ', '\t']).strip_suffix('\n')?;
        let line = above.rsplit('\n').next()?;
        let sign = line.split(" #").next()?.trim_end().trim_end_matches(['-', '+']);
        sign.trim_end_matches(|c: char| c.is_ascii_digit())
            .chars()
            .last()
            .filter(|c| "|>".contains(*c))
    }

    fn place(&self, location: &Location) -> Place {
        let span = location.span();
        let (start, length) = match (span.byte_offset(), span.byte_len()) {
            (Some(start), Some(length)) => (start, length),
            _ => (self.byte_of(location), 1),
        };
        let from = self.from as u64;
        let narrow = |at: u64| u32::try_from(at).unwrap_or(u32::MAX);
        Place { file: self.file, start: narrow(from + start), end: narrow(from + start + length) }
    }

    /// The byte at a line and a column; errors carry only these.
    fn byte_of(&self, location: &Location) -> u64 {
        let (line, column) = (location.line().max(1), location.column().max(1));
        let mut start = 0;
        for (number, text) in (1_u64..).zip(self.text.split_inclusive('\n')) {
            if number == line {
                let skip = usize::try_from(column - 1).unwrap_or(usize::MAX);
                start += text.char_indices().nth(skip).map_or(text.trim_end().len(), |(at, _)| at);
                return start as u64;
            }
            start += text.len();
        }
        self.text.len() as u64
    }

    fn problem(&self, error: &Error) -> Problem {
        let mut error = error.without_snippet();
        while let Error::AliasError { error: inner, .. } = error {
            error = inner.without_snippet();
        }
        let place = error.location().map(|location| self.place(&location));
        let text = error.to_string();
        let message = text.split_once(" at line ").map_or(text.as_str(), |(message, _)| message);
        let problem = match error {
            Error::DuplicateMappingKey { key, .. } => {
                let key = key.as_deref().unwrap_or("key");
                Problem::new(format!("`{key}` is given twice")).label("the second one")
            }
            Error::Budget { .. } => {
                Problem::new("this is nested too deeply, or there is too much of it")
            }
            Error::MultipleDocuments { .. } => {
                Problem::new("the file has more than one YAML document").label("a second begins")
            }
            _ => Problem::new(format!("this is not YAML: {message}")),
        };
        match place {
            Some(place) => problem.maybe_help(self.unquoted(place)).at(place),
            None => problem,
        }
    }

    /// `{ url: ${NAME} }` must be quoted, and the parser's own words do not say so.
    fn unquoted(&self, place: Place) -> Option<String> {
        let at = (place.start as usize).saturating_sub(self.from);
        let line_start = self.text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line_start..)?.lines().next()?;
        let is_bare = line.contains("${") && !line.contains("\"${") && !line.contains("'${");
        is_bare.then(|| "inside `{ … }` and `[ … ]` write `\"${NAME}\"`, in quotes".to_owned())
    }
}

/// What the YAML library makes of a node.
enum Raw {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = access.next_element()? {
            list.push(node);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
