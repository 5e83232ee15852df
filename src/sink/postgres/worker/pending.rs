//! An action in flight on a connection, and one whose connection was lost.

use std::collections::VecDeque;

use crate::measure::ErrorClass;
use crate::sink::Failure;
use crate::sink::Outcome;
use crate::sink::Ticket;
use crate::sink::postgres::frames::ServerError;
use crate::sink::postgres::worker::pooled;

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ticket: Ticket,
    pub(super) transaction: Transaction,
    /// Statements of it that are still to be answered, without BEGIN and the like.
    pub(super) operations: u32,
    /// Where its rows go by COPY: the first operation of each.
    pub(super) copies: Vec<u32>,
    /// The statement that is answered next.
    pub(super) next: u32,
    /// Answers to BEGIN and the like that still come first.
    pub(super) preamble: u32,
    pub(super) shortfalls: Vec<(u32, u32)>,
    pub(super) error: Option<ServerError>,
    /// COMMIT was written.
    pub(super) is_committing: bool,
    pub(super) xid: Option<u64>,
    /// The process that has the transaction, if that is not always the same.
    pub(super) pid: Option<i32>,
    /// The question for the next number goes before it, and is not answered yet.
    pub(super) asks: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transaction {
    /// One implicit transaction.
    Plain,
    /// BEGIN, the statements, and the question for the transaction's number.
    Begun,
    /// COMMIT, or ROLLBACK after an error.
    Ending,
}

#[derive(Debug)]
pub(super) struct Stranded {
    pub(super) ticket: Ticket,
    /// Set if the server can be asked for the fate of its transaction.
    pub(super) xid: Option<u64>,
    /// The process that had the transaction.
    pub(super) pid: Option<i32>,
    /// It was refused already, or ran in BEGIN and COMMIT was never sent: it cannot have been
    /// committed.
    pub(super) is_uncommitted: bool,
}

impl Pending {
    /// Takes the transaction's number, and the process that has it.
    pub(super) fn number(&mut self, text: &str) {
        let mut numbers = text.split(' ');
        self.xid = numbers.next().and_then(|number| number.parse().ok());
        self.pid = numbers.next().and_then(|number| number.parse().ok());
    }

    /// Whether it cannot have been committed: COMMIT was never sent, or it was refused before. An
    /// error behind COMMIT may come from a pooler, which does not know.
    pub(super) fn is_uncommitted(&self) -> bool {
        self.transaction == Transaction::Begun || self.error.is_some() && !self.is_committing
    }

    pub(super) fn count(&mut self, rows: u32, expected: &mut VecDeque<u32>) {
        if self.preamble > 0 {
            self.preamble -= 1;
            return;
        }
        if self.next < self.operations {
            let expected = expected.pop_front().unwrap_or(0);
            if let Some(first) = self.copies.get(self.next as usize) {
                // Which rows are missing is not known; any of the table's stands for one.
                self.shortfalls.extend((rows..expected).map(|_| (*first, 0)));
            } else if expected != rows {
                self.shortfalls.push((self.next, rows));
            }
            self.next += 1;
        }
    }

    pub(super) fn outcome(self) -> Outcome {
        let result = match self.error {
            None => Ok(self.shortfalls),
            Some(error) => Err(failure(&error)),
        };
        Outcome::new(self.ticket, result)
    }
}

/// An action without a number is not committed: nobody could find out about it.
pub(super) fn numberless() -> ServerError {
    let message = "the server did not tell the transaction's number".to_owned();
    ServerError { code: String::new(), message, is_fatal: false }
}

fn failure(error: &ServerError) -> Failure {
    let message = match pooled::hint(error) {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    };
    let message = message.chars().take(300).collect();
    let (class, code) = (ErrorClass::of_sqlstate(&error.code), error.code.clone());
    Failure { class, code, message, is_doubtful: false }
}
