//! Types that a schema declares, and parts of types: each is kept once and for as long as the
//! program lives, so that a [`ColumnType`] stays a small value that is copied freely.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::schema::ColumnType;

/// An enum: its name and its labels, in their order.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
pub struct EnumType {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Vec<String>,
}

/// The enum of that name and those labels.
pub(crate) fn enum_type(made: EnumType) -> &'static EnumType {
    static KEPT: Mutex<BTreeMap<EnumType, &'static EnumType>> = Mutex::new(BTreeMap::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.entry(made).or_insert_with_key(|made| Box::leak(Box::new(made.clone())))
}

/// The array of a type.
pub(crate) fn array_of(of: ColumnType) -> ColumnType {
    static KEPT: Mutex<BTreeMap<String, &'static ColumnType>> = Mutex::new(BTreeMap::new());
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    // An enum is known by its labels too: another schema may give the name to others.
    let name = format!("{of} {:?}", of.enum_type());
    ColumnType::Array(kept.entry(name).or_insert_with(|| Box::leak(Box::new(of))))
}
