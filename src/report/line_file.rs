//! A file of lines that is being written: what is in it is whole lines, whenever the process ends.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::io::Write;
use std::rc::Rc;

/// The most bytes that one such file takes: further lines are left out, and the user is told.
pub(super) const BYTES_MAX: u64 = 1 << 30;

/// Writes each line at once, and whole.
#[derive(Debug)]
pub(super) struct LineFile {
    file: File,
    line: Vec<u8>,
    /// How many bytes were written: shared, as whoever writes through it is borrowed.
    written: Rc<Cell<u64>>,
}

impl LineFile {
    pub(super) fn new(file: File) -> LineFile {
        LineFile { file, line: Vec::new(), written: Rc::default() }
    }

    /// How many bytes were written, now and later.
    pub(super) fn written(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.written)
    }
}

impl Write for LineFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if self.line.ends_with(b"\n") {
            let has_room = self.written.get().saturating_add(self.line.len() as u64) <= BYTES_MAX;
            let done = if has_room { self.file.write_all(&self.line) } else { Err(full()) };
            self.written.set(self.written.get() + self.line.len() as u64);
            self.line.clear();
            done?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn full() -> io::Error {
    io::Error::other("it has reached 1 GiB, which is as much as it may take; the rest is left out")
}
