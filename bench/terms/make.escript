#!/usr/bin/env escript
%% Writes the two terms that are encoded and decoded, in the external term format, beside this file.
%% Pids and references are of another node, as they are in messages that arrive.

main(_) ->
    Folder = filename:dirname(escript:script_name()),
    Pid = pid(<<"node1@127.0.0.1">>, 123, 0),
    Ref = ref(<<"node1@127.0.0.1">>, [70001, 2, 3]),
    Call = {'$gen_call', {Pid, [alias | Ref]}, {add, 3}},
    Nested = #{id => 123456789, name => <<"A name of ordinary length">>, pid => Pid, tags => [blue, green, red],
               ratio => 0.25, big => 1 bsl 100, path => "/usr/lib/erlang", payload => binary:copy(<<"x">>, 200),
               rows => [{row, N, N * 1000003, <<"value ", (integer_to_binary(N))/binary>>, [true, false | nil]}
                        || N <- lists:seq(1, 12)]},
    [ok = file:write_file(filename:join(Folder, File), term_to_binary(Term))
     || {File, Term} <- [{"gen_call.etf", Call}, {"nested.etf", Nested}]],
    [io:format("~s: ~p bytes~n", [File, filelib:file_size(filename:join(Folder, File))])
     || File <- ["gen_call.etf", "nested.etf"]].

%% NEW_PID_EXT
pid(Node, Id, Serial) ->
    binary_to_term(<<131, 88, (node_atom(Node))/binary, Id:32, Serial:32, 1700000000:32>>).

%% NEWER_REFERENCE_EXT
ref(Node, Words) ->
    Ids = << <<Word:32>> || Word <- Words >>,
    binary_to_term(<<131, 90, (length(Words)):16, (node_atom(Node))/binary, 1700000000:32, Ids/binary>>).

%% SMALL_ATOM_UTF8_EXT
node_atom(Node) -> <<119, (byte_size(Node)), Node/binary>>.
