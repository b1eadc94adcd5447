//! Selective receive, with save point and time limit.

use crate::process::{AnyProcess, Process};
use crate::protocol::{Mail, Protocol};
use crate::scheduler::Sleep;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The selection of a receive that takes whatever comes first.
pub type AnyMail<M> = fn(Mail<M>) -> Result<Mail<M>, Mail<M>>;

/// Waits for a message; made by [`crate::Cx::recv`] and [`crate::Cx::receive`].
#[must_use = "a receive does nothing until awaited"]
pub struct Receive<'a, M, T, F> {
    process: &'a Process<M>,
    select: F,
    /// The save point: messages before it have been offered.
    seen: usize,
    result: PhantomData<fn() -> T>,
}

impl<'a, M: Protocol, T, F: FnMut(Mail<M>) -> Result<T, Mail<M>> + Unpin> Receive<'a, M, T, F> {
    pub(crate) fn new(process: &'a Process<M>, select: F) -> Self {
        Self { process, select, seen: 0, result: PhantomData }
    }
}

impl<M: Protocol, T, F: FnMut(Mail<M>) -> Result<T, Mail<M>> + Unpin> Future for Receive<'_, M, T, F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        let mut own = this.process.own();
        if let Some(chosen) = own.mailbox.select(&mut this.seen, &mut this.select) {
            return Poll::Ready(chosen);
        }
        if !this.process.drain(&mut own) {
            // The process must end: its code never runs past this point.
            return Poll::Pending;
        }
        if let Some(chosen) = own.mailbox.select(&mut this.seen, &mut this.select) {
            return Poll::Ready(chosen);
        }
        if !this.process.is_own_waker(task.waker()) {
            own.mailbox.wake_on_mail(task.waker());
        }
        Poll::Pending
    }
}

impl<M: Protocol, T, F> fmt::Debug for Receive<'_, M, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receive")
            .field("process", &self.process.pid())
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// Waits for a message for a limited time; `None` when it is over.
#[must_use = "a receive does nothing until awaited"]
pub struct ReceiveTimeout<'a, M, T, F> {
    receive: Receive<'a, M, T, F>,
    sleep: Sleep,
}

impl<'a, M, T, F> ReceiveTimeout<'a, M, T, F> {
    pub(crate) fn new(receive: Receive<'a, M, T, F>, sleep: Sleep) -> Self {
        Self { receive, sleep }
    }
}

impl<M: Protocol, T, F: FnMut(Mail<M>) -> Result<T, Mail<M>> + Unpin> Future for ReceiveTimeout<'_, M, T, F> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<T>> {
        if let Poll::Ready(value) = Pin::new(&mut self.receive).poll(task) {
            return Poll::Ready(Some(value));
        }
        if self.receive.process.is_ending() {
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
