//! The stand-in of an embedded endpoint: what it takes, and how it fails.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::FirehoseLimits;
use crate::scenario::StandIn;
use crate::scenario::check::duration;
use crate::scenario::check::firehose;
use crate::scenario::file::StandInFile;
use crate::yaml::Spanned;

/// The share of records that is refused in a call of which some are.
const PARTIAL_RECORDS: f64 = 0.5;

/// One that does not fail.
fn sound(takes: FirehoseLimits) -> StandIn {
    StandIn {
        folder: None,
        takes,
        partial: 0.0,
        partial_records: PARTIAL_RECORDS,
        throttled: 0.0,
        error: 0.0,
        reset: 0.0,
        delay: (Duration::ZERO, Duration::ZERO),
    }
}

/// A stand-in, where clients keep to these limits; mistakes go to `problems`.
pub(super) fn stand_in(
    written: Option<&Spanned<StandInFile>>,
    limits: FirehoseLimits,
    problems: &mut Problems,
) -> StandIn {
    let Some(Spanned { value: file, place }) = written else { return sound(limits) };
    let mut share = |share: &Option<Spanned<f64>>, otherwise: f64| {
        let Some(share) = share else { return otherwise };
        if !(0.0..=1.0).contains(&share.value) {
            problems.add(Problem::new("a share lies between 0 and 1").at(share.place));
            return otherwise;
        }
        share.value
    };
    let stand_in = StandIn {
        folder: file.folder.as_ref().map(|folder| PathBuf::from(&folder.value)),
        partial: share(&file.partial, 0.0),
        partial_records: share(&file.partial_records, PARTIAL_RECORDS),
        throttled: share(&file.throttled, 0.0),
        error: share(&file.error, 0.0),
        reset: share(&file.reset, 0.0),
        ..sound(limits)
    };
    let StandIn { partial, throttled, error, reset, .. } = stand_in;
    let sum = partial + throttled + error + reset;
    if sum > 1.0 + 1e-9 {
        let message = format!("the shares make {sum}, and a call fails in one way only");
        problems.add(Problem::new(message).at(*place).help("let them make 1 at most"));
    }
    let takes = file.takes.as_ref().map(|takes| firehose::limits(takes, problems));
    StandIn { takes: takes.unwrap_or(limits), delay: delay(file, problems), ..stand_in }
}

fn delay(file: &StandInFile, problems: &mut Problems) -> (Duration, Duration) {
    let mut time =
        |text: &Option<Spanned<String>>| text.as_ref().and_then(|text| duration(text, problems));
    let least = time(&file.delay).unwrap_or_default();
    let most = time(&file.delay_max).unwrap_or(least);
    if let Some(text) = file.delay_max.as_ref().filter(|_| most < least) {
        problems.add(Problem::new("`delay_max` is shorter than `delay`").at(text.place));
    }
    (least, most.max(least))
}
