//! Sequential trace tokens of the BEAM go through our processes (`seq_trace`).

mod stage;

use stage::Stage;

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
