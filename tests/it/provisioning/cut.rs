//! A road to the server that breaks after a chosen number of statements: each is delivered, but the
//! answer to the last one is never heard. Whatever can change something goes as a simple query (`Q`);
//! prepared statements only look, and are not counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// Breaks every connection as soon as `limit` statements went over any of them.
pub(crate) struct Cut {
    pub(crate) port: u16,
    statements: Arc<AtomicUsize>,
}

impl Cut {
    pub(crate) async fn before(server: u16, limit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let statements = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&statements);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = SocketAddr::from(([127, 0, 0, 1], server));
                let counter = Arc::clone(&counter);
                tokio::spawn(async move {
                    let server = TcpStream::connect(server).await.unwrap();
                    // An error is how a road breaks.
                    let _ = carry(client, server, &counter, limit).await;
                });
            }
        });
        Self { port, statements }
    }

    /// How many statements came this way.
    pub(crate) fn statements(&self) -> usize {
        self.statements.load(Ordering::SeqCst)
    }
}

async fn carry(
    client: TcpStream,
    server: TcpStream,
    counter: &AtomicUsize,
    limit: usize,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = tokio::io::copy(&mut from_server, &mut to_client);
    let questions = async {
        // The first message has no kind.
        let mut length = from_client.read_u32().await?;
        to_server.write_u32(length).await?;
        let mut kind = 0;
        loop {
            let mut body = vec![0; length as usize - 4];
            from_client.read_exact(&mut body).await?;
            to_server.write_all(&body).await?;
            if kind == b'Q' && counter.fetch_add(1, Ordering::SeqCst) + 1 >= limit {
                return Ok(());
            }
            kind = from_client.read_u8().await?;
            length = from_client.read_u32().await?;
            to_server.write_u8(kind).await?;
            to_server.write_u32(length).await?;
        }
    };
    tokio::select! {
        ended = answers => ended.map(|_| ()),
        ended = questions => ended,
    }
}
