%% The rows of the table on the BEAM; the same work as in ../src/driver.rs and ../src/systems/.
-module(bench_rows).
-behaviour(gen_server).
-export([main/1, init/1, handle_call/3, handle_cast/2, player/2, worker/1, idler/1, counter/2]).

main([Row, Ops, WarmUp, Batch, Senders, Terms]) ->
    Config = #{warm_up => list_to_integer(WarmUp), batch => list_to_integer(Batch),
               senders => list_to_integer(Senders), terms => Terms},
    %% In a process of its own: the one that runs this function is part of the start of the node.
    {Pid, Monitor} = spawn_monitor(fun() ->
        Value = row(list_to_atom(Row), list_to_integer(Ops), Config),
        io:format("~s ~.3f~n", [label(Row), float(Value)])
    end),
    receive
        {'DOWN', Monitor, process, Pid, normal} -> halt(0);
        {'DOWN', Monitor, process, Pid, Reason} -> io:format(standard_error, "~p~n", [Reason]), halt(1)
    end.

label("idle_memory") -> "bytes_per_op";
label(_) -> "ns_per_op".

%% Two processes pass a ball back and forth.
row(ping_pong, Ops, #{warm_up := WarmUp}) ->
    A = spawn(?MODULE, player, [undefined, self()]),
    B = spawn(?MODULE, player, [A, self()]),
    A ! {meet, B},
    Play = fun(RoundTrips) -> A ! {ball, 2 * RoundTrips}, wait(1) end,
    Play(WarmUp),
    ns_per_op(Ops, fun() -> Play(Ops) end);

%% One process calls a server that adds a number to its sum and answers with it.
row(call, Ops, #{warm_up := WarmUp}) ->
    {ok, Server} = gen_server:start(?MODULE, 0, []),
    call(Server, WarmUp),
    ns_per_op(Ops, fun() -> call(Server, Ops) end);

%% A process starts, gets one message, answers it and ends.
row(spawn, Ops, #{warm_up := WarmUp, batch := Batch}) ->
    spawn_batches(WarmUp div Batch, Batch),
    ns_per_op(Ops, fun() -> spawn_batches(Ops div Batch, Batch) end);

%% Processes that have answered once and then wait for ever.
row(idle_memory, Ops, #{batch := Batch}) ->
    Before = resident_bytes(),
    repeat(Ops div Batch, fun() ->
        repeat(Batch, fun() -> spawn(?MODULE, idler, [self()]) end),
        wait(Batch)
    end),
    (resident_bytes() - Before) / Ops;

%% Many senders send numbers to one process that counts them.
row(fan_in, Ops, #{warm_up := WarmUp, senders := Senders}) ->
    Counter = spawn(?MODULE, counter, [0, self()]),
    Round = fun(Count) ->
        Counter ! {expect, Count},
        repeat(Senders, fun() -> spawn(fun() -> send_numbers(Counter, Count div Senders) end) end),
        wait(1)
    end,
    Round(WarmUp),
    ns_per_op(Ops, fun() -> Round(Ops) end);

row(encode_call, Ops, Config) -> encode("gen_call.etf", Ops, Config);
row(encode_nested, Ops, Config) -> encode("nested.etf", Ops, Config);
row(decode_call, Ops, Config) -> decode("gen_call.etf", Ops, Config);
row(decode_nested, Ops, Config) -> decode("nested.etf", Ops, Config).

player(Other, Done) ->
    receive
        {meet, New} -> player(New, Done);
        {ball, 0} -> Done ! done, player(Other, Done);
        {ball, Passes} -> Other ! {ball, Passes - 1}, player(Other, Done)
    end.

call(_Server, 0) -> ok;
call(Server, Times) ->
    gen_server:call(Server, {add, 1}, infinity),
    call(Server, Times - 1).

init(Sum) -> {ok, Sum}.

handle_call({add, Number}, _From, Sum) -> {reply, Sum + Number, Sum + Number}.

handle_cast(_, Sum) -> {noreply, Sum}.

spawn_batches(Batches, Batch) ->
    repeat(Batches, fun() ->
        repeat(Batch, fun() -> spawn(?MODULE, worker, [self()]) ! 1 end),
        wait(Batch)
    end).

worker(Done) ->
    receive 1 -> Done ! done end.

idler(Done) ->
    Done ! done,
    receive never -> ok end.

counter(Left, Done) ->
    Next = receive
        {expect, Count} -> Count;
        {number, Number} -> Left - Number
    end,
    Next =:= 0 andalso (Done ! done),
    counter(Next, Done).

send_numbers(_Counter, 0) -> ok;
send_numbers(Counter, Left) ->
    Counter ! {number, 1},
    send_numbers(Counter, Left - 1).

encode(File, Ops, #{warm_up := WarmUp} = Config) ->
    Bytes = bytes(File, Config),
    Term = binary_to_term(Bytes),
    Bytes = term_to_binary(Term),
    encode_times(WarmUp, Term, 0),
    ns_per_op(Ops, fun() -> encode_times(Ops, Term, 0) end).

%% The size is used, or else the compiler would leave out the work.
encode_times(0, _Term, Size) -> Size;
encode_times(Times, Term, Size) -> encode_times(Times - 1, Term, Size + byte_size(term_to_binary(Term))).

decode(File, Ops, #{warm_up := WarmUp} = Config) ->
    Bytes = bytes(File, Config),
    decode_times(WarmUp, Bytes, none),
    ns_per_op(Ops, fun() -> decode_times(Ops, Bytes, none) end).

decode_times(0, _Bytes, Term) -> Term;
decode_times(Times, Bytes, _Term) -> decode_times(Times - 1, Bytes, binary_to_term(Bytes)).

bytes(File, #{terms := Terms}) ->
    {ok, Bytes} = file:read_file(filename:join(Terms, File)),
    Bytes.

ns_per_op(Ops, Work) ->
    Start = erlang:monotonic_time(nanosecond),
    Work(),
    (erlang:monotonic_time(nanosecond) - Start) / Ops.

resident_bytes() ->
    {ok, Statm} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Statm, <<" ">>, [global]),
    binary_to_integer(Pages) * 4096.

repeat(0, _Work) -> ok;
repeat(Times, Work) ->
    Work(),
    repeat(Times - 1, Work).

wait(0) -> ok;
wait(Times) ->
    receive done -> wait(Times - 1) end.
