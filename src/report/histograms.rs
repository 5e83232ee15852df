//! The histograms of several runs' folders, put together in the order of their times.

use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Lines;
use std::io::Write;
use std::path::Path;

use super::folder::FolderError;
use super::folder::HISTOGRAMS;
use super::folder::RunFolder;
use super::keeper::head;
use super::line_file::LineFile;

/// `latency.hlog` of one run, and its next line.
#[derive(Debug)]
pub struct Histograms {
    lines: Lines<BufReader<File>>,
    /// When its clock began, in seconds since 1970.
    base_s: f64,
    /// The seconds on that clock at which the next interval begins, and what stands before and behind
    /// them in its line.
    next: Option<(f64, String, String)>,
}

impl Histograms {
    /// Writes the histograms of all these folders into another: each interval stays what it is.
    pub fn join(folder: &RunFolder, from: &[&Path]) -> Result<(), FolderError> {
        let failed = |source| folder.cannot_write(HISTOGRAMS, source);
        let mut all = Vec::new();
        for path in from {
            all.extend(Histograms::open(path).map_err(failed)?);
        }
        let base_s = all.iter().map(|it| it.base_s).fold(f64::INFINITY, f64::min);
        if all.is_empty() {
            return Ok(());
        }
        let mut file = LineFile::new(folder.open(HISTOGRAMS)?);
        head(&mut file, base_s).map_err(failed)?;
        let when = |it: &Histograms| it.next.as_ref().map(|(at, _, _)| it.base_s + at);
        while let Some(soonest) =
            all.iter_mut().filter(|it| it.next.is_some()).min_by(|one, other| {
                when(one).partial_cmp(&when(other)).unwrap_or(std::cmp::Ordering::Equal)
            })
        {
            let Some((at, before, behind)) = soonest.next.take() else { break };
            let at = soonest.base_s + at - base_s;
            writeln!(file, "{before},{at:.3},{behind}").map_err(failed)?;
            soonest.advance().map_err(failed)?;
        }
        Ok(())
    }

    /// `None` if there is none.
    fn open(folder: &Path) -> io::Result<Option<Histograms>> {
        let file = match File::open(folder.join(HISTOGRAMS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let lines = BufReader::new(file).lines();
        let mut histograms = Histograms { lines, base_s: 0.0, next: None };
        histograms.advance()?;
        Ok(Some(histograms))
    }

    /// Goes on to the next interval.
    fn advance(&mut self) -> io::Result<()> {
        for line in self.lines.by_ref() {
            let line = line?;
            if let Some(base) = line.strip_prefix("#[BaseTime: ") {
                let base = base.split(' ').next().and_then(|seconds| seconds.parse().ok());
                self.base_s = base.unwrap_or(0.0);
            }
            if !line.starts_with("Tag=") {
                continue;
            }
            let mut cells = line.splitn(3, ',');
            let (tag, at, rest) = (cells.next(), cells.next(), cells.next());
            let at = at.and_then(|at| at.parse().ok());
            if let (Some(tag), Some(at), Some(rest)) = (tag, at, rest) {
                self.next = Some((at, tag.to_owned(), rest.to_owned()));
                return Ok(());
            }
        }
        Ok(())
    }
}
