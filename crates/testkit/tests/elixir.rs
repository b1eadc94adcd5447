//! Evaluations on real Elixir nodes.

use engset_testkit::{Beam, BeamError, Elixir, EpmdProcess, require_elixir, require_erl};

#[test]
fn elixir_evaluates_with_lasting_variables() {
    if require_elixir().is_none() {
        return;
    }
    let elixir = Elixir::builder().start().expect("it starts");
    assert_eq!(elixir.eval("x = 41; send(self(), :hello)").unwrap(), ":hello");
    assert_eq!(elixir.eval("receive do m -> {m, x + 1} end").unwrap(), "{:hello, 42}");
    assert_eq!(elixir.eval("%{\"k\" => [1], name: \"é\"}").unwrap(), "%{:name => \"é\", \"k\" => [1]}");
    assert_eq!(elixir.eval("String.duplicate(\"x\", 1_000_000)").unwrap().len(), 1_000_002);
    assert!(matches!(elixir.eval("raise \"no\""), Err(BeamError::Raised { .. })));
    assert_eq!(elixir.eval("x").unwrap(), "41");
}

#[test]
fn elixir_and_erlang_share_an_epmd() {
    if require_erl().is_none() || require_elixir().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().expect("epmd starts");
    let erlang = Beam::builder().name("erl").epmd_port(epmd.port()).start().expect("it starts");
    let elixir = Elixir::builder().name("ex").epmd_port(epmd.port()).start().expect("it starts");
    assert_eq!(elixir.node_name(), "ex@127.0.0.1");
    assert_eq!(elixir.eval("Node.connect(:\"erl@127.0.0.1\")").unwrap(), "true");
    assert_eq!(erlang.eval("nodes().").unwrap(), "['ex@127.0.0.1']");
}
