//! `kill -9` of PostgreSQL under the shop, whose Firehose fails in all its ways: orders and confirmations match one
//! to one, in both services.

use std::thread::sleep;
use std::time::Duration;

use crate::PATIENCE;
use crate::kill::durable;
use crate::random;
use crate::support::shop::Shop;
use crate::support::shop::assert_counted;
use crate::support::shop::assert_true_to_rows;

const ROUNDS: usize = 10;
const AWAY: Duration = Duration::from_secs(2);
const WEATHER: &str = "partial=0.1,error=0.03,reset=0.03,delay=1ms..10ms";

pub(crate) fn all() {
    println!("kill -9 of the server under acts that span both worlds: the shop");
    let mut resolved = 0;
    for round in 1..=ROUNDS {
        let weather = ["--fail", WEATHER, "--quota", "off"];
        let shop = Shop::on(durable(), ("300/s, for: 8s", "[50ms, 400ms]"), &weather);
        let mut run = shop.start("run", &shop.server.url(), &["load.drain=2m"]);
        run.wait_for_load();
        sleep(Duration::from_millis(1500 + random(5000)));
        shop.server.kill_hard();
        sleep(AWAY);
        shop.server.start_again();
        let ended = run.finish(PATIENCE);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let (found, _server) = shop.close();
        assert_true_to_rows(&found, &ended.summary);
        assert_counted(&found, &ended.summary);
        let (committed, absent) = ended.resolved();
        resolved += committed + absent;
        let (orders, events) = (found.orders.len(), found.records.len());
        println!(
            "round {round:>2}: {orders:>5} orders, each confirmed once in both services, of {events:>6} \
             events; resolved {committed} committed {absent} absent"
        );
    }
    println!("resolved in all: {resolved}");
}
