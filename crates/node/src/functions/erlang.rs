//! The functions of `erlang`, `net_kernel`, `net_adm` and `proc_lib` that tools call on a node.

use super::{Functions, Raise, RemoteCall, facts, outcome};
use crate::hooks::StopWish;
use crate::kernel;
use crate::nodes::NodeList;
use engset_process::{ExitReason, ProcessInfo};
use engset_term::{Atom, NodeName, Pid, Term};

type Answer = Result<Term, Raise>;

pub(super) fn allow(functions: &Functions) {
    let read = |name, arity, answer: fn(&mut RemoteCall) -> Answer| {
        functions.allow("erlang", name, arity, move |mut call| {
            let answer = answer(&mut call);
            async move { answer }
        });
    };
    read("node", 0, |call| Ok(facts::node_atom(call.node().name())));
    read("self", 0, |call| Ok(Term::Pid(call.cx().pid())));
    read("group_leader", 0, |call| Ok(call.cx().group_leader().map_or(Term::atom("undefined"), Term::Pid)));
    read("nodes", 0, |call| Ok(nodes(call, NodeList::Visible)));
    read("nodes", 1, |call| match call.args().first().and_then(Term::as_atom).map(Atom::as_str) {
        Some("visible") => Ok(nodes(call, NodeList::Visible)),
        Some("hidden") => Ok(nodes(call, NodeList::Hidden)),
        Some("connected") => Ok(nodes(call, NodeList::Connected)),
        Some("this") => Ok(nodes(call, NodeList::This)),
        Some("known") => Ok(nodes(call, NodeList::Known)),
        _ => Err(Raise::badarg()),
    });
    read("processes", 0, |call| Ok(pids(call)));
    read("process_info", 1, process_info);
    read("process_info", 2, process_info_of);
    read("registered", 0, |call| {
        let names = call.node().processes().registered();
        Ok(Term::list(names.into_iter().map(|(name, _)| Term::Atom(name))))
    });
    read("whereis", 1, |call| {
        let name = call.args().first().and_then(Term::as_atom).cloned().ok_or_else(Raise::badarg)?;
        let pid = call.node().processes().whereis(&name);
        Ok(pid.map_or(Term::atom("undefined"), Term::Pid))
    });
    read("is_process_alive", 1, |call| {
        let pid = local_pid(call, 0)?;
        Ok(facts::atom(if call.node().processes().is_alive(pid) { "true" } else { "false" }))
    });
    read("list_to_pid", 1, list_to_pid);
    read("pid_to_list", 1, |call| {
        let pid = local_pid(call, 0)?;
        Ok(facts::pid_text(pid))
    });
    allow_numbers(functions);
    allow_apply(functions);
    allow_others(functions);
    allow_init(functions);
    allow_changes(functions);
}

/// What the node counts, and what it could have and has not.
fn allow_numbers(functions: &Functions) {
    let read = |name, arity, answer: fn(&mut RemoteCall) -> Answer| {
        functions.allow("erlang", name, arity, move |mut call| {
            let answer = answer(&mut call);
            async move { answer }
        });
    };
    read("memory", 0, |call| {
        let memory = facts::memory(call.node());
        Ok(Term::list(memory.into_iter().map(|(name, bytes)| facts::pair(name, Term::from(bytes)))))
    });
    read("memory", 1, memory_of);
    read("statistics", 1, |call| {
        let item = call.args().first().ok_or_else(Raise::badarg)?;
        facts::statistics(call.node(), item).ok_or_else(Raise::badarg)
    });
    read("system_info", 1, |call| {
        let item = call.args().first().ok_or_else(Raise::badarg)?;
        facts::system_info(call.node(), item).ok_or_else(Raise::badarg)
    });
    read("ports", 0, |_| Ok(Term::Nil));
    read("port_info", 1, |_| Ok(Term::atom("undefined")));
    read("port_info", 2, |_| Ok(Term::atom("undefined")));
    read("garbage_collect", 1, |call| {
        let pid = local_pid(call, 0)?;
        Ok(facts::atom(if call.node().processes().is_alive(pid) { "true" } else { "false" }))
    });
    read("function_exported", 3, |call| match call.args() {
        [module, function, arity] => {
            let (Some(module), Some(function)) = (module.as_atom(), function.as_atom()) else {
                return Err(Raise::badarg());
            };
            let arity =
                arity.as_int().and_then(|arity| usize::try_from(arity).ok()).ok_or_else(Raise::badarg)?;
            let is_there = call.node().functions().find(module, function, arity).is_some();
            Ok(facts::atom(if is_there { "true" } else { "false" }))
        }
        _ => Err(Raise::badarg()),
    });
    read("monotonic_time", 0, |call| Ok(facts::number(call.node().processes().scheduler().now().as_nanos())));
}

/// `apply/3` runs what is allowed itself.
fn allow_apply(functions: &Functions) {
    functions.allow("erlang", "apply", 3, |mut call| async move {
        let [module, function, args] = call.take_args()?;
        let mut wanted = outcome::wanted(&module, &function, &args).map_err(|raised| raised.raise)?;
        // One that applies another is gone through here: each in the other's future would need the stack of them all.
        while let [module, function, args] = wanted.args.as_slice()
            && wanted.module == *call.module()
            && wanted.function == *call.function()
        {
            wanted = outcome::wanted(module, function, args).map_err(|raised| raised.raise)?;
        }
        let node = std::sync::Arc::clone(call.node());
        let call = RemoteCall { module: wanted.module, function: wanted.function, args: wanted.args, ..call };
        let run: super::FunctionFuture =
            Box::pin(async move { node.functions().run(call).await.map_err(|raised| raised.raise) });
        run.await
    });
}

fn allow_others(functions: &Functions) {
    let read = |module, name, arity, answer: fn(&mut RemoteCall) -> Answer| {
        functions.allow(module, name, arity, move |mut call| {
            let answer = answer(&mut call);
            async move { answer }
        });
    };
    read("net_kernel", "get_net_ticktime", 0, |call| {
        Ok(facts::number(call.node().config().tick.net_ticktime.as_secs()))
    });
    // Who is told is the process that runs the call, and that ends with it, here as in OTP.
    read("net_kernel", "monitor_nodes", 1, |_call| Ok(Term::atom("ok")));
    read("net_kernel", "monitor_nodes", 2, |_call| Ok(Term::atom("ok")));
    read("erlang", "monitor_node", 2, |_call| Ok(Term::atom("true")));
    read("net_kernel", "longnames", 0, |call| {
        Ok(Term::atom(if call.node().name().host_part().contains('.') { "true" } else { "false" }))
    });
    read("net_kernel", "nodename", 0, |call| Ok(facts::node_atom(call.node().name())));
    read("net_kernel", "nodes_info", 0, |call| {
        let info = |(name, visible)| {
            let kind = Term::atom(if visible { "normal" } else { "hidden" });
            let facts = [facts::pair("state", Term::atom("up")), facts::pair("type", kind)];
            Ok(Term::tuple([facts::node_atom(name), Term::list(facts)]))
        };
        let nodes: Result<Vec<Term>, Raise> = call.node().connected().into_iter().map(info).collect();
        Ok(Term::tuple([Term::atom("ok"), Term::list(nodes?)]))
    });
    read("proc_lib", "translate_initial_call", 1, |call| {
        Ok(facts::translated_initial_call(told_of(call).as_ref()))
    });
    read("proc_lib", "initial_call", 1, |call| {
        let info = told_of(call).filter(|info| info.behaviour.is_some());
        let call = facts::translated_initial_call(info.as_ref());
        match (info, call.as_tuple()) {
            (Some(_), Some([module, function, _arity])) => {
                let arguments = Term::list([Term::atom("Argument__1")]);
                Ok(facts::triple([module.clone(), function.clone(), arguments]))
            }
            _ => Ok(Term::atom("false")),
        }
    });
    read("net_adm", "localhost", 0, |call| Ok(Term::charlist(&call.node().name().host_part())));
}

/// What changes or ends something.
fn allow_changes(functions: &Functions) {
    let change = |module, name, arity, act: fn(&mut RemoteCall) -> Answer| {
        functions.allow_change(module, name, arity, move |mut call| {
            let answer = act(&mut call);
            async move { answer }
        });
    };
    change("erlang", "exit", 2, |call| {
        let [to, reason] = call.take_args()?;
        let to = to.as_pid().ok_or_else(Raise::badarg)?;
        call.cx().exit(to, ExitReason::from_term(reason));
        Ok(Term::atom("true"))
    });
    change("erlang", "register", 2, |call| {
        let [name, pid] = call.take_args()?;
        let (Some(name), Some(pid)) = (name.as_atom(), pid.as_pid()) else { return Err(Raise::badarg()) };
        // Who asks from a BEAM expects its rule: one name for a process, and none that says that there is none.
        let has_one = call.node().processes().info(pid).is_some_and(|info| !info.names.is_empty());
        if has_one || name.as_str() == "undefined" {
            return Err(Raise::badarg());
        }
        let registered = call.node().processes().register(name, pid);
        registered.map(|()| Term::atom("true")).map_err(|_error| Raise::badarg())
    });
    change("erlang", "unregister", 1, |call| {
        let name = call.args().first().and_then(Term::as_atom).ok_or_else(Raise::badarg)?;
        if call.node().processes().unregister(name) { Ok(Term::atom("true")) } else { Err(Raise::badarg()) }
    });
    change("erlang", "group_leader", 2, |call| {
        let [leader, pid] = call.take_args()?;
        let (Some(leader), Some(pid)) = (leader.as_pid(), pid.as_pid()) else { return Err(Raise::badarg()) };
        call.cx().set_group_leader(pid, leader);
        Ok(Term::atom("true"))
    });
    change("erlang", "disconnect_node", 1, disconnect);
    change("net_kernel", "disconnect", 1, disconnect);
    functions.allow_change("net_kernel", "connect_node", 1, |mut call| async move {
        let name = node_name(&mut call)?;
        let is_connected = call.node().connect_and_wait(name).await.is_ok();
        Ok(facts::atom(if is_connected { "true" } else { "false" }))
    });
}

/// `init`: its state may be read; to stop needs a word of the node's program.
fn allow_init(functions: &Functions) {
    for name in ["get_status", "get_arguments", "get_plain_arguments", "script_id"] {
        functions.allow("init", name, 0, move |_| async move { Ok(kernel::init_answer(&Term::atom(name))) });
    }
    functions.allow("init", "get_argument", 1, |_| async { Ok(Term::atom("error")) });
    let stops = [
        ("init", "stop", 0, StopWish::Stop),
        ("init", "stop", 1, StopWish::Stop),
        ("erlang", "halt", 0, StopWish::Stop),
        ("erlang", "halt", 1, StopWish::Stop),
        ("init", "restart", 0, StopWish::Restart),
        ("init", "reboot", 0, StopWish::Restart),
    ];
    for (module, name, arity, wish) in stops {
        functions.allow_change(module, name, arity, move |call| async move {
            let is_taken = call.node().wish_stop(wish);
            if is_taken { Ok(Term::atom("ok")) } else { Err(Raise::Error(Term::atom("notsup"))) }
        });
    }
}

fn disconnect(call: &mut RemoteCall) -> Answer {
    let name = node_name(call)?;
    Ok(facts::atom(if call.node().disconnect(name) { "true" } else { "false" }))
}

fn node_name(call: &mut RemoteCall) -> Result<NodeName, Raise> {
    let [name] = call.take_args()?;
    let name = name.as_atom().ok_or_else(Raise::badarg)?;
    NodeName::new(name.as_str()).map_err(|_error| Raise::badarg())
}

fn nodes(call: &RemoteCall, which: NodeList) -> Term {
    Term::list(call.node().nodes(which).into_iter().map(facts::node_atom))
}

fn pids(call: &RemoteCall) -> Term {
    let mut pids = call.node().processes().pids();
    pids.sort_unstable();
    Term::list(pids.into_iter().map(Term::Pid))
}

/// An argument that must be a process of this node.
fn local_pid(call: &RemoteCall, index: usize) -> Result<Pid, Raise> {
    let pid = call.args().get(index).and_then(Term::as_pid).ok_or_else(Raise::badarg)?;
    if pid.node() == call.node().here() { Ok(pid) } else { Err(Raise::badarg()) }
}

/// What there is to tell of the process that is the first argument.
fn told_of(call: &RemoteCall) -> Option<ProcessInfo> {
    let pid = call.args().first().and_then(Term::as_pid)?;
    call.node().processes().info(pid)
}

fn process_info(call: &mut RemoteCall) -> Answer {
    let pid = local_pid(call, 0)?;
    let node = call.node();
    let Some(info) = node.processes().info(pid) else { return Ok(Term::atom("undefined")) };
    let name = info.names.first().map(|name| facts::pair("registered_name", Term::Atom(name.clone())));
    let usual = facts::USUAL_ITEMS.iter().filter_map(|item| {
        let value = facts::process_item(node, &info, &Term::atom(item))?;
        Some(facts::pair(item, value))
    });
    Ok(Term::list(name.into_iter().chain(usual)))
}

fn process_info_of(call: &mut RemoteCall) -> Answer {
    let pid = local_pid(call, 0)?;
    let items = call.args().get(1).ok_or_else(Raise::badarg)?;
    let node = call.node();
    let Some(info) = node.processes().info(pid) else { return Ok(Term::atom("undefined")) };
    let item = |item: &Term| {
        let value = facts::process_item(node, &info, item).ok_or_else(Raise::badarg)?;
        Ok(Term::tuple([item.clone(), value]))
    };
    match items.as_proper_list() {
        Some(items) => Ok(Term::list(items.iter().map(item).collect::<Result<Vec<Term>, Raise>>()?)),
        None if items.is_atom("registered_name") && info.names.is_empty() => Ok(Term::Nil),
        None => item(items),
    }
}

fn memory_of(call: &mut RemoteCall) -> Answer {
    let memory = facts::memory(call.node());
    let of = |kind: &Term| {
        let kind = kind.as_atom().ok_or_else(Raise::badarg)?;
        memory.iter().find(|(name, _)| *name == kind.as_str()).copied().ok_or_else(Raise::badarg)
    };
    let kinds = call.args().first().ok_or_else(Raise::badarg)?;
    let pair = |(name, bytes): (&'static str, i64)| facts::pair(name, Term::from(bytes));
    match kinds.as_proper_list() {
        Some(kinds) => {
            Ok(Term::list(kinds.iter().map(|kind| of(kind).map(pair)).collect::<Result<Vec<_>, _>>()?))
        }
        None => of(kinds).map(|(_, bytes)| Term::from(bytes)),
    }
}

/// `"<0.Id.Serial>"`: a process of this node.
fn list_to_pid(call: &mut RemoteCall) -> Answer {
    let text = call.args().first().and_then(Term::to_text).ok_or_else(Raise::badarg)?;
    let parts = text.strip_prefix("<0.").and_then(|rest| rest.strip_suffix('>'));
    let (id, serial) = parts.and_then(|parts| parts.split_once('.')).ok_or_else(Raise::badarg)?;
    let (Ok(id), Ok(serial)) = (id.parse(), serial.parse()) else { return Err(Raise::badarg()) };
    let processes = call.node().processes();
    Ok(Term::Pid(Pid::new(processes.node(), processes.creation(), id, serial)))
}
