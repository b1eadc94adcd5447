//! Functions that processes of a node call on it, without a network: what runs, what it leaves, and the limits of `rex`.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset_dist::handshake::Cookie;
use engset_node::{Dial, FunctionLimits, Network, Node, NodeConfig, Raise};
use engset_otp::rpc::{self, RpcError, SpawnOn};
use engset_otp::{Dynamic, io};
use engset_process::{Cx, Dest, ExitReason, Mail, Scheduler, Service};
use engset_term::{Atom, NodeName, Pid, Term};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Nobody is there; says whom it was to reach.
#[derive(Default)]
struct Nobody(Mutex<Vec<String>>);

impl Network for Nobody {
    fn dial(&self, node: Arc<Node>, dial: Dial) {
        self.0.lock().unwrap().push(dial.peer.to_string());
        node.dial_failed(dial.peer, dial.attempt, Arc::new(std::io::Error::other("nobody is there")));
    }
}

fn name() -> NodeName {
    NodeName::new("alone@127.0.0.1").unwrap()
}

fn node(limits: FunctionLimits) -> Arc<Node> {
    let mut config = NodeConfig::new(name(), 7, Cookie::new("secret").unwrap(), 1);
    config.functions = limits;
    let node = Node::new(config, Scheduler::seeded(1), Arc::new(Nobody::default()));
    node.functions().allow("m", "wait", 0, |mut call| async move {
        match call.cx().recv().await {
            Mail::Message(message) => Ok(message),
            Mail::Down(_) | Mail::Exit(_) | Mail::Other(_) => Ok(Term::Nil),
        }
    });
    node
}

/// A node calls itself as it calls others; without a kernel process there is nobody to write to.
#[test]
fn a_node_calls_its_own_functions() {
    let node = node(FunctionLimits::default());
    let results = node.processes().block_on(|_: Cx<Term>| async {
        let own = rpc::call(name(), "erlang", "node", []).await;
        let undefined = rpc::call(name(), "os", "cmd", [Term::charlist("id")]).await.unwrap_err();
        let waiting = rpc::call(name(), "m", "wait", []).timeout(Duration::from_secs(1)).await;
        let nobody = rpc::call(NodeName::new("no@where").unwrap(), "m", "wait", []).await;
        (own, undefined.is_undefined(), waiting, nobody, io::put_chars("x").await)
    });
    let (own, undefined, waiting, nobody, written) = results.unwrap();
    assert_eq!((own, undefined), (Ok(Term::Atom(Atom::from(name()))), true));
    assert_eq!((waiting, nobody), (Err(RpcError::Timeout), Err(RpcError::Unreachable)));
    assert_eq!(written, Err(io::IoError::NoGroupLeader));
    assert!(node.processes().aliases().is_empty());
}

#[test]
fn as_many_functions_run_as_the_limit_says() {
    let node = node(FunctionLimits { at_once_max: 2, ..FunctionLimits::default() });
    let third = node.processes().block_on(|mut cx: Cx<Term>| async move {
        let start =
            || rpc::spawn_on(name(), "m", "wait", [], SpawnOn { monitor: true, ..SpawnOn::default() });
        let first = start().await.unwrap();
        start().await.unwrap();
        let third = start().await;
        cx.exit(first.pid, ExitReason::Kill);
        let Mail::Down(down) = cx.recv().await else { panic!("no end was told") };
        assert_eq!((Some(down.reference), down.reason), (first.monitor, ExitReason::Killed));
        start().await.unwrap();
        third
    });
    assert_eq!(third, Ok(Err(RpcError::Refused(Atom::from_static("system_limit")))));
    let counts = node.functions().counts();
    assert_eq!((counts.begun, counts.over_limit), (3, 1));
}

/// `rex` takes so many block calls while one runs: the next one is refused.
#[test]
fn block_calls_wait_in_a_bounded_queue() {
    const WAIT_MAX: usize = 1_000;
    let node = node(FunctionLimits::default());
    let starting = Arc::clone(&node);
    let last = node.processes().block_on(move |cx: Cx<Term>| async move {
        starting.start_kernel().await.unwrap();
        let rex = Service::<Dynamic>::local(Atom::from_static("rex"));
        let parts =
            ["block_call", "m", "wait", "[]", "user"].map(|part| Term::parse(&format!("{part}.")).unwrap());
        let told = Arc::new(Mutex::new(0));
        // One runs, and the rest waits.
        for _ in 0..=WAIT_MAX {
            let (request, rex, told) = (Term::tuple(parts.clone()), rex.clone(), Arc::clone(&told));
            cx.spawn(move |_: Cx<Term>| async move {
                drop(Dynamic::call(&rex, request).no_timeout().await);
                *told.lock().unwrap() += 1;
            })
            .unwrap();
        }
        cx.sleep(Duration::from_secs(1)).await;
        assert_eq!(*told.lock().unwrap(), 0);
        Dynamic::call(&rex, Term::tuple(parts)).await
    });
    assert_eq!(last.unwrap().unwrap().to_string(), "{badrpc,{'EXIT',system_limit}}");
}

/// Long arguments take the room of many calls.
#[test]
fn block_calls_that_wait_have_a_limit_in_bytes() {
    const BYTES_MAX: usize = 64 << 20;
    let limits = FunctionLimits { args_bytes_max: 2 * BYTES_MAX, ..FunctionLimits::default() };
    for (bytes, refused) in [(BYTES_MAX / 2 - 1_000, 0), (BYTES_MAX / 2 + 1, 1)] {
        let node = node(limits);
        node.functions().allow("m", "hold", 1, |_| std::future::pending());
        let there = Arc::clone(&node);
        node.processes()
            .block_on(move |cx: Cx<Term>| async move {
                there.start_kernel().await.unwrap();
                let args = Term::list([Term::binary(vec![0; bytes])]);
                // One runs, and two wait.
                for _ in 0..3 {
                    to_rex(
                        &there,
                        Some(cx.pid()),
                        &cast(request("block_call", "hold", args.clone(), "user")),
                    );
                }
                cx.sleep(Duration::from_secs(1)).await;
            })
            .unwrap();
        let counts = node.functions().counts();
        assert_eq!((counts.begun, counts.over_limit), (1, refused), "{bytes}");
    }
}

/// Calls nest as deep as terms may; what runs them must not take a bit of the thread's stack for each.
#[test]
fn nested_applies_do_not_nest_on_the_stack() {
    let node = node(FunctionLimits::default());
    let results = node.processes().block_on(|_: Cx<Term>| async {
        let nested = |function: &'static str| {
            let mut args = [Term::atom("erlang"), Term::atom(function), Term::Nil];
            for _ in 0..9_000 {
                args = [Term::atom("erlang"), Term::atom("apply"), Term::list(args)];
            }
            rpc::call(name(), "erlang", "apply", args)
        };
        (nested("node").await, nested("no_such").await.unwrap_err().is_undefined())
    });
    assert_eq!(results.unwrap(), (Ok(Term::Atom(Atom::from(name()))), true));
}

/// What the dashboard says of an earlier answer is whatever a peer says.
#[test]
fn any_count_of_an_earlier_answer_can_be_compared() {
    let node = node(FunctionLimits::default());
    let answers = node.processes().block_on(|cx: Cx<Term>| async move {
        let mut answers = Vec::new();
        for (before, direction) in [(i64::MIN, "asc"), (i64::MIN, "desc"), (i64::MAX, "desc")] {
            let before = Term::map([(Term::Pid(cx.pid()), Term::from(before))]);
            let args =
                [Term::atom("nil"), Term::atom("reductions"), Term::atom(direction), Term::from(9), before];
            let module = "Elixir.Phoenix.LiveDashboard.SystemInfo";
            answers.push(rpc::call(name(), module, "processes_callback", args).await);
        }
        answers
    });
    for answer in answers.unwrap() {
        assert!(answer.as_ref().is_ok_and(|answer| answer.as_tuple().is_some()), "{answer:?}");
    }
}

/// What `rex` gets from the process `from`, as over a connection to its node.
fn to_rex(node: &Arc<Node>, from: Option<Pid>, message: &Term) {
    let mut body = Vec::new();
    engset_etf::encode_body(message, &mut body);
    node.processes().deliver(from, &Dest::Name(Atom::from_static("rex")), body.into());
}

fn request(tag: &'static str, function: &'static str, args: Term, leader: &'static str) -> Term {
    Term::tuple([Term::atom(tag), Term::atom("m"), Term::atom(function), args, Term::atom(leader)])
}

fn cast(request: Term) -> Term {
    Term::tuple([Term::atom("$gen_cast"), request])
}

/// A peer that may call nothing gets nothing done by casts, nor by naming others as callers, nor without a name.
#[test]
fn rex_runs_nothing_for_a_denied_peer() {
    let node = node(FunctionLimits::default());
    let denied = NodeName::new("denied@127.0.0.1").unwrap();
    node.functions().deny(denied).unwrap();
    node.functions().allow("m", "done", 0, |_| async { Ok(Term::Nil) });
    let there = Arc::clone(&node);
    let answers = node.processes().block_on(move |mut cx: Cx<Term>| async move {
        there.start_kernel().await.unwrap();
        let peer = Some(Pid::new(denied, 7, 1, 0));
        let call = || request("call", "done", Term::Nil, "user");
        let from = |from| Term::tuple([Term::Pid(from), call()]);
        let gen_call = |from| {
            let caller = Term::tuple([Term::Pid(from), Term::from(cx.processes().new_reference())]);
            Term::tuple([Term::atom("$gen_call"), caller, call()])
        };
        let other = Pid::new(NodeName::new("other@127.0.0.1").unwrap(), 7, 1, 0);
        to_rex(&there, peer, &cast(request("cast", "done", Term::Nil, "user")));
        for named in [other, cx.pid()] {
            to_rex(&there, peer, &from(named));
            to_rex(&there, peer, &gen_call(named));
            to_rex(&there, None, &from(named));
        }
        to_rex(&there, None, &gen_call(other));
        // A request of this node's own comes last.
        to_rex(&there, Some(cx.pid()), &from(cx.pid()));
        let mut answers = Vec::new();
        while !answers.contains(&"{rex,[]}".to_owned()) {
            let Mail::Message(answer) = cx.recv().await else { continue };
            answers.push(answer.to_string());
        }
        answers
    });
    let answers = answers.unwrap();
    assert_eq!(node.functions().counts().begun, 1, "{answers:?}");
    assert!(answers.contains(&"{rex,{badrpc,{'EXIT',notsup}}}".to_owned()), "{answers:?}");
}

/// What a peer has `rex` pass on is the peer's word still: in `rex`'s name it would be one of this node.
#[test]
fn what_rex_passes_on_is_the_peers() {
    let node = node(FunctionLimits::default());
    let denied = NodeName::new("denied@127.0.0.1").unwrap();
    node.functions().deny(denied).unwrap();
    node.functions().allow("m", "done", 0, |_| async { Ok(Term::Nil) });
    let there = Arc::clone(&node);
    node.processes()
        .block_on(move |cx: Cx<Term>| async move {
            there.start_kernel().await.unwrap();
            let peer = Some(Pid::new(denied, 7, 1, 0));
            let me = || Term::Pid(cx.pid());
            let call = || Term::tuple([me(), request("call", "done", Term::Nil, "user")]);
            let done = || request("cast", "done", Term::Nil, "user");
            for tag in ["sbcast", "send"] {
                for inner in [call(), cast(done()), done()] {
                    let passed = Term::tuple([Term::atom(tag), Term::atom("rex"), inner]);
                    to_rex(&there, peer, &Term::tuple([me(), passed]));
                }
            }
            // Virtual time: whatever still runs has run.
            cx.sleep(Duration::from_secs(1)).await;
        })
        .unwrap();
    let counts = node.functions().counts();
    assert_eq!(counts.begun, 0, "{counts:?}");
    assert!(counts.denied >= 2, "{counts:?}");
}

/// Charts are sent to who looks at them, and to nobody who is gone: the place among what the peer has running is free then.
#[test]
fn statistics_are_sent_for_as_long_as_somebody_looks() {
    let node = node(FunctionLimits::default());
    let there = Arc::clone(&node);
    let running = node.processes().block_on(move |cx: Cx<Term>| async move {
        there.start_kernel().await.unwrap();
        let looks = |mut cx: Cx<Term>| async move {
            for _ in 0..3 {
                drop(cx.recv().await);
            }
        };
        let collector = Term::Pid(cx.spawn(looks).unwrap().pid());
        let args = Term::list([collector, Term::from(100)]);
        let fetch = [Term::atom("cast"), Term::atom("observer_backend"), Term::atom("fetch_stats"), args];
        let fetch = Term::tuple(fetch.into_iter().chain([Term::atom("user")]));
        to_rex(&there, Some(cx.pid()), &cast(fetch));
        cx.sleep(Duration::from_millis(250)).await;
        let before = there.functions().running();
        cx.sleep(Duration::from_millis(250)).await;
        (before, there.functions().running())
    });
    assert_eq!(running.unwrap(), (1, 0));
}

/// The limit of arguments holds for every way in.
#[test]
fn rex_takes_no_longer_arguments_than_the_limit_says() {
    let node = node(FunctionLimits { args_bytes_max: 1_000, ..FunctionLimits::default() });
    node.functions().allow("m", "size", 1, |mut call| async move {
        let [bytes] = call.take_args()?;
        let Term::Binary(bytes) = bytes else { return Err(Raise::badarg()) };
        Ok(Term::int(bytes.as_slice().len()))
    });
    let there = Arc::clone(&node);
    let answers = node.processes().block_on(move |_: Cx<Term>| async move {
        there.start_kernel().await.unwrap();
        let rex = Service::<Dynamic>::local(Atom::from_static("rex"));
        let call = async |bytes: usize| {
            let args = Term::list([Term::binary(vec![0; bytes])]);
            Dynamic::call(&rex, request("call", "size", args, "user")).await.unwrap().to_string()
        };
        [call(500).await, call(1_001).await]
    });
    assert_eq!(answers.unwrap(), ["500", "{badrpc,{'EXIT',system_limit}}"]);
}

/// However a function ends that a C node has called, the caller is answered, and what wrote for it ends too.
#[test]
fn a_call_of_a_c_node_leaves_nothing_behind() {
    let node = node(FunctionLimits::default());
    node.functions().allow("m", "die", 0, |mut call| async move {
        let me = call.cx().pid();
        call.cx().exit(me, ExitReason::Kill);
        std::future::pending().await
    });
    let there = Arc::clone(&node);
    let (answer, before, after) = node
        .processes()
        .block_on(move |mut cx: Cx<Term>| async move {
            there.start_kernel().await.unwrap();
            let before = there.processes().count();
            let call = request("call", "die", Term::Nil, "send_stdout_to_caller");
            to_rex(&there, Some(cx.pid()), &Term::tuple([Term::Pid(cx.pid()), call]));
            let answer = cx.recv_timeout(Duration::from_secs(60)).await;
            // Virtual time: whatever still runs has run.
            cx.sleep(Duration::from_secs(1)).await;
            (answer, before, there.processes().count())
        })
        .unwrap();
    let Some(Mail::Message(answer)) = answer else { panic!("the caller was not answered") };
    assert_eq!(answer.to_string(), "{rex,{badrpc,{'EXIT',killed}}}");
    assert_eq!(after, before);
}

/// What writes for a caller ends with the call, also where so much waits for it that it can be told nothing.
#[test]
fn a_flooded_group_leader_ends_with_its_call() {
    let node = node(FunctionLimits::default());
    node.functions().allow("m", "flood", 0, |mut call| async move {
        let leader = call.cx().group_leader().unwrap();
        for bytes in [1 << 20, 1 << 14, 1 << 8, 0] {
            let mut body = Vec::new();
            engset_etf::encode_body(&Term::binary(vec![0; bytes]), &mut body);
            for _ in 0..70 {
                call.node().processes().deliver(None, &Dest::Pid(leader), body.clone().into());
            }
        }
        for _ in 0..100 {
            drop(call.cx().send(leader, Term::Nil));
        }
        Ok(Term::atom("flooded"))
    });
    let there = Arc::clone(&node);
    let (answer, before, after) = node
        .processes()
        .block_on(move |mut cx: Cx<Term>| async move {
            there.start_kernel().await.unwrap();
            let before = there.processes().count();
            let call = request("call", "flood", Term::Nil, "send_stdout_to_caller");
            to_rex(&there, Some(cx.pid()), &Term::tuple([Term::Pid(cx.pid()), call]));
            let answer = cx.recv_timeout(Duration::from_secs(60)).await;
            cx.sleep(Duration::from_secs(1)).await;
            (answer, before, there.processes().count())
        })
        .unwrap();
    let Some(Mail::Message(answer)) = answer else { panic!("the caller was not answered") };
    assert_eq!((answer.to_string().as_str(), after), ("{rex,flooded}", before));
}

/// A group leader that sends anything but the answer keeps nobody longer than one that sends nothing.
#[test]
fn a_group_leader_that_talks_of_something_else_is_left_in_time() {
    let node = node(FunctionLimits::default());
    let there = Arc::clone(&node);
    let (written, before, after) = node
        .processes()
        .block_on(move |cx: Cx<Term>| async move {
            let talks = |mut cx: Cx<Term>| async move {
                let Mail::Message(request) = cx.recv().await else { return };
                let writer = request.as_tuple().and_then(|parts| parts[1].as_pid()).unwrap();
                for _ in 0..120 {
                    cx.sleep(Duration::from_secs(1)).await;
                    drop(cx.send(writer, Term::atom("by_the_way")));
                }
            };
            let before = there.processes().count();
            let leader = cx.spawn(talks).unwrap().pid();
            let written = io::put_chars_to(leader, "x").await;
            cx.sleep(Duration::from_secs(1)).await;
            // The leader itself goes on.
            (written, before + 1, there.processes().count())
        })
        .unwrap();
    assert_eq!((written, after), (Err(io::IoError::Timeout), before));
}

/// A message without a sender may be anybody's: what says there that a node has come is not believed.
#[test]
fn the_global_name_server_hears_of_nodes_from_its_own_node_only() {
    let mut config = NodeConfig::new(name(), 7, Cookie::new("secret").unwrap(), 1);
    config.visible = true;
    let network = Arc::new(Nobody::default());
    let node = Node::new(config, Scheduler::seeded(1), Arc::clone(&network) as Arc<dyn Network>);
    let forged = NodeName::new("forged@127.0.0.1").unwrap();
    let there = Arc::clone(&node);
    let told = node.processes().block_on(move |cx: Cx<Term>| async move {
        there.start_kernel().await.unwrap();
        let mut body = Vec::new();
        let event = format!("{{nodeup,'{forged}',[{{node_type,visible}}]}}.");
        engset_etf::encode_body(&Term::parse(&event).unwrap(), &mut body);
        for from in [None, Some(Pid::new(forged, 7, 1, 0)), Some(cx.pid())] {
            let server = Dest::Name(Atom::from_static("global_name_server"));
            there.processes().deliver(from, &server, body.clone().into());
        }
        cx.sleep(Duration::from_secs(1)).await;
    });
    told.unwrap();
    // Whom it believes to be there it would tell of its names.
    assert_eq!(*network.0.lock().unwrap(), [] as [String; 0]);
}

/// What a call leaves running for its peer counts among the peer's functions.
#[test]
fn a_peer_has_no_more_servers_for_its_observers_than_functions() {
    let node = node(FunctionLimits { at_once_per_peer_max: 3, ..FunctionLimits::default() });
    let started = node.processes().block_on(|cx: Cx<Term>| async move {
        let mut started = Vec::new();
        for _ in 0..4 {
            let args = [Term::Pid(cx.pid()), Term::Pid(cx.pid()), Term::Nil];
            started.push(rpc::call(name(), "appmon_info", "start_link2", args).await.is_ok());
        }
        started
    });
    assert_eq!(started.unwrap(), [true, true, false, false]);
    // Their client is gone by now.
    node.processes().block_on(|cx: Cx<Term>| async move { cx.sleep(Duration::from_secs(1)).await }).unwrap();
    assert_eq!(node.functions().running(), 0);
}

/// Who looks at applications and has seen enough says so by an exit signal, `normal` even, as observer does.
#[test]
fn a_server_for_an_observer_ends_by_an_exit_signal_of_its_client() {
    let node = node(FunctionLimits::default());
    let reason = node.processes().block_on(|mut cx: Cx<Term>| async move {
        let me = Term::Pid(cx.pid());
        let started =
            rpc::call(name(), "appmon_info", "start_link2", [me.clone(), me, Term::Nil]).await.unwrap();
        let server = started.as_tuple().and_then(|parts| parts[1].as_pid()).unwrap();
        cx.monitor(server);
        cx.exit(server, ExitReason::Normal);
        let Mail::Down(down) = cx.recv().await else { panic!("no end was told") };
        down.reason
    });
    assert_eq!(reason, Ok(ExitReason::Normal));
    assert_eq!(node.functions().running(), 0);
}

/// `dbg` waits for the word of the process by which it begins to trace a node, and not for its end: where that is not
/// allowed it is told so by the answer to its request, and counted.
#[test]
fn dbg_is_refused_its_relay_unless_the_program_has_one() {
    let node = node(FunctionLimits::default());
    let there = Arc::clone(&node);
    let answers = node.processes().block_on(move |cx: Cx<Term>| async move {
        let start =
            || rpc::spawn_on(name(), "dbg", "do_relay", [Term::Pid(cx.pid()), Term::Nil], SpawnOn::default());
        let refused = start().await.map(drop);
        there.functions().allow("dbg", "do_relay", 2, |_| async { Ok(Term::Nil) });
        (refused, start().await.map(drop))
    });
    assert_eq!(answers.unwrap(), (Err(RpcError::Refused(Atom::from_static("undef"))), Ok(())));
    assert_eq!(node.functions().counts().undefined, 1);
}

/// Names are changed by who holds the lock. That is who sends the request, whomever it names as the caller.
#[test]
fn nobody_changes_global_names_in_the_name_of_who_holds_the_lock() {
    let node = node(FunctionLimits::default());
    let there = Arc::clone(&node);
    let names = node.processes().block_on(move |cx: Cx<Term>| async move {
        there.start_kernel().await.unwrap();
        let (me, peer) = (cx.pid(), Pid::new(NodeName::new("peer@127.0.0.1").unwrap(), 7, 1, 0));
        let ask = |sender, request: Term| {
            let caller = Term::tuple([Term::Pid(me), Term::from(there.processes().new_reference())]);
            let call = Term::tuple([Term::atom("$gen_call"), caller, request]);
            let mut body = Vec::new();
            engset_etf::encode_body(&call, &mut body);
            there.processes().deliver(
                sender,
                &Dest::Name(Atom::from_static("global_name_server")),
                body.into(),
            );
        };
        let register =
            |name| Term::tuple([Term::atom("register"), Term::atom(name), Term::Pid(me), Term::Nil]);
        let lock = Term::tuple([Term::atom("global"), Term::Pid(me)]);
        ask(Some(me), Term::tuple([Term::atom("set_lock"), lock]));
        ask(Some(peer), register("forged"));
        ask(None, register("without_sender"));
        ask(Some(me), register("ours"));
        cx.sleep(Duration::from_secs(1)).await;
        there.global().registered_names()
    });
    assert_eq!(names.unwrap(), [Term::atom("ours")]);
}

/// A program whose hook panics has not been told, and its node is at its end all the same.
#[test]
fn a_node_ends_although_its_stop_hook_panics() {
    let node = node(FunctionLimits::default());
    node.on_stop(|wish| panic!("no wish is served, not even {wish:?}"));
    node.functions().allow_changes(true);
    let there = Arc::clone(&node);
    let results = node.processes().block_on(|_: Cx<Term>| async move {
        there.start_kernel().await.unwrap();
        // A peer's wish is a call that fails, and the node goes on.
        let asked = rpc::call(name(), "init", "stop", []).await;
        let alive = rpc::call(name(), "erlang", "node", []).await;
        (asked.is_err(), alive.is_ok())
    });
    assert_eq!(results.unwrap(), (true, true));
    let there = Arc::clone(&node);
    // Whoever waits is killed with all others when the node's own processes have failed.
    let ended = node.processes().block_on(|cx: Cx<Term>| async move {
        let top = there.processes().whereis(&Atom::from_static("kernel_sup")).unwrap();
        cx.exit(top, ExitReason::Kill);
        cx.sleep(Duration::from_secs(60)).await;
    });
    assert!(ended.is_err(), "{ended:?}");
    let there = Arc::clone(&node);
    let left = node.processes().block_on(|cx: Cx<Term>| async move {
        cx.sleep(Duration::from_millis(1)).await;
        there.processes().pids() == [cx.pid()]
    });
    assert_eq!(left, Ok(true), "only who asks is there");
}
