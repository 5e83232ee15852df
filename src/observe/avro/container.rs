//! Avro's object container files: the schema of all records, and the records behind it in blocks, each packed by itself.
//! Whatever is wrong in one becomes an error, and a block is unpacked only as far as limits allow.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;

use flate2::read::DeflateDecoder;
use serde_json::Value as Json;
use zstd::stream::read::Decoder;

use crate::observe::avro::Cursor;
use crate::observe::avro::ELEMENTS_MAX;
use crate::observe::avro::Shape;

const MAGIC: &[u8] = b"Obj\x01";
const SYNC: usize = 16;
/// What a block may have once it is unpacked: who writes one begins the next behind a few kilobytes, or megabytes.
const BLOCK_MAX: u64 = 64 << 20;
/// The same as a power of two: nobody needs to look back further than that.
const BLOCK_MAX_LOG: u32 = BLOCK_MAX.ilog2();

/// Values that a file may be made of beside so many for each of its bytes: some take none, and have to be made all the
/// same, which costs who writes a file nothing.
const FREE_MAX: u64 = 1 << 20;
const PER_BYTE: u64 = 8;

/// A file whose head was read.
#[derive(Debug)]
pub(in crate::observe) struct Container<'a> {
    pub(in crate::observe) schema: Json,
    codec: Codec,
    sync: &'a [u8],
    blocks: Cursor<'a>,
}

/// How blocks are packed.
#[derive(Debug, Clone, Copy)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

impl<'a> Container<'a> {
    /// Whether a file is one, by how it begins.
    pub(in crate::observe) fn is_begun_by(file: &[u8]) -> bool {
        file.starts_with(MAGIC)
    }

    /// Reads what a file says of itself.
    pub(in crate::observe) fn open(file: &'a [u8]) -> Result<Self, String> {
        let mut at = Cursor::new(file);
        if at.take(MAGIC.len())? != MAGIC {
            return Err("it is no Avro file".to_owned());
        }
        let head = head(&mut at)?;
        let schema = head.get("avro.schema").ok_or("it has no schema")?;
        let schema = serde_json::from_slice(schema).map_err(|_| "its schema is no JSON")?;
        let codec = Codec::of(head.get("avro.codec").copied())?;
        let sync = at.take(SYNC)?;
        Ok(Self { schema, codec, sync, blocks: at })
    }

    /// Hands each record to `take`, until that has had enough. All together they may have so many bytes, unpacked. The error says why the file cannot be read to its end.
    pub(in crate::observe) fn each(
        self,
        (shape, most): (&Shape, u64),
        mut take: impl FnMut(Json) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let Self { codec, sync, blocks: mut at, .. } = self;
        let (mut bytes_left, mut values_left) = (most, FREE_MAX);
        while !at.is_at_end() {
            let (count, length) = (at.whole()?, at.length()?);
            if count > ELEMENTS_MAX {
                return Err("it has a block of too many records".to_owned());
            }
            let packed = at.take(length)?;
            if at.take(SYNC)? != sync {
                return Err("a block of it does not end where it should".to_owned());
            }
            let block = codec.unpacked(packed)?;
            bytes_left = bytes_left
                .checked_sub(block.len() as u64)
                .ok_or_else(|| format!("it has more than {} MB", most >> 20))?;
            values_left += PER_BYTE * block.len() as u64;
            let mut records = Cursor::new(&block);
            for _ in 0..count {
                let record = records.value(shape)?;
                values_left = values_left
                    .checked_sub(records.values_made() as u64)
                    .ok_or("it has too many values")?;
                if take(record).is_break() {
                    return Ok(());
                }
            }
            if !records.is_at_end() {
                return Err("a block of it is longer than its records".to_owned());
            }
        }
        Ok(())
    }
}

impl Codec {
    fn of(name: Option<&[u8]>) -> Result<Self, String> {
        Ok(match name {
            None | Some(b"null") => Self::Null,
            Some(b"deflate") => Self::Deflate,
            Some(b"snappy") => Self::Snappy,
            Some(b"zstandard") => Self::Zstandard,
            Some(other) => {
                let other = String::from_utf8_lossy(other);
                return Err(format!(
                    "its blocks are packed by `{other}`; let its writer use `null`, `deflate`, `snappy` or `zstandard`"
                ));
            }
        })
    }

    fn unpacked(self, block: &[u8]) -> Result<Cow<'_, [u8]>, String> {
        let failed = |_| "a block of it cannot be unpacked".to_owned();
        let plain = match self {
            Self::Null => return short(block.len()).map(|()| Cow::Borrowed(block)),
            Self::Deflate => read(DeflateDecoder::new(block)).map_err(failed)?,
            Self::Zstandard => {
                let mut decoder = Decoder::with_buffer(block).map_err(failed)?;
                decoder.window_log_max(BLOCK_MAX_LOG).map_err(failed)?;
                read(decoder).map_err(failed)?
            }
            Self::Snappy => snappy(block)?,
        };
        short(plain.len()).map(|()| Cow::Owned(plain))
    }
}

/// What is unpacked, and at most one byte more than a block may have.
fn read(packed: impl Read) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    packed.take(BLOCK_MAX + 1).read_to_end(&mut plain)?;
    Ok(plain)
}

/// A block with the checksum of what it was behind it.
fn snappy(block: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |_| "a block of it cannot be unpacked".to_owned();
    let (packed, sum) = block.split_last_chunk().ok_or("a block of it has no checksum")?;
    // That many bytes are asked for before one is looked at.
    short(snap::raw::decompress_len(packed).map_err(failed)?)?;
    let plain = snap::raw::Decoder::new().decompress_vec(packed).map_err(failed)?;
    if crc32fast::hash(&plain) != u32::from_be_bytes(*sum) {
        return Err("a block of it is not what its checksum says".to_owned());
    }
    Ok(plain)
}

fn short(length: usize) -> Result<(), String> {
    let is_short = length as u64 <= BLOCK_MAX;
    is_short.then_some(()).ok_or(format!("it has a block of more than {} MB", BLOCK_MAX >> 20))
}

/// By its names what a file says of itself.
fn head<'a>(at: &mut Cursor<'a>) -> Result<BTreeMap<&'a str, &'a [u8]>, String> {
    let head = at.elements(|at| Ok((at.text()?, at.blob()?)))?;
    Ok(head.into_iter().collect())
}
