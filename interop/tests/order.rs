//! Signals between one pair of processes arrive in the order in which they were sent (OTP's `xm_sig_order`).

mod stage;

use stage::Stage;

#[test]
fn xm_sig_order_from_erlang_to_rust() {
    let Some(stage) = Stage::new() else { return };
    // What is sent before an exit signal may be acted on, what is sent after it may not; a process that traps exits
    // sees all three in order.
    stage.check(
        "process_flag(trap_exit, true), \
         Next = fun() -> receive X -> X after 5000 -> timeout end end, \
         Round = fun(I) -> \
           {spawner, $N} ! {spawn, self()}, {spawned, P} = Next(), link(P), \
           P ! {trap, true, self()}, {trapping, true} = Next(), \
           P ! {send, self(), {one, I}}, exit(P, {two, I}), P ! {send, self(), {three, I}}, \
           {one, I} = Next(), {exit, P, _, {two, I}} = Next(), {three, I} = Next(), \
           P ! {trap, false, self()}, {trapping, false} = Next(), \
           P ! {send, self(), may_reach}, exit(P, {round, I}), P ! {send, self(), may_not_reach}, \
           case Next() of may_reach -> {'EXIT', P, {round, I}} = Next(); {'EXIT', P, {round, I}} -> ok end \
         end, \
         [Round(I) || I <- lists:seq(1, 1000)], receive Late -> Late after 200 -> in_order end.",
        "in_order",
    );
}

#[test]
fn xm_sig_order_from_rust_to_erlang() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "process_flag(trap_exit, true), \
         Round = fun(I) -> \
           {spawner, $N} ! {spawn, self()}, P = receive {spawned, Q} -> Q after 5000 -> exit(no_puppet) end, \
           P ! {link, self()}, P ! {send, self(), {one, I}}, P ! {exit2, self(), {two, I}}, P ! {send, self(), {three, I}}, P ! {exit, {four, I}}, \
           Next = fun() -> receive {spawned, _} = X -> X; Y -> Y after 5000 -> timeout end end, \
           [Next(), Next(), Next(), Next()] =:= [{one, I}, {'EXIT', P, {two, I}}, {three, I}, {'EXIT', P, {four, I}}] orelse exit({out_of_order, I}) \
         end, \
         [Round(I) || I <- lists:seq(1, 1000)], in_order.",
        "in_order",
    );
}

#[test]
fn link_and_unlink_in_quick_turns_converge() {
    let Some(stage) = Stage::new() else { return };
    stage.spawn_puppet("P");
    stage.check(
        "process_flag(trap_exit, true), \
         [begin link(P), P ! {unlink, self()}, unlink(P), P ! {link, self()} end || _ <- lists:seq(1, 1000)], \
         P ! {unlink, self()}, unlink(P), \
         P ! {info, self()}, receive {info, [{links, Links}, _]} -> ok after 5000 -> Links = none end, \
         {Links, lists:member(P, element(2, process_info(self(), links)))}.",
        "{[],false}",
    );
    stage.check("receive {'EXIT', P, _} = X -> X after 100 -> none end.", "none");
}

#[test]
fn large_and_small_messages_of_one_sender_keep_their_order() {
    let Some(stage) = Stage::new() else { return };
    stage.spawn_puppet("P");
    stage.check(
        "Big = binary:copy(<<1>>, 1000000), \
         [P ! {send, self(), case I rem 3 of 0 -> {I, Big}; _ -> {I, small} end} || I <- lists:seq(1, 60)], \
         [receive {I, _} -> I; {Other, _} -> exit({expected, I, got, Other}) after 5000 -> exit({missing, I}) end || I <- lists:seq(1, 60)] =:= lists:seq(1, 60).",
        "true",
    );
}

#[test]
fn a_puppet_sends_to_pids_names_and_aliases() {
    let Some(stage) = Stage::new() else { return };
    stage.spawn_puppet("P");
    stage.check("P ! {send, self(), to_a_pid}, receive to_a_pid -> got after 5000 -> none end.", "got");
    stage.check(
        "register(me, self()), P ! {send, {me, node()}, to_a_name}, receive to_a_name -> got after 5000 -> none end.",
        "got",
    );
    stage.check(
        "A = alias(), P ! {send, A, to_an_alias}, receive to_an_alias -> got after 5000 -> none end.",
        "got",
    );
    // What is sent to an alias that is no longer active goes nowhere; what is sent afterwards arrives.
    stage.check(
        "unalias(A), P ! {send, A, too_late}, P ! {send, self(), afterwards}, \
         receive too_late -> too_late; afterwards -> afterwards after 5000 -> none end.",
        "afterwards",
    );
}
