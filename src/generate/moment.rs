//! Times that follow another row's, or the hours of a week: see [`crate::schema::Moment`].

use crate::action::Action;
use crate::action::TableId;
use crate::action::Value;
use crate::generate::column::Column;
use crate::generate::column::Filler;
use crate::generate::column::Row;
use crate::generate::column::moment;
use crate::generate::key::Draw;
use crate::generate::lane::NOBODY;
use crate::generate::world::World;
use crate::scenario::History;
use crate::schema::PAST_US;
use crate::units::DAY_US;
use crate::units::civil;

/// Microseconds of a second and a week.
const SECOND_US: i64 = 1_000_000;
const WEEK_US: i64 = 7 * DAY_US;

/// Seconds of a day.
const DAY_S: u32 = 86_400;

/// How often a time is drawn anew that lies outside the opening hours.
const TRIES_MAX: u32 = 32;

/// The days as opening hours name them, with the quotes of JSON.
const DAYS: [&str; 7] = [
    "\"Monday\"",
    "\"Tuesday\"",
    "\"Wednesday\"",
    "\"Thursday\"",
    "\"Friday\"",
    "\"Saturday\"",
    "\"Sunday\"",
];

/// A time, made ready.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    pub(super) past_us: u64,
    pub(super) since: Option<Led>,
    pub(super) week: Option<Week>,
    pub(super) is_year: bool,
}

/// A column of the row that a reference of this row names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Led {
    /// The reference.
    pub(super) through: usize,
    pub(super) table: TableId,
    pub(super) column: usize,
}

/// Which hours of a week are likely.
#[derive(Debug, Clone)]
pub(super) struct Week {
    /// Of the 168 hours, cumulated.
    pub(super) shares: Vec<f64>,
    pub(super) within: Option<Led>,
}

/// What is known of the time before which nothing may lie.
#[derive(Clone, Copy)]
enum Bound {
    None,
    /// Not before this time.
    At(i64),
    /// Some time in the run, before the action that is under way.
    InRun,
}

/// Whether a place is open at the time of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Opening {
    Now,
    /// Closed, and it was open before.
    Before,
    /// It was open last before the time that `since` names.
    TooEarly,
}

impl World {
    /// A time as the column holds it, or its year.
    pub(super) fn moment_value(
        &self,
        column: &Column,
        meant: &Moment,
        row: &Row<'_>,
        action: &mut Action,
    ) -> Value {
        let at = self.moment(column, meant, row, action);
        if meant.is_year { Value::Int(year(at)) } else { moment(column.kind, at) }
    }

    /// When a row was changed last: a seeded one that is further than its first state some time after it
    /// was made, mostly soon.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a part of two centuries"
    )]
    pub(super) fn touched_value(&self, column: &Column, row: &Row<'_>) -> Value {
        let is_seeded = row.line == 0 && row.ordinal < self.table(row.table).seeded;
        let mut at = row.at_us;
        if is_seeded && row.state > 0 && row.change == 0 {
            let life = self.start_us.saturating_sub(at).max(0);
            let share = Draw::new(self.column_key(column, row)).unit();
            at += (life as f64 * share * share * share * share) as i64;
        }
        moment(column.kind, at)
    }

    /// A time, in microseconds since 1970. What is made in the run carries the time of its action, or the
    /// last one before it at which the place was open; seeded rows are spread over their past.
    fn moment(&self, column: &Column, meant: &Moment, row: &Row<'_>, action: &mut Action) -> i64 {
        let mut draw = Draw::new(self.column_key(column, row));
        let within = meant.week.as_ref().and_then(|week| week.within);
        let mut hours = || within.and_then(|within| self.hours(within, row, action));
        if row.line != 0 || row.ordinal >= self.table(row.table).seeded {
            return hours().map_or(row.at_us, |hours| hours.latest(row.at_us, &mut draw));
        }
        let bound = meant.since.map_or(Bound::None, |since| self.bound(since, row));
        let from = match bound {
            Bound::At(from) => Some(from),
            Bound::None | Bound::InRun => None,
        };
        let history = self.table(row.table).history;
        let begin = history.map(|history| self.start_us.saturating_sub_unsigned(history.over_us));
        let at = match from {
            Some(from) => self.spread_since(history, from, &mut draw),
            None => self.seeded_at(row.table, row.ordinal, meant.past_us),
        };
        match &meant.week {
            Some(week) => self.in_week(week, (at, from.max(begin)), hours().as_ref(), &mut draw),
            None => at,
        }
    }

    /// A time between another one and the start: evenly, or as the history of the rows has it.
    fn spread_since(&self, history: Option<History>, from: i64, draw: &mut Draw) -> i64 {
        let life = self.start_us.saturating_sub(from).max(1).unsigned_abs();
        let Some(history) = history else {
            return from.saturating_add_unsigned(draw.below(life));
        };
        let before = history.share_before(life);
        let ago = history.ago_us(before + (1.0 - before) * draw.unit());
        self.start_us.saturating_sub_unsigned(ago.clamp(1, life))
    }

    /// The number of the row that is led to, if there is one.
    fn led_to(&self, led: Led, row: &Row<'_>) -> Option<u64> {
        let via = &self.table(row.table).columns[led.through];
        let Filler::Reference { parent, .. } = &via.filler else { return None };
        let is_null = self.is_null(via, row);
        let ordinal = (!is_null).then(|| self.parent_ordinal(via, parent, led.table, row));
        ordinal.filter(|ordinal| *ordinal != NOBODY)
    }

    fn bound(&self, since: Led, row: &Row<'_>) -> Bound {
        let Some(ordinal) = self.led_to(since, row) else { return Bound::None };
        let table = self.table(since.table);
        if ordinal >= table.seeded {
            return Bound::InRun;
        }
        let past_us = match &table.columns[since.column].filler {
            Filler::Moment(meant) => meant.past_us,
            _ => PAST_US,
        };
        Bound::At(self.seeded_at(since.table, ordinal, past_us))
    }

    /// Moves a time of a seeded row back to a likely hour of the seven days before it; on to one of the
    /// next seven where that would be before `from`, but not to the start.
    fn in_week(
        &self,
        week: &Week,
        (at, from): (i64, Option<i64>),
        hours: Option<&Hours>,
        draw: &mut Draw,
    ) -> i64 {
        let monday = monday_before(at);
        let moved = |second: u32| {
            let found = monday + i64::from(second) * SECOND_US;
            let last = if found > at { found - WEEK_US } else { found };
            if from.is_some_and(|from| last < from) { last + WEEK_US } else { last }
        };
        let mut second = 0;
        for _ in 0..TRIES_MAX {
            let unit = draw.unit();
            let hour = week.shares.partition_point(|share| *share <= unit).min(167);
            let rest = draw.below(3_600);
            second = u32::try_from(hour as u64 * 3_600 + rest).unwrap_or(0);
            let is_open = hours.is_none_or(|hours| hours.is_open(second));
            if is_open && moved(second) < self.start_us {
                return moved(second);
            }
        }
        if let Some(hours) = hours.filter(|hours| !hours.is_open(second)) {
            second = hours.after(second, draw);
        }
        let found = moved(second);
        // Who came a moment before the start finds the last hours before it, if there were any since.
        let last = hours.map_or(self.start_us - 1, |hours| hours.latest(self.start_us - 1, draw));
        let is_late = found >= self.start_us && from.is_none_or(|from| last >= from);
        if is_late { last } else { found }
    }

    /// Whether what a new row names is open when it is made, for the columns that ask for it.
    pub(super) fn opening(&self, row: &Row<'_>, action: &mut Action) -> Opening {
        let table = self.table(row.table);
        let asked = table.keeps_hours.iter().map(|at| &table.columns[*at]);
        let each = asked.map(|column| match &column.filler {
            Filler::Moment(meant) if !self.is_null(column, row) => {
                self.opening_of(column, meant, row, action)
            }
            _ => Opening::Now,
        });
        each.max().unwrap_or(Opening::Now)
    }

    fn opening_of(
        &self,
        column: &Column,
        meant: &Moment,
        row: &Row<'_>,
        action: &mut Action,
    ) -> Opening {
        let within = meant.week.as_ref().and_then(|week| week.within);
        let hours = within.and_then(|within| self.hours(within, row, action));
        if hours.is_none_or(|hours| hours.is_open_at(row.at_us)) {
            return Opening::Now;
        }
        let at = self.moment(column, meant, row, action);
        match meant.since.map_or(Bound::None, |since| self.bound(since, row)) {
            // It is not known when in the run; now it is there.
            Bound::InRun => Opening::TooEarly,
            Bound::At(from) if at < from => Opening::TooEarly,
            Bound::At(_) | Bound::None => Opening::Before,
        }
    }

    /// The opening hours of a row; `None` if it says nothing.
    fn hours(&self, within: Led, row: &Row<'_>, action: &mut Action) -> Option<Hours> {
        let ordinal = self.led_to(within, row)?;
        let start = action.arena().len();
        let value = self.pure_value(within.table, within.column, ordinal, action);
        let hours = match value {
            Value::Text(span) => Hours::read(action.text(span)),
            _ => None,
        };
        action.arena().truncate(start);
        hours
    }
}

/// Monday, midnight, of the week of a time.
fn monday_before(us: i64) -> i64 {
    // The first of January 1970 was a Thursday.
    (us + 3 * DAY_US).div_euclid(WEEK_US) * WEEK_US - 3 * DAY_US
}

/// The year of a time.
fn year(us: i64) -> i64 {
    civil(us.div_euclid(DAY_US)).0
}

/// Opening hours: from which second of each day until which it is open, from Monday on; beyond 86,400 on the
/// next day.
#[derive(Debug, Clone)]
pub struct Hours([Option<(u32, u32)>; 7]);

impl Hours {
    /// What stands in JSON: `{"Monday": "9:0-17:30"}`. `None` if no day has hours.
    pub fn read(text: &str) -> Option<Self> {
        let mut days = [None; 7];
        for (day, name) in days.iter_mut().zip(DAYS) {
            *day = text.find(name).and_then(|at| {
                let value = text[at + name.len()..].trim_start().strip_prefix(':')?;
                span(value.trim_start().strip_prefix('"')?.split('"').next()?)
            });
        }
        days.iter().any(Option::is_some).then_some(Self(days))
    }

    /// Whether it is open at a time, in microseconds since 1970, UTC.
    pub fn is_open_at(&self, us: i64) -> bool {
        let second = (us - monday_before(us)) / SECOND_US;
        u32::try_from(second).is_ok_and(|second| self.is_open(second))
    }

    fn is_open(&self, second: u32) -> bool {
        let (day, time) = (second / DAY_S, second % DAY_S);
        let is_within = |day: u32, time: u32| {
            let hours = self.0.get(day as usize).copied().flatten();
            hours.is_some_and(|(open, close)| (open..close).contains(&time))
        };
        is_within(day, time) || is_within((day + 6) % 7, time + DAY_S)
    }

    /// A time if it is open then, or else one of the last minute before it in which it was.
    fn latest(&self, us: i64, draw: &mut Draw) -> i64 {
        if self.is_open_at(us) {
            return us;
        }
        let monday = monday_before(us);
        let today = (us - monday).div_euclid(DAY_US);
        // Hours end on the day after they began, at the latest.
        let ends = (today - 8..=today).filter_map(|day| {
            let hours = usize::try_from(day.rem_euclid(7)).ok().and_then(|day| self.0[day]);
            hours.map(|(_, close)| monday + day * DAY_US + i64::from(close) * SECOND_US)
        });
        let last = ends.filter(|end| *end <= us).max();
        let second = i64::try_from(draw.below(60)).unwrap_or(0) + 1;
        last.map_or(us, |end| end - second * SECOND_US)
    }

    /// A second of the first opening hours that begin on this day or behind it.
    fn after(&self, second: u32, draw: &mut Draw) -> u32 {
        let first = second / DAY_S;
        let days = (first..first + 7).map(|day| day % 7);
        let open = days.filter_map(|day| Some((day, self.0[day as usize]?)));
        let found = open.map(|(day, (open, close))| {
            let length = draw.below(u64::from(close - open));
            (day * DAY_S + open + u32::try_from(length).unwrap_or(0)) % (7 * DAY_S)
        });
        found.into_iter().next().unwrap_or(second)
    }
}

/// `9:0-17:30`, in seconds; the end lies behind the beginning.
fn span(text: &str) -> Option<(u32, u32)> {
    let (open, close) = text.split_once('-')?;
    let (open, close) = (time(open)?, time(close)?);
    Some((open, if close > open { close } else { close + DAY_S }))
}

fn time(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour <= 24 && minute < 60).then_some(hour * 3_600 + minute * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_begin_on_the_first_of_january() {
        let day = |text: &str| {
            let date: chrono::NaiveDate = text.parse().unwrap();
            date.signed_duration_since(chrono::NaiveDate::default()).num_microseconds().unwrap()
        };
        for of in 1890..2110_i64 {
            assert_eq!(year(day(&format!("{of}-01-01"))), of);
            assert_eq!(year(day(&format!("{of}-12-31")) + DAY_US - 1), of);
        }
    }

    #[test]
    fn opening_hours_are_read_and_kept() {
        let text = r#"{"Monday": "9:0-17:30", "Friday":"18:0-2:0", "Sunday": null}"#;
        let hours = Hours::read(text).unwrap();
        let at = |day: u32, hour: u32| day * DAY_S + hour * 3_600;
        assert!(hours.is_open(at(0, 9)) && hours.is_open(at(0, 17)) && !hours.is_open(at(0, 18)));
        assert!(hours.is_open(at(4, 23)) && hours.is_open(at(5, 1)) && !hours.is_open(at(5, 2)));
        assert!(!hours.is_open(at(6, 12)) && !hours.is_open(at(1, 12)));
        let mut draw = Draw::new(1);
        for second in (0..7 * DAY_S).step_by(1_000) {
            assert!(hours.is_open(hours.after(second, &mut draw)), "{second}");
            let at = 55 * WEEK_US + i64::from(second) * SECOND_US;
            let last = hours.latest(at, &mut draw);
            assert!(
                hours.is_open_at(last) && last <= at && last > at - WEEK_US,
                "{second}: {last}"
            );
            assert_eq!(last == at, hours.is_open_at(at), "{second}");
            let is_shut = |us: &i64| !hours.is_open_at(*us);
            assert!((last + 61 * SECOND_US..at).step_by(60_000_000).all(|us| is_shut(&us)));
        }
        assert!(Hours::read("{}").is_none() && Hours::read(r#"{"Monday": "late"}"#).is_none());
    }
}
