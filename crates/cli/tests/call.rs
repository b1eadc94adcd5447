//! `engset call` against servers of a real Erlang node.

mod engset;

use engset::{Done, Engset};
use engset_testkit::{Beam, EpmdProcess, require_erl};

/// An Erlang node and its EPMD.
struct Erlang {
    beam: Beam,
    epmd: EpmdProcess,
}

/// Starts a process named `server` on the node; `answer` says what it does with a request `Request` from `From`.
fn erlang(answer: &str) -> Option<Erlang> {
    require_erl()?;
    let epmd = EpmdProcess::start().expect("epmd starts");
    let beam = Beam::builder().name("a").epmd_port(epmd.port()).start().expect("the node starts");
    let server = format!(
        "Loop = fun Loop() -> receive {{'$gen_call', From, Request}} -> {answer}, Loop() end end,
         register(server, spawn(Loop))."
    );
    beam.eval(&server).expect("the server starts");
    Some(Erlang { beam, epmd })
}

impl Erlang {
    fn call(&self, args: &[&str]) -> Done {
        let engset = Engset::new(self.epmd.port()).args(["call", "--cookie", "testkit", "a@127.0.0.1"]);
        engset.args(args).run()
    }
}

#[test]
fn terms_go_there_and_back() {
    let Some(erlang) = erlang("gen_server:reply(From, {ok, Request})") else { return };
    for term in [
        "{add,3}",
        "[1,2.5,<<\"x\">>,\"abc\"]",
        "#{a => -1}",
        "'Elixir.Shop'",
        "123456789012345678901234567890",
    ] {
        let done = erlang.call(&["server", term]);
        assert_eq!(done.stdout, format!("{{ok,{term}}}\n"), "{done:?}");
        assert_eq!(done.status, Some(0));
    }
}

#[test]
fn a_cast_has_arrived_when_the_command_ends() {
    let Some(erlang) = erlang("ok") else { return };
    erlang.beam.eval("register(me, self()).").unwrap();
    let done = erlang.call(&["me", "{hello, 1}", "--cast"]);
    assert_eq!(done.status, Some(0), "{done:?}");
    let got = "receive {'$gen_cast', What} -> What after 0 -> none end.";
    assert_eq!(erlang.beam.eval(got).unwrap(), "{hello,1}");
}

#[test]
fn a_name_that_nobody_has_is_not_found() {
    let Some(erlang) = erlang("ok") else { return };
    let done = erlang.call(&["nobody", "get"]);
    assert_eq!(done.status, Some(3), "{done:?}");
    assert!(done.stderr.contains("  step   name\n  ran    no: "), "{done:?}");
}

#[test]
fn a_server_that_ends_is_told_with_its_reason() {
    let Some(erlang) = erlang("exit({bad, Request, From =:= x})") else { return };
    let done = erlang.call(&["server", "get"]);
    assert_eq!(done.status, Some(6), "{done:?}");
    assert!(done.stderr.contains("its reason: {bad,get,false}"), "{done:?}");
    assert!(done.stderr.contains("  ran    perhaps: "), "{done:?}");
}

#[test]
fn a_server_that_does_not_answer_is_a_timeout() {
    let Some(erlang) = erlang("ok") else { return };
    let done = erlang.call(&["server", "get", "--timeout", "1"]);
    assert_eq!(done.status, Some(4), "{done:?}");
    assert!(done.stderr.contains("server at a@127.0.0.1 did not answer within 1s"), "{done:?}");
    assert!(done.stderr.contains("  step   timeout (call)\n  ran    perhaps: "), "{done:?}");
}

#[test]
fn what_is_no_term_is_refused_before_anything_is_sent() {
    let done = Engset::new(1).args(["call", "a@127.0.0.1", "server", "{add,"]).run();
    assert_eq!(done.status, Some(2), "{done:?}");
    assert!(done.stderr.contains("not a term"), "{done:?}");
}
