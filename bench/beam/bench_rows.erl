%% The rows of the table on the BEAM; the same work as in ../src/driver/ and ../src/systems/.
-module(bench_rows).
-export([main/1, per_op/2, wait/1, repeat/2, resident_bytes/0]).

%% Sizes are "name=value"; see ../src/workload.rs.
main([Row, Label, Terms | Sizes]) ->
    Config = maps:from_list([parse(Size) || Size <- Sizes]),
    %% As in the Rust systems, where nobody listens to what is logged. In a process of its own: the one that runs this
    %% function is part of the start of the node.
    ok = logger:set_primary_config(level, none),
    {Pid, Monitor} = spawn_monitor(fun() ->
        Value = row(list_to_atom(Row), Config#{terms => Terms}),
        io:format("~s ~.3f~n", [Label, float(Value)])
    end),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> halt(0);
        {'DOWN', Monitor, process, Pid, Reason} -> io:format(standard_error, "~p~n", [Reason]), halt(1)
    end.

parse(Size) ->
    [Name, Value] = string:split(Size, "="),
    {list_to_atom(Name), list_to_integer(Value)}.

row(ping_pong, Config) -> bench_basics:ping_pong(Config);
row(call, Config) -> bench_basics:call(Config);
row(fan_in, Config) -> bench_basics:fan_in(Config);
row(spawn, Config) -> bench_basics:spawn(Config);
row(spawn_monitor, Config) -> bench_basics:spawn_monitor(Config);
row(idle_memory, Config) -> bench_basics:idle_memory(Config);
row(idle_server, Config) -> bench_basics:idle_server(Config);
row(ring, Config) -> bench_basics:ring(Config);
row(big, Config) -> bench_savina:big(Config);
row(fork_join, Config) -> bench_savina:fork_join(Config);
row(fork_join_create, Config) -> bench_savina:fork_join_create(Config);
row(chameneos, Config) -> bench_savina:chameneos(Config);
row(restart, Config) -> bench_otp:restart(Config);
row(restart_late, Config) -> bench_otp:restart(Config);
row(stop_children, Config) -> bench_otp:stop_children(Config);
row(timers, Config) -> bench_otp:timers(Config);
row(echo, Config) -> bench_otp:echo(Config);
row(encode_call, Config) -> bench_terms:encode("gen_call.etf", Config);
row(encode_nested, Config) -> bench_terms:encode("nested.etf", Config);
row(decode_call, Config) -> bench_terms:decode("gen_call.etf", Config);
row(decode_nested, Config) -> bench_terms:decode("nested.etf", Config).

%% Does the work as often as the row says, after a warm-up; nanoseconds per operation.
per_op(#{ops := Ops, warm_up := WarmUp}, Work) ->
    Work(WarmUp),
    Start = erlang:monotonic_time(nanosecond),
    Work(Ops),
    (erlang:monotonic_time(nanosecond) - Start) / Ops.

%% Waits for so many reports.
wait(0) -> ok;
wait(Times) ->
    receive done -> wait(Times - 1) end.

repeat(0, _Work) -> ok;
repeat(Times, Work) ->
    Work(),
    repeat(Times - 1, Work).

resident_bytes() ->
    {ok, Statm} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Statm, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.
