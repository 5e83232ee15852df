//! Domains that are elsewhere: on another server, kept by somebody else, or away.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::command::Place;
use crate::support::command::loadgen;
use crate::support::command::scenario;
use crate::support::loadgen::Loadgen;
use crate::support::server::TestServer;

/// Longer than any of these runs may take.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn reviews_name_users_and_places_that_somebody_else_keeps() {
    let file = scenario("elsewhere.yaml");
    let place = Place::new(&["evaluations"]);
    place.must(&["run", &file, "--out", "run"]);
    let summary = place.summary("run");
    place.assert_counted(&summary);
    assert_eq!(summary["tables"].as_array().unwrap().len(), 2, "only its own: {summary}");
    assert_eq!(summary["streams"][0]["failed"], 0);
    assert!(summary["tables"][0]["deleted"].as_u64().unwrap() > 50);

    // Whoever makes them as this scenario would have does make those that are named.
    let mut whole = Place::new(&["evaluations"]);
    for (domain, rows) in [("user", "{ users: 640 }"), ("business", "{ business: 150 }")] {
        let database = whole.database(domain);
        let roles =
            format!("{{ owner: {database}_a, application: {database}_b, capture: {database}_c }}");
        whole.set(&format!(
            "domains.{domain}={{ on: operational, rows: {rows}, database: {database}, roles: {roles} }}"
        ));
    }
    whole.must(&["seed", &file]);
    let users: BTreeMap<String, String> = whole
        .query("user", "SELECT id, yelping_since FROM users")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let places = whole.query("business", "SELECT id FROM business").concat();
    assert_eq!((users.len(), places.len()), (640, 150));
    let reviews =
        place.query("evaluations", "SELECT user_id, business_id, review_date FROM reviews");
    assert!(reviews.len() > 900);
    for row in &reviews {
        assert!(users[&row[0]] <= row[2], "{row:?}");
        assert!(places.contains(&row[1]), "{row:?}");
    }
    let born = "SELECT count(*) FROM reviews WHERE review_date >= '2026-01-01'";
    assert!(place.number("evaluations", born) > 200);

    // Nobody can say of them whether they are there.
    let verified = place.must(&["verify", &file, "--source", "--run", "run"]).out;
    let line = |words: &str| verified.lines().find(|line| line.contains(words)).unwrap();
    let orphans = line("evaluations.reviews.user_id names a row of user.users");
    assert!(orphans.starts_with("-    ") && orphans.contains("rows, not judged"), "{verified}");
    assert!(line("evaluations.reviews has the").starts_with("ok   "), "{verified}");
    assert!(verified.lines().last().unwrap().contains("claims hold, "), "{verified}");
    let done = whole.must(&["verify", &file, "--source"]).out;
    assert!(
        done.contains("ok     evaluations.reviews.user_id names a row of user.users"),
        "{done}"
    );

    let plan = place.must(&["plan", &file]).out;
    assert!(!plan.contains("users") && plan.contains("reviews"), "{plan}");
    assert!(!place.must(&["seed", &file, "--fresh"]).out.contains("users"));
    let removed = place.must(&["clean", &file]).out;
    assert!(!removed.contains("users") && removed.contains("_evaluations"), "{removed}");
    whole.must(&["clean", &file]);
}

/// The arguments that put the opinions of `across.yaml` on another server than the rest.
fn apart(near: &TestServer, far: &TestServer) -> [String; 2] {
    let target = |server: &TestServer| {
        let url = server.url();
        format!("{{ postgres: {{ url: \"{url}\", connections: 2, reconnect: 30s }} }}")
    };
    [
        format!("targets={{ operational: {}, far: {} }}", target(near), target(far)),
        "domains.opinions.on=far".to_owned(),
    ]
}

#[test]
fn databases_may_be_on_two_servers() {
    let (near, far) = (TestServer::start(), TestServer::start());
    let file = scenario("across.yaml");
    let set = apart(&near, &far);
    let set = [set[0].as_str(), set[1].as_str()];
    let ended = Loadgen::start("run", &file, &near.url(), &set).finish(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert_eq!((ended.rows("unknown"), ended.rows("failed"), ended.rows("missed")), (0, 0, 0));
    let databases = "SELECT datname FROM pg_database WHERE datname IN ('members', 'visits', 'opinions') ORDER BY 1";
    assert_eq!(near.query("postgres", databases), [["members"], ["visits"]]);
    assert_eq!(far.query("postgres", databases), [["opinions"]]);
    for table in ended.summary["tables"].as_array().unwrap() {
        let text = |name: &str| table[name].as_str().unwrap();
        let server = if text("target") == "far" { &far } else { &near };
        let sql = format!("SELECT count(*) FROM {}", text("table"));
        assert_eq!(server.query(text("database"), &sql)[0][0], table["alive"].to_string());
    }
    let gone = ended.summary["tables"].as_array().unwrap().iter();
    let gone = gone.filter(|table| table["target"] == "far" && table["table"] == "public.opinions");
    assert!(gone.map(|table| table["deleted"].as_u64().unwrap()).sum::<u64>() > 50);

    let folder = tempfile::tempdir().unwrap();
    let mut verify = loadgen(folder.path());
    verify.args(["verify", &file, "--source", "--set", set[0], "--set", set[1]]);
    let done = verify.env("LOADGEN_POSTGRES", near.url()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&done.stderr));
    assert!(
        said.contains("ok     opinions.opinions.user_id names a row of members.users"),
        "{said}"
    );
}

#[test]
fn a_server_that_is_away_at_the_start_is_named_and_nothing_is_touched() {
    let (near, far) = (TestServer::start(), TestServer::start());
    far.stop();
    let file = scenario("across.yaml");
    let set = apart(&near, &far);
    let set = [set[0].as_str(), set[1].as_str()];
    let ended = Loadgen::start("run", &file, &near.url(), &set).finish(PATIENCE);
    assert_eq!(ended.code, Some(4), "{}", ended.said);
    let port = format!(":{}", far.port());
    for piece in ["cannot reach", &port, "the target `far`, for `opinions`"] {
        assert!(ended.said.contains(piece), "{piece}: {}", ended.said);
    }
    let ours =
        "SELECT count(*) FROM pg_database WHERE datname IN ('members', 'visits', 'opinions')";
    assert_eq!(near.query("postgres", ours), [["0"]]);
}

#[test]
fn one_of_four_databases_that_is_away_at_the_start_is_named() {
    let mut place = Place::new(&["user", "business", "checkin", "evaluations"]);
    place.set("load.warmup=0s");
    place.set("load.streams.platform.profile=[{ hold: 100/s, for: 1s }]");
    for domain in ["user", "business", "checkin", "evaluations"] {
        place.set(&format!("domains.{domain}.scale=0.0005"));
    }
    place.must(&["seed", "@yelp-small"]);
    let database = place.database("checkin");
    let allow = |allowed: bool| {
        let sql = format!("ALTER DATABASE {database} ALLOW_CONNECTIONS {allowed}");
        place.server.query("postgres", &sql);
    };
    allow(false);
    let rows = place.number("evaluations", "SELECT count(*) FROM reviews");
    let refused = place.run(&["run", "@yelp-small", "--out", "run"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains(&database), "{}", refused.err);
    assert_eq!(place.number("evaluations", "SELECT count(*) FROM reviews"), rows);
    allow(true);
    place.must(&["run", "@yelp-small", "--out", "again"]);
    place.assert_counted(&place.summary("again"));
    place.must(&["clean", "@yelp-small"]);
}
