//! What a [`Reader`] hands to serde piece by piece.

use serde::de::DeserializeSeed;
use serde::de::EnumAccess;
use serde::de::IntoDeserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::VariantAccess;
use serde::de::Visitor;
use serde::de::value::StrDeserializer;
use serde::de::value::U32Deserializer;

use crate::yaml::Kind;
use crate::yaml::Node;
use crate::yaml::decode::reader::Reader;
use crate::yaml::decode::reader::is_field;
use crate::yaml::mistake::Mistake;

/// The items of a list.
pub(super) struct Items<'de, 'p> {
    reader: Reader<'de, 'p>,
    rest: std::slice::Iter<'de, Node>,
}

impl<'de, 'p> Items<'de, 'p> {
    pub(super) fn new(reader: Reader<'de, 'p>, items: &'de [Node]) -> Self {
        Self { reader, rest: items.iter() }
    }
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let Some(node) = self.rest.next() else {
            return Ok(None);
        };
        seed.deserialize(self.reader.child(node, self.reader.name)).map(Some)
    }
}

/// The keys and values of a map.
pub(super) struct Pairs<'de, 'p> {
    reader: Reader<'de, 'p>,
    rest: std::slice::Iter<'de, (Node, Node)>,
    current: Option<&'de (Node, Node)>,
    /// Only these keys are handed on, if there are any.
    fields: Option<&'static [&'static str]>,
}

impl<'de, 'p> Pairs<'de, 'p> {
    pub(super) fn new(reader: Reader<'de, 'p>, entries: &'de [(Node, Node)]) -> Self {
        Self { reader, rest: entries.iter(), current: None, fields: None }
    }

    pub(super) fn of_struct(
        reader: Reader<'de, 'p>,
        entries: &'de [(Node, Node)],
        fields: &'static [&'static str],
    ) -> Self {
        Self { fields: Some(fields), ..Self::new(reader, entries) }
    }
}

impl<'de> MapAccess<'de> for Pairs<'de, '_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let fields = self.fields;
        self.current = self.rest.find(|(key, _)| fields.is_none_or(|fields| is_field(key, fields)));
        let Some((key, _)) = self.current else {
            return Ok(None);
        };
        seed.deserialize(self.reader.key(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        match self.current {
            Some((key, value)) => seed.deserialize(self.reader.child(value, Some(key.place))),
            None => self.reader.expected("a key before its value"),
        }
    }
}

/// The fields of [`crate::yaml::Spanned`], one after the other.
pub(super) struct Placed<'de, 'p> {
    reader: Reader<'de, 'p>,
    field: usize,
}

impl<'de, 'p> Placed<'de, 'p> {
    pub(super) fn new(reader: Reader<'de, 'p>) -> Self {
        Self { reader, field: 0 }
    }
}

impl<'de> MapAccess<'de> for Placed<'de, '_> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mistake> {
        let Some(name) = ["file", "start", "end", "value"].get(self.field) else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Mistake> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let place = self.reader.node.place;
        self.field += 1;
        let number = match self.field {
            1 => u32::from(place.file),
            2 => place.start,
            3 => place.end,
            _ => return seed.deserialize(self.reader),
        };
        let number: U32Deserializer<Mistake> = number.into_deserializer();
        seed.deserialize(number)
    }
}

/// The two parts of [`crate::yaml::Scalar`].
pub(super) struct ScalarParts<'de> {
    kind: Option<Kind>,
    text: Option<&'de str>,
}

impl<'de> ScalarParts<'de> {
    pub(super) fn new(kind: Kind, text: &'de str) -> Self {
        Self { kind: Some(kind), text: Some(text) }
    }
}

impl<'de> SeqAccess<'de> for ScalarParts<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mistake> {
        let word = match self.kind.take() {
            Some(Kind::Null) => Some("Null"),
            Some(Kind::Bool) => Some("Bool"),
            Some(Kind::Number) => Some("Number"),
            Some(Kind::Word) => Some("Word"),
            Some(Kind::Quoted) => Some("Quoted"),
            None => self.text.take(),
        };
        let Some(word) = word else {
            return Ok(None);
        };
        let word: StrDeserializer<'_, Mistake> = word.into_deserializer();
        seed.deserialize(word).map(Some)
    }
}

/// `word`, or `{ word: settings }`.
pub(super) struct Variant<'de, 'p> {
    name: Reader<'de, 'p>,
    /// None for a bare word.
    content: Option<Reader<'de, 'p>>,
}

impl<'de, 'p> Variant<'de, 'p> {
    pub(super) fn bare(reader: Reader<'de, 'p>) -> Self {
        Self { name: reader, content: None }
    }

    pub(super) fn of(reader: Reader<'de, 'p>, key: &'de Node, value: &'de Node) -> Self {
        let content = reader.child(value, Some(key.place));
        Self { name: reader.key(key), content: Some(content) }
    }
}

impl<'de> EnumAccess<'de> for Variant<'de, '_> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Mistake> {
        Ok((seed.deserialize(self.name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de, '_> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        match self.content {
            None => Ok(()),
            Some(content) if content.is_nothing() => Ok(()),
            Some(content) => content.expected("nothing behind this word"),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Mistake> {
        match self.content {
            Some(content) => seed.deserialize(content),
            // All that may be left away is left away; what may not, says so itself.
            None => seed.deserialize(Reader { is_blank: true, ..self.name }),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mistake> {
        self.content.unwrap_or(self.name).list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        self.content.unwrap_or(self.name).map(visitor)
    }
}
