//! The serving program in Rust: an adding server, sinks and an echo, under the names that Erlang's has too.

use super::messages::asked;
use super::pair::Carrier;
use super::programs::COOKIE;
use super::row::SENDERS;
use super::tls;
use crate::output;
use crate::workload::WORKERS;
use engset::NodeBuilder;
use engset::prelude::*;
use std::io::Read;

/// The server of the rows with calls.
#[derive(Default)]
pub(crate) struct Adder {
    sum: u64,
}

#[server]
impl Adder {
    /// Adds `number`; answers the sum.
    #[call]
    pub(crate) fn add(&mut self, number: u64) -> u64 {
        self.sum = self.sum.wrapping_add(number);
        self.sum
    }
}

pub(crate) const ADDER: Atom = Atom::from_static("adder");
pub(crate) const ECHO: Atom = Atom::from_static("echo");

/// The name of one of the sinks.
pub(crate) fn sink_name(number: u64) -> Atom {
    Atom::new(&format!("sink{number}")).expect("a short name")
}

/// A node as both programs have it.
pub(crate) fn node(name: &str, carrier: Carrier) -> NodeBuilder {
    let builder = Node::builder().name(name).cookie(COOKIE).workers(WORKERS);
    match carrier {
        Carrier::Tcp => builder,
        Carrier::Tls => builder.tls(tls::config()),
        Carrier::Quic => builder.quic(tls::config()),
    }
}

/// Serves until its standard input ends.
pub(crate) fn run(name: &str, carrier: Carrier) {
    let node = node(name, carrier).start().expect("the node starts");
    let started = node.block_on(|cx| async move {
        for number in 1..=SENDERS {
            let options = SpawnOptions { name: Some(sink_name(number)), ..SpawnOptions::default() };
            cx.processes().spawn(options, sink).expect("there is room");
        }
        let options = SpawnOptions { name: Some(ECHO), ..SpawnOptions::default() };
        cx.processes().spawn(options, echo).expect("there is room");
        start_named(Some(ADDER), Adder::default()).await.map(drop)
    });
    started.expect("a process runs").expect("the server starts");
    output::say("ready");
    // Whoever started this program holds the other end.
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
}

/// Counts what arrives, and says how much when asked.
async fn sink(mut cx: Cx<Term>) {
    let mut count = 0_u64;
    loop {
        let Mail::Message(message) = cx.recv().await else { continue };
        match asked(&message) {
            Some(("where", from)) => cx.send(from, Term::Pid(cx.pid())).ok(),
            Some(("done", from)) => cx.send(from, Term::int(std::mem::take(&mut count))).ok(),
            _ => {
                count += 1;
                None
            }
        };
    }
}

/// Sends a ball back to whoever sent it, and tells its pid.
async fn echo(mut cx: Cx<Term>) {
    loop {
        let Mail::Message(message) = cx.recv().await else { continue };
        match asked(&message) {
            Some(("where", from)) => cx.send(from, Term::Pid(cx.pid())).ok(),
            Some((_, from)) => cx.send(from, message).ok(),
            None => None,
        };
    }
}
