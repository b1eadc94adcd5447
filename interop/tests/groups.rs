//! Process groups over Erlang and Engset nodes, visible and hidden, by the names of OTP's own cases (`pg_SUITE`).
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod mixed;
mod stage;

use engset::groups::{DEFAULT_SCOPE, Scope};
use engset::{Atom, Cx, ExitReason, Node, Pid, Term};
use engset_testkit::Beam;
use mixed::Mixed;
use std::time::Duration;

const GROUP: Term = Term::atom("group");
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits on the BEAM until the group's members are at these nodes, event by event.
const WAIT: &str = "Wait = fun(Scope, Group, Nodes) -> {Ref, _} = pg:monitor(Scope, Group), \
    Look = fun L() -> case lists:sort([node(Q) || Q <- pg:get_members(Scope, Group)]) of \
      Nodes -> pg:demonitor(Scope, Ref), ok; \
      Others -> receive {Ref, _, _, _} -> L() after 20000 -> {still, Others} end end end, \
    Look() end, is_function(Wait).";

impl Mixed {
    fn with_groups(visible: bool, rust: usize, beams: usize) -> Option<Self> {
        let mixed = Self::new(visible, rust, beams)?;
        for beam in &mixed.beams {
            mixed.eval(beam, "{ok, _} = pg:start(pg), ok");
            mixed.eval(beam, WAIT);
        }
        Some(mixed)
    }

    /// Waits until all nodes see members of the group at these nodes, as often as named.
    #[track_caller]
    fn expect_all(&self, scope: &'static str, nodes: &[&str]) {
        self.rust.iter().for_each(|node| expect_members(node, scope, nodes));
        self.beams.iter().for_each(|beam| self.expect_beam(beam, scope, nodes));
    }

    #[track_caller]
    fn expect_beam(&self, beam: &Beam, scope: &str, nodes: &[&str]) {
        let mut nodes: Vec<String> = nodes.iter().map(|name| format!("'{name}@127.0.0.1'")).collect();
        nodes.sort();
        let wait = format!("Wait({scope}, group, [{}])", nodes.join(","));
        assert_eq!(self.eval(beam, &wait), "ok", "{} waits for {nodes:?}", beam.node_name());
    }

    /// A member on each node, `times` times each.
    fn join_everywhere(&self, scope: &'static str, times: usize) {
        for node in &self.rust {
            join(node, scope, times);
        }
        self.beams.iter().for_each(|beam| self.join_beam(beam, scope, times));
    }

    fn join_beam(&self, beam: &Beam, scope: &str, times: usize) {
        let member = "spawn(fun() -> receive stop -> ok end end)";
        self.eval(
            beam,
            &format!("M_{scope} = {member}, pg:join({scope}, group, lists:duplicate({times}, M_{scope}))"),
        );
    }
}

/// Starts a member, which joins `times` times and ends when it gets a message.
fn join(node: &Node, scope: &'static str, times: usize) -> Pid {
    node.block_on(move |cx| async move {
        let wait = |mut cx: Cx<Term>| async move { drop(cx.recv().await) };
        let pid = cx.spawn::<Term, _, _>(wait).unwrap().pid();
        let scope = Scope::find(Atom::from_static(scope)).await.unwrap();
        scope.join(GROUP, vec![pid; times]).await.unwrap();
        pid
    })
    .unwrap()
}

fn send(node: &Node, to: Pid) {
    node.block_on(move |cx| async move { cx.send(to, Term::Nil).unwrap() }).unwrap();
}

#[track_caller]
fn expect_members(node: &Node, scope: &'static str, nodes: &[&str]) {
    let mut expected: Vec<String> = nodes.iter().map(|name| format!("{name}@127.0.0.1")).collect();
    expected.sort();
    let wait = expected.clone();
    let seen = node.block_on(move |mut cx| async move {
        let scope = Scope::find(Atom::from_static(scope)).await.unwrap();
        let (monitor, _) = scope.monitor(GROUP).await.unwrap();
        loop {
            let mut seen: Vec<String> =
                scope.members(&GROUP).iter().map(|pid| pid.node().text().to_string()).collect();
            seen.sort();
            if seen == wait || cx.recv_timeout(PATIENCE).await.is_none() {
                scope.demonitor(&mut cx, monitor).await.unwrap();
                return seen;
            }
        }
    });
    assert_eq!(seen.unwrap(), expected, "at {}", node.node().name());
}

fn start_scope(node: &Node, name: &'static str) -> Scope {
    let scope = Scope::new(Atom::from_static(name));
    let started = scope.clone();
    node.block_on(move |_| async move { started.start().await }).unwrap().unwrap();
    scope
}

fn each_visibility(test: impl Fn(bool)) {
    for visible in [false, true] {
        test(visible);
    }
}

/// Two nodes of either kind know each other's members, from before they met and after, and forget who left or ended.
#[test]
fn two() {
    each_visibility(|visible| {
        let Some(mixed) = Mixed::with_groups(visible, 1, 1) else { return };
        let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
        let first = join(node, "pg", 1);
        mixed.join_beam(beam, "pg", 1);
        mixed.connect_all();
        mixed.expect_all("pg", &["rust0", "beam0"]);
        let second = join(node, "pg", 1);
        mixed.expect_all("pg", &["rust0", "rust0", "beam0"]);
        mixed.eval(beam, "exit(M_pg, kill)");
        mixed.expect_all("pg", &["rust0", "rust0"]);
        send(node, first);
        mixed.expect_all("pg", &["rust0"]);
        send(node, second);
        mixed.expect_all("pg", &[]);
        assert_eq!(mixed.eval(beam, "pg:which_groups(pg)"), "[]");
    });
}

/// A node that comes later learns all there is.
#[test]
fn initial() {
    each_visibility(|visible| {
        let Some(mixed) = Mixed::with_groups(visible, 2, 1) else { return };
        mixed.join_everywhere("pg", 3);
        mixed.connect_all();
        mixed.expect_all(
            "pg",
            &["rust0", "rust0", "rust0", "rust1", "rust1", "rust1", "beam0", "beam0", "beam0"],
        );
    });
}

/// A connection that is lost takes the members of the other side away, and those that joined meanwhile are known when it
/// is there again.
#[test]
fn netsplit() {
    each_visibility(|visible| {
        let Some(mixed) = Mixed::with_groups(visible, 1, 1) else { return };
        let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
        mixed.join_everywhere("pg", 1);
        mixed.connect_all();
        mixed.expect_all("pg", &["rust0", "beam0"]);
        mixed.eval(beam, "erlang:disconnect_node('rust0@127.0.0.1')");
        expect_members(node, "pg", &["rust0"]);
        mixed.expect_beam(beam, "pg", &["beam0"]);
        join(node, "pg", 1);
        mixed.join_beam_again(beam);
        assert_eq!(node.node().connected(), [], "a change makes no connection");
        mixed.connect_all();
        mixed.expect_all("pg", &["rust0", "rust0", "beam0", "beam0"]);
    });
}

/// Three nodes, two Engset and one BEAM, lose each other in parts and find each other.
#[test]
fn trisplit() {
    let Some(mixed) = Mixed::with_groups(false, 2, 1) else { return };
    let beam = &mixed.beams[0];
    mixed.join_everywhere("pg", 1);
    mixed.connect_all();
    mixed.expect_all("pg", &["rust0", "rust1", "beam0"]);
    mixed.eval(beam, "[erlang:disconnect_node(N) || N <- nodes(connected)]");
    expect_members(&mixed.rust[0], "pg", &["rust0", "rust1"]);
    mixed.expect_beam(beam, "pg", &["beam0"]);
    mixed.rust[0].node().disconnect(mixed.rust[1].node().name());
    expect_members(&mixed.rust[1], "pg", &["rust1"]);
    // The first is with the BEAM only, then all are together.
    mixed.connect(beam, "rust0");
    mixed.expect_beam(beam, "pg", &["beam0", "rust0"]);
    expect_members(&mixed.rust[1], "pg", &["rust1"]);
    mixed.connect_all();
    mixed.expect_all("pg", &["rust0", "rust1", "beam0"]);
}

/// Four nodes in two halves, each with one of either kind.
#[test]
fn foursplit() {
    let Some(mixed) = Mixed::with_groups(false, 2, 2) else { return };
    mixed.join_everywhere("pg", 2);
    mixed.connect_all();
    let all = ["rust0", "rust0", "rust1", "rust1", "beam0", "beam0", "beam1", "beam1"];
    mixed.expect_all("pg", &all);
    for half in [0, 1] {
        let beam = &mixed.beams[half];
        let other = 1 - half;
        mixed.eval(
            beam,
            &format!(
                "[erlang:disconnect_node(N) || N <- ['rust{other}@127.0.0.1', 'beam{other}@127.0.0.1']]"
            ),
        );
    }
    mixed.rust[0].node().disconnect(mixed.rust[1].node().name());
    for half in [0, 1] {
        let names = [format!("rust{half}"), format!("beam{half}")];
        let seen = [names[0].as_str(), &names[0], &names[1], &names[1]];
        expect_members(&mixed.rust[half], "pg", &seen);
        mixed.expect_beam(&mixed.beams[half], "pg", &seen);
    }
    mixed.connect_all();
    mixed.expect_all("pg", &all);
}

/// Members that join and leave all the time while nodes come and go: afterwards all see the same.
#[test]
fn exchange() {
    each_visibility(|visible| {
        let Some(mixed) = Mixed::with_groups(visible, 2, 1) else { return };
        let beam = &mixed.beams[0];
        mixed.connect_all();
        mixed.join_everywhere("pg", 1);
        for _ in 0..5 {
            mixed.eval(beam, "[begin pg:join(pg, group, M_pg), pg:leave(pg, group, M_pg) end || _ <- lists:seq(1, 200)], ok");
            let pids: Vec<Pid> = mixed.rust.iter().map(|node| join(node, "pg", 10)).collect();
            mixed.eval(beam, "[erlang:disconnect_node(N) || N <- nodes(connected)]");
            for (node, pid) in mixed.rust.iter().zip(pids) {
                send(node, pid);
            }
            mixed.connect_all();
        }
        mixed.expect_all("pg", &["rust0", "rust1", "beam0"]);
    });
}

/// A scope that ends takes its node's members with it; one that starts again knows those of the others.
#[test]
fn scope_restart() {
    each_visibility(|visible| {
        let Some(mixed) = Mixed::with_groups(visible, 1, 1) else { return };
        let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
        let scope = start_scope(node, "second");
        mixed.eval(beam, "{ok, S1} = pg:start(second), ok");
        mixed.join_everywhere("second", 1);
        mixed.connect_all();
        mixed.expect_all("second", &["rust0", "beam0"]);
        let stopping = scope.clone();
        node.block_on(move |_| async move { stopping.stop(ExitReason::Normal, PATIENCE).await })
            .unwrap()
            .unwrap();
        mixed.expect_beam(beam, "second", &["beam0"]);
        node.block_on(move |_| async move { scope.start().await }).unwrap().unwrap();
        expect_members(node, "second", &["beam0"]);
        mixed.eval(beam, "gen_server:stop(S1)");
        expect_members(node, "second", &[]);
        join(node, "second", 1);
        mixed.eval(beam, "{ok, _} = pg:start(second), ok");
        discover_if_hidden(node, "second", visible);
        mixed.expect_all("second", &["rust0"]);
    });
}

/// Where the other node has no such scope nothing is known, and nothing is harmed.
#[test]
fn missing_scope_join() {
    each_visibility(|visible| {
        let Some(mixed) = Mixed::with_groups(visible, 1, 1) else { return };
        let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
        mixed.connect_all();
        start_scope(node, "alone");
        join(node, "alone", 1);
        expect_members(node, "alone", &["rust0"]);
        mixed.eval(beam, "{ok, _} = pg:start(alone), ok");
        discover_if_hidden(node, "alone", visible);
        mixed.expect_all("alone", &["rust0"]);
    });
}

/// A group whose last member leaves at another node is gone, and so is one that several leave at once.
#[test]
fn empty_group_by_remote_leave() {
    let Some(mixed) = Mixed::with_groups(false, 1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    mixed.connect_all();
    mixed.join_beam(beam, "pg", 2);
    expect_members(node, "pg", &["beam0", "beam0"]);
    mixed.eval(beam, "pg:leave(pg, group, [M_pg, M_pg])");
    expect_members(node, "pg", &[]);
    assert_eq!(groups_of(node), []);
    let pid = join(node, "pg", 2);
    mixed.expect_beam(beam, "pg", &["rust0", "rust0"]);
    leave(node, vec![pid, pid]);
    mixed.expect_beam(beam, "pg", &[]);
    assert_eq!(mixed.eval(beam, "pg:which_groups()"), "[]");
}

/// A member of several groups leaves them one by one, and the rest when it ends.
#[test]
fn group_leave() {
    let Some(mixed) = Mixed::with_groups(false, 1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    mixed.connect_all();
    let pid = join(node, "pg", 0);
    node.block_on(move |_| async move {
        let scope = Scope::find(DEFAULT_SCOPE).await.unwrap();
        scope.join(Term::atom("other"), [pid]).await.unwrap();
        scope.join(GROUP, [pid, pid]).await.unwrap();
    })
    .unwrap();
    mixed.expect_beam(beam, "pg", &["rust0", "rust0"]);
    leave(node, vec![pid]);
    mixed.expect_beam(beam, "pg", &["rust0"]);
    assert_eq!(mixed.eval(beam, "length(pg:get_members(pg, other))"), "1");
    send(node, pid);
    mixed.expect_beam(beam, "pg", &[]);
    assert_eq!(mixed.eval(beam, "pg:which_groups()"), "[]");
}

/// A scope that starts while its node is alone finds the others when it is not any more.
#[test]
fn disconnected_start() {
    each_visibility(|visible| {
        let Some(mixed) = Mixed::with_groups(visible, 1, 1) else { return };
        let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
        start_scope(node, "late");
        join(node, "late", 1);
        mixed.eval(beam, "{ok, _} = pg:start(late), ok");
        mixed.connect_all();
        mixed.expect_all("late", &["rust0"]);
    });
}

/// Being asked again and again changes nothing, and a `sync` is the truth from then on.
#[test]
fn forced_sync() {
    let Some(mixed) = Mixed::with_groups(false, 1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    mixed.join_everywhere("pg", 1);
    mixed.connect_all();
    mixed.expect_all("pg", &["rust0", "beam0"]);
    for times in [2, 1] {
        let sync = format!("{{sync, whereis(pg), [{{group, lists:duplicate({times}, M_pg)}}]}}");
        mixed.eval(beam, &format!("gen_server:cast({{pg, 'rust0@127.0.0.1'}}, {sync})"));
        expect_members(node, "pg", &["rust0", "beam0", "beam0"][..times + 1]);
    }
    for _ in 0..3 {
        discover(node, "pg");
    }
    mixed.join_beam_again(beam);
    mixed.expect_all("pg", &["rust0", "beam0", "beam0"]);
    // Later versions of OTP say which version they speak.
    mixed.eval(beam, "{pg, 'rust0@127.0.0.1'} ! {discover, whereis(pg), 1}");
    mixed.expect_beam(beam, "pg", &["rust0", "beam0", "beam0"]);
}

/// Nodes come up while members join, without being told of each other's scopes.
#[test]
fn dyn_distribution() {
    let Some(mixed) = Mixed::with_groups(true, 1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    join(node, "pg", 1);
    // The first message of a process makes the connection, and the scopes find each other.
    node.block_on(|cx| async move {
        let beam = engset::NodeName::new("beam0@127.0.0.1").unwrap();
        cx.send(engset::Dest::RemoteName(Atom::from_static("nobody"), beam), Term::Nil).unwrap();
    })
    .unwrap();
    mixed.expect_beam(beam, "pg", &["rust0"]);
}

/// Ten thousand groups are told to a node that comes, and ten syncs at once keep nobody from joining; as fast as between
/// two Erlang nodes, within a factor that is printed.
#[test]
fn thundering_herd() {
    let Some(mixed) = Mixed::with_groups(false, 1, 2) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    start_scope(node, "herd");
    let member = node
        .block_on(|cx| async move {
            let wait = |mut cx: Cx<Term>| async move { drop(cx.recv().await) };
            let pid = cx.spawn::<Term, _, _>(wait).unwrap().pid();
            let herd = Scope::find(Atom::from_static("herd")).await.unwrap();
            for number in 0..10_000 {
                herd.join(Term::tuple([Term::atom("group"), Term::int(number)]), [pid]).await.unwrap();
            }
            pid
        })
        .unwrap();
    mixed.eval(
        &mixed.beams[1],
        "{ok, _} = pg:start(heard), [pg:join(heard, {group, N}, self()) || N <- lists:seq(0, 9999)], ok",
    );
    mixed.eval(beam, "{ok, _} = pg:start(herd), {ok, _} = pg:start(heard), ok");
    // From the connection to the last group, each seen as an event.
    let time = |scope: &str, peer: &str| -> u64 {
        let count = "Count = fun C(0, _) -> ok; C(N, Ref) -> receive {Ref, join, _, _} -> C(N - 1, Ref) after 20000 -> {left, N} end end";
        let run = format!(
            "{count}, {{R_{scope}, _}} = pg:monitor_scope({scope}), element(1, {{_, ok}} = timer:tc(fun() -> \
             net_kernel:connect_node('{peer}@127.0.0.1'), Count(10000, R_{scope}) end))"
        );
        mixed.eval(beam, &run).parse().unwrap()
    };
    let (beams, ours) = (time("heard", "beam1"), time("herd", "rust0"));
    eprintln!("10,000 groups of an Erlang node: {beams} us, of an Engset node: {ours} us");
    // And the other way, of either kind.
    mixed.eval(
        beam,
        "[pg:join(herd, {theirs, N}, self()) || N <- lists:seq(1, 10000)], \
         [gen_server:cast({herd, 'rust0@127.0.0.1'}, {sync, whereis(herd), [{{theirs, 1}, [self(), self()]}]}) || _ <- lists:seq(1, 10)]",
    );
    node.block_on(move |_| async move {
        let herd = Scope::find(Atom::from_static("herd")).await.unwrap();
        herd.join(GROUP, [member]).timeout(PATIENCE).await.unwrap();
    })
    .unwrap();
    mixed.expect_beam(beam, "herd", &["rust0"]);
}

/// What a scope of OTP would crash by is counted here, and the scope lives.
#[test]
fn a_scope_lives_through_what_it_does_not_know() {
    let Some(mixed) = Mixed::with_groups(false, 1, 1) else { return };
    let (node, beam) = (&mixed.rust[0], &mixed.beams[0]);
    mixed.join_everywhere("pg", 1);
    mixed.connect_all();
    mixed.expect_all("pg", &["rust0", "beam0"]);
    let garbage = "[{pg, 'rust0@127.0.0.1'} ! M || M <- [garbage, {join, 1, 2, 3}, {join, self(), g, [a | b]}, \
        {leave, self(), self(), []}, {'$gen_cast', {sync, self(), [x]}}, {sync}, {discover, a}, {nodeup, 7}, \
        {'$gen_call', {self(), make_ref()}, boo}, {'DOWN', make_ref(), process, self(), x}]], ok";
    mixed.eval(beam, garbage);
    mixed.join_beam_again(beam);
    mixed.expect_all("pg", &["rust0", "beam0", "beam0"]);
    assert!(node.processes().counters().read().dropped > 0);
}

/// A scope of OTP that starts asks the visible nodes only.
fn discover_if_hidden(node: &Node, scope: &'static str, visible: bool) {
    if !visible {
        discover(node, scope);
    }
}

fn discover(node: &Node, scope: &'static str) {
    node.block_on(move |_| async move {
        let beam = engset::NodeName::new("beam0@127.0.0.1").unwrap();
        Scope::find(Atom::from_static(scope)).await.unwrap().discover(beam).unwrap();
    })
    .unwrap();
}

fn groups_of(node: &Node) -> Vec<Term> {
    node.block_on(|_| async { Scope::find(DEFAULT_SCOPE).await.unwrap().which_groups() }).unwrap()
}

fn leave(node: &Node, pids: Vec<Pid>) {
    node.block_on(move |_| async move {
        Scope::find(DEFAULT_SCOPE).await.unwrap().leave(GROUP, pids).await.unwrap();
    })
    .unwrap();
}

impl Mixed {
    fn join_beam_again(&self, beam: &Beam) {
        self.eval(beam, "pg:join(pg, group, spawn(fun() -> receive stop -> ok end end))");
    }
}
