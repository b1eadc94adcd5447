//! Input and output over group leaders, both ways, between a live Erlang node and an Engset node.

mod stage;

use engset::{Atom, io, rpc};
use engset::{NodeName, Term};
use stage::Stage;
use std::sync::{Arc, Mutex};

/// A group leader on the Erlang node that passes on what is put, and answers lines.
const LEADER: &str = "Old = group_leader(), Me = self(), \
    GL = spawn(fun F() -> receive {io_request, From, As, {put_chars, unicode, C}} -> \
        Me ! {put, unicode:characters_to_list(C)}, From ! {io_reply, As, ok}, F(); \
      {io_request, From, As, {get_line, unicode, P}} -> Me ! {prompt, unicode:characters_to_list(P)}, \
        From ! {io_reply, As, \"typed\\n\"}, F(); \
      {io_request, From, As, _} -> From ! {io_reply, As, {error, enotsup}}, F() end end).";

#[test]
fn a_process_of_ours_writes_to_the_shell_of_the_caller() {
    let Some(stage) = Stage::new() else { return };
    stage.eval(LEADER);
    stage.eval("group_leader(GL, self()).");
    stage.check("R = rpc:call($N, canned, print, [\"häuser\\n\"]), group_leader(Old, self()), {R, receive {put, C} -> C =:= \"häuser\\n\" end}.", "{ok,true}");
    stage.eval("group_leader(GL, self()).");
    stage.check("L = rpc:call($N, canned, read, [\"> \"]), group_leader(Old, self()), {L, receive {prompt, P} -> P end}.", "{<<\"typed\\n\">>,\"> \"}");
}

#[test]
fn a_process_of_ours_writes_to_any_group_leader() {
    let Some(stage) = Stage::new() else { return };
    stage.eval(LEADER);
    stage.eval("register(leader, GL).");
    let beam = NodeName::new(stage.beam.node_name()).unwrap();
    let written = stage.node.block_on(move |cx| async move {
        let leader =
            rpc::call(beam, "erlang", "whereis", [Term::atom("leader")]).await.unwrap().as_pid().unwrap();
        io::put_chars_to(leader, "one").await.unwrap();
        cx.set_group_leader(cx.pid(), leader);
        // It acts when the process receives next.
        cx.sleep(std::time::Duration::ZERO).await;
        let refused = io::request(leader, Term::atom("getopts"), true).await;
        let (nobody, _) = (Atom::new("x").unwrap(), ());
        (refused, rpc::call(beam, "erlang", "whereis", [Term::Atom(nobody)]).await.is_ok())
    });
    assert_eq!(written.unwrap(), (Err(io::IoError::Refused(Term::atom("enotsup"))), true));
    stage.check("receive {put, C} -> C end.", "\"one\"");
}

/// What a process of the Erlang node writes to ours as its group leader.
#[test]
fn the_node_s_user_is_a_group_leader() {
    let Some(stage) = Stage::new() else { return };
    let written = Arc::new(Mutex::new(String::new()));
    let output = Arc::clone(&written);
    stage.node.node().on_user_output(move |text| output.lock().unwrap().push_str(text));
    stage.check("U = rpc:call($N, erlang, whereis, [user]), node(U) =:= $N.", "true");
    stage.check("io:format(U, \"~s is ~p~n\", [pi, 3.5]).", "ok");
    stage.check(
        "io:put_chars(U, \"ünder\"), io:nl(U), io:write(U, {a, b}), io:fwrite(U, \"~n~w\", [<<1>>]).",
        "ok",
    );
    stage.check("io:requests(U, [{put_chars, unicode, \"x\"}, {put_chars, unicode, \"y\"}]).", "ok");
    stage.check("[io:get_line(U, \"> \"), io:get_chars(U, \"> \", 2), io:read(U, \"> \")].", "[eof,eof,eof]");
    stage.check(
        "[io:columns(U), io:rows(U), proplists:get_value(encoding, io:getopts(U)), io:setopts(U, [binary])].",
        "[{error,enotsup},{error,enotsup},unicode,ok]",
    );
    assert_eq!(*written.lock().unwrap(), "pi is 3.5\nünder\n{a,b}\n<<1>>xy");
    // A process of theirs with our user as its group leader.
    stage.check("P = self(), spawn(fun() -> group_leader(U, self()), io:format(\"from there~n\"), P ! written end), receive written -> ok end.", "ok");
    assert!(written.lock().unwrap().ends_with("from there\n"));
}

/// The crash of a process of theirs whose group leader is here is logged here, and harms nothing.
#[test]
fn log_events_of_their_processes_come_here() {
    let Some(stage) = Stage::new() else { return };
    let beam = NodeName::new(stage.beam.node_name()).unwrap();
    let ran = stage.node.block_on(move |_| async move {
        let options = rpc::SpawnOn::default();
        rpc::spawn_on(beam, "erlang", "error", [Term::atom("on_purpose")], options).await.is_ok()
    });
    assert_eq!(ran, Ok(true));
    stage.check("{logger_proxy, $N} ! {log, error, \"~p~n\", [x], #{}}, net_adm:ping($N).", "pong");
    stage.check("is_pid(rpc:call($N, erlang, whereis, [logger_proxy])).", "true");
}

#[test]
fn init_and_net_kernel_answer() {
    let Some(stage) = Stage::with(true) else { return };
    stage.check("net_adm:ping($N).", "pong");
    stage.check("rpc:call($N, init, get_status, []).", "{started,started}");
    stage.check("{init, $N} ! {self(), get_status}, receive {init, S} -> S end.", "{started,started}");
    stage.check("rpc:call($N, net_kernel, get_net_ticktime, []).", "60");
    stage.check("rpc:call($N, erlang, nodes, []) =:= [node()].", "true");
    stage.check("[rpc:call($N, erlang, nodes, [T]) || T <- [hidden, this, known]] =:= [[], [$N], lists:sort([node(), $N])].", "true");
    stage.check("rpc:call($N, init, stop, []).", "{badrpc,{'EXIT',{undef,[{init,stop,[],[]}]}}}");
    let stopped = Arc::new(Mutex::new(None));
    let wish = Arc::clone(&stopped);
    stage.node.functions().allow_changes(true);
    stage.check("rpc:call($N, init, stop, []).", "{badrpc,{'EXIT',{notsup,[{init,stop,0,[]}]}}}");
    stage.node.node().on_stop(move |how| *wish.lock().unwrap() = Some(how));
    stage.check("rpc:call($N, init, restart, []).", "ok");
    assert_eq!(*stopped.lock().unwrap(), Some(engset::StopWish::Restart));
}

/// Characters that are none, and those that are not in the encoding, by the words of an Erlang node without a shell.
#[test]
fn the_node_s_user_refuses_what_erlang_s_does() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("U = rpc:call($N, erlang, whereis, [user]).");
    stage.eval("Ask = fun(To, Request) -> R = make_ref(), To ! {io_request, self(), R, Request}, receive {io_reply, R, A} -> A after 5000 -> timeout end end.");
    stage.check(
        "[Request || Request <- [{put_chars, unicode, {a}}, {put_chars, unicode, a}, {put_chars, unicode, [a]}, {put_chars, unicode, [-1]}, {put_chars, unicode, 17}, \
            {put_chars, unicode, [16#D800]}, {put_chars, unicode, [16#110000]}, {put_chars, unicode, [\"ab\", <<255>>]}, \
            {put_chars, unicode, [<<195>>, 164]}, {put_chars, unicode, [97 | b]}, {put_chars, unicode, [97 | 98]}, {put_chars, latin1, [300]}, {put_chars, latin1, {a}}, \
            {put_chars, [300]}, {put_chars, {a}}, {requests, [{put_chars, unicode, {a}}, {put_chars, unicode, \"y\"}]}, \
            {put_chars, unicode, [<<195>>, <<164>>]}, {put_chars, latin1, <<255>>}, {put_chars, <<228>>}, {put_chars, unicode, [[[\"a\"], <<\"b\">>] | <<\"c\">>]}], \
            Ask(U, Request) =/= Ask(user, Request)].",
        "[]",
    );
    stage.check("{'EXIT', {badarg, _}} = (catch io:put_chars(U, [16#110000])), ok.", "ok");
}

/// `erlang:group_leader(Leader, Pid)` sends the leader's pid alone, of whatever node it is.
#[test]
fn the_leader_may_be_of_any_node() {
    let Some(stage) = Stage::new() else { return };
    stage.spawn_puppet("P");
    stage.eval("erlang:monitor_node($N, true), Ours = rpc:call($N, erlang, whereis, [user]).");
    // {third@127.0.0.1, 7, 5} as a pid.
    stage.eval("Third = binary_to_term(<<131, 88, 119, 15, \"third@127.0.0.1\", 0:24, 7, 0:32, 0:24, 5>>).");
    // It acts when the puppet runs next, which may be after the question.
    stage.eval(
        "Is = fun Is(_, 0) -> false; Is(L, Left) -> rpc:call($N, erlang, process_info, [P, group_leader]) =:= {group_leader, L} \
         orelse receive after 10 -> Is(L, Left - 1) end end.",
    );
    for leader in ["Ours", "Third", "group_leader()"] {
        let set = format!("group_leader({leader}, P), Is({leader}, 1000).");
        stage.check(&set, "true");
    }
    stage.check("receive {nodedown, $N} -> lost after 0 -> kept end.", "kept");
}

/// A function that a peer starts here and that fails is reported in the log of the peer, where its group leader is.
#[test]
fn a_crash_is_told_where_the_group_leader_is() {
    let Some(stage) = Stage::new() else { return };
    stage
        .eval("logger:add_primary_filter(told, {fun(Event, To) -> To ! {event, Event}, Event end, self()}).");
    stage.check(
        "P = spawn($N, canned, raise, [error, from_afar]), receive {event, #{level := error, msg := {Format, [P, Node, Reason]}, meta := #{gl := GL, pid := P}}} -> \
            {Format, Node =:= $N, element(1, Reason), GL =:= group_leader()} after 10000 -> timeout end.",
        "{\"Error in process ~p on node ~p with exit value:~n~p~n\",true,from_afar,true}",
    );
    // One whose group leader is here is told of here.
    stage.check(
        "Old = group_leader(), group_leader(rpc:call($N, erlang, whereis, [user]), self()), {Q, M} = spawn_monitor($N, canned, raise, [error, at_home]), \
            receive {'DOWN', M, process, Q, _} -> ok end, group_leader(Old, self()), pong = net_adm:ping($N), receive {event, #{meta := #{pid := Q}}} -> told after 0 -> not_told end.",
        "not_told",
    );
}
