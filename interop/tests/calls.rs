//! Calls, casts and plain messages from Erlang into Rust servers.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::{Atom, CallError, Cx, Dynamic, Mail, Node, NodeName, Service, SpawnOptions, Term};
use stage::{Stage, start_canned};

#[test]
fn call_and_cast_a_rust_gen_server() {
    let Some(stage) = Stage::new() else { return };
    stage.check("gen_server:call({counter, $N}, {add, 3}).", "3");
    stage.check("gen_server:call({counter, $N}, {add, -5}).", "-2");
    stage.check("gen_server:call({counter, $N}, get).", "-2");
    stage.check("gen_server:cast({counter, $N}, reset).", "ok");
    stage.check("gen_server:call({counter, $N}, get).", "0");
    stage.check("gen_server:call({counter, $N}, {sleep, 20}).", "ok");
}

#[test]
fn big_integers_are_added() {
    let Some(stage) = Stage::new() else { return };
    stage.check("gen_server:call({counter, $N}, {add, 1 bsl 200}) =:= 1 bsl 200.", "true");
    stage.check("gen_server:call({counter, $N}, {add, -(1 bsl 200)}).", "0");
}

#[test]
fn unknown_and_ill_typed_calls_give_the_caller_an_exit_and_leave_the_server_alone() {
    let Some(stage) = Stage::new() else { return };
    stage.check("gen_server:call({counter, $N}, {add, 7}).", "7");
    for request in
        ["no_such_call", "{add, two}", "{add, 1, 2}", "add", "{}", "[]", "#{}", "<<1,2>>", "1.5", "self()"]
    {
        stage.check(
            &format!(
                "fun() -> try gen_server:call({{counter, $N}}, {request}) of R -> {{no_exit, R}} \
                 catch exit:{{{{bad_request, Why}}, {{gen_server, call, _}}}} when is_binary(Why) -> refused end end()."
            ),
            "refused",
        );
    }
    stage.check("gen_server:call({counter, $N}, get).", "7");
}

#[test]
fn a_call_that_the_server_drops_ends_at_once_with_its_reason() {
    let Some(stage) = Stage::new() else { return };
    start_deaf(&stage.node);
    for _ in 0..2 {
        stage.check(
            "try gen_server:call({deaf, $N}, anything, infinity) \
             catch exit:{{no_reply, Text}, {gen_server, call, _}} when is_binary(Text) -> no_reply end.",
            "no_reply",
        );
    }
    stage.check("erlang:process_info(self(), message_queue_len).", "{message_queue_len,0}");
}

#[test]
fn a_call_that_the_server_of_another_rust_node_drops_is_no_reply() {
    let port = engset_testkit::free_port().unwrap();
    let here = start_canned("here@127.0.0.1", port, false);
    let there = start_canned("there@127.0.0.1", port, false);
    start_deaf(&there);
    let outcome = here.block_on(|_cx| async {
        let there = NodeName::new("there@127.0.0.1").unwrap();
        let deaf = Service::<Dynamic>::at(Atom::new("deaf").unwrap(), there);
        Dynamic::call(&deaf, Term::atom("anything")).no_timeout().await
    });
    assert_eq!(outcome.unwrap(), Err(CallError::NoReply));
}

/// Starts a server `deaf` that drops every request.
fn start_deaf(node: &Node) {
    let options = SpawnOptions { name: Some(Atom::new("deaf").unwrap()), ..SpawnOptions::default() };
    let spawned = node.processes().spawn(options, |mut cx: Cx<Dynamic>| async move {
        while let Mail::Message(message) = cx.recv().await {
            drop(message);
        }
    });
    spawned.unwrap();
}

#[test]
fn a_timed_out_call_leaves_nothing_behind() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "catch element(1, element(2, (catch gen_server:call({counter, $N}, {sleep, 300}, 30)))).",
        "timeout",
    );
    stage.check("gen_server:call({counter, $N}, get).", "0");
    stage.check("erlang:process_info(self(), message_queue_len).", "{message_queue_len,0}");
}

#[test]
fn multi_call_and_abcast_reach_the_rust_node() {
    let Some(stage) = Stage::new() else { return };
    stage.check("gen_server:multi_call([$N], counter, {add, 1}) =:= {[{$N, 1}], []}.", "true");
    stage.check("gen_server:abcast([$N], counter, reset).", "abcast");
    stage.check("gen_server:call({counter, $N}, get).", "0");
}

#[test]
fn calls_by_pid_and_send_request() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "R = gen_server:send_request({counter, $N}, {add, 2}), gen_server:receive_response(R, 5000).",
        "{reply,2}",
    );
    stage.check("R2 = gen_server:send_request({counter, $N}, bad), element(1, gen_server:receive_response(R2, 5000)).", "error");
}

#[test]
fn plain_messages_reach_a_registered_process() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "{sink, $N} ! hello, {sink, $N} ! {report, self()}, receive M -> M after 5000 -> none end.",
        "{count,1,hello}",
    );
    stage.check("{sink, $N} ! {report, self()}, receive M2 -> M2 after 5000 -> none end.", "{count,0,none}");
}

#[test]
fn a_message_to_an_unknown_name_is_dropped() {
    let Some(stage) = Stage::new() else { return };
    stage.check("{nobody, $N} ! hello, net_adm:ping($N).", "pong");
    stage.check("element(1, element(2, (catch gen_server:call({nobody, $N}, get)))).", "noproc");
}

#[test]
fn a_server_killed_from_erlang_is_replaced() {
    let Some(stage) = Stage::new() else { return };
    stage.check("gen_server:call({counter, $N}, {add, 9}).", "9");
    stage.eval(
        "M = erlang:monitor(process, {counter, $N}), gen_server:cast({counter, $N}, {crash, on_purpose}), \
         Reason = receive {'DOWN', M, process, _, R} -> R after 5000 -> none end.",
    );
    stage.check("element(1, Reason).", "panic");
    stage.check(
        "Again = fun F(0) -> gave_up; F(K) -> try gen_server:call({counter, $N}, get) catch exit:{noproc, _} -> F(K - 1) end end, Again(1000).",
        "0",
    );
}
