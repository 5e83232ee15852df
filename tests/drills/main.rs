//! The drills, long, not part of `cargo test`: outcomes in bad weather, and readers with broken files.
//!
//! ```text
//!   cargo test --release --test drills                  all of them, an hour
//!   cargo test --release --test drills -- kill proxy    some of them: acts, doctor, kill, planted, planted-topics,
//!                                                       pooler, proxy, seed, versions, fuzz, yelp-kill, yelp-cut
//! ```
//!
//! After each round the tables are held, row by row and column by column, against what the account
//! says must be there. `tests/it/weather.rs` has the short versions.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the whole binary is drills, which fail by panicking and tell what they saw"
)]

mod acts;
mod doctor;
mod fuzz;
mod kill;
mod planted;
mod planted_topics;
mod pooler;
mod proxy;
mod seed;
#[expect(dead_code, reason = "the drills use a part of what the tests share")]
#[path = "../it/support.rs"]
mod support;
mod versions;
mod yelp;

use std::time::Duration;
use std::time::SystemTime;

use support::loadgen::Ended;

/// Longer than any run may take, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let drills: [(&str, fn()); 12] = [
        ("acts", acts::all),
        ("doctor", doctor::all),
        ("kill", kill::all),
        ("planted", planted::all),
        ("planted-topics", planted_topics::all),
        ("pooler", pooler::all),
        ("proxy", proxy::all),
        ("seed", seed::all),
        ("versions", versions::all),
        ("fuzz", fuzz::all),
        ("yelp-kill", yelp::kill),
        ("yelp-cut", yelp::cut),
    ];
    for (name, drill) in drills {
        if wanted.is_empty() || wanted.iter().any(|each| each == name) {
            drill();
        }
    }
}

/// What a drill's rounds come to.
#[derive(Debug, Default)]
struct Totals {
    committed: u64,
    absent: u64,
}

impl Totals {
    /// Prints a round that went as it should; fails otherwise.
    fn add(&mut self, round: usize, ended: &Ended, rows: usize, more: &str) {
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert_eq!((ended.rows("unknown"), ended.rows("failed")), (0, 0), "{}", ended.summary);
        assert_eq!(ended.count("acknowledged") + ended.count("skipped"), ended.count("scheduled"));
        let (committed, absent) = ended.resolved();
        self.committed += committed;
        self.absent += absent;
        println!(
            "round {round:>2}: {:>5.1} s, {:>6} actions, {:>5.0}/s, resolved {committed:>3} committed \
             {absent:>3} absent, unknown 0, {rows} rows exact{more}",
            ended.took.as_secs_f64(),
            ended.count("acknowledged"),
            ended.achieved(),
        );
    }

    fn print(&self) {
        let Totals { committed, absent } = self;
        println!(
            "resolved in all: {} ({committed} committed, {absent} absent)",
            committed + absent
        );
    }
}

/// A number below `end`, another one each time.
fn random(end: u64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    // The clock's low digits are not even; a multiplicative hash makes them so.
    u64::from(now.subsec_nanos()).wrapping_mul(0x9e37_79b9_7f4a_7c15) % end
}
