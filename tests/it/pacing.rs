//! Schedules on a virtual clock: exact counts, never early, never late, and shares that add up.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    reason = "a test computes by hand what the library computes with care, and wants equality"
)]

use std::sync::Arc;
use std::time::Duration;

use loadgen::pace::Arrival;
use loadgen::pace::Bend;
use loadgen::pace::Count;
use loadgen::pace::Curve;
use loadgen::pace::Pacing;
use loadgen::pace::Plan;
use loadgen::pace::Profile;
use loadgen::pace::Segment;
use loadgen::pace::Slots;
use loadgen::pace::Stretch;
use loadgen::pace::WarmUp;
use loadgen::pace::WaveStart;
use loadgen::pace::arrival_key;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn hold(rate: f64, for_s: f64) -> Segment {
    Segment::Hold { rate, length: seconds(for_s) }
}

fn ramp(from: Option<f64>, to: f64, for_s: f64) -> Segment {
    Segment::Ramp { from, to, curve: Bend::Linear, length: seconds(for_s) }
}

fn dues(profile: &dyn Profile) -> Vec<u64> {
    (0..profile.slots()).map(|slot| profile.due(slot).unwrap()).collect()
}

#[test]
fn a_minute_at_a_thousand_a_second_is_sixty_thousand_slots_a_millisecond_apart() {
    let curve = Curve::new([hold(1_000.0, 60.0)]);
    assert_eq!(curve.slots(), 60_000);
    for (slot, due_ns) in dues(&curve).into_iter().enumerate() {
        assert_eq!(due_ns, slot as u64 * 1_000_000);
    }
    assert_eq!(curve.due(60_000), None);
}

#[test]
fn rates_that_no_period_in_nanoseconds_can_express_are_kept() {
    for rate in [70_000.0, 150_000.0, 700_000.0, 1_500_000.0, 0.3, 7.0] {
        let curve = Curve::new([hold(rate, 60.0)]);
        let slots = curve.slots();
        assert_eq!(slots, (rate * 60.0).ceil() as u64, "{rate}");
        let last_ns = curve.due(slots - 1).unwrap() as f64;
        let right_ns = (slots - 1) as f64 * 1e9 / rate;
        assert!((last_ns - right_ns).abs() <= 1.0, "{rate}: {last_ns} instead of {right_ns}");
    }
}

#[test]
fn fractions_of_a_slot_carry_over_segment_borders() {
    let thirds = Curve::new((0..30).map(|_| hold(0.1, 1.0)));
    assert_eq!(thirds.slots(), 3);
    assert_eq!(dues(&thirds), [0, 10 * SECOND, 20 * SECOND]);
    let more = Curve::new([hold(0.1, 30.0), hold(0.1, 0.001)]);
    assert_eq!(more.slots(), 4);
}

#[test]
fn a_ramp_from_nothing_begins_at_once_and_follows_the_square_root() {
    let curve = Curve::new([ramp(None, 100.0, 10.0)]);
    assert_eq!(curve.slots(), 500);
    let dues = dues(&curve);
    assert_eq!(dues[0], 0);
    for (slot, due_ns) in dues.into_iter().enumerate() {
        let right_ns = (slot as f64 / 5.0).sqrt() * 1e9;
        assert!((due_ns as f64 - right_ns).abs() <= 1.0, "{slot}: {due_ns} instead of {right_ns}");
    }
}

#[test]
fn a_ramp_begins_where_the_segment_before_ended() {
    let curve = Curve::new([hold(200.0, 10.0), ramp(None, 1_000.0, 15.0)]);
    assert_eq!(curve.slots(), 2_000 + 9_000);
    assert_eq!(curve.rate(10 * SECOND), 200.0);
    let down = Curve::new([ramp(Some(10.0), 20.0, 1.0), ramp(None, 0.0, 1.0)]);
    assert_eq!(down.slots(), 15 + 10);
    assert_eq!(down.rate(SECOND), 20.0);
}

#[test]
fn what_stands_at_a_pause_waits_until_it_is_over() {
    let idle = |length| Segment::Idle { length: seconds(length) };
    let curve = Curve::new([idle(5.0), hold(10.0, 1.0), idle(10.0), hold(10.0, 0.5), idle(3.0)]);
    let dues = dues(&curve);
    assert_eq!(dues.len(), 15);
    assert_eq!((dues[0], dues[9], dues[10]), (5 * SECOND, 5_900_000_000, 16 * SECOND));
    assert_eq!(curve.length(), seconds(19.5));
    assert_eq!(curve.expected(12 * SECOND), 10.0);
}

#[test]
fn steps_climb_and_never_fall_below_nothing() {
    let steps = |from, by, count| Segment::Steps { from, by, count, each: seconds(2.0) };
    assert_eq!(Curve::new([steps(100.0, 50.0, 4)]).slots(), 2 * (100 + 150 + 200 + 250));
    let falling = Curve::new([steps(10.0, -6.0, 5)]);
    assert_eq!((falling.slots(), falling.rate(5 * SECOND)), (2 * (10 + 4), 0.0));
}

#[test]
fn a_spike_stands_in_the_middle_of_each_period() {
    let spike = Segment::Spike {
        base: 100.0,
        peak: 1_100.0,
        rise: seconds(1.0),
        hold: seconds(2.0),
        fall: seconds(1.0),
        every: seconds(10.0),
        length: seconds(25.0),
    };
    let curve = Curve::new([spike]);
    let a_period = 100 * 10 + 1_000 * 3;
    assert_eq!(curve.slots(), 2 * a_period + 100 * 3 + 600 + 1_100);
    let rates = [0, 2, 3, 4, 5, 6, 7, 9, 10, 14, 24].map(|at| curve.rate(at * SECOND));
    assert_eq!(rates, [100., 100., 100., 1_100., 1_100., 1_100., 100., 100., 100., 1_100., 1_100.]);
    assert_eq!(curve.due(a_period), Some(10 * SECOND));
}

#[test]
fn spikes_without_end_cost_no_memory_and_no_exactness() {
    let spike = Segment::Spike {
        base: 0.0,
        peak: 300.0,
        rise: Duration::ZERO,
        hold: Duration::from_millis(1),
        fall: Duration::ZERO,
        every: Duration::from_millis(3),
        length: Duration::from_secs(1_000_000),
    };
    let curve = Curve::new([spike]);
    // 0.3 slots in each third of 10⁹ periods, and the last is cut short by two thirds.
    assert_eq!(curve.slots(), 100_000_000);
    assert_eq!(curve.due(3), Some(31_000_000));
    let late = curve.due(99_999_999).unwrap();
    assert!(late % 3_000_000 >= 1_000_000 && late % 3_000_000 <= 2_000_000, "{late}");
}

#[test]
fn a_slot_on_the_border_of_two_periods_belongs_to_the_second() {
    // 0.017 slots a period: 17 / 0.017 is a little less than 1,000 in an `f64`.
    let spike = Segment::Spike {
        base: 0.0,
        peak: 17.0,
        rise: Duration::ZERO,
        hold: Duration::from_millis(1),
        fall: Duration::ZERO,
        every: Duration::from_millis(3),
        length: Duration::from_mins(1),
    };
    assert_eq!(Curve::new([spike]).due(17), Some(3_001_000_000));
}

#[test]
fn ten_hours_at_ten_million_a_second_stay_exact() {
    let curve = Curve::new([hold(10_000_000.0, 36_000.0)]);
    assert_eq!(curve.slots(), 360_000_000_000);
    for slot in [1, 123_456_789_012, 359_999_999_999] {
        assert_eq!(curve.due(slot), Some(slot * 100));
    }
}

#[test]
fn a_curve_can_be_cut() {
    let curve = Curve::new([hold(10.0, 10.0), ramp(None, 30.0, 10.0)]);
    let cut = curve.cut(seconds(15.0));
    assert_eq!((cut.length(), cut.slots()), (seconds(15.0), 100 + 75));
    assert_eq!(dues(&cut), dues(&curve)[..175]);
    assert_eq!(curve.cut(seconds(99.0)), curve);
    assert_eq!(curve.cut(Duration::ZERO).slots(), 0);
}

fn open(segments: impl IntoIterator<Item = Segment>) -> Pacing {
    Pacing::Open(Arc::new(Curve::new(segments)))
}

#[test]
fn a_warm_up_plays_the_mean_of_what_follows_and_comes_first() {
    let pacing = open([ramp(Some(0.0), 100.0, 10.0), hold(50.0, 10.0)]);
    let plan = Plan::new(&pacing, seconds(4.0), None);
    // Over its first 4 s the ramp has 80 slots: 20 a second.
    assert_eq!((plan.warmup_slots(), plan.measured_slots()), (80, Some(1_000)));
    assert_eq!((plan.slots(), plan.boundary_ns()), (Some(1_080), 4 * SECOND));
    assert_eq!((plan.due(0), plan.due(79)), (Some(0), Some(3_950_000_000)));
    assert_eq!((plan.due(80), plan.due(80 + 500)), (Some(4 * SECOND), Some(14 * SECOND)));
    assert_eq!(plan.due(1_080), None);
    assert_eq!((plan.rate(SECOND), plan.rate(23 * SECOND)), (20.0, 50.0));
    assert_eq!((plan.length(), plan.rate(24 * SECOND)), (Some(seconds(24.0)), 0.0));
}

#[test]
fn a_warm_up_longer_than_the_profile_keeps_its_rate() {
    let plan = Plan::new(&open([hold(100.0, 1.0)]), seconds(5.0), None);
    assert_eq!((plan.warmup_slots(), plan.slots()), (500, Some(600)));
}

#[test]
fn a_limit_counts_measured_slots_and_ends_the_stream_early() {
    let plan = Plan::new(&open([hold(100.0, 60.0)]), seconds(1.0), Some(250));
    assert_eq!((plan.warmup_slots(), plan.slots()), (100, Some(350)));
    assert_eq!(plan.measured(), Some(seconds(2.5)));
    assert_eq!((plan.due(349).is_some(), plan.due(350)), (true, None));
    assert_eq!(plan.lane(3, 4, 0).last().unwrap().0, 347);
}

#[test]
fn an_unlimited_stream_has_content_times_only() {
    let plan = Plan::new(&Pacing::Unlimited { length: Some(seconds(9.0)) }, Duration::ZERO, None);
    assert!(!plan.is_open());
    assert_eq!((plan.slots(), plan.due(7), plan.length()), (None, Some(7_000), Some(seconds(9.0))));
    let limited = Plan::new(&Pacing::Unlimited { length: None }, Duration::ZERO, Some(10));
    assert_eq!((limited.slots(), limited.due(9), limited.due(10)), (Some(10), Some(9_000), None));
    assert_eq!(limited.lane(1, 4, 0).collect::<Vec<_>>(), [(1, 1_000), (5, 5_000), (9, 9_000)]);
    // Only the clock ends a warm-up without a schedule, so the total is not known beforehand.
    let warm = Plan::new(&Pacing::Unlimited { length: None }, seconds(1.0), Some(10));
    assert_eq!((warm.slots(), warm.measured_slots()), (None, Some(10)));
}

#[test]
fn a_lane_may_begin_anywhere() {
    let profile: Arc<dyn Profile> = Arc::new(Curve::new([hold(1_000.0, 1.0)]));
    let slots = |first, end| {
        let slots = Slots::new(Arc::clone(&profile), 2, 5, first, end);
        slots.map(|(slot, _)| slot).collect::<Vec<_>>()
    };
    assert_eq!(slots(0, 10), [2, 7]);
    assert_eq!(slots(2, 8), [2, 7]);
    assert_eq!(slots(3, 13), [7, 12]);
    assert_eq!(slots(995, u64::MAX), [997]);
    assert_eq!(slots(u64::MAX, u64::MAX), [0_u64; 0]);
}

fn sine(mean: f64, amplitude: f64, period: f64, start: WaveStart, for_s: f64) -> Segment {
    let (period, length) = (seconds(period), seconds(for_s));
    Segment::Sine { mean, amplitude, period, start, length }
}

#[test]
fn waves_begin_where_they_are_told_and_keep_their_mean() {
    for (start, rates) in [
        (WaveStart::Mean, [100.0, 160.0, 100.0, 40.0]),
        (WaveStart::Peak, [160.0, 100.0, 40.0, 100.0]),
        (WaveStart::Trough, [40.0, 100.0, 160.0, 100.0]),
    ] {
        let curve = Curve::new([sine(100.0, 60.0, 4.0, start, 40.0)]);
        for (quarter, rate) in rates.into_iter().enumerate() {
            let found = curve.rate(quarter as u64 * SECOND);
            assert!((found - rate).abs() < 1e-9, "{start:?} {quarter}: {found}");
        }
        assert_eq!(curve.slots(), 4_000);
        assert_eq!(curve.due(400), Some(4 * SECOND));
    }
    // Half a wave is all above the mean: 100·2 s + 60·(4 s / 2π)·2.
    let half = Curve::new([sine(100.0, 60.0, 4.0, WaveStart::Mean, 2.0)]);
    let area = 200.0 + 60.0 * 4.0 / std::f64::consts::PI;
    assert!((half.expected(2 * SECOND) - area).abs() < 1e-9);
}

#[test]
fn a_bump_has_its_total_and_is_highest_in_its_middle() {
    for total in [1.0, 1_000.0, 99_999.0, 100_000.0, 1e9] {
        let curve = Curve::new([Segment::Bump { total, length: seconds(60.0) }]);
        assert_eq!(curve.slots(), total as u64);
        assert_eq!((curve.rate(0), curve.expected(30 * SECOND)), (0.0, total / 2.0));
        assert!((curve.rate(30 * SECOND) - total / 30.0).abs() < total * 1e-9);
    }
}

#[test]
fn ramps_bend() {
    let bent = |from, to, curve| {
        Curve::new([Segment::Ramp { from: Some(from), to, curve, length: seconds(10.0) }])
    };
    let smooth = bent(100.0, 300.0, Bend::Smooth);
    assert_eq!((smooth.slots(), smooth.rate(5 * SECOND)), (2_000, 200.0));
    assert!(smooth.rate(SECOND) < 106.0 && smooth.rate(9 * SECOND) > 294.0);
    let grown = bent(10.0, 1_000.0, Bend::Exponential);
    assert!((grown.rate(5 * SECOND) - 100.0).abs() < 1e-9);
    // (1000 − 10)·10 s / ln 100
    let area = 9_900.0 / 100.0_f64.ln();
    assert!((grown.expected(u64::MAX) - area).abs() < 1e-6);
    assert_eq!(bent(50.0, 50.0, Bend::Exponential).slots(), 500);
}

#[test]
fn a_day_has_its_mean_whatever_its_length() {
    let weights: [f64; 24] = std::array::from_fn(|hour| ((hour * 7) % 24) as f64 + 0.5);
    let mean = weights.iter().sum::<f64>() / 24.0;
    for day in
        [seconds(86_400.0), seconds(600.0), seconds(1.0), Duration::from_nanos(7_654_321_987)]
    {
        let rates = Box::new(weights.map(|weight| weight * 240.0 / mean));
        let curve = Curve::new([Segment::Day { rates, day, length: day * 3 }]);
        let total = 240.0 * 3.0 * day.as_secs_f64();
        assert!((curve.expected(u64::MAX) - total).abs() < 1e-9 * total, "{day:?}");
        let noon = curve.rate((day.as_nanos() / 48 * 25) as u64);
        assert!((noon / 240.0 - weights[12] / mean).abs() < 1e-6, "{noon}");
    }
}

#[test]
fn a_trace_has_what_was_recorded() {
    let stretches = [(1, 10.0), (3, 0.0), (4, 7.0)];
    let stretches = stretches.map(|(end, slots)| Stretch { end_ns: end * SECOND, slots });
    let curve = Curve::new([Segment::Trace { stretches: stretches.into() }]);
    assert_eq!((curve.slots(), curve.length()), (17, seconds(4.0)));
    assert_eq!((curve.due(9), curve.due(10)), (Some(900_000_000), Some(3 * SECOND)));
}

#[test]
fn scaled_segments_keep_their_shape() {
    let profile = || {
        vec![
            hold(500.0, 10.0),
            sine(100.0, 60.0, 4.0, WaveStart::Mean, 40.0),
            Segment::Bump { total: 3_000.0, length: seconds(20.0) },
        ]
    };
    let plain = Curve::new(profile());
    let scaled = Curve::new(profile().into_iter().map(|segment| segment.scaled(0.5, 10.0)));
    assert_eq!(scaled.length(), seconds(7.0));
    assert_eq!(scaled.slots(), plain.slots() / 20);
    for at in [1, 12, 19, 55] {
        let (plain, scaled) = (plain.rate(at * SECOND), scaled.rate(at * SECOND / 10));
        assert!((plain * 0.5 - scaled).abs() < 1e-6 * plain, "{plain} {scaled}");
    }
}

/// How many slots lie in each bin of a profile.
fn bins(profile: &dyn Profile, bin_ns: u64) -> Vec<f64> {
    let count = (profile.length().as_nanos() as u64).div_ceil(bin_ns);
    let mut bins = vec![0.0; count as usize];
    dues(profile).into_iter().for_each(|due_ns| bins[(due_ns / bin_ns) as usize] += 1.0);
    bins
}

/// Variance of counts over their mean: 1 for a Poisson process, 0 for an even one.
fn dispersion(counts: &[f64]) -> f64 {
    let many = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / many;
    counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (many - 1.0) / mean
}

const DRAWN: Arrival = Arrival::Poisson(Count::Drawn);
const EXACT: Arrival = Arrival::Poisson(Count::Exact);

#[test]
fn poisson_arrivals_are_as_scattered_as_they_should_be() {
    for seed in 0..8 {
        let arriving =
            |arrival| Curve::new([hold(1_000.0, 200.0)]).arriving(arrival, arrival_key(seed, 1));
        let drawn = arriving(DRAWN);
        // 447 is the standard deviation of a Poisson number with mean 200,000.
        let off = drawn.slots().abs_diff(200_000);
        assert!((1..4 * 447).contains(&off), "{}", drawn.slots());
        // In 4,000 bins the dispersion has a standard deviation of √(2 / 4,000) = 0.022.
        for (profile, bin_ms, about) in [
            (&drawn, 1, 1.0),
            (&drawn, 50, 1.0),
            (&drawn, 500, 1.0),
            // Within a block of 1,024 a point that is in one bin is in no other.
            (&arriving(EXACT), 50, 1.0 - 50.0 / 1_024.0),
        ] {
            let bins = bins(&**profile, bin_ms * 1_000_000);
            let bound = 4.0 * (2.0 / bins.len() as f64).sqrt();
            let found = dispersion(&bins);
            assert!((found - about).abs() < bound, "seed {seed}, {bin_ms} ms: {found}");
        }
        assert!(dispersion(&bins(&*arriving(Arrival::Uniform), 50_000_000)) < 0.01);
    }
}

/// Gaps between the points of a Poisson process are exponential: of those longer than g there are
/// e^(−g).
#[test]
fn poisson_gaps_are_exponential() {
    let profile = Curve::new([hold(1_000.0, 100.0)]).arriving(DRAWN, arrival_key(3, 0));
    let dues = dues(&*profile);
    let gaps: Vec<f64> = dues.windows(2).map(|two| (two[1] - two[0]) as f64 / 1e6).collect();
    for longer in [0.01, 0.1, 0.5, 1.0, 2.0, 5.0_f64] {
        let share = gaps.iter().filter(|gap| **gap > longer).count() as f64 / gaps.len() as f64;
        let right = (-longer).exp();
        let bound = 5.0 * (right * (1.0 - right) / gaps.len() as f64).sqrt();
        assert!((share - right).abs() < bound, "{longer}: {share} instead of {right}");
    }
}

/// The arrivals follow the rate: in each stretch of a ramp and a wave there are as many as there
/// should be, up to chance.
#[test]
fn poisson_arrivals_follow_the_profile() {
    let curve = || {
        Curve::new([ramp(None, 4_000.0, 50.0), sine(2_000.0, 2_000.0, 30.0, WaveStart::Peak, 60.0)])
    };
    for seed in 0..4 {
        let drawn = curve().arriving(DRAWN, arrival_key(seed, 0));
        let exact = curve().arriving(EXACT, arrival_key(seed, 0));
        assert_eq!(exact.slots(), curve().slots());
        for stretch in 0..22 {
            let (from, to) = (stretch * 5 * SECOND, (stretch + 1) * 5 * SECOND);
            let right = curve().expected(to) - curve().expected(from);
            for (profile, bound) in [(&drawn, 5.0 * right.sqrt()), (&exact, 160.0)] {
                let found = emitted(&**profile, to) - emitted(&**profile, from);
                assert!((found as f64 - right).abs() < bound, "{stretch}: {found} of {right}");
            }
        }
    }
}

#[test]
fn an_exact_count_is_exact_in_each_stretch_of_1024() {
    let profile = Curve::new([hold(100.0, 120.0)]).arriving(EXACT, arrival_key(1, 0));
    assert_eq!(profile.slots(), 12_000);
    for block in 1..11 {
        assert_eq!(emitted(&*profile, block * 10_240_000_000), block * 1_024);
    }
    let short = Curve::new([hold(2.0, 10.0)]).arriving(EXACT, arrival_key(1, 0));
    assert_eq!(short.slots(), 20);
    let fraction = Curve::new([hold(2.0, 10.3)]).arriving(EXACT, arrival_key(1, 0));
    assert_eq!(fraction.slots(), 21);
}

/// What is drawn does not depend on how long the profile lasts.
#[test]
fn a_longer_profile_begins_as_a_shorter_one() {
    let dues = |for_s| dues(&*Curve::new([hold(500.0, for_s)]).arriving(DRAWN, arrival_key(5, 2)));
    let (short, long) = (dues(21.3), dues(60.0));
    assert_eq!(short[..], long[..short.len()]);
    assert!(long[short.len()] >= 21_300_000_000, "the shorter one has them all");
}

#[test]
fn bursts_share_a_moment() {
    let profile = Curve::new([hold(100.0, 10.0)]).arriving(Arrival::Burst(50), 0);
    assert_eq!(profile.slots(), 1_000);
    for (slot, due_ns) in dues(&*profile).into_iter().enumerate() {
        assert_eq!(due_ns, slot as u64 / 50 * SECOND / 2);
    }
    // The last burst is as large as what is left.
    assert_eq!(Curve::new([hold(100.0, 0.7)]).arriving(Arrival::Burst(50), 0).slots(), 70);
}

#[test]
fn seeds_and_streams_arrive_differently_and_the_warm_up_alike() {
    let of = |key| dues(&*Curve::new([hold(1_000.0, 5.0)]).arriving(EXACT, key));
    assert_eq!(of(arrival_key(1, 0)), of(arrival_key(1, 0)));
    assert_ne!(of(arrival_key(1, 0)), of(arrival_key(2, 0)));
    assert_ne!(of(arrival_key(1, 0)), of(arrival_key(1, 1)));
    let profile = Curve::new([hold(1_000.0, 50.0)]).arriving(EXACT, arrival_key(1, 0));
    let warm = WarmUp::new(profile, seconds(50.0));
    let half = |begin: u64| -> Vec<f64> {
        let all = bins(&warm, 20_000_000);
        all[begin as usize..begin as usize + 2_500].to_vec()
    };
    let (before, measured) = (half(0), half(2_500));
    assert_ne!(before, measured);
    for counts in [before, measured] {
        assert!((dispersion(&counts) - 1.0).abs() < 0.15, "{}", dispersion(&counts));
    }
}

#[test]
fn a_hundred_million_random_slots_are_at_hand_at_once() {
    let profile = Curve::new([hold(1_000_000.0, 100.0)]).arriving(DRAWN, arrival_key(1, 0));
    let slots = profile.slots();
    assert!(slots.abs_diff(100_000_000) < 50_000, "{slots}");
    let mut before = 0;
    for slot in (slots - 5_000..slots).chain([slots]) {
        let Some(due_ns) = profile.due(slot) else { break };
        assert!(due_ns >= before && due_ns <= 100 * SECOND);
        before = due_ns;
    }
    assert_eq!(profile.due(slots), None);
}

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

/// How many slots are due before a time, found by halving.
fn emitted(profile: &dyn Profile, at_ns: u64) -> u64 {
    let (mut low, mut high) = (0, profile.slots());
    while low < high {
        let middle = low + (high - low) / 2;
        if profile.due(middle).unwrap() < at_ns { low = middle + 1 } else { high = middle }
    }
    low
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
        let curve = Curve::new([segment]);
        let length_ns = curve.length().as_nanos() as u64;
        let highest = (0..=1_000).map(|part| curve.rate(length_ns / 1_000 * part)).fold(0.0, f64::max);
        let (mut area, mut before) = (0.0, (0, curve.rate(0)));
        for part in 1..=20_000_u64 {
            let at = (u128::from(length_ns) * u128::from(part) / 20_000) as u64;
            let rate = curve.rate(at);
            area += (rate + before.1) / 2.0 * (at - before.0) as f64 / 1e9;
            before = (at, rate);
            // A jump may fall into one trapeze of 20,000; there are few.
            let bound = 1e-6 + highest * 50.0 * length_ns as f64 / 20_000.0 / 1e9;
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
        let off = match arrival {
            DRAWN => 7.0 * expected.sqrt() + 20.0,
            _ => { prop_assert_eq!(profile.slots(), slots); 1.0 }
        };
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
