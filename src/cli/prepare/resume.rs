//! A run that goes on where another stopped: what that one left in the books, or in its folder if it was
//! killed, and the timetable that is left.

pub(in crate::cli) mod unfit;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::cli::Refusal;
use crate::cli::RunArguments;
use crate::cli::place::connector;
use crate::cli::prepare::NOTE_WITHIN;
use crate::cli::prepare::Prepared;
use crate::cli::prepare::Until;
use crate::cli::prepare::application_name;
use crate::cli::prepare::others::COUNT_WITHIN;
use crate::cli::read;
use crate::cli::wait::on_runtime_within;
use crate::engine::journal::Journal;
use crate::engine::resume::LaneMark;
use crate::engine::resume::Resume;
use crate::generate::World;
use crate::measure::Feed;
use crate::pace::Pacing;
use crate::pace::Plan;
use crate::scenario::Overrides;
use crate::scenario::Scenario;
use crate::sink::postgres::mark::Mark;
use crate::sink::postgres::mark::Stage;
use crate::sink::postgres::mark::shards::Begun;
use crate::sink::postgres::provision::Provisioner;
use crate::sink::postgres::provision::SetupError;
use crate::sink::postgres::quote::qualified;
use crate::verify::source;

/// Where folders of runs are, unless somebody says something else.
const RUNS: &str = "runs";
const MANIFEST: &str = "manifest.json";

/// How long the sessions of a killed run may take to go.
const GONE_WITHIN: Duration = Duration::from_secs(30);
const GONE_PAUSE: Duration = Duration::from_millis(100);

/// A run that stopped, and how one goes on from there.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Stopped {
    /// Its name; of shards, that of the first.
    run: String,
    /// The run that loaded each domain last, by the domain's number: shards may have begun in any order.
    pub(in crate::cli) runs: Vec<String>,
    /// Where its lanes stand.
    pub(in crate::cli) resume: Arc<Resume>,
    /// How often the timetable is begun, this time included.
    rounds: u32,
    /// Whether sessions of it may be left: it did not come to its end, or a server was away then.
    is_cut: bool,
    /// The scenario with its timetable played so often.
    scenario: Scenario,
}

fn refused(why: impl std::fmt::Display) -> Refusal {
    Refusal { text: format!("error: `--continue`: {why}"), code: 4 }
}

/// Says so if a scenario cannot be continued, whatever was left of it.
pub(super) fn refuse_unfit(scenario: &Scenario) -> Result<(), Refusal> {
    unfit::always(scenario).map_or(Ok(()), |why| Err(refused(why)))
}

impl Prepared {
    /// If another run is to be continued: finds it, and ends what is left of it on the servers.
    pub(super) fn look_back(&mut self, until: Until<'_>, feed: &Feed) -> Result<(), Refusal> {
        let Until::Continued(arguments) = until else { return Ok(()) };
        let stopped = self.find_stopped(arguments, feed)?;
        self.end_sessions(&stopped).map_err(|error| Refusal::setup(&error))?;
        self.stopped = Some(stopped);
        Ok(())
    }

    /// How often the timetable is begun, this time included.
    pub(in crate::cli) fn rounds(&self) -> u32 {
        self.stopped.as_ref().map_or(1, |stopped| stopped.rounds)
    }

    /// Finds the run that stopped, and whether one can go on from there. Changes nothing.
    fn find_stopped(&self, arguments: &RunArguments, feed: &Feed) -> Result<Stopped, Refusal> {
        let marks = self.marks().map_err(|error| Refusal::setup(&error))?;
        let Some((_, first)) = marks.first() else { return Err(refused("there are no books")) };
        let run = first.run.clone().unwrap_or_default();
        let is_others =
            |mark: &Mark| mark.run != first.run && mark.shards.as_ref().is_none_or(Vec::is_empty);
        if marks.iter().any(|(_, mark)| is_others(mark)) {
            return Err(refused(
                "its domains were loaded by different runs last; `--fresh` begins anew",
            ));
        }
        let is_killed = marks.iter().any(|(_, mark)| mark.stage == Stage::Loading);
        let is_known = first.lanes_at.is_some();
        let mut lanes = noted(first)?;
        if is_killed {
            refuse_killed(&self.scenario, first)?;
            let folder = arguments.continues.as_deref().unwrap_or(Path::new(RUNS));
            lanes.extend(left_by(&run, folder)?);
        }
        let resume = Resume::new(lanes);
        let missing = resume.missing(&self.world);
        // The lanes of a first run that was killed early may be at their beginning.
        if missing > 0 && is_known {
            return Err(refused(format!("its books do not tell of {missing} lanes")));
        }
        if let Some(obstacle) = resume.obstacle() {
            return Err(refused(format!(
                "the run `{run}` cannot be continued: {obstacle}; `--fresh` begins anew"
            )));
        }
        let rounds = resume.next_rounds();
        if let Some(why) = unfit::again(&self.scenario).filter(|_| rounds > 1) {
            return Err(refused(why));
        }
        feed.message(if resume.is_complete() {
            format!("the run `{run}` came to its end: its timetable is played once more (round {rounds})")
        } else {
            format!("what the run `{run}` has left of its timetable is played (round {rounds})")
        });
        let overrides = Overrides { rounds, ..arguments.overrides() };
        let scenario = read(&arguments.setup.subject.scenario, &overrides)?;
        let is_cut = is_killed || resume.marks().iter().any(|mark| mark.account.doubt.is_some());
        let mut runs = vec![run.clone(); self.scenario.domains.len()];
        for (domain, mark) in marks {
            runs[domain] = mark.run.unwrap_or_default();
        }
        Ok(Stopped { run, runs, resume: Arc::new(resume), rounds, is_cut, scenario })
    }

    /// What the books of all domains say.
    fn marks(&self) -> Result<Vec<(usize, Mark)>, SetupError> {
        let mut marks = Vec::new();
        for target in 0..self.scenario.targets.len() {
            let Some(address) = self.place.address(target).cloned() else { continue };
            let connect = connector(address, self.application_name());
            let provisioner = Provisioner::new(&self.scenario, target, self.control(&connect));
            let Some(provisioner) = provisioner else { continue };
            let provisioner = provisioner.continued(true);
            marks.extend(on_runtime_within((&self.stop, NOTE_WITHIN), provisioner.marks())?);
        }
        Ok(marks)
    }

    /// Goes on where a run stopped: from now on the scenario is what is left of its timetable, or another
    /// round if nothing is.
    pub(super) fn go_on(&mut self) -> Result<(), Refusal> {
        if let Some(stopped) = self.stopped.take() {
            self.play(&stopped);
            self.stopped = Some(stopped);
        }
        self.seeded = vec![0; self.world.table_count()];
        self.before = self.count().map_err(|error| Refusal::setup(&error))?;
        Ok(())
    }

    /// Takes the timetable from where it stopped.
    fn play(&mut self, stopped: &Stopped) {
        let Stopped { resume, rounds, .. } = stopped;
        let mut scenario = stopped.scenario.clone();
        let warmup = scenario.load.warmup;
        let world = World::new(&scenario, self.start_us);
        let at = if resume.is_complete() {
            let streams = self.scenario.load.streams.iter().enumerate();
            let ends = streams.filter_map(|(number, stream)| {
                let once = Plan::new(&stream.pacing, warmup, stream.limit);
                round_ends(&once, world.plan(number), rounds - 1)
            });
            ends.max().unwrap_or_default()
        } else {
            Duration::from_nanos(resume.planned_ns())
        };
        // There is no second warm-up, and segments lie where they are measured.
        scenario.load.warmup = Duration::ZERO;
        let moved = |edge: Duration| (edge + warmup).saturating_sub(at);
        for stream in &mut scenario.load.streams {
            if !matches!(stream.pacing, Pacing::Open(_)) {
                continue;
            }
            stream.segments.retain_mut(|segment| {
                segment.from = moved(segment.from);
                segment.to = moved(segment.to);
                segment.from < segment.to
            });
        }
        // It is the same scenario, however often it is played.
        scenario.hash.clone_from(&self.scenario.hash);
        self.world = Arc::new(world.resumed(at));
        self.scenario = Arc::new(scenario);
    }

    /// How many rows each table has.
    fn count(&self) -> Result<Vec<u64>, SetupError> {
        let mut counts = vec![0; self.world.table_count()];
        for domain in 0..self.scenario.domains.len() {
            let place = &self.scenario.domains[domain];
            let Some(address) = self.place.domain(&self.scenario, place) else { continue };
            let connect = connector(address, self.application_name());
            on_runtime_within((&self.stop, COUNT_WITHIN), async {
                let client = connect(None).await?;
                for table in self.tables_of(domain) {
                    let info = self.world.catalog.table(table);
                    if !self.is_stored(info) {
                        continue;
                    }
                    let name = qualified(&info.namespace, &info.name);
                    counts[usize::from(table.0)] = source::count(&client, &name).await?;
                }
                Ok(())
            })?;
        }
        Ok(counts)
    }

    /// Ends what a killed run has left on the servers, so that nothing of it can be committed any more.
    fn end_sessions(&self, stopped: &Stopped) -> Result<(), SetupError> {
        if !stopped.is_cut {
            return Ok(());
        }
        let name = application_name(&stopped.run);
        for target in 0..self.scenario.targets.len() {
            let Some(address) = self.place.address(target).cloned() else { continue };
            let connect = connector(address, self.application_name());
            on_runtime_within((&self.stop, NOTE_WITHIN), async {
                let client = connect(None).await?;
                // Sessions that load have a number behind the run's name.
                let theirs = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
                              AND left(application_name, length($1) + 1) = $1 || '/'";
                // Whoever may not end them waits until they have gone.
                let end = format!("SELECT pg_terminate_backend(pid) {theirs}");
                let _ = client.query(&end, &[&name]).await;
                let begun = Instant::now();
                loop {
                    let left =
                        client.query_one(&format!("SELECT count(*) {theirs}"), &[&name]).await;
                    let left = left.map_err(|error| SetupError::Local(error.to_string()))?;
                    match left.get::<_, i64>(0) {
                        0 => return Ok(()),
                        left if begun.elapsed() > GONE_WITHIN => {
                            return Err(SetupError::Local(format!(
                                "{left} sessions of the run `{}` are still there",
                                stopped.run
                            )));
                        }
                        _ => tokio::time::sleep(GONE_PAUSE).await,
                    }
                }
            })?;
        }
        Ok(())
    }
}

/// When so many rounds of a timetable are over: `all` is the one of more of them.
fn round_ends(once: &Plan, all: &Plan, rounds: u32) -> Option<Duration> {
    if !once.is_open() {
        return None;
    }
    let length = once.measured()?.saturating_mul(rounds);
    let slots = once.measured_slots()?.saturating_mul(rounds.into());
    let end = Duration::from_nanos(once.boundary_ns()).saturating_add(length);
    // A limit may end it before its profile does: then the next slot is due at once.
    let next = all.due(once.warmup_slots().saturating_add(slots)).map(Duration::from_nanos);
    Some(next.map_or(end, |next| next.min(end)))
}

/// How far the lanes got by the books; none if no run has come to its end.
fn noted(mark: &Mark) -> Result<Vec<LaneMark>, Refusal> {
    let Some(json) = &mark.lanes_at else { return Ok(Vec::new()) };
    serde_json::from_str(json).map_err(|_| {
        refused(
            "the books do not say how far the lanes got: they are of another version; `--fresh` begins \
             anew",
        )
    })
}

/// Says so if a killed run cannot be continued.
fn refuse_killed(scenario: &Scenario, mark: &Mark) -> Result<(), Refusal> {
    if let Some(why) = unfit::killed(scenario) {
        return Err(refused(format!(
            "its run has not come to its end, and {why}; `--fresh` begins anew"
        )));
    }
    let shards = mark.shards.as_deref().unwrap_or_default();
    let is_out = |begun: &Begun| !begun.has_ended;
    let all = shards.first().map_or(0, |begun| begun.shard.of as usize);
    if shards.len() < all || shards.iter().any(is_out) {
        return Err(refused("not all shards of its run have come to their end"));
    }
    Ok(())
}

/// How far the lanes of a killed run got, by its folder: this one, or in this one.
fn left_by(run: &str, folder: &Path) -> Result<Vec<LaneMark>, Refusal> {
    let is_own = folder.join(MANIFEST).exists();
    let folder = if is_own { folder.to_owned() } else { folder.join(run) };
    let marks = Journal::read(&folder).map_err(|error| {
        refused(format!(
            "the run `{run}` has not come to its end, and cannot be continued: {error}; give its folder \
             by `--continue=DIR`, or begin anew by `--fresh`"
        ))
    })?;
    let manifest = std::fs::read_to_string(folder.join(MANIFEST)).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap_or_default();
    if manifest["run"] != run {
        let (folder, other) = (folder.display(), &manifest["run"]);
        return Err(refused(format!(
            "`{folder}` is of the run {other}, and `{run}` is the one that has not come to its end"
        )));
    }
    Ok(marks)
}
