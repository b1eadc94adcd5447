//! The report of a process whose group leader is on another node goes to that node's log, as OTP's logger sends it: the
//! engineer who called a function sees why it failed.

use crate::node::Node;
use engset_etf::{Body, encode_body};
use engset_process::{Dest, ExitReason};
use engset_term::{Atom, Pid, Term};

/// So many bytes of a reason, encoded, are sent to another node's log; of a longer one, the beginning as text.
pub const REMOTE_LOG_BYTES_MAX: usize = 64 * 1024;
/// So many bytes of text are left of a reason that is too long.
const CUT_BYTES: usize = 8 * 1024;

impl Node {
    /// Tells the log of the node of `leader` that `pid` has ended for `reason`; false where that is this node, or one
    /// that is not connected.
    pub(crate) fn log_at_leader(&self, pid: Pid, leader: Pid, reason: &ExitReason) -> bool {
        if leader.node() == self.here() {
            return false;
        }
        let to = Dest::RemoteName(Atom::from_static("logger_proxy"), leader.node());
        let micros = self.processes().unix_seconds().saturating_mul(1_000_000);
        let name = Term::Atom(self.name().into());
        let event = event((pid, leader), name, micros, reason.to_term());
        self.processes().send_encoded_noconnect(pid, &to, Body::of(&event))
    }
}

/// `{log, error, Format, Args, Meta}`, with the words of the BEAM.
fn event((pid, leader): (Pid, Pid), node: Term, micros: u64, reason: Term) -> Term {
    let pair = |key: &'static str, value: Term| (Term::atom(key), value);
    let emulator = Term::map([pair("emulator", Term::atom("true")), pair("tag", Term::atom("error"))]);
    let meta = Term::map([
        pair("gl", Term::Pid(leader)),
        pair("pid", Term::Pid(pid)),
        pair("time", Term::from(micros)),
        pair("error_logger", emulator),
    ]);
    let format = Term::charlist("Error in process ~p on node ~p with exit value:~n~p~n");
    let args = Term::list([Term::Pid(pid), node, bounded(reason)]);
    Term::tuple([Term::atom("log"), Term::atom("error"), format, args, meta])
}

fn bounded(reason: Term) -> Term {
    let mut body = Vec::new();
    encode_body(&reason, &mut body);
    if body.len() <= REMOTE_LOG_BYTES_MAX {
        return reason;
    }
    Term::tuple([Term::atom("cut"), Term::string(&reason.display_max(CUT_BYTES).to_string())])
}

#[cfg(test)]
mod tests {
    use super::{CUT_BYTES, REMOTE_LOG_BYTES_MAX, bounded};
    use engset_term::Term;

    #[test]
    fn a_long_reason_is_cut() {
        // A binary has five bytes before its content.
        let fits = Term::binary(vec![b'a'; REMOTE_LOG_BYTES_MAX - 5]);
        assert_eq!(bounded(fits.clone()), fits);
        let cut = bounded(Term::binary(vec![b'a'; REMOTE_LOG_BYTES_MAX - 4]));
        let Some([tag, text]) = cut.as_tuple() else { panic!("{cut} is not cut") };
        assert!(tag.is_atom("cut") && text.as_binary().is_some_and(|text| text.len() <= CUT_BYTES + 16));
    }
}
