//! `lag.csv`: a row for each second and database that is observed. Written at once, by a thread of its own.

use std::fmt::Write as _;
use std::io;
use std::io::Write;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::thread::JoinHandle;

use chrono::SecondsFormat;
use chrono::Utc;

use crate::measure::Digest;
use crate::measure::LagPlace;
use crate::measure::LagSecond;

use super::folder::FolderError;
use super::folder::LAG;
use super::folder::RunFolder;
use super::line_file::LineFile;
use super::series::quoted;

/// Its columns.
const HEADER: &str = "time,at_s,surface,database,observed,lag_p50_ns,lag_p99_ns,lag_max_ns,\
    freshness_p50_ns,freshness_p99_ns,freshness_max_ns,outstanding,oldest_missing_ns,slot,slot_kept_bytes,\
    canary_max_ns,steps";
/// Seconds that wait to be written, at most.
const WAITING_MAX: usize = 16;

/// Writes the seconds that it is sent.
#[derive(Debug)]
pub struct LagKeeper {
    seconds: SyncSender<LagSecond>,
    thread: JoinHandle<Option<io::Error>>,
    folder: RunFolder,
}

impl LagKeeper {
    /// `kept` tells how much of the log a server keeps for a slot, `steps` which are under way.
    pub fn start(
        folder: &RunFolder,
        kept: impl Fn(&str) -> Option<u64> + Send + 'static,
        steps: impl Fn() -> String + Send + 'static,
    ) -> Result<Self, FolderError> {
        let file = folder.open(LAG)?;
        let (seconds, received) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new().name("lag keeper".to_owned());
        let thread = thread.spawn(move || keep(&received, LineFile::new(file), kept, steps).err());
        let thread = thread.map_err(|source| folder.cannot_write(LAG, source))?;
        Ok(Self { seconds, thread, folder: folder.clone() })
    }

    /// Where seconds are sent to.
    pub fn sender(&self) -> SyncSender<LagSecond> {
        self.seconds.clone()
    }

    /// Waits until all is written. All senders must be gone.
    pub fn finish(self) -> Result<(), FolderError> {
        drop(self.seconds);
        let broken = self.thread.join().unwrap_or_else(|_| Some(io::Error::other("it panicked")));
        broken.map_or(Ok(()), |source| Err(self.folder.cannot_write(LAG, source)))
    }
}

fn keep(
    seconds: &Receiver<LagSecond>,
    mut file: LineFile,
    kept: impl Fn(&str) -> Option<u64>,
    steps: impl Fn() -> String,
) -> io::Result<()> {
    writeln!(file, "{HEADER}")?;
    for second in seconds {
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let steps = steps();
        for place in &second.places {
            let row = row(&time, second.at_ns, place, kept(&place.slot));
            writeln!(file, "{row},{}", quoted(&steps))?;
        }
    }
    Ok(())
}

fn row(time: &str, at_ns: u64, place: &LagPlace, kept: Option<u64>) -> String {
    let mut row = format!(
        "{time},{}.{:03},{},{},{}",
        at_ns / 1_000_000_000,
        at_ns / 1_000_000 % 1_000,
        quoted(&place.surface),
        quoted(&place.database),
        place.high.count
    );
    // Writing to a string cannot fail.
    for Digest { count, p50, p99, max, .. } in [&place.high, &place.freshness] {
        let _ = if *count > 0 { write!(row, ",{p50},{p99},{max}") } else { write!(row, ",,,") };
    }
    let missing =
        if place.outstanding > 0 { place.oldest_missing_ns.to_string() } else { String::new() };
    let kept = kept.map(|kept| kept.to_string()).unwrap_or_default();
    let canary = place.canary_ns.map(|ns| ns.to_string()).unwrap_or_default();
    let _ = write!(row, ",{},{missing},{},{kept},{canary}", place.outstanding, quoted(&place.slot));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_in_which_nothing_came_says_how_old_the_oldest_is() {
        let mut place = LagPlace {
            surface: "changes".to_owned(),
            database: "a,b".to_owned(),
            slot: "tap".to_owned(),
            high: Digest::default(),
            freshness: Digest::default(),
            canary_ns: None,
            outstanding: 3,
            oldest_missing_ns: 2_500_000_000,
        };
        let expected = "now,7.250,changes,\"a,b\",0,,,,,,,3,2500000000,tap,64,";
        assert_eq!(row("now", 7_250_000_000, &place, Some(64)), expected);
        place.high = Digest { count: 9, p50: 1, p99: 2, max: 3, ..Digest::default() };
        place.freshness = Digest { count: 9, p50: 4, p99: 5, max: 6, ..Digest::default() };
        place.outstanding = 0;
        place.canary_ns = Some(8);
        assert_eq!(
            row("now", 0, &place, None),
            "now,0.000,changes,\"a,b\",9,1,2,3,4,5,6,0,,tap,,8"
        );
        // A name has a comma; and steps come behind the row.
        assert_eq!(HEADER.split(',').count(), expected.split(',').count());
    }
}
