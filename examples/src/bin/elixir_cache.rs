//! A server in Rust that Elixir uses as one of its own: it calls it, monitors it, kills it, and finds its successor.
//!
//! The Elixir side is `examples/elixir/cache.exs`. To play with it by hand, start this node without a port of its own
//! for EPMD, and `iex --name me@127.0.0.1 --cookie cache`.
//!
//! `cargo run -p examples --bin elixir_cache`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use engset::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{ExitCode, ExitStatus};

const COOKIE: &str = "cache";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/elixir/cache.exs");

/// Values by key. A `Term` is any Erlang value: the cache need not know what Elixir keeps in it.
#[derive(Default)]
struct Cache {
    entries: HashMap<Term, Term>,
}

/// The atom `not_found` to Elixir.
#[derive(Debug, Serialize, Deserialize)]
enum CacheError {
    NotFound,
}

#[server]
impl Cache {
    /// `GenServer.call(cache, {:put, key, value})` answers `:ok`.
    #[call]
    fn put(&mut self, key: Term, value: Term) {
        self.entries.insert(key, value);
    }

    /// `GenServer.call(cache, {:fetch, key})` answers `{:ok, value}` or `{:error, :not_found}`.
    #[call]
    fn fetch(&self, key: Term) -> Result<Term, CacheError> {
        self.entries.get(&key).cloned().ok_or(CacheError::NotFound)
    }

    /// `GenServer.call(cache, {:delete, key})` answers whether there was such a key.
    #[call]
    fn delete(&mut self, key: Term) -> bool {
        self.entries.remove(&key).is_some()
    }

    /// `GenServer.cast(cache, :clear)`.
    #[cast]
    fn clear(&mut self) {
        self.entries.clear();
    }
}

fn main() -> Result<ExitCode, Exit> {
    // A free port for an EPMD of our own, so that the example disturbs no other node of this machine.
    let epmd_tcp_port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let node = Node::builder().name("rust@127.0.0.1").cookie(COOKIE).epmd_tcp_port(epmd_tcp_port).start()?;
    node.block_on(|_cx| {
        Supervisor::one_for_one()
            // Elixir's `Supervisor` module finds it under this name.
            .named(Atom::from_static("cache_supervisor"))
            .child(Child::named_server(Atom::from_static("cache"), Cache::default))
            .start()
    })??;
    // The node works on its own threads; this one has nothing to do but to wait.
    match run_elixir(epmd_tcp_port) {
        Ok(status) if status.success() => Ok(ExitCode::SUCCESS),
        // Killed by a signal it has no code.
        Ok(status) => Ok(status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(skip()),
        Err(error) => Err(error.into()),
    }
}

/// Runs the Elixir side; what it prints goes where our own output goes.
#[expect(clippy::disallowed_methods, reason = "the other side of the example is another program")]
fn run_elixir(epmd_tcp_port: u16) -> io::Result<ExitStatus> {
    std::process::Command::new("elixir")
        .args(["--name", "elixir@127.0.0.1", "--cookie", COOKIE, SCRIPT])
        .env("ERL_EPMD_PORT", epmd_tcp_port.to_string())
        .status()
}

/// Says that nothing was shown; where everything should be installed that is a failure.
fn skip() -> ExitCode {
    println!("skipped: elixir_cache: elixir is not installed");
    if std::env::var("CI").is_ok_and(|value| value == "true") { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
