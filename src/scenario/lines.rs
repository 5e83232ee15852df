//! Files and standard output, as they are meant: what is written where.

use crate::scenario::Scenario;
use crate::scenario::TargetKind;

/// Where rows and events are written as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesTarget {
    /// Where.
    pub to: LinesTo,
    /// How.
    pub format: LinesFormat,
    /// A file that has so many bytes is followed by another; `None` if each is one.
    pub rotate: Option<u64>,
    /// How it is compressed, if it is.
    pub compress: Option<Compress>,
}

/// Files, or standard output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinesTo {
    /// Standard output.
    Stdout,
    /// Files of these names; `{domain}`, `{table}` and `{event}` stand for names.
    Files(String),
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesFormat {
    /// A JSON object.
    Jsonl,
    /// Values between commas.
    Csv,
    /// A statement.
    Sql,
}

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compress {
    /// As gzip does it.
    Gzip,
    /// As Zstandard does it.
    Zstd,
}

impl Compress {
    /// What the name of such a file ends with.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

impl LinesTarget {
    /// The file of a table or event; of one that rotates, without the number. `stdout` for standard output.
    pub fn path_of(&self, domain: &str, table: &str) -> String {
        let LinesTo::Files(template) = &self.to else { return "stdout".to_owned() };
        let ending = self.compress.map_or("", Compress::ending);
        let bare = template.strip_suffix(ending).unwrap_or(template);
        let mut path = String::new();
        let mut rest = bare;
        // Once through, as a name may hold braces itself.
        while let Some(at) = rest.find('{') {
            let (before, from) = rest.split_at(at);
            path.push_str(before);
            let words = [("{domain}", domain), ("{table}", table), ("{event}", table)];
            if let Some((word, name)) = words.iter().find(|(word, _)| from.starts_with(word)) {
                path.push_str(&plain(name));
                rest = &from[word.len()..];
            } else {
                path.push('{');
                rest = &from[1..];
            }
        }
        path + rest + ending
    }
}

/// A name as a part of a file's name.
fn plain(name: &str) -> String {
    let name = name.replace(['/', '\0'], "_");
    // Neither hidden nor another folder.
    name.strip_prefix('.').map_or_else(|| name.clone(), |rest| format!("_{rest}"))
}

/// One of a target's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFile {
    /// See [`LinesTarget::path_of`].
    pub path: String,
    /// Whose rows and events it holds: domain and table, by their numbers.
    pub tables: Vec<(usize, usize)>,
}

impl Scenario {
    /// The files of a target, in the order of domains and tables; none of one that writes no lines.
    pub fn line_files(&self, target: usize) -> Vec<LineFile> {
        let mut files: Vec<LineFile> = Vec::new();
        let Some(TargetKind::Lines(lines)) = self.targets.get(target).map(|it| &it.kind) else {
            return files;
        };
        for (number, domain) in self.domains.iter().enumerate() {
            let takes_rows = domain.target == target && self.is_stored(domain);
            let takes_events = match domain.events.as_slice() {
                [] => domain.target == target,
                events => events.contains(&target),
            };
            for (table, written) in domain.schema.tables.iter().enumerate() {
                let is_row = written.event.is_none() && written.stored;
                if !(takes_rows && is_row || takes_events && written.event.is_some()) {
                    continue;
                }
                let path = lines.path_of(&domain.schema.name, &written.name);
                match files.iter_mut().find(|file| file.path == path) {
                    Some(file) => file.tables.push((number, table)),
                    None => files.push(LineFile { path, tables: vec![(number, table)] }),
                }
            }
        }
        files
    }

    /// Whether rows or events are written to standard output, so that nothing else should be.
    pub fn has_stdout(&self) -> bool {
        let is_it = |kind: &TargetKind| matches!(kind, TargetKind::Lines(lines) if lines.to == LinesTo::Stdout);
        self.targets.iter().any(|target| is_it(&target.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_paths_and_lead_nowhere_else() {
        let target = |to: &str, compress| LinesTarget {
            to: LinesTo::Files(to.to_owned()),
            format: LinesFormat::Jsonl,
            rotate: None,
            compress,
        };
        for (to, compress, expected) in [
            ("out/{domain}.{table}.jsonl", None, "out/shop.or{domain}.jsonl"),
            ("{event}.jsonl", Some(Compress::Gzip), "or{domain}.jsonl.gz"),
            ("{event}.jsonl.gz", Some(Compress::Gzip), "or{domain}.jsonl.gz"),
            ("a{b}.{domain", Some(Compress::Zstd), "a{b}.{domain.zst"),
        ] {
            assert_eq!(target(to, compress).path_of("shop", "or{domain}"), expected);
        }
        let path = target("out/{domain}/{table}", None).path_of("..", "a/../b");
        assert_eq!(path, "out/_./a_.._b");
    }
}
