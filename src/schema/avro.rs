//! Events in Avro: the names and types that their columns have there, and the schema that says so.

use std::fmt::Write as _;

use serde_json::Value as Json;
use serde_json::json;

use crate::schema::ColumnType;
use crate::schema::Table;
use crate::schema::kind::named::EnumType;

/// What a column is in Avro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AvroType {
    /// `boolean`
    Boolean,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `bytes`
    Bytes,
    /// `string`: text as it is, and of other types what PostgreSQL would write.
    Text,
    /// `string`, a `uuid`.
    Uuid,
    /// `int`, a `date`: days since 1970.
    Date,
    /// `long`, a `time-micros`: microseconds since midnight.
    Time,
    /// `long`, a `timestamp-micros` (with a zone) or `local-timestamp-micros`: microseconds since 1970.
    Timestamp {
        /// The finest that the column tells apart, in microseconds.
        grain_us: i64,
        /// Whether the type has a zone.
        has_zone: bool,
    },
    /// `bytes`, a `decimal`.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `enum`
    Enum(&'static EnumType),
    /// `array` of what may be null.
    Array(&'static ColumnType),
}

/// A column that is sent, as a field of a record.
#[derive(Debug, Clone)]
pub(crate) struct AvroField {
    /// Its place among the table's columns.
    pub(crate) column: usize,
    /// Its name in Avro.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: AvroType,
    /// Whether it is a union of null and that.
    pub(crate) is_nullable: bool,
}

impl AvroType {
    /// What a column of that type becomes.
    pub(crate) fn of(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Smallint | ColumnType::Integer => Self::Int,
            ColumnType::Bigint | ColumnType::Oid => Self::Long,
            ColumnType::Real => Self::Float,
            ColumnType::Double => Self::Double,
            ColumnType::Bytea => Self::Bytes,
            ColumnType::Uuid => Self::Uuid,
            ColumnType::Date => Self::Date,
            ColumnType::Time(_) => Self::Time,
            ColumnType::Timestamp | ColumnType::TimestampTo(_) => timestamp(kind, false),
            ColumnType::Timestamptz | ColumnType::TimestamptzTo(_) => timestamp(kind, true),
            ColumnType::Numeric { precision, scale, is_bare: false } if scale <= precision => {
                Self::Decimal { precision, scale }
            }
            ColumnType::Money => Self::Decimal { precision: 18, scale: 2 },
            ColumnType::Enum(of) if is_enum(of) => Self::Enum(of),
            ColumnType::Array(of) => Self::Array(of),
            _ => Self::Text,
        }
    }

    /// As a schema says it. An enum that was said before is called by its name.
    fn json(self, namespace: &str, said: &mut Vec<&'static str>) -> Json {
        match self {
            Self::Boolean => json!("boolean"),
            Self::Int => json!("int"),
            Self::Long => json!("long"),
            Self::Float => json!("float"),
            Self::Double => json!("double"),
            Self::Bytes => json!("bytes"),
            Self::Text => json!("string"),
            Self::Uuid => json!({ "type": "string", "logicalType": "uuid" }),
            Self::Date => json!({ "type": "int", "logicalType": "date" }),
            Self::Time => json!({ "type": "long", "logicalType": "time-micros" }),
            Self::Timestamp { has_zone: true, .. } => {
                json!({ "type": "long", "logicalType": "timestamp-micros" })
            }
            Self::Timestamp { has_zone: false, .. } => {
                json!({ "type": "long", "logicalType": "local-timestamp-micros" })
            }
            Self::Decimal { precision, scale } => json!({
                "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale
            }),
            Self::Enum(of) => {
                let namespace = format!("{namespace}.types");
                if said.contains(&of.name.as_str()) {
                    return json!(format!("{namespace}.{}", of.name));
                }
                said.push(&of.name);
                json!({
                    "type": "enum", "name": of.name, "namespace": namespace, "symbols": of.labels
                })
            }
            Self::Array(of) => {
                let of = Self::of(*of).json(namespace, said);
                json!({ "type": "array", "items": ["null", of] })
            }
        }
    }
}

fn timestamp(kind: ColumnType, has_zone: bool) -> AvroType {
    let dropped = 6_u8.saturating_sub(kind.second_digits().unwrap_or(6));
    AvroType::Timestamp { grain_us: 10_i64.pow(dropped.into()), has_zone }
}

/// Whether name and labels of an enum are such as Avro takes; others are text.
fn is_enum(of: &EnumType) -> bool {
    let labels = of.labels.iter();
    is_name(&of.name) && labels.clone().all(|label| is_name(label)) && !of.labels.is_empty()
}

fn is_name(text: &str) -> bool {
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    let is_other = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.starts_with(is_first) && text.chars().all(is_other)
}

/// A name as Avro takes it: letters, digits and `_`, not beginning with a digit.
pub(crate) fn name_of(text: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = text.chars().map(letter).collect();
    if is_name(&name) { name } else { format!("_{name}") }
}

/// The same as Debezium has it for those who want no two names to become one (`avro_unicode`): all but letters and digits,
/// and a digit at the beginning, as `_u` with the letter's number in four hexadecimal digits.
pub(crate) fn unicode_name_of(text: &str) -> String {
    let mut name = String::new();
    for unit in text.encode_utf16() {
        let letter = u8::try_from(unit).ok().map(char::from);
        let is_first = name.is_empty();
        match letter.filter(|it| it.is_ascii_alphabetic() || !is_first && it.is_ascii_digit()) {
            Some(letter) => name.push(letter),
            // Writing to a String cannot fail.
            None => drop(write!(name, "_u{unit:04x}")),
        }
    }
    name
}

/// The fields of an event, in the order of its columns.
pub(crate) fn fields(table: &Table) -> Vec<AvroField> {
    let columns = table.columns.iter().enumerate().filter(|(_, column)| !column.hidden);
    let field = |(number, column): (usize, &crate::schema::Column)| AvroField {
        column: number,
        name: name_of(&column.name),
        kind: AvroType::of(column.kind),
        is_nullable: column.nullable,
    };
    columns.map(field).collect()
}

/// Two columns of an event that would have one name in Avro, and that name.
pub(crate) fn same_names(table: &Table) -> Option<[String; 3]> {
    let fields = fields(table);
    let name = |field: &AvroField| table.columns[field.column].name.clone();
    fields.iter().enumerate().find_map(|(number, second)| {
        let first = fields[..number].iter().find(|first| first.name == second.name)?;
        Some([name(first), name(second), second.name.clone()])
    })
}

/// The schema of an event: a record of its columns.
pub(crate) fn schema(domain: &str, table: &Table) -> String {
    let (namespace, mut said) = (name_of(domain), Vec::new());
    let fields = fields(table).into_iter().map(|field| {
        let kind = field.kind.json(&namespace, &mut said);
        if field.is_nullable {
            json!({ "name": field.name, "type": ["null", kind], "default": null })
        } else {
            json!({ "name": field.name, "type": kind })
        }
    });
    let fields: Vec<Json> = fields.collect();
    let name = name_of(&table.name);
    json!({ "type": "record", "name": name, "namespace": namespace, "fields": fields }).to_string()
}
