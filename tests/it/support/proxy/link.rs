//! One connection through the proxy: two threads, one for each direction.

use std::net::Shutdown;
use std::net::TcpStream;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use super::Fault;
use super::Shared;
use super::statement::Conversation;
use super::wire::First;
use super::wire::Message;

/// How long the server's answer to a commit is awaited.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Both ends, and how far the server has got.
struct Link<'a> {
    client: &'a TcpStream,
    server: &'a TcpStream,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    /// Requests that the server has finished answering; the login is the first.
    answered: u64,
    /// The answer to this request, and all later ones, are not passed on.
    hidden_from: Option<u64>,
    /// The server has hung up.
    is_over: bool,
}

/// Serves a connection until either end closes it or a fault befalls it.
pub(super) fn serve(mut client: TcpStream, shared: &Shared) {
    let Ok(first) = First::read(&mut client) else { return };
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", shared.server_port)) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    register(&client, &server, shared);
    if std::io::Write::write_all(&mut server, &first.packet).is_err() {
        return cut(&client, &server);
    }
    if first.is_cancel {
        // The server hangs up when it has passed the request on.
        let _ = std::io::copy(&mut server, &mut client);
        return cut(&client, &server);
    }
    let is_subject = first.contains(&shared.subject);
    if is_subject {
        shared.count(|counts| counts.connections += 1);
    }
    let (progress, changed) = (Mutex::default(), Condvar::new());
    let link = Link { client: &client, server: &server, progress, changed };
    thread::scope(|scope| {
        scope.spawn(|| link.answers());
        link.requests(shared, is_subject);
        cut(&client, &server);
    });
}

/// Lets the proxy cut the connection when it ends.
fn register(client: &TcpStream, server: &TcpStream, shared: &Shared) {
    let mut weather = shared.weather();
    weather.ends.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
    if weather.is_over {
        weather.cut_all();
    }
}

fn cut(client: &TcpStream, server: &TcpStream) {
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

impl Link<'_> {
    /// From the client to the server, until a fault.
    fn requests(&self, shared: &Shared, is_subject: bool) {
        let (mut client, mut server) = (self.client, self.server);
        let mut conversation = Conversation::default();
        let mut request = 1;
        while let Ok(message) = Message::read(&mut client) {
            request += u64::from(matches!(message.tag, b'S' | b'Q' | b'F'));
            let commits = is_subject && conversation.commits(&message);
            match commits.then(|| shared.commit()).flatten() {
                Some(fault) => return self.strike(fault, &message, request, shared),
                None if message.write(&mut server).is_err() => return,
                None => {}
            }
        }
    }

    /// From the server to the client. What is hidden is read all the same.
    fn answers(&self) {
        let (mut client, mut server) = (self.client, self.server);
        while let Ok(message) = Message::read(&mut server) {
            let mut progress = self.progress();
            let request = progress.answered + 1;
            if progress.hidden_from.is_none_or(|hidden| request < hidden) {
                // A client that has gone away is noticed where it is read from.
                let _ = message.write(&mut client);
            }
            progress.answered += u64::from(message.tag == b'Z');
            self.changed.notify_all();
        }
        self.progress().is_over = true;
        self.changed.notify_all();
        let _ = self.client.shutdown(Shutdown::Both);
    }

    /// Does to a commit what is to be done; afterwards both ends are cut.
    fn strike(&self, fault: Fault, commit: &Message, request: u64, shared: &Shared) {
        let mut server = self.server;
        match fault {
            Fault::LoseCommit => shared.count(|counts| counts.lost_commits += 1),
            Fault::LoseReply => {
                self.progress().hidden_from = Some(request);
                if commit.write(&mut server).is_ok() && self.wait_for(request) {
                    shared.count(|counts| counts.lost_replies += 1);
                }
            }
            Fault::DelayCommit => {
                self.progress().hidden_from = Some(0);
                shared.count(|counts| counts.delayed += 1);
                let _ = self.client.shutdown(Shutdown::Both);
                shared.hold();
                if commit.write(&mut server).is_ok() {
                    shared.count(|counts| counts.delivered += 1);
                }
                if self.wait_for(request) {
                    shared.count(|counts| counts.answered += 1);
                }
            }
        }
    }

    /// Whether the server has answered a request before it hung up.
    fn wait_for(&self, request: u64) -> bool {
        let is_pending = |progress: &mut Progress| progress.answered < request && !progress.is_over;
        let waited = self.changed.wait_timeout_while(self.progress(), ANSWER_MAX, is_pending);
        waited.unwrap_or_else(PoisonError::into_inner).0.answered >= request
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
