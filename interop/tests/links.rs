//! Links and exit signals between Erlang and Rust processes, both ways.

mod stage;

use stage::Stage;

/// Erlang code that waits for an exit message from `P`.
const EXIT_FROM_P: &str = "receive {'EXIT', P, R} -> R after 5000 -> no_exit end";

fn stage_with_puppet() -> Option<Stage> {
    let stage = Stage::new()?;
    stage.eval("process_flag(trap_exit, true).");
    stage.spawn_puppet("P");
    Some(stage)
}

#[test]
fn erlang_links_to_rust_and_sees_each_kind_of_exit() {
    let Some(stage) = stage_with_puppet() else { return };
    for (reason, seen) in [
        ("normal", "normal"),
        ("oops", "oops"),
        ("{shutdown, [1, 2.5]}", "{shutdown,[1,2.5]}"),
        ("kill", "kill"),
    ] {
        stage.check(
            &format!("fun() -> {{spawner, $N}} ! {{spawn, self()}}, receive {{spawned, Q}} -> link(Q), Q ! {{exit, {reason}}}, receive {{'EXIT', Q, R}} -> R after 5000 -> no_exit end end end()."),
            seen,
        );
    }
}

#[test]
fn a_panic_reaches_a_linked_erlang_process_with_message_and_place() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "M = monitor(process, {counter, $N}), gen_server:cast({counter, $N}, {crash, {because, 1}}), \
         receive {'DOWN', M, process, {counter, $N}, {panic, Message, Place}} -> \
         {Message, re:run(Place, \"counter.rs:[0-9]+:[0-9]+$\", [{capture, none}])}; Other -> Other after 5000 -> none end.",
        r#"{<<"told to crash: {because,1}">>,match}"#,
    );
}

#[test]
fn exit_kill_from_erlang_ends_a_rust_process_as_killed() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(&format!("link(P), exit(P, kill), {EXIT_FROM_P}."), "killed");
}

#[test]
fn exit_normal_from_erlang_is_ignored_and_other_reasons_end_it() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "exit(P, normal), P ! {info, self()}, receive {info, _} -> alive after 5000 -> dead end.",
        "alive",
    );
    stage.check(&format!("link(P), exit(P, enough), {EXIT_FROM_P}."), "enough");
}

#[test]
fn a_rust_process_that_traps_exits_gets_them_as_messages() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check("P ! {trap, true, self()}, receive T -> T after 5000 -> none end.", "{trapping,true}");
    stage.check(
        "exit(P, normal), receive {exit, P, Me, R1} when Me =:= self() -> R1 after 5000 -> none end.",
        "normal",
    );
    stage.check("exit(P, {some, reason}), receive {exit, P, Me2, R2} when Me2 =:= self() -> R2 after 5000 -> none end.", "{some,reason}");
    stage.check(
        "E = spawn(fun() -> link(P), exit(bye) end), receive {exit, P, E, R3} -> R3 after 5000 -> none end.",
        "bye",
    );
    stage.check("link(P), exit(P, kill), receive {'EXIT', P, R4} -> R4 after 5000 -> none end.", "killed");
}

#[test]
fn rust_links_to_erlang_and_dies_with_it() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "E = spawn(fun() -> receive stop -> exit(stopped) end end), M = monitor(process, P), P ! {link, E}, \
         P ! {info, self()}, receive {info, [{links, [E]}, _]} -> ok after 5000 -> exit(no_info) end, \
         E ! stop, receive {'DOWN', M, process, P, R} -> R after 5000 -> none end.",
        "stopped",
    );
}

#[test]
fn a_normal_exit_in_erlang_leaves_a_linked_rust_process_alive() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "E = spawn(fun() -> receive stop -> ok end end), P ! {link, E}, \
         P ! {info, self()}, receive {info, [{links, [E]}, _]} -> ok after 5000 -> exit(no_info) end, \
         ME = monitor(process, E), E ! stop, receive {'DOWN', ME, _, _, _} -> ok end, \
         P ! {info, self()}, receive {info, [{links, L}, _]} -> L after 5000 -> none end.",
        "[]",
    );
}

#[test]
fn rust_links_to_a_dead_erlang_process_and_gets_noproc() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "{E, ME} = spawn_monitor(fun() -> ok end), receive {'DOWN', ME, _, _, _} -> ok end, \
         M = monitor(process, P), P ! {link, E}, receive {'DOWN', M, process, P, R} -> R after 5000 -> none end.",
        "noproc",
    );
}

#[test]
fn erlang_links_to_a_dead_rust_process_and_gets_noproc() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        &format!("M = monitor(process, P), P ! stop, receive {{'DOWN', M, _, _, _}} -> ok end, link(P), {EXIT_FROM_P}."),
        "noproc",
    );
}

#[test]
fn unlinking_from_either_side_ends_the_link() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "link(P), unlink(P), M = monitor(process, P), P ! {exit, oops}, receive {'DOWN', M, _, _, R} -> R after 5000 -> none end.",
        "oops",
    );
    stage.check("receive {'EXIT', _, _} = X -> X after 100 -> none end.", "none");
    stage.spawn_puppet("Q");
    stage.check(
        "Q ! {link, self()}, Q ! {unlink, self()}, M2 = monitor(process, Q), Q ! {exit, oops}, receive {'DOWN', M2, _, _, R2} -> R2 after 5000 -> none end.",
        "oops",
    );
    stage.check("receive {'EXIT', _, _} = Y -> Y after 100 -> none end.", "none");
}

#[test]
fn rust_sends_exit_signals_to_erlang() {
    let Some(stage) = stage_with_puppet() else { return };
    for (reason, seen) in [("oops", "oops"), ("kill", "killed")] {
        stage.check(
            &format!("fun() -> {{E, M}} = spawn_monitor(fun() -> receive never -> ok end end), P ! {{exit2, E, {reason}}}, receive {{'DOWN', M, _, _, R}} -> R after 5000 -> none end end()."),
            seen,
        );
    }
    stage.check("P ! {exit2, self(), told}, receive {'EXIT', P, R} -> R after 5000 -> none end.", "told");
}

#[test]
fn large_exit_reasons_cross_both_ways() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        &format!("Big = binary:copy(<<7>>, 300000), link(P), P ! {{exit, {{big, Big}}}}, {{big, Big}} =:= {EXIT_FROM_P}."),
        "true",
    );
    stage.spawn_puppet("Q");
    stage.check(
        "Q ! {trap, true, self()}, receive {trapping, true} -> ok end, exit(Q, {big, Big}), \
         receive {exit, Q, _, {big, Big}} -> same after 5000 -> none end.",
        "same",
    );
}

#[test]
fn a_supervised_rust_child_killed_from_erlang_has_a_successor() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("{source, $N} ! {send, self(), 1, 1}, receive {seq, 1, _} -> ok end.");
    let counter = stage.node.processes().whereis(&engset::Atom::from_static("counter")).unwrap();
    stage.check("gen_server:call({counter, $N}, {add, 5}).", "5");
    let (id, serial) = (counter.id(), counter.serial());
    // The external form of the counter's pid, as a peer would have learned it.
    stage.eval(&format!(
        "C = binary_to_term(<<131, 88, (binary_part(term_to_binary($N), 1, byte_size(term_to_binary($N)) - 1))/binary, {id}:32, {serial}:32, {}:32>>).",
        counter.creation()
    ));
    stage.check("gen_server:call(C, get).", "5");
    stage.check("M = monitor(process, C), exit(C, kill), receive {'DOWN', M, process, C, R} -> R after 5000 -> none end.", "killed");
    stage.check(
        "Again = fun F(0) -> gave_up; F(K) -> try gen_server:call({counter, $N}, get) catch exit:{noproc, _} -> F(K - 1) end end, Again(1000).",
        "0",
    );
    stage.check("element(1, element(2, (catch gen_server:call(C, get)))).", "noproc");
}

#[test]
fn a_puppets_failed_calls_look_as_erlangs_do() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.eval("Called = fun(To, Request) -> P ! {call, To, Request, self()}, receive {called, R} -> R after 5000 -> none end end.");
    stage.check("Called({counter, $N}, {add, 4}).", "4");
    for (to, request, reason) in [
        ("{nobody, $N}", "get", "noproc"),
        ("{nobody, node()}", "get", "noproc"),
        ("{counter, 'nowhere@127.0.0.1'}", "get", "{nodedown,'nowhere@127.0.0.1'}"),
        ("{counter, $N}", "{sleep, 2200}", "timeout"),
    ] {
        stage.check(
            &format!("fun() -> {{'EXIT', {{Why, {{gen_server, call, [_, {request}, 2000]}}}}}} = Called({to}, {request}), Why end()."),
            reason,
        );
    }
}
