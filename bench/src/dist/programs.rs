//! The programs of a measurement: starts them, waits until they are ready, reads the number, and ends them.

use super::pair::{Carrier, Pair, Side};
use super::row::Row;
use super::tls::{self, Certificates};
use crate::systems::compiled_modules;
use crate::workload::WORKERS;
use engset::prelude::*;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child as Program, ChildStdin, Command, Stdio};

pub(crate) const COOKIE: &str = "between programs of one machine";
const SERVER: &str = "server@127.0.0.1";
const DRIVER: &str = "driver@127.0.0.1";
/// Names the port at which all of a measurement look for each other.
const EPMD_PORT: &str = "ERL_EPMD_PORT";

/// What the programs of a run need: an EPMD of their own, so that they meet no other nodes, and certificates.
pub(crate) struct Surroundings {
    pub(crate) epmd_tcp_port: u16,
    _epmd: Node,
    certificates: Certificates,
}

impl Surroundings {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let epmd_tcp_port = free.expect("a port is free").port();
        let node = Node::builder().name("epmd@127.0.0.1").cookie(COOKIE).workers(1);
        let node = node.epmd_tcp_port(epmd_tcp_port).start().expect("the node starts");
        Self { epmd_tcp_port, _epmd: node, certificates: Certificates::make() }
    }

    /// One of the two programs, in these surroundings.
    fn program(&self, side: Side, carrier: Carrier, name: &str, args: &[&str]) -> Command {
        let mut command = match side {
            Side::Engset => myself(args),
            Side::Beam => erl(name, args, (carrier == Carrier::Tls).then_some(&self.certificates)),
        };
        self.certificates.tell(&mut command);
        command.env(EPMD_PORT, self.epmd_tcp_port.to_string());
        command
    }
}

/// A serving program; ends with this value.
pub(crate) struct Server {
    program: Program,
    _stdin: ChildStdin,
    /// What it said when it was ready.
    pub(crate) said: String,
}

impl Server {
    pub(crate) fn start(side: Side, carrier: Carrier, around: &Surroundings) -> Self {
        let args: &[&str] = match side {
            Side::Engset => &["serve", SERVER, carrier.name()],
            Side::Beam => &["serve"],
        };
        Self::started(around.program(side, carrier, SERVER, args))
    }

    fn started(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().expect("the program starts");
        let stdin = program.stdin.take().expect("it was asked for");
        let mut said = String::new();
        let stdout = program.stdout.take().expect("it was asked for");
        BufReader::new(stdout).read_line(&mut said).expect("it says that it is ready");
        assert!(said.starts_with("ready"), "the serving program said {said:?}");
        Self { program, _stdin: stdin, said }
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        crate::memory::resident_bytes_of(self.program.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.program.kill().and_then(|()| self.program.wait()).expect("the program was there");
    }
}

/// One measurement of connected nodes.
pub(crate) fn measure(row: Row, pair: Pair, around: &Surroundings) -> f64 {
    let carrier = pair.carrier();
    let _server = Server::start(pair.server(), carrier, around);
    let sizes = [row.ops().to_string(), row.payload_bytes().to_string()];
    let args = match pair.driver() {
        Side::Engset => ["drive", row.name(), DRIVER, SERVER, carrier.name()],
        Side::Beam => ["drive", row.name(), SERVER, &sizes[0], &sizes[1]],
    };
    number(&mut around.program(pair.driver(), carrier, DRIVER, &args))
}

/// One plain copy.
pub(crate) fn tcp(row: Row) -> f64 {
    let server = Server::started(myself(&["serve-tcp"]));
    let at = server.said.trim_start_matches("ready").trim();
    number(&mut myself(&["drive-tcp", row.name(), at]))
}

fn number(driver: &mut Command) -> f64 {
    let output = driver.stderr(Stdio::inherit()).output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text.split_whitespace().last().and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("the driving program printed no number but {text:?}"))
}

#[expect(clippy::disallowed_methods, reason = "each side of a measurement is a program of its own")]
fn myself(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the system knows where this program is"));
    command.arg("--dist").args(args);
    command
}

#[expect(clippy::disallowed_methods, reason = "the BEAM is a program of its own")]
fn erl(name: &str, args: &[&str], certificates: Option<&Certificates>) -> Command {
    let mut command = Command::new("erl");
    command.args(["-noshell", "+S", &format!("{WORKERS}:{WORKERS}"), "-hidden", "-name", name]);
    command.args(["-setcookie", COOKIE, "-pa"]).arg(compiled_modules().expect("Erlang is installed"));
    if let Some(certificates) = certificates {
        tls::erl_args(certificates, &mut command);
    }
    command.args(["-run", "bench_dist"]).args(args);
    command
}
