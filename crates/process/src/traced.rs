//! Which processes of a node have a trace token: a table at which others look only where it is not empty.

use crate::trace_token::TraceToken;
use engset_term::Pid;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The processes of a node that have a token.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Traced {
    /// How many there are. First of all, beside what else each message on its way is compared with.
    count: AtomicUsize,
    of: Mutex<BTreeMap<Pid, TraceToken>>,
}

impl Traced {
    /// Whether any process has a token.
    #[inline(always)]
    pub(crate) fn is_any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// The token that a process has.
    pub(crate) fn of(&self, pid: Pid) -> Option<TraceToken> {
        if self.is_any() { self.of.lock().get(&pid).cloned() } else { None }
    }

    /// A process begins with the token with which it was asked for.
    pub(crate) fn born(&self, pid: Pid, asked_with: TraceToken) {
        let TraceToken { flags, label, serial, .. } = asked_with;
        let mut of = self.of.lock();
        of.insert(pid, TraceToken { flags, label, serial, sender: pid, last: serial });
        self.count.store(of.len(), Ordering::Relaxed);
    }

    /// `parent` starts a process; whether it has a token.
    pub(crate) fn spawns(&self, parent: Pid, child: Pid) -> bool {
        let token = self.sends(parent);
        token.map(|token| self.born(child, token)).is_some()
    }

    /// A process has received a message with this token, or one without.
    pub(crate) fn received(&self, pid: Pid, token: Option<TraceToken>) {
        let mut of = self.of.lock();
        match token {
            Some(TraceToken { flags, label, serial, .. }) => {
                let clock = of.get(&pid).map_or(0, |had| had.serial).max(serial);
                // From now on `serial` is the process's clock, `last` what it received.
                of.insert(pid, TraceToken { flags, label, serial: clock, sender: pid, last: serial });
            }
            None => drop(of.remove(&pid)),
        }
        self.count.store(of.len(), Ordering::Relaxed);
    }

    /// A process has ended.
    pub(crate) fn ended(&self, pid: Pid) {
        if self.is_any() {
            self.received(pid, None);
        }
    }

    /// The token for a message that a process sends now.
    #[inline]
    pub(crate) fn sends(&self, pid: Pid) -> Option<TraceToken> {
        if self.is_any() { self.next(pid) } else { None }
    }

    #[inline(never)]
    fn next(&self, pid: Pid) -> Option<TraceToken> {
        let mut of = self.of.lock();
        let token = of.get_mut(&pid)?;
        token.serial = token.serial.saturating_add(1);
        Some(token.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{TraceToken, Traced};
    use engset_term::{NodeName, Pid, Term};

    fn pid(id: u32) -> Pid {
        Pid::new(NodeName::NONODE, 1, id, 0)
    }

    fn token(serial: u64, last: u64, sender: u32) -> TraceToken {
        TraceToken { flags: 1, label: Term::from(17), serial, sender: pid(sender), last }
    }

    #[test]
    fn numbers_rise_as_those_of_otp_do() {
        let traced = Traced::default();
        assert_eq!(traced.sends(pid(2)), None);
        traced.received(pid(2), Some(token(1, 0, 1)));
        assert_eq!(traced.sends(pid(2)), Some(token(2, 1, 2)));
        assert_eq!(traced.sends(pid(2)), Some(token(3, 1, 2)));
        // One that was sent before ours were received there.
        traced.received(pid(2), Some(token(2, 0, 1)));
        assert_eq!(traced.sends(pid(2)), Some(token(4, 2, 2)));
        traced.received(pid(2), Some(token(9, 4, 1)));
        assert_eq!(traced.sends(pid(2)), Some(token(10, 9, 2)));
        assert_eq!(traced.sends(pid(3)), None);
        traced.received(pid(2), None);
        assert_eq!(traced.sends(pid(2)), None);
        assert!(!traced.is_any());
    }

    /// As seen of OTP 25: who has received 3 and counts 7 asks for a process with 8, of which the process sends its first
    /// message with 9, locally and to the other node that has asked for it.
    #[test]
    fn a_process_begins_with_the_number_with_which_it_was_asked_for() {
        let traced = Traced::default();
        assert!(!traced.spawns(pid(1), pid(2)) && traced.of(pid(2)).is_none());
        traced.received(pid(1), Some(token(7, 0, 9)));
        assert!(traced.spawns(pid(1), pid(2)));
        assert_eq!(traced.sends(pid(2)), Some(token(9, 8, 2)));
        assert_eq!(traced.sends(pid(1)), Some(token(9, 7, 1)));
        traced.ended(pid(1));
        traced.ended(pid(2));
        assert!(!traced.is_any());
    }
}
