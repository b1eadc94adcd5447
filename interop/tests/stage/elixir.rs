//! A stage for two: an Engset node and a real Elixir node.

use super::{COOKIE, RUST};
use engset::{Node, NodeName};
use engset_testkit::{Beam, Elixir, free_port, require_elixir};
use std::time::Duration;

/// An Engset node and a real Elixir node, with an EPMD of their own.
pub struct ElixirStage {
    pub elixir: Beam,
    pub node: Node,
}

impl ElixirStage {
    /// Both nodes; `None` where Elixir is not installed.
    pub fn new() -> Option<Self> {
        require_elixir()?;
        let port = free_port().unwrap();
        let node = Node::builder().name(RUST).cookie(COOKIE).epmd_tcp_port(port).workers(2).start().unwrap();
        let elixir = Elixir::builder().name("iex").cookie(COOKIE).epmd_port(port);
        let elixir = elixir.time_limit(Duration::from_secs(30)).start().unwrap();
        Some(Self { elixir, node })
    }

    /// The value of an Elixir expression, as it prints; `$N` is the Engset node's name.
    #[track_caller]
    pub fn eval(&self, expression: &str) -> String {
        match self.elixir.eval(&expression.replace("$N", &format!(":\"{RUST}\""))) {
            Ok(value) => value,
            Err(error) => panic!("{expression}\n{error}"),
        }
    }

    /// Evaluates the expression and compares what it prints.
    #[track_caller]
    pub fn check(&self, expression: &str, expected: &str) {
        assert_eq!(self.eval(expression), expected, "{expression}");
    }
}

/// The Elixir node's name.
pub fn iex() -> NodeName {
    NodeName::new("iex@127.0.0.1").unwrap()
}
