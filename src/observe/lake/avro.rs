//! Avro's object container files, as much of them as Iceberg writes its manifests in: records become JSON,
//! bytes become nothing, and whatever is wrong in them becomes an error.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::DeflateDecoder;
use serde_json::Map;
use serde_json::Value as Json;

const MAGIC: &[u8] = b"Obj\x01";
const SYNC: usize = 16;
/// The most that a file's blocks may become.
const BYTES_MAX: u64 = 256 << 20;
/// Types in types, and elements of a list.
const DEPTH_MAX: usize = 32;
const ELEMENTS_MAX: u64 = 1 << 22;

/// What a schema says.
#[derive(Debug, Clone)]
enum Shape {
    Null,
    Boolean,
    Whole,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Symbol(Vec<String>),
    List(Box<Shape>),
    Map(Box<Shape>),
    Either(Vec<Shape>),
    Record(Vec<(String, Shape)>),
}

/// All records of a file.
pub(super) fn records(file: &[u8]) -> Result<Vec<Json>, String> {
    let mut at = Cursor { rest: file };
    if at.take(MAGIC.len())? != MAGIC {
        return Err("it is no Avro file".to_owned());
    }
    let head = at.head()?;
    let schema = head.get("avro.schema").ok_or("it has no schema")?;
    let schema: Json = serde_json::from_slice(schema).map_err(|_| "its schema is no JSON")?;
    let shape = shape(&schema, &mut BTreeMap::new(), 0)?;
    let is_deflated = match head.get("avro.codec").map(Vec::as_slice) {
        None | Some(b"null") => false,
        Some(b"deflate") => true,
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            return Err(format!("it is compressed by `{other}`; `null` and `deflate` are read"));
        }
    };
    let sync = at.take(SYNC)?;
    let mut all = Vec::new();
    let mut left = BYTES_MAX;
    while !at.rest.is_empty() {
        let (count, length) = (at.whole()?, at.length()?);
        if count > ELEMENTS_MAX {
            return Err("it has a block that is too long".to_owned());
        }
        let block = at.take(length)?;
        let mut plain = Vec::new();
        if is_deflated {
            let read = DeflateDecoder::new(block).take(left + 1).read_to_end(&mut plain);
            read.map_err(|_| "a block of it cannot be inflated")?;
        }
        let bytes = if is_deflated { &plain } else { block };
        left = left.checked_sub(bytes.len() as u64).ok_or("it has more than 256 MB")?;
        let mut block = Cursor { rest: bytes };
        for _ in 0..count {
            all.push(block.value(&shape)?);
        }
        if !block.rest.is_empty() {
            return Err("a block of it is longer than its records".to_owned());
        }
        if at.take(SYNC)? != sync {
            return Err("a block of it does not end where it should".to_owned());
        }
    }
    Ok(all)
}

/// A schema, in which types that were named before may be meant by their names.
fn shape(
    schema: &Json,
    named: &mut BTreeMap<String, Shape>,
    depth: usize,
) -> Result<Shape, String> {
    if depth > DEPTH_MAX {
        return Err("its schema is too deep".to_owned());
    }
    let name = match schema {
        Json::String(name) => name,
        Json::Array(all) => {
            let all = all.iter().map(|it| shape(it, named, depth + 1));
            return Ok(Shape::Either(all.collect::<Result<_, _>>()?));
        }
        Json::Object(object) => match object.get("type") {
            Some(Json::String(name)) => name,
            Some(inner) => return shape(inner, named, depth + 1),
            None => return Err("its schema lacks a type".to_owned()),
        },
        _ => return Err("its schema is no schema".to_owned()),
    };
    let inner = |word: &str| schema.get(word).ok_or(format!("its schema lacks `{word}`"));
    let made = match name.as_str() {
        "null" => Shape::Null,
        "boolean" => Shape::Boolean,
        "int" | "long" => Shape::Whole,
        "float" => Shape::Float,
        "double" => Shape::Double,
        "bytes" => Shape::Bytes,
        "string" => Shape::Text,
        "array" => Shape::List(Box::new(shape(inner("items")?, named, depth + 1)?)),
        "map" => Shape::Map(Box::new(shape(inner("values")?, named, depth + 1)?)),
        "fixed" => {
            let size = inner("size")?.as_u64().and_then(|size| usize::try_from(size).ok());
            Shape::Fixed(size.ok_or("its schema has a size that is none")?)
        }
        "enum" => {
            let symbols = inner("symbols")?.as_array().into_iter().flatten();
            Shape::Symbol(symbols.filter_map(|it| it.as_str().map(str::to_owned)).collect())
        }
        "record" => {
            let mut fields = Vec::new();
            for field in inner("fields")?.as_array().into_iter().flatten() {
                let name = field.get("name").and_then(Json::as_str).unwrap_or_default();
                let kind = field.get("type").ok_or("its schema has a field without a type")?;
                fields.push((name.to_owned(), shape(kind, named, depth + 1)?));
            }
            Shape::Record(fields)
        }
        other => {
            return named.get(other).cloned().ok_or(format!("its schema has no type `{other}`"));
        }
    };
    if let Some(name) = schema.get("name").and_then(Json::as_str) {
        named.insert(name.to_owned(), made.clone());
    }
    Ok(made)
}

/// Bytes that are still to be read.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("it ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    /// A whole number, seven bits to a byte, its sign in the lowest.
    fn signed(&mut self) -> Result<i64, String> {
        let mut bits = 0_u64;
        for place in 0..10 {
            let byte = self.take(1)?[0];
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

    fn head(&mut self) -> Result<BTreeMap<String, Vec<u8>>, String> {
        let mut head = BTreeMap::new();
        loop {
            let count = self.count()?;
            if count == 0 {
                return Ok(head);
            }
            for _ in 0..count {
                let name = self.text()?;
                let length = self.length()?;
                head.insert(name, self.take(length)?.to_vec());
            }
        }
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.length()?;
        let text = self.take(length)?.to_vec();
        String::from_utf8(text).map_err(|_| "it has a text that is no UTF-8".to_owned())
    }

    fn value(&mut self, shape: &Shape) -> Result<Json, String> {
        Ok(match shape {
            Shape::Null => Json::Null,
            Shape::Boolean => Json::Bool(self.take(1)? != [0]),
            Shape::Whole => Json::from(self.signed()?),
            Shape::Float => self.skip(4)?,
            Shape::Double => self.skip(8)?,
            Shape::Fixed(count) => self.skip(*count)?,
            Shape::Bytes => {
                let length = self.length()?;
                self.skip(length)?
            }
            Shape::Text => Json::String(self.text()?),
            Shape::Symbol(symbols) => {
                let symbol = usize::try_from(self.signed()?).ok().and_then(|at| symbols.get(at));
                Json::String(symbol.ok_or("it has a symbol that is none")?.clone())
            }
            Shape::Either(shapes) => {
                let shape = usize::try_from(self.signed()?).ok().and_then(|at| shapes.get(at));
                self.value(shape.ok_or("it has a value of no type")?)?
            }
            Shape::List(of) => Json::Array(self.elements(|at| at.value(of))?),
            Shape::Map(of) => {
                let both = self.elements(|at| Ok((at.text()?, at.value(of)?)))?;
                Json::Object(both.into_iter().collect())
            }
            Shape::Record(fields) => {
                let mut record = Map::new();
                for (name, shape) in fields {
                    record.insert(name.clone(), self.value(shape)?);
                }
                Json::Object(record)
            }
        })
    }

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

    fn skip(&mut self, count: usize) -> Result<Json, String> {
        self.take(count)?;
        Ok(Json::Null)
    }
}
