//! Recorded load: a CSV file with the columns second and ops.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::pace::Segment;
use crate::pace::Stretch;
use crate::pace::whole;
use crate::scenario::builtin;
use crate::scenario::file::TraceFile;
use crate::scenario::read::read_file;
use crate::yaml::Spanned;

/// Most lines: more than a day has seconds.
const LINES_MAX: usize = 100_000;

/// Most broken lines that are told of.
const BROKEN_MAX: usize = 20;

/// A line may not have more.
const OPS_MAX: f64 = 1e12;

/// How much faster or more, and how much slower or less.
const FACTOR_MAX: f64 = 1e6;

/// A line that says when, and how much.
struct Line {
    second: f64,
    ops: f64,
    place: Place,
}

/// The segment that plays a trace. Its file is looked for in the scenario's folder.
pub(super) fn segment(
    file: &TraceFile,
    scenario: &str,
    problems: &mut Problems,
) -> Option<Segment> {
    let scale = file.scale.as_ref().map_or(Some(1.0), |scale| {
        let is_good = scale.value > 0.0 && scale.value <= FACTOR_MAX;
        if !is_good {
            problems.add(Problem::new("`scale` is above 0, up to 1e6").at(scale.place));
        }
        is_good.then_some(scale.value)
    });
    let speed = file.speed.as_ref().map_or(Some(1.0), |speed| factor(speed, problems));
    let lines = read(&file.file, scenario, problems)?;
    let stretches = stretches(&lines, scale?, speed?, problems)?;
    Some(Segment::Trace { stretches })
}

/// `60x`
fn factor(text: &Spanned<String>, problems: &mut Problems) -> Option<f64> {
    let number = text.value.strip_suffix('x').and_then(|number| number.parse::<f64>().ok());
    let factor = number.filter(|factor| (1.0 / FACTOR_MAX..=FACTOR_MAX).contains(factor));
    if factor.is_none() {
        let message = format!("`{}` is no speed", text.value);
        let problem = Problem::new(message).at(text.place);
        problems.add(problem.help("write `60x` for sixty times as fast, `0.5x` for half"));
    }
    factor
}

fn read(path: &Spanned<String>, scenario: &str, problems: &mut Problems) -> Option<Vec<Line>> {
    let (shown, text) = match text_of(&path.value, scenario) {
        Ok(found) => found,
        Err(reason) => {
            let message = format!("cannot read `{}`: {reason}", path.value);
            problems.add(Problem::new(message).at(path.place));
            return None;
        }
    };
    let file = problems.add_file(&shown, &text);
    problems.searched(file);
    let mut lines: Vec<Line> = Vec::new();
    let (mut start, mut broken, mut is_first) = (0, 0, true);
    for text in text.split_inclusive('\n') {
        let plain = text.trim_end();
        let place = Place { file, start: narrow(start), end: narrow(start + plain.len()) };
        start += text.len();
        if plain.is_empty() || plain.starts_with('#') {
            continue;
        }
        // The first line may name the columns.
        let is_header = std::mem::take(&mut is_first) && plain.starts_with(char::is_alphabetic);
        if is_header {
            continue;
        }
        match line(plain, lines.last().map(|line| line.second)) {
            Ok((second, ops)) => lines.push(Line { second, ops, place }),
            Err(reason) => {
                broken += 1;
                if broken > BROKEN_MAX {
                    let message = "more lines are broken like these, and are not shown";
                    problems.add(Problem::new(message).at(place));
                    return None;
                }
                problems.add(Problem::new(reason).at(place));
            }
        }
    }
    let message = match lines.len() {
        _ if broken > 0 => return None,
        0 => "the trace has no lines".to_owned(),
        1..=LINES_MAX => return Some(lines),
        count => format!("the trace has {count} lines, more than {LINES_MAX}"),
    };
    let problem = Problem::new(message).at(path.place);
    problems.add(problem.help("write lines of `second,ops`, as in `0,120`"));
    None
}

/// The file as it is shown, and its text.
fn text_of(path: &str, scenario: &str) -> Result<(String, String), String> {
    if scenario.starts_with('@')
        && let Some(text) = builtin::trace(path)
    {
        return Ok((format!("@scenarios/{path}"), text.to_owned()));
    }
    let folder = if scenario.starts_with('@') { None } else { Path::new(scenario).parent() };
    let full = folder.map_or_else(|| PathBuf::from(path), |folder| folder.join(path));
    Ok((full.display().to_string(), read_file(&full)?))
}

/// The second and the number of a line, behind the second of the line before.
fn line(text: &str, before: Option<f64>) -> Result<(f64, f64), String> {
    let mut columns = text.split(',').map(str::trim);
    let (Some(second), Some(ops), None) = (columns.next(), columns.next(), columns.next()) else {
        return Err("a line has two columns, second and ops: `60,1500`".to_owned());
    };
    let number = |text: &str| {
        let is_plain = text.chars().all(|c| c.is_ascii_digit() || ".eE+-".contains(c));
        let number = text.parse::<f64>().ok().filter(|number| is_plain && number.is_finite());
        number.ok_or_else(|| format!("`{text}` is not a number"))
    };
    let (second, ops) = (number(second)?, number(ops)?);
    if before.is_some_and(|before| second <= before) {
        return Err(format!("second {second} does not come after the line before it"));
    }
    if second.abs() > SECOND_MAX {
        return Err(format!("second {second} is too far away"));
    }
    if !(0.0..=OPS_MAX).contains(&ops) {
        return Err(format!("{ops} is not between 0 and 1e12"));
    }
    Ok((second, ops))
}

/// Some thousand years of them, and milliseconds are still told apart.
const SECOND_MAX: f64 = 1e11;

/// A year, in nanoseconds: no trace is played longer.
const LENGTH_MAX: f64 = 366.0 * 86_400.0 * 1e9;

/// What each line says, from its second to that of the next. The last is as long as the one before.
fn stretches(
    lines: &[Line],
    scale: f64,
    speed: f64,
    problems: &mut Problems,
) -> Option<Arc<[Stretch]>> {
    let first = lines.first()?.second;
    let last = lines.last()?;
    let length = match lines {
        [.., before, last] => last.second - before.second,
        _ => 1.0,
    };
    let ends = lines.iter().skip(1).map(|line| line.second).chain([last.second + length]);
    let stretches: Vec<Stretch> = ends
        .zip(lines)
        .map(|(end, line)| Stretch {
            end_ns: whole(((end - first) / speed * 1e9).round()),
            slots: line.ops * scale,
        })
        .collect();
    if (last.second + length - first) / speed * 1e9 > LENGTH_MAX {
        problems.add(Problem::new("the trace is longer than a year").at(last.place));
        return None;
    }
    Some(stretches.into())
}

fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
