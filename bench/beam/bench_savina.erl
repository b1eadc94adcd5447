%% The actors of the Savina benchmarks.
-module(bench_savina).
-export([big/1, fork_join/1, fork_join_create/1, chameneos/1]).
-export([pinger/3, worker/2, mall/5, creature/2]).
-import(bench_rows, [per_op/2, wait/1, repeat/2]).

%% Each player pings others, chosen at random, one after the other, and answers pings meanwhile.
big(#{players := Count} = Config) ->
    Done = self(),
    List = [spawn(?MODULE, pinger, [Place, Count, Done]) || Place <- lists:seq(0, Count - 1)],
    Players = list_to_tuple(List),
    [Player ! {meet, Players} || Player <- List],
    per_op(Config, fun(Messages) ->
        %% Each ping has a pong.
        Pings = Messages div 2 div Count,
        [Player ! {play, Pings} || Player <- List],
        wait(Count)
    end).

pinger(Place, Count, Done) ->
    receive {meet, Players} -> pinger(Players, Place, Count, Done, Place + 1, 0) end.

pinger(Players, Place, Count, Done, Random, Left) ->
    receive
        {ping, From} ->
            element(From + 1, Players) ! pong,
            pinger(Players, Place, Count, Done, Random, Left);
        {play, Pings} ->
            ping_next(Players, Place, Count, Done, Random, Pings);
        pong ->
            ping_next(Players, Place, Count, Done, Random, Left)
    end.

ping_next(Players, Place, Count, Done, Random, 0) ->
    Done ! done,
    pinger(Players, Place, Count, Done, Random, 0);
ping_next(Players, Place, Count, Done, Random, Left) ->
    %% See ../src/random.rs.
    Next = Random * 16807 rem 2147483647,
    Other = case Next rem (Count - 1) of
        Number when Number < Place -> Number;
        Number -> Number + 1
    end,
    element(Other + 1, Players) ! {ping, Place},
    pinger(Players, Place, Count, Done, Next, Left - 1).

%% Workers get messages in turn, compute a little for each, and end.
fork_join(#{forked := Count} = Config) ->
    Done = self(),
    per_op(Config, fun(Messages) ->
        Each = Messages div Count,
        Workers = [spawn(?MODULE, worker, [Each, Done]) || _ <- lists:seq(1, Count)],
        repeat(Each, fun() -> send_jobs(Workers) end),
        wait(Count)
    end).

send_jobs([]) -> ok;
send_jobs([Worker | Workers]) ->
    Worker ! job,
    send_jobs(Workers).

%% Workers as in fork_join, with one message each.
fork_join_create(#{fork_batch := Batch} = Config) ->
    per_op(Config, fun(Workers) -> create(Workers, Batch) end).

create(0, _Batch) -> ok;
create(Left, BatchMax) ->
    Done = self(),
    Batch = min(Left, BatchMax),
    repeat(Batch, fun() -> spawn(?MODULE, worker, [1, Done]) ! job end),
    wait(Batch),
    create(Left - Batch, BatchMax).

worker(0, Done) ->
    Done ! done;
worker(Left, Done) ->
    receive job -> ok end,
    Sine = math:sin(37.2),
    true = Sine * Sine > 0,
    worker(Left - 1, Done).

%% Creatures meet in pairs by way of one mall.
chameneos(#{creatures := Creatures} = Config) ->
    Done = self(),
    per_op(Config, fun(Meetings) ->
        Mall = spawn(?MODULE, mall, [none, Meetings, Creatures, 0, Done]),
        [spawn(?MODULE, creature, [Place, Mall]) || Place <- lists:seq(0, Creatures - 1)],
        receive {met, Met} -> Met = Meetings end
    end).

mall(_Waiting, _Left, 0, Met, Done) ->
    Done ! {met, Met div 2};
mall(Waiting, Left, Creatures, Met, Done) ->
    receive
        {come, _Colour, Creature} when Left =:= 0 ->
            Creature ! go_home,
            mall(Waiting, Left, Creatures, Met, Done);
        {come, _Colour, Creature} when Waiting =:= none ->
            mall(Creature, Left, Creatures, Met, Done);
        {come, Colour, Creature} ->
            Waiting ! {meet, Colour, Creature},
            mall(none, Left - 1, Creatures, Met, Done);
        {leave, Meetings} ->
            mall(Waiting, Left, Creatures - 1, Met + Meetings, Done)
    end.

creature(Place, Mall) ->
    come(element(Place rem 3 + 1, {blue, red, yellow}), 0, Mall).

come(Colour, Meetings, Mall) ->
    Mall ! {come, Colour, self()},
    receive
        {meet, OtherColour, Other} ->
            New = meet(Colour, OtherColour),
            Other ! {change, New},
            come(New, Meetings + 1, Mall);
        {change, New} ->
            come(New, Meetings + 1, Mall);
        go_home ->
            Mall ! {leave, Meetings}
    end.

meet(Colour, Colour) -> Colour;
meet(blue, red) -> yellow;
meet(red, blue) -> yellow;
meet(blue, yellow) -> red;
meet(yellow, blue) -> red;
meet(_, _) -> blue.
