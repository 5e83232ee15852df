//! `loadgen check` of 2,000 lines: a schema of many tables and columns, and a scenario of as many streams.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::measure::spread;

/// Tables, each with eight columns, two actions and a stream.
const TABLES: usize = 118;

/// What an editor or a hook may take for it, in milliseconds.
const LIMIT_MS: f64 = 50.0;

/// Median of so many processes, each from its start to its end.
pub(crate) fn all(rounds: usize) {
    let folder = tempfile::tempdir().unwrap();
    let lines = write(folder.path());
    let took = (0..rounds).map(|_| {
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        let output = command.arg("check").arg(folder.path().join("large.yaml")).output().unwrap();
        let took = began.elapsed().as_secs_f64() * 1e3;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        took
    });
    let (least, median, most) = spread(took);
    println!(
        "| `check` of | median (least–most) | limit |\n\
         |---|---|---|\n\
         | {lines} lines, {TABLES} tables, {TABLES} streams | **{median:.1} ms** ({least:.1}–{most:.1}) | {LIMIT_MS} ms |"
    );
}

/// Writes both files, and gives the number of their lines.
fn write(folder: &Path) -> usize {
    let mut schema = "schema: large\ntables:\n".to_owned();
    let mut actions = "actions:\n".to_owned();
    let mut rows = "    rows:\n".to_owned();
    let mut streams = "load:\n  streams:\n".to_owned();
    for number in 0..TABLES {
        let parent = match number.checked_sub(1) {
            Some(parent) => format!("{{ reference: table_{parent}.id, pick: {{ zipf: 1.1 }} }}"),
            None => "0".to_owned(),
        };
        let _ = write!(
            schema,
            "  table_{number}:
    columns:
      id: {{ type: bigint, key: true, fill: sequence }}
      parent_id: {{ type: bigint, fill: {parent} }}
      name: {{ type: varchar(60), fill: {{ name: full }} }}
      email: {{ type: text, fill: email }}
      price: {{ type: \"numeric(10,2)\", fill: {{ uniform: [1, 500] }} }}
      status: {{ type: text, fill: {{ weighted: {{ new: 60, used: 30, broken: 10 }} }} }}
      note: {{ type: text, nullable: true, fill: {{ words: [3, 12] }} }}
      changed_at: {{ type: timestamptz, fill: event_time }}
"
        );
        let _ = write!(
            actions,
            "  write_{number}: [ {{ insert: table_{number} }} ]
  change_{number}:
    - {{ update: table_{number}, pick: recent, set: {{ price: {{ add: 1 }}, changed_at: event_time }} }}
"
        );
        let _ = writeln!(rows, "      table_{number}: 1k");
        let _ = write!(
            streams,
            "    stream_{number}:
      mix: {{ large.write_{number}: 3, large.change_{number}: 1 }}
      profile: [ {{ hold: 10/s, for: 5s }} ]
"
        );
    }
    let head = "scenario: large\ntargets: { nowhere: { discard: {} } }\ndomains:\n  large:\n    on: nowhere\n";
    let (schema, scenario) = (schema + &actions, format!("{head}{rows}{streams}"));
    std::fs::create_dir(folder.join("schemas")).unwrap();
    std::fs::write(folder.join("schemas/large.yaml"), &schema).unwrap();
    std::fs::write(folder.join("large.yaml"), &scenario).unwrap();
    schema.lines().count() + scenario.lines().count()
}
