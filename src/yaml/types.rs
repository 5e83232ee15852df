//! The building blocks of `…/file.rs`: derived types are made of these.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::Visitor;

use crate::diagnostic::Place;
use crate::yaml::Kind;

/// Names by which [`crate::yaml::decode`] recognises the types below.
pub(super) const SPANNED: &str = "loadgen::Spanned";
pub(super) const SCALAR: &str = "loadgen::Scalar";
pub(super) const SCALAR_OR: &str = "loadgen::ScalarOr";
pub(super) const LIST_OR: &str = "loadgen::ListOr";
pub(super) const ONE_OR_MANY: &str = "loadgen::OneOrMany";
pub(super) const SEVERAL_OR: &str = "loadgen::SeveralOr";
pub(super) const KEPT: &str = "loadgen::Kept";

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

/// How [`Spanned`] travels through serde.
#[derive(Deserialize)]
#[serde(rename = "loadgen::Spanned")]
struct SpannedFields<T> {
    file: u16,
    start: u32,
    end: u32,
    value: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let SpannedFields { file, start, end, value } = SpannedFields::deserialize(deserializer)?;
        Ok(Self { value, place: Place { file, start, end } })
    }
}

/// A scalar as it is written: what it looks like, and its text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "loadgen::Scalar")]
pub struct Scalar(pub Kind, pub String);

/// One value, or a list of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename = "loadgen::OneOrMany")]
pub struct OneOrMany<T>(pub Vec<T>);

/// A scalar, or settings.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalarOr<T> {
    /// A scalar.
    Scalar(Scalar),
    /// A list or a map.
    Other(Box<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ScalarOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SCALAR_OR, ScalarOrVisitor(PhantomData))
    }
}

struct ScalarOrVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ScalarOrVisitor<T> {
    type Value = ScalarOr<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value or settings")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Scalar::deserialize(deserializer).map(ScalarOr::Scalar)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        T::deserialize(inner).map(|settings| ScalarOr::Other(Box::new(settings)))
    }
}

/// One scalar or a list of them, or settings.
#[derive(Debug, Clone, PartialEq)]
pub enum SeveralOr<T> {
    /// A scalar, or a list.
    Several(OneOrMany<Spanned<Scalar>>),
    /// A map.
    Settings(Box<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for SeveralOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SEVERAL_OR, SeveralOrVisitor(PhantomData))
    }
}

struct SeveralOrVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SeveralOrVisitor<T> {
    type Value = SeveralOr<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("values or settings")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        OneOrMany::deserialize(deserializer).map(SeveralOr::Several)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        T::deserialize(inner).map(|settings| SeveralOr::Settings(Box::new(settings)))
    }
}

/// A list, or settings.
#[derive(Debug, Clone, PartialEq)]
pub enum ListOr<L, T> {
    /// A list.
    List(Vec<L>),
    /// A map.
    Settings(Box<T>),
}

impl<'de, L: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for ListOr<L, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(LIST_OR, ListOrVisitor(PhantomData))
    }
}

struct ListOrVisitor<L, T>(PhantomData<(L, T)>);

impl<'de, L: Deserialize<'de>, T: Deserialize<'de>> Visitor<'de> for ListOrVisitor<L, T> {
    type Value = ListOr<L, T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list or settings")
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Vec::deserialize(deserializer).map(ListOr::List)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        T::deserialize(inner).map(|settings| ListOr::Settings(Box::new(settings)))
    }
}

/// A part that may be broken: its mistake is in the list then, and the rest is read on.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept<T>(pub Option<T>);

impl<T: Default> Default for Kept<T> {
    fn default() -> Self {
        Self(Some(T::default()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(KEPT, KeptVisitor(PhantomData))
    }
}

struct KeptVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for KeptVisitor<T> {
    type Value = Kept<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("settings")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        // The decoder has put the mistake into the list before it handed it up to here.
        Ok(Kept(T::deserialize(inner).ok()))
    }
}

/// A map with free names, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entries<T, K = String>(pub Vec<(Spanned<K>, Option<T>)>);

impl<T, K> Default for Entries<T, K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, K> Entries<T, K> {
    /// The entries that could be read.
    pub fn iter(&self) -> impl Iterator<Item = (&Spanned<K>, &T)> {
        self.0.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// All names, also those of broken entries.
    pub fn names(&self) -> impl Iterator<Item = &Spanned<K>> {
        self.0.iter().map(|(name, _)| name)
    }
}

impl<'de, T: Deserialize<'de>, K: Deserialize<'de>> Deserialize<'de> for Entries<T, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T, K>(PhantomData<(T, K)>);

impl<'de, T: Deserialize<'de>, K: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T, K> {
    type Value = Entries<T, K>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, Kept(value))) = access.next_entry::<Spanned<K>, Kept<T>>()? {
            entries.push((name, value));
        }
        Ok(Entries(entries))
    }
}
