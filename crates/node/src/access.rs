//! Who may connect, and by which secret: cookies of single peers, and the list of those who are let in.

use engset_dist::handshake::Cookie;
use engset_term::{NodeName, PinnedNodeName};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

/// How many peers may have a cookie of their own.
pub const PEER_COOKIES_MAX: usize = 4_096;
/// How many entries the list of those who are let in may have.
pub const ALLOWED_MAX: usize = 4_096;

/// Cookies and the list of those who are let in; changed while the node runs.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    cookie: Cookie,
    peers: BTreeMap<String, Cookie>,
    /// `name@host`, `host` or `name@`; empty where everybody is.
    allowed: BTreeSet<String>,
}

/// A table of the node's settings is full; it is as before. Name fewer peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyEntries {
    /// [`PEER_COOKIES_MAX`] or [`ALLOWED_MAX`].
    pub limit: usize,
}

impl fmt::Display for TooManyEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this node can keep no more than {} entries of this kind", self.limit)
    }
}

impl Error for TooManyEntries {}

/// The spelling of a node's name has been given up for those of others, and nothing was changed: which node is meant
/// cannot be told any more. Make the name anew from its text; [`NodeName::pin`] keeps one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameForgotten;

impl fmt::Display for NameForgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the name of the node is forgotten here, since nobody kept it; make it anew from its text, and pin it where it is kept",
        )
    }
}

impl Error for NameForgotten {}

/// A peer was given no cookie of its own; the cookies are as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerCookieError {
    /// Too many peers have one.
    TooMany(TooManyEntries),
    /// Which peer is meant is not known any more.
    Forgotten(NameForgotten),
}

impl fmt::Display for PeerCookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(error) => fmt::Display::fmt(error, f),
            Self::Forgotten(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for PeerCookieError {}

/// Keeps the spelling of a peer's name, if it is known still.
pub(crate) fn known(peer: NodeName) -> Result<PinnedNodeName, NameForgotten> {
    let kept = peer.pin();
    // Pinned first: one that is known now stays so.
    if peer.is_known() { Ok(kept) } else { Err(NameForgotten) }
}

/// This node does not connect to the peer: it has a list of those it connects to, and the peer is not on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAllowed {
    /// The peer.
    pub peer: NodeName,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not among the nodes that this node allows; see `Node::allow`", self.peer)
    }
}

impl Error for NotAllowed {}

impl Access {
    pub(crate) fn new(cookie: Cookie) -> Self {
        Self { cookie, peers: BTreeMap::new(), allowed: BTreeSet::new() }
    }

    /// The secret shared with `peer`.
    pub(crate) fn cookie(&self, peer: &str) -> &Cookie {
        self.peers.get(peer).unwrap_or(&self.cookie)
    }

    /// Sets the secret shared with all peers that have none of their own.
    pub(crate) fn set_default(&mut self, cookie: Cookie) {
        self.cookie = cookie;
    }

    pub(crate) fn set_cookie(&mut self, peer: &str, cookie: Cookie) -> Result<(), TooManyEntries> {
        if self.peers.len() >= PEER_COOKIES_MAX && !self.peers.contains_key(peer) {
            return Err(TooManyEntries { limit: PEER_COOKIES_MAX });
        }
        self.peers.insert(peer.to_owned(), cookie);
        Ok(())
    }

    pub(crate) fn allow(&mut self, entries: &[&str]) -> Result<(), TooManyEntries> {
        let new: BTreeSet<&str> =
            entries.iter().copied().filter(|entry| !self.allowed.contains(*entry)).collect();
        if self.allowed.len().saturating_add(new.len()) > ALLOWED_MAX {
            return Err(TooManyEntries { limit: ALLOWED_MAX });
        }
        self.allowed.extend(new.into_iter().map(str::to_owned));
        Ok(())
    }

    /// Whether somebody who dials us under this name is let in; of one that wants a name, it is the host.
    pub(crate) fn lets_in(&self, peer: &str) -> bool {
        if self.allowed.is_empty() || self.allowed.contains(peer) {
            return true;
        }
        let Some((name, host)) = peer.split_once('@') else { return false };
        self.allowed.contains(host) || self.allowed.contains(&format!("{name}@"))
    }

    /// Whether we connect to this peer ourselves: hosts and names alone do not say whom to dial.
    pub(crate) fn lets_out(&self, peer: NodeName) -> Result<(), NotAllowed> {
        let is_listed = || peer.with_text(|text| self.allowed.contains(text));
        if self.allowed.is_empty() || is_listed() { Ok(()) } else { Err(NotAllowed { peer }) }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALLOWED_MAX, Access, PEER_COOKIES_MAX};
    use engset_dist::handshake::Cookie;
    use engset_term::NodeName;

    fn access() -> Access {
        Access::new(Cookie::new("common").unwrap())
    }

    /// Cookies do not print and are compared by what they prove.
    fn proves(access: &Access, peer: &str, secret: &str) -> bool {
        access.cookie(peer).digest(1) == Cookie::new(secret).unwrap().digest(1)
    }

    #[test]
    fn a_peer_has_its_own_cookie_or_the_common_one() {
        let mut access = access();
        access.set_cookie("b@h", Cookie::new("for b").unwrap()).unwrap();
        assert!(proves(&access, "b@h", "for b") && proves(&access, "c@h", "common"));
        access.set_default(Cookie::new("new").unwrap());
        assert!(proves(&access, "b@h", "for b") && proves(&access, "c@h", "new"));
        access.set_cookie("b@h", Cookie::new("again").unwrap()).unwrap();
        assert!(proves(&access, "b@h", "again"));
        assert!(!format!("{access:?}").contains("again"));
    }

    #[test]
    fn cookies_of_peers_have_a_limit() {
        let mut access = access();
        for number in 0..PEER_COOKIES_MAX {
            access.set_cookie(&format!("n{number}@h"), Cookie::new("c").unwrap()).unwrap();
        }
        assert_eq!(access.set_cookie("x@h", Cookie::new("c").unwrap()).unwrap_err().limit, PEER_COOKIES_MAX);
        assert!(access.set_cookie("n0@h", Cookie::new("d").unwrap()).is_ok());
    }

    #[test]
    fn the_list_names_nodes_hosts_or_names() {
        let mut access = access();
        let node = |text| NodeName::new(text).unwrap();
        assert!(access.lets_in("a@h") && access.lets_in("h") && access.lets_out(node("a@h")).is_ok());
        access.allow(&["a@h", "host", "friend@"]).unwrap();
        for (peer, is_in, is_out) in [
            ("a@h", true, true),
            ("b@h", false, false),
            ("b@host", true, false),
            ("friend@h", true, false),
            ("friend2@h", false, false),
        ] {
            assert_eq!(
                (access.lets_in(peer), access.lets_out(node(peer)).is_ok()),
                (is_in, is_out),
                "{peer}"
            );
        }
        assert!(access.lets_in("host") && !access.lets_in("h"));
    }

    #[test]
    fn the_list_has_a_limit() {
        let mut access = access();
        let names: Vec<String> = (0..ALLOWED_MAX).map(|number| format!("n{number}@h")).collect();
        access.allow(&names.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        assert_eq!(access.allow(&["x@h"]).unwrap_err().limit, ALLOWED_MAX);
        assert!(access.allow(&["n1@h"]).is_ok());
        assert!(!access.lets_in("x@h"));
    }
}
