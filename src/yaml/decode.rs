//! Tree to typed values: a serde deserializer over [`Node`]. It keeps every place, and at each
//! [`Kept`](crate::yaml::Kept) part it notes a mistake and goes on.

mod parts;
mod reader;

use std::cell::RefCell;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::Visitor;

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
use crate::yaml::decode::reader::Found;
use crate::yaml::decode::reader::Reader;
use crate::yaml::decode::reader::Role;
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
        let is_map = matches!(self.value(), Value::Map(_));
        let is_list = [types::LIST_OR, types::SEVERAL_OR].contains(&name) && !is_map;
        if is_list || name == types::SCALAR_OR && self.scalar().is_some() {
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
