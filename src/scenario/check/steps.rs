//! Steps: what happens once, when, and in which domain's database.

mod snapshot;

use std::time::Duration;

use crate::diagnostic::Place;
use crate::diagnostic::Problem;
use crate::diagnostic::Problems;
use crate::diagnostic::suggest;
use crate::pace::Plan;
use crate::scenario::Overrides;
use crate::scenario::Provision;
use crate::scenario::Scenario;
use crate::scenario::StressKind;
use crate::scenario::StressStep;
use crate::scenario::TargetKind;
use crate::scenario::check::duration;
use crate::scenario::check::positive;
use crate::scenario::check::scale::Scale;
use crate::scenario::file::EndFile;
use crate::scenario::file::LoadStepFile;
use crate::units::parse_bytes;
use crate::units::parse_count;
use crate::units::parse_share;
use crate::yaml::Kept;
use crate::yaml::Spanned;

/// Most steps of a scenario.
const STEPS_MAX: usize = 1_000;
/// What is meant where the file says nothing.
const ROWS: u64 = 10;
const ROWS_OF_TRANSACTION: u64 = 10_000;
const LENGTH: Duration = Duration::from_secs(10);
const ROLLBACKS: u32 = 20;
const SAVEPOINTS: u32 = 10;
const SHARE: f64 = 0.5;
const SIZE: u64 = 64 << 10;
const WITHIN: Duration = Duration::from_mins(1);
/// Limits: of rows, of transactions and savepoints, of a long value.
const ROWS_MAX: u64 = 100_000;
const COUNT_MAX: u32 = 10_000;
const SIZES: std::ops::RangeInclusive<u64> = 4_000..=10 << 20;
/// Bytes that the long values of a step have, at most.
const BYTES_MAX: u64 = 100 << 20;

/// All steps, in the order of their times. `scenario` has the domains and the streams.
pub(super) fn steps(
    file: &[Kept<Spanned<LoadStepFile>>],
    scenario: &Scenario,
    (overrides, scale): (&Overrides, Scale),
    problems: &mut Problems,
) -> Vec<StressStep> {
    let written: Vec<_> = file.iter().filter_map(|step| step.0.as_ref()).collect();
    if let Some(surplus) = written.get(STEPS_MAX) {
        let message = format!("a load has at most {STEPS_MAX} steps");
        problems.add(Problem::new(message).at(surplus.place));
    }
    if let Some(first) =
        written.first().filter(|_| scenario.load.streams.is_empty() && problems.is_empty())
    {
        let problem = Problem::new("steps happen while a load goes on, and there is no stream");
        let problem = problem.at(first.place);
        problems.add(problem.help("write a stream, or leave `steps` out"));
    }
    let end = end(scenario);
    let mut steps: Vec<(StressStep, Place)> = Vec::new();
    for step in written.iter().take(STEPS_MAX) {
        let kind = kind(step, problems);
        let at = at(step, scale, problems);
        let domain = domain(step, kind.as_ref(), (scenario, overrides), problems);
        let (Some(kind), Some((at, place)), Some(domain)) = (kind, at, domain) else { continue };
        let kind = match &step.value.snapshot {
            Some(file) => snapshot::snapshot(file, kind, (scenario, domain), problems),
            None => kind,
        };
        if end.is_some_and(|end| at >= end) {
            // What is left of a load that is cut short has fewer steps.
            if overrides.length.is_none() {
                let message = "the load has ended before this begins";
                let help = "let a stream last longer, or let the step begin earlier";
                problems.add(Problem::new(message).at(place).help(help));
            }
            continue;
        }
        steps.push((StressStep { at, domain, kind }, place));
    }
    steps.sort_by_key(|(step, _)| step.at);
    apart(&steps, problems);
    if overrides.discard { Vec::new() } else { steps.into_iter().map(|(step, _)| step).collect() }
}

/// When the last stream ends; `None` where only a number of slots ends it, or nothing could be read.
fn end(scenario: &Scenario) -> Option<Duration> {
    let streams = scenario.load.streams.iter();
    let lengths = streams.map(|it| Plan::new(&it.pacing, Duration::ZERO, it.limit).measured());
    lengths.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn at(
    step: &Spanned<LoadStepFile>,
    scale: Scale,
    problems: &mut Problems,
) -> Option<(Duration, Place)> {
    let Some(at) = &step.value.at else {
        let problem = Problem::new("a step says when it begins: `at`").at(step.place);
        problems.add(problem.help("write `{ at: 20s, truncate: {} }`"));
        return None;
    };
    Some((scale.time(duration(at, problems)?), at.place))
}

/// Where it happens.
fn domain(
    step: &Spanned<LoadStepFile>,
    kind: Option<&StressKind>,
    (scenario, overrides): (&Scenario, &Overrides),
    problems: &mut Problems,
) -> Option<usize> {
    let domains = &scenario.domains;
    let is_on_server = |domain: usize| {
        let target = scenario.targets.get(domains[domain].target);
        overrides.discard || target.is_some_and(|it| matches!(it.kind, TargetKind::Postgres(_)))
    };
    let Some(written) = &step.value.domain else {
        let mut all = (0..domains.len()).filter(|domain| is_on_server(*domain));
        let only = all.next().filter(|_| all.next().is_none());
        if only.is_none() && !domains.is_empty() {
            let problem = Problem::new("a step says in which `domain` it happens").at(step.place);
            problems
                .add(problem.help("it may be left out where one domain is on a PostgreSQL server"));
        }
        return only;
    };
    let Some(domain) = scenario.domain(&written.value) else {
        let names: Vec<&str> = domains.iter().map(|domain| domain.schema.name.as_str()).collect();
        let help = suggest(&written.value, "the domains", &names);
        let message = format!("there is no domain `{}`", written.value);
        problems.add(Problem::new(message).at(written.place).maybe_help(help));
        return None;
    };
    let (mut refuse, name) = (
        |message: String, help: &str| {
            problems.add(Problem::new(message).at(written.place).help(help));
        },
        &written.value,
    );
    match scenario.targets.get(domains[domain].target).map(|target| &target.kind) {
        Some(TargetKind::Postgres(target))
            if target.provision == Provision::Nothing
                && kind.is_some_and(StressKind::needs_tables) =>
        {
            let message = format!("`{name}` has `provision: nothing`: no table can be made there");
            refuse(message, "let it be on a target where loadgen makes tables");
        }
        Some(TargetKind::Postgres(_)) => {}
        _ if overrides.discard => {}
        _ => refuse(format!("`{name}` is not on a PostgreSQL server"), "name one that is"),
    }
    Some(domain)
}

/// Refuses steps that would wait for the end of a transaction that is held open.
fn apart(steps: &[(StressStep, Place)], problems: &mut Problems) {
    for (held, _) in steps {
        let StressKind::HoldOpen { length, .. } = held.kind else { continue };
        let waits = |step: &StressStep| {
            step.domain == held.domain
                && step.kind.is_alone()
                && (held.at..held.at + length).contains(&step.at)
        };
        for (step, place) in steps.iter().filter(|(step, _)| waits(step)) {
            let message = format!(
                "`{}` would wait: a transaction on its table is held open at this time",
                step.kind.name()
            );
            let help = "let it begin when `hold_open` has ended";
            problems.add(Problem::new(message).at(*place).help(help));
        }
    }
}

/// What it does: exactly one of the kinds.
fn kind(step: &Spanned<LoadStepFile>, problems: &mut Problems) -> Option<StressKind> {
    let file = &step.value;
    let mut kinds = Vec::new();
    if let Some(it) = &file.hold_open {
        let (rows, length) = (rows(it.value.rows.as_ref(), problems), it.value.length.as_ref());
        let length = length.map_or(Some(LENGTH), |it| positive(it, problems)).unwrap_or(LENGTH);
        kinds.push(StressKind::HoldOpen { rows, length, commits: it.value.end == EndFile::Commit });
    }
    if let Some(it) = &file.transactions {
        let count = it.value.count.as_ref().map_or(1, |it| count(it, problems));
        let rows = it.value.rows.as_ref().and_then(|it| law(it, problems));
        let rows = rows.unwrap_or((ROWS_OF_TRANSACTION, ROWS_OF_TRANSACTION));
        kinds.push(StressKind::Transactions { count, rows });
    }
    if let Some(it) = &file.rollbacks {
        let number = it.value.count.as_ref().map_or(ROLLBACKS, |it| count(it, problems));
        let share = it.value.share.as_ref().map_or(SHARE, |it| share(it, problems));
        let rows = rows(it.value.rows.as_ref(), problems);
        kinds.push(StressKind::Rollbacks { count: number, rows, share });
    }
    if let Some(it) = &file.savepoints {
        let number = it.value.count.as_ref().map_or(SAVEPOINTS, |it| count(it, problems));
        let rows = rows(it.value.rows.as_ref(), problems);
        kinds.push(StressKind::Savepoints { count: number, rows });
    }
    if let Some(it) = &file.unchanged_toast {
        let rows = rows(it.value.rows.as_ref(), problems);
        kinds.push(StressKind::UnchangedToast(rows, size(rows, it, problems)));
    }
    let plain = [
        (&file.change_keys, StressKind::ChangeKeys as fn(u64) -> StressKind),
        (&file.reinsert, StressKind::Reinsert),
        (&file.truncate, StressKind::Truncate),
        (&file.columns, StressKind::Columns),
        (&file.replica_identity, StressKind::ReplicaIdentity),
    ];
    for (written, make) in plain {
        kinds.extend(written.iter().map(|it| make(rows(it.value.rows.as_ref(), problems))));
    }
    kinds.extend(file.terminate_walsenders.as_ref().map(|_| StressKind::TerminateWalsenders));
    kinds.extend(file.snapshot.as_ref().map(|it| {
        let within = it.value.within.as_ref().map_or(Some(WITHIN), |it| positive(it, problems));
        StressKind::Snapshot { tables: Vec::new(), within: within.unwrap_or(WITHIN) }
    }));
    kinds.extend(file.run.as_ref().map(|it| command(it, file.within.as_ref(), problems)));
    if let Some(within) = file.within.as_ref().filter(|_| file.run.is_none()) {
        let problem = Problem::new("`within` is of a `run`").at(within.place);
        problems.add(problem.help("leave it out"));
    }
    if kinds.len() != 1 {
        let message = "a step is exactly one of hold_open, transactions, rollbacks, savepoints, \
            change_keys, unchanged_toast, reinsert, truncate, columns, replica_identity, \
            terminate_walsenders, snapshot and run";
        problems.add(Problem::new(message).at(step.place));
        return None;
    }
    kinds.pop()
}

fn refuse(message: impl Into<String>, place: Place, problems: &mut Problems) {
    problems.add(Problem::new(message).at(place));
}

fn number(text: &Spanned<String>, problems: &mut Problems) -> u64 {
    match parse_count(&text.value) {
        Ok(rows) if (1..=ROWS_MAX).contains(&rows) => return rows,
        Ok(_) => refuse("a step works on `1` to `100k` rows", text.place, problems),
        Err(message) => refuse(message, text.place, problems),
    }
    ROWS
}

fn rows(text: Option<&Spanned<String>>, problems: &mut Problems) -> u64 {
    text.map_or(ROWS, |text| number(text, problems))
}

/// One number, or two between which it is drawn.
fn law(
    written: &Spanned<crate::yaml::OneOrMany<Spanned<String>>>,
    problems: &mut Problems,
) -> Option<(u64, u64)> {
    let all = written.value.0.iter().map(|it| number(it, problems)).collect::<Vec<_>>();
    match all.as_slice() {
        [rows] => Some((*rows, *rows)),
        [least, most] if least <= most => Some((*least, *most)),
        _ => {
            let problem = Problem::new("rows are one number, or the least and the greatest");
            let problem = problem.at(written.place);
            problems.add(problem.help("write `rows: 100k`, or `rows: [1, 100k]`"));
            None
        }
    }
}

fn count(written: &Spanned<String>, problems: &mut Problems) -> u32 {
    match parse_count(&written.value).map(u32::try_from) {
        Ok(Ok(count)) if (1..=COUNT_MAX).contains(&count) => return count,
        Ok(_) => refuse("`count` is `1` to `10k`", written.place, problems),
        Err(message) => refuse(message, written.place, problems),
    }
    1
}

fn share(written: &Spanned<String>, problems: &mut Problems) -> f64 {
    parse_share(&written.value).unwrap_or_else(|message| {
        refuse(message, written.place, problems);
        SHARE
    })
}

fn size(
    rows: u64,
    written: &Spanned<crate::scenario::file::ToastFile>,
    problems: &mut Problems,
) -> u64 {
    let Some(text) = &written.value.size else { return SIZE };
    match parse_bytes(&text.value) {
        Ok(bytes) if !SIZES.contains(&bytes) => {
            let message = "a value that is stored apart has `4kB` to `10MB`";
            refuse(message, text.place, problems);
        }
        Ok(bytes) if rows.saturating_mul(bytes) > BYTES_MAX => {
            refuse("the long values of a step have at most 100 MB", text.place, problems);
        }
        Ok(bytes) => return bytes,
        Err(message) => refuse(message, text.place, problems),
    }
    SIZE
}

fn command(
    written: &Spanned<Vec<Spanned<String>>>,
    within: Option<&Spanned<String>>,
    problems: &mut Problems,
) -> StressKind {
    let words: Vec<String> = written.value.iter().map(|word| word.value.clone()).collect();
    if words.first().is_none_or(String::is_empty) {
        let problem = Problem::new("there is no command").at(written.place);
        problems.add(problem.help("write `run: [scripts/restart, connector]`"));
    }
    if let Some(word) = written.value.iter().find(|word| word.value.contains('\0')) {
        refuse("an argument contains a NUL character", word.place, problems);
    }
    let within = within.map_or(Some(WITHIN), |it| positive(it, problems)).unwrap_or(WITHIN);
    StressKind::Run(words, within)
}
