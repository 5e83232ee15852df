//! The stand-in of an embedded endpoint: what it takes, and how it fails.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::FirehoseFaults;
use crate::scenario::FirehoseLimits;
use crate::scenario::StandIn;
use crate::scenario::check::duration;
use crate::scenario::check::firehose;
use crate::scenario::file::StandInFile;
use crate::yaml::Spanned;

/// A stand-in, where clients keep to these limits; mistakes go to `problems`.
pub(super) fn stand_in(
    written: Option<&Spanned<StandInFile>>,
    limits: FirehoseLimits,
    problems: &mut Problems,
) -> StandIn {
    let none = FirehoseFaults::NONE;
    let Some(Spanned { value: file, place }) = written else {
        return StandIn { folder: None, takes: limits, faults: none };
    };
    let mut share = |share: &Option<Spanned<f64>>, otherwise: f64| {
        let Some(share) = share else { return otherwise };
        if !(0.0..=1.0).contains(&share.value) {
            problems.add(Problem::new("a share lies between 0 and 1").at(share.place));
            return otherwise;
        }
        share.value
    };
    let faults = FirehoseFaults {
        partial: share(&file.partial, none.partial),
        partial_records: share(&file.partial_records, none.partial_records),
        throttled: share(&file.throttled, none.throttled),
        error: share(&file.error, none.error),
        reset: share(&file.reset, none.reset),
        ..none
    };
    let FirehoseFaults { partial, throttled, error, reset, .. } = faults;
    let sum = partial + throttled + error + reset;
    if sum > 1.0 + 1e-9 {
        let message = format!("the shares make {sum}, and a call fails in one way only");
        problems.add(Problem::new(message).at(*place).help("let them make 1 at most"));
    }
    let takes = file.takes.as_ref().map(|takes| firehose::limits(takes, problems));
    StandIn {
        folder: file.folder.as_ref().map(|folder| PathBuf::from(&folder.value)),
        takes: takes.unwrap_or(limits),
        faults: FirehoseFaults { delay: delay(file, problems), ..faults },
    }
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
