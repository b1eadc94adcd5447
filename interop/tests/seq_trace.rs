//! Sequential trace tokens of the BEAM go through our processes (`seq_trace`).

mod stage;

use engset::prelude::*;
use engset::{Processes, rpc};
use stage::Stage;
use std::sync::mpsc;
use std::time::Duration;

/// Runs `fun() -> ... end` in a process of the Erlang node that has a token, and gives the events of its tracer.
fn traced(stage: &Stage, body: &str) -> String {
    let expression = format!(
        "(fun() -> Tracer = spawn(fun() -> (fun L(Acc) -> receive {{stop, To}} -> To ! {{events, lists:reverse(Acc)}}; \
            {{seq_trace, Label, Event}} -> L([{{Label, Event}} | Acc]) end end)([]) end), \
         seq_trace:set_system_tracer(Tracer), \
         {{_, M}} = spawn_monitor(fun() -> seq_trace:set_token(label, 17), seq_trace:set_token('receive', true), \
            seq_trace:set_token(send, true), {body} end), \
         receive {{'DOWN', M, process, _, normal}} -> ok end, \
         Tracer ! {{stop, self()}}, Events = receive {{events, E}} -> E end, \
         [case Event of {{Kind, Serial, From, To, Message}} -> {{Label, Kind, Serial, is_pid(From) andalso node(From) =:= $N, Message}} end \
            || {{Label, Event = {{_, _, _, To, _}}}} <- Events, To =/= group_leader()] end)()."
    );
    stage.eval(&expression)
}

#[test]
fn a_token_goes_along_with_the_echo_and_its_numbers_rise() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    let events = traced(
        &stage,
        "{echo, $N} ! {self(), one}, receive {echo, one} -> ok end, {echo, $N} ! {self(), two}, receive {echo, two} -> ok end",
    );
    let expected = "[{17,send,{0,1},false,{PID,one}},{17,'receive',{1,2},true,{echo,one}},\
        {17,send,{2,3},false,{PID,two}},{17,'receive',{3,4},true,{echo,two}}]";
    assert_eq!(without_pids(&events), expected);
}

#[test]
fn a_call_is_answered_with_the_token_and_a_message_without_ends_it() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    let events = traced(&stage, "0 = gen_server:call({counter, $N}, get)");
    assert!(events.contains("{17,'receive',{1,2},true,"), "{events}");
    // The server goes on, without a token from the next message on.
    stage.check("gen_server:call({counter, $N}, {add, 2}).", "2");
    let events = traced(
        &stage,
        "T = seq_trace:set_token([]), {echo, $N} ! {self(), plain}, receive {echo, plain} -> ok end, seq_trace:set_token(T)",
    );
    assert_eq!(events, "[]");
}

/// A message between two processes of a node, which is never encoded.
struct Hop(Pid);

impl Protocol for Hop {}

/// Starts a process of this name that serves messages `{From, Word}`.
fn serve<F>(
    processes: &std::sync::Arc<Processes>,
    name: &'static str,
    body: impl FnOnce(Cx<Term>) -> F + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let options = SpawnOptions { name: Some(Atom::from_static(name)), ..SpawnOptions::default() };
    processes.spawn(options, body).expect("there is room, and the name is free");
}

/// Who sent the next message.
async fn asked(cx: &mut Cx<Term>) -> Pid {
    loop {
        if let Mail::Message(message) = cx.recv().await
            && let Some([Term::Pid(from), _]) = message.as_tuple()
        {
            return *from;
        }
    }
}

#[test]
fn a_token_goes_from_process_to_process_within_the_node() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    let hop = |mut cx: Cx<Hop>| async move {
        if let Mail::Message(Hop(from)) = cx.recv().await {
            drop(cx.send(from, Term::atom("hopped")));
        }
    };
    let hop: Addr<Hop> = stage.node.processes().spawn(SpawnOptions::default(), hop).unwrap();
    serve(stage.node.processes(), "relay", move |mut cx| async move {
        let from = asked(&mut cx).await;
        drop(cx.send(hop, Hop(from)));
    });
    let events = traced(&stage, "{relay, $N} ! {self(), one}, receive hopped -> ok end");
    let expected = "[{17,send,{0,1},false,{PID,one}},{17,'receive',{2,3},true,hopped}]";
    assert_eq!(without_pids(&events), expected);
}

/// `seq_trace_SUITE` `distributed_exit`: the end of a linked process carries its token, in both directions.
#[test]
fn distributed_exit() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    serve(stage.node.processes(), "ends", |mut cx| async move {
        let from = asked(&mut cx).await;
        cx.link(from);
    });
    let events = traced(
        &stage,
        "process_flag(trap_exit, true), {ends, $N} ! {self(), now}, receive {'EXIT', _, normal} -> ok end",
    );
    let expected = "[{17,send,{0,1},false,{PID,now}},{17,'receive',{1,2},true,{'EXIT',PID,normal}}]";
    assert_eq!(without_pids(&events), expected);

    let (tell, told) = mpsc::channel();
    serve(stage.node.processes(), "outlives", move |mut cx| async move {
        cx.trap_exit(true);
        let from = asked(&mut cx).await;
        cx.link(from);
        drop(cx.send(from, Term::atom("linked")));
        while !matches!(cx.recv().await, Mail::Exit(_)) {}
        drop(tell.send(cx.processes().has_trace_token(cx.pid())));
    });
    traced(&stage, "{outlives, $N} ! {self(), link}, receive linked -> ok end");
    let token = told.recv_timeout(Duration::from_secs(20)).unwrap().expect("it came with the exit signal");
    // 1 asked, 2 was the answer, 3 the end.
    assert_eq!((token.label, token.last), (Term::from(17), 3));
}

/// `seq_trace_SUITE` `inherit_on_dist_spawn`, the other way round.
#[test]
fn a_process_that_ours_asks_for_has_the_token() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    serve(stage.node.processes(), "asks", |mut cx| async move {
        let from = asked(&mut cx).await;
        let beam: NodeName = from.node();
        let token = rpc::call(beam, "seq_trace", "get_token", []).await;
        drop(cx.send(from, Term::tuple([Term::atom("token"), token.unwrap_or(Term::Nil)])));
    });
    let events = traced(
        &stage,
        "{asks, $N} ! {self(), token}, receive {token, {_, 17, _, _, _}} -> ok; {token, Other} -> exit({no_token, Other}) end",
    );
    assert!(events.contains("{17,send,{0,1},false,"), "{events}");
}

fn without_pids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        out.push_str("PID");
        rest = after.split_once('>').map_or("", |(_, after)| after);
    }
    out + rest
}
