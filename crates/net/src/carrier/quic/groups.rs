//! The streams for groups of senders: opened once the peer has proven who it is, read and written by the connection's
//! driver.
//!
//! The stream that is opened first is that of the first group, and so on. Which one is of which group is the sender's
//! business only. A stream that the peer resets has lost signals, so the connection is over; so it is when the peer opens
//! more streams than there are groups. A stream that the peer ends is read to its end; it does so when it ends the
//! connection.

use super::error::Ended;
use super::farewell::Farewell;
use super::knock::Watch;
use super::settings::WINDOW_BYTES;
use crate::driver::{Beside, LONG_READ_BYTES, MANY_SIGNALS, WRITES_PER_TURN, failed};
use bytes::{BufMut, Bytes};
use engset_dist::blocks::READ_BYTES;
use engset_dist::connection::SENDER_GROUPS;
use engset_node::{Channel, CloseReason};
use engset_term::Instant;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::AsyncReadExt;

/// Turns in which each stream is read once, before the driver does something else; it does so sooner after a turn that
/// brought much.
const TURNS: usize = 16;

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, ConnectionError>> + Send>>;

pub(super) struct Groups {
    connection: Connection,
    farewell: Arc<Farewell>,
    /// The peer has proven who it is: it may open its streams.
    is_open: bool,
    /// Whether it is still there.
    watch: Option<Watch>,
    opening: Option<Waiting<SendStream>>,
    sending: Vec<Sending>,
    accepting: Option<Waiting<RecvStream>>,
    /// None where the peer has ended the stream.
    receiving: Vec<Option<RecvStream>>,
    /// How the connection ended, while what came before is read.
    ended: Option<Ended>,
}

struct Sending {
    stream: SendStream,
    unwritten: VecDeque<Bytes>,
}

impl Groups {
    pub(super) fn new(connection: Connection, farewell: Arc<Farewell>) -> Self {
        let (sending, receiving) = (Vec::new(), Vec::new());
        Self {
            connection,
            farewell,
            is_open: false,
            watch: None,
            opening: None,
            sending,
            accepting: None,
            receiving,
            ended: None,
        }
    }

    /// Allows the peer, which has proven who it is, as much as any.
    fn open(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.is_open, true) {
            self.watch = Watch::new(&self.connection, now);
            let groups = u32::try_from(SENDER_GROUPS).unwrap_or(u32::MAX);
            self.connection.set_max_concurrent_uni_streams(VarInt::from_u32(groups));
            self.connection.set_receive_window(WINDOW_BYTES.into());
        }
    }

    /// Looks whether the peer is there.
    fn poll_watch(&mut self, channel: &mut Channel, task: &mut Context<'_>) -> Result<(), Ended> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        watch.poll(&self.connection, channel, self.farewell.scheduler(), task).map_err(Ended::Failed)
    }

    /// Opens the streams on which this node sends, as soon as the peer allows it.
    fn poll_open(&mut self, task: &mut Context<'_>) -> Result<(), Ended> {
        while self.sending.len() < SENDER_GROUPS {
            let connection = self.connection.clone();
            let opening =
                self.opening.get_or_insert_with(|| Box::pin(async move { connection.open_uni().await }));
            let Poll::Ready(opened) = opening.as_mut().poll(task) else { return Ok(()) };
            self.opening = None;
            let stream = opened.map_err(Ended::of_connection)?;
            self.sending.push(Sending { stream, unwritten: VecDeque::new() });
        }
        Ok(())
    }

    /// Takes the streams on which the peer sends.
    fn poll_accept(&mut self, task: &mut Context<'_>) -> Result<(), Ended> {
        loop {
            let connection = self.connection.clone();
            let accepting =
                self.accepting.get_or_insert_with(|| Box::pin(async move { connection.accept_uni().await }));
            let Poll::Ready(accepted) = accepting.as_mut().poll(task) else { return Ok(()) };
            self.accepting = None;
            let stream = accepted.map_err(Ended::of_connection)?;
            if self.receiving.len() == SENDER_GROUPS {
                let told = format!("the peer opened more than {SENDER_GROUPS} streams");
                return Err(Ended::Failed(io::Error::new(io::ErrorKind::InvalidData, told)));
            }
            self.receiving.push(Some(stream));
        }
    }

    /// Reads what is there; whether there may be more.
    fn read(
        &mut self,
        channel: &mut Channel,
        now: Instant,
        task: &mut Context<'_>,
    ) -> Result<bool, CloseReason> {
        for _ in 0..TURNS {
            let (mut has_read, mut is_much) = (false, false);
            for (group, receiving) in self.receiving.iter_mut().enumerate() {
                let Some(stream) = receiving else { continue };
                let Some(room) = channel.group_room(group) else { continue };
                // As on the main stream: no more at a time than stays in the cache until it has been handled.
                let room = &mut room.limit(READ_BYTES);
                match pin!(stream.read_buf(room)).poll(task) {
                    Poll::Pending => channel.rest_group(group),
                    Poll::Ready(Err(error)) => {
                        let ended = Ended::of_reading(error);
                        if self.connection.close_reason().is_none() {
                            return Err(closed(channel, ended));
                        }
                        // Nothing more comes, but something may be there on other streams, also those that were not to be read.
                        *receiving = None;
                        self.ended.get_or_insert(ended);
                        has_read = true;
                        channel.handle_group_end(now, group);
                    }
                    Poll::Ready(Ok(0)) => {
                        *receiving = None;
                        // Others may be to be read now that were not.
                        has_read = true;
                        channel.handle_group_end(now, group);
                    }
                    Poll::Ready(Ok(count)) => {
                        has_read = true;
                        let signals = channel.handle_group_read(now, group, count)?;
                        is_much |= count >= LONG_READ_BYTES || signals >= MANY_SIGNALS;
                    }
                }
            }
            if !has_read {
                return self.ended.take().map_or(Ok(false), |ended| Err(closed(channel, ended)));
            }
            if is_much {
                break;
            }
        }
        Ok(true)
    }

    /// Writes what the streams take.
    fn write(&mut self, channel: &mut Channel, task: &mut Context<'_>) -> Result<(), CloseReason> {
        let scheduler = self.farewell.scheduler();
        for (group, Sending { stream, unwritten }) in self.sending.iter_mut().enumerate() {
            let mut writes = 0..WRITES_PER_TURN;
            loop {
                if unwritten.is_empty() {
                    let mut pieces = Vec::new();
                    channel.poll_group_transmit(group, &mut pieces, task.waker())?;
                    unwritten.extend(pieces);
                }
                if unwritten.is_empty() {
                    break;
                }
                if writes.next().is_none() {
                    // Others first.
                    task.waker().wake_by_ref();
                    break;
                }
                let written = pin!(stream.write_chunks(unwritten.make_contiguous())).poll(task);
                let Poll::Ready(written) = written else { break };
                let written = written.map_err(|error| closed(channel, Ended::of_write(error)))?;
                unwritten.drain(..written.chunks);
                scheduler.expect_answer();
            }
        }
        Ok(())
    }
}

impl Beside for Groups {
    fn groups(&self) -> usize {
        SENDER_GROUPS
    }

    fn poll(
        &mut self,
        channel: &mut Channel,
        now: Instant,
        task: &mut Context<'_>,
    ) -> Result<bool, CloseReason> {
        if channel.peer().is_none() {
            return Ok(false);
        }
        self.open(now);
        let opened = self.poll_open(task);
        let accepted = self.poll_accept(task);
        // What has come before the end of the connection acts.
        let has_more = self.read(channel, now, task)?;
        if has_more && self.connection.close_reason().is_some() {
            return Ok(true);
        }
        let watched = self.poll_watch(channel, task);
        opened.and(accepted).and(watched).map_err(|ended| closed(channel, ended))?;
        self.write(channel, task)?;
        Ok(has_more)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        self.farewell.leave_groups(self.sending.drain(..).map(|sending| sending.stream));
    }
}

fn closed(channel: &mut Channel, ended: Ended) -> CloseReason {
    match ended {
        Ended::ByPeer => channel.handle_eof(),
        Ended::Failed(error) => failed(channel, true, error),
    }
}

#[cfg(test)]
mod tests;
