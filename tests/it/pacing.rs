//! Schedules on a virtual clock: exact counts, never early, never late, and shares that add up.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    clippy::unwrap_used,
    reason = "a test computes by hand what the library computes with care, and wants equality"
)]

mod arrivals;
mod properties;
mod shapes;

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
use loadgen::pace::WaveStart;

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
fn what_was_played_before_counts_as_warm_up_and_the_rest_is_measured() {
    let whole = Plan::new(&open([hold(100.0, 20.0)]), seconds(1.0), None);
    let rest = whole.clone().resumed(seconds(5.0));
    assert_eq!((rest.warmup_slots(), rest.measured_slots()), (500, Some(1_600)));
    assert_eq!((rest.boundary_ns(), rest.measured()), (5 * SECOND, Some(seconds(16.0))));
    // No slot is another one, or due at another time.
    assert_eq!((rest.slots(), rest.length()), (whole.slots(), whole.length()));
    assert_eq!((rest.due(0), rest.due(2_099)), (whole.due(0), whole.due(2_099)));
    let over = whole.resumed(seconds(60.0));
    assert_eq!((over.measured_slots(), over.measured()), (Some(0), Some(Duration::ZERO)));
    let limited = Plan::new(&Pacing::Unlimited { length: None }, Duration::ZERO, Some(10));
    let limited = limited.resumed(seconds(5.0));
    assert_eq!((limited.slots(), limited.boundary_ns()), (Some(10), 0));
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

const DRAWN: Arrival = Arrival::Poisson(Count::Drawn);
const EXACT: Arrival = Arrival::Poisson(Count::Exact);

/// How many slots are due before a time, found by halving.
fn emitted(profile: &dyn Profile, at_ns: u64) -> u64 {
    let (mut low, mut high) = (0, profile.slots());
    while low < high {
        let middle = low + (high - low) / 2;
        if profile.due(middle).unwrap() < at_ns { low = middle + 1 } else { high = middle }
    }
    low
}
