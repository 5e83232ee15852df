//! A part of a record: of a tree that was read whole, or of a text of which only that is read for which somebody asks.
//! Most of what Debezium writes for a change tells nothing that is looked at.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::observe::debezium::mended::mended;

/// Fields of an object for which there is room at first, and so many of them that one looks for each.
const FIELDS: usize = 16;
const SORTED_FROM: usize = 64;

/// A value.
#[derive(Debug, Clone, Copy)]
pub(in crate::observe) enum Node<'a> {
    Tree(&'a Json),
    /// It is known to be JSON.
    Text(&'a str),
}

/// The fields of an object.
#[derive(Debug)]
pub(in crate::observe) enum Fields<'a> {
    Tree(Cow<'a, Map<String, Json>>),
    Text(Vec<(Name<'a>, &'a RawValue)>),
}

/// The name of a field, which seldom has to be copied.
#[derive(Debug)]
pub(in crate::observe) struct Name<'a>(Cow<'a, str>);

impl<'a> Node<'a> {
    pub(super) fn is_null(self) -> bool {
        match self {
            Self::Tree(tree) => tree.is_null(),
            Self::Text(text) => text == "null",
        }
    }

    pub(super) fn is_object(self) -> bool {
        match self {
            Self::Tree(tree) => tree.is_object(),
            Self::Text(text) => text.starts_with('{'),
        }
    }

    /// The fields, if it is an object.
    pub(super) fn fields(self) -> Option<Fields<'a>> {
        match self {
            Self::Tree(tree) => tree.as_object().map(Cow::Borrowed).map(Fields::Tree),
            // Most of what is none is null, and an error costs more than a record.
            Self::Text(text) if text.starts_with('{') => serde_json::from_str(text).ok(),
            Self::Text(_) => None,
        }
    }

    /// The whole of it; `None` if it is something that a tree cannot hold: a number beyond all. Half a character is
    /// one that no text of the server has: see [`mended`].
    pub(super) fn whole(self) -> Option<Cow<'a, Json>> {
        match self {
            Self::Tree(tree) => Some(Cow::Borrowed(tree)),
            Self::Text(text) => {
                let whole = serde_json::from_str(text).ok();
                let whole =
                    whole.or_else(|| serde_json::from_slice(&mended(text.as_bytes())?).ok());
                whole.map(Cow::Owned)
            }
        }
    }

    /// How it is written.
    pub(super) fn source(self) -> Cow<'a, str> {
        match self {
            Self::Tree(tree) => Cow::Owned(tree.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }

    /// The text, if it is one.
    pub(super) fn as_str(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Tree(tree) => tree.as_str().map(Cow::Borrowed),
            Self::Text(text) if text.starts_with('"') => {
                serde_json::from_str::<Name<'a>>(text).ok().map(|name| name.0)
            }
            Self::Text(_) => None,
        }
    }

    /// The number, if it is a whole one and not below 0.
    pub(super) fn as_u64(self) -> Option<u64> {
        match self {
            Self::Tree(tree) => tree.as_u64(),
            Self::Text(text) => text.parse().ok(),
        }
    }

    /// The same of one that may be below 0.
    pub(super) fn as_i64(self) -> Option<i64> {
        match self {
            Self::Tree(tree) => tree.as_i64(),
            Self::Text(text) => text.parse().ok(),
        }
    }

    /// Whether it is true, if it is one of both.
    pub(super) fn as_bool(self) -> Option<bool> {
        match self {
            Self::Tree(tree) => tree.as_bool(),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl<'a> Fields<'a> {
    /// Those of a text, unless it is null. The error says what it is instead.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "no JSON")?;
        if let Ok(fields) = serde_json::from_str(text) {
            return Ok(fields);
        }
        let other = serde_json::from_str::<IgnoredAny>(text);
        Err(if other.is_ok() { "no object of JSON" } else { "no JSON" })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Tree(tree) => tree.len(),
            Self::Text(all) => all.len(),
        }
    }

    /// A field; the last one of those that are named alike.
    pub(super) fn get(&self, name: &str) -> Option<Node<'_>> {
        match self {
            Self::Tree(tree) => tree.get(name).map(Node::Tree),
            Self::Text(all) => find(all, name).map(Node::Text),
        }
    }

    /// The fields of a field, if that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Fields<'_>> {
        self.get(name).and_then(Node::fields)
    }

    /// The same, kept longer than these.
    pub(super) fn into_object(self, name: &str) -> Option<Fields<'a>> {
        match self {
            Self::Tree(Cow::Borrowed(tree)) => Node::Tree(tree.get(name)?).fields(),
            Self::Tree(Cow::Owned(mut tree)) => match tree.remove(name)? {
                Json::Object(fields) => Some(Self::Tree(Cow::Owned(fields))),
                _ => None,
            },
            Self::Text(all) => Node::Text(find(&all, name)?).fields(),
        }
    }

    /// All of them, but for what a tree cannot hold.
    pub(super) fn whole(self) -> Json {
        let all = match self {
            Self::Tree(tree) => return Json::Object(tree.into_owned()),
            Self::Text(all) => all.into_iter(),
        };
        let field = |(name, raw): (Name<'_>, &'a RawValue)| {
            Some((name.0.into_owned(), Node::Text(raw.get()).whole()?.into_owned()))
        };
        Json::Object(all.filter_map(field).collect())
    }
}

/// The last field of a name.
fn find<'a>(all: &[(Name<'_>, &'a RawValue)], name: &str) -> Option<&'a str> {
    let found = if all.len() < SORTED_FROM {
        all.iter().rfind(|it| it.0.0 == name)
    } else {
        let end = all.partition_point(|it| *it.0.0 <= *name);
        all[..end].last().filter(|it| it.0.0 == name)
    };
    found.map(|it| it.1.get())
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Name<'de>, &'de RawValue)>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::with_capacity(FIELDS);
                while let Some(field) = map.next_entry()? {
                    all.push(field);
                }
                if all.len() >= SORTED_FROM {
                    // Those that are named alike stay in their order.
                    all.sort_by(|one: &(Name<'_>, _), other| one.0.0.cmp(&other.0.0));
                }
                Ok(all)
            }
        }
        from.deserialize_map(Object).map(Self::Text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#" {"a": {"x": 1, "x": -2}, "gr\u00f6\u00dfe": "\"z\"", "n": null,
        "deep": [{"b": [true]}], "half": "\ud800", "far": 1e999, "flag": false, "seven": 7} "#;

    #[test]
    fn a_text_has_the_fields_of_its_tree() {
        let text = Fields::read(RECORD.as_bytes()).unwrap().unwrap();
        let tree = RECORD.replace(r"\ud800", r"\u0000").replace(r#""far": 1e999,"#, "");
        let tree: Json = serde_json::from_str(&tree).unwrap();
        for fields in [&text, &Node::Tree(&tree).fields().unwrap()] {
            let of = |name: &str| fields.get(name).unwrap();
            assert_eq!(fields.object("a").unwrap().get("x").unwrap().as_i64(), Some(-2));
            assert_eq!(fields.object("a").unwrap().get("x").unwrap().as_u64(), None);
            assert_eq!(of("größe").as_str().as_deref(), Some("\"z\""));
            assert_eq!(of("flag").as_bool(), Some(false));
            assert_eq!((of("seven").as_u64(), of("seven").as_i64()), (Some(7), Some(7)));
            assert_eq!(of("seven").as_str(), None);
            assert!(of("n").fields().is_none() && of("deep").fields().is_none());
            assert_eq!(*of("deep").whole().unwrap(), tree["deep"]);
            assert!(fields.get("b").is_none() && fields.object("n").is_none());
        }
        // What a tree cannot hold is no value, and the others are there all the same.
        assert!(text.get("far").unwrap().whole().is_none());
        assert_eq!(*text.get("half").unwrap().whole().unwrap(), "\0");
        assert_eq!(text.whole(), tree);
    }

    #[test]
    fn a_field_of_many_is_found() {
        for count in [SORTED_FROM - 2, SORTED_FROM - 1, SORTED_FROM, 500] {
            let field = |at: usize| format!("\"c{at}\": {at}, ");
            let all: String = (0..count).map(field).collect();
            let text = format!("{{ \"c7\": -1, {all} \"c9\": -9 }}");
            let fields = Fields::read(text.as_bytes()).unwrap().unwrap();
            for at in 0..count {
                let expected = if at == 9 { -9 } else { i64::try_from(at).unwrap() };
                assert_eq!(fields.get(&format!("c{at}")).unwrap().as_i64(), Some(expected));
            }
            assert!(["", "c", "c1000", "d"].iter().all(|name| fields.get(name).is_none()));
        }
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_no_object() {
        for strange in [&b"{\"a\":"[..], b"", b"{\"a\":1} x", b"{\"a\":\"\xff\"}", b"\x00"] {
            assert_eq!(Fields::read(strange).err(), Some("no JSON"), "{strange:?}");
        }
        for other in ["7", "\"{}\"", "[1]", "{\"\\ud800\":1}"] {
            let read = Fields::read(other.as_bytes());
            assert_eq!(read.err(), Some("no object of JSON"), "{other}");
        }
        assert!(matches!(Fields::read(b" null"), Ok(None)));
    }
}
