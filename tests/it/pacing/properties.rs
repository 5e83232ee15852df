//! What holds for any profile and any arrival.
use std::sync::Arc;
use std::time::Duration;

use loadgen::pace::Arrival;
use loadgen::pace::Bend;
use loadgen::pace::Curve;
use loadgen::pace::Profile;
use loadgen::pace::Segment;
use loadgen::pace::Slots;
use loadgen::pace::Stretch;
use loadgen::pace::WarmUp;
use loadgen::pace::WaveStart;
use loadgen::pace::arrival_key;
use proptest::prelude::*;

use crate::pacing::DRAWN;
use crate::pacing::EXACT;
use crate::pacing::emitted;

fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        (1_u32..2_000).prop_map(f64::from),
        0.05..5.0_f64,
        1.0..200_000.0_f64,
        Just(10_000_000.0),
    ]
}

/// Half a millisecond to half a minute; whole milliseconds half of the time.
fn length() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1_u64..30_000).prop_map(Duration::from_millis),
        (500_000_u64..30_000_000_000).prop_map(Duration::from_nanos),
    ]
}

fn segment() -> impl Strategy<Value = Segment> {
    let hold = (rate(), length()).prop_map(|(rate, length)| Segment::Hold { rate, length });
    let bend = prop_oneof![Just(Bend::Linear), Just(Bend::Exponential), Just(Bend::Smooth)];
    let ramp = (proptest::option::of(rate()), rate(), bend, length())
        .prop_map(|(from, to, curve, length)| Segment::Ramp { from, to, curve, length });
    let steps = (rate(), -500.0..500.0_f64, 1_u32..9, length())
        .prop_map(|(from, by, count, each)| Segment::Steps { from, by, count, each });
    let part = || prop_oneof![Just(Duration::ZERO), length()];
    let spike = (rate(), rate(), (part(), part(), part(), length()), 0.1..5.5_f64).prop_map(
        |(base, peak, (rise, hold, fall, quiet), periods)| {
            let every = rise + hold + fall + quiet;
            let length = every.mul_f64(periods);
            Segment::Spike { base, peak, rise, hold, fall, every, length }
        },
    );
    let idle = length().prop_map(|length| Segment::Idle { length });
    let whole = prop_oneof![hold, ramp, steps, spike, idle, wave(), bump(), day(), trace()];
    (whole, proptest::option::weighted(0.2, 0.0..1.0_f64)).prop_map(|(segment, part)| match part {
        Some(part) => {
            let length = segment.length().mul_f64(part);
            Segment::Cut { segment: Box::new(segment), length }
        }
        None => segment,
    })
}

fn wave() -> impl Strategy<Value = Segment> {
    let start = prop_oneof![Just(WaveStart::Mean), Just(WaveStart::Peak), Just(WaveStart::Trough)];
    let share = prop_oneof![Just(1.0), Just(0.0), 0.0..1.0_f64];
    (rate(), share, length(), 0.1..5.5_f64, start).prop_map(
        |(mean, share, period, periods, start)| {
            let length = period.mul_f64(periods);
            Segment::Sine { mean, amplitude: mean * share, period, start, length }
        },
    )
}

fn bump() -> impl Strategy<Value = Segment> {
    let total = prop_oneof![(0_u32..100_000).prop_map(f64::from), 0.0..10_000.0_f64];
    (total, length()).prop_map(|(total, length)| Segment::Bump { total, length })
}

fn day() -> impl Strategy<Value = Segment> {
    let weight = prop_oneof![Just(0.0), 0.0..1.0_f64];
    let weights = prop::array::uniform24(weight);
    (weights, 0.01..50_000.0_f64, length(), 0.1..3.5_f64).prop_map(|(weights, peak, day, days)| {
        let rates = Box::new(weights.map(|weight| weight * peak));
        Segment::Day { rates, day, length: day.mul_f64(days) }
    })
}

fn trace() -> impl Strategy<Value = Segment> {
    let slots = prop_oneof![Just(0.0), (0_u32..5_000).prop_map(f64::from), 0.0..50.0_f64];
    prop::collection::vec((1_u64..5_000_000_000, slots), 1..40).prop_map(|lines| {
        let mut end_ns = 0;
        let stretches = lines.into_iter().map(|(length_ns, slots)| {
            end_ns += length_ns;
            Stretch { end_ns, slots }
        });
        Segment::Trace { stretches: stretches.collect() }
    })
}

fn profile() -> impl Strategy<Value = Arc<dyn Profile>> {
    let curve = prop::collection::vec(segment(), 1..6).prop_map(Curve::new);
    (curve, proptest::option::of(length())).prop_map(|(curve, warmup)| -> Arc<dyn Profile> {
        match warmup {
            Some(warmup) => Arc::new(WarmUp::new(Arc::new(curve), warmup)),
            None => Arc::new(curve),
        }
    })
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let burst = (1_u32..2_000).prop_map(Arrival::Burst);
    prop_oneof![Just(Arrival::Uniform), Just(DRAWN), Just(EXACT), burst]
}

/// Slots spread over a profile: all of the first and last, and some between.
fn some_slots(profile: &dyn Profile) -> Vec<u64> {
    let slots = profile.slots();
    let stride = (slots / 500).max(1) as usize;
    let ends = (0..slots.min(50)).chain(slots.saturating_sub(50)..slots);
    let mut some: Vec<_> = ends.chain((0..slots).step_by(stride)).collect();
    some.sort_unstable();
    some.dedup();
    some
}

/// Slots of a trace's stretches that are too short for a trapeze to see.
fn sudden(segment: &Segment) -> f64 {
    let Segment::Trace { stretches } = segment else { return 0.0 };
    let length = stretches.last().map_or(0, |last| last.end_ns);
    let begins = std::iter::once(0).chain(stretches.iter().map(|stretch| stretch.end_ns));
    let short =
        begins.zip(stretches.iter()).filter(|(begin, it)| it.end_ns - begin < length / 1_000);
    short.map(|(_, stretch)| stretch.slots).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The pacing contract: never a whole slot ahead of the profile or behind it.
    #[test]
    fn at_every_instant_less_than_a_slot_is_missing_or_too_many(
        profile in profile(),
        places in prop::collection::vec(0.0..=1.0_f64, 100),
    ) {
        let length_ns = profile.length().as_nanos() as f64;
        let anywhere = places.iter().map(|place| (place * length_ns) as u64);
        // The instants at which it matters most: those just around due times.
        let slots = some_slots(&*profile);
        let around = slots.iter().flat_map(|slot| {
            let due_ns = profile.due(*slot).unwrap();
            [due_ns.saturating_sub(1), due_ns, due_ns + 1]
        });
        for at_ns in anywhere.chain(around) {
            let expected = profile.expected(at_ns);
            let difference = emitted(&*profile, at_ns) as f64 - expected;
            // Less than 1 but for the last digits of an `f64`.
            prop_assert!(difference.abs() < 1.0 + 1e-9 + expected * 1e-14, "{difference} at {at_ns} ns");
        }
    }

    #[test]
    fn due_times_never_go_back_and_lie_within_the_profile(profile in profile()) {
        let mut before = 0;
        for slot in some_slots(&*profile) {
            let due_ns = profile.due(slot).unwrap();
            prop_assert!(due_ns >= before, "slot {slot}: {due_ns} after {before}");
            prop_assert!(u128::from(due_ns) <= profile.length().as_nanos());
            before = due_ns;
        }
    }

    #[test]
    fn a_profile_has_as_many_slots_as_its_area_and_no_more(segments in prop::collection::vec(segment(), 1..6)) {
        let curve = Curve::new(segments);
        let area = curve.expected(u64::MAX);
        prop_assert_eq!(curve.slots(), area.ceil() as u64);
        prop_assert_eq!(curve.due(curve.slots()), None);
        prop_assert_eq!(curve.due(u64::MAX), None);
        if curve.slots() > 0 {
            prop_assert!(curve.due(curve.slots() - 1).is_some());
        }
    }

    #[test]
    fn due_is_the_inverse_of_expected(segments in prop::collection::vec(segment(), 1..6)) {
        let curve = Curve::new(segments);
        for slot in some_slots(&curve) {
            let due_ns = curve.due(slot).unwrap();
            let near = |at_ns: u64| (curve.expected(at_ns) - slot as f64).abs() <= 1e-6;
            let early = curve.expected(due_ns.saturating_sub(100)) <= slot as f64;
            let late = curve.expected(due_ns + 100) >= slot as f64;
            prop_assert!(near(due_ns) || (early && late), "slot {slot} at {due_ns} ns");
        }
    }

    /// Λ is the area under the rate: trapezes between points that lie close together.
    #[test]
    fn what_is_expected_is_the_area_under_the_rate(segment in segment()) {
        let sudden = sudden(&segment);
        let curve = Curve::new([segment]);
        let length_ns = curve.length().as_nanos() as u64;
        let rates = (0..=1_000).map(|part| curve.rate(length_ns / 1_000 * part));
        let mut highest = rates.fold(0.0, f64::max);
        let (mut area, mut before) = (0.0, (0, curve.rate(0)));
        for part in 1..=20_000_u64 {
            let at = (u128::from(length_ns) * u128::from(part) / 20_000) as u64;
            let rate = curve.rate(at);
            // A peak may be so short that none of the thousand lies in it.
            highest = highest.max(rate);
            area += f64::midpoint(rate, before.1) * (at - before.0) as f64 / 1e9;
            before = (at, rate);
            // A jump may fall into one trapeze of 20,000; there are few.
            let bound = 1e-6 + sudden + highest * 50.0 * length_ns as f64 / 20_000.0 / 1e9;
            let found = curve.expected(at);
            prop_assert!((found - area).abs() <= bound, "{found} instead of {area} at {at} ns");
        }
    }

    #[test]
    fn arrivals_keep_to_their_profile(
        segments in prop::collection::vec(segment(), 1..4),
        arrival in arrival(),
        seed in any::<u64>(),
    ) {
        let curve = Curve::new(segments);
        let expected = curve.expected(u64::MAX);
        let slots = curve.slots();
        let length_ns = curve.length().as_nanos();
        let profile = curve.clone().arriving(arrival, arrival_key(seed, 0));
        let is_drawn = arrival == DRAWN;
        prop_assert!(is_drawn || profile.slots() == slots);
        let off = if is_drawn { 7.0 * expected.sqrt() + 20.0 } else { 1.0 };
        prop_assert!((profile.slots() as f64 - expected).abs() <= off);
        let mut before = 0;
        for slot in some_slots(&*profile) {
            let due_ns = profile.due(slot).unwrap();
            prop_assert!(due_ns >= before && u128::from(due_ns) <= length_ns);
            prop_assert_eq!(profile.due(slot), Some(due_ns));
            before = due_ns;
            let ahead = (slot as f64 - curve.expected(due_ns)).abs();
            let most = match arrival {
                Arrival::Uniform => 1.0,
                Arrival::Burst(size) => f64::from(size),
                // Within a block of 1,024, and as far as the blocks drift.
                EXACT => 1_025.0,
                DRAWN => 1_025.0 + 7.0 * expected.sqrt() + 20.0,
            };
            prop_assert!(ahead < most + 1e-9 + expected * 1e-14, "slot {slot}: {ahead}");
        }
        prop_assert_eq!(profile.due(profile.slots()), None);
    }

    /// Dealing loses nothing, doubles nothing and moves nothing, over lanes and over their sharing.
    #[test]
    fn the_lanes_together_are_the_whole_stream(
        segments in prop::collection::vec(segment(), 1..4),
        arrival in arrival(),
        lanes in 1_u32..40,
        first in 0_u64..2_000,
    ) {
        let curve = Curve::new(segments).arriving(arrival, arrival_key(first, 0));
        let end = curve.slots().min(first + 3_000);
        let whole: Vec<_> = (first..end).map(|slot| (slot, curve.due(slot).unwrap())).collect();
        let lane = |lane| Slots::new(Arc::clone(&curve), lane, lanes, first, end);
        let mut dealt: Vec<_> = (0..lanes).flat_map(lane).collect();
        dealt.sort_unstable();
        prop_assert_eq!(dealt, whole);
    }
}
