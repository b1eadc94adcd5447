//! Pure: whose turn it is to have a lock that is always taken again before those who wait for it ask anew.
//!
//! Who is refused a lock comes again after a random while of up to 8 s, as OTP's `global` does; who has just given it back
//! comes again at once. So whoever was refused first is remembered, and when the lock is given back, others are refused it
//! for a while that grows with the time waited. A refusal is nothing that the protocol does not know, and each ends by
//! itself: there is as much time without one as with it, so that two nodes which let two different requesters have their
//! turns do not keep both from having the lock at both.

use engset_term::{Instant, Term};
use std::collections::BTreeMap;
use std::time::Duration;

/// Of how many locks it is remembered who waits. For more of them whoever comes first has it.
pub(super) const TURNS_MAX: usize = 1_000;
/// Who has not asked again for so long does not wait any more: longer than OTP sleeps between two tries.
const MEMORY: Duration = Duration::from_secs(10);
/// What part of the time waited a lock is kept for who waits.
const PART: u32 = 16;
/// The longest time that it is kept, and the least time that it is not.
const KEPT_MAX: Duration = Duration::from_secs(1);

/// Who waits for each lock, the first of them.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Turns {
    waiting: BTreeMap<Term, Waits>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Waits {
    requester: Term,
    since: Instant,
    /// When it will be taken to have given up.
    until: Instant,
    kept_until: Instant,
    /// From when on it may be kept again.
    next: Instant,
}

impl Turns {
    /// A requester cannot have a lock.
    pub(super) fn refused(&mut self, now: Instant, resource: &Term, requester: &Term) {
        let until = now.saturating_add(MEMORY);
        match self.waiting.get_mut(resource) {
            Some(waits) if waits.until > now && waits.requester != *requester => return,
            Some(waits) if waits.until > now => {
                waits.until = until;
                return;
            }
            Some(_) => {}
            None => {
                if self.waiting.len() >= TURNS_MAX {
                    self.waiting.retain(|_, waits| waits.until > now);
                }
                if self.waiting.len() >= TURNS_MAX {
                    return;
                }
            }
        }
        let waits = Waits { requester: requester.clone(), since: now, until, kept_until: now, next: now };
        self.waiting.insert(resource.clone(), waits);
    }

    /// Whether a requester may have a lock that is free.
    pub(super) fn may_have(&mut self, now: Instant, resource: &Term, requester: &Term) -> bool {
        let Some(waits) = self.waiting.get(resource) else { return true };
        if waits.requester == *requester || waits.until <= now {
            self.waiting.remove(resource);
            return true;
        }
        waits.kept_until <= now
    }

    /// A lock was given back.
    pub(super) fn freed(&mut self, now: Instant, resource: &Term) {
        let Some(waits) = self.waiting.get_mut(resource) else { return };
        if waits.until > now && waits.next <= now {
            let waited = now.saturating_duration_since(waits.since);
            waits.kept_until = now.saturating_add((waited / PART).min(KEPT_MAX));
            waits.next = waits.kept_until.saturating_add(KEPT_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: Term = Term::atom("lock");
    const BUSY: Term = Term::atom("busy");
    const PATIENT: Term = Term::atom("patient");

    fn at(millis: u64) -> Instant {
        Instant::ZERO.saturating_add(Duration::from_millis(millis))
    }

    #[test]
    fn a_lock_is_kept_for_who_waits_and_for_a_while_only() {
        let mut turns = Turns::default();
        assert!(turns.may_have(at(0), &LOCK, &BUSY));
        turns.refused(at(0), &LOCK, &PATIENT);
        turns.refused(at(1_600), &LOCK, &PATIENT);
        turns.freed(at(1_600), &LOCK);
        assert!(!turns.may_have(at(1_600), &LOCK, &BUSY) && !turns.may_have(at(1_699), &LOCK, &BUSY));
        assert!(turns.may_have(at(1_700), &LOCK, &BUSY), "a part of what was waited");
        turns.freed(at(1_701), &LOCK);
        assert!(turns.may_have(at(1_701), &LOCK, &BUSY), "not twice in a row");
        turns.freed(at(2_700), &LOCK);
        assert!(!turns.may_have(at(2_700), &LOCK, &BUSY));
        assert!(turns.may_have(at(2_700), &LOCK, &PATIENT));
        assert!(turns.may_have(at(2_700), &LOCK, &BUSY), "its turn is over");
    }

    /// One requester takes a lock again a millisecond after it gave it back, for ever; another one comes every 8 s.
    #[test]
    fn who_comes_seldom_gets_its_turn_under_constant_load() {
        let mut turns = Turns::default();
        let (mut is_taken, mut had_at) = (false, None);
        for now in 0..200_000 {
            if is_taken && now % 2 == 0 {
                is_taken = false;
                turns.freed(at(now), &LOCK);
            } else if !is_taken && turns.may_have(at(now), &LOCK, &BUSY) {
                is_taken = true;
            }
            if now % 7_993 == 0 {
                if is_taken {
                    turns.refused(at(now), &LOCK, &PATIENT);
                } else if turns.may_have(at(now), &LOCK, &PATIENT) {
                    had_at = had_at.or(Some(now));
                }
            }
        }
        assert!(had_at.is_some_and(|had| had < 60_000), "{had_at:?}");
    }

    /// Who has given up is waited for no more.
    #[test]
    fn who_does_not_ask_again_is_forgotten() {
        let mut turns = Turns::default();
        turns.refused(at(0), &LOCK, &PATIENT);
        turns.freed(at(9_999), &LOCK);
        assert!(!turns.may_have(at(9_999), &LOCK, &BUSY));
        assert!(turns.may_have(at(10_000), &LOCK, &BUSY));
    }

    #[test]
    fn as_many_are_remembered_as_may_be() {
        let mut turns = Turns::default();
        for number in 0..=TURNS_MAX {
            turns.refused(at(0), &Term::int(number), &PATIENT);
            turns.freed(at(1_600), &Term::int(number));
        }
        let is_kept = |turns: &mut Turns, number| !turns.may_have(at(1_600), &Term::int(number), &BUSY);
        assert!(is_kept(&mut turns, TURNS_MAX - 1));
        assert!(!is_kept(&mut turns, TURNS_MAX), "one too many");
        turns.refused(at(10_000), &Term::int(TURNS_MAX), &PATIENT);
        turns.freed(at(11_600), &Term::int(TURNS_MAX));
        assert!(!turns.may_have(at(11_600), &Term::int(TURNS_MAX), &BUSY), "in the place of one forgotten");
    }
}
