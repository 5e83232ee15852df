//! The files of a run: looked for before anything is made, made, filled with seeded rows, and ended.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::action::Action;
use crate::action::TableId;
use crate::cli::Refusal;
use crate::cli::prepare::Prepared;
use crate::engine::seed::Seeded;
use crate::engine::stop::Level;
use crate::engine::stop::Stop;
use crate::generate::World;
use crate::measure::End;
use crate::measure::Feed;
use crate::report::FolderError;
use crate::scenario::LinesFormat;
use crate::scenario::LinesTarget;
use crate::scenario::LinesTo;
use crate::scenario::Scenario;
use crate::scenario::TargetKind;
use crate::sink::Failure;
use crate::sink::lines::file::Wanted;
use crate::sink::lines::forms::Blocks;
use crate::sink::lines::forms::Forms;
use crate::sink::lines::forms::SeededRows;
use crate::sink::lines::mark;
use crate::sink::lines::mark::Names;
use crate::sink::lines::mark::TargetFiles;
use crate::sink::lines::publish::LinesPublisher;
use crate::sink::lines::script;
use crate::sink::lines::way::LinesOptions;
use crate::sink::lines::writer::LineWriter;
use crate::sink::postgres::provision::SetupError;

/// How long the last lines may take: longer than any disk needs.
const CLOSE_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of seeded rows that are handed over at once, and how many pieces of that may be under way.
const PIECE: usize = 256 << 10;
const PIECES: usize = 4;
/// How often one who waits for them looks whether the run is cancelled.
const LOOK: Duration = Duration::from_millis(100);

/// Those who write the files of a run, by the number of their target.
#[derive(Debug, Default)]
pub(super) struct LineWriters {
    all: BTreeMap<usize, (LineWriter, Arc<Forms>)>,
}

impl LineWriters {
    /// The way to a target's files.
    pub(super) fn destination(&self, target: usize) -> Option<LinesOptions> {
        let (writer, forms) = self.all.get(&target)?;
        Some(LinesOptions { forms: Arc::clone(forms), sender: writer.sender() })
    }

    /// The way of events into a target's files.
    pub(super) fn publisher(&self, scenario: &Scenario, target: usize) -> Option<LinesPublisher> {
        let (writer, _) = self.all.get(&target)?;
        let paths = scenario.line_files(target).into_iter().map(|file| file.path);
        Some(LinesPublisher::new(writer.sender(), paths.collect()))
    }

    /// Ends all files. Returns those that could not be.
    pub(super) fn close(&self) -> Vec<FolderError> {
        let ends = self.all.values().map(|(writer, _)| writer.close(CLOSE_WITHIN));
        let unended = ends.filter_map(Result::err);
        unended
            .map(|broken| FolderError::Write { path: broken.path, source: broken.error })
            .collect()
    }
}

/// Refuses files that are there already; those of ours are no hindrance where they are to be replaced.
pub(super) fn look(scenario: &Scenario, is_fresh: bool) -> Result<(), Refusal> {
    for target in 0..scenario.targets.len() {
        let TargetFiles { ours, others } = find(scenario, target)?;
        if let Some(path) = others.first() {
            let path = path.display();
            return Err(Refusal::setup(&format!(
                "`{path}` is there already, and loadgen did not write it: remove it, or let the target `{}` \
                 write elsewhere",
                scenario.targets[target].name
            )));
        }
        if let (Some(path), false) = (ours.first(), is_fresh) {
            let more = match ours.len() - 1 {
                0 => String::new(),
                more => format!(" with {more} more"),
            };
            return Err(Refusal::setup(&format!(
                "`{}` is there already{more}, from an earlier run: `--fresh` replaces what loadgen wrote, \
                 `clean` removes it",
                path.display()
            )));
        }
    }
    Ok(())
}

/// What is there of a target's files.
fn find(scenario: &Scenario, target: usize) -> Result<TargetFiles, Refusal> {
    let mut found = TargetFiles::default();
    let Some(lines) = lines_of(scenario, target) else { return Ok(found) };
    if lines.to == LinesTo::Stdout {
        return Ok(found);
    }
    for file in scenario.line_files(target) {
        let looked = Names::of(&file.path).find(&mut found);
        looked.map_err(|error| {
            Refusal::setup(&format!("cannot look for `{}`: {error}", file.path))
        })?;
    }
    Ok(found)
}

fn lines_of(scenario: &Scenario, target: usize) -> Option<&LinesTarget> {
    match &scenario.targets.get(target)?.kind {
        TargetKind::Lines(lines) => Some(lines),
        _ => None,
    }
}

/// Removes a target's files that loadgen has written. Returns what was removed, and what was kept and why.
pub(super) fn clean(
    scenario: &Scenario,
    target: usize,
) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let TargetFiles { ours, others } = find(scenario, target)?;
    mark::remove(&ours)
        .map_err(|error| Refusal::setup(&format!("cannot remove files: {error}")))?;
    let removed = ours.iter().map(|path| format!("file `{}`", path.display()));
    let kept = others.iter();
    let kept = kept.map(|path| format!("`{}`: loadgen did not write it", path.display()));
    Ok((removed.collect(), kept.collect()))
}

/// Makes the files of a run; those of an earlier one go, as [`look`] has allowed. A file that cannot be
/// written to later ends the run.
pub(super) fn open(
    prepared: &Prepared,
    is_fresh: bool,
    (feed, stop): (&Feed, &Stop),
) -> Result<LineWriters, Refusal> {
    let scenario = &prepared.scenario;
    let mut writers = LineWriters::default();
    for target in 0..scenario.targets.len() {
        let Some(lines) = lines_of(scenario, target) else { continue };
        if is_fresh {
            clean(scenario, target)?;
        }
        let forms = Arc::new(forms(scenario, &prepared.world, (target, lines)));
        let wanted = wanted(scenario, &prepared.world, (target, lines), &forms);
        let (feed, stop) = (feed.clone(), stop.clone());
        let started = LineWriter::start(&wanted, move |why| {
            feed.message(why.to_owned());
            stop.tell(Level::Drain, End::Stopped(why.to_owned()));
        });
        let writer = started.map_err(|broken| {
            Refusal::setup(&format!("cannot write `{}`: {}", broken.path, broken.error))
        })?;
        writers.all.insert(target, (writer, forms));
    }
    Ok(writers)
}

/// How all that goes to a target is written.
fn forms(scenario: &Scenario, world: &World, (target, lines): (usize, &LinesTarget)) -> Forms {
    let files = scenario.line_files(target);
    Forms::new(&world.catalog, &world.series, lines.format, |table| {
        let info = world.catalog.table(table);
        if info.target != target || !info.is_row() {
            return None;
        }
        let domain = &scenario.domains[info.domain].schema.name;
        let path = lines.path_of(domain, &info.name);
        Some((files.iter().position(|file| file.path == path)?, domain.clone()))
    })
}

/// What the files of a target are to be, in the order of [`Scenario::line_files`].
fn wanted(
    scenario: &Scenario,
    world: &World,
    (target, lines): (usize, &LinesTarget),
    forms: &Forms,
) -> Vec<Wanted> {
    let files = scenario.line_files(target).into_iter().enumerate();
    let wanted = files.map(|(number, file)| {
        let mut tables = (0..world.catalog.tables.len()).map(TableId::of);
        let first = tables.find(|table| forms.file_of(*table) == Some(number));
        let domain = file.tables.first().map(|(domain, _)| &scenario.domains[*domain]);
        let preamble = match (lines.format, domain) {
            (LinesFormat::Sql, Some(domain)) => {
                script::preamble(domain, &scenario.name, scenario.seed)
            }
            _ => Vec::new(),
        };
        Wanted {
            path: (lines.to != LinesTo::Stdout).then_some(file.path),
            preamble,
            head: first.map(|table| forms.head(table)).unwrap_or_default(),
            rotate: lines.rotate,
            compress: lines.compress,
        }
    });
    wanted.collect()
}

/// Writes the seeded rows of a domain, parents before children. Ends early when the run is stopped. `None` where
/// its rows are in no files.
pub(super) fn seed(
    prepared: &Prepared,
    number: usize,
    (feed, stop): (&Feed, &Stop),
) -> Result<Option<Vec<Seeded>>, SetupError> {
    let domain = &prepared.scenario.domains[number];
    let Some(options) = prepared.lines.destination(domain.target) else { return Ok(None) };
    if !prepared.scenario.is_stored(domain) {
        return Ok(None);
    }
    let world = &prepared.world;
    let lines = lines_of(&prepared.scenario, domain.target);
    let rotate = lines.and_then(|lines| usize::try_from(lines.rotate? / 2).ok());
    let mut seeding = Seeding {
        world,
        options,
        blocks: Blocks::default(),
        under_way: VecDeque::new(),
        stop,
        piece: rotate.map_or(PIECE, |rotate| rotate.min(PIECE)),
    };
    let mut all = Vec::new();
    for table in world.seeding_order() {
        let info = world.catalog.table(table);
        if info.domain == number && info.is_row() {
            let rows = seeding.table(table, feed)?;
            all.push(Seeded { table, rows, before: 0 });
        }
    }
    let is_sql = lines.is_some_and(|lines| lines.format == LinesFormat::Sql);
    let file = all.iter().find_map(|seeded| seeding.options.forms.file_of(seeded.table));
    if let (true, Some(file)) = (is_sql, file) {
        let tables = (0..world.table_count()).map(TableId::of);
        let own = tables.filter(|table| world.catalog.table(*table).domain == number);
        let keys_max: Vec<_> = own.map(|table| world.key_max(table)).collect();
        seeding.blocks.push(file, &script::sequences(domain, &keys_max));
    }
    seeding.end()?;
    Ok(Some(all))
}

/// Seeded rows on their way into files.
struct Seeding<'a> {
    world: &'a World,
    options: LinesOptions,
    blocks: Blocks,
    /// Who tells what became of the pieces that were handed over.
    under_way: VecDeque<Told>,
    stop: &'a Stop,
    /// Bytes that are handed over at once.
    piece: usize,
}

/// Tells what became of a piece.
type Told = Receiver<Result<(), Failure>>;

impl Seeding<'_> {
    /// Writes a table. Returns how many rows there are.
    fn table(&mut self, table: TableId, feed: &Feed) -> Result<u64, SetupError> {
        let name = self.world.catalog.table(table).name.clone();
        let (total, mut count) = (self.world.seeded_rows(table), 0);
        let mut rows = SeededRows::of(&self.options.forms, table);
        let mut action = Action::default();
        for number in 0..total {
            self.world.render_seeded(table, number, &mut action);
            count += rows.write(&action, &mut self.blocks);
            if self.blocks.size() < self.piece {
                continue;
            }
            rows.end(&mut self.blocks);
            self.hand_over()?;
            feed.seeding(&name, number + 1, total);
            if self.stop.level() != Level::Run {
                break;
            }
        }
        rows.end(&mut self.blocks);
        self.hand_over()?;
        Ok(count)
    }

    fn hand_over(&mut self) -> Result<(), SetupError> {
        let told = self.options.sender.write(self.blocks.take());
        self.under_way.push_back(told);
        while self.under_way.len() > PIECES {
            self.settle()?;
        }
        Ok(())
    }

    /// Waits until a piece is written, or the run is cancelled.
    fn settle(&mut self) -> Result<(), SetupError> {
        let Some(told) = self.under_way.pop_front() else { return Ok(()) };
        loop {
            match told.recv_timeout(LOOK) {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(failure)) => return Err(SetupError::Local(failure.message)),
                Err(RecvTimeoutError::Timeout) if self.stop.level() < Level::Cancel => {}
                Err(_) => {
                    let why = "cancelled before it was written".to_owned();
                    return Err(SetupError::Local(why));
                }
            }
        }
    }

    /// Waits until all is written.
    fn end(&mut self) -> Result<(), SetupError> {
        self.hand_over()?;
        while !self.under_way.is_empty() {
            self.settle()?;
        }
        Ok(())
    }
}
