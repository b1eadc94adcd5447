//! Pure: what the name servers of nodes tell each other, in the words of OTP's `global`, version 8 of its protocol.
//!
//! Casts: `{init_connect, {Version, Tag}, Node, {locker, _, _, Locker}}`, `{exchange, Node, Names, _, Tag}`,
//! `{resolved, Node, Ops, Known, _, Externals, Tag}`, `{new_nodes, Node, Ops, Externals, Known, Extra}`,
//! `{in_sync, Node, _}`, `{lock_set, Locker, Bool, _, Tag}`. Plain messages: `{init_connect_ack, Node, HisTag, MyTag}`,
//! `{cancel_connect, Node, Tag}`, `{lost_connection, NodeA, Incarnation, Number, NodeB}`, `{remove_connection, Node}`.
//! Requests: `{set_lock | del_lock, {Resource, Requester}}`, `{register, Name, Pid, Method}`, `{unregister, Name}`,
//! `{register_ext, Name, Pid, Method, Node}`, `get_known`, `get_synced`, `get_protocol_version`, `get_names_ext`.
//! A tag is the receiver's own, which it gave with `init_connect`: what was meant for an earlier connection is known by it.

use super::tables::Entry;
use engset_term::{Atom, Integer, NodeName, Pid, Term};
use std::collections::BTreeSet;

/// The version of the protocol.
pub(super) const VERSION: i64 = 8;
/// The oldest version that is spoken.
const VERSION_MIN: i64 = 5;

/// A longer number is no incarnation of a node: those of many losses are kept for an hour. OTP's have 64 bits.
const INCARNATION_BITS_MAX: u64 = 128;

/// A change of names that follows from an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub(super) enum Op {
    Insert(Entry),
    Delete(Term),
}

/// A node of the mesh, and its version; 0 where it is not known.
pub(super) type Member = (NodeName, i64);

/// A name of a process outside the mesh, and the node that registered it.
pub(super) type External = (Term, Pid, NodeName);

/// What a peer casts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FromPeer {
    InitConnect { version: i64, tag: Term, locker: Pid, known: Term },
    Exchange { names: Vec<Entry>, tag: Option<i64> },
    Resolved { ops: Vec<Op>, known: Vec<Member>, externals: Vec<External>, tag: Option<i64> },
    NewNodes { ops: Vec<Op>, externals: Vec<External>, known: Vec<Member>, requester: Option<Term> },
    InSync,
    LockSet { locker: Pid, set: bool, tag: Option<i64> },
}

/// What a peer sends as a plain message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PlainFromPeer {
    InitConnectAck { his_tag_of_mine: Option<i64>, tag: Term },
    CancelConnect { tag: Option<i64> },
    LostConnection { nodes: (Term, Term), incarnation: Term, number: i64 },
    RemoveConnection,
}

/// What is asked of a name server.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    SetLock { resource: Term, requester: Term },
    DelLock { resource: Term, requester: Term },
    Register { entry: Entry, external: Option<NodeName> },
    Unregister(Term),
    Known,
    Synced,
    Version,
    Externals,
}

impl FromPeer {
    /// The cast of the node `sender`; none where it is no cast, or speaks for another node.
    pub(super) fn from_term(term: &Term, sender: NodeName, nodes_max: usize) -> Option<Self> {
        let (tag, rest) = term.as_tuple()?.split_first()?;
        let is_sender = |node: &Term| is_node(node, sender);
        match (tag.as_atom()?.as_str(), rest) {
            ("init_connect", [version, node, locker]) if is_sender(node) => {
                let [version, tag, ..] = version.as_tuple()? else { return None };
                let [word, _, known, pid] = locker.as_tuple()? else { return None };
                let (version, locker) = (version.as_int()?, pid.as_pid()?);
                if !word.is_atom("locker") || locker.node() != sender || version < VERSION_MIN {
                    return None;
                }
                Some(Self::InitConnect { version, tag: tag.clone(), locker, known: known.clone() })
            }
            ("exchange", [node, names, _, tag]) if is_sender(node) => {
                let names = names.as_proper_list()?.iter().map(entry_of).collect::<Option<_>>()?;
                Some(Self::Exchange { names, tag: tag.as_int() })
            }
            ("resolved", [node, ops, known, _, externals, tag]) if is_sender(node) => {
                let (ops, externals) = (ops_of(ops)?, externals_of(externals, nodes_max)?);
                Some(Self::Resolved {
                    ops,
                    known: members_of(known, nodes_max)?,
                    externals,
                    tag: tag.as_int(),
                })
            }
            ("new_nodes", [node, ops, externals, known, extra]) if is_sender(node) => {
                let (ops, externals) = (ops_of(ops)?, externals_of(externals, nodes_max)?);
                let known = members_of(known, nodes_max)?;
                Some(Self::NewNodes { ops, externals, known, requester: requester_of(extra) })
            }
            ("in_sync", [node, _]) if is_sender(node) => Some(Self::InSync),
            ("lock_set", [locker, set, _, tag]) => {
                let locker = locker.as_pid().filter(|pid| pid.node() == sender)?;
                // A tag that is none of ours is no tag of an old version: it fits nothing.
                Some(Self::LockSet { locker, set: set.as_bool()?, tag: Some(tag.as_int()?) })
            }
            ("lock_set", [locker, set, _]) => {
                let locker = locker.as_pid().filter(|pid| pid.node() == sender)?;
                Some(Self::LockSet { locker, set: set.as_bool()?, tag: None })
            }
            _ => None,
        }
    }
}

impl PlainFromPeer {
    /// The message of the node `sender`; none where it is none, or speaks for another node.
    pub(super) fn from_term(term: &Term, sender: NodeName) -> Option<Self> {
        let (tag, rest) = term.as_tuple()?.split_first()?;
        let is_sender = |node: &Term| is_node(node, sender);
        match (tag.as_atom()?.as_str(), rest) {
            ("init_connect_ack", [node, mine, his]) if is_sender(node) => {
                Some(Self::InitConnectAck { his_tag_of_mine: mine.as_int(), tag: his.clone() })
            }
            ("cancel_connect", [node, tag]) if is_sender(node) => {
                Some(Self::CancelConnect { tag: tag.as_int() })
            }
            ("lost_connection", [a, incarnation, number, b]) => {
                a.as_atom()?;
                b.as_atom()?;
                let is_fit = match incarnation.as_integer()? {
                    Integer::Small(_) => true,
                    Integer::Big(big) => big.as_bigint().bits() <= INCARNATION_BITS_MAX,
                };
                if !is_fit {
                    return None;
                }
                let nodes = (a.clone(), b.clone());
                Some(Self::LostConnection {
                    nodes,
                    incarnation: incarnation.clone(),
                    number: number.as_int()?,
                })
            }
            ("remove_connection", [node]) if is_sender(node) => Some(Self::RemoveConnection),
            _ => None,
        }
    }
}

impl Request {
    /// The request, if `term` is one.
    pub(super) fn from_term(term: &Term) -> Option<Self> {
        if let Some(word) = term.as_atom() {
            return match word.as_str() {
                "get_known" => Some(Self::Known),
                "get_synced" => Some(Self::Synced),
                "get_protocol_version" => Some(Self::Version),
                "get_names_ext" => Some(Self::Externals),
                _ => None,
            };
        }
        let (tag, rest) = term.as_tuple()?.split_first()?;
        match (tag.as_atom()?.as_str(), rest) {
            ("set_lock", [id]) => {
                let (resource, requester) = lock_id(id)?;
                Some(Self::SetLock { resource, requester })
            }
            ("del_lock", [id]) => {
                let (resource, requester) = lock_id(id)?;
                Some(Self::DelLock { resource, requester })
            }
            ("register", [name, pid, method]) => {
                let entry = Entry { name: name.clone(), pid: pid.as_pid()?, method: method.clone() };
                Some(Self::Register { entry, external: None })
            }
            ("register_ext", [name, pid, method, node]) => {
                let entry = Entry { name: name.clone(), pid: pid.as_pid()?, method: method.clone() };
                Some(Self::Register { entry, external: Some(node_of(node)?) })
            }
            ("unregister", [name]) => Some(Self::Unregister(name.clone())),
            _ => None,
        }
    }
}

pub(super) fn lock_request(word: &'static str, resource: &Term, requester: &Term) -> Term {
    Term::tuple([Term::atom(word), Term::tuple([resource.clone(), requester.clone()])])
}

pub(super) fn register_request(entry: &Entry) -> Term {
    Term::tuple([Term::atom("register"), entry.name.clone(), Term::Pid(entry.pid), entry.method.clone()])
}

pub(super) fn unregister_request(name: &Term) -> Term {
    Term::tuple([Term::atom("unregister"), name.clone()])
}

pub(super) fn node_term(node: NodeName) -> Term {
    Term::Atom(Atom::from(node))
}

pub(super) fn init_connect(me: NodeName, tag: i64, known: &[Member], locker: Pid) -> Term {
    let known = known.iter().map(|(node, version)| (node_term(*node), Term::Int(*version)));
    let locker = [Term::atom("locker"), Term::atom("no_longer_a_pid"), Term::map(known), Term::Pid(locker)];
    let version = Term::tuple([Term::Int(VERSION), Term::Int(tag)]);
    Term::tuple([Term::atom("init_connect"), version, node_term(me), Term::tuple(locker)])
}

pub(super) fn exchange(me: NodeName, names: &[Entry], his_tag: Term) -> Term {
    let names = Term::list(names.iter().map(entry_term));
    Term::tuple([Term::atom("exchange"), node_term(me), names, Term::Nil, his_tag])
}

/// What a node tells others of a part: what changes of their names, and who is new.
pub(super) fn new_nodes(me: NodeName, ops: &[Op], externals: &[External], known: Term, extra: Term) -> Term {
    let words = [Term::atom("new_nodes"), node_term(me), ops_term(ops), externals_term(externals)];
    Term::tuple(words.into_iter().chain([known, extra]))
}

/// Also for those who take names of nodes only, before version 7.
pub(super) fn members_term(known: &[Member], version: i64) -> Term {
    let member = |(node, of): &Member| match version {
        7.. => Term::tuple([node_term(*node), Term::Int(*of)]),
        _ => node_term(*node),
    };
    Term::list(known.iter().map(member))
}

pub(super) fn externals_term(externals: &[External]) -> Term {
    Term::list(
        externals
            .iter()
            .map(|(name, pid, node)| Term::tuple([name.clone(), Term::Pid(*pid), node_term(*node)])),
    )
}

pub(super) fn ops_term(ops: &[Op]) -> Term {
    Term::list(ops.iter().map(|op| match op {
        Op::Insert(entry) => Term::tuple([Term::atom("insert"), entry_term(entry)]),
        Op::Delete(name) => Term::tuple([Term::atom("delete"), name.clone()]),
    }))
}

fn entry_term(entry: &Entry) -> Term {
    Term::tuple([entry.name.clone(), Term::Pid(entry.pid), entry.method.clone()])
}

fn entry_of(term: &Term) -> Option<Entry> {
    let [name, pid, method] = term.as_tuple()? else { return None };
    Some(Entry { name: name.clone(), pid: pid.as_pid()?, method: method.clone() })
}

fn ops_of(term: &Term) -> Option<Vec<Op>> {
    let op = |term: &Term| match term.as_tuple()? {
        [word, entry] if word.is_atom("insert") => entry_of(entry).map(Op::Insert),
        [word, name] if word.is_atom("delete") => Some(Op::Delete(name.clone())),
        _ => None,
    };
    term.as_proper_list()?.iter().map(op).collect()
}

/// Of no more nodes than there may be: others are not even named.
fn externals_of(term: &Term, nodes_max: usize) -> Option<Vec<External>> {
    let externals = term.as_proper_list()?;
    let node = |term: &'_ Term| match term.as_tuple() {
        Some([_, _, Term::Atom(node)]) => Some(node.clone()),
        _ => None,
    };
    if externals.iter().filter_map(node).collect::<BTreeSet<Atom>>().len() > nodes_max {
        return None;
    }
    let external = |term: &Term| {
        let [name, pid, node] = term.as_tuple()? else { return None };
        Some((name.clone(), pid.as_pid()?, node_of(node)?))
    };
    externals.iter().map(external).collect()
}

/// More nodes than there may be are nobody's mesh.
fn members_of(term: &Term, nodes_max: usize) -> Option<Vec<Member>> {
    let member = |term: &Term| match term.as_tuple() {
        Some([node, version]) => Some((node_of(node)?, version.as_int()?)),
        Some(_) => None,
        None => Some((node_of(term)?, 0)),
    };
    let members = term.as_proper_list()?;
    if members.len() > nodes_max {
        return None;
    }
    members.iter().map(member).collect()
}

/// The requester in `{lock, {global, Requester}}` of a list of pairs.
fn requester_of(extra: &Term) -> Option<Term> {
    let pairs = extra.as_proper_list()?.iter().filter_map(Term::as_tuple);
    let lock = pairs.filter_map(|pair| match pair {
        [word, lock] if word.is_atom("lock") => lock.as_tuple(),
        _ => None,
    });
    lock.filter_map(|lock| match lock {
        [resource, requester] if resource.is_atom("global") => Some(requester.clone()),
        _ => None,
    })
    .next()
}

fn lock_id(term: &Term) -> Option<(Term, Term)> {
    let [resource, requester] = term.as_tuple()? else { return None };
    Some((resource.clone(), requester.clone()))
}

pub(super) fn node_of(term: &Term) -> Option<NodeName> {
    NodeName::new(term.as_atom()?.as_str()).ok()
}

fn is_node(term: &Term, node: NodeName) -> bool {
    term.as_atom().is_some_and(|atom| node.with_text(|text| text == atom.as_str()))
}

/// The node, if its name is known in this program.
pub(super) fn known_node(term: &Term) -> Option<NodeName> {
    NodeName::find(term.as_atom()?.as_str())
}
