//! Avro's binary form: what a schema says, and values that are read by it as JSON. Whatever is wrong in either becomes an
//! error, and nothing in them asks for more than there are bytes, or than limits allow.

pub(super) mod container;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;
use serde_json::Value as Json;

/// Types in types, also where they are meant by their names.
const DEPTH_MAX: usize = 32;
/// Elements of a list, and records of a block.
const ELEMENTS_MAX: u64 = 1 << 22;
/// Values in one value: those of types without bytes cost nothing to write.
const VALUES_MAX: usize = 1 << 22;
/// What a schema says of a type that its shape has already, or that means nothing to a reader.
const KNOWN: [&str; 11] = [
    "type",
    "name",
    "namespace",
    "fields",
    "items",
    "values",
    "symbols",
    "size",
    "doc",
    "aliases",
    "default",
];

/// What a schema says.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    /// What it says beside that: `logicalType`, and whatever its writer wanted to be known.
    pub(super) says: Arc<Map<String, Json>>,
}

/// The types of Avro.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null,
    Boolean,
    Whole,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Symbol(Arc<[String]>),
    List(Arc<Shape>),
    Map(Arc<Shape>),
    Either(Arc<[Shape]>),
    Record(Arc<[(String, Shape)]>),
}

impl Shape {
    /// Reads a schema.
    pub(super) fn read(schema: &Json) -> Result<Self, String> {
        Parser::default().shape(schema, "", 0)
    }
}

/// Reads a schema, in which types that were named before may be meant by their names.
#[derive(Debug, Default)]
struct Parser {
    /// By full name, with how many types are in types there.
    named: BTreeMap<String, (Shape, usize)>,
    deepest: usize,
}

impl Parser {
    fn shape(&mut self, schema: &Json, namespace: &str, depth: usize) -> Result<Shape, String> {
        self.goes(depth)?;
        let (word, object) = match schema {
            Json::String(word) => (word, None),
            Json::Array(all) => {
                let all = all.iter().map(|it| self.shape(it, namespace, depth + 1));
                let kind = Kind::Either(all.collect::<Result<_, _>>()?);
                return Ok(Shape { kind, says: Arc::default() });
            }
            Json::Object(object) => match object.get("type") {
                Some(Json::String(word)) => (word, Some(object)),
                Some(inner) => return self.shape(inner, namespace, depth + 1),
                None => return Err("its schema lacks a type".to_owned()),
            },
            _ => return Err("its schema is no schema".to_owned()),
        };
        let name = object.and_then(|it| it.get("name")?.as_str());
        let space = object.and_then(|it| it.get("namespace")?.as_str()).unwrap_or(namespace);
        let full = name.map(|name| full_name(name, space));
        // Types in it are looked for, and named, where it is itself.
        let space = full.as_deref().and_then(|it| it.rsplit_once('.')).map_or("", |it| it.0);
        let space = if full.is_some() { space } else { namespace };
        let above = std::mem::replace(&mut self.deepest, depth);
        let Some(kind) = self.kind(word, (schema, space), depth)? else {
            self.deepest = above;
            return self.meant(word, namespace, depth);
        };
        let said = object.into_iter().flatten().filter(|(word, _)| !KNOWN.contains(&word.as_str()));
        let says = said.map(|(word, of)| (word.clone(), of.clone())).collect();
        let shape = Shape { kind, says: Arc::new(says) };
        if let Some(full) = full {
            self.named.insert(full, (shape.clone(), self.deepest - depth));
        }
        self.deepest = self.deepest.max(above);
        Ok(shape)
    }

    /// The type of a word; `None`: it is none of Avro's own.
    fn kind(
        &mut self,
        word: &str,
        (schema, space): (&Json, &str),
        depth: usize,
    ) -> Result<Option<Kind>, String> {
        let inner = |word: &str| schema.get(word).ok_or(format!("its schema lacks `{word}`"));
        Ok(Some(match word {
            "null" => Kind::Null,
            "boolean" => Kind::Boolean,
            "int" | "long" => Kind::Whole,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "bytes" => Kind::Bytes,
            "string" => Kind::Text,
            "array" => Kind::List(Arc::new(self.shape(inner("items")?, space, depth + 1)?)),
            "map" => Kind::Map(Arc::new(self.shape(inner("values")?, space, depth + 1)?)),
            "fixed" => {
                let size = inner("size")?.as_u64().and_then(|size| usize::try_from(size).ok());
                Kind::Fixed(size.ok_or("its schema has a size that is none")?)
            }
            "enum" => {
                let symbols = inner("symbols")?.as_array().into_iter().flatten();
                Kind::Symbol(symbols.filter_map(|it| it.as_str().map(str::to_owned)).collect())
            }
            "record" => {
                let mut fields = Vec::new();
                for field in inner("fields")?.as_array().into_iter().flatten() {
                    let name = field.get("name").and_then(Json::as_str).unwrap_or_default();
                    let kind = field.get("type").ok_or("its schema has a field without a type")?;
                    fields.push((name.to_owned(), self.shape(kind, space, depth + 1)?));
                }
                Kind::Record(fields.into())
            }
            _ => return Ok(None),
        }))
    }

    /// A type that was named before.
    fn meant(&mut self, word: &str, namespace: &str, depth: usize) -> Result<Shape, String> {
        let found = self.named.get(&full_name(word, namespace)).or_else(|| self.named.get(word));
        let (shape, height) = found.cloned().ok_or(format!("its schema has no type `{word}`"))?;
        self.goes(depth + height)?;
        Ok(shape)
    }

    fn goes(&mut self, depth: usize) -> Result<(), String> {
        self.deepest = self.deepest.max(depth);
        (depth <= DEPTH_MAX).then_some(()).ok_or("its schema is too deep".to_owned())
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() {
        return name.to_owned();
    }
    format!("{namespace}.{name}")
}

/// Bytes that are still to be read.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// How many values may still be in the one that is read.
    left: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, left: VALUES_MAX }
    }

    /// Whether nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("it ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or("it ends too early")?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A whole number, seven bits to a byte, its sign in the lowest.
    fn signed(&mut self) -> Result<i64, String> {
        let mut bits = 0_u64;
        for place in 0..10 {
            let [byte] = self.number()?;
            bits |= u64::from(byte & 0x7f) << (7 * place).min(63);
            if byte & 0x80 == 0 {
                #[expect(clippy::cast_possible_wrap, reason = "that is how the sign is undone")]
                return Ok((bits >> 1) as i64 ^ -((bits & 1) as i64));
            }
        }
        Err("it has a number that does not end".to_owned())
    }

    fn whole(&mut self) -> Result<u64, String> {
        u64::try_from(self.signed()?).map_err(|_| "it has a count below zero".to_owned())
    }

    fn length(&mut self) -> Result<usize, String> {
        let length = usize::try_from(self.whole()?).ok().filter(|it| *it <= self.rest.len());
        length.ok_or("it ends too early".to_owned())
    }

    /// How many elements follow; a count below zero is followed by their bytes.
    fn count(&mut self) -> Result<u64, String> {
        let count = self.signed()?;
        if count < 0 {
            self.whole()?;
        }
        Some(count.unsigned_abs())
            .filter(|count| *count <= ELEMENTS_MAX)
            .ok_or("it has a list that is too long".to_owned())
    }

    fn blob(&mut self) -> Result<&'a [u8], String> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, String> {
        let text = self.blob()?;
        std::str::from_utf8(text).map_err(|_| "it has a text that is no UTF-8".to_owned())
    }

    /// The next value, as Kafka Connect's converter for JSON writes it: bytes in base 64.
    pub(super) fn value(&mut self, shape: &Shape) -> Result<Json, String> {
        self.left = VALUES_MAX;
        self.part(shape)
    }

    /// Of how many values the last one was made.
    fn values_made(&self) -> usize {
        VALUES_MAX - self.left
    }

    fn part(&mut self, shape: &Shape) -> Result<Json, String> {
        self.left = self.left.checked_sub(1).ok_or("it has too many values")?;
        Ok(match &shape.kind {
            Kind::Null => Json::Null,
            Kind::Boolean => Json::Bool(self.number()? != [0]),
            Kind::Whole => Json::from(self.signed()?),
            Kind::Float => {
                let number = f32::from_le_bytes(self.number()?);
                float(&number, number.is_finite())
            }
            Kind::Double => {
                let number = f64::from_le_bytes(self.number()?);
                float(&number, number.is_finite())
            }
            Kind::Fixed(count) => Json::String(STANDARD.encode(self.take(*count)?)),
            Kind::Bytes => Json::String(STANDARD.encode(self.blob()?)),
            Kind::Text => Json::String(self.text()?.to_owned()),
            Kind::Symbol(symbols) => {
                let symbol = usize::try_from(self.signed()?).ok().and_then(|at| symbols.get(at));
                Json::String(symbol.ok_or("it has a symbol that is none")?.clone())
            }
            Kind::Either(shapes) => {
                let shape = usize::try_from(self.signed()?).ok().and_then(|at| shapes.get(at));
                self.part(shape.ok_or("it has a value of no type")?)?
            }
            Kind::List(of) => Json::Array(self.elements(|at| at.part(of))?),
            Kind::Map(of) => {
                let both = self.elements(|at| Ok((at.text()?.to_owned(), at.part(of)?)))?;
                Json::Object(both.into_iter().collect())
            }
            Kind::Record(fields) => {
                let mut record = Map::new();
                for (name, shape) in fields.iter() {
                    record.insert(name.clone(), self.part(shape)?);
                }
                Json::Object(record)
            }
        })
    }

    /// What stands in blocks, one behind the other, until an empty one.
    fn elements<T>(
        &mut self,
        mut next: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut all = Vec::new();
        loop {
            let count = self.count()?;
            if count == 0 {
                return Ok(all);
            }
            for _ in 0..count {
                all.push(next(self)?);
            }
        }
    }
}

/// By its shortest digits, which for a number of 32 bits are not those of 64.
pub(super) fn float(number: &impl std::fmt::Display, is_finite: bool) -> Json {
    let text = number.to_string();
    let number = text.parse::<f64>().ok().filter(|_| is_finite);
    match number.and_then(serde_json::Number::from_f64) {
        Some(number) => Json::Number(number),
        None if text == "inf" => Json::String("Infinity".to_owned()),
        None if text == "-inf" => Json::String("-Infinity".to_owned()),
        None => Json::String(text),
    }
}
