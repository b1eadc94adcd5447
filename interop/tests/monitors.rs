//! Monitors between Erlang and Rust processes, both ways.

mod stage;

use stage::Stage;

fn stage_with_puppet() -> Option<Stage> {
    let stage = Stage::new()?;
    stage.spawn_puppet("P");
    Some(stage)
}

#[test]
fn erlang_monitors_rust_by_pid() {
    let Some(stage) = stage_with_puppet() else { return };
    for (reason, seen) in
        [("normal", "normal"), ("oops", "oops"), ("kill", "kill"), ("#{why => [1]}", "#{why => [1]}")]
    {
        stage.check(
            &format!("fun() -> {{spawner, $N}} ! {{spawn, self()}}, receive {{spawned, Q}} -> MQ = monitor(process, Q), Q ! {{exit, {reason}}}, receive {{'DOWN', MQ, process, Q, R}} -> R after 5000 -> none end end end()."),
            seen,
        );
    }
    stage.check("M = monitor(process, P), exit(P, kill), receive {'DOWN', M, process, P, R} -> R after 5000 -> none end.", "killed");
    stage.check(
        "M2 = monitor(process, P), receive {'DOWN', M2, process, P, R2} -> R2 after 5000 -> none end.",
        "noproc",
    );
}

#[test]
fn erlang_monitors_rust_by_name() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "P ! {register, puppet, self()}, receive Registered -> Registered after 5000 -> none end.",
        "{registered,true}",
    );
    stage.check(
        "M = monitor(process, {puppet, $N}), P ! {exit, oops}, receive {'DOWN', M, process, {puppet, N}, R} when N =:= $N -> R after 5000 -> none end.",
        "oops",
    );
    stage.check("M2 = monitor(process, {puppet, $N}), receive {'DOWN', M2, process, {puppet, _}, R2} -> R2 after 5000 -> none end.", "noproc");
}

#[test]
fn a_monitor_taken_back_by_erlang_does_not_fire() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "M = monitor(process, P), demonitor(M), M2 = monitor(process, P), P ! stop, \
         receive {'DOWN', M2, process, P, R} -> R after 5000 -> none end.",
        "normal",
    );
    stage.check("receive {'DOWN', _, _, _, _} = X -> X after 100 -> none end.", "none");
}

#[test]
fn rust_monitors_erlang_by_pid() {
    let Some(stage) = stage_with_puppet() else { return };
    for (how, seen) in
        [("ok", "normal"), ("exit(oops)", "oops"), ("exit(kill)", "kill"), ("exit({a, 1.5})", "{a,1.5}")]
    {
        stage.check(
            &format!(
                "fun() -> E = spawn(fun() -> receive stop -> {how} end end), P ! {{monitor, E, self()}}, \
                 Ref = receive {{monitored, F}} -> F after 5000 -> none end, E ! stop, \
                 receive {{down, P, {{'DOWN', Ref, process, E, R}}}} -> R after 5000 -> none end end()."
            ),
            seen,
        );
    }
    stage.check(
        "E = spawn(fun() -> receive never -> ok end end), P ! {monitor, E, self()}, \
         Ref = receive {monitored, F} -> F after 5000 -> none end, exit(E, kill), \
         receive {down, P, {'DOWN', Ref, process, E, R}} -> R after 5000 -> none end.",
        "killed",
    );
    stage.check(
        "P ! {monitor, E, self()}, Ref2 = receive {monitored, F2} -> F2 after 5000 -> none end, \
         receive {down, P, {'DOWN', Ref2, process, E, R2}} -> R2 after 5000 -> none end.",
        "noproc",
    );
}

#[test]
fn rust_monitors_erlang_by_name() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "Me = self(), E = spawn(fun() -> register(watched, self()), Me ! registered, receive stop -> exit(seen) end end), \
         receive registered -> ok end, \
         P ! {monitor, {watched, node()}, self()}, Ref = receive {monitored, F} -> F after 5000 -> none end, E ! stop, \
         receive {down, P, {'DOWN', Ref, process, {watched, Node}, R}} when Node =:= node() -> R after 5000 -> none end.",
        "seen",
    );
    stage.check(
        "P ! {monitor, {nobody, node()}, self()}, Ref2 = receive {monitored, F2} -> F2 after 5000 -> none end, \
         receive {down, P, {'DOWN', Ref2, process, {nobody, _}, R2}} -> R2 after 5000 -> none end.",
        "noproc",
    );
}

#[test]
fn a_monitor_taken_back_by_rust_does_not_fire() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "E = spawn(fun() -> receive stop -> ok end end), P ! {monitor, E, self()}, \
         Ref = receive {monitored, F} -> F after 5000 -> none end, P ! {demonitor, Ref}, \
         P ! {monitor, E, self()}, Ref2 = receive {monitored, F2} -> F2 after 5000 -> none end, E ! stop, \
         receive {down, P, {'DOWN', Ref2, _, _, _}} -> second; {down, P, Other} -> Other after 5000 -> none end.",
        "second",
    );
    stage.check("receive {down, _, _} = X -> X after 100 -> none end.", "none");
}

#[test]
fn down_comes_after_the_messages_sent_before() {
    let Some(stage) = stage_with_puppet() else { return };
    stage.check(
        "M = monitor(process, P), [P ! {send, self(), I} || I <- lists:seq(1, 100)], P ! {exit, done}, \
         Collect = fun C(Acc) -> receive {'DOWN', M, _, _, done} -> lists:reverse(Acc); I when is_integer(I) -> C([I | Acc]) after 5000 -> timeout end end, \
         Collect([]) =:= lists:seq(1, 100).",
        "true",
    );
}
