//! Bytes to and from a server: sockets, TLS, and which host is tried when. The only way in.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadBuf;
use tokio::net::TcpSocket;
use tokio::net::TcpStream;
use tokio::net::UnixStream;
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::Address;
use super::address::Host;
use super::address::HostPlace;
use super::address::socket_name;
use super::error::ConnectError;
use super::error::plain;
use super::search::Encryption;
use super::search::Route;
use super::search::Search;
use super::tls;

/// How long a request to cancel may take, all hosts together.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to a server, encrypted if the address asks for it; nothing has been said on it yet.
pub struct Transport {
    socket: Socket,
    /// Where it leads.
    pub(super) host: Host,
    /// What a password exchange can bind itself to.
    pub(super) end_point: Option<Vec<u8>>,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    /// Whether what passes is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.socket, Socket::Tls(_))
    }
}

impl Address {
    /// Connects to the first host that answers and agrees on encryption. Each host has the
    /// address's `connect_timeout` (10 s unless it says otherwise).
    ///
    /// [`Address::connect`](super::startup) goes further: it also passes over a host whose server
    /// is starting or on standby, and does what `sslmode=allow` and `prefer` say of a refusal.
    pub async fn open(&self) -> Result<Transport, ConnectError> {
        let mut search = Search::new(self);
        while let Some(route) = search.next() {
            match self.dial(route).await {
                Ok(stream) => return Ok(stream),
                Err(error) => search.failed(error)?,
            }
        }
        Err(search.end())
    }

    /// Asks the server to cancel what a session is doing; that the request was sent says nothing
    /// of whether it was in time. Gives up after 2 s.
    pub async fn cancel(&self, backend_pid: i32, secret_key: i32) -> Result<(), ConnectError> {
        let asked = timeout(CANCEL_TIMEOUT, self.ask_to_cancel(backend_pid, secret_key)).await;
        asked.unwrap_or_else(|_| {
            Err(ConnectError::away(&self.to_string(), "a request to cancel took longer than 2 s"))
        })
    }

    /// Which of several hosts the session is on is not known here; the others ignore the key.
    async fn ask_to_cancel(&self, backend_pid: i32, secret_key: i32) -> Result<(), ConnectError> {
        let mut request = BytesMut::new();
        frontend::cancel_request(backend_pid, secret_key, &mut request);
        let mut search = Search::new(self);
        let mut asked = None;
        while let Some(route) = search.next() {
            if asked == Some(route.host) {
                continue;
            }
            let told = async {
                let mut stream = self.dial(route).await?;
                let server = self.at(&self.hosts()[route.host]);
                let failed = |error| ConnectError::from_io(&server, &error);
                stream.write_all(&request).await.map_err(failed)?;
                stream.flush().await.map_err(failed)?;
                // The server hangs up when it has passed the request on; how is not our business.
                let _ = stream.read(&mut [0; 1]).await;
                Ok(())
            };
            match Box::pin(told).await {
                Ok(()) => asked = Some(route.host),
                Err(error) => search.failed(error)?,
            }
        }
        if asked.is_some() { Ok(()) } else { Err(search.end()) }
    }

    /// Connects to one host in one way.
    pub(super) async fn dial(&self, route: Route) -> Result<Transport, ConnectError> {
        let host = &self.hosts()[route.host];
        let server = self.at(host);
        let wait = self.connect_timeout();
        let opened = timeout(wait, Box::pin(self.dial_patiently(route, host, &server))).await;
        opened.unwrap_or_else(|_| {
            Err(ConnectError::away(&server, format!("no answer within {} s", wait.as_secs())))
        })
    }

    async fn dial_patiently(
        &self,
        route: Route,
        host: &Host,
        server: &str,
    ) -> Result<Transport, ConnectError> {
        let open = |socket| Transport { socket, host: host.clone(), end_point: None };
        let tcp = match &host.place {
            HostPlace::Socket(folder) => {
                let path = folder.join(socket_name(host.port));
                let opened = UnixStream::connect(&path).await;
                let opened = opened.map_err(|error| ConnectError::away(server, plain(&error)))?;
                return Ok(open(Socket::Unix(opened)));
            }
            HostPlace::Network { .. } => tcp(host, server).await?,
        };
        match route.encryption {
            Encryption::None => Ok(open(Socket::Tcp(tcp))),
            Encryption::IfOffered | Encryption::Required => {
                self.encrypt(tcp, route, host, server).await
            }
        }
    }

    /// Asks for TLS, and does the handshake if the server will.
    async fn encrypt(
        &self,
        mut tcp: TcpStream,
        route: Route,
        host: &Host,
        server: &str,
    ) -> Result<Transport, ConnectError> {
        // First, so that a mistake in our own files does not bother the server.
        let config = self.tls().config().map_err(|why| ConnectError::tls(server, why))?;
        let mut request = BytesMut::new();
        frontend::ssl_request(&mut request);
        let mut answer = [0; 1];
        let failed = |error| ConnectError::from_io(server, &error);
        tcp.write_all(&request).await.map_err(failed)?;
        tcp.read_exact(&mut answer).await.map_err(failed)?;
        match answer[0] {
            b'S' => {}
            b'N' if route.encryption == Encryption::IfOffered => {
                return Ok(Transport {
                    socket: Socket::Tcp(tcp),
                    host: host.clone(),
                    end_point: None,
                });
            }
            b'N' => {
                return Err(ConnectError::tls(
                    server,
                    "the server does not offer it; turn `ssl` on there, or use `sslmode=prefer`",
                ));
            }
            // An error message; its text is not to be trusted before there is TLS.
            b'E' => return Err(ConnectError::away(server, "the server cannot start a session")),
            _ => {
                return Err(ConnectError::protocol(server, "it does not answer a request for TLS"));
            }
        }
        let HostPlace::Network { name, .. } = &host.place else {
            return Err(ConnectError::tls(server, "a socket has no TLS"));
        };
        let name = match tls::server_name(name) {
            Err(_) if self.tls().mode() != tls::Mode::VerifyFull => tls::any_server_name(),
            name => name.map_err(|why| ConnectError::tls(server, why))?,
        };
        let opened = TlsConnector::from(config).connect(name, tcp).await;
        let opened = opened.map_err(|error| handshake_error(server, &error))?;
        let certificates = opened.get_ref().1.peer_certificates();
        let end_point = certificates.and_then(|chain| tls::end_point(chain.first()?));
        Ok(Transport { socket: Socket::Tls(Box::new(opened)), host: host.clone(), end_point })
    }
}

fn handshake_error(server: &str, error: &io::Error) -> ConnectError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(error) => ConnectError::tls(server, tls::explain(error)),
        None => ConnectError::from_io(server, error),
    }
}

/// Connects to the first address of a host that answers.
async fn tcp(host: &Host, server: &str) -> Result<TcpStream, ConnectError> {
    let addresses: Vec<SocketAddr> = match &host.place {
        HostPlace::Network { address: Some(address), .. } => vec![(*address, host.port).into()],
        HostPlace::Network { name, .. } => match lookup_host((name.as_str(), host.port)).await {
            Ok(found) => found.collect(),
            Err(_) => return Err(ConnectError::away(server, "no such host")),
        },
        HostPlace::Socket(_) => Vec::new(),
    };
    let mut last = ConnectError::away(server, "no such host");
    for address in addresses {
        match tcp_to(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = ConnectError::away(server, plain(&error)),
        }
    }
    Err(last)
}

async fn tcp_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_keepalive(true)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Socket::Unix(stream) => Pin::new(stream).poll_flush(context),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.socket {
            Socket::Tcp(_) => "Transport(tcp)",
            Socket::Unix(_) => "Transport(unix)",
            Socket::Tls(_) => "Transport(tls)",
        })
    }
}
