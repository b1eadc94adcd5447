//! A process's arrival queue, filled by anybody, and its mailbox, which only the process itself touches.
//!
//! Everything that arrives goes through the one arrival queue, so the order between a pair of processes is the order
//! of sending. The process drains it at the start of each time slice and when a receive finds the mailbox empty:
//! control signals act then, messages move on to the mailbox.

use crate::protocol::Mail;
use crate::signal::Signal;
use engset_term::Term;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// Where senders put signals.
#[derive(Debug)]
pub(crate) struct Arrival<M> {
    queue: Mutex<Queue<M>>,
    /// Whether there are signals; changed under the lock. Whoever reads it too early is woken by the push.
    filled: AtomicBool,
}

#[derive(Debug)]
struct Queue<M> {
    signals: Vec<Signal<M>>,
    closed: bool,
}

/// What a push found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The queue was empty: the receiver must be woken.
    First,
    /// The receiver has been woken for an earlier signal that it has not taken yet.
    Behind,
}

impl<M> Arrival<M> {
    pub(crate) fn new() -> Self {
        Self {
            queue: Mutex::new(Queue { signals: Vec::new(), closed: false }),
            filled: AtomicBool::new(false),
        }
    }

    /// Appends a signal; gives it back when the process has ended.
    pub(crate) fn push(&self, signal: Signal<M>) -> Result<Pushed, Signal<M>> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(signal);
        }
        queue.signals.push(signal);
        if queue.signals.len() > 1 {
            return Ok(Pushed::Behind);
        }
        self.filled.store(true, Ordering::Release);
        Ok(Pushed::First)
    }

    /// Moves all signals into `into`, which must be empty; false when there were none.
    pub(crate) fn take(&self, into: &mut Vec<Signal<M>>) -> bool {
        debug_assert!(into.is_empty());
        if self.is_empty() {
            return false;
        }
        let mut queue = self.queue.lock();
        std::mem::swap(&mut queue.signals, into);
        self.filled.store(false, Ordering::Release);
        true
    }

    /// Whether no signal has arrived that has not been taken.
    pub(crate) fn is_empty(&self) -> bool {
        !self.filled.load(Ordering::Acquire)
    }

    /// Refuses signals from now on; returns those that wait.
    pub(crate) fn close(&self) -> Vec<Signal<M>> {
        let mut queue = self.queue.lock();
        queue.closed = true;
        std::mem::take(&mut queue.signals)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.lock().signals.len()
    }
}

/// The messages that wait for the process, in order of arrival.
#[derive(Debug)]
pub(crate) struct Mailbox<M> {
    waiting: VecDeque<Mail<M>>,
    /// Woken when mail comes, where the receive was polled with a waker that is not the process's own.
    receiver: Option<Waker>,
}

impl<M> Mailbox<M> {
    pub(crate) fn new() -> Self {
        Self { waiting: VecDeque::new(), receiver: None }
    }

    pub(crate) fn push(&mut self, mail: Mail<M>) {
        self.waiting.push_back(mail);
        if let Some(receiver) = self.receiver.take() {
            receiver.wake();
        }
    }

    /// Offers the messages from position `seen` on to `select`, which gives back what it does not want; those keep
    /// their places. `seen` afterwards points behind the last message offered.
    pub(crate) fn select<T>(
        &mut self,
        seen: &mut usize,
        select: &mut impl FnMut(Mail<M>) -> Result<T, Mail<M>>,
    ) -> Option<T> {
        while let Some(place) = self.waiting.get_mut(*seen) {
            let mail = std::mem::replace(place, Mail::Other(Term::Nil));
            match select(mail) {
                Ok(chosen) => {
                    self.waiting.remove(*seen);
                    return Some(chosen);
                }
                Err(mail) => {
                    *place = mail;
                    *seen += 1;
                }
            }
        }
        None
    }

    /// Removes the messages for which `unwanted` holds.
    pub(crate) fn discard(&mut self, mut unwanted: impl FnMut(&Mail<M>) -> bool) {
        self.waiting.retain(|mail| !unwanted(mail));
    }

    /// What waits, one by one.
    pub(crate) fn into_waiting(self) -> impl Iterator<Item = Mail<M>> {
        self.waiting.into_iter()
    }

    pub(crate) fn wake_on_mail(&mut self, receiver: &Waker) {
        self.receiver = Some(receiver.clone());
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(signal: &Signal<u32>) -> u32 {
        match signal {
            Signal::Message(number) => *number,
            Signal::Encoded(_) | Signal::Control(_) => panic!("not a message"),
        }
    }

    #[test]
    fn arrival_keeps_order_and_asks_for_one_wake_up() {
        let arrival = Arrival::new();
        assert_eq!(arrival.push(Signal::Message(1)).unwrap(), Pushed::First);
        assert_eq!(arrival.push(Signal::Message(2)).unwrap(), Pushed::Behind);
        let mut taken = Vec::new();
        assert!(arrival.take(&mut taken));
        assert_eq!(taken.iter().map(message).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(arrival.push(Signal::Message(3)).unwrap(), Pushed::First);
        assert_eq!(arrival.close().len(), 1);
        assert!(arrival.push(Signal::Message(4)).is_err());
    }

    #[test]
    fn select_leaves_what_it_does_not_want_in_place() {
        let mut mailbox = Mailbox::new();
        for number in 1..=4u32 {
            mailbox.push(Mail::Message(number));
        }
        let mut seen = 0;
        let mut even = |mail| match mail {
            Mail::Message(number) if number % 2 == 0 => Ok(number),
            mail => Err(mail),
        };
        assert_eq!(mailbox.select(&mut seen, &mut even), Some(2));
        assert_eq!(mailbox.select(&mut seen, &mut even), Some(4));
        assert_eq!(mailbox.select(&mut seen, &mut even), None);
        assert!(matches!(mailbox.waiting.pop_front(), Some(Mail::Message(1))));
        assert!(matches!(mailbox.waiting.pop_front(), Some(Mail::Message(3))));
        assert!(mailbox.waiting.pop_front().is_none());
    }
}
