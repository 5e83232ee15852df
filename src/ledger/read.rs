//! Reads blocks again: those that are whole, and says which are not.

use std::fs;
use std::io;
use std::path::Path;

use crate::ledger::blocks::FILE_HEAD;
use crate::ledger::blocks::HEAD;
use crate::ledger::blocks::Head;
use crate::ledger::blocks::Kind;
use crate::ledger::blocks::MARK;
use crate::ledger::blocks::RunFiles;

/// What of files could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Blocks that are damaged or missing before others that are there.
    pub lost: u64,
    /// Whether the last block is not whole, as one that was being written when the process was killed.
    pub is_cut: bool,
}

/// The blocks of a kind of files.
#[derive(Debug)]
pub struct Blocks {
    /// How many were read.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What could not be read.
    pub gaps: Gaps,
}

impl Blocks {
    /// Gives all whole blocks of a run away, each with its time base. `None` if there are no files. An error where a
    /// file is another run's, or holds blocks that another one has: what they tell would be counted twice.
    pub fn read(
        of: RunFiles<'_>,
        kind: Kind,
        mut each: impl FnMut(u64, &[u8]),
    ) -> io::Result<Option<Self>> {
        let files = kind.files(of.folder);
        if files.is_empty() {
            return Ok(None);
        }
        let mut blocks = Self { count: 0, bytes: 0, gaps: Gaps::default() };
        let mut next = 0;
        // Which file each first block stands in.
        let mut firsts: Vec<(u64, &Path)> = Vec::new();
        for path in &files {
            let bytes = fs::read(path)?;
            let mut is_first = true;
            blocks.gaps.is_cut = false;
            if bytes.get(..16) != Some(kind.magic.as_slice()) {
                // Of a file that was just begun, not even its head may be there.
                blocks.gaps.is_cut = bytes.len() < FILE_HEAD;
                blocks.gaps.lost += u64::from(!blocks.gaps.is_cut);
                continue;
            }
            if bytes.get(16..FILE_HEAD).is_some_and(|head| !is_of(head, of.run)) {
                return Err(strange(path));
            }
            let mut rest = bytes.get(FILE_HEAD..).unwrap_or_default();
            while !rest.is_empty() {
                let Some((head, block)) = whole(rest) else {
                    let Some(skipped) = next_whole(rest) else {
                        blocks.gaps.is_cut = true;
                        break;
                    };
                    rest = &rest[skipped..];
                    continue;
                };
                if head.number < next {
                    return Err(copied(path, head.number, &firsts));
                }
                if std::mem::take(&mut is_first) {
                    firsts.push((head.number, path));
                }
                blocks.gaps.lost += head.number - next;
                next = head.number + 1;
                blocks.count += 1;
                blocks.bytes += block.len() as u64;
                each(head.base, block);
                rest = &rest[HEAD + block.len()..];
            }
        }
        Ok(Some(blocks))
    }
}

/// Says which file has the block that stands in this one as well: blocks are numbered over all files.
fn copied(path: &Path, block: u64, firsts: &[(u64, &Path)]) -> io::Error {
    let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
    let of = firsts.iter().rev().find(|(first, _)| *first <= block).map_or(path, |(_, of)| *of);
    let (copy, of) = (name(path), name(of));
    let why = format!(
        "`{copy}` is a copy of `{of}`, or of a part of it, and what they tell would be counted twice; remove it"
    );
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Whether this stands at the head of a file of a run, behind what such files begin with.
fn is_of(head: &[u8], run: u32) -> bool {
    head.get(4..8) == Some(&run.to_le_bytes())
}

fn strange(path: &Path) -> io::Error {
    let name = path.file_name().unwrap_or_default().display();
    let why =
        format!("`{name}` was written by another run than this folder's; put back what was here");
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The block that stands here, if it is whole.
fn whole(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let head = Head::read(bytes)?;
    let block = bytes.get(HEAD..HEAD + head.length as usize)?;
    head.holds(block).then_some((head, block))
}

/// How far it is to the next whole block.
fn next_whole(bytes: &[u8]) -> Option<usize> {
    let places = bytes.windows(MARK.len()).enumerate().skip(1);
    let mut marks = places.filter(|(_, four)| **four == MARK).map(|(at, _)| at);
    marks.find(|at| whole(&bytes[*at..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Completeness;
    use crate::ledger::Fate;
    use crate::ledger::RECORD;
    use crate::ledger::Record;
    use crate::ledger::TRACE;
    use crate::ledger::Writing;
    use crate::measure::Feed;

    fn record(number: u32) -> Record {
        Record {
            lane: 1,
            number,
            part: 0,
            is_measured: true,
            fate: Fate::Committed,
            transaction: 0,
            settled: u64::from(number) * 1_000_000,
            service: 5,
            wait: 7,
        }
    }

    fn files(folder: &Path) -> RunFiles<'_> {
        RunFiles::of(folder, "run", "2025-01-01T00:00:00Z")
    }

    /// Writes so many records, a block for every hundred.
    fn write(folder: &Path, count: u32, limit: u64) -> Completeness {
        let writing = Writing::start(files(folder), TRACE, limit, Feed::default()).unwrap();
        let mut out = writing.ledger().out();
        for number in 0..count {
            out.add(&record(number));
            if number % 100 == 99 {
                out.flush();
            }
        }
        drop(out);
        writing.finish()
    }

    fn numbers(folder: &Path) -> (Vec<u32>, Gaps) {
        let mut numbers = Vec::new();
        let blocks = Blocks::read(files(folder), TRACE, |base, bytes| {
            let records = bytes.chunks_exact(RECORD);
            numbers.extend(records.map(|bytes| Record::read(bytes, base).unwrap().number));
        });
        (numbers, blocks.unwrap().unwrap().gaps)
    }

    #[test]
    fn all_that_was_added_is_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Blocks::read(files(folder.path()), TRACE, |_, _| ()).unwrap().is_none());
        assert_eq!(write(folder.path(), 10_000, 1 << 30), Completeness::Whole);
        assert_eq!(numbers(folder.path()), ((0..10_000).collect(), Gaps::default()));
    }

    #[test]
    fn files_of_another_run_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        write(path, 1_000, 1 << 30);
        let read = |run, started| Blocks::read(RunFiles::of(path, run, started), TRACE, |_, _| ());
        assert_eq!(read("run", "2025-01-01T00:00:00Z").unwrap().unwrap().count, 10);
        for (run, started) in [
            ("ran", "2025-01-01T00:00:00Z"),
            ("run", "2025-01-01T00:00:01Z"),
            ("run2", "025-01-01T00:00:00Z"),
        ] {
            let refused = read(run, started).unwrap_err().to_string();
            assert!(refused.contains("`trace-0001.bin` was written by another run"), "{refused}");
        }
    }

    #[test]
    fn what_is_damaged_is_left_out_and_counted_and_what_is_behind_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 1_000, 1 << 30);
        let path = TRACE.path(folder.path(), 1);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        let third = FILE_HEAD + 2 * (HEAD + 100 * RECORD);
        damaged[third + HEAD + 50] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let (found, gaps) = numbers(folder.path());
        assert_eq!(found, (0..200).chain(300..1_000).collect::<Vec<_>>());
        assert_eq!(gaps, Gaps { lost: 1, is_cut: false });
        // As a killed process leaves it.
        fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        let (found, gaps) = numbers(folder.path());
        assert_eq!(found, (0..900).collect::<Vec<_>>());
        assert_eq!(gaps, Gaps { lost: 0, is_cut: true });
    }

    #[test]
    fn a_full_trace_ends_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let Completeness::Part(reason) = write(folder.path(), 10_000, 100_000) else {
            panic!("it is whole")
        };
        assert!(reason.contains("limit"), "{reason}");
        let (found, gaps) = numbers(folder.path());
        assert!(!found.is_empty() && found.len() * RECORD < 100_000, "{}", found.len());
        assert_eq!((found.clone(), gaps), ((0..).take(found.len()).collect(), Gaps::default()));
    }
}
