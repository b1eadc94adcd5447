//! What can be said of a node and its processes in the words of the BEAM, for its tools. Pure, given what was seen.

use crate::node::Node;
use engset_process::{Behaviour, Callback, Dest, ProcessInfo, Status};
use engset_term::{Atom, Pid, Term};

/// For what the BEAM has a table with a limit and a node here has none, tools are told the BEAM's usual limit: they
/// divide by it.
const ATOM_LIMIT: i64 = 1_048_576;
const PORT_LIMIT: i64 = 65_536;
const ETS_LIMIT: i64 = 8_192;
/// The release of OTP whose ways tools may expect.
const OTP_RELEASE: &str = "25";
/// Bytes in a word.
const WORD: i64 = 8;
/// Bytes of an atom made of a name of the program.
const NAME_BYTES_MAX: usize = 120;

/// A number as a term; larger ones than there are become the largest.
pub(super) fn number(value: impl TryInto<i64>) -> Term {
    Term::from(value.try_into().unwrap_or(i64::MAX))
}

pub(super) fn pair(name: &'static str, value: Term) -> Term {
    Term::tuple([Term::atom(name), value])
}

pub(super) fn triple(parts: [Term; 3]) -> Term {
    Term::tuple(parts)
}

/// `{Module, Function, 0}` made of the name of a Rust type or function.
pub(super) fn mfa(name: &str) -> (Term, Term) {
    let plain = plain(name);
    let (module, function) = plain.rsplit_once("::").unwrap_or(("engset", &plain));
    (atom(module), atom(function))
}

/// The name of a Rust type or function without its parameters, not longer than an atom may be. Of what a trait's
/// function begins (`<Type as Trait>::function`) it is the type.
fn plain(name: &str) -> String {
    let name = name.trim_start_matches(['<', '&']);
    let plain = name.split(['<', '>', ' ']).next().unwrap_or(name);
    let plain: String = plain.chars().take(NAME_BYTES_MAX).collect();
    plain.trim_end_matches("::{{closure}}").trim_end_matches("::").to_owned()
}

/// The module of a process that a behaviour serves: its type, or the behaviour itself where the program has none.
pub(super) fn module(info: &ProcessInfo) -> Option<Atom> {
    Some(match info.behaviour? {
        Behaviour::Supervision => Atom::from_static("supervisor"),
        Behaviour::GenEvent => Atom::from_static("gen_event"),
        _ => Atom::new(&plain(info.initial_call)).unwrap_or(Atom::from_static("engset")),
    })
}

/// The attribute `behaviour` of a module that serves processes now, as its list of behaviours has it; empty for one of
/// OTP's that has none.
pub(super) fn behaviours(node: &Node, module: &Atom) -> Option<Vec<Term>> {
    let behaviour = |info: ProcessInfo| match info.behaviour? {
        Behaviour::Supervision | Behaviour::GenServer => Some(vec![Term::atom("gen_server")]),
        Behaviour::GenStatem => Some(vec![Term::atom("gen_statem")]),
        _ => Some(Vec::new()),
    };
    let infos = node.processes().pids().into_iter().filter_map(|pid| node.processes().info(pid));
    infos.filter(|info| self::module(info).as_ref() == Some(module)).find_map(behaviour)
}

/// What `proc_lib` says that a process began with: `proc_lib`'s own function for one that no behaviour serves.
pub(super) fn translated_initial_call(info: Option<&ProcessInfo>) -> Term {
    let behaviour = info.and_then(|info| info.behaviour);
    let (module, function, arity) = match behaviour {
        None => (Term::atom("proc_lib"), Term::atom("init_p"), 5),
        // A supervisor has no module of its own: Elixir says `Default` for such a one.
        Some(Behaviour::Supervision) => (Term::atom("supervisor"), Term::atom("default"), 1),
        Some(Behaviour::GenEvent) => (Term::atom("gen_event"), Term::atom("init_it"), 6),
        Some(_) => (info.and_then(module).map_or(Term::atom("engset"), Term::Atom), Term::atom("init"), 1),
    };
    triple([module, function, Term::from(arity)])
}

pub(super) fn atom(text: &str) -> Term {
    Atom::new(text).map_or(Term::atom("engset"), Term::Atom)
}

/// The items that `process_info/1` gives.
pub(super) const USUAL_ITEMS: [&str; 16] = [
    "current_function",
    "initial_call",
    "status",
    "message_queue_len",
    "links",
    "dictionary",
    "trap_exit",
    "error_handler",
    "priority",
    "group_leader",
    "total_heap_size",
    "heap_size",
    "stack_size",
    "reductions",
    "garbage_collection",
    "suspending",
];

/// One item of `process_info/2`, without its name; `None` where there is no such item. Messages are values of the
/// program, of any type, and not shown.
pub(super) fn process_item(node: &Node, info: &ProcessInfo, item: &Term) -> Option<Term> {
    let name = item.as_atom()?;
    let pids = |pids: &[Pid]| Term::list(pids.iter().copied().map(Term::Pid));
    let words = || number(info.memory).as_int().map_or(0, |bytes| bytes / WORD);
    Some(match name.as_str() {
        "registered_name" => info.names.first().map_or(Term::Nil, |name| Term::Atom(name.clone())),
        "current_function" => current_function(info),
        "current_location" => location(info),
        "current_stacktrace" => Term::list([location(info)]),
        "initial_call" => initial_call(info),
        "status" => Term::atom(match info.status {
            Status::Waiting => "waiting",
            Status::Runnable => "runnable",
            Status::Running => "running",
        }),
        "message_queue_len" => number(info.message_queue_len),
        "messages" | "suspending" | "binary" => Term::Nil,
        "sequential_trace_token" => {
            node.processes().has_trace_token(info.pid).map_or(Term::Nil, |token| token.to_term())
        }
        "links" => pids(&info.links),
        "monitors" => Term::list(info.monitors.iter().filter_map(|to| monitor(node, to))),
        "monitored_by" => pids(&info.monitored_by),
        "dictionary" => dictionary(info),
        "trap_exit" => bool_term(info.trap_exit),
        "error_handler" => Term::atom("error_handler"),
        "priority" => Term::atom("normal"),
        "group_leader" => Term::Pid(group_leader(node, info)),
        "parent" => info.ancestors.first().copied().map_or_else(|| Term::atom("undefined"), Term::Pid),
        "label" => info.label.as_deref().map_or_else(|| Term::atom("undefined"), Term::string),
        "total_heap_size" | "heap_size" => Term::from(words()),
        "stack_size" | "catchlevel" | "min_heap_size" | "min_bin_vheap_size" | "fullsweep_after"
        | "trace" => Term::from(0),
        "memory" => number(info.memory),
        "reductions" => number(info.reductions),
        "garbage_collection" => garbage_collection(),
        "garbage_collection_info" => Term::list([]),
        "message_queue_data" => Term::atom("off_heap"),
        "last_calls" => Term::atom("false"),
        "backtrace" => Term::string(info.initial_call),
        _ => return None,
    })
}

fn bool_term(value: bool) -> Term {
    Term::atom(if value { "true" } else { "false" })
}

/// Who does input and output for the process: without one of its own, the node's `user`.
fn group_leader(node: &Node, info: &ProcessInfo) -> Pid {
    let user = || node.processes().whereis(&Atom::from_static("user"));
    info.group_leader.or_else(user).unwrap_or(info.pid)
}

/// Nothing is collected here: the items that tools look for, with numbers of nothing.
fn garbage_collection() -> Term {
    let items = ["min_bin_vheap_size", "min_heap_size", "fullsweep_after", "minor_gcs"];
    Term::list(items.map(|item| pair(item, Term::from(0))))
}

/// What a process began with: the `init` of its behaviour, or its code.
fn initial_call(info: &ProcessInfo) -> Term {
    if info.behaviour.is_some() {
        return translated_initial_call(Some(info));
    }
    if info.initial_call == super::CALLED_BY_PEER
        && let Some(called) = info.label.as_deref().and_then(called)
    {
        return called;
    }
    let (module, function) = mfa(info.initial_call);
    triple([module, function, Term::from(0)])
}

/// The function that `Module:Function/Arity` names.
fn called(label: &str) -> Option<Term> {
    let (path, arity) = label.rsplit_once('/')?;
    let (module, function) = path.rsplit_once(':')?;
    let arity: u8 = arity.parse().ok()?;
    Some(triple([atom(module), atom(function), Term::from(i64::from(arity))]))
}

/// The callback that the process is in; the loop of its behaviour, where OTP's waits, or what it began with.
fn current_function(info: &ProcessInfo) -> Term {
    let loop_of =
        |module, function, arity| triple([Term::atom(module), Term::atom(function), Term::from(arity)]);
    if info.callback.is_none() {
        match info.behaviour {
            Some(Behaviour::GenServer | Behaviour::Supervision) => return loop_of("gen_server", "loop", 7),
            Some(Behaviour::GenStatem) => return loop_of("gen_statem", "loop_receive", 3),
            Some(Behaviour::GenEvent) => return loop_of("gen_event", "fetch_msg", 6),
            _ => {}
        }
    }
    let Some(module) = module(info).map(Term::Atom) else { return initial_call(info) };
    let function = match info.callback {
        Some(Callback::Init) => Term::atom("init"),
        Some(Callback::HandleRequest) => Term::atom("handle"),
        Some(Callback::HandleEvent) => Term::atom("handle_event"),
        Some(Callback::HandleInfo) => Term::atom("info"),
        Some(Callback::HandleContinue) => Term::atom("handle_continue"),
        Some(Callback::StateEnter) => Term::atom("enter"),
        Some(Callback::Terminate) => Term::atom("terminate"),
        _ => Term::atom("init"),
    };
    triple([module, function, Term::from(0)])
}

fn location(info: &ProcessInfo) -> Term {
    let parts = current_function(info);
    Term::tuple(parts.as_tuple().unwrap_or_default().iter().cloned().chain([Term::Nil]))
}

fn dictionary(info: &ProcessInfo) -> Term {
    let ancestors = Term::list(info.ancestors.iter().copied().map(Term::Pid));
    let mut entries = vec![pair("$initial_call", initial_call(info)), pair("$ancestors", ancestors)];
    entries.extend(info.label.as_deref().map(|label| pair("$process_label", Term::string(label))));
    Term::list(entries)
}

fn monitor(node: &Node, to: &Dest) -> Option<Term> {
    let process = match to {
        Dest::Pid(pid) => Term::Pid(*pid),
        Dest::Name(name) => Term::tuple([Term::Atom(name.clone()), node_atom(node.name())]),
        Dest::RemoteName(name, at) => Term::tuple([Term::Atom(name.clone()), node_atom(*at)]),
        Dest::Alias(_) => return None,
    };
    Some(pair("process", process))
}

/// The pid as the node itself prints it: `"<0.Id.Serial>"`.
pub(super) fn pid_text(pid: Pid) -> Term {
    Term::charlist(&pid_string(pid))
}

/// The same, as Rust's text.
pub(super) fn pid_string(pid: Pid) -> String {
    format!("<0.{}.{}>", pid.id(), pid.serial())
}

pub(super) fn node_atom(name: engset_term::NodeName) -> Term {
    Term::Atom(Atom::from(name))
}

/// `erlang:memory/0`: what processes take, with what waits for them. What their values point to is not known.
pub(super) fn memory(node: &Node) -> Vec<(&'static str, i64)> {
    let of = |pid| node.processes().info(pid).map_or(0, |info| i64::try_from(info.memory).unwrap_or(0));
    let processes: i64 = node.processes().pids().into_iter().map(of).sum();
    let nothing = ["system", "atom", "atom_used", "binary", "code", "ets"].map(|name| (name, 0));
    let known = [("total", processes), ("processes", processes), ("processes_used", processes)];
    known.into_iter().chain(nothing).collect()
}

/// `erlang:system_info/1`; `None` where there is no such item.
pub(super) fn system_info(node: &Node, item: &Term) -> Option<Term> {
    if let Some([name, which]) = item.as_tuple() {
        let is_size = name.is_atom("wordsize") && (which.is_atom("internal") || which.is_atom("external"));
        return is_size.then(|| Term::from(WORD));
    }
    let workers = || number(node.processes().scheduler().stats().workers.len().max(1));
    Some(match item.as_atom()?.as_str() {
        "process_count" => number(node.processes().count()),
        "process_limit" => number(node.config().processes_max),
        "atom_count" | "port_count" | "ets_count" | "thread_pool_size" => Term::from(0),
        // Threads for blocking code come and go: what tells of each scheduler's time does not tell of them.
        "dirty_cpu_schedulers" | "dirty_cpu_schedulers_online" | "dirty_io_schedulers" => Term::from(0),
        "atom_limit" => Term::from(ATOM_LIMIT),
        "port_limit" => Term::from(PORT_LIMIT),
        "ets_limit" => Term::from(ETS_LIMIT),
        "schedulers"
        | "schedulers_online"
        | "logical_processors"
        | "logical_processors_online"
        | "logical_processors_available" => workers(),
        "multi_scheduling" => Term::atom("enabled"),
        "smp_support" | "threads" | "kernel_poll" => Term::atom("true"),
        "wordsize" => Term::from(WORD),
        "otp_release" => Term::charlist(OTP_RELEASE),
        "version" => Term::charlist(env!("CARGO_PKG_VERSION")),
        "machine" => Term::charlist("ENGSET"),
        "emu_flavor" => Term::atom("jit"),
        "emu_type" => Term::atom("opt"),
        "system_architecture" => {
            Term::charlist(&format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS))
        }
        "system_version" => Term::charlist(&format!("Engset {} (no BEAM)\n", env!("CARGO_PKG_VERSION"))),
        "creation" => Term::from(i64::from(node.config().creation)),
        "dist_buf_busy_limit" => number(node.config().outgoing.busy_bytes),
        "alloc_util_allocators" => Term::Nil,
        "allocator" => triple([Term::atom("undefined"), Term::Nil, Term::Nil]),
        "system_logger" => Term::atom("logger"),
        "time_warp_mode" => Term::atom("no_time_warp"),
        _ => return None,
    })
}

/// `erlang:statistics/1`; `None` where there is no such item.
pub(super) fn statistics(node: &Node, item: &Term) -> Option<Term> {
    let scheduler = node.processes().scheduler();
    let stats = || scheduler.stats();
    let now = || scheduler.now().as_nanos();
    let times = |value: u64| Term::tuple([number(value / 1_000_000), Term::from(0)]);
    let queued = || stats().common_queue + stats().workers.iter().map(|worker| worker.queue).sum::<usize>();
    let reductions = || {
        let of = |pid| node.processes().info(pid).map_or(0, |info| info.reductions);
        node.processes().pids().into_iter().map(of).sum::<u64>()
    };
    let busy =
        |worker: &engset_process::WorkerStats| u64::try_from(worker.busy.as_nanos()).unwrap_or(u64::MAX);
    Some(match item.as_atom()?.as_str() {
        "wall_clock" => times(now()),
        "runtime" => times(stats().workers.iter().map(busy).sum()),
        "run_queue"
        | "total_run_queue_lengths"
        | "total_run_queue_lengths_all"
        | "total_active_tasks"
        | "total_active_tasks_all" => number(queued()),
        "run_queue_lengths" | "active_tasks" => {
            Term::list(stats().workers.iter().map(|worker| number(worker.queue)))
        }
        "reductions" | "exact_reductions" => Term::tuple([number(reductions()), Term::from(0)]),
        "context_switches" => {
            let runs: u64 = stats().workers.iter().map(|worker| worker.runs).sum();
            Term::tuple([number(runs), Term::from(0)])
        }
        "garbage_collection" => triple([Term::from(0), Term::from(0), Term::from(0)]),
        "io" => {
            let (input, output) = node.bytes();
            Term::tuple([pair("input", number(input)), pair("output", number(output))])
        }
        "scheduler_wall_time" | "scheduler_wall_time_all" => {
            let of = |(id, worker): (usize, _)| triple([number(id + 1), number(busy(worker)), number(now())]);
            Term::list(stats().workers.iter().enumerate().map(of))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_program_become_modules_and_functions() {
        let of = |name| {
            let (module, function) = mfa(name);
            format!("{module}:{function}")
        };
        assert_eq!(of("shop::Counter"), "shop:'Counter'");
        assert_eq!(of("shop::stock::Counter<alloc::vec::Vec<u8>>"), "'shop::stock':'Counter'");
        assert_eq!(of("shop::run::{{closure}}"), "shop:run");
        assert_eq!(of("run"), "engset:run");
        assert_eq!(of("<shop::Till as shop::Work<u8>>::run::{{closure}}"), "shop:'Till'");
        assert_eq!(called("m:f/2").map(|call| call.to_string()), Some("{m,f,2}".to_owned()));
        assert_eq!([called("m:f"), called("f/2"), called("m:f/x"), called("")], [None, None, None, None]);
        let long = "x".repeat(1_000);
        assert!(of(&long).len() < 200);
    }
}
