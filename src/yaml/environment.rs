//! `${NAME}` and `${NAME:-default}` in scalars.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::yaml::Kind;
use crate::yaml::Node;
use crate::yaml::Value;

/// Nesting that no honest file reaches.
const DEPTH_MAX: u32 = 128;

/// Replaces every `${NAME}` by the variable's value and every `${NAME:-default}` by the value or,
/// where it is unset or empty, by the default; `$${` stands for `${` itself. A scalar with a
/// replacement is looked at anew: `"${SEED:-42}"` is a number.
pub fn interpolate(
    node: &mut Node,
    environment: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) {
    walk(node, environment, problems, 0);
}

fn walk(
    node: &mut Node,
    environment: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
    depth: u32,
) {
    if depth > DEPTH_MAX {
        problems.add(Problem::new("this is nested too deeply").at(node.place));
        return;
    }
    match &mut node.value {
        Value::List(items) => {
            for item in items {
                walk(item, environment, problems, depth + 1);
            }
        }
        Value::Map(entries) => {
            for (key, value) in entries {
                walk(key, environment, problems, depth + 1);
                walk(value, environment, problems, depth + 1);
            }
        }
        Value::Scalar { text, .. } if text.contains("${") => {
            let text = text.clone();
            match replace(node, &text, environment, problems) {
                Ok(value) => node.value = value,
                Err(problem) => {
                    problems.add(problem);
                    problems.silence(node.place);
                }
            }
        }
        Value::Scalar { .. } => {}
    }
}

/// A scalar with its variables replaced.
fn replace(
    node: &Node,
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) -> Result<Value, Problem> {
    let mut result = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let start = at + found;
        if text[..start].ends_with('$') {
            result.push_str(&text[at..start - 1]);
            result.push_str("${");
            at = start + 2;
            continue;
        }
        result.push_str(&text[at..start]);
        let Some(length) = text[start..].find('}') else {
            let place = problems.within(node.place, text, start..text.len());
            return Err(Problem::new("`${` has no `}`").at(place));
        };
        let end = start + length + 1;
        let place = |problems: &Problems| problems.within(node.place, text, start..end);
        let (name, default) = match text[start + 2..end - 1].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&text[start + 2..end - 1], None),
        };
        if !is_name(name) {
            let problem =
                Problem::new(format!("`{name}` is not a variable's name")).at(place(problems));
            return Err(problem.help("write `${NAME}` or `${NAME:-default}`"));
        }
        let value = environment(name).filter(|value| !value.is_empty());
        match (value, default) {
            (Some(value), _) => {
                result.push_str(&value);
                problems.hide(node.place, value, format!("${{{name}}}"));
            }
            (None, Some(default)) => result.push_str(default),
            (None, None) => {
                let message = format!("the environment variable `{name}` is not set");
                let help = format!("set it, or write a default: `${{{name}:-…}}`");
                return Err(Problem::new(message).at(place(problems)).help(help));
            }
        }
        at = end;
    }
    result.push_str(&text[at..]);
    let is_quoted = matches!(node.value, Value::Scalar { kind: Kind::Quoted, .. });
    let kind = match kind_of(&result) {
        Kind::Word if is_quoted => Kind::Quoted,
        kind => kind,
    };
    Ok(Value::Scalar { kind, text: result })
}

fn is_name(name: &str) -> bool {
    let is_start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    is_start && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What a text looks like: the rules of YAML 1.2 for plain scalars, without its exotic numbers.
fn kind_of(text: &str) -> Kind {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        && text.parse::<f64>().is_ok();
    match text {
        "" | "~" | "null" => Kind::Null,
        "true" | "false" => Kind::Bool,
        _ if is_number => Kind::Number,
        _ => Kind::Word,
    }
}
