//! `observer_backend`: what observer, etop and their like ask a node for, in the records that they expect.

use super::{Functions, Raise, RemoteCall, facts};
use engset_process::Mail;
use engset_term::{Pid, Term};
use std::time::Duration;

/// So many processes are told of in one message to observer.
const PROCESSES_PER_MESSAGE: usize = 10_000;
/// The shortest time between two messages to observer's charts.
const STATS_INTERVAL_MIN: Duration = Duration::from_millis(50);

/// What `sys_info/0` tells, by the items of `erlang:system_info/1`; some come before these.
const SYSTEM_ITEMS: [&str; 25] = [
    "logical_processors",
    "logical_processors_online",
    "logical_processors_available",
    "schedulers",
    "schedulers_online",
    "schedulers_available",
    "otp_release",
    "version",
    "system_architecture",
    "kernel_poll",
    "smp_support",
    "threads",
    "thread_pool_size",
    "wordsize_internal",
    "wordsize_external",
    "alloc_info",
    "process_count",
    "atom_limit",
    "atom_count",
    "process_limit",
    "port_limit",
    "port_count",
    "ets_limit",
    "ets_count",
    "dist_buf_busy_limit",
];

pub(super) fn allow(functions: &Functions) {
    functions.allow("observer_backend", "vsn", 0, |_| async {
        // The version whose records these are.
        Ok(Term::tuple([Term::atom("ok"), Term::charlist("1.19")]))
    });
    functions.allow("observer_backend", "sys_info", 0, |call| async move { Ok(sys_info(&call)) });
    functions.allow("observer_backend", "procs_info", 1, procs_info);
    functions.allow("observer_backend", "etop_collect", 1, etop_collect);
    functions.allow("observer_backend", "fetch_stats", 2, fetch_stats);
    functions.allow("observer_backend", "get_port_list", 0, |_| async { Ok(Term::Nil) });
    functions.allow("observer_backend", "get_socket_list", 0, |_| async { Ok(Term::Nil) });
    functions.allow("observer_backend", "socket_info", 0, |_| async { Ok(Term::Nil) });
    functions.allow("observer_backend", "get_table_list", 2, |_| async { Ok(Term::Nil) });
    functions.allow("ets", "all", 0, |_| async { Ok(Term::Nil) });
    functions.allow("ets", "i", 0, |_| async { Ok(Term::atom("ok")) });
}

fn sys_info(call: &RemoteCall) -> Term {
    let node = call.node();
    let statistics = |item| facts::statistics(node, &Term::atom(item)).unwrap_or_else(|| Term::from(0));
    let (input, output) = node.bytes();
    let uptime = node.processes().scheduler().now().as_nanos() / 1_000_000;
    let first = [
        facts::pair("uptime", facts::number(uptime)),
        facts::pair("run_queue", statistics("run_queue")),
        facts::pair("io_input", facts::number(input)),
        facts::pair("io_output", facts::number(output)),
    ];
    let item = |name: &'static str| {
        let asked = match name {
            "schedulers_available" => Term::atom("schedulers"),
            "wordsize_internal" | "wordsize_external" => Term::atom("wordsize"),
            "alloc_info" => Term::atom("alloc_util_allocators"),
            name => Term::atom(name),
        };
        facts::pair(name, facts::system_info(node, &asked).unwrap_or(Term::atom("undefined")))
    };
    let memory = facts::memory(node);
    let memory = memory.into_iter().map(|(name, bytes)| facts::pair(name, Term::from(bytes)));
    Term::list(first.into_iter().chain(SYSTEM_ITEMS.into_iter().map(item)).chain(memory))
}

fn collector(call: &RemoteCall) -> Result<Pid, Raise> {
    call.args().first().and_then(Term::as_pid).ok_or_else(Raise::badarg)
}

/// Tells the collector of all processes, in messages `{procs_info, Self, Processes}`.
async fn procs_info(mut call: RemoteCall) -> Result<Term, Raise> {
    let collector = collector(&call)?;
    let all = processes(&mut call);
    let me = Term::Pid(call.cx().pid());
    let mut parts = all.chunks(PROCESSES_PER_MESSAGE).peekable();
    if parts.peek().is_none() {
        parts = [].chunks(1).peekable();
    }
    for part in parts {
        let part = Term::list(part.iter().cloned());
        call.cx().ready(collector).await;
        // A collector that is gone needs none.
        drop(call.cx().send(collector, Term::tuple([Term::atom("procs_info"), me.clone(), part])));
    }
    Ok(Term::atom("ok"))
}

/// Sends the collector `{Self, #etop_info{}}`.
async fn etop_collect(mut call: RemoteCall) -> Result<Term, Raise> {
    let collector = collector(&call)?;
    let all = processes(&mut call);
    let node = std::sync::Arc::clone(call.node());
    let statistics = |item| facts::statistics(&node, &Term::atom(item)).unwrap_or_else(|| Term::from(0));
    let now = node.processes().scheduler().now().as_nanos() / 1_000;
    let (seconds, micros) = (now / 1_000_000, now % 1_000_000);
    let timestamp = [seconds / 1_000_000, seconds % 1_000_000, micros].map(facts::number);
    let memory = facts::memory(&node);
    let memory = memory.into_iter().map(|(name, bytes)| facts::pair(name, Term::from(bytes)));
    let info = [
        Term::atom("etop_info"),
        Term::tuple(timestamp),
        facts::number(all.len()),
        Term::atom("undefined"),
        statistics("scheduler_wall_time"),
        statistics("run_queue"),
        Term::Nil,
        Term::list(memory),
        Term::list(all),
    ];
    let message = Term::tuple([Term::Pid(call.cx().pid()), Term::tuple(info)]);
    drop(call.cx().send(collector, message));
    Ok(Term::atom("ok"))
}

/// Every process but the running one, as `#etop_proc_info{}`.
fn processes(call: &mut RemoteCall) -> Vec<Term> {
    let me = call.cx().pid();
    let node = call.node();
    let of = |pid: Pid| {
        let info = node.processes().info(pid)?;
        let item =
            |item| facts::process_item(node, &info, &Term::atom(item)).unwrap_or_else(|| Term::from(0));
        let name = match item("registered_name") {
            Term::Nil => item("initial_call"),
            name => name,
        };
        let parts = [
            Term::atom("etop_proc_info"),
            Term::Pid(pid),
            item("memory"),
            item("reductions"),
            name,
            Term::from(0),
            item("current_function"),
            item("message_queue_len"),
        ];
        Some(Term::tuple(parts))
    };
    let mut pids = node.processes().pids();
    pids.sort_unstable();
    pids.into_iter().filter(|pid| *pid != me).filter_map(of).collect()
}

/// Sends `{stats, 1, SchedulerWallTime, Io, Memory}` again and again, until any message arrives, or who looks is gone: its
/// node may be lost, and nobody be linked to this process.
async fn fetch_stats(mut call: RemoteCall) -> Result<Term, Raise> {
    let collector = collector(&call)?;
    let millis = call.args().get(1).and_then(Term::as_int).and_then(|millis| u64::try_from(millis).ok());
    let interval = Duration::from_millis(millis.ok_or_else(Raise::badarg)?).max(STATS_INTERVAL_MIN);
    let node = std::sync::Arc::clone(call.node());
    // The end of who looks is a message too.
    call.cx().trap_exit(true);
    call.cx().monitor(collector);
    loop {
        match call.cx().recv_timeout(interval).await {
            Some(Mail::Message(_) | Mail::Down(_) | Mail::Exit(_) | Mail::Other(_)) => {
                return Ok(Term::atom("ok"));
            }
            None => {
                let statistics = |item| facts::statistics(&node, &Term::atom(item)).unwrap_or(Term::Nil);
                let memory = facts::memory(&node);
                let memory = memory.into_iter().map(|(name, bytes)| facts::pair(name, Term::from(bytes)));
                let stats = [
                    Term::atom("stats"),
                    Term::from(1),
                    statistics("scheduler_wall_time"),
                    statistics("io"),
                    Term::list(memory),
                ];
                call.cx().ready(collector).await;
                drop(call.cx().send(collector, Term::tuple(stats)));
            }
        }
    }
}
