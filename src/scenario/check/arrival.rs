//! How the slots of a stream arrive.

use std::time::Duration;

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::pace::Arrival;
use crate::pace::Count;
use crate::pace::Curve;
use crate::pace::POISSON_MAX;
use crate::pace::Profile;
use crate::scenario::file::ArrivalFile;
use crate::scenario::file::CountFile;
use crate::units::format_count;
use crate::yaml::Spanned;

/// Random arrivals of shorter profiles have an exact count unless they say otherwise: of few slots
/// chance would take or add many.
const EXACT_BELOW: Duration = Duration::from_mins(1);

/// Most slots of a burst.
const BURST_MAX: u32 = 1_000_000;

/// What is written, for a profile.
pub(super) fn arrival(
    file: Option<&Spanned<ArrivalFile>>,
    curve: &Curve,
    problems: &mut Problems,
) -> Option<Arrival> {
    let Some(file) = file else { return Some(Arrival::Uniform) };
    let problem = match file.value {
        ArrivalFile::Uniform => return Some(Arrival::Uniform),
        ArrivalFile::Poisson(poisson) => {
            let is_exact = match poisson.count {
                Some(CountFile::Exact) => true,
                Some(CountFile::Drawn) => false,
                None => curve.length() < EXACT_BELOW,
            };
            if is_exact {
                return Some(Arrival::Poisson(Count::Exact));
            }
            if curve.slots() <= POISSON_MAX {
                return Some(Arrival::Poisson(Count::Drawn));
            }
            let most = format_count(POISSON_MAX);
            let message = format!("a drawn number of slots is at most {most}, and this is more");
            Problem::new(message).help("write `arrival: { poisson: { count: exact } }`")
        }
        ArrivalFile::Burst(burst) if (1..=BURST_MAX).contains(&burst.size) => {
            return Some(Arrival::Burst(burst.size));
        }
        ArrivalFile::Burst(_) => Problem::new(format!("a burst has 1 to {BURST_MAX} slots")),
    };
    problems.add(problem.at(file.place));
    None
}

/// Refuses an arrival where no slot is due at a time of its own.
pub(super) fn refuse(file: Option<&Spanned<ArrivalFile>>, problems: &mut Problems) {
    if let Some(file) = file.filter(|file| !matches!(file.value, ArrivalFile::Uniform)) {
        let message = "an `unlimited` stream has no arrivals: each slot is due at once";
        problems.add(Problem::new(message).at(file.place).help("leave `arrival` away"));
    }
}
