//! What peers may call: the list of allowed functions, how many may run at once, and what was counted.
//!
//! Nothing that is not listed runs, whoever asks: the caller is told `undef`, as OTP tells of a function that is not
//! there. What a function does is in its handler, which runs in a process of its own; see `spawning.rs`.

mod application;
mod appmon;
mod call;
mod code;
mod dashboard;
mod erlang;
mod facts;
mod global;
mod monitoring;
mod outcome;
mod request;
mod shell;
mod system;

pub use call::{FunctionFuture, Raise, RemoteCall};
pub(crate) use outcome::{Entry, Raised, entry, exit_reason, rpc_value, undef, wanted};
pub(crate) use request::{SpawnPlan, plan};

use crate::access::{NameForgotten, known};
use engset_term::{Atom, NodeName, PinnedNodeName, Term};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many functions peers may have running on a node at once, unless its configuration says otherwise.
pub const FUNCTIONS_AT_ONCE_MAX: usize = 10_000;
/// The same, for one peer.
pub const FUNCTIONS_PER_PEER_MAX: usize = 1_000;
/// How many bytes the arguments of one call may take, unless the node's configuration says otherwise.
pub const FUNCTION_ARGS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// So many different functions that are not allowed are told of in the log; more are only counted.
pub const UNDEFINED_TOLD_MAX: usize = 1_000;
/// What a process that runs a function for a peer began with; its label says which function.
pub(crate) const CALLED_BY_PEER: &str = "a function called by another process";
/// So many functions may be allowed.
pub const FUNCTIONS_MAX: usize = 100_000;

/// How much peers may let a node do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionLimits {
    /// How many functions may run at once, in all. One more is answered with `system_limit`.
    pub at_once_max: usize,
    /// How many may run at once for one peer.
    pub at_once_per_peer_max: usize,
    /// How many bytes the arguments of one call may take. More are answered with `system_limit`.
    pub args_bytes_max: usize,
}

impl Default for FunctionLimits {
    fn default() -> Self {
        Self {
            at_once_max: FUNCTIONS_AT_ONCE_MAX,
            at_once_per_peer_max: FUNCTIONS_PER_PEER_MAX,
            args_bytes_max: FUNCTION_ARGS_BYTES_MAX,
        }
    }
}

/// What has been counted since the node started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionCounts {
    /// Functions that were begun.
    pub begun: u64,
    /// Calls of functions that are not allowed.
    pub undefined: u64,
    /// Calls by peers that may call nothing.
    pub denied: u64,
    /// Calls that would have passed a limit.
    pub over_limit: u64,
    /// Spawn requests with options that there are not.
    pub bad_options: u64,
}

/// The functions of a node that other nodes may call, by `rpc:call/4`, `erpc:call/4`, `spawn/4` and their like.
///
/// Read-only functions that tools call (`erlang:processes/0`, `observer_backend:sys_info/0` and so on) are allowed from
/// the start; those that change or end something only after [`Functions::allow_changes`].
///
/// ```
/// use engset_node::{Functions, Raise};
/// use engset_term::Term;
///
/// let functions = Functions::default();
/// functions.allow("prices", "double", 1, |call| async move {
///     match call.args() {
///         [Term::Int(price)] => Ok(Term::from(price * 2)),
///         _ => Err(Raise::Error(Term::atom("badarg"))),
///     }
/// });
/// assert!(functions.is_allowed("prices", "double", 1));
/// // An Erlang node now gets 14 from `rpc:call(Node, prices, double, [7])`.
/// ```
#[derive(Debug, Default)]
pub struct Functions {
    limits: FunctionLimits,
    listed: Mutex<BTreeMap<(Atom, Atom, u8), Listed>>,
    running: Arc<Mutex<Running>>,
    /// Kept by name: one that was forgotten meanwhile would come back as another.
    denied: Mutex<BTreeMap<NodeName, PinnedNodeName>>,
    changes: AtomicBool,
    /// Which undefined functions the log has told of.
    told: Mutex<BTreeSet<(Atom, Atom, usize)>>,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Counters {
    begun: AtomicU64,
    undefined: AtomicU64,
    denied: AtomicU64,
    over_limit: AtomicU64,
    bad_options: AtomicU64,
}

/// How many run, and for whom.
#[derive(Debug, Default)]
struct Running {
    all: usize,
    by_peer: BTreeMap<NodeName, (PinnedNodeName, usize)>,
}

#[derive(Clone)]
struct Listed {
    handler: Handler,
    /// Whether it changes or ends something.
    changes: bool,
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listed").field("changes", &self.changes).finish_non_exhaustive()
    }
}

pub(crate) type Handler = Arc<dyn Fn(RemoteCall) -> FunctionFuture + Send + Sync>;

/// The right of one function to run, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    running: Arc<Mutex<Running>>,
    peer: NodeName,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.running.lock();
        running.all = running.all.saturating_sub(1);
        if let Some((_, count)) = running.by_peer.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                running.by_peer.remove(&self.peer);
            }
        }
    }
}

/// Why a peer's request is not served; the text is what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The peer may call nothing.
    Denied,
    /// A limit would be passed.
    OverLimit,
    /// The request has options that there are not.
    BadOptions,
    /// The function is not there, and who asks would wait for its word for ever.
    Undefined,
}

impl Refusal {
    pub(crate) fn atom(self) -> Atom {
        Atom::from_static(match self {
            Self::Denied => "notsup",
            Self::OverLimit => "system_limit",
            Self::BadOptions => "badopt",
            Self::Undefined => "undef",
        })
    }
}

impl Functions {
    /// A list with what every node allows.
    pub(crate) fn with_defaults(limits: FunctionLimits) -> Self {
        let functions = Self { limits, ..Self::default() };
        erlang::allow(&functions);
        code::allow(&functions);
        application::allow(&functions);
        global::allow(&functions);
        monitoring::allow(&functions);
        appmon::allow(&functions);
        shell::allow(&functions);
        system::allow(&functions);
        dashboard::allow(&functions);
        functions
    }

    /// Lets peers call `module:function` with `arity` arguments: `handler` runs, in a process of its own that the
    /// caller may link to, monitor and end. What was allowed by this name before is not any more.
    ///
    /// # Panics
    /// When one of the names is longer than an atom may be (255 characters), or [`FUNCTIONS_MAX`] functions are allowed.
    pub fn allow<F, R>(&self, module: &'static str, function: &'static str, arity: u8, handler: F)
    where
        F: Fn(RemoteCall) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Term, Raise>> + Send + 'static,
    {
        self.list(module, function, arity, false, handler);
    }

    /// As [`Functions::allow`], for a function that changes or ends something: peers may call it only while
    /// [`Functions::allow_changes`] says so.
    pub(crate) fn allow_change<F, R>(
        &self,
        module: &'static str,
        function: &'static str,
        arity: u8,
        handler: F,
    ) where
        F: Fn(RemoteCall) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Term, Raise>> + Send + 'static,
    {
        self.list(module, function, arity, true, handler);
    }

    fn list<F, R>(&self, module: &'static str, function: &'static str, arity: u8, changes: bool, handler: F)
    where
        F: Fn(RemoteCall) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Term, Raise>> + Send + 'static,
    {
        let key = (Atom::from_static(module), Atom::from_static(function), arity);
        let handler: Handler = Arc::new(move |call| Box::pin(handler(call)));
        let mut listed = self.listed.lock();
        assert!(
            listed.len() < FUNCTIONS_MAX || listed.contains_key(&key),
            "a node allows {FUNCTIONS_MAX} functions at most"
        );
        listed.insert(key, Listed { handler, changes });
    }

    /// Takes a function back; whether it was allowed. What runs already goes on.
    pub fn disallow(&self, module: &str, function: &str, arity: u8) -> bool {
        let (Ok(module), Ok(function)) = (Atom::new(module), Atom::new(function)) else { return false };
        self.listed.lock().remove(&(module, function, arity)).is_some()
    }

    /// Whether peers may call this function now.
    #[must_use]
    pub fn is_allowed(&self, module: &str, function: &str, arity: u8) -> bool {
        let (Ok(module), Ok(function)) = (Atom::new(module), Atom::new(function)) else { return false };
        self.find(&module, &function, usize::from(arity)).is_some()
    }

    /// The functions that peers may call now, as `(module, function, arity)`, in order.
    #[must_use]
    pub fn allowed(&self) -> Vec<(Atom, Atom, u8)> {
        let changes = self.changes.load(Ordering::Relaxed);
        let listed = self.listed.lock();
        let open = listed.iter().filter(|(_, listed)| changes || !listed.changes);
        open.map(|(key, _)| key.clone()).collect()
    }

    /// Whether some function of this module is allowed.
    pub(crate) fn has_module(&self, module: &Atom) -> bool {
        self.listed.lock().keys().any(|(listed, _, _)| listed == module)
    }

    /// Lets peers also call those functions of every node that change or end something: `erlang:exit/2`,
    /// `erlang:register/2`, `init:stop/0` and their like. Without, they are not there.
    pub fn allow_changes(&self, allow: bool) {
        self.changes.store(allow, Ordering::Relaxed);
    }

    /// Whether peers may call what changes something.
    pub(crate) fn lets_change(&self) -> bool {
        self.changes.load(Ordering::Relaxed)
    }

    /// Lets `peer` call nothing at all from now on: its requests are answered with `notsup`.
    ///
    /// # Errors
    /// When the name is forgotten: nobody is denied anything then.
    pub fn deny(&self, peer: NodeName) -> Result<(), NameForgotten> {
        let kept = known(peer)?;
        self.denied.lock().insert(peer, kept);
        Ok(())
    }

    /// Takes [`Functions::deny`] back; whether there was anything to take back.
    pub fn permit(&self, peer: NodeName) -> bool {
        self.denied.lock().remove(&peer).is_some()
    }

    /// How many functions run now for other nodes.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.lock().all
    }

    /// What has been counted.
    #[must_use]
    pub fn counts(&self) -> FunctionCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FunctionCounts {
            begun: read(&self.counters.begun),
            undefined: read(&self.counters.undefined),
            denied: read(&self.counters.denied),
            over_limit: read(&self.counters.over_limit),
            bad_options: read(&self.counters.bad_options),
        }
    }

    /// The right to run one more function for `peer`, with so many bytes of arguments.
    pub(crate) fn enter(&self, peer: NodeName, args_bytes: usize) -> Result<Place, Refusal> {
        if self.denied.lock().contains_key(&peer) {
            return Err(Refusal::Denied);
        }
        let mut running = self.running.lock();
        let of_peer = running.by_peer.get(&peer).map_or(0, |(_, count)| *count);
        let is_over = running.all >= self.limits.at_once_max
            || of_peer >= self.limits.at_once_per_peer_max
            || args_bytes > self.limits.args_bytes_max;
        if is_over {
            return Err(Refusal::OverLimit);
        }
        running.all += 1;
        running.by_peer.entry(peer).or_insert_with(|| (peer.pin(), 0)).1 += 1;
        Ok(Place { running: Arc::clone(&self.running), peer })
    }

    /// Whether a peer's process waits for a word of this function, which is not allowed, and takes its end for none.
    /// That is so for `dbg`, which begins to trace a node by it.
    pub(crate) fn is_awaited_in_vain(&self, module: &Atom, function: &Atom, arity: usize) -> bool {
        let is_relay = (module.as_str(), function.as_str(), arity) == ("dbg", "do_relay", 2);
        is_relay && self.find(module, function, arity).is_none()
    }

    pub(crate) fn count_refusal(&self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::Denied => &self.counters.denied,
            Refusal::OverLimit => &self.counters.over_limit,
            Refusal::BadOptions => &self.counters.bad_options,
            Refusal::Undefined => &self.counters.undefined,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What runs for this function, if it is allowed.
    pub(crate) fn find(&self, module: &Atom, function: &Atom, arity: usize) -> Option<Handler> {
        let arity = u8::try_from(arity).ok()?;
        let listed = self.listed.lock().get(&(module.clone(), function.clone(), arity)).cloned()?;
        (!listed.changes || self.changes.load(Ordering::Relaxed)).then_some(listed.handler)
    }

    /// Runs `module:function` in the running process, if it is allowed.
    pub(crate) async fn run(&self, call: RemoteCall) -> Result<Term, Raised> {
        let (module, function, args) = (call.module().clone(), call.function().clone(), call.args().to_vec());
        let Some(handler) = self.find(&module, &function, args.len()) else {
            if let Some(info) = code::module_info(call.node(), &module, &function, &args) {
                return info.map_err(|raise| Raised::by(raise, &module, &function, args.len()));
            }
            self.tell_undefined(call.peer(), &module, &function, args.len());
            return Err(undef(&module, &function, &args));
        };
        self.counters.begun.fetch_add(1, Ordering::Relaxed);
        handler(call).await.map_err(|raise| Raised::by(raise, &module, &function, args.len()))
    }

    /// Counts a call of a function that is not allowed; the log says once for each how to allow it.
    fn tell_undefined(&self, peer: NodeName, module: &Atom, function: &Atom, arity: usize) {
        self.counters.undefined.fetch_add(1, Ordering::Relaxed);
        let is_new = {
            let mut told = self.told.lock();
            told.len() < UNDEFINED_TOLD_MAX && told.insert((module.clone(), function.clone(), arity))
        };
        if is_new && (module.as_str(), function.as_str()) == ("erlang", "apply") {
            tracing::warn!(
                %peer,
                "a peer sent a fun to be run (erlang:apply/{arity}), and code of the BEAM does not run here: let it call a function by name, which `node.functions().allow(..)` adds"
            );
        } else if is_new {
            tracing::warn!(
                %peer,
                "a peer called {module}:{function}/{arity}, which it may not: `node.functions().allow(\"{module}\", \"{function}\", {arity}, ..)` would allow it"
            );
        }
    }
}

#[cfg(test)]
mod tests;
