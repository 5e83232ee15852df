//! Validates a YAML file against the JSON Schema that loadgen prints, and notes which words it uses.
//! Knows the keywords that loadgen's schemas have, and refuses to guess about others.

use std::collections::BTreeSet;

use loadgen::diagnostic::Problems;
use loadgen::yaml;
use loadgen::yaml::Kind;
use loadgen::yaml::Node;
use serde_json::Map;
use serde_json::Value;

use super::page::name_of;

/// A word: the definition it belongs to, and itself. `("Segment", "hold")`
pub(super) type Word = (String, String);

/// Keywords that say nothing about what is valid.
const SILENT: [&str; 5] = ["title", "description", "default", "definitions", "$schema"];

/// The words that a text uses, or why it is not valid.
pub(super) fn validate(root: &Value, text: &str) -> Result<BTreeSet<Word>, String> {
    let mut problems = Problems::default();
    let file = problems.add_file("file", text);
    let node = yaml::read(&problems, file, 0).map_err(|problem| problem.message)?;
    let mut validator = Validator { root, words: BTreeSet::new() };
    validator.any(root, &value_of(&node), &name_of(root))?;
    Ok(validator.words)
}

/// What an editor makes of the file.
fn value_of(node: &Node) -> Value {
    match &node.value {
        yaml::Value::List(items) => items.iter().map(value_of).collect(),
        yaml::Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| match &key.value {
                yaml::Value::Scalar { text, .. } => (text.clone(), value_of(value)),
                _ => panic!("a key is no scalar"),
            });
            Value::Object(entries.collect())
        }
        yaml::Value::Scalar { kind: Kind::Null, .. } => Value::Null,
        yaml::Value::Scalar { kind: Kind::Bool, text } => (text == "true").into(),
        yaml::Value::Scalar { kind: Kind::Number, text } => {
            text.parse().map_or_else(|_| text.parse::<f64>().unwrap().into(), i64::into)
        }
        yaml::Value::Scalar { kind: Kind::Word | Kind::Quoted, text } => text.as_str().into(),
    }
}

struct Validator<'a> {
    root: &'a Value,
    words: BTreeSet<Word>,
}

impl Validator<'_> {
    /// `name`: the definition that the schema is a part of.
    fn any(&mut self, schema: &Value, value: &Value, name: &str) -> Result<(), String> {
        let Some(schema) = schema.as_object() else {
            return if *schema == true { Ok(()) } else { Err("nothing is permitted".to_owned()) };
        };
        for (keyword, rule) in schema {
            match keyword.as_str() {
                "$ref" => {
                    let inner = rule.as_str().unwrap().rsplit('/').next().unwrap();
                    self.any(&self.root["definitions"][inner], value, inner)?;
                }
                "allOf" => {
                    for rule in rule.as_array().unwrap() {
                        self.any(rule, value, name)?;
                    }
                }
                "anyOf" => self.of(rule, value, name, false)?,
                "oneOf" => self.of(rule, value, name, true)?,
                "type" => is_of_type(rule, value)?,
                "const" if rule != value => return Err(format!("{value} is not {rule}")),
                "enum" if !rule.as_array().unwrap().contains(value) => {
                    return Err(format!("{value} is none of {rule}"));
                }
                "const" | "enum" => {
                    self.words.insert((name.to_owned(), value.as_str().unwrap().to_owned()));
                }
                "pattern" => is_variable(rule, value)?,
                "minimum" if value.as_f64() < rule.as_f64() && value.is_number() => {
                    return Err(format!("{value} is below {rule}"));
                }
                "maximum" if value.as_f64() > rule.as_f64() && value.is_number() => {
                    return Err(format!("{value} is above {rule}"));
                }
                "minItems" if (length(value) as u64) < rule.as_u64().unwrap() => {
                    return Err(format!("{value} is too short"));
                }
                "maxItems"
                    if value.is_array() && (length(value) as u64) > rule.as_u64().unwrap() =>
                {
                    return Err(format!("{value} is too long"));
                }
                "items" => self.items(rule, value, name)?,
                "required" => has_all(rule, value)?,
                "properties" => self.properties(schema, value, name)?,
                "additionalProperties" if !schema.contains_key("properties") => {
                    self.properties(schema, value, name)?;
                }
                "minimum" | "maximum" | "minItems" | "maxItems" | "additionalProperties" => {}
                other => assert!(SILENT.contains(&other), "nothing is known of `{other}`"),
            }
        }
        Ok(())
    }

    fn of(&mut self, rules: &Value, value: &Value, name: &str, is_one: bool) -> Result<(), String> {
        let mut mistakes = Vec::new();
        let mut fitting = 0;
        for rule in rules.as_array().unwrap() {
            let before = self.words.clone();
            match self.any(rule, value, name) {
                Ok(()) => fitting += 1,
                Err(mistake) => {
                    self.words = before;
                    mistakes.push(mistake);
                }
            }
        }
        match fitting {
            0 => Err(mistakes.join("; or ")),
            1 => Ok(()),
            _ if is_one => Err(format!("{value} is two things at once")),
            _ => Ok(()),
        }
    }

    fn items(&mut self, rule: &Value, value: &Value, name: &str) -> Result<(), String> {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            let rule = rule.as_array().map_or(rule, |rules| &rules[index.min(rules.len() - 1)]);
            self.any(rule, item, name)?;
        }
        Ok(())
    }

    fn properties(
        &mut self,
        schema: &Map<String, Value>,
        value: &Value,
        name: &str,
    ) -> Result<(), String> {
        for (key, value) in value.as_object().into_iter().flatten() {
            let known = schema.get("properties").and_then(|properties| properties.get(key));
            if known.is_some() {
                self.words.insert((name.to_owned(), key.clone()));
            }
            let rule = known.or(schema.get("additionalProperties")).unwrap_or(&Value::Bool(true));
            self.any(rule, value, name).map_err(|mistake| format!("{key}: {mistake}"))?;
        }
        Ok(())
    }
}

fn is_of_type(rule: &Value, value: &Value) -> Result<(), String> {
    let fits = |kind: &Value| match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("nothing is known of `{other}`"),
    };
    let is_fitting = rule.as_array().map_or_else(|| fits(rule), |all| all.iter().any(fits));
    if is_fitting { Ok(()) } else { Err(format!("{value} is not of type {rule}")) }
}

/// The only pattern is that of variables.
fn is_variable(rule: &Value, value: &Value) -> Result<(), String> {
    assert_eq!(rule, r"\$\{");
    match value.as_str() {
        Some(text) if !text.contains("${") => Err(format!("{value} is no variable")),
        _ => Ok(()),
    }
}

fn length(value: &Value) -> usize {
    value.as_array().map_or(usize::MAX, Vec::len)
}

fn has_all(rule: &Value, value: &Value) -> Result<(), String> {
    let missing = rule.as_array().unwrap().iter().filter_map(Value::as_str);
    let mut missing = missing.filter(|key| value.is_object() && value.get(key).is_none());
    missing.next().map_or(Ok(()), |key| Err(format!("`{key}` is missing")))
}
