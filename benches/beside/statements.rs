//! One action, one commit: `pgbench -M prepared` and loadgen with the same statements, the same
//! distribution of keys, the same number of clients, on tables of the same size.

use std::path::Path;
use std::process::Command;

use super::measure::Point;
use super::measure::Reading;
use super::measure::compare;
use super::process;
use super::server::Told;
use super::support::server::TestServer;

/// Seconds that each side works at a point.
const SECONDS: u32 = 3;

/// A statement or a few, in both languages.
struct Work {
    name: &'static str,
    /// The actions of the schema, and the weight of each.
    mix: &'static [(&'static str, u32)],
    /// pgbench's script for each.
    scripts: &'static [&'static str],
}

const CREATED: &str = "\\set n :n + 1\n\\set id 1000000000000 + :client_id * 1000000000 + :n\n\\set price random(100, 99999)\n";

/// As `insert.sql`: the values are what loadgen draws, the key counts up.
const INSERT: &str = "INSERT INTO TABLE (id, product, price, created_at) VALUES (:id, :product, :price / 100.0, :created);\n";

const UPDATE: &str = "\\set price random(100, 99999)\n\\set id random(1, 400000)\nUPDATE orders SET price = :price / 100.0 WHERE id = :id;\n";

const DELETE: &str = "\\set n :n + 1\n\\set id 1 + permute(:n * :clients + :client_id, 400000)\nDELETE FROM orders WHERE id = :id;\n";

const WORKS: [Work; 6] = [
    Work { name: "insert", mix: &[("insert", 1)], scripts: &[INSERT] },
    Work { name: "update", mix: &[("update", 1)], scripts: &[UPDATE] },
    Work { name: "delete", mix: &[("delete", 1)], scripts: &[DELETE] },
    // Some of pgbench's updates find their row deleted, and do nothing; ours never do.
    Work {
        name: "mixed 4:4:2",
        mix: &[("insert", 4), ("update", 4), ("delete", 2)],
        scripts: &[INSERT, UPDATE, DELETE],
    },
    Work {
        name: "four statements, plain",
        mix: &[("transaction", 1)],
        scripts: &[
            "\\set account random(1, 100000)\nBEGIN;\nINSERT\nITEM1ITEM2UPDATE accounts SET balance = balance + :price / 100.0 WHERE id = :account;\nCOMMIT;\n",
        ],
    },
    Work {
        name: "four statements, pipelined",
        mix: &[("transaction", 1)],
        scripts: &[
            "\\set account random(1, 100000)\n\\startpipeline\nBEGIN;\nINSERT\nITEM1ITEM2UPDATE accounts SET balance = balance + :price / 100.0 WHERE id = :account;\nCOMMIT;\n\\endpipeline\n",
        ],
    },
];

/// All statements at 1 client (both sides on one processor), 8 and 32.
pub(crate) fn all(rounds: usize) {
    let server = super::server::start();
    let folder = tempfile::tempdir().unwrap();
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let mut points = Vec::new();
    for work in &WORKS {
        for clients in [1, 8, 32] {
            let name = format!(
                "{}, {clients} {}",
                work.name,
                if clients == 1 { "client, pinned" } else { "clients" }
            );
            if name.contains(&only) {
                points.push(((work, clients), Point::new(name)));
            }
        }
    }
    let at = |clients: u32| Place { server: &server, folder: folder.path(), clients };
    compare(
        ("pgbench", "actions"),
        rounds,
        points,
        |(work, clients)| at(*clients).pgbench(work),
        |(work, clients)| at(*clients).loadgen(work),
    );
}

/// Where a point is measured.
struct Place<'a> {
    server: &'a TestServer,
    folder: &'a Path,
    clients: u32,
}

impl Place<'_> {
    /// A program, on one processor if there is one client: else half of the figure is the cost of waking
    /// another processor, and by chance.
    fn command(&self, program: &str) -> Command {
        if self.clients > 1 {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["-c", "0", program]);
        command
    }

    /// The server's processes that are forked from now on keep to the same processors.
    fn pin(&self) {
        let processors = if self.clients > 1 { "0-1023" } else { "0" };
        let file =
            std::fs::read_to_string(self.server.folder().join("data/postmaster.pid")).unwrap();
        let pid = file.lines().next().unwrap();
        process::run(Command::new("taskset").args(["-pc", processors, pid]));
    }

    fn scenario(&self, work: &Work) -> std::path::PathBuf {
        let schema = include_str!("../scenarios/statements.schema.yaml");
        std::fs::write(self.folder.join("statements.schema.yaml"), schema).unwrap();
        let mix: Vec<String> = (work.mix.iter())
            .map(|(action, weight)| format!("statements.{action}: {weight}"))
            .collect();
        let text = include_str!("../scenarios/statements.yaml")
            .replace("{clients}", &self.clients.to_string())
            .replace("{mix}", &mix.join(", "))
            .replace("{seconds}", &SECONDS.to_string());
        let path = self.folder.join("statements.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn loadgen(&self, work: &Work) -> Reading {
        self.pin();
        let scenario = self.scenario(work);
        let out = self.folder.join("run");
        let _ = std::fs::remove_dir_all(&out);
        let mut command = self.command(env!("CARGO_BIN_EXE_loadgen"));
        command.env("LOADGEN_POSTGRES", self.server.url());
        command.args(["run", "--fresh", "--workers", if self.clients > 1 { "2" } else { "1" }]);
        command.arg("--out").arg(&out).arg(&scenario);
        let (summary, cpu) = process::run_loadgen(&mut command, &out);
        let stream = &summary["streams"][0];
        let count = stream["acknowledged"].as_f64().unwrap();
        Reading { rate: stream["achieved_rate"].as_f64().unwrap(), cpu_us: cpu * 1e6 / count }
    }

    fn pgbench(&self, work: &Work) -> Reading {
        self.pin();
        let mut seed = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        seed.env("LOADGEN_POSTGRES", self.server.url()).args(["seed", "--fresh", "--out"]);
        process::run(seed.arg(self.folder.join("seed")).arg(self.scenario(work)));
        let pgbench = super::support::machine::binaries().program("pgbench");
        let mut command = self.command(pgbench.to_str().unwrap());
        let (clients, port) = (self.clients.to_string(), self.server.port().to_string());
        let jobs = if self.clients > 1 { "2" } else { "1" };
        command.args(["-n", "-M", "prepared", "-h", "127.0.0.1", "-U", "postgres", "-p", &port]);
        command.args(["-c", &clients, "-j", jobs, "-T", &SECONDS.to_string(), "-D", "n=0"]);
        command.args(["-D", &format!("clients={clients}"), "-D", "product=Ergonomic Steel Chair"]);
        command.args(["-D", "created=2026-01-01 00:00:00+00"]);
        for ((action, weight), script) in work.mix.iter().zip(work.scripts) {
            let path = self.folder.join(format!("{action}.sql"));
            std::fs::write(&path, whole(action, script)).unwrap();
            command.arg("-f").arg(format!("{}@{weight}", path.display()));
        }
        let (said, cpu) = process::run(command.arg("statements"));
        let told = Told(&said);
        let count = told.number("transactions actually processed:");
        Reading { rate: told.number("tps ="), cpu_us: cpu * 1e6 / count }
    }
}

/// A script with its abbreviations written out.
fn whole(action: &str, script: &str) -> String {
    let item = |line: u32| {
        format!("INSERT INTO items (order_id, line, quantity) VALUES (:id, {line}, 3);\n")
    };
    let table = if action == "transaction" { "wide" } else { "orders" };
    let body = script.replace("INSERT\n", INSERT).replace("TABLE", table);
    let created = if script.contains("INSERT") { CREATED } else { "" };
    format!("{created}{}", body.replace("ITEM1", &item(1)).replace("ITEM2", &item(2)))
}
