//! The thread that looks for objects, and reads the lines of those that are new.

use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use tokio::runtime::Runtime;

use crate::measure::Clock;
use crate::observe::events::files::EventFiles;
use crate::observe::events::files::Told;
use crate::observe::lake::store::Store;
use crate::observe::reading::Asked;
use crate::observe::reading::Tell;

/// How soon the thread sees that it is to end.
const SOON: Duration = Duration::from_millis(50);
/// What an object may have once it is unpacked, and what a line of it may have.
const BYTES_MAX: u64 = 1 << 30;
const LINE_MAX: u64 = 16 << 20;
/// The time in the name of an object.
const TIME: &str = "0000-00-00-00-00-00-";
/// What a file begins with that is packed by gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The thread that looks.
pub(super) struct Work {
    runtime: Runtime,
    store: Store,
    files: EventFiles,
    known: BTreeSet<String>,
    clock: Clock,
    /// When it was looked the last time.
    looked: u64,
    asked: Arc<Asked>,
}

impl Work {
    pub(super) fn begin(
        files: EventFiles,
        (clock, asked): (Clock, Arc<Asked>),
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let mut store = runtime.block_on(Store::open(&files.site))?;
        let known = runtime.block_on(store.list())?;
        let looked = clock.now();
        Ok(Self { runtime, store, files, known, clock, looked, asked })
    }

    pub(super) fn work(&mut self, tell: &Tell<Told>) {
        loop {
            let begun = Instant::now();
            let trouble = match self.look(tell) {
                Ok(trouble) => trouble,
                Err(Gone) => return,
            };
            if tell.blocking_send(Told::Looked { trouble, begun, took: begun.elapsed() }).is_err() {
                return;
            }
            while begun.elapsed() < self.files.every {
                if self.asked.to_stop() {
                    return;
                }
                std::thread::sleep(SOON.min(self.files.every));
            }
        }
    }

    /// Reads what is new. Returns what could not be read, if that is so: one object does not keep the others from
    /// it, and is read again at the next look, as it may be written just now.
    fn look(&mut self, tell: &Tell<Told>) -> Result<Option<String>, Gone> {
        let found = match self.runtime.block_on(self.store.list()) {
            Ok(found) => found,
            Err(why) => return Ok(Some(why)),
        };
        // What is in the list is there for everybody from now on, whenever it is read.
        let (since, at) = (self.looked, self.clock.now());
        let mut trouble = None;
        for name in found {
            if self.asked.to_stop() {
                return Err(Gone);
            }
            if self.known.contains(&name) {
                continue;
            }
            if self.is_meant(&name) {
                // It may have gone before it was read.
                let found = self.runtime.block_on(self.store.get(&name));
                let read = found.and_then(|bytes| match bytes {
                    Some(bytes) => checked(&name, &bytes).map(|()| Some(bytes)),
                    None => Ok(None),
                });
                match read {
                    Ok(Some(bytes)) => hand_over(&name, &bytes, (since, at), tell)?,
                    Ok(None) => {}
                    Err(why) => {
                        trouble.get_or_insert(why);
                        continue;
                    }
                }
            }
            self.known.insert(name);
        }
        if trouble.is_none() {
            self.looked = at;
        }
        Ok(trouble)
    }

    /// Whether an object is one of those that are observed.
    fn is_meant(&self, name: &str) -> bool {
        let names = &self.files.names;
        names.is_empty() || names.iter().any(|begins| is_called(name, begins))
    }
}

/// Whether an object is called as Firehose does: how it begins, the time, and what tells it from others. The name of
/// another stream may begin in the same way.
fn is_called(name: &str, begins: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let Some(rest) = last.strip_prefix(begins) else { return false };
    let time = rest.get(..TIME.len()).unwrap_or_default();
    let is_as_said = |(letter, pattern): (u8, u8)| match pattern {
        b'0' => letter.is_ascii_digit(),
        other => letter == other,
    };
    time.len() == TIME.len() && time.bytes().zip(TIME.bytes()).all(is_as_said)
}

/// Nobody listens any more.
struct Gone;

/// The lines of an object, unpacked as they are asked for.
fn lines(bytes: &[u8]) -> impl FnMut(&mut Vec<u8>) -> Result<bool, String> {
    let unpacked: Box<dyn Read + '_> = if bytes.starts_with(&GZIP) {
        Box::new(MultiGzDecoder::new(bytes))
    } else {
        Box::new(bytes)
    };
    let mut text = BufReader::new(unpacked).take(BYTES_MAX + 1);
    let mut left = BYTES_MAX;
    move |line| {
        line.clear();
        let read = (&mut text).take(LINE_MAX + 2).read_until(b'\n', line);
        let read = read.map_err(|error| error.to_string())? as u64;
        left = left
            .checked_sub(read)
            .ok_or_else(|| format!("it has more than {} MB", BYTES_MAX >> 20))?;
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() as u64 > LINE_MAX {
            return Err(format!("it has a line of more than {} MB", LINE_MAX >> 20));
        }
        Ok(read > 0)
    }
}

/// Whether an object can be read to its end: what it holds is told only then, and once.
fn checked(name: &str, bytes: &[u8]) -> Result<(), String> {
    let (mut next, mut line) = (lines(bytes), Vec::new());
    loop {
        match next(&mut line) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(why) => return Err(format!("`{name}` cannot be read: {why}")),
        }
    }
}

/// Tells each line of an object that was checked.
fn hand_over(name: &str, bytes: &[u8], between: (u64, u64), tell: &Tell<Told>) -> Result<(), Gone> {
    let file: Arc<str> = Arc::from(name);
    let (mut next, mut line) = (lines(bytes), Vec::new());
    while next(&mut line).unwrap_or_default() {
        let (file, line) = (Arc::clone(&file), line.as_slice().into());
        tell.blocking_send(Told::Line { file, line, between }).map_err(|_| Gone)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn all(bytes: &[u8]) -> Vec<Vec<u8>> {
        let (mut next, mut line, mut all) = (lines(bytes), Vec::new(), Vec::new());
        while next(&mut line).unwrap() {
            all.push(line.clone());
        }
        all
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn an_object_has_the_lines_that_were_written() {
        let rows: [(&[u8], &[&[u8]]); 6] = [
            (b"", &[]),
            (b"a", &[b"a"]),
            (b"a\n", &[b"a"]),
            (b"a\nb", &[b"a", b"b"]),
            (b"a\n\n", &[b"a", b""]),
            (b"\n", &[b""]),
        ];
        for (bytes, expected) in rows {
            assert_eq!(all(bytes), expected);
            assert_eq!(all(&packed(bytes)), expected);
            // As many members as somebody wrote, one behind the other.
            assert_eq!(all(&[packed(bytes), packed(b"\nz")].concat()).last().unwrap(), b"z");
        }
    }

    #[test]
    fn an_object_of_another_stream_is_told_apart() {
        let rows = [
            ("/f/2026/11/22/17/web-1-2026-11-22-17-40-01-0af3.gz", true),
            ("web-1-2026-11-22-17-40-01-0af3", true),
            ("web-1-x-1-2026-11-22-17-40-01-0af3", false),
            ("web-1-2026-1-2026-11-22-17-40-01-0af3", false),
            ("web-2026-11-22-17-40-01-0af3", false),
            ("web-1-é026-11-22-17-40-01-0af3", false),
            ("web-1-", false),
        ];
        for (name, expected) in rows {
            assert_eq!(is_called(name, "web-1-"), expected, "{name}");
        }
    }

    #[test]
    fn an_object_that_cannot_be_read_is_named() {
        let whole = packed(b"{\"id\":1}\n");
        let fits = vec![b'x'; usize::try_from(LINE_MAX).unwrap()];
        let long = packed(&[fits.as_slice(), b"x"].concat());
        assert_eq!(checked("o", &whole), Ok(()));
        assert_eq!(checked("o", &[fits.as_slice(), b"\n"].concat()), Ok(()));
        for length in 2..whole.len() {
            let why = checked("web-1.gz", &whole[..length]).unwrap_err();
            assert!(why.starts_with("`web-1.gz` cannot be read: "), "{why}");
        }
        let why = checked("o", &long).unwrap_err();
        assert_eq!(why, "`o` cannot be read: it has a line of more than 16 MB");
    }
}
