//! Which of a client's messages commits changes: told from the statements it prepares and runs.

use std::collections::BTreeMap;

use super::wire::Message;

/// What a statement does, as far as commits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Begin,
    Commit,
    Rollback,
    /// Changes rows.
    Change,
    /// Changes rows with data that follows it.
    Copy,
    /// Reads, sets, listens: leaves nothing to commit.
    Other,
}

/// What there is to commit.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Changes {
    #[default]
    None,
    Made,
    /// By a COMMIT that was run since the last Sync.
    Committed,
}

/// What a client has said so far.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    statements: BTreeMap<Vec<u8>, Kind>,
    portals: BTreeMap<Vec<u8>, Kind>,
    in_transaction: bool,
    changes: Changes,
    /// The data of a COPY follows, whose end is also the end of its transaction.
    is_copying: bool,
}

impl Conversation {
    /// Takes note of a message; says whether it is the one that makes the server commit changes.
    pub(super) fn commits(&mut self, message: &Message) -> bool {
        let (first, rest) = text(&message.body);
        match message.tag {
            b'P' => {
                self.statements.insert(first.to_vec(), kind(text(rest).0));
            }
            b'B' => {
                let kind = self.statements.get(text(rest).0).copied().unwrap_or(Kind::Other);
                self.portals.insert(first.to_vec(), kind);
            }
            b'E' => self.run(self.portals.get(first).copied().unwrap_or(Kind::Other)),
            b'Q' => {
                first.split(|byte| *byte == b';').for_each(|sql| self.run(kind(sql)));
                self.is_copying = kind(first) == Kind::Copy;
                return !self.is_copying && self.sync();
            }
            b'c' if self.is_copying => {
                self.is_copying = false;
                return self.sync();
            }
            b'S' => return self.sync(),
            _ => {}
        }
        false
    }

    fn run(&mut self, kind: Kind) {
        match kind {
            Kind::Begin => self.in_transaction = true,
            Kind::Change | Kind::Copy if self.changes == Changes::None => {
                self.changes = Changes::Made;
            }
            Kind::Commit => {
                self.in_transaction = false;
                if self.changes == Changes::Made {
                    self.changes = Changes::Committed;
                }
            }
            Kind::Rollback => {
                self.in_transaction = false;
                if self.changes == Changes::Made {
                    self.changes = Changes::None;
                }
            }
            Kind::Change | Kind::Copy | Kind::Other => {}
        }
    }

    /// Outside of a transaction the server commits when it is told to be ready for more.
    fn sync(&mut self) -> bool {
        let commits = match self.changes {
            Changes::None => false,
            Changes::Made => !self.in_transaction,
            Changes::Committed => true,
        };
        if commits {
            self.changes = Changes::None;
        }
        commits
    }
}

fn kind(sql: &[u8]) -> Kind {
    let sql = String::from_utf8_lossy(sql).trim().to_ascii_uppercase();
    let word = sql.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    match word {
        "BEGIN" | "START" => Kind::Begin,
        "COMMIT" | "END" => Kind::Commit,
        "ROLLBACK" | "ABORT" if !sql.contains(" TO ") => Kind::Rollback,
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" | "WITH" => Kind::Change,
        "COPY" if sql.contains("FROM STDIN") => Kind::Copy,
        _ => Kind::Other,
    }
}

/// The text at the beginning, up to its NUL, and what follows.
fn text(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}

#[test]
fn only_what_commits_changes_is_a_commit() {
    let said = |messages: &[(u8, &str)]| -> Vec<bool> {
        let mut conversation = Conversation::default();
        let messages = messages
            .iter()
            .map(|(tag, body)| Message { tag: *tag, body: body.as_bytes().to_vec() });
        messages.map(|message| conversation.commits(&message)).collect()
    };
    let prepare = [(b'P', "i\0insert into t\0"), (b'P', "s\0SELECT 1\0"), (b'S', "")];
    assert_eq!(said(&prepare), [false, false, false]);
    let run = |name: &'static str| [(b'B', name), (b'E', "\0"), (b'S', "")];
    assert_eq!(said(&[&prepare[..], &run("\0i\0")].concat()).pop(), Some(true));
    assert_eq!(said(&[&prepare[..], &run("\0s\0")].concat()).pop(), Some(false));
    for (sql, expected) in [
        (&["BEGIN", "UPDATE t", "COMMIT"][..], [false, false, true]),
        (&["begin", "select 1", "commit"], [false, false, false]),
        (&["BEGIN", "UPDATE t", "ROLLBACK"], [false, false, false]),
        (&["BEGIN;UPDATE t;COMMIT", "SELECT 1", "DELETE FROM t"], [true, false, true]),
    ] {
        let messages: Vec<(u8, &str)> = sql.iter().map(|sql| (b'Q', *sql)).collect();
        assert_eq!(said(&messages), expected, "{sql:?}");
    }
    let copy = [(b'Q', "COPY t FROM STDIN"), (b'd', "1\n"), (b'c', ""), (b'Q', "SELECT 1")];
    assert_eq!(said(&copy), [false, false, true, false]);
}
