//! Bytes to and from the server.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::sink::Outcome;
use crate::sink::postgres::worker::PostgresSink;

impl PostgresSink {
    /// Sends what is buffered. Pending only if the socket takes no more.
    pub(super) fn flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), String>> {
        let Some(open) = &mut self.open else { return Poll::Ready(Ok(())) };
        while open.written < open.outgoing.len() {
            let rest = &open.outgoing[open.written..];
            match ready!(Pin::new(&mut open.stream).poll_write(context, rest)) {
                Ok(0) => return Poll::Ready(Err("the server took no more".to_owned())),
                Ok(count) => open.written += count,
                Err(error) => return Poll::Ready(Err(error.to_string())),
            }
        }
        open.outgoing.clear();
        open.written = 0;
        // What TLS has encrypted must also be sent.
        Pin::new(&mut open.stream).poll_flush(context).map_err(|error| error.to_string())
    }

    /// Receives something.
    pub(super) fn fill(&mut self, context: &mut Context<'_>) -> Poll<Result<(), String>> {
        let Some(open) = &mut self.open else {
            return Poll::Ready(Err("not connected".to_owned()));
        };
        let mut buffer = ReadBuf::new(&mut open.space);
        match ready!(Pin::new(&mut open.stream).poll_read(context, &mut buffer)) {
            Ok(()) if buffer.filled().is_empty() => {
                Poll::Ready(Err("the server closed the connection".to_owned()))
            }
            Ok(()) => {
                open.received.extend_from_slice(buffer.filled());
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(error.to_string())),
        }
    }

    pub(super) fn turn(
        &mut self,
        context: &mut Context<'_>,
        outcomes: &mut Vec<Outcome>,
    ) -> Poll<Result<(), String>> {
        let before = outcomes.len();
        // Bounded: each turn of the loop has received something.
        loop {
            while self.take(outcomes)?.is_some() {}
            // Also when outcomes wait: COMMIT may have been written by `take`.
            if let Poll::Ready(sent) = self.flush(context) {
                sent?;
            }
            if outcomes.len() > before {
                return Poll::Ready(Ok(()));
            }
            ready!(self.fill(context))?;
        }
    }
}
