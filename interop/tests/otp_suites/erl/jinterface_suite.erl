%% jinterface_SUITE: links, exits, names and messages between Erlang processes and Engset's.
-module(jinterface_suite).
-compile([export_all, nowarn_export_all]).
-import(rust, [ask/2, puppet/0, puppet/1, next/0, nothing/1, trap/1]).

nodename() ->
    Node = rust:node(),
    Node = node(puppet()),
    #{node := Other} = rust:start("nodename"),
    Other = 'nodename@127.0.0.1',
    Other = node(puppet(Other)),
    ok.

register_and_whereis() ->
    [P, Q] = [puppet(), puppet()],
    undefined = ask(P, {whereis, mbox1}),
    true = ask(P, {register, mbox1}),
    P = ask(Q, {whereis, mbox1}),
    %% One name has one process.
    false = ask(Q, {register, mbox1}),
    true = ask(Q, {register, mbox2}),
    {mbox1, rust:node()} ! {send, self(), by_name},
    by_name = next(),
    true = ask(P, {unregister, mbox1}),
    undefined = ask(P, {whereis, mbox1}),
    true = ask(P, {register, mbox3}),
    P = ask(P, {whereis, mbox3}),
    %% A process that ends gives its name back.
    Monitor = monitor(process, Q),
    Q ! stop,
    {'DOWN', Monitor, process, Q, normal} = next(),
    undefined = ask(P, {whereis, mbox2}),
    P ! stop,
    ok.

get_names() ->
    Puppets = [puppet() || _ <- lists:seq(1, 3)],
    Names = [get_names1, get_names2, get_names3],
    Before = ask(hd(Puppets), {registered}),
    [] = [Name || Name <- Names, lists:member(Name, Before)],
    [true = ask(P, {register, Name}) || {P, Name} <- lists:zip(Puppets, Names)],
    [] = Names -- ask(hd(Puppets), {registered}),
    [P ! stop || P <- Puppets],
    ok.

boolean_atom() ->
    P = puppet(),
    false = ask(P, {boolean, true}),
    true = ask(P, {boolean, false}),
    [none = ask(P, {boolean, Other}) || Other <- ['True', "true", <<"true">>, 1, undefined]],
    ok.

maps() ->
    P = puppet(),
    [begin
         Map = maps:from_list(Pairs),
         Map = ask(P, {map, Pairs}),
         P ! {keep, map, ask(P, {map, lists:reverse(Pairs)})},
         true = ask(P, {same, map, Map}),
         false = ask(P, {same, map, Map#{another => key}})
     end || Pairs <- [[], [{a, 1}], [{1, one}, {1.0, float}, {"s", <<"b">>}],
                      [{#{key => map}, [value]}, {{t}, #{}}], [{N, N * N} || N <- lists:seq(1, 500)]]],
    #{a := 2} = ask(P, {map, [{a, 1}, {a, 2}]}),
    ok.

fun_equals() ->
    P = puppet(),
    X = {self(), here},
    Fun = fun() -> X end,
    P ! {keep, 'fun', Fun},
    true = ask(P, {same, 'fun', Fun}),
    false = ask(P, {same, 'fun', fun() -> {X, X} end}),
    P ! {keep, 'fun', fun lists:map/2},
    true = ask(P, {same, 'fun', fun lists:map/2}),
    false = ask(P, {same, 'fun', fun lists:map/3}),
    false = ask(P, {same, 'fun', fun maps:map/2}),
    ok.

%% The node pings the node that drives it, itself, another one, and none.
node_ping() ->
    P = puppet(),
    #{node := Other} = rust:start("node_ping"),
    [yes = ask(P, {call, {net_kernel, Node}, {is_auth, rust:node()}}) || Node <- [node(), rust:node(), Other]],
    Nowhere = 'nowhere@127.0.0.1',
    {'EXIT', {{nodedown, Nowhere}, _}} = ask(P, {call, {net_kernel, Nowhere}, {is_auth, rust:node()}}),
    [pong = net_adm:ping(Node) || Node <- [rust:node(), Other]],
    ok.

%% A name that nobody has, and one whose owner does not answer.
mbox_ping() ->
    P = puppet(),
    {'EXIT', {noproc, _}} = ask(P, {call, {nobody, node()}, ping}),
    Silent = spawn_link(fun() -> receive never -> ok end end),
    {'EXIT', {timeout, _}} = ask(P, {call, Silent, ping}),
    unlink(Silent),
    exit(Silent, kill),
    ok.

java_erlang_send_receive() ->
    P = puppet(),
    register(echoer, self()),
    P ! {hear, self()},
    [begin
         P ! {send, To, {message, Number}},
         {message, Number} = next(),
         P ! {back, Number},
         {heard, P, {back, Number}} = next()
     end || Number <- lists:seq(1, 10), To <- [self(), {echoer, node()}]],
    unregister(echoer),
    ok.

java_internal_send_receive_same_node() -> internal_send_receive(puppet(), puppet()).

java_internal_send_receive_different_nodes() ->
    #{node := Other} = rust:start("different_nodes"),
    internal_send_receive(puppet(), puppet(Other)).

java_internal_send_receive_self() ->
    P = puppet(),
    internal_send_receive(P, P).

internal_send_receive(From, To) ->
    To ! {hear, self()},
    true = ask(To, {register, internal}),
    [begin
         From ! {send, Dest, {message, Number, {From, [Dest]}}},
         {heard, To, {message, Number, {From, [Dest]}}} = next()
     end || Number <- lists:seq(1, 10), Dest <- [To, {internal, node(To)}]],
    To ! stop,
    ok.

java_link_and_exit() ->
    process_flag(trap_exit, true),
    P = puppet(),
    P ! {do, [{link, self()}, {exit, my_exit_reason}]},
    {'EXIT', P, my_exit_reason} = next(),
    ok.

erl_link_and_exit() ->
    P = trap(puppet()),
    {E, M} = spawn_monitor(fun() -> link(P), exit(my_exit_reason) end),
    {exit, P, E, my_exit_reason} = other_than({M, my_exit_reason}),
    ok.

%% Whatever came before, the link that there is at the end is what counts.
erl_link_unlink_link_and_exit() ->
    P = trap(puppet()),
    {E, M} = spawn_monitor(fun() -> link(P), unlink(P), link(P), exit(my_exit_reason) end),
    {exit, P, E, my_exit_reason} = other_than({M, my_exit_reason}),
    nothing(20).

erl_link_java_unlink_link_and_exit() ->
    P = trap(puppet()),
    E = spawn(fun Loop() -> receive link -> link(P), Loop(); {exit, Reason} -> exit(Reason) end end),
    E ! link,
    rust:wait_until(fun() -> ask(P, {info}) =:= [{links, [E]}, {trap_exit, true}] end),
    P ! {do, [{unlink, E}, {link, E}]},
    [{links, [E]}, _] = ask(P, {info}),
    %% The signals of the puppet are behind the answer to the last question, in the same connection.
    rust:wait_until(fun() -> process_info(E, links) =:= {links, [P]} end),
    E ! {exit, my_exit_reason},
    {exit, P, E, my_exit_reason} = next(),
    nothing(20).

simultaneous_erl_link_java_link_unlink() -> simultaneous([link], [link, unlink]).

simultaneous_erl_link_unlink_java_link() -> simultaneous([link, unlink], [link]).

%% Both change their link at the same time, often: in the end both have it or neither.
simultaneous(Ours, Theirs) ->
    process_flag(trap_exit, true),
    P = puppet(),
    Self = self(),
    [begin
         P ! {do, [{Order, Self} || Order <- Theirs]},
         [erlang:Order(P) || Order <- Ours],
         [{links, There}, _] = ask(P, {info}),
         settled(P, There)
     end || _ <- lists:seq(1, 200)],
    {links, Links} = process_info(self(), links),
    M = monitor(process, P),
    P ! {exit, over},
    %% Who is linked hears it both ways, who is not hears it by the monitor alone.
    Expected = [{'EXIT', P, over} || lists:member(P, Links)] ++ [{'DOWN', M, process, P, over}],
    Expected = lists:sort([next() || _ <- Expected]),
    nothing(20).

%% Acknowledgements of unlinking may still be on their way, so a few looks may be needed.
settled(P, _) ->
    rust:wait_until(fun() ->
        [{links, There}, _] = ask(P, {info}),
        {links, Here} = process_info(self(), links),
        (There =:= [self()]) =:= lists:member(P, Here)
    end).

erl_link_java_exit() ->
    process_flag(trap_exit, true),
    P = puppet(),
    link(P),
    P ! {exit, my_exit_reason},
    {'EXIT', P, my_exit_reason} = next(),
    ok.

java_link_erl_exit() ->
    P = trap(puppet()),
    {E, M} = spawn_monitor(fun() -> receive {exit, Reason} -> exit(Reason) end end),
    P ! {link, E},
    [{links, [E]}, _] = ask(P, {info}),
    E ! {exit, my_exit_reason},
    {exit, P, E, my_exit_reason} = other_than({M, my_exit_reason}),
    ok.

internal_link_linking_exits() -> internal(fun(P, Q) -> P ! {do, [{link, Q}, {exit, bye}]}, P end, [bye]).

internal_link_linked_exits() ->
    internal(fun(P, Q) -> 
        Q ! {link, P},
        rust:wait_until(fun() -> ask(P, {info}) =:= [{links, [Q]}, {trap_exit, false}] end),
        P ! {exit, bye},
        P
    end, [bye]).

internal_unlink_linking_exits() ->
    internal(fun(P, Q) -> P ! {do, [{link, Q}, {unlink, Q}, {exit, bye}]}, P end, []).

internal_unlink_linked_exits() ->
    internal(fun(P, Q) -> Q ! {do, [{link, P}, {unlink, P}]}, [{links, []}, _] = ask(Q, {info}), P ! {exit, bye}, P end, []).

%% Between two puppets, of one node and of two: the second traps exits and says which it has seen.
internal(Do, Reasons) ->
    #{node := Other} = rust:start(rust:name("internal")),
    [begin
         [P, Q] = [puppet(), trap(puppet(Node))],
         Monitor = monitor(process, P),
         P = Do(P, Q),
         Seen = [{exit, Q, P, Reason} || Reason <- Reasons],
         Expected = lists:sort([{'DOWN', Monitor, process, P, bye} | Seen]),
         Expected = lists:sort([next() || _ <- Expected]),
         ok = nothing(20)
     end || Node <- [rust:node(), Other]],
    ok.

normal_exit() ->
    process_flag(trap_exit, true),
    P = puppet(),
    link(P),
    P ! stop,
    {'EXIT', P, normal} = next(),
    %% A normal exit of one does not end the other.
    Q = puppet(),
    {E, M} = spawn_monitor(fun() -> link(Q) end),
    {'DOWN', M, process, E, normal} = next(),
    rust:wait_until(fun() -> [{links, []}, {trap_exit, false}] =:= ask(Q, {info}) end),
    ok.

kill_mbox() ->
    process_flag(trap_exit, true),
    [P, Q] = [puppet(), puppet()],
    link(P),
    Q ! {exit2, P, kill},
    {'EXIT', P, killed} = next(),
    ok.

kill_erl_proc_from_java() ->
    P = puppet(),
    {E, M} = spawn_monitor(fun() -> process_flag(trap_exit, true), receive never -> ok end end),
    P ! {exit2, E, kill},
    {'DOWN', M, process, E, killed} = next(),
    ok.

kill_mbox_from_erlang() ->
    process_flag(trap_exit, true),
    P = puppet(),
    link(P),
    exit(P, kill),
    {'EXIT', P, killed} = next(),
    ok.

erl_exit_with_reason_any_term() ->
    P = trap(puppet()),
    [begin
         {E, M} = spawn_monitor(fun() -> link(P), exit(Reason) end),
         {exit, P, E, Reason} = other_than({M, Reason})
     end || Reason <- any_terms()],
    ok.

java_exit_with_reason_any_term() ->
    process_flag(trap_exit, true),
    [begin
         P = puppet(),
         link(P),
         P ! {exit, Reason},
         {'EXIT', P, Reason} = next()
     end || Reason <- any_terms()],
    ok.

any_terms() ->
    [17, 3.14, "string", <<"binary">>, {tuple, ['of', "terms"]}, [improper | list], #{map => #{}}, make_ref(), self(),
     fun lists:map/2, kill, killed, noproc, {shutdown, now}, '', 1 bsl 100, {big, rand:bytes(100000)}].

%% A node that comes and goes; status_handler_remoteStatus sees it from the other side.
brief_node() ->
    #{node := Node} = Brief = rust:start("brief"),
    P = puppet(),
    yes = ask(P, {call, {net_kernel, Node}, {is_auth, rust:node()}}),
    rust:stop(Brief),
    {'EXIT', {{nodedown, Node}, _}} = ask(P, {call, {net_kernel, Node}, {is_auth, rust:node()}}),
    ok.

%% The message beside this DOWN, whichever comes first.
other_than({Monitor, Reason}) ->
    receive {'DOWN', Monitor, process, _, Reason} -> ok after 10000 -> exit(no_down) end,
    next().
