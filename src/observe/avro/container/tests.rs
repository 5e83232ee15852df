//! Files that an encoder which is not ours has written (see samples.py), whole and damaged, and files that ask for more than
//! they are.

use std::io::Write as _;
use std::ops::ControlFlow;
use std::time::Duration;
use std::time::Instant;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use serde_json::Value as Json;
use serde_json::json;

use super::Container;
use crate::observe::debezium::coded::Schema;
use crate::observe::debezium::tests::avro::Sample;
use crate::observe::debezium::tests::avro::sample;

const CODECS: [&str; 4] = ["null", "deflate", "snappy", "zstandard"];
const MOST: u64 = 1 << 20;

fn file(codec: &str) -> Sample {
    sample(&format!("{codec} file"))
}

fn read(file: &[u8]) -> Result<Vec<Json>, String> {
    let file = Container::open(file)?;
    let schema = Schema::of(&file.schema)?;
    let mut all = Vec::new();
    file.each((schema.shape(), MOST), |record| {
        all.push(record);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

#[test]
fn records_are_the_same_however_blocks_are_packed() {
    for codec in CODECS {
        let Sample { bytes, json, .. } = file(codec);
        assert_eq!(json.as_array().map(Vec::len), Some(9));
        assert_eq!(read(&bytes).map(Json::Array), Ok(json), "{codec}");
    }
    let why = read(&file("bzip2").bytes).unwrap_err();
    assert!(
        why.starts_with("its blocks are packed by `bzip2`; let its writer use `null`"),
        "{why}"
    );
    // Nobody has to say that they are not packed.
    assert_eq!(read(&whole(None, &json!("long"), &[(1, &[2])])), Ok(vec![json!(1)]));
}

#[test]
fn who_has_had_enough_is_handed_no_more() {
    let Sample { bytes, .. } = file("snappy");
    let file = Container::open(&bytes).unwrap();
    let (schema, mut count) = (Schema::of(&file.schema).unwrap(), 0);
    let read = file.each((schema.shape(), MOST), |_| {
        count += 1;
        if count == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((read, count), (Ok(()), 4));
}

/// But for what ends with a block, which is a file with fewer of them.
#[test]
fn a_file_that_ends_too_early_is_refused() {
    for codec in CODECS {
        let Sample { bytes, json, .. } = file(codec);
        let whole = json.as_array().unwrap();
        let read = (0..bytes.len()).filter_map(|length| read(&bytes[..length]).ok());
        let read: Vec<_> = read.collect();
        let counts: Vec<_> = read.iter().map(Vec::len).collect();
        assert_eq!(counts, [0, 4, 8], "{codec}");
        assert!(read.iter().all(|some| whole.starts_with(some)), "{codec}");
    }
}

#[test]
fn wherever_a_byte_is_another_one_the_file_is_read_or_refused() {
    for codec in CODECS {
        let Sample { bytes, json, .. } = file(codec);
        let first = bytes.windows(16).position(|it| it.iter().copied().eq(0..16)).unwrap() + 16;
        for (at, by) in (0..bytes.len()).flat_map(|at| [(at, 0x01), (at, 0x55), (at, 0xff)]) {
            let mut altered = bytes.clone();
            altered[at] ^= by;
            let read = read(&altered);
            // What has a checksum is as it was, or is not.
            let is_summed = codec == "snappy" && at >= first;
            assert!(!is_summed || read.is_err(), "{codec} {at} {by}");
            let is_ended = at < first && at >= first - 16;
            assert!(!is_ended || read.is_err(), "{codec} {at} {by}: {json}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_done_to_a_file_it_is_read_or_refused(
        codec in 0..CODECS.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = file(CODECS[codec]).bytes;
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read(&bytes);
    }

    #[test]
    fn nothing_that_begins_like_a_file_makes_it_panic(rest in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&[b"Obj\x01".as_slice(), &rest].concat());
    }
}

/// Few bytes that stand for many: no more of them is made than is allowed.
#[test]
fn what_unpacks_to_too_much_is_refused() {
    let zeros = vec![0; usize::try_from(super::BLOCK_MAX).unwrap() + 1];
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(&zeros).unwrap();
    let deflated = deflated.finish().unwrap();
    let zstandard = zstd::encode_all(zeros.as_slice(), 1).unwrap();
    let mut snappy = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
    snappy.extend(crc32fast::hash(&zeros).to_be_bytes());
    // It says that it has four billion bytes.
    let boastful = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0];
    let bytes = json!("bytes");
    for (codec, block) in [
        ("deflate", deflated.as_slice()),
        ("zstandard", &zstandard),
        ("snappy", &snappy),
        ("snappy", &boastful),
    ] {
        let found = read(&whole(Some(codec), &bytes, &[(1, block)]));
        assert_eq!(found, Err("it has a block of more than 64 MB".to_owned()), "{codec}");
    }
    // Each block is small.
    let part = [&[0x80, 0x80, 0x20][..], &vec![b'x'; 1 << 18]].concat();
    let parts = |count| vec![(1, part.as_slice()); count];
    assert_eq!(read(&whole(None, &bytes, &parts(3))).map(|it| it.len()), Ok(3));
    let found = read(&whole(None, &bytes, &parts(4)));
    assert_eq!(found, Err("it has more than 1 MB".to_owned()));
}

#[test]
fn records_of_no_bytes_have_a_limit() {
    let begun = Instant::now();
    let blocks = vec![(1_u64 << 20, &[][..]); 1_000];
    let found = read(&whole(None, &json!("null"), &blocks));
    assert_eq!(found, Err("it has too many values".to_owned()));
    // A few kilobytes are not to cost minutes.
    let found = read(&whole(None, &json!("null"), &[(1 << 20, &[]), (1, &[])]));
    assert_eq!(found, Err("it has too many values".to_owned()));
    let found = read(&whole(None, &json!("null"), &[(1 << 20, &[])]));
    assert_eq!(found.map(|it| it.len()), Ok(1 << 20));
    let found = read(&whole(None, &json!("null"), &[(1 << 23, &[])]));
    assert_eq!(found, Err("it has a block of too many records".to_owned()));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn what_contradicts_itself_is_refused() {
    let long = json!("long");
    for (blocks, why) in [
        (&[(1, &[2, 2][..])][..], "a block of it is longer than its records"),
        (&[(3, &[2, 2])], "it ends too early"),
    ] {
        assert_eq!(read(&whole(None, &long, blocks)), Err(why.to_owned()));
    }
    let packed = whole(Some("snappy"), &long, &[(1, &[0; 3])]);
    assert_eq!(read(&packed), Err("a block of it has no checksum".to_owned()));
    assert_eq!(read(b"PAR1"), Err("it is no Avro file".to_owned()));
    assert_eq!(read(b"Obj\x01\x00"), Err("it has no schema".to_owned()));
    let nonsense = whole(None, &json!("nonsense"), &[]);
    assert_eq!(read(&nonsense), Err("its schema has no type `nonsense`".to_owned()));
}

/// A file of blocks, each with so many records.
fn whole(codec: Option<&str>, schema: &Json, blocks: &[(u64, &[u8])]) -> Vec<u8> {
    let mut file = b"Obj\x01".to_vec();
    let mut head = vec![("avro.schema", schema.to_string())];
    head.extend(codec.map(|codec| ("avro.codec", codec.to_owned())));
    number(head.len() as u64, &mut file);
    for text in head.iter().flat_map(|(name, value)| [*name, value]) {
        number(text.len() as u64, &mut file);
        file.extend(text.as_bytes());
    }
    file.push(0);
    let sync = [7; super::SYNC];
    file.extend(sync);
    for (count, block) in blocks {
        number(*count, &mut file);
        number(block.len() as u64, &mut file);
        file.extend_from_slice(block);
        file.extend(sync);
    }
    file
}

/// Seven bits to a byte, the lowest of them for the sign.
fn number(value: u64, out: &mut Vec<u8>) {
    let mut left = value << 1;
    while left >= 0x80 {
        out.push(left.to_le_bytes()[0] | 0x80);
        left >>= 7;
    }
    out.push(left.to_le_bytes()[0]);
}
