//! Finds the schema of each domain.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::nearest;
use crate::scenario::builtin;
use crate::scenario::file::DomainFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::read::Environment;
use crate::scenario::read::read_file;
use crate::schema::check;
use crate::schema::check::Checked;
use crate::yaml;
use crate::yaml::Spanned;

/// Reads and checks the schema of each domain, in the order of the domains. None where it is
/// missing or its outermost structure is broken.
pub(super) fn load(
    file: &ScenarioFile,
    scenario: &str,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Vec<Option<Checked>> {
    let domains = &file.domains.value.0;
    domains
        .iter()
        .map(|(name, domain)| one(name, domain.as_ref()?, scenario, environment, problems))
        .collect()
}

fn one(
    name: &Spanned<String>,
    domain: &DomainFile,
    scenario: &str,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Checked> {
    let (shown, text) = match find(name, domain, scenario) {
        Ok(found) => found,
        Err(problem) => {
            problems.add(problem);
            return None;
        }
    };
    let file = problems.add_file(&shown, &text);
    let mut node = match yaml::read(problems, file, 0) {
        Ok(node) => node,
        Err(problem) => {
            problems.add(problem);
            return None;
        }
    };
    yaml::hide_secrets(&node, yaml::Before::Nothing, problems);
    problems.searched(file);
    yaml::interpolate(&mut node, environment, problems);
    let beside = |name: &str| beside(&shown, name);
    let checked = check::check(&node, problems.clean_text(file), &beside, problems)?;
    // With a file of its own the domain may be called as it likes: the schema's name counts.
    if domain.schema.is_none() && checked.schema.name != name.value {
        let message = format!("`{shown}` is the schema `{}`", checked.schema.name);
        let problem = Problem::new(message).at(checked.file.schema.place);
        problems.add(problem.help(format!("call it `{}`, as its file", name.value)));
    }
    Some(checked)
}

/// The schema's file as it is shown, and its text.
fn find(
    name: &Spanned<String>,
    domain: &DomainFile,
    scenario: &str,
) -> Result<(String, String), Problem> {
    let folder = if scenario.starts_with('@') { None } else { Path::new(scenario).parent() };
    if let Some(path) = &domain.schema {
        let full = folder.map_or_else(|| PathBuf::from(&path.value), |at| at.join(&path.value));
        return match read_file(&full) {
            Ok(text) => Ok((shown(&full), text)),
            Err(reason) => {
                let message = format!("cannot read `{}`: {reason}", path.value);
                Err(Problem::new(message).at(path.place))
            }
        };
    }
    let file = format!("{}.yaml", name.value);
    // A name with a slash or dots would leave the folders.
    let is_plain = Path::new(&file).file_name().is_some_and(|plain| plain == file.as_str());
    let folders = if is_plain { folders(folder) } else { Vec::new() };
    for at in &folders {
        let path = at.join(&file);
        match read_file(&path) {
            Ok(text) => return Ok((shown(&path), text)),
            Err(_) if !path.exists() => {}
            Err(reason) => {
                let message = format!("cannot read `{}`: {reason}", shown(&path));
                return Err(Problem::new(message).at(name.place));
            }
        }
    }
    match builtin::schema(&name.value) {
        Some(text) => Ok((format!("@schemas/{file}"), text.to_owned())),
        None => Err(missing(name, &folders)),
    }
}

/// Reads a file that a schema names: how it is shown, and its text.
pub(super) fn beside(schema: &str, name: &str) -> Result<(String, String), String> {
    if schema.starts_with('@') {
        let text = builtin::beside(name).ok_or_else(|| "there is no such file".to_owned())?;
        let shown = match name.strip_prefix("../") {
            Some(path) => format!("@{path}"),
            None => format!("@schemas/{name}"),
        };
        return Ok((shown, text.to_owned()));
    }
    let folder = Path::new(schema).parent();
    let path = folder.map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
    Ok((shown(&path), read_file(&path)?))
}

/// Where schemas are looked for.
fn folders(scenario: Option<&Path>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(at) = scenario {
        folders.push(at.join("../schemas"));
        folders.push(at.join("schemas"));
    }
    let here = PathBuf::from("schemas");
    if !folders.contains(&here) {
        folders.push(here);
    }
    folders
}

fn missing(name: &Spanned<String>, folders: &[PathBuf]) -> Problem {
    let mut known: Vec<String> =
        builtin::SCHEMAS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for folder in folders {
        known.extend(names_in(folder));
    }
    known.sort();
    known.dedup();
    let looked: Vec<String> = folders.iter().map(|at| format!("`{}`", shown(at))).collect();
    let problem = Problem::new(format!("there is no schema `{}`", name.value)).at(name.place);
    let problem =
        problem.label(format!("looked in {} and among the built-in ones", looked.join(", ")));
    match nearest(&name.value, known.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("write `schema: path` to name its file"),
    }
}

/// The names of the YAML files of a folder; a folder that cannot be read has none.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    yaml.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

/// A path without the detour over `..`.
fn shown(path: &Path) -> String {
    let mut parts: Vec<std::path::Component<'_>> = Vec::new();
    for part in path.components() {
        let is_detour = part == std::path::Component::ParentDir
            && matches!(parts.last(), Some(std::path::Component::Normal(_)));
        if is_detour {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.iter().collect::<PathBuf>().display().to_string()
}
