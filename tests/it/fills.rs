//! What fills make: distributions by their numbers, places that agree, values that never repeat, and
//! the gallery that has them all, on a server.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::fs;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use loadgen::action::Action;
use loadgen::action::TableId;
use loadgen::action::Value;
use loadgen::action::write_value;
use loadgen::generate::World;
use loadgen::scenario::Overrides;
use loadgen::scenario::Scenario;
use loadgen::schema::places::CITIES;

use crate::support::command::Place;

/// Rows of a table `t` with these columns; its first column is its number, from 1 on.
struct Rows {
    names: Vec<String>,
    world: World,
    action: Action,
}

impl Rows {
    /// `lists` are files beside the schema.
    fn of(columns: &str, rows: u64, lists: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let schema = format!(
            "schema: s\ntables:\n  t:\n    columns:\n      id: {{ type: bigint, key: true, fill: sequence }}\n{columns}"
        );
        fs::write(folder.path().join("s.yaml"), schema).unwrap();
        for (name, text) in lists {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let scenario = format!(
            "scenario: s\nseed: 3\nstart: 2026-01-01T00:00:00Z\ntargets: {{ d: {{ discard: {{}} }} }}\n\
             domains: {{ s: {{ on: d, schema: s.yaml, rows: {{ t: {rows} }} }} }}\n"
        );
        let path = folder.path().join("scenario.yaml");
        fs::write(&path, scenario).unwrap();
        Self::open(path.to_str().unwrap(), "s", 0)
    }

    fn open(reference: &str, domain: &str, table: usize) -> Self {
        let overrides = Overrides::default();
        let scenario = Scenario::read_with(reference, &overrides, &|_| None);
        let scenario = scenario.unwrap_or_else(|problems| panic!("{problems}"));
        let number = scenario.domain(domain).unwrap();
        let columns = &scenario.domains[number].schema.tables[table].columns;
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let world = World::new(&scenario, 1_767_225_600_000_000);
        Self { names, world, action: Action::default() }
    }

    /// A row of a table, its values as text; NULL as an empty text.
    fn texts(&mut self, table: u16, row: u64) -> Vec<String> {
        self.world.render_seeded(TableId(table), row, &mut self.action);
        let operation = self.action.operations()[0];
        let values = self.action.values(&operation).iter().map(|value| {
            let mut text = String::new();
            write_value(*value, &self.action, &mut text);
            text
        });
        values.collect()
    }

    /// All values of a column, as numbers, in ascending order; times in days since 1970.
    fn sorted(&mut self, column: &str, rows: u64) -> Vec<f64> {
        let at = self.names.iter().position(|name| name == column).unwrap();
        let mut found = Vec::new();
        for row in 0..rows {
            self.world.render_seeded(TableId(0), row, &mut self.action);
            let operation = self.action.operations()[0];
            found.push(match self.action.values(&operation)[at] {
                Value::Int(number) => number as f64,
                Value::Float(number) => number,
                Value::Decimal(number) => number.to_f64(),
                Value::Bool(is_true) => f64::from(u8::from(is_true)),
                Value::Date(days) => f64::from(days),
                Value::Timestamp(us) => us as f64 / 86_400e6,
                Value::Text(span) => f64::from(span.len),
                other => panic!("{other:?}"),
            });
        }
        found.sort_by(f64::total_cmp);
        found
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The value below which lie so many of 100,000.
fn quantile(sorted: &[f64], share: usize) -> f64 {
    sorted[sorted.len() * share / 100_000]
}

/// The share of values that are this one.
fn share_of(values: &[f64], wanted: f64) -> f64 {
    mean(
        &values
            .iter()
            .map(|value| f64::from(u8::from((value - wanted).abs() < 1e-9)))
            .collect::<Vec<_>>(),
    )
}

#[track_caller]
fn near(found: f64, wanted: f64, margin: f64) {
    assert!((found - wanted).abs() <= margin, "{found}, not {wanted} ± {margin}");
}

const ROWS: u64 = 40_000;

#[test]
fn distributions_have_the_middle_width_and_ends_that_were_asked_for() {
    let mut rows = Rows::of(
        "
      bell:   { type: double precision, fill: { normal: { mean: 100, sd: 15 } } }
      cut:    { type: numeric(5,1), fill: { normal: { mean: 4, sd: 1, min: 2, max: 5 } } }
      wide:   { type: integer, fill: { normal: { mean: 1000, p99: 3326.35 } } }
      days:   { type: date, fill: { normal: { mean: 2020-01-01, sd: 100d } } }
      decay:  { type: double precision, fill: { exponential: { mean: 20, min: 5 } } }
      since:  { type: timestamptz, fill: { exponential: { min: 2020-01-01, mean: 2020-03-01, max: 2022-01-01 } } }
      logs:   { type: numeric(12,3), fill: { lognormal: { median: 90, p99: 700 } } }
      short:  { type: integer, fill: { lognormal: { median: 90, p99: 700, min: 50, max: 200 } } }
      tail:   { type: double precision, fill: { pareto: { min: 10, shape: 2 } } }
      rank:   { type: bigint, fill: { zipf: { n: 1G, s: 1.1 } } }
      graded: { type: numeric(6,2), fill: { zipf: { range: [100, 104], s: 1 } } }
      coin:   { type: boolean, fill: { boolean: 0.3 } }
      even:   { type: date, fill: { uniform: [2020-01-01, 2020-01-10] } }
      moment: { type: timestamp, fill: { uniform: [2020-01-01, \"2020-01-03T00:00:00Z\"] } }
      words:  { type: text, fill: { text: { characters: { lognormal: { median: 90, p99: 700 } } } } }
",
        ROWS,
        &[],
    );
    let mut of = |column: &str| rows.sorted(column, ROWS);
    // Margins are some five standard errors of 40,000 draws.
    let bell = of("bell");
    near(mean(&bell), 100.0, 0.4);
    near(quantile(&bell, 15_866), 85.0, 0.6);
    near(quantile(&bell, 99_000), 134.9, 1.5);
    let cut = of("cut");
    assert_eq!((cut[0], cut[cut.len() - 1]), (2.0, 5.0));
    // The mean of a bell cut at -2 and 1 standard deviations.
    near(mean(&cut), 4.0 - 0.2296, 0.02);
    near(quantile(&of("wide"), 15_866), 0.0, 40.0);
    near(mean(&of("days")), 18_262.0, 3.0);
    let decay = of("decay");
    assert!(decay[0] >= 5.0);
    near(mean(&decay), 20.0, 0.4);
    near(quantile(&decay, 50_000), 5.0 + 15.0 * 2_f64.ln(), 0.4);
    let since = of("since");
    assert!(since[0] >= 18_262.0 && since[since.len() - 1] <= 18_993.0);
    near(mean(&since), 18_322.0, 2.0);
    let logs = of("logs");
    near(quantile(&logs, 50_000), 90.0, 2.5);
    near(quantile(&logs, 99_000), 700.0, 50.0);
    let short = of("short");
    assert_eq!((short[0], short[short.len() - 1]), (50.0, 200.0));
    let tail = of("tail");
    near(quantile(&tail, 50_000), 10.0 * 2_f64.sqrt(), 0.3);
    near(quantile(&tail, 99_000), 100.0, 12.0);
    let rank = of("rank");
    assert!(rank[0] >= 1.0 && rank[rank.len() - 1] <= 1e9);
    near(share_of(&rank, 1.0), 0.1073, 0.008);
    let graded = of("graded");
    let total: f64 = (1..=5).map(|rank| 1.0 / f64::from(rank)).sum();
    for (rank, value) in (1..=5).zip([100.0, 101.0, 102.0, 103.0, 104.0]) {
        near(share_of(&graded, value), 1.0 / f64::from(rank) / total, 0.013);
    }
    near(mean(&of("coin")), 0.3, 0.012);
    let even = of("even");
    let days: Vec<f64> = (18_262..=18_271).map(f64::from).collect();
    for day in &days {
        near(share_of(&even, *day), 0.1, 0.008);
    }
    assert!(even.iter().all(|day| days.contains(day)), "both ends, and nothing beyond");
    near(mean(&of("moment")), 18_263.0, 0.015);
    let words = of("words");
    near(quantile(&words, 50_000), 90.0, 2.5);
    near(quantile(&words, 99_000), 700.0, 50.0);
}

#[test]
fn columns_that_depend_on_another_do() {
    let mut rows = Rows::of(
        "
      price:   { type: numeric(10,2), fill: { lognormal: { median: 20, p99: 300 } } }
      cost:    { type: integer, fill: { correlated: { with: price, r: 0.8, fill: { uniform: [1, 100] } } } }
      against: { type: double precision, fill: { correlated: { with: cost, r: -0.6, fill: { normal: { mean: 0, sd: 1 } } } } }
      land:    { type: char(2), null_rate: 0.1, fill: { weighted: { DE: 2, FR: 1, PL: 1 } } }
      greets:  { type: text, fill: { given: { column: land, when: { DE: { weighted: { hallo: 1, moin: 1 } }, FR: { constant: salut } }, otherwise: { constant: hi } } } }
      made:    { type: date, fill: { uniform: [2020-01-01, 2020-12-31] } }
      sent:    { type: timestamptz, fill: { after: { column: made, by: [1h, 3d] } } }
      paid:    { type: date, null_rate: 0.5, fill: { after: { column: sent, by: { exponential: { mean: 2d } } } } }
      most:    { type: numeric(10,2), fill: { derived: \"greatest(price, cost, 50)\" } }
      short:   { type: text, fill: { derived: \"upper(substr(greets, 2, 2)) || coalesce(land, '??')\" } }
      tens:    { type: integer, fill: { derived: \"round(price, 0) - abs(cost - 50)\" } }
",
        ROWS,
        &[],
    );
    let mut pairs = [(0.0, 0.0); 2];
    let mut ranks: [Vec<(f64, f64)>; 2] = [Vec::new(), Vec::new()];
    for row in 0..ROWS {
        let row = rows.texts(0, row);
        let [_, price, cost, against, land, greets, made, sent, paid, most, short, tens] =
            row.as_slice()
        else {
            panic!("{row:?}")
        };
        let number = |text: &String| text.parse::<f64>().unwrap();
        ranks[0].push((number(price).ln(), number(cost)));
        ranks[1].push((number(cost), number(against)));
        let expected: &[&str] = match land.as_str() {
            "DE" => &["hallo", "moin"],
            "FR" => &["salut"],
            _ => &["hi"],
        };
        assert!(expected.contains(&greets.as_str()), "{row:?}");
        // As text: the date stands in front.
        assert!(sent[..10] >= made[..] && (paid.is_empty() || paid[..] >= sent[..10]), "{row:?}");
        assert!((1.0..=100.0).contains(&number(cost)), "{row:?}");
        near(number(most), number(price).max(number(cost)).max(50.0), 0.001);
        let land = if land.is_empty() { "??" } else { land };
        assert_eq!(*short, format!("{}{land}", greets[1..greets.len().min(3)].to_uppercase()));
        near(number(tens), number(price).round() - (number(cost) - 50.0).abs(), 0.001);
    }
    for (pair, ranks) in pairs.iter_mut().zip(&mut ranks) {
        *pair = (correlation(ranks), mean(&ranks.iter().map(|pair| pair.1).collect::<Vec<_>>()));
    }
    // Pearson's r of a bell and an even column is √(3/π) of that of the two bells behind them.
    near(pairs[0].0, 0.8 * (3.0 / std::f64::consts::PI).sqrt(), 0.02);
    near(pairs[0].1, 50.5, 0.8);
    near(pairs[1].0, -0.6 * (3.0 / std::f64::consts::PI).sqrt(), 0.02);
    near(pairs[1].1, 0.0, 0.03);
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let of = |which: fn(&(f64, f64)) -> f64| pairs.iter().map(which).collect::<Vec<_>>();
    let (ones, others) = (of(|pair| pair.0), of(|pair| pair.1));
    let (one, other) = (mean(&ones), mean(&others));
    let sum = |which: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(which).sum::<f64>();
    let both = sum(&|pair| (pair.0 - one) * (pair.1 - other));
    both / (sum(&|pair| (pair.0 - one).powi(2)) * sum(&|pair| (pair.1 - other).powi(2))).sqrt()
}

/// City, state, postcode and coordinates of a row are those of one place of the list, and large
/// cities come more often.
#[test]
fn the_parts_of_an_address_are_of_one_place() {
    let mut rows = Rows::of(
        "
      city:      { type: text, fill: { address: city } }
      state:     { type: text, fill: { address: state } }
      code:      { type: text, fill: { address: state_code } }
      postcode:  { type: text, fill: { address: postcode } }
      country:   { type: text, fill: { address: country_code } }
      latitude:  { type: numeric(9,6), fill: { address: latitude } }
      longitude: { type: real, fill: { address: longitude } }
      line:      { type: text, fill: { address: line } }
      street:    { type: text, fill: { address: street } }
      other:     { type: text, fill: { address: { part: city, of: work } } }
      german:    { type: text, fill: { address: { part: country, of: home, in: [DE, AT] } } }
",
        ROWS,
        &[],
    );
    let mut seen = BTreeMap::new();
    let (mut differ, mut lines) = (0_u64, HashSet::new());
    for row in 0..ROWS {
        let row = rows.texts(0, row);
        let city = CITIES.iter().find(|city| {
            city.name == row[1] && city.state_code == row[3] && city.country.code == row[5]
        });
        let city = city.unwrap_or_else(|| panic!("{row:?}"));
        assert_eq!(city.state, row[2]);
        let degrees = |text: &str| text.parse::<f64>().unwrap() * 1e6;
        near(degrees(&row[6]), city.latitude as f64, 20_000.0);
        near(degrees(&row[7]), city.longitude as f64, 20_020.0);
        assert_eq!(row[4].chars().count(), city.postcode.chars().count());
        for (found, sign) in row[4].chars().zip(city.postcode.chars()) {
            let fits = match sign {
                '#' => found.is_ascii_digit(),
                '@' => found.is_ascii_uppercase(),
                other => found == other,
            };
            assert!(fits, "{row:?}");
        }
        for part in [&row[1], &row[4], &row[9]] {
            assert!(row[8].contains(part.as_str()), "{row:?}");
        }
        *seen.entry(row[1].clone()).or_insert(0_u64) += 1;
        differ += u64::from(row[10] != row[1]);
        lines.insert(row[8].clone());
        assert!(["Germany", "Austria"].contains(&row[11].as_str()));
    }
    assert!(seen["New York"] > 20 * seen["Burlington"], "{seen:?}");
    assert!(seen.len() > 200 && differ > ROWS * 9 / 10 && lines.len() as u64 > ROWS * 95 / 100);
}

#[test]
fn unique_values_never_repeat_and_fill_their_range() {
    const ALL: u64 = 60_000;
    let lines: Vec<String> = (0..ALL).map(|line| format!("line {line}")).collect();
    let list = lines.join("\n");
    let columns = "
      number:   { type: integer, unique: true, fill: { uniform: [1, 60000] } }
      price:    { type: numeric(8,2), unique: true, fill: { uniform: [-100, 499.99] } }
      plate:    { type: char(6), unique: true, fill: { pattern: \"[A-F][0-9]{4}(x|y)\" } }
      line:     { type: text, unique: true, fill: { lines: list.txt } }
      phone:    { type: text, unique: true, fill: phone }
      mobile:   { type: text, unique: true, fill: { phone: e164 } }
      day:      { type: timestamp, unique: true, fill: { uniform: [\"2020-01-01T00:00:00.000001Z\", \"2020-01-01T00:00:00.06Z\"] } }
      user:     { type: varchar(24), unique: true, fill: username }
      slug:     { type: varchar(30), unique: true, fill: slug }
      words:    { type: varchar(24), unique: true, fill: { words: [1, 3] } }
      title:    { type: varchar(40), unique: true, fill: { text: { words: 4 } } }
      v4:       { type: text, unique: true, fill: { ip: { v4: public } } }
      v6:       { type: text, unique: true, fill: { ip: v6 } }
      color:    { type: text, unique: true, fill: color }
      firm:     { type: text, unique: true, fill: company }
      page:     { type: text, unique: true, fill: url }
      person:   { type: varchar(30), unique: true, fill: { name: full } }
";
    let mut rows = Rows::of(columns, ALL, &[("list.txt", &list)]);
    let mut seen: Vec<HashSet<String>> = vec![HashSet::new(); rows.names.len()];
    for row in 0..ALL {
        for (value, seen) in rows.texts(0, row).into_iter().zip(&mut seen) {
            assert!(seen.insert(value.clone()), "{value} comes twice");
        }
    }
    // A range, a pattern or a list with as many values as rows is used up.
    assert!(seen[1].contains("1") && seen[1].contains("60000"));
    assert!(seen[2].contains("-100.00") && seen[2].contains("499.99"));
    let phones = &seen[5];
    assert!(phones.iter().all(|phone| phone.len() == 14 && phone.contains(") 555-01")));
    assert!(seen[6].iter().all(|phone| phone.len() == 12 && phone[5..].starts_with("55501")));
    assert!(seen[12].iter().all(|text| text.parse::<std::net::Ipv4Addr>().is_ok()));
    assert!(seen[13].iter().all(|text| text.parse::<std::net::Ipv6Addr>().is_ok()));
    // The first rows are not the first values.
    let first: Vec<String> = (0..5).map(|row| rows.texts(0, row)[1].clone()).collect();
    assert_ne!(first, ["1", "2", "3", "4", "5"]);
}

/// As many as a table may really have, of each way by which values are made unique: by a shuffled
/// range, a shuffled pattern, and a number behind a text.
#[test]
fn a_million_unique_values_are_a_million() {
    const ALL: u64 = 1_000_000;
    let columns = "
      number: { type: integer, unique: true, fill: { uniform: [1, 1000000] } }
      plate:  { type: char(8), unique: true, fill: { pattern: \"[A-Z]{2}[0-9]{4}[a-b]x\" } }
      user:   { type: varchar(24), unique: true, fill: username }
      email:  { type: text, fill: email }
";
    let mut rows = Rows::of(columns, ALL, &[]);
    let mut seen: Vec<Vec<u64>> = vec![Vec::new(); rows.names.len()];
    for row in 0..ALL {
        for (value, seen) in rows.texts(0, row).into_iter().zip(&mut seen) {
            // Two of a million alike by chance: once in 40 million runs.
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            seen.push(hasher.finish());
        }
    }
    for (name, mut seen) in rows.names.iter().zip(seen) {
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len() as u64, ALL, "{name}");
    }
}

#[test]
fn lists_come_from_their_file_by_weight() {
    let list = "often\t8\nseldom\t1\nnever said twice\t1\r\n\nlast\t0.5\n";
    let columns = "
      word: { type: varchar(20), fill: { lines: list.txt } }
      once: { type: varchar(20), fill: { listed: [first], then: { lines: list.txt } } }
";
    let mut rows = Rows::of(columns, ROWS, &[("list.txt", list)]);
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for row in 0..ROWS {
        *seen.entry(rows.texts(0, row)[1].clone()).or_default() += 1;
    }
    let share = |word: &str| f64::from(seen[word]) / ROWS as f64;
    assert_eq!(seen.len(), 4);
    near(share("often"), 8.0 / 10.5, 0.012);
    near(share("never said twice"), 1.0 / 10.5, 0.008);
    near(share("last"), 0.5 / 10.5, 0.006);
    assert_eq!(rows.texts(0, 0)[2], "first");
}

/// The samples' statements, sent as text by psql, do what the run does with parameters, and every
/// count is exact.
#[test]
fn the_gallery_holds_on_a_server() {
    let small = [
        "domains.fills.rows={ venues: 100, visitors: 300, visits: 800 }",
        "load.warmup=0s",
        "load.streams.guests.profile=[{ hold: 1000/s, for: 2s }]",
        "thresholds=[]",
        "start=2026-01-01T00:00:00Z",
    ];
    let place = || {
        let mut place = Place::new(&["fills"]);
        for pair in small {
            place.set(pair);
        }
        place
    };
    let told = place();
    told.must(&["seed", "@fill-zoo"]);
    let script = told.must(&["sample", "@fill-zoo", "-n", "2000", "--format", "sql"]).out;
    let done = told.psql("fills", &script);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let sent = place();
    sent.must(&["run", "@fill-zoo", "--out", "run"]);
    let summary = sent.summary("run");
    sent.assert_counted(&summary);
    assert_eq!(
        summary["streams"][0]["acknowledged"].as_u64().unwrap()
            + summary["streams"][0]["skipped"].as_u64().unwrap(),
        2000
    );
    assert_eq!(told.content("fills"), sent.content("fills"));
    let wrong = "SELECT count(*) FROM visits WHERE left_at < came_at OR guests NOT BETWEEN 1 AND 12 \
                 OR waited > 90 OR ip::inet << '10.0.0.0/8' IS NOT TRUE";
    assert_eq!(sent.number("fills", wrong), 0);
    let wrong = "SELECT count(*) FROM visitors WHERE address NOT LIKE '%' || home_state || ' %' \
                 OR initial <> upper(left(name, 1)) OR born NOT BETWEEN '1930-01-01' AND '2008-12-31'";
    assert_eq!(sent.number("fills", wrong), 0);
}
