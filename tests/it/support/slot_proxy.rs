//! Mischief on the way from a replication slot to its reader: a proxy that passes everything but, once, one
//! change, which it drops, sends twice, exchanges with another of the same row, alters or makes up.
//!
//! ```text
//!   reader ──► anything ──────────────────────────────► walsender
//!          ◄── changes ◄── is it the one to spoil? ◄────
//!   any other client ◄──► bytes as they are ◄──► server
//! ```

#[path = "slot_proxy/changes.rs"]
mod changes;

use std::io;
use std::io::Write;
use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use super::proxy::wire::First;
use super::proxy::wire::Message;
use changes::Change;
use changes::Tables;

/// What a connection that reads a slot says of itself.
const REPLICATION: &str = "replication\0database\0";

/// What becomes of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mischief {
    /// It is not passed on.
    Drop,
    /// It is passed on twice.
    Double,
    /// It comes after a later one of the same row, and that in its place.
    Swap,
    /// One bit of a value is another.
    Alter,
    /// A value that an update has set is left out, as if it had not changed.
    Hide,
    /// Before it comes one that nobody has made.
    Add,
    /// The message of its transaction is another's.
    Unname,
}

impl Mischief {
    /// All of them, each with the class of fault that it makes.
    pub(crate) const ALL: [(Mischief, &'static str); 6] = [
        (Mischief::Drop, "lost"),
        (Mischief::Double, "doubled"),
        (Mischief::Swap, "reordered"),
        (Mischief::Alter, "wrong"),
        (Mischief::Hide, "wrong"),
        (Mischief::Add, "phantom"),
    ];
}

/// What was spoilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spoilt {
    /// The table, with its PostgreSQL schema.
    pub(crate) table: String,
    /// The values of its key.
    pub(crate) key: String,
}

/// The proxy. Stops, and cuts all its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct SlotProxy {
    port: u16,
    shared: Arc<Shared>,
    door: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    server_port: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is to be done, to the change of this number or the next that it can be done to.
    plan: Option<(u64, Mischief)>,
    spoilt: Option<Spoilt>,
    /// Changes that have come.
    changes: u64,
    /// So long nothing is passed on, once so many changes have come.
    stall: Option<(u64, Duration)>,
    /// A message was made another's, and the next change is of its transaction.
    is_unnamed: bool,
    /// Both ends of each connection.
    ends: Vec<TcpStream>,
    is_over: bool,
}

impl SlotProxy {
    /// A proxy on a free port of 127.0.0.1.
    pub(crate) fn start(server_port: u16) -> SlotProxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { server_port, state: Mutex::default() });
        let here = Arc::clone(&shared);
        let door = Some(thread::spawn(move || accept(&listener, &here)));
        SlotProxy { port, shared, door }
    }

    /// The URL of the superuser, through this.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Does this to the `n`-th change, or the next that it can be done to.
    pub(crate) fn plan(&self, n: u64, mischief: Mischief) {
        self.shared.state().plan = Some((n, mischief));
    }

    /// Passes nothing on for so long, once `n` changes have come.
    pub(crate) fn stall(&self, n: u64, time: Duration) {
        self.shared.state().stall = Some((n, time));
    }

    /// What was done, if it was; and how many changes came.
    pub(crate) fn spoilt(&self) -> (Option<Spoilt>, u64) {
        let state = self.shared.state();
        (state.spoilt.clone(), state.changes)
    }
}

impl Drop for SlotProxy {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.is_over = true;
        state.cut_all();
        drop(state);
        // Wakes the door up, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.door.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn cut_all(&mut self) {
        for end in self.ends.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// Serves each connection on a thread of its own, and waits for all of them at the end.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut links: Vec<JoinHandle<()>> = Vec::new();
    for client in listener.incoming() {
        if shared.state().is_over {
            break;
        }
        links.retain(|link| !link.is_finished());
        if let Ok(client) = client {
            let shared = Arc::clone(shared);
            links.push(thread::spawn(move || drop(serve(client, &shared))));
        }
    }
    for link in links {
        let _ = link.join();
    }
}

/// Serves a connection until either end closes it.
fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let first = First::read(&mut client)?;
    let mut server = TcpStream::connect(("127.0.0.1", shared.server_port))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut state = shared.state();
    state.ends.extend([client.try_clone()?, server.try_clone()?]);
    if state.is_over {
        state.cut_all();
    }
    drop(state);
    server.write_all(&first.packet)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = io::copy(&mut &client, &mut &server);
            let _ = server.shutdown(Shutdown::Both);
        });
        let _ = if first.contains(REPLICATION) {
            Way { client: &client, server: &server, shared }.pass()
        } else {
            io::copy(&mut &server, &mut &client).map(drop)
        };
        let _ = client.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// From a walsender to its reader.
struct Way<'a> {
    client: &'a TcpStream,
    server: &'a TcpStream,
    shared: &'a Shared,
}

impl Way<'_> {
    fn pass(&self) -> io::Result<()> {
        let mut from = io::BufReader::new(self.server);
        let mut tables = Tables::default();
        // Kept back until two changes of one row are among them.
        let mut held: Vec<Message> = Vec::new();
        loop {
            let mut message = Message::read(&mut from)?;
            self.unname(&mut message);
            let change = tables.change(&message);
            let wanted = change.as_ref().and_then(|_| self.count());
            let (Some(change), Some(mischief)) = (change, wanted) else {
                self.hold_or_write(&mut held, message)?;
                continue;
            };
            match mischief {
                Mischief::Drop => self.done(&change),
                Mischief::Unname => {
                    if self.shared.state().is_unnamed {
                        self.done(&change);
                    }
                    self.write(&message)?;
                }
                Mischief::Double => {
                    self.write(&message)?;
                    self.write(&message)?;
                    self.done(&change);
                }
                Mischief::Alter | Mischief::Hide => {
                    let is_altered = match mischief {
                        Mischief::Hide => change.hide(&mut message),
                        _ => change.alter(&mut message),
                    };
                    if is_altered {
                        self.done(&change);
                    }
                    self.write(&message)?;
                }
                Mischief::Add => {
                    if let Some((made_up, change)) = change.make_up(&message, &tables) {
                        self.write(&made_up)?;
                        self.done(&change);
                    }
                    self.write(&message)?;
                }
                Mischief::Swap => {
                    held.push(message);
                    if self.swap(&mut held, &change, &mut tables) {
                        held.drain(..).try_for_each(|it| self.write(&it))?;
                    }
                }
            }
        }
    }

    /// Makes what a transaction says of itself somebody else's, if it is time for that.
    fn unname(&self, message: &mut Message) {
        let mut state = self.shared.state();
        let is_time = |it: &(u64, Mischief)| it.0 <= state.changes + 1 && it.1 == Mischief::Unname;
        if state.is_unnamed || !state.plan.as_ref().is_some_and(is_time) {
            return;
        }
        let is_said = message.body.windows(7).any(|it| it == b"action ");
        let prefix = message.body.windows(8).position(|it| it == b"loadgen\0");
        if let Some(at) = prefix.filter(|_| is_said) {
            message.body[at] = b'x';
            state.is_unnamed = true;
        }
    }

    /// Counts a change, and says what is to be done to it, if anything.
    fn count(&self) -> Option<Mischief> {
        let mut state = self.shared.state();
        state.changes += 1;
        let changes = state.changes;
        let stall = state.stall.take_if(|(at, _)| *at <= changes);
        let wanted = state.plan.filter(|(at, _)| *at <= changes).map(|(_, mischief)| mischief);
        drop(state);
        if let Some((_, time)) = stall {
            self.rest(time);
        }
        wanted
    }

    fn rest(&self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time && !self.shared.state().is_over {
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn done(&self, change: &Change) {
        let mut state = self.shared.state();
        state.plan = None;
        state.spoilt = Some(Spoilt { table: change.table.clone(), key: change.key.clone() });
    }

    fn write(&self, message: &Message) -> io::Result<()> {
        let mut client = self.client;
        message.write(&mut client)
    }

    /// What is behind a message that is kept back stays behind it.
    fn hold_or_write(&self, held: &mut Vec<Message>, message: Message) -> io::Result<()> {
        if held.is_empty() {
            return self.write(&message);
        }
        held.push(message);
        Ok(())
    }

    /// Exchanges the last of what is held with an earlier change of the same row that is another one.
    fn swap(&self, held: &mut [Message], change: &Change, tables: &mut Tables) -> bool {
        let Some((last, before)) = held.split_last_mut() else { return false };
        let is_it = |message: &&mut Message| {
            let other = tables.change(message);
            other.is_some_and(|it| it.key == change.key && it.table == change.table)
                && message.body[25..] != last.body[25..]
        };
        let Some(earlier) = before.iter_mut().find(is_it) else { return false };
        std::mem::swap(&mut earlier.body, &mut last.body);
        self.done(change);
        true
    }
}
