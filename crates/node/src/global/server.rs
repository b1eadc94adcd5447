//! `global_name_server`: the process that keeps this node's view of the names, does what its core says, and serves
//! requests of processes anywhere.
//!
//! It watches holders of names and locks, hears of nodes that come and go, and has two processes linked to it: the locker
//! and the registrar. What it does not understand is counted; a request that is none is answered. Race: a request for a
//! lock whose caller has given this node up meanwhile is refused ([`is_given_up`]). Now and then it asks each connected node
//! whether that knows this one as this one knows it, and begins anew with one that differs.

use super::doubts::{Doubts, Look};
use super::locker::{Locker, LockerMsg};
use super::registrar::{self, RegistrarMsg};
use super::state::{Birth, Effect, State};
use super::tables::Watch;
use super::wire::Op;
use super::{GlobalError, NAME_SERVER, Shared, calls, resolve};
use crate::derived::derived;
use crate::node::Node;
use crate::watchers::{MonitorNodes, NodeInfo, NodeType};
use engset_otp::wire::{self as envelope, Envelope};
use engset_otp::{Child, Info, Reply, Server, decode_reply};
use engset_process::{
    Addr, Cx, Dest, EncodeError, Encoded, Exit, Mail, Outgoing, Processes, Protocol, Rejected, SpawnOptions,
    TimerRef,
};
use engset_term::{NodeName, Pid, Reference, Term};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// What a name server is sent.
pub(super) enum GlobalMsg {
    /// A request, of a process anywhere.
    Call {
        from: Pid,
        request: Term,
        reply: Reply<Term>,
    },
    Cast {
        from: Option<Pid>,
        term: Term,
    },
    Plain {
        from: Option<Pid>,
        term: Term,
    },
    /// Of the locker.
    LockIsSet {
        node: NodeName,
        tag: i64,
        his_tag: Term,
        requester: Term,
    },
    /// Of the process that compared names.
    Compared {
        node: NodeName,
        tag: i64,
        his_tag: Option<Term>,
        here: Vec<Op>,
        there: Vec<Op>,
    },
    /// A node that was to be connected is, or cannot be.
    Joined(NodeName, bool),
    Known(Reply<Vec<NodeName>>),
    /// Somebody waits until these nodes agree with this one, by a number of its own.
    Sync {
        number: u64,
        nodes: BTreeSet<NodeName>,
        reply: Reply<(), GlobalError>,
    },
    /// Who waited by this number does not any more.
    SyncOver(u64),
    /// It is time to ask a node whether it knows this one as this one knows it; with the number of the connection.
    Doubt(NodeName, u64),
    /// It does, or not, or there was no answer.
    KnownBy(NodeName, u64, Option<bool>),
}

/// How long after a node has connected, and then after an answer that was not as expected, it is asked whether it knows this
/// one.
const DOUBT_AFTER: Duration = Duration::from_secs(5);
/// How often it is asked, as long as both say the same.
const DOUBT_EVERY: Duration = Duration::from_secs(60);

impl Protocol for GlobalMsg {
    fn encode(self, out: &Outgoing<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Call { request, reply, .. } => reply.send_request(out, &request, decode_reply),
            _ => Err(EncodeError::LocalOnly { protocol: "GlobalMsg" }),
        }
    }

    fn decode(encoded: Encoded, at: &Arc<Processes>) -> Result<Mail<Self>, Rejected> {
        let from = encoded.from;
        let term = |payload| Encoded { from, payload }.term();
        let opened =
            envelope::open(&encoded.payload).map_err(|error| Rejected::Malformed(Box::new(error)))?;
        Ok(Mail::Message(match opened {
            Envelope::Call(caller, request) => {
                // Who calls may be another process of the sender's node, and none of a node that the sender only names.
                let from = match from {
                    Some(sender) if sender.node() == caller.pid.node() => caller.pid,
                    Some(sender) => sender,
                    None => return Err(Rejected::NotUnderstood("a request without a sender".into())),
                };
                let request = term(request)?;
                Self::Call { from, request, reply: Reply::from_term(caller, at) }
            }
            Envelope::Cast(request) => Self::Cast { from, term: term(request)? },
            Envelope::Other(whole) => match term(whole)? {
                term if is_system(&term) => return Ok(Mail::Other(Box::new(term))),
                term => Self::Plain { from, term },
            },
        }))
    }
}

/// Whether it is a system message (`sys`), which every server understands.
fn is_system(term: &Term) -> bool {
    term.as_tuple()
        .is_some_and(|parts| parts.len() == 3 && parts.iter().take(1).all(|tag| tag.is_atom("system")))
}

/// Whether a lock is asked for by a process of another node that does not watch this one any more. Erlang's
/// `gen_server:multi_call` watches and then sends; where the connection is lost between the two, for a sender that a
/// full connection holds up perhaps for seconds, the request comes over the next one. The caller then counts this node as
/// lost and never gives the lock back, and no name could be changed any more.
fn is_given_up(cx: &Cx<GlobalMsg>, from: Pid, request: &Term) -> bool {
    let is_of_lock =
        request.as_tuple().and_then(<[Term]>::first).is_some_and(|word| word.is_atom("set_lock"));
    is_of_lock && from.node() != cx.node() && !cx.is_monitored_by(from)
}

/// A cast to the name server of a node; makes a connection where there is none.
pub(super) fn cast(processes: &Processes, me: Pid, node: NodeName, term: &Term) {
    let body = engset_etf::Body::of(&Term::tuple([Term::atom("$gen_cast"), term.clone()]));
    processes.send_encoded(me, &Dest::RemoteName(NAME_SERVER, node), body);
}

/// The name server of a node, as a child of a supervisor.
pub(crate) fn child(node: &Arc<Node>) -> Child {
    let (node, shared) = (Arc::downgrade(node), Arc::clone(&node.global().shared));
    Child::named_server(NAME_SERVER, move || NameServer {
        node: Weak::clone(&node),
        shared: Arc::clone(&shared),
        locker: None,
        watches: HashMap::new(),
        syncing: HashMap::new(),
        connections: BTreeMap::new(),
        last_connection: 0,
        doubts: Doubts::default(),
    })
}

struct NameServer {
    node: Weak<Node>,
    shared: Arc<Shared>,
    locker: Option<Addr<LockerMsg>>,
    watches: HashMap<Pid, Reference>,
    syncing: HashMap<u64, Reply<(), GlobalError>>,
    /// The visible nodes that are connected, where this one is visible, too.
    connections: BTreeMap<NodeName, Connection>,
    last_connection: u64,
    doubts: Doubts,
}

/// What is made of the connection of a visible node.
struct Connection {
    number: u64,
    /// When that node is asked next.
    timer: Option<TimerRef>,
    /// How often it was at odds with this one, one time after the other.
    at_odds: u32,
    /// How often it has been asked.
    asked: u64,
    /// Whether it has been asked to end the connection, so that both begin anew with the next one.
    begins_anew: bool,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.ended();
    }
}

impl Server for NameServer {
    type Msg = GlobalMsg;
    type Ref = Addr<GlobalMsg>;

    async fn init(&mut self, cx: &mut Cx<GlobalMsg>) -> Result<(), Exit> {
        let Some(node) = self.node.upgrade() else { return Ok(()) };
        let server = cx.addr();
        let shared = Arc::clone(&self.shared);
        let locker =
            cx.spawn_link(SpawnOptions::default(), move |cx| Locker::new(cx, server, shared).run())?;
        let shared = Arc::clone(&self.shared);
        let registrar: Addr<RegistrarMsg> =
            cx.spawn_link(SpawnOptions::default(), move |cx| registrar::run(cx, server, shared))?;
        self.locker = Some(locker);
        let config = node.config();
        let birth = Birth {
            me: cx.pid(),
            locker: locker.pid(),
            limits: config.global,
            is_visible: config.visible,
            prevents_overlap: config.global.prevents_overlap,
            incarnation: incarnation(config.salt, config.creation),
        };
        self.shared.began(State::new(birth), registrar);
        let options =
            MonitorNodes { node_type: Some(NodeType::All), info: NodeInfo::List, ..MonitorNodes::default() };
        node.monitor_nodes(cx.pid(), options)?;
        for (peer, visible) in node.connected() {
            if visible {
                self.node_up(cx, peer);
            }
        }
        Ok(())
    }

    async fn handle(&mut self, message: GlobalMsg, cx: &mut Cx<GlobalMsg>) -> Result<(), Exit> {
        match message {
            GlobalMsg::Call { from, request, reply } => {
                let Some(reply) = reply.begin() else { return Ok(()) };
                if is_given_up(cx, from, &request) {
                    cx.processes().count_dropped();
                    reply.send(Term::from(false));
                    return Ok(());
                }
                let now = cx.processes().scheduler().now();
                let answer = self.change(cx, |state| state.handle_request(now, from, &request)).flatten();
                // Whatever else is asked: an answer keeps the caller from waiting.
                reply.send(answer.unwrap_or_else(|| {
                    cx.processes().count_dropped();
                    Term::tuple([Term::atom("error"), Term::atom("notsup")])
                }));
            }
            GlobalMsg::Cast { from, term } => {
                let done =
                    from.and_then(|from| self.change(cx, |state| state.handle_cast(from.node(), &term)));
                Self::count(cx, done.is_some_and(|done| done.is_ok()), &term);
            }
            GlobalMsg::Plain { from: None, term } => Self::count(cx, false, &term),
            // Of its own node; peers speak for their processes only.
            GlobalMsg::Plain { from: Some(from), term } if from == cx.pid() => {
                let is_event = self.node_event(cx, &term).is_some();
                Self::count(cx, is_event, &term);
            }
            GlobalMsg::Plain { from: Some(from), term } => {
                let now = cx.processes().scheduler().now();
                let done = self.change(cx, |state| state.handle_plain(now, from.node(), &term));
                Self::count(cx, done.is_some_and(|done| done.is_ok()), &term);
            }
            GlobalMsg::LockIsSet { node, tag, his_tag, requester } => {
                self.change(cx, |state| state.handle_lock_is_set(node, (tag, &his_tag), requester));
            }
            GlobalMsg::Compared { node, tag, his_tag, here, there } => {
                self.change(cx, |state| state.handle_compared(node, (tag, his_tag.as_ref()), here, &there));
            }
            GlobalMsg::Joined(node, is_connected) => {
                self.change(cx, |state| state.handle_joined(node, is_connected));
            }
            GlobalMsg::Known(reply) => {
                let known = self.shared.read(|state| state.known());
                reply.send(known);
            }
            GlobalMsg::Sync { number, nodes, reply } => {
                self.syncing.insert(number, reply);
                let waits = self.change(cx, |state| state.handle_sync(number, nodes)).unwrap_or(false);
                if !waits && let Some(reply) = self.syncing.remove(&number) {
                    reply.answer(Err(GlobalError::TooManySyncs));
                }
            }
            GlobalMsg::SyncOver(number) => {
                self.syncing.remove(&number);
                self.change(cx, |state| state.handle_sync_over(number));
            }
            GlobalMsg::Doubt(peer, connection) => self.doubt(cx, peer, connection),
            GlobalMsg::KnownBy(peer, connection, knows_me) => self.known_by(cx, peer, (connection, knows_me)),
        }
        Ok(())
    }

    async fn info(&mut self, info: Info, cx: &mut Cx<GlobalMsg>) -> Result<(), Exit> {
        if let Info::Down(down) = info
            && let Dest::Pid(pid) = down.process
            && self.watches.get(&pid) == Some(&down.reference)
        {
            self.watches.remove(&pid);
            self.change(cx, |state| state.handle_ended(pid));
        }
        Ok(())
    }
}

impl NameServer {
    /// `{nodeup | nodedown, Node, [{node_type, Type}]}`, of this node itself.
    fn node_event(&mut self, cx: &mut Cx<GlobalMsg>, term: &Term) -> Option<()> {
        let [event, peer, info] = term.as_tuple()? else { return None };
        let peer = NodeName::find(peer.as_atom()?.as_str())?;
        let is_type =
            |pair: &Term| pair.as_tuple().is_some_and(|pair| pair.iter().any(|part| part.is_atom("visible")));
        let is_visible = info.as_proper_list()?.iter().any(is_type);
        match (event.as_atom()?.as_str(), is_visible) {
            ("nodeup", true) => {
                self.node_up(cx, peer);
                self.tell_of_node_up(cx, peer);
                Some(())
            }
            ("nodedown", true) => {
                let connection = self.connections.remove(&peer);
                let done = self.change(cx, |state| state.handle_node_down(peer));
                if let Some(Connection { timer, begins_anew, .. }) = connection {
                    timer.map(TimerRef::cancel);
                    if begins_anew && let Some(node) = self.node.upgrade() {
                        node.connect(peer, drop);
                    }
                }
                done
            }
            ("nodedown", false) => self.change(cx, |state| state.handle_hidden_node_down(peer)),
            ("nodeup", false) => Some(()),
            _ => None,
        }
    }

    fn node_up(&mut self, cx: &mut Cx<GlobalMsg>, peer: NodeName) {
        if self.shared.read(State::is_visible) {
            self.last_connection += 1;
            let number = self.last_connection;
            let timer = Some(cx.send_after(DOUBT_AFTER, cx.pid(), GlobalMsg::Doubt(peer, number)));
            let connection = Connection { number, timer, at_odds: 0, asked: 0, begins_anew: false };
            self.connections.insert(peer, connection);
        }
        self.change(cx, |state| state.handle_node_up(peer));
    }

    /// Asks a node whether it knows this one, see [`State::handle_known_by`].
    fn doubt(&mut self, cx: &Cx<GlobalMsg>, peer: NodeName, number: u64) {
        let Some(connection) =
            self.connections.get_mut(&peer).filter(|connection| connection.number == number)
        else {
            return;
        };
        connection.timer = None;
        connection.asked += 1;
        let (server, me) = (cx.addr(), cx.pid());
        let ask = move |cx: Cx<Term>| async move {
            let answer = calls::knows(me, peer).await;
            drop(cx.send(server, GlobalMsg::KnownBy(peer, number, answer)));
        };
        if let Err(error) = cx.spawn::<Term, _, _>(ask) {
            tracing::error!(%peer, "it cannot be asked whether it agrees on names: {error}");
        }
    }

    fn known_by(&mut self, cx: &mut Cx<GlobalMsg>, peer: NodeName, (number, knows_me): (u64, Option<bool>)) {
        let differs =
            knows_me.is_some_and(|knows_me| self.shared.read(|state| state.is_at_odds(peer, knows_me)));
        let wants = self.shared.read(|state| state.wants_to_agree_with(peer));
        let look = match (differs, wants, knows_me) {
            (true, _, _) => Look::AtOdds,
            (false, false, Some(true)) => Look::Agrees,
            (false, _, _) => Look::Open,
        };
        let Some(connection) =
            self.connections.get_mut(&peer).filter(|connection| connection.number == number)
        else {
            return;
        };
        let next = if differs { DOUBT_AFTER } else { DOUBT_EVERY };
        connection.timer = Some(cx.send_after(next, cx.pid(), GlobalMsg::Doubt(peer, number)));
        if wants && !differs && connection.asked == 2 {
            tracing::warn!(
                %peer,
                "connected for a minute, and not agreed on global names: it takes no part (-connect_all false), or its \
                 global_name_server hangs; names differ there, and global:sync waits"
            );
        }
        if self.doubts.look(peer, &mut connection.at_odds, look) {
            connection.begins_anew = true;
            tracing::warn!(
                %peer,
                "one of both agrees on global names only: asked to disconnect, so that both begin anew"
            );
            self.change(cx, |state| state.handle_known_by(peer, knows_me == Some(true)));
        }
    }

    /// Those who may have a lock to give back there once more.
    fn tell_of_node_up(&self, cx: &Cx<GlobalMsg>, peer: NodeName) {
        // Both end together with this process.
        if let Some(locker) = self.locker {
            drop(cx.send(locker, LockerMsg::NodeUp(peer)));
        }
        if self.shared.wakes_registrar.swap(false, Ordering::SeqCst)
            && let Some(registrar) = self.shared.registrar.get()
        {
            drop(cx.send(*registrar, RegistrarMsg::NodeUp));
        }
    }

    fn count(cx: &Cx<GlobalMsg>, is_understood: bool, term: &Term) {
        if !is_understood {
            tracing::warn!(%term, "the global name server got what it does not understand");
            cx.processes().count_dropped();
        }
    }

    /// Changes the state, and does what follows of it.
    fn change<T>(&mut self, cx: &mut Cx<GlobalMsg>, change: impl FnOnce(&mut State) -> T) -> Option<T> {
        let (result, effects) = self.shared.change(change)?;
        for effect in effects {
            self.perform(cx, effect);
        }
        Some(result)
    }

    fn perform(&mut self, cx: &mut Cx<GlobalMsg>, effect: Effect) {
        match effect {
            Effect::Watch(Watch::Begin(pid)) => {
                self.watches.insert(pid, cx.monitor(pid));
            }
            Effect::Watch(Watch::End(pid)) => {
                if let Some(watch) = self.watches.remove(&pid) {
                    cx.demonitor(watch);
                }
            }
            Effect::Cast(node, term) => cast(cx.processes(), cx.pid(), node, &term),
            Effect::Tell(node, term) => {
                let body = engset_etf::Body::of(&term);
                let to = Dest::RemoteName(NAME_SERVER, node);
                cx.processes().send_encoded_noconnect(cx.pid(), &to, body);
            }
            Effect::Locker(message) => {
                if let Some(locker) = self.locker {
                    // It ends together with this process.
                    drop(cx.send(locker, message));
                }
            }
            Effect::Compare { node, tag, his_tag, names } => {
                let me = cx.node();
                let steps = self
                    .shared
                    .read(|state| resolve::plan(names, (&state.tables, &state.left()), (me, node)));
                let server = cx.addr();
                let compare = move |cx: Cx<Term>| async move {
                    let (here, there) = resolve::compare(cx.processes(), cx.pid(), steps).await;
                    drop(cx.send(server, GlobalMsg::Compared { node, tag, his_tag, here, there }));
                };
                if let Err(error) = cx.spawn::<Term, _, _>(compare) {
                    tracing::error!(peer = %node, "names cannot be exchanged: {error}");
                }
            }
            Effect::Join(peer) => self.join(cx, peer),
            Effect::Disconnect(peer) => {
                if let Some(node) = self.node.upgrade() {
                    node.disconnect(peer);
                }
            }
            Effect::Synced(number) => {
                if let Some(reply) = self.syncing.remove(&number) {
                    reply.answer(Ok(()));
                }
            }
        }
    }

    fn join(&self, cx: &Cx<GlobalMsg>, peer: NodeName) {
        let Some(node) = self.node.upgrade() else { return };
        let (processes, me) = (Arc::downgrade(cx.processes()), cx.pid());
        node.connect(peer, move |result| {
            if let Some(processes) = processes.upgrade() {
                // Without a server there is nobody to tell.
                drop(processes.send(me, &Dest::Pid(me), GlobalMsg::Joined(peer, result.is_ok())));
            }
        });
    }
}

/// A number that no other incarnation of the node has; peers are told it.
fn incarnation(salt: u64, creation: u32) -> i64 {
    let high = i64::try_from(derived(salt, "an incarnation", 0) >> 5).unwrap_or_default() & !0xffff_ffff;
    high | i64::from(creation)
}
