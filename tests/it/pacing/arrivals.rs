//! How slots arrive: as scattered as they should be, and as many.

use loadgen::pace::Arrival;
use loadgen::pace::Curve;
use loadgen::pace::Profile;
use loadgen::pace::WarmUp;
use loadgen::pace::WaveStart;
use loadgen::pace::arrival_key;

use crate::pacing::DRAWN;
use crate::pacing::EXACT;
use crate::pacing::SECOND;
use crate::pacing::dues;
use crate::pacing::emitted;
use crate::pacing::hold;
use crate::pacing::ramp;
use crate::pacing::seconds;
use crate::pacing::sine;

/// How many slots lie in each bin of a profile.
fn bins(profile: &dyn Profile, bin_ns: u64) -> Vec<f64> {
    let count = (profile.length().as_nanos() as u64).div_ceil(bin_ns);
    let mut bins = vec![0.0; count as usize];
    for due_ns in dues(profile) {
        bins[(due_ns / bin_ns) as usize] += 1.0;
    }
    bins
}

/// Variance of counts over their mean: 1 for a Poisson process, 0 for an even one.
fn dispersion(counts: &[f64]) -> f64 {
    let many = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / many;
    counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (many - 1.0) / mean
}

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
