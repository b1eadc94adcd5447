//! Sequential trace tokens (OTP's `seq_trace`): what came with a message from another node goes along with what its
//! receiver sends from then on, with the processes that it starts and with its end to those that are linked to it, until
//! it receives a message without one.
//!
//! A message with a token arrives as a signal of its own kind, so that others have nothing to look at; the process that
//! has received it is noted in a table of the node. Who sends, starts or ends looks first at how many are noted there. The
//! numbers are OTP's: a send counts the process's clock on, a receive sets it to no less than the number received, and a
//! process begins with the number with which it was asked for.
//!
//! As in OTP 25 the end of a process that is monitored, an exit signal by `exit/2` and a timer carry none. A timer's
//! message is one without a token here; there it leaves the token as it is.

use engset_term::{Pid, Term};
use std::collections::VecDeque;

/// A token, `{Flags, Label, Serial, Sender, Last}` on the wire.
///
/// ```
/// use engset_process::TraceToken;
/// use engset_term::{NodeName, Pid, Term};
///
/// let sender = Term::Pid(Pid::new(NodeName::NONODE, 1, 7, 0));
/// let term = Term::tuple([Term::from(1), Term::atom("label"), Term::from(2), sender, Term::from(0)]);
/// let token = TraceToken::from_term(&term).expect("a token");
/// assert_eq!(token.label, Term::atom("label"));
/// assert_eq!(token.to_term(), term);
/// assert!(TraceToken::from_term(&Term::atom("label")).is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceToken {
    /// Which events are told of, as `seq_trace:set_token/2` sets them.
    pub flags: i64,
    /// What tells one trace from another.
    pub label: Term,
    /// The number of this message.
    pub serial: u64,
    /// Who sent it.
    pub sender: Pid,
    /// The number of the message that the sender had received last.
    pub last: u64,
}

impl TraceToken {
    /// The token that a term is, if it is one.
    #[must_use]
    pub fn from_term(term: &Term) -> Option<Self> {
        let [flags, label, serial, sender, last] = term.as_tuple()? else { return None };
        let number = |term: &Term| u64::try_from(term.as_int()?).ok();
        Some(Self {
            flags: flags.as_int()?,
            label: label.clone(),
            serial: number(serial)?,
            sender: sender.as_pid()?,
            last: number(last)?,
        })
    }

    /// The token as a term.
    #[must_use]
    pub fn to_term(&self) -> Term {
        let number = |number: u64| Term::from(i64::try_from(number).unwrap_or(i64::MAX));
        let (serial, last) = (number(self.serial), number(self.last));
        Term::tuple([Term::from(self.flags), self.label.clone(), serial, Term::Pid(self.sender), last])
    }
}

/// The tokens of messages that wait in a mailbox.
#[derive(Debug, Default)]
pub(crate) struct WaitingTokens {
    /// One for each piece of mail that waits.
    tokens: VecDeque<Option<TraceToken>>,
    /// Whether the message received last had one.
    pub(crate) is_traced: bool,
}

impl WaitingTokens {
    /// Tokens beside so many pieces of mail that have none.
    pub(crate) fn beside(waiting: usize) -> Self {
        Self { tokens: VecDeque::from(vec![None; waiting]), is_traced: false }
    }

    /// Those of a process that has a token from its beginning.
    pub(crate) fn born() -> Self {
        Self { tokens: VecDeque::new(), is_traced: true }
    }

    pub(crate) fn put(&mut self, at: usize, token: Option<TraceToken>) {
        self.tokens.insert(at.min(self.tokens.len()), token);
    }

    pub(crate) fn take(&mut self, at: usize) -> Option<TraceToken> {
        self.tokens.remove(at).flatten()
    }

    /// Whether nothing is to be remembered.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_traced && self.tokens.iter().all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use super::TraceToken;
    use engset_term::{NodeName, Pid, Term};

    fn pid(id: u32) -> Pid {
        Pid::new(NodeName::NONODE, 1, id, 0)
    }

    fn token(serial: u64, last: u64, sender: u32) -> TraceToken {
        TraceToken { flags: 1, label: Term::from(17), serial, sender: pid(sender), last }
    }

    #[test]
    fn what_is_no_token_is_none() {
        let whole = token(1, 0, 1).to_term();
        assert_eq!(TraceToken::from_term(&whole), Some(token(1, 0, 1)));
        let parts = whole.as_tuple().unwrap();
        for wrong in [0, 2, 3, 4] {
            let mut parts = parts.to_vec();
            parts[wrong] = Term::atom("no");
            assert_eq!(TraceToken::from_term(&Term::tuple(parts)), None, "{wrong}");
        }
        assert_eq!(TraceToken::from_term(&Term::tuple([Term::from(1)])), None);
    }
}
