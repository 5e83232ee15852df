//! The hash of what decides a run's content.

use std::fmt::Write;

use sha2::Digest;
use sha2::Sha256;

use crate::pace::Line;
use crate::pace::Pacing;
use crate::pace::Segment;
use crate::scenario::Domain;
use crate::scenario::Scenario;
use crate::scenario::Start;
use crate::units::format_hex;

/// SHA-256, in hex, of seed, lanes, start, schemas, rows, mixes, warm-up and profiles. `profiles` has the
/// segments of each stream; those of an unlimited one are empty.
pub(super) fn hash(scenario: &Scenario, profiles: &[Vec<Segment>]) -> String {
    let mut text = String::from("loadgen.scenario/2\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "seed {}\nlanes {}", scenario.seed, scenario.lanes);
    let _ = match scenario.start {
        Start::Now => writeln!(text, "start now"),
        Start::At(micros) => writeln!(text, "start {micros}"),
    };
    for domain in &scenario.domains {
        write_domain(&mut text, domain);
    }
    // Every slot is due after the warm-up, and so are the times in the data.
    let _ = writeln!(text, "warmup {}", scenario.load.warmup.as_nanos());
    for (stream, segments) in scenario.load.streams.iter().zip(profiles) {
        let _ = writeln!(text, "stream {:?}", stream.name);
        for entry in &stream.mix {
            let _ = writeln!(text, "mix {} {} {}", entry.domain, entry.action, entry.weight);
        }
        for segment in segments {
            write_segment(&mut text, segment);
        }
        if let Pacing::Closed { sessions, think } = &stream.pacing {
            let _ = writeln!(text, "closed {think:?}");
            for Line { from, to, length } in sessions.lines() {
                let _ = writeln!(text, "sessions {from} {to} {}", length.as_nanos());
            }
        }
    }
    format_hex(&Sha256::digest(text.as_bytes()))
}

fn write_domain(text: &mut String, domain: &Domain) {
    let _ = writeln!(text, "domain {:?} {}", domain.schema.name, domain.schema.content);
    for (table, rows) in domain.schema.tables.iter().zip(&domain.rows) {
        let _ = writeln!(text, "rows {:?} {rows}", table.name);
    }
}

fn write_segment(text: &mut String, segment: &Segment) {
    let _ = match segment {
        Segment::Hold { rate, length } => writeln!(text, "hold {rate} {}", length.as_nanos()),
        Segment::Ramp { from, to, length } => {
            writeln!(text, "ramp {} {to} {}", from.unwrap_or(-1.0), length.as_nanos())
        }
        Segment::Steps { from, by, count, each } => {
            writeln!(text, "steps {from} {by} {count} {}", each.as_nanos())
        }
        Segment::Spike { base, peak, rise, hold, fall, every, length } => {
            let times = [rise, hold, fall, every, length].map(|time| time.as_nanos().to_string());
            writeln!(text, "spike {base} {peak} {}", times.join(" "))
        }
        Segment::Idle { length } => writeln!(text, "idle {}", length.as_nanos()),
    };
}
