//! The past of seeded rows.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::scenario::History;
use crate::scenario::file::HistoryFile;
use crate::schema::check::past;
use crate::yaml::ScalarOr;
use crate::yaml::Spanned;

/// How unlike the rates at both ends may be.
const GROWTH_MAX: f64 = 1_000.0;

/// `2y`, or a span and its growth.
pub(super) fn history(
    written: &Spanned<ScalarOr<HistoryFile>>,
    problems: &mut Problems,
) -> Option<History> {
    let file = match &written.value {
        ScalarOr::Scalar(scalar) => {
            let over = Spanned { value: scalar.1.clone(), place: written.place };
            return past(&over, problems).map(|over_us| History { over_us, growth: 1.0 });
        }
        ScalarOr::Other(file) => file,
    };
    let over = past(&file.over, problems);
    let growth = match &file.growth {
        Some(growth) if !(1.0 / GROWTH_MAX..=GROWTH_MAX).contains(&growth.value) => {
            let message = format!("a growth is at least 0.001 and at most {GROWTH_MAX}");
            let help = "write 8 for eight times as many rows a day at the end as at the beginning";
            problems.add(Problem::new(message).at(growth.place).help(help));
            None
        }
        Some(growth) => Some(growth.value),
        None => Some(1.0),
    };
    Some(History { over_us: over?, growth: growth? })
}
