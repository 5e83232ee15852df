//! Reading a logical replication slot: a connection in replication mode, what comes on it, and what
//! the server must be told (documentation, "Streaming Replication Protocol").

use std::fmt;

use bytes::Buf;
use bytes::Bytes;
use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use super::address::Address;
use super::encode::EPOCH_US;
use super::frames;
use super::quote::identifier;
use super::quote::literal;
use super::startup::Session;

mod partitions;
pub mod pgoutput;
pub mod slot;

/// The longest message taken from a server: a row is at most 1 GiB there, and here far smaller.
const MESSAGE_MAX: usize = 256 << 20;
/// Read from the socket at once.
const SPACE: usize = 64 << 10;

/// A place in the write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

impl Lsn {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let part = |text: &str| u64::from_str_radix(text, 16).ok();
        Some(Self(part(high)? << 32 | part(low)?))
    }
}

/// What a walsender sends.
#[derive(Debug)]
pub enum Sent {
    /// A message of the output plugin.
    Data(Bytes),
    /// A sign of life: everything before this place has been sent.
    Keepalive {
        /// The place.
        end: Lsn,
        /// Whether it wants an answer at once.
        wants_reply: bool,
    },
}

/// Why reading a slot ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// SQLSTATE, if the server said anything.
    pub code: String,
    /// In words.
    pub message: String,
}

impl Broken {
    fn plain(message: impl Into<String>) -> Self {
        Self { code: String::new(), message: message.into() }
    }
}

/// A slot being read.
#[derive(Debug)]
pub struct ReplicationReader {
    session: Session,
    received: BytesMut,
}

impl ReplicationReader {
    /// Connects, and lets the server send what a slot of `pgoutput` has, from what it last confirmed
    /// on: values in binary, and messages that were written into the log.
    pub async fn start(
        address: &Address,
        application: &str,
        (slot, publication): (&str, &str),
    ) -> Result<Self, Broken> {
        let mut reader = Self::connect(address, application).await?;
        let sql = format!(
            "START_REPLICATION SLOT {} LOGICAL 0/0 (proto_version '1', publication_names {}, \
             binary 'true', messages 'true')",
            identifier(slot),
            literal(&identifier(publication)),
        );
        reader.ask(&sql, b'W').await?;
        Ok(reader)
    }

    async fn connect(address: &Address, application: &str) -> Result<Self, Broken> {
        let settings = [("application_name", application), ("replication", "database")];
        let session = address.connect(&settings).await;
        let mut session = session.map_err(|error| Broken::plain(error.to_string()))?;
        let received = std::mem::take(&mut session.read_ahead);
        Ok(Self { session, received })
    }

    /// Sends a command, and waits for this kind of answer.
    async fn ask(&mut self, command: &str, answer: u8) -> Result<(), Broken> {
        let mut out = Vec::new();
        frames::query(&mut out, command);
        self.write(&out).await?;
        loop {
            match self.frame()? {
                Some((kind, _)) if kind == answer => return Ok(()),
                Some(_) => {}
                None => self.receive().await?,
            }
        }
    }

    /// Makes a replication connection, and asks who is at its other end: whether it comes about at all.
    pub async fn identify(address: &Address, application: &str) -> Result<(), Broken> {
        let mut reader = Self::connect(address, application).await?;
        reader.ask("IDENTIFY_SYSTEM", b'C').await
    }

    /// Waits until something has come that was not taken yet. May be dropped while it waits.
    pub async fn receive(&mut self) -> Result<(), Broken> {
        // It may have come with the answer to a command, and the server may have no more to say.
        if self.length().is_some_and(|length| self.received.len() > length) {
            return Ok(());
        }
        self.received.reserve(SPACE);
        match self.session.stream.read_buf(&mut self.received).await {
            Ok(0) => Err(Broken::plain("the server closed the connection")),
            Ok(_) => Ok(()),
            Err(error) => Err(Broken::plain(error.to_string())),
        }
    }

    /// The next message among those that have come.
    pub fn take(&mut self) -> Result<Option<Sent>, Broken> {
        while let Some((kind, mut body)) = self.frame()? {
            if kind != b'd' || body.is_empty() {
                continue;
            }
            match body.get_u8() {
                b'w' if body.len() >= 24 => {
                    body.advance(24);
                    return Ok(Some(Sent::Data(body)));
                }
                b'k' if body.len() >= 17 => {
                    let end = Lsn(body.get_u64());
                    body.advance(8);
                    return Ok(Some(Sent::Keepalive { end, wants_reply: body.get_u8() != 0 }));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Tells the server that everything before this place need not be sent again. `now_us` is the
    /// time, in microseconds since 1970.
    pub async fn confirm(&mut self, lsn: Lsn, now_us: i64) -> Result<(), Broken> {
        let mut out = Vec::with_capacity(64);
        frames::message(&mut out, b'd', |out| {
            out.push(b'r');
            for _ in ["written", "flushed", "applied"] {
                out.extend_from_slice(&lsn.0.to_be_bytes());
            }
            out.extend_from_slice(&(now_us - EPOCH_US).to_be_bytes());
            out.push(0);
        });
        self.write(&out).await
    }

    async fn write(&mut self, out: &[u8]) -> Result<(), Broken> {
        let stream = &mut self.session.stream;
        let written = async {
            stream.write_all(out).await?;
            stream.flush().await
        };
        written.await.map_err(|error| Broken::plain(error.to_string()))
    }

    /// How long the next frame is, in bytes without its kind, once its head is there.
    fn length(&self) -> Option<usize> {
        let length = self.received.get(1..5)?.try_into().ok()?;
        Some(usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX))
    }

    /// The next whole frame; one that reports an error is returned as that error.
    fn frame(&mut self) -> Result<Option<(u8, Bytes)>, Broken> {
        let Some(length) = self.length() else { return Ok(None) };
        let kind = self.received[0];
        if !(4..=MESSAGE_MAX).contains(&length) {
            return Err(Broken::plain("the server sent a message of impossible length"));
        }
        if self.received.len() < length + 1 {
            self.received.reserve(length + 1 - self.received.len());
            return Ok(None);
        }
        let mut frame = self.received.split_to(length + 1).freeze();
        frame.advance(5);
        if kind == b'E' {
            let error = frames::error_of(&frame);
            return Err(Broken { code: error.code, message: error.message });
        }
        // The server ends the stream when it stops.
        if kind == b'c' {
            return Err(Broken::plain("the server ended the stream"));
        }
        Ok(Some((kind, frame)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::Lsn;
    use super::ReplicationReader;
    use crate::sink::postgres::address::Address;

    #[test]
    fn places_are_written_as_the_server_does() {
        for text in ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
            assert_eq!(Lsn::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Lsn::parse("16"), None);
    }

    /// A server that has nothing to say behind its error must not be waited for.
    #[tokio::test]
    async fn an_error_that_comes_with_the_answer_is_heard() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://it@{}/it?sslmode=disable", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = [0; 1024];
            assert!(stream.read(&mut heard).await.unwrap() > 0);
            stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.unwrap();
            assert!(stream.read(&mut heard).await.unwrap() > 0);
            let error = b"SERROR\0C42704\0Mgone\0\0";
            let length = u8::try_from(error.len() + 4).unwrap();
            let mut out = b"W\0\0\0\x07\0\0\0E\0\0\0".to_vec();
            out.push(length);
            out.extend_from_slice(error);
            stream.write_all(&out).await.unwrap();
            stream
        });
        let address = Address::parse(&url, &|_| None).unwrap();
        let mut reader =
            ReplicationReader::start(&address, "it", ("slot", "publication")).await.unwrap();
        let _stream = server.await.unwrap();
        timeout(Duration::from_secs(10), reader.receive()).await.expect("it has come").unwrap();
        assert_eq!(reader.take().unwrap_err().code, "42704");
    }
}
