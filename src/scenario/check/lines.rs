//! Files and standard output: what is wrong with them, and what they mean.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Compress;
use crate::scenario::LineFile;
use crate::scenario::LinesFormat;
use crate::scenario::LinesTarget;
use crate::scenario::LinesTo;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::scenario::file::CompressFile;
use crate::scenario::file::LinesFile;
use crate::scenario::file::LinesFormatFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::TargetFile;
use crate::units::parse_bytes;
use crate::yaml::Spanned;

/// The least that a file is allowed to have before another follows.
const ROTATE_MIN: u64 = 64 << 10;

/// The words that a path may hold.
const WORDS: [&str; 3] = ["{domain}", "{table}", "{event}"];

/// A target; mistakes go to `problems`.
pub(super) fn lines(file: &LinesFile, problems: &mut Problems) -> LinesTarget {
    let to = to(&file.to, problems);
    let rotate = file.rotate.as_ref().and_then(|size| rotate(size, problems));
    if let (LinesTo::Stdout, Some(size)) = (&to, &file.rotate) {
        let problem = Problem::new("standard output has no end at which another would follow");
        problems.add(problem.at(size.place).help("leave `rotate` out, or write into files"));
    }
    LinesTarget {
        to,
        format: match file.format {
            LinesFormatFile::Jsonl => LinesFormat::Jsonl,
            LinesFormatFile::Csv => LinesFormat::Csv,
            LinesFormatFile::Sql => LinesFormat::Sql,
        },
        rotate,
        compress: file.compress.map(|compress| match compress {
            CompressFile::Gzip => Compress::Gzip,
            CompressFile::Zstd => Compress::Zstd,
        }),
    }
}

fn to(written: &Spanned<String>, problems: &mut Problems) -> LinesTo {
    let path = written.value.as_str();
    if path == "stdout" {
        return LinesTo::Stdout;
    }
    let bare = WORDS.iter().fold(path.to_owned(), |path, word| path.replace(word, "x"));
    let name = bare.rsplit('/').next().unwrap_or_default();
    let problem = if bare.contains(['{', '}']) {
        let problem = Problem::new(format!("`{path}` holds a word that stands for nothing"));
        problem.help("there are `{domain}`, `{table}` and `{event}`")
    } else if matches!(name, "" | "." | "..") || bare.contains('\0') {
        Problem::new(format!("`{path}` is no file"))
            .help("write it like `out/{domain}.{table}.jsonl`")
    } else {
        return LinesTo::Files(path.to_owned());
    };
    problems.add(problem.at(written.place));
    LinesTo::Files("{domain}.{table}".to_owned())
}

fn rotate(size: &Spanned<String>, problems: &mut Problems) -> Option<u64> {
    let message = match parse_bytes(&size.value) {
        Ok(bytes) if bytes >= ROTATE_MIN => return Some(bytes),
        Ok(_) => "a file has 64KiB at least before another follows".to_owned(),
        Err(message) => message,
    };
    problems.add(Problem::new(message).at(size.place));
    None
}

/// What goes into each file fits its format, and no file is written by two targets.
pub(super) fn files(scenario: &Scenario, file: &ScenarioFile, problems: &mut Problems) {
    let mut seen: Vec<(String, &str)> = Vec::new();
    let all = file.targets.0.iter().flat_map(|targets| &targets.0);
    for (number, ((_, written), target)) in all.zip(&scenario.targets).enumerate() {
        let TargetKind::Lines(lines) = &target.kind else { continue };
        let Some(TargetFile::Lines(written)) = written else { continue };
        let place = written.to.place;
        let files = scenario.line_files(number);
        let others =
            || files.iter().filter_map(|it| seen.iter().find(|(path, _)| *path == it.path));
        if let Some((path, other)) = others().next() {
            let message = format!("the target `{other}` writes to `{path}` as well");
            problems.add(Problem::new(message).at(place).help("let one of them write elsewhere"));
        }
        seen.extend(files.iter().map(|it| (it.path.clone(), target.name.as_str())));
        events(scenario, (lines, &files), place, problems);
        match lines.format {
            LinesFormat::Jsonl => {}
            LinesFormat::Csv => one_table(scenario, (lines, &files), place, problems),
            LinesFormat::Sql => one_domain(scenario, (lines, &files), place, problems),
        }
    }
}

fn events(
    scenario: &Scenario,
    (lines, files): (&LinesTarget, &[LineFile]),
    place: Place,
    problems: &mut Problems,
) {
    let mut all = files.iter().flat_map(|file| &file.tables);
    let is_event = |(domain, table): &&(usize, usize)| {
        scenario.domains[*domain].schema.tables[*table].event.is_some()
    };
    if lines.format == LinesFormat::Jsonl {
        return;
    }
    if let Some((domain, _)) = all.find(is_event) {
        let name = &scenario.domains[*domain].schema.name;
        let message = format!("the events of `{name}` are JSON, a line each");
        let help = "write `format: jsonl`, or send them to another target: `events: …`";
        problems.add(Problem::new(message).at(place).help(help));
    }
}

/// All lines of a file have the same columns.
fn one_table(
    scenario: &Scenario,
    (lines, files): (&LinesTarget, &[LineFile]),
    place: Place,
    problems: &mut Problems,
) {
    let Some(LineFile { path, tables }) = files.iter().find(|file| file.tables.len() > 1) else {
        return;
    };
    let name = |at: usize| {
        let (domain, table) = tables[at];
        let schema = &scenario.domains[domain].schema;
        format!("{}.{}", schema.name, schema.tables[table].name)
    };
    let message =
        format!("`{}` and `{}` would share `{path}`, and have other columns", name(0), name(1));
    let help = match lines.to {
        LinesTo::Stdout => {
            "write into files, one for each table: `to: \"out/{domain}.{table}.csv\"`"
        }
        LinesTo::Files(_) => "let its name tell them apart: `{domain}.{table}.csv`",
    };
    problems.add(Problem::new(message).at(place).help(help));
}

/// Statements hold in their order, over all tables of a domain, and domains may have tables of one name.
fn one_domain(
    scenario: &Scenario,
    (lines, files): (&LinesTarget, &[LineFile]),
    place: Place,
    problems: &mut Problems,
) {
    let first = |file: &LineFile| file.tables.first().map(|(domain, _)| *domain);
    let name = |domain: usize| scenario.domains[domain].schema.name.as_str();
    for (at, file) in files.iter().enumerate() {
        let Some(domain) = first(file) else { continue };
        let other = file.tables.iter().find(|(other, _)| *other != domain);
        let (message, help) = if files[..at].iter().any(|it| first(it) == Some(domain)) {
            (
                format!(
                    "the tables of `{}` would be in several files, and their statements hold in one order",
                    name(domain)
                ),
                "leave `{table}` out of its name",
            )
        } else if let Some((other, _)) = other {
            (
                format!("`{}` and `{}` would share `{}`", name(domain), name(*other), file.path),
                match lines.to {
                    LinesTo::Stdout => {
                        "write into files, one for each domain: `to: \"out/{domain}.sql\"`"
                    }
                    LinesTo::Files(_) => "let its name tell them apart: `{domain}.sql`",
                },
            )
        } else {
            continue;
        };
        return problems.add(Problem::new(message).at(place).help(help));
    }
}
