//! What arrives at a process, filled by anybody under its door's lock, and its mailbox, which the process
//! touches, and those who find it at rest.
//!
//! All that arrives has one order, so the order between a pair of processes is the order of sending. While the process
//! does not run, and nothing lies in the arrival queue, a message goes into the mailbox itself; all else goes into the
//! arrival queue, which the process takes over at the start of each time slice and when a receive finds the mailbox
//! empty. Where there is a control signal in it, all of it moves on and the signal acts; messages alone stay in the batch
//! in which they came until they are received.
//!
//! The first signal that waits has its place in the process itself; the others are in chunks, so that a queue of any
//! length grows without being copied.

#![expect(unsafe_code, reason = "a message is read where it lies")]

use crate::chunks::Chunks;
use crate::exit::ExitReason;
use crate::protocol::Mail;
use crate::signal::{Mark, Signal};
use crate::task::{Inbox, MailState, Untyped};
use crate::trace_token::{TraceToken, WaitingTokens};
use std::collections::VecDeque;
use std::hint::unreachable_unchecked;
use std::task::Waker;

/// Where senders put signals.
#[derive(Debug)]
pub(crate) struct Arrival<M> {
    batch: Batch<M>,
    /// Messages that were ever taken in.
    pub(crate) messages_in: u64,
}

/// Where a message was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// Among what has arrived.
    Here,
    /// In the mailbox.
    InMailbox {
        /// Whether nothing lay there that was not looked at yet.
        is_first: bool,
    },
}

/// Where the next message lies. The ways to the places end apart, and the message is read where it lies: on a joint way
/// the compiler would put it together on the stack, and the processor wait for the pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the process itself.
    First,
    /// In the chunks behind.
    Behind,
    /// Nowhere: nothing is there at all.
    Nowhere,
    /// It is not just the next.
    Elsewhere,
}

/// Reads the message that `signal` is.
///
/// # Safety
/// It is one, and is not used or dropped any more.
#[inline]
unsafe fn message<M>(signal: Option<&Signal<M>>) -> Mail<M> {
    match signal {
        // SAFETY: as the caller promises.
        Some(Signal::Mail(mail)) => unsafe { std::ptr::read(mail) },
        // SAFETY: as the caller promises.
        _ => unsafe { unreachable_unchecked() },
    }
}

/// Signals in order of arrival.
#[derive(Debug)]
struct Batch<M> {
    first: Option<Signal<M>>,
    /// Behind the first.
    rest: Option<Box<Chunks<Signal<M>>>>,
}

impl<M> Batch<M> {
    const fn new() -> Self {
        Self { first: None, rest: None }
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(|rest| rest.is_empty())
    }

    #[inline]
    fn push(&mut self, signal: Signal<M>) {
        if self.is_empty() {
            self.first = Some(signal);
        } else {
            self.push_behind(signal);
        }
    }

    #[inline]
    fn push_behind(&mut self, signal: Signal<M>) {
        match &mut self.rest {
            Some(rest) => rest.push(signal),
            rest => rest.insert(Box::new(Chunks::new())).push(signal),
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Signal<M>> {
        if self.first.is_some() { self.first.take() } else { self.pop_behind() }
    }

    #[inline]
    fn place_of_message(&self) -> Place {
        if let Some(first) = &self.first {
            return if matches!(first, Signal::Mail(_)) { Place::First } else { Place::Elsewhere };
        }
        match self.rest.as_ref().and_then(|rest| rest.front()) {
            Some(Signal::Mail(_)) => Place::Behind,
            Some(_) => Place::Elsewhere,
            None => Place::Nowhere,
        }
    }

    #[inline]
    fn pop_behind(&mut self) -> Option<Signal<M>> {
        let signal = self.rest.as_mut()?.pop();
        self.tidy();
        signal
    }

    /// Gives back the memory of an empty queue that was long.
    #[inline]
    fn tidy(&mut self) {
        if self.rest.as_ref().is_some_and(|rest| rest.is_empty() && !rest.is_small()) {
            self.rest = None;
        }
    }
}

impl<M> Arrival<M> {
    pub(crate) const fn new() -> Self {
        Self { batch: Batch::new(), messages_in: 0 }
    }

    /// Appends a message; into the `mailbox` itself, where the process does not run and nothing is here that comes first.
    #[inline]
    pub(crate) fn push_message(&mut self, mailbox: Option<&mut Mailbox<M>>, message: M) -> Put {
        self.messages_in += 1;
        let (batch, is_here) = match mailbox {
            Some(mailbox) if self.batch.is_empty() => (&mut mailbox.fresh, false),
            _ => (&mut self.batch, true),
        };
        let is_first = batch.is_empty();
        batch.push(Signal::Mail(Mail::Message(message)));
        if is_here { Put::Here } else { Put::InMailbox { is_first } }
    }

    /// Appends a signal; what it is to the process.
    pub(crate) fn push(&mut self, signal: Signal<M>) -> MailState {
        let mail = match &signal {
            Signal::Control(_) => MailState::Urgent,
            // All that is marked comes the same way, so that the way of others has nothing to look at.
            Signal::Noted(_) | Signal::Marked(_) => {
                self.messages_in += 1;
                MailState::Urgent
            }
            Signal::Mail(_) | Signal::Encoded(_) => {
                self.messages_in += 1;
                MailState::Messages
            }
        };
        self.batch.push(signal);
        mail
    }

    /// Takes all signals, for the end of the process.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Signal<M>> + use<M> {
        let mut batch = std::mem::replace(&mut self.batch, Batch::new());
        std::iter::from_fn(move || batch.pop())
    }
}

impl<M: Send + 'static> Inbox for Arrival<M> {
    fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    fn messages_in(&self) -> u64 {
        self.messages_in
    }

    fn push_untyped(&mut self, signal: Untyped) -> MailState {
        self.push(match signal {
            Untyped::Control(signal) => Signal::Control(signal),
            Untyped::Encoded(encoded) => Signal::Encoded(encoded),
            Untyped::Marked(marked) => Signal::Marked(marked),
        })
    }
}

/// The messages that wait for the process, in order of arrival.
#[derive(Debug)]
pub(crate) struct Mailbox<M> {
    /// What came last, untouched; behind everything that waits.
    fresh: Batch<M>,
    waiting: Option<Box<Waiting<M>>>,
    /// So many more messages are received in this time slice.
    pub(crate) left: u32,
    /// Whether a receive waited in this time slice.
    pub(crate) has_listened: bool,
    /// Whether the process's code has returned: others cannot change how it ends any more.
    pub(crate) has_returned: bool,
    /// Whether there is a signal in `fresh` that acts.
    is_urgent: bool,
}

/// What most processes never need.
#[derive(Debug)]
struct Waiting<M> {
    /// Nothing only while a receive looks at it.
    mail: VecDeque<Option<Mail<M>>>,
    /// So many of the first are of priority.
    priorities: usize,
    /// How often something was put before what waited.
    inserted: u32,
    /// Woken when mail comes, where the receive was polled with a waker that is not the process's own.
    receiver: Option<Waker>,
    /// Made with the first message that has a trace token.
    tokens: Option<Box<WaitingTokens>>,
}

impl<M> Waiting<M> {
    fn is_idle(&self) -> bool {
        self.mail.is_empty() && self.receiver.is_none() && self.tokens.is_none()
    }

    fn put(&mut self, at: usize, mail: Mail<M>, token: Option<TraceToken>) {
        if token.is_some() && self.tokens.is_none() {
            self.tokens = Some(Box::new(WaitingTokens::beside(self.mail.len())));
        }
        if let Some(tokens) = &mut self.tokens {
            tokens.put(at, token);
        }
        self.mail.insert(at, Some(mail));
    }

    /// Takes a piece of mail that is not received.
    fn remove(&mut self, at: usize) -> Option<Mail<M>> {
        if let Some(tokens) = &mut self.tokens {
            tokens.take(at);
        }
        self.mail.remove(at).flatten()
    }
}

impl<M> Mailbox<M> {
    pub(crate) const fn new() -> Self {
        Self {
            fresh: Batch::new(),
            waiting: None,
            left: 0,
            has_listened: false,
            has_returned: false,
            is_urgent: false,
        }
    }

    /// Whether nothing waits that a receive would have to look at before what was taken over.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        !self.is_urgent && self.waiting.as_ref().is_none_or(|waiting| waiting.is_idle())
    }

    /// Takes over what has arrived, which is `mail`, unless there is still something that was taken over before.
    #[inline]
    pub(crate) fn take_over(&mut self, arrival: &mut Arrival<M>, mail: MailState) {
        if self.fresh.is_empty() && !arrival.batch.is_empty() {
            self.fresh.first = arrival.batch.first.take();
            self.is_urgent = mail == MailState::Urgent;
            if arrival.batch.rest.is_some() {
                // Theirs is empty: its memory is for what comes next.
                std::mem::swap(&mut self.fresh.rest, &mut arrival.batch.rest);
            }
        }
    }

    /// Whether there is a signal among what was taken over that must act.
    pub(crate) fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    /// Where the next of the signals that were taken over is, if it is a message and nothing else is of account.
    #[inline]
    pub(crate) fn place_of_message(&self) -> Place {
        if self.is_plain() { self.fresh.place_of_message() } else { Place::Elsewhere }
    }

    /// Takes the message at [`Place::First`], from where it lies.
    ///
    /// # Safety
    /// Only where [`Mailbox::place_of_message`] has just said so.
    #[inline]
    pub(crate) unsafe fn take_first(&mut self) -> Mail<M> {
        // SAFETY: as the caller promises.
        let message = unsafe { message(self.fresh.first.as_ref()) };
        // SAFETY: what was read is overwritten without being dropped.
        unsafe { std::ptr::write(&raw mut self.fresh.first, None) };
        message
    }

    /// Takes the message at [`Place::Behind`], from where it lies.
    ///
    /// # Safety
    /// As for [`Mailbox::take_first`].
    #[inline]
    pub(crate) unsafe fn take_behind(&mut self) -> Mail<M> {
        let message = match &mut self.fresh.rest {
            Some(rest) => {
                // SAFETY: as the caller promises.
                let read = |front: Option<&Signal<M>>| unsafe { message(front) };
                // SAFETY: as the caller promises; all of it is read.
                unsafe { rest.pop_by(read) }
            }
            // SAFETY: as the caller promises.
            None => unsafe { unreachable_unchecked() },
        };
        self.fresh.tidy();
        message
    }

    /// The next of the signals that were taken over.
    #[inline]
    pub(crate) fn pop_fresh(&mut self) -> Option<Signal<M>> {
        self.fresh.pop()
    }

    /// Whether nothing that was taken over is still to be looked at.
    pub(crate) fn has_no_fresh(&self) -> bool {
        self.fresh.is_empty()
    }

    /// Says that all that was taken over has acted.
    pub(crate) fn calm_down(&mut self) {
        self.is_urgent = false;
    }

    /// Appends to what waits.
    pub(crate) fn push(&mut self, mail: Mail<M>) {
        let waiting = self.waiting();
        waiting.put(waiting.mail.len(), mail, None);
    }

    /// Puts a message where its mark says.
    pub(crate) fn push_marked(&mut self, mail: Mail<M>, mark: Mark) {
        match mark.token {
            token if mark.priority => self.push_priority(mail, token),
            Some(token) => self.push_traced(mail, token),
            None => self.push(mail),
        }
    }

    /// Says that the process has a trace token from its beginning.
    pub(crate) fn begin_traced(&mut self) {
        self.waiting().tokens = Some(Box::new(WaitingTokens::born()));
    }

    /// Appends a message with a trace token to what waits.
    pub(crate) fn push_traced(&mut self, mail: Mail<M>, token: TraceToken) {
        let waiting = self.waiting();
        waiting.put(waiting.mail.len(), mail, Some(token));
    }

    /// Whether trace tokens are of account: one waits, or the message received last had one.
    pub(crate) fn is_traced(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.tokens.is_some())
    }

    /// Puts a message before all that are not of priority.
    pub(crate) fn push_priority(&mut self, mail: Mail<M>, token: Option<TraceToken>) {
        let waiting = self.waiting();
        waiting.put(waiting.priorities, mail, token);
        waiting.priorities += 1;
        waiting.inserted = waiting.inserted.wrapping_add(1);
    }

    /// How often something was put before what waited: a receive that has looked at some of it begins anew then.
    pub(crate) fn inserted(&self) -> u32 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.inserted)
    }

    /// Takes the message that waits longest, of those that are not of priority if there are any.
    pub(crate) fn pop_oldest(&mut self) -> Option<Mail<M>> {
        let waiting = self.waiting.as_mut()?;
        if waiting.priorities < waiting.mail.len() {
            return waiting.remove(waiting.priorities);
        }
        waiting.priorities = waiting.priorities.saturating_sub(1);
        waiting.remove(0)
    }

    /// Wakes a receive that waits with a waker of its own.
    pub(crate) fn wake_receiver(&mut self) {
        if let Some(waiting) = &mut self.waiting
            && (!self.fresh.is_empty() || !waiting.mail.is_empty())
            && let Some(receiver) = waiting.receiver.take()
        {
            receiver.wake();
        }
    }

    /// Offers the messages from position `seen` on to `select`, which gives back what it does not want; those keep
    /// their places. `seen` afterwards points behind the last message offered. `trace` is told with which token a message
    /// was received, where tokens are of account.
    pub(crate) fn select<T>(
        &mut self,
        seen: &mut usize,
        select: &mut impl FnMut(Mail<M>) -> Result<T, Mail<M>>,
        trace: impl FnOnce(Option<TraceToken>),
    ) -> Option<T> {
        if self.is_traced() {
            return self.select_traced(seen, select, trace);
        }
        let Waiting { mail: waiting, priorities, .. } = &mut **self.waiting.as_mut()?;
        while let Some(place) = waiting.get_mut(*seen) {
            match place.take().map(&mut *select) {
                Some(Ok(chosen)) => {
                    waiting.remove(*seen);
                    *priorities -= usize::from(*seen < *priorities);
                    return Some(chosen);
                }
                left => {
                    *place = left.and_then(Result::err);
                    *seen += 1;
                }
            }
        }
        None
    }

    /// As [`Self::select`], where trace tokens are of account.
    #[inline(never)]
    fn select_traced<T>(
        &mut self,
        seen: &mut usize,
        select: &mut impl FnMut(Mail<M>) -> Result<T, Mail<M>>,
        trace: impl FnOnce(Option<TraceToken>),
    ) -> Option<T> {
        let Waiting { mail: waiting, priorities, tokens, .. } = &mut **self.waiting.as_mut()?;
        while let Some(place) = waiting.get_mut(*seen) {
            // The end of a monitored process, and that there is none to link to, leave the token as it is.
            let is_news = match place {
                Some(Mail::Message(_) | Mail::Other(_)) => true,
                Some(Mail::Exit(trapped)) => trapped.reason != ExitReason::NoProc,
                Some(Mail::Down(_)) | None => false,
            };
            match place.take().map(&mut *select) {
                Some(Ok(chosen)) => {
                    waiting.remove(*seen);
                    *priorities -= usize::from(*seen < *priorities);
                    let token = tokens.as_mut().and_then(|tokens| tokens.take(*seen));
                    if (is_news || token.is_some())
                        && let Some(all) = tokens
                    {
                        all.is_traced = token.is_some();
                        trace(token);
                    }
                    if tokens.as_ref().is_some_and(|all| all.is_idle()) {
                        *tokens = None;
                    }
                    return Some(chosen);
                }
                left => {
                    *place = left.and_then(Result::err);
                    *seen += 1;
                }
            }
        }
        None
    }

    /// Removes the first message for which `unwanted` holds, among those that wait; whether there was one.
    pub(crate) fn discard(&mut self, mut unwanted: impl FnMut(&Mail<M>) -> bool) -> bool {
        let Some(waiting) = &mut self.waiting else { return false };
        let Some(place) = waiting.mail.iter().position(|mail| mail.as_ref().is_some_and(&mut unwanted))
        else {
            return false;
        };
        waiting.remove(place);
        waiting.priorities -= usize::from(place < waiting.priorities);
        true
    }

    /// What waits, one by one, for the end of the process.
    pub(crate) fn take_waiting(&mut self) -> Option<impl Iterator<Item = Mail<M>> + use<M>> {
        self.waiting.take().map(|waiting| waiting.mail.into_iter().flatten())
    }

    /// Whether a part of the process other than its whole is to be woken for mail.
    pub(crate) fn has_receiver(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.receiver.is_some())
    }

    pub(crate) fn wake_on_mail(&mut self, receiver: &Waker) {
        let waiting = self.waiting();
        if !waiting.receiver.as_ref().is_some_and(|known| known.will_wake(receiver)) {
            waiting.receiver = Some(receiver.clone());
        }
    }

    /// Gives back memory that nothing waits in.
    pub(crate) fn shrink(&mut self) {
        if self.fresh.is_empty() {
            self.fresh.rest = None;
        }
        if self.waiting.as_ref().is_some_and(|waiting| waiting.is_idle()) {
            self.waiting = None;
        } else if let Some(waiting) = &mut self.waiting {
            waiting.mail.shrink_to_fit();
        }
    }

    fn waiting(&mut self) -> &mut Waiting<M> {
        self.waiting.get_or_insert_with(|| {
            let mail = VecDeque::new();
            Box::new(Waiting { mail, priorities: 0, inserted: 0, receiver: None, tokens: None })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(signal: &Signal<usize>) -> usize {
        match signal {
            Signal::Mail(Mail::Message(number)) => *number,
            _ => panic!("not a message"),
        }
    }

    #[test]
    fn arrival_keeps_order_over_any_number_of_chunks() {
        for count in [1, 2, 9, 3 * Chunks::<Signal<usize>>::MAX] {
            let mut arrival = Arrival::new();
            for number in 0..count {
                assert_eq!(arrival.push(Signal::Mail(Mail::Message(number))), MailState::Messages);
            }
            assert_eq!(arrival.messages_in, count as u64);
            assert_eq!(
                arrival.take().map(|signal| message(&signal)).collect::<Vec<_>>(),
                (0..count).collect::<Vec<_>>()
            );
            assert!(arrival.is_empty());
        }
    }

    #[test]
    fn what_was_taken_over_stays_before_what_comes_later() {
        let (mut arrival, mut mailbox) = (Arrival::new(), Mailbox::new());
        arrival.push(Signal::Mail(Mail::Message(1)));
        mailbox.take_over(&mut arrival, MailState::Messages);
        arrival.push(Signal::Mail(Mail::Message(2)));
        mailbox.take_over(&mut arrival, MailState::Messages);
        assert!(!arrival.is_empty(), "the second waits until the first is taken");
        assert_eq!(mailbox.pop_fresh().as_ref().map(message), Some(1));
        mailbox.take_over(&mut arrival, MailState::Messages);
        assert_eq!(mailbox.pop_fresh().as_ref().map(message), Some(2));
    }

    #[test]
    fn a_trace_token_stays_with_its_message() {
        let token = |serial| TraceToken {
            flags: 1,
            label: engset_term::Term::from(17),
            serial,
            sender: engset_term::Pid::new(engset_term::NodeName::NONODE, 1, 1, 0),
            last: 0,
        };
        let mut mailbox = Mailbox::new();
        mailbox.push(Mail::Message(1));
        mailbox.push(Mail::Message(2));
        mailbox.push_traced(Mail::Message(3), token(3));
        mailbox.push_priority(Mail::Message(4), None);
        mailbox.push_traced(Mail::Message(5), token(5));
        mailbox.push(Mail::Message(6));
        let mut received = |wanted: u32| {
            let mut told = None;
            let mut select = |mail| match mail {
                Mail::Message(number) if number == wanted => Ok(number),
                mail => Err(mail),
            };
            let found =
                mailbox.select(&mut 0, &mut select, |token| told = Some(token.map(|token| token.serial)));
            assert_eq!(found, Some(wanted));
            (told, mailbox.is_plain())
        };
        assert_eq!(received(3), (Some(Some(3)), false));
        assert_eq!(received(6), (Some(None), false));
        assert_eq!(received(4), (Some(None), false));
        assert_eq!(received(5), (Some(Some(5)), false));
        assert_eq!(received(1), (Some(None), false));
        assert_eq!(received(2), (None, true), "nothing is traced any more");
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
        assert_eq!(mailbox.select(&mut seen, &mut even, |_| ()), Some(2));
        assert_eq!(mailbox.select(&mut seen, &mut even, |_| ()), Some(4));
        assert_eq!(mailbox.select(&mut seen, &mut even, |_| ()), None);
        let left: Vec<_> = mailbox.take_waiting().unwrap().collect();
        assert!(matches!(left[..], [Mail::Message(1), Mail::Message(3)]));
    }
}
