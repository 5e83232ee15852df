//! The throwaway server that both sides work on, and what pgbench says of it.

use super::support::server::Options;
use super::support::server::TestServer;

/// Large enough that neither its memory nor its checkpoints decide.
pub(crate) fn start() -> TestServer {
    let settings = [
        ("synchronous_commit", "off"),
        ("shared_buffers", "1GB"),
        ("max_wal_size", "8GB"),
        ("checkpoint_timeout", "30min"),
        ("max_connections", "150"),
    ];
    let everybody = ["host all all 127.0.0.1/32 trust", "local all all trust"];
    TestServer::with(&Options {
        hba: everybody.iter().map(ToString::to_string).collect(),
        settings: settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ..Options::default()
    })
}

/// What pgbench printed.
pub(crate) struct Told<'a>(pub(crate) &'a str);

impl Told<'_> {
    /// The number behind some words.
    pub(crate) fn number(&self, before: &str) -> f64 {
        let rest = self.0.split(before).nth(1).expect("pgbench tells it").trim_start();
        rest.split([' ', '/', '\n']).next().unwrap().parse().unwrap()
    }
}
