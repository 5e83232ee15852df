//! Writes blocks into files, on a thread of its own: workers hand over what they have gathered, and
//! never wait.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::thread::JoinHandle;
use std::time::SystemTime;

use crate::ledger::blocks::FILE_HEAD;
use crate::ledger::blocks::HEAD;
use crate::ledger::blocks::Head;
use crate::ledger::blocks::Kind;
use crate::ledger::blocks::RunFiles;
use crate::ledger::record::Record;
use crate::measure::Feed;
use crate::units::format_bytes;

/// Bytes of a file before the next one is begun.
const FILE_MAX: u64 = 64 << 20;
/// Blocks that wait to be written, at most.
const WAITING_MAX: usize = 256;
/// Bytes that are gathered before they are handed over at once, and that are kept while nobody takes them.
const FULL: usize = 64 << 10;
const GATHERED_MAX: usize = 512 << 10;
/// So much before its first record a block's times begin: what comes next may have been known before it.
const BEFORE_NS: u64 = 1_000_000_000;

/// Bytes with one time base.
#[derive(Debug)]
struct Block {
    base: u64,
    bytes: Vec<u8>,
}

/// Where what is to be written is handed over. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    blocks: SyncSender<Block>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Nothing more is written.
    is_closed: AtomicBool,
    /// Some of it was left out, as it came faster than it could be written.
    is_late: AtomicBool,
    /// Why nothing more was written.
    reason: Mutex<Option<String>>,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Writing {
    ledger: Ledger,
    thread: JoinHandle<()>,
}

/// Whether all is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    /// All that was handed over.
    Whole,
    /// Not all, for this reason.
    Part(String),
}

impl Writing {
    /// Begins the files of a kind of a run, of no more than `limit` bytes together. `feed` is told
    /// when they are full.
    pub fn start(of: RunFiles<'_>, kind: Kind, limit: u64, feed: Feed) -> io::Result<Self> {
        for old in kind.files(of.folder) {
            fs::remove_file(old)?;
        }
        let (blocks, received) = sync_channel(WAITING_MAX);
        let ledger = Ledger { blocks, state: Arc::default() };
        let mut files = Files::begin(of, kind, limit)?;
        let state = Arc::clone(&ledger.state);
        let thread = thread::Builder::new().name("ledger".to_owned());
        let thread = thread.spawn(move || work(&received, &mut files, &state, &feed))?;
        Ok(Self { ledger, thread })
    }

    /// For those who have something to write.
    pub fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// Waits until all is written. Everybody who writes must be gone.
    pub fn finish(self) -> Completeness {
        let Ledger { blocks, state } = self.ledger;
        drop(blocks);
        if self.thread.join().is_err() {
            return Completeness::Part(
                "internal error: the ledger's thread ended early".to_owned(),
            );
        }
        let reason = state.reason.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_late = state.is_late.load(Ordering::Relaxed);
        let late = || is_late.then(|| "it came faster than it could be written".to_owned());
        reason.or_else(late).map_or(Completeness::Whole, Completeness::Part)
    }
}

impl Ledger {
    /// For one who writes.
    pub fn out(&self) -> Out {
        Out { ledger: self.clone(), base: 0, bytes: Vec::new() }
    }
}

/// What one worker has gathered.
#[derive(Debug)]
pub struct Out {
    ledger: Ledger,
    base: u64,
    bytes: Vec<u8>,
}

impl Out {
    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        if self.bytes.is_empty() {
            self.begin(record);
        }
        let bytes = record.bytes(self.base).or_else(|| {
            self.flush();
            self.begin(record);
            record.bytes(self.base)
        });
        self.add_bytes(bytes.as_ref().map_or(&[], |bytes| bytes.as_slice()));
    }

    /// Begins a block, with the times of a record.
    fn begin(&mut self, record: &Record) {
        if !self.bytes.is_empty() {
            // It is of another time, and nobody has taken it.
            self.bytes.clear();
            self.ledger.state.is_late.store(true, Ordering::Relaxed);
        }
        self.base = record.settled.saturating_sub(BEFORE_NS);
    }

    /// Adds bytes that have no times of their own; what is added at once stands in one block.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() <= GATHERED_MAX {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.ledger.state.is_late.store(true, Ordering::Relaxed);
        }
        if self.bytes.len() >= FULL {
            self.flush();
        }
    }

    /// The same, unless something before it was left out: so what stands there is all up to some place.
    pub fn add_next(&mut self, bytes: &[u8]) {
        if self.is_whole() {
            self.add_bytes(bytes);
        }
    }

    /// Whether nothing was left out so far.
    pub fn is_whole(&self) -> bool {
        let state = &self.ledger.state;
        !state.is_late.load(Ordering::Relaxed) && !state.is_closed.load(Ordering::Relaxed)
    }

    /// Hands over what was gathered, if somebody takes it now.
    pub fn flush(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let block = Block { base: self.base, bytes: std::mem::take(&mut self.bytes) };
        if self.ledger.state.is_closed.load(Ordering::Relaxed) {
            return;
        }
        match self.ledger.blocks.try_send(block) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(block)) => self.bytes = block.bytes,
        }
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if !bytes.is_empty() && !self.ledger.state.is_closed.load(Ordering::Relaxed) {
            // At its end one may wait.
            let _ = self.ledger.blocks.send(Block { base: self.base, bytes });
        }
    }
}

fn work(blocks: &Receiver<Block>, files: &mut Files, state: &State, feed: &Feed) {
    for block in blocks {
        if state.is_closed.load(Ordering::Relaxed) {
            continue;
        }
        let reason = match files.add(&block) {
            Ok(true) => continue,
            Ok(false) => format!("its limit of {} was reached", format_bytes(files.limit)),
            Err(error) => format!("it could not be written: {error}"),
        };
        state.is_closed.store(true, Ordering::Relaxed);
        feed.message(format!(
            "the {} ends here: {reason}; what comes now cannot be judged again later",
            files.kind.stem
        ));
        *state.reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
}

/// The files, of which the last one is written.
#[derive(Debug)]
struct Files {
    folder: PathBuf,
    run: u32,
    kind: Kind,
    limit: u64,
    file: File,
    number: u32,
    /// Bytes in the file, and in all.
    size: u64,
    total: u64,
    blocks: u64,
    bytes: Vec<u8>,
}

impl Files {
    fn begin(of: RunFiles<'_>, kind: Kind, limit: u64) -> io::Result<Self> {
        let (folder, run) = (of.folder.to_owned(), of.run);
        let file = open(of, kind, 1)?;
        let size = FILE_HEAD as u64;
        let bytes = Vec::new();
        Ok(Self { folder, run, kind, limit, file, number: 1, size, total: size, blocks: 0, bytes })
    }

    /// Writes a block. Returns whether there was room for it.
    fn add(&mut self, block: &Block) -> io::Result<bool> {
        let length = (HEAD + block.bytes.len()) as u64;
        if self.total + length + FILE_HEAD as u64 > self.limit {
            return Ok(false);
        }
        if self.size + length > FILE_MAX {
            self.number += 1;
            self.file =
                open(RunFiles { folder: &self.folder, run: self.run }, self.kind, self.number)?;
            self.size = FILE_HEAD as u64;
            self.total += self.size;
        }
        self.bytes.clear();
        self.bytes.extend_from_slice(&Head::of(block.base, self.blocks, &block.bytes).bytes());
        self.bytes.extend_from_slice(&block.bytes);
        self.file.write_all(&self.bytes)?;
        self.blocks += 1;
        self.size += length;
        self.total += length;
        Ok(true)
    }
}

fn open(of: RunFiles<'_>, kind: Kind, number: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true).mode(0o600);
    let mut file = options.open(kind.path(of.folder, number))?;
    let mut head = [0; FILE_HEAD];
    head[..16].copy_from_slice(&kind.magic);
    head[16..20].copy_from_slice(&number.to_le_bytes());
    head[20..24].copy_from_slice(&of.run.to_le_bytes());
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let begun = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
    head[24..32].copy_from_slice(&begun.to_le_bytes());
    file.write_all(&head)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_what_was_left_out_nothing_follows() {
        let (blocks, received) = sync_channel(1);
        let ledger = Ledger { blocks, state: Arc::default() };
        let mut out = ledger.out();
        let mut number = 0_u32;
        while out.is_whole() {
            out.add_next(&number.to_le_bytes());
            number += 1;
        }
        // There is room again.
        let first = received.try_recv().unwrap();
        out.add_next(&u32::MAX.to_le_bytes());
        out.flush();
        let all = [first, received.try_recv().unwrap()].map(|block| block.bytes).concat();
        let expected: Vec<u8> = (0..number - 1).flat_map(u32::to_le_bytes).collect();
        assert!(all == expected, "{} of {}", all.len(), expected.len());
    }
}
