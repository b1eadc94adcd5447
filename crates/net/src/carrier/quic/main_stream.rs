//! The main stream of a connection over QUIC, as a stream of bytes.

use super::error::Ended;
use super::farewell::Farewell;
use quinn::{RecvStream, SendStream};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The main stream; when it is dropped the connection ends.
pub(super) struct MainStream {
    sending: Option<SendStream>,
    receiving: RecvStream,
    farewell: Arc<Farewell>,
}

impl MainStream {
    pub(super) fn new((sending, receiving): (SendStream, RecvStream), farewell: Arc<Farewell>) -> Self {
        Self { sending: Some(sending), receiving, farewell }
    }
}

impl Drop for MainStream {
    fn drop(&mut self) {
        if let Some(sending) = self.sending.take() {
            self.farewell.leave(sending);
        }
    }
}

impl AsyncRead for MainStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match ready!(self.receiving.poll_read_buf(task, buffer)).map_err(Ended::of_read) {
            Ok(()) | Err(Ended::ByPeer) => Poll::Ready(Ok(())),
            Err(Ended::Failed(error)) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for MainStream {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(sending) = &mut self.sending else { return Poll::Ready(Ok(0)) };
        let written = ready!(SendStream::poll_write(Pin::new(sending), task, bytes));
        Poll::Ready(written.map_err(|error| match Ended::of_write(error) {
            Ended::ByPeer => io::Error::new(io::ErrorKind::BrokenPipe, "the peer closed the connection"),
            Ended::Failed(error) => error,
        }))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
