//! Where results leave: standard output, which may be closed or full; or standard error, where rows go to
//! standard output.

use std::io;
use std::io::Write;

use crate::cli::complain;

/// Exit code where the results could not be written.
const FAILED: u8 = 4;

/// Standard output. After the first failure it takes nothing more.
#[derive(Debug, Default)]
pub(super) struct Output {
    failure: Option<io::Error>,
    is_aside: bool,
}

impl Output {
    /// Standard error, as standard output is taken.
    pub(super) fn aside() -> Self {
        Self { failure: None, is_aside: true }
    }

    /// Writes a piece of the results.
    pub(super) fn say(&mut self, text: &str) {
        if self.is_open() {
            let bytes = text.as_bytes();
            let written = if self.is_aside {
                io::stderr().lock().write_all(bytes)
            } else {
                io::stdout().lock().write_all(bytes)
            };
            self.failure = written.err();
        }
    }

    /// Whether it still takes anything: whoever makes more of it than a screen, asks.
    pub(super) fn is_open(&self) -> bool {
        self.failure.is_none()
    }

    /// The exit code of a command that ends with `code`. A reader that closed the pipe, as `head`
    /// does, has what it wanted; anything else is said, and is no success.
    pub(super) fn end(mut self, code: u8) -> u8 {
        if self.is_open() {
            self.failure = io::stdout().lock().flush().err();
        }
        match self.failure {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                complain(&format!("error: the results could not be written: {error}"));
                if code == 0 { FAILED } else { code }
            }
            _ => code,
        }
    }
}
