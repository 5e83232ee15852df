//! Reviews with long texts, one commit each: `pgbench -M prepared` sends texts that are ready, loadgen makes
//! each anew. Its texts are as long as ours, from the shortest to nearly the longest.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use super::measure::Point;
use super::measure::Reading;
use super::measure::compare;
use super::process;
use super::server::Told;
use super::support::machine;
use super::support::server::TestServer;

/// Seconds that each side works at a point.
const SECONDS: &str = "3";
/// pgbench's texts, each in a script of its own: it takes 128 scripts at most.
const TEXTS: usize = 64;
/// `write_review` in pgbench's words: the identifier is drawn, as ours is, so both go all over the index.
const SCRIPT: &str = "\\set id random(1, 9000000000000000000)\n\\set stars random(1, 5)\nINSERT INTO reviews (id, business_id, user_id, stars, review_date, content, useful_count, funny_count, cool_count) VALUES (:id, :business, :user, :stars, :day, :text, 0, 0, 0);\n";

/// At 1, 8 and 32 connections.
pub(crate) fn all(rounds: usize) {
    let server = super::server::start();
    let folder = tempfile::tempdir().unwrap();
    let place = |clients| Place { server: &server, folder: folder.path(), clients };
    let points = [1, 8, 32]
        .map(|clients| (clients, Point::new(format!("reviews with texts, {clients} clients"))));
    compare(
        ("pgbench", "reviews"),
        rounds,
        points.into(),
        |clients| place(*clients).pgbench(),
        |clients| place(*clients).loadgen(),
    );
}

/// Where a point is measured.
struct Place<'a> {
    server: &'a TestServer,
    folder: &'a Path,
    clients: u32,
}

impl Place<'_> {
    fn command(&self, command: &str, out: &Path) -> Command {
        let path = self.folder.join("texts.yaml");
        let text = include_str!("../scenarios/texts.yaml")
            .replace("{clients}", &self.clients.to_string())
            .replace("{seconds}", SECONDS);
        std::fs::write(&path, text).unwrap();
        let _ = std::fs::remove_dir_all(out);
        let mut process = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        process.env("LOADGEN_POSTGRES", self.server.url());
        process.args([command, "--fresh", "--out"]).arg(out).arg(path);
        process
    }

    fn loadgen(&self) -> Reading {
        let out = self.folder.join("run");
        let mut command = self.command("run", &out);
        let (summary, cpu) = process::run_loadgen(command.args(["--workers", "2"]), &out);
        let stream = &summary["streams"][0];
        let count = stream["acknowledged"].as_f64().unwrap();
        Reading { rate: stream["achieved_rate"].as_f64().unwrap(), cpu_us: cpu * 1e6 / count }
    }

    fn pgbench(&self) -> Reading {
        process::run(&mut self.command("seed", &self.folder.join("seed")));
        let mut command = Command::new(machine::binaries().program("pgbench"));
        let (clients, port) = (self.clients.to_string(), self.server.port().to_string());
        command.args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-U", "postgres", "-p", &port]);
        command.args(["-c", &clients, "-j", &self.clients.min(2).to_string(), "-T", SECONDS]);
        command.args([
            "-D",
            "business=0123456789abcdefghijkl",
            "-D",
            "user=0123456789abcdefghijkl",
        ]);
        command.args(["-D", "day=2026-01-01"]);
        for (number, text) in self.texts().into_iter().enumerate() {
            command.args(["-D", &format!("text{number}={text}")]);
            command.arg("-f").arg(self.script(number));
        }
        let (said, cpu) = process::run(command.arg("domain_evaluations"));
        let told = Told(&said);
        let count = told.number("transactions actually processed:");
        Reading { rate: told.number("tps ="), cpu_us: cpu * 1e6 / count }
    }

    fn script(&self, number: usize) -> PathBuf {
        let path = self.folder.join(format!("text{number}.sql"));
        std::fs::write(&path, SCRIPT.replace(":text", &format!(":text{number}"))).unwrap();
        path
    }

    /// The middle ones of so many equal parts of the seeded texts, by their length.
    fn texts(&self) -> Vec<String> {
        let sql = format!(
            "SELECT content FROM (SELECT content, row_number() OVER (ORDER BY length(content)) - 1 AS place,
                count(*) OVER () / {TEXTS} AS part FROM reviews) AS texts
             WHERE place % part = part / 2"
        );
        let rows = self.server.query("domain_evaluations", &sql);
        assert_eq!(rows.len(), TEXTS);
        rows.into_iter().map(|mut row| row.remove(0)).collect()
    }
}
