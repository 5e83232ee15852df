//! Live output never holds anybody up.

use std::io;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::channel;
use std::time::Duration;
use std::time::Instant;

use loadgen::measure::LiveState;
use loadgen::measure::Phase;
use loadgen::report::Progress;
use serde_json::Value;

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn where_nobody_watches_progress_is_json_lines() {
    let paper = Paper::default();
    let progress = Progress::lines_to(paper.clone());
    progress.phase(Phase::Seeding);
    progress.seeding("orders", 50, 50);
    progress.message("the server was slow to start");
    progress.finish();
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines.iter().any(|line| line["seeding"] == "orders" && line["total"] == 50));
    assert!(lines.iter().any(|line| line["message"] == "the server was slow to start"));
    assert!(lines.iter().all(|line| line["at_s"].is_f64() && line["phase"] == "seeding"));
}

/// Takes nothing until the test ends, as a terminal that is paused.
struct Stuck(Receiver<()>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_is_stuck_holds_nobody_up() {
    let (release, stuck) = channel();
    let progress = Progress::lines_to(Stuck(stuck));
    let began = Instant::now();
    for n in 0..10_000 {
        progress.message(format!("message {n}"));
        let (at_s, phase) = (f64::from(n), Phase::Measuring);
        progress.tick(LiveState {
            at_s,
            phase,
            left: None,
            streams: Vec::new(),
            observed: None,
            slot: None,
            steps: Vec::new(),
            tripped: Vec::new(),
        });
    }
    progress.finish();
    assert!(began.elapsed() < Duration::from_secs(30));
    drop(release);
}
