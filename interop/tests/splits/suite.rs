//! Names and locks of mixed clusters under load, while nodes meet, lose each other and meet again: by the names of OTP's
//! own cases (`global_SUITE`).

use crate::cluster::{Cluster, PATIENCE, poll};
use crate::names::{Names, Told, names_at, register};
use engset::global::{GlobalError, LockId, Retries};
use engset::{Cx, Node, Term};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};

/// Names that several nodes want at once.
const WANTED: [&str; 4] = ["w0", "w1", "w2", "w3"];

/// `Wanting` runs a process that registers and unregisters the wanted names without end, until it is told to stop; it says
/// when it has stopped. `Locking` does so with a lock.
const LOAD: &str = "Wanting = fun() -> Boss = self(), spawn(fun() -> (fun L(N) -> receive stop -> Boss ! stopped after 0 -> \
      Name = lists:nth(N rem 4 + 1, [w0, w1, w2, w3]), \
      global:register_name(Name, self(), fun global:random_notify_name/3), \
      N rem 3 =:= 0 andalso global:sync(), \
      case global:whereis_name(Name) =:= self() of true -> global:unregister_name(Name); false -> ok end, L(N + 1) end end)(0) end) end, \
    Locking = fun() -> Boss = self(), spawn(fun() -> (fun L(N) -> receive stop -> Boss ! {stopped, N} after 0 -> \
      Id = {load, self()}, true = global:set_lock(Id), global:del_lock(Id), L(N + 1) end end)(0) end) end, \
    Where = fun(P) -> element(2, process_info(P, current_stacktrace)) end, ok.";

/// A process that makes load until this value tells it to stop.
struct Load {
    stop: Arc<AtomicBool>,
    done: Receiver<()>,
    turns: Arc<AtomicU64>,
}

impl Load {
    fn new<F>(node: &Node, turn: impl Fn(u64) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let (stop, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (sender, done) = channel();
        let (is_over, count) = (Arc::clone(&stop), Arc::clone(&turns));
        node.block_on(move |cx| async move {
            let work = move |_: Cx<Term>| async move {
                while !is_over.load(Ordering::Relaxed) {
                    turn(count.fetch_add(1, Ordering::Relaxed)).await;
                }
                drop(sender);
            };
            cx.spawn::<Term, _, _>(work).unwrap();
        })
        .unwrap();
        Self { stop, done, turns }
    }

    /// Lets it stop after the turn that it is in.
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for its end, and says how many turns there were.
    #[track_caller]
    fn ended(&self) -> u64 {
        let ended = self.done.recv_timeout(PATIENCE);
        assert_eq!(ended, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "the load ends");
        self.turns.load(Ordering::Relaxed)
    }
}

/// Registers and unregisters the wanted names.
fn wanting(node: &Node) -> Load {
    let (global, pid) = (node.global().clone(), Told::on(node).pid);
    Load::new(node, move |turn| {
        let global = global.clone();
        async move {
            let name = Term::atom(WANTED[usize::try_from(turn % 4).unwrap()]);
            match global.register(name.clone(), pid).await {
                Ok(()) => global.unregister(name).await.unwrap(),
                Err(GlobalError::HasName(held)) => global.unregister(held).await.unwrap(),
                Err(GlobalError::Taken(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    })
}

impl Cluster {
    /// Waits until all nodes know the same names; gives them.
    #[track_caller]
    fn expect_agreement(&self) -> Names {
        let all = self.all();
        let look = || -> Vec<Names> { all.iter().map(|node| self.names_of(node)).collect() };
        let agree = |known: &Vec<Names>| known.iter().all(|names| *names == known[0]);
        let (mut known, is_so) = poll(&self.rust[0].node, PATIENCE, look, agree);
        assert!(is_so, "the nodes know different names: {known:?}");
        known.swap_remove(0)
    }

    /// Each node can have a lock at all nodes: none has been forgotten anywhere.
    #[track_caller]
    fn expect_no_lock(&self) {
        for node in self.all() {
            let lock = "global:set_lock({global, self()}, [node() | nodes()], 8) andalso global:del_lock({global, self()}, [node() | nodes()])";
            match self.rust(&node) {
                Some(rust) => {
                    let global = rust.global().clone();
                    let had = rust.block_on(move |cx| async move {
                        let id = LockId::new(Term::atom("global"), cx.pid());
                        global.set_lock(&id, None, Retries::Times(8)).await
                    });
                    assert_eq!(had.unwrap(), Ok(true), "a lock is left, as {node} sees it");
                }
                None => {
                    assert_eq!(
                        self.eval(self.beam(&node), lock),
                        "true",
                        "a lock is left, as {node} sees it"
                    );
                }
            }
        }
    }

    /// Which locks the Erlang nodes know of, for the words of a failed test.
    fn locks(&self) -> String {
        let locks = |beam| {
            self.eval(beam, "{node(), ets:tab2list(global_locks), nodes(), element(2, process_info(whereis(global_name_server), dictionary))}")
        };
        self.beams.iter().map(locks).collect::<Vec<_>>().join("\n")
    }

    fn with_load(rust: usize, beams: usize) -> Option<Self> {
        let cluster = Self::with_names(rust, beams, true)?;
        cluster.beams.iter().for_each(|beam| drop(cluster.eval(beam, LOAD)));
        Some(cluster)
    }
}

/// Nodes that have nothing in common are connected in a way, all at once: all find all.
fn meet(links: impl Fn(&[String]) -> Vec<(usize, usize)>) {
    let Some(cluster) = Cluster::apart(3, 3, true) else { return };
    // Of either kind in turn.
    let order: Vec<String> = (0..3).flat_map(|n| [format!("rust{n}"), format!("beam{n}")]).collect();
    for (from, to) in links(&order) {
        cluster.begin_to_connect(&order[from], &order[to]);
    }
    cluster.expect_views(&[&order.iter().map(String::as_str).collect::<Vec<_>>()]);
    cluster.sync();
    let mut names = Names::new();
    cluster.give(&mut names, "rust1", "ours");
    cluster.give(&mut names, "beam1", "theirs");
    cluster.expect_names_everywhere(&names);
}

/// Six nodes in a line.
#[test]
fn simple_line() {
    meet(|order| (1..order.len()).map(|to| (to - 1, to)).collect());
}

/// Six nodes in a ring.
#[test]
fn simple_ring() {
    meet(|order| (0..order.len()).map(|from| (from, (from + 1) % order.len())).collect());
}

/// Many nodes find each other at once.
#[test]
fn many_nodes() {
    let Some(cluster) = Cluster::apart(9, 3, true) else { return };
    cluster.connect_all();
    cluster.sync();
    let mut names = Names::new();
    cluster.give(&mut names, "rust8", "ours");
    cluster.give(&mut names, "beam2", "theirs");
    cluster.expect_names_everywhere(&names);
}

/// A connection is lost in the middle of the first exchange, again and again: once it holds, the name has one holder.
#[test]
fn simple_disconnect() {
    let Some(cluster) = Cluster::apart(2, 1, true) else { return };
    for node in cluster.all() {
        cluster.give(&mut Names::new(), &node, "test");
    }
    for _ in 0..5 {
        for other in ["rust0", "rust1"] {
            let other = cluster.name(other);
            let meet = format!("net_kernel:connect_node('{other}'), erlang:disconnect_node('{other}')");
            cluster.eval(cluster.beam("beam0"), &meet);
        }
    }
    cluster.connect_all();
    cluster.sync();
    let names = cluster.expect_agreement();
    assert_eq!(names.keys().collect::<Vec<_>>(), ["test"]);
    cluster.expect_no_lock();
}

/// Three nodes have each given the same name, and meet one after the other, in each order.
#[test]
fn simple_resolve3() {
    let Some(cluster) = Cluster::apart(2, 1, true) else { return };
    let mut left = Names::new();
    for [first, second, third] in
        [["rust0", "rust1", "beam0"], ["beam0", "rust0", "rust1"], ["rust1", "beam0", "rust0"]]
    {
        cluster.heal();
        cluster.split(&[]);
        cluster.expect_views(&[&[first], &[second], &[third]]);
        let names = ["first", "second", "third"];
        let name = names[left.len()];
        for node in [first, second, third] {
            cluster.give(&mut Names::new(), node, name);
        }
        cluster.split(&[&[first, second]]);
        cluster.begin_to_connect(first, second);
        cluster.expect_views(&[&[first, second]]);
        cluster.heal();
        cluster.begin_to_connect(second, third);
        cluster.expect_views(&[&[first, second, third]]);
        cluster.sync();
        left = cluster.expect_agreement();
        assert!(left.contains_key(name), "{name} is held by nobody: {left:?}");
    }
    assert_eq!(left.len(), 3);
}

/// A name that two have given is resolved, its holder ends, and no node keeps it, neither then nor after another split.
#[test]
fn leftover_name() {
    let Some(cluster) = Cluster::apart(2, 1, true) else { return };
    for (rust, beam) in [("rust0", "beam0"), ("rust1", "beam0")] {
        let told = Told::on(cluster.rust(rust).unwrap());
        register(cluster.rust(rust).unwrap(), "left", told.pid);
        cluster.give(&mut Names::new(), beam, "left");
        cluster.connect_all();
        cluster.sync();
        let names = cluster.expect_agreement();
        assert_eq!(names.len(), 1, "{names:?}");
        // The holder is the Erlang one or ours: both end.
        cluster.eval(cluster.beam(beam), "exit(get(left), kill)");
        let pid = told.pid;
        let kill = move |cx: Cx<Term>| async move { cx.exit(pid, engset::ExitReason::Kill) };
        cluster.rust(rust).unwrap().block_on(kill).unwrap();
        cluster.expect_names_everywhere(&Names::new());
        cluster.split(&[]);
        cluster.expect_views(&[&["rust0"], &["rust1"], &["beam0"]]);
        cluster.heal();
    }
    cluster.connect_all();
    cluster.sync();
    cluster.expect_names_everywhere(&Names::new());
}

/// Two nodes give the same name while they are connecting: one has it afterwards, whoever was told so first.
#[test]
fn register_1() {
    let Some(cluster) = Cluster::apart(1, 1, true) else { return };
    let (node, beam) = (&cluster.rust[0].node, &cluster.beams[0]);
    for turn in 0..5 {
        cluster.begin_to_connect(
            if turn % 2 == 0 { "rust0" } else { "beam0" },
            if turn % 2 == 0 { "beam0" } else { "rust0" },
        );
        cluster.eval(
            beam,
            "Boss = self(), put(same, spawn(fun() -> Boss ! {gave, global:register_name(same, self(), fun global:random_notify_name/3)}, receive stop -> ok end end)), ok",
        );
        let told = Told::on(node);
        let global = node.global().clone();
        let pid = told.pid;
        let ours = node.block_on(move |_| async move {
            global.register_with(Term::atom("same"), pid, engset::global::Resolve::RandomNotify).await
        });
        let theirs =
            cluster.eval(beam, "(fun() -> receive {gave, Gave} -> Gave after 30000 -> none end end)()");
        cluster.connect_all();
        cluster.sync();
        let names = cluster.expect_agreement();
        assert_eq!(names.len(), 1, "{ours:?} here, {theirs} there: {names:?}");
        assert!(ours.unwrap().is_ok() || theirs == "yes", "nobody was given the name, although it was free");
        cluster.eval(beam, "exit(get(same), kill)");
        node.block_on(move |cx| async move { cx.exit(pid, engset::ExitReason::Kill) }).unwrap();
        cluster.expect_names_everywhere(&Names::new());
        cluster.eval(beam, &format!("erlang:disconnect_node('{}')", cluster.name("rust0")));
        cluster.expect_views(&[&["rust0"], &["beam0"]]);
    }
}

/// Nodes that all want the same lock, without end, lose neither each other nor the lock.
#[test]
fn global_lost_nodes() {
    let Some(cluster) = Cluster::with_load(2, 2) else { return };
    let loads: Vec<Load> = cluster
        .rust
        .iter()
        .map(|member| {
            let (global, pid) = (member.node.global().clone(), Told::on(&member.node).pid);
            Load::new(&member.node, move |_| {
                let global = global.clone();
                async move {
                    let id = LockId::new(Term::atom("load"), pid);
                    assert_eq!(global.set_lock(&id, None, Retries::Forever).await, Ok(true));
                    global.del_lock(&id, None).await.unwrap();
                }
            })
        })
        .collect();
    for beam in &cluster.beams {
        cluster.eval(beam, "Load = Locking(), ok");
    }
    // Each has had the lock some times while the others wanted it.
    let turns = |loads: &[Load]| loads.iter().map(|load| load.turns.load(Ordering::Relaxed)).min();
    let (seen, is_so) = poll(&cluster.rust[0].node, PATIENCE, || turns(&loads), |turns| *turns > Some(3));
    assert!(is_so, "the lock was had {seen:?} times only");
    loads.iter().for_each(Load::stop);
    cluster.beams.iter().for_each(|beam| drop(cluster.eval(beam, "Load ! stop")));
    let mut ours: Vec<u64> = loads.iter().map(Load::ended).collect();
    for beam in &cluster.beams {
        let had = cluster.eval(beam, "receive {stopped, Turns} -> Turns after 30000 -> none end");
        ours.push(had.parse().unwrap());
    }
    assert!(ours.iter().all(|turns| *turns > 0), "somebody never had the lock: {ours:?}");
    for beam in &cluster.beams {
        assert_eq!(
            cluster.eval(beam, "receive {nodedown, _, _} = Lost1 -> Lost1 after 0 -> nobody end"),
            "nobody"
        );
    }
    cluster.expect_no_lock();
}

/// Names are given and taken all the time while the network falls apart and comes together in many ways.
#[test]
fn stress_partition() {
    let Some(cluster) = Cluster::with_load(2, 2) else { return };
    let loads: Vec<Load> = cluster.rust.iter().map(|member| wanting(&member.node)).collect();
    for beam in &cluster.beams {
        cluster.eval(beam, "Load = Wanting(), ok");
    }
    let parts: [&[&[&str]]; 4] = [
        &[&["rust0", "beam0"], &["rust1", "beam1"]],
        &[&["rust0", "rust1"], &["beam0", "beam1"]],
        &[&["rust0"], &["rust1", "beam0", "beam1"]],
        &[&["rust0"], &["rust1"], &["beam0"], &["beam1"]],
    ];
    for parts in parts {
        cluster.split(parts);
        cluster.expect_views(parts);
        cluster.heal();
        cluster.connect_all();
    }
    loads.iter().for_each(Load::stop);
    cluster.beams.iter().for_each(|beam| drop(cluster.eval(beam, "Load ! stop")));
    for beam in &cluster.beams {
        let stopped = cluster.eval(beam, "receive stopped -> ok after 30000 -> {none, Where(Load)} end");
        assert_eq!(stopped, "ok", "{}", cluster.locks());
    }
    let turns: Vec<u64> = loads.iter().map(Load::ended).collect();
    assert!(turns.iter().all(|turns| *turns > 0), "{turns:?}");
    cluster.sync();
    let names = cluster.expect_agreement();
    for (name, holder) in &names {
        let is_known = WANTED.contains(&name.as_str()) && cluster.is_alive(holder);
        assert!(is_known, "{name} is held by {holder}, which is not there");
    }
    cluster.expect_no_lock();
}

/// Four nodes alone give the same names, and meet in pairs and then all: each name has one holder that all know.
#[test]
fn advanced_partition() {
    let Some(cluster) = Cluster::with_load(2, 2) else { return };
    for pairs in [[["rust0", "beam0"], ["rust1", "beam1"]], [["rust0", "rust1"], ["beam0", "beam1"]]] {
        cluster.split(&[]);
        cluster.expect_views(&[&["rust0"], &["rust1"], &["beam0"], &["beam1"]]);
        let before = names_at(&cluster.rust[0].node).len();
        for node in cluster.all() {
            for name in WANTED {
                if !cluster.names_of(&node).contains_key(name) {
                    cluster.give(&mut Names::new(), &node, name);
                }
            }
        }
        assert!(before <= WANTED.len());
        cluster.split(&[&pairs[0], &pairs[1]]);
        for [one, other] in pairs {
            cluster.begin_to_connect(one, other);
            cluster.begin_to_connect(other, one);
        }
        cluster.expect_views(&[&pairs[0], &pairs[1]]);
        cluster.heal();
        cluster.connect_all();
        cluster.sync();
        let names = cluster.expect_agreement();
        assert_eq!(names.keys().collect::<Vec<_>>(), WANTED);
        for (name, holder) in &names {
            assert!(cluster.is_alive(holder), "{name} is held by {holder}, which is not there");
        }
    }
    cluster.expect_no_lock();
}

/// A node that is started with `-connect_all false` takes no part in names: it hears of none, those of the others are
/// given all the same, and nobody is connected to it who has not been told to. (`global:sync/0` waits for it on both kinds
/// of node.)
#[test]
fn otp_6931() {
    let Some(cluster) = Cluster::with_names(2, 1, true) else { return };
    let lone = cluster.start_beam_beside("lone", &["-connect_all", "false"]);
    for node in ["rust0", "beam0"] {
        let connect = format!("net_kernel:connect_node('{}')", cluster.name(node));
        assert_eq!(cluster.eval(&lone, &connect), "true");
    }
    let mut names = Names::new();
    cluster.give(&mut names, "rust0", "ours");
    cluster.give(&mut names, "rust1", "ours_too");
    cluster.give(&mut names, "beam0", "theirs");
    cluster.expect_names_everywhere(&names);
    assert_eq!(cluster.eval(&lone, "global:register_name(lonely, self())"), "yes");
    let both = format!("['{}','{}']", cluster.name("rust0"), cluster.name("beam0"));
    assert_eq!(
        cluster.eval(&lone, "{lists:sort(fun(A, B) -> A >= B end, nodes()), global:registered_names()}"),
        format!("{{{both},[lonely]}}")
    );
    cluster.expect_names_everywhere(&names);
    cluster.expect_view("rust1", &["rust0", "beam0"]);
    lone.kill();
    cluster.sync();
}

/// A lock is shared by all processes that name the same requester, on whichever node, and is free when the last of them
/// has deleted it.
#[test]
fn otp_1849() {
    let Some(cluster) = Cluster::with_names(1, 2, true) else { return };
    let node = &cluster.rust[0].node;
    let id = || LockId::new(Term::atom("shared"), Term::atom("we"));
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let (sender, ended) = channel();
    let (global, others) = (node.global().clone(), node.global().clone());
    let had = node.block_on(move |cx| async move {
        let (had, has) = tokio::sync::oneshot::channel();
        let hold = move |_: Cx<Term>| async move {
            drop(had.send(global.set_lock(&id(), None, Retries::Times(0)).await));
            drop(released.await);
            sender.send(global.del_lock(&id(), None).await).unwrap();
        };
        cx.spawn::<Term, _, _>(hold).unwrap();
        has.await.unwrap()
    });
    assert_eq!(had.unwrap(), Ok(true));
    let ours = "global:set_lock({shared, we}, [node() | nodes()], 0)";
    assert_eq!(cluster.eval(&cluster.beams[0], ours), "true");
    let foreign = "global:set_lock({shared, they}, [node() | nodes()], 0)";
    let is_refused = |by: &str| {
        assert_eq!(cluster.eval(&cluster.beams[1], foreign), "false", "{by}");
        let (others, they) = (others.clone(), LockId::new(Term::atom("shared"), Term::atom("they")));
        let tried = move |_| async move { others.set_lock(&they, None, Retries::Times(0)).await };
        assert_eq!(node.block_on(tried).unwrap(), Ok(false), "{by}");
    };
    is_refused("both hold it");
    release.send(()).unwrap();
    assert_eq!(ended.recv_timeout(PATIENCE), Ok(Ok(())));
    is_refused("the Erlang process holds it yet");
    cluster.eval(&cluster.beams[0], "global:del_lock({shared, we}, [node() | nodes()])");
    assert_eq!(cluster.eval(&cluster.beams[1], foreign), "true");
}

/// Who asks for no retry waits for nobody, whoever holds the lock.
#[test]
fn otp_5737() {
    let Some(cluster) = Cluster::with_names(1, 1, true) else { return };
    let (node, beam) = (&cluster.rust[0].node, &cluster.beams[0]);
    let all = "[node() | nodes()]";
    assert_eq!(cluster.eval(beam, &format!("global:set_lock({{busy, self()}}, {all}, 0)")), "true");
    let global = node.global().clone();
    let tried = node.block_on(move |cx| async move {
        let id = LockId::new(Term::atom("busy"), cx.pid());
        let set = global.set_lock(&id, None, Retries::Times(0)).await?;
        Ok::<_, GlobalError>((set, global.trans(&id, None, Retries::Times(0), async { 1 }).await?))
    });
    assert_eq!(tried.unwrap(), Ok((false, None)));
    cluster.eval(beam, &format!("global:del_lock({{busy, self()}}, {all})"));
    let global = node.global().clone();
    let set = node.block_on(move |cx| async move {
        let id = LockId::new(Term::atom("busy"), Term::Pid(cx.pid()));
        let (had, has) = tokio::sync::oneshot::channel();
        let hold = move |mut cx: Cx<Term>| async move {
            drop(had.send(global.set_lock(&id, None, Retries::Times(0)).await));
            drop(cx.recv().await);
        };
        cx.spawn::<Term, _, _>(hold).unwrap();
        has.await.unwrap()
    });
    assert_eq!(set.unwrap(), Ok(true));
    assert_eq!(cluster.eval(beam, &format!("global:set_lock({{busy, self()}}, {all}, 0)")), "false");
    let trans = format!("global:trans({{busy, self()}}, fun() -> 1 end, {all}, 0)");
    assert_eq!(cluster.eval(beam, &trans), "aborted");
}

/// The names of a node that is cut off are free at once where its loss is noticed, and may be given anew; the name of who
/// was cut off is given up when it comes back to a name that was given meanwhile.
#[test]
fn otp_3162() {
    for (cut, left) in [("rust0", ["beam0", "beam1"]), ("beam0", ["rust0", "beam1"])] {
        let Some(cluster) = Cluster::with_names(1, 2, true) else { return };
        let mut before = Names::new();
        cluster.give(&mut before, cut, "test");
        cluster.expect_names_everywhere(&before);
        cluster.split(&[&left]);
        cluster.expect_views(&[&left, &[cut]]);
        left.iter().for_each(|node| cluster.expect_names(node, &Names::new()));
        cluster.expect_names(cut, &before);
        let mut anew = Names::new();
        cluster.give(&mut anew, left[0], "test");
        left.iter().for_each(|node| cluster.expect_names(node, &anew));
        cluster.heal();
        cluster.connect_all();
        cluster.sync();
        let after = cluster.expect_agreement();
        assert!(after == anew || after == before, "{after:?} is neither {anew:?} nor {before:?}");
    }
}
