//! Tree to typed values: a serde deserializer over [`Node`]. It keeps every place, and at each
//! [`Kept`](crate::yaml::Kept) part it notes a mistake and goes on.

mod parts;

use std::cell::RefCell;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error;
use serde::de::Visitor;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::yaml::Kind;
use crate::yaml::Node;
use crate::yaml::Value;
use crate::yaml::decode::parts::Items;
use crate::yaml::decode::parts::Pairs;
use crate::yaml::decode::parts::Placed;
use crate::yaml::decode::parts::ScalarParts;
use crate::yaml::decode::parts::Variant;
use crate::yaml::mistake::Mistake;
use crate::yaml::types;

/// Decodes a tree; its mistakes go to `problems`. None if the outermost part is broken.
pub fn decode<'de, T: Deserialize<'de>>(node: &'de Node, problems: &mut Problems) -> Option<T> {
    let found = RefCell::new(Found::default());
    let reader = Reader { node, name: None, found: &found, role: Role::Plain, is_blank: false };
    let result = T::deserialize(reader);
    let found = found.into_inner();
    for problem in found.mistakes {
        problems.add(problem);
    }
    for place in found.incomplete {
        problems.silence_whole(place);
    }
    match result {
        Ok(value) => Some(value),
        Err(mistake) => {
            if !mistake.is_recorded {
                problems.add(mistake.problem);
            }
            None
        }
    }
}

/// What was found on the way.
#[derive(Default)]
struct Found {
    mistakes: Vec<Problem>,
    /// Settings with a key that means nothing: what they seem to lack may be just that.
    incomplete: Vec<Place>,
}

/// Reads one node.
#[derive(Clone, Copy)]
struct Reader<'de, 'p> {
    node: &'de Node,
    /// Where its key is written.
    name: Option<Place>,
    found: &'p RefCell<Found>,
    role: Role,
    /// It stands for the nothing behind a bare word; the node is the word.
    is_blank: bool,
}

/// What a node is read as.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    /// What it is.
    Plain,
    /// A key: there `null` is a name like any other.
    Key,
    /// A part whose mistake is noted here rather than further up.
    Kept,
    /// A list, or one value that does for a list of one.
    OneOrMany,
}

/// What stands behind a bare word.
static NOTHING: Value = Value::Scalar { kind: Kind::Null, text: String::new() };

impl<'de> Reader<'de, '_> {
    fn child(&self, node: &'de Node, name: Option<Place>) -> Self {
        Reader { node, name, found: self.found, role: Role::Plain, is_blank: false }
    }

    fn key(&self, node: &'de Node) -> Self {
        Reader { role: Role::Key, ..self.child(node, None) }
    }

    /// Gives a mistake its place, and notes it if this is where it is kept.
    fn settle<T>(&self, result: Result<T, Mistake>) -> Result<T, Mistake> {
        result.map_err(|mistake| {
            let mut mistake = mistake.placed(self.node.place, self.name);
            if self.role == Role::Kept && !mistake.is_recorded {
                self.found.borrow_mut().mistakes.push(mistake.problem.clone());
                mistake.is_recorded = true;
            }
            mistake
        })
    }

    fn expected<T>(&self, what: &str) -> Result<T, Mistake> {
        let found = if self.is_blank { "nothing".to_owned() } else { self.node.describe() };
        let message = format!("expected {what}, found {found}");
        self.settle(Err(Mistake::new(Problem::new(message))))
    }

    fn value(&self) -> &'de Value {
        if self.is_blank { &NOTHING } else { &self.node.value }
    }

    fn scalar(&self) -> Option<(Kind, &'de str)> {
        match self.value() {
            Value::Scalar { kind, text } => Some((*kind, text)),
            _ => None,
        }
    }

    /// A scalar that is a number of some type.
    fn number<N: std::str::FromStr>(&self, what: &str) -> Result<N, Mistake> {
        match self.scalar() {
            Some((Kind::Number, text)) => match text.replace('_', "").parse() {
                Ok(number) => Ok(number),
                Err(_) => self.expected(what),
            },
            _ => self.expected(what),
        }
    }

    /// Notes keys that mean nothing here, so that the others can be read all the same.
    fn note_unknown(&self, entries: &[(Node, Node)], fields: &'static [&'static str]) -> bool {
        let unknown = entries.iter().filter(|(key, _)| !is_field(key, fields));
        let mistakes = unknown.map(|(key, _)| match &key.value {
            Value::Scalar { text, .. } => {
                Mistake::unknown_field(text, fields).problem.at(key.place)
            }
            _ => Problem::new("a key is one word").at(key.place),
        });
        let mut found = self.found.borrow_mut();
        let before = found.mistakes.len();
        found.mistakes.extend(mistakes);
        let has_unknown = found.mistakes.len() > before;
        if has_unknown {
            found.incomplete.push(self.node.place);
        }
        has_unknown
    }

    fn is_nothing(&self) -> bool {
        matches!(self.scalar(), Some((Kind::Null, _)))
    }

    fn any<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value() {
            Value::List(items) => visitor.visit_seq(Items::new(*self, items)),
            Value::Map(entries) => visitor.visit_map(Pairs::new(*self, entries)),
            Value::Scalar { kind, text } => match kind {
                Kind::Null => visitor.visit_unit(),
                Kind::Bool => visitor.visit_bool(text == "true"),
                Kind::Number => match (text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(whole), _) => visitor.visit_i64(whole),
                    (_, Ok(number)) => visitor.visit_f64(number),
                    _ => visitor.visit_str(text),
                },
                Kind::Word | Kind::Quoted => visitor.visit_str(text),
            },
        }
    }

    fn map<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value() {
            Value::Map(entries) => visitor.visit_map(Pairs::new(*self, entries)),
            // `cdc:` with nothing behind it means all defaults.
            _ if self.is_nothing() => visitor.visit_map(Pairs::new(*self, &[])),
            _ => self.expected("settings (`key: value`)"),
        }
    }

    fn list<V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value() {
            Value::List(items) => visitor.visit_seq(Items::new(*self, items)),
            _ if self.is_nothing() && self.role != Role::OneOrMany => {
                visitor.visit_seq(Items::new(*self, &[]))
            }
            _ if self.role == Role::OneOrMany && !self.is_nothing() => {
                visitor.visit_seq(Items::new(*self, std::slice::from_ref(self.node)))
            }
            _ => self.expected("a list (`[a, b]`)"),
        }
    }
}

fn is_field(key: &Node, fields: &[&str]) -> bool {
    matches!(&key.value, Value::Scalar { text, .. } if fields.contains(&text.as_str()))
}

/// Methods for the integer types that differ in nothing but the type.
macro_rules! integers {
    ($($method:ident $visit:ident $kind:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            let number: $kind = self.number("a whole number")?;
            self.settle(visitor.$visit(number))
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.settle(self.any(visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.scalar() {
            Some((Kind::Bool, text)) => self.settle(visitor.visit_bool(text == "true")),
            _ => self.expected("`true` or `false`"),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let number: f64 = self.number("a number")?;
        if number.is_finite() {
            self.settle(visitor.visit_f64(number))
        } else {
            self.expected("a finite number")
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.scalar() {
            // Any scalar is text where text is wanted: a table may be called `2024`.
            Some((kind, text))
                if kind != Kind::Null || self.role == Role::Key && !text.is_empty() =>
            {
                self.settle(visitor.visit_borrowed_str(text))
            }
            _ => self.expected("one word or text"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        if self.is_nothing() {
            self.settle(visitor.visit_none())
        } else {
            self.settle(visitor.visit_some(self))
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        if self.is_nothing() { self.settle(visitor.visit_unit()) } else { self.expected("nothing") }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let role = match name {
            types::KEPT => Role::Kept,
            types::ONE_OR_MANY => Role::OneOrMany,
            _ => Role::Plain,
        };
        let inner = Reader { role, ..self };
        if name == types::SCALAR_OR && self.scalar().is_some() {
            self.settle(visitor.visit_some(inner))
        } else {
            self.settle(visitor.visit_newtype_struct(inner))
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.settle(self.list(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self.value() {
            Value::List(items) if items.len() == length => {
                self.settle(visitor.visit_seq(Items::new(self, items)))
            }
            Value::List(items) => {
                let message = format!("expected a list of {length}, found one of {}", items.len());
                self.settle(Err(Mistake::new(Problem::new(message))))
            }
            _ => self.expected(&format!("a list of {length}")),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        if name != types::SCALAR {
            return self.deserialize_tuple(length, visitor);
        }
        match self.scalar() {
            Some((kind, text)) => self.settle(visitor.visit_seq(ScalarParts::new(kind, text))),
            None => self.expected("one word, number or text"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.settle(self.map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        if name == types::SPANNED {
            return self.settle(visitor.visit_map(Placed::new(self)));
        }
        let Value::Map(entries) = self.value() else {
            return self.settle(self.map(visitor));
        };
        let has_unknown = self.note_unknown(entries, fields);
        let result = visitor.visit_map(Pairs::of_struct(self, entries, fields));
        self.settle(result.map_err(|mistake| {
            // The key that is missing is most likely the one that is misspelt.
            let is_recorded = mistake.is_recorded || mistake.is_about_whole && has_unknown;
            Mistake { is_recorded, ..mistake }
        }))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self.value() {
            Value::Scalar { kind, .. } if *kind != Kind::Null => {
                self.settle(visitor.visit_enum(Variant::bare(self)))
            }
            Value::Map(entries) => {
                if let [(key, value)] = entries.as_slice() {
                    return self.settle(visitor.visit_enum(Variant::of(self, key, value)));
                }
                let message = format!("expected one key, found {}", entries.len());
                let second = entries.get(1).map_or(self.node.place, |(key, _)| key.place);
                self.settle(Err(Mistake::new(Problem::new(message).at(second))))
            }
            _ => self.expected("a word or `{ word: … }`"),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.settle(visitor.visit_unit())
    }
}
