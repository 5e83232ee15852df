//! What the command line says instead of the file: `--set`, `--seed`, `--for` and their like.

use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::yaml;
use crate::yaml::Kind;
use crate::yaml::Node;
use crate::yaml::Value;

/// What the command line says instead of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `path=value` pairs: `load.streams.shop.profile=[{ hold: 10/s, for: 5s }]`. A path is keys
    /// and list indexes (from 0) with dots between them; a value is YAML.
    pub set: Vec<String>,
    /// Instead of `seed`.
    pub seed: Option<u64>,
    /// All rates, totals and traces are multiplied by it; positive.
    pub scale_rate: Option<f64>,
    /// The lengths of profiles and of the warm-up are divided by it, rates stay as they are;
    /// positive. `length` is not divided.
    pub time_scale: Option<f64>,
    /// How long each stream lasts: longer profiles are cut, shorter ones go on at their last rate.
    pub length: Option<Duration>,
    /// As if the scenario said `allow_remote: true`.
    pub allow_remote: bool,
    /// Every target becomes `discard`.
    pub discard: bool,
    /// The whole timetable, limits included, is played so often; 0 counts as 1.
    pub rounds: u32,
}

/// Maps whose entries must exist: a new one could only be half of what it needs.
const CLOSED: [&[&str]; 3] = [&["targets"], &["domains"], &["load", "streams"]];

/// What the file of a `--set` is called.
pub(super) const SHOWN_AS: &str = "--set";

/// Applies one `path=value` to the tree of a scenario. Its nodes have their places in a file of
/// their own, shown as `--set`.
pub(super) fn apply(root: &mut Node, pair: &str, problems: &mut Problems) {
    let file = problems.add_file(SHOWN_AS, pair);
    let whole = Place { file, start: 0, end: narrow(pair.len()) };
    let Some((path, _)) = pair.split_once('=') else {
        let problem = Problem::new("the value is missing").at(whole);
        problems.add(problem.help("write `--set path=value`, as in `--set load.warmup=0s`"));
        return;
    };
    match yaml::read(problems, file, path.len() + 1) {
        Ok(value) => {
            yaml::hide_secrets(&value, yaml::Before::of_path(path), problems);
            problems.searched(file);
            if let Err(problem) = put(root, path, file, value) {
                problems.add(problem);
            }
        }
        Err(problem) => problems.add(problem),
    }
}

/// Walks down the path and puts the value at its end.
fn put(root: &mut Node, path: &str, file: u16, value: Node) -> Result<(), Problem> {
    let mut node = root;
    let mut done: Vec<&str> = Vec::new();
    let mut start = 0;
    loop {
        let rest = &path[start..];
        let word = next_word(node, rest);
        let end = start + word.len();
        let place = Place { file, start: narrow(start), end: narrow(end) };
        let is_last = end == path.len();
        if word.is_empty() {
            let at = Place { file, start: 0, end: narrow(path.len().max(1)) };
            return Err(Problem::new("the path has an empty part").at(at));
        }
        node = step(node, word, place, &done)?;
        if is_last {
            *node = value;
            return Ok(());
        }
        done.push(word);
        start = end + 1;
    }
}

/// The next key of the path: the longest that exists, for keys may have dots themselves
/// (`orders.place_order`); else up to the next dot.
fn next_word<'p>(node: &Node, rest: &'p str) -> &'p str {
    let exists = |word: &str| match &node.value {
        Value::Map(entries) => entries.iter().any(|(key, _)| is_key(key, word)),
        _ => false,
    };
    let ends = rest.match_indices('.').map(|(at, _)| at).chain([rest.len()]);
    let longest = ends.filter(|&end| exists(&rest[..end])).max();
    let first = rest.find('.').unwrap_or(rest.len());
    &rest[..longest.unwrap_or(first)]
}

fn is_key(key: &Node, word: &str) -> bool {
    matches!(&key.value, Value::Scalar { text, .. } if text == word)
}

/// The node behind a word; made if the map may get new entries.
fn step<'n>(
    node: &'n mut Node,
    word: &str,
    place: Place,
    done: &[&str],
) -> Result<&'n mut Node, Problem> {
    if matches!(node.value, Value::Scalar { kind: Kind::Null, .. }) {
        node.value = Value::Map(Vec::new());
        node.place = place;
    }
    match &mut node.value {
        Value::List(items) => {
            let count = items.len();
            let item = word.parse().ok().and_then(|index: usize| items.get_mut(index));
            item.ok_or_else(|| {
                let message = format!("`{word}` is no index into a list of {count}");
                Problem::new(message).at(place).help("the first is 0")
            })
        }
        Value::Scalar { .. } => {
            let message = format!("`{}` has nothing inside", done.join("."));
            Err(Problem::new(message).at(place))
        }
        Value::Map(entries) => {
            if let Some(index) = entries.iter().position(|(key, _)| is_key(key, word)) {
                return Ok(&mut entries[index].1);
            }
            if CLOSED.contains(&done) {
                let names: Vec<String> = entries.iter().map(|(key, _)| name_of(key)).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let message = format!("there is no `{word}` in `{}`", done.join("."));
                let help = suggest(word, "there are", &names);
                return Err(Problem::new(message).at(place).maybe_help(help));
            }
            // Whether the key means something here is seen when the tree is decoded.
            let scalar = |kind, text: &str| Value::Scalar { kind, text: text.to_owned() };
            entries.push((
                Node { place, value: scalar(Kind::Word, word) },
                Node { place, value: scalar(Kind::Null, "") },
            ));
            let last = entries.len() - 1;
            Ok(&mut entries[last].1)
        }
    }
}

fn name_of(key: &Node) -> String {
    match &key.value {
        Value::Scalar { text, .. } => text.clone(),
        _ => String::new(),
    }
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
