//! A stand-in for Amazon Data Firehose: an endpoint on this machine that speaks the service's own protocol
//! (AWS JSON 1.1), keeps its limits and quotas, and delivers into a folder. It can be told to fail.
//! It checks no signature, and must not be taken for the service where that matters.
//!
//! ```text
//!   call ─▶ http ─▶ faults ─▶ calls ─▶ stream: quota ─▶ object ─▶ FOLDER/bucket/prefix/YYYY/MM/DD/HH/…
//!                      └─ lost, slow, refused   └──────── counts ◀──────────┘
//! ```

mod answer;
mod calls;
mod counts;
mod destination;
mod faults;
mod http;
mod object;
mod put;
mod quota;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::watch;

pub use crate::embedded::firehose::counts::Amount;
pub use crate::embedded::firehose::counts::Counts;
pub use crate::embedded::firehose::counts::Second;
pub use crate::embedded::firehose::counts::StreamCounts;
pub use crate::embedded::firehose::quota::Quota;
pub use crate::scenario::FirehoseFaults as Faults;

use crate::embedded::firehose::calls::Account;

/// What is asked of a stand-in.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 for one that is free.
    pub port: u16,
    /// Where objects go; made if it is not there.
    pub folder: PathBuf,
    /// What each stream takes in a second.
    pub quota: Quota,
    /// How it fails.
    pub faults: Faults,
    /// Streams that are there from the beginning: gzip objects in the bucket `loadgen`.
    pub streams: Vec<String>,
}

/// Why there is no stand-in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FirehoseError {
    /// The port is taken, or may not be used.
    #[error(
        "cannot listen on 127.0.0.1:{port}: {source}: choose another port, or 0 for any that is free"
    )]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The folder cannot be made or written to.
    #[error("`{}`: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A stream of the options cannot be.
    #[error("the stream `{name}`: {reason}")]
    Stream {
        /// Its name.
        name: String,
        /// What the service would say.
        reason: String,
    },
    /// No thread or runtime could be made.
    #[error("the Firehose stand-in could not be started: {0}")]
    Machine(#[source] io::Error),
}

/// An endpoint that answers until this value is stopped or dropped.
#[derive(Debug)]
pub struct Firehose {
    address: SocketAddr,
    folder: PathBuf,
    account: Arc<Mutex<Account>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Firehose {
    /// Listens and answers, on a thread of its own, from now on.
    pub fn start(options: Options) -> Result<Self, FirehoseError> {
        let Options { port, folder, quota, faults, streams } = options;
        let at_folder = |source| FirehoseError::Folder { path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(at_folder)?;
        let folder = std::fs::canonicalize(&folder).map_err(at_folder)?;
        let mut account = Account::new(folder.clone(), quota, faults);
        for name in streams {
            if let Err(refusal) = account.furnish(&name) {
                return Err(FirehoseError::Stream { name, reason: refusal.message });
            }
        }
        let account = Arc::new(Mutex::new(account));

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(FirehoseError::Machine)?;
        let listen = |source| FirehoseError::Listen { port, source };
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port))).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = watch::channel(false);
        let served = Arc::clone(&account);
        let thread = std::thread::Builder::new()
            .name("firehose".to_owned())
            .spawn(move || runtime.block_on(http::serve(listener, served, stopped)))
            .map_err(FirehoseError::Machine)?;
        Ok(Self { address, folder, account, stop, thread: Some(thread) })
    }

    /// The endpoint, as SDKs take it: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where objects go; absolute.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// What came in so far, and what became of it.
    pub fn counts(&self) -> Counts {
        lock(&self.account).counts()
    }

    /// Answers what has begun, delivers what is buffered, and says what came of it all.
    pub fn stop(mut self) -> Counts {
        self.end();
        self.counts()
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to deliver.
            let _ = thread.join();
        }
    }
}

impl Drop for Firehose {
    fn drop(&mut self) {
        self.end();
    }
}

/// The account. A panic while it was held leaves counts that are one call old.
fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}
