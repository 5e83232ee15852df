//! Rows of seven columns in COPY's binary format, made on one core: by loadgen from a schema, by two writers
//! tuned by hand for this one row, and by the crate `fake` as one would use it.
//!
//! Of the two writers by hand, one has sixteen first and last names and takes three columns from one random
//! number. The other writes the row that loadgen writes: names from the same lists, addresses in lower
//! case that no two rows have alike, times to the microsecond, and a random number for each choice.

use std::fmt::Write as _;
use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use fake::Fake;
use fake::faker::address::en::CityName;
use fake::faker::internet::en::SafeEmail;
use fake::faker::name::en::Name;
use fake::locales::Data;
use fake::locales::EN;
use loadgen::action::TableId;
use loadgen::generate::World;
use loadgen::scenario::Checked;
use loadgen::sink::postgres::rows::EncodedRows;
use rand::Rng;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::measure::spread;

/// Rows that a writer makes in one turn.
const SLICE: u64 = 20_000;
/// Turns of each writer in a round.
const TURNS: u64 = 50;
/// A buffer is given away when it is this full.
const PIECE: usize = 64 << 10;

const FIRST: [&str; 16] = [
    "James",
    "Mary",
    "Robert",
    "Patricia",
    "John",
    "Jennifer",
    "Michael",
    "Linda",
    "David",
    "Elizabeth",
    "William",
    "Barbara",
    "Richard",
    "Susan",
    "Joseph",
    "Jessica",
];
const LAST: [&str; 16] = [
    "Smith",
    "Johnson",
    "Williams",
    "Brown",
    "Jones",
    "Garcia",
    "Miller",
    "Davis",
    "Rodriguez",
    "Martinez",
    "Hernandez",
    "Lopez",
    "Gonzalez",
    "Wilson",
    "Anderson",
    "Thomas",
];
const CITY: [&str; 8] =
    ["Lisbon", "Porto", "Madrid", "Seville", "Toulouse", "Marseille", "Geneva", "Turin"];

/// Who writes, and what writes these rows and counts their bytes.
type Writer<'a> = (&'static str, &'a dyn Fn(Range<u64>) -> u64);

/// Medians of rows a second, and what each comes to beside the writers tuned by hand.
pub(crate) fn all(rounds: usize) {
    let world = world();
    let ours = |rows: Range<u64>| ours(&world, rows);
    let lists = Lists::new();
    let alike = |rows: Range<u64>| alike(&lists, rows);
    let writers: [Writer<'_>; 4] = [
        ("tuned by hand, 16 names", &tuned),
        ("tuned by hand, the same row", &alike),
        ("loadgen", &ours),
        ("fake, naively", &naive),
    ];
    let (theirs, own) = (alike(0..SLICE), ours(0..SLICE));
    assert!(theirs.abs_diff(own) < own / 100, "{theirs} and {own} bytes are not the same row");
    let rounds: Vec<Vec<f64>> = (0..rounds).map(|_| round(&writers)).collect();
    println!(
        "| rows of 7 columns, one core | rows/s | ns/row | beside 16 names | beside the same row |"
    );
    println!("|---|---|---|---|---|");
    for (at, (name, _)) in writers.iter().enumerate() {
        let (_, ns, _) = spread(rounds.iter().map(|times| times[at]));
        let beside = |peer: usize| {
            let (least, ratio, most) = spread(rounds.iter().map(|times| times[peer] / times[at]));
            format!("**{ratio:.2}** ({least:.2}–{most:.2})")
        };
        println!("| {name} | {:.2}M | {ns:.0} | {} | {} |", 1e3 / ns, beside(0), beside(1));
    }
}

/// Nanoseconds that each writer takes for a row: the quickest of many short turns, which other work on the
/// machine hardly touches.
fn round(writers: &[Writer<'_>]) -> Vec<f64> {
    let mut least = vec![f64::INFINITY; writers.len()];
    for turn in 0..TURNS {
        for (least, (_, writer)) in least.iter_mut().zip(writers) {
            let began = Instant::now();
            black_box(writer(turn * SLICE..(turn + 1) * SLICE));
            #[expect(clippy::cast_precision_loss, reason = "some thousand")]
            let ns = began.elapsed().as_nanos() as f64 / SLICE as f64;
            *least = least.min(ns);
        }
    }
    least
}

/// The schema, ready to give rows.
pub(crate) fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let schema = include_str!("../scenarios/people.schema.yaml");
    std::fs::write(folder.path().join("people.schema.yaml"), schema).unwrap();
    let scenario = "scenario: people\nstart: 2026-01-01T00:00:00Z\ntargets: { none: { discard: {} } }\n\
                    domains: { people: { on: none, schema: people.schema.yaml, rows: { people: 1M } } }\n";
    let path = folder.path().join("people.yaml");
    std::fs::write(&path, scenario).unwrap();
    let overrides = loadgen::scenario::Overrides::default();
    let checked = loadgen::scenario::check_file(path.to_str().unwrap(), &overrides, &|_| None);
    let Ok(Checked::Scenario(scenario)) = checked else { panic!("the bench's scenario is right") };
    World::new(&scenario, 1_767_225_600_000_000)
}

/// As seeding makes them.
pub(crate) fn ours(world: &World, numbers: Range<u64>) -> u64 {
    let table = TableId::of(0);
    let mut bytes = 0;
    let mut rows = EncodedRows::of(world.catalog.table(table));
    for number in numbers {
        world.write_seeded(table, number, &mut rows);
        if rows.len() > PIECE {
            bytes += rows.len() as u64;
            black_box(&rows);
            rows.clear();
        }
    }
    bytes + rows.len() as u64
}

/// The same columns with nothing between the random numbers and the bytes.
fn tuned(numbers: Range<u64>) -> u64 {
    let mut random = SmallRng::seed_from_u64(1);
    let mut out = Vec::with_capacity(PIECE + 1024);
    let mut bytes = 0;
    for number in numbers {
        let pick = random.next_u32() as usize;
        let (first, last) = (FIRST[pick & 15], LAST[pick >> 4 & 15]);
        let city = CITY[pick >> 8 & 7];
        begin(number, &mut out);
        out.extend_from_slice(&length(first.len() + 1 + last.len()));
        out.extend_from_slice(first.as_bytes());
        out.push(b' ');
        out.extend_from_slice(last.as_bytes());
        out.extend_from_slice(&length(first.len() + last.len() + 13));
        out.extend_from_slice(first.as_bytes());
        out.push(b'.');
        out.extend_from_slice(last.as_bytes());
        out.extend_from_slice(b"@example.com");
        out.extend_from_slice(&length(city.len()));
        out.extend_from_slice(city.as_bytes());
        let cents: u32 = random.random_range(100..100_000);
        let second: i64 = random.random_range(631_152_000..820_540_800);
        end(cents, second * 1_000_000, [random.next_u64(), random.next_u64()], &mut out);
        give_away(&mut out, &mut bytes);
    }
    bytes + out.len() as u64
}

/// The lists that loadgen takes names from, and each name as it stands in an address.
struct Lists {
    first: Vec<(&'static str, String)>,
    last: Vec<(&'static str, String)>,
}

impl Lists {
    fn new() -> Self {
        let dotted = |name: &&'static str| (*name, name.to_lowercase().replace('\'', ".") + ".");
        Self {
            first: EN::NAME_FIRST_NAME.iter().map(dotted).collect(),
            last: EN::NAME_LAST_NAME.iter().map(dotted).collect(),
        }
    }
}

/// The row that loadgen writes, as tuned.
fn alike(lists: &Lists, numbers: Range<u64>) -> u64 {
    let mut random = SmallRng::seed_from_u64(1);
    let mut out = Vec::with_capacity(PIECE + 1024);
    let mut bytes = 0;
    for number in numbers {
        let (first, first_dotted) = &lists.first[random.random_range(..lists.first.len())];
        let (last, last_dotted) = &lists.last[random.random_range(..lists.last.len())];
        let city = CITY[random.random_range(..CITY.len())];
        begin(number, &mut out);
        out.extend_from_slice(&length(first.len() + 1 + last.len()));
        out.extend_from_slice(first.as_bytes());
        out.push(b' ');
        out.extend_from_slice(last.as_bytes());
        let (mut digits, mut at, mut rest) = ([0; 13], 13, number);
        while at == 13 || rest > 0 {
            at -= 1;
            digits[at] =
                b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::try_from(rest % 36).unwrap()];
            rest /= 36;
        }
        let place =
            ["@example.com", "@example.net", "@example.org"][usize::try_from(number % 3).unwrap()];
        out.extend_from_slice(&length(first_dotted.len() + last_dotted.len() + 13 - at + 12));
        out.extend_from_slice(first_dotted.as_bytes());
        out.extend_from_slice(last_dotted.as_bytes());
        out.extend_from_slice(&digits[at..]);
        out.extend_from_slice(place.as_bytes());
        out.extend_from_slice(&length(city.len()));
        out.extend_from_slice(city.as_bytes());
        let cents: u32 = random.random_range(100..100_000);
        let us: i64 = random.random_range(631_152_000_000_000..820_540_800_000_000);
        end(cents, us, [random.next_u64(), random.next_u64()], &mut out);
        give_away(&mut out, &mut bytes);
    }
    bytes + out.len() as u64
}

/// The number of columns, and the number of the row.
fn begin(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&7_i16.to_be_bytes());
    out.extend_from_slice(&8_i32.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
}

/// A price, a time and a UUID.
fn end(cents: u32, us: i64, [high, low]: [u64; 2], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 0, 12, 0, 2, 0, 0, 0, 0, 0, 2]);
    out.extend_from_slice(&u16::try_from(cents / 100).unwrap().to_be_bytes());
    out.extend_from_slice(&u16::try_from(cents % 100 * 100).unwrap().to_be_bytes());
    out.extend_from_slice(&8_i32.to_be_bytes());
    out.extend_from_slice(&us.to_be_bytes());
    out.extend_from_slice(&16_i32.to_be_bytes());
    out.extend_from_slice(&(high & !0xF000 | 0x4000).to_be_bytes());
    out.extend_from_slice(&(low & !(3 << 62) | 1 << 63).to_be_bytes());
}

/// Empties a full buffer.
fn give_away(out: &mut Vec<u8>, bytes: &mut u64) {
    if out.len() > PIECE {
        *bytes += out.len() as u64;
        black_box(&out);
        out.clear();
    }
}

fn length(count: usize) -> [u8; 4] {
    i32::try_from(count).unwrap().to_be_bytes()
}

/// A string for each field, a string for each row.
fn naive(numbers: Range<u64>) -> u64 {
    let mut random = SmallRng::seed_from_u64(1);
    let mut bytes = 0;
    for number in numbers {
        let name: String = Name().fake_with_rng(&mut random);
        let email: String = SafeEmail().fake_with_rng(&mut random);
        let city: String = CityName().fake_with_rng(&mut random);
        let price: f64 = random.random_range(1.0..1000.0);
        let second: i64 = random.random_range(1_577_836_800..1_767_225_600);
        let at = chrono::DateTime::from_timestamp(second, 0).unwrap().to_rfc3339();
        let id = uuid::Builder::from_random_bytes(random.random()).into_uuid();
        let mut row = String::new();
        writeln!(row, "{number},{name},{email},{city},{price:.2},{at},{id}").unwrap();
        bytes += row.len() as u64;
        black_box(&row);
    }
    bytes
}
