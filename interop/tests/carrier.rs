//! What the carrier carries: atoms by reference, fragments, trace tokens; and who is let in, under which name.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::net::{Flags, NodeConfig};
use engset::{Atom, Dest, Mail, Node, NodeName, Term};
use engset_dist::handshake::{Cookie, Established, Framing, Initiator, InitiatorEvent, LocalNode};
use engset_term::Instant;
use engset_testkit::{Beam, free_port, require_erl};
use stage::{COOKIE, RUST, Stage};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const UNCACHED: Flags = Flags::OURS.without(Flags::DIST_HDR_ATOM_CACHE);
const UNFRAGMENTED: Flags = Flags::OURS.without(Flags::FRAGMENTS);
const PLAIN: Flags = UNCACHED.without(Flags::FRAGMENTS);

/// What each combination of atom cache and fragments does to a node's settings.
const FORMS: [fn(&mut NodeConfig); 4] = [
    |config| config.flags = Flags::OURS,
    |config| config.flags = UNCACHED,
    |config| config.flags = UNFRAGMENTED,
    |config| config.flags = PLAIN,
];

/// A stage whose node offers less than it could.
fn stage_with(adjust: fn(&mut NodeConfig)) -> Option<Stage> {
    require_erl()?;
    let epmd_tcp_port = free_port().unwrap();
    let builder = Node::builder().name(RUST).cookie(COOKIE).epmd_tcp_port(epmd_tcp_port);
    let node = builder.workers(2).adjust(adjust).start().unwrap();
    node.block_on(|cx| async move { interop::canned::start(cx.processes()).await.map(drop) })
        .unwrap()
        .unwrap();
    Some(Stage { beam: stage::start_beam("beam", epmd_tcp_port), node, epmd_tcp_port })
}

/// Binds `Echo`: sends terms there and back one after the other and tells the first that came back different; and
/// `Many`: so many processes that do so at once, each with what `Terms` makes for its number.
fn bind(stage: &Stage) {
    stage.eval(
        "Echo = fun(Terms) -> lists:foldl(fun(T, same) -> {echo, $N} ! {self(), T}, \
           receive {echo, T} -> same; {echo, Other} -> {sent, T, came, Other} after 20000 -> {lost, T} end; \
           (_, Bad) -> Bad end, same, Terms) end, \
         Many = fun(Count, Terms) -> \
           Refs = [element(2, spawn_monitor(fun() -> exit(Echo(Terms(I))) end)) || I <- lists:seq(1, Count)], \
           lists:usort([receive {'DOWN', R, process, _, Result} -> Result after 60000 -> timeout end || R <- Refs]) end, ok.",
    );
}

/// Atoms of each length up to 255 characters of these code points, in tuples and lists, two of each to be sent twice.
const ATOMS: &str = "fun(Of) -> [{list_to_atom([lists:nth(1 + (I + J) rem length(Of), Of) || J <- lists:seq(1, I)]), \
                     [list_to_atom([lists:nth(1 + (I * J) rem length(Of), Of) || J <- lists:seq(1, I)]) || _ <- [1, 2]]} \
                     || I <- lists:seq(0, 255)] end";

/// distribution_SUITE: more atoms than the cache has slots, of all lengths, by one sender and by many at once.
#[test]
fn atom_roundtrip() {
    let Some(stage) = Stage::new() else { return };
    bind(&stage);
    stage.check(&format!("Echo(({ATOMS})(lists:seq($a, $z)))."), "same");
    stage
        .check("Echo([[list_to_atom(\"many_\" ++ integer_to_list(I)) || I <- lists:seq(1, 5000)]]).", "same");
    stage.check(
        "Many(10, fun(P) -> [{list_to_atom(lists:concat([p, P, '_', I])), P, I, ok} || I <- lists:seq(1, 400)] end).",
        "[same]",
    );
}

/// distribution_SUITE
#[test]
fn unicode_atom_roundtrip() {
    let Some(stage) = Stage::new() else { return };
    bind(&stage);
    for characters in
        ["[16#E4, 16#F6, 16#DF]", "lists:seq(16#3B1, 16#3C9)", "[16#10380, 16#1F600, $a, 16#20AC]"]
    {
        stage.check(&format!("Echo(({ATOMS})({characters}))."), "same");
        stage.check(&format!("Many(4, fun(_) -> ({ATOMS})({characters}) end)."), "[same]");
    }
}

/// Binds `Rivals`: atoms of `Text` that share one slot of the BEAM's cache.
fn bind_rivals(stage: &Stage, text: &str) {
    stage.eval("erts_debug:set_internal_state(available_internal_state, true), ok.");
    stage.eval(&format!(
        "Slot = fun(A) -> erts_debug:get_internal_state({{atom_out_cache_index, A}}) end, \
         All = [list_to_atom({text} ++ integer_to_list(I)) || I <- lists:seq(1, 20000)], \
         Place = Slot(hd(All)), Rivals = [A || A <- All, Slot(A) =:= Place], true = length(Rivals) > 4, ok."
    ));
}

fn check_contended(text: &str) {
    let Some(stage) = Stage::new() else { return };
    bind(&stage);
    bind_rivals(&stage, text);
    stage.check("Echo([Rivals, list_to_tuple(Rivals), [{A, B} || A <- Rivals, B <- Rivals]]).", "same");
    // Each process sends its own, so the slot means another atom in nearly each frame.
    stage.check(
        "Many(20, fun(P) -> A = lists:nth(1 + P rem length(Rivals), Rivals), \
           [{A, I, lists:nth(1 + (P + I) rem length(Rivals), Rivals), A} || I <- lists:seq(1, 200)] end).",
        "[same]",
    );
    // Between the fragments of large messages, whose header holds for all of them.
    stage.check(
        "Many(6, fun(P) -> A = lists:nth(1 + P rem length(Rivals), Rivals), \
           [{A, binary:copy(<<P>>, 200000 * (P rem 2)), [A || _ <- lists:seq(1, 100)], A} || _ <- lists:seq(1, 20)] end).",
        "[same]",
    );
}

/// distribution_SUITE
#[test]
fn contended_atom_cache_entry() {
    check_contended("\"rival_\"");
}

/// distribution_SUITE
#[test]
fn contended_unicode_atom_cache_entry() {
    check_contended("[16#1F600, 16#F6]");
}

#[test]
fn each_form_of_frames_carries_the_same() {
    for adjust in FORMS {
        let Some(stage) = stage_with(adjust) else { return };
        bind(&stage);
        stage.check(&format!("Echo(({ATOMS})(lists:seq($a, $z)))."), "same");
        // Funs keep their bytes: no reference may stay in them.
        stage.check(
            "F = fun(X) -> {X, some_atom, self()} end, Echo([F, {F, [F, other_atom]}, fun() -> F(F) end]).",
            "same",
        );
        stage.check(
            "Many(5, fun(P) -> [{P, binary:copy(<<I>>, 70000 * I), self(), [some_atom, P]} || I <- lists:seq(1, 5)] end).",
            "[same]",
        );
        stage.spawn_puppet("P");
        stage.check("gen_server:call({counter, $N}, {add, 2}).", "2");
        stage.check(
            "R = monitor(process, P), P ! {exit, {some_reason, [with_atoms, $N]}}, \
             receive {'DOWN', R, _, _, Why} -> Why after 5000 -> none end.",
            &format!("{{some_reason,[with_atoms,'{RUST}']}}"),
        );
    }
}

#[test]
fn reasons_of_exit_carry_atoms_to_a_process_here() {
    for adjust in FORMS {
        let Some(stage) = stage_with(adjust) else { return };
        stage.spawn_puppet("P");
        stage.eval("P ! {trap, true, self()}, receive {trapping, true} -> ok after 5000 -> none end.");
        for reason in
            ["{shutdown, [some_atom, some_atom]}", "{binary:copy(<<1>>, 200000), some_atom}", "killed"]
        {
            stage.check(
                &format!(
                    "fun(Reason) -> L = spawn(fun() -> link(P), exit(Reason) end), exit(P, Reason), \
                     [receive {{exit, P, From, Reason}} -> same after 5000 -> none end || From <- [self(), L]] end({reason})."
                ),
                "[same,same]",
            );
        }
    }
}

/// distribution_SUITE: what is sent before the connection is up is written for what the peer then turns out to read.
#[test]
fn optimistic_dflags() {
    if require_erl().is_none() {
        return;
    }
    for adjust in FORMS {
        let epmd_tcp_port = free_port().unwrap();
        let builder = Node::builder().name(RUST).cookie(COOKIE).epmd_tcp_port(epmd_tcp_port);
        let node = builder.workers(2).adjust(adjust).start().unwrap();
        let beam = stage::start_beam("beam", epmd_tcp_port);
        beam.eval("register(collector, self()), ok.").unwrap();
        let sent = node.block_on(|cx| async move {
            let to =
                Dest::RemoteName(Atom::from_static("collector"), NodeName::new("beam@127.0.0.1").unwrap());
            // Small, in fragments, with a bitstring, with the sender's own identifiers.
            for number in 0..10_u32 {
                let filling = Term::binary(vec![7; if number % 3 == 0 { 200_000 } else { 10 }]);
                let parts = [Term::from(number), filling, Term::from(cx.pid()), Term::atom("an_atom")];
                cx.send(to.clone(), Term::tuple(parts)).unwrap();
            }
            cx.pid()
        });
        assert!(sent.is_ok());
        let collected = "[receive {I, B, P, an_atom} when is_pid(P) -> byte_size(B) after 10000 -> none end || I <- lists:seq(0, 9)].";
        assert_eq!(
            beam.eval(collected).unwrap(),
            "[200000,10,10,200000,10,10,200000,10,10,200000]",
            "in order and whole"
        );
    }
}

/// distribution_SUITE: bitstrings and external funs are sent as such before the connection is up, in both directions.
#[test]
fn hopefull_data_encoding() {
    for adjust in FORMS {
        let Some(stage) = stage_with(adjust) else { return };
        // The first messages of the connection are sent while it is made.
        stage.check(
            "Terms = [<<5:3>>, fun lists:map/2, {<<1, 2, 255:7>>, fun erlang:self/0}, [<<0:1>>, {<<1:1>>}], \
               binary:copy(<<1>>, 100000), {<<(binary:copy(<<3>>, 100000))/binary, 1:1>>, ok}], \
             [{echo, $N} ! {self(), T} || T <- Terms], \
             [receive {echo, T} -> same after 10000 -> none end || T <- Terms].",
            "[same,same,same,same,same,same]",
        );
    }
}

/// A node that has no name yet, and the Engset node that it is to ask.
fn nameless(visible: bool, cookie: &str) -> Option<(Node, Beam)> {
    require_erl()?;
    let epmd_tcp_port = free_port().unwrap();
    let node = stage::start_canned(RUST, epmd_tcp_port, visible);
    Some((node, start_nameless(epmd_tcp_port, cookie)))
}

fn start_nameless(epmd_tcp_port: u16, cookie: &str) -> Beam {
    let beam = Beam::builder().name("undefined@127.0.0.1").cookie(cookie).epmd_port(epmd_tcp_port);
    beam.time_limit(Duration::from_secs(30)).start().unwrap()
}

/// erl_distribution_SUITE
#[test]
fn dyn_node_name() {
    let Some((node, beam)) = nameless(false, COOKIE) else { return };
    assert_eq!(beam.eval("node().").unwrap(), "nonode@nohost");
    let connect = format!("net_kernel:connect_node('{RUST}').");
    assert_eq!(beam.eval(&connect).unwrap(), "true");
    let name = beam.eval("node().").unwrap();
    let creation: u32 = beam.eval("erlang:system_info(creation).").unwrap().parse().unwrap();
    let text = name.trim_matches('\'').to_owned();
    let (random, host) = text.split_once('@').unwrap();
    assert_eq!(host, "127.0.0.1");
    assert!(random.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()), "{name}");
    assert_eq!(node.node().connected(), [(NodeName::new(&text).unwrap(), false)]);
    // Both ways: a message there and back, by the name that it got.
    let echo = format!(
        "{{echo, '{RUST}'}} ! {{self(), {{node(), self()}}}}, receive {{echo, {{N, P}}}} -> {{N =:= node(), P =:= self()}} after 5000 -> none end."
    );
    assert_eq!(beam.eval(&echo).unwrap(), "{true,true}");
    beam.eval("register(here, self()), ok.").unwrap();
    let to = NodeName::new(&text).unwrap();
    node.block_on(move |cx| async move {
        cx.send(Dest::RemoteName(Atom::from_static("here"), to), Term::from(5)).unwrap();
    })
    .unwrap();
    assert_eq!(beam.eval("receive 5 -> came after 5000 -> none end.").unwrap(), "came");
    // Its node gone, the name is given again, to another incarnation.
    // It gives its name up a little later, and tells nobody of it.
    let disconnect = format!(
        "erlang:disconnect_node('{RUST}'), (fun Look(N) when N =:= 0; node() =:= nonode@nohost -> node(); \
         Look(N) -> receive after 10 -> Look(N - 1) end end)(500)."
    );
    let (watching, is_watched) = std::sync::mpsc::channel();
    std::thread::scope(|threads| {
        let lost = threads.spawn(|| {
            node.block_on(move |mut cx| async move {
                cx.monitor(Dest::RemoteName(Atom::from_static("here"), to));
                watching.send(()).unwrap();
                matches!(cx.recv_timeout(Duration::from_secs(10)).await, Some(Mail::Down(_)))
            })
        });
        is_watched.recv().unwrap();
        assert_eq!(beam.eval(&disconnect).unwrap(), "nonode@nohost");
        assert!(lost.join().unwrap().unwrap());
    });
    assert_eq!(beam.eval(&connect).unwrap(), "true");
    assert_eq!(beam.eval("node().").unwrap(), name);
    let next: u32 = beam.eval("erlang:system_info(creation).").unwrap().parse().unwrap();
    assert_eq!(next, creation + 1);
    assert_eq!(beam.eval(&echo).unwrap(), "{true,true}");
}

/// The other side: a client without a name, which is no whole node, asks a BEAM for one.
#[test]
fn a_client_is_named_by_a_beam() {
    if require_erl().is_none() {
        return;
    }
    let beam = Beam::builder().name("namer").cookie(COOKIE).start().unwrap();
    let tcp_port = beam.eval("element(2, erl_epmd:port_please(\"namer\", {127, 0, 0, 1})).").unwrap();
    let (first, stream) = ask_for_name(tcp_port.parse().unwrap());
    assert!(first.local.ends_with("@client.example") && first.local_creation > 0, "{first:?}");
    // Its last word of the handshake is sent before it notes the connection.
    let seen = "(fun Look(N) -> case {N, nodes(hidden)} of {0, Seen} -> Seen; \
                {_, []} -> receive after 10 -> Look(N - 1) end; {_, Seen} -> Seen end end)(500).";
    assert_eq!(beam.eval(seen).unwrap(), format!("['{}']", first.local));
    beam.eval("net_kernel:monitor_nodes(true, [{node_type, all}]).").unwrap();
    drop(stream);
    assert_eq!(beam.eval("receive {nodedown, _, _} -> down after 5000 -> up end.").unwrap(), "down");
    let (again, _stream) = ask_for_name(tcp_port.parse().unwrap());
    assert_eq!((again.local, again.local_creation), (first.local, first.local_creation + 1));
}

fn ask_for_name(tcp_port: u16) -> (Established, TcpStream) {
    let cookie = Cookie::new(COOKIE).unwrap();
    let flags = Flags::OURS | Flags::NAME_ME;
    let local = LocalNode { name: "client.example".to_owned(), flags, creation: 0, cookie, visible: false };
    let mut initiator =
        Initiator::new(Instant::ZERO, local, "namer@127.0.0.1", 0x1357_9BDF, Framing::Two).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", tcp_port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = [0; 1024];
    loop {
        let mut out = Vec::new();
        initiator.poll_transmit(&mut out);
        stream.write_all(&out).unwrap();
        if let Some(event) = initiator.poll_event() {
            let InitiatorEvent::Established(established) = event else { panic!("{event:?}") };
            return (established, stream);
        }
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the BEAM closed");
        initiator.handle_bytes(Instant::ZERO, &buffer[..read]).unwrap();
    }
}

/// erl_distribution_SUITE: each pair of nodes has a cookie of its own.
#[test]
fn differing_cookies() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let node = stage::start_canned(RUST, port, false);
    let start =
        |name: &str, cookie: &str| Beam::builder().name(name).cookie(cookie).epmd_port(port).start().unwrap();
    let (a, b) = (start("a", "cookie_of_a"), start("b", "cookie_of_b"));
    let ping = format!("net_adm:ping('{RUST}').");
    assert_eq!(a.eval(&ping).unwrap(), "pang");
    node.set_cookie(NodeName::new("a@127.0.0.1").unwrap(), "cookie_of_a").unwrap();
    assert_eq!(a.eval(&ping).unwrap(), "pong");
    assert_eq!(b.eval(&ping).unwrap(), "pang");
    // The other way: b keeps its cookie and has one for us.
    b.eval(&format!("erlang:set_cookie('{RUST}', {COOKIE}).")).unwrap();
    assert_eq!(b.eval(&ping).unwrap(), "pong");
    assert_eq!(a.eval(&ping).unwrap(), "pong");
    // We dial, too.
    for (beam, name) in [(&a, "a@127.0.0.1"), (&b, "b@127.0.0.1")] {
        let peer = NodeName::new(name).unwrap();
        assert!(node.node().disconnect(peer));
        beam.eval("register(inbox, self()), ok.").unwrap();
        node.block_on(move |cx| async move {
            cx.send(Dest::RemoteName(Atom::from_static("inbox"), peer), Term::from(1)).unwrap();
        })
        .unwrap();
        assert_eq!(beam.eval("receive 1 -> came after 5000 -> none end.").unwrap(), "came");
    }
}

/// erl_distribution_SUITE: a changed cookie holds for the next connection, and leaves the one that is up.
#[test]
fn connection_cookie() {
    let Some(stage) = Stage::new() else { return };
    stage.check("net_adm:ping($N).", "pong");
    let beam = NodeName::new(stage.beam.node_name()).unwrap();
    stage.node.set_cookie(beam, "another").unwrap();
    stage.check("net_adm:ping($N).", "pong");
    stage.check("erlang:disconnect_node($N), net_adm:ping($N).", "pang");
    stage.check("erlang:set_cookie($N, another), net_adm:ping($N).", "pong");
    // The cookie of all others is set by our own name.
    stage.node.set_cookie(NodeName::new(RUST).unwrap(), "new_for_all").unwrap();
    let other =
        Beam::builder().name("other").cookie("new_for_all").epmd_port(stage.epmd_tcp_port).start().unwrap();
    assert_eq!(other.eval(&format!("net_adm:ping('{RUST}').")).unwrap(), "pong");
    stage.check("erlang:disconnect_node($N), net_adm:ping($N).", "pong");
}

/// erl_distribution_SUITE: a node without a name has a cookie for the one that it asks.
#[test]
fn dyn_differing_cookies() {
    let Some((_node, beam)) = nameless(false, "of_its_own") else { return };
    let connect = format!("net_kernel:connect_node('{RUST}').");
    assert_eq!(beam.eval(&connect).unwrap(), "false");
    assert_eq!(beam.eval("node().").unwrap(), "nonode@nohost");
    beam.eval(&format!("erlang:set_cookie('{RUST}', {COOKIE}).")).unwrap();
    assert_eq!(beam.eval(&connect).unwrap(), "true");
    assert_ne!(beam.eval("node().").unwrap(), "nonode@nohost");
}

#[test]
fn who_is_not_allowed_is_told_so() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let node = stage::start_canned(RUST, port, false);
    node.allow(&["a@127.0.0.1"]).unwrap();
    let (a, b) = (stage::start_beam("a", port), stage::start_beam("stranger-of-carrier", port));
    let ping = format!("net_adm:ping('{RUST}').");
    assert_eq!((a.eval(&ping).unwrap(), b.eval(&ping).unwrap()), ("pong".to_owned(), "pang".to_owned()));
    assert_eq!(NodeName::find("stranger-of-carrier@127.0.0.1"), None);
    node.allow(&["127.0.0.1"]).unwrap();
    assert_eq!(b.eval(&ping).unwrap(), "pong");
}

/// seq_trace_SUITE: messages that a traced process sends arrive, whatever they are addressed by.
#[test]
fn distributed_send() {
    for adjust in FORMS {
        let Some(stage) = stage_with(adjust) else { return };
        stage.eval("seq_trace:set_token(label, {a_label, 17}), seq_trace:set_token(send, true), ok.");
        // By name, by pid, in fragments, by alias.
        stage.check(
            "{echo, $N} ! {self(), by_name}, receive {echo, by_name} -> same after 5000 -> none end.",
            "same",
        );
        stage.check(
            "{echo, $N} ! {self(), binary:copy(<<1>>, 300000)}, receive {echo, <<_:300000/binary>>} -> same after 5000 -> none end.",
            "same",
        );
        stage.spawn_puppet("P");
        stage.check("P ! {info, self()}, receive {info, _} -> same after 5000 -> none end.", "same");
        stage.check("gen_server:call({counter, $N}, {add, 2}).", "2");
        // Exit signals and the end of a link with a token.
        stage.eval("P ! {trap, true, self()}, receive {trapping, true} -> ok after 5000 -> none end.");
        stage.check("exit(P, traced), receive {exit, P, _, traced} -> same after 5000 -> none end.", "same");
        stage.check(
            "L = spawn(fun() -> seq_trace:set_token(label, 5), link(P), exit(linked) end), \
             receive {exit, P, L, linked} -> same after 5000 -> none end.",
            "same",
        );
        stage.check("spawn($N, erlang, self, []), {echo, $N} ! {self(), last}, receive {echo, last} -> same after 5000 -> none end.", "same");
    }
}

/// seq_trace_SUITE: what comes back carries the token of what was asked; more of it is in `seq_trace.rs`.
#[test]
fn distributed_recv() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "seq_trace:set_token(label, 99), seq_trace:set_token('receive', true), \
         {echo, $N} ! {self(), first}, receive {echo, first} -> seq_trace:get_token(label) after 5000 -> none end.",
        "{label,99}",
    );
    stage.check(
        "{echo, $N} ! {self(), second}, receive {echo, second} -> same after 5000 -> none end.",
        "same",
    );
}

/// How long half a message may wait for its rest where a test waits for that.
const FRAGMENT_PATIENCE: Duration = Duration::from_millis(400);

/// Half a message of a sender that was killed would end the connection when its time is over.
#[test]
fn senders_that_die_in_the_middle_leave_nothing_behind() {
    let adjusts: [fn(&mut NodeConfig); 2] = [
        |config| config.incoming.fragment_idle_max = FRAGMENT_PATIENCE,
        |config| {
            config.incoming.fragment_idle_max = FRAGMENT_PATIENCE;
            config.flags = UNCACHED;
        },
    ];
    for adjust in adjusts {
        let Some(stage) = stage_with(adjust) else { return };
        bind(&stage);
        stage.eval(
            "net_kernel:monitor_nodes(true, [{node_type, all}]), Big = binary:copy(<<1>>, 5000000), ok.",
        );
        stage.check("Echo([up]), receive {nodeup, _, _} -> up after 5000 -> none end.", "up");
        // More than the connection takes at once: the sender is killed while it waits to go on.
        stage.check(
            "Me = self(), lists:sort([begin \
               {P, R} = spawn_monitor(fun() -> Me ! {begun, self()}, {sink, $N} ! {Big, an_atom, Big}, exit(whole) end), \
               receive {begun, P} -> ok end, receive after Wait -> exit(P, kill) end, \
               receive {'DOWN', R, _, _, killed} -> yes; {'DOWN', R, _, _, whole} -> no end end || Wait <- [1, 3, 5, 8, 12]]), ok.",
            "ok",
        );
        // Others go on meanwhile and after it, over the same connection.
        stage.check(
            "Many(4, fun(P) -> [{P, I, binary:copy(<<I>>, 100000), ok} || I <- lists:seq(1, 5)] end).",
            "[same]",
        );
        stage.check("receive {nodedown, _, _} -> down after 1500 -> up end.", "up");
        stage.check(
            "{sink, $N} ! {report, self()}, receive {count, Whole, _} -> Whole after 5000 -> none end.",
            "5",
        );
        stage.check("Echo([still_here]).", "same");
    }
}

#[test]
fn the_answer_to_a_traced_call_reaches_the_caller_here() {
    let Some(stage) = Stage::new() else { return };
    stage.eval(
        "register(traced, spawn(fun Loop() -> receive {From, What} -> \
           seq_trace:set_token(label, {What, From}), From ! {traced, What}, Loop() end end)), net_adm:ping($N).",
    );
    let peer = NodeName::new(stage.beam.node_name()).unwrap();
    let came = stage.node.block_on(move |mut cx| async move {
        let request = Term::tuple([Term::from(cx.pid()), Term::atom("a_question")]);
        cx.send(Dest::RemoteName(Atom::from_static("traced"), peer), request).unwrap();
        cx.recv_timeout(Duration::from_secs(10)).await
    });
    let Some(Mail::Message(message)) = came.unwrap() else { panic!("no answer") };
    assert_eq!(message.to_string(), "{traced,a_question}");
}
