//! JSON Schema of the files, from their types: what editors complete and check against. It is never
//! stricter than the program, but laxer where only the program can know.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use schemars::json_schema;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::yaml::types::Entries;
use crate::yaml::types::Kept;
use crate::yaml::types::ListOr;
use crate::yaml::types::OneOrMany;
use crate::yaml::types::Scalar;
use crate::yaml::types::ScalarOr;
use crate::yaml::types::SeveralOr;
use crate::yaml::types::Spanned;

/// What a scalar with a variable looks like; it may stand wherever a word or a number may.
const VARIABLE: &str = r"\$\{";

/// Settings that may also be written as one of some words.
pub trait BareWords {
    /// The words, and what each means.
    fn words() -> Vec<(&'static str, &'static str)>;
}

/// The definition of the words of `T`.
struct Bare<T>(PhantomData<T>);

/// The JSON Schema (draft 7, which editors know) of a file whose outermost type is `T`.
pub fn json_schema_of<T: JsonSchema>(title: &str) -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut root = renamed(generator.into_root_schema_for::<T>().to_value());
    let definitions = root.get("definitions").and_then(Value::as_object).cloned();
    loosen(&mut root, &definitions.unwrap_or_default());
    root["title"] = title.into();
    root
}

/// Types are called `…File` in the source only, and comments are wrapped there only.
fn renamed(value: Value) -> Value {
    let short = |name: String| name.strip_suffix("File").map_or(name.clone(), str::to_owned);
    match value {
        Value::Object(map) => {
            let entries = map.into_iter().map(|(key, value)| {
                let value = match value {
                    Value::String(text) if key == "$ref" => Value::String(short(text)),
                    Value::String(text) if key == "description" => {
                        Value::String(text.replace('\n', " "))
                    }
                    other => renamed(other),
                };
                (short(key), value)
            });
            // The width of a number is the program's affair; a word of ours may be called so, too.
            let is_width = |(key, value): &(String, Value)| key == "format" && value.is_string();
            Value::Object(entries.filter(|entry| !is_width(entry)).collect())
        }
        Value::Array(items) => items.into_iter().map(renamed).collect(),
        other => other,
    }
}

/// Permits what the reader permits: variables, numbers as text, nothing for all defaults, and bare
/// words for settings that may all be left away. As deep as our own types are nested.
fn loosen(schema: &mut Value, definitions: &Map<String, Value>) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| loosen(item, definitions)),
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                // Keys of these are our words, and one of ours may be called as a keyword is.
                if let ("properties" | "definitions", Value::Object(words)) =
                    (key.as_str(), &mut *inner)
                {
                    words.values_mut().for_each(|word| loosen(word, definitions));
                } else if !matches!(
                    key.as_str(),
                    "enum" | "const" | "required" | "default" | "description"
                ) {
                    loosen(inner, definitions);
                }
            }
            loosen_types(map);
            loosen_choices(map, definitions);
        }
        _ => {}
    }
}

fn loosen_types(map: &mut Map<String, Value>) {
    let is_closed = ["enum", "const", "pattern"].iter().any(|key| map.contains_key(*key));
    let is_optional = !map.contains_key("required");
    let is_free_list = map.contains_key("items") && !map.contains_key("minItems");
    let mut types = match map.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => return,
    };
    let mut add = |further: &[&str]| {
        for kind in further {
            if !types.iter().any(|known| known == kind) {
                types.push((*kind).to_owned());
            }
        }
    };
    let has = |types: &Value, kind: &str| {
        types == kind || types.as_array().is_some_and(|all| all.iter().any(|known| known == kind))
    };
    let written = map["type"].clone();
    if has(&written, "string") && !is_closed {
        add(&["number", "boolean"]);
    } else if ["integer", "number", "boolean"].iter().any(|kind| has(&written, kind)) && !is_closed
    {
        add(&["string"]);
        map.insert("pattern".to_owned(), VARIABLE.into());
    } else if has(&written, "object") && is_optional || has(&written, "array") && is_free_list {
        add(&["null"]);
    }
    map.insert("type".to_owned(), if types.len() == 1 { json!(types[0]) } else { json!(types) });
}

/// Choices between words may be a variable, and `{ word: settings }` may be a bare word.
fn loosen_choices(map: &mut Map<String, Value>, definitions: &Map<String, Value>) {
    let variable = json!({ "type": "string", "pattern": VARIABLE });
    if let Some(Value::Array(choices)) = map.get_mut("oneOf") {
        let bare = choices.iter().filter_map(|choice| bare_word(choice, definitions));
        let bare: Vec<Value> = bare.collect();
        choices.extend(bare);
        choices.push(variable);
    } else if let Some(words) = map.remove("enum") {
        map.remove("type");
        map.insert("anyOf".to_owned(), json!([{ "enum": words }, variable]));
    }
}

/// The word of `{ word: settings }` by itself, if all of the settings may be left away.
fn bare_word(choice: &Value, definitions: &Map<String, Value>) -> Option<Value> {
    let properties = choice.get("properties")?.as_object()?;
    let (word, content) = properties.iter().next()?;
    let may_be_nothing = match content.get("$ref").or(content.pointer("/allOf/0/$ref")) {
        Some(path) => {
            let name = path.as_str()?.rsplit('/').next()?;
            let definition = definitions.get(name)?;
            definition.get("type")? == "object" && definition.get("required").is_none()
        }
        None => content.to_string().contains("\"null\""),
    };
    let description = choice.get("description").cloned().unwrap_or_default();
    may_be_nothing.then(|| json!({ "const": word, "description": description }))
}

/// Types that are written as what they hold.
macro_rules! written_as_their_content {
    ($($type:ident)*) => {$(
        impl<T: JsonSchema> JsonSchema for $type<T> {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                T::schema_name()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<T>()
            }
        }
    )*};
}

written_as_their_content!(Spanned Kept);

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMany{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

impl<T: JsonSchema> JsonSchema for SeveralOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("SeveralOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let several = generator.subschema_for::<OneOrMany<Spanned<Scalar>>>();
        let settings = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [several, settings] })
    }
}

impl<T: JsonSchema + BareWords> JsonSchema for ScalarOr<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ScalarOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let scalar = generator.subschema_for::<Scalar>();
        let settings = generator.subschema_for::<T>();
        if T::words().is_empty() {
            return json_schema!({ "anyOf": [scalar, settings] });
        }
        let words = generator.subschema_for::<Bare<T>>();
        json_schema!({ "anyOf": [words, scalar, settings] })
    }
}

impl<L: JsonSchema, T: JsonSchema> JsonSchema for ListOr<L, T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ListOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<L>>();
        let settings = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [list, settings] })
    }
}

impl<T: JsonSchema + BareWords> JsonSchema for Bare<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Bare{}", T::schema_name()).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = T::words().into_iter();
        let words = words
            .map(|(word, meaning)| json!({ "const": word, "description": meaning }))
            .collect::<Value>();
        json_schema!({ "oneOf": words })
    }
}

impl<T: JsonSchema, K> JsonSchema for Entries<T, K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("EntriesOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }
}
