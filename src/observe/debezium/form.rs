//! What is said of a record's fields, beside it in JSON or by its schema in Avro: which type of Kafka Connect each has, and
//! what it means. It is made once for all records of which the same is said.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::observe::avro::Kind;
use crate::observe::avro::Shape;

/// Numbers of as many digits as their column's, in bytes.
pub(super) const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
/// What Avro itself calls a type with a meaning, and what Kafka Connect and Debezium do.
const LOGICAL: [(&str, &str); 9] = [
    ("decimal", DECIMAL),
    ("timestamp-millis", "org.apache.kafka.connect.data.Timestamp"),
    ("local-timestamp-millis", "org.apache.kafka.connect.data.Timestamp"),
    ("timestamp-micros", "io.debezium.time.MicroTimestamp"),
    ("local-timestamp-micros", "io.debezium.time.MicroTimestamp"),
    ("timestamp-nanos", "io.debezium.time.NanoTimestamp"),
    ("local-timestamp-nanos", "io.debezium.time.NanoTimestamp"),
    ("time-millis", "org.apache.kafka.connect.data.Time"),
    ("time-micros", "io.debezium.time.MicroTime"),
];

/// What a schema says of a value.
#[derive(Debug, Default)]
pub(in crate::observe) struct Form {
    name: Option<String>,
    scale: Option<u8>,
    is: Option<Written>,
    items: Option<Box<Form>>,
    fields: BTreeMap<String, Form>,
}

/// What something is written as that JSON has no type for, or for which there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Text,
    Bytes,
}

impl Form {
    /// What stands beside a record in JSON, as Kafka Connect writes it.
    pub(super) fn beside(schema: &Json) -> Self {
        let text = |word: &str| schema.get(word).and_then(Json::as_str);
        let fields = schema.get("fields").and_then(Json::as_array).into_iter().flatten();
        let field = |it: &Json| Some((it.get("field")?.as_str()?.to_owned(), Self::beside(it)));
        let scale = schema.get("parameters").and_then(|it| it.get("scale")?.as_str()?.parse().ok());
        Self {
            name: text("name").map(str::to_owned),
            scale,
            is: match text("type") {
                Some("bytes") => Some(Written::Bytes),
                Some("string") => Some(Written::Text),
                _ => None,
            },
            items: schema.get("items").map(Self::beside).map(Box::new),
            fields: fields.filter_map(field).collect(),
        }
    }

    /// Takes one from `left` for each type: those that are meant by their names come again.
    pub(super) fn of(shape: &Shape, left: &mut usize) -> Result<Self, String> {
        *left = left.checked_sub(1).ok_or("its schema has too many fields")?;
        let mut form = Self::default();
        match &shape.kind {
            Kind::Either(all) => {
                let mut others = all.iter().filter(|it| !matches!(it.kind, Kind::Null));
                let only = others.next().filter(|_| others.next().is_none());
                return only.map_or(Ok(form), |only| Self::of(only, left));
            }
            Kind::Record(fields) => {
                for (name, shape) in fields.iter() {
                    form.fields.insert(name.clone(), Self::of(shape, left)?);
                }
            }
            Kind::List(of) => form.items = Some(Box::new(Self::of(of, left)?)),
            Kind::Bytes | Kind::Fixed(_) => form.is = Some(Written::Bytes),
            Kind::Text | Kind::Symbol(_) => form.is = Some(Written::Text),
            Kind::Null
            | Kind::Boolean
            | Kind::Whole
            | Kind::Float
            | Kind::Double
            | Kind::Map(_) => {}
        }
        let text = |word: &str| shape.says.get(word).and_then(Json::as_str);
        let logical = || {
            let logical = text("logicalType")?;
            LOGICAL.iter().find(|it| it.0 == logical).map(|it| it.1)
        };
        form.name = text("connect.name").or_else(logical).map(str::to_owned);
        let told = shape.says.get("connect.parameters").and_then(|it| it.get("scale")?.as_str());
        let told = told.and_then(|scale| scale.parse().ok());
        // Where it is left out, it is 0.
        let own = || {
            let scale = shape.says.get("scale").map_or(Some(0), Json::as_u64);
            text("logicalType").filter(|it| *it == "decimal").and(scale)?.try_into().ok()
        };
        form.scale = told.or_else(own);
        Ok(form)
    }
}

/// In which forms values came that leave no doubt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Forms {
    #[default]
    None,
    One(Written),
    /// Some were spoilt, or connectors differ: nobody can tell which one another value has.
    Both,
}

impl Forms {
    /// A value came that leaves no doubt. Returns its form.
    pub(super) fn saw(&mut self, form: Written) -> Written {
        *self = match *self {
            Self::None => Self::One(form),
            Self::One(seen) if seen == form => Self::One(form),
            Self::One(_) | Self::Both => Self::Both,
        };
        form
    }

    /// The form of a value that may have either.
    pub(super) fn likely(self) -> Option<Written> {
        match self {
            Self::One(form) => Some(form),
            Self::None | Self::Both => None,
        }
    }
}

/// What a record says of a part of it, if it does.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::observe) enum Described<'a> {
    #[default]
    Nothing,
    By(&'a Form),
}

/// What a record's own schema says of a column, if it has one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Meaning<'a> {
    /// `io.debezium.time.MicroTimestamp` and the like.
    pub(super) name: Option<&'a str>,
    /// Of a decimal number in bytes.
    pub(super) scale: Option<u8>,
    /// What it is written as.
    pub(super) is: Option<Written>,
    /// What is said of its elements.
    pub(super) items: Described<'a>,
}

impl<'a> Described<'a> {
    pub(super) fn of(form: Option<&'a Form>) -> Self {
        form.map_or(Self::Nothing, Self::By)
    }

    /// What is said elsewhere, where this says nothing.
    pub(super) fn or(self, other: Self) -> Self {
        match self {
            Self::Nothing => other,
            Self::By(_) => self,
        }
    }

    /// What is said of a field.
    pub(in crate::observe) fn field(self, name: &str) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::By(form) => Self::of(form.fields.get(name)),
        }
    }

    /// What that means.
    pub(super) fn meaning(self) -> Meaning<'a> {
        match self {
            Self::Nothing => Meaning::default(),
            Self::By(form) => Meaning {
                name: form.name.as_deref(),
                scale: form.scale,
                is: form.is,
                items: Self::of(form.items.as_deref()),
            },
        }
    }
}
