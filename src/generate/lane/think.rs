//! How long a session thinks between two actions.

use crate::generate::World;
use crate::generate::column::standard_normal;
use crate::generate::compile::fills::NORMAL_P99;
use crate::generate::key::Draw;
use crate::generate::key::Purpose;
use crate::generate::key::key;
use crate::generate::lane::Due;
use crate::pace::Plan;
use crate::pace::Sessions;
use crate::pace::Think;
use crate::pace::nanoseconds;
use crate::pace::real;
use crate::pace::whole;

/// The first slot of the session of a lane: when the session begins.
pub(super) fn first(plan: &Plan, sessions: &Sessions, stream: u16, lane: u32) -> Option<Due> {
    let (begun, _) = sessions.lives(lane).into_iter().next()?;
    let is_warm = lane < plan.warm_sessions();
    let planned_ns = if is_warm { 0 } else { plan.boundary_ns().saturating_add(begun) };
    Some(Due { planned_ns, stream, slot: u64::from(lane) })
}

/// The slot that comes after one: as much later as the session thinks. How long the target takes is
/// no part of it, so that the order of decisions does not depend on that.
pub(super) fn next(world: &World, think: &Think, taken: Due, lanes: u32) -> Option<Due> {
    let slot = taken.slot.checked_add(u64::from(lanes))?;
    let mut draw = Draw::new(key(world.seed, taken.stream, Purpose::Think, slot));
    let planned_ns = taken.planned_ns.saturating_add(drawn(think, &mut draw));
    Some(Due { planned_ns, stream: taken.stream, slot })
}

/// Nanoseconds.
fn drawn(think: &Think, draw: &mut Draw) -> u64 {
    let thought = match think {
        Think::Constant(time) => return nanoseconds(*time),
        Think::Uniform(least, greatest) => {
            let (least, greatest) = (nanoseconds(*least), nanoseconds(*greatest));
            return least + draw.below((greatest - least).saturating_add(1));
        }
        Think::Lognormal { median, p99 } => {
            let (median, p99) = (real(nanoseconds(*median)), real(nanoseconds(*p99)));
            let sigma = libm::log(p99 / median) / NORMAL_P99;
            median * libm::exp(sigma * standard_normal(draw))
        }
        Think::Exponential { mean } => -real(nanoseconds(*mean)) * libm::log(1.0 - draw.unit()),
    };
    whole(thought).min(nanoseconds(Think::MAX))
}
