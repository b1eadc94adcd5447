//! What can be said of a node and its processes in the words of the BEAM, for its tools. Pure, given what was seen.

use crate::node::Node;
use engset_process::{Callback, Dest, ProcessInfo, Status};
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
    let plain: String = name.split('<').next().unwrap_or(name).chars().take(NAME_BYTES_MAX).collect();
    let plain = plain.trim_end_matches("::{{closure}}").trim_end_matches("::");
    let (module, function) = plain.rsplit_once("::").unwrap_or(("engset", plain));
    (atom(module), atom(function))
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
        "garbage_collection" => Term::list([pair("minor_gcs", Term::from(0))]),
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

fn initial_call(info: &ProcessInfo) -> Term {
    let (module, function) = mfa(info.initial_call);
    triple([module, function, Term::from(0)])
}

/// The callback that the process is in, or what it began with.
fn current_function(info: &ProcessInfo) -> Term {
    let (module, function) = mfa(info.initial_call);
    let function = match info.callback {
        Some(Callback::Init) => Term::atom("init"),
        Some(Callback::HandleRequest) => Term::atom("handle"),
        Some(Callback::HandleEvent) => Term::atom("handle_event"),
        Some(Callback::HandleInfo) => Term::atom("info"),
        Some(Callback::HandleContinue) => Term::atom("handle_continue"),
        Some(Callback::StateEnter) => Term::atom("enter"),
        Some(Callback::Terminate) => Term::atom("terminate"),
        _ => function,
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
    Term::charlist(&format!("<0.{}.{}>", pid.id(), pid.serial()))
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
        "atom_count" | "port_count" | "ets_count" | "thread_pool_size" | "dirty_io_schedulers" => {
            Term::from(0)
        }
        "atom_limit" => Term::from(ATOM_LIMIT),
        "port_limit" => Term::from(PORT_LIMIT),
        "ets_limit" => Term::from(ETS_LIMIT),
        "schedulers"
        | "schedulers_online"
        | "logical_processors"
        | "logical_processors_online"
        | "logical_processors_available" => workers(),
        "dirty_cpu_schedulers" | "dirty_cpu_schedulers_online" => {
            number(node.processes().scheduler().stats().blocking.threads)
        }
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
        let long = "x".repeat(1_000);
        assert!(of(&long).len() < 200);
    }
}
