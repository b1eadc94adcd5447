//! The life of a scope's process, and what it shares with those who read.
//!
//! The state is written by the process only, and read by anybody. What is to be told of a change is told before the
//! change is answered; who reads sees it at once. At the end of the process, however it ends, the state is empty.

use super::peer::{PeerMessage, pids_term};
use super::state::{Effect, State};
use super::{GroupError, GroupLimits, GroupMembers, Scope, ScopeMsg, already_started};
use crate::gen_server::Starting;
use crate::reply::Reply;
use crate::sys::{Desk, Inspect, Served};
use engset_process::{Behaviour, Cx, Dest, Down, ExitReason, Mail, Processes, set_deadline};
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) enum Asked {
    Handle(Reply<Scope>),
    Join(Term, Vec<Pid>, Reply<(), GroupError>),
    Leave(Term, Vec<Pid>, Reply<(), GroupError>),
    Monitor(Option<Pid>, Term, Reply<(Reference, Vec<Pid>), GroupError>),
    MonitorScope(Option<Pid>, Reply<(Reference, GroupMembers), GroupError>),
    Demonitor(Reference, Reply<bool>),
    Discover(NodeName),
}

/// What the handles of a scope share.
pub(super) struct Shared {
    pub(super) name: Atom,
    limits: GroupLimits,
    /// None while its process does not run.
    state: RwLock<Option<State>>,
}

impl Shared {
    pub(super) fn new(name: Atom, limits: GroupLimits) -> Self {
        Self { name, limits, state: RwLock::new(None) }
    }

    pub(super) fn read<T: Default>(&self, look: impl FnOnce(&State) -> T) -> T {
        self.state.read().as_ref().map(look).unwrap_or_default()
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        self.read(|state| Some(state.me()))
    }

    /// Begins as the process `me`, unless another one runs. It asks the scopes of these nodes.
    fn begin(&self, me: Pid, nodes: &[NodeName]) -> Result<(), ExitReason> {
        let mut running = self.state.write();
        if let Some(state) = &*running {
            return Err(already_started(state.me()));
        }
        let mut state = State::new(me, self.limits);
        for node in nodes {
            state.handle_node_up(self.name.clone(), *node);
        }
        *running = Some(state);
        Ok(())
    }

    /// Changes the state; what is to be done then.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> Option<(T, Vec<Effect>)> {
        let mut state = self.state.write();
        let state = state.as_mut()?;
        let result = change(state);
        Some((result, std::iter::from_fn(|| state.poll_effect()).collect()))
    }
}

/// Empties the state at the end of the process.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        *self.0.state.write() = None;
    }
}

/// From its start to its end.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut cx: Cx<ScopeMsg>,
    parent: Option<Pid>,
    starting: Starting,
) -> ExitReason {
    let nodes = cx.processes().watch_nodes(cx.pid());
    if let Err(reason) = shared.begin(cx.pid(), &nodes) {
        starting.done(Err(reason.clone()));
        return reason;
    }
    let mut keeper = Keeper { open: Open(shared), watches: HashMap::new() };
    keeper.change(&mut cx, |_| ());
    starting.done(Ok(()));
    let mut desk = Desk::of(&cx, Behaviour::GenServer);
    loop {
        let mail = cx.recv().await;
        desk.took(&cx, &mail);
        let mail = match desk.serve(&mut cx, parent, mail, &mut keeper).await {
            Served::Other(mail) => mail,
            Served::Done => continue,
            Served::End(reason) => {
                Processes::set_dying(reason.clone());
                return reason;
            }
        };
        match mail {
            Mail::Message(ScopeMsg(asked)) => keeper.serve(&mut cx, asked),
            Mail::Down(down) => keeper.down(&mut cx, &down),
            Mail::Other(term) => keeper.foreign(&mut cx, &term),
            // It does not trap exits: its parent's end is its own.
            Mail::Exit(_) => {}
        }
        set_deadline(None);
    }
}

enum NodeEvent {
    Up(NodeName),
    Down,
}

/// What the node tells of others that come and go.
fn node_event(term: &Term) -> Option<NodeEvent> {
    let [event, node] = term.as_tuple()? else { return None };
    let node = NodeName::find(node.as_atom()?.as_str())?;
    match event.as_atom()?.as_str() {
        "nodeup" => Some(NodeEvent::Up(node)),
        "nodedown" => Some(NodeEvent::Down),
        _ => None,
    }
}

/// A scope's process at work.
struct Keeper {
    open: Open,
    /// The monitor of each process that is watched.
    watches: HashMap<Pid, Reference>,
}

impl Keeper {
    fn serve(&mut self, cx: &mut Cx<ScopeMsg>, asked: Asked) {
        match asked {
            Asked::Handle(reply) => {
                if let Some(reply) = reply.begin() {
                    reply.send(Scope::of(&self.open.0));
                }
            }
            Asked::Join(group, pids, reply) => {
                self.answer(cx, reply, |state| state.handle_join(group, pids));
            }
            Asked::Leave(group, pids, reply) => {
                self.answer(cx, reply, |state| state.handle_leave(&group, &pids));
            }
            Asked::Monitor(watcher, group, reply) => {
                let reference = cx.processes().new_reference();
                let me = cx.pid();
                self.answer(cx, reply, |state| {
                    let members = state.handle_monitor(watcher.unwrap_or(me), reference, Some(group))?;
                    Ok((reference, members.into_iter().flat_map(|(_, pids)| pids).collect()))
                });
            }
            Asked::MonitorScope(watcher, reply) => {
                let reference = cx.processes().new_reference();
                let me = cx.pid();
                self.answer(cx, reply, |state| {
                    let groups = state.handle_monitor(watcher.unwrap_or(me), reference, None)?;
                    Ok((reference, groups.into_iter().collect()))
                });
            }
            Asked::Demonitor(reference, reply) => {
                self.answer(cx, reply, |state| Ok(state.handle_demonitor(reference)));
            }
            Asked::Discover(node) => {
                let name = self.open.0.name.clone();
                self.change(cx, |state| state.handle_node_up(name, node));
            }
        }
    }

    fn answer<T, E>(
        &mut self,
        cx: &mut Cx<ScopeMsg>,
        reply: Reply<T, E>,
        change: impl FnOnce(&mut State) -> Result<T, E>,
    ) {
        let Some(reply) = reply.begin() else { return };
        if let Some(result) = self.change(cx, change) {
            reply.answer(result);
        }
    }

    fn down(&mut self, cx: &mut Cx<ScopeMsg>, down: &Down) {
        if let Dest::Pid(pid) = down.process
            && self.watches.get(&pid) == Some(&down.reference)
        {
            self.watches.remove(&pid);
            self.change(cx, |state| state.handle_ended(pid));
        }
    }

    fn foreign(&mut self, cx: &mut Cx<ScopeMsg>, term: &Term) {
        let scope = self.open.0.name.clone();
        let Some(message) = PeerMessage::from_term(term) else {
            match node_event(term) {
                Some(NodeEvent::Up(node)) => drop(self.change(cx, |state| state.handle_node_up(scope, node))),
                // The scope there is monitored.
                Some(NodeEvent::Down) => {}
                None => {
                    tracing::warn!(%scope, %term, "the scope `{scope}` got what it does not handle");
                    cx.processes().count_dropped();
                }
            }
            return;
        };
        let peer = message.peer();
        if let Some(Err(refused)) = self.change(cx, |state| state.handle_peer(message)) {
            if refused.is_a_race() {
                tracing::debug!(%scope, %peer, "the scope `{scope}` dropped what a peer told: {refused}");
            } else {
                tracing::warn!(%scope, %peer, "the scope `{scope}` dropped what a peer told: {refused}");
            }
            cx.processes().count_dropped();
        }
    }

    /// Changes the state, and does what follows of it.
    fn change<T>(&mut self, cx: &mut Cx<ScopeMsg>, change: impl FnOnce(&mut State) -> T) -> Option<T> {
        let (result, effects) = self.open.0.change(change)?;
        for effect in effects {
            match effect {
                Effect::Watch(pid) => {
                    self.watches.insert(pid, cx.monitor(pid));
                }
                Effect::Unwatch(pid) => {
                    if let Some(watch) = self.watches.remove(&pid) {
                        cx.demonitor(watch);
                    }
                }
                // Whoever has ended meanwhile needs to know nothing.
                Effect::Tell(watcher, event) => drop(cx.send(watcher, event.into_term())),
                // Where the connection is lost there is nobody to tell, and none is made.
                Effect::Send(to, message) => {
                    let body = engset_etf::Body::of(&message.into_term());
                    cx.processes().send_encoded_noconnect(cx.pid(), &to, body);
                }
            }
        }
        Some(result)
    }
}

/// What system messages see of a scope: its groups with their members.
impl Inspect for Keeper {
    fn module(&self) -> &'static str {
        std::any::type_name::<Scope>()
    }

    fn state(&self) -> Option<Term> {
        let groups = |state: &State| {
            let members = |group: Term| {
                let pids = pids_term(state.members(&group));
                (group, pids)
            };
            Some(Term::map(state.groups().into_iter().map(members)))
        };
        self.open.0.read(groups)
    }

    fn replace_state(&mut self, _state: &Term) -> Result<(), String> {
        Err("the members of groups join and leave, and are not replaced as a whole".to_owned())
    }
}
