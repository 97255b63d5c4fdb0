//! A stream whose writes do not wait for ever: a client that asks and does not read would hold its answer, and the answer's room.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// A connection that breaks where nothing could be written for a while.
pub struct Patient {
    stream: TcpStream,
    most: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// A stream whose writes wait so long at most.
    pub fn new(stream: TcpStream, most: Duration) -> Self {
        Self { stream, most, waiting: None }
    }

    /// What a write came to; a wait that is too long is an error.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        let most = self.most;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(most)));
        waiting.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Instant;

    use tokio::net::TcpListener;

    use super::*;

    const MOST: Duration = Duration::from_millis(300);

    /// A patient stream, and the client at its other end.
    async fn pair() -> (Patient, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (Patient::new(stream, MOST), client)
    }

    /// Writes so many bytes, or as many as it can.
    async fn write(patient: &mut Patient, mut bytes: usize) -> io::Result<()> {
        let some = [0; 1 << 16];
        while bytes > 0 {
            let part = &some[..bytes.min(some.len())];
            bytes -= poll_fn(|context| Pin::new(&mut *patient).poll_write(context, part)).await?;
        }
        Ok(())
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn a_write_that_nobody_reads_ends() {
        let error = block_on(async {
            let (mut patient, _client) = pair().await;
            write(&mut patient, usize::MAX).await.unwrap_err()
        });
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_client_that_reads_slowly_has_its_answer() {
        const BYTES: usize = 64 << 20;
        let begun = Instant::now();
        block_on(async {
            let (mut patient, client) = pair().await;
            let read = async {
                let (mut left, mut into, mut pauses) = (BYTES, vec![0; 1 << 20], 0);
                while left > 0 {
                    client.readable().await.unwrap();
                    left -= client.try_read(&mut into).unwrap_or(0);
                    // Together longer than a write may wait.
                    if pauses < 40 {
                        pauses += 1;
                        sleep(MOST / 20).await;
                    }
                }
            };
            let (written, ()) = tokio::join!(write(&mut patient, BYTES), read);
            written.unwrap();
        });
        assert!(begun.elapsed() > MOST);
    }
}
