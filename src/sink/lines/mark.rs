//! Which files loadgen has written. Text cannot carry a mark, so each folder has a list of those that are
//! ours; no other is ever replaced or removed.

use std::collections::BTreeSet;
use std::fs;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::path::PathBuf;

/// The list, in the folder of the files.
const LIST: &str = ".loadgen-files";
/// Its first line.
const HEAD: &str = "loadgen.files/1";
/// Digits of a file's number, at least.
const DIGITS: usize = 5;

/// The names of one file, or of those that follow each other.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    folder: PathBuf,
    /// `orders` of `orders.jsonl.gz`, and the rest.
    stem: String,
    end: String,
}

/// What is there of the files of a target.
#[derive(Debug, Default)]
pub(crate) struct TargetFiles {
    /// Ours.
    pub(crate) ours: Vec<PathBuf>,
    /// Not ours.
    pub(crate) others: Vec<PathBuf>,
}

impl Names {
    /// Of a path, whose endings have a number before them where it is one of several.
    pub(crate) fn of(path: &str) -> Self {
        let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| {
            (if folder.is_empty() { "/" } else { folder }, name)
        });
        let bare = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending));
        let bare = bare.unwrap_or(name);
        let dot = bare.rfind('.').filter(|at| *at > 0).unwrap_or(bare.len());
        let (stem, end) = name.split_at(dot);
        Self { folder: PathBuf::from(folder), stem: stem.to_owned(), end: end.to_owned() }
    }

    /// The path of the only one, or of the one of a number.
    pub(crate) fn path(&self, number: Option<u32>) -> PathBuf {
        let Self { folder, stem, end } = self;
        let number = number.map(|number| format!(".{number:0DIGITS$}")).unwrap_or_default();
        folder.join(format!("{stem}{number}{end}"))
    }

    /// Adds what is there of them. Devices are nobody's.
    pub(crate) fn find(&self, found: &mut TargetFiles) -> io::Result<()> {
        let folder = here(&self.folder);
        let ours = listed(folder)?;
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // One need not be able to look into a folder to use a device of it.
            Err(_) if is_device(&self.path(None)) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string().ok().filter(|name| self.is_one(name)));
        }
        names.sort();
        for name in names {
            let path = self.folder.join(&name);
            if is_device(&path) {
                continue;
            }
            let list = if ours.contains(&name) { &mut found.ours } else { &mut found.others };
            list.push(path);
        }
        Ok(())
    }

    fn is_one(&self, name: &str) -> bool {
        let middle = name.strip_prefix(&self.stem).and_then(|rest| rest.strip_suffix(&self.end));
        let is_number = |middle: &str| {
            let digits = middle.strip_prefix('.').unwrap_or_default();
            digits.len() >= DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        middle.is_some_and(|middle| middle.is_empty() || is_number(middle))
    }
}

/// Whether what a path leads to is a device, which is written to as it is.
pub(crate) fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| there.file_type().is_char_device())
}

fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

fn listed(folder: &Path) -> io::Result<BTreeSet<String>> {
    match fs::read_to_string(folder.join(LIST)) {
        Ok(text) if text.starts_with(HEAD) => Ok(text.lines().skip(1).map(str::to_owned).collect()),
        Ok(_) => Ok(BTreeSet::new()),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(BTreeSet::new())
        }
        Err(error) => Err(error),
    }
}

/// Notes that a file will be ours, before it is made.
pub(super) fn note(path: &Path) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|it| it.to_str()))
    else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    let folder = here(folder);
    if listed(folder)?.contains(name) {
        return Ok(());
    }
    let mut list = OpenOptions::new().append(true).create(true).open(folder.join(LIST))?;
    let head = if list.metadata()?.len() == 0 { format!("{HEAD}\n") } else { String::new() };
    list.write_all(format!("{head}{name}\n").as_bytes())
}

/// Removes files of ours, and then tells of them no more.
pub(crate) fn remove(paths: &[PathBuf]) -> io::Result<()> {
    let folders: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    for path in paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    for folder in folders {
        let mut left = listed(here(folder))?;
        let gone = paths.iter().filter(|path| path.parent() == Some(folder));
        for name in gone.filter_map(|path| path.file_name()?.to_str()) {
            left.remove(name);
        }
        let list = here(folder).join(LIST);
        if left.is_empty() {
            fs::remove_file(list)?;
            continue;
        }
        let text: String = left.iter().flat_map(|name| [name.as_str(), "\n"]).collect();
        let beside = here(folder).join(format!("{LIST}.{}", std::process::id()));
        fs::write(&beside, format!("{HEAD}\n{text}"))?;
        fs::rename(beside, list)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_before_the_ending() {
        for (path, number, expected) in [
            ("out/a.b.jsonl", Some(7), "out/a.b.00007.jsonl"),
            ("a.jsonl.gz", Some(123_456), "a.123456.jsonl.gz"),
            ("/a", Some(1), "/a.00001"),
            (".a", None, ".a"),
            ("out/a.csv.zst", None, "out/a.csv.zst"),
        ] {
            assert_eq!(Names::of(path).path(number), PathBuf::from(expected), "{path}");
        }
        let names = Names::of("a.jsonl");
        for (name, is_one) in [
            ("a.jsonl", true),
            ("a.00012.jsonl", true),
            ("a.1.jsonl", false),
            ("a.b.jsonl", false),
            ("a.jsonl.gz", false),
        ] {
            assert_eq!(names.is_one(name), is_one, "{name}");
        }
    }
}
