//! Global names and locks over Erlang and Engset nodes, by the names of OTP's own cases (`global_SUITE`).
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod mixed;
mod stage;

use engset::global::{Global, GlobalError, LockId, Resolve, Retries};
use engset::{Atom, Cx, Dest, Dynamic, ExitReason, Mail, Node, NodeName, Pid, Term};
use engset_testkit::Beam;
use mixed::Mixed;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits on the BEAM until a name is held on a node, or by nobody (`undefined`), request by request.
const WAIT: &str = "Where = fun(Name) -> case global:whereis_name(Name) of undefined -> undefined; P -> node(P) end end, \
    Until = fun(Test) -> Due = erlang:monotonic_time(millisecond) + 20000, \
      Again = fun A() -> gen_server:call(global_name_server, get_known), case Test() of true -> ok; Other -> \
        case erlang:monotonic_time(millisecond) > Due of true -> {still, Other}; false -> erlang:yield(), A() end end end, \
      Again() end, \
    Spawn = fun() -> spawn(fun() -> receive stop -> ok end end) end, is_function(Until).";

impl Mixed {
    /// Nodes that agree on names.
    fn agreed(rust: usize, beams: usize) -> Option<Self> {
        let mixed = Self::apart(rust, beams)?;
        mixed.connect_all();
        mixed.sync();
        Some(mixed)
    }

    fn apart(rust: usize, beams: usize) -> Option<Self> {
        let mixed = Self::new(true, rust, beams)?;
        mixed.beams.iter().for_each(|beam| drop(mixed.eval(beam, WAIT)));
        Some(mixed)
    }

    fn sync(&self) {
        for beam in &self.beams {
            assert_eq!(self.eval(beam, "global:sync()"), "ok", "{}", beam.node_name());
        }
        for node in &self.rust {
            within(node, |_, global| async move { global.sync().await }).unwrap();
        }
    }

    /// Waits until all nodes see the name at this node, or nowhere.
    #[track_caller]
    fn expect(&self, name: &'static str, at: Option<&str>) {
        for beam in &self.beams {
            self.expect_at(beam, name, at);
        }
        for node in &self.rust {
            expect_holder(node, name, at);
        }
    }

    #[track_caller]
    fn expect_at(&self, beam: &Beam, name: &str, at: Option<&str>) {
        let at = at.map_or_else(|| "undefined".to_owned(), |at| format!("'{at}@127.0.0.1'"));
        let until = format!("Until(fun() -> case Where({name}) of {at} -> true; Other -> Other end end)");
        assert_eq!(self.eval(beam, &until), "ok", "{name} seen by {}", beam.node_name());
    }
}

/// What `body` returns, as a process of the node.
fn within<T, F>(node: &Node, body: impl FnOnce(Cx<Term>, Global) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let global = node.global().clone();
    node.block_on(move |cx| body(cx, global)).unwrap()
}

/// Looks until it is so, by the node's clock for a while at most.
#[track_caller]
fn until(node: &Node, what: impl Fn() -> String, is_so: impl Fn() -> bool) {
    let clock = node.processes().scheduler();
    let due = clock.now().saturating_add(PATIENCE);
    while !is_so() {
        assert!(clock.now() < due, "{}", what());
        std::thread::yield_now();
    }
}

/// Waits until a name is there, as this node sees it.
#[track_caller]
fn expect_holder(node: &Node, name: &'static str, at: Option<&str>) {
    let expected = at.map(|at| format!("{at}@127.0.0.1"));
    let holder = || node.global().whereis(Term::atom(name)).map(|pid| pid.node().text().to_string());
    let what = || format!("{name} is at {:?}, not {expected:?}, seen by {}", holder(), node.node().name());
    until(node, what, || holder() == expected);
}

/// A process that sends back what it gets, until that is `stop`.
fn member(node: &Node) -> Pid {
    within(node, |cx, _| async move {
        let serve = |mut cx: Cx<Term>| async move {
            while let Mail::Message(message) = cx.recv().await {
                match message.as_tuple() {
                    Some([Term::Pid(from), what]) => drop(cx.send(*from, what.clone())),
                    _ => return,
                }
            }
        };
        cx.spawn::<Term, _, _>(serve).unwrap().pid()
    })
}

fn register(node: &Node, name: &'static str, pid: Pid) -> Result<(), GlobalError> {
    within(node, move |_, global| async move { global.register(Term::atom(name), pid).await })
}

fn send(node: &Node, to: impl Into<Dest>, message: Term) {
    let to = to.into();
    within(node, move |cx, _| async move { cx.send(to, message).unwrap() });
}

/// Names are given on either kind of node, seen on all, refused where held, and free after.
#[test]
fn names() {
    let Some(mixed) = Mixed::agreed(2, 2) else { return };
    let pid = member(&mixed.rust[0]);
    assert_eq!(register(&mixed.rust[0], "ours", pid), Ok(()));
    for beam in &mixed.beams {
        assert_eq!(mixed.eval(beam, "Where(ours)"), "'rust0@127.0.0.1'");
        assert_eq!(
            mixed.eval(beam, "global:send(ours, {self(), hello}), receive X -> X after 5000 -> none end"),
            "hello"
        );
        assert_eq!(mixed.eval(beam, "global:register_name(ours, Spawn())"), "no");
    }
    assert_eq!(mixed.rust[1].global().whereis(Term::atom("ours")), Some(pid));
    assert_eq!(mixed.eval(&mixed.beams[0], "global:register_name(theirs, P1 = Spawn())"), "yes");
    mixed.expect("theirs", Some("beam0"));
    let theirs = mixed.rust[1].global().whereis(Term::atom("theirs")).unwrap();
    let other = member(&mixed.rust[1]);
    assert_eq!(register(&mixed.rust[1], "theirs", other), Err(GlobalError::Taken(theirs)));
    for node in &mixed.rust {
        assert_eq!(node.global().registered_names(), [Term::atom("ours"), Term::atom("theirs")]);
    }
    assert_eq!(mixed.eval(&mixed.beams[1], "lists:sort(global:registered_names())"), "[ours,theirs]");
    assert_eq!(mixed.eval(&mixed.beams[1], "global:unregister_name(ours)"), "ok");
    mixed.expect("ours", None);
    within(&mixed.rust[1], |_, global| async move { global.unregister(Term::atom("theirs")).await }).unwrap();
    mixed.expect("theirs", None);
}

/// The end of a holder frees its name on all nodes, whatever the end.
#[test]
fn name_die() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let pid = member(node);
    assert_eq!(register(node, "mortal", pid), Ok(()));
    send(node, pid, Term::Nil);
    mixed.expect("mortal", None);
    mixed.eval(beam, "global:register_name(mortal, P2 = Spawn())");
    mixed.expect("mortal", Some("beam0"));
    mixed.eval(beam, "exit(P2, kill)");
    mixed.expect("mortal", None);
    // A process of another node has a name from here.
    let pid = member(node);
    send(node, Dest::Pid(pid), Term::tuple([Term::Pid(pid), Term::Nil]));
    assert_eq!(mixed.eval(beam, "global:register_name(mortal, P3 = Spawn())"), "yes");
    mixed.expect("mortal", Some("beam0"));
    mixed.eval(beam, "P3 ! stop");
    mixed.expect("mortal", None);
}

/// A process that notes what it gets, for a name of its own; gives its messages by [`Seen::next`].
struct Seen {
    pid: Pid,
    messages: std::sync::mpsc::Receiver<Term>,
}

impl Seen {
    fn on(node: &Node) -> Self {
        let (sender, messages) = std::sync::mpsc::channel();
        let pid = within(node, |cx, _| async move {
            let note = |mut cx: Cx<Term>| async move {
                while let Mail::Message(message) = cx.recv().await {
                    if sender.send(message).is_err() {
                        return;
                    }
                }
            };
            cx.spawn::<Term, _, _>(note).unwrap().pid()
        });
        Self { pid, messages }
    }

    fn next(&self) -> Term {
        self.messages.recv_timeout(PATIENCE).unwrap()
    }
}

fn is_alive(node: &Node, pid: Pid) -> bool {
    node.processes().is_alive(pid)
}

#[track_caller]
fn expect_death(node: &Node, pid: Pid) {
    until(node, || format!("{pid} lives"), || !is_alive(node, pid));
}

/// A name is re-registered in one step; nobody sees it free.
#[test]
fn re_register_name() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let pid = member(node);
    assert_eq!(mixed.eval(beam, "global:register_name(moving, P1 = Spawn())"), "yes");
    within(node, move |_, global| async move { global.re_register(Term::atom("moving"), pid).await })
        .unwrap();
    assert_eq!(mixed.eval(beam, "Where(moving)"), "'rust0@127.0.0.1'");
    mixed.eval(beam, "exit(P1, kill)");
    assert_eq!(mixed.eval(beam, "global:re_register_name(moving, P2 = Spawn())"), "yes");
    mixed.expect("moving", Some("beam0"));
    assert!(is_alive(node, pid));
    send(node, pid, Term::Nil);
    expect_death(node, pid);
    mixed.expect("moving", Some("beam0"));
}

/// Locks of either kind of node exclude each other, and are shared by one requester.
#[test]
fn locks() {
    let Some(mixed) = Mixed::agreed(1, 2) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    assert_eq!(mixed.eval(beam, "global:set_lock({res, self()})"), "true");
    let tried = within(node, |cx, global| async move {
        let id = LockId::new(Term::atom("res"), cx.pid());
        let other = LockId::new(Term::atom("other"), cx.pid());
        let trans = global.trans(&other, None, Retries::Times(0), async { 7 }).await?;
        Ok::<_, GlobalError>((global.set_lock(&id, None, Retries::Times(0)).await?, trans))
    });
    assert_eq!(tried, Ok((false, Some(7))));
    assert_eq!(mixed.eval(beam, "global:del_lock({res, self()})"), "true");
    let holder = lock_holder(node, "res", "me");
    for beam in &mixed.beams {
        assert_eq!(mixed.eval(beam, "global:set_lock({res, self()}, [node() | nodes()], 0)"), "false");
        assert_eq!(mixed.eval(beam, "global:set_lock({res, me}, [node() | nodes()], 0)"), "true");
        assert_eq!(mixed.eval(beam, "global:del_lock({res, me}, [node() | nodes()])"), "true");
    }
    assert_eq!(
        mixed.eval(beam, "global:trans({res, self()}, fun() -> done end, [node() | nodes()], 0)"),
        "aborted"
    );
    // The end of the holder frees it, and who waits gets it.
    mixed.eval(beam, "Me = self(), spawn(fun() -> Me ! {got, global:set_lock({res, self()})} end), ok");
    send(node, holder, Term::Nil);
    assert_eq!(mixed.eval(beam, "receive {got, Got} -> Got after 20000 -> none end"), "true");
}

/// A process that holds a lock at all nodes until it gets a message.
/// A request for a lock that comes over another connection than the monitor that its caller made before: the caller, which
/// has been told `noconnection`, would never give the lock back.
#[test]
fn a_lock_for_a_caller_that_has_given_up_is_refused() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let beam = &mixed.beams[0];
    let ask = "Server = {global_name_server, 'rust0@127.0.0.1'}, \
        Ask = fun(Request) -> Tag = make_ref(), Server ! {'$gen_call', {self(), Tag}, Request}, \
          receive {Tag, Answer} -> Answer after 5000 -> none end end, \
        Id = {global, self()}, Late = Ask({set_lock, Id}), \
        Watch = monitor(process, Server), Set = Ask({set_lock, Id}), Given = Ask({del_lock, Id}), \
        demonitor(Watch), {Late, Set, Given}";
    assert_eq!(mixed.eval(beam, ask), "{false,true,true}");
    assert_eq!(mixed.eval(beam, "global:register_name(after_all, Spawn())"), "yes");
    mixed.expect("after_all", Some("beam0"));
}

fn lock_holder(node: &Node, resource: &'static str, requester: &'static str) -> Pid {
    within(node, move |cx, global| async move {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let hold = move |mut cx: Cx<Term>| async move {
            let id = LockId::new(Term::atom(resource), Term::atom(requester));
            sender.send(global.set_lock(&id, None, Retries::Forever).await).unwrap();
            drop(cx.recv().await);
        };
        let pid = cx.spawn::<Term, _, _>(hold).unwrap().pid();
        assert_eq!(receiver.await.unwrap(), Ok(true));
        pid
    })
}

/// The end of who holds a lock frees it, on whichever side.
#[test]
fn lock_die() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let holder = lock_holder(node, "mortal", "one");
    assert_eq!(mixed.eval(beam, "global:set_lock({mortal, two}, [node() | nodes()], 0)"), "false");
    send(node, holder, Term::Nil);
    assert_eq!(mixed.eval(beam, "global:set_lock({mortal, two})"), "true");
    mixed.eval(beam, "global:del_lock({mortal, two}), Me = self(), H = spawn(fun() -> Me ! global:set_lock({mortal, three}), receive stop -> ok end end), receive true -> ok end");
    let id = || LockId::new(Term::atom("mortal"), Term::atom("four"));
    let tried =
        within(node, move |_, global| async move { global.set_lock(&id(), None, Retries::Times(0)).await });
    assert_eq!(tried, Ok(false));
    mixed.eval(beam, "exit(H, kill)");
    let had =
        within(node, move |_, global| async move { global.set_lock(&id(), None, Retries::Forever).await });
    assert_eq!(had, Ok(true));
}

/// Names are given while somebody holds other locks, and not while somebody holds the lock for names.
#[test]
fn names_and_locks() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let holder = lock_holder(node, "elsewhere", "me");
    let pid = member(node);
    assert_eq!(register(node, "free", pid), Ok(()));
    send(node, holder, Term::Nil);
    assert_eq!(mixed.eval(beam, "global:set_lock({global, self()})"), "true");
    let pid = member(node);
    let global = node.global().clone();
    let (sender, registered) = std::sync::mpsc::channel();
    within(node, move |cx, _| async move {
        let later = move |_: Cx<Term>| async move {
            sender.send(global.register(Term::atom("later"), pid).await).unwrap();
        };
        cx.spawn::<Term, _, _>(later).unwrap();
    });
    assert_eq!(registered.recv_timeout(Duration::from_millis(300)).ok(), None);
    assert_eq!(node.global().whereis(Term::atom("later")), None);
    mixed.eval(beam, "global:del_lock({global, self()})");
    assert_eq!(registered.recv_timeout(PATIENCE), Ok(Ok(())));
    mixed.expect("later", Some("rust0"));
}

/// A hidden node takes no part in names and locks of others, and nobody waits for it.
#[test]
fn names_hidden() {
    let Some(mixed) = Mixed::new(false, 1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    mixed.eval(beam, WAIT);
    mixed.connect(beam, "rust0");
    assert_eq!(mixed.eval(beam, "global:sync()"), "ok");
    mixed.eval(beam, "global:register_name(theirs, Spawn())");
    let pid = member(node);
    assert_eq!(register(node, "own", pid), Ok(()));
    assert_eq!(node.global().registered_names(), [Term::atom("own")]);
    assert_eq!(mixed.eval(beam, "global:registered_names()"), "[theirs]");
}

/// Locks of a hidden node are its own, too.
#[test]
fn locks_hidden() {
    let Some(mixed) = Mixed::new(false, 1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    mixed.connect(beam, "rust0");
    assert_eq!(mixed.eval(beam, "global:set_lock({res, self()})"), "true");
    let me = node.node().name();
    let had = within(node, move |cx, global| async move {
        let id = LockId::new(Term::atom("res"), cx.pid());
        let here = global.set_lock(&id, Some(&[me]), Retries::Times(0)).await?;
        Ok::<_, GlobalError>((here, global.set_lock(&id, None, Retries::Times(0)).await?))
    });
    // Asked for itself it has the lock; where it asks the visible nodes, they have a say.
    assert_eq!(had, Ok((true, false)));
}

/// A process of either side is found by its global name as a server, and calls go both ways.
#[test]
fn a_global_name_is_a_server() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let counter = node.processes().whereis(&Atom::from_static("counter")).unwrap();
    assert_eq!(register(node, "counter", counter), Ok(()));
    assert_eq!(mixed.eval(beam, "gen_server:call({global, counter}, {add, 3})"), "3");
    assert_eq!(
        mixed
            .eval(beam, "gen_server:cast({global, counter}, reset), gen_server:call({global, counter}, get)"),
        "0"
    );
    let serve = "E = spawn(fun() -> (fun L() -> receive {'$gen_call', F, {double, N}} -> gen_server:reply(F, 2 * N), L() end end)() end), \
        global:register_name(doubler, E)";
    assert_eq!(mixed.eval(beam, serve), "yes");
    let (doubled, nobody) = within(node, |_, global| async move {
        let request = Term::tuple([Term::atom("double"), Term::int(21)]);
        let doubled = Dynamic::call(&global.at(Term::atom("doubler")), request).await;
        (doubled, Dynamic::call(&global.at(Term::atom("nobody")), Term::Nil).await)
    });
    assert_eq!(doubled, Ok(Term::int(42)));
    assert_eq!(nobody, Err(engset::CallError::NoProcess));
}

/// Two parts that have each given a name to a process: one keeps it, the other is killed, on whichever side.
#[test]
fn simple_resolve() {
    for (rust, kept) in [("rust0", "beam0"), ("arust", "arust")] {
        let Some(mixed) = Mixed::named(true, &[rust.to_owned()], 1) else { return };
        let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
        mixed.eval(beam, WAIT);
        let pid = member(node);
        assert_eq!(register(node, "both", pid), Ok(()));
        mixed.eval(beam, "yes = global:register_name(both, P = Spawn()), M = monitor(process, P)");
        mixed.connect(beam, rust);
        mixed.sync();
        mixed.expect("both", Some(kept));
        if kept == "beam0" {
            expect_death(node, pid);
        } else {
            assert_eq!(
                mixed.eval(beam, "receive {'DOWN', M, _, _, R} -> R after 20000 -> none end"),
                "killed"
            );
        }
        assert_eq!(is_alive(node, pid), kept != "beam0");
    }
}

/// The other methods: one is told that it has lost the name, or both are.
#[test]
fn resolve_by_notice() {
    for rust in ["arust", "rust0"] {
        let Some(mixed) = Mixed::named(true, &[rust.to_owned()], 1) else { return };
        let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
        mixed.eval(beam, WAIT);
        let (one, two) = (Seen::on(node), Seen::on(node));
        let (first, second) = (one.pid, two.pid);
        within(node, move |_, global| async move {
            global.register_with(Term::atom("one"), first, Resolve::RandomNotify).await?;
            global.register_with(Term::atom("none"), second, Resolve::NotifyAll).await
        })
        .unwrap();
        let others = "[global:register_name(N, spawn(fun() -> receive X -> Me ! {got, X} end end), fun global:F/3) \
            || {N, F} <- [{one, random_notify_name}, {none, notify_all_name}]]";
        assert_eq!(mixed.eval(beam, &format!("Me = self(), {others}")), "[yes,yes]");
        mixed.connect(beam, rust);
        mixed.sync();
        mixed.expect("one", Some(if rust == "arust" { "arust" } else { "beam0" }));
        mixed.expect("none", None);
        let conflict = two.next();
        let is_conflict = conflict
            .as_tuple()
            .is_some_and(|parts| parts[0].is_atom("global_name_conflict") && parts.len() == 3);
        assert!(is_conflict, "{conflict}");
        assert_eq!(
            mixed.eval(
                beam,
                "receive {got, {global_name_conflict, none, _}} -> told after 20000 -> silent end"
            ),
            "told"
        );
        if rust == "arust" {
            assert_eq!(
                mixed.eval(
                    beam,
                    "receive {got, {global_name_conflict, one}} -> told after 20000 -> silent end"
                ),
                "told"
            );
        } else {
            assert_eq!(one.next(), Term::tuple([Term::atom("global_name_conflict"), Term::atom("one")]));
        }
    }
}

/// A name's holder on an Engset node, known to a BEAM node that decides: it asks the Engset node, as any other, and the
/// holder that has lost the name is killed.
#[test]
fn a_beam_node_asks_the_node_of_the_holder() {
    let Some(mixed) = Mixed::apart(1, 2) else { return };
    let (node, beams) = (&mixed.rust[0], &mixed.beams);
    let pid = member(node);
    assert_eq!(register(node, "asked", pid), Ok(()));
    mixed.connect(&beams[0], "rust0");
    assert_eq!(mixed.eval(&beams[0], "global:sync()"), "ok");
    mixed.expect_at(&beams[0], "asked", Some("rust0"));
    assert_eq!(mixed.eval(&beams[1], "global:register_name(asked, Spawn())"), "yes");
    let before = node.node().functions().counts().begun;
    mixed.connect(&beams[1], "beam0");
    mixed.expect("asked", Some("beam1"));
    expect_death(node, pid);
    assert_eq!(node.node().functions().counts().begun, before + 1);
    assert!(node.node().functions().is_allowed("global", "resolve_it", 4));
}

/// The lesser of two Engset nodes asks an Erlang node about all names that both parts have at once: none of the methods of
/// these answers before all were asked. Meanwhile the lock is held on all nodes.
#[test]
fn all_conflicts_are_asked_about_at_once() {
    let Some(mixed) = Mixed::named(true, &["arust".to_owned(), "brust".to_owned()], 1) else { return };
    let beam = &mixed.beams[0];
    mixed.eval(beam, WAIT);
    mixed.connect(beam, "arust");
    assert_eq!(mixed.eval(beam, "global:sync()"), "ok");
    let names = ["x", "y", "z"];
    let method = "fun(_, _, Ours) -> judge ! {asked, self()}, receive go -> Ours end end";
    for name in names {
        let given = format!("global:register_name({name}, Spawn(), {method})");
        assert_eq!(mixed.eval(beam, &given), "yes");
        let pid = member(&mixed.rust[1]);
        assert_eq!(register(&mixed.rust[1], name, pid), Ok(()));
    }
    mixed.eval(beam, "register(judge, self())");
    mixed.connect_rust();
    let gather = "Gather = fun G(0, L) -> [P ! go || P <- L], ok; \
        G(N, L) -> receive {asked, P} -> G(N - 1, [P | L]) after 8000 -> {asked, length(L)} end end, Gather(3, [])";
    assert_eq!(mixed.eval(beam, gather), "ok");
    names.into_iter().for_each(|name| mixed.expect(name, Some("beam0")));
}

/// Four nodes, each with the same name and one of its own, meet in a line: one keeps the name, all have the others.
#[test]
fn line() {
    meet(|mixed| {
        mixed.connect(&mixed.beams[0], "rust0");
        mixed.connect(&mixed.beams[1], "rust0");
        mixed.connect(&mixed.beams[1], "rust1");
    });
}

/// Four nodes meet in a ring, all connections at once.
#[test]
fn ring() {
    meet(|mixed| {
        for (beam, to) in [(0, "rust0"), (1, "rust0"), (1, "rust1"), (0, "rust1")] {
            mixed.eval(
                &mixed.beams[beam],
                &format!("spawn(fun() -> net_kernel:connect_node('{to}@127.0.0.1') end), ok"),
            );
        }
    });
}

fn meet(connect: impl FnOnce(&Mixed)) {
    let Some(mixed) = Mixed::apart(2, 2) else { return };
    for (place, name) in ["r0", "r1"].into_iter().enumerate() {
        let (own, same) = (member(&mixed.rust[place]), member(&mixed.rust[place]));
        assert_eq!(register(&mixed.rust[place], name, own), Ok(()));
        assert_eq!(register(&mixed.rust[place], "same", same), Ok(()));
    }
    for (place, beam) in mixed.beams.iter().enumerate() {
        mixed.eval(
            beam,
            &format!("global:register_name(b{place}, Spawn()), global:register_name(same, Spawn())"),
        );
    }
    connect(&mixed);
    for (name, at) in [("r0", "rust0"), ("r1", "rust1"), ("b0", "beam0"), ("b1", "beam1")] {
        mixed.expect(name, Some(at));
    }
    for beam in &mixed.beams {
        let until = "Until(fun() -> length(nodes()) =:= 3 end)";
        assert_eq!(mixed.eval(beam, until), "ok");
    }
    mixed.sync();
    let holder = mixed.rust[0].global().whereis(Term::atom("same")).unwrap().node().name_part().to_string();
    mixed.expect("same", Some(&holder));
}

/// A connection that is lost frees the names of the other side, and gives them back when it is there again.
#[test]
fn basic_name_partition() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let pid = member(node);
    assert_eq!(register(node, "rusty", pid), Ok(()));
    assert_eq!(mixed.eval(beam, "global:register_name(beamy, Spawn())"), "yes");
    mixed.expect("beamy", Some("beam0"));
    for _ in 0..3 {
        mixed.eval(beam, "erlang:disconnect_node('rust0@127.0.0.1')");
        expect_holder(node, "beamy", None);
        mixed.expect_at(beam, "rusty", None);
        expect_holder(node, "rusty", Some("rust0"));
        mixed.connect_all();
        mixed.sync();
        mixed.expect("beamy", Some("beam0"));
        mixed.expect("rusty", Some("rust0"));
    }
}

/// Two BEAM nodes lose each other while an Engset node has both: no two parts overlap afterwards, as
/// `prevent_overlapping_partitions` has it.
#[test]
fn basic_partition() {
    let Some(mixed) = Mixed::agreed(2, 2) else { return };
    mixed.eval(&mixed.beams[0], "erlang:disconnect_node('beam1@127.0.0.1')");
    let is_apart = || {
        let views = mixed.views();
        let overlaps =
            |seen: &BTreeSet<String>| views.iter().any(|(other, its)| seen.contains(other) && its != seen);
        !views[&"beam0".to_owned()].contains("beam1") && !views.values().any(overlaps)
    };
    until(&mixed.rust[0], || format!("{:?}", mixed.views()), is_apart);
    mixed.connect_all();
    mixed.sync();
    let pid = member(&mixed.rust[0]);
    assert_eq!(register(&mixed.rust[0], "again", pid), Ok(()));
    mixed.expect("again", Some("rust0"));
}

impl Mixed {
    /// Whom each node sees, itself included.
    fn views(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut views = BTreeMap::new();
        for node in &self.rust {
            let me = node.node().name().name_part().to_string();
            let peers = node.node().connected().into_iter().map(|(peer, _)| peer.name_part().to_string());
            views.insert(me.clone(), peers.chain([me]).collect());
        }
        for (place, beam) in self.beams.iter().enumerate() {
            let seen =
                self.eval(beam, "[hd(string:split(atom_to_list(N), \"@\")) || N <- [node() | nodes()]]");
            let names =
                seen.trim_matches(['[', ']']).split(',').map(|name| name.trim_matches('"').to_owned());
            views.insert(format!("beam{place}"), names.collect());
        }
        views
    }
}

/// A node that ends in the middle of many names takes all of them with it.
#[test]
fn mass_death() {
    let Some(mixed) = Mixed::agreed(2, 1) else { return };
    let beam = &mixed.beams[0];
    mixed.eval(beam, "[yes = global:register_name({name, N}, Spawn()) || N <- lists:seq(1, 100)], ok");
    assert_eq!(mixed.rust[1].global().registered_names().len(), 100);
    beam.kill();
    for node in &mixed.rust {
        let names = || node.global().registered_names();
        until(node, || format!("{:?}", names()), || names().is_empty());
    }
    let pid = member(&mixed.rust[0]);
    assert_eq!(register(&mixed.rust[0], "after", pid), Ok(()));
    expect_holder(&mixed.rust[1], "after", Some("rust0"));
}

/// What is no message of the protocol is counted, answered where somebody waits, and harms nothing.
#[test]
fn garbage_messages() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let before = node.processes().counters().read().dropped;
    let garbage = "G = {global_name_server, 'rust0@127.0.0.1'}, \
        [G ! M || M <- [garbage, {foo}, {nodeup, node()}, {nodedown, node(), []}, {cancel_connect, a, b}, \
          {lost_connection, 1, 2, 3, 4}, {init_connect_ack, node(), x, y}, {remove_connection, someone@else}]], \
        [gen_server:cast(G, M) || M <- [x, {init_connect, a, node(), b}, {init_connect, {8, 1}, node(), {locker, a, b, c}}, \
          {init_connect, {8, 1}, other@node, {locker, a, b, self()}}, {exchange, node(), [a | b], [], 1}, \
          {resolved, node(), [{insert, x}], [], unused, [], 1}, {new_nodes, node(), [], [], [{1, 2}], []}, \
          {lock_set, a, b, c}, {in_sync, nobody@here, true}]], \
        {gen_server:call(G, nonsense), gen_server:call(G, {register, a, b, c}), gen_server:call(G, get_protocol_version)}";
    assert_eq!(mixed.eval(beam, garbage), "{{error,notsup},{error,notsup},8}");
    assert!(node.processes().counters().read().dropped >= before + 15);
    let pid = member(node);
    mixed.sync();
    assert_eq!(register(node, "still", pid), Ok(()));
    mixed.expect("still", Some("rust0"));
}

/// A node that joins learns the names there are, whoever it meets first.
#[test]
fn both_known_1() {
    let Some(mixed) = Mixed::apart(2, 1) else { return };
    let beam = &mixed.beams[0];
    let pid = member(&mixed.rust[1]);
    mixed.connect(beam, "rust0");
    mixed.sync();
    assert_eq!(register(&mixed.rust[1], "late", pid), Ok(()));
    mixed.connect_rust();
    mixed.expect("late", Some("rust1"));
    assert_eq!(mixed.eval(beam, "Until(fun() -> lists:member('rust1@127.0.0.1', nodes()) end)"), "ok");
    mixed.sync();
    assert_eq!(mixed.eval(beam, "global:unregister_name(late)"), "ok");
    mixed.expect("late", None);
}

/// An Erlang node knows this one from a third, which has lost this one before it could tell it: it does not answer where this
/// one begins, and its `global:sync/0` waits. The two are connected anew.
#[test]
fn a_node_that_knows_this_one_from_a_third_begins_anew() {
    let Some(mixed) = Mixed::apart(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let pid = member(node);
    assert_eq!(register(node, "ours", pid), Ok(()));
    assert_eq!(mixed.eval(beam, "global:register_name(theirs, Spawn())"), "yes");
    // What a third node says.
    let known = "gen_server:cast(global_name_server, {new_nodes, node(), [], [], [{'rust0@127.0.0.1', 8}], \
        [{vsn, 8}, {lock, undefined}]})";
    assert_eq!(mixed.eval(beam, known), "ok");
    assert_eq!(mixed.eval(beam, "Until(fun() -> lists:member('rust0@127.0.0.1', nodes()) end)"), "ok");
    mixed.sync();
    mixed.expect("ours", Some("rust0"));
    mixed.expect("theirs", Some("beam0"));
    assert_eq!(register(node, "more", member(node)), Ok(()));
    mixed.expect("more", Some("rust0"));
}

/// `global:sync/0` comes back on a node alone, and right after a node was connected or lost.
#[test]
fn sync_0() {
    let Some(mixed) = Mixed::apart(1, 1) else { return };
    mixed.sync();
    for _ in 0..5 {
        mixed.connect_all();
        mixed.sync();
        mixed.eval(&mixed.beams[0], "erlang:disconnect_node('rust0@127.0.0.1')");
        mixed.sync();
    }
}

/// A name is unregistered on all nodes although its node has just been lost.
#[test]
fn lost_unregister() {
    let Some(mixed) = Mixed::agreed(1, 2) else { return };
    let node = &mixed.rust[0];
    assert_eq!(mixed.eval(&mixed.beams[1], "global:register_name(lost, Spawn())"), "yes");
    mixed.expect("lost", Some("beam1"));
    mixed.beams[1].kill();
    within(node, |_, global| async move { global.unregister(Term::atom("lost")).await }).unwrap();
    expect_holder(node, "lost", None);
    mixed.expect_at(&mixed.beams[0], "lost", None);
    let pid = member(node);
    assert_eq!(register(node, "lost", pid), Ok(()));
    mixed.expect_at(&mixed.beams[0], "lost", Some("rust0"));
}

/// An Erlang name server that is slow takes a request for the lock when the connection that it came over has been lost and
/// made anew. It watches the holder over the later one, and would keep the lock as long as that lasts, if it were not told
/// again that the lock is given back.
#[test]
fn a_lock_that_is_taken_late_does_not_stay() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let peer = NodeName::new("beam0@127.0.0.1").unwrap();
    let pid = member(node);
    assert_eq!(mixed.eval(beam, "sys:suspend(global_name_server)"), "ok");
    std::thread::scope(|scope| {
        let registered = scope.spawn(|| register(node, "late", pid));
        let asked = "(fun Again() -> {messages, Waiting} = process_info(whereis(global_name_server), messages), \
            case [Id || {'$gen_call', _, {set_lock, Id}} <- Waiting] of [] -> erlang:yield(), Again(); _ -> asked end end)()";
        assert_eq!(mixed.eval(beam, asked), "asked");
        // What gives the lock back does not arrive.
        node.set_cookie(peer, "another").unwrap();
        assert_eq!(mixed.eval(beam, "erlang:disconnect_node('rust0@127.0.0.1')"), "true");
        assert_eq!(registered.join().unwrap(), Ok(()));
    });
    node.set_cookie(peer, stage::COOKIE).unwrap();
    mixed.connect(beam, "rust0");
    assert_eq!(mixed.eval(beam, "sys:resume(global_name_server)"), "ok");
    mixed.expect("late", Some("rust0"));
    mixed.sync();
}

/// A process outside the mesh, of a hidden Engset node, has a name that a BEAM node registered for it.
#[test]
fn external_nodes() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let beam = &mixed.beams[0];
    let hidden = stage::start_canned("hidden@127.0.0.1", mixed.epmd_tcp_port, false);
    mixed.connect(beam, "hidden");
    mixed.eval(beam, "{spawner, 'hidden@127.0.0.1'} ! {spawn, self()}, H = receive {spawned, S} -> S after 5000 -> none end");
    assert_eq!(mixed.eval(beam, "global:register_name_external(outside, H)"), "yes");
    mixed.expect("outside", Some("hidden"));
    // A node that comes later is told of it.
    let late = stage::start_canned("late@127.0.0.1", mixed.epmd_tcp_port, true);
    mixed.connect(beam, "late");
    mixed.sync();
    expect_holder(&late, "outside", Some("hidden"));
    mixed.eval(beam, "H ! stop");
    mixed.expect("outside", None);
    hidden.stop();
}

/// One process has one name; another is refused, as OTP does.
#[test]
fn name_exit() {
    let Some(mixed) = Mixed::agreed(1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    let pid = member(node);
    assert_eq!(register(node, "first", pid), Ok(()));
    assert_eq!(register(node, "second", pid), Err(GlobalError::HasName(Term::atom("first"))));
    assert_eq!(mixed.eval(beam, "global:register_name(second, global:whereis_name(first))"), "no");
    // Killed in the middle of many registrations, it leaves nothing.
    for turn in 0..5 {
        let pid = member(node);
        mixed.eval(
            beam,
            &format!(
                "spawn(fun() -> global:register_name({{turn, {turn}}}, global:whereis_name(first)) end), ok"
            ),
        );
        within(node, move |cx, _| async move { cx.exit(pid, ExitReason::Kill) });
        drop(register(node, "killed", pid));
        mixed.expect("killed", None);
    }
    within(node, move |cx, _| async move { cx.exit(pid, ExitReason::Kill) });
    mixed.expect("first", None);
}
