//! Finds and reads a scenario, with everything it refers to.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::scenario::builtin;
use crate::scenario::check;
use crate::scenario::file::ScenarioFile;
use crate::scenario::overrides;
use crate::scenario::schemas;
use crate::schema;
use crate::schema::Schema;
use crate::yaml;
use crate::yaml::Node;
use crate::yaml::Value;

/// Larger files are not read.
const BYTES_MAX: u64 = 4 << 20;

/// How a variable of the environment is looked up.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A file that was checked.
#[derive(Debug)]
pub enum Checked {
    /// A scenario.
    Scenario(Box<Scenario>),
    /// A schema by itself.
    Schema(Box<Schema>),
}

impl Scenario {
    /// Reads a scenario: a path, or `@name` for a built-in one. Variables come from the process's
    /// environment.
    ///
    /// The error is every semantic mistake, and the first structural one of each part.
    pub fn read(reference: &str, overrides: &Overrides) -> Result<Self, Problems> {
        Self::read_with(reference, overrides, &|name| std::env::var(name).ok())
    }

    /// Reads a scenario, with variables from anywhere.
    pub fn read_with(
        reference: &str,
        overrides: &Overrides,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let scenario = open(reference, &mut problems)
            .and_then(|opened| scenario(opened, overrides, environment, &mut problems));
        finish(scenario, problems)
    }
}

/// Checks a scenario or, if its first key is `schema`, a schema by itself.
///
/// The error is every semantic mistake, and the first structural one of each part.
pub fn check_file(
    reference: &str,
    overrides: &Overrides,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Checked, Problems> {
    let mut problems = Problems::default();
    match open(reference, &mut problems) {
        Some(opened) => check_opened(opened, overrides, environment, problems),
        None => Err(problems),
    }
}

/// Checks a text as [`check_file`] checks a file; `reference` names it, and says where the files lie
/// that it names.
///
/// The error is every semantic mistake, and the first structural one of each part.
pub fn check_text(
    reference: &str,
    text: &str,
    overrides: &Overrides,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Checked, Problems> {
    let mut problems = Problems::default();
    match parse(reference, text, &mut problems) {
        Some(opened) => check_opened(opened, overrides, environment, problems),
        None => Err(problems),
    }
}

fn check_opened(
    opened: Opened<'_>,
    overrides: &Overrides,
    environment: Environment<'_>,
    mut problems: Problems,
) -> Result<Checked, Problems> {
    if is_schema(&opened.node) {
        let schema = schema_alone(opened, environment, &mut problems);
        finish(schema, problems).map(|schema| Checked::Schema(Box::new(schema)))
    } else {
        let scenario = scenario(opened, overrides, environment, &mut problems);
        finish(scenario, problems).map(|scenario| Checked::Scenario(Box::new(scenario)))
    }
}

/// A file, read and parsed.
struct Opened<'a> {
    reference: &'a str,
    file: u16,
    node: Node,
}

fn open<'a>(reference: &'a str, problems: &mut Problems) -> Option<Opened<'a>> {
    let text = match text_of(reference) {
        Ok(text) => text,
        Err(problem) => {
            problems.add(problem);
            return None;
        }
    };
    parse(reference, &text, problems)
}

fn parse<'a>(reference: &'a str, text: &str, problems: &mut Problems) -> Option<Opened<'a>> {
    let file = problems.add_file(reference, text);
    match yaml::read(problems, file, 0) {
        Ok(node) => {
            yaml::hide_secrets(&node, yaml::Before::Nothing, problems);
            problems.searched(file);
            Some(Opened { reference, file, node })
        }
        Err(problem) => {
            problems.add(problem);
            None
        }
    }
}

fn text_of(reference: &str) -> Result<String, Problem> {
    if let Some(name) = reference.strip_prefix('@') {
        let found = builtin::scenario(name).or_else(|| builtin::schema(name));
        return found.map(str::to_owned).ok_or_else(|| {
            let names: Vec<&str> = builtin::SCENARIOS.iter().map(|(name, _)| *name).collect();
            let problem = Problem::new(format!("no scenario `{name}` is built in"));
            problem.maybe_help(suggest(name, "built in are", &names))
        });
    }
    read_file(Path::new(reference)).map_err(|reason| {
        let problem = Problem::new(format!("cannot read `{reference}`: {reason}"));
        let is_builtin = builtin::scenario(reference.trim_end_matches(".yaml")).is_some();
        if is_builtin {
            problem.help(format!("the built-in one is `@{}`", reference.trim_end_matches(".yaml")))
        } else {
            problem
        }
    })
}

/// The text of a file that is a file, is not too large, and is text.
pub(super) fn read_file(path: &Path) -> Result<String, String> {
    let reason = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    let about = fs::metadata(path).map_err(reason)?;
    if about.is_dir() {
        return Err("it is a folder".to_owned());
    }
    // What is no plain file, as a pipe, does not tell how long it is.
    let mut text = String::new();
    let mut file = fs::File::open(path).map_err(reason)?.take(BYTES_MAX + 1);
    if about.len() > BYTES_MAX {
        return Err("it is larger than 4 MiB".to_owned());
    }
    let length = file.read_to_string(&mut text).map_err(reason)? as u64;
    if length > BYTES_MAX { Err("it is larger than 4 MiB".to_owned()) } else { Ok(text) }
}

fn is_schema(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else {
        return false;
    };
    entries.first().is_some_and(|(key, _)| key.describe() == "`schema`")
}

fn schema_alone(
    mut opened: Opened<'_>,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Schema> {
    yaml::interpolate(&mut opened.node, environment, problems);
    let source = problems.clean_text(opened.file);
    // A built-in schema is called `@name` here, and its lists lie beside it too.
    let beside = |name: &str| schemas::beside(opened.reference, name);
    let checked = schema::check::check(&opened.node, source, &beside, problems)?;
    schema::check::relations(&[&checked], false, problems);
    Some(checked.schema)
}

fn scenario(
    mut opened: Opened<'_>,
    overrides: &Overrides,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Scenario> {
    if is_schema(&opened.node) {
        let message = "this is a schema, and a scenario is wanted";
        problems.add(Problem::new(message).at(opened.node.place));
        return None;
    }
    for pair in &overrides.set {
        overrides::apply(&mut opened.node, pair, problems);
    }
    yaml::interpolate(&mut opened.node, environment, problems);
    yaml::note_secrets(&opened.node, problems);
    let file: ScenarioFile = yaml::decode(&opened.node, problems)?;
    let schemas = schemas::load(&file, opened.reference, environment, problems);
    let scenario = check::check((&file, opened.reference), schemas, overrides, problems)?;
    let secrets = problems.secrets(overrides::SHOWN_AS);
    Some(Scenario { source: problems.clean_text(opened.file), secrets, ..scenario })
}

fn finish<T>(value: Option<T>, problems: Problems) -> Result<T, Problems> {
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => Err(problems),
    }
}
