//! `event_time` with more to it than an offset.

use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::schema::ColumnType;
use crate::schema::Fill;
use crate::schema::Moment;
use crate::schema::PAST_US;
use crate::schema::Through;
use crate::schema::Week;
use crate::schema::check::draw::Spot;
use crate::schema::check::draw::wants;
use crate::schema::check::fill::unknown_column;
use crate::schema::check::outline::TableOutline;
use crate::schema::file::EventTimeFile;
use crate::schema::file::LookupFile;
use crate::schema::file::WeekFile;
use crate::units::parse_duration;
use crate::yaml::Spanned;

/// Longest time before the start: two hundred years.
const PAST_MAX_US: u64 = 200 * 366 * 86_400_000_000;

/// Whether it says more than a plain time and an offset.
pub(super) fn is_meant(file: Option<&EventTimeFile>) -> bool {
    file.is_some_and(|file| {
        let EventTimeFile { past, since, week, part, .. } = file;
        past.is_some() || since.is_some() || week.is_some() || part.is_some()
    })
}

/// Refuses what needs a column of its own.
pub(super) fn refuse(spot: Spot, file: &EventTimeFile, problems: &mut Problems) -> Option<()> {
    if !is_meant(Some(file)) {
        return Some(());
    }
    let message = "`past`, `since`, `week` and `part` are for a whole column of a new row";
    problems.add(Problem::new(message).at(spot.place).help("keep `offset`, or nothing"));
    None
}

/// A time that fills a column of a table.
pub(super) struct Moments<'a> {
    pub(super) table: &'a TableOutline<'a>,
    pub(super) spot: Spot,
}

impl Moments<'_> {
    pub(super) fn fill(&self, file: &EventTimeFile, problems: &mut Problems) -> Option<Fill> {
        let is_year = file.part.is_some();
        let is_whole = self.spot.kind.integer_range().is_some();
        let (is_right, says) = if is_year {
            (is_whole, "a year is a whole number")
        } else {
            (self.spot.kind.is_time(), "`event_time` makes dates and times")
        };
        wants(self.spot, is_right, says, problems)?;
        if let Some(offset) = &file.offset {
            let message = "`offset` cannot stand beside `past`, `since`, `week` or `part`";
            problems.add(Problem::new(message).at(offset.place).help("keep one of them"));
        }
        let past_us = match &file.past {
            Some(past) => self::past(past, problems),
            None => Some(PAST_US),
        };
        let since = match &file.since {
            Some(since) => Some(self.through(since, problems)?),
            None => None,
        };
        let week = match &file.week {
            Some(week) => Some(self.week(week, problems)?),
            None => None,
        };
        Some(Fill::Moment(Box::new(Moment { past_us: past_us?, since, week, is_year })))
    }

    /// The reference that it goes through; what it leads to is checked when all schemas are known.
    fn through(&self, file: &LookupFile, problems: &mut Problems) -> Option<Through> {
        let Some(through) = self.table.column(&file.through.value) else {
            problems.add(unknown_column(self.table, &file.through));
            return None;
        };
        Some(Through { through, column: file.column.value.clone() })
    }

    fn week(&self, file: &WeekFile, problems: &mut Problems) -> Option<Week> {
        let hours = weights(file.hours.as_ref(), 24, "hours of a day", problems);
        let days = weights(file.days.as_ref(), 7, "days of a week", problems);
        let within = match &file.within {
            Some(within) => Some(self.through(within, problems)?),
            None => None,
        };
        if self.spot.kind == ColumnType::Date && (file.hours.is_some() || within.is_some()) {
            let place = file.hours.as_ref().map_or(self.spot.place, |hours| hours.place);
            problems.add(Problem::new("a date has no hours").at(place));
        }
        let (hours, days) = (hours?, days?);
        let all = days.iter().flat_map(|day| hours.iter().map(move |hour| day * hour));
        Some(Week { hours: all.collect(), within })
    }
}

/// So many weights, of which one is above 0; all alike if none are given.
fn weights(
    written: Option<&Spanned<Vec<Spanned<f64>>>>,
    count: usize,
    what: &str,
    problems: &mut Problems,
) -> Option<Vec<f64>> {
    let Some(written) = written else { return Some(vec![1.0; count]) };
    let mut is_good = true;
    for weight in &written.value {
        if !(0.0..=1e9).contains(&weight.value) {
            problems.add(Problem::new("a weight is not negative").at(weight.place));
            is_good = false;
        }
    }
    let sum: f64 = written.value.iter().map(|weight| weight.value).sum();
    if written.value.len() != count {
        let message = format!("there are {count} {what}, and {} weights", written.value.len());
        problems.add(Problem::new(message).at(written.place));
        is_good = false;
    } else if is_good && sum <= 0.0 {
        problems.add(Problem::new("one of the weights is above 0").at(written.place));
        is_good = false;
    }
    is_good.then(|| written.value.iter().map(|weight| weight.value).collect())
}

/// How long before the start seeded rows begin, in microseconds.
pub(crate) fn past(past: &Spanned<String>, problems: &mut Problems) -> Option<u64> {
    let message = match parse_duration(&past.value) {
        Ok(past) => match u64::try_from(past.as_micros()) {
            Ok(us) if (1..=PAST_MAX_US).contains(&us) => return Some(us),
            _ => "seeded rows begin at most 200 years before the start".to_owned(),
        },
        Err(message) => message,
    };
    problems.add(Problem::new(message).at(past.place));
    None
}
