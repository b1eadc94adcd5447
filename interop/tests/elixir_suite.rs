//! Elixir's own modules against an Engset node: GenServer, Process, Node, Task, names, remote calls and groups.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset_testkit::{Beam, Elixir, free_port, require_elixir};
use stage::{COOKIE, RUST, start_canned};
use std::sync::OnceLock;

/// The nodes that all tests share; they end with the test program.
struct Shared {
    elixir: Beam,
    _node: engset::Node,
}

static SHARED: OnceLock<Option<Shared>> = OnceLock::new();

fn start() -> Option<Shared> {
    require_elixir()?;
    let port = free_port().unwrap();
    let node = start_canned(RUST, port, true);
    let elixir = Elixir::builder().name("iex").cookie(COOKIE).epmd_port(port).start().unwrap();
    let helpers = r#"
        defmodule T do
          def puppet(node) do
            send({:spawner, node}, {:spawn, self()})
            receive do {:spawned, pid} -> pid after 5000 -> exit(:no_puppet) end
          end
          def next, do: (receive do message -> message after 5000 -> :nothing end)
          def nothing, do: (receive do message -> message after 50 -> :nothing end)
          def ask(pid, order), do: (send(pid, Tuple.append(order, self())); receive do {_, answer} -> answer after 5000 -> :no_answer end)
          def run(fun), do: Task.await(Task.async(fun), 15000)
        end
    "#;
    elixir.eval(&format!("{helpers}; :ok")).unwrap();
    Some(Shared { elixir, _node: node })
}

/// Evaluates an expression in a process of its own, and compares what it is with `expected`.
#[track_caller]
fn check(expression: &str, expected: &str) {
    let Some(shared) = SHARED.get_or_init(start) else { return };
    let expression = expression.replace("$N", &format!(":\"{RUST}\""));
    match shared.elixir.eval(&format!("T.run(fn -> {expression} end)")) {
        Ok(value) => assert_eq!(value, expected, "{expression}"),
        Err(error) => panic!("{expression}\n{error}"),
    }
}

#[test]
fn genserver_call_cast_and_info() {
    check(
        "GenServer.cast({:counter, $N}, :reset); a = GenServer.call({:counter, $N}, {:add, 3}); \
         b = GenServer.call({:counter, $N}, :get, :infinity); send({:counter, $N}, {:no, :message}); \
         {a, b, GenServer.call({:counter, $N}, :get)}",
        "{3, 3, 3}",
    );
}

#[test]
fn genserver_exits_look_as_elixirs_do() {
    check(
        "try do GenServer.call({:nobody, $N}, :get) catch :exit, {reason, {GenServer, :call, [{:nobody, $N}, :get, 5000]}} -> reason end",
        ":noproc",
    );
    check(
        "try do GenServer.call({:any, :\"nowhere@127.0.0.1\"}, :get) catch :exit, {{:nodedown, node}, _} -> node end",
        ":\"nowhere@127.0.0.1\"",
    );
    check(
        "pid = T.puppet($N); try do GenServer.call(pid, :unanswered, 50) catch :exit, {:timeout, {GenServer, :call, [^pid, :unanswered, 50]}} -> :timeout end",
        ":timeout",
    );
}

#[test]
fn genserver_multi_call_and_abcast() {
    check("GenServer.abcast([$N], :counter, :reset)", ":abcast");
    check(
        "{replies, bad} = GenServer.multi_call([$N, :\"nowhere@127.0.0.1\"], :nobody, :get); {replies, Enum.sort(bad) == Enum.sort([$N, :\"nowhere@127.0.0.1\"])}",
        "{[], true}",
    );
}

/// `GenServer.stop` asks by a system message: the server ends in order, and a supervised one has a successor.
#[test]
fn genserver_stop_and_whereis() {
    check(
        "ref = Process.monitor({:counter, $N}); :ok = GenServer.stop({:counter, $N}, :normal, 2000); \
         receive do {:DOWN, ^ref, :process, {:counter, $N}, reason} -> reason after 5000 -> :alive end",
        ":normal",
    );
    check("GenServer.whereis({:counter, $N})", &format!("{{:counter, :\"{RUST}\"}}"));
    check(
        "Enum.find(1..500, fn _ -> match?({:ok, _}, try do {:ok, GenServer.call({:counter, $N}, :get)} catch :exit, _ -> :error end) end) != nil",
        "true",
    );
}

/// A GenServer of Elixir, called from Rust by name and by pid.
#[test]
fn rust_calls_an_elixir_genserver() {
    check(
        "defmodule Doubler do use GenServer; def init(x), do: {:ok, x}; def handle_call(n, _, s), do: {:reply, n * 2, s}; def handle_cast({to, m}, s) do send(to, m); {:noreply, s} end; end; \
         {:ok, server} = GenServer.start_link(Doubler, [], name: Doubler); pid = T.puppet($N); \
         one = T.ask(pid, {:call, {Doubler, node()}, 21}); two = T.ask(pid, {:call, server, 4}); \
         send(pid, {:send, {Doubler, node()}, {:\"$gen_cast\", {self(), :cast}}}); {one, two, T.next()}",
        "{42, 8, :cast}",
    );
}

#[test]
fn node_connect_list_monitor_and_disconnect() {
    check("{Node.connect($N), $N in Node.list(), Node.ping($N)}", "{true, true, :pong}");
    check(
        "Node.connect($N); :net_kernel.monitor_nodes(true); Node.monitor($N, true); true = Node.disconnect($N); \
         got = Enum.sort([T.next(), T.next()]); list = $N in Node.list(); true = Node.connect($N); {got == [nodedown: $N, nodedown: $N], list, T.next()}",
        &format!("{{true, false, {{:nodeup, :\"{RUST}\"}}}}"),
    );
    check("Node.monitor(:\"nowhere@127.0.0.1\", true); T.next()", "{:nodedown, :\"nowhere@127.0.0.1\"}");
    check("Node.disconnect(:\"nowhere@127.0.0.1\")", "false");
}

#[test]
fn process_monitor_link_and_exit() {
    check(
        "pid = T.puppet($N); ref = Process.monitor(pid); send(pid, {:exit, {:shutdown, :now}}); {:DOWN, ^ref, :process, ^pid, reason} = T.next(); reason",
        "{:shutdown, :now}",
    );
    check(
        "pid = T.puppet($N); ref = Process.monitor(pid); true = Process.demonitor(ref, [:flush]); send(pid, :stop); T.nothing()",
        ":nothing",
    );
    check(
        "Process.flag(:trap_exit, true); pid = T.puppet($N); Process.link(pid); send(pid, {:exit, :oops}); {:EXIT, ^pid, reason} = T.next(); reason",
        ":oops",
    );
    check(
        "Process.flag(:trap_exit, true); pid = T.puppet($N); Process.link(pid); Process.unlink(pid); send(pid, {:exit, :oops}); T.nothing()",
        ":nothing",
    );
    check(
        "Process.flag(:trap_exit, true); pid = T.puppet($N); Process.link(pid); Process.exit(pid, :kill); {:EXIT, ^pid, reason} = T.next(); reason",
        ":killed",
    );
    check(
        "pid = T.puppet($N); ref = Process.monitor(pid); Process.exit(pid, :normal); T.ask(pid, {:info}); Process.demonitor(ref, [:flush]); T.nothing()",
        ":nothing",
    );
}

/// Tasks of Elixir that ask Rust, and that end with what Rust tells them.
#[test]
fn tasks_ask_rust() {
    check(
        "1..50 |> Enum.map(fn n -> Task.async(fn -> send({:echo, $N}, {self(), n}); receive do {:echo, x} -> x end end) end) |> Task.await_many() == Enum.to_list(1..50)",
        "true",
    );
    check(
        "Process.flag(:trap_exit, true); task = Task.async(fn -> pid = T.puppet($N); Process.link(pid); send(pid, {:exit, :from_rust}); T.next() end); \
         try do Task.await(task) catch :exit, {reason, {Task, :await, _}} -> reason end",
        ":from_rust",
    );
}

/// Names of Elixir's `Registry` reach Rust processes by `:via`, as any pid.
#[test]
fn names_lead_to_rust_processes() {
    check(
        "{:ok, _} = Registry.start_link(keys: :unique, name: Names); pid = T.puppet($N); send(pid, {:hear, self()}); \
         proxy = self(); {:ok, _} = Registry.register(Names, :here, pid); [{^proxy, ^pid}] = Registry.lookup(Names, :here); send(pid, :to_the_one_found); \
         {:heard, ^pid, heard} = T.next(); heard",
        ":to_the_one_found",
    );
    check(
        "pid = T.puppet($N); true = T.ask(pid, {:register, :elixir_name}); send({:elixir_name, $N}, {:send, self(), :found}); T.next()",
        ":found",
    );
    check(
        "pid = T.puppet($N); me = self(); Process.register(me, :named_here); send(pid, {:send, {:named_here, node()}, :by_name}); T.next()",
        ":by_name",
    );
}

#[test]
fn aliases_work_across_nodes() {
    check(
        "pid = T.puppet($N); ref = :erlang.alias(); send(pid, {:send, ref, :first}); first = T.next(); :erlang.unalias(ref); send(pid, {:send, ref, :late}); {first, T.nothing()}",
        "{:first, :nothing}",
    );
}

#[test]
fn erpc_calls_what_the_node_allows() {
    check(":erpc.call($N, :erlang, :node, [])", &format!(":\"{RUST}\""));
    check(
        "try do :erpc.call($N, :no_such, :function, []) catch class, reason -> {class, elem(reason, 0)} end",
        "{:error, :exception}",
    );
}
