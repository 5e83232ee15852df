//! An object on its way: written as records come, under a hidden name until it is whole, so that what
//! is buffered lies on disk and not in memory.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufWriter;
use std::io::IntoInnerError;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use chrono::Utc;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::embedded::firehose::destination::Destination;
use crate::embedded::random_hex;

/// Bytes that are compressed at a time.
const GATHERED: usize = 1 << 16;

/// An object that is not delivered yet.
#[derive(Debug)]
pub(super) struct Object {
    hidden: PathBuf,
    path: PathBuf,
    writer: Writer,
    /// Bytes of records in it.
    pub(super) bytes: u64,
    /// When it was begun.
    pub(super) begun: Instant,
}

#[derive(Debug)]
enum Writer {
    Plain(BufWriter<File>),
    /// What comes is gathered: each call of the encoder costs as much as some kilobytes of it.
    Gzip(BufWriter<GzEncoder<BufWriter<File>>>),
}

impl Object {
    /// Begins an object of a stream, in the folder of this hour.
    pub(super) fn begin(root: &Path, stream: &str, to: &Destination) -> io::Result<Self> {
        let now = Utc::now();
        let folder = root.join(to.folder(now));
        fs::create_dir_all(&folder)?;
        let tail = random_hex(8).map_err(io::Error::other)?;
        let ending = if to.is_gzip { ".gz" } else { "" };
        let name = format!("{stream}-1-{}-{tail}{ending}", now.format("%Y-%m-%d-%H-%M-%S"));
        let hidden = folder.join(format!(".{name}"));
        let file = BufWriter::new(File::create_new(&hidden)?);
        let writer = if to.is_gzip {
            let encoder = GzEncoder::new(file, Compression::fast());
            Writer::Gzip(BufWriter::with_capacity(GATHERED, encoder))
        } else {
            Writer::Plain(file)
        };
        Ok(Self { hidden, path: folder.join(name), writer, bytes: 0, begun: Instant::now() })
    }

    /// Adds a record. After an error the object holds the records before it, and maybe a part of it.
    pub(super) fn add(&mut self, record: &[u8]) -> io::Result<()> {
        match &mut self.writer {
            Writer::Plain(file) => file.write_all(record)?,
            Writer::Gzip(file) => file.write_all(record)?,
        }
        self.bytes += u64::try_from(record.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Gives it its name.
    pub(super) fn deliver(self) -> io::Result<()> {
        match self.writer {
            Writer::Plain(mut file) => file.flush()?,
            Writer::Gzip(file) => {
                file.into_inner().map_err(IntoInnerError::into_error)?.finish()?.flush()?;
            }
        }
        fs::rename(&self.hidden, &self.path)
    }
}
