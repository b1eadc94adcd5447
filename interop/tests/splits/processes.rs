//! What single processes see of a network that is cut: calls, links, monitors, messages, before and after.

use crate::cluster::{Cluster, PATIENCE};
use engset::{Atom, CallError, Cx, Dest, Dynamic, ExitReason, Mail, Node, NodeName, Pid, Service, Term};
use std::sync::mpsc::{Receiver, channel};

/// How much is sent that nobody takes: more than both sides keep in sockets and queues.
const FLOOD: usize = 4_000;

/// A process of the node that says `hello` to whom a message names, `{To}`, until it is killed.
fn greeter(node: &Node) -> Pid {
    node.block_on(|cx| async move {
        let serve = |mut cx: Cx<Term>| async move {
            cx.register(&Atom::from_static("greeter")).unwrap();
            // Whoever links to it is lost with the network.
            cx.trap_exit(true);
            loop {
                if let Mail::Message(message) = cx.recv().await
                    && let Some([Term::Pid(to)]) = message.as_tuple()
                {
                    drop(cx.send(*to, Term::atom("hello")));
                }
            }
        };
        cx.spawn::<Term, _, _>(serve).unwrap().pid()
    })
    .unwrap()
}

/// Links to and monitors a process of the Erlang node, and calls another one that never answers; says what it hears.
fn bound(node: &Node, beam: NodeName) -> Receiver<String> {
    let (sender, heard) = channel();
    node.block_on(move |mut cx: Cx<Term>| async move {
        let caller = sender.clone();
        let call = move |_: Cx<Term>| async move {
            let silent = Service::at(Atom::from_static("silent"), beam);
            let outcome = Dynamic::call(&silent, Term::atom("hello")).no_timeout().await;
            caller.send(format!("call {outcome:?}")).unwrap();
        };
        cx.spawn::<Term, _, _>(call).unwrap();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let watch = move |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            let silent = Dest::RemoteName(Atom::from_static("silent"), beam);
            cx.monitor(silent.clone());
            cx.send(silent, Term::Pid(cx.pid())).unwrap();
            let Mail::Message(Term::Pid(silent)) = cx.recv().await else { panic!("it says who it is") };
            cx.link(silent);
            // Behind the link, on the same way.
            cx.send(silent, Term::Pid(cx.pid())).unwrap();
            drop(cx.recv().await);
            ready.send(()).unwrap();
            loop {
                let what = match cx.recv().await {
                    Mail::Down(down) => format!("down {}", down.reason),
                    Mail::Exit(exit) => format!("exit {}", exit.reason),
                    other => format!("{other:?}"),
                };
                if sender.send(what).is_err() {
                    return;
                }
            }
        };
        cx.spawn::<Term, _, _>(watch).unwrap();
        is_ready.await.unwrap();
        let _nothing = cx.recv_timeout(std::time::Duration::ZERO).await;
    })
    .unwrap();
    heard
}

/// Calls, links and monitors fire once on each side, with `noconnection`; the processes live on, and their old pids reach
/// them when the network is whole again.
#[test]
fn a_split_is_told_once_and_old_pids_are_good_afterwards() {
    let Some(cluster) = Cluster::new(1, 1, true) else { return };
    let (node, beam) = (&cluster.rust[0].node, &cluster.beams[0]);
    let pid = greeter(node);
    cluster.eval(
        beam,
        "process_flag(trap_exit, true), \
         put(silent, spawn(fun() -> register(silent, self()), (fun L() -> receive P when is_pid(P) -> P ! self(), L(); _ -> L() end end)() end)), ok",
    );
    cluster.connect_all();
    let rust = cluster.name("rust0");
    cluster.eval(
        beam,
        &format!(
            "{{greeter, '{rust}'}} ! {{self()}}, receive hello -> ok end, \
             put(p, rpc:call('{rust}', erlang, whereis, [greeter])), link(get(p)), put(m, monitor(process, get(p))), \
             Boss = self(), spawn(fun() -> Boss ! {{called, catch gen_server:call({{greeter, '{rust}'}}, wait, infinity)}} end), \
             get(p) ! {{self()}}, receive hello -> is_pid(get(p)) end"
        ),
    );
    let heard = bound(node, NodeName::new(&cluster.name("beam0")).unwrap());
    cluster.split(&[]);
    cluster.expect_views(&[&["rust0"], &["beam0"]]);
    let mut ours: Vec<String> = (0..3).map(|_| heard.recv_timeout(PATIENCE).unwrap()).collect();
    ours.sort_unstable();
    let call = format!("call {:?}", Err::<Term, CallError>(CallError::NodeDown));
    assert_eq!(ours, [call, "down noconnection".to_owned(), "exit noconnection".to_owned()]);
    let theirs = "(fun() -> {receive {'EXIT', P, R1} -> {P =:= get(p), R1} after 30000 -> none end, \
        receive {'DOWN', M, process, _, R2} -> {M =:= get(m), R2} after 30000 -> none end, \
        receive {called, {'EXIT', {R3, _}}} -> R3 after 30000 -> none end} end)()";
    let lost = format!("{{{{true,noconnection}},{{true,noconnection}},{{nodedown,'{rust}'}}}}");
    assert_eq!(cluster.eval(beam, theirs), lost);
    cluster.heal();
    cluster.connect_all();
    // The same process, by the pid from before; it can be linked and watched anew, and nothing fires twice.
    assert_eq!(
        cluster.eval(beam, "get(p) ! {self()}, receive hello -> hello after 30000 -> none end"),
        "hello"
    );
    cluster.eval(
        beam,
        "link(get(p)), put(m, monitor(process, get(p))), get(p) ! {self()}, receive hello -> ok end",
    );
    node.block_on(move |cx| async move { cx.exit(pid, ExitReason::Kill) }).unwrap();
    let ended = "(fun() -> {receive {'EXIT', _, R1} -> R1 after 30000 -> none end, receive {'DOWN', M, process, _, R2} -> {M =:= get(m), R2} after 30000 -> none end} end)()";
    assert_eq!(cluster.eval(beam, ended), "{killed,{true,killed}}");
    assert_eq!(
        cluster
            .eval(beam, "receive {'EXIT', _, _} -> again; {'DOWN', _, _, _, _} -> again after 0 -> once end"),
        "once"
    );
    assert!(heard.try_recv().is_err(), "something fired twice");
}

/// Senders that are held up, since more waits than the network takes, go on when the loss is noticed, on either side.
#[test]
fn senders_that_are_held_up_go_on() {
    let Some(cluster) = Cluster::new(1, 1, true) else { return };
    let (node, beam) = (&cluster.rust[0].node, &cluster.beams[0]);
    cluster.connect_all();
    let (rust, peer) = (cluster.name("rust0"), NodeName::new(&cluster.name("beam0")).unwrap());
    cluster.split(&[]);
    let (sender, sent) = channel();
    node.block_on(move |cx| async move {
        let flood = move |mut cx: Cx<Term>| async move {
            let nobody = || Dest::RemoteName(Atom::from_static("nobody"), peer);
            let bytes = Term::binary(vec![7; 16 << 10]);
            for _ in 0..FLOOD {
                // Refused or lost: nobody is there.
                drop(cx.send(nobody(), bytes.clone()));
                if cx.recv_timeout(std::time::Duration::ZERO).await.is_some() {
                    return;
                }
            }
            sender.send(()).unwrap();
        };
        cx.spawn::<Term, _, _>(flood).unwrap();
    })
    .unwrap();
    cluster.eval(
        beam,
        &format!(
            "Boss = self(), B = binary:copy(<<7>>, 16384), put(flood, spawn(fun() -> [erlang:send({{nobody, '{rust}'}}, B, [noconnect]) || _ <- lists:seq(1, {FLOOD})], Boss ! flooded end)), ok"
        ),
    );
    cluster.expect_views(&[&["rust0"], &["beam0"]]);
    assert_eq!(
        cluster.eval(
            beam,
            "receive flooded -> ok after 30000 -> {held_up, process_info(get(flood), status)} end"
        ),
        "ok"
    );
    sent.recv_timeout(PATIENCE).expect("the sender goes on");
    cluster.heal();
    cluster.connect_all();
    assert_eq!(cluster.eval(beam, &format!("net_adm:ping('{rust}')")), "pong");
}
