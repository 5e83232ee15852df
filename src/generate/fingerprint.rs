//! One number for everything a run would send: equal on every machine, build and number of workers.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::Digest;
use sha2::Sha256;

use crate::action::Action;
use crate::action::TableId;
use crate::action::write_value;
use crate::generate::Lane;
use crate::generate::World;
use crate::units::format_hex;

/// Seeded rows of each table that are looked at.
const SEEDED_ROWS: u64 = 1000;

/// SHA-256, in hex, of the first `actions` slots (dealt to the lanes evenly, each lane in its
/// order) and of the first thousand seeded rows of each table, as text. `workers` threads share the
/// lanes; their number does not change the result.
pub fn fingerprint(world: &Arc<World>, actions: u64, workers: usize) -> String {
    let parts: Vec<(usize, u32)> = (0..world.groups.len())
        .flat_map(|group| (0..world.lanes_of(group)).map(move |lane| (group, lane)))
        .collect();
    let shares = actions.div_ceil(parts.len().max(1) as u64);
    let mut digests = vec![[0; 32]; parts.len()];
    let share = parts.len().div_ceil(workers.max(1)).max(1);
    std::thread::scope(|scope| {
        for (parts, digests) in parts.chunks(share).zip(digests.chunks_mut(share)) {
            scope.spawn(move || {
                for ((group, lane), digest) in parts.iter().zip(digests) {
                    *digest = of_lane(world, *group, *lane, shares);
                }
            });
        }
    });
    let mut all = Sha256::new();
    for digest in &digests {
        all.update(digest);
    }
    for table in 0..world.table_count() {
        all.update(of_seeded(world, TableId::of(table)));
    }
    format_hex(&all.finalize())
}

fn of_lane(world: &Arc<World>, group: usize, lane: u32, slots: u64) -> [u8; 32] {
    let mut lane = Lane::new(world, group, lane);
    let mut hash = Sha256::new();
    let (mut action, mut text) = (Action::default(), String::new());
    for _ in 0..slots {
        let Some(due) = lane.peek() else { break };
        let Some(decision) = lane.decide() else { break };
        world.render(&decision, &mut action);
        text.clear();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {} {:?}", due.stream, due.planned_ns, decision.turn);
        write_action(&action, &mut text);
        hash.update(&text);
    }
    hash.finalize().into()
}

fn of_seeded(world: &World, table: TableId) -> [u8; 32] {
    let mut hash = Sha256::new();
    let (mut action, mut text) = (Action::default(), String::new());
    for number in 0..world.seeded_rows(table).min(SEEDED_ROWS) {
        world.render_seeded(table, number, &mut action);
        text.clear();
        write_action(&action, &mut text);
        hash.update(&text);
    }
    hash.finalize().into()
}

fn write_action(action: &Action, out: &mut String) {
    for operation in action.operations() {
        let _ = write!(out, "{} {}\t", operation.statement.0, operation.rows);
        // Most have none, and are written as ever.
        if let Some(fault) = operation.fault {
            let _ = write!(out, "{fault:?}\t");
        }
        for value in action.values(operation) {
            write_value(*value, action, out);
            out.push('\t');
        }
        out.push('\n');
    }
}
