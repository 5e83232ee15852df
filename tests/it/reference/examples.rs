//! The examples of `docs/scenario.md`: each is put into a file around it and checked. What stands
//! behind ```` ```yaml ```` says which: `scenario`, `schema`, or the part of one that it shows.

use std::fs;

use assert_cmd::Command;

/// A scenario; the example stands for the keys that it names.
const SCENARIO: [(&str, &str); 4] = [
    ("scenario", "scenario: example\n"),
    ("targets", "targets: { main: { postgres: { url: embedded } } }\n"),
    ("domains", "domains: { example: { on: main, rows: { people: 10k, things: 10k } } }\n"),
    (
        "load",
        "load: { streams: { s: { mix: { example.make: 1 }, profile: [ { hold: 1/s, for: 1s } ] } } }\n",
    ),
];

const STREAM: [(&str, &str); 2] = [
    ("mix", "      mix: { example.make: 1 }\n"),
    ("profile", "      profile: [ { hold: 10/s, for: 10s } ]\n"),
];

const PEOPLE: &str = "  people:
    rows: 100k
    columns:
      id: { type: bigint, key: true, fill: sequence }
      name: { type: varchar(80), fill: { name: full } }
      joined: { type: timestamptz, fill: event_time }
";
const THINGS: &str = "  things:
    columns:
      id: { type: uuid, key: true, fill: uuid }
      owner: { type: bigint, fill: { reference: people.id } }
      price: { type: numeric(8,2), fill: { uniform: [1, 9] } }
      count: { type: integer, fill: 1 }
      state: { type: varchar(8), fill: { state: { initial: new, others: [used, broken] } } }
      colour: { type: varchar(8), fill: { weighted: { red: 2, blue: 1 } } }
      grade: { type: varchar(1), fill: { constant: a } }
      log: { type: varchar(200), fill: \"\" }
      is_lent: { type: boolean, fill: false }
      seen: { type: timestamptz, fill: event_time }
";
const ACTIONS: &str = "actions:
  arrive: [ { insert: people } ]
  make: [ { insert: things } ]
  scrap: [ { delete: things } ]
  paint: [ { update: things, set: { colour: { constant: red } } } ]
";

/// Checks every example of a page.
pub(super) fn check(page: &str) {
    let mut count = 0;
    let mut rest = page;
    while let Some(at) = rest.find("```yaml") {
        let block = &rest[at + "```yaml".len()..];
        let (part, text) = block.split_once('\n').unwrap();
        let end = text.find("```").expect("a block ends");
        one(part.trim(), &text[..end]);
        rest = &text[end + 3..];
        count += 1;
    }
    assert!(count > 10, "found {count} examples only");
}

fn one(part: &str, text: &str) {
    let (scenario, schema) = around(part, text);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("schemas")).unwrap();
    fs::write(folder.path().join("schemas/example.yaml"), &schema).unwrap();
    fs::write(folder.path().join("trace.csv"), "seconds,rate\n0,10\n60,20\n").unwrap();
    fs::write(folder.path().join("words.txt"), "alpha\nbeta\ngamma\n").unwrap();
    fs::copy(folder.path().join("words.txt"), folder.path().join("schemas/words.txt")).unwrap();
    fs::write(folder.path().join("example.yaml"), &scenario).unwrap();
    let file = if scenario.is_empty() { "schemas/example.yaml" } else { "example.yaml" };
    let mut command = Command::cargo_bin("loadgen").unwrap();
    let output = command.current_dir(folder.path()).args(["check", file]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "this example has mistakes:\n{text}\n{errors}");
}

/// The scenario and the schema around an example.
fn around(part: &str, text: &str) -> (String, String) {
    let indented = |by: usize| {
        let lines = text.lines().map(|line| format!("{}{line}\n", " ".repeat(by)));
        lines.collect::<String>()
    };
    let schema =
        |tables: &str, actions: &str| format!("schema: example\ntables:\n{tables}{actions}");
    let usual = schema(&format!("{PEOPLE}{THINGS}"), ACTIONS);
    let with_rest = |parts: &[(&str, &str)], text: &str, indent: &str| {
        let names =
            |key: &str| text.lines().any(|line| line.starts_with(&format!("{indent}{key}:")));
        let rest = parts.iter().filter(|(key, _)| !names(key)).map(|(_, text)| *text);
        rest.collect::<String>() + text
    };
    match part {
        "schema" => (String::new(), text.to_owned()),
        "scenario" => (with_rest(&SCENARIO, text, ""), usual),
        "stream" => {
            let stream = with_rest(&STREAM, &indented(6), "      ");
            (with_rest(&SCENARIO, &format!("load:\n  streams:\n    s:\n{stream}"), ""), usual)
        }
        "tables" => (String::new(), schema(&(PEOPLE.to_owned() + &indented(2)), "")),
        "columns" => {
            let table = "  examples:\n    columns:\n      id: { type: bigint, key: true, fill: sequence }\n";
            let tables = format!("{PEOPLE}{THINGS}{table}{}", indented(6));
            (String::new(), schema(&tables, ACTIONS))
        }
        "actions" => {
            let actions = format!("actions:\n{}", indented(2));
            (String::new(), schema(&format!("{PEOPLE}{THINGS}"), &actions))
        }
        other => panic!(
            "`{other}` is no part of a file: scenario, stream, schema, tables, columns, actions"
        ),
    }
}
