%% Single processes, and messages between a few of them.
-module(bench_basics).
-export([ping_pong/1, ring/1, call/1, fan_in/1, spawn/1, spawn_monitor/1, idle_memory/1, idle_server/1]).
-export([player/2, worker/1, idler/1, count/2]).
-import(bench_rows, [per_op/2, wait/1, repeat/2, resident_bytes/0]).
-compile({no_auto_import, [spawn/1, spawn_monitor/1]}).

%% Two processes pass a ball back and forth.
ping_pong(Config) ->
    [A | _] = circle(2),
    per_op(Config, fun(RoundTrips) -> A ! {ball, 2 * RoundTrips}, wait(1) end).

%% Tokens go round in a ring of processes. They start evenly spread.
ring(#{ring_processes := Count, ring_tokens := Tokens} = Config) ->
    Players = list_to_tuple(circle(Count)),
    Places = lists:seq(1, Count, Count div Tokens),
    per_op(Config, fun(Hops) ->
        [element(Place, Players) ! {ball, Hops div Tokens} || Place <- Places],
        wait(Tokens)
    end).

%% Players who each pass to the next.
circle(Count) ->
    Done = self(),
    Players = [erlang:spawn(?MODULE, player, [undefined, Done]) || _ <- lists:seq(1, Count)],
    Nexts = tl(Players) ++ [hd(Players)],
    [Player ! {meet, Next} || {Player, Next} <- lists:zip(Players, Nexts)],
    Players.

player(Other, Done) ->
    receive
        {meet, New} -> player(New, Done);
        {ball, 0} -> Done ! done, player(Other, Done);
        {ball, Passes} -> Other ! {ball, Passes - 1}, player(Other, Done)
    end.

%% One process calls a server that adds a number to its sum and answers with it.
call(Config) ->
    {ok, Server} = bench_server:start(),
    per_op(Config, fun(Times) -> call(Server, Times) end).

call(_Server, 0) -> ok;
call(Server, Times) ->
    gen_server:call(Server, {add, 1}),
    call(Server, Times - 1).

%% A process starts, gets one message, answers it and ends.
spawn(#{spawn_batch := Batch} = Config) ->
    Done = self(),
    per_op(Config, fun(Count) ->
        repeat(Count div Batch, fun() ->
            repeat(Batch, fun() -> erlang:spawn(?MODULE, worker, [Done]) ! 1 end),
            wait(Batch)
        end)
    end).

worker(Done) ->
    receive 1 -> Done ! done end.

%% A process starts and ends, and the one that started it hears of its end.
spawn_monitor(Config) ->
    per_op(Config, fun(Count) ->
        repeat(Count, fun() ->
            {_, Monitor} = erlang:spawn_monitor(fun() -> ok end),
            receive {'DOWN', Monitor, process, _, normal} -> ok end
        end)
    end).

%% Processes that have answered once and then wait for ever.
idle_memory(#{ops := Ops, spawn_batch := Batch}) ->
    Before = resident_bytes(),
    repeat(Ops div Batch, fun() ->
        repeat(Batch, fun() -> erlang:spawn(?MODULE, idler, [self()]) end),
        wait(Batch)
    end),
    (resident_bytes() - Before) / Ops.

idler(Done) ->
    Done ! done,
    receive never -> ok end.

%% Servers that have answered one call and then wait for ever.
idle_server(#{ops := Ops}) ->
    Before = resident_bytes(),
    repeat(Ops, fun() ->
        {ok, Server} = bench_server:start(),
        1 = gen_server:call(Server, {add, 1})
    end),
    (resident_bytes() - Before) / Ops.

%% Many senders send numbers to one process that counts them.
fan_in(#{senders := Senders} = Config) ->
    Counter = erlang:spawn(?MODULE, count, [0, self()]),
    per_op(Config, fun(Count) ->
        Counter ! {expect, Count},
        repeat(Senders, fun() -> erlang:spawn(fun() -> send_numbers(Counter, Count div Senders) end) end),
        wait(1)
    end).

send_numbers(_Counter, 0) -> ok;
send_numbers(Counter, Left) ->
    Counter ! {number, 1},
    send_numbers(Counter, Left - 1).

%% Reports when what is expected has arrived.
count(Left, Done) ->
    Next = receive
        {expect, Count} -> Count;
        {number, Number} -> Left - Number
    end,
    Next =:= 0 andalso (Done ! done),
    count(Next, Done).
