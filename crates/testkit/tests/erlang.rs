//! Evaluations on real Erlang nodes.

use engset_testkit::{Beam, BeamError, EpmdProcess, free_port, require_erl};
use std::net::TcpStream;
use std::time::Duration;

fn undistributed() -> Option<Beam> {
    require_erl()?;
    Some(Beam::builder().start().expect("a node without a name starts"))
}

#[test]
fn values_are_one_line() {
    let Some(beam) = undistributed() else { return };
    assert_eq!(beam.node_name(), "nonode@nohost");
    assert_eq!(beam.eval("1 + 1.").unwrap(), "2");
    assert_eq!(beam.eval("{ok, [\"a\nb\", <<1,2>>]}").unwrap(), "{ok,[\"a\\nb\",<<1,2>>]}");
    assert_eq!(beam.eval("% a comment\n X = [ö],\n X.").unwrap(), "[ö]");
    assert_eq!(beam.eval("\"ł\"").unwrap(), "[322]");
}

#[test]
fn variables_and_mailbox_outlive_an_evaluation() {
    let Some(beam) = undistributed() else { return };
    beam.eval("X = 41, self() ! hello.").unwrap();
    assert_eq!(beam.eval("receive M -> {M, X + 1} end.").unwrap(), "{hello,42}");
}

#[test]
fn megabytes_come_back_whole() {
    let Some(beam) = undistributed() else { return };
    let value = beam.eval("lists:duplicate(3000000, $x).").unwrap();
    assert_eq!(value.len(), 3_000_002);
}

#[test]
fn long_expressions_arrive_whole() {
    let Some(beam) = undistributed() else { return };
    let text = "x".repeat(100_000);
    assert_eq!(beam.eval(&format!("length(\"{text}\").")).unwrap(), "100000");
}

#[test]
fn what_the_node_prints_is_not_an_answer() {
    let Some(beam) = undistributed() else { return };
    assert_eq!(beam.eval("io:format(\"no line end\"), a.").unwrap(), "a");
    assert!(beam.output().contains("no line end"), "{}", beam.output());
}

#[test]
fn exceptions_and_wrong_grammar_leave_the_node_running() {
    let Some(beam) = undistributed() else { return };
    let reason = |expression: &str| match beam.eval(expression) {
        Err(BeamError::Raised { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason("list_to_atom(1)."), "{error,badarg}");
    assert_eq!(reason("throw(x)."), "{throw,x}");
    assert!(reason("1 +.").contains("badmatch"));
    assert_eq!(reason("exit(self(), kill), receive never -> ok end."), "{killed,killed}");
    assert_eq!(beam.eval("still_here").unwrap(), "still_here");
}

#[test]
fn the_time_limit_kills_the_node_and_reports_its_output() {
    let Some(beam) = undistributed() else { return };
    let stuck = "io:format(\"before~n\"), receive never -> ok end.";
    match beam.eval_within(stuck, Duration::from_millis(300)) {
        Err(BeamError::TimedOut { waiting_for, output, .. }) => {
            assert_eq!(waiting_for, stuck);
            assert!(output.contains("before"), "{output}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(beam.eval("1."), Err(BeamError::Died { .. })));
}

#[test]
fn a_node_that_ends_is_reported_with_its_status() {
    let Some(beam) = undistributed() else { return };
    match beam.eval("halt(7).") {
        Err(BeamError::Died { status: Some(status), .. }) => assert_eq!(status.code(), Some(7)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_nodes_with_one_epmd_see_each_other() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().expect("epmd starts");
    let a = Beam::builder().name("a").cookie("c").epmd_port(epmd.port()).start().expect("a starts");
    let b =
        Beam::builder().name("b").cookie("c").hidden(true).epmd_port(epmd.port()).start().expect("b starts");
    assert_eq!(b.node_name(), "b@127.0.0.1");
    assert_eq!(a.eval("net_adm:ping('b@127.0.0.1').").unwrap(), "pong");
    assert_eq!(a.eval("{nodes(), nodes(hidden)}.").unwrap(), "{[],['b@127.0.0.1']}");
    a.eval("erlang:monitor_node('b@127.0.0.1', true).").unwrap();
    b.kill();
    assert_eq!(a.eval("receive {nodedown, N} -> N end.").unwrap(), "'b@127.0.0.1'");
}

#[test]
fn a_suspended_node_is_silent_until_it_is_resumed() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().expect("epmd starts");
    let a = Beam::builder().name("a").epmd_port(epmd.port()).start().expect("a starts");
    let b = Beam::builder().name("b").epmd_port(epmd.port()).start().expect("b starts");
    assert_eq!(a.eval("net_adm:ping('b@127.0.0.1').").unwrap(), "pong");
    b.suspend().unwrap();
    let call = "try gen_server:call({rex, 'b@127.0.0.1'}, anything, 300) catch _:{R, _} -> R end.";
    assert_eq!(a.eval(call).unwrap(), "timeout");
    b.resume().unwrap();
    assert_eq!(b.eval("node().").unwrap(), "'b@127.0.0.1'");
}

#[test]
fn a_named_node_without_epmd_gets_its_own() {
    if require_erl().is_none() {
        return;
    }
    let beam = Beam::builder().sname("short").start().expect("it starts");
    assert!(beam.node_name().starts_with("short@"), "{}", beam.node_name());
    let port = beam.own_epmd_port().expect("an EPMD of its own");
    assert_eq!(beam.eval("{ok, L} = erl_epmd:names(), [N || {N, _} <- L].").unwrap(), "[\"short\"]");
    drop(beam);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn without_an_epmd_at_the_port_the_start_fails_with_output() {
    if require_erl().is_none() {
        return;
    }
    let nobody = free_port().unwrap();
    match Beam::builder().name("a").epmd_port(nobody).start() {
        Err(BeamError::Died { output, .. }) => assert!(output.contains("register/listen error"), "{output}"),
        other => panic!("{other:?}"),
    }
}
