%% Between two nodes: the serving and the driving program. Messages are those of ../src/dist/messages.rs.
-module(bench_dist).
-export([serve/0, serve/1, drive/1]).
-export([sink/1, echo/0]).

-define(SENDERS, 8).
-define(CALLERS, 64).

%% An adding server, sinks and an echo; until standard input ends.
serve(_) -> serve().
serve() ->
    {ok, Adder} = bench_server:start(),
    register(adder, Adder),
    register(echo, spawn(?MODULE, echo, [])),
    [register(sink_name(N), spawn(?MODULE, sink, [0])) || N <- lists:seq(1, ?SENDERS)],
    io:format("ready~n"),
    io:get_line(""),
    halt().

sink(Count) ->
    receive
        {where, From} -> From ! self(), sink(Count);
        {done, From} -> From ! Count, sink(0);
        _ -> sink(Count + 1)
    end.

echo() ->
    receive
        {where, From} -> From ! self();
        {_, From} = Ball -> From ! Ball
    end,
    echo().

sink_name(N) -> list_to_atom("sink" ++ integer_to_list(N)).

%% Does a row's work and prints nanoseconds per operation.
drive([Row, Server, Ops, Bytes]) ->
    Number = row(Row, list_to_atom(Server), list_to_integer(Ops), list_to_integer(Bytes)),
    io:format("~w~n", [Number]),
    halt().

row("ping_pong", Server, Ops, _) ->
    Echo = find(echo, Server),
    per_op(Ops, fun(Times) -> repeat(Times, fun() -> ask(Echo, {ball, self()}) end) end);
row("call", Server, Ops, _) ->
    per_op(Ops, fun(Times) -> calls(Server, Times) end);
row("calls_64", Server, Ops, _) ->
    per_op(Ops, fun(Times) ->
        all(lists:seq(1, ?CALLERS), fun(_) -> calls(Server, Times div ?CALLERS) end)
    end);
row("one_way_8", Server, Ops, Bytes) ->
    one_way(Server, Ops, ?SENDERS, small(Bytes));
row("one_way", Server, Ops, Bytes) ->
    one_way(Server, Ops, 1, small(Bytes));
row("latency", Server, Ops, Bytes) ->
    Sink = find(sink1, Server),
    calls(Server, 100),
    Me = self(),
    Large = binary:copy(<<7>>, Bytes),
    spawn_link(fun() ->
        repeat(Ops, fun() -> Sink ! Large, ask(Sink, {done, self()}) end),
        Me ! through
    end),
    Times = lists:sort(timed_calls(Server, [])),
    lists:nth(length(Times) * 99 div 100 + 1, Times);
row(_Copy, Server, Ops, Bytes) ->
    one_way(Server, Ops, 1, binary:copy(<<7>>, Bytes)).

small(Bytes) -> {data, 1, binary:copy(<<7>>, Bytes)}.

find(Name, Server) -> ask({Name, Server}, {where, self()}).

ask(To, Question) ->
    To ! Question,
    receive Answer -> Answer end.

calls(Server, Times) -> repeat(Times, fun() -> gen_server:call({adder, Server}, {add, 1}) end).

timed_calls(Server, Times) ->
    receive
        through -> Times
    after 0 ->
        {Nanoseconds, _} = timed(fun() -> gen_server:call({adder, Server}, {add, 1}, infinity) end),
        timed_calls(Server, [Nanoseconds | Times])
    end.

one_way(Server, Ops, Senders, Message) ->
    Sinks = [find(sink_name(N), Server) || N <- lists:seq(1, Senders)],
    per_op(Ops, fun(Times) ->
        Each = Times div Senders,
        all(Sinks, fun(Sink) ->
            repeat(Each, fun() -> Sink ! Message end),
            Each = ask(Sink, {done, self()})
        end)
    end).

%% Does the work for each item in a process of its own and waits for all of them.
all(Items, Work) ->
    Me = self(),
    [spawn_link(fun() -> Work(Item), Me ! through end) || Item <- Items],
    [receive through -> ok end || _ <- Items].

per_op(Ops, Work) ->
    Work(Ops div 10),
    {Nanoseconds, _} = timed(fun() -> Work(Ops) end),
    Nanoseconds / Ops.

timed(Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Result = Work(),
    {erlang:monotonic_time(nanosecond) - Start, Result}.

repeat(0, _) -> ok;
repeat(Times, Work) -> Work(), repeat(Times - 1, Work).
