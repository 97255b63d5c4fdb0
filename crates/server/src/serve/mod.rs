//! Predictions over HTTP: `deltarule serve`.
//!
//! ```text
//! socket  →  access   this machine alone, or whoever has the token
//!         →  routes   what is asked for, in which form; bodies and answers are bounded
//!         →  workers  so many threads, each with the model ready; a bounded queue before them
//!         →  rows     JSON to a table of the columns that the model needs
//! errors  →  refusal  JSON: where, what, got, expected, next step
//! ```
//!
//! One thread reads and writes all sockets and computes nothing. A request is worked through by one worker, on one thread: as
//! many requests at once as there are workers, and each with the bits of `deltarule predict`.
//!
//! What it refuses to do: it trains nothing, keeps nothing of a request, reads no file after it has begun, and speaks no TLS.
//! Whoever serves other machines puts a proxy in front that does.

mod about;
mod access;
mod patience;
mod refusal;
mod routes;
mod rows;
mod workers;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use deltarule::model::Model;
use deltarule::table::ReadOptions;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::patience::Patient;

pub use access::Secret;
pub use routes::{MOST_BYTES, MOST_ROWS};

/// Connections at once; further ones wait to be accepted.
const CONNECTIONS: u32 = 1024;
/// Time for a request's head to arrive, and for which a connection may lie idle.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Bytes of a request's head, about, and its headers, at most.
const HEAD_BYTES: usize = 64 << 10;
const HEADERS: usize = 64;
/// Time for which an answer may wait for the client to read on.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// Time for requests that are underway when the server is stopped.
const GRACE: Duration = Duration::from_secs(5);
/// The wait after the system had no connection to give, as where too many files are open.
const BREATH: Duration = Duration::from_millis(100);

/// What is served, where, and to whom.
pub struct ServeOptions {
    /// The model.
    pub model: Model,
    /// How CSV in requests is read: what the model's training was told of it.
    pub reading: ReadOptions,
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// What requests have to bring. Without one the address must be of this machine alone.
    pub secret: Option<Secret>,
    /// Requests that are worked through at once.
    pub threads: usize,
}

/// A server that has its port, and does not answer yet.
pub struct Serving {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
    stop: watch::Sender<bool>,
    example: String,
}

/// Ends a server from any thread.
#[derive(Clone)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// No further request is taken, and what is underway has a few seconds to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Serving {
    /// Takes the port and makes the model ready.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for an address that others can reach, where no secret keeps them out; what the system says
    /// where the address is taken, or it gives no thread.
    pub fn bind(options: ServeOptions) -> io::Result<Self> {
        let ServeOptions { model, reading, address, secret, threads } = options;
        if secret.is_none() && !address.ip().is_loopback() {
            let why = format!(
                "{address}: others can reach it; expected a token that keeps strangers out (--token-file FILE), or an address of \
                 this machine alone, such as 127.0.0.1:{}",
                address.port()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let example = about::example(&model);
        let routes = routes::routes(Arc::new(routes::Shared::new(model, reading, secret, threads)?));
        Ok(Self { listener, address, routes, stop: watch::Sender::new(false), example })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as an address of HTTP.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A row that the model takes, as JSON.
    #[must_use]
    pub fn example(&self) -> &str {
        &self.example
    }

    /// What ends it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Answers until it is stopped.
    ///
    /// # Errors
    /// Where the system does not give what a server needs.
    pub fn serve(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(accept(self.listener, self.routes, self.stop.subscribe()))
    }
}

/// Takes connections until it is stopped; then gives those that are open a while to end.
async fn accept(listener: TcpListener, routes: Router, stop: watch::Receiver<bool>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let mut stopped = stop.clone();
    loop {
        let taken = async {
            let place = Arc::clone(&room).acquire_owned().await.ok()?;
            match listener.accept().await {
                Ok((stream, _)) => Some((stream, place)),
                Err(_) => {
                    tokio::time::sleep(BREATH).await;
                    None
                }
            }
        };
        tokio::select! {
            taken = taken => if let Some((stream, place)) = taken {
                tokio::spawn(connection(stream, routes.clone(), stop.clone(), place));
            },
            _ = stopped.wait_for(|stop| *stop) => break,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, room.acquire_many(CONNECTIONS)).await;
    Ok(())
}

/// Answers one connection's requests, one after another.
async fn connection(
    stream: TcpStream,
    routes: Router,
    mut stop: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    // An answer is written at once: with Nagle's algorithm its last part waits for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(Patient::new(stream, WRITE_TIME)), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    // A connection that breaks is the client's affair.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
