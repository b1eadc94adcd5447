//! A stage for two: a canned Engset node and a real Erlang node, with an EPMD of their own.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    missing_debug_implementations,
    reason = "part of tests; each test file uses its part of the stage"
)]

pub mod elixir;

use engset::Node;
use engset_testkit::{Beam, free_port, require_erl};
use std::time::Duration;

pub const COOKIE: &str = "interop";
/// The Engset node's name; `$N` in expressions.
pub const RUST: &str = "rust@127.0.0.1";

pub struct Stage {
    pub beam: Beam,
    pub node: Node,
    pub epmd_tcp_port: u16,
}

impl Stage {
    /// Both nodes, the Engset node hidden; `None` where Erlang is not installed.
    pub fn new() -> Option<Self> {
        Self::with(false)
    }

    /// Both nodes; `visible` says how the Engset node presents itself.
    pub fn with(visible: bool) -> Option<Self> {
        require_erl()?;
        let epmd_tcp_port = free_port().unwrap();
        let node = start_canned(RUST, epmd_tcp_port, visible);
        let beam = start_beam("beam", epmd_tcp_port);
        Some(Self { beam, node, epmd_tcp_port })
    }

    /// The value of an Erlang expression on the Erlang node, as it prints.
    pub fn eval(&self, expression: &str) -> String {
        let expression = expression.replace("$N", &format!("'{RUST}'"));
        match self.beam.eval(&expression) {
            Ok(value) => value,
            Err(error) => panic!("{expression}\n{error}"),
        }
    }

    /// Evaluates both expressions on the Erlang node and compares what they print.
    #[track_caller]
    pub fn check(&self, expression: &str, expected: &str) {
        assert_eq!(self.eval(expression), expected, "{expression}");
    }

    /// Binds the variable `name` on the Erlang node to a new puppet on the Engset node.
    pub fn spawn_puppet(&self, name: &str) {
        self.eval(&format!(
            "{{spawner, $N}} ! {{spawn, self()}}, {name} = receive {{spawned, P_{name}}} -> P_{name} after 5000 -> timeout end."
        ));
    }
}

/// An Engset node that serves the canned processes.
pub fn start_canned(name: &str, epmd_tcp_port: u16, visible: bool) -> Node {
    let builder = Node::builder().name(name).cookie(COOKIE).visible(visible).epmd_tcp_port(epmd_tcp_port);
    let node = builder.workers(2).start().unwrap();
    interop::canned::allow(node.functions());
    node.block_on(|cx| async move { interop::canned::start(cx.processes()).await.map(drop) })
        .unwrap()
        .unwrap();
    interop::canned::watch(node.node()).unwrap();
    node
}

/// An Erlang node that shares the cookie and the EPMD.
pub fn start_beam(name: &str, epmd_tcp_port: u16) -> Beam {
    let beam = Beam::builder().name(name).cookie(COOKIE).epmd_port(epmd_tcp_port);
    beam.time_limit(Duration::from_secs(30)).start().unwrap()
}
