//! Sessions for control work, spoken by `tokio_postgres`, singly or pooled.
//!
//! There is one way to log in, [`Address::connect`]. `tokio_postgres` insists on its own, so it is
//! given a stream on which its login is answered with what the server said at ours.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Buf;
use bytes::BufMut;
use bytes::BytesMut;
use deadpool_postgres::Connect;
use deadpool_postgres::Manager;
use deadpool_postgres::ManagerConfig;
use deadpool_postgres::Pool;
use deadpool_postgres::RecyclingMethod;
use deadpool_postgres::Runtime;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_postgres::Client;
use tokio_postgres::Config;
use tokio_postgres::Error;
use tokio_postgres::NoTls;

use super::address::Address;
use super::error::ConnectError;
use super::startup::Session;
use super::stream::Transport;

/// How often it is looked whether a session that is kept is still there, or can be made again.
const LOOK: Duration = Duration::from_millis(250);
/// How long one waits for a connection of the pool to become free.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a new connection of the pool may take, over all hosts.
const CREATE_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a used connection may take to be looked over.
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A session for control work. A task of the current runtime drives it, until the client is dropped.
pub async fn control(address: &Address, application: &str) -> Result<Client, ConnectError> {
    let session = address.connect(&[("application_name", application)]).await;
    let server = address.to_string();
    let handed_over = hand_over(session).await;
    handed_over.map(|(client, _)| client).map_err(|error| unwrap(&error, &server))
}

/// Keeps a session for as long as this runs: whenever it is lost, `again` makes another, and is asked until it can.
pub async fn keep<F>(mut session: Client, again: impl Fn() -> F)
where
    F: Future<Output = Option<Client>>,
{
    loop {
        while !session.is_closed() {
            sleep(LOOK).await;
        }
        session = loop {
            if let Some(session) = again().await {
                break session;
            }
            sleep(LOOK).await;
        };
    }
}

/// Sessions for control work, made when needed, at most `size` at a time. What [`Pool::get`] fails
/// with, [`ConnectError::from_pool`] understands.
pub fn pool(address: &Address, application: &str, size: usize) -> Result<Pool, ConnectError> {
    let connect = Door { address: address.clone(), application: application.to_owned() };
    let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_connect(Config::new(), connect, config))
        .max_size(size.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT_TIMEOUT))
        .create_timeout(Some(CREATE_TIMEOUT))
        .recycle_timeout(Some(RECYCLE_TIMEOUT))
        .build()
        .map_err(|error| ConnectError::away(&address.to_string(), error.to_string()))
}

struct Door {
    address: Address,
    application: String,
}

impl Connect for Door {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        async move {
            let settings = [("application_name", self.application.as_str())];
            hand_over(self.address.connect(&settings).await).await
        }
        .boxed()
    }
}

/// Gives a session (or the reason why there is none) to `tokio_postgres`.
async fn hand_over(
    session: Result<Session, ConnectError>,
) -> Result<(Client, JoinHandle<()>), Error> {
    let mut config = Config::new();
    // Never sent, but without a name the system is asked for one.
    config.user("loadgen");
    let (client, connection) = config.connect_raw(HandedOver::new(session), NoTls).await?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a control connection ended");
        }
    });
    Ok((client, driver))
}

fn unwrap(error: &Error, server: &str) -> ConnectError {
    ConnectError::find(error).unwrap_or_else(|| ConnectError::protocol(server, error.to_string()))
}

/// A session's stream that begins as if the login were still to come.
struct HandedOver {
    stream: Result<Transport, ConnectError>,
    /// What the server said at the login, and what it has said since.
    said: BytesMut,
}

impl HandedOver {
    fn new(session: Result<Session, ConnectError>) -> HandedOver {
        let mut said = BytesMut::new();
        let stream = session.map(|session| {
            put(&mut said, b'R', &0_i32.to_be_bytes());
            for (name, value) in &session.parameters {
                put(&mut said, b'S', &[name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
            }
            let keys = [session.backend_pid.to_be_bytes(), session.secret_key.to_be_bytes()];
            put(&mut said, b'K', &keys.concat());
            put(&mut said, b'Z', b"I");
            said.extend_from_slice(&session.read_ahead);
            session.stream
        });
        HandedOver { stream, said }
    }

    fn stream(&mut self) -> io::Result<Pin<&mut Transport>> {
        self.stream.as_mut().map(Pin::new).map_err(|error| io::Error::other(error.clone()))
    }
}

/// Appends a message of the server. It came in one, so its length fits.
fn put(said: &mut BytesMut, tag: u8, body: &[u8]) {
    said.put_u8(tag);
    said.put_u32(u32::try_from(body.len() + 4).unwrap_or(u32::MAX));
    said.put_slice(body);
}

impl AsyncRead for HandedOver {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.said.is_empty() {
            return this.stream()?.poll_read(context, buffer);
        }
        let len = this.said.len().min(buffer.remaining());
        buffer.put_slice(&this.said[..len]);
        this.said.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HandedOver {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let is_login = !this.said.is_empty();
        let stream = this.stream()?;
        // Nothing is written before the login has been answered but the login, which is old news.
        if is_login { Poll::Ready(Ok(bytes.len())) } else { stream.poll_write(context, bytes) }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().stream()?.poll_shutdown(context)
    }
}
