//! Broken files made from good ones: trees with parts swapped, numbers at their ends, nesting,
//! aliases, long texts; and texts with lines and bytes changed.

use std::fmt;
use std::fs;
use std::path::Path;

use loadgen::diagnostic::Problems;
use loadgen::yaml;
use loadgen::yaml::Kind;
use loadgen::yaml::Node;
use loadgen::yaml::Value;

/// Scalars at the ends of what numbers, units and names are.
const SCALARS: [&str; 66] = [
    "0",
    "-1",
    "1",
    "2",
    "-0",
    "0.0",
    "1e308",
    "-1e308",
    "1e-308",
    "1e999",
    "nan",
    ".nan",
    ".inf",
    "-.inf",
    "inf",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775807",
    "-9223372036854775808",
    "4294967295",
    "4294967296",
    "65535",
    "65536",
    "32767",
    "32768",
    "1_000",
    "0x10",
    "0o7",
    "1e3",
    "0/s",
    "1/s",
    "-1/s",
    "1e300/s",
    "1e-300/s",
    "999999999G/s",
    "1/h",
    "1/s/s",
    "0s",
    "1ns",
    "-1s",
    "584y",
    "1e30s",
    "300000000000d",
    "18446744073709551615ns",
    "1m1m",
    "s",
    "G",
    "10000000000G",
    "99999999999999999999k",
    "null",
    "~",
    "true",
    "false",
    "yes",
    "${A}",
    "${B}",
    "${B:-x}",
    "${",
    "${A:-${A}}",
    "$${A}",
    "{domain}",
    "0000-00-00",
    "9999-12-31",
    "-infinity",
    "292278994-08-17",
    "p99 < 1ms",
];

/// Chance that can be repeated.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end.max(1)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// The files that others are made from.
pub(super) struct Corpus {
    /// Text and tree.
    scenarios: Vec<(String, Node)>,
    schemas: Vec<(String, Node)>,
    /// How many of these, from the first, are without a mistake.
    good: [usize; 2],
    /// Texts that are no YAML.
    broken: Vec<String>,
    /// Every part of every file.
    parts: Vec<Node>,
    keys: Vec<Node>,
}

impl fmt::Display for Corpus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenarios, schemas, broken, parts, keys, .. } = self;
        let (scenarios, schemas, broken) = (scenarios.len(), schemas.len(), broken.len());
        let (parts, keys) = (parts.len(), keys.len());
        write!(
            formatter,
            "from {scenarios} scenarios, {schemas} schemas and {broken} others, \
             {parts} parts and {keys} keys"
        )
    }
}

impl Corpus {
    pub(super) fn read(root: &Path) -> Self {
        let mut corpus = Self {
            scenarios: Vec::new(),
            schemas: Vec::new(),
            good: [0; 2],
            broken: Vec::new(),
            parts: Vec::new(),
            keys: Vec::new(),
        };
        for folder in [
            "scenarios",
            "schemas",
            "examples",
            "tests/scenarios",
            "tests/scenarios/schemas",
            "tests/mistakes",
            "tests/mistakes/schemas",
        ] {
            let mut files: Vec<_> = fs::read_dir(root.join(folder))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            files.sort();
            if folder == "tests/mistakes" {
                corpus.good = [corpus.scenarios.len(), corpus.schemas.len()];
            }
            files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
            files.into_iter().for_each(|path| corpus.add(fs::read_to_string(path).unwrap()));
        }
        corpus
    }

    fn add(&mut self, text: String) {
        let mut problems = Problems::default();
        let file = problems.add_file("file", &text);
        let Ok(node) = yaml::read(&problems, file, 0) else {
            self.broken.push(text);
            return;
        };
        self.collect(&node);
        let is_schema = text.lines().any(|line| line.starts_with("schema:"));
        if is_schema { &mut self.schemas } else { &mut self.scenarios }.push((text, node));
    }

    fn collect(&mut self, node: &Node) {
        self.parts.push(node.clone());
        match &node.value {
            Value::Scalar { .. } => {}
            Value::List(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    self.keys.push(key.clone());
                    self.collect(value);
                }
            }
        }
    }

    /// A file, and the schema `orders` beside it, if it is to have one of its own.
    pub(super) fn file(&self, dice: &mut Dice) -> (String, Option<String>) {
        match dice.below(16) {
            0 => (self.bent(&dice.of(&self.broken).clone(), dice), None),
            1..6 => (self.changed(self.schemas(dice), dice), None),
            6..8 => {
                let scenario = self.changed(self.scenarios(dice), dice);
                (scenario, Some(self.changed(self.schemas(dice), dice)))
            }
            _ => (self.changed(self.scenarios(dice), dice), None),
        }
    }

    /// Mostly those without a mistake: what is wrong in one way hides what else may be.
    fn scenarios(&self, dice: &mut Dice) -> &[(String, Node)] {
        if dice.below(4) > 0 { &self.scenarios[..self.good[0]] } else { &self.scenarios }
    }

    fn schemas(&self, dice: &mut Dice) -> &[(String, Node)] {
        if dice.below(4) > 0 { &self.schemas[..self.good[1]] } else { &self.schemas }
    }

    fn changed(&self, from: &[(String, Node)], dice: &mut Dice) -> String {
        let (text, node) = dice.of(from);
        if dice.below(4) == 0 {
            return self.bent(text, dice);
        }
        let mut node = node.clone();
        for _ in 0..=dice.below(3) {
            let count = size(&node);
            let mut at = dice.below(count);
            if let Some(part) = part(&mut node, &mut at) {
                self.break_part(part, dice);
            }
        }
        let mut text = String::new();
        write(&node, &mut text);
        text.push('\n');
        if dice.below(16) == 0 { self.bent(&text, dice) } else { text }
    }

    /// Changes a part of a tree.
    fn break_part(&self, part: &mut Node, dice: &mut Dice) {
        match dice.below(12) {
            0..3 => *part = scalar(SCALARS[dice.below(SCALARS.len())]),
            3..5 => *part = dice.of(&self.parts).clone(),
            5 => {
                let depth = [1, 2, 30, 200][dice.below(4)];
                for _ in 0..depth {
                    let inner = std::mem::replace(part, scalar("~"));
                    part.value = if dice.below(2) == 0 {
                        Value::List(vec![inner])
                    } else {
                        Value::Map(vec![(dice.of(&self.keys).clone(), inner)])
                    };
                }
            }
            6 => {
                let piece = *dice.of(&["x", "é", "\u{0}", "a.", "\"", "${A}", "9", "(", " "]);
                *part = quoted(&piece.repeat([0, 1, 64, 200, 20_000][dice.below(5)]));
            }
            _ => match &mut part.value {
                Value::Map(entries) => self.break_map(entries, dice),
                Value::List(items) => self.break_list(items, dice),
                Value::Scalar { text, .. } => {
                    let more = *dice.of(&["0", "9", "/s", "s", "k", ".", "-", "e9", "%", "(", ")"]);
                    if dice.below(2) == 0 { text.push_str(more) } else { text.insert_str(0, more) }
                }
            },
        }
    }

    fn break_map(&self, entries: &mut Vec<(Node, Node)>, dice: &mut Dice) {
        let at = dice.below(entries.len());
        match dice.below(7) {
            _ if entries.is_empty() => {
                entries.push((dice.of(&self.keys).clone(), dice.of(&self.parts).clone()));
            }
            0 => drop(entries.remove(at)),
            1 => entries[at].0 = dice.of(&self.keys).clone(),
            2 => {
                let other = dice.below(entries.len());
                let value = entries[at].1.clone();
                entries[at].1 = std::mem::replace(&mut entries[other].1, value);
            }
            3 => entries.push((dice.of(&self.keys).clone(), dice.of(&self.parts).clone())),
            4 => entries.push(entries[at].clone()),
            5 => {
                let (key, value) = entries[at].clone();
                for number in 0..[10, 300, 2_000][dice.below(3)] {
                    let name = format!("{}{number}", plain(&key));
                    entries.push((scalar(&name), value.clone()));
                }
            }
            _ => entries.reverse(),
        }
    }

    fn break_list(&self, items: &mut Vec<Node>, dice: &mut Dice) {
        let at = dice.below(items.len());
        match dice.below(4) {
            _ if items.is_empty() => items.push(dice.of(&self.parts).clone()),
            0 => drop(items.remove(at)),
            1 => items.push(dice.of(&self.parts).clone()),
            2 => {
                let item = items[at].clone();
                items.extend(std::iter::repeat_n(item, [1, 300, 2_000][dice.below(3)]));
            }
            _ => items.reverse(),
        }
    }

    /// Changes a text: bytes, lines, anchors.
    fn bent(&self, text: &str, dice: &mut Dice) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for _ in 0..=dice.below(4) {
            if lines.is_empty() {
                break;
            }
            let at = dice.below(lines.len());
            match dice.below(8) {
                0 => drop(lines.remove(at)),
                1 => {
                    lines.insert(at, dice.of(&self.broken).lines().next().unwrap_or("").to_owned())
                }
                2 => lines[at]
                    .insert_str(0, ["  ", "\t", "- ", "? ", "---\n", "%TAG ! x\n"][dice.below(6)]),
                3 => {
                    let other = dice.below(lines.len());
                    lines.swap(at, other);
                }
                4 => lines.truncate(at),
                5 => lines[at] = lines[at].replacen(": ", ": &a ", 1),
                6 => lines[at] = lines[at].replacen(": ", ": *a # ", 1),
                _ => bend_byte(&mut lines[at], dice),
            }
        }
        if dice.below(32) == 0 {
            lines.insert(0, bomb(dice));
        }
        lines.join("\n")
    }
}

fn bend_byte(line: &mut String, dice: &mut Dice) {
    let ends: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
    let Some(&at) = ends.get(dice.below(ends.len())) else { return };
    let new = *dice.of(&[
        '{', '}', '[', ']', ',', ':', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', ' ',
        '\u{7f}', 'é',
    ]);
    match dice.below(3) {
        0 => drop(line.remove(at)),
        1 => line.insert(at, new),
        _ => {
            line.remove(at);
            line.insert(at, new);
        }
    }
}

/// Aliases of aliases: a little text that stands for very much.
fn bomb(dice: &mut Dice) -> String {
    let width = 2 + dice.below(20);
    let depth = 2 + dice.below(30);
    let mut text = "a0: &a0 [x, x, x]\n".to_owned();
    for level in 1..depth {
        let alias = format!("*a{}", level - 1);
        let all = vec![alias; width].join(", ");
        text += &format!("a{level}: &a{level} [{all}]\n");
    }
    text
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, value)| size(value)).sum(),
    }
}

/// The part of that number, counted from the outermost one.
fn part<'n>(node: &'n mut Node, at: &mut usize) -> Option<&'n mut Node> {
    if *at == 0 {
        return Some(node);
    }
    *at -= 1;
    match &mut node.value {
        Value::Scalar { .. } => None,
        Value::List(items) => items.iter_mut().find_map(|item| part(item, at)),
        Value::Map(entries) => entries.iter_mut().find_map(|(_, value)| part(value, at)),
    }
}

fn scalar(text: &str) -> Node {
    let place = loadgen::diagnostic::Place { file: 0, start: 0, end: 0 };
    Node { place, value: Value::Scalar { kind: Kind::Word, text: text.to_owned() } }
}

fn quoted(text: &str) -> Node {
    let place = loadgen::diagnostic::Place { file: 0, start: 0, end: 0 };
    Node { place, value: Value::Scalar { kind: Kind::Quoted, text: text.to_owned() } }
}

fn plain(node: &Node) -> &str {
    match &node.value {
        Value::Scalar { text, .. } => text,
        _ => "key",
    }
}

/// The tree in flow style.
fn write(node: &Node, out: &mut String) {
    match &node.value {
        Value::Scalar { kind, text } => {
            let is_safe = |c: char| c.is_alphanumeric() || "_./%-+~<>= ".contains(c);
            let is_plain = *kind != Kind::Quoted
                && text.chars().all(is_safe)
                && text.trim() == text
                && !text.is_empty()
                && !text.starts_with(['%', '-', '>', '<', '=']);
            let is_number =
                text.starts_with('-') && text[1..].starts_with(|c: char| c.is_ascii_digit());
            if is_plain || is_number && *kind != Kind::Quoted && text.chars().all(is_safe) {
                out.push_str(text);
            } else {
                out.push_str(&serde_json::to_string(text).unwrap());
            }
        }
        Value::List(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push_str(", ");
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push_str("{ ");
            for (key, value) in entries {
                write(key, out);
                out.push_str(": ");
                write(value, out);
                out.push_str(",\n");
            }
            out.push('}');
        }
    }
}
