//! `faults.jsonl`: a line for each event that had a fault on purpose. Written by a thread of its own, so
//! that a slow disk holds nobody up.

use std::io;
use std::io::Write;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::thread::JoinHandle;

use crate::measure::FaultCounts;
use crate::measure::Feed;
use crate::report::text::exact;
use crate::sink::event::book::FaultBook;
use crate::sink::event::book::FaultNote;

use super::folder::FAULTS;
use super::folder::FolderError;
use super::folder::RunFolder;
use super::line_file::LineFile;

/// Notes that wait to be written, at most.
const WAITING_MAX: usize = 1 << 14;

/// Lines of the file, at most: some 250 MB.
const LINES_MAX: u64 = 1 << 20;

/// Keeps the faults of a run.
#[derive(Debug)]
pub struct FaultKeeper {
    folder: RunFolder,
    book: FaultBook,
    /// Returns how many notes found no room in the file.
    thread: JoinHandle<io::Result<u64>>,
}

/// What was found out about the faults of a run.
#[derive(Debug)]
pub struct FaultsKept {
    /// How many there were: the target's name, the topic or stream, and the counts.
    pub counts: Vec<(String, String, FaultCounts)>,
    /// Why the file is not whole, if it is not.
    pub unwritten: Option<FolderError>,
}

impl FaultKeeper {
    /// Makes the file.
    pub fn start(folder: &RunFolder) -> Result<Self, FolderError> {
        let file = folder.open(FAULTS)?;
        let (sender, received) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new().name("faults".to_owned());
        let thread = thread.spawn(move || keep(&received, LineFile::new(file)));
        let thread = thread.map_err(|source| folder.cannot_write(FAULTS, source))?;
        Ok(Self { folder: folder.clone(), book: FaultBook::new(sender), thread })
    }

    /// Where faults are told.
    pub fn book(&self) -> &FaultBook {
        &self.book
    }

    /// Waits until all is written, and says what is not.
    pub fn finish(self, feed: &Feed) -> FaultsKept {
        let (counts, missed) = self.book.close();
        let written = self.thread.join().unwrap_or(Ok(0));
        let more = missed + *written.as_ref().unwrap_or(&0);
        if more > 0 {
            let more = exact(more);
            feed.message(format!(
                "`{FAULTS}` does not name {more} faults, as it takes {} at most and a slow disk is not \
                 waited for; they are counted all the same",
                exact(LINES_MAX)
            ));
        }
        let unwritten = written.err().map(|source| self.folder.cannot_write(FAULTS, source));
        FaultsKept { counts, unwritten }
    }
}

/// Writes until no more comes. Goes on reading where nothing can be written.
fn keep(received: &Receiver<Option<FaultNote>>, mut file: LineFile) -> io::Result<u64> {
    let (mut lines, mut more) = (0, 0);
    let mut done = Ok(());
    for note in received.iter().map_while(|note| note) {
        if lines == LINES_MAX || done.is_err() {
            more += 1;
            continue;
        }
        lines += 1;
        done = serde_json::to_string(&note)
            .map_err(io::Error::from)
            .and_then(|line| writeln!(file, "{line}"));
    }
    done.map(|()| more)
}
