//! One loop for any connection: read, handle, drain, write.
//!
//! Contract with the channel: after each `handle_*` what `poll_transmit` gives is written. While the stream is full
//! nothing more is taken from there, and the channel is asked whether the connection is over.
//!
//! Reading goes on whether or not the peer takes what is written: two nodes that flood each other and both stopped to
//! read would wait for each other for ever. What piles up meanwhile is limited by the queue of the connection: senders
//! on this node are told to wait long before it is full, and when signals that the peer asks for fill it, the
//! connection is closed.
//!
//! Once closing is decided, an established connection ends at once: the node hears of the loss although the peer does
//! not read. In a handshake the peer is told why, for [`LAST_WORDS_TIMEOUT`] at most.

use crate::handshakes::Place;
use bytes::{Buf, BufMut, Bytes};
use engset_dist::blocks::READ_BYTES;
use engset_node::{Channel, CloseReason};
use engset_process::Scheduler;
use engset_term::Instant;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Bytes read at a time from a peer that has not proven who it is.
const HANDSHAKE_READ_BYTES: usize = 1024;
/// Reads handled in one turn before others get theirs: what was read is best used while it is in the cache.
const READS_PER_TURN: usize = 4;
/// A read of so many bytes is of something large, of which there is more: it is read on as soon as others had their turn.
pub(crate) const LONG_READ_BYTES: usize = READ_BYTES / 2;
/// So many signals of one read are work for more than one worker. Others have their turn then, and one that has nothing to
/// do takes the connection over: it writes the first answers while the rest is worked at.
pub(crate) const MANY_SIGNALS: usize = 16;
/// Writes in one turn: a peer that takes all that this node's processes send would keep others from theirs for as long.
pub(crate) const WRITES_PER_TURN: usize = 16;
/// Turns in which what came on other streams is read after the end of the main one.
const LAST_TURNS: usize = 256;
/// How long the last bytes of a handshake may take to be written.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// The streams of a connection beside its main one, for groups of senders.
pub(crate) trait Beside: Send {
    /// For how many groups there are streams.
    fn groups(&self) -> usize;

    /// Reads, hands over to the channel, takes from it, and writes, as far as that goes; whether there may be more to read
    /// at once. `task` is woken when any of it can go on. Does nothing before the peer has proven who it is.
    ///
    /// # Errors
    /// The connection is to be closed.
    fn poll(
        &mut self,
        channel: &mut Channel,
        now: Instant,
        task: &mut Context<'_>,
    ) -> Result<bool, CloseReason>;
}

/// Drives `channel` over `stream`, and the streams `beside` it, until either ends; how it ended. The place among the
/// handshakes, if it takes one, is free again once the peer has proven who it is.
pub(crate) async fn drive(
    channel: Channel,
    stream: impl AsyncRead + AsyncWrite,
    beside: Option<Box<dyn Beside>>,
    scheduler: Scheduler,
    place: Option<Place>,
) -> CloseReason {
    let stream = pin!(stream);
    let mut driver = Driver {
        channel,
        stream,
        beside,
        scheduler,
        place,
        alarm: None,
        unwritten: VecDeque::new(),
        pieces: Vec::new(),
        closing: None,
        last_words: None,
    };
    let reason = poll_fn(|task| driver.poll(task)).await;
    driver.place.take().into_iter().for_each(|place| place.ended(&reason));
    reason
}

/// What came of reading.
enum Read {
    /// The peer has closed the stream.
    End,
    /// The channel took what came; whether it was so much that others have their turn now.
    Handled(Result<bool, CloseReason>),
}

struct Driver<'a, S> {
    channel: Channel,
    stream: Pin<&'a mut S>,
    beside: Option<Box<dyn Beside>>,
    scheduler: Scheduler,
    place: Option<Place>,
    /// Rings when the channel wants to hear of the time, which is this.
    alarm: Option<(Instant, engset_process::Sleep)>,
    unwritten: VecDeque<Bytes>,
    /// What the channel gives, on its way to `unwritten`.
    pieces: Vec<Bytes>,
    /// Decided to close.
    closing: Option<CloseReason>,
    /// The end of the patience with a peer that does not take the last bytes of a handshake.
    last_words: Option<engset_process::Sleep>,
}

impl<S: AsyncRead + AsyncWrite> Driver<'_, S> {
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<CloseReason> {
        if self.closing.is_none() {
            self.read(task);
        }
        if self.closing.is_none() {
            self.poll_beside(task);
        }
        if self.closing.is_none() {
            self.watch_time(task);
        }
        let written = self.write(task);
        if let Poll::Ready(Err(error)) = written {
            let reason = failed(&mut self.channel, self.beside.is_some(), error);
            return Poll::Ready(self.closing.take().unwrap_or(reason));
        }
        if self.closing.is_none() && !self.unwritten.is_empty() {
            // `poll_transmit` is not asked while the stream is full, so it cannot say that the connection is over.
            self.closing = self.channel.poll_closed(task.waker());
        }
        let Some(reason) = self.closing.clone() else { return Poll::Pending };
        if written.is_ready() || self.channel.peer().is_some() || self.has_said_enough(task) {
            return Poll::Ready(reason);
        }
        Poll::Pending
    }

    /// Whether the peer had its time to take the last bytes of a handshake.
    fn has_said_enough(&mut self, task: &mut Context<'_>) -> bool {
        let scheduler = &self.scheduler;
        let limit = self.last_words.get_or_insert_with(|| scheduler.sleep(LAST_WORDS_TIMEOUT));
        pin!(limit).poll(task).is_ready()
    }

    fn read(&mut self, task: &mut Context<'_>) {
        for _ in 0..READS_PER_TURN {
            match self.poll_read(task) {
                Poll::Pending => return self.channel.rest(),
                Poll::Ready(Err(error)) => {
                    self.closing = Some(failed(&mut self.channel, self.beside.is_some(), error));
                    return;
                }
                Poll::Ready(Ok(Read::End)) => {
                    self.last_beside(task);
                    self.closing = Some(self.channel.handle_eof());
                    return;
                }
                Poll::Ready(Ok(Read::Handled(Err(reason)))) => {
                    self.closing = Some(reason);
                    self.drain(task);
                    return;
                }
                Poll::Ready(Ok(Read::Handled(Ok(is_much)))) => {
                    if self.channel.peer().is_some() {
                        self.place.take().into_iter().for_each(Place::proven);
                    }
                    self.drain(task);
                    if is_much {
                        break;
                    }
                }
            }
        }
        // There may be more to read; others first.
        task.waker().wake_by_ref();
    }

    /// Lets the other streams go on; whether there may be more to read from them.
    fn poll_beside(&mut self, task: &mut Context<'_>) -> bool {
        let Some(beside) = &mut self.beside else { return false };
        match beside.poll(&mut self.channel, self.scheduler.now(), task) {
            Ok(has_more) => {
                if has_more {
                    task.waker().wake_by_ref();
                }
                has_more
            }
            Err(reason) => {
                self.closing = Some(reason);
                false
            }
        }
    }

    /// The peer ends the main stream last: what it sent on the others is there, and is read before the end is told.
    fn last_beside(&mut self, task: &mut Context<'_>) {
        for _ in 0..LAST_TURNS {
            if !self.poll_beside(task) {
                return;
            }
        }
    }

    /// Reads once and hands over what came: straight into the channel's memory, or during the handshake by a buffer.
    fn poll_read(&mut self, task: &mut Context<'_>) -> Poll<io::Result<Read>> {
        if let Some(room) = self.channel.room() {
            // No more at a time than stays in the cache until it has been handled.
            let room = &mut room.limit(READ_BYTES);
            let count = ready!(pin!(self.stream.read_buf(room)).poll(task))?;
            if count == 0 {
                return Poll::Ready(Ok(Read::End));
            }
            let is_long = count >= LONG_READ_BYTES;
            if !is_long {
                // What is small is best taken in many at a time. An answer, if there is one, is told of when it is written.
                self.scheduler.expect_stream();
            }
            let signals = self.channel.handle_read(self.scheduler.now(), count);
            let is_much = signals.map(|signals| is_long || signals >= MANY_SIGNALS);
            return Poll::Ready(Ok(Read::Handled(is_much)));
        }
        let mut buffer = [0; HANDSHAKE_READ_BYTES];
        let mut buffer = ReadBuf::new(&mut buffer);
        ready!(self.stream.as_mut().poll_read(task, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(Read::End));
        }
        let handled = self.channel.handle_bytes(self.scheduler.now(), buffer.filled());
        Poll::Ready(Ok(Read::Handled(handled.map(|()| false))))
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
            // A new timer is made only when the time has changed.
            let alarm = match self.alarm.take() {
                Some((set, alarm)) if set == due => self.alarm.insert((set, alarm)),
                Some(_) | None => self.alarm.insert((due, self.scheduler.sleep_until(due))),
            };
            if pin!(&mut alarm.1).poll(task).is_pending() {
                return;
            }
        }
    }

    fn write(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..WRITES_PER_TURN {
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
                Poll::Ready(Ok(written)) => {
                    self.scheduler.expect_answer();
                    self.written(written);
                }
            }
        }
        // There may be more to write; others first.
        task.waker().wake_by_ref();
        Poll::Pending
    }

    fn drain(&mut self, task: &Context<'_>) {
        if !self.unwritten.is_empty() && self.closing.is_none() {
            return;
        }
        if let Err(reason) = self.channel.poll_transmit(&mut self.pieces, task.waker()) {
            self.closing.get_or_insert(reason);
        }
        self.unwritten.extend(self.pieces.drain(..));
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

/// The carrier of this channel failed. Where it has streams, it watches over the peer's silence, and says so by the kind of
/// the error: that is the end that ticks would have brought later.
pub(crate) fn failed(channel: &mut Channel, has_streams: bool, error: io::Error) -> CloseReason {
    if has_streams && error.kind() == io::ErrorKind::TimedOut && channel.peer().is_some() {
        tracing::debug!("a connection is closed: {error}");
        return channel.handle_silence();
    }
    channel.handle_carrier_error(Arc::new(error))
}

#[cfg(test)]
mod tests;
