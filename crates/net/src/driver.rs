//! One loop for any connection: read, handle, drain, write.
//!
//! Contract with the channel: after each `handle_*` everything is taken from `poll_transmit` before the next
//! `handle_*`. Reading stops while the peer does not take what we write only if the write itself waits; senders are
//! told to wait long before that.

use bytes::{Buf, Bytes};
use engset_node::{Channel, CloseReason};
use engset_process::Scheduler;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// Reads handled in one turn before others get theirs.
const READS_PER_TURN: usize = 16;

/// Drives `channel` over `stream` until either ends; how it ended. The place among the handshakes, if it takes one, is
/// free again once the peer has proven who it is.
pub(crate) async fn drive(
    channel: Channel,
    stream: impl AsyncRead + AsyncWrite,
    scheduler: Scheduler,
    place: Option<OwnedSemaphorePermit>,
) -> CloseReason {
    let stream = pin!(stream);
    let mut driver = Driver {
        channel,
        stream,
        scheduler,
        place,
        alarm: None,
        unwritten: VecDeque::new(),
        buffer: vec![0; READ_BYTES].into_boxed_slice(),
        closing: None,
    };
    poll_fn(|task| driver.poll(task)).await
}

struct Driver<'a, S> {
    channel: Channel,
    stream: Pin<&'a mut S>,
    scheduler: Scheduler,
    place: Option<OwnedSemaphorePermit>,
    alarm: Option<engset_process::Sleep>,
    unwritten: VecDeque<Bytes>,
    buffer: Box<[u8]>,
    /// Decided to close, once what is unwritten is written.
    closing: Option<CloseReason>,
}

impl<S: AsyncRead + AsyncWrite> Driver<'_, S> {
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<CloseReason> {
        if self.closing.is_none() {
            self.read(task);
        }
        if self.closing.is_none() {
            self.watch_time(task);
        }
        match self.write(task) {
            Poll::Ready(Err(error)) => {
                let reason = self.channel.handle_carrier_error(Arc::new(error));
                Poll::Ready(self.closing.take().unwrap_or(reason))
            }
            Poll::Ready(Ok(())) => match self.closing.take() {
                Some(reason) => Poll::Ready(reason),
                None => Poll::Pending,
            },
            Poll::Pending => Poll::Pending,
        }
    }

    fn read(&mut self, task: &mut Context<'_>) {
        for _ in 0..READS_PER_TURN {
            let mut buffer = ReadBuf::new(&mut self.buffer);
            match self.stream.as_mut().poll_read(task, &mut buffer) {
                Poll::Pending => return,
                Poll::Ready(Err(error)) => {
                    self.closing = Some(self.channel.handle_carrier_error(Arc::new(error)));
                    return;
                }
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    self.closing = Some(self.channel.handle_eof());
                    return;
                }
                Poll::Ready(Ok(())) => {
                    let now = self.scheduler.now();
                    if let Err(reason) = self.channel.handle_bytes(now, buffer.filled()) {
                        self.closing = Some(reason);
                        self.drain(task);
                        return;
                    }
                    if self.channel.peer().is_some() {
                        self.place.take();
                    }
                    self.drain(task);
                }
            }
        }
        // There may be more to read; others first.
        task.waker().wake_by_ref();
    }

    fn watch_time(&mut self, task: &mut Context<'_>) {
        loop {
            let Some(due) = self.channel.poll_timeout() else { return };
            let now = self.scheduler.now();
            if due <= now {
                if let Err(reason) = self.channel.handle_timeout(now) {
                    self.closing = Some(reason);
                    return;
                }
                continue;
            }
            let alarm = self.alarm.insert(self.scheduler.sleep_until(due));
            if pin!(alarm).poll(task).is_pending() {
                return;
            }
        }
    }

    fn write(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.unwritten.is_empty() {
                self.drain(task);
            }
            if self.unwritten.is_empty() {
                return self.stream.as_mut().poll_flush(task);
            }
            let mut slices = [IoSlice::new(&[]); 64];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.unwritten) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            match self.stream.as_mut().poll_write_vectored(task, &slices[..count]) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.written(written),
            }
        }
    }

    fn drain(&mut self, task: &Context<'_>) {
        if !self.unwritten.is_empty() && self.closing.is_none() {
            return;
        }
        let mut pieces = Vec::new();
        if let Err(reason) = self.channel.poll_transmit(&mut pieces, task.waker()) {
            self.closing.get_or_insert(reason);
        }
        self.unwritten.extend(pieces);
    }

    fn written(&mut self, mut written: usize) {
        while written > 0
            && let Some(piece) = self.unwritten.front_mut()
        {
            let taken = written.min(piece.len());
            piece.advance(taken);
            written -= taken;
            if piece.is_empty() {
                self.unwritten.pop_front();
            }
        }
    }
}
