//! What a process does with what is its own, in its time slices: receive, take back, keep, give back.

#![expect(unsafe_code, reason = "a message is read where it lies")]

use super::{Locals, Me, Process, Rare};
use crate::current;
use crate::mailbox::Place;
use crate::protocol::{Mail, Protocol};
use crate::receive::Select;
use crate::signal::Signal;
use crate::task::{MailState, OwnCell};
use crate::trace_token::TraceToken;
use engset_term::Term;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

/// Up to where a receive has looked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SavePoint {
    seen: usize,
    /// How often something had been put before what waited.
    inserted: u32,
}

/// Takes the first message that `select` wants, in a time slice of the process.
#[inline]
pub(crate) fn receive<M: Protocol, T, S: Select<M, T>>(
    me: &Me<M>,
    save: &mut SavePoint,
    select: &mut S,
    waker: &Waker,
) -> Poll<T> {
    // A context that another process took away receives nothing.
    let Some(mut own) = me.own() else { return Poll::Pending };
    // The ways of nearly all messages, with as few moves as can be, and of finding none.
    if me.guard.is_none() {
        let place = own
            .with(|own| if own.mailbox.left > 1 { own.mailbox.place_of_message() } else { Place::Elsewhere });
        match (place, S::TAKE) {
            (Place::First, Some(take)) => {
                me.count_out(1);
                own.with(|own| own.mailbox.left -= 1);
                // SAFETY: there it is.
                return take(own.with(|own| unsafe { own.mailbox.take_first() }));
            }
            (Place::Behind, Some(take)) => {
                me.count_out(1);
                own.with(|own| own.mailbox.left -= 1);
                // SAFETY: there it is.
                return take(own.with(|own| unsafe { own.mailbox.take_behind() }));
            }
            (Place::Nowhere, _) if me.mail() == MailState::None && me.is_own_waker(waker) => {
                own.with(|own| {
                    // Who looks again and again without waiting has no more turns than who receives.
                    own.mailbox.left -= 1;
                    own.mailbox.has_listened = true;
                });
                return Poll::Pending;
            }
            _ => {}
        }
    }
    receive_with_care(me, &mut own, save, select, waker)
}

#[inline(never)]
fn receive_with_care<M: Protocol, T, S: Select<M, T>>(
    me: &Me<M>,
    own: &mut OwnCell<'_, Process<M>>,
    save: &mut SavePoint,
    select: &mut S,
    waker: &Waker,
) -> Poll<T> {
    let inserted = own.with(|own| own.mailbox.inserted());
    if save.inserted != inserted {
        // Something was put before what it has looked at.
        *save = SavePoint { seen: 0, inserted };
    }
    if let Some(guard) = &me.guard
        && guard.excess.load(Ordering::Relaxed) > 0
    {
        me.drop_excess(me, guard, own);
    }
    let left = own.with(|own| {
        own.mailbox.left = own.mailbox.left.saturating_sub(1);
        own.mailbox.left
    });
    if left == 0 {
        own.with(|own| own.mailbox.has_listened = true);
        // Others have their turn; this process goes on behind them.
        waker.wake_by_ref();
        return Poll::Pending;
    }
    loop {
        if own.with(|own| !own.mailbox.is_plain()) {
            if let Some(chosen) = look_again(me, own, save, select) {
                return Poll::Ready(chosen);
            }
            // Where the last message had a token, the next may have none: each is looked at where it waits.
            let is_traced = own.with(|own| own.mailbox.is_traced() && !own.mailbox.has_no_fresh());
            if own.with(|own| own.mailbox.is_urgent()) || is_traced {
                if !me.drain(me, own) {
                    return Poll::Pending;
                }
                let inserted = own.with(|own| own.mailbox.inserted());
                if save.inserted != inserted {
                    *save = SavePoint { seen: 0, inserted };
                }
                continue;
            }
        }
        while let Some(signal) = own.with(|own| own.mailbox.pop_fresh()) {
            let mail = match signal {
                Signal::Mail(mail) => mail,
                signal => match me.take(me, own, signal) {
                    Some(mail) => mail,
                    None => continue,
                },
            };
            let bytes = if me.guard.is_some() { size_of_mail(&mail) } else { 0 };
            match select.select(mail) {
                Ok(chosen) => {
                    me.received(|| bytes);
                    return Poll::Ready(chosen);
                }
                Err(mail) => {
                    own.with(|own| own.mailbox.push(mail));
                    save.seen += 1;
                }
            }
        }
        if own.with(|own| own.exiting().is_some()) {
            return Poll::Pending;
        }
        if me.mail() == MailState::None {
            own.with(|own| own.mailbox.has_listened = true);
            if !me.is_own_waker(waker) {
                own.with(|own| own.mailbox.wake_on_mail(waker));
            }
            return Poll::Pending;
        }
        me.refill(own);
    }
}

/// Whether the process has received as much as it may in this time slice: it is not waiting for mail, but for its turn.
pub(crate) fn waits_for_turn<M: Protocol>(me: &Me<M>) -> bool {
    me.own().is_some_and(|mut own| own.with(|own| own.mailbox.left == 0))
}

/// Takes back a monitor's message, if it waits; whether it did.
pub(crate) fn discard<M: Protocol>(me: &Me<M>, unwanted: impl Fn(&Mail<M>) -> bool) -> bool {
    let was_there = me.own().is_some_and(|mut own| own.with(|own| own.mailbox.discard(&unwanted)));
    if was_there {
        me.received(|| 0);
    }
    was_there
}

/// Calls `body` with the process's own values; `None` where the process does not run on this thread.
pub(crate) fn with_locals<M: Protocol, R>(me: &Me<M>, body: impl FnOnce(&mut Locals) -> R) -> Option<R> {
    // Taken out meanwhile: `body` may drop values of the process, whose code may do anything.
    let locals = me.own()?.with(|own| own.rare.as_mut().and_then(|rare| rare.locals.take()));
    let mut locals = locals.unwrap_or_default();
    let result = body(&mut locals);
    if let Some(mut own) = me.own() {
        own.with(|own| own.rare().locals = Some(locals));
    }
    Some(result)
}

/// Gives back memory that the process does not need while it waits.
pub(crate) fn shrink<M: Protocol>(me: &Me<M>) {
    if let Some(mut own) = me.own() {
        own.with(|own| {
            own.mailbox.shrink();
            let is_empty = |rare: &Rare| {
                let has_locals = rare.locals.as_ref().is_some_and(|locals| !locals.is_empty());
                let serves = rare.deadline.is_some() || rare.caller != 0;
                let is_watched = rare.answers != 0 || rare.is_traced;
                rare.exiting.is_none() && rare.group_leader.is_none() && !has_locals && !serves && !is_watched
            };
            if own.rare.as_deref().is_some_and(is_empty) {
                own.rare = None;
            }
        });
    }
    me.relations(|relations| {
        if relations.state.as_ref().is_some_and(|state| state.is_default()) {
            relations.state = None;
        }
    });
}

/// How many bytes of a mailbox a piece of mail takes.
pub(super) fn size_of_mail<M: Protocol>(mail: &Mail<M>) -> usize {
    match mail {
        Mail::Message(message) => message.size(),
        Mail::Down(_) | Mail::Exit(_) => 0,
        Mail::Other(_) => size_of::<Term>(),
    }
}

/// Offers what waits already, from the save point on.
fn look_again<M: Protocol, T, S: Select<M, T>>(
    me: &Me<M>,
    own: &mut OwnCell<'_, Process<M>>,
    save: &mut SavePoint,
    select: &mut S,
) -> Option<T> {
    let mut bytes = 0;
    let mut counting = |mail| {
        bytes = if me.guard.is_some() { size_of_mail(&mail) } else { 0 };
        select.select(mail)
    };
    let chosen = own.with(|own| {
        let trace = |token: Option<TraceToken>| {
            let is_traced = token.is_some();
            me.processes.traced().received(me.pid(), token);
            current::with(|current| current.map(|current| current.is_traced.set(is_traced)));
        };
        own.mailbox.select(&mut save.seen, &mut counting, trace)
    })?;
    me.received(|| bytes);
    Some(chosen)
}

/// Whether the process must end: its code never runs past the receive in which this turned out.
pub(crate) fn is_ending<M: Protocol>(me: &Me<M>) -> bool {
    me.own().is_none_or(|mut own| own.with(|own| own.exiting().is_some()))
}
