//! A file that is written: compressed, followed by others, and cut back to what holds when writing fails.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

use crate::scenario::Compress;
use crate::sink::lines::mark;
use crate::sink::lines::mark::Names;

/// Bytes that go to the operating system at once, at least, where there are more to come.
const PIECE: usize = 256 << 10;
/// How hard Zstandard tries: its own default.
const LEVEL: i32 = 3;

/// What a file is to be.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Its path; `None` for standard output.
    pub(crate) path: Option<String>,
    /// What it begins with.
    pub(crate) preamble: Vec<u8>,
    /// What it and each that follows it begin with.
    pub(crate) head: Vec<u8>,
    /// Bytes after which another follows.
    pub(crate) rotate: Option<u64>,
    /// How it is compressed.
    pub(crate) compress: Option<Compress>,
}

/// Why something could not be written.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Where.
    pub(crate) path: String,
    /// Why.
    pub(crate) error: io::Error,
}

/// A file as it was before the lines that are being written.
#[derive(Debug)]
pub(super) struct Before {
    file: Arc<File>,
    length: u64,
}

impl Before {
    /// Cuts the file back to that, as well as can be.
    pub(super) fn restore(&self) {
        let _ = self.file.set_len(self.length);
    }
}

/// Where lines end up.
#[derive(Debug)]
pub(super) struct Outlet {
    names: Option<Names>,
    head: Vec<u8>,
    rotate: Option<u64>,
    compress: Option<Compress>,
    /// The number of the file at hand.
    number: u32,
    path: String,
    stream: FileStream,
    /// Not yet given to the stream.
    pending: Vec<u8>,
    /// Whether [`Outlet::flush`] has something to do.
    is_touched: bool,
    /// Whether the file can be cut back.
    is_regular: bool,
}

/// The way of bytes into a file.
enum FileStream {
    Plain(Tap),
    Gzip(Box<GzEncoder<Tap>>),
    Zstd(Box<Encoder<'static, Tap>>),
    /// Nothing goes in any more.
    Shut,
}

impl std::fmt::Debug for FileStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileStream").finish_non_exhaustive()
    }
}

/// The end of the way: counts what it gives to the operating system, and nothing goes through it any more
/// once it is shut, also not what an encoder would write as it is dropped.
struct Tap {
    file: Arc<File>,
    written: u64,
    is_shut: bool,
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_shut {
            return Ok(bytes.len());
        }
        let count = (&*self.file).write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl FileStream {
    fn into(file: File, compress: Option<Compress>) -> io::Result<Self> {
        let tap = Tap { file: Arc::new(file), written: 0, is_shut: false };
        Ok(match compress {
            None => Self::Plain(tap),
            Some(Compress::Gzip) => Self::Gzip(Box::new(GzEncoder::new(tap, Compression::fast()))),
            Some(Compress::Zstd) => Self::Zstd(Box::new(Encoder::new(tap, LEVEL)?)),
        })
    }

    fn tap(&mut self) -> Option<&mut Tap> {
        match self {
            Self::Plain(tap) => Some(tap),
            Self::Gzip(encoder) => Some(encoder.get_mut()),
            Self::Zstd(encoder) => Some(encoder.get_mut()),
            Self::Shut => None,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(tap) => tap.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
            Self::Shut => Ok(()),
        }
    }

    /// All that was written can be read from the file afterwards.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Plain(_) | Self::Shut => Ok(()),
        }
    }

    /// Writes the end of a compressed file.
    fn end(self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.finish().map(|_| ()),
            Self::Zstd(encoder) => encoder.finish().map(|_| ()),
            Self::Plain(_) | Self::Shut => Ok(()),
        }
    }
}

impl Outlet {
    /// Makes a file, which must not be there.
    pub(super) fn open(wanted: &Wanted) -> Result<Self, Broken> {
        let mut outlet = Self {
            names: wanted.path.as_deref().map(Names::of),
            head: wanted.head.clone(),
            rotate: wanted.rotate,
            compress: wanted.compress,
            number: 1,
            path: String::new(),
            stream: FileStream::Shut,
            pending: Vec::new(),
            is_touched: false,
            is_regular: false,
        };
        outlet.begin()?;
        outlet.pending.splice(0..0, wanted.preamble.iter().copied());
        outlet.flush()?;
        Ok(outlet)
    }

    /// Makes the file of the number at hand.
    fn begin(&mut self) -> Result<(), Broken> {
        let file = match &self.names {
            None => {
                "standard output".clone_into(&mut self.path);
                io::stdout().as_fd().try_clone_to_owned().map(File::from)
            }
            Some(names) => {
                let path = names.path(self.rotate.map(|_| self.number));
                self.path = path.display().to_string();
                self.is_regular = !mark::is_device(&path);
                if self.is_regular {
                    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                    let made = folder.map_or(Ok(()), fs::create_dir_all);
                    let noted = made.and_then(|()| mark::note(&path));
                    noted.and_then(|()| OpenOptions::new().write(true).create_new(true).open(&path))
                } else {
                    OpenOptions::new().write(true).open(&path)
                }
            }
        };
        self.stream = file
            .and_then(|file| FileStream::into(file, self.compress))
            .map_err(|error| self.broken(error))?;
        self.pending.extend_from_slice(&self.head);
        self.is_touched = true;
        Ok(())
    }

    fn broken(&self, error: io::Error) -> Broken {
        Broken { path: self.path.clone(), error }
    }

    /// Takes lines, which stay together; how the file was before goes to `before`.
    pub(super) fn take(&mut self, lines: &[u8], before: &mut Vec<Before>) -> Result<(), Broken> {
        if !self.is_touched {
            self.remember(before);
        }
        if self.is_full(lines.len()) {
            self.write_pending()?;
            let stream = std::mem::replace(&mut self.stream, FileStream::Shut);
            stream.end().map_err(|error| self.broken(error))?;
            self.number += 1;
            self.begin()?;
            self.remember(before);
        }
        self.is_touched = true;
        self.pending.extend_from_slice(lines);
        if self.pending.len() >= PIECE { self.write_pending() } else { Ok(()) }
    }

    fn remember(&mut self, before: &mut Vec<Before>) {
        if let Some(tap) = self.stream.tap().filter(|_| self.is_regular) {
            before.push(Before { file: Arc::clone(&tap.file), length: tap.written });
        }
    }

    /// Whether more lines belong into the next file. What is compressed is known only once it is written.
    fn is_full(&mut self, more: usize) -> bool {
        let (pending, head) = (self.pending.len() as u64, self.head.len() as u64);
        let written = self.stream.tap().map_or(0, |tap| tap.written);
        match (self.rotate, self.compress) {
            (None, _) => false,
            (Some(most), Some(_)) => written >= most,
            (Some(most), None) => {
                written + pending > head && written + pending + more as u64 > most
            }
        }
    }

    fn write_pending(&mut self) -> Result<(), Broken> {
        let done = self.stream.write(&self.pending);
        self.pending.clear();
        done.map_err(|error| self.broken(error))
    }

    /// Gives all that was taken to the operating system.
    pub(super) fn flush(&mut self) -> Result<(), Broken> {
        if !std::mem::take(&mut self.is_touched) {
            return Ok(());
        }
        self.write_pending()?;
        self.stream.flush().map_err(|error| self.broken(error))
    }

    /// Nothing goes in any more.
    pub(super) fn shut(&mut self) {
        if let Some(tap) = self.stream.tap() {
            tap.is_shut = true;
        }
        self.stream = FileStream::Shut;
        self.pending = Vec::new();
    }

    /// Writes what belongs to the end.
    pub(super) fn end(&mut self) -> Result<(), Broken> {
        self.flush()?;
        let stream = std::mem::replace(&mut self.stream, FileStream::Shut);
        stream.end().map_err(|error| self.broken(error))
    }
}
