//! Some Engset nodes and some Erlang nodes, with an EPMD of their own.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::unwrap_used,
    missing_debug_implementations,
    reason = "part of tests; each test file uses its part of the cluster"
)]

use crate::stage::{start_beam, start_canned};
use engset::Node;
use engset_testkit::{Beam, free_port, require_erl};
use std::sync::mpsc;
use std::time::Duration;

/// `rust0`, `rust1`, … and `beam0`, `beam1`, …, all at `127.0.0.1`.
pub struct Mixed {
    pub beams: Vec<Beam>,
    pub rust: Vec<Node>,
    pub epmd_tcp_port: u16,
}

impl Mixed {
    /// Nodes that are not connected; `None` where Erlang is not installed.
    pub fn new(visible: bool, rust: usize, beams: usize) -> Option<Self> {
        let names: Vec<String> = (0..rust).map(|number| format!("rust{number}")).collect();
        Self::named(visible, &names, beams)
    }

    /// Like [`Mixed::new`], with names for the Engset nodes.
    pub fn named(visible: bool, rust: &[String], beams: usize) -> Option<Self> {
        require_erl()?;
        let epmd_tcp_port = free_port().unwrap();
        let start = |name: &String| start_canned(&format!("{name}@127.0.0.1"), epmd_tcp_port, visible);
        let rust: Vec<Node> = rust.iter().map(start).collect();
        let beams = (0..beams).map(|number| start_beam(&format!("beam{number}"), epmd_tcp_port)).collect();
        Some(Self { beams, rust, epmd_tcp_port })
    }

    /// Connects each with each.
    pub fn connect_all(&self) {
        for (place, beam) in self.beams.iter().enumerate() {
            for node in &self.rust {
                self.connect(beam, &node.node().name().name_part());
            }
            for number in 0..place {
                self.connect(beam, &format!("beam{number}"));
            }
        }
        self.connect_rust();
    }

    /// Connects each Engset node with each.
    pub fn connect_rust(&self) {
        for (place, node) in self.rust.iter().enumerate() {
            for other in &self.rust[..place] {
                let (sender, receiver) = mpsc::channel();
                node.node().connect(other.node().name(), move |result| {
                    let _gone = sender.send(result.is_ok());
                });
                assert_eq!(receiver.recv_timeout(Duration::from_secs(10)), Ok(true));
            }
        }
    }

    /// Lets an Erlang node connect to another one.
    #[track_caller]
    pub fn connect(&self, beam: &Beam, to: &str) {
        assert_eq!(self.eval(beam, &format!("net_kernel:connect_node('{to}@127.0.0.1')")), "true");
    }

    /// The value of an expression on an Erlang node, as it prints.
    #[track_caller]
    pub fn eval(&self, beam: &Beam, expression: &str) -> String {
        match beam.eval(expression) {
            Ok(value) => value,
            Err(error) => panic!("{}: {expression}\n{error}", beam.node_name()),
        }
    }
}
