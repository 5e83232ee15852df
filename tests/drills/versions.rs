//! PostgreSQL 12 to 18, each fetched and started as `embedded:12` does it: the quickstart, shortened,
//! and the type zoo, whose values are held against what each server reads from our text of them.

use std::time::Duration;

use loadgen::embedded::Embedded;
use loadgen::embedded::Machine;
use loadgen::embedded::Options;
use secrecy::ExposeSecret;

use crate::PATIENCE;
use crate::support::loadgen::Ended;
use crate::support::loadgen::Loadgen;
use crate::support::told;

const VERSIONS: std::ops::RangeInclusive<u16> = 12..=18;

const QUICKSTART: [&str; 3] = [
    "domains.orders.rows={ products: 200, customers: 2k, orders: 5k }",
    "load.warmup=1s",
    "load.streams.shop.profile=[{ hold: 200/s, for: 5s }]",
];
const ZOO: [&str; 2] = [
    "domains.type_zoo.rows={ specimens: 10k, groups: 10k, bookings: 10k }",
    "load.streams.visitors.profile=[{ hold: 200/s, for: 5s }]",
];

pub(crate) fn all() {
    println!("quickstart and type zoo on PostgreSQL 12 to 18, embedded");
    for version in VERSIONS {
        let options = Options { version: Some(version), run: "drill".to_owned() };
        let server = Embedded::start_on(&Machine::here(), &options, &mut |_| {}).unwrap();
        assert_eq!(server.version(), version);
        let url = server.url().expose_secret().to_owned();

        let ended = Loadgen::start("seed", "type-zoo.yaml", &url, &ZOO).finish(PATIENCE);
        assert_eq!(ended.code, Some(0), "{version}: {}", ended.said);
        let database = told::in_database(&url, "type_zoo");
        let mut values = 0;
        for table in ["specimens", "groups", "bookings"] {
            let sample = told::sample("type-zoo.yaml", &ZOO, table);
            values += told::assert_equal(&database, table, &sample);
        }
        let zoo = Loadgen::start("run", "type-zoo.yaml", &url, &ZOO).finish(PATIENCE);
        assert_passed(version, &zoo);
        let quickstart =
            Loadgen::start("run", "quickstart.yaml", &url, &QUICKSTART).finish(PATIENCE);
        assert_passed(version, &quickstart);
        println!(
            "{version}: {values} values of {} columns read back equal; type zoo {} actions in {:.1} s, \
             quickstart {} actions in {:.1} s, none failed",
            told::columns(&database),
            zoo.count("acknowledged"),
            zoo.took.as_secs_f64(),
            quickstart.count("acknowledged"),
            quickstart.took.as_secs_f64(),
        );
        assert!(zoo.took < Duration::from_mins(5));
        server.stop().unwrap();
    }
}

fn assert_passed(version: u16, ended: &Ended) {
    // A busy machine may make the run late, but not wrong.
    assert!(matches!(ended.code, Some(0 | 6 | 99)), "{version}: {}", ended.said);
    assert_eq!((ended.rows("unknown"), ended.rows("failed")), (0, 0), "{}", ended.summary);
    assert_eq!(ended.count("acknowledged") + ended.count("skipped"), ended.count("scheduled"));
    assert!(ended.count("acknowledged") > 500, "{}", ended.summary);
}
