//! What `verify RUN` found, and what it says of that.

use std::path::Path;

use crate::cli::Refusal;
use crate::cli::ledger::is_traced;
use crate::cli::output::Output;
use crate::cli::verify::As;
use crate::cli::verify::WRONG;
use crate::cli::verify::again::refused;
use crate::measure::Example;
use crate::measure::First;
use crate::measure::SurfaceCounts;
use crate::measure::Verification;
use crate::replay::ACCOUNT;
use crate::replay::Past;
use crate::replay::ReplayError;
use crate::replay::Standing;
use crate::replay::TableVerdict;
use crate::report::Colour;
use crate::report::observed::verdict as verdict_of;
use crate::report::text::exact;
use crate::scenario::Scenario;

/// The ledger is not whole enough to say that all is well.
const INVALID: u8 = 6;
/// Why databases are not judged where that was asked for.
pub(super) const UNASKED: &str = "no server is asked (`--offline`)";
/// Examples that are shown; the JSON has more.
const EXAMPLES_SHOWN: usize = 10;

/// What was found.
pub(super) struct Rejudged<'a> {
    pub(super) past: &'a Past,
    /// Of the databases; of no tables if they are gone.
    pub(super) standing: Standing,
    /// Of the copies at whose tables observers looked.
    pub(super) copies: Vec<Copied>,
    /// Databases that are not judged, and why.
    pub(super) absent: Vec<Absent>,
    /// Of what observers saw; of no surface if they have noted nothing.
    pub(super) seen: Vec<Surface>,
    /// Of surfaces of events, whose names are these, what the run found, if it came to its end: nothing is noted of
    /// them.
    pub(super) of_events: Vec<(String, Option<SurfaceCounts>)>,
    /// Observers saw something, and what they noted is not there.
    pub(super) is_unnoted: bool,
    /// Why the run itself said that it proves nothing.
    pub(super) invalid_because: Vec<String>,
}

/// A database that is not judged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Absent {
    pub(super) why: String,
    /// Whether its changes were observed: these are judged all the same.
    pub(super) is_observed: bool,
}

/// A copy of the databases, at whose tables an observer looked.
pub(super) struct Copied {
    /// The observer's name.
    pub(super) name: String,
    /// How its rows stand, or why nobody can tell.
    pub(super) standing: Result<Standing, String>,
}

impl Copied {
    /// Where no server is asked.
    pub(super) fn unasked(scenario: &Scenario) -> Vec<Self> {
        let all = scenario.observers.iter().filter(|it| it.polled().is_some());
        let unasked =
            |name: &String| Self { name: name.clone(), standing: Err(UNASKED.to_owned()) };
        all.map(|observer| unasked(&observer.name)).collect()
    }

    /// How its rows stand, if that is known.
    fn standing(&self) -> Option<&Standing> {
        self.standing.as_ref().ok()
    }

    /// The same for programs.
    fn told(&self) -> Option<serde_json::Value> {
        let (tables, examples) = (&self.standing()?.tables, self.examples().collect::<Vec<_>>());
        Some(serde_json::json!({ "surface": self.name, "tables": tables, "examples": examples }))
    }

    /// Its examples, which name it.
    fn examples(&self) -> impl Iterator<Item = Example> + '_ {
        let all = self.standing().into_iter().flat_map(|standing| &standing.examples);
        all.map(|it| Example { surface: self.name.clone(), ..it.clone() })
    }
}

/// What came at one surface.
pub(super) struct Surface {
    pub(super) name: String,
    pub(super) verification: Verification,
    /// What the run found of loadgen's own tables.
    pub(super) own: Option<Box<SurfaceCounts>>,
    /// Transactions of which the trace does not tell.
    pub(super) untold: u64,
    /// Changes that the run found to be another action's, which is not noted.
    pub(super) unfound: u64,
    /// Blocks of the notes that are damaged or missing.
    pub(super) lost: u64,
    /// Whether it was read to its end, and all of that is noted.
    pub(super) is_complete: bool,
}

impl Surface {
    /// What was judged again, and what the run found of loadgen's own tables.
    fn verification(&self) -> Verification {
        let own = self.own.as_ref().map(|own| own.verification()).unwrap_or_default();
        Verification::sum(&[&self.verification, &own])
    }

    /// Why what came before a run was killed proves nothing: one that was killed as it began has observed next to nothing.
    fn barely_seen(&self) -> Option<String> {
        let (pending, expected) = (self.verification.pending, self.verification.expected);
        (2 * pending > expected).then(|| {
            format!(
                "of {} changes {} had not come at `{}` as the run was killed: most is not judged",
                exact(expected),
                exact(pending),
                self.name
            )
        })
    }

    fn counts(&self, all: &Verification) -> SurfaceCounts {
        SurfaceCounts { own: self.own.clone(), ..SurfaceCounts::of(&self.name, all) }
    }
}

impl Rejudged<'_> {
    /// Transactions of which the trace does not tell: whoever has gone through it knows the same.
    fn untold(&self) -> u64 {
        let seen = self.seen.iter().map(|it| it.untold);
        seen.fold(self.standing.untold, u64::max)
    }

    /// All rows that were looked at, in the databases and in their copies.
    fn standings(&self) -> impl Iterator<Item = &Standing> {
        std::iter::once(&self.standing).chain(self.copies.iter().filter_map(Copied::standing))
    }
}

/// Why there is nothing to judge.
pub(super) fn unread(
    error: &ReplayError,
    folder: &Path,
    (scenario, trace): (&Scenario, bool),
) -> Refusal {
    if !matches!(error, ReplayError::NoTrace(_)) {
        return Refusal::setup(error);
    }
    if is_traced(scenario, trace) && !folder.join(ACCOUNT).exists() {
        return refused(folder, "it ended before its load began, so there is nothing to judge");
    }
    if !scenario.observers.is_empty() && !scenario.observes_rows() {
        let why = "it observed events alone, of which nothing is noted that could be judged again; what it found \
                   is in its `summary.json`";
        return refused(folder, why);
    }
    Refusal::setup(error)
}

/// What the run found of surfaces of events, each with its name.
pub(super) fn of_events(
    scenario: &Scenario,
    counted: &[SurfaceCounts],
) -> Vec<(String, Option<SurfaceCounts>)> {
    let of_events = scenario.observers.iter().filter(|it| it.is_of_events());
    let found = |name: &str| counted.iter().find(|found| found.surface == name).cloned();
    of_events.map(|it| (it.name.clone(), found(&it.name))).collect()
}

/// Why it cannot be said that all is well, though nothing wrong was found.
fn doubts(found: &Rejudged<'_>) -> Vec<String> {
    let Rejudged { past, absent, copies, seen, of_events, is_unnoted, invalid_because, .. } = found;
    // Nothing that is judged later makes good what the run itself knew to be amiss.
    let mut doubts: Vec<String> =
        invalid_because.iter().map(|reason| format!("the run was invalid: {reason}")).collect();
    if *is_unnoted {
        doubts.push(
            "what was observed is not there to be judged: `observed-0001.bin` is missing"
                .to_owned(),
        );
    }
    // What was observed of others says nothing of these.
    for Absent { why, .. } in absent.iter().filter(|it| !it.is_observed) {
        doubts.push(format!("{why}, and nothing was observed there"));
    }
    // What a killed run has written ends anywhere.
    for surface in seen.iter().filter(|it| !it.is_complete && !past.was_killed) {
        doubts.push(format!(
            "what came at `{}` was not read, or is not kept, to its end: what is pending may be lost",
            surface.name
        ));
    }
    doubts.extend(seen.iter().filter(|_| past.was_killed).filter_map(Surface::barely_seen));
    for (name, _) in of_events.iter().filter(|(_, counted)| counted.is_none()) {
        doubts.push(format!(
            "what came at `{name}` is events, of which nothing is noted, and the run did not judge them"
        ));
    }
    for surface in seen.iter().filter(|it| it.unfound > 0) {
        doubts.push(format!(
            "whose a change is cannot be judged again, and the run found {} changes at `{}` more to be wrong",
            exact(surface.unfound),
            surface.name
        ));
    }
    // They share their files.
    if let Some(seen) = seen.iter().find(|seen| seen.lost > 0) {
        let lost = seen.lost;
        doubts.push(format!("{lost} blocks of what was observed are damaged or missing"));
    }
    if past.gaps.lost > 0 {
        let lost = past.gaps.lost;
        doubts.push(format!("{lost} blocks of the trace are damaged or missing"));
    }
    if past.gaps.is_cut && !past.was_killed {
        doubts.push("the trace is cut off at its end".to_owned());
    }
    let untold = found.untold();
    if untold > 0 && !past.was_killed {
        doubts.push(format!(
            "the trace does not tell of {} transactions: it was full, written too late, or cut off",
            exact(untold)
        ));
    }
    for Copied { name, standing } in copies {
        let why = standing.as_ref().err();
        doubts.extend(
            why.map(|why| format!("how rows stand at `{name}` could not be judged: {why}")),
        );
    }
    let tables = found.standings().flat_map(|standing| &standing.tables);
    let unjudged: u64 = tables.map(|table| table.unjudged).sum();
    if unjudged > 0 {
        doubts.push(format!("nobody can tell what {} rows must be", exact(unjudged)));
    }
    doubts
}

/// Tells what was found. Returns the exit code.
pub(super) fn tell(run: &str, found: &Rejudged<'_>, format: As) -> u8 {
    let doubts = doubts(found);
    let Rejudged { past, standing, seen, .. } = found;
    let untold = found.untold();
    let all: Vec<_> = seen.iter().map(Surface::verification).collect();
    let sum = Verification::sum(&all.iter().collect::<Vec<_>>());
    let counts: Vec<_> = seen.iter().zip(&all).map(|(it, all)| it.counts(all)).collect();
    let of_events = || found.of_events.iter().filter_map(|(_, counted)| counted.as_ref());
    let are_faulty = of_events().any(|counted| counted.verification().is_faulty());
    let holds = found.standings().all(Standing::holds) && !sum.is_faulty() && !are_faulty;
    let (verdict, code) = match (holds, doubts.is_empty()) {
        (false, _) => ("failed", WRONG),
        (true, false) => ("invalid", INVALID),
        (true, true) => ("passed", 0),
    };
    let mut output = Output::default();
    if format == As::Json {
        let copies: Vec<_> = found.copies.iter().filter_map(Copied::told).collect();
        let all = serde_json::json!({
            "format": "loadgen.standing/1", "run": run, "verdict": verdict, "exit_code": code,
            "invalid_because": doubts, "transactions": past.transactions, "untold": untold,
            "was_killed": past.was_killed, "not_judged": found.absent.iter().map(|it| &it.why).collect::<Vec<_>>(), "tables": standing.tables, "examples": standing.examples,
            "verification": (!seen.is_empty()).then_some(&sum), "surfaces": counts, "copies": copies,
            "events_as_the_run_judged_them": of_events().collect::<Vec<_>>(),
        });
        output.say(&format!("{all:#}\n"));
        return output.end(code);
    }
    for Absent { why, is_observed } in &found.absent {
        let judged = if *is_observed { "only what was observed" } else { "nothing" };
        output.say(&format!("-      {why}: {judged} is judged\n"));
    }
    for table in &standing.tables {
        output.say(&format!("{}\n", line(table, "")));
    }
    for copied in &found.copies {
        let at = format!(" at `{}`", copied.name);
        for table in copied.standing().into_iter().flat_map(|standing| &standing.tables) {
            output.say(&format!("{}\n", line(table, &at)));
        }
    }
    surfaces(&counts, of_events(), &mut output);
    let copied: Vec<Example> = found.copies.iter().flat_map(Copied::examples).collect();
    let examples = standing.examples.iter().chain(&copied).chain(&sum.examples);
    let examples = First::of(examples, |it| it.class).all();
    let has_several = counts.len() > 1 || !copied.is_empty();
    for example in examples.take(EXAMPLES_SHOWN) {
        output.say(&shown(example, has_several));
    }
    let transactions = exact(past.transactions);
    output.say(&format!("{verdict}: the trace of `{run}` tells of {transactions} transactions\n"));
    if past.was_killed {
        output.say(&format!(
            "  the run was killed: of {} that may have been under way, what they may have done is judged\n",
            exact(untold)
        ));
    }
    for doubt in &doubts {
        output.say(&format!("  {doubt}\n"));
    }
    output.end(code)
}

/// What was found at surfaces, and what the run found where events come.
fn surfaces<'a>(
    counts: &[SurfaceCounts],
    of_events: impl Iterator<Item = &'a SurfaceCounts>,
    output: &mut Output,
) {
    for surface in counts {
        let name = (counts.len() > 1).then_some(surface.surface.as_str());
        output.say(&format!("{}\n", verdict_of(name, surface, Colour::of_stdout())));
        if let Some(own) = &surface.own {
            let (expected, observed) = (exact(own.expected), exact(own.observed));
            output.say(&format!(
                "    of these, {expected} expected and {observed} observed of loadgen's own tables, as the run \
                 judged them{}\n",
                if own.verification().is_faulty() { ", and not all as they should be" } else { "" }
            ));
        }
    }
    for counted in of_events {
        let name = Some(counted.surface.as_str());
        output.say(&format!(
            "{}\n    as the run judged them: of events nothing is noted that could be judged again\n",
            verdict_of(name, counted, Colour::of_stdout())
        ));
    }
}

fn shown(example: &Example, has_several: bool) -> String {
    let said = [("expected", &example.expected), ("found", &example.seen)];
    let said = said.into_iter().filter_map(|(word, text)| Some((word, text.as_ref()?)));
    let said: Vec<_> = said.map(|(word, text)| format!("{word} {text}")).collect();
    let Example { class, surface, operation, table, key, .. } = example;
    let is_named = has_several && !surface.is_empty();
    let surface = if is_named { format!(" at `{surface}`") } else { String::new() };
    format!("  {class}{surface} {operation} of {table} {key}: {}\n", said.join("; "))
}

fn line(table: &TableVerdict, at: &str) -> String {
    let TableVerdict { table: name, expected, found, .. } = table;
    if table.holds() {
        return format!("ok     {name}{at}: {} rows, as the ledger says", exact(*found));
    }
    let faults = [
        ("lost", table.lost),
        ("wrong", table.wrong),
        ("made up", table.phantom),
        ("more not looked at", table.unexamined),
    ];
    let faults = faults.into_iter().filter(|it| it.1 > 0);
    let faults: Vec<_> = faults.map(|(name, count)| format!("{} {name}", exact(count))).collect();
    let (expected, found) = (exact(*expected), exact(*found));
    format!("WRONG  {name}{at}: {expected} rows expected, {found} found: {}", faults.join(", "))
}
