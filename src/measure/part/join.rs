//! All shards of a run, added up.

use std::time::Duration;

use crate::measure::End;
use crate::measure::EventCounts;
use crate::measure::Gate;
use crate::measure::Gates;
use crate::measure::Generator;
use crate::measure::Judgement;
use crate::measure::Recorder;
use crate::measure::RunFacts;
use crate::measure::SharedSum;
use crate::measure::Slots;
use crate::measure::StreamFacts;
use crate::measure::TableCounts;
use crate::measure::part::Part;
use crate::measure::part::StreamPart;
use crate::scenario::Threshold;

/// Adds all shards of a run up: what its summary is made from. `run` names the run of all. There is at
/// least one, each has its own number, and all are of the same scenario.
pub fn join(parts: &[Part], run: &str) -> Option<(RunFacts, Recorder)> {
    let first = parts.first()?;
    let earliest = parts.iter().min_by_key(|part| part.began()).unwrap_or(first);
    let generators = parts.iter().map(|part| part.generator);
    let generator = generators.reduce(Generator::and).unwrap_or_default();
    let facts = RunFacts {
        scenario: first.scenario.clone(),
        seed: first.seed,
        run: run.to_owned(),
        shard: None,
        started: earliest.started.clone(),
        elapsed: elapsed(parts),
        workers: parts.iter().map(|part| part.workers).sum(),
        fingerprint: first.fingerprint.clone(),
        end: end(parts),
        invalid_because: parts.iter().flat_map(reasons).collect(),
        tables: tables(parts),
        events: events(parts),
        shared: shared(parts),
        streams: streams(parts),
        generator,
        watched: standing(parts),
        gates: Gates::said(first.validity, first.has_target, (gates(parts), generator)),
        findings: None,
        slots: slots(parts),
        steps: Vec::new(),
        connectors: Vec::new(),
    };
    Some((facts, recorder(parts)))
}

/// From the beginning of the first to the end of the last.
fn elapsed(parts: &[Part]) -> Duration {
    let longest = parts.iter().map(|part| part.elapsed).max().unwrap_or_default();
    let Some(earliest) = parts.iter().filter_map(Part::began).min() else { return longest };
    let until = |part: &Part| Some((part.began()? - earliest).to_std().ok()? + part.elapsed);
    parts.iter().filter_map(until).max().unwrap_or(longest)
}

/// How the one ended that ended worst.
fn end(parts: &[Part]) -> End {
    let worst = parts.iter().max_by_key(|part| part.end.verdict());
    worst.map_or(End::Complete, |part| part.end.clone().of_shard(part.shard))
}

fn reasons(part: &Part) -> impl Iterator<Item = String> {
    part.invalid_because.iter().map(|reason| format!("shard {}: {reason}", part.shard))
}

fn tables(parts: &[Part]) -> Vec<TableCounts> {
    let mut all: Vec<TableCounts> = Vec::new();
    for table in parts.iter().flat_map(|part| &part.tables) {
        let place = |it: &TableCounts| (it.target.clone(), it.database.clone(), it.table.clone());
        match all.iter_mut().find(|known| place(known) == place(table)) {
            Some(known) => known.add(table),
            None => all.push(table.clone()),
        }
    }
    all
}

fn events(parts: &[Part]) -> Vec<EventCounts> {
    let mut all: Vec<EventCounts> = Vec::new();
    for events in parts.iter().flat_map(|part| &part.events) {
        let place = |it: &EventCounts| (it.target.clone(), it.destination.clone());
        match all.iter_mut().find(|known| place(known) == place(events)) {
            Some(known) => known.add(events),
            None => all.push(events.clone()),
        }
    }
    all
}

fn shared(parts: &[Part]) -> Vec<SharedSum> {
    let mut all: Vec<SharedSum> = Vec::new();
    for sum in parts.iter().flat_map(|part| &part.shared) {
        let is_it = |known: &&mut SharedSum| known.is_same_place(sum);
        match all.iter_mut().find(is_it) {
            Some(known) => known.add(sum),
            None => all.push(sum.clone()),
        }
    }
    let tables = tables(parts);
    for sum in &mut all {
        let is_known = tables.iter().all(|table| table.unknown == 0 || !sum.is_in(table));
        if !is_known {
            sum.doubt();
        }
    }
    all
}

fn slots(parts: &[Part]) -> Slots {
    let mut sum = Slots::default();
    for part in parts {
        sum.add(&part.slots);
    }
    sum
}

fn streams(parts: &[Part]) -> Vec<StreamFacts> {
    let mut all = parts.iter().map(|part| part.streams.iter().map(|stream| &stream.facts));
    let mut sums: Vec<StreamFacts> = all.next().into_iter().flatten().cloned().collect();
    for theirs in all {
        for (sum, facts) in sums.iter_mut().zip(theirs) {
            sum.planned = sum.planned.zip(facts.planned).map(|(ours, theirs)| ours + theirs);
            sum.measured = sum.measured.max(facts.measured);
            let sessions = sum.sessions.zip(facts.sessions);
            sum.sessions = sessions.map(|(ours, theirs)| (ours.0 + theirs.0, ours.1 + theirs.1));
        }
    }
    sums
}

/// Of each gate what it said in the shard in which it said the worst.
fn gates(parts: &[Part]) -> Vec<Gate> {
    let mut all: Vec<Gate> = Vec::new();
    for part in parts {
        for gate in &part.gates {
            let message = format!("in shard {}: {}", part.shard, gate.message);
            let said = Gate { message, ..gate.clone() };
            let is_it =
                |known: &&mut Gate| (&known.gate, &known.stream) == (&gate.gate, &gate.stream);
            match all.iter_mut().find(is_it) {
                Some(known) if gate.state > known.state => *known = said,
                Some(_) => {}
                None => all.push(said),
            }
        }
    }
    all
}

/// What was judged each second holds of the run if it held of each shard.
fn standing(parts: &[Part]) -> Vec<Option<Judgement>> {
    let thresholds = parts.first().map_or(&[][..], |part| &part.thresholds);
    let of = |(number, threshold): (usize, &Threshold)| {
        let found = parts.iter().filter_map(|part| part.standing.get(number)?.as_ref());
        let joined = found.cloned().reduce(|ours, theirs| ours.join(&theirs, threshold))?;
        Some(joined.judgement(threshold))
    };
    thresholds.iter().enumerate().map(of).collect()
}

fn recorder(parts: &[Part]) -> Recorder {
    let spans = parts.first().map(|part| part.streams.iter().map(StreamPart::spans).collect());
    let mut recorder = Recorder::with_segments(spans.unwrap_or_default());
    recorder.record.is_measuring = true;
    for part in parts {
        recorder.record.worker.wake.merge_packed(&part.wake);
        for (number, stream) in part.streams.iter().enumerate() {
            if let Some(sum) = recorder.record.streams.get_mut(number) {
                sum.merge(&stream.recorder());
            }
        }
    }
    recorder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Outcome;
    use crate::measure::Spans;
    use crate::measure::Stamps;
    use crate::measure::Summary;
    use crate::pace::Shard;
    use crate::scenario::Comparison;
    use crate::scenario::Metric;
    use crate::scenario::Statistic;
    use crate::scenario::Validity;

    fn spans() -> Vec<Spans> {
        vec![Spans::new([("peak", 100_000, 200_000)])]
    }

    /// Slots from `first` on, every second one, due each microsecond.
    fn record(recorder: &mut Recorder, slots: impl Iterator<Item = u64>) {
        for slot in slots {
            let due = 1_000 + slot * 1_000;
            let stream = recorder.stream(0);
            let record = stream.at(due);
            record.counters.scheduled += 1;
            record.counters.sent += 1;
            let stamps = Stamps {
                intended: Some(due),
                picked: due + slot % 7,
                sent: due + 10 + slot % 11,
                acknowledged: due + 5_000 + slot * slot,
                is_closed: false,
            };
            stream.finished(&stamps, Outcome::Acknowledged);
        }
    }

    fn facts(shard: Option<Shard>, planned: u64) -> RunFacts {
        RunFacts {
            scenario: "joined".to_owned(),
            seed: 1,
            run: "joined-20260101T000000Z".to_owned(),
            shard,
            started: "2026-01-01T00:00:00.000Z".to_owned(),
            elapsed: Duration::from_secs(3),
            workers: 1,
            fingerprint: "abc".to_owned(),
            end: End::Complete,
            invalid_because: Vec::new(),
            tables: Vec::new(),
            events: Vec::new(),
            shared: Vec::new(),
            streams: vec![StreamFacts {
                name: "shop".to_owned(),
                is_open: true,
                is_follow_up: false,
                sessions: None,
                planned: Some(planned),
                began_ns: 1_000,
                measured: Duration::from_micros(400),
                max_lag: Duration::from_secs(5),
            }],
            generator: Generator::default(),
            watched: vec![None],
            gates: Gates::new(Validity::OFF, vec!["shop".to_owned()], 1.0, true),
            findings: None,
            slots: Slots::default(),
            steps: Vec::new(),
            connectors: Vec::new(),
        }
    }

    fn merged(slots: impl Iterator<Item = u64>) -> Recorder {
        let (mut worker, mut whole) =
            (Recorder::with_segments(spans()), Recorder::with_segments(spans()));
        worker.begin_measuring(1_000);
        whole.begin_measuring(1_000);
        record(&mut worker, slots);
        whole.merge(&worker);
        whole
    }

    #[test]
    fn shards_add_up_to_the_whole_with_every_digit() {
        let thresholds = [Threshold::new(
            Metric::Response,
            Statistic::Max,
            (Comparison::Less, 1e5),
            "max < 100us",
        )];
        let whole = Summary::new(facts(None, 400), &merged(0..400), &thresholds);
        let parts: Vec<Part> = [0, 1]
            .map(|first| {
                let shard = Shard { number: first + 1, of: 2 };
                let slots = (u64::from(first)..400).step_by(2);
                let part = Part::new(shard, &facts(Some(shard), 200), &merged(slots), &thresholds);
                // As it is written, and read again.
                let text = serde_json::to_string(&part).unwrap();
                serde_json::from_str(&text).unwrap()
            })
            .into();
        let (facts, recorder) = join(&parts, "joined-20260101T000000Z").unwrap();
        let joined = Summary::new(facts, &recorder, &parts[0].thresholds);
        assert_eq!(joined.streams, whole.streams);
        assert_eq!(joined.streams[0].segments[0].response.count, 100);
        assert_eq!(joined.thresholds, whole.thresholds);
        assert!(!joined.thresholds[0].passed);
        assert_eq!(joined.verdict, whole.verdict);
        assert_eq!(joined.invalid_because, Vec::<String>::new());
    }
}
