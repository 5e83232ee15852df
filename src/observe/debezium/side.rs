//! What a record tells of a row: as it was, or as it is.

use std::borrow::Cow;

use crate::action::TableInfo;
use crate::observe::debezium::coded::Coded;
use crate::observe::debezium::form::Described;
use crate::observe::debezium::node::Fields;
use crate::observe::debezium::node::Node;
use crate::schema::avro;

/// A row, and what is said of its columns.
pub(super) type Side<'a> = (&'a Fields<'a>, Described<'a>);

/// Those of a record or of a key.
pub(super) fn side<'a>(coded: &'a Coded<'_>) -> Option<Side<'a>> {
    side_by(coded, Described::Nothing)
}

/// The same, where something may be said of it elsewhere.
pub(super) fn side_by<'a>(coded: &'a Coded<'_>, said: Described<'a>) -> Option<Side<'a>> {
    Some((coded.fields.as_ref()?, said.or(coded.described())))
}

/// What a row tells of the change that wrote it, if it does: whose it is, and which version of the row.
pub(super) fn told(info: &TableInfo, body: &Fields<'_>) -> Option<(i64, i64)> {
    let first = info.markers()?;
    let number = |column: usize| field((body, info), &info.columns[column].0)?.1.as_i64();
    Some((number(first)?, number(first + 2)?))
}

/// The field of a column. Connectors may change names that are none in Avro, in one of two ways
/// (`field.name.adjustment.mode`).
pub(super) fn field<'a>(
    (row, info): (&'a Fields<'_>, &TableInfo),
    column: &'a str,
) -> Option<(Cow<'a, str>, Node<'a>)> {
    if let Some(value) = row.get(column) {
        return Some((Cow::Borrowed(column), value));
    }
    let is_another = |name: &String| info.columns.iter().any(|it| it.0 == *name);
    let adjusted = [avro::name_of(column), avro::unicode_name_of(column)].into_iter();
    let mut found = adjusted.filter(|name| !is_another(name));
    found.find_map(|name| row.get(&name).map(|value| (Cow::Owned(name), value)))
}
