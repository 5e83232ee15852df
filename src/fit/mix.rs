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
use crate::schema::Otherwise;
use crate::schema::Step;

/// What stands for all actions that insert a row where they find none, if some did: which of them it was is
/// not told.
const FALLING_BACK: &str = "those that insert a row where they find none";

/// Decides the first `slots` slots of each stream, and judges how often each action came by the weights
/// that `declared` gives: the scenario itself, or another that has the same streams.
pub fn mix(world: &Arc<World>, declared: &Scenario, slots: u64) -> Vec<Finding> {
    let mut seen: Vec<BTreeMap<String, u64>> = vec![BTreeMap::new(); declared.load.streams.len()];
    let mut has_fallen = vec![false; seen.len()];
    for group in 0..world.groups.len() {
        let lanes = world.lanes_of(group);
        let each = slots.div_ceil(u64::from(lanes)) * world.groups[group].len() as u64;
        for lane in 0..lanes {
            let mut lane = Lane::new(world, group, lane);
            for _ in 0..each {
                let Some(decision) = lane.decide() else { break };
                lane.unscheduled().for_each(drop);
                // What follows another action is no draw of the mix; what found no row is one.
                let stream = usize::from(decision.stream);
                let Some(seen) = seen.get_mut(stream) else { continue };
                let name = match decision.turn {
                    Turn::Fallback => {
                        has_fallen[stream] = true;
                        FALLING_BACK
                    }
                    Turn::Skip | Turn::Act => world.action_name(&decision),
                };
                *seen.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    let streams = declared.load.streams.iter().zip(seen).zip(has_fallen);
    streams
        .filter(|((_, seen), _)| seen.values().sum::<u64>() > 0)
        .map(|((stream, mut seen), has_fallen)| {
            let mut shares = BTreeMap::new();
            let total: f64 = stream.mix.iter().map(|entry| entry.weight).sum();
            for entry in &stream.mix {
                let domain = &declared.domains[entry.domain].schema;
                let action = &domain.actions[entry.action];
                let own = format!("{}.{}", domain.name, action.name);
                let is_merged = has_fallen && falls_back(action);
                if is_merged && let Some(count) = seen.remove(&own) {
                    *seen.entry(FALLING_BACK.to_owned()).or_default() += count;
                }
                let name = if is_merged { FALLING_BACK.to_owned() } else { own };
                *shares.entry(name).or_insert(0.0) += entry.weight / total;
            }
            let count = seen.values().sum();
            let law = format!("a mix of {}", stream.mix.len());
            finding(&format!("stream {}", stream.name), law, count, kinds(&shares, &seen))
        })
        .collect()
}

/// Whether an action may insert a row instead.
fn falls_back(action: &Action) -> bool {
    action.steps.iter().any(|step| {
        let (Step::Update { otherwise, .. } | Step::Delete { otherwise, .. }) = step else {
            return false;
        };
        *otherwise == Otherwise::Insert
    })
}
