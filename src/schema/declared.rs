//! Types that a schema declares.

use crate::schema::ColumnType;

/// A type with a name of its own, made of another: `CREATE DOMAIN`.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainType {
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub base: ColumnType,
    /// A condition on `VALUE`, in SQL.
    pub check: Option<String>,
}
