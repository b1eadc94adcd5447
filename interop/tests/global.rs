//! Global names and locks over Erlang and Engset nodes, by the names of OTP's own cases (`global_SUITE`).
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod mixed;
mod stage;

use engset::global::{Global, GlobalError, LockId, Resolve, Retries};
use engset::{Atom, Cx, Dest, Dynamic, Exit, ExitReason, Mail, Node, Pid, Server, Service, Term};
use engset_testkit::Beam;
use mixed::Mixed;
use std::time::{Duration, Instant};

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
        let at = at.map_or("undefined".to_owned(), |at| format!("'{at}@127.0.0.1'"));
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

/// Where a name is, as this node sees it, when that is so, or after a while.
#[track_caller]
fn expect_holder(node: &Node, name: &'static str, at: Option<&str>) {
    let expected = at.map(|at| format!("{at}@127.0.0.1"));
    let due = Instant::now() + PATIENCE;
    let holder = || node.global().whereis(Term::atom(name)).map(|pid| pid.node().text().to_string());
    while holder() != expected {
        assert!(Instant::now() < due, "{name} is at {:?}, not {expected:?}, seen by {}", holder(), node.node().name());
        std::thread::yield_now();
    }
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
        assert_eq!(mixed.eval(beam, "global:send(ours, {self(), hello}), receive X -> X after 5000 -> none end"), "hello");
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
