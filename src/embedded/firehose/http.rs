//! The endpoint itself: HTTP/1.1, one task for each connection, all on one thread.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::embedded::firehose::answer::Refusal;
use crate::embedded::firehose::calls::Account;
use crate::embedded::firehose::calls::Operation;
use crate::embedded::firehose::lock;
use crate::embedded::firehose::put;

/// Connections at a time; others wait.
const CONNECTIONS_MAX: usize = 256;
/// Calls whose body is in memory at a time; others wait.
const CALLS_MAX: usize = 16;
/// Bytes of a body: 4 MiB in base64, and room for the JSON around 500 records.
const BODY_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// How long a body may take to come.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// How often it is looked for objects that have waited long enough.
const DELIVERY_PERIOD: Duration = Duration::from_millis(100);
/// How long calls that have begun may take once it is told to stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// The path under which counts are told.
pub(super) const COUNTS_PATH: &str = "/_loadgen/counts";

/// What all connections share.
#[derive(Debug)]
struct Endpoint {
    account: Arc<Mutex<Account>>,
    places: Semaphore,
}

/// A connection ends without an answer.
#[derive(Debug)]
struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the connection is closed without an answer")
    }
}

impl std::error::Error for Lost {}

/// Answers until it is told to stop; then delivers what is buffered.
pub(super) async fn serve(
    listener: TcpListener,
    account: Arc<Mutex<Account>>,
    mut stopped: watch::Receiver<bool>,
) {
    let places = Semaphore::new(CALLS_MAX);
    let endpoint = Arc::new(Endpoint { account: Arc::clone(&account), places });
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut delivery = tokio::time::interval(DELIVERY_PERIOD);
    delivery.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // An error means that whoever could stop it is gone.
            _ = stopped.wait_for(|is_stopped| *is_stopped) => break,
            _ = delivery.tick() => lock(&account).deliver_old(),
            (stream, permit) = accept(&listener, &connections) => {
                let endpoint = Arc::clone(&endpoint);
                let service = service_fn(move |request| {
                    let endpoint = Arc::clone(&endpoint);
                    async move { endpoint.answer(request).await }
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    // How a connection ends is the client's to notice.
                    let _ = connection.await;
                    drop(permit);
                });
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(STOP_TIME_MAX, graceful.shutdown()).await;
    lock(&account).deliver();
}

/// The next connection, and its place among those that there may be.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    // It is never closed.
    let permit = Arc::clone(connections).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            // No file is free, or the client is gone already: neither lasts.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

impl Endpoint {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Lost> {
        if request.method() == Method::GET && request.uri().path() == COUNTS_PATH {
            let counts = lock(&self.account).counts();
            let text = serde_json::to_vec_pretty(&counts).unwrap_or_default();
            return Ok(response(200, text, "application/json"));
        }
        let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
        let operation = target.and_then(Operation::of);
        let is_signed = request.headers().contains_key("authorization");
        let (number, faults) = lock(&self.account).begin(operation);
        let Some(operation) = operation else { return Ok(refused(&unknown())) };
        if !is_signed {
            return Ok(refused(&unsigned()));
        }

        // It is never closed.
        let _place = self.places.acquire().await;
        let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
        let body = match tokio::time::timeout(BODY_TIME_MAX, body).await {
            Err(_) => return Err(Lost),
            Ok(Err(_)) => return Ok(refused(&too_large())),
            Ok(Ok(body)) => body.to_bytes(),
        };
        let is_put = matches!(operation, Operation::PutRecord | Operation::PutRecordBatch);
        if is_put && !faults.of_call(number).delay().is_zero() {
            tokio::time::sleep(faults.of_call(number).delay()).await;
        }
        let outcome = lock(&self.account).call(operation, &body, (number, faults));
        match outcome {
            None => Err(Lost),
            Some(Err(refusal)) => Ok(refused(&refusal)),
            Some(Ok(value)) => Ok(response(200, value.to_string().into_bytes(), AWS_JSON)),
        }
    }
}

const AWS_JSON: &str = "application/x-amz-json-1.1";

fn response(status: u16, text: Vec<u8>, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    response(refusal.status, refusal.body().to_string().into_bytes(), AWS_JSON)
}

fn unknown() -> Refusal {
    Refusal { status: 400, code: "UnknownOperationException", message: String::new() }
}

fn unsigned() -> Refusal {
    let message = "Missing Authentication Token".to_owned();
    Refusal { status: 400, code: "MissingAuthenticationTokenException", message }
}

fn too_large() -> Refusal {
    Refusal { status: 413, code: "RequestEntityTooLargeException", ..put::malformed() }
}
