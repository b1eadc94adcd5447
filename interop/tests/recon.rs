//! What `recon` asks of a node that has no `recon` itself: its functions that run where the engineer sits and call others
//! by `rpc`. The library is not installed here, so its calls are made one by one.

mod stage;

use stage::Stage;

/// `recon:info/1,2`: five lists of items.
#[test]
fn info() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("R = fun(M, F, A) -> rpc:call($N, M, F, A) end, P = R(erlang, whereis, [counter]).");
    stage.check(
        "[[K || {K, _} <- R(erlang, process_info, [P, Items])] =:= Items || Items <- [\
            [registered_name, dictionary, group_leader, status], \
            [links, monitors, monitored_by, trap_exit], \
            [memory, message_queue_len, heap_size, total_heap_size, garbage_collection], \
            [current_stacktrace, initial_call, reductions], \
            [binary], [message_queue_len]]].",
        "[true,true,true,true,true,true]",
    );
    stage.check("{registered_name, counter} =:= R(erlang, process_info, [P, registered_name]).", "true");
}

/// `recon:proc_count/2`, `recon:proc_window/3`, `recon:bin_leak/1`: attributes of all processes, twice.
#[test]
fn processes() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("R = fun(M, F, A) -> rpc:call($N, M, F, A) end.");
    // One that ran a call has ended since.
    stage.check(
        "Attrs = fun(Attr) -> lists:append([case R(erlang, process_info, [P, [Attr, registered_name, current_function, initial_call]]) of \
            undefined -> []; [{Attr, V}, {registered_name, _}, {current_function, {_, _, _}}, {initial_call, {_, _, _}}] -> [V] end || P <- R(erlang, processes, [])]) end, \
         [lists:all(fun(V) -> is_integer(V) end, Attrs(A)) || A <- [memory, message_queue_len, reductions, total_heap_size]].",
        "[true,true,true,true]",
    );
    stage.check(
        "lists:usort([is_boolean(R(erlang, garbage_collect, [P])) || P <- R(erlang, processes, [])]).",
        "[true]",
    );
}

/// `recon:node_stats/2`: numbers of the whole node; `recon:scheduler_usage/1`.
#[test]
fn node_stats() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("R = fun(M, F, A) -> rpc:call($N, M, F, A) end.");
    stage.check(
        "[is_integer(X) || X <- [R(erlang, system_info, [process_count]), R(erlang, statistics, [run_queue]), \
            R(erlang, memory, [total]), R(erlang, memory, [processes_used]), R(erlang, memory, [atom_used]), \
            R(erlang, memory, [binary]), R(erlang, memory, [ets])]].",
        "[true,true,true,true,true,true,true]",
    );
    stage.check("{{input, _}, {output, _}} = R(erlang, statistics, [io]), {_, _, 0} = R(erlang, statistics, [garbage_collection]), {_, _} = R(erlang, statistics, [reductions]), is_list(R(ets, all, [])).", "true");
    stage.check("R(erlang, system_flag, [scheduler_wall_time, true]), [{1, A, T} | _] = lists:sort(R(erlang, statistics, [scheduler_wall_time])), A =< T.", "true");
    stage.check("is_list(R(erlang, statistics, [scheduler_wall_time_all])).", "true");
}

/// `recon:port_types/0`, `recon:tcp/0`, `recon:inet_window/3`: a node of ours has no ports.
#[test]
fn ports() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:call($N, erlang, ports, []).", "[]");
}

/// `recon:get_state/1`, `recon:rpc/1` on several nodes.
#[test]
fn state_and_rpc() {
    let Some(stage) = Stage::new() else { return };
    stage.check("sys:get_state({counter, $N}, 5000).", "{opaque,<<\"interop::canned::counter::Counter\">>}");
    stage.check("{[Here, There], []} = rpc:multicall([node(), $N], erlang, node, []), {Here =:= node(), There =:= $N}.", "{true,true}");
    // A fun of the engineer's needs its module's code, which is not here.
    stage.check("{badrpc, _} = rpc:call($N, erlang, apply, [fun() -> node() end, []]), ok.", "ok");
}

/// `net_kernel` and what is told of nodes, asked over rpc.
#[test]
fn net_kernel_answers() {
    let Some(stage) = Stage::new() else { return };
    stage.check("gen_server:call({net_kernel, $N}, longnames).", "true");
    stage.check("rpc:call($N, net_kernel, longnames, []).", "true");
    stage.check("gen_server:call({net_kernel, $N}, {connect, normal, node()}).", "true");
    stage.check("gen_server:call({net_kernel, $N}, {connect, normal, 'nobody@127.0.0.1'}).", "false");
    stage.check("gen_server:call({net_kernel, $N}, {something, else}).", "{error,notsup}");
    stage.check("is_integer(rpc:call($N, net_kernel, get_net_ticktime, [])).", "true");
    // As in OTP, who is told is the process of the call, which ends with it.
    stage.check("rpc:call($N, net_kernel, monitor_nodes, [true]).", "ok");
    stage.check("rpc:call($N, erlang, monitor_node, [node(), true]).", "true");
}
