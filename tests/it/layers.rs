//! The shape of the source: a module uses only those above it in `lib.rs`, files and functions stay
//! short, and nothing is left undone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Lines of a file, and of a function from its header to its closing brace.
const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Words that say that something is still to be done.
const UNDONE: [&str; 4] = ["TODO", "FIXME", "XXX", "???"];

#[test]
fn modules_only_look_up() {
    let order = modules();
    let mut seen = BTreeMap::new();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let Some((rank, depth)) = place(&path, &order) else { continue };
        *seen.entry(rank).or_insert(0) += 1;
        if ["crate::{", "use crate as", "loadgen::"].iter().any(|way| code(&text).contains(way)) {
            wrong.push(format!("{path}: name other modules by `use crate::…`, one path a line"));
        }
        for used in uses(&code(&text), depth) {
            if order.iter().position(|module| *module == used).is_some_and(|at| at > rank) {
                let user = &order[rank];
                wrong.push(format!("{path} uses `{used}`, which stands below `{user}` in lib.rs"));
            }
        }
    }
    assert_eq!(seen.len(), order.len(), "each module in lib.rs has a file, and no others exist");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_and_functions_are_short() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            wrong.push(format!("{path} has {lines} lines, more than {FILE_LINES_MAX}"));
        }
        for (line, lines) in functions(&code(&text)) {
            count += 1;
            if lines > FUNCTION_LINES_MAX {
                wrong.push(format!(
                    "{path}:{line}: a function of {lines} lines, more than {FUNCTION_LINES_MAX}"
                ));
            }
        }
    }
    assert!(count > 500, "found {count} functions only");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_undone() {
    let sources = sources();
    assert!(sources.len() > 100, "found {} files only", sources.len());
    let marked = |text: &str| UNDONE.iter().any(|word| text.contains(word));
    let marks = sources.iter().flat_map(|(path, text)| {
        let lines = text.lines().enumerate().filter(|(_, line)| marked(line));
        lines.map(move |(number, line)| format!("{path}:{}: {line}", number + 1))
    });
    let marks: Vec<_> = marks.collect();
    assert!(marks.is_empty(), "{}", marks.join("\n"));
}

/// The measures themselves, on texts whose measure is known.
#[test]
fn the_measures_see_what_is_there() {
    let text = "use crate::sink::Sink;\n// crate::engine\nlet a = \"crate::cli {\";\n\
                use super::super::report::X;\nlet b = super::pace::Y;\n";
    assert_eq!(uses(&code(text), 2), ["sink", "report"]);
    assert_eq!(uses(&code(text), 1), ["sink", "report", "pace"]);

    let braces = "fn f(a: [u8; 2]) -> char {\n    let r = r#\"}\"}\"#; // }\n    '}'\n}\n\
                  type F = fn(u8) -> u8;\ntrait T {\n    fn g<'a>(&'a self);\n    /* } */\n}\n\
                  async fn h() { \"\\\"}\"; b'{'; }\n";
    assert_eq!(functions(&code(braces)), [(1, 4), (10, 1)]);
}

/// The modules in the order of `lib.rs`.
fn modules() -> Vec<String> {
    let text = fs::read_to_string(root().join("lib.rs")).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let names: Vec<_> = names.map(str::to_owned).collect();
    assert!(names.len() > 10, "found {} modules in lib.rs only", names.len());
    names
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file: its path below `src` and its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap();
                found.push((path.to_str().unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// The rank of a file's module in `lib.rs`, and how many `super` lead from the file to the crate.
fn place(path: &str, order: &[String]) -> Option<(usize, usize)> {
    if path == "lib.rs" || path == "main.rs" {
        return None;
    }
    let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
    let rank = order.iter().position(|module| module == parts[0]);
    Some((rank.unwrap_or_else(|| panic!("`{path}` belongs to no module in lib.rs")), parts.len()))
}

/// What stands behind `crate::`, or behind so many `super::` that they lead there.
fn uses(code: &str, depth: usize) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| is_word(*c)).collect::<String>();
    let absolute =
        code.match_indices("crate::").map(|(at, way)| (at, name(&code[at + way.len()..])));
    let mut found: Vec<_> = absolute.collect();
    let mut rest = 0;
    while let Some(at) = code[rest..].find("super::").map(|at| rest + at) {
        let behind = code[at..].trim_start_matches("super::");
        rest = code.len() - behind.len();
        if (rest - at) / "super::".len() >= depth {
            found.push((at, name(behind)));
        }
    }
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The first line and the number of lines of each function that has a body. Takes what [`code`]
/// gives.
fn functions(code: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].chars().next_back().is_some_and(is_word) {
            continue;
        }
        if let Some(end) = body_end(&code[at..]) {
            let line = code[..at].matches('\n').count() + 1;
            found.push((line, code[at..at + end].matches('\n').count() + 1));
        }
    }
    found
}

/// Where the body that begins with the first free `{` ends; `None` if a `;` comes first.
fn body_end(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0, 0);
    for (at, character) in code.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    panic!("a function without an end: {}", &code[..code.len().min(80)]);
}

/// The text without comments and without what stands in quotes; its lines stay.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest, code.chars().next_back());
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..length].matches('\n'));
            rest = &rest[length..];
        }
    }
    code
}

/// How many bytes at the beginning are a comment or a literal.
fn skipped(rest: &str, before: Option<char>) -> usize {
    let until = |from: usize, end: &str| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    let is_new = !before.is_some_and(is_word);
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        until(2, "*/")
    } else if is_new && (rest.starts_with("r\"") || rest.starts_with("r#\"")) {
        if rest.starts_with("r\"") { until(2, "\"") } else { until(3, "\"#") }
    } else if rest.starts_with('"') {
        quoted(rest, '"')
    } else if rest.starts_with('\'') && is_character(rest) {
        quoted(rest, '\'')
    } else {
        0
    }
}

/// Whether `'` begins a character, and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut behind = rest.chars().skip(1);
    behind.next() == Some('\\') || behind.next() == Some('\'')
}

/// The length of a literal between two `mark`s.
fn quoted(rest: &str, mark: char) -> usize {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == mark {
            return at + 1;
        }
    }
    rest.len()
}
