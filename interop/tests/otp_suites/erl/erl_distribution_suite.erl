%% erl_distribution_SUITE: how nodes come to know each other, and what is told of it, on both sides.
-module(erl_distribution_suite).
-compile([export_all, nowarn_export_all]).
-import(rust, [ask/2, puppet/0, puppet/1, next/0, nothing/1]).

%% A connection lives by its ticks, whoever is silent; a node that says nothing at all is found out.
tick() ->
    #{node := Node} = rust:start("tick", ["--hidden", "--impatient"]),
    #{node := PeerNode} = rust:erl("tick_peer", ["-kernel", "net_ticktime", "4"]),
    P = puppet(Node),
    true = watched(Node, {connect, PeerNode}),
    ok = subscribe(P, Node, [nodedown_reason, {node_type, all}]),
    %% Longer than the Engset node bears silence. This node here does not tick often enough for it, and is no matter.
    receive {heard, P, {nodedown, PeerNode, _}} -> exit(down) after 3000 -> ok end,
    Program = erpc:call(PeerNode, os, getpid, []),
    [] = os:cmd("kill -STOP " ++ Program),
    receive {heard, P, {nodedown, PeerNode, Info}} -> ok after 10000 -> Info = exit(still_up) end,
    [] = os:cmd("kill -KILL " ++ Program),
    net_tick_timeout = proplists:get_value(nodedown_reason, Info),
    ok.

%% The Erlang node changes its tick time: with the short one it ticks often enough for a node that is impatient, with
%% the long one it does not.
tick_change() ->
    Before = net_kernel:get_net_ticktime(),
    ok = changed(2),
    #{node := Node} = rust:start("tick_change", ["--hidden", "--impatient"]),
    pong = net_adm:ping(Node),
    net_kernel:monitor_nodes(true, [{node_type, all}, nodedown_reason]),
    receive {nodedown, Node, Early} -> exit({down, Early}) after 3500 -> ok end,
    ok = changed(Before),
    receive {nodedown, Node, Info} -> connection_closed = proplists:get_value(nodedown_reason, Info) after 10000 -> exit(up) end,
    ok.

changed(Seconds) ->
    _ = net_kernel:set_net_ticktime(Seconds, 0),
    rust:wait_until(fun() -> net_kernel:get_net_ticktime() =:= Seconds end).

nodenames() ->
    [begin
         Rust = #{node := Node} = rust:start(Name),
         pong = net_adm:ping(Node),
         Node = node(puppet(Node)),
         rust:stop(Rust)
     end || Name <- ["a", "a1", "a-b", "a_b", "A", "1", lists:duplicate(100, $n)]],
    ok.

%% Hosts that are nowhere, or that a node with long names does not accept: both sides say no, and go on.
hostnames() ->
    #{node := Node} = rust:start("hostnames"),
    [begin
         false = net_kernel:connect_node(list_to_atom("any@" ++ Host)),
         true = is_binary(watched(Node, {connect, list_to_atom("any@" ++ Host)}))
     end || Host <- ["no.such.host.invalid", "300.1.1.1", "127.0.0.1.", "-"]],
    pong = net_adm:ping(Node),
    true = watched(Node, {connect, node()}),
    ok.

connect_node() ->
    #{node := Node} = rust:start("connect_node"),
    true = net_kernel:connect_node(Node),
    true = net_kernel:connect_node(Node),
    true = net_kernel:connect_node(node()),
    false = net_kernel:connect_node('nowhere@127.0.0.1'),
    %% From there, where it is connected already, and after it was cut.
    true = watched(Node, {connect, node()}),
    P = puppet(Node),
    net_kernel:monitor_nodes(true, [{node_type, hidden}]),
    {watcher, Node} ! {disconnect, node(), self()},
    %% The answer makes a connection again.
    {nodedown, Node, _} = next(),
    _ = [next(), next()],
    P ! {send, self(), again},
    again = next(),
    ok.

%% A hidden node is in nobody's nodes(), a visible one is, seen from both sides.
hidden_node() ->
    #{node := Hidden} = rust:start("hidden_node"),
    #{node := Visible} = rust:start("visible_node", []),
    [pong = net_adm:ping(Node) || Node <- [Hidden, Visible]],
    true = lists:member(Visible, nodes()),
    false = lists:member(Hidden, nodes()),
    true = lists:member(Hidden, nodes(hidden)),
    [] = [Hidden, Visible] -- nodes(connected),
    true = lists:member({node(), true}, watched(Hidden, {nodes})),
    #{node := Peer} = rust:erl("hidden_peer", ["-hidden"]),
    pong = erpc:call(Peer, net_adm, ping, [Visible]),
    true = lists:member({Peer, false}, watched(Visible, {nodes})),
    ok.

setopts() ->
    #{node := Node} = rust:start("setopts"),
    pong = net_adm:ping(Node),
    [begin
         ok = net_kernel:setopts(Node, [{nodelay, NoDelay}]),
         {ok, [{nodelay, NoDelay}]} = net_kernel:getopts(Node, [nodelay]),
         pong = net_adm:ping(Node)
     end || NoDelay <- [true, false, true]],
    ok.

%% Many nodes that are known for a short time.
table_waste() ->
    [begin
         Name = rust:name("waste"),
         {ok, Socket} = fake:connect(Name, rust:node()),
         gen_tcp:close(Socket)
     end || _ <- lists:seq(1, 200)],
    [{watcher, rust:node()} ! {connect, list_to_atom("nobody" ++ integer_to_list(N) ++ "@127.0.0.1"), self()} || N <- lists:seq(1, 100)],
    [begin {watched, Why} = next(), true = is_binary(Why) end || _ <- lists:seq(1, 100)],
    rust:wait_until(fun() -> [N || {N, _} <- watched(rust:node(), {nodes}), lists:prefix("waste", atom_to_list(N))] =:= [] end),
    pong = net_adm:ping(rust:node()),
    ok.

%% Why a node is down: it closed, it was killed, we cut it, it cut us; seen from here and from there.
monitor_nodes_nodedown_reason() ->
    Options = [nodedown_reason, {node_type, hidden}],
    net_kernel:monitor_nodes(true, Options),
    [begin
         Rust = #{node := Node} = rust:start(rust:name("reason")),
         pong = net_adm:ping(Node),
         {nodeup, Node, _} = next(),
         Cut(Rust),
         {nodedown, Node, Info} = next(),
         Reason = proplists:get_value(nodedown_reason, Info),
         hidden = proplists:get_value(node_type, Info)
     end || {Cut, Reason} <- [{fun(Rust) -> rust:stop(Rust) end, connection_closed},
                              {fun(Rust) -> rust:kill(Rust) end, connection_closed},
                              {fun(#{node := Node}) -> erlang:disconnect_node(Node) end, disconnect}]],
    net_kernel:monitor_nodes(false, Options),
    #{node := Node} = rust:start(rust:name("reason")),
    P = puppet(Node),
    ok = subscribe(P, Node, [nodedown_reason, {node_type, all}]),
    Peer = #{node := PeerNode} = rust:erl("reason_peer"),
    true = watched(Node, {connect, PeerNode}),
    {heard, P, {nodeup, PeerNode, [{node_type, visible}]}} = next(),
    true = watched(Node, {disconnect, PeerNode}),
    {heard, P, {nodedown, PeerNode, Cut}} = next(),
    disconnect = proplists:get_value(nodedown_reason, Cut),
    true = watched(Node, {connect, PeerNode}),
    {heard, P, {nodeup, PeerNode, _}} = next(),
    rust:stop_erl(Peer),
    {heard, P, {nodedown, PeerNode, Closed}} = next(),
    connection_closed = proplists:get_value(nodedown_reason, Closed),
    ok.

%% Subscriptions for nodes of one type hear of these only.
monitor_nodes_node_type() ->
    net_kernel:monitor_nodes(true, [{node_type, hidden}]),
    net_kernel:monitor_nodes(true),
    Hidden = #{node := HiddenNode} = rust:start("type_hidden"),
    Visible = #{node := VisibleNode} = rust:start("type_visible", []),
    [pong = net_adm:ping(Node) || Node <- [HiddenNode, VisibleNode]],
    [{nodeup, HiddenNode, [{node_type, hidden}]}, {nodeup, VisibleNode}] = [next(), next()],
    rust:stop(Hidden),
    {nodedown, HiddenNode, [{node_type, hidden}]} = next(),
    rust:stop(Visible),
    {nodedown, VisibleNode} = next(),
    ok = nothing(20),
    net_kernel:monitor_nodes(false, [{node_type, hidden}]),
    net_kernel:monitor_nodes(false),
    %% The other way.
    #{node := Node} = rust:start("type_watch"),
    [P, Q, R] = [puppet(Node), puppet(Node), puppet(Node)],
    ok = subscribe(P, Node, []),
    ok = subscribe(Q, Node, [{node_type, hidden}]),
    ok = subscribe(R, Node, [{node_type, all}]),
    Peer = #{node := PeerNode} = rust:erl("type_peer", ["-hidden"]),
    true = watched(Node, {connect, PeerNode}),
    [{heard, Q, {nodeup, PeerNode, [{node_type, hidden}]}}, {heard, R, {nodeup, PeerNode, [{node_type, hidden}]}}] =
        in_order([next(), next()], [Q, R]),
    rust:stop_erl(Peer),
    [{heard, Q, {nodedown, PeerNode, [{node_type, hidden}]}}, {heard, R, {nodedown, PeerNode, [{node_type, hidden}]}}] =
        in_order([next(), next()], [Q, R]),
    nothing(20).

monitor_nodes_misc() ->
    #{node := Node} = rust:start("misc"),
    P = puppet(Node),
    ok = subscribe(P, Node, []),
    ok = subscribe(P, Node, [nodedown_reason, {node_type, all}]),
    {watcher, Node} ! {monitor_node, P, 'misc_peer@127.0.0.1', self()},
    %% It is not there yet: that is told at once.
    [{heard, P, {nodedown, 'misc_peer@127.0.0.1'}}, {watched, true}] = lists:sort(fun longer/2, [next(), next()]),
    Peer = #{node := PeerNode} = rust:erl("misc_peer"),
    true = watched(Node, {connect, PeerNode}),
    [{heard, P, {nodeup, PeerNode}}, {heard, P, {nodeup, PeerNode, [{node_type, visible}]}}] = lists:sort([next(), next()]),
    true = watched(Node, {monitor_node, P, PeerNode}),
    true = watched(Node, {monitor_node, P, PeerNode}),
    true = watched(Node, {demonitor_node, P, PeerNode}),
    1 = watched(Node, {demonitor_nodes, P, []}),
    rust:stop_erl(Peer),
    [{heard, P, {nodedown, PeerNode}}, {heard, P, {nodedown, PeerNode, _}}] = lists:sort([next(), next()]),
    nothing(20).

%% A nodeup comes before the first message of that node, a nodedown after its last one.
monitor_nodes_otp_6481() ->
    net_kernel:monitor_nodes(true, [{node_type, hidden}]),
    Self = self(),
    [begin
         Rust = #{node := Node} = rust:start(rust:name("otp_6481")),
         %% The Engset node begins: its answers are the first of what it sends.
         {spawner, Node} ! {spawn, Self},
         {nodeup, Node, _} = next(),
         {spawned, P} = next(),
         P ! {do, [{send, Self, N} || N <- lists:seq(1, 50)]},
         [N = next() || N <- lists:seq(1, 50)],
         P ! {do, [{send, Self, last}]},
         last = next(),
         rust:stop(Rust),
         {nodedown, Node, _} = next()
     end || _ <- lists:seq(1, 5)],
    net_kernel:monitor_nodes(false, [{node_type, hidden}]),
    %% The other way.
    #{node := Watch} = rust:start("otp_6481_watch"),
    Q = puppet(Watch),
    ok = subscribe(Q, Watch, [{node_type, all}]),
    Peer = #{node := PeerNode} = rust:erl("otp_6481_peer"),
    [erpc:call(PeerNode, erlang, send, [Q, {from_peer, N}]) || N <- lists:seq(1, 50)],
    {heard, Q, {nodeup, PeerNode, _}} = next(),
    [{heard, Q, {from_peer, N}} = next() || N <- lists:seq(1, 50)],
    rust:stop_erl(Peer),
    {heard, Q, {nodedown, PeerNode, _}} = next(),
    ok.

%% Each combination of options, at the same time, on both sides.
monitor_nodes_combinations() ->
    All = [Type ++ Reason || Type <- [[], [{node_type, visible}], [{node_type, hidden}], [{node_type, all}]],
                             Reason <- [[], [nodedown_reason]]],
    #{node := Node} = rust:start("combinations"),
    Watchers = [{puppet(Node), Options} || Options <- All],
    [ok = subscribe(P, Node, Options) || {P, Options} <- Watchers],
    [begin
         Peer = #{node := PeerNode} = rust:erl(rust:name("combined"), Hide),
         true = watched(Node, {connect, PeerNode}),
         Concerned = [{P, Options} || {P, Options} <- Watchers, concerned(Type, Options)],
         [receive {heard, P, Up} -> up = told(Up, nodeup, PeerNode, Type, Options, []) after 5000 -> exit({no_nodeup, Options}) end
             || {P, Options} <- Concerned],
         rust:stop_erl(Peer),
         [receive {heard, P, Down} ->
              up = told(Down, nodedown, PeerNode, Type, Options, [{nodedown_reason, connection_closed} || lists:member(nodedown_reason, Options)])
          after 5000 -> exit({no_nodedown, Options}) end || {P, Options} <- Concerned],
         ok = nothing(20)
     end || {Hide, Type} <- [{[], visible}, {["-hidden"], hidden}]],
    ok.

concerned(Type, Options) ->
    case proplists:get_value(node_type, Options, visible) of
        all -> true;
        Asked -> Asked =:= Type
    end.

told({Tag, Node}, Tag, Node, _, [], []) -> up;
told({Tag, Node, Info}, Tag, Node, Type, Options, Reason) ->
    Types = [{node_type, Type} || proplists:is_defined(node_type, Options)],
    case lists:sort(Info) =:= lists:sort(Types ++ Reason) of
        true -> up;
        false -> {other, Info, Options}
    end;
told(Other, _, _, _, Options, _) -> {other, Other, Options}.

%% Whoever has ended is not told, and its subscriptions are no burden.
monitor_nodes_cleanup() ->
    #{node := Node} = rust:start("cleanup"),
    Gone = [begin P = puppet(Node), ok = subscribe(P, Node, []), ok = subscribe(P, Node, [{node_type, all}]), P end || _ <- lists:seq(1, 50)],
    Kept = puppet(Node),
    ok = subscribe(Kept, Node, []),
    Monitors = [monitor(process, P) || P <- Gone],
    [P ! stop || P <- Gone],
    [receive {'DOWN', M, process, _, normal} -> ok after 5000 -> exit(alive) end || M <- Monitors],
    Peer = #{node := PeerNode} = rust:erl("cleanup_peer"),
    true = watched(Node, {connect, PeerNode}),
    {heard, Kept, {nodeup, PeerNode}} = next(),
    rust:stop_erl(Peer),
    {heard, Kept, {nodedown, PeerNode}} = next(),
    nothing(20).

%% As many messages as subscriptions, of many processes and of one.
monitor_nodes_many() ->
    #{node := Node} = rust:start("many"),
    P = puppet(Node),
    [ok = subscribe(P, Node, []) || _ <- lists:seq(1, 20)],
    Others = [begin Q = puppet(Node), ok = subscribe(Q, Node, []), Q end || _ <- lists:seq(1, 100)],
    Peer = #{node := PeerNode} = rust:erl("many_peer"),
    true = watched(Node, {connect, PeerNode}),
    Expected = lists:sort(lists:duplicate(20, P) ++ Others),
    Expected = lists:sort([begin {heard, Q, {nodeup, PeerNode}} = next(), Q end || _ <- Expected]),
    rust:stop_erl(Peer),
    Expected = lists:sort([begin {heard, Q, {nodedown, PeerNode}} = next(), Q end || _ <- Expected]),
    20 = watched(Node, {demonitor_nodes, P, []}),
    nothing(20).

%% When a node comes back, the nodedown of the connection that was is told before the nodeup of the one that is.
monitor_nodes_down_up() ->
    net_kernel:monitor_nodes(true, [{node_type, hidden}]),
    [begin
         Rust = #{node := Node} = rust:start("down_up"),
         pong = net_adm:ping(Node),
         {nodeup, Node, _} = next(),
         Turn rem 2 =:= 0 andalso rust:suspend(Rust),
         rust:kill(Rust),
         {nodedown, Node, _} = next()
     end || Turn <- lists:seq(1, 10)],
    net_kernel:monitor_nodes(false, [{node_type, hidden}]),
    #{node := Watch} = rust:start("down_up_watch"),
    P = puppet(Watch),
    Node = 'down_up@127.0.0.1',
    ok = subscribe(P, Watch, [{node_type, all}]),
    [begin
         Rust = rust:start("down_up"),
         true = watched(Watch, {connect, Node}),
         {heard, P, {nodeup, Node, _}} = next(),
         rust:kill(Rust),
         {heard, P, {nodedown, Node, _}} = next()
     end || _ <- lists:seq(1, 10)],
    nothing(20).

%% An order to the watcher of a node, and its answer.
watched(Node, Order) ->
    {watcher, Node} ! erlang:append_element(Order, self()),
    receive {watched, Outcome} -> Outcome after 10000 -> exit({no_answer, Order}) end.

%% Lets a puppet be told of nodes, and pass that on.
subscribe(P, Node, Options) ->
    P ! {hear, self()},
    true = watched(Node, {monitor_nodes, P, Options}),
    _ = ask(P, {info}),
    ok.

in_order(Messages, Puppets) -> [lists:keyfind(P, 2, Messages) || P <- Puppets].

longer(A, B) -> tuple_size(A) >= tuple_size(B).
