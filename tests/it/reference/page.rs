//! The tables of `docs/scenario.md`: a definition of the JSON Schema is a table between two marks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::validator::Word;

const BEGINS: &str = "<!-- words: ";
const ENDS: &str = "<!-- end -->";

/// Every word of a JSON Schema, with its definition: keys, and what they may be.
pub(super) fn words(root: &Value) -> BTreeSet<Word> {
    let mut words = BTreeSet::new();
    for (name, definition) in definitions(root) {
        collect(definition, &name, &mut words);
    }
    words
}

/// The definitions, the outermost one first.
pub(super) fn definitions(root: &Value) -> Vec<(String, &Value)> {
    let inner = root["definitions"].as_object().unwrap();
    let inner = inner.iter().map(|(name, definition)| (name.clone(), definition));
    std::iter::once((name_of(root), root)).chain(inner).collect()
}

/// What a file is called: `Scenario`, `Schema`.
pub(super) fn name_of(root: &Value) -> String {
    root["title"].as_str().unwrap().replace("loadgen s", "S")
}

fn collect(schema: &Value, name: &str, words: &mut BTreeSet<Word>) {
    let mut add = |word: &str| words.insert((name.to_owned(), word.to_owned()));
    match schema {
        Value::Object(map) => {
            if let Some(word) = map.get("const").and_then(Value::as_str) {
                add(word);
            }
            for word in map.get("enum").and_then(Value::as_array).into_iter().flatten() {
                add(word.as_str().unwrap());
            }
            for key in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
                words.insert((name.to_owned(), key.0.clone()));
            }
            for (key, inner) in map {
                match key.as_str() {
                    "definitions" | "default" => {}
                    // Keys, of which one may be called `properties` itself.
                    "properties" => inner
                        .as_object()
                        .into_iter()
                        .flat_map(|keys| keys.values())
                        .for_each(|rule| collect(rule, name, words)),
                    _ => collect(inner, name, words),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, words)),
        _ => {}
    }
}

/// The page with its tables as the schemas say. The error names a table that is missing.
pub(super) fn rendered(page: &str, schemas: &[Value]) -> Result<String, String> {
    let mut page = page.to_owned();
    for root in schemas {
        for (name, definition) in definitions(root) {
            let mark = format!("{BEGINS}{name} -->\n");
            let start = page.find(&mark).ok_or_else(|| {
                format!(
                    "docs/scenario.md has no table for `{name}`: write `{}` and, behind it, `{ENDS}` \
                     where it belongs, and call `just words`",
                    mark.trim_end()
                )
            })?;
            let start = start + mark.len();
            let end = page[start..].find(ENDS).expect("a table ends") + start;
            page.replace_range(start..end, &table(&name, definition));
        }
    }
    Ok(page)
}

/// A table of keys, or of words.
fn table(name: &str, definition: &Value) -> String {
    let mut lines = vec![format!("<a id=\"word-{}\"></a>\n\n", name.to_lowercase())];
    lines.push("| word | written | meaning |\n| --- | --- | --- |\n".to_owned());
    if let Some(properties) = definition["properties"].as_object() {
        let required = definition["required"].as_array();
        for (key, rule) in properties {
            let is_required = required.is_some_and(|all| all.contains(&key.as_str().into()));
            let needed = if is_required { ", needed" } else { "" };
            lines.push(row(key, &format!("{}{needed}", kind(rule)), rule));
        }
    }
    let choices = definition["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    for choice in choices {
        if let Some(properties) = choice["properties"].as_object() {
            for (key, rule) in properties {
                let is_bare = choices.iter().any(|other| other["const"] == key.as_str());
                let bare = if is_bare { ", or by itself" } else { "" };
                lines.push(row(key, &format!("{}{bare}", kind(rule)), choice));
            }
        } else if let Some(word) = choice["const"].as_str() {
            let is_shown = |other: &Value| !other["properties"][word].is_null();
            if !choices.iter().any(is_shown) {
                lines.push(row(word, "by itself", choice));
            }
        }
    }
    if lines.len() == 2 {
        return lines[0].clone() + "It has no settings.\n";
    }
    lines.concat()
}

fn row(word: &str, written: &str, rule: &Value) -> String {
    let meaning = rule["description"].as_str().unwrap_or_default();
    assert!(!meaning.is_empty(), "the field or variant `{word}` has no comment (`///`) in file.rs");
    format!("| `{word}` | {written} | {} |\n", meaning.replace('|', "\\|").replace('\n', " "))
}

/// How a value is written, in words.
fn kind(rule: &Value) -> String {
    if let Some(path) = rule["$ref"].as_str() {
        let name = path.rsplit('/').next().unwrap();
        return format!("[{}](#word-{})", name.to_lowercase(), name.to_lowercase());
    }
    let choices = ["allOf", "anyOf"].iter().find_map(|keyword| rule[keyword].as_array());
    if let Some(choices) = choices {
        let mut kinds: Vec<String> = choices.iter().map(kind).collect();
        kinds.retain(|kind| !kind.is_empty());
        return kinds.join(" or ");
    }
    let mut types: Vec<&str> = match &rule["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    types.retain(|kind| *kind != "null");
    match types.first().copied() {
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("string") if rule.get("pattern").is_none() => "text".to_owned(),
        Some("array") => match &rule["items"] {
            Value::Array(items) => {
                format!("[{}]", items.iter().map(kind).collect::<Vec<_>>().join(", "))
            }
            item => format!("list of {}", kind(item)),
        },
        Some("object") => format!("map of {}", kind(&rule["additionalProperties"])),
        _ => String::new(),
    }
}
