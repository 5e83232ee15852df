//! An action in flight on a connection, and one whose connection was lost.

use std::collections::VecDeque;

use crate::measure::ErrorClass;
use crate::sink::Failure;
use crate::sink::Outcome;
use crate::sink::Ticket;
use crate::sink::postgres::frames::ServerError;

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) ticket: Ticket,
    pub(super) transaction: Transaction,
    /// Statements of it that are still to be answered, without BEGIN and the like.
    pub(super) operations: u32,
    /// The statement that is answered next.
    pub(super) next: u32,
    /// Answers to BEGIN and the like that still come first.
    pub(super) preamble: u32,
    pub(super) shortfalls: Vec<(u32, u32)>,
    pub(super) error: Option<ServerError>,
    pub(super) xid: Option<u64>,
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
    /// It was refused already, or ran in BEGIN and COMMIT was never sent: it cannot have been
    /// committed.
    pub(super) is_uncommitted: bool,
}

impl Pending {
    pub(super) fn count(&mut self, rows: u32, expected: &mut VecDeque<u32>) {
        if self.preamble > 0 {
            self.preamble -= 1;
            return;
        }
        if self.next < self.operations {
            if expected.pop_front() != Some(rows) {
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
        Outcome { ticket: self.ticket, result }
    }
}

/// An action without a number is not committed: nobody could find out about it.
pub(super) fn numberless() -> ServerError {
    let message = "the server did not tell the transaction's number".to_owned();
    ServerError { code: String::new(), message, is_fatal: false }
}

fn failure(error: &ServerError) -> Failure {
    let message = error.message.chars().take(300).collect();
    Failure { class: ErrorClass::of_sqlstate(&error.code), code: error.code.clone(), message }
}
