//! The demo as a user sees it: what it prints, what can be called, and that it leaves nothing behind.

mod engset;

use engset::{Engset, Running, child_processes, has_ended};
use engset_testkit::{Beam, Elixir, free_port, require_elixir, require_erl};

/// A demo that has said what is to be typed.
struct Demo {
    running: Running,
    epmd_port: u16,
    cookie: String,
}

impl Demo {
    fn start() -> Self {
        let epmd_port = free_port().expect("a port is free");
        let mut running = Engset::new(epmd_port).args(["demo", "--fast"]).start();
        let first = running.line_with("3 nodes up: ");
        assert!(first.contains("n1@127.0.0.1 (OS process "), "{first}");
        let ping = running.line_with("engset ping n1@127.0.0.1 --cookie ");
        let cookie = ping.rsplit(' ').next().unwrap_or_default().to_owned();
        running.line_with("Crashes and restarts");
        Self { running, epmd_port, cookie }
    }

    fn engset(&self) -> Engset {
        Engset::new(self.epmd_port).env("ENGSET_COOKIE", &self.cookie)
    }

    /// What `engset call` prints.
    fn call(&self, server: &str, request: &str) -> String {
        let done = self.engset().args(["call", "n1@127.0.0.1", server, request]).run();
        assert_eq!(done.status, Some(0), "{done:?}");
        done.stdout.trim_end().to_owned()
    }
}

#[test]
fn crashes_and_restarts_are_printed_with_reason_and_count() {
    let mut demo = Demo::start();
    let crash = demo.running.line_with(" flaky     crashed: ");
    assert!(crash.contains("on purpose, after 2 s"), "{crash}");
    let restart = demo.running.line_with(" flaky     restarted as ");
    assert!(restart.contains("restart 1 of 10 in 10 s"), "{restart}");
}

#[test]
fn servers_of_the_demo_answer_and_come_back_after_a_kill() {
    let demo = Demo::start();
    assert_eq!(demo.call("counter", "{add, 3}"), "3");
    assert_eq!(demo.call("counter", "get"), "3");
    assert_eq!(demo.call("pool", "{run, 100}"), "25");
    let cast = demo.engset().args(["call", "n1@127.0.0.1", "counter", "reset", "--cast"]).run();
    assert_eq!(cast.stdout, "sent to counter at n1@127.0.0.1\n");
    assert_eq!(demo.call("counter", "get"), "0");
}

#[test]
fn failed_calls_say_why_and_whether_the_request_ran() {
    let demo = Demo::start();
    let nobody = demo.engset().args(["call", "n1@127.0.0.1", "nobody", "get"]).run();
    assert_eq!(nobody.status, Some(3), "{nobody:?}");
    assert!(
        nobody.stderr.starts_with("error: nobody is registered as nobody at n1@127.0.0.1\n"),
        "{nobody:?}"
    );
    assert!(nobody.stderr.contains("  ran    no: "), "{nobody:?}");
    let unknown = demo.engset().args(["call", "n1@127.0.0.1", "counter", "{subtract, 1}"]).run();
    assert_eq!(unknown.status, Some(6), "{unknown:?}");
    assert!(unknown.stderr.contains("does not know such a request"), "{unknown:?}");
    assert!(unknown.stderr.contains("  ran    no: "), "{unknown:?}");
    // The roll call takes no requests.
    let silent = ["call", "n1@127.0.0.1", "roll_call", "get", "--timeout", "1"];
    let silent = demo.engset().args(silent).run();
    assert_eq!(silent.status, Some(4), "{silent:?}");
    assert!(silent.stderr.contains("  step   timeout (call)\n  ran    perhaps: "), "{silent:?}");
}

#[test]
fn a_wrong_cookie_is_told_by_fingerprint() {
    let demo = Demo::start();
    let wrong = Engset::new(demo.epmd_port).args(["ping", "n1@127.0.0.1", "--cookie", "notthisone"]).run();
    assert_eq!(wrong.status, Some(5), "{wrong:?}");
    assert!(wrong.stderr.starts_with("error: n1@127.0.0.1 refused us: the cookies differ\n"), "{wrong:?}");
    assert!(wrong.stderr.contains("  step   cookie\n"), "{wrong:?}");
    assert!(wrong.stderr.contains("our cookie is from --cookie and has the fingerprint "), "{wrong:?}");
    assert!(!wrong.stderr.contains("notthisone"), "{wrong:?}");
}

#[test]
fn ctrl_c_and_sigterm_end_all_processes_and_free_all_names() {
    for signal in ["-INT", "-TERM"] {
        let mut demo = Demo::start();
        let nodes = child_processes(demo.running.pid());
        assert_eq!(nodes.len(), 3, "{nodes:?}");
        demo.running.signal(signal);
        assert_eq!(demo.running.wait(), Some(0));
        for node in nodes {
            assert!(has_ended(node), "{node} outlived the demo");
        }
        let names = Engset::new(demo.epmd_port).args(["names"]).run();
        assert_eq!(names.status, Some(4), "{names:?}");
    }
}

#[test]
fn a_node_that_hangs_does_not_keep_the_demo_from_ending() {
    let mut demo = Demo::start();
    let nodes = child_processes(demo.running.pid());
    engset::signal(nodes[1], "-STOP");
    demo.running.signal("-INT");
    assert_eq!(demo.running.wait(), Some(0));
    for node in nodes {
        assert!(has_ended(node), "{node} outlived the demo");
    }
}

#[test]
fn nodes_end_when_the_demo_is_killed() {
    let mut demo = Demo::start();
    let nodes = child_processes(demo.running.pid());
    demo.running.signal("-KILL");
    demo.running.wait();
    // The nodes hold the demo's standard error, which thus closes with the last of them.
    demo.running.wait_for_end_of_errors();
    for node in nodes {
        assert!(has_ended(node), "{node} outlived the demo");
    }
}

#[test]
fn a_killed_node_is_started_again() {
    let mut demo = Demo::start();
    let node = child_processes(demo.running.pid())[0];
    engset::signal(node, "-KILL");
    demo.running.line_with("ended (signal: 9 (SIGKILL)), starting it again");
    demo.running.line_with(" is up again as OS process ");
}

#[test]
fn a_second_demo_has_other_names() {
    let first = Demo::start();
    let mut second = Engset::new(first.epmd_port).args(["demo", "--fast"]).start();
    let nodes = second.line_with("3 nodes up: ");
    assert!(nodes.contains("n1-2@127.0.0.1 ") && nodes.contains("n3-2@127.0.0.1 "), "{nodes}");
}

#[test]
fn erlang_does_what_the_demo_says_is_to_be_typed() {
    if require_erl().is_none() {
        return;
    }
    let mut demo = Demo::start();
    let builder = Beam::builder().name("me").cookie(&demo.cookie).epmd_port(demo.epmd_port).hidden(true);
    let beam = builder.start().unwrap();
    assert_eq!(beam.eval("net_adm:ping('n1@127.0.0.1').").unwrap(), "pong");
    assert_eq!(beam.eval("gen_server:call({counter,'n1@127.0.0.1'}, {add, 3}).").unwrap(), "3");
    assert_eq!(beam.eval("gen_server:call({pool,'n1@127.0.0.1'}, {run, 100000}).").unwrap(), "9592");
    assert_eq!(beam.eval("exit(gen_server:call({counter,'n1@127.0.0.1'}, who), kill).").unwrap(), "true");
    let crash = demo.running.line_with(" counter   crashed: ");
    assert!(crash.ends_with("killed"), "{crash}");
    demo.running.line_with(" counter   restarted as ");
    assert_eq!(beam.eval("gen_server:call({counter,'n1@127.0.0.1'}, get).").unwrap(), "0");
}

#[test]
fn elixir_does_what_the_demo_says_is_to_be_typed() {
    if require_elixir().is_none() {
        return;
    }
    let demo = Demo::start();
    let builder = Elixir::builder().name("me").cookie(&demo.cookie).epmd_port(demo.epmd_port).hidden(true);
    let elixir = builder.start().unwrap();
    assert_eq!(elixir.eval("Node.ping(:\"n1@127.0.0.1\")").unwrap(), ":pong");
    let add = "GenServer.call({:counter, :\"n1@127.0.0.1\"}, {:add, 3})";
    assert_eq!(elixir.eval(add).unwrap(), "3");
    let kill = "Process.exit(GenServer.call({:counter, :\"n1@127.0.0.1\"}, :who), :kill)";
    assert_eq!(elixir.eval(kill).unwrap(), "true");
}
