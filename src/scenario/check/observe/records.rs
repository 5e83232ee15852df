//! Objects into which sinks write records of changes.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::RecordFiles;
use crate::scenario::TopicFormat;
use crate::scenario::check::observe::lake::EVERY;
use crate::scenario::check::observe::lake::NONE;
use crate::scenario::check::observe::lake::site;
use crate::scenario::check::observe::topics::Known;
use crate::scenario::check::observe::topics::WITHIN;
use crate::scenario::check::observe::topics::template;
use crate::scenario::check::positive;
use crate::scenario::file::LakeFile;
use crate::scenario::file::LayoutFile;
use crate::units::format_duration;
use crate::units::parse_count;
use crate::yaml::Spanned;

/// Most records that a sink writes together.
const FLUSH_MAX: u64 = 1_000_000;

/// How changes lie in a lake, if somebody says so, and where that is said.
pub(super) fn layout(file: &LakeFile) -> LayoutFile {
    file.layout.as_ref().map_or(LayoutFile::default(), |written| written.value)
}

/// Refuses words that do nothing in a lake like this one, for a reason.
pub(super) fn refuse(
    words: &[(&str, &Option<Spanned<String>>)],
    why: &str,
    help: &str,
    problems: &mut Problems,
) {
    let written = |(word, written): &(&str, &Option<Spanned<String>>)| {
        let written = written.as_ref().filter(|written| !written.value.is_empty())?;
        Some((word.to_string(), written.place))
    };
    for (word, place) in words.iter().filter_map(written) {
        let problem = Problem::new(format!("`{word}` does nothing here: {why}"));
        problems.add(problem.at(place).help(help));
    }
}

/// Objects, and the domains whose changes come there; `None`: there are none.
pub(super) fn records(
    (file, format): (&LakeFile, TopicFormat),
    (known, is_allowed): (Known<'_>, bool),
    problems: &mut Problems,
) -> Option<(RecordFiles, Vec<usize>)> {
    let before = problems.len();
    let words = [
        ("catalog", &file.catalog),
        ("catalog_name", &file.catalog_name),
        ("tables", &file.tables),
    ];
    let help = "leave it out; `topics` says how objects are called";
    refuse(&words, "objects are in no Iceberg tables", help, problems);
    let domains = known.chosen(file.domains.as_deref(), file.at.place, problems);
    let topics = template(file.topics.as_ref(), "topic", problems);
    let flush = file.flush.as_ref().map_or(1, |written| flush(written, problems));
    let mut time = |text: &Option<Spanned<String>>, otherwise| {
        text.as_ref().and_then(|text| positive(text, problems)).unwrap_or(otherwise)
    };
    let (every, within) = (time(&file.every, EVERY), time(&file.within, WITHIN));
    looks_twice(file, (every, within), problems);
    if file.at.value == NONE {
        return None;
    }
    let site = site(file, is_allowed, problems);
    (problems.len() == before).then_some(())?;
    Some((RecordFiles { site: site?, topics, format, flush, every, within }, domains))
}

/// What has not come within a time is lost: it must be looked for at least twice by then.
pub(super) fn looks_twice(
    file: &LakeFile,
    (every, within): (std::time::Duration, std::time::Duration),
    problems: &mut Problems,
) {
    if within >= every * 2 {
        return;
    }
    let place: Place =
        file.within.as_ref().or(file.every.as_ref()).map_or(file.at.place, |it| it.place);
    let (every, within) = (format_duration(every), format_duration(within));
    let message = format!(
        "what has not come within {within} is lost, and it is looked for objects every {every} only"
    );
    let help =
        "let `within` be at least twice as long as `every`, and longer than those who write gather";
    problems.add(Problem::new(message).at(place).help(help));
}

fn flush(written: &Spanned<String>, problems: &mut Problems) -> u64 {
    let message = match parse_count(&written.value) {
        Ok(count) if (1..=FLUSH_MAX).contains(&count) => return count,
        Ok(_) => format!("a sink writes 1 to {FLUSH_MAX} records together"),
        Err(message) => message,
    };
    problems.add(Problem::new(message).at(written.place).help("write what it has as `flush.size`"));
    1
}
