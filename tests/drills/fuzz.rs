//! Both readers, with broken files: every shipped YAML file, and every file with a mistake, taken
//! apart and put together wrongly, over and over. Whatever a file says, `check` must return, soon and
//! without taking much memory; and what it lets pass must make rows and actions.
//!
//! `FUZZ_MINUTES` (20 unless set) and `FUZZ_SEED` (the clock unless set) are for trying things. The
//! file that is looked at lies in the temporary folder, so that one that ends the process is found.

mod mutate;

use std::collections::BTreeMap;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use loadgen::action::Action;
use loadgen::action::TableId;
use loadgen::generate::Lane;
use loadgen::generate::World;
use loadgen::scenario::Checked;
use loadgen::scenario::Overrides;
use loadgen::scenario::Scenario;
use loadgen::scenario::check_text;

use mutate::Corpus;
use mutate::Dice;

/// A file that takes longer is a mistake of ours, also on a busy machine and in a debug build.
const SLOW: Duration = Duration::from_secs(20);
/// Memory that one file may cost.
const BYTES_MAX: u64 = 1 << 30;
/// The start in the data: 2026-01-01.
const START_US: i64 = 1_767_225_600_000_000;

/// What became of the files.
#[derive(Default)]
struct Outcomes {
    files: u64,
    passed: u64,
    made: u64,
    slowest: Duration,
    slowest_file: String,
    /// By what was said, the first file.
    panics: BTreeMap<String, String>,
}

pub(crate) fn all() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let minutes = number("FUZZ_MINUTES").unwrap_or(20);
    let seed = number("FUZZ_SEED").unwrap_or_else(|| crate::random(u64::MAX));
    let corpus = Corpus::read(Path::new(env!("CARGO_MANIFEST_DIR")));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("schemas")).unwrap();
    println!("both readers with broken files: {minutes} min, seed {seed}, {corpus}");
    let said = listen();
    let watch = watch(folder.path().join("current.yaml"));
    let mut outcomes = Outcomes::default();
    let mut dice = Dice::new(seed);
    let began = Instant::now();
    let mut told = 0;
    while began.elapsed() < Duration::from_mins(minutes) {
        one(&corpus, &mut dice, (folder.path(), &watch), (&mut outcomes, &said));
        let minute = began.elapsed().as_secs() / 60;
        if minute > told {
            told = minute;
            print(&outcomes, minute);
        }
    }
    print(&outcomes, minutes);
    for (said, file) in &outcomes.panics {
        println!("--- {said}\n{file}");
    }
    println!("slowest, {:.0} ms:", outcomes.slowest.as_secs_f64() * 1e3);
    println!("{}", outcomes.slowest_file.chars().take(2_000).collect::<String>());
    assert!(outcomes.panics.is_empty(), "{} kinds of panic", outcomes.panics.len());
}

fn print(outcomes: &Outcomes, minutes: u64) {
    let Outcomes { files, passed, made, slowest, panics, .. } = outcomes;
    println!(
        "after {minutes:>2} min: {files} files, {passed} passed, {made} of them made rows and actions, \
         slowest {:.0} ms, most memory {} MiB, {} panics",
        slowest.as_secs_f64() * 1e3,
        memory("VmHWM:") >> 20,
        panics.len()
    );
}

/// One file, and what becomes of it.
fn one(
    corpus: &Corpus,
    dice: &mut Dice,
    (folder, watch): (&Path, &Arc<Mutex<Option<Instant>>>),
    (outcomes, said): (&mut Outcomes, &Arc<Mutex<String>>),
) {
    let (text, schema) = corpus.file(dice);
    if let Some(schema) = &schema {
        fs::write(folder.join("schemas/orders.yaml"), schema).unwrap();
    }
    let shown = format!("{text}\n{}", schema.as_deref().unwrap_or_default());
    fs::write(folder.join("current.yaml"), &shown).unwrap();
    let reference = match schema {
        Some(_) => folder.join("fuzz.yaml").display().to_string(),
        None => "@fuzz".to_owned(),
    };
    let before = memory("VmRSS:");
    let began = Instant::now();
    *watch.lock().unwrap() = Some(began);
    let is_made = dice.below(4) == 0;
    let result = catch_unwind(AssertUnwindSafe(|| {
        let variable = |name: &str| (name == "A").then(|| "1k".to_owned());
        match check_text(&reference, &text, &Overrides::default(), &variable) {
            Ok(Checked::Scenario(scenario)) => {
                if is_made {
                    make(&scenario);
                }
                true
            }
            Ok(Checked::Schema(_)) => true,
            Err(problems) => {
                let drawn = problems.draw(true);
                assert!(!drawn.is_empty() && problems.to_string().contains("mistake"));
                false
            }
        }
    }));
    let took = began.elapsed();
    *watch.lock().unwrap() = None;
    outcomes.files += 1;
    match result {
        Ok(has_passed) => {
            outcomes.passed += u64::from(has_passed);
            outcomes.made += u64::from(has_passed && is_made);
        }
        Err(_) => {
            let said = said.lock().unwrap().clone();
            outcomes.panics.entry(said).or_insert_with(|| shown.clone());
        }
    }
    let grown = memory("VmRSS:").saturating_sub(before);
    assert!(grown < BYTES_MAX, "{} MiB for this file:\n{shown}", grown >> 20);
    if took > outcomes.slowest {
        outcomes.slowest = took;
        outcomes.slowest_file = shown;
    }
}

/// The first rows and actions of a scenario that passed.
fn make(scenario: &Scenario) {
    let world = Arc::new(World::new(scenario, START_US));
    let mut action = Action::default();
    for table in 0..world.table_count() {
        let table = TableId::of(table);
        let rows = world.seeded_rows(table);
        for number in [0, 1, rows / 2, rows.saturating_sub(1)] {
            if number < rows {
                world.render_seeded(table, number, &mut action);
            }
        }
    }
    for group in 0..world.groups.len() {
        for lane in [0, world.lanes - 1] {
            let mut lane = Lane::new(&world, group, lane);
            for _ in 0..20 {
                let Some(decision) = lane.decide() else { break };
                world.render(&decision, &mut action);
            }
        }
    }
}

/// Keeps what a panic says, and where, instead of printing it.
fn listen() -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    let keeper = Arc::clone(&said);
    std::panic::set_hook(Box::new(move |panic| {
        if let Ok(mut said) = keeper.lock() {
            *said = panic.to_string();
        }
        if std::thread::current().name() != Some("main") {
            println!("{panic}");
        }
    }));
    said
}

/// Ends the process if a file takes too long.
fn watch(current: PathBuf) -> Arc<Mutex<Option<Instant>>> {
    let began: Arc<Mutex<Option<Instant>>> = Arc::default();
    let seen = Arc::clone(&began);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let since = *seen.lock().unwrap();
            if since.is_some_and(|since| since.elapsed() > SLOW) {
                println!("more than {} s for this file:", SLOW.as_secs());
                println!("{}", fs::read_to_string(&current).unwrap_or_default());
                std::process::abort();
            }
        }
    });
    began
}

/// A line of `/proc/self/status`, in bytes; 0 where there is none.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
