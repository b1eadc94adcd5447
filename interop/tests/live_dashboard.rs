//! What Phoenix.LiveDashboard calls on the node that it shows, called in the same forms from a live Elixir node, page
//! by page: by `:erpc` as its version 0.8.7 does, by `:rpc` as those before it do. What a page reads is read here.
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::application::{Application, Controller};
use engset::{Atom, Restart, Supervisor};
use stage::elixir::ElixirStage;

/// The calls of the dashboard: `D.call` by `:erpc`, `D.old` by `:rpc`, `D.capabilities` before each page.
const CALLS: &str = r#"
    defmodule D do
      @module Phoenix.LiveDashboard.SystemInfo

      def call(node, function, args), do: :erpc.call(node, @module, function, args)
      def old(node, function, args), do: :rpc.call(node, @module, function, args)

      # Sends its code where it is not loaded, and where other code is loaded and no dashboard runs; then it goes on
      # with whatever is there. An exception would end the page.
      def capabilities(node, requirements) do
        case :erpc.call(node, :code, :is_loaded, [@module]) do
          {:file, _} ->
            there = call(node, :capabilities_callback, [requirements])
            if not there.dashboard_running? and there.system_info != __MODULE__.__info__(:md5),
              do: load(node, requirements), else: there

          false ->
            load(node, requirements)
        end
      end

      def load(node, requirements) do
        code = :binary.copy(<<0>>, 60_000)
        :erpc.call(node, :code, :load_binary, [@module, 'system_info.beam', code])
        :rpc.call(node, :code, :load_binary, [@module, 'system_info.beam', code])
        call(node, :capabilities_callback, [requirements])
      end

      def processes(node, search, sort_by, limit, before \\ nil),
        do: call(node, :processes_callback, [search, sort_by, :desc, limit, before])

      def column({rows, _}, name), do: Enum.map(rows, & &1[name])
      def column({rows, _, _}, name), do: Enum.map(rows, & &1[name])
    end
    :ok
"#;

/// The two nodes, with an application that runs and one that is only known.
fn stage() -> Option<ElixirStage> {
    let stage = ElixirStage::new()?;
    let started = stage.node.block_on(|cx| async move {
        interop::canned::start(cx.processes()).await.unwrap();
        let top = |_: &_| Supervisor::one_for_one().named(Atom::from_static("shop_sup"));
        let apps = Controller::default().start().await.unwrap();
        apps.load(Application::supervisor(Atom::from_static("shop"), top).version("7.1")).await.unwrap();
        apps.load(Application::supervisor(Atom::from_static("spare"), top).description("not begun"))
            .await
            .unwrap();
        apps.start(Atom::from_static("shop"), Restart::Temporary).await.unwrap();
    });
    started.unwrap();
    stage.check(CALLS, ":ok");
    Some(stage)
}

/// Before each page: which pages there are in the menu. Metrics and requests need a dashboard on the node itself.
#[test]
fn the_menu() {
    let Some(stage) = stage() else { return };
    stage.check("Node.connect($N) and $N in ([node()] ++ Node.list(:connected))", "true");
    let required = "[application: :os_mon, application: :shop, application: :spare, module: :erlang, module: Broadway, \
        process: :counter, process: Shop.Repo]";
    let required = format!("c = D.capabilities($N, {required})");
    stage.check(&format!("{required}; {{c.dashboard_running?, c.system_info}}"), "{false, nil}");
    let found = "{[:shop], [:erlang], [:counter]}";
    stage.check(&format!("{required}; {{c.applications, c.modules, c.processes}}"), found);
    // A page of the dashboard's that needs an Ecto on the node asks for what runs there.
    stage.check(
        "{:erpc.call($N, Ecto.Repo, :all_running, []), :rpc.call($N, Ecto.Repo, :all_running, [])}",
        "{[], []}",
    );
}

/// The code that the dashboard sends, and that of `nl` in a shell of Elixir's, is refused in OTP's own words.
#[test]
fn no_code_is_loaded() {
    let Some(stage) = stage() else { return };
    let load = "[Shop.Cart, 'cart.beam', <<0>>]";
    stage.check(&format!(":erpc.call($N, :code, :load_binary, {load})"), "{:error, :sticky_directory}");
    stage.check(&format!(":rpc.call($N, :code, :load_binary, {load})"), "{:error, :sticky_directory}");
    stage.check(":erpc.call($N, :code, :is_loaded, [Shop.Cart])", "false");
    stage.check(
        "{:ok, told} = IEx.Helpers.nl([$N], Enum); told",
        "[{:\"rust@127.0.0.1\", :error, :sticky_directory}]",
    );
}

#[test]
fn home() {
    let Some(stage) = stage() else { return };
    let info = "i = D.call($N, :info_callback, [nil, :shop]); s = i.system_info";
    stage.check(
        &format!("{info}; String.starts_with?(\"#{{s.banner}} [#{{s.system_architecture}}]\", \"Engset \")"),
        "true",
    );
    stage.check(
        &format!("{info}; Enum.map([s.elixir_version, s.phoenix_version, s.app_version], &to_string/1)"),
        "[\"None\", \"None\", \"7.1\"]",
    );
    stage.check(&format!("{info}; i.environment in [nil, []]"), "true");
    let usage = "u = D.call($N, :usage_callback, []); m = u.memory; {input, output} = u.io";
    stage.check(
        &format!("{info}; {usage}; for k <- [:atoms, :ports, :processes], do: u[k] / i.system_limits[k] < 1"),
        "[true, true, true]",
    );
    stage.check(
        &format!(
            "{usage}; {{u.total_run_queue - u.cpu_run_queue, is_integer(u.uptime), input > 0, output > 0}}"
        ),
        "{0, true, true, true}",
    );
    stage.check(
        &format!("{usage}; m.total == m.process + m.atom + m.binary + m.code + m.ets + m.other"),
        "true",
    );
    stage.check(
        "D.old($N, :usage_callback, []) |> Map.keys() == Map.keys(D.call($N, :usage_callback, []))",
        "true",
    );
}

#[test]
fn applications() {
    let Some(stage) = stage() else { return };
    let call = |args: &str| format!("D.call($N, :applications_info_callback, [{args}])");
    stage.check(
        &format!("a = {}; {{D.column(a, :name), elem(a, 1)}}", call("nil, :name, :asc, 50")),
        "{[:engset, :shop, :spare], 3}",
    );
    stage.check(
        &format!("a = {}; {{D.column(a, :name), elem(a, 1)}}", call("nil, :name, :desc, 2")),
        "{[:spare, :shop], 3}",
    );
    stage.check(&format!("D.column({}, :name) |> hd()", call("nil, :state, :asc, 50")), ":spare");
    stage.check(
        &format!("a = {}; {{a, D.column(a, :state)}} |> elem(1)", call("\"7.1\", :name, :asc, 50")),
        "[:started]",
    );
    stage.check(
        &call("\"begun\", :name, :asc, 50"),
        "{[[name: :spare, description: \"not begun\", version: \"\", state: :loaded, tree?: false]], 1}",
    );
    let tree = "{{:master, _, []}, [{{:supervisor, top, :shop_sup}, []}]} = D.call($N, :app_tree_callback, [:shop]); node(top) == $N";
    stage.check(tree, "true");
    stage.check(
        "{D.call($N, :app_tree_callback, [:spare]), D.call($N, :app_tree_callback, [:none])}",
        "{:error, :error}",
    );
}

/// What is sorted by reductions is what was done since the last answer, also of processes that this did not show.
#[test]
fn processes() {
    let Some(stage) = stage() else { return };
    let first = "{rows, count, seen} = D.processes($N, nil, :reductions_diff, 2)";
    stage.check(&format!("{first}; {{length(rows), count > 5, map_size(seen) == count}}"), "{2, true, true}");
    let again = "counter = :erpc.call($N, :erlang, :whereis, [:counter]); for _ <- 1..50, do: GenServer.call(counter, :get); \
        {_, _, seen} = D.processes($N, nil, :memory, 1); {rows, _, _} = D.processes($N, \"counter\", :reductions_diff, 50, seen); \
        [row] = rows; {row[:pid] == counter, row[:reductions] >= 50, row[:reductions_diff] < 50}";
    stage.check(again, "{true, true, true}");
    let by_pid = "text = :erpc.call($N, :erlang, :pid_to_list, [:erpc.call($N, :erlang, :whereis, [:counter])]) |> to_string(); \
        D.column(D.processes($N, text, :memory, 9), :name_or_initial_call)";
    stage.check(by_pid, "[\":counter\"]");
    let columns = "{[row | _], _, _} = D.processes($N, nil, :message_queue_len, 9); {m, f, a} = row[:current_function]; \
        {is_pid(row[:pid]), is_binary(row[:name_or_initial_call]), is_integer(row[:memory]), row[:message_queue_len], is_binary(Exception.format_mfa(m, f, a))}";
    stage.check(columns, "{true, true, true, 0, true}");
}

#[test]
fn the_window_of_a_process() {
    let Some(stage) = stage() else { return };
    let info = "pid = :erpc.call($N, :erlang, :whereis, [:counter]); {:ok, info} = D.call(node(pid), :process_info_callback, [pid])";
    let items = "[:initial_call, :registered_name, :label, :current_function, :status, :message_queue_len, :links, :monitors, \
        :monitored_by, :trap_exit, :error_handler, :priority, :group_leader, :total_heap_size, :heap_size, :stack_size, \
        :reductions, :garbage_collection, :suspending, :current_stacktrace, :ancestors]";
    stage.check(&format!("{info}; {items} -- Keyword.keys(info)"), "[]");
    stage
        .check(&format!("{info}; is_binary(Exception.format_stacktrace(info[:current_stacktrace]))"), "true");
    stage.check(
        &format!("{info}; {{m, f, a}} = info[:current_function]; Exception.format_mfa(m, f, a)"),
        "\":gen_server.loop/7\"",
    );
    let struct_of = "Map.keys(Map.from_struct(info[:group_leader]))";
    stage.check(
        &format!("{info}; {{info[:group_leader].__struct__, {struct_of}}}"),
        "{Phoenix.LiveDashboard.SystemInfo.ProcessDetails, [:initial_call, :name_or_initial_call, :pid]}",
    );
    // The button *Kill process* is an exit signal; a window of one that is gone says so.
    let killed = "pid = :erpc.call($N, :erlang, :whereis, [:counter]); ref = Process.monitor(pid); Process.exit(pid, :kill); \
        receive do {:DOWN, ^ref, _, _, why} -> {why, D.call(node(pid), :process_info_callback, [pid])} after 5000 -> :nothing end";
    stage.check(killed, "{:killed, :error}");
}

/// Pages of what a node of ours has not are empty, and a window of such a thing says that it is gone.
#[test]
fn ports_sockets_and_tables() {
    let Some(stage) = stage() else { return };
    let pages = "for page <- [:ports_callback, :sockets_callback, :ets_callback], do: D.call($N, page, [nil, :memory, :desc, 50])";
    stage.check(pages, "[{[], 0}, {[], 0}, {[], 0}]");
    let windows = "for one <- [:port_info_callback, :socket_info_callback, :ets_info_callback], do: D.call($N, one, [make_ref()])";
    stage.check(windows, "[:error, :error, :error]");
}

#[test]
fn memory_allocators() {
    let Some(stage) = stage() else { return };
    let shown = "{rows, state} = D.call($N, :memory_allocators_callback, [nil]); {again, _} = D.call($N, :memory_allocators_callback, [state])";
    let numbers = "for(row <- again, do: row.block_size <= row.carrier_size and row.carrier_size <= row.max_carrier_size)";
    stage.check(
        &format!("{shown}; {{Enum.map(rows, & &1.name), {numbers}}}"),
        "{[:total, :eheap_alloc], [true, true]}",
    );
}
