//! `rpc`, `erpc` and `spawn` from a live Erlang node into an Engset node (`rpc_SUITE`, `erpc_SUITE`).

mod stage;

use engset::NodeName;
use stage::Stage;
use std::time::Duration;

/// `rpc_SUITE` `call`; `erpc_SUITE` `call`: values and exceptions of all classes, as from an Erlang node.
#[test]
fn call() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:call($N, canned, echo, [{a, \"b\", #{c => 1.5}}]).", "{a,\"b\",#{c => 1.5}}");
    stage.check("rpc:call($N, erlang, node, []) =:= $N.", "true");
    stage.check("rpc:call($N, canned, raise, [exit, gone], 5000).", "{badrpc,{'EXIT',gone}}");
    stage
        .check("rpc:call($N, canned, raise, [error, bad]).", "{badrpc,{'EXIT',{bad,[{canned,raise,2,[]}]}}}");
    stage.check("rpc:call($N, no_mod, f, [1, 2]).", "{badrpc,{'EXIT',{undef,[{no_mod,f,[1,2],[]}]}}}");
    stage.check("erpc:call($N, canned, echo, [x]).", "x");
    stage.check("catch erpc:call($N, canned, raise, [throw, ball]).", "ball");
    stage.check("try erpc:call($N, canned, raise, [exit, gone]) catch exit:R -> R end.", "{exception,gone}");
    stage.check(
        "try erpc:call($N, canned, raise, [error, bad]) catch error:{exception, E, St} -> {E, St} end.",
        "{bad,[{canned,raise,2,[]}]}",
    );
    stage.check(
        "try erpc:call($N, os, cmd, [\"id\"]) catch error:{exception, E2, St2} -> {E2, St2} end.",
        "{undef,[{os,cmd,[\"id\"],[]}]}",
    );
    stage.check("erlang:process_info(self(), message_queue_len).", "{message_queue_len,0}");
    assert_eq!(stage.node.functions().running(), 0);
}

/// `rpc_SUITE` `called_throws`.
#[test]
fn called_throws() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:call($N, canned, raise, [throw, up]).", "up");
    stage.check("rpc:block_call($N, canned, raise, [throw, up]).", "up");
}

/// `rpc_SUITE` `called_dies`: the process that runs the function is killed, or panics.
#[test]
fn called_dies() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("K = rpc:async_call($N, canned, wait, []).");
    stage.eval(
        "Find = fun F() -> case [P || P <- rpc:call($N, erlang, processes, []), \
         rpc:call($N, erlang, process_info, [P, label]) =:= {label, <<\"canned:wait/0\">>}] of [P] -> P; [] -> F() end end.",
    );
    stage.check("exit(Find(), kill), rpc:yield(K).", "{badrpc,{'EXIT',killed}}");
    stage.check("{badrpc,{'EXIT',{panic,_,_}}} = rpc:call($N, canned, panic, []), ok.", "ok");
}

/// `rpc_SUITE`, `erpc_SUITE` `call_reqtmo`: a call is given up in time, and its process told nothing more of.
#[test]
fn call_reqtmo() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:call($N, canned, sleep, [2000], 20).", "{badrpc,timeout}");
    stage.check("try erpc:call($N, canned, sleep, [2000], 20) catch error:E -> E end.", "{erpc,timeout}");
    stage.check("rpc:call($N, canned, sleep, [1], 5000).", "ok");
    stage.check("erlang:process_info(self(), message_queue_len).", "{message_queue_len,0}");
}

/// `rpc_SUITE` `block_call`: one after the other, in `rex`.
#[test]
fn block_call() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:block_call($N, canned, echo, [x]).", "x");
    stage.check("rpc:block_call($N, canned, sleep, [500], 20).", "{badrpc,timeout}");
    stage.check("rpc:block_call($N, canned, raise, [exit, gone]).", "{badrpc,{'EXIT',gone}}");
    stage.check("rpc:block_call($N, no_mod, f, []).", "{badrpc,{'EXIT',{undef,[{no_mod,f,[],[]}]}}}");
    stage.check("rpc:block_call($N, canned, leader, []) =:= group_leader().", "true");
}

/// `rpc_SUITE` `async_call`; `erpc_SUITE` `send_request`, `send_request_fun`.
#[test]
fn async_call() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "A = rpc:async_call($N, canned, sleep, [50]), B = rpc:async_call($N, canned, echo, [b]), \
         {rpc:yield(B), rpc:nb_yield(A, 5000)}.",
        "{b,{value,ok}}",
    );
}

/// `erpc_SUITE` `send_request`, and its receives with time limits.
#[test]
fn send_request() {
    let Some(stage) = Stage::new() else { return };
    stage.check("R = erpc:send_request($N, canned, echo, [v]), erpc:receive_response(R).", "v");
    stage.check(
        "R2 = erpc:send_request($N, canned, sleep, [200]), [erpc:wait_response(R2, 0), erpc:wait_response(R2, infinity)].",
        "[no_response,{response,ok}]",
    );
    stage.check(
        "R3 = erpc:send_request($N, canned, sleep, [2000]), try erpc:receive_response(R3, 20) catch error:E -> E end.",
        "{erpc,timeout}",
    );
    stage.check(
        "R4 = erpc:send_request($N, canned, raise, [error, oops]), M4 = receive Msg4 -> Msg4 end, \
         try erpc:check_response(M4, R4) catch error:{exception, E4, _} -> E4 end.",
        "oops",
    );
    // A fun of the BEAM cannot run here; the caller is told so.
    stage.check(
        "R5 = erpc:send_request($N, fun() -> 1 end), try erpc:receive_response(R5) catch error:{exception, E5, _} -> E5 end.",
        "undef",
    );
}

/// `rpc_SUITE` `multicall`, `multicall_mix`; `erpc_SUITE` `multicall`, `multicast`.
#[test]
fn multicall() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:multicall([$N, node()], erlang, node, []) =:= {[$N, node()], []}.", "true");
    stage.check(
        "erpc:multicall([$N, node(), 'no@127.0.0.1'], erlang, abs, [-1]).",
        "[{error,{exception,undef,[{erlang,abs,[-1],[]}]}},{ok,1},{error,{erpc,noconnection}}]",
    );
    stage.check("erpc:multicall([$N, $N], canned, sleep, [1], 5000).", "[{ok,ok},{ok,ok}]");
    stage.check("erpc:multicast([$N, $N], canned, send, [self(), hi]).", "ok");
    stage.check("[receive {P, hi} when is_pid(P) -> ok end || _ <- [1, 2]].", "[ok,ok]");
}

/// `erpc_SUITE` `multicall_recv_opt`: many answers, past thousands of messages that the caller has not read.
#[test]
fn multicall_recv_opt() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("[self() ! {unread, N} || N <- lists:seq(1, 10000)], ok.");
    stage.eval("Many = lists:duplicate(1000, $N).");
    stage.check(
        "lists:usort(erpc:multicall(Many, canned, echo, [x])) =:= [{ok, x}] andalso length(Many).",
        "1000",
    );
    stage.check("lists:usort(erpc:multicall(Many, canned, raise, [throw, up])) =:= [{throw, up}].", "true");
    stage.check("erlang:process_info(self(), message_queue_len).", "{message_queue_len,10000}");
    assert_eq!(stage.node.functions().running(), 0);
}

/// `erpc_SUITE` `multicall_recv_opt2`: among many nodes are some that are not there, and functions that are not.
#[test]
fn multicall_recv_opt2() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("Mixed = lists:append(lists:duplicate(200, [$N, 'no@127.0.0.1', node()])).");
    stage.eval("Answers = erpc:multicall(Mixed, canned, echo, [x]).");
    // In the order of the nodes; there is no such module at the Erlang node.
    stage.check(
        "Sorts = [case A of {ok, x} -> ok; {error, {erpc, R}} -> R; {error, {exception, E, _}} -> E end || A <- Answers], \
         Sorts =:= lists:append(lists:duplicate(200, [ok, noconnection, undef])).",
        "true",
    );
    stage.check("erlang:process_info(self(), message_queue_len).", "{message_queue_len,0}");
}

/// `erpc_SUITE` `multicall_recv_opt3`: answers that come too late are nobody's.
#[test]
fn multicall_recv_opt3() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("Late = lists:duplicate(100, $N), erlang:send(self(), unread).");
    stage.check(
        "lists:usort(erpc:multicall(Late, canned, sleep, [300], 20)) =:= [{error, {erpc, timeout}}].",
        "true",
    );
    // Behind all late answers, since what is asked later ends later.
    stage.check("erpc:multicall([$N], canned, sleep, [600]).", "[{ok,ok}]");
    stage.check("erlang:process_info(self(), messages).", "{messages,[unread]}");
}

/// `rpc_SUITE` `multicall_timeout`, `multicall_dies`; `erpc_SUITE` `multicall_reqtmo`.
#[test]
fn multicall_timeout() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:multicall([$N], canned, sleep, [2000], 20) =:= {[], [$N]}.", "true");
    stage.check("erpc:multicall([$N], canned, sleep, [2000], 20).", "[{error,{erpc,timeout}}]");
    stage.check("rpc:multicall([$N], canned, raise, [exit, e]).", "{[{badrpc,{'EXIT',e}}],[]}");
}

/// `erpc_SUITE` `cast`; `rpc:cast`, and what `rex` does for it.
#[test]
fn cast() {
    let Some(stage) = Stage::new() else { return };
    stage.check("erpc:cast($N, canned, send, [self(), one]), receive {_, M} -> M end.", "one");
    stage.check("rpc:cast($N, canned, send, [self(), two]), receive {_, M2} -> M2 end.", "two");
    stage.check("gen_server:cast({rex, $N}, {cast, canned, send, [self(), three], group_leader()}), receive {_, M3} -> M3 end.", "three");
    stage.check(
        "erpc:cast($N, nope, f, []), erlang:process_info(self(), message_queue_len).",
        "{message_queue_len,0}",
    );
}

/// `spawn/4` and its like: links, monitors, exit signals and kill act on a process of ours.
#[test]
fn spawned_processes_are_linked_monitored_and_killed() {
    let Some(stage) = Stage::new() else { return };
    stage.check("process_flag(trap_exit, true).", "false");
    stage.check("P = spawn($N, canned, send, [self(), hi]), receive {P, hi} -> ok end.", "ok");
    stage.check("{P2, M2} = spawn_monitor($N, canned, wait, []), P2 ! go, receive {'DOWN', M2, process, P2, R2} -> R2 end.", "normal");
    stage.check(
        "P3 = spawn_link($N, canned, wait, []), exit(P3, kill), receive {'EXIT', P3, R3} -> R3 end.",
        "killed",
    );
    stage.check("{P4, M4} = spawn_monitor($N, canned, raise, [exit, why]), receive {'DOWN', M4, process, P4, R4} -> R4 end.", "why");
    stage.check(
        "{P5, M5} = spawn_monitor($N, canned, raise, [error, why]), receive {'DOWN', M5, process, P5, R5} -> R5 end.",
        "{why,[{canned,raise,2,[]}]}",
    );
    stage.check(
        "{P6, M6} = spawn_monitor($N, no_mod, f, [x]), receive {'DOWN', M6, process, P6, R6} -> R6 end.",
        "{undef,[{no_mod,f,[x],[]}]}",
    );
    stage.check(
        "{P7, M7} = spawn_opt($N, canned, wait, [], [link, monitor, {priority, high}]), unlink(P7), exit(P7, bye), \
         receive {'DOWN', M7, process, P7, R7} -> R7 end.",
        "bye",
    );
    stage.check("Ask = spawn_request($N, canned, wait, [], [monitor]), receive {spawn_reply, Ask, ok, Q} -> is_pid(Q) end.", "true");
    stage
        .check("try spawn_opt($N, canned, wait, [], [monitor, no_option]) catch error:E -> E end.", "badarg");
}

/// `seq_trace_SUITE` `dist_spawn_error`: a spawn request with an option that there is not.
#[test]
fn dist_spawn_error() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "S = spawn_request($N, canned, wait, [], [{priority, great}]), receive {spawn_reply, S, error, E} -> E end.",
        "badopt",
    );
    stage.check(
        "seq_trace:set_token(label, 17), seq_trace:set_token(send, true), \
         S2 = spawn_request($N, canned, wait, [], [{priority, great}]), \
         T2 = receive {spawn_reply, S2, error, badopt} -> element(1, seq_trace:get_token(label)) end, \
         seq_trace:set_token([]), T2.",
        "label",
    );
}

/// `seq_trace_SUITE` `inherit_on_dist_spawn`: a process that is asked for with a token has it, and its answer too.
#[test]
fn inherit_on_dist_spawn() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "seq_trace:set_token(label, 5), S = spawn_request($N, canned, send, [self(), traced], [monitor]), \
         receive {spawn_reply, S, ok, P} -> ok end, {_, 5, N, P, L} = seq_trace:get_token(), \
         receive {P, traced} -> ok end, {_, 5, N1, P, L} = seq_trace:get_token(), \
         receive {'DOWN', S, process, P, R} -> ok end, seq_trace:set_token([]), {R, N - L, N1 - N}.",
        "{normal,1,1}",
    );
}

/// `distribution_SUITE` `group_leader`: it is the caller's, and can be changed.
#[test]
fn group_leader() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:call($N, canned, leader, []) =:= group_leader().", "true");
    stage.check("erpc:call($N, canned, leader, []) =:= group_leader().", "true");
    stage.check(
        "{P, M} = spawn_monitor($N, canned, leader_later, []), Before = group_leader(), group_leader(self(), P), \
         P ! self(), receive {leader, L} -> ok end, receive {'DOWN', M, process, P, _} -> {L =:= self(), Before =/= L} end.",
        "{true,true}",
    );
}

/// `rpc_SUITE`, `erpc_SUITE` `timeout_limit`: the longest time limits there are.
#[test]
fn timeout_limit() {
    let Some(stage) = Stage::new() else { return };
    stage.check("rpc:call($N, erlang, node, [], 16#ffffffff) =:= $N.", "true");
    stage.check("erpc:call($N, erlang, node, [], 16#ffffffff) =:= $N.", "true");
    stage.check("rpc:block_call($N, erlang, node, [], 16#ffffffff) =:= $N.", "true");
}

/// `rpc_SUITE` `off_heap`: a large binary as argument and as value.
#[test]
fn off_heap() {
    let Some(stage) = Stage::new() else { return };
    stage.check("B = binary:copy(<<\"engset\">>, 1000000), rpc:call($N, canned, echo, [B]) =:= B.", "true");
}

/// `rpc_SUITE` `called_node_dies`, `multicall_node_dies`: the node stops while a call waits.
#[test]
fn called_node_dies() {
    let Some(Stage { beam, node, .. }) = Stage::new() else { return };
    let name = stage::RUST;
    beam.eval(&format!("K = rpc:async_call('{name}', canned, wait, []).")).unwrap();
    beam.eval(&format!("pong = net_adm:ping('{name}'), erlang:monitor_node('{name}', true).")).unwrap();
    let clock = node.processes().scheduler().clone();
    let due = clock.now().saturating_add(Duration::from_secs(30));
    while node.functions().running() == 0 {
        assert!(clock.now() < due, "the function was not begun");
        std::thread::yield_now();
    }
    node.stop();
    assert_eq!(beam.eval("receive {nodedown, _} -> ok end, {badrpc, W} = rpc:yield(K), lists:member(W, [nodedown, {'EXIT', killed}]).").unwrap(), "true");
    assert_eq!(
        beam.eval(&format!("rpc:multicall(['{name}'], erlang, node, []).")).unwrap(),
        format!("{{[],['{name}']}}")
    );
}

#[test]
fn a_denied_peer_is_told_so_and_limits_hold() {
    let Some(stage) = Stage::new() else { return };
    let peer = NodeName::new(stage.beam.node_name()).unwrap();
    stage.node.functions().deny(peer).unwrap();
    stage.check("rpc:call($N, erlang, node, []).", "{badrpc,notsup}");
    stage.check("try erpc:call($N, erlang, node, []) catch error:E -> E end.", "{erpc,notsup}");
    stage.check("gen_server:cast({rex, $N}, {cast, erlang, node, [], user}).", "ok");
    // In the name of another, as a C node may ask.
    stage.check(
        "{rex, $N} ! {rpc:call(node(), erlang, whereis, [init]), {call, erlang, node, [], user}}, ok.",
        "ok",
    );
    let called = "gen_server:call({rex, $N}, {call, erlang, node, [], user}).";
    stage.check(called, "{badrpc,{'EXIT',notsup}}");
    assert_eq!(stage.node.functions().counts().denied, 5);
    assert_eq!(stage.node.functions().counts().begun, 0);
    assert!(stage.node.functions().permit(peer));
    stage.check("rpc:call($N, erlang, node, []) =:= $N.", "true");
    stage.check(
        "try erpc:call($N, canned, echo, [<<0:(17 * 1024 * 1024 * 8)>>]) catch error:E2 -> E2 end.",
        "{erpc,system_limit}",
    );
    assert_eq!(stage.node.functions().counts().over_limit, 1);
}

/// What is said to `rex` as such: messages of C nodes, `sbcast`, `server_call`.
#[test]
fn rex() {
    let Some(stage) = Stage::new() else { return };
    stage.check("{rex, $N} ! {self(), {call, canned, echo, [c], user}}, receive {rex, R} -> R end.", "c");
    stage.check("{rex, $N} ! {self(), {call, nope, f, [], user}}, receive {rex, {badrpc, {'EXIT', {undef, _}}}} -> ok end.", "ok");
    stage.check("rpc:sbcast([$N], sink, hello) =:= {[$N], []}.", "true");
    stage.check("rpc:sbcast([$N], nobody, hello) =:= {[], [$N]}.", "true");
    stage.check("{sink, $N} ! {report, self()}, receive {count, C, _} -> C end.", "1");
    stage.check("rpc:server_call($N, no_server, no_reply, hello).", "{error,nodedown}");
    stage.check("rpc:server_call($N, rex, rex, {sbcast, sink, hello}) =:= $N.", "true");
    stage.check("gen_server:call({rex, $N}, {call, canned, echo, [d], group_leader()}).", "d");
    stage.check("{rex, $N} ! {self(), features_request}, receive {features_reply, _, F} -> F end.", "[erpc]");
}
