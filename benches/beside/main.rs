//! loadgen beside its peers: interleaved rounds on one server, medians, ratios.
//!
//! ```text
//!   cargo bench --bench beside                        everything, half an hour on a quiet machine
//!   cargo bench --bench beside -- statements 3        one part, three rounds; see `main` for their names
//! ```
//!
//! Each point of a round runs the peer and loadgen one after the other, and in turn who goes first; the
//! ratio is taken within the round, so that a slow minute of the machine is in both. What is printed is a
//! table in Markdown, for `benches/RESULTS.md`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the whole binary is a bench, which fails by panicking and tells what it saw"
)]

mod batch;
mod check;
mod engine;
mod events;
mod firehose;
mod judged;
mod kafka;
mod measure;
mod observer;
mod pacing;
mod process;
mod render;
mod seed;
mod server;
mod statements;
mod texts;
#[expect(
    dead_code,
    clippy::struct_field_names,
    reason = "the benches use a part of what the tests share"
)]
#[path = "../../tests/it/support.rs"]
mod support;

/// A part of the bench: its name, and what does so many rounds of it.
type Part = (&'static str, fn(usize));

/// Rounds unless asked for otherwise.
const ROUNDS: usize = 9;

fn main() {
    if let Ok(brokers) = std::env::var(kafka::PEER) {
        return kafka::send(&brokers);
    }
    if let Ok(endpoint) = std::env::var(firehose::PEER) {
        return firehose::send(&endpoint);
    }
    let words: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let rounds = words.iter().find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    let wanted: Vec<&String> = words.iter().filter(|word| word.parse::<usize>().is_err()).collect();
    let parts: [Part; 15] = [
        ("statements", statements::all),
        ("texts", texts::all),
        ("seed", seed::all),
        ("platform", seed::platform),
        ("batch", batch::all),
        ("kafka", kafka::all),
        ("firehose", firehose::all),
        ("render", render::all),
        ("engine", engine::actions),
        ("pacing", pacing::all),
        ("memory", engine::memory),
        ("judged", judged::all),
        ("trace", judged::trace),
        ("observer", observer::all),
        ("check", check::all),
    ];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| *word == name) {
            part(rounds);
        }
    }
}
