//! Who waits for whom, in two words of each process, and where the way from one to the next leads.
//!
//! A way that leads back is a circle if each process on it waits for nothing but its call. That shows at the end of a
//! time slice: one that polled the call and no receive is blocked; one that polled a receive, too, can still serve. One
//! that has been woken since, or runs, may have its answer, and cannot be said to wait; unless its request was not even
//! sent.
//!
//! Races: of processes that call each other at the same moment each has said so before it reads the others' words, so
//! that at least the last one sees the circle. Words that change while they are read together are read again.

use crate::sync::{AtomicU64, Ordering, fence_before_lock};

/// So many processes are looked at to see whether a call would wait for itself; a longer circle ends by the time limits
/// of its calls.
pub const CALL_CHAIN_MAX: usize = 256;

/// So often a way that changes while it is followed is followed again at once.
const FOLLOWED_MAX: usize = 8;

/// It was in a call, and in nothing else, when its last time slice ended.
const BLOCKED: u64 = 1;
/// It was in a call, and could also receive, when its last time slice ended.
const OPEN: u64 = 2;
/// The request of its call is not sent yet.
const UNSENT: u64 = 4;
/// All that is of one call.
const FLAGS: u64 = BLOCKED | OPEN | UNSENT;
/// One call, in the count of those under way.
const ONE: u64 = 8;
/// The count of calls under way.
const COUNT: u64 = (NUMBER - 1) & !FLAGS;
/// One change, in their number.
const NUMBER: u64 = 1 << 32;

/// What a process waits for, changed by itself only.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    /// Id and serial of the one callee; nothing where there are several.
    callee: AtomicU64,
    /// Number of changes, count of calls, and what the last slice's end showed.
    word: AtomicU64,
}

/// A process's call as another process reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    callee: u64,
    word: u64,
    /// Whether it waits for its call and nothing else.
    is_blocked: bool,
}

/// Where a call to a process leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not back to the caller.
    Free,
    /// Back to the caller, by processes of which one may yet do something else in its time slice.
    Undecided,
    /// Back to the caller, which comes first.
    Circle(Vec<u64>),
}

impl Waits {
    /// A call begins to this process.
    #[inline]
    pub(crate) fn begin(&self, callee: u64) {
        let before = self.word.load(Ordering::Relaxed);
        let callee = if before & COUNT == 0 { callee } else { 0 };
        // Whoever reads this one sees the end of the call before it.
        self.callee.store(callee, Ordering::Release);
        self.word.store((before & !FLAGS).wrapping_add(NUMBER + ONE), Ordering::Release);
        // What is read of others from here on is read after they can read this.
        fence_before_lock();
    }

    /// A call is over.
    #[inline]
    pub(crate) fn end(&self) {
        let before = self.word.load(Ordering::Relaxed);
        self.word.store((before & !FLAGS) - ONE, Ordering::Release);
    }

    /// Whether a call is under way.
    #[inline]
    pub(crate) fn is_calling(&self) -> bool {
        self.word.load(Ordering::Relaxed) & COUNT != 0
    }

    /// At the end of a time slice in a call: whether the process waits for nothing else.
    pub(crate) fn slice_ended(&self, is_blocked: bool) {
        let before = self.word.load(Ordering::Relaxed);
        let flag = if is_blocked { BLOCKED } else { OPEN };
        self.word.store((before & !(BLOCKED | OPEN)) | flag, Ordering::Release);
    }

    /// The request could not be sent, and will be tried again.
    pub(crate) fn tries_again(&self) {
        let before = self.word.load(Ordering::Relaxed);
        self.word.store(before | UNSENT, Ordering::Release);
    }

    /// A request is sent after all; before it is. What the last slice's end showed was of one that was not.
    pub(crate) fn sends(&self) {
        let before = self.word.load(Ordering::Relaxed);
        self.word.store(before & !FLAGS, Ordering::Release);
    }

    /// The one call under way, unless the process can do something else meanwhile. `is_at_rest` says whether it neither
    /// runs nor is about to, and was found before.
    pub(crate) fn link(&self, is_at_rest: bool) -> Option<Link> {
        loop {
            let word = self.word.load(Ordering::Acquire);
            if word & COUNT != ONE || word & OPEN != 0 {
                return None;
            }
            let callee = self.callee.load(Ordering::Acquire);
            if self.word.load(Ordering::Relaxed) & !BLOCKED == word & !BLOCKED {
                let is_blocked = word & BLOCKED != 0 && (is_at_rest || word & UNSENT != 0);
                return (callee != 0).then_some(Link { callee, word, is_blocked });
            }
        }
    }
}

/// Follows who waits for whom from `first` on, until somebody does not wait or it is `me`.
pub(crate) fn follow(me: u64, first: u64, link_of: impl Fn(u64) -> Option<Link>) -> Way {
    for _ in 0..FOLLOWED_MAX {
        let mut chain: Vec<(u64, u64)> = Vec::new();
        let mut next = first;
        while next != me {
            if chain.len() == CALL_CHAIN_MAX {
                return Way::Free;
            }
            let Some(link) = link_of(next) else { return Way::Free };
            chain.push((next, link.word));
            next = link.callee;
        }
        // Only what was so at one moment is a circle.
        let again = chain.iter().map(|(process, word)| link_of(*process).filter(|link| link.word == *word));
        let Some(links) = again.collect::<Option<Vec<Link>>>() else { continue };
        if !links.iter().all(|link| link.is_blocked) {
            return Way::Undecided;
        }
        return Way::Circle([me].into_iter().chain(chain.into_iter().map(|(process, _)| process)).collect());
    }
    Way::Undecided
}
