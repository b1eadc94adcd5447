#!/usr/bin/env escript
%% The Erlang side of the example `erlang_counter`: an ordinary gen_server.
-module(counter).
-behaviour(gen_server).
-mode(compile).
-export([main/1, init/1, handle_call/3, handle_cast/2]).

main([Node, Cookie]) ->
    {ok, _} = net_kernel:start([list_to_atom(Node), longnames]),
    true = erlang:set_cookie(list_to_atom(Cookie)),
    {ok, _} = gen_server:start({local, counter}, ?MODULE, 0, []),
    io:format("ready~n"),
    %% Until whoever started this script closes its standard input.
    eof = io:get_line("").

init(Value) ->
    {ok, Value}.

handle_call({add, By}, _From, Value) ->
    {reply, Value + By, Value + By};
handle_call(value, _From, Value) ->
    {reply, Value, Value}.

handle_cast(reset, _Value) ->
    {noreply, 0}.
