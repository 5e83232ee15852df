//! The hash of what decides a run's content.

use std::fmt::Write;

use sha2::Digest;
use sha2::Sha256;

use crate::pace::Arrival;
use crate::pace::Bend;
use crate::pace::Line;
use crate::pace::Pacing;
use crate::pace::Segment;
use crate::pace::Stretch;
use crate::scenario::Copy;
use crate::scenario::Domain;
use crate::scenario::Scenario;
use crate::scenario::Start;
use crate::scenario::TraceBy;
use crate::units::format_hex;

/// What of a stream's pacing decides its content; of an unlimited one nothing.
#[derive(Default)]
pub(super) struct Content {
    /// The segments of its profile, as they are played.
    pub(super) segments: Vec<Segment>,
    /// How its slots arrive.
    pub(super) arrival: Option<Arrival>,
}

/// SHA-256, in hex, of seed, lanes, start, schemas, rows, mixes, warm-up, profiles and arrivals.
pub(super) fn hash(scenario: &Scenario, contents: &[Content]) -> String {
    let mut text = String::from("loadgen.scenario/2\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "seed {}\nlanes {}", scenario.seed, scenario.lanes);
    let _ = match scenario.start {
        Start::Now => writeln!(text, "start now"),
        Start::At(micros) => writeln!(text, "start {micros}"),
    };
    for domain in &scenario.domains {
        write_domain(&mut text, domain);
        if scenario.is_external(domain) {
            text.push_str("external\n");
        }
    }
    // Without these columns nothing is written: that was so once.
    if scenario.cdc.trace == TraceBy::Columns {
        text.push_str("trace columns\n");
    }
    // Every slot is due after the warm-up, and so are the times in the data.
    let _ = writeln!(text, "warmup {}", scenario.load.warmup.as_nanos());
    for (stream, content) in scenario.load.streams.iter().zip(contents) {
        let _ = writeln!(text, "stream {:?}", stream.name);
        for entry in &stream.mix {
            let _ = writeln!(text, "mix {} {} {}", entry.domain, entry.action, entry.weight);
        }
        for segment in &content.segments {
            write_segment(&mut text, segment);
        }
        if let Pacing::Closed { sessions, think } = &stream.pacing {
            let _ = writeln!(text, "closed {think:?}");
            for Line { from, to, length } in sessions.lines() {
                let _ = writeln!(text, "sessions {from} {to} {}", length.as_nanos());
            }
        }
        // Even arrivals are not written: they were the only ones once.
        if let Some(arrival) = content.arrival.filter(|arrival| *arrival != Arrival::Uniform) {
            let _ = writeln!(text, "arrival {arrival:?}");
        }
    }
    format_hex(&Sha256::digest(text.as_bytes()))
}

fn write_domain(text: &mut String, domain: &Domain) {
    let _ = writeln!(text, "domain {:?} {}", domain.schema.name, domain.schema.content);
    let Copy { number, count, .. } = domain.copy;
    if count > 1 {
        let _ = writeln!(text, "copy {number} of {count}");
    }
    for (table, rows) in domain.schema.tables.iter().zip(&domain.rows) {
        let _ = writeln!(text, "rows {:?} {rows}", table.name);
    }
    // Where nothing is wrong nothing is written: that was so once.
    if let Some(faults) = &domain.faults {
        let _ = writeln!(text, "faults {faults:?}");
    }
    if let Some(history) = domain.history {
        let _ = writeln!(text, "history {} {}", history.over_us, history.growth);
    }
}

fn write_segment(text: &mut String, segment: &Segment) {
    let _ = match segment {
        Segment::Hold { rate, length } => writeln!(text, "hold {rate} {}", length.as_nanos()),
        Segment::Ramp { from, to, curve, length } => {
            let curve = match curve {
                Bend::Linear => "",
                Bend::Exponential => " exp",
                Bend::Smooth => " smooth",
            };
            writeln!(text, "ramp {} {to} {}{curve}", from.unwrap_or(-1.0), length.as_nanos())
        }
        Segment::Steps { from, by, count, each } => {
            writeln!(text, "steps {from} {by} {count} {}", each.as_nanos())
        }
        Segment::Spike { base, peak, rise, hold, fall, every, length } => {
            let times = [rise, hold, fall, every, length].map(|time| time.as_nanos().to_string());
            writeln!(text, "spike {base} {peak} {}", times.join(" "))
        }
        Segment::Sine { mean, amplitude, period, start, length } => {
            let times = format!("{} {}", period.as_nanos(), length.as_nanos());
            writeln!(text, "sine {mean} {amplitude} {start:?} {times}")
        }
        Segment::Bump { total, length } => writeln!(text, "bump {total} {}", length.as_nanos()),
        Segment::Day { rates, day, length } => {
            writeln!(text, "day {rates:?} {} {}", day.as_nanos(), length.as_nanos())
        }
        Segment::Trace { stretches } => {
            let line = |each: &Stretch| format!(" {} {}", each.end_ns, each.slots);
            writeln!(text, "trace{}", stretches.iter().map(line).collect::<String>())
        }
        Segment::Cut { segment, length } => {
            write_segment(text, segment);
            writeln!(text, "cut {}", length.as_nanos())
        }
        Segment::Idle { length } => writeln!(text, "idle {}", length.as_nanos()),
    };
}
