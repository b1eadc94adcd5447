%% Terms to bytes and back.
-module(bench_terms).
-export([encode/2, decode/2]).
-import(bench_rows, [per_op/2]).

encode(File, Config) ->
    Bytes = bytes(File, Config),
    Term = binary_to_term(Bytes),
    Bytes = term_to_binary(Term),
    per_op(Config, fun(Times) -> encode_times(Times, Term, 0) end).

%% The size is used, or else the compiler would leave out the work.
encode_times(0, _Term, Size) -> Size;
encode_times(Times, Term, Size) -> encode_times(Times - 1, Term, Size + byte_size(term_to_binary(Term))).

decode(File, Config) ->
    Bytes = bytes(File, Config),
    per_op(Config, fun(Times) -> decode_times(Times, Bytes, none) end).

decode_times(0, _Bytes, Term) -> Term;
decode_times(Times, Bytes, _Term) -> decode_times(Times - 1, Bytes, binary_to_term(Bytes)).

bytes(File, #{terms := Terms}) ->
    {ok, Bytes} = file:read_file(filename:join(Terms, File)),
    Bytes.
