%% erl_link_SUITE, monitor_SUITE and signal_SUITE: signals between an Erlang node and an Engset node.
-module(signal_suites).
-compile([export_all, nowarn_export_all]).
-import(rust, [ask/2, puppet/0, puppet/1, next/0, nothing/1, trap/1]).

%% erl_link_SUITE

dist_links() ->
    process_flag(trap_exit, true),
    [P, Q] = [puppet(), trap(puppet())],
    %% From here, seen by both; a second link is none.
    true = link(P),
    true = link(P),
    linked(P, [self()]),
    true = unlink(P),
    linked(P, []),
    true = link(P),
    P ! {exit, {reason, 1}},
    {'EXIT', P, {reason, 1}} = next(),
    %% From there.
    Self = self(),
    Q ! {link, Self},
    linked(Q, [Self]),
    true = lists:member(Q, links()),
    exit(Q, trapped),
    {exit, Q, Self, trapped} = next(),
    Q ! {unlink, Self},
    linked(Q, []),
    rust:wait_until(fun() -> not lists:member(Q, links()) end),
    Q ! {exit, unseen},
    ok = nothing(20),
    %% To a process that is gone, and to one that never was.
    true = link(Q),
    {'EXIT', Q, noproc} = next(),
    %% A process with several links tells all of them.
    [R, S, T] = [puppet(), trap(puppet()), trap(puppet())],
    link(R),
    S ! {link, R},
    T ! {link, R},
    rust:wait_until(fun() -> [{links, Links}, _] = ask(R, {info}), length(Links) =:= 3 end),
    exit(R, all_of_you),
    [{'EXIT', R, all_of_you}, {exit, S, R, all_of_you}, {exit, T, R, all_of_you}] =
        order([next(), next(), next()], [{'EXIT', R}, {exit, S}, {exit, T}]),
    ok.

monitor_nodes() ->
    Rust = #{node := Node} = rust:start("erl_link_nodes"),
    [true = monitor_node(Node, true) || _ <- lists:seq(1, 10)],
    [true = monitor_node(Node, false) || _ <- lists:seq(1, 3)],
    Self = self(),
    Others = [spawn_link(fun() ->
        monitor_node(Node, true),
        Self ! ready,
        receive {nodedown, Node} -> Self ! told end
    end) || _ <- lists:seq(1, 20)],
    [ready = next() || _ <- Others],
    rust:kill(Rust),
    27 = length([Message || _ <- lists:seq(1, 27), Message <- [next()], Message =:= told orelse Message =:= {nodedown, Node}]),
    ok = nothing(50),
    %% A node that is not there is down at once.
    true = monitor_node(Node, true),
    {nodedown, Node} = next(),
    ok.

dist_process_monitors() ->
    P = puppet(),
    true = ask(P, {register, monitored_by_name}),
    Named = {monitored_by_name, rust:node()},
    [M1, M2, M3, M4] = [monitor(process, To) || To <- [P, P, Named, Named]],
    true = demonitor(M2),
    true = demonitor(M4),
    Self = self(),
    rust:wait_until(fun() -> ask(P, {monitored_by}) =:= [Self, Self] end),
    P ! {exit, {some, reason}},
    Downs = lists:sort([{'DOWN', M1, process, P, {some, reason}}, {'DOWN', M3, process, Named, {some, reason}}]),
    Downs = lists:sort([next(), next()]),
    M5 = monitor(process, P),
    {'DOWN', M5, process, P, noproc} = next(),
    M6 = monitor(process, Named),
    {'DOWN', M6, process, Named, noproc} = next(),
    %% The other way.
    Q = puppet(),
    {E, ME} = spawn_monitor(fun() -> register(monitored_here, self()), Self ! up, receive Reason -> exit(Reason) end end),
    up = next(),
    Q ! {monitor, E, Self},
    {monitored, R1} = next(),
    Q ! {monitor, {monitored_here, node()}, Self},
    {monitored, R2} = next(),
    Q ! {monitor, E, Self},
    {monitored, R3} = next(),
    Q ! {demonitor, R3},
    _ = ask(Q, {info}),
    E ! over,
    All = lists:sort([{'DOWN', ME, process, E, over}, {down, Q, {'DOWN', R1, process, E, over}},
                      {down, Q, {'DOWN', R2, process, {monitored_here, node()}, over}}]),
    All = lists:sort([next(), next(), next()]),
    nothing(20).

%% Monitors and links that are made while the connection takes nothing act when it takes again; whoever was killed
%% before has none.
busy_dist_port_monitor() ->
    busy_dist_port(fun(P) -> M = monitor(process, P), receive {'DOWN', M, process, P, R} -> exit({seen, R}) end end,
                   fun(P) -> ask(P, {monitored_by}) end).

busy_dist_port_link() ->
    busy_dist_port(fun(P) ->
        process_flag(trap_exit, true), link(P), receive {'EXIT', P, R} -> exit({seen, R}) end
    end, fun(P) -> [{links, Links}, _] = ask(P, {info}), Links end).

busy_dist_port(Watch, Watchers) ->
    Rust = #{node := Node} = rust:start(rust:name("busy_port")),
    P = puppet(Node),
    %% Whoever is killed may have linked already.
    deaf(P),
    busy(Rust),
    Pairs = [spawn_monitor(fun() -> Watch(P) end) || _ <- lists:seq(1, 10)],
    {Kept, Victims} = lists:split(5, Pairs),
    [begin exit(Victim, kill), {'DOWN', M, process, Victim, killed} = next() end || {Victim, M} <- Victims],
    rust:resume(Rust),
    Expected = lists:sort([Pid || {Pid, _} <- Kept]),
    rust:wait_until(fun() -> lists:sort(Watchers(P)) =:= Expected end),
    P ! {exit, over},
    [receive {'DOWN', M, process, Pid, Reason} -> {seen, over} = Reason after 10000 -> exit(unseen) end || {Pid, M} <- Kept],
    nothing(20).

%% A link that is made while its process ends brings one exit signal, one that is undone brings none.
otp_5772_dist_link() ->
    process_flag(trap_exit, true),
    [begin
         P = puppet(),
         P ! {exit, first},
         link(P),
         {'EXIT', P, Reason} = next(),
         true = lists:member(Reason, [first, noproc]),
         link(P),
         {'EXIT', P, noproc} = next(),
         Q = puppet(),
         link(Q),
         Q ! {exit, second},
         unlink(Q),
         receive {'EXIT', Q, second} -> ok after 0 -> ok end,
         link(Q),
         {'EXIT', Q, Why} = next(),
         true = lists:member(Why, [second, noproc])
     end || _ <- lists:seq(1, 200)],
    nothing(50).

otp_5772_dist_monitor() ->
    [begin
         P = puppet(),
         M1 = monitor(process, P),
         P ! {exit, first},
         M2 = monitor(process, P),
         demonitor(M1, [flush]),
         {'DOWN', M2, process, P, Reason} = next(),
         true = lists:member(Reason, [first, noproc]),
         M3 = monitor(process, P),
         {'DOWN', M3, process, P, noproc} = next()
     end || _ <- lists:seq(1, 200)],
    nothing(50).

%% Links while the connection is lost and made: each brings one exit message in the end.
otp_7946() ->
    #{node := Node} = rust:start("otp_7946"),
    P = puppet(Node),
    deaf(P),
    Linkers = [spawn_monitor(fun() ->
        process_flag(trap_exit, true),
        link(P),
        receive {'EXIT', P, noconnection} -> ok end,
        receive Other -> exit(Other) after 20 -> exit(once) end
    end) || _ <- lists:seq(1, 100)],
    Cutter = spawn_link(fun Cut() -> erlang:disconnect_node(Node), receive stop -> ok after 2 -> Cut() end end),
    [receive {'DOWN', M, process, L, Reason} -> once = Reason after 20000 -> exit(never) end || {L, M} <- Linkers],
    Cutter ! stop,
    rust:wait_until(fun() -> [{links, Links}, _] = ask(puppet(Node), {info}), Links =:= [] end),
    ok.

otp_17127_dist_link_with_simultaneous_link_unlink() ->
    process_flag(trap_exit, true),
    P = puppet(),
    Self = self(),
    [begin
         P ! {do, [{link, Self}, {unlink, Self}, {link, Self}]},
         link(P), unlink(P), link(P),
         agreed(P),
         P ! {do, [{unlink, Self}]},
         unlink(P), link(P), unlink(P),
         agreed(P)
     end || _ <- lists:seq(1, 300)],
    nothing(20).

%% Both sides link and unlink at random, and agree in the end.
otp_17127_dist_random() ->
    process_flag(trap_exit, true),
    Seed = rand:seed_s(exsss),
    io:format("otp_17127_dist_random: seed ~p~n", [rand:export_seed_s(Seed)]),
    rand:seed(Seed),
    Self = self(),
    [begin
         Puppets = [puppet() || _ <- lists:seq(1, 5)],
         [begin
              P ! {do, [{random([link, unlink]), Self} || _ <- lists:seq(1, rand:uniform(6))]},
              [erlang:(random([link, unlink]))(P) || _ <- lists:seq(1, rand:uniform(6))]
          end || _ <- lists:seq(1, 5), P <- Puppets],
         Linked = [P || P <- Puppets, agreed(P)],
         [P ! {exit, over} || P <- Puppets],
         [receive {'EXIT', P, over} -> ok after 10000 -> exit({no_exit, P}) end || P <- Linked]
     end || _ <- lists:seq(1, 100)],
    nothing(20).

%% monitor_SUITE

mon_2() ->
    P = puppet(),
    M1 = monitor(process, P),
    P ! {exit, fine},
    {'DOWN', M1, process, P, fine} = next(),
    M2 = monitor(process, P),
    {'DOWN', M2, process, P, noproc} = next(),
    Gone = {mon_2_nobody, rust:node()},
    M3 = monitor(process, Gone),
    {'DOWN', M3, process, Gone, noproc} = next(),
    Nowhere = {any, 'nowhere@127.0.0.1'},
    M4 = monitor(process, Nowhere),
    {'DOWN', M4, process, Nowhere, noconnection} = next(),
    %% After an exit signal of the same process there is nobody, however quickly the monitor follows.
    [begin
         Q = puppet(),
         exit(Q, kill),
         M = monitor(process, Q),
         {'DOWN', M, process, Q, noproc} = next()
     end || _ <- lists:seq(1, 200)],
    nothing(20).

demon_2() ->
    P = puppet(),
    M1 = monitor(process, P),
    true = demonitor(M1),
    true = demonitor(M1),
    M2 = monitor(process, {spawner, rust:node()}),
    true = demonitor(M2, [flush, info]),
    rust:wait_until(fun() -> ask(P, {monitored_by}) =:= [] end),
    M3 = monitor(process, P),
    P ! {exit, fine},
    rust:wait_until(fun() -> {message_queue_len, Length} = process_info(self(), message_queue_len), Length =:= 1 end),
    false = demonitor(M3, [flush, info]),
    nothing(20).

%% Who watches and ends leaves nothing behind.
remote_remove_monitor() ->
    P = puppet(),
    Watchers = [spawn_monitor(fun() -> monitor(process, P), receive stop -> ok end end) || _ <- lists:seq(1, 50)],
    rust:wait_until(fun() -> length(ask(P, {monitored_by})) =:= 50 end),
    [W ! stop || {W, _} <- Watchers],
    [receive {'DOWN', M, process, W, normal} -> ok after 10000 -> exit(late) end || {W, M} <- Watchers],
    rust:wait_until(fun() -> ask(P, {monitored_by}) =:= [] end),
    %% The other way: the puppets end, and the process here has no watcher.
    Puppets = [puppet() || _ <- lists:seq(1, 50)],
    [begin Q ! {monitor, self(), self()}, {monitored, _} = next() end || Q <- Puppets],
    {monitored_by, Before} = process_info(self(), monitored_by),
    [] = Puppets -- Before,
    [Q ! stop || Q <- Puppets],
    rust:wait_until(fun() -> {monitored_by, Now} = process_info(self(), monitored_by), Now -- Puppets =:= Now end),
    ok.

%% signal_SUITE

%% The reason `kill' ends by force only as an exit signal that was sent, and is told as `killed'.
kill2killed() ->
    process_flag(trap_exit, true),
    [P, Q] = [puppet(), trap(puppet())],
    link(P),
    Q ! {link, P},
    rust:wait_until(fun() -> [{links, Links}, _] = ask(P, {info}), length(Links) =:= 2 end),
    P ! {compute},
    exit(P, kill),
    [{'EXIT', P, killed}, {exit, Q, P, killed}] = order([next(), next()], [{'EXIT', P}, {exit, Q}]),
    %% Through a link the reason `kill' can be trapped, both ways.
    R = puppet(),
    link(R),
    Q ! {link, R},
    rust:wait_until(fun() -> [{links, Links}, _] = ask(R, {info}), length(Links) =:= 2 end),
    R ! {exit, kill},
    [{'EXIT', R, kill}, {exit, Q, R, kill}] = order([next(), next()], [{'EXIT', R}, {exit, Q}]),
    {E, M} = spawn_monitor(fun() -> link(Q), exit(kill) end),
    {exit, Q, E, kill} = receive {exit, _, _, _} = Exit -> Exit after 10000 -> none end,
    {'DOWN', M, process, E, kill} = next(),
    %% An Erlang process that is killed from there.
    {F, N} = spawn_monitor(fun() -> process_flag(trap_exit, true), receive never -> ok end end),
    Q ! {do, [{link, F}, {exit2, F, kill}]},
    [{'DOWN', N, process, F, killed}, {exit, Q, F, killed}] = order([next(), next()], [{'DOWN', N}, {exit, Q}]),
    ok.

%% Signals that are sent while the connection takes nothing arrive when it takes again.
busy_dist_exit_signal() ->
    {Rust, P} = busy_with(fun(P) -> trap(P) end),
    {E, M} = spawn_monitor(fun() -> receive now -> exit(while_busy) end end),
    P ! {link, E},
    [{links, [E]}, _] = ask(P, {info}),
    busy(Rust),
    E ! now,
    {'DOWN', M, process, E, while_busy} = next(),
    rust:resume(Rust),
    {exit, P, E, while_busy} = next(),
    ok.

busy_dist_demonitor_signal() ->
    {Rust, P} = busy_with(fun(P) -> P end),
    {E, M} = spawn_monitor(fun() ->
        Monitor = monitor(process, P),
        receive now -> demonitor(Monitor) end,
        receive Unexpected -> exit(Unexpected) after 200 -> exit(nothing_came) end
    end),
    rust:wait_until(fun() -> ask(P, {monitored_by}) =:= [E] end),
    busy(Rust),
    E ! now,
    rust:resume(Rust),
    rust:wait_until(fun() -> ask(P, {monitored_by}) =:= [] end),
    P ! {exit, over},
    {'DOWN', M, process, E, nothing_came} = next(),
    ok.

busy_dist_down_signal() ->
    {Rust, P} = busy_with(fun(P) -> P end),
    {E, M} = spawn_monitor(fun() -> receive now -> exit(while_busy) end end),
    P ! {monitor, E, self()},
    {monitored, Ref} = next(),
    busy(Rust),
    E ! now,
    {'DOWN', M, process, E, while_busy} = next(),
    rust:resume(Rust),
    {down, P, {'DOWN', Ref, process, E, while_busy}} = next(),
    ok.

%% The acknowledgement of an unlink goes through a full connection, and a link that follows it counts.
busy_dist_unlink_ack_signal() ->
    process_flag(trap_exit, true),
    {Rust, P} = busy_with(fun(P) -> P end),
    link(P),
    linked(P, [self()]),
    Self = self(),
    %% Much is on its way there when the puppet unlinks.
    Flooder = spawn_link(fun() -> flood(node(P), 200) end),
    P ! {unlink, Self},
    busy(Rust),
    rust:resume(Rust),
    rust:wait_until(fun() -> not lists:member(P, links()) end),
    P ! {link, Self},
    rust:wait_until(fun() -> lists:member(P, links()) end),
    receive {'EXIT', Flooder, normal} -> ok after 10000 -> exit(stuck) end,
    P ! {exit, over},
    {'EXIT', P, over} = next(),
    ok.

busy_with(Prepare) ->
    Rust = #{node := Node} = rust:start(rust:name("busy")),
    {Rust, Prepare(puppet(Node))}.

%% The node reads nothing any more, and what waits for it is so much that who sends to it is held.
busy(Rust = #{node := Node}) ->
    ok = rust:suspend(Rust),
    fill(Node, rand:bytes(1 bsl 20)).

fill(Node, Bytes) ->
    case erlang:send({sink, Node}, Bytes, [nosuspend]) of
        ok -> fill(Node, Bytes);
        nosuspend -> ok
    end.

flood(_, 0) -> ok;
flood(Node, Left) -> {sink, Node} ! binary:copy(<<7>>, 100000), flood(Node, Left - 1).

%% The puppet traps exits, and tells whom it does not matter.
deaf(P) ->
    P ! {trap, true, spawn(fun Drain() -> receive _ -> Drain() end end)},
    [_, {trap_exit, true}] = ask(P, {info}).

links() -> {links, Links} = process_info(self(), links), Links.

linked(P, Expected) -> rust:wait_until(fun() -> [{links, Links}, _] = ask(P, {info}), Links =:= Expected end).

%% Waits until both sides say the same of their link; whether there is one.
agreed(P) ->
    rust:wait_until(fun() ->
        [{links, There}, _] = ask(P, {info}),
        lists:member(self(), There) =:= lists:member(P, links())
    end),
    lists:member(P, links()).

random(Choices) -> lists:nth(rand:uniform(length(Choices)), Choices).

%% Messages in the order of what they begin with.
order(Messages, Starts) ->
    [hd([Message || Message <- Messages, element(1, Message) =:= Tag, element(2, Message) =:= Of]) || {Tag, Of} <- Starts].
