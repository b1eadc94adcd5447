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

/// So many pieces one write to a socket takes, by Linux and the BSDs alike.
const IOV_MAX: u32 = 1_024;
/// What `socket_info/0` counts: the sockets that Erlang processes own, of which there are none here.
const SOCKET_COUNTS: [&str; 12] = [
    "num_sockets",
    "num_monitors",
    "num_dinet",
    "num_dinet6",
    "num_dlocal",
    "num_tstreams",
    "num_tdgrams",
    "num_tseqpkgs",
    "num_pip",
    "num_psctp",
    "num_ptcp",
    "num_pudp",
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
    functions.allow("observer_backend", "socket_info", 0, |_| async {
        let known = [("iov_max", IOV_MAX), ("num_cnt_bits", u64::BITS)];
        let counts = known.into_iter().chain(SOCKET_COUNTS.map(|name| (name, 0)));
        Ok(Term::list(counts.map(|(name, value)| facts::pair(name, Term::from(value)))))
    });
    functions.allow("observer_backend", "get_table_list", 2, |call| async move { table_list(&call) });
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
    let memory = facts::memory(node);
    let item = |name: &'static str| {
        let asked = match name {
            "schedulers_available" => Term::atom("schedulers"),
            "wordsize_internal" | "wordsize_external" => Term::atom("wordsize"),
            "alloc_info" => return facts::pair(name, alloc_info(&memory)),
            name => Term::atom(name),
        };
        facts::pair(name, facts::system_info(node, &asked).unwrap_or(Term::atom("undefined")))
    };
    let items = SYSTEM_ITEMS.into_iter().map(item);
    let kinds = memory.iter().map(|(name, bytes)| facts::pair(name, Term::from(*bytes)));
    Term::list(first.into_iter().chain(items).chain(kinds))
}

/// What `erlang:system_info({allocator_sizes, _})` tells, for one allocator: that of processes, with the bytes that
/// they take. Of an allocator without bytes observer's charts would make a division by zero.
fn alloc_info(memory: &[(&'static str, i64)]) -> Term {
    let bytes = memory.iter().find(|(name, _)| *name == "processes").map_or(1, |(_, bytes)| (*bytes).max(1));
    let sizes =
        |name| Term::tuple([Term::atom(name), Term::from(bytes), Term::from(bytes), Term::from(bytes)]);
    let carriers = facts::pair("mbcs", Term::list([sizes("blocks_size"), sizes("carriers_size")]));
    let instance = facts::triple([Term::atom("instance"), Term::from(0), Term::list([carriers])]);
    Term::list([facts::pair("eheap_alloc", Term::list([instance]))])
}

/// No table is here, of `ets` or of `mnesia`, which does not run; that observer tells its user.
fn table_list(call: &RemoteCall) -> Result<Term, Raise> {
    match call.args().first() {
        Some(kind) if kind.is_atom("mnesia") => {
            let text = format!("Mnesia is not running on: {}", call.node().name());
            Err(Raise::Throw(facts::pair("error", Term::charlist(&text))))
        }
        _ => Ok(Term::Nil),
    }
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
    let seconds = node.processes().unix_seconds();
    let timestamp = [seconds / 1_000_000, seconds % 1_000_000, 0].map(facts::number);
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
