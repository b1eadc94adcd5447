//! Elixir's own modules against Rust processes.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset_testkit::{Beam, Elixir, free_port, require_elixir};
use stage::{COOKIE, RUST, start_canned};

struct ElixirStage {
    elixir: Beam,
    _node: engset::Node,
}

impl ElixirStage {
    fn new() -> Option<Self> {
        require_elixir()?;
        let port = free_port().unwrap();
        let node = start_canned(RUST, port, true);
        let elixir = Elixir::builder().name("iex").cookie(COOKIE).epmd_port(port).start().unwrap();
        Some(Self { elixir, _node: node })
    }

    #[track_caller]
    fn check(&self, expression: &str, expected: &str) {
        let expression = expression.replace("$N", &format!(":\"{RUST}\""));
        match self.elixir.eval(&expression) {
            Ok(value) => assert_eq!(value, expected, "{expression}"),
            Err(error) => panic!("{expression}\n{error}"),
        }
    }
}

#[test]
fn node_connect_and_list() {
    let Some(stage) = ElixirStage::new() else { return };
    stage.check("Node.connect($N)", "true");
    stage.check("Node.list() == [$N]", "true");
    stage.check("Node.ping($N)", ":pong");
}

#[test]
fn genserver_call_and_cast() {
    let Some(stage) = ElixirStage::new() else { return };
    stage.check("GenServer.call({:counter, $N}, {:add, 3})", "3");
    stage.check("GenServer.cast({:counter, $N}, :reset)", ":ok");
    stage.check("GenServer.call({:counter, $N}, :get)", "0");
    stage.check("catch_exit = try do GenServer.call({:counter, $N}, :nope) catch :exit, {{:bad_request, _}, _} -> :refused end; catch_exit", ":refused");
}

#[test]
fn elixir_terms_are_echoed() {
    let Some(stage) = ElixirStage::new() else { return };
    for term in [
        "\"a binary string\"",
        "'a charlist'",
        ":\"an atom\"",
        "nil",
        "true",
        "[a: 1, b: 2]",
        "%{\"b\" => [1.5, 2], a: 1}",
        "1..10",
        "~D[2026-11-22]",
        "{:ok, %{nested: {:tuple, [1 | 2]}}}",
        "&String.upcase/1",
    ] {
        stage.check(
            &format!("send({{:echo, $N}}, {{self(), {term}}}); receive do {{:echo, x}} -> x == {term} after 5000 -> :timeout end"),
            "true",
        );
    }
}

#[test]
fn process_monitor_and_exit() {
    let Some(stage) = ElixirStage::new() else { return };
    stage.check(
        "send({:spawner, $N}, {:spawn, self()}); pid = receive do {:spawned, pid} -> pid end; is_pid(pid)",
        "true",
    );
    stage.check(
        "ref = Process.monitor(pid); Process.exit(pid, :kill); receive do {:DOWN, ^ref, :process, ^pid, reason} -> reason after 5000 -> :timeout end",
        ":killed",
    );
    stage.check("ref = Process.monitor({:counter, $N}); Process.demonitor(ref, [:flush])", "true");
}

#[test]
fn a_task_awaits_a_rust_server() {
    let Some(stage) = ElixirStage::new() else { return };
    stage.check(
        "1..20 |> Task.async_stream(fn _ -> GenServer.call({:counter, $N}, {:add, 1}) end) |> Enum.map(&elem(&1, 1)) |> Enum.sort() == Enum.to_list(1..20)",
        "true",
    );
}

#[test]
fn functions_are_called_and_spawned() {
    let Some(stage) = ElixirStage::new() else { return };
    stage.check(":erpc.call($N, :canned, :echo, [%{a: \"b\"}])", "%{a: \"b\"}");
    stage.check(
        "try do :erpc.call($N, :canned, :raise, [:error, :oops]) rescue e in ErlangError -> elem(e.original, 1) end",
        ":oops",
    );
    stage.check(
        "{p, m} = Node.spawn_monitor($N, :canned, :wait, []); send(p, :go); receive do {:DOWN, ^m, :process, ^p, r} -> r end",
        ":normal",
    );
    stage
        .check("p2 = Node.spawn($N, :canned, :send, [self(), :hi]); receive do {^p2, :hi} -> :ok end", ":ok");
    stage.check("Process.flag(:trap_exit, true); p3 = Node.spawn_link($N, :canned, :wait, []); Process.exit(p3, :kill); receive do {:EXIT, ^p3, r} -> r end", ":killed");
    stage.check(
        "p4 = Node.spawn($N, :canned, :wait, []); Task.await(Task.async(fn -> :rpc.call($N, :erlang, :is_process_alive, [p4]) end))",
        "true",
    );
    stage.check(":erpc.multicall([$N, node()], :erlang, :node, []) == [{:ok, $N}, {:ok, node()}]", "true");
}
