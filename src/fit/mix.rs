//! The actions that streams decide, held against the weights of their mixes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fit::Finding;
use crate::fit::statistics::kinds;
use crate::fit::tally::finding;
use crate::generate::Lane;
use crate::generate::Turn;
use crate::generate::World;
use crate::scenario::Scenario;
use crate::schema::Action;
use crate::schema::Step;

/// What stands for all actions that may find nothing to work on, where some did not.
const SEARCHING: &str = "those that look for a row";

/// Decides the first `slots` slots of each stream, and judges how often each action came by the weights
/// that `declared` gives: the scenario itself, or another that has the same streams.
pub fn mix(world: &Arc<World>, declared: &Scenario, slots: u64) -> Vec<Finding> {
    let mut seen: Vec<BTreeMap<String, u64>> = vec![BTreeMap::new(); declared.load.streams.len()];
    let mut has_missed = vec![false; seen.len()];
    for group in 0..world.groups.len() {
        let lanes = world.lanes_of(group);
        let each = slots.div_ceil(u64::from(lanes)) * world.groups[group].len() as u64;
        for lane in 0..lanes {
            let mut lane = Lane::new(world, group, lane);
            for _ in 0..each {
                let Some(decision) = lane.decide() else { break };
                lane.unscheduled().for_each(drop);
                // What follows another action is no draw of the mix.
                let stream = usize::from(decision.stream);
                let Some(seen) = seen.get_mut(stream) else { continue };
                let name = match decision.turn {
                    Turn::Fallback | Turn::Skip => {
                        has_missed[stream] = true;
                        SEARCHING
                    }
                    Turn::Act => world.action_name(&decision),
                };
                *seen.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    let streams = declared.load.streams.iter().zip(seen).zip(has_missed);
    streams
        .filter(|((_, seen), _)| seen.values().sum::<u64>() > 0)
        .map(|((stream, mut seen), has_missed)| {
            let mut shares = BTreeMap::new();
            let total: f64 = stream.mix.iter().map(|entry| entry.weight).sum();
            for entry in &stream.mix {
                let domain = &declared.domains[entry.domain].schema;
                let action = &domain.actions[entry.action];
                let own = format!("{}.{}", domain.name, action.name);
                let is_merged = has_missed && searches(action);
                if is_merged && let Some(count) = seen.remove(&own) {
                    *seen.entry(SEARCHING.to_owned()).or_default() += count;
                }
                let name = if is_merged { SEARCHING.to_owned() } else { own };
                *shares.entry(name).or_insert(0.0) += entry.weight / total;
            }
            let count = seen.values().sum();
            let law = format!("a mix of {}", stream.mix.len());
            finding(&format!("stream {}", stream.name), law, count, kinds(&shares, &seen))
        })
        .collect()
}

/// Whether an action may find nothing to work on.
fn searches(action: &Action) -> bool {
    action.steps.iter().any(|step| matches!(step, Step::Update { .. } | Step::Delete { .. }))
}
