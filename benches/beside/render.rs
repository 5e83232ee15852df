//! Rows of seven columns in COPY's binary format, made on one core: by loadgen from a schema, by a writer
//! tuned by hand for this one row, and by the crate `fake` as one would use it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use fake::Fake;
use fake::faker::address::en::CityName;
use fake::faker::internet::en::SafeEmail;
use fake::faker::name::en::Name;
use loadgen::action::Action;
use loadgen::action::TableId;
use loadgen::generate::World;
use loadgen::scenario::Checked;
use loadgen::sink::postgres::rows::Rows;
use rand::Rng;
use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::measure::spread;

/// Rows of one measurement.
const ROWS: u64 = 1_000_000;
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

/// Who writes, and what writes all rows and counts their bytes.
type Writer<'a> = (&'static str, &'a dyn Fn() -> u64);

/// Medians of rows a second, and what each comes to beside the writer tuned by hand.
pub(crate) fn all(rounds: usize) {
    let world = world();
    let ours = || ours(&world);
    let writers: [Writer<'_>; 3] =
        [("tuned by hand", &tuned), ("loadgen", &ours), ("fake, naively", &naive)];
    let mut rates = vec![Vec::new(); writers.len()];
    for _ in 0..rounds {
        for (at, (_, writer)) in writers.iter().enumerate() {
            let began = Instant::now();
            black_box(writer());
            #[expect(clippy::cast_precision_loss, reason = "a million")]
            rates[at].push(ROWS as f64 / began.elapsed().as_secs_f64());
        }
    }
    println!("| rows of 7 columns, one core | rows/s | ns/row | beside tuned by hand |");
    println!("|---|---|---|---|");
    for (at, (name, _)) in writers.iter().enumerate() {
        let (_, rate, _) = spread(rates[at].iter().copied());
        let ratios = rates[at].iter().zip(&rates[0]).map(|(rate, tuned)| rate / tuned);
        let (least, ratio, most) = spread(ratios);
        let rows = rate / 1e6;
        println!(
            "| {name} | {rows:.2}M | {:.0} | **{ratio:.2}** ({least:.2}–{most:.2}) |",
            1e9 / rate
        );
    }
}

/// The schema, ready to give rows.
fn world() -> World {
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
fn ours(world: &World) -> u64 {
    let table = TableId::of(0);
    let mut action = Action::default();
    let mut bytes = 0;
    let mut rows = Rows::of(world.catalog.table(table));
    for number in 0..ROWS {
        world.render_seeded(table, number, &mut action);
        rows.add(&action);
        if rows.len() > PIECE {
            bytes += rows.len() as u64;
            black_box(&rows);
            rows.clear();
        }
    }
    bytes
}

/// The same columns with nothing between the random numbers and the bytes.
fn tuned() -> u64 {
    let mut random = SmallRng::seed_from_u64(1);
    let mut out = Vec::with_capacity(PIECE + 1024);
    let mut bytes = 0;
    for number in 0..ROWS {
        let pick = random.next_u32() as usize;
        let (first, last) = (FIRST[pick & 15], LAST[pick >> 4 & 15]);
        let city = CITY[pick >> 8 & 7];
        out.extend_from_slice(&7_i16.to_be_bytes());
        out.extend_from_slice(&8_i32.to_be_bytes());
        out.extend_from_slice(&number.to_be_bytes());
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
        out.extend_from_slice(&[0, 0, 0, 12, 0, 2, 0, 0, 0, 0, 0, 2]);
        out.extend_from_slice(&u16::try_from(cents / 100).unwrap().to_be_bytes());
        out.extend_from_slice(&u16::try_from(cents % 100 * 100).unwrap().to_be_bytes());
        out.extend_from_slice(&8_i32.to_be_bytes());
        let second: i64 = random.random_range(631_152_000..820_540_800);
        out.extend_from_slice(&(second * 1_000_000).to_be_bytes());
        out.extend_from_slice(&16_i32.to_be_bytes());
        let (high, low) = (random.next_u64(), random.next_u64());
        out.extend_from_slice(&(high & !0xF000 | 0x4000).to_be_bytes());
        out.extend_from_slice(&(low & !(3 << 62) | 1 << 63).to_be_bytes());
        if out.len() > PIECE {
            bytes += out.len() as u64;
            black_box(&out);
            out.clear();
        }
    }
    bytes
}

fn length(count: usize) -> [u8; 4] {
    i32::try_from(count).unwrap().to_be_bytes()
}

/// A string for each field, a string for each row.
fn naive() -> u64 {
    let mut random = SmallRng::seed_from_u64(1);
    let mut bytes = 0;
    for number in 0..ROWS {
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
