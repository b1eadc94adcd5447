%% Supervisors, timers and a socket.
-module(bench_otp).
-behaviour(supervisor).
-export([restart/1, stop_children/1, timers/1, echo/1, init/1]).
-import(bench_rows, [per_op/2, wait/1, repeat/2]).

%% A supervised server is killed and its successor waited for, again and again.
restart(#{restarts_max := Max, restarts_period := Period} = Config) ->
    Child = #{id => child, start => {bench_server, start_link, [self()]}},
    Flags = #{strategy => one_for_one, intensity => Max, period => Period},
    {ok, _} = supervisor:start_link(?MODULE, {Flags, [Child]}),
    per_op(Config, fun(Restarts) -> restart(Restarts, child()) end).

%% The last one is found again by the next count.
restart(0, Child) ->
    self() ! {started, Child};
restart(Left, Child) ->
    exit(Child, kill),
    restart(Left - 1, child()).

child() ->
    receive {started, Child} -> Child end.

%% A supervisor with many servers is told to end, and its end waited for.
stop_children(#{ops := Children}) ->
    Child = #{id => child, start => {bench_server, start_link, []}},
    Flags = #{strategy => simple_one_for_one},
    {ok, Supervisor} = supervisor:start_link(?MODULE, {Flags, [Child]}),
    repeat(Children, fun() -> {ok, _} = supervisor:start_child(Supervisor, []) end),
    process_flag(trap_exit, true),
    Start = erlang:monotonic_time(nanosecond),
    exit(Supervisor, shutdown),
    receive {'EXIT', Supervisor, shutdown} -> ok end,
    (erlang:monotonic_time(nanosecond) - Start) / Children.

init(Specification) -> {ok, Specification}.

%% Many timers each send a message to one process.
timers(#{ops := Ops, timers_last := Last} = Config) ->
    Counter = spawn(bench_basics, count, [0, self()]),
    Ns = per_op(Config, fun(Count) ->
        Counter ! {expect, Count},
        set_timers(0, Count, Last, Counter),
        wait(1)
    end),
    Ns * Ops / 1.0e6.

set_timers(Count, Count, _Last, _Counter) -> ok;
set_timers(Number, Count, Last, Counter) ->
    erlang:send_after(1 + Number rem Last, Counter, {number, 1}),
    set_timers(Number + 1, Count, Last, Counter).

%% Bytes go over a TCP connection to an echoing process and back.
echo(#{echo_bytes := Bytes} = Config) ->
    Options = [binary, {packet, raw}, {active, false}, {nodelay, true}],
    {ok, Listener} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}} | Options]),
    {ok, TcpPort} = inet:port(Listener),
    spawn_link(fun() -> {ok, Socket} = gen_tcp:accept(Listener), serve(Socket, Bytes) end),
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, TcpPort, Options),
    Data = binary:copy(<<7>>, Bytes),
    per_op(Config, fun(RoundTrips) ->
        repeat(RoundTrips, fun() ->
            ok = gen_tcp:send(Socket, Data),
            {ok, Data} = gen_tcp:recv(Socket, Bytes)
        end)
    end).

serve(Socket, Bytes) ->
    case gen_tcp:recv(Socket, Bytes) of
        {ok, Data} ->
            ok = gen_tcp:send(Socket, Data),
            serve(Socket, Bytes);
        {error, closed} ->
            ok
    end.
