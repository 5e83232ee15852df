//! Bad weather: a proxy in front of a real server that loses commits, or replies to them, or delays
//! a commit beyond its connection's end, when a test says so.
//!
//! ```text
//!   client ──► messages ──► is it the commit that is to fail? ──► messages ──► server
//!          ◄── messages ◄── answers of the n-th request hidden ◄── messages ◄──
//! ```

#[path = "proxy/link.rs"]
mod link;
#[path = "proxy/statement.rs"]
mod statement;
#[path = "proxy/wire.rs"]
pub(super) mod wire;

use std::net::Shutdown;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a delayed commit is held unless the test releases it.
const DELAY: Duration = Duration::from_secs(2);

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never reaches the server; both ends of the connection are cut. The server rolls back.
    LoseCommit,
    /// The server commits and answers; the answer is not passed on, and both ends are cut.
    LoseReply,
    /// The client's end is cut at once. The server's stays open, and the commit is delivered to it
    /// when the test releases it, or after 2 s; then it is cut too.
    DelayCommit,
}

/// What the proxy has done so far. Counts only connections that are subject to faults.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections made.
    pub(crate) connections: u32,
    /// Commits that clients sent, those that failed included.
    pub(crate) commits: u32,
    /// Commits that were thrown away.
    pub(crate) lost_commits: u32,
    /// Commits whose answer came and was thrown away.
    pub(crate) lost_replies: u32,
    /// Commits that were held back.
    pub(crate) delayed: u32,
    /// Of these, the ones that were delivered.
    pub(crate) delivered: u32,
    /// Of these, the ones that the server answered in any way before its session ended.
    pub(crate) answered: u32,
}

/// The proxy. Stops, and cuts all its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    door: Option<JoinHandle<()>>,
}

/// What the connections' threads have in common.
#[derive(Debug)]
struct Shared {
    server_port: u16,
    /// What a connection's first packet must contain for the connection to be subject to faults.
    subject: String,
    weather: Mutex<Weather>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Weather {
    /// Faults to come, each with the number of commits until then.
    armed: Vec<(u32, Fault)>,
    counts: Counts,
    /// How often the test released what is held.
    releases: u32,
    is_over: bool,
    /// Both ends of each connection.
    ends: Vec<TcpStream>,
}

impl Proxy {
    /// A proxy on a free port of 127.0.0.1. Connections whose first packet contains `subject` (a
    /// user, a database, an application name) are subject to faults.
    pub(crate) fn start(server_port: u16, subject: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server_port,
            subject: subject.to_owned(),
            weather: Mutex::default(),
            released: Condvar::new(),
        });
        let here = Arc::clone(&shared);
        let door = Some(thread::spawn(move || accept(&listener, &here)));
        Proxy { port, shared, door }
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Lets a fault befall the `n`-th commit from now on (1: the next), over all connections that
    /// are subject to faults. Several may be armed; of two for the same commit, the later armed
    /// takes the next one.
    pub(crate) fn arm(&self, n: u32, fault: Fault) {
        self.shared.weather().armed.push((n.max(1), fault));
    }

    /// Delivers now what is held back.
    pub(crate) fn release(&self) {
        self.shared.weather().releases += 1;
        self.shared.released.notify_all();
    }

    /// What has been done so far.
    pub(crate) fn counts(&self) -> Counts {
        self.shared.weather().counts
    }

    /// Cuts every connection, whatever it is doing.
    pub(crate) fn cut_all(&self) {
        self.shared.weather().cut_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut weather = self.shared.weather();
        weather.is_over = true;
        weather.cut_all();
        drop(weather);
        self.shared.released.notify_all();
        // Wakes the door up, which then sees that it is over.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(door) = self.door.take() {
            let _ = door.join();
        }
    }
}

impl Shared {
    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a commit, and says what is to become of it.
    fn commit(&self) -> Option<Fault> {
        let mut weather = self.weather();
        weather.counts.commits += 1;
        for (left, _) in &mut weather.armed {
            *left = left.saturating_sub(1);
        }
        let due = weather.armed.iter().position(|(left, _)| *left == 0)?;
        Some(weather.armed.remove(due).1)
    }

    /// Waits until the test releases what is held, the time is up, or it is over.
    fn hold(&self) {
        let weather = self.weather();
        let before = weather.releases;
        let is_held = |weather: &mut Weather| weather.releases == before && !weather.is_over;
        let _ = self.released.wait_timeout_while(weather, DELAY, is_held);
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.weather().counts);
    }
}

impl Weather {
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
        if shared.weather().is_over {
            break;
        }
        links.retain(|link| !link.is_finished());
        if let Ok(client) = client {
            let shared = Arc::clone(shared);
            links.push(thread::spawn(move || link::serve(client, &shared)));
        }
    }
    for link in links {
        let _ = link.join();
    }
}
