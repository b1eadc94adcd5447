%% What the suites share: runs a case in a process of its own, and starts, stops and asks Engset nodes.
-module(rust).
-export([run/2, node/0, puppet/0, puppet/1, start/1, start/2, stop/1, kill/1, suspend/1, resume/1]).
-export([ask/2, next/0, next/1, nothing/1, trap/1, wait_until/1, name/1, erl/1, erl/2, stop_erl/1]).

%% The value of Module:Case(), or why it has none; what the case has started is ended.
run(Module, Case) ->
    {Pid, Monitor} = spawn_monitor(fun() -> exit({returned, Module:Case()}) end),
    Ended = receive {'DOWN', Monitor, process, Pid, Reason} -> Reason end,
    lists:foreach(fun end_program/1, programs(Pid)),
    persistent_term:erase({programs, Pid}),
    wait_until(fun() -> nodes(connected) -- [?MODULE:node()] =:= [] end),
    case Ended of
        {returned, Value} -> Value;
        _ -> {failed, Ended}
    end.

%% The Engset node that is always there.
node() -> 'rust@127.0.0.1'.

%% A process on an Engset node that does as it is told.
puppet() -> puppet(?MODULE:node()).
puppet(Node) ->
    {spawner, Node} ! {spawn, self()},
    receive {spawned, Puppet} -> Puppet after 5000 -> exit({no_puppet, Node}) end.

%% Gives an order to a puppet and waits for its answer, which is the second element of what it says.
ask(Puppet, Order) ->
    Puppet ! erlang:append_element(Order, self()),
    receive
        {Tag, Answer} when Tag =/= heard, Tag =/= exit, Tag =/= down -> Answer;
        {info, Answer} -> Answer
    after 10000 -> exit({no_answer, Order})
    end.

%% Lets a puppet trap exits and tell us of them: {exit, Puppet, From, Reason}.
trap(Puppet) -> true = ask(Puppet, {trap, true}), Puppet.

%% The next message, of any kind or of this kind.
next() -> receive Message -> Message after 10000 -> exit(nothing_came) end.
next(Is) ->
    receive Message -> true = Is(Message), Message after 10000 -> exit(nothing_came) end.

%% Asserts that no message comes for so many milliseconds.
nothing(Milliseconds) ->
    receive Message -> exit({unexpected, Message}) after Milliseconds -> ok end.

%% Waits until a fun says true.
wait_until(Fun) -> wait_until(Fun, erlang:monotonic_time(millisecond) + 10000).
wait_until(Fun, Deadline) ->
    case Fun() of
        true -> ok;
        _ ->
            erlang:monotonic_time(millisecond) < Deadline orelse exit(never_true),
            receive after 5 -> ok end,
            wait_until(Fun, Deadline)
    end.

%% Names of further nodes, each used once.
name(Prefix) -> Prefix ++ integer_to_list(erlang:unique_integer([positive])).

%% Starts an Engset node as a program of its own.
start(Name) -> start(Name, ["--hidden"]).
start(Name, Options) ->
    Node = list_to_atom(Name ++ "@127.0.0.1"),
    Cookie = atom_to_list(erlang:get_cookie()),
    Arguments = ["--attached", "--name", atom_to_list(Node), "--cookie", Cookie | Options],
    Port = open_port({spawn_executable, persistent_term:get(canned)},
                     [{args, Arguments}, {line, 200}, exit_status]),
    true = unlink(Port),
    {os_pid, Program} = erlang:port_info(Port, os_pid),
    persistent_term:put({programs, self()}, [{Port, Program} | programs(self())]),
    receive
        {Port, {data, {eol, "ready"}}} -> #{node => Node, port => Port, program => Program};
        {Port, {exit_status, Status}} -> exit({not_started, Node, Status})
    after 10000 -> exit({not_started, Node})
    end.

%% Ends it in order, and waits for it.
stop(Rust) -> signal(Rust, "TERM"), ended(Rust).

%% Ends it as a power cut does.
kill(Rust) -> signal(Rust, "KILL"), ended(Rust).

%% Lets it do nothing, not even read, until it is resumed. The signal stops the program when one of its threads gets to
%% see it, which may be long after it was sent; the others go on until then.
suspend(Rust) ->
    ok = signal(Rust, "STOP"),
    wait_until(fun() -> is_stopped(Rust) end).
resume(Rust) -> signal(Rust, "CONT").

%% Starts another Erlang node.
erl(Name) -> erl(Name, []).
erl(Name, Options) ->
    Arguments = ["-setcookie", atom_to_list(erlang:get_cookie()), "-start_epmd", "false" | Options],
    {ok, Peer, Node} = peer:start_link(#{name => Name, host => "127.0.0.1", longnames => true, args => Arguments}),
    #{node => Node, peer => Peer}.

stop_erl(#{peer := Peer}) -> peer:stop(Peer).

ended(#{port := Port, program := Program}) ->
    receive {Port, {exit_status, _}} -> ok after 10000 -> exit(not_ended) end,
    persistent_term:put({programs, self()}, lists:keydelete(Program, 2, programs(self()))).

signal(#{program := Program}, Signal) ->
    [] = os:cmd("kill -" ++ Signal ++ " " ++ integer_to_list(Program)),
    ok.

%% Whether all threads are stopped; taken to be so where the operating system does not show them as Linux does.
is_stopped(#{program := Program}) ->
    Threads = filelib:wildcard("/proc/" ++ integer_to_list(Program) ++ "/task/*/stat"),
    lists:all(fun is_stopped_thread/1, [Stat || Thread <- Threads, {ok, Stat} <- [file:read_file(Thread)]]).

is_stopped_thread(Stat) ->
    [_, <<State, _/binary>>] = string:split(Stat, ") ", trailing),
    State =:= $T.

programs(Pid) -> persistent_term:get({programs, Pid}, []).

end_program({Port, Program}) ->
    os:cmd("kill -KILL " ++ integer_to_list(Program)),
    catch port_close(Port).
