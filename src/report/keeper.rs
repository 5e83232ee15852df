//! Each second of a run, in its folder: numbers in `series.csv`, whole distributions in
//! `latency.hlog`. Written at once by a thread of its own, so that a run that is killed leaves all but
//! its last second, and a slow disk holds nobody up.

use std::io;
use std::io::Write;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::SystemTime;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use hdrhistogram::serialization::interval_log::IntervalLogWriterError;
use hdrhistogram::serialization::interval_log::Tag;

use crate::measure::Second;

use super::folder::FolderError;
use super::folder::HISTOGRAMS;
use super::folder::RunFolder;
use super::folder::SERIES;
use super::line_file::LineFile;
use super::series;

/// Seconds that wait to be written, at most.
const WAITING_MAX: usize = 4;

/// Beyond so many bytes in a file, and again for each as many, twice as many seconds become one.
const STEP_BYTES: u64 = 64 << 20;
/// But no more than so many.
const TOGETHER_MAX: u64 = 64;

/// Writes the seconds that it is sent.
#[derive(Debug)]
pub struct Keeper {
    seconds: SyncSender<Second>,
    thread: JoinHandle<Vec<FolderError>>,
}

impl Keeper {
    /// For the streams of these names, and what follows in them.
    pub fn start(folder: &RunFolder, streams: Vec<String>) -> Result<Keeper, FolderError> {
        let (series, histograms) = (folder.open(SERIES)?, folder.open(HISTOGRAMS)?);
        let (seconds, received) = sync_channel(WAITING_MAX);
        let folder = folder.clone();
        let failed = |source| FolderError::Write { path: SERIES.to_owned(), source };
        let thread = thread::Builder::new().name("keeper".to_owned());
        let thread = thread.spawn(move || {
            let (series, histograms) = (LineFile::new(series), LineFile::new(histograms));
            let broken = keep(&received, &streams, (series, histograms));
            broken.into_iter().map(|(name, source)| folder.cannot_write(name, source)).collect()
        });
        Ok(Keeper { seconds, thread: thread.map_err(failed)? })
    }

    /// Where seconds are sent to.
    pub fn sender(&self) -> SyncSender<Second> {
        self.seconds.clone()
    }

    /// Waits until all is written. Returns what could not be. All senders must be gone.
    pub fn finish(self) -> Vec<FolderError> {
        drop(self.seconds);
        self.thread.join().unwrap_or_default()
    }
}

type Broken = (&'static str, io::Error);

/// Writes until no more comes. A file that cannot be written is given up, the other goes on.
fn keep(
    received: &Receiver<Second>,
    names: &[String],
    (mut series, mut histograms): (LineFile, LineFile),
) -> Vec<Broken> {
    let mut broken = Vec::new();
    let sizes = [series.written(), histograms.written()];
    let mut gather = Gather::default();
    let Some(first) = received.recv().ok() else { return broken };
    let zero = SystemTime::now() - Duration::from_nanos(first.at_ns);
    let mut series = writeln!(series, "{}", series::HEADER).map(|()| series);
    let mut serializer = V2DeflateSerializer::new();
    let header = begin(&mut histograms, zero);
    let mut log = header.and_then(|()| {
        IntervalLogWriterBuilder::new()
            .with_max_value_divisor(1e6)
            .begin_log_with(&mut histograms, &mut serializer)
    });
    let tags = tags(names);
    let seconds = std::iter::once(first).chain(received.iter()).map(Some).chain([None]);
    for second in seconds {
        let size = sizes.iter().map(|size| size.get()).max().unwrap_or(0);
        for second in gather.add(second, size) {
            let ended = zero + Duration::from_nanos(second.at_ns);
            series = series.and_then(|mut file| {
                let rows = series::rows(&second, ended.into(), names);
                rows.iter().try_for_each(|row| writeln!(file, "{row}")).map(|()| file)
            });
            let began = Duration::from_nanos(second.at_ns.saturating_sub(second.length_ns));
            log = log.and_then(|mut log| {
                for (tag, histogram) in of_streams(&second, &tags) {
                    let tag = Tag::new(&tag);
                    log.write_histogram(histogram, began, second.length(), tag).map_err(cause)?;
                }
                Ok(log)
            });
        }
    }
    broken.extend(series.err().map(|error| (SERIES, error)));
    broken.extend(log.err().map(|error| (HISTOGRAMS, error)));
    broken
}

fn begin(file: &mut LineFile, zero: SystemTime) -> io::Result<()> {
    let since = zero.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    writeln!(file, "#[Histogram log format version 1.3]")?;
    writeln!(file, "#[StartTime: {since:.3} (seconds since epoch)]")?;
    writeln!(file, "#[BaseTime: {since:.3} (seconds since epoch)]")?;
    writeln!(
        file,
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
    )
}

fn cause<E: std::error::Error>(error: IntervalLogWriterError<E>) -> io::Error {
    match error {
        IntervalLogWriterError::IoError(error) => error,
        IntervalLogWriterError::SerializeError(error) => io::Error::other(error.to_string()),
    }
}

/// The distributions of a measured second, each with its tag.
fn of_streams<'a>(
    second: &'a Second,
    tags: &'a [String],
) -> impl Iterator<Item = (String, &'a hdrhistogram::Histogram<u64>)> {
    let streams = tags.iter().enumerate().filter(|_| second.is_measured());
    streams.flat_map(|(stream, tag)| {
        let distributions = second.distributions(stream).into_iter();
        distributions.filter_map(move |(name, it)| Some((format!("{tag}.{name}"), it.raw()?)))
    })
}

/// Names that a log allows: no comma, no white space, and no two alike.
fn tags(names: &[String]) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    for name in names {
        let is_bad = |c: char| c == ',' || c.is_whitespace() || c.is_control();
        let plain = name.replace(is_bad, "_");
        let mut tag = plain.clone();
        let mut number = 2;
        while tags.contains(&tag) {
            tag = format!("{plain}~{number}");
            number += 1;
        }
        tags.push(tag);
    }
    tags
}

/// Puts seconds together once the files have grown large: so a day fits, and nothing is left out.
#[derive(Debug, Default)]
struct Gather {
    gathered: Option<Second>,
    count: u64,
}

impl Gather {
    /// What is to be written now that another second has come, or none comes any more. `size` is
    /// that of the larger file.
    fn add(&mut self, second: Option<Second>, size: u64) -> Vec<Second> {
        let Some(second) = second else { return self.gathered.take().into_iter().collect() };
        let mut ready = Vec::new();
        // The warm-up stays apart.
        if self.gathered.as_ref().is_some_and(|it| it.is_measured() != second.is_measured()) {
            ready.extend(self.gathered.take());
            self.count = 0;
        }
        match &mut self.gathered {
            Some(gathered) => gathered.join(second),
            None => self.gathered = Some(second),
        }
        self.count += 1;
        if self.count >= together(size) {
            ready.extend(self.gathered.take());
            self.count = 0;
        }
        ready
    }
}

/// How many seconds become one.
fn together(size: u64) -> u64 {
    let steps = u32::try_from(size / STEP_BYTES).unwrap_or(u32::MAX);
    1_u64.checked_shl(steps).unwrap_or(TOGETHER_MAX).min(TOGETHER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_nothing_that_a_log_does_not_allow() {
        let names = ["orders", "a b", "a,b", "a_b"].map(str::to_owned);
        assert_eq!(tags(&names), ["orders", "a_b", "a_b~2", "a_b~3"]);
        assert!(tags(&names).iter().all(|tag| Tag::new(tag).is_some()));
    }

    #[test]
    fn more_seconds_become_one_as_a_file_grows() {
        let megabytes = [0, 63, 64, 128, 200, 400, 1_023, u64::MAX >> 20];
        let counts = megabytes.map(|megabytes| together(megabytes << 20));
        assert_eq!(counts, [1, 1, 2, 4, 8, 64, 64, 64]);
    }
}
