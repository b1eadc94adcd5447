%% distribution_SUITE: much, large and broken data between an Erlang node and Engset nodes.
-module(distribution_suite).
-compile([export_all, nowarn_export_all]).
-import(rust, [ask/2, puppet/0, puppet/1, next/0, nothing/1, trap/1]).

%% A node that is there, one that is not, and the other way round; 1,024 times each.
ping() ->
    Node = rust:node(),
    [pong = net_adm:ping(Node) || _ <- lists:seq(1, 1024)],
    [pang = net_adm:ping('nowhere@127.0.0.1') || _ <- lists:seq(1, 1024)],
    P = puppet(),
    P ! {do, [{call, {net_kernel, node()}, {is_auth, Node}, self()} || _ <- lists:seq(1, 1024)]},
    [{called, yes} = next() || _ <- lists:seq(1, 1024)],
    ok.

bulk_send_small() -> bulk_send(64, 32).
bulk_send_big() -> bulk_send(32, 64).
bulk_send_bigbig() -> bulk_send(32, 32 * 4).

%% So many times so many binaries of 1 KiB, to there and back.
bulk_send(Terms, Kilobytes) ->
    #{node := Node} = rust:start(rust:name("bulk")),
    Bytes = rand:bytes(Kilobytes * 1024),
    Count = Terms * 16,
    [{sink, Node} ! {N, Bytes} || N <- lists:seq(1, Count)],
    {sink, Node} ! {report, self()},
    {count, Count, {Count, Bytes}} = next(),
    {source, Node} ! {send, self(), Count, byte_size(Bytes)},
    [{seq, N, _} = next() || N <- lists:seq(1, Count)],
    ok.

%% A process links while the connection takes nothing; either end may die before it takes again.
link_to_busy() ->
    process_flag(trap_exit, true),
    [begin
         Rust = #{node := Node} = rust:start(rust:name("link_to_busy")),
         P = puppet(Node),
         busy(Rust),
         {Linker, M} = spawn_monitor(fun() -> link(P), receive stop -> ok end end),
         case Who of
             resumed ->
                 rust:resume(Rust),
                 rust:wait_until(fun() -> [{links, Links}, _] = ask(P, {info}), Links =:= [Linker] end),
                 P ! {exit, seen},
                 {'DOWN', M, process, Linker, seen} = next();
             linker ->
                 exit(Linker, kill),
                 {'DOWN', M, process, Linker, killed} = next(),
                 rust:resume(Rust);
             node ->
                 rust:kill(Rust),
                 {'DOWN', M, process, Linker, noconnection} = next()
         end
     end || Who <- [resumed, linker, node]],
    ok.

exit_to_busy() ->
    [begin
         Rust = #{node := Node} = rust:start(rust:name("exit_to_busy")),
         P = puppet(Node),
         M = monitor(process, P),
         busy(Rust),
         {Sender, S} = spawn_monitor(fun() -> exit(P, told), receive after 10 -> ok end end),
         case Who of
             resumed ->
                 rust:resume(Rust),
                 {'DOWN', M, process, P, told} = other({'DOWN', S, process, Sender, normal});
             node ->
                 rust:kill(Rust),
                 {'DOWN', M, process, P, noconnection} = other({'DOWN', S, process, Sender, normal})
         end
     end || Who <- [resumed, node]],
    ok.

%% Ends with a large reason are told to links and monitors, in order after what was sent before.
lost_exit() ->
    process_flag(trap_exit, true),
    Large = rand:bytes(8 bsl 20),
    P = puppet(),
    P ! {hear, self()},
    Ref = monitor(process, P),
    link(P),
    P ! {do, [{send, self(), first}, {exit, {large, Large}}]},
    first = next(),
    [First, Second] = lists:sort([next(), next()]),
    true = {'EXIT', P, {large, Large}} =:= First,
    true = {'DOWN', Ref, process, P, {large, Large}} =:= Second,
    Q = trap(puppet()),
    {E, M} = spawn_monitor(fun() -> link(Q), Q ! {hear, self()}, exit({large, Large}) end),
    receive {'DOWN', M, process, E, {large, Large}} -> ok after 10000 -> exit(no_down) end,
    receive {exit, Q, E, {large, Large}} -> ok after 10000 -> exit(no_exit) end.

link_to_dead() ->
    process_flag(trap_exit, true),
    P = puppet(),
    M = monitor(process, P),
    P ! stop,
    {'DOWN', M, process, P, normal} = next(),
    link(P),
    {'EXIT', P, noproc} = next(),
    false = lists:member(P, element(2, process_info(self(), links))),
    ok.

link_to_dead_new_node() ->
    process_flag(trap_exit, true),
    Rust = #{node := Node} = rust:start("link_to_dead"),
    P = puppet(Node),
    rust:kill(Rust),
    link(P),
    {'EXIT', P, noconnection} = next(),
    rust:start("link_to_dead"),
    Q = puppet(Node),
    link(P),
    {'EXIT', P, noproc} = next(),
    %% The pid of the node that was is that of no process of the node that is.
    false = P =:= Q,
    P ! {send, self(), wrong},
    Q ! {send, self(), right},
    right = next(),
    ok.

ref_port_roundtrip() ->
    Port = open_port({spawn, "cat"}, []),
    Terms = [make_ref(), erlang:alias(), Port, hd(erlang:ports()), monitor(process, puppet())],
    [Term = echo(Term) || Term <- Terms],
    true = port_close(Port),
    ok.

nil_roundtrip() ->
    [] = echo([]),
    {[], [[]]} = echo({[], [[]]}),
    ok.

%% A node that becomes distributed, talks, stops being distributed, and becomes it again.
stop_dist() ->
    {ok, Peer, _} = peer:start_link(#{connection => standard_io, args => ["-start_epmd", "false"]}),
    Node = rust:node(),
    Call = fun(M, F, A) -> peer:call(Peer, M, F, A) end,
    [begin
         {ok, _} = Call(net_kernel, start, ['stop_dist@127.0.0.1', #{name_domain => longnames}]),
         true = Call(erlang, set_cookie, [erlang:get_cookie()]),
         pong = Call(net_adm, ping, [Node]),
         P = puppet(),
         yes = ask(P, {call, {net_kernel, 'stop_dist@127.0.0.1'}, {is_auth, Node}}),
         P ! {monitor, {net_kernel, 'stop_dist@127.0.0.1'}, self()},
         {monitored, Ref} = next(),
         ok = Call(net_kernel, stop, []),
         {down, P, {'DOWN', Ref, process, _, noconnection}} = next()
     end || _ <- [1, 2, 3]],
    peer:stop(Peer),
    ok.

dist_auto_connect_never() ->
    with_auto_connect("never", fun(Call, Node) ->
        Call(erlang, send, [{echo, Node}, {self(), lost}]),
        [] = Call(erlang, nodes, [hidden]),
        pang = Call(net_adm, ping, [Node]),
        true = Call(net_kernel, connect_node, [Node]),
        pong = Call(net_adm, ping, [Node])
    end).

dist_auto_connect_once() ->
    with_auto_connect("once", fun(Call, Node) ->
        pong = Call(net_adm, ping, [Node]),
        true = Call(erlang, disconnect_node, [Node]),
        pang = Call(net_adm, ping, [Node]),
        true = Call(net_kernel, connect_node, [Node]),
        pong = Call(net_adm, ping, [Node])
    end).

with_auto_connect(How, Do) ->
    Cookie = atom_to_list(erlang:get_cookie()),
    Arguments = ["-start_epmd", "false", "-setcookie", Cookie, "-kernel", "dist_auto_connect", How],
    {ok, Peer, _} = peer:start_link(#{name => rust:name(How), host => "127.0.0.1", longnames => true,
                                      connection => standard_io, args => Arguments}),
    pong = Do(fun(M, F, A) -> peer:call(Peer, M, F, A) end, rust:node()),
    peer:stop(Peer),
    ok.

%% Many send to many at the same time; each pair keeps its order.
dist_parallel_send() ->
    #{node := Node} = rust:start("parallel"),
    Puppets = [puppet(N) || N <- [rust:node(), Node], _ <- lists:seq(1, 4)],
    Senders = [spawn_monitor(fun() ->
        [P ! {send, self(), {P, I, binary:copy(<<I>>, I * 100)}} || I <- lists:seq(1, 100), P <- Puppets],
        [receive {P, I, _} -> ok; {P, J, _} -> exit({order, I, J}) after 10000 -> exit({missing, P, I}) end
            || I <- lists:seq(1, 100), P <- Puppets]
    end) || _ <- lists:seq(1, 8)],
    [receive {'DOWN', M, process, S, Reason} -> normal = Reason after 30000 -> exit(late) end || {S, M} <- Senders],
    ok.

%% While much is on its way between two nodes, small messages get through.
message_latency_large_message() ->
    latency(fun(P, Large) -> P ! {hear_nothing, Large} end).

message_latency_large_link_exit() ->
    latency(fun(P, Large) ->
        E = spawn(fun() -> link(P), exit(Large) end),
        receive {exit, P, E, _} -> ok end
    end).

message_latency_large_monitor_exit() ->
    latency(fun(P, Large) ->
        {E, M} = spawn_monitor(fun() -> receive go -> exit(Large) end end),
        P ! {monitor, E, self()},
        receive {monitored, _} -> ok end,
        E ! go,
        down(E, M),
        receive {down, P, _} -> ok end
    end).

message_latency_large_exit2() -> 
    latency(fun(P, Large) -> exit(P, {large, Large}), receive {exit, P, _, _} -> ok end end).

latency(Send) ->
    #{node := Node} = rust:start(rust:name("latency")),
    Large = rand:bytes(24 bsl 20),
    Sender = spawn_link(fun() ->
        P = trap(puppet(Node)),
        (fun Again() -> Send(P, Large), receive stop -> exit(normal) after 0 -> Again() end end)()
    end),
    _ = echo_at(Node, first),
    Times = [begin {Time, _} = timer:tc(fun() -> echo_at(Node, N) end), Time div 1000 end || N <- lists:seq(1, 30)],
    Sender ! stop,
    Slowest = lists:max(Times),
    Slowest < 1500 orelse exit({slow, Times}),
    unlink(Sender),
    exit(Sender, kill),
    ok.

%% Broken data of a peer: what can be told apart is dropped, and costs its own connection at most.
bad_dist_ext_receive() ->
    Bad = [<<131, 104, 2, 97, 1>>, <<131, 255>>, <<131>>, <<131, 109, 255, 255, 255, 255, 1>>, <<131, 108, 127, 255, 255, 255>>,
           <<131, 100, 0, 5, "a">>, <<131, 110, 255>>, <<131, 98, 0, 0, 0, 1, 7, 7, 7>>, <<130, 106>>, <<>>,
           <<131, 116, 0, 0, 0, 9>>, <<131, 80, 255, 255, 255, 255, 1>>],
    [with_fake(fun(Socket, From) ->
         {echo, rust:node()} ! {self(), before},
         {echo, before} = next(),
         ok = fake:packet(Socket, <<112, (term_to_binary({6, From, '', echo}))/binary, Payload/binary>>),
         untouched()
     end) || Payload <- Bad],
    ok.

bad_dist_ext_size() ->
    [with_fake(fun(Socket, From) ->
         Whole = term_to_binary({self(), lists:duplicate(100, <<"abc">>)}),
         ok = fake:packet(Socket, <<112, (term_to_binary({6, From, '', echo}))/binary, (binary:part(Whole, 0, Size))/binary>>),
         untouched()
     end) || Size <- [2, 10, 50, 300]],
    ok.

bad_dist_ext_control() ->
    Other = binary_to_term(<<131, 88, 119, 9, "x@1.2.3.4", 1:32, 0:32, 1:32>>),
    Bad = [fun(_) -> <<112, 131, 104, 1>> end,
           fun(_) -> <<112>> end,
           fun(_) -> <<113, 131, 106>> end,
           fun(_) -> <<131, 68>> end,
           fun(_) -> <<131, 69, 1:64, 9:64, 0>> end,
           fun(_) -> <<112, (term_to_binary(not_a_tuple))/binary>> end,
           fun(_) -> <<112, (term_to_binary({}))/binary>> end,
           fun(_) -> <<112, (term_to_binary({6, not_a_pid, '', echo}))/binary, 131, 106>> end,
           fun(_) -> <<112, (term_to_binary({1, self(), self()}))/binary>> end,
           fun(_) -> <<112, (term_to_binary({6, Other, '', echo}))/binary, 131, 106>> end,
           fun(From) -> <<112, (term_to_binary({1, From, Other}))/binary>> end],
    [with_fake(fun(Socket, From) ->
         ok = fake:packet(Socket, Packet(From)),
         ok = fake:closed(Socket),
         untouched()
     end) || Packet <- Bad],
    ok.

%% What came over a connection that is closed for its fault does not harm the connection that follows.
bad_dist_ext_connection_id() ->
    connected = echo(connected),
    Name = rust:name("bad_ext"),
    From = fake:pid(Name, 1),
    {ok, First} = fake:connect(Name, rust:node()),
    ok = fake:packet(First, <<112, (term_to_binary({6, From, '', echo}))/binary, 131, 104, 3>>),
    ok = fake:packet(First, <<112>>),
    ok = fake:closed(First),
    {ok, Second} = fake:connect(Name, rust:node()),
    ok = fake:message(Second, {6, From, '', echo}, {self(), over_the_second}),
    {echo, over_the_second} = next(),
    gen_tcp:close(Second),
    untouched().

%% Connections are made and cut while many send over them.
dist_entry_refc_race() ->
    #{node := Node} = rust:start("refc_race"),
    Senders = [spawn_monitor(fun() -> [begin {echo, Node} ! {self(), N}, erlang:yield() end || N <- lists:seq(1, 300)] end)
               || _ <- lists:seq(1, 8)],
    Cutters = [spawn_monitor(fun() -> [begin erlang:disconnect_node(Node), net_adm:ping(Node) end || _ <- lists:seq(1, 30)] end)
               || _ <- [1, 2]],
    [receive {'DOWN', M, process, S, Reason} -> normal = Reason after 30000 -> exit(late) end || {S, M} <- Senders ++ Cutters],
    rust:wait_until(fun() -> net_adm:ping(Node) =:= pong end),
    works = echo_at(Node, works),
    ok.

%% Messages of many pieces that are not copied together.
huge_iovec() ->
    Pieces = [rand:bytes(100 + N rem 200) || N <- lists:seq(1, 20000)],
    Pieces = echo(Pieces),
    Shared = rand:bytes(70000),
    Many = [Shared || _ <- lists:seq(1, 200)],
    Many = echo(Many),
    ok.

%% The first message to a node that is not connected has a fun of the form that not every node knows.
hopefull_export_fun_bug() ->
    [begin
         #{node := Node} = rust:start(rust:name("hopeful")),
         Term = echo_at(Node, Term)
     end || Term <- [fun lists:map/2, [fun erlang:send/2, <<1:3>>], {<<5:7>>, fun() -> ok end}]],
    ok.

%% A played node, and that the others do not notice whatever it does.
with_fake(Do) ->
    connected = echo(connected),
    Name = rust:name("fake"),
    {ok, Socket} = fake:connect(Name, rust:node()),
    ok = Do(Socket, fake:pid(Name, 1)),
    gen_tcp:close(Socket).

untouched() ->
    true = lists:member(rust:node(), nodes(hidden)),
    still_there = echo(still_there),
    nothing(0).

busy(Rust = #{node := Node}) ->
    ok = rust:suspend(Rust),
    fill(Node, rand:bytes(1 bsl 20)).

fill(Node, Bytes) ->
    case erlang:send({sink, Node}, Bytes, [nosuspend]) of
        ok -> fill(Node, Bytes);
        nosuspend -> ok
    end.

echo(Term) -> echo_at(rust:node(), Term).

echo_at(Node, Term) ->
    {echo, Node} ! {self(), Term},
    receive {echo, Echo} -> Echo after 10000 -> exit(no_echo) end.

%% The message beside this one, whichever comes first.
other(Message) ->
    [First, Second] = [next(), next()],
    case First of
        Message -> Second;
        _ -> Message = Second, First
    end.

down(E, M) -> receive {'DOWN', M, process, E, _} -> ok end.
