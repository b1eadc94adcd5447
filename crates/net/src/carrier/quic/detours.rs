//! Which peers are dialled by TLS over TCP although they offer QUIC, because UDP did not get through to them.

use engset_term::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a peer is not tried over QUIC after that has failed.
pub(super) const DETOUR_TIME: Duration = Duration::from_secs(300);
/// So many peers are remembered; one more makes the node forget the one that failed first.
pub(super) const DETOURS_MAX: usize = 1_024;

/// The peers to which UDP did not get through.
#[derive(Debug, Default)]
pub(super) struct Detours {
    /// When each failed last.
    failed: BTreeMap<String, Instant>,
}

impl Detours {
    /// UDP did not get through to the peer; whether it is the first time in a row.
    pub(super) fn note(&mut self, now: Instant, peer: &str) -> bool {
        // While it is on, the peer is not tried, so that it failed is no news.
        if self.is_on(now, peer) {
            return false;
        }
        let is_new = self.failed.insert(peer.to_owned(), now).is_none();
        if self.failed.len() > DETOURS_MAX {
            let first = self.failed.iter().min_by_key(|(_, failed)| **failed).map(|(peer, _)| peer.clone());
            first.and_then(|first| self.failed.remove(&first));
        }
        is_new
    }

    /// The peer was reached over QUIC.
    pub(super) fn over(&mut self, peer: &str) {
        self.failed.remove(peer);
    }

    /// Whether the peer is not to be tried over QUIC now.
    pub(super) fn is_on(&self, now: Instant, peer: &str) -> bool {
        self.failed.get(peer).is_some_and(|failed| now < failed.saturating_add(DETOUR_TIME))
    }
}

#[cfg(test)]
mod tests {
    use super::{DETOUR_TIME, DETOURS_MAX, Detours};
    use engset_term::Instant;
    use std::time::Duration;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn a_peer_is_told_of_once_and_tried_again_after_its_time() {
        let mut detours = Detours::default();
        assert!(!detours.is_on(at(0), "a@h"));
        assert!(detours.note(at(0), "a@h"));
        let end = DETOUR_TIME.as_secs();
        assert!(detours.is_on(at(end - 1), "a@h") && !detours.is_on(at(end), "a@h"));
        // Another connection meanwhile does not lengthen it.
        assert!(!detours.note(at(end - 1), "a@h"));
        assert!(!detours.is_on(at(end), "a@h"));
        assert!(!detours.note(at(end), "a@h"), "it is no news");
        assert!(detours.is_on(at(end + 1), "a@h"));
        detours.over("a@h");
        assert!(!detours.is_on(at(end + 1), "a@h"));
        assert!(detours.note(at(end + 2), "a@h"), "it had worked in between");
    }

    #[test]
    fn so_many_peers_are_remembered_and_no_more() {
        let mut detours = Detours::default();
        for peer in 0..DETOURS_MAX {
            detours.note(at(peer as u64 / 100), &format!("p{peer:05}@h"));
        }
        assert_eq!(detours.failed.len(), DETOURS_MAX);
        assert!(detours.is_on(at(11), "p00000@h"));
        detours.note(at(11), "one-more@h");
        assert_eq!(detours.failed.len(), DETOURS_MAX);
        assert!(!detours.is_on(at(11), "p00000@h") && detours.is_on(at(11), "p00001@h"));
        assert!(detours.is_on(at(11), "one-more@h"));
    }
}
