//! Each shape of a profile, against what is computed by hand.
use std::time::Duration;

use loadgen::pace::Bend;
use loadgen::pace::Curve;
use loadgen::pace::Profile;
use loadgen::pace::Segment;
use loadgen::pace::Stretch;
use loadgen::pace::WaveStart;

use crate::pacing::SECOND;
use crate::pacing::hold;
use crate::pacing::seconds;
use crate::pacing::sine;

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
