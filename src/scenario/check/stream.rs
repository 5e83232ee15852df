//! Streams: mixes, pacing, limits, late policies.

use std::ops::Range;
use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::pace::Curve;
use crate::pace::Pacing;
use crate::pace::Segment;
use crate::pace::arrival_key;
use crate::pace::lasting;
use crate::scenario::Late;
use crate::scenario::LatePolicy;
use crate::scenario::MixEntry;
use crate::scenario::NamedSegment;
use crate::scenario::Stream;
use crate::scenario::check::arrival;
use crate::scenario::check::batch::batching;
use crate::scenario::check::copies::Spread;
use crate::scenario::check::positive;
use crate::scenario::check::profile;
use crate::scenario::check::profile::End;
use crate::scenario::check::profile::Part;
use crate::scenario::check::profile::Written;
use crate::scenario::check::scale::Scale;
use crate::scenario::check::sessions;
use crate::scenario::check::spans;
use crate::scenario::file::LateFile;
use crate::scenario::file::LoadFile;
use crate::scenario::file::ModelFile;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::StreamFile;
use crate::scenario::hash::Content;
use crate::units::parse_count;
use crate::yaml::Spanned;

/// What is meant where the file says nothing.
const FACTOR: f64 = 2.0;
const MAX_LAG: Duration = Duration::from_secs(5);

/// The highest rate, per second: what a rate may be as it is written.
const RATE_MAX: f64 = 1e9;

/// Most streams, and most actions of a mix.
const STREAMS_MAX: usize = 256;

/// What streams are checked against.
pub(super) struct Context<'a> {
    pub(super) file: &'a ScenarioFile,
    /// The same with each copy of a domain by itself, and the schemas of all of them.
    pub(super) spread: &'a Spread,
    /// The scenario as it was named: a path or `@name`.
    pub(super) scenario: &'a str,
    /// From which the arrivals come.
    pub(super) seed: u64,
    /// What the command line does to rates and lengths.
    pub(super) scale: Scale,
    /// How long every stream lasts, if the command line says so.
    pub(super) length: Option<Duration>,
    /// How often everything is played.
    pub(super) rounds: u32,
}

impl Context<'_> {
    /// All streams, and what of each one's pacing decides the content.
    pub(super) fn streams(
        &self,
        load: &LoadFile,
        problems: &mut Problems,
    ) -> (Vec<Stream>, Vec<Content>) {
        if let Some((name, _)) = load.streams.0.get(STREAMS_MAX) {
            let message = format!("a scenario has at most {STREAMS_MAX} streams");
            problems.add(Problem::new(message).at(name.place));
        }
        let streams = load.streams.iter().enumerate();
        streams.filter_map(|(number, stream)| self.stream(number, stream, problems)).unzip()
    }

    fn stream(
        &self,
        number: usize,
        (name, file): (&Spanned<String>, &StreamFile),
        problems: &mut Problems,
    ) -> Option<(Stream, Content)> {
        if name.value.is_empty() || name.value.len() > 100 || name.value.contains(char::is_control)
        {
            let message = "a stream's name has 1 to 100 characters that can be printed";
            problems.add(Problem::new(message).at(name.place));
        }
        let mix = self.mix(file, problems);
        let late = late(file.late.as_ref().map(|late| &late.value), problems);
        let limit = file.limit.as_ref().map(|limit| match parse_count(&limit.ops.value) {
            Ok(0) => Err("a limit of 0 means that nothing is sent".to_owned()),
            other => other,
        });
        let limit = match (limit, &file.limit) {
            (Some(Err(message)), Some(limit)) => {
                problems.add(Problem::new(message).at(limit.ops.place));
                None
            }
            (Some(Ok(limit)), _) => Some(limit.saturating_mul(self.rounds.into())),
            _ => None,
        };
        let (pacing, named, content) = match file.model {
            ModelFile::Open => self.paced(number, (name, file), limit, problems)?,
            ModelFile::Closed => {
                let pacing = sessions::closed(name, file, (self.scale, self.length), problems)?;
                (pacing, Vec::new(), Content::default())
            }
        };
        let name = name.value.clone();
        let batch = batching(file, problems);
        let late = late?;
        Some((Stream { name, mix: mix?, pacing, segments: named, late, limit, batch }, content))
    }

    /// The profile of an open stream as it is played, when its named segments are, and what of it
    /// decides the content.
    fn open(
        &self,
        parts: Vec<Part>,
        (file, place): (&StreamFile, Place),
        number: usize,
        problems: &mut Problems,
    ) -> Option<(Pacing, Vec<NamedSegment>, Content)> {
        let parts: Vec<Part> = parts.into_iter().map(|part| self.scale.part(part)).collect();
        let highest = parts.iter().map(|part| part.segment.highest()).fold(0.0, f64::max);
        if highest > RATE_MAX {
            let message = "the profile has more than a thousand million a second";
            problems.add(Problem::new(message).at(place));
            return None;
        }
        let named = spans::named(&parts, self.length);
        let segments: Vec<Segment> = parts.into_iter().map(|part| part.segment).collect();
        let segments = match self.length {
            Some(length) => lasting(segments, length),
            None => segments,
        };
        let (segments, named) = again(segments, named, self.rounds);
        let curve = Curve::new(segments.clone());
        let arrival = arrival::arrival(file.arrival.as_ref(), &curve, problems)?;
        let profile = curve.arriving(arrival, arrival_key(self.seed, number));
        Some((Pacing::Open(profile), named, Content { segments, arrival: Some(arrival) }))
    }

    /// When the slots of an open stream are due.
    fn paced(
        &self,
        number: usize,
        (name, file): (&Spanned<String>, &StreamFile),
        limit: Option<u64>,
        problems: &mut Problems,
    ) -> Option<(Pacing, Vec<NamedSegment>, Content)> {
        let sessions = file.sessions.as_ref().map(|written| (written.place, "sessions"));
        let think = file.think.as_ref().map(|written| (written.place, "think"));
        for (place, word) in [sessions, think].into_iter().flatten() {
            let message = format!("`{word}` belongs to a closed stream, and this one is open");
            problems.add(Problem::new(message).at(place).help("write `model: closed` beside it"));
        }
        let Some(profile) = &file.profile else {
            if sessions.is_none() {
                let problem = Problem::new("the stream has no `profile`").at(name.place);
                problems.add(problem.help("write `profile: [ { hold: 100/s, for: 1m } ]`"));
            }
            return None;
        };
        let read = profile::profile(profile, file.repeat.as_ref(), self.scenario, problems);
        Some(match read? {
            Written::Unlimited(End::AtLimit, _) if limit.is_none() && self.length.is_none() => {
                let problem = Problem::new("this stream would never end").at(profile.place);
                let help = "write `unlimited: 60s`, or `limit: { ops: 1M }` beside `profile`";
                problems.add(problem.help(help));
                return None;
            }
            Written::Unlimited(end, name) => {
                arrival::refuse(file.arrival.as_ref(), problems);
                let own = match end {
                    End::After(length) => Some(self.scale.time(length)),
                    End::AtLimit => None,
                };
                let length = self.length.or(own);
                (Pacing::Unlimited { length }, spans::whole(name, length), Content::default())
            }
            Written::Open(parts) => self.open(parts, (file, profile.place), number, problems)?,
        })
    }

    fn mix(&self, file: &StreamFile, problems: &mut Problems) -> Option<Vec<MixEntry>> {
        let mut entries = Vec::new();
        let mut is_whole = true;
        let mut sum = 0.0;
        for (name, weight) in &file.mix.value.0 {
            let found = self.action(name, problems);
            let Some(weight) = weight else {
                is_whole = false;
                continue;
            };
            if weight.value < 0.0 {
                let problem = Problem::new("a weight is not negative").at(weight.place);
                problems.add(problem);
                is_whole = false;
            }
            sum += weight.value.max(0.0);
            match found {
                // What has no weight never happens.
                Some(_) if weight.value <= 0.0 => {}
                Some((domains, action)) => {
                    // One copy is as likely as another.
                    let count = u32::try_from(domains.len()).unwrap_or(1);
                    let weight = weight.value / f64::from(count);
                    let all = domains.map(|domain| MixEntry { domain, action, weight });
                    entries.extend(all);
                }
                None => is_whole = false,
            }
        }
        if sum <= 0.0 && is_whole {
            let problem = Problem::new("the mix sums to nothing").at(file.mix.place);
            problems.add(problem.help("write `mix: { domain.action: 1 }`"));
            return None;
        }
        is_whole.then_some(entries)
    }

    /// The domains (one, or all its copies) and the action that `domain.action` names. Names may have
    /// dots themselves.
    fn action(
        &self,
        name: &Spanned<String>,
        problems: &mut Problems,
    ) -> Option<(Range<usize>, usize)> {
        let domains: Vec<&str> =
            self.file.domains.value.names().map(|name| name.value.as_str()).collect();
        let split = name.value.match_indices('.').map(|(at, _)| name.value.split_at(at));
        let mut known = split.filter_map(|(domain, action)| {
            let number = domains.iter().position(|known| *known == domain)?;
            Some((number, &action[1..]))
        });
        let Some((domain, action)) = known.next() else {
            let wanted = name.value.split('.').next().unwrap_or("");
            let problem = if name.value.contains('.') {
                Problem::new(format!("there is no domain `{wanted}`")).maybe_help(suggest(
                    wanted,
                    "the domains",
                    &domains,
                ))
            } else {
                Problem::new(format!("`{}` names no action", name.value))
                    .help("write `domain.action`")
                    .maybe_help(self.homeless(&name.value))
            };
            problems.add(problem.at(name.place));
            return None;
        };
        // A schema that could not be read has its own mistakes in the list.
        let all = self.spread.domains(domains[domain])?;
        let checked = self.spread.schemas.get(all.start)?.as_ref()?;
        let schema = &checked.schema;
        let found = schema.action(action);
        if found.is_none() && checked.is_external {
            let message = format!("`{}` is external: nothing is done to its rows", schema.name);
            problems.add(Problem::new(message).at(name.place).help("leave this out of the mix"));
        } else if found.is_none() {
            let names: Vec<&str> =
                schema.actions.iter().map(|action| action.name.as_str()).collect();
            let message = format!("`{}` has no action `{action}`", domains[domain]);
            let help = suggest(action, "the actions", &names);
            problems.add(Problem::new(message).at(name.place).maybe_help(help));
        }
        let before = self.spread.schemas.iter().take(all.start);
        let broken = before.filter(|schema| schema.is_none()).count();
        found.map(|action| (all.start - broken..all.end - broken, action))
    }

    /// `place_order` without its domain.
    fn homeless(&self, name: &str) -> Option<String> {
        let schemas = self.spread.schemas.iter().flatten().map(|checked| &checked.schema);
        let found = schemas.into_iter().find(|schema| schema.action(name).is_some())?;
        Some(format!("did you mean `{}.{name}`?", found.name))
    }
}

/// A whole profile so many times, and when its named segments are played then.
fn again(
    mut segments: Vec<Segment>,
    named: Vec<NamedSegment>,
    rounds: u32,
) -> (Vec<Segment>, Vec<NamedSegment>) {
    if rounds <= 1 {
        return (segments, named);
    }
    // Each time is the same: a ramp that begins it begins at 0.
    let mut first = segments.first_mut();
    while let Some(Segment::Cut { segment, .. }) = first {
        first = Some(segment);
    }
    if let Some(Segment::Ramp { from, .. }) = first {
        *from = Some(from.unwrap_or(0.0));
    }
    let length: Duration = segments.iter().map(Segment::length).sum();
    let times = |round: u32| {
        named.iter().map(move |segment| NamedSegment {
            name: segment.name.clone(),
            from: length * round + segment.from,
            to: length * round + segment.to,
        })
    };
    let played = (0..rounds).flat_map(times).collect();
    let repeated = (0..rounds).flat_map(|_| segments.iter().cloned()).collect();
    (repeated, played)
}

fn late(file: Option<&LateFile>, problems: &mut Problems) -> Option<Late> {
    let (policy, factor, max_lag) = match file {
        None => (LatePolicy::CatchUp, None, &None),
        Some(LateFile::CatchUp(file)) => (LatePolicy::CatchUp, file.factor.as_ref(), &file.max_lag),
        Some(LateFile::Skip(file)) => (LatePolicy::Skip, None, &file.max_lag),
        Some(LateFile::Abort(file)) => (LatePolicy::Abort, None, &file.max_lag),
    };
    if let Some(written) = factor
        && !(1.0..=1e6).contains(&written.value)
    {
        let problem = Problem::new("a factor below 1 never catches up").at(written.place);
        problems.add(problem.help("1 keeps the distance; 2 works a backlog off at twice the rate"));
        return None;
    }
    let factor = factor.map_or(FACTOR, |factor| factor.value);
    let max_lag = match max_lag {
        Some(lag) => positive(lag, problems)?,
        None => MAX_LAG,
    };
    Some(Late { factor, max_lag, policy })
}
