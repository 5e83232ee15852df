//! How far each lane is, in two files of the run's folder that outlive a killed process: before an action
//! is sent, its lane's place says so.
//!
//! ```text
//!   lanes.bin       head, and a record for each lane: how many decisions, and which action is under way
//!   exceptions.bin  a record for each slot that did not take effect as decided, as it is found
//! ```
//!
//! A record is written before the bytes of its action leave the process, so of each lane one action at
//! most is in doubt. Writes go to the system's memory: a killed process loses none, a machine that goes
//! down may. So the files count only until their machine is started again.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use rustix::fs::FlockOperation;
use rustix::fs::flock;

use crate::engine::account::Doubt;
use crate::engine::account::Exception;
use crate::engine::account::ExceptionKind;
use crate::engine::account::LaneAccount;
use crate::engine::resume::LaneMark;

/// The file with a record for each lane.
pub const LANES: &str = "lanes.bin";
/// The file with what did not take effect.
pub const EXCEPTIONS: &str = "exceptions.bin";

/// What the first file begins with. Behind it stand how often the timetable was begun, and since when the
/// machine runs.
const MAGIC: &[u8; 16] = b"loadgen.lanes/1\n";
const ROUNDS_AT: usize = 16;
const MACHINE_AT: usize = 32;
const HEAD: usize = 96;
/// Bytes of a lane's record, and of an exception's.
pub(super) const RECORD: usize = 64;
const EXCEPTION: usize = 24;
/// Where the number of the transaction stands in a record.
const NUMBER_AT: usize = 48;
/// A lane's record that is one, with nothing under way, and with an action.
const IDLE: u32 = 1;
const UNDER_WAY: u32 = 2;
/// Of an action under way.
const IS_NUMBERED: u32 = 1;
const IS_DOUBTFUL: u32 = 2;

/// Where Linux says which of its starts this is. Elsewhere nothing is compared.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The files of a run that goes on. Locked for as long as it lives.
#[derive(Debug)]
pub struct Journal {
    lanes: File,
    exceptions: File,
    folder: PathBuf,
    is_broken: AtomicBool,
}

/// Why a killed run's journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its process lives.
    #[error("its run is still going on")]
    Locked,
    /// There is none.
    #[error("its folder `{0}` has no notes of how far it got")]
    Missing(String),
    /// What was noted last may have been lost.
    #[error(
        "the notes in its folder `{0}` were made before this machine was started, or on another one, \
         and may lack the last of what it sent"
    )]
    Elsewhere(String),
    /// It cannot be read.
    #[error("cannot read the notes in `{0}`: {1}")]
    Unreadable(String, io::Error),
}

/// What a lane's place says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) group: usize,
    pub(super) lane: u32,
    pub(super) decided: u64,
    pub(super) planned_ns: u64,
    pub(super) doubt: Option<Doubt>,
}

impl Journal {
    /// Begins the files in a run's folder. The timetable is begun so often.
    pub fn create(folder: &Path, rounds: u32) -> io::Result<Self> {
        let open = |name: &str, options: &mut OpenOptions| {
            let path = folder.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            options.create_new(true).mode(0o600).open(path)
        };
        let lanes = open(LANES, OpenOptions::new().write(true))?;
        // Of those that write at once, each adds.
        let exceptions = open(EXCEPTIONS, OpenOptions::new().append(true))?;
        flock(&lanes, FlockOperation::NonBlockingLockExclusive)?;
        let mut head = [0; HEAD];
        put(&mut head, 0, MAGIC);
        put(&mut head, ROUNDS_AT, &rounds.to_le_bytes());
        put(&mut head, MACHINE_AT, &machine());
        lanes.write_all_at(&head, 0)?;
        Ok(Self { lanes, exceptions, folder: folder.to_owned(), is_broken: AtomicBool::new(false) })
    }

    /// Writes the records of neighbours, the first of which has this number. What cannot be written is
    /// no help to anybody: then there is no journal any more.
    pub(super) fn write(&self, first: usize, records: &[u8]) {
        let at = (HEAD + first * RECORD) as u64;
        if !self.is_broken.load(Ordering::Relaxed) && self.lanes.write_all_at(records, at).is_err()
        {
            self.give_up();
        }
    }

    /// Adds an exception of a lane.
    pub(super) fn except(&self, group: usize, lane: u32, exception: &Exception) {
        if self.is_broken.load(Ordering::Relaxed) {
            return;
        }
        let mut record = [0; EXCEPTION];
        put(&mut record, 0, &narrow(group).to_le_bytes());
        put(&mut record, 4, &lane.to_le_bytes());
        put(&mut record, 8, &exception.slot.to_le_bytes());
        put(&mut record, 16, &exception.stream.to_le_bytes());
        put(&mut record, 18, &exception.parts.to_le_bytes());
        put(&mut record, 20, &fate_number(exception.fate).to_le_bytes());
        if (&self.exceptions).write_all(&record).is_err() {
            self.give_up();
        }
    }

    fn give_up(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
        // A file can be made shorter on a full disk, too.
        let _ = self.lanes.set_len(0);
    }

    /// Removes the files: how far the lanes got is noted elsewhere.
    pub fn remove(&self) {
        for name in [LANES, EXCEPTIONS] {
            let _ = fs::remove_file(self.folder.join(name));
        }
    }

    /// Reads what a killed run left in its folder.
    pub fn read(folder: &Path) -> Result<Vec<LaneMark>, JournalError> {
        let shown = || folder.display().to_string();
        let file = match File::open(folder.join(LANES)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(JournalError::Missing(shown()));
            }
            file => file.map_err(|error| JournalError::Unreadable(shown(), error))?,
        };
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| JournalError::Locked)?;
        let read = |name| {
            fs::read(folder.join(name)).map_err(|error| JournalError::Unreadable(shown(), error))
        };
        let (lanes, exceptions) = (read(LANES)?, read(EXCEPTIONS)?);
        if lanes.get(..MAGIC.len()) != Some(MAGIC.as_slice()) {
            return Err(JournalError::Missing(shown()));
        }
        if bytes(&lanes, MACHINE_AT) != machine() {
            return Err(JournalError::Elsewhere(shown()));
        }
        let rounds = u32::from_le_bytes(bytes(&lanes, ROUNDS_AT));
        let records = lanes.get(HEAD..).unwrap_or_default().chunks_exact(RECORD);
        let mut marks: Vec<LaneMark> = records.filter_map(|record| mark(record, rounds)).collect();
        for record in exceptions.chunks_exact(EXCEPTION) {
            let group = u32::from_le_bytes(bytes(record, 0)) as usize;
            let lane = u32::from_le_bytes(bytes(record, 4));
            let is_its =
                |mark: &&mut LaneMark| (mark.account.group, mark.account.lane) == (group, lane);
            let exception = exception(record);
            if let Some((mark, exception)) = marks.iter_mut().find(is_its).zip(exception) {
                mark.account.exceptions.push(exception);
            }
        }
        Ok(marks)
    }
}

impl Place {
    /// As it is written.
    pub(super) fn record(&self) -> [u8; RECORD] {
        let mut record = [0; RECORD];
        put(&mut record, 0, &narrow(self.group).to_le_bytes());
        put(&mut record, 4, &self.lane.to_le_bytes());
        put(&mut record, 8, &self.decided.to_le_bytes());
        put(&mut record, 16, &self.planned_ns.to_le_bytes());
        put(&mut record, 24, &IDLE.to_le_bytes());
        if let Some(doubt) = self.doubt {
            let flags = if doubt.is_numbered { IS_NUMBERED } else { 0 }
                | if doubt.is_doubtful { IS_DOUBTFUL } else { 0 };
            put(&mut record, 24, &UNDER_WAY.to_le_bytes());
            put(&mut record, 28, &doubt.stream.to_le_bytes());
            put(&mut record, 30, &doubt.part.to_le_bytes());
            put(&mut record, 32, &doubt.slot.to_le_bytes());
            put(&mut record, 40, &doubt.horizon.to_le_bytes());
            put(&mut record, 56, &flags.to_le_bytes());
            put(&mut record, 60, &doubt.seen.to_le_bytes());
            set_number(&mut record, doubt.number.unwrap_or(0));
        }
        record
    }

    /// What a record says; `None` where none was written.
    pub(super) fn read(record: &[u8]) -> Option<Self> {
        let state = u32::from_le_bytes(bytes(record, 24));
        if state != IDLE && state != UNDER_WAY {
            return None;
        }
        let flags = u32::from_le_bytes(bytes(record, 56));
        let number = u64::from_le_bytes(bytes(record, NUMBER_AT));
        let doubt = (state == UNDER_WAY).then(|| Doubt {
            stream: u16::from_le_bytes(bytes(record, 28)),
            part: u16::from_le_bytes(bytes(record, 30)),
            slot: u64::from_le_bytes(bytes(record, 32)),
            horizon: u64::from_le_bytes(bytes(record, 40)),
            is_numbered: flags & IS_NUMBERED != 0,
            number: (number > 0).then_some(number),
            is_doubtful: flags & IS_DOUBTFUL != 0,
            seen: u32::from_le_bytes(bytes(record, 60)),
        });
        Some(Self {
            group: u32::from_le_bytes(bytes(record, 0)) as usize,
            lane: u32::from_le_bytes(bytes(record, 4)),
            decided: u64::from_le_bytes(bytes(record, 8)),
            planned_ns: u64::from_le_bytes(bytes(record, 16)),
            doubt,
        })
    }
}

/// Puts the number of a transaction into a record; 0 is none.
pub(super) fn set_number(record: &mut [u8], number: u64) {
    put(record, NUMBER_AT, &number.to_le_bytes());
}

fn mark(record: &[u8], rounds: u32) -> Option<LaneMark> {
    let Place { group, lane, decided, planned_ns, doubt } = Place::read(record)?;
    let account = LaneAccount { group, lane, decided, planned_ns, doubt, ..LaneAccount::default() };
    Some(LaneMark { rounds, is_complete: false, account })
}

/// Which machine this is, and which of its starts.
fn machine() -> [u8; HEAD - MACHINE_AT] {
    let mut machine = [0; HEAD - MACHINE_AT];
    let id = fs::read_to_string(BOOT_ID).unwrap_or_default();
    let length = id.len().min(machine.len());
    machine[..length].copy_from_slice(&id.as_bytes()[..length]);
    machine
}

fn exception(record: &[u8]) -> Option<Exception> {
    let number = u16::from_le_bytes(bytes(record, 20));
    Some(Exception {
        slot: u64::from_le_bytes(bytes(record, 8)),
        stream: u16::from_le_bytes(bytes(record, 16)),
        parts: u16::from_le_bytes(bytes(record, 18)),
        fate: FATES.into_iter().find(|fate| fate_number(*fate) == number)?,
    })
}

const FATES: [ExceptionKind; 7] = [
    ExceptionKind::Failed,
    ExceptionKind::Missed,
    ExceptionKind::Late,
    ExceptionKind::Short,
    ExceptionKind::Unknown,
    ExceptionKind::Unsent,
    ExceptionKind::Abandoned,
];

fn fate_number(fate: ExceptionKind) -> u16 {
    match fate {
        ExceptionKind::Failed => 1,
        ExceptionKind::Missed => 2,
        ExceptionKind::Late => 3,
        ExceptionKind::Short => 4,
        ExceptionKind::Unknown => 5,
        ExceptionKind::Unsent => 6,
        ExceptionKind::Abandoned => 7,
    }
}

fn put(record: &mut [u8], at: usize, bytes: &[u8]) {
    record[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Zeros where there is nothing.
fn bytes<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    let found = record.get(at..at + N).and_then(|found| found.try_into().ok());
    found.unwrap_or([0; N])
}

fn narrow(group: usize) -> u32 {
    u32::try_from(group).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::create(folder.path(), 3).unwrap();
        let doubt = Doubt {
            stream: 2,
            slot: 1 << 40,
            part: 1,
            horizon: 99,
            is_numbered: true,
            number: Some(7),
            is_doubtful: false,
            seen: 3,
        };
        let place = |lane, doubt| Place { group: 1, lane, decided: 70, planned_ns: 5, doubt };
        journal.write(0, &place(4, None).record());
        // Another connection's lanes come later, and one of them has not begun.
        journal.write(2, &place(5, Some(doubt)).record());
        let exception = Exception { stream: 2, parts: 1, slot: 12, fate: ExceptionKind::Abandoned };
        journal.except(1, 5, &exception);
        assert!(matches!(Journal::read(folder.path()), Err(JournalError::Locked)));
        drop(journal);
        let marks = Journal::read(folder.path()).unwrap();
        assert_eq!(marks.len(), 2);
        let (idle, busy) = (&marks[0].account, &marks[1].account);
        assert_eq!((marks[0].rounds, idle.lane, idle.doubt), (3, 4, None));
        assert_eq!((busy.decided, busy.doubt), (70, Some(doubt)));
        let found = marks[1].account.exceptions[0];
        assert_eq!((found.slot, found.parts, found.fate), (12, 1, ExceptionKind::Abandoned));
        assert!(marks[0].account.exceptions.is_empty());

        // After the machine was started anew, nobody knows whether the last of it was written.
        let path = folder.path().join(LANES);
        let mut bytes = fs::read(&path).unwrap();
        bytes[MACHINE_AT] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(Journal::read(folder.path()), Err(JournalError::Elsewhere(_))));

        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Journal::read(empty.path()), Err(JournalError::Missing(_))));
    }
}
