//! What Firehose delivers of events, observed: by the stand-in of a run, and where somebody hands it on.

use std::fs;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tempfile::TempDir;

use super::faults;
use super::run;
use crate::support::command::Done;
use crate::support::command::surface;

const PROFILE: &str = "load.streams.sessions.profile=[{ hold: 150/s, for: 3s }]";

#[test]
fn all_events_are_seen_where_the_stand_in_delivers() {
    let observe = "observe={ delivered: { lake: { at: embedded, format: events, every: 100ms, within: 20s } } }";
    let (done, summary, folder) = run("@web-events-firehose", None, &[observe, PROFILE]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let (seen, sent) = (surface(&summary, "delivered"), &summary["events"][0]["acknowledged"]);
    assert!(sent.as_u64() > Some(400), "{summary}");
    assert_eq!((&seen["expected"], &seen["observed"]), (sent, sent), "{seen}");
    assert_eq!(faults(&summary, "delivered"), []);
    // The stand-in delivers once a second.
    let lag = &summary["lag"][0];
    let [low, high] = ["low", "high"].map(|of| lag[of]["p99"].as_u64().unwrap());
    assert!(low < high && high > 500_000_000, "{lag}");
    assert!(done.err.contains("looked for objects every 100ms"), "{}", done.err);
    assert!(folder.path().join("out/firehose").is_dir());
}

/// A call whose connection breaks is sent again, whether its records are there or not.
#[test]
fn what_firehose_may_have_stored_twice_is_no_fault() {
    let observe = "observe={ delivered: { lake: { at: embedded, format: events, every: 100ms, within: 20s } } }";
    let resets = "targets.clicks.firehose.stand_in={ reset: 0.3, partial: 0.2 }";
    let (done, summary, _folder) = run("@web-events-firehose", None, &[observe, PROFILE, resets]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let seen = surface(&summary, "delivered");
    assert_eq!(seen["observed"], seen["expected"], "{seen}");
    let found = faults(&summary, "delivered");
    let replayed = found.iter().find(|it| it.0 == "replayed").map_or(0, |it| it.1);
    assert_eq!(found.len(), 1, "{found:?}");
    let repeated = summary["events"][0]["repeated"].as_u64().unwrap();
    assert!((1..=repeated).contains(&replayed), "{replayed} of {repeated}");
}

/// What becomes of one line of all that is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spoil {
    Nothing,
    Lose,
    Double,
    Alter,
    Invent,
}

/// Hands on the objects of a folder to another one, until it is dropped.
struct Carrier {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    fn start(from: PathBuf, to: PathBuf, spoil: Spoil) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let work = move || {
            let (mut known, mut is_spoilt) = (Vec::new(), false);
            while !ends.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
                for path in whole(&from) {
                    if known.contains(&path) {
                        continue;
                    }
                    let mut text = String::new();
                    MultiGzDecoder::new(File::open(&path).unwrap())
                        .read_to_string(&mut text)
                        .unwrap();
                    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                    if !is_spoilt && lines.len() > 20 {
                        is_spoilt = true;
                        harm(&mut lines, spoil);
                    }
                    // Its name is another one, and it is packed no more.
                    let name = format!("part-{}", known.len());
                    fs::write(to.join(format!(".{name}")), lines.join("\n") + "\n").unwrap();
                    fs::rename(to.join(format!(".{name}")), to.join(name)).unwrap();
                    known.push(path);
                }
            }
        };
        Self { is_over, thread: Some(std::thread::spawn(work)) }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn harm(lines: &mut Vec<String>, spoil: Spoil) {
    match spoil {
        Spoil::Nothing => {}
        Spoil::Lose => drop(lines.remove(7)),
        Spoil::Double => lines.push(lines[7].clone()),
        Spoil::Alter => lines[7] = lines[7].replacen("\"page", "\"Page", 1),
        Spoil::Invent => lines.push("{\"made\":\"up\"}".to_owned()),
    }
}

/// The objects below a folder that are whole.
fn whole(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let named = paths.filter(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    let below = named.flat_map(|path| if path.is_dir() { whole(&path) } else { vec![path] });
    below.collect()
}

/// What is seen of what is handed on, spoilt so.
fn carried(spoil: Spoil) -> (Done, Value) {
    let place = TempDir::with_prefix("loadgen-objects-").unwrap();
    let [from, to] = ["from", "to"].map(|name| place.path().join(name));
    fs::create_dir(&to).unwrap();
    // What was there before is none of the run's.
    fs::write(to.join("earlier"), "{\"of\":\"before\"}\n").unwrap();
    let _carrier = Carrier::start(from.clone(), to.clone(), spoil);
    let observe = format!(
        "observe={{ sent: {{ lake: {{ at: embedded, format: events, every: 100ms, within: 20s }} }}, \
         carried: {{ lake: {{ at: \"file://{}\", format: events, every: 100ms, within: 3s }} }} }}",
        to.display()
    );
    let folder = format!("targets.clicks.firehose.stand_in={{ folder: \"{}\" }}", from.display());
    let (done, summary, _folder) = run("@web-events-firehose", None, &[&observe, PROFILE, &folder]);
    (done, summary)
}

#[test]
fn nothing_is_named_where_objects_are_handed_on_as_they_are() {
    let (done, summary) = carried(Spoil::Nothing);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let [sent, carried] = ["sent", "carried"].map(|name| surface(&summary, name));
    assert!(sent["observed"].as_u64() > Some(400), "{sent}");
    for count in ["expected", "observed"] {
        assert_eq!(sent[count], carried[count], "{summary}");
    }
    assert_eq!(faults(&summary, "carried"), []);
}

#[test]
fn each_line_that_is_spoilt_on_its_way_is_named() {
    let all = [
        ("lost", Spoil::Lose),
        ("doubled", Spoil::Double),
        ("wrong", Spoil::Alter),
        ("phantom", Spoil::Invent),
    ];
    for (class, spoil) in all {
        let (done, summary) = carried(spoil);
        assert_eq!(done.code, 99, "{class}: {}{}", done.out, done.err);
        assert_eq!(faults(&summary, "sent"), [], "{class}: {summary}");
        assert_eq!(faults(&summary, "carried"), [(class, 1)], "{}", summary["verification"]);
        let examples = summary["verification"]["examples"].as_array().unwrap();
        assert_eq!(examples.len(), 1, "{class}: {examples:?}");
        assert_eq!(examples[0]["class"].as_str(), Some(class), "{examples:?}");
        // One that nobody is missing is known by the object that it is in.
        let table = examples[0]["table"].as_str().unwrap();
        let is_in_object = ["doubled", "phantom"].contains(&class);
        assert_eq!(table.contains("/part-"), is_in_object, "{examples:?}");
    }
}
