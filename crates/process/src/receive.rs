//! Selective receive, with save point and time limit.

use crate::process::{self, Me, SavePoint};
use crate::protocol::{Mail, Protocol};
use crate::scheduler::Sleep;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a receive takes: a function that answers `Ok` with what it makes of a message that it wants, and gives back any
/// other with `Err`.
pub trait Select<M, T>: Unpin {
    /// What the receive makes of `mail`, or `mail` itself.
    ///
    /// # Errors
    /// The mail, where it is not wanted.
    fn select(&mut self, mail: Mail<M>) -> Result<T, Mail<M>>;

    /// What a receive that wants all there is makes of a message; `None` for one that looks.
    #[doc(hidden)]
    const TAKE: Option<fn(Mail<M>) -> Poll<T>> = None;
}

impl<M, T, F: FnMut(Mail<M>) -> Result<T, Mail<M>> + Unpin> Select<M, T> for F {
    #[inline]
    fn select(&mut self, mail: Mail<M>) -> Result<T, Mail<M>> {
        self(mail)
    }
}

/// Wants all there is.
#[derive(Debug, Clone, Copy)]
pub struct AnyMail;

impl<M> Select<M, Mail<M>> for AnyMail {
    #[inline]
    fn select(&mut self, mail: Mail<M>) -> Result<Mail<M>, Mail<M>> {
        Ok(mail)
    }

    const TAKE: Option<fn(Mail<M>) -> Poll<Mail<M>>> = Some(Poll::Ready);
}

/// Waits for a message; made by [`crate::Cx::recv`] and [`crate::Cx::receive`].
#[must_use = "a receive does nothing until awaited"]
pub struct Receive<'a, M: Protocol, T, F> {
    process: &'a Me<M>,
    select: F,
    /// Messages before it have been offered.
    save: SavePoint,
    result: PhantomData<fn() -> T>,
}

impl<'a, M: Protocol, T, F: Select<M, T>> Receive<'a, M, T, F> {
    pub(crate) fn new(process: &'a Me<M>, select: F) -> Self {
        Self { process, select, save: SavePoint::default(), result: PhantomData }
    }
}

impl<M: Protocol, T, F: Select<M, T>> Future for Receive<'_, M, T, F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<T> {
        let Self { process, select, save, .. } = &mut *self;
        process::receive(process, save, select, task.waker())
    }
}

impl<M: Protocol, T, F> fmt::Debug for Receive<'_, M, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receive")
            .field("process", &self.process.pid())
            .field("save", &self.save)
            .finish_non_exhaustive()
    }
}

/// Waits for a message for a limited time; `None` when it is over.
#[must_use = "a receive does nothing until awaited"]
pub struct ReceiveTimeout<'a, M: Protocol, T, F> {
    receive: Receive<'a, M, T, F>,
    sleep: Sleep,
}

impl<'a, M: Protocol, T, F> ReceiveTimeout<'a, M, T, F> {
    pub(crate) fn new(receive: Receive<'a, M, T, F>, sleep: Sleep) -> Self {
        Self { receive, sleep }
    }
}

impl<M: Protocol, T, F: Select<M, T>> Future for ReceiveTimeout<'_, M, T, F> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<T>> {
        if let Poll::Ready(value) = Pin::new(&mut self.receive).poll(task) {
            return Poll::Ready(Some(value));
        }
        if process::is_ending(self.receive.process) || process::waits_for_turn(self.receive.process) {
            return Poll::Pending;
        }
        Pin::new(&mut self.sleep).poll(task).map(|()| None)
    }
}

impl<M: Protocol, T, F> fmt::Debug for ReceiveTimeout<'_, M, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveTimeout").field("receive", &self.receive).finish_non_exhaustive()
    }
}
