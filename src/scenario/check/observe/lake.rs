//! Lakes that sinks fill.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Bucket;
use crate::scenario::LakeSite;
use crate::scenario::ObserverKind;
use crate::scenario::Server;
use crate::scenario::TopicFormat;
use crate::scenario::Warehouse;
use crate::scenario::check::firehose::host;
use crate::scenario::check::firehose::region;
use crate::scenario::check::observe::events;
use crate::scenario::check::observe::records;
use crate::scenario::check::observe::topics::Known;
use crate::scenario::check::observe::topics::WITHIN;
use crate::scenario::check::observe::topics::template;
use crate::scenario::check::positive;
use crate::scenario::check::target::is_local;
use crate::scenario::check::target::server;
use crate::scenario::file::LakeFile;
use crate::scenario::file::LayoutFile;
use crate::yaml::Spanned;

/// What is meant where the file says nothing.
const CATALOG: &str = "lake";
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// What stands for no lake at all.
pub(super) const NONE: &str = "none";

/// Where changes or events come, and the domains whose changes do; `None`: there is no such place.
pub(super) fn surface(
    file: &LakeFile,
    (known, is_allowed, has_beats): (Known<'_>, bool, bool),
    problems: &mut Problems,
) -> Option<(ObserverKind, Vec<usize>)> {
    let Some(format) = file.format.meant() else {
        return Some((events::files(file, (known, is_allowed), problems)?, Vec::new()));
    };
    if records::layout(file) == LayoutFile::Objects {
        let (files, domains) = records::records((file, format), (known, is_allowed), problems)?;
        return Some((ObserverKind::Records(Box::new(files)), domains));
    }
    let about = (known, is_allowed, has_beats);
    let (warehouse, domains) = lake((file, format), about, problems)?;
    Some((ObserverKind::Lake(Box::new(warehouse)), domains))
}

/// A lake, and the domains whose changes come there; `None`: there is none.
fn lake(
    (file, format): (&LakeFile, TopicFormat),
    (known, is_allowed, has_beats): (Known<'_>, bool, bool),
    problems: &mut Problems,
) -> Option<(Warehouse, Vec<usize>)> {
    let before = problems.len();
    let words = [("topics", &file.topics), ("flush", &file.flush)];
    let help =
        "write `layout: objects`, or leave it out; `tables` says how Iceberg tables are called";
    records::refuse(&words, "Iceberg tables are found by their names", help, problems);
    let domains = known.chosen(file.domains.as_deref(), file.at.place, problems);
    let tables = template(file.tables.as_ref(), "Iceberg table", problems);
    if !has_beats {
        let problem = Problem::new(
            "nobody could tell how far a lake is: `heartbeat_table` is `false`, and a row of it is what is \
             waited for",
        );
        problems.add(problem.at(file.at.place).help("leave `heartbeat_table` out"));
    }
    let mut time = |text: &Option<Spanned<String>>, otherwise| {
        text.as_ref().and_then(|text| positive(text, problems)).unwrap_or(otherwise)
    };
    let (every, within) = (time(&file.every, EVERY), time(&file.within, WITHIN));
    if every > within {
        let place =
            file.every.as_ref().or(file.within.as_ref()).map_or(file.at.place, |it| it.place);
        let message =
            "a lake that is looked at less often than `within` could never come to its end";
        problems.add(Problem::new(message).at(place).help("let `every` be shorter than `within`"));
    }
    if file.at.value == NONE {
        return None;
    }
    let site = site(file, is_allowed, problems);
    let written = file.catalog.as_ref().filter(|written| !written.value.is_empty());
    let catalog = written.and_then(|written| catalog(written, is_allowed, problems));
    let name = match &file.catalog_name {
        None => CATALOG.to_owned(),
        Some(name) => {
            if written.is_none() {
                let problem = Problem::new("only a catalog in a database has a name");
                problems.add(problem.at(name.place).help("leave it out, or write `catalog`"));
            }
            name.value.clone()
        }
    };
    let catalog = catalog.map(|url| (url, name));
    (problems.len() == before).then_some(())?;
    Some((Warehouse { site: site?, catalog, tables, format, every, within }, domains))
}

fn catalog(
    written: &Spanned<String>,
    is_allowed: bool,
    problems: &mut Problems,
) -> Option<secrecy::SecretString> {
    match server(written, is_allowed, problems) {
        Server::At(url) => Some(url),
        Server::Embedded(_) => {
            let problem = Problem::new("an embedded server holds nobody's catalog");
            let help = "write the address of the database in which the sink's `JdbcCatalog` is";
            problems.add(problem.at(written.place).help(help));
            None
        }
    }
}

pub(super) fn site(file: &LakeFile, is_allowed: bool, problems: &mut Problems) -> Option<LakeSite> {
    let at = &file.at;
    if let Some(rest) = at.value.strip_prefix("s3://") {
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
        if name.is_empty() || !name.chars().all(is_plain) {
            problems.add(wrong(&at.value, at.place));
        }
        let endpoint = endpoint(file, is_allowed, problems);
        let region = file.region.as_ref().map(|written| region(written, problems));
        let is_local = endpoint.as_deref().and_then(host).is_some_and(is_local);
        let (name, prefix) = (name.to_owned(), prefix.to_owned());
        return Some(LakeSite::Bucket(Bucket { name, prefix, endpoint, region, is_local }));
    }
    for (written, what) in [(&file.endpoint, "an S3 server"), (&file.region, "a region")] {
        if let Some(written) = written.as_ref().filter(|written| !written.value.is_empty()) {
            let problem = Problem::new(format!("only a bucket has {what}")).at(written.place);
            problems.add(problem.help("leave it out, or write `at: \"s3://BUCKET/PREFIX\"`"));
        }
    }
    let path = at.value.strip_prefix("file:").map(|path| path.strip_prefix("//").unwrap_or(path));
    match path {
        Some(path) if path.starts_with('/') => Some(LakeSite::Folder(PathBuf::from(path))),
        _ => {
            problems.add(wrong(&at.value, at.place));
            None
        }
    }
}

fn wrong(written: &str, place: Place) -> Problem {
    let problem = Problem::new(format!("`{written}` is no place of a lake")).at(place);
    problem.help("write `s3://BUCKET/PREFIX`, `file:///FOLDER`, or `none`")
}

/// The server; `None`: Amazon's own.
fn endpoint(file: &LakeFile, is_allowed: bool, problems: &mut Problems) -> Option<String> {
    let written = file.endpoint.as_ref().filter(|written| !written.value.is_empty());
    let place = written.map_or(file.at.place, |written| written.place);
    let named = written.map(|written| (written, host(&written.value)));
    if let Some((written, None)) = named {
        let problem = Problem::new(format!("`{}` is no S3 server", written.value)).at(place);
        problems.add(problem.help("write a URL: `http://127.0.0.1:9000`"));
        return None;
    }
    let is_here = named.and_then(|it| it.1).is_some_and(is_local);
    if !is_here && !is_allowed {
        let problem = Problem::new("this lake is not on this machine").at(place);
        let help = "if it may be read, write `allow_remote: true` or pass `--allow-remote`; or name an S3 server \
                    on this machine by `endpoint`";
        problems.add(problem.help(help));
    }
    written.map(|written| written.value.clone())
}
