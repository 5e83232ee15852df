//! When a run's numbers are worth anything: `validity: { cpu: 85% }`, `validity: off`.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::Validity;
use crate::scenario::check::positive;
use crate::scenario::check::threshold::expression::ratio;
use crate::scenario::file::ScenarioFile;
use crate::scenario::file::ValidityFile;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// What switches a gate off.
const OFF: &str = "off";

pub(super) fn validity(file: &ScenarioFile, problems: &mut Problems) -> Validity {
    let Some(Some(written)) = &file.validity.0 else { return Validity::default() };
    match &written.value {
        ScalarOr::Other(limits) => of(limits, problems),
        ScalarOr::Scalar(scalar) if scalar.1 == OFF => Validity::OFF,
        ScalarOr::Scalar(scalar) => {
            let message = format!("`{}` does not say when a run is valid", scalar.1);
            let help = "write `off`, or limits: `{ sched_p99: 1ms, cpu: 85%, throttled: 1% }`";
            problems.add(Problem::new(message).at(written.place).help(help));
            Validity::default()
        }
    }
}

fn of(limits: &ValidityFile, problems: &mut Problems) -> Validity {
    let usual = Validity::default();
    let mut share = |written: &Option<Spanned<String>>, usual| match written {
        None => usual,
        Some(written) if written.value == OFF => None,
        Some(written) => match ratio(&written.value) {
            Ok(ratio) => Some(ratio),
            Err((_, help)) => {
                let message = format!("`{}` is not a share", written.value);
                problems.add(Problem::new(message).at(written.place).maybe_help(help));
                None
            }
        },
    };
    let achieved = share(&limits.achieved, usual.achieved);
    let cpu = share(&limits.cpu, usual.cpu);
    let throttled = share(&limits.throttled, usual.throttled);
    let sched_p99 = match &limits.sched_p99 {
        None => usual.sched_p99,
        Some(written) if written.value == OFF => None,
        Some(written) => positive(written, problems),
    };
    Validity { achieved, sched_p99, cpu, throttled }
}
