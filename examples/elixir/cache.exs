# The Elixir side of the example `elixir_cache`: nothing here knows that the cache is written in Rust.
# Each `=` is a check: where the values do not match, the script ends with an error.

defmodule Successor do
  @doc "The pid of the supervisor's only child, once it is another than `old`."
  def of(old, supervisor, tries \\ 100)

  def of(old, supervisor, tries) when tries > 0 do
    case Supervisor.which_children(supervisor) do
      [{_id, pid, :worker, _modules}] when is_pid(pid) and pid != old ->
        pid

      _not_yet ->
        Process.sleep(20)
        of(old, supervisor, tries - 1)
    end
  end
end

defmodule Down do
  @doc "Waits until the monitored process ends; why it did."
  def reason(monitor) do
    receive do
      {:DOWN, ^monitor, :process, _pid, reason} -> reason
    after
      5_000 -> exit(:still_running)
    end
  end
end

rust = :"rust@127.0.0.1"
cache = {:cache, rust}
supervisor = {:cache_supervisor, rust}

:ok = GenServer.call(cache, {:put, "colour", :blue})
:ok = GenServer.call(cache, {:put, {:user, 7}, %{name: "Ada", tags: ["a", 1.5]}})
{:ok, :blue} = GenServer.call(cache, {:fetch, "colour"})
{:ok, %{name: "Ada", tags: ["a", 1.5]} = user} = GenServer.call(cache, {:fetch, {:user, 7}})
IO.puts("elixir: the cache keeps any term: #{inspect(user)}")

true = GenServer.call(cache, {:delete, {:user, 7}})
{:error, :not_found} = GenServer.call(cache, {:fetch, {:user, 7}})
IO.puts("elixir: what was deleted is not found")

# A request that the server does not know fails the call, not the server.
{:bad_request, why} =
  try do
    GenServer.call(cache, {:explode, 1})
  catch
    :exit, {reason, _call} -> reason
  end

IO.puts("elixir: a bad request is refused: #{why}")

first = Successor.of(nil, supervisor)
monitor = Process.monitor(first)
IO.puts("elixir: the cache is #{inspect(first)}, kill it")
Process.exit(first, :kill)

:killed = Down.reason(monitor)
IO.puts("elixir: the monitor says that it was killed")

second = Successor.of(first, supervisor)
IO.puts("elixir: its supervisor has started #{inspect(second)}")
{:error, :not_found} = GenServer.call(cache, {:fetch, "colour"})
:ok = GenServer.call(cache, {:put, "colour", :green})
{:ok, :green} = GenServer.call(cache, {:fetch, "colour"})
:ok = GenServer.cast(cache, :clear)
{:error, :not_found} = GenServer.call(cache, {:fetch, "colour"})
%{active: 1, specs: 1} = Supervisor.count_children(supervisor)
IO.puts("elixir: under the same name, empty, and at work")
