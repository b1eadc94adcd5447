//! One typed client, two servers: a counter in Rust and one in Erlang, called by the same code.
//!
//! The Erlang side is `examples/erlang/counter.escript`, an ordinary `gen_server`.
//!
//! `cargo run -p examples --bin erlang_counter`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use engset::prelude::*;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child as Program, ExitCode, Stdio};

const COUNTER: Atom = Atom::from_static("counter");
const COOKIE: &str = "counter";
const ERLANG: &str = "erlang@127.0.0.1";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/erlang/counter.escript");

#[derive(Default)]
struct Counter {
    value: i64,
}

/// The methods' names and types are the protocol: a call of `add` is `gen_server:call(counter, {add, By})`. So the
/// handle that is made of this block is good for every server that understands such requests, wherever it runs.
#[server]
impl Counter {
    /// Adds `by`; answers the new value.
    #[call]
    fn add(&mut self, by: i64) -> i64 {
        self.value += by;
        self.value
    }

    /// Answers the value.
    #[call]
    fn value(&self) -> i64 {
        self.value
    }

    /// Starts again at zero.
    #[cast]
    fn reset(&mut self) {
        self.value = 0;
    }
}

fn main() -> Result<ExitCode, Exit> {
    // A free port for an EPMD of our own, so that the example disturbs no other node of this machine.
    let epmd_tcp_port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let node = Node::builder().name("rust@127.0.0.1").cookie(COOKIE).epmd_tcp_port(epmd_tcp_port).start()?;
    let erlang = match start_erlang(epmd_tcp_port) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(skip()),
        started => started?,
    };
    node.block_on(move |cx| play(cx, erlang))??;
    Ok(ExitCode::SUCCESS)
}

async fn play(mut cx: Cx<Term>, mut erlang: Program) -> Result<(), Exit> {
    Supervisor::one_for_one().child(Child::named_server(COUNTER, Counter::default)).start().await?;
    let in_rust = CounterRef::at(COUNTER, cx.node());
    let in_erlang = CounterRef::at(COUNTER, NodeName::new(ERLANG)?);
    println!("the counter in Rust:   {}", count(in_rust).await?);
    println!("the counter in Erlang: {}", count(in_erlang.clone()).await?);

    // Links and monitors cross languages as well.
    let monitor = cx.monitor(Dest::RemoteName(COUNTER, NodeName::new(ERLANG)?));
    // The script ends when its standard input does.
    drop(erlang.stdin.take());
    let down = loop {
        if let Mail::Down(down) = cx.recv().await {
            break down;
        }
    };
    println!("the Erlang node ends, and the monitor says: {}", down.reason);
    assert_eq!((down.reference, &down.reason), (monitor, &ExitReason::NoConnection));
    let error = in_erlang.value().await.expect_err("nobody is there");
    println!("a call now fails: {error}");
    assert_eq!(error, CallError::Unreachable);
    assert!(erlang.wait()?.success(), "the script ends well");
    Ok(())
}

/// Uses a counter, whatever it is written in.
async fn count(counter: CounterRef<Service<CounterMsg>>) -> Result<i64, Exit> {
    counter.add(1000).await?;
    // A cast is not answered; the calls after it are served after it.
    counter.reset()?;
    counter.add(40).await?;
    assert_eq!(counter.add(2).await?, 42);
    Ok(counter.value().await?)
}

/// Starts the Erlang node and waits until it serves.
#[expect(clippy::disallowed_methods, reason = "the other side of the example is another program")]
fn start_erlang(epmd_tcp_port: u16) -> io::Result<Program> {
    let mut erlang = std::process::Command::new("escript")
        .args([SCRIPT, ERLANG, COOKIE])
        .env("ERL_EPMD_PORT", epmd_tcp_port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = erlang.stdout.take().ok_or_else(|| io::Error::other("the script has no output"))?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    if line.trim_end() == "ready" { Ok(erlang) } else { Err(io::Error::other("the script did not start")) }
}

/// Says that nothing was shown; where everything should be installed that is a failure.
fn skip() -> ExitCode {
    println!("skipped: erlang_counter: escript is not installed");
    if std::env::var("CI").is_ok_and(|value| value == "true") { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
