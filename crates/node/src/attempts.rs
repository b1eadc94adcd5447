//! Attempts to connect, a peer's and this node's: which of two that cross goes on, and what becomes of one that failed.

use crate::channel::CloseReason;
use crate::node::{Dial, Node};
use crate::peers::{Abandoned, AttemptId, DialError, Peer};
use engset_dist::handshake::{Decision, Winner, simultaneous};
use engset_term::NodeName;
use std::sync::Arc;

impl Node {
    /// What to answer a peer of this name that dials us; `attempt` is its attempt.
    pub(crate) fn decide(&self, peer: &str, attempt: AttemptId) -> Decision {
        if !self.lets_in(peer) {
            return Decision::NotAllowed;
        }
        let mut peers = self.peers.lock();
        // A name that is not in the table yet belongs to nobody we know: no entry is made for it before it proves
        // that it knows the cookie.
        let known = NodeName::find(peer).and_then(|name| peers.get_mut(&name));
        match known {
            None => {
                // Signals for this peer wait for its attempt: two connections that cross would end each other.
                self.accepting.lock().insert(peer.to_owned(), attempt);
                Decision::Ok
            }
            Some(Peer::Up(_)) => Decision::Alive,
            // We are not dialling: another attempt in this peer's name came first, and may be a stranger's.
            Some(Peer::Connecting(connecting)) if connecting.ours.is_none() => {
                connecting.attempt = attempt;
                Decision::Ok
            }
            // We look for the peer yet, perhaps in vain: where only it can reach us, it would be refused time after time.
            Some(Peer::Connecting(connecting)) if !connecting.is_told => {
                connecting.ours = None;
                connecting.attempt = attempt;
                Decision::Ok
            }
            Some(Peer::Connecting(connecting)) => match simultaneous(&self.config().name.text(), peer) {
                Winner::Ours => Decision::Nok,
                Winner::Theirs => {
                    connecting.attempt = attempt;
                    Decision::OkSimultaneous
                }
            },
        }
    }

    /// The peer refused our attempt because its own is under way.
    pub(crate) fn await_peer(self: &Arc<Self>, peer: NodeName, attempt: AttemptId) {
        {
            let mut peers = self.peers.lock();
            match peers.get_mut(&peer) {
                Some(Peer::Connecting(connecting)) if connecting.attempt == attempt => {
                    connecting.ours = None;
                }
                Some(Peer::Connecting(connecting)) if connecting.ours == Some(attempt) => {
                    connecting.ours = None;
                    return;
                }
                _ => return,
            }
        }
        let node = Arc::downgrade(self);
        let scheduler = self.processes().scheduler();
        let due = scheduler.now().saturating_add(self.config().handshake_timeout);
        scheduler.run_at(due, move || {
            if let Some(node) = node.upgrade() {
                node.dial_failed(peer, attempt, Arc::new(Abandoned::PeerNeverCame));
            }
        });
    }

    /// Whether to go on with this attempt now that the peer is reached: not where the peer's own came first, or the node
    /// was told to disconnect. From here on the two may cross.
    #[must_use]
    pub fn goes_on(&self, dial: Dial) -> bool {
        match self.peers.lock().get_mut(&dial.peer) {
            Some(Peer::Connecting(connecting)) if connecting.ours == Some(dial.attempt) => {
                connecting.is_told = true;
                true
            }
            Some(Peer::Connecting(_) | Peer::Up(_)) | None => false,
        }
    }

    /// Whether this attempt, of which the peer knows, is still to succeed.
    pub(crate) fn is_wanted(&self, dial: Dial) -> bool {
        match self.peers.lock().get(&dial.peer) {
            Some(Peer::Connecting(connecting)) => {
                connecting.attempt == dial.attempt || connecting.ours == Some(dial.attempt)
            }
            Some(Peer::Up(_)) | None => false,
        }
    }

    /// The attempt did not succeed: whoever waits for it hears so, and everybody concerned gets `noconnection`.
    /// Without effect when another attempt has taken over.
    #[expect(clippy::needless_pass_by_value, reason = "callers make the error for this call")]
    pub fn dial_failed(&self, peer: NodeName, attempt: AttemptId, error: DialError) {
        let failed = {
            let mut peers = self.peers.lock();
            match peers.get_mut(&peer) {
                Some(Peer::Connecting(connecting)) if connecting.attempt == attempt => peers.remove(&peer),
                Some(Peer::Connecting(connecting)) if connecting.ours == Some(attempt) => {
                    connecting.ours = None;
                    None
                }
                _ => None,
            }
        };
        if let Some(Peer::Connecting(connecting)) = failed {
            tracing::debug!(%peer, "no connection: {error}");
            self.abandon(peer, connecting, &error);
        }
    }

    /// An attempt of a peer did not succeed. Where we waited for it, our own goes on, or is made now, once: whoever it
    /// was has proven nothing.
    pub(crate) fn accept_failed(&self, attempt: AttemptId, reason: &CloseReason) {
        let again = {
            let mut peers = self.peers.lock();
            self.accepting.lock().retain(|_, accepted| *accepted != attempt);
            let taken_over = peers.iter_mut().find_map(|(name, peer)| match peer {
                Peer::Connecting(connecting) if connecting.attempt == attempt => Some((*name, connecting)),
                Peer::Connecting(_) | Peer::Up(_) => None,
            });
            let Some((peer, connecting)) = taken_over else { return };
            if let Some(ours) = connecting.ours {
                connecting.attempt = ours;
                return;
            }
            if std::mem::replace(&mut connecting.dialled_again, true) {
                Err(peer)
            } else {
                Ok(connecting.dial(peer, self.new_attempt()))
            }
        };
        match again {
            Ok(dial) => self.dial(Some(dial)),
            Err(peer) => self.dial_failed(peer, attempt, Arc::new(reason.clone())),
        }
    }
}
