//! What is said about the words of both files is so: the JSON Schemas that are committed, the
//! reference page, its examples, and the files that are shipped.

mod examples;
mod page;
mod validator;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

use validator::Word;
use validator::validate;

/// Words that no shipped file uses yet: `Definition.word`.
const NOT_YET_SHIPPED: &[&str] = &[];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schemas() -> [Value; 2] {
    [loadgen::scenario::json_schema(), loadgen::schema::json_schema()]
}

/// Compares a committed file with what it must be, or writes it where `LOADGEN_UPDATE` is set.
fn compare(path: &str, wanted: &str) {
    let full = root().join(path);
    if std::env::var_os("LOADGEN_UPDATE").is_some() {
        fs::write(&full, wanted).unwrap();
    }
    let found = fs::read_to_string(&full).unwrap_or_default();
    assert!(found == wanted, "{path} is not what the types say; `just words` writes it anew");
}

#[test]
fn the_json_schemas_are_those_of_the_types() {
    for schema in schemas() {
        let kind = page::name_of(&schema).to_lowercase();
        let output = assert_cmd::Command::cargo_bin("loadgen").unwrap();
        let output = { output }.args(["json-schema", &kind]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(printed, format!("{schema:#}\n"));
        compare(&format!("docs/{kind}.schema.json"), &printed);
    }
}

#[test]
fn the_page_has_every_word() {
    let page = fs::read_to_string(root().join("docs/scenario.md")).unwrap();
    let schemas = schemas();
    let wanted = page::rendered(&page, &schemas).unwrap_or_else(|mistake| panic!("{mistake}"));
    compare("docs/scenario.md", &wanted);
    for schema in &schemas {
        for (definition, word) in page::words(schema) {
            assert!(wanted.contains(&format!("`{word}`")), "no word of {definition}.{word}");
        }
    }
}

/// The YAML files that come with loadgen: path and text.
fn shipped() -> Vec<(PathBuf, String)> {
    let folders =
        ["scenarios", "schemas", "examples", "tests/scenarios", "tests/scenarios/schemas"];
    let mut files = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    files.sort();
    assert!(files.len() > 20);
    files
}

/// The JSON Schema of a file, by its first key, and the name of the file that holds it.
fn schema_of(text: &str) -> (&'static str, Value) {
    let first = text.lines().find(|line| !line.starts_with('#')).unwrap();
    if first.starts_with("schema:") {
        ("schema.schema.json", loadgen::schema::json_schema())
    } else {
        ("scenario.schema.json", loadgen::scenario::json_schema())
    }
}

#[test]
fn every_shipped_file_is_valid_and_tells_editors_how() {
    for (path, text) in shipped() {
        let (file, schema) = schema_of(&text);
        validate(&schema, &text).unwrap_or_else(|mistake| panic!("{}: {mistake}", path.display()));
        let first = text.lines().next().unwrap();
        let named = first.strip_prefix("# yaml-language-server: $schema=");
        let named = named.unwrap_or_else(|| {
            let wanted = format!("# yaml-language-server: $schema=…/docs/{file}");
            panic!("{} does not begin with `{wanted}`", path.display())
        });
        let target = path.parent().unwrap().join(named).canonicalize().unwrap();
        assert_eq!(target, root().join("docs").join(file).canonicalize().unwrap());
    }
}

#[test]
fn what_is_broken_is_not_valid() {
    for file in [
        "unknown_key.yaml",
        "late_policy.yaml",
        "target_kind_unknown.yaml",
        "wrong_type.yaml",
        "missing_key.yaml",
        "arrival.yaml",
    ] {
        let text = fs::read_to_string(root().join("tests/mistakes").join(file)).unwrap();
        let (_, schema) = schema_of(&text);
        assert!(validate(&schema, &text).is_err(), "{file}");
    }
    let scenario = loadgen::scenario::json_schema();
    let text = |late: &str| {
        format!(
            "scenario: s\ndomains: {{ orders: {{ on: t }} }}\nload:\n  streams:\n    s:\n      \
             mix: {{ orders.pay: 1 }}\n      profile: [ {{ hold: 1/s, for: 1s }} ]\n      late: {late}\n"
        )
    };
    for good in ["catch_up", "{ catch_up: { factor: 2 } }", "\"${LATE}\"", "{ catch_up: }"] {
        validate(&scenario, &text(good)).unwrap_or_else(|mistake| panic!("{good}: {mistake}"));
    }
    for bad in ["catch", "{ catch_up: { factr: 2 } }", "{ catch_up: { factor: two } }", "7", "[]"] {
        assert!(validate(&scenario, &text(bad)).is_err(), "{bad}");
    }
}

/// A word without an example to copy from is a word that nobody finds.
#[test]
fn every_word_is_shipped() {
    let mut used: BTreeSet<Word> = BTreeSet::new();
    for (path, text) in shipped() {
        if !path.starts_with(root().join("tests")) {
            used.extend(validate(&schema_of(&text).1, &text).unwrap());
        }
    }
    let known: BTreeSet<Word> = schemas().iter().flat_map(page::words).collect();
    let missing = known.difference(&used);
    let missing: Vec<_> =
        missing.map(|(definition, word)| format!("{definition}.{word}")).collect();
    assert_eq!(missing, NOT_YET_SHIPPED, "words that no file in scenarios, schemas, examples uses");
}

#[test]
fn every_example_of_the_page_checks() {
    let page = fs::read_to_string(root().join("docs/scenario.md")).unwrap();
    examples::check(&page);
}
