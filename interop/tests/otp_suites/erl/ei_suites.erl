%% ei_accept_SUITE, ei_connect_SUITE and ei_tmo_SUITE, with Engset nodes in the place of C nodes.
-module(ei_suites).
-compile([export_all, nowarn_export_all]).
-import(rust, [ask/2, puppet/0, puppet/1, next/0, nothing/1]).

%% A node is there from the moment it says so, and takes messages to any name.
ei_accept() ->
    #{node := Node} = rust:start("ei_accept"),
    {echo, Node} ! {self(), {tuple, [of_things], 1.5}},
    {echo, {tuple, [of_things], 1.5}} = next(),
    {nobody, Node} ! hello,
    {echo, Node} ! {self(), still_there},
    {echo, still_there} = next(),
    ok.

ei_threaded_accept() ->
    Nodes = [Node || N <- lists:seq(1, 5), #{node := Node} <- [rust:start("ei_threaded" ++ integer_to_list(N))]],
    Self = self(),
    Askers = [spawn_link(fun() ->
        [begin {echo, Node} ! {self(), I}, {echo, I} = next() end || I <- lists:seq(1, 20)],
        Self ! {done, self()}
    end) || Node <- Nodes, _ <- [1, 2]],
    [receive {done, Asker} -> ok after 10000 -> exit(late) end || Asker <- Askers],
    [] = Nodes -- nodes(hidden),
    ok.

monitor_ei_process() ->
    Rust = #{node := Node} = rust:start("ei_monitor"),
    P = puppet(Node),
    [M1, M2, M3] = [monitor(process, P), monitor(process, {echo, Node}), monitor(process, {nobody, Node})],
    {'DOWN', M3, process, {nobody, Node}, noproc} = next(),
    P ! {exit, done},
    {'DOWN', M1, process, P, done} = next(),
    ok = nothing(20),
    rust:kill(Rust),
    {'DOWN', M2, process, {echo, Node}, noconnection} = next(),
    M4 = monitor(process, {echo, Node}),
    {'DOWN', M4, process, {echo, Node}, noconnection} = next(),
    ok.

%% Many processes of one node send at the same time, each in its own order.
ei_threaded_send() ->
    Puppets = [puppet() || _ <- lists:seq(1, 15)],
    Self = self(),
    [P ! {do, [{send, Self, {P, I}} || I <- lists:seq(1, 50)]} || P <- Puppets],
    [{P, I} = receive {P, _} = Got -> Got after 10000 -> none end || P <- Puppets, I <- lists:seq(1, 50)],
    nothing(0).

ei_send() ->
    P = puppet(),
    Ended = spawn(fun() -> ok end),
    [begin P ! {send, self(), Term}, Term = next() end || Term <- [a, 1, "text", <<1, 2>>, {self(), P}, [], #{}]],
    P ! {send, Ended, lost},
    P ! {send, self(), after_the_lost_one},
    after_the_lost_one = next(),
    ok.

ei_format_pid() ->
    P = puppet(),
    %% The first of the three numbers is another one on each node that prints it.
    [begin
         Numbers = fun(Text) -> lists:nthtail(length(string:split(Text, ".", all)) - 2, string:split(Text, ".", all)) end,
         Expected = Numbers(pid_to_list(Pid)),
         Expected = Numbers(binary_to_list(ask(P, {printed, Pid})))
     end || Pid <- [self(), P]],
    ok.

ei_send_funs() ->
    P = puppet(),
    Bound = {self(), make_ref()},
    Term = {fun lists:map/2, fun() -> Bound end, fun(X) -> X end},
    P ! {send, self(), Term},
    Term = next(),
    ok.

ei_reg_send() ->
    P = puppet(),
    register(ei_receiver, self()),
    [begin P ! {send, {ei_receiver, node()}, I}, I = next() end || I <- lists:seq(1, 10)],
    unregister(ei_receiver),
    P ! {send, {ei_receiver, node()}, lost},
    P ! {send, self(), afterwards},
    afterwards = next(),
    ok.

ei_reg_send_large() ->
    P = puppet(),
    register(ei_receiver, self()),
    [begin
         Binary = rand:bytes(Size),
         P ! {send, {ei_receiver, node()}, Binary},
         Binary = next()
     end || Size <- [1, 65000, 65536, 1000000, 10000000]],
    ok.

%% What is called here from there, and what cannot be.
ei_rpc() ->
    P = puppet(),
    Node = node(),
    Node = ask(P, {rpc, Node, erlang, node, []}),
    [3, 2, 1] = ask(P, {rpc, Node, lists, reverse, [[1, 2, 3]]}),
    {badrpc, _} = ask(P, {rpc, Node, erlang, error, [oops]}),
    {badrpc, _} = ask(P, {rpc, Node, no_such_module, f, []}),
    {badrpc, _} = ask(P, {rpc, 'nowhere@127.0.0.1', erlang, node, []}),
    Large = rand:bytes(1000000),
    Large = ask(P, {rpc, Node, erlang, hd, [[Large]]}),
    ok.

ei_make_ref() ->
    P = puppet(),
    Made = ask(P, {references, 10000}) ++ ask(puppet(), {references, 10000}),
    20000 = length(lists:usort(Made)),
    [true = is_reference(Ref) andalso node(Ref) =:= rust:node() || Ref <- Made],
    %% They work as others do, here and there.
    P ! {send, self(), {hd(Made), reply}},
    {Ref, reply} = next(),
    Ref = hd(Made),
    ok.

ei_make_pid() ->
    Puppets = [puppet() || _ <- lists:seq(1, 200)],
    200 = length(lists:usort(Puppets)),
    [true = is_pid(P) andalso node(P) =:= rust:node() || P <- Puppets],
    [P ! {do, [{send, self(), P}, {exit, normal}]} || P <- Puppets],
    Puppets = [receive P -> P after 10000 -> none end || P <- Puppets],
    ok.

ei_link_unlink() ->
    process_flag(trap_exit, true),
    P = puppet(),
    P ! {link, self()},
    [{links, [Linked]}, _] = ask(P, {info}),
    Linked = self(),
    {links, Links} = process_info(self(), links),
    true = lists:member(P, Links),
    P ! {unlink, self()},
    rust:wait_until(fun() -> {links, Now} = process_info(self(), links), not lists:member(P, Now) end),
    P ! {exit, oops},
    nothing(50).

%% An address where nobody is, and a port at which nobody listens: the caller is told.
ei_connect_unreachable_tmo() ->
    #{node := Node} = rust:start("ei_unreachable", ["--hidden", "--impatient"]),
    Free = fake:register("ei_gone", 1),
    P = puppet(Node),
    [{'EXIT', {{nodedown, To}, _}} = ask(P, {call, {any, To}, hello}) ||
        To <- ['any@127.77.77.77', 'ei_gone@127.0.0.1']],
    gen_tcp:close(Free),
    ok.

%% A peer that takes the connection and says nothing.
ei_connect_tmo() ->
    #{node := Node} = rust:start("ei_connect_tmo", ["--hidden", "--impatient"]),
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}, binary, {active, false}]),
    {ok, Port} = inet:port(Listener),
    Registered = fake:register("ei_mute", Port),
    {'EXIT', {{nodedown, 'ei_mute@127.0.0.1'}, _}} = ask(puppet(Node), {call, {any, 'ei_mute@127.0.0.1'}, hello}),
    %% It has tried, and has given up.
    {ok, Socket} = gen_tcp:accept(Listener, 5000),
    {ok, <<_:16, $N, _/binary>>} = gen_tcp:recv(Socket, 0, 5000),
    {error, closed} = gen_tcp:recv(Socket, 0, 5000),
    gen_tcp:close(Registered),
    ok.

%% Whoever connects and says nothing is cut off, and so is who says half a name.
ei_accept_tmo() ->
    #{node := Node} = rust:start("ei_accept_tmo", ["--hidden", "--impatient"]),
    Sockets = [begin
        {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, fake:tcp_port(Node), [binary, {active, false}]),
        ok = gen_tcp:send(Socket, Said),
        Socket
    end || Said <- [<<>>, <<0>>, <<0, 30, $N, 0, 0>>]],
    [{error, closed} = gen_tcp:recv(Socket, 0, 5000) || Socket <- Sockets],
    {echo, Node} ! {self(), still_there},
    {echo, still_there} = next(),
    ok.

ei_recv_tmo() ->
    P = puppet(),
    timeout = ask(P, {'receive', 0}),
    timeout = ask(P, {'receive', 50}),
    P ! {'receive', 5000, self()},
    P ! something,
    {received, something} = next(),
    ok.

%% A peer that reads nothing: who sends waits, others are served, and when it has been silent for too long it is gone.
ei_send_tmo() ->
    #{node := Node} = rust:start("ei_send_tmo", ["--hidden", "--impatient"]),
    Mute = #{node := MuteNode} = rust:start("ei_send_mute"),
    P = puppet(Node),
    yes = ask(P, {call, {net_kernel, MuteNode}, {is_auth, Node}}),
    rust:suspend(Mute),
    P ! {monitor, {sink, MuteNode}, self()},
    {monitored, Ref} = next(),
    {source, Node} ! {send, {sink, MuteNode}, 2000, 100000},
    {echo, Node} ! {self(), meanwhile},
    {echo, meanwhile} = next(),
    {down, P, {'DOWN', Ref, process, {sink, MuteNode}, noconnection}} = next(),
    rust:resume(Mute),
    ok.

%% After the loss of a connection sending goes on over another one.
ei_send_failure_tmo() ->
    #{node := Node} = rust:start("ei_failure", ["--hidden", "--impatient"]),
    Peer = #{node := PeerNode} = rust:start("ei_failure_peer"),
    P = puppet(Node),
    yes = ask(P, {call, {net_kernel, PeerNode}, {is_auth, Node}}),
    rust:kill(Peer),
    P ! {send, {echo, PeerNode}, {self(), lost}},
    {'EXIT', {{nodedown, PeerNode}, _}} = ask(P, {call, {net_kernel, PeerNode}, {is_auth, Node}}),
    rust:start("ei_failure_peer"),
    P ! {send, {echo, PeerNode}, {self(), found}},
    {echo, found} = next(),
    ok.

%% Who lacks a flag that is demanded is refused; flags that nobody knows do not matter.
ei_dflags() ->
    #{node := Node} = rust:start("ei_dflags"),
    Mandatory = fake:mandatory(),
    [begin
         Name = rust:name("dflags"),
         {ok, Socket} = fake:connect(Name, Node, Flags),
         From = fake:pid(Name, 1),
         ok = fake:message(Socket, {6, From, '', echo}, {self(), Flags}),
         {echo, Flags} = next(),
         gen_tcp:close(Socket)
     end || Flags <- [Mandatory, Mandatory bor (1 bsl 60), Mandatory bor 1]],
    [{error, _} = refused(fake:connect(rust:name("dflags"), Node, Mandatory band bnot Flag)) ||
        Flag <- [16#4, 16#100, 16#10000, 16#40000, 1 bsl 24]],
    ok.

refused({ok, Said}) when is_binary(Said) -> {error, Said};
refused(Other) -> Other.
