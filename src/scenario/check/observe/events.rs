//! Far ends to which events come as they were sent.

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::scenario::Domain;
use crate::scenario::EventSurface;
use crate::scenario::Events;
use crate::scenario::FirehoseEndpoint;
use crate::scenario::ObserverKind;
use crate::scenario::TargetKind;
use crate::scenario::Way;
use crate::scenario::check::observe::lake::EVERY;
use crate::scenario::check::observe::lake::NONE;
use crate::scenario::check::observe::lake::site;
use crate::scenario::check::observe::records::looks_twice;
use crate::scenario::check::observe::records::refuse;
use crate::scenario::check::observe::topics::Known;
use crate::scenario::check::observe::topics::WITHIN;
use crate::scenario::check::positive;
use crate::scenario::file::LakeFile;
use crate::scenario::file::LayoutFile;
use crate::scenario::file::TopicsFile;
use crate::yaml::Spanned;

impl Known<'_> {
    /// The targets to which the events of a domain go.
    fn event_targets(&self, domain: &Domain) -> Vec<usize> {
        let takes = |target: &usize| match self.targets.get(*target).map(|it| &it.kind) {
            Some(TargetKind::Kafka(_) | TargetKind::Firehose(_)) => true,
            Some(_) | None => false,
        };
        if !domain.schema.has_events() {
            return Vec::new();
        }
        let own = [domain.target];
        let all = if domain.events.is_empty() { own.as_slice() } else { domain.events.as_slice() };
        all.iter().copied().filter(takes).collect()
    }

    /// The ways of the events that are meant: of each domain the one to a target that is `preferred`, or the first;
    /// unless domains are named, those alone that lead to such a target.
    pub(super) fn event_ways(
        self,
        meant: Option<&[Spanned<String>]>,
        (at, place): (&str, Place),
        preferred: impl Fn(usize) -> bool,
        problems: &mut Problems,
    ) -> Vec<Way> {
        let all = self.domains.iter().enumerate();
        let way = |(domain, of): (usize, &Domain)| {
            let targets = self.event_targets(of);
            let best = targets.iter().find(|it| preferred(**it));
            let target = *best.or(targets.first().filter(|_| meant.is_some()))?;
            Some(Way { domain, target })
        };
        let ways: Vec<Way> = all.filter_map(way).collect();
        let name = |way: &Way| self.domains[way.domain].schema.name.as_str();
        let names: Vec<&str> = ways.iter().map(name).collect();
        let Some(meant) = meant else {
            if ways.is_empty() && !self.domains.is_empty() {
                let problem = Problem::new(format!("no domain sends events to {at}")).at(place);
                let help = "name domains whose events come there by `domains`, or leave `format: events` out where \
                            changes of rows do";
                problems.add(problem.help(help));
            }
            return ways;
        };
        for name in meant.iter().filter(|name| !names.contains(&name.value.as_str())) {
            let message = format!("no domain `{}` sends events to Kafka or Firehose", name.value);
            let is_there = self.domains.iter().any(|it| it.schema.name == name.value);
            let of_rows = "its rows are observed where changes of rows come: leave `format: events` out there";
            let help = if is_there {
                Some(of_rows.to_owned())
            } else {
                suggest(&name.value, "the domains that do", &names)
            };
            problems.add(Problem::new(message).at(name.place).maybe_help(help));
        }
        let is_meant = |way: &Way| meant.iter().any(|it| it.value == name(way));
        ways.into_iter().filter(is_meant).collect()
    }
}

/// The ways of the events that come to topics, and what those are called if that is not as they are sent.
pub(super) fn topics(
    file: &TopicsFile,
    (known, target): (Known<'_>, usize),
    problems: &mut Problems,
) -> Option<(Vec<Way>, Option<String>)> {
    let before = problems.len();
    let at = format!("`{}`", file.on.value);
    let meant = file.domains.as_deref();
    let ways = known.event_ways(meant, (&at, file.on.place), |it| it == target, problems);
    match &file.topics {
        Some(written) => template(written, problems),
        None => {
            for way in ways.iter().filter(|way| way.target != target) {
                let name = &known.domains[way.domain].schema.name;
                let message = format!("the events of `{name}` are not sent to {at}");
                let help = "if somebody copies them there, say into which topics: `topics: \"copy_{event}\"`";
                problems.add(Problem::new(message).at(file.on.place).help(help));
            }
        }
    }
    let topics = file.topics.as_ref().map(|written| written.value.clone());
    (problems.len() == before).then_some((ways, topics))
}

/// Refuses what names no topic.
fn template(written: &Spanned<String>, problems: &mut Problems) {
    let words = ["{event}", "{domain}"];
    let bare = words.iter().fold(written.value.clone(), |text, word| text.replace(word, "x"));
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if bare.is_empty() || !bare.chars().all(is_plain) {
        let message = format!("`{}` names no topic of events", written.value);
        let help = "letters, digits, `.`, `_` and `-`; `{event}` and `{domain}` may be in it";
        problems.add(Problem::new(message).at(written.place).help(help));
    }
}

/// What stands for the folder of a stand-in.
const EMBEDDED: &str = "embedded";

/// Objects to which events come; `None`: there are none.
pub(super) fn files(
    file: &LakeFile,
    (known, is_allowed): (Known<'_>, bool),
    problems: &mut Problems,
) -> Option<ObserverKind> {
    let before = problems.len();
    let words = [
        ("catalog", &file.catalog),
        ("catalog_name", &file.catalog_name),
        ("tables", &file.tables),
        ("topics", &file.topics),
        ("flush", &file.flush),
    ];
    refuse(&words, "events are in no tables", "leave it out", problems);
    if let Some(layout) = file.layout.as_ref().filter(|it| it.value == LayoutFile::Iceberg) {
        let problem = Problem::new("no events are read from Iceberg tables").at(layout.place);
        problems.add(problem.help("leave it out: they are lines of objects"));
    }
    let is_firehose = |target: usize| {
        known.targets.get(target).is_some_and(|it| matches!(it.kind, TargetKind::Firehose(_)))
    };
    let (meant, at) = (file.domains.as_deref(), &file.at);
    let ways = known.event_ways(meant, ("Firehose", at.place), is_firehose, problems);
    let is_binary = |way: &&Way| match &known.targets[way.target].kind {
        TargetKind::Kafka(kafka) => kafka.registry().is_some(),
        _ => false,
    };
    for way in ways.iter().filter(is_binary) {
        let name = &known.domains[way.domain].schema.name;
        let message =
            format!("the events of `{name}` are Avro, which nobody can tell apart in a file");
        let help = "let them be JSON (`format: json` of their target), or read their topics";
        problems.add(Problem::new(message).at(at.place).help(help));
    }
    let mut time = |text: &Option<Spanned<String>>, otherwise| {
        text.as_ref().and_then(|text| positive(text, problems)).unwrap_or(otherwise)
    };
    let (every, within) = (time(&file.every, EVERY), time(&file.within, WITHIN));
    looks_twice(file, (every, within), problems);
    if at.value == NONE {
        return None;
    }
    let site = if at.value == EMBEDDED {
        stand_in(known, &ways, at.place, problems);
        None
    } else {
        site(file, is_allowed, problems)
    };
    let place = Events::Files { site, every };
    let surface = EventSurface { ways, place, within };
    (problems.len() == before).then(|| ObserverKind::Events(Box::new(surface)))
}

/// All events must go to one stand-in.
fn stand_in(known: Known<'_>, ways: &[Way], place: Place, problems: &mut Problems) {
    let is_embedded = |way: &&Way| match &known.targets[way.target].kind {
        TargetKind::Firehose(firehose) => {
            matches!(firehose.endpoint, FirehoseEndpoint::Embedded(_))
        }
        _ => false,
    };
    if let Some(way) = ways.iter().find(|way| !is_embedded(way)) {
        let name = &known.targets[way.target].name;
        let message =
            format!("`{name}` is no stand-in for Firehose, so nobody knows where it delivers");
        let help = "write the bucket: `at: \"s3://BUCKET/PREFIX\"`; or `firehose: embedded` for the target";
        problems.add(Problem::new(message).at(place).help(help));
    } else if let Some(way) = ways.iter().find(|way| way.target != ways[0].target) {
        let (one, other) = (&known.targets[ways[0].target].name, &known.targets[way.target].name);
        let message = format!("`{one}` and `{other}` deliver into folders of their own");
        let help = "observe each by itself: `domains` says whose events are meant";
        problems.add(Problem::new(message).at(place).help(help));
    }
}
