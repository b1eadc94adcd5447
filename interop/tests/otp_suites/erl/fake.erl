%% A node that is played: it does the handshake with the flags that it is told, and then sends what it is told.
-module(fake).
-export([connect/2, connect/3, connect_as/4, control/2, message/3, packet/2, pid/2, mandatory/0, closed/1, tcp_port/1]).
-export([register/2]).

%% The flags that OTP 25 demands of a peer: extended references, funs, new funs, export funs, bit binaries, new floats,
%% utf8 atoms, map tags, big creations, handshake 23; extended pids and ports; and unlink identifiers (OTP 26).
mandatory() -> 16#4 bor 16#10 bor 16#80 bor 16#100 bor 16#200 bor 16#400 bor 16#800 bor 16#10000 bor 16#20000 bor 16#40000 bor
        16#1000000 bor 16#2000000 bor (1 bsl 34).

%% Connects as Name@127.0.0.1; a socket, or what the other side said instead.
connect(Name, Node) -> connect(Name, Node, mandatory()).
connect(Name, Node, Flags) -> connect_as(Name, Node, Flags, erlang:get_cookie()).

connect_as(Name, Node, Flags, Cookie) ->
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, tcp_port(Node), [binary, {active, false}, {packet, 2}]),
    Full = list_to_binary(Name ++ "@127.0.0.1"),
    ok = gen_tcp:send(Socket, <<$N, Flags:64, 7:32, (byte_size(Full)):16, Full/binary>>),
    case gen_tcp:recv(Socket, 0, 5000) of
        {ok, <<"sok", _/binary>>} ->
            case gen_tcp:recv(Socket, 0, 5000) of
                {ok, <<$N, _Flags:64, Challenge:32, _/binary>>} ->
                    Digest = digest(Cookie, Challenge),
                    ok = gen_tcp:send(Socket, <<$r, 4711:32, Digest/binary>>),
                    case gen_tcp:recv(Socket, 0, 5000) of
                        {ok, <<$a, Theirs/binary>>} ->
                            Theirs = digest(Cookie, 4711),
                            ok = inet:setopts(Socket, [{packet, 4}]),
                            {ok, Socket};
                        Other -> Other
                    end;
                Other -> Other
            end;
        Other -> Other
    end.

%% Sends a control message, one with a message, and any packet.
control(Socket, Control) -> packet(Socket, <<112, (term_to_binary(Control))/binary>>).
message(Socket, Control, Message) ->
    packet(Socket, <<112, (term_to_binary(Control))/binary, (term_to_binary(Message))/binary>>).
packet(Socket, Bytes) -> gen_tcp:send(Socket, Bytes).

%% A process of the node that is played.
pid(Name, Id) ->
    Full = list_to_binary(Name ++ "@127.0.0.1"),
    binary_to_term(<<131, 88, 119, (byte_size(Full)), Full/binary, Id:32, 0:32, 7:32>>).

%% Waits until the other side closes; ticks and other packets are passed over.
closed(Socket) ->
    case gen_tcp:recv(Socket, 0, 10000) of
        {ok, _} -> closed(Socket);
        {error, closed} -> ok;
        {error, econnreset} -> ok
    end.

tcp_port(Node) ->
    [Name, _] = string:split(atom_to_list(Node), "@"),
    {port, Port, _} = erl_epmd:port_please(Name, {127, 0, 0, 1}),
    Port.

%% Registers a name with EPMD for as long as the socket is open that this returns.
register(Name, Port) ->
    Epmd = list_to_integer(os:getenv("ERL_EPMD_PORT")),
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, Epmd, [binary, {active, false}]),
    Text = list_to_binary(Name),
    Body = <<120, Port:16, 77, 0, 6:16, 5:16, (byte_size(Text)):16, Text/binary, 0:16>>,
    ok = gen_tcp:send(Socket, <<(byte_size(Body)):16, Body/binary>>),
    {ok, <<118, 0, _/binary>>} = gen_tcp:recv(Socket, 0, 5000),
    Socket.

digest(Cookie, Challenge) -> erlang:md5([atom_to_list(Cookie), integer_to_list(Challenge)]).
