//! The processes of one node, as a value: table, names, aliases, and the ways between processes.

mod options;
mod sending;
mod telling;

use crate::addr::Addr;
use crate::alias::{AliasMode, Aliases, OfProcess, answered_alias};
use crate::context::Cx;
use crate::counters::Counters;
use crate::current;
use crate::exit::{ExitReason, IntoExit};
use crate::info::{ProcessInfo, Status};
use crate::overload::{Room, Verdict};
use crate::panics;
use crate::process::{AnyProcess, Birth, Process, Relations, Seen};
use crate::protocol::Protocol;
use crate::registry::{RegisterError, Registry};
use crate::router::Router;
use crate::scheduler::Scheduler;
use crate::signal::{ControlSignal, Dest, Encoded, Epoch, Mark, Marked, SpawnRequest};
use crate::table::{Table, TooManyProcesses};
use crate::task::{Untyped, Visit};
use crate::traced::Traced;
use engset_etf::{Body, Payload};
use engset_term::{Atom, NodeName, Pid, Reference, Term};
use parking_lot::Mutex;
use std::fmt;
use std::future::Future;
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

pub use options::{Identity, SpawnOptions, SpawnedFor};
pub(crate) use sending::Pushed;

/// How many processes a node holds unless its configuration says otherwise (as on the BEAM).
pub const PROCESSES_MAX: usize = 1_048_576;

/// So many ancestors of a process are told at most.
const ANCESTORS_MAX: usize = 64;
/// So many processes there may be beyond the limit, of those that ask for it (supervisors and what they restart).
pub const PROCESSES_RESERVE: usize = 1_024;

/// The processes of one node.
pub struct Processes {
    here: Here,
    scheduler: Scheduler,
    pub(crate) table: Table,
    pub(crate) registry: Registry,
    aliases: Aliases,
    pub(crate) counters: Counters,
    router: OnceLock<Weak<dyn Router>>,
    last_reference: AtomicU64,
    system_monitor: Mutex<Option<Pid>>,
    /// Set at the end of the node: processes that are killed then did not crash.
    halting: AtomicBool,
    /// How many connections have more queued than they should.
    busy_links: AtomicU64,
    /// Seconds since 1970 at the scheduler's beginning.
    started_at: AtomicU64,
    /// How the local time differs from UTC, by the time.
    utc_offset: OnceLock<fn(u64) -> i32>,
    /// Makes references hard to guess from outside.
    salt: u64,
}

/// What each message on its way is compared with first: beside each other, in one line of the cache that holds nothing
/// that is written to meanwhile.
#[repr(C, align(64))]
struct Here {
    node: NodeName,
    creation: u32,
    traced: Traced,
}

/// A process could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// The node's process limit is reached.
    TooManyProcesses(TooManyProcesses),
    /// Its name could not be registered.
    Register(RegisterError),
    /// The caller is not a process.
    OutsideNode,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyProcesses(error) => fmt::Display::fmt(error, f),
            Self::Register(error) => fmt::Display::fmt(error, f),
            Self::OutsideNode => f.write_str(
                "spawned from outside a node: run the code in a process, for instance with `Node::block_on`",
            ),
        }
    }
}

impl std::error::Error for SpawnError {}

impl Processes {
    /// A node's processes, none yet, run by `scheduler`.
    #[must_use]
    pub fn new(identity: Identity, scheduler: Scheduler) -> Arc<Self> {
        panics::install_hook();
        let processes = Arc::new(Self {
            here: Here { node: identity.node, creation: identity.creation, traced: Traced::default() },
            scheduler,
            table: Table::new(identity.processes_max, PROCESSES_RESERVE),
            registry: Registry::default(),
            aliases: Aliases::default(),
            counters: Counters::default(),
            router: OnceLock::new(),
            last_reference: AtomicU64::new(0),
            system_monitor: Mutex::new(None),
            halting: AtomicBool::new(false),
            started_at: AtomicU64::new(0),
            utc_offset: OnceLock::new(),
            busy_links: AtomicU64::new(0),
            salt: identity.salt,
        });
        let home: Weak<Self> = Arc::downgrade(&processes);
        processes.scheduler.add_home(home);
        processes
    }

    /// Sets the way to other nodes; only the first call counts.
    pub fn set_router(&self, router: Weak<dyn Router>) {
        if self.router.set(router).is_err() {
            tracing::warn!("a node's router is set once; the second one is ignored");
        }
    }

    /// The node's name.
    #[must_use]
    pub fn node(&self) -> NodeName {
        self.here.node
    }

    /// Which processes have a trace token.
    #[inline(always)]
    pub(crate) fn traced(&self) -> &Traced {
        &self.here.traced
    }

    /// The pid of this node with this number, see [`Pid::number`]: what is kept of a process's own node's pids.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    pub(crate) fn pid_of_number(&self, number: u64) -> Pid {
        Pid::new(self.here.node, self.here.creation, number as u32, (number >> 32) as u32)
    }

    /// The node's creation.
    #[must_use]
    pub fn creation(&self) -> u32 {
        self.here.creation
    }

    /// What runs the processes.
    #[must_use]
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// The replies that are awaited.
    #[must_use]
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// What has been counted since the node started.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A reference that no other on this node equals.
    #[must_use]
    pub fn new_reference(&self) -> Reference {
        let number = self.last_reference.fetch_add(1, Ordering::Relaxed) + 1;
        // SipHash over a secret: who has seen references cannot tell the next one.
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.salt);
        hasher.write_u64(number);
        let secret = hasher.finish();
        // Five words: a BEAM sends to a reference only if it has as many as its own aliases.
        let words = [low(number), high(number), low(secret), high(secret), 0];
        Reference::new(self.here.node, self.here.creation, &words)
            .expect("a reference has at most five words")
    }

    /// Starts a process that runs `body`.
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached or the name is taken; nothing ran then.
    pub fn spawn<M, B, F>(self: &Arc<Self>, options: SpawnOptions, body: B) -> Result<Addr<M>, SpawnError>
    where
        M: Protocol,
        B: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        self.spawn_prepared(options, body, |_, _| {})
    }

    /// Starts a process for another one, which asked its node for it.
    ///
    /// # Errors
    /// [`SpawnError`] when the process limit is reached or the name is taken; nothing ran then.
    pub fn spawn_for<M, B, F>(
        self: &Arc<Self>,
        options: SpawnOptions,
        client: SpawnedFor,
        body: B,
    ) -> Result<Addr<M>, SpawnError>
    where
        M: Protocol,
        B: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let SpawnedFor { from, link, monitor } = client;
        let prepare = |pid, relations: &mut Relations| {
            relations.state().spawned_for(from, link, monitor, pid);
        };
        self.spawn_prepared(options, body, prepare)
    }

    /// Asks `node` to start a process for `from`. The answer goes to whoever waits at the alias that the request is
    /// ([`Aliases::open`]); what links and monitors it makes begins before.
    pub fn request_spawn(&self, from: Pid, node: NodeName, request: SpawnRequest) {
        let alias = request.request;
        let Some(router) = self.router() else {
            self.aliases.unreachable(alias);
            return;
        };
        let epoch = router.request_spawn(from, node, request);
        self.aliases.goes_over(alias, epoch);
    }

    /// Starts a process; `prepare` makes its first relations before it can run.
    pub(crate) fn spawn_prepared<M, B, F>(
        self: &Arc<Self>,
        options: SpawnOptions,
        body: B,
        prepare: impl FnOnce(Pid, &mut Relations),
    ) -> Result<Addr<M>, SpawnError>
    where
        M: Protocol,
        B: FnOnce(Cx<M>) -> F + Send + 'static,
        F: Future<Output: IntoExit> + Send + 'static,
    {
        let (number, door) = self.table.take(options.from_reserve).map_err(SpawnError::TooManyProcesses)?;
        let pid = Pid::new(self.here.node, self.here.creation, number + 1, door.generation());
        if let Some(name) = &options.name
            && let Err(error) = self.registry.register(name.clone(), pid)
        {
            self.table.free(pid);
            return Err(SpawnError::Register(error));
        }
        let (parent, group_leader) = current::with(|current| {
            let current = current.filter(|current| Arc::ptr_eq(current.processes, self));
            current.map_or((None, None), |current| (Some(current.pid), current.group_leader.get()))
        });
        let group_leader = options.group_leader.or(group_leader);
        let is_traced = match options.trace_token {
            Some(token) => {
                self.traced().born(pid, *token);
                true
            }
            None => parent.is_some_and(|parent| self.traced().spawns(parent, pid)),
        };
        let prepare = |relations: &mut Relations| {
            if options.name.is_some() || options.label.is_some() || group_leader.is_some() {
                let state = relations.state();
                state.names.extend(options.name);
                state.label = options.label.map(String::into_boxed_str);
                state.group_leader = group_leader;
            }
            prepare(pid, relations);
        };
        let birth = Birth {
            pid,
            parent,
            initial_call: options.initial_call.unwrap_or(std::any::type_name::<B>),
            processes: self,
            limits: options.mailbox,
            is_traced,
        };
        Process::<M>::start(&birth, door, prepare, body).schedule();
        Ok(Addr::new(pid))
    }

    /// Whether messages for this process of this node wait beyond its high watermark for the first time since they were
    /// few: then it is told.
    fn watch_queue(&self, pid: Pid) {
        let newly = self.look(pid, |process, seen| {
            let guard = process.guard()?;
            let waiting = process.info(seen).message_queue_len;
            let is_new = waiting >= guard.limits.high && !guard.is_above.swap(true, Ordering::Relaxed);
            is_new.then_some(waiting)
        });
        if let Some(waiting) = newly.flatten() {
            self.report_long_queue(pid, waiting, true);
        }
    }

    /// How many messages wait for a process of this node.
    pub(crate) fn queue_len(&self, pid: Pid) -> Option<usize> {
        self.look(pid, |process, seen| process.info(seen).message_queue_len)
    }

    /// Tells that many messages wait for a process, or few again.
    pub(crate) fn report_long_queue(&self, pid: Pid, waiting: usize, is_long: bool) {
        if is_long {
            tracing::warn!(%pid, waiting, "many messages wait for the process");
        } else {
            tracing::info!(%pid, waiting, "few messages wait for the process again");
        }
        let word = if is_long { "true" } else { "false" };
        self.tell_system_monitor(pid, "long_message_queue", Term::atom(word));
    }

    /// Sends `{monitor, Pid, What, How}` to who watches over the node, if anybody does.
    pub(crate) fn tell_system_monitor(&self, pid: Pid, what: &'static str, how: Term) {
        let monitor = *self.system_monitor.lock();
        if let Some(monitor) = monitor {
            let event = [Term::atom("monitor"), Term::Pid(pid), Term::atom(what), how];
            self.send_encoded(pid, &Dest::Pid(monitor), Body::of(&Term::tuple(event)));
        }
    }

    /// Sets who gets `{monitor, Pid, long_message_queue, true | false}` when messages pass a watermark, and
    /// `{monitor, Pid, long_schedule, [{timeout, Milliseconds}]}` after one slice of a process took longer than
    /// [`crate::ThreadsConfig::slice_max`]; who did before. Only mailboxes with [`MailboxLimits::watermarks`](crate::MailboxLimits::watermarks) tell of
    /// long queues, only a scheduler with threads of long slices.
    pub fn set_system_monitor(&self, monitor: Option<Pid>) -> Option<Pid> {
        std::mem::replace(&mut *self.system_monitor.lock(), monitor)
    }

    /// What a sender can expect whose message of so many bytes was refused by a process of this node; its waker is noted
    /// where it waits.
    pub(crate) fn wait_for_room(&self, to: &Dest, bytes: usize, waker: &Waker) -> Room {
        let looked = self.resolve(to).and_then(|pid| {
            self.look(pid, |process, seen| process.wait_for_room(seen.messages_in, bytes, waker))
        });
        // Where nobody is, the next attempt says so.
        looked.unwrap_or(Room::Perhaps)
    }

    /// Ends what an alias for one message was part of.
    fn alias_used(&self, alias: Reference, of: OfProcess) {
        if of.options.mode == AliasMode::ReplyDemonitor {
            let used = ControlSignal::AliasUsed { alias };
            drop(self.push(of.pid, Untyped::Control(Box::new(used))));
        }
    }

    /// Sends a message in external term format; what finds no receiver on this node is dropped and counted.
    pub fn send_encoded(&self, from: Pid, to: &Dest, body: Body) {
        if self.is_elsewhere(to) {
            match self.router() {
                Some(router) => router.message(from, to, body),
                None => self.counters.dropped(),
            }
            return;
        }
        self.deliver_with(Some(from), to, body.into_bytes().into(), self.mark(from));
    }

    fn mark(&self, from: Pid) -> Mark {
        Mark { token: self.traced().sends(from), priority: false }
    }

    /// As [`Processes::send_encoded`], over a connection that there is (OTP's `noconnect`); false where there is none, and
    /// nothing was sent then.
    pub fn send_encoded_noconnect(&self, from: Pid, to: &Dest, body: Body) -> bool {
        if self.is_elsewhere(to) {
            return self.router().is_some_and(|router| router.message_if_connected(from, to, body));
        }
        self.deliver_with(Some(from), to, body.into_bytes().into(), self.mark(from));
        true
    }

    /// Tells `pid`, a process of this node, from now on by `{nodeup, Node}` and `{nodedown, Node}` when other nodes come
    /// and go, hidden ones too; those that are connected now. A node that is alone has none.
    pub fn watch_nodes(&self, pid: Pid) -> Vec<NodeName> {
        self.router().map_or_else(Vec::new, |router| router.watch_nodes(pid))
    }

    /// Whether whoever sends much to `to` should wait, because the connection to its node has too much queued. `sender`
    /// is woken when it has not any more. Always false for receivers on this node.
    pub fn is_busy(&self, from: Pid, to: &Dest, sender: &Waker) -> bool {
        self.busy_links.load(Ordering::Relaxed) > 0
            && self.is_elsewhere(to)
            && to.node().is_some_and(|node| self.is_busy_with(from, node, sender))
    }

    pub(crate) fn is_busy_with(&self, from: Pid, node: NodeName, sender: &Waker) -> bool {
        self.router().is_some_and(|router| router.is_busy(from, node, sender))
    }

    /// For routers: one connection more has more queued than it should, for some sender at least.
    pub fn link_is_busy(&self) {
        self.busy_links.fetch_add(1, Ordering::Relaxed);
    }

    /// For routers: what [`Self::link_is_busy`] told of is over.
    pub fn link_is_calm(&self) {
        self.busy_links.fetch_sub(1, Ordering::Relaxed);
    }

    /// For routers: the connection to `node` has more queued than it should after what `from` has sent. If that is the
    /// running process, its code goes on only when the connection has room again, as a sender is suspended on the BEAM;
    /// what it does until it next waits for something is not held up.
    pub fn suspend_sender(&self, from: Pid, node: NodeName) {
        current::with(|current| {
            if let Some(current) = current.filter(|current| current.pid == from) {
                current.busy_with.set(Some(node));
            }
        });
    }

    /// Delivers a message that is for this node; what finds no receiver is dropped and counted.
    pub fn deliver(&self, from: Option<Pid>, to: &Dest, payload: Payload) {
        self.deliver_with(from, to, payload, Mark::default());
    }

    /// As [`Self::deliver`], with what else there is to say of the message. The trace token of one that answers a call is
    /// left out: who called has it still.
    pub fn deliver_with(&self, from: Option<Pid>, to: &Dest, payload: Payload, mark: Mark) {
        let reply_to = if matches!(to, Dest::Pid(_)) { self.own_alias(&payload) } else { None };
        let delivered = match to {
            Dest::Alias(alias) if let Some(of) = self.aliases.use_process(*alias) => {
                self.alias_used(*alias, of);
                let mark = Mark { priority: mark.priority && of.options.priority, ..mark };
                self.push_encoded(of.pid, Encoded { from, payload }, mark)
            }
            Dest::Alias(alias) => self.aliases.reply(*alias, payload),
            // A reply never reaches a mailbox, however it was addressed and however late it comes.
            Dest::Pid(_) if let Some(alias) = reply_to => self.aliases.reply(alias, payload),
            Dest::Pid(_) | Dest::Name(_) | Dest::RemoteName(..) => {
                let mark = Mark { priority: false, ..mark };
                self.resolve(to).is_some_and(|pid| self.push_encoded(pid, Encoded { from, payload }, mark))
            }
        };
        if !delivered {
            self.counters.dropped();
        }
    }

    /// Sends a control signal from `from`; a receiver that does not exist answers as the protocol says.
    ///
    /// Tells over which connection it goes, where it needs one.
    pub fn signal(&self, from: Pid, to: &Dest, signal: ControlSignal) -> Epoch {
        if self.is_elsewhere(to) {
            let Some(router) = self.router() else {
                self.bounce_unreachable(to, signal);
                return Epoch::NONE;
            };
            let monitor =
                if let ControlSignal::Monitor { reference, .. } = &signal { Some(*reference) } else { None };
            let epoch = router.signal(from, to, signal);
            if let Some(alias) = monitor {
                self.aliases.goes_over(alias, epoch);
            }
            return epoch;
        }
        if let ControlSignal::Down { reference, reason } = &signal
            && self.aliases.down(*reference, from.node(), reason.clone())
        {
            return Epoch::NONE;
        }
        let pid = match to {
            // As `exit(Alias, Reason)` of OTP 28 sends it.
            Dest::Alias(alias) => self.aliases.process_of(*alias),
            to => self.resolve(to),
        };
        let Some(pid) = pid else {
            self.bounce(to, signal);
            return Epoch::NONE;
        };
        if let Err(Untyped::Control(signal)) = self.push(pid, Untyped::Control(Box::new(signal))) {
            self.bounce(to, *signal);
        }
        Epoch::NONE
    }

    /// Appends an encoded message to a process of this node; false where there is none, or no room.
    fn push_encoded(&self, pid: Pid, encoded: Encoded, mark: Mark) -> bool {
        let bytes = encoded.payload.memory();
        let mut encoded = Some(Marked::signal(encoded, mark));
        let has_guard = self.table.visit(pid, |visit| {
            let decided = visit.any().map(|(process, inbox)| {
                (process.admit(inbox.messages_in(), bytes), process.guard().is_some())
            });
            let (verdict, has_guard) = decided.unwrap_or((Verdict::Take, false));
            if let Verdict::Take | Verdict::DropOldest = verdict
                && let Some(mut encoded) = encoded.take()
            {
                if has_guard {
                    Marked::keep_apart(&mut encoded);
                }
                visit.push_untyped(encoded);
            }
            has_guard
        });
        if encoded.is_none() && has_guard == Some(true) {
            self.watch_queue(pid);
        }
        encoded.is_none()
    }

    /// Appends a signal to a process of this node; gives it back where there is none.
    fn push(&self, pid: Pid, signal: Untyped) -> Result<(), Untyped> {
        let mut signal = Some(signal);
        self.table.visit(pid, |visit| signal.take().map(|signal| visit.push_untyped(signal)));
        signal.map_or(Ok(()), Err)
    }

    /// Answers a signal to a process that does not exist (any more).
    pub(crate) fn bounce(&self, to: &Dest, signal: ControlSignal) {
        // A router that noted whom a loss of connection concerns did so before it saw that nobody is there.
        if let ControlSignal::Link { from } | ControlSignal::Monitor { watcher: from, .. } = &signal
            && from.node() != self.here.node
            && let Dest::Pid(pid) = to
        {
            self.forget(*pid, Some(from.node()));
        }
        if let ControlSignal::Spawned { request, pid, linked, monitored, .. } = &signal
            && let Dest::Pid(ended) = to
        {
            self.spawned_for_nobody(*ended, *pid, *linked, monitored.then_some(*request));
        }
        self.answer(to, signal, &ExitReason::NoProc);
    }

    /// Who asked for a process has ended before it was there: its link fires, its monitor is taken back.
    fn spawned_for_nobody(&self, ended: Pid, pid: Pid, linked: bool, monitor: Option<Reference>) {
        self.forget(ended, Some(pid.node()));
        if linked {
            let exit = ControlSignal::LinkExit { from: ended, reason: ExitReason::NoProc };
            self.signal(ended, &Dest::Pid(pid), exit);
        }
        if let Some(reference) = monitor {
            let demonitor = ControlSignal::Demonitor { watcher: ended, reference };
            self.signal(ended, &Dest::Pid(pid), demonitor);
        }
    }

    /// The process whose pid or name is `dest` on this node.
    #[must_use]
    pub fn whereis(&self, name: &Atom) -> Option<Pid> {
        self.registry.whereis(name)
    }

    /// All registered names with their holders, in order of name.
    #[must_use]
    pub fn registered(&self) -> Vec<(Atom, Pid)> {
        self.registry.all()
    }

    /// Gives a live process of this node a name.
    ///
    /// # Errors
    /// [`RegisterError`] when the name is taken or the process is not alive.
    pub fn register(&self, name: &Atom, pid: Pid) -> Result<(), RegisterError> {
        if !self.is_alive(pid) {
            return Err(RegisterError::NoProcess);
        }
        self.registry.register(name.clone(), pid)?;
        let is_noted = self.look(pid, |process, _| process.named(name.clone())).unwrap_or(false);
        if is_noted {
            return Ok(());
        }
        self.registry.unregister(name, pid);
        Err(RegisterError::NoProcess)
    }

    /// Frees a name; whether anybody held it.
    pub fn unregister(&self, name: &Atom) -> bool {
        let Some(pid) = self.registry.whereis(name) else { return false };
        let freed = self.registry.unregister(name, pid);
        if freed {
            self.look(pid, |process, _| process.unnamed(name));
        }
        freed
    }

    /// Whether the process is alive on this node.
    #[must_use]
    pub fn is_alive(&self, pid: Pid) -> bool {
        self.is_here(pid) && self.table.is_alive(pid)
    }

    /// The processes alive now (`processes/0`), in no particular order. One that begins or ends meanwhile may be there
    /// or not.
    #[must_use]
    pub fn pids(&self) -> Vec<Pid> {
        self.table
            .all()
            .map(|(id, serial)| Pid::new(self.here.node, self.here.creation, id, serial))
            .collect()
    }

    /// How many processes are alive.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table.len()
    }

    /// What can be seen of a process from outside, if it is alive.
    #[must_use]
    pub fn info(&self, pid: Pid) -> Option<ProcessInfo> {
        if !self.is_here(pid) {
            return None;
        }
        let (mut info, mut parent) =
            self.look(pid, |process, seen| (process.info(seen), process.parent()))?;
        while let Some(ancestor) = parent.filter(|_| info.ancestors.len() < ANCESTORS_MAX) {
            info.ancestors.push(ancestor);
            parent = self.look(ancestor, |process, _| process.parent()).flatten();
        }
        Some(info)
    }

    /// The group leader of a process of this node.
    #[must_use]
    pub fn group_leader(&self, pid: Pid) -> Option<Pid> {
        self.look(pid, |process, _| process.group_leader()).flatten()
    }

    /// Kills every process, for the end of the node. Links and monitors are told as always; the log is not.
    pub fn kill_all(&self) {
        self.halting.store(true, Ordering::Relaxed);
        // No process: none has this number.
        let from = self.pid_of_number(0);
        for pid in self.pids() {
            let kill = ControlSignal::Exit { from, reason: ExitReason::Kill };
            // One that ended meanwhile needs no killing.
            drop(self.push(pid, Untyped::Control(Box::new(kill))));
        }
    }

    /// Whether a process that ends for this reason is worth a report.
    pub(crate) fn is_crash(&self, reason: &ExitReason) -> bool {
        let is_halt = *reason == ExitReason::Killed && self.halting.load(Ordering::Relaxed);
        !reason.is_orderly() && !is_halt
    }

    /// Tells `pid` that a connection to `node` is lost.
    pub fn node_down(&self, pid: Pid, node: NodeName, epoch: Epoch) {
        // One that ended meanwhile has no links left.
        drop(self.push(pid, Untyped::Control(Box::new(ControlSignal::NodeDown { node, epoch }))));
    }

    /// Says that the running process is about to end with `reason`: what it drops from now on is dropped at its end,
    /// see [`crate::dying`]. For code that drops its own state before it returns the reason.
    pub fn set_dying(reason: ExitReason) {
        current::with(|current| current.map(|current| current.dying.replace(Some(reason))));
    }

    /// Counts a message that found no way to its receiver.
    pub fn count_dropped(&self) {
        self.counters.dropped();
    }

    pub(crate) fn forget(&self, pid: Pid, peer: Option<NodeName>) {
        if let Some(router) = self.router() {
            router.forget(pid, peer);
        }
    }

    /// Where a monitor of `to` goes: names of this node are resolved once, when the monitor is made.
    pub(crate) fn monitor_target(&self, to: &Dest) -> Option<Dest> {
        if self.is_elsewhere(to) {
            return Some(to.clone());
        }
        match to {
            Dest::Name(name) | Dest::RemoteName(name, _) => self.registry.whereis(name).map(Dest::Pid),
            Dest::Pid(_) => Some(to.clone()),
            Dest::Alias(_) => None,
        }
    }

    fn bounce_unreachable(&self, to: &Dest, signal: ControlSignal) {
        self.answer(to, signal, &ExitReason::NoConnection);
    }

    fn answer(&self, to: &Dest, signal: ControlSignal, reason: &ExitReason) {
        let reason = reason.clone();
        let (receiver, answer) = match (signal, to) {
            (ControlSignal::Link { from }, Dest::Pid(pid)) => {
                (from, ControlSignal::LinkExit { from: *pid, reason })
            }
            (ControlSignal::Monitor { watcher, reference, .. }, _) => {
                (watcher, ControlSignal::Down { reference, reason })
            }
            (ControlSignal::Unlink { from, id }, Dest::Pid(pid)) => {
                (from, ControlSignal::UnlinkAck { from: *pid, id })
            }
            _ => return,
        };
        let from = match to {
            Dest::Pid(pid) => *pid,
            Dest::Name(_) | Dest::RemoteName(..) | Dest::Alias(_) => receiver,
        };
        self.signal(from, &Dest::Pid(receiver), answer);
    }

    /// The alias of this node that a message answers, if it is a reply to one.
    fn own_alias(&self, payload: &Payload) -> Option<Reference> {
        answered_alias(payload)
            .filter(|alias| alias.node() == self.here.node && alias.creation() == self.here.creation)
    }

    /// Calls `body` with a live process of this node and what is seen of it at its door, which is locked meanwhile.
    pub(crate) fn look<R>(&self, pid: Pid, body: impl FnOnce(&dyn AnyProcess, Seen) -> R) -> Option<R> {
        let look = |visit: &mut Visit<'_>| {
            let status = match (visit.is_running(), visit.is_scheduled()) {
                (true, _) => Status::Running,
                (false, true) => Status::Runnable,
                (false, false) => Status::Waiting,
            };
            let size = visit.size();
            let (process, inbox) = visit.any()?;
            let messages_in = inbox.messages_in();
            Some(body(process, Seen { status, messages_in, size }))
        };
        self.table.visit(pid, look).flatten()
    }

    /// The process that `to` means now: of any node by its pid, of this node by its name.
    pub(crate) fn pid_of(&self, to: &Dest) -> Option<Pid> {
        match to {
            Dest::Pid(pid) => Some(*pid),
            Dest::Name(name) => self.registry.whereis(name),
            Dest::RemoteName(name, node) if *node == self.here.node => self.registry.whereis(name),
            Dest::RemoteName(..) | Dest::Alias(_) => None,
        }
    }

    /// The pid on this node that `to` names.
    fn resolve(&self, to: &Dest) -> Option<Pid> {
        let pid = match to {
            Dest::Pid(pid) => *pid,
            Dest::Name(name) | Dest::RemoteName(name, _) => self.registry.whereis(name)?,
            Dest::Alias(_) => return None,
        };
        self.is_here(pid).then_some(pid)
    }

    pub(crate) fn is_here(&self, pid: Pid) -> bool {
        pid.node() == self.here.node && pid.creation() == self.here.creation
    }

    fn is_elsewhere(&self, to: &Dest) -> bool {
        to.node().is_some_and(|node| node != self.here.node)
    }

    fn router(&self) -> Option<Arc<dyn Router>> {
        self.router.get().and_then(Weak::upgrade)
    }
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes")
            .field("node", &self.here.node)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
const fn low(number: u64) -> u32 {
    number as u32
}

const fn high(number: u64) -> u32 {
    low(number >> 32)
}
