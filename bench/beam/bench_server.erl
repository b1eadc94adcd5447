%% A server that adds numbers to its sum and answers with it; told of a listener, it says that it starts.
-module(bench_server).
-behaviour(gen_server).
-export([start/0, start_link/0, start_link/1, init/1, handle_call/3, handle_cast/2]).

start() -> gen_server:start(?MODULE, 0, []).

start_link() -> gen_server:start_link(?MODULE, 0, []).

start_link(Listener) -> gen_server:start_link(?MODULE, {tell, Listener}, []).

init({tell, Listener}) ->
    Listener ! {started, self()},
    {ok, 0};
init(Sum) ->
    {ok, Sum}.

handle_call({add, Number}, _From, Sum) -> {reply, Sum + Number, Sum + Number}.

handle_cast(_, Sum) -> {noreply, Sum}.
