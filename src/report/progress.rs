//! The run as it goes: shows what comes over a feed, on a thread of its own.

use std::io::IsTerminal;
use std::io::Write;
use std::io::stderr;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::measure::Change;
use crate::measure::Feed;
use crate::measure::LiveState;
use crate::measure::Phase;

use super::lines::Lines;
use super::terminal::Terminal;

/// How often what moves on a terminal moves.
const FRAME: Duration = Duration::from_millis(100);

/// How long to wait for a terminal that takes nothing any more.
const FINISH_MAX: Duration = Duration::from_secs(2);

/// Shows a run while it goes. Nobody who reports to it ever waits for it. Dropping it removes what
/// is live from the terminal.
#[derive(Debug)]
pub struct Progress {
    feed: Feed,
    /// Disconnects when the thread ends.
    ended: Receiver<()>,
}

impl Progress {
    /// On standard error: live lines on a terminal, JSON lines elsewhere.
    pub fn start() -> Progress {
        if stderr().is_terminal() {
            Progress::spawn(|| Screen::Terminal(Terminal::new()))
        } else {
            Progress::lines_to(stderr())
        }
    }

    /// JSON lines, to a writer of one's own.
    pub fn lines_to(output: impl Write + Send + 'static) -> Progress {
        Progress::spawn(|| Screen::Lines(Lines::new(), Box::new(output)))
    }

    fn spawn(screen: impl FnOnce() -> Screen + Send + 'static) -> Progress {
        let feed = Feed::default();
        let (alive, ended) = channel();
        let seen = feed.clone();
        // Without a thread there is nothing to see, and the run goes on.
        let _ = thread::Builder::new().name("report".to_owned()).spawn(move || {
            let _alive = alive;
            show(&seen, screen());
        });
        Progress { feed, ended }
    }

    /// What the engine tells it by. Clones go to the same reporter.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Another phase begins.
    pub fn phase(&self, phase: Phase) {
        self.feed.phase(phase);
    }

    /// A table has `done` of `total` rows.
    pub fn seeding(&self, table: &str, done: u64, total: u64) {
        self.feed.seeding(table, done, total);
    }

    /// How the streams do; to be called about once a second.
    pub fn tick(&self, live: LiveState) {
        self.feed.tick(live);
    }

    /// A line for people: one sentence, lower case, without a secret.
    pub fn message(&self, text: impl Into<String>) {
        self.feed.message(text);
    }

    /// Shows what is left to show, and gives the terminal back: after 2 s even if it is stuck.
    pub fn finish(self) {
        drop(self);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.feed.close();
        let _ = self.ended.recv_timeout(FINISH_MAX);
    }
}

enum Screen {
    Terminal(Terminal),
    Lines(Lines, Box<dyn Write + Send>),
}

fn show(feed: &Feed, mut screen: Screen) {
    let began = Instant::now();
    while let Some(changes) = feed.wait(FRAME) {
        for change in changes {
            screen.apply(change, began.elapsed());
        }
        if let Screen::Terminal(terminal) = &mut screen {
            terminal.draw(began.elapsed());
        }
    }
    match screen {
        Screen::Terminal(terminal) => terminal.finish(),
        Screen::Lines(mut lines, mut output) => write(&mut output, &lines.finish()),
    }
}

impl Screen {
    fn apply(&mut self, change: Change, at: Duration) {
        match self {
            Screen::Terminal(terminal) => terminal.apply(change, at),
            Screen::Lines(lines, output) => write(output, &lines.apply(change, at)),
        }
    }
}

/// A closed standard error is no reason to end a run.
fn write(output: &mut impl Write, lines: &[String]) {
    for line in lines {
        let _ = writeln!(output, "{line}");
    }
    let _ = output.flush();
}
