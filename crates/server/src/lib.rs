//! The page that `deltarule dashboard` serves: what runs leave in their folders, told to a browser as it happens, and a
//! playground, whose network trains in here.
//!
//! ```text
//! runs/*/events.jsonl  →  tail    lines as they come, each once
//!                      →  account what a run's row in the table says
//! runs/*/model + data  →  models  rows, evaluation, gradients taken apart
//!                      →  api     JSON, and streams of server-sent events
//! all of the above     →  report  one page that stands by itself
//! browser              →  guard   this machine's names, this page's token, nothing from elsewhere
//!                      →  page    the built page, in the binary
//!                     ↔   play    one WebSocket, one thread, one network in training
//! any program          ↔   serve   predictions of one model, for `deltarule serve`
//! ```
//!
//! A run that is watched does not know it: the server reads the files that the run writes anyway.
//! What the page asks of a run goes the other way by a file as well, [`controls`](deltarule::control::ControlFile).
//!
//! ```no_run
//! use deltarule_server::{Dashboard, Options};
//! # fn main() -> std::io::Result<()> {
//! let dashboard = Dashboard::bind(&Options { runs: "runs".into(), address: "127.0.0.1:0".parse().unwrap() })?;
//! println!("{}", dashboard.url("/"));
//! dashboard.serve()
//! # }
//! ```

#![forbid(unsafe_code)]

mod api;
mod guard;
mod models;
mod page;
mod play;
mod report;
mod runs;
mod serve;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

pub use models::Refusal;
pub use report::{Report, ReportOptions, report};
pub use serve::{MOST_BYTES, MOST_ROWS, Secret, ServeOptions, Serving, Stopper};

use crate::guard::Token;
use crate::models::Models;
use crate::play::Play;
use crate::runs::Runs;

/// What is served, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder that holds the runs' folders. It need not exist yet.
    pub runs: PathBuf,
    /// An address of this machine alone; port 0 takes any free one.
    pub address: SocketAddr,
}

/// A server that has its port, and does not answer yet.
pub struct Dashboard {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
}

/// What every request sees.
struct State {
    runs: Runs,
    models: Models,
    token: Token,
    play: Play,
}

impl Dashboard {
    /// Takes the port.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for an address that others can reach; what the system says where it is taken.
    pub fn bind(options: &Options) -> io::Result<Self> {
        if !options.address.ip().is_loopback() {
            let why = format!(
                "{}: the dashboard is for this machine alone; expected an address such as 127.0.0.1:7840",
                options.address
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listener = TcpListener::bind(options.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            runs: Runs::new(&options.runs),
            models: Models::default(),
            token: Token::random()?,
            play: Play::default(),
        });
        Ok(Self { listener, address, state })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page's address; `view` is where in the page, `/` for all runs, `/run` for the newest, `/run/NAME` for one. The token
    /// is in the fragment, which a browser keeps to itself.
    #[must_use]
    pub fn url(&self, view: &str) -> String {
        format!("http://{}/#{view}?token={}", self.address, self.state.token)
    }

    /// Answers until the process ends.
    ///
    /// # Errors
    /// Where the system gives no thread, or the port is lost.
    pub fn serve(self) -> io::Result<()> {
        // One thread answers; files are read by others.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener)?;
            axum::serve(listener, api::routes(self.state)).await
        })
    }
}
