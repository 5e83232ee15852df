//! Four databases that name rows of each other (`@yelp-small`): the server killed, or one of the
//! databases cut off for ten seconds, in mid-run. Afterwards every row is as in a run that nothing befell,
//! and `verify --source` finds nothing broken.

use std::collections::BTreeMap;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;

use crate::PATIENCE;
use crate::random;
use crate::support::command::Place;
use crate::support::server::Options;
use crate::support::server::TestServer;

const DOMAINS: [&str; 4] = ["user", "business", "checkin", "evaluations"];
const KILLS: usize = 10;
/// For each of the databases.
const CUTS: usize = 2;
const AWAY: Duration = Duration::from_secs(3);
const CUT: Duration = Duration::from_secs(10);

/// The same rate all the time, so that the time of a cut can be held against the time before.
const EVEN: [&str; 1] = ["load.streams.platform.profile=[{ hold: 400/s, for: 30s }]"];

/// For each domain and table, its rows in one hash.
type Content = BTreeMap<(String, String), String>;

pub(crate) fn kill() {
    println!("kill -9 of the server in mid-run, started again after 3 s: yelp-small.yaml");
    let expected = quiet(&[]);
    for round in 1..=KILLS {
        let server = durable();
        let run = Run::start(&server, &[]);
        let moment = Duration::from_millis(2000 + random(20_000));
        sleep(moment);
        server.kill_hard();
        sleep(AWAY);
        server.start_again();
        let more = format!("killed after {:.1} s", moment.as_secs_f64());
        run.finish(round, &expected, &more);
    }
}

pub(crate) fn cut() {
    println!("one of four databases cut off for 10 s in mid-run: yelp-small.yaml");
    let expected = quiet(&EVEN);
    for (number, domain) in DOMAINS.iter().cycle().take(DOMAINS.len() * CUTS).enumerate() {
        let server = durable();
        let run = Run::start(&server, &EVEN);
        // The warm-up is over, and the end is far.
        sleep(Duration::from_secs(3));
        let before = run.over(CUT / 2);
        let cut = Cut::begin(&run.place, domain);
        let during = run.over(CUT);
        drop(cut);
        let others = DOMAINS.iter().filter(|other| *other != domain);
        let kept: Vec<_> = others
            .map(|other| format!("{other} {} of {}", during[*other], before[*other] * 2))
            .collect();
        let more = format!("{domain} was away; committed meanwhile: {}", kept.join(", "));
        run.finish(number + 1, &expected, &more);
    }
}

/// A server that waits for its disk.
fn durable() -> TestServer {
    let hba = vec!["host all all 127.0.0.1/32 trust".to_owned()];
    let settings = vec![("fsync", "on".to_owned())];
    TestServer::with(&Options { hba, settings, ..Options::default() })
}

/// What a run leaves that nothing befalls.
fn quiet(set: &[&str]) -> Content {
    let server = durable();
    let run = Run::start(&server, set);
    let place = run.ended().0;
    content(&place)
}

fn content(place: &Place<'_>) -> Content {
    let of = |domain: &str| {
        let tables = place.content(domain).into_iter();
        let domain = domain.to_owned();
        tables.map(move |(table, rows)| ((domain.clone(), table), rows)).collect::<Vec<_>>()
    };
    DOMAINS.iter().flat_map(|domain| of(domain)).collect()
}

/// A run whose load has begun.
struct Run<'s> {
    place: Place<'s>,
    child: Child,
    begun: Instant,
}

impl<'s> Run<'s> {
    fn start(server: &'s TestServer, set: &[&str]) -> Self {
        let mut place = Place::on(server, &DOMAINS);
        place.set("start=2026-01-01T00:00:00Z");
        place.set("thresholds=[]");
        set.iter().for_each(|pair| place.set(pair));
        let child = place.spawn(&["run", "@yelp-small", "--out", "run"]);
        let begun = Instant::now();
        let run = Self { place, child, begun };
        // A worker's session.
        let loading = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'loadgen/%/2/0'";
        while run.place.server.query("postgres", loading).is_empty() {
            assert!(begun.elapsed() < PATIENCE, "the load did not begin");
            sleep(Duration::from_millis(20));
        }
        run
    }

    /// How many transactions each database commits within a time.
    fn over(&self, time: Duration) -> BTreeMap<&'static str, u64> {
        let committed = |domain: &str| -> u64 {
            let sql = format!(
                "SELECT xact_commit FROM pg_stat_database WHERE datname = '{}'",
                self.place.database(domain)
            );
            self.place.server.query("postgres", &sql)[0][0].parse().unwrap()
        };
        let before = DOMAINS.map(committed);
        sleep(time);
        let after = DOMAINS.map(committed);
        let all = DOMAINS.into_iter().zip(before.iter().zip(after));
        all.map(|(domain, (before, after))| (domain, after - before)).collect()
    }

    /// Waits for its end, which must be a good one.
    fn ended(self) -> (Place<'s>, Value, Duration) {
        let output = self.child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&said));
        let summary = self.place.summary("run");
        (self.place, summary, self.begun.elapsed())
    }

    /// The same, and holds every row against what must be there.
    fn finish(self, round: usize, expected: &Content, more: &str) {
        let (place, summary, took) = self.ended();
        let stream = &summary["streams"][0];
        let count = |name: &str| stream[name].as_u64().unwrap();
        assert_eq!(count("acknowledged") + count("skipped"), count("scheduled"), "{stream}");
        assert_eq!((count("failed"), count("unknown"), count("missed")), (0, 0, 0), "{stream}");
        place.assert_counted(&summary);
        let verified = place.must(&["verify", "@yelp-small", "--source", "--run", "run"]);
        let claims = verified.out.lines().last().unwrap_or_default().to_owned();
        assert!(claims.ends_with("claims hold"), "{}", verified.out);
        let found = content(&place);
        for (table, rows) in expected {
            assert_eq!(found.get(table), Some(rows), "{table:?} is not as in a quiet run");
        }
        let alive = summary["tables"].as_array().unwrap().iter();
        let alive: u64 = alive.map(|table| table["alive"].as_u64().unwrap()).sum();
        println!(
            "round {round:>2}: {:>5.1} s, {:>6} actions, unknown 0, failed 0, {alive} rows as in a \
             quiet run, {claims}; {more}",
            took.as_secs_f64(),
            count("acknowledged"),
        );
    }
}

/// A database that nobody can reach, until this is dropped.
struct Cut<'s> {
    server: &'s TestServer,
    database: String,
}

impl<'s> Cut<'s> {
    fn begin(place: &Place<'s>, domain: &str) -> Self {
        let cut = Self { server: place.server, database: place.database(domain) };
        cut.allow(false);
        let sql = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = '{}' AND backend_type = 'client backend'",
            cut.database
        );
        assert_ne!(cut.server.query("postgres", &sql), [["0"]]);
        cut
    }

    fn allow(&self, is_allowed: bool) {
        let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS {is_allowed}", self.database);
        self.server.query("postgres", &sql);
    }
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        self.allow(true);
    }
}
