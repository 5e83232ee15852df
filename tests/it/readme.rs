//! What the README says is so: its commands run, its files are those that are shipped, its defaults
//! are those of the program.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use loadgen::scenario::Overrides;
use loadgen::scenario::Scenario;
use loadgen::scenario::TargetKind;
use loadgen::scenario::builtin;

use super::support::server::TestServer;

/// Instead of a minute's profile, many rows, and thresholds that hold on an idle machine only.
const QUICKSTART: &[&str] = &[
    "--set=load.warmup=0s",
    "--set=load.streams.shop.profile=[{ hold: 50/s, for: 1s }]",
    "--set=domains.orders.rows={ products: 20, customers: 200, orders: 500 }",
    "--set=thresholds=[]",
    "--set=validity=off",
];
const LIBRARY: &[&str] = &[
    "--set=load.warmup=0s",
    "--set=load.streams.visitors.limit={ ops: 50 }",
    "--set=domains.library.rows={ members: 200, loans: 500 }",
    "--set=thresholds=[]",
    "--set=validity=off",
];

/// What a test makes of a command of the README.
#[derive(Clone, Copy)]
enum Rule {
    /// Runs it, shortened by further arguments.
    Run(&'static [&'static str]),
    /// It names the server: the following ones use the tests' own.
    Server,
    /// Nothing: it is what runs the test.
    Ourselves,
    /// Compares the file and its variables; `provisioning::scripts` runs it.
    Psql,
}

/// Every command of the README. One that is not here fails the test.
const RULES: [(&str, Rule); 17] = [
    ("cargo run --release -- run scenarios/quickstart.yaml", Rule::Run(QUICKSTART)),
    ("cargo test", Rule::Ourselves),
    ("loadgen check examples/library-day.yaml", Rule::Run(&[])),
    ("loadgen plan examples/library-day.yaml", Rule::Run(&[])),
    ("loadgen sample examples/library-day.yaml -n 5", Rule::Run(&[])),
    ("loadgen sample examples/library-day.yaml --table loans -n 3 --format csv", Rule::Run(&[])),
    ("loadgen run examples/library-day.yaml", Rule::Run(LIBRARY)),
    ("loadgen run examples/library-day.yaml --for 10s --seed 6", Rule::Run(LIBRARY)),
    (
        "loadgen run examples/library-day.yaml --set load.streams.visitors.profile='[{ unlimited: 5s }]'",
        Rule::Run(LIBRARY),
    ),
    ("loadgen run examples/library-day.yaml --discard", Rule::Run(LIBRARY)),
    ("export LOADGEN_POSTGRES=postgres://postgres@127.0.0.1:5432/postgres", Rule::Server),
    ("loadgen setup scenarios/quickstart.yaml", Rule::Run(QUICKSTART)),
    ("loadgen seed scenarios/quickstart.yaml", Rule::Run(QUICKSTART)),
    ("loadgen run scenarios/quickstart.yaml", Rule::Run(QUICKSTART)),
    ("loadgen run scenarios/quickstart.yaml --fresh", Rule::Run(QUICKSTART)),
    ("loadgen clean scenarios/quickstart.yaml", Rule::Run(QUICKSTART)),
    (
        "psql -d postgres -v role=orders_owners_group \
         -v mark='loadgen/1 scenario=quickstart domain=orders' -f sql/owner.sql",
        Rule::Psql,
    ),
];

#[test]
fn every_command_runs() {
    let text = readme();
    let blocks = blocks(&text, "sh");
    let mut seen = Vec::new();
    for block in &blocks {
        let mut server = None;
        for line in block.lines() {
            let rule = RULES.iter().position(|(command, _)| *command == line);
            let rule = rule.unwrap_or_else(|| panic!("no rule says how to test `{line}`"));
            seen.push(rule);
            match RULES[rule].1 {
                Rule::Run(shorter) => run(line, shorter, server.as_ref()),
                Rule::Server => server = Some(TestServer::start()),
                Rule::Psql => compare_variables(line),
                Rule::Ourselves => {}
            }
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..RULES.len()).collect::<Vec<_>>(), "each rule is for one command");
}

/// Twice, as a job does where a server is named, which has what the first run left.
#[test]
fn the_job_that_it_shows_runs_on_one_server() {
    let shorter = [
        "--set=load.streams.shop.profile=[ { hold: 50/s, for: 2s } ]",
        "--set=thresholds=[]",
        "--set=validity=off",
    ];
    let text = readme();
    let lines = blocks(&text, "yml").concat();
    let runs = lines.lines().filter_map(|line| line.trim().strip_prefix("- run: "));
    let runs: Vec<_> = runs.map(|line| line.split(" #").next().unwrap().trim()).collect();
    assert_eq!(runs.len(), 2, "{runs:?}");
    let server = TestServer::start();
    for (line, out) in runs.iter().zip([" --out run", " --out limits"]) {
        assert!(line.contains(out), "{line}");
        run(&line.replace(out, ""), &shorter, Some(&server));
    }
}

/// Runs a command with further arguments, in the repository's folder; all it leaves is temporary.
fn run(line: &str, shorter: &[&str], server: Option<&TestServer>) {
    let words = words(line);
    let ours = words.iter().position(|word| word == "loadgen" || word == "--").unwrap() + 1;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("loadgen").unwrap();
    command.current_dir(root()).args(&words[ours..]).args(shorter).env_remove("LOADGEN_POSTGRES");
    if ["run", "seed", "setup"].contains(&words[ours].as_str()) {
        command.arg("--out").arg(folder.path().join("run"));
    }
    if let Some(server) = server {
        command.env("LOADGEN_POSTGRES", server.url());
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "`{line}`: {errors}");
    assert!(!output.stdout.is_empty(), "`{line}` said nothing");
}

/// A `psql` command gives its file exactly the variables that the file wants.
fn compare_variables(line: &str) {
    let words = words(line);
    let behind = |option: &str| {
        let pairs = words.windows(2).filter(|pair| pair[0] == option);
        pairs.map(|pair| pair[1].clone()).collect::<Vec<_>>()
    };
    let sql = fs::read_to_string(root().join(&behind("-f")[0])).unwrap();
    let mut given: Vec<_> =
        behind("-v").iter().map(|pair| pair.split('=').next().unwrap().to_owned()).collect();
    let statements = sql.lines().filter(|line| !line.starts_with("--")).collect::<String>();
    let wanted = statements.split(":\"").skip(1).chain(statements.split(":'").skip(1));
    let mut wanted: Vec<_> =
        wanted.map(|text| text.split(['"', '\'']).next().unwrap().to_owned()).collect();
    given.sort();
    wanted.sort();
    wanted.dedup();
    assert_eq!(given, wanted, "`{line}`");
}

#[test]
fn the_files_that_it_shows_are_those_that_are_shipped() {
    let text = readme();
    let shown = blocks(&text, "yaml");
    let names = ["library.yaml", "library-day.yaml"];
    assert_eq!(shown.len(), names.len());
    for (shown, name) in shown.iter().zip(names) {
        let shipped = fs::read_to_string(root().join("examples").join(name)).unwrap();
        assert_eq!(*shown, shipped.trim_end(), "examples/{name}");
        assert!(text.contains(&format!("`examples/{name}`")));
    }
    for (name, _) in builtin::SCENARIOS {
        assert!(text.contains(&format!("| `scenarios/{name}.yaml` |")), "{name} is not listed");
    }
}

#[test]
fn every_example_checks() {
    let mut files: Vec<_> = fs::read_dir(root().join("examples")).unwrap().flatten().collect();
    files.sort_by_key(fs::DirEntry::path);
    files.retain(|file| file.path().extension().is_some_and(|extension| extension == "yaml"));
    assert!(files.len() >= 4, "found {} examples only", files.len());
    let mut command = Command::cargo_bin("loadgen").unwrap();
    command.arg("check").args(files.iter().map(fs::DirEntry::path));
    command.env_remove("LOADGEN_POSTGRES").assert().success();
}

/// What the table of defaults says is what the program takes where a file says nothing.
#[test]
fn the_defaults_are_the_programs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bare.yaml");
    let bare = "scenario: bare\ntargets: { t: { postgres: { url: embedded } } }\n\
                domains: { orders: { on: t, rows: { products: 64, customers: 64 } } }\n\
                load: { streams: { s: { mix: { orders.new_customer: 1 }, profile: [ { hold: 1/s, for: 1s } ] } } }\n";
    fs::write(&file, bare).unwrap();
    let bare = Scenario::read(file.to_str().unwrap(), &Overrides::default());
    let bare = bare.unwrap_or_else(|problems| panic!("{}", problems.draw(false)));
    let TargetKind::Postgres(target) = &bare.targets[0].kind else { panic!("no server") };
    let (domain, late) = (&bare.domains[0], bare.load.streams[0].late);
    let named = |role: &str| role.replace("orders", "{domain}");
    let seconds = |duration: std::time::Duration| format!("{}s", duration.as_secs());
    let wanted = [
        ("seed", bare.seed.to_string()),
        ("start", format!("{:?}", bare.start).to_lowercase()),
        ("lanes", bare.lanes.to_string()),
        ("allow_remote", bare.allow_remote.to_string()),
        ("targets.*.postgres.connections", target.connections.to_string()),
        ("targets.*.postgres.in_flight", target.in_flight.to_string()),
        ("targets.*.postgres.provision", format!("{:?}", target.provision).to_lowercase()),
        ("targets.*.postgres.reconnect", seconds(target.reconnect)),
        ("domains.*.rows.*", domain.rows[2].to_string()),
        ("domains.*.namespace", domain.namespace.clone()),
        ("domains.*.roles.owner", format!("`{}`", named(&domain.roles.owner))),
        ("domains.*.roles.application", format!("`{}`", named(&domain.roles.application))),
        ("domains.*.roles.capture", format!("`{}`", named(&domain.roles.capture))),
        ("load.warmup", seconds(bare.load.warmup)),
        ("load.drain", seconds(bare.load.drain)),
        ("load.streams.*.late.catch_up.factor", late.factor.to_string()),
        ("load.streams.*.late.catch_up.max_lag", seconds(late.max_lag)),
        ("cdc.publication", bare.cdc.publication.clone()),
    ];
    let text = readme();
    for (key, value) in wanted {
        let row = format!("| `{key}` | {value} |");
        assert!(text.contains(&row), "the table of defaults has no row `{row}`");
    }
    assert!(bare.cdc.signal_table && bare.cdc.heartbeat_table);
}

/// Every command of the program stands in the table of commands, and every option of `run` is told.
#[test]
fn every_command_and_option_is_told() {
    let help = |arguments: &[&str]| {
        let output = Command::cargo_bin("loadgen").unwrap().args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = readme();
    let all = help(&["--help"]);
    let commands = all.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = commands.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<_> = names.filter(|name| !["", "help"].contains(name)).collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        assert!(text.contains(&format!("| `{name} ")), "the table has no command `{name}`");
    }
    let run = help(&["run", "--help"]);
    let options = run.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help");
    let options: Vec<_> = options.collect();
    assert!(options.len() >= 8, "{options:?}");
    for option in options {
        // Its value may be left out: `--continue[=<DIR>]`.
        let option = option.split('[').next().unwrap();
        let is_told =
            text.contains(&format!("`{option}`")) || text.contains(&format!("`{option} "));
        assert!(is_told, "nothing is said of `{option}`");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

/// The blocks of code in a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("\n```{language}\n");
    let behind = text.split(opening.as_str()).skip(1);
    behind.map(|block| block.split("\n```").next().unwrap()).collect()
}

/// A command's words as a shell would see them; single quotes are all the quoting there is.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words
}
