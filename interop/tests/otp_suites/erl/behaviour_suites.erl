%% gen_server_SUITE and sys_SUITE: OTP's own functions against servers of Engset nodes, and the other way round.
-module(behaviour_suites).
-compile([export_all, nowarn_export_all]).
-import(rust, [ask/2, puppet/0, puppet/1, next/0, nothing/1]).

%% gen_server_SUITE

call() ->
    Server = fresh("call"),
    0 = gen_server:call(Server, get),
    5 = gen_server:call(Server, {add, 5}),
    5 = gen_server:call(Server, get, infinity),
    5 = gen_server:call(pid_of(Server), get, 5000),
    ok = gen_server:call(Server, {sleep, 20}),
    %% Too late: the caller is told, and the answer disturbs nobody.
    {timeout, {gen_server, call, [Server, {sleep, 300}, 20]}} = exit_of(fun() -> gen_server:call(Server, {sleep, 300}, 20) end),
    5 = gen_server:call(Server, get),
    ok = nothing(20),
    %% What it does not know.
    {{bad_request, _}, {gen_server, call, [Server, {no, such}, 5000]}} =
        exit_of(fun() -> gen_server:call(Server, {no, such}, 5000) end),
    5 = gen_server:call(Server, get),
    %% A caller that is gone before the answer.
    {Caller, M} = spawn_monitor(fun() -> gen_server:call(Server, {sleep, 100}) end),
    exit(Caller, kill),
    {'DOWN', M, process, Caller, killed} = next(),
    5 = gen_server:call(Server, get),
    %% A server that ends while it owes an answer.
    Pid = pid_of(Server),
    Request = gen_server:send_request(Server, {sleep, 3000}),
    exit(Pid, kill),
    {error, {killed, Server}} = gen_server:wait_response(Request, 5000),
    ok.

send_request() ->
    Server = fresh("send_request"),
    {reply, 3} = gen_server:wait_response(gen_server:send_request(Server, {add, 3}), 5000),
    {reply, 3} = gen_server:receive_response(gen_server:send_request(Server, get), 5000),
    Late = gen_server:send_request(Server, {sleep, 200}),
    timeout = gen_server:wait_response(Late, 10),
    {reply, ok} = gen_server:wait_response(Late, 5000),
    Abandoned = gen_server:send_request(Server, {sleep, 100}),
    timeout = gen_server:receive_response(Abandoned, 10),
    {reply, 3} = gen_server:receive_response(gen_server:send_request(Server, get), 5000),
    ok = nothing(20),
    Checked = gen_server:send_request(Server, {add, 1}),
    Message = next(),
    no_reply = gen_server:check_response({some, message}, Checked),
    {reply, 4} = gen_server:check_response(Message, Checked),
    %% Many at once, in a collection.
    Ids = lists:foldl(fun(N, Ids) -> gen_server:send_request(Server, {add, N}, {label, N}, Ids) end,
                      gen_server:reqids_new(), lists:seq(1, 20)),
    20 = gen_server:reqids_size(Ids),
    Answers = answers(Ids),
    [{{label, N}, 4 + N * (N + 1) div 2} || N <- lists:seq(1, 20)] =:= lists:sort(Answers) orelse exit(Answers),
    Nobody = {nobody, node_of(Server)},
    {error, {noproc, Nobody}} = gen_server:wait_response(gen_server:send_request(Nobody, get), 5000),
    Nowhere = {any, 'nowhere@127.0.0.1'},
    {error, {noconnection, Nowhere}} = gen_server:wait_response(gen_server:send_request(Nowhere, get), 5000),
    ok.

answers(Ids) ->
    case gen_server:receive_response(Ids, 5000, true) of
        no_request -> [];
        {{reply, Value}, Label, Rest} -> [{Label, Value} | answers(Rest)]
    end.

cast() ->
    Server = fresh("cast"),
    1 = gen_server:call(Server, {add, 1}),
    ok = gen_server:cast(Server, reset),
    0 = gen_server:call(Server, get),
    ok = gen_server:cast(pid_of(Server), reset),
    ok = gen_server:cast({nobody, node_of(Server)}, reset),
    ok = gen_server:cast(Server, {not_understood, self()}),
    0 = gen_server:call(Server, get),
    %% Casts and calls of one process are served in their order.
    [begin
         I = gen_server:call(Server, {add, I}),
         gen_server:cast(Server, reset)
     end || I <- lists:seq(1, 100)],
    0 = gen_server:call(Server, get),
    ok.

%% A cast waits for nothing, whether or not anybody is there; those that follow are quick, too.
cast_fast() ->
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listener),
    Registered = fake:register("cast_fast_mute", Port),
    #{node := Node} = rust:start("cast_fast", ["--hidden", "--impatient"]),
    P = puppet(Node),
    {Time, _} = timer:tc(fun() ->
        P ! {do, [{send, {any, 'cast_fast_mute@127.0.0.1'}, {'$gen_cast', N}} || N <- lists:seq(1, 100)]},
        ask(P, {info})
    end),
    true = Time < 500000,
    gen_tcp:close(Registered),
    ok.

info() ->
    Server = fresh("info"),
    7 = gen_server:call(Server, {add, 7}),
    Pid = pid_of(Server),
    [Server ! Message || Message <- [hello, {delayed, info}, make_ref(), "text", {'$gen_call', garbage}, {'$gen_cast'}]],
    [Pid ! Message || Message <- [hello, {self(), make_ref()}, {'EXIT', self(), not_really}, {'DOWN', a, b, c, d}]],
    7 = gen_server:call(Server, get),
    Pid = pid_of(Server),
    ok.

abcast() ->
    Servers = [fresh("abcast") || _ <- lists:seq(1, 3)],
    Nodes = [node_of(Server) || Server <- Servers],
    [1 = gen_server:call(Server, {add, 1}) || Server <- Servers],
    abcast = gen_server:abcast(['nowhere@127.0.0.1' | Nodes], counter, reset),
    rust:wait_until(fun() -> lists:all(fun(Server) -> gen_server:call(Server, get) =:= 0 end, Servers) end),
    ok.

multicall() ->
    Servers = [fresh("multicall") || _ <- lists:seq(1, 3)],
    Nodes = [node_of(Server) || Server <- Servers],
    {Replies, []} = gen_server:multi_call(Nodes, counter, {add, 2}),
    [{Node, 2} || Node <- lists:sort(Nodes)] =:= lists:sort(Replies) orelse exit(Replies),
    {[], Nodes} = gen_server:multi_call(Nodes, nobody, get),
    {[], Bad} = gen_server:multi_call(Nodes, counter, {sleep, 500}, 50),
    true = lists:sort(Bad) =:= lists:sort(Nodes),
    ok = nothing(0),
    rust:wait_until(fun() -> {Again, []} = gen_server:multi_call(Nodes, counter, get), length(Again) =:= 3 end),
    nothing(20).

multicall_down() ->
    Rust = #{node := Node} = rust:start("multicall_down"),
    {[{Node, 0}], ['nowhere@127.0.0.1']} = gen_server:multi_call([Node, 'nowhere@127.0.0.1'], counter, get),
    %% The node ends while it owes an answer.
    Self = self(),
    spawn_link(fun() -> Self ! gen_server:multi_call([Node], counter, {sleep, 5000}) end),
    ok = nothing(100),
    rust:kill(Rust),
    {[], [Node]} = next(),
    ok.

%% By name and node, by pid, and what is not there.
call_remote1() -> call_remote(fun(Server) -> Server end).
call_remote2() -> call_remote(fun pid_of/1).

call_remote(To) ->
    Server = fresh("call_remote"),
    Given = To(Server),
    [I = gen_server:call(Given, {add, 1}) || I <- lists:seq(1, 20)],
    exit(pid_of(Server), kill),
    case Given of
        {_, _} -> rust:wait_until(fun() -> (catch gen_server:call(Given, get)) =:= 0 end);
        _ ->
            {_, _} = exit_of(fun() -> gen_server:call(Given, get) end),
            {noproc, _} = exit_of(fun() -> gen_server:call(Given, get) end)
    end,
    ok.

call_remote3() ->
    Server = fresh("call_remote3"),
    Nobody = {nobody, node_of(Server)},
    {noproc, {gen_server, call, [Nobody, get]}} = exit_of(fun() -> gen_server:call(Nobody, get) end),
    P = puppet(node_of(Server)),
    P ! stop,
    {Why, {gen_server, call, [P, get]}} = exit_of(fun() -> gen_server:call(P, get) end),
    true = lists:member(Why, [normal, noproc]),
    ok.

call_remote_n1() ->
    Nowhere = {any, 'nowhere@127.0.0.1'},
    {{nodedown, 'nowhere@127.0.0.1'}, {gen_server, call, [Nowhere, get]}} = exit_of(fun() -> gen_server:call(Nowhere, get) end),
    ok.

call_remote_n2() ->
    Rust = #{node := Node} = rust:start("call_remote_n2"),
    0 = gen_server:call({counter, Node}, get),
    rust:stop(Rust),
    {{nodedown, Node}, _} = exit_of(fun() -> gen_server:call({counter, Node}, get) end),
    ok.

call_remote_n3() ->
    Rust = #{node := Node} = rust:start("call_remote_n3"),
    P = puppet(Node),
    rust:kill(Rust),
    {{nodedown, Node}, _} = exit_of(fun() -> gen_server:call(P, get) end),
    ok.

%% Answers of any size come to the alias of the caller; those that come too late go nowhere.
reply_by_alias_with_payload() ->
    P = puppet(),
    [begin
         Big = binary:copy(<<N>>, 2000000),
         {Caller, M} = spawn_monitor(fun() -> exit({answered, gen_server:call(P, {N, Big}, 10000)}) end),
         P ! {hear, self()},
         {heard, P, {'$gen_call', {Caller, Tag}, {N, Big}}} = next(),
         [alias | Alias] = Tag,
         P ! {send, Alias, {Tag, {reply, Big}}},
         {'DOWN', M, process, Caller, {answered, {reply, Big}}} = next()
     end || N <- lists:seq(1, 5)],
    P ! {hear, self()},
    {timeout, _} = exit_of(fun() -> gen_server:call(P, question, 10) end),
    {heard, P, {'$gen_call', {_, Late = [alias | LateAlias]}, question}} = next(),
    P ! {do, [{send, LateAlias, {Late, binary:copy(<<1>>, 1000000)}}, {send, self(), afterwards}]},
    afterwards = next(),
    nothing(20).

%% sys_SUITE

log() ->
    Server = fresh("sys_log"),
    ok = sys:log(Server, true),
    1 = gen_server:call(Server, {add, 1}),
    {ok, Events} = sys:log(Server, get),
    true = length(Events) >= 1,
    ok = sys:log(Server, false),
    2 = gen_server:call(Server, {add, 1}),
    {ok, []} = sys:log(Server, get),
    ok = sys:log(Server, {true, 2}),
    [_ = gen_server:call(Server, {add, 1}) || _ <- lists:seq(1, 10)],
    {ok, Last} = sys:log(Server, get),
    2 = length(Last),
    ok = sys:log(Server, false),
    ok.

stats() ->
    Server = fresh("sys_stats"),
    {ok, no_statistics} = sys:statistics(Server, get),
    ok = sys:statistics(Server, true),
    [_ = gen_server:call(Server, {add, 1}) || _ <- lists:seq(1, 10)],
    {ok, Statistics} = sys:statistics(Server, get),
    {messages_in, 10} = lists:keyfind(messages_in, 1, Statistics),
    [true = lists:keymember(Key, 1, Statistics) || Key <- [start_time, current_time, messages_out]],
    ok = sys:statistics(Server, false),
    {ok, no_statistics} = sys:statistics(Server, get),
    ok.

trace() ->
    Server = fresh("sys_trace"),
    ok = sys:trace(Server, true),
    1 = gen_server:call(Server, {add, 1}),
    ok = sys:trace(Server, false),
    ok = sys:no_debug(Server),
    2 = gen_server:call(Server, {add, 1}),
    ok.

suspend() ->
    Server = fresh("sys_suspend"),
    1 = gen_server:call(Server, {add, 1}),
    ok = sys:suspend(Server),
    {timeout, _} = exit_of(fun() -> gen_server:call(Server, {add, 1}, 50) end),
    {status, Pid, {module, _}, [_, suspended, _, _, _]} = sys:get_status(Server),
    Pid = pid_of(Server),
    ok = sys:suspend(Server),
    ok = sys:resume(Server),
    %% What waited was served.
    2 = gen_server:call(Server, get),
    {status, Pid, {module, _}, [_, running, _, _, _]} = sys:get_status(Server),
    %% A suspended process can be ended.
    ok = sys:suspend(Server),
    M = monitor(process, Pid),
    ok = sys:terminate(Server, over),
    {'DOWN', M, process, Pid, over} = next(),
    rust:wait_until(fun() -> (catch gen_server:call(Server, get)) =:= 0 end),
    ok.

%% A function of Erlang cannot run there: the process says so, and goes on.
install() ->
    Server = fresh("sys_install"),
    Install = fun() -> sys:install(Server, {fun(State, _, _) -> State end, state}) end,
    Refused = try Install() catch Class:Reason -> {Class, Reason} end,
    false = Refused =:= ok,
    0 = gen_server:call(Server, get),
    ok.

%% A process that is no server answers system messages, too: here the supervisor of the canned processes.
special_process() ->
    #{node := Node} = rust:start("sys_special"),
    #{node := Node, supervisor := Supervisor} = supervisor(Node),
    ok = sys:suspend(Supervisor),
    {status, Supervisor, {module, _}, [_, suspended, _, _, _]} = sys:get_status(Supervisor),
    ok = sys:resume(Supervisor),
    {status, Supervisor, {module, _}, [_, running, _, _, _]} = sys:get_status(Supervisor),
    ok.

%% The process that spawner and counter are linked with.
supervisor(Node) ->
    Server = {counter, Node},
    {status, _, _, [_, _, Parent, _, _]} = sys:get_status(Server),
    #{node => Node, supervisor => Parent}.

%% A counter of its own.
fresh(Prefix) ->
    #{node := Node} = rust:start(rust:name(Prefix)),
    {counter, Node}.

node_of({_, Node}) -> Node.

pid_of(Server) -> {status, Pid, _, _} = sys:get_status(Server), Pid.

exit_of(Fun) -> try Fun() of Value -> {no_exit, Value} catch exit:Reason -> Reason end.
