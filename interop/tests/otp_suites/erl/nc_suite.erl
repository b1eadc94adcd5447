%% nc_SUITE of jinterface: terms of each kind go to the other side and come back.
-module(nc_suite).
-compile([export_all, nowarn_export_all]).

pid_roundtrip() ->
    Spawned = [spawn(fun() -> ok end) || _ <- lists:seq(1, 50)],
    echo([self(), rust:puppet(), {self(), [self()]} | Spawned]).

port_roundtrip() ->
    Opened = open_port({spawn, "cat"}, []),
    ok = echo([Opened | erlang:ports()]),
    true = port_close(Opened),
    ok.

ref_roundtrip() ->
    Theirs = rust:ask(rust:puppet(), {references, 3}),
    echo([make_ref(), erlang:alias(), erlang:monitor(process, rust:puppet()) | Theirs]).

new_float() ->
    Floats = [0.0, -0.0, 1.0, -1.0, math:pi(), 1.0e308, -1.0e-308, 5.0e-324, 1.7976931348623157e308, 2.5e-3],
    ok = echo(Floats),
    [true = bits(F) =:= bits(F, echo_of(F)) || F <- Floats],
    ok.

%% The forms of earlier releases: they are understood, although none is sent by this one.
old_stuff() ->
    Puppet = rust:puppet(),
    Host = <<"old@host">>,
    Node = <<100, (byte_size(Host)):16, Host/binary>>,
    Old = [<<131, 99, "1.50000000000000000000e+00", 0, 0, 0, 0, 0>>,
           <<131, 100, 3:16, "abc">>,
           <<131, 100, 3:16, 229, 228, 246>>,
           <<131, 115, 2, "ab">>,
           <<131, 115, 2, 229, 228>>,
           <<131, 103, Node/binary, 17:32, 2:32, 1>>,
           <<131, 102, Node/binary, 18:32, 2>>,
           <<131, 101, Node/binary, 19:32, 3>>,
           <<131, 114, 3:16, Node/binary, 1, 5:32, 6:32, 7:32>>,
           term_to_binary({1.25, [-3.0e10]}, [{minor_version, 0}])],
    [Expected = rust:ask(Puppet, {decode, Bytes}) || Bytes <- Old, Expected <- [binary_to_term(Bytes)]],
    ok.

binary_roundtrip() ->
    Bytes = rand:bytes(1000000),
    <<_:3, Shifted:700/bitstring, _/bitstring>> = Bytes,
    <<_:100/binary, Part:5000/binary, _/binary>> = Bytes,
    Sizes = [0, 1, 63, 64, 65, 255, 256, 65535, 65536, 500000],
    echo([Bytes, Part, Shifted, <<1:1>>, <<5:7, 3:4>> | [binary:part(Bytes, 0, Size) || Size <- Sizes]]).

decompress_roundtrip() ->
    Puppet = rust:puppet(),
    %% None shrinks to less than a hundredth: that much is refused (`Limits::inflated_ratio_max`).
    Terms = [{}, {a, b, c}, lists:seq(1, 100000), binary:copy(<<"again">>, 200), rand:bytes(1024), "",
             [rand:uniform(4) || _ <- lists:seq(1, 65536)], #{key => lists:duplicate(100, value)}],
    [Term = rust:ask(Puppet, {decode, term_to_binary(Term, [{compressed, Level}])}) || Term <- Terms, Level <- [0, 1, 9]],
    ok.

integer_roundtrip() ->
    Powers = [1 bsl Bits || Bits <- lists:seq(0, 70) ++ [127, 128, 256, 1023, 2039, 2040, 2041, 4096, 20000]],
    echo([Sign * (Power + Add) || Power <- Powers, Add <- [-1, 0, 1], Sign <- [1, -1]]).

fun_roundtrip() ->
    Captured = {self(), make_ref(), "text"},
    Funs = [fun lists:map/2, fun erlang:self/0, fun() -> Captured end, fun(X) -> {X, Captured} end,
            fun nothing_of_the_kind:f/255],
    ok = echo(Funs),
    Captured = (echo_of(fun() -> Captured end))(),
    3 = (echo_of(fun erlang:length/1))([a, b, c]),
    ok.

lists_roundtrip() ->
    echo([[], [a], [[]], [[[[[]]]]], lists:seq(1, 1000), lists:duplicate(65535, $s), lists:duplicate(65536, $s),
          lists:duplicate(70000, 256), "text", [$t, 300], [1, 2, [3, {4, [5]}]]]).

lists_roundtrip_2() ->
    echo([[a | b], [1, 2 | 3], [[x | y] | z], [$a, $b | $c], [[] | {}], lists:foldl(fun(N, Tail) -> [N | Tail] end, tail, lists:seq(1, 5000))]).

lists_iterator() ->
    Puppet = rust:puppet(),
    [begin
         Puppet ! {items, List, self()},
         {Items, Tail} = taken_apart(List, []),
         [{item, Item} = rust:next() || Item <- Items],
         {items, Count, Tail} = rust:next(),
         Count = length(Items)
     end || List <- [[], [a], "text", lists:seq(1, 300), [1, 2 | 3], [[1], [2]], [a | b]]],
    ok.

unicode() ->
    echo(["\x{e5}\x{e4}\x{f6}", "\x{416}\x{645}\x{604b}", [16#10ffff, 16#d7ff, 16#e000], <<"\x{604b}\x{1f600}"/utf8>>]).

unicode_list_to_string() ->
    Puppet = rust:puppet(),
    [begin
         Text = unicode:characters_to_binary(List),
         Text = rust:ask(Puppet, {text, List})
     end || List <- ["", "text", "\x{e5}\x{416}\x{604b}", [0, 127, 128, 255, 256, 16#d7ff, 16#e000, 16#10ffff]]],
    [none = rust:ask(Puppet, {text, List}) || List <- [[16#d800], [16#dfff], [16#110000], [-1], [a], [1.0], [$a | $b]]],
    ok.

unicode_string_to_list() ->
    Puppet = rust:puppet(),
    [begin
         List = unicode:characters_to_list(Text),
         List = rust:ask(Puppet, {charlist, Text})
     end || Text <- [<<>>, <<"text">>, <<"\x{e5}\x{416}\x{604b}\x{1f600}\x{10ffff}"/utf8>>]],
    [none = rust:ask(Puppet, {charlist, Text}) || Text <- [<<255>>, <<16#c0, 16#80>>, <<16#ed, 16#a0, 16#80>>]],
    ok.

utf8_atom() ->
    echo(['', '\x{e5}', '\x{604b}', '\x{1f600}', list_to_atom(lists:duplicate(255, 16#e5)),
          list_to_atom(lists:duplicate(255, 16#604b)), list_to_atom(lists:duplicate(255, 16#1f600)),
          {'\x{416}', ['\x{416}']}, #{'\x{416}' => '\x{645}'}]).

utf8_pid() ->
    echo([binary_to_term(<<131, 88, Node/binary, 17:32, 2:32, 5:32>>) || Node <- utf8_nodes()]).

utf8_port() ->
    echo([binary_to_term(<<131, 120, Node/binary, 17:64, 5:32>>) || Node <- utf8_nodes()]).

utf8_ref() ->
    echo([binary_to_term(<<131, 90, 3:16, Node/binary, 5:32, 1:32, 2:32, 3:32>>) || Node <- utf8_nodes()]).

connect() ->
    [begin
         true = net_kernel:connect_node(rust:node()),
         ok = echo([{turn, Turn}]),
         true = lists:member(rust:node(), nodes(hidden)),
         true = erlang:disconnect_node(rust:node()),
         false = lists:member(rust:node(), nodes(hidden))
     end || Turn <- lists:seq(1, 20)],
    ok.

echo(Terms) ->
    [Term =:= Echo orelse exit({differs, Term, Echo}) || Term <- Terms, Echo <- [echo_of(Term)]],
    ok.

echo_of(Term) ->
    {echo, rust:node()} ! {self(), Term},
    receive {echo, Echo} -> Echo after 10000 -> exit({no_echo, Term}) end.

bits(Float) -> <<Float/float>>.
bits(_, Float) -> <<Float/float>>.

taken_apart([Item | Rest], Items) -> taken_apart(Rest, [Item | Items]);
taken_apart(Tail, Items) -> {lists:reverse(Items), Tail}.

utf8_nodes() ->
    [<<119, (byte_size(Text)), Text/binary>> ||
        Text <- [<<"\x{e5}\x{e4}\x{f6}@host"/utf8>>, <<"\x{604b}@h"/utf8>>, <<"\x{416}\x{1f600}@127.0.0.1"/utf8>>]].
