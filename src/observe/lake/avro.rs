//! Avro's object container files, as much of them as Iceberg writes its manifests in: records become JSON, and whatever
//! is wrong in them becomes an error.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::DeflateDecoder;
use serde_json::Value as Json;

use crate::observe::avro::Cursor;
use crate::observe::avro::ELEMENTS_MAX;
use crate::observe::avro::Shape;

const MAGIC: &[u8] = b"Obj\x01";
const SYNC: usize = 16;
/// The most that a file's blocks may become.
const BYTES_MAX: u64 = 256 << 20;

/// All records of a file.
pub(super) fn records(file: &[u8]) -> Result<Vec<Json>, String> {
    let mut at = Cursor::new(file);
    if at.take(MAGIC.len())? != MAGIC {
        return Err("it is no Avro file".to_owned());
    }
    let head = head(&mut at)?;
    let schema = head.get("avro.schema").ok_or("it has no schema")?;
    let schema: Json = serde_json::from_slice(schema).map_err(|_| "its schema is no JSON")?;
    let shape = Shape::read(&schema)?;
    let is_deflated = match head.get("avro.codec").copied() {
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
    while !at.is_at_end() {
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
        let mut block = Cursor::new(bytes);
        for _ in 0..count {
            all.push(block.value(&shape)?);
        }
        if !block.is_at_end() {
            return Err("a block of it is longer than its records".to_owned());
        }
        if at.take(SYNC)? != sync {
            return Err("a block of it does not end where it should".to_owned());
        }
    }
    Ok(all)
}

/// What a file says of itself: its schema, and how it is compressed.
fn head<'a>(at: &mut Cursor<'a>) -> Result<BTreeMap<&'a str, &'a [u8]>, String> {
    let mut head = BTreeMap::new();
    loop {
        let count = at.count()?;
        if count == 0 {
            return Ok(head);
        }
        for _ in 0..count {
            let name = at.text()?;
            head.insert(name, at.blob()?);
        }
    }
}
