//! Erlang's own tools, run on a live Erlang node against an Engset node: observer's backend, etop, sys, erl_call.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the tools are programs; what is skipped is said"
)]

mod stage;

use engset::rpc::{self, RpcError, SpawnOn};
use engset::{Atom, Dest, NodeName, sys};
use engset_testkit::require_module;
use stage::{COOKIE, RUST, Stage};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn facts_about_the_node_and_its_processes() {
    let Some(stage) = Stage::new() else { return };
    stage.check("P = rpc:call($N, erlang, whereis, [counter]), node(P) =:= $N.", "true");
    stage.check("lists:member(P, rpc:call($N, erlang, processes, [])).", "true");
    stage.check("lists:member(counter, rpc:call($N, erlang, registered, [])).", "true");
    stage.check("rpc:call($N, erlang, process_info, [P, registered_name]).", "{registered_name,counter}");
    stage.check("{_, 1} = lists:keyfind(message_queue_len, 1, [{message_queue_len, 1} | []]), \
        [{status, S}, {message_queue_len, Q}] = rpc:call($N, erlang, process_info, [P, [status, message_queue_len]]), {S, Q}.", "{waiting,0}");
    stage.check("[K || {K, _} <- rpc:call($N, erlang, process_info, [P])].",
        "[registered_name,current_function,initial_call,status,message_queue_len,links,dictionary,trap_exit,error_handler,priority,group_leader,total_heap_size,heap_size,stack_size,reductions,garbage_collection,suspending]");
    stage.check(
        "{badrpc, {'EXIT', {badarg, _}}} = rpc:call($N, erlang, process_info, [P, no_item]), ok.",
        "ok",
    );
    stage.check(
        "rpc:call($N, erlang, process_info, [rpc:call($N, erlang, list_to_pid, [\"<0.99999.0>\"])]).",
        "undefined",
    );
    stage.check("rpc:call($N, erlang, list_to_pid, [rpc:call($N, erlang, pid_to_list, [P])]) =:= P.", "true");
    stage.check("rpc:call($N, erlang, is_process_alive, [P]).", "true");
    stage.check("[is_integer(rpc:call($N, erlang, memory, [T])) || T <- [total, processes]].", "[true,true]");
    stage.check("rpc:call($N, erlang, system_info, [process_limit]).", "1048576");
    stage.check("rpc:call($N, erlang, function_exported, [observer_backend, procs_info, 1]).", "true");
    stage.check("rpc:call($N, code, ensure_loaded, [observer_backend]).", "{module,observer_backend}");
    stage.check("rpc:call($N, code, ensure_loaded, [no_mod]).", "{error,nofile}");
    stage.check("element(1, hd(rpc:call($N, application, which_applications, []))).", "engset");
    stage.check("{badrpc, {'EXIT', {undef, _}}} = rpc:call($N, erlang, exit, [P, kill]), ok.", "ok");
}

/// The calls that observer makes for its pages, read as observer reads them.
#[test]
fn observer_backend() {
    let Some(stage) = Stage::new() else { return };
    stage.check("I = rpc:call($N, observer_backend, sys_info, []), [K || K <- [uptime, run_queue, io_input, schedulers_available, otp_release, version, alloc_info, process_count, atom_limit, port_limit, ets_limit, dist_buf_busy_limit, total, processes, ets], lists:keyfind(K, 1, I) =:= false].", "[]");
    stage.check("{_, In} = lists:keyfind(io_input, 1, I), In > 0.", "true");
    stage.check("L = spawn_link($N, observer_backend, procs_info, [self()]), receive {procs_info, L, Ps} -> {element(1, hd(Ps)), tuple_size(hd(Ps)), lists:any(fun(R) -> element(5, R) =:= counter end, Ps)} end.", "{etop_proc_info,8,true}");
    stage.check("F = spawn_link($N, observer_backend, fetch_stats, [self(), 50]), receive {stats, 1, [{1, A, T} | _], {{input, _}, {output, _}}, Mem} -> {A =< T, is_list(Mem)} end.", "{true,true}");
    stage.check("M = monitor(process, F), F ! stop, receive {'DOWN', M, _, _, R} -> R end.", "normal");
    stage.check("[rpc:call($N, observer_backend, F2, A2) || {F2, A2} <- [{get_port_list, []}, {get_socket_list, []}, {get_table_list, [ets, []]}]].", "[[],[],[]]");
    stage.check(
        "{error, Why} = rpc:call($N, observer_backend, get_table_list, [mnesia, []]), Why.",
        "\"Mnesia is not running on: rust@127.0.0.1\"",
    );
    stage.check("proplists:get_value(num_sockets, rpc:call($N, observer_backend, socket_info, [])).", "0");
    // observer divides the first size by the second.
    stage.check("[{eheap_alloc, [{instance, 0, [{mbcs, [{blocks_size, Size, _, _}, {carriers_size, Of, _, _}]}]}]}] = proplists:get_value(alloc_info, I), {Size > 0, Size =:= Of}.", "{true,true}");
    // observer's chart takes the last of the times for those of dirty schedulers.
    stage.check("S = fun(Item) -> rpc:call($N, erlang, system_info, [Item]) end, length(rpc:call($N, erlang, statistics, [scheduler_wall_time])) =:= S(schedulers) + S(dirty_cpu_schedulers).", "true");
    // etop's clock is a day's, not the node's own.
    stage.check("P = spawn_link($N, observer_backend, etop_collect, [self()]), receive {P, Info} -> abs(timer:now_diff(os:timestamp(), element(2, Info))) < 10000000 end.", "true");
}

/// What observer asks for the window of a process: who has no behaviour is asked nothing by `sys`, and the attributes of
/// the others' modules are looked up.
#[test]
fn process_window() {
    let Some(stage) = Stage::new() else { return };
    stage.eval("At = fun(Name) -> rpc:call($N, erlang, whereis, [Name]) end, Of = fun(Name) -> rpc:call($N, proc_lib, translate_initial_call, [At(Name)]) end.");
    stage.check("{Mod, init, 1} = Of(counter), Mod.", "'interop::canned::counter::Counter'");
    stage.check("rpc:call($N, Mod, module_info, [attributes]).", "[{behaviour,[gen_server]}]");
    stage.check(
        "rpc:call($N, proc_lib, initial_call, [At(counter)]) =:= {Mod, init, ['Argument__1']}.",
        "true",
    );
    stage.check("{status, _, {module, gen_server}, [_, running, _, [], [{header, _}, {data, _}, {data, [{\"State\", _}]}]]} = rpc:call($N, sys, get_status, [At(counter), 200]), ok.", "ok");
    stage.check("rpc:call($N, sys, get_state, [{counter, $N}]) =:= sys:get_state({counter, $N}).", "true");
    stage.check(
        "{Of(kernel_sup), rpc:call($N, supervisor, module_info, [attributes])}.",
        "{{supervisor,default,1},[{behaviour,[gen_server]}]}",
    );
    stage.check(
        "{Of(echo), rpc:call($N, proc_lib, initial_call, [At(echo)])}.",
        "{{proc_lib,init_p,5},false}",
    );
    // It does not understand it.
    stage.check("{badrpc, {'EXIT', {timeout, {sys, get_status, [Source, 200]}}}} = rpc:call($N, sys, get_status, [At(source), 200]), Source =:= At(source).", "true");
    stage.check("{badrpc, {'EXIT', {noproc, {sys, get_state, [nobody]}}}} = rpc:call($N, sys, get_state, [nobody]), ok.", "ok");
    stage.check("{badrpc, {'EXIT', {badarg, _}}} = rpc:call($N, sys, get_state, [self()]), ok.", "ok");
    stage
        .check("{badrpc, {'EXIT', {undef, _}}} = rpc:call($N, no_mod, module_info, [attributes]), ok.", "ok");
    stage.check(
        "lists:member({sys_info, 0}, rpc:call($N, observer_backend, module_info, [exports])).",
        "true",
    );
    stage.check("{garbage_collection, Gc} = rpc:call($N, erlang, process_info, [At(counter), garbage_collection]), [is_integer(proplists:get_value(K, Gc)) || K <- [min_heap_size, fullsweep_after]].", "[true,true]");
}

/// A node of ours has nothing to trace: who wants to is told so at once, and does not wait for it.
#[test]
fn tracing_is_refused() {
    let Some(stage) = Stage::new() else { return };
    if require_module(&stage.beam, "ttb").is_none() {
        return;
    }
    // `ttb` writes where its node stands.
    let folder = std::env::temp_dir().join(format!("engset-ttb-{}", stage.epmd_tcp_port));
    std::fs::create_dir(&folder).unwrap();
    stage.check(&format!("file:set_cwd(\"{}\").", folder.display()), "ok");
    stage.check("{error, {undef, _}} = dbg:tracer($N, port, dbg:trace_port(ip, 0)), ok.", "ok");
    // etop's own measuring of run times gives up too.
    stage.check(
        "{_, M} = spawn_monitor(fun() -> etop:start([{node, $N}, {port, 1}]) end), receive {'DOWN', M, _, _, {{badmatch, {error, Why}}, _}} -> Why after 10000 -> hangs end.",
        "econnrefused",
    );
    stage.check("dbg:stop().", "ok");
    stage.check("ttb:tracer([$N], [{file, {local, \"/nonexistent/trace\"}}, {shell, only}]).", "{ok,[]}");
    stage.check("ttb:p(rpc:call($N, erlang, whereis, [counter]), [s]).", "{error,no_match}");
    stage.check("ttb:stop(nofetch).", "stopped");
    assert!(stage.node.functions().counts().undefined >= 2);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// observer's Applications page.
#[test]
fn appmon_info() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "{ok, A} = rpc:call($N, appmon_info, start_link2, [self(), self(), []]), node(A) =:= $N.",
        "true",
    );
    stage.check("gen_server:cast(A, {self(), app_ctrl, $N, true, []}), receive {delivery, A, app_ctrl, _, Apps} -> [N2 || {_, N2, {N2, _, _}} <- Apps] end.", "[engset]");
    stage.check("gen_server:cast(A, {self(), app, engset, true, []}), receive {delivery, A, app, engset, {Root, Ps, Ls, _}} -> {Root, length(Ps) > 0, length(Ls) > 0, lists:member({\"kernel_sup\", \"rex\"}, Ls)} end.", "{\"kernel_sup\",true,true,true}");
    // Looked at again: a new process shows, and nothing is told where nothing changed.
    stage.check("gen_server:cast(A, {self(), app, engset, true, [{timeout, 100}]}), receive {delivery, A, app, engset, _} -> ok end, \
        exit(rpc:call($N, erlang, whereis, [pg]), kill), receive {delivery, A, app, engset, {_, Ps2, _, _}} -> length(Ps2) > 0 after 10000 -> timeout end.", "true");
    stage.check("gen_server:cast(A, {self(), app, engset, false, []}), gen_server:call(A, sync).", "ok");
    // Every name that a link speaks of is that of a process; a worker is below its supervisor, and that below the top.
    stage.check(
        "gen_server:cast(A, {self(), app, engset, true, []}), receive {delivery, A, app, engset, {_, Shown, Links, _}} -> ok end, \
            [L || {From, To} = L <- Links, not lists:keymember(From, 2, Shown) orelse not lists:keymember(To, 2, Shown)].",
        "[]",
    );
    stage.check("[Sup] = [From || {From, \"counter\"} <- Links], {lists:member({\"kernel_sup\", Sup}, Links), lists:member({Sup, \"echo\"}, Links)}.", "{true,true}");
    // A client that leaves the page says so.
    stage.check(
        "M = monitor(process, A), exit(A, normal), receive {'DOWN', M, _, _, R} -> R after 10000 -> timeout end.",
        "normal",
    );
}

/// The node's own processes are under supervisors, and what becomes of one that ends is OTP's.
#[test]
fn kernel_processes_are_supervised() {
    let Some(stage) = Stage::new() else { return };
    stage.check(
        "lists:sort([I || {I, P, _, _} <- supervisor:which_children({kernel_sup, $N}), is_pid(P)]).",
        "[global_name_server,init,kernel_safe_sup,logger_sup,net_sup,rex,user]",
    );
    stage.check(
        "[{_, Pg, worker, _}] = supervisor:which_children({kernel_safe_sup, $N}), node(Pg) =:= $N.",
        "true",
    );
    // pg comes back.
    stage.check("W = fun(Name) -> rpc:call($N, erlang, whereis, [Name]) end, Kill = fun(Name) -> Old = W(Name), M = monitor(process, Old), exit(Old, kill), receive {'DOWN', M, _, _, _} -> Old end end, \
        P1 = Kill(pg), (fun Wait() -> case W(pg) of P2 when is_pid(P2), P2 =/= P1 -> true; _ -> Wait() end end)().", "true");
    // rex does not: the node goes, as one of Erlang's does.
    stage.check("net_kernel:monitor_nodes(true, [{node_type, all}]), Kill(rex), receive {nodedown, N1, _} -> N1 =:= $N after 10000 -> timeout end.", "true");
    stage.check("net_adm:ping($N).", "pang");
}

/// etop itself, with its text output.
#[test]
fn etop() {
    let Some(stage) = Stage::new() else { return };
    if require_module(&stage.beam, "etop").is_none() {
        return;
    }
    stage.eval("file:delete(\"/tmp/none\"), Me = self(), Old = group_leader().");
    stage.eval("GL = spawn(fun F() -> receive {io_request, From, As, R} -> Me ! {io, R}, From ! {io_reply, As, case R of getopts -> [{encoding, unicode}]; {get_geometry, _} -> 100; {requests, _} -> ok; _ -> ok end}, F() end end).");
    stage.eval("E = spawn(fun() -> group_leader(GL, self()), etop:start([{node, $N}, {output, text}, {interval, 1}, {tracing, off}, {lines, 50}]) end).");
    stage.check(
        "Text = fun T({io, {put_chars, _, C}}) -> unicode:characters_to_list(C); \
             T({io, {put_chars, _, M2, F2, A2}}) -> unicode:characters_to_list(apply(M2, F2, A2)); \
             T({io, {requests, Rs}}) -> lists:append([T({io, R}) || R <- Rs]); T(_) -> [] end, \
         Seen = fun S(Acc) -> case string:find(Acc, \"counter\") of nomatch -> receive {io, _} = X -> S(Acc ++ Text(X)) after 10000 -> Acc end; _ -> seen end end, Seen([]).",
        "seen",
    );
    stage.eval("exit(E, kill).");
}

/// `sys` and `supervisor` on our processes.
#[test]
fn sys_and_supervisor() {
    let Some(stage) = Stage::new() else { return };
    stage.check("element(1, sys:get_status({counter, $N})).", "status");
    // The nesting that observer and others take apart, with atoms where OTP has them.
    stage.check(
        "{status, St, {module, gen_server}, [PDict, running, Parent, [], [{header, Header}, {data, Facts}, {data, [{\"State\", _}]}]]} = \
            sys:get_status({counter, $N}), {_, {Mod, init, 1}} = lists:keyfind('$initial_call', 1, PDict), \
            {St =:= rpc:call($N, erlang, whereis, [counter]), is_atom(Mod), is_pid(Parent), Header, proplists:get_value(\"Status\", Facts), \
            proplists:get_value(\"Parent\", Facts) =:= Parent, proplists:get_value(\"Logged events\", Facts)}.",
        "{true,true,true,\"Status for generic server counter\",running,true,[]}",
    );
    stage.check("sys:statistics({counter, $N}, true).", "ok");
    stage.check(
        "gen_server:call({counter, $N}, get), {ok, [{start_time, T0}, {current_time, T1}, {reductions, R}, {messages_in, In}, {messages_out, Out}]} = \
            sys:statistics({counter, $N}, get), Here = calendar:local_time(), Seconds = fun calendar:datetime_to_gregorian_seconds/1, \
            {T0 =< T1, abs(Seconds(Here) - Seconds(T1)) =< 60, is_integer(R), In, Out}.",
        "{true,true,true,1,1}",
    );
    stage.check(
        "{status, _, _, [_, _, _, [{statistics, {{{_, _, _}, {_, _, _}}, {reductions, _}, 1, _}}], _]} = sys:get_status({counter, $N}), sys:statistics({counter, $N}, false).",
        "ok",
    );
    stage.check("sys:get_state({counter, $N}).", "{opaque,<<\"interop::canned::counter::Counter\">>}");
    stage.check("catch sys:replace_state({counter, $N}, fun(S) -> S end), sys:get_state({counter, $N}) =:= sys:get_state({counter, $N}, 5000).", "true");
    // The other way round.
    stage.eval("register(server, proc_lib:spawn(fun() -> gen_server:enter_loop(error_handler, [], {state, 7}) end)).");
    let server = Dest::RemoteName(Atom::from_static("server"), NodeName::new("beam@127.0.0.1").unwrap());
    let state = stage.node.block_on(|_cx| async { sys::get_state(server).await });
    assert_eq!(state.unwrap().unwrap().to_string(), "{state,7}");
    // Those that every node has, too.
    let servers = "[rex, net_kernel, global_name_server, pg]";
    stage.check(
        &format!("[element(1, sys:get_status({{Name, $N}}, 10000)) || Name <- {servers}]."),
        "[status,status,status,status]",
    );
    stage.check("S = hd(element(2, rpc:call($N, erlang, process_info, [rpc:call($N, erlang, whereis, [counter]), links]))), lists:sort([I || {I, _, _, _} <- supervisor:which_children(S)]) =/= [].", "true");
    stage.check("proplists:get_value(workers, supervisor:count_children(S)) > 0.", "true");
    stage.check(
        "sys:suspend({counter, $N}), sys:resume({counter, $N}), gen_server:call({counter, $N}, get).",
        "0",
    );
}

/// `net_adm:names` and the calls of Phoenix LiveDashboard before it shows a page.
#[test]
fn names_and_live_dashboard() {
    let Some(stage) = Stage::new() else { return };
    stage.check("{ok, Ns} = net_adm:names('127.0.0.1'), lists:keymember(\"rust\", 1, Ns).", "true");
    stage.check(
        "{file, _} = erpc:call($N, code, is_loaded, ['Elixir.Phoenix.LiveDashboard.SystemInfo']), ok.",
        "ok",
    );
    stage.check("#{'dashboard_running?' := R} = erpc:call($N, 'Elixir.Phoenix.LiveDashboard.SystemInfo', capabilities_callback, [[]]), R.", "false");
    stage.check("#{system_info := _, system_limits := _, system_usage := _} = erpc:call($N, 'Elixir.Phoenix.LiveDashboard.SystemInfo', info_callback, [[], []]), ok.", "ok");
    stage.check("{Ps, Total, _} = erpc:call($N, 'Elixir.Phoenix.LiveDashboard.SystemInfo', processes_callback, [<<>>, memory, desc, 5, undefined]), {length(Ps), Total > 5}.", "{5,true}");
    // The forms of its version 0.8: processes are structs, applications are trees.
    stage.eval("D = fun(F, A) -> erpc:call($N, 'Elixir.Phoenix.LiveDashboard.SystemInfo', F, A) end, Count = rpc:call($N, erlang, whereis, [counter]).");
    stage
        .check("#{system_info := #{app_version := V}} = D(info_callback, [[], shop]), is_binary(V).", "true");
    stage.check(
        "{ok, Info} = D(process_info_callback, [Count]), [#{pid := Sup, initial_call := Call, name_or_initial_call := Name} | _] = proplists:get_value(ancestors, Info), \
            {lists:member(Sup, [L || #{pid := L} <- proplists:get_value(links, Info)]), Call, is_binary(Name), proplists:get_value(label, Info)}.",
        "{true,{supervisor,default,1},true,nil}",
    );
    stage.check("{{master, _, []}, [{{supervisor, _, kernel_sup}, Below}]} = D(app_tree_callback, [engset]), length([W || {{worker, _, rex} = W, []} <- Below]).", "1");
    stage.check("D(app_tree_callback, [nothing]).", "error");
    // Names as Elixir prints them.
    stage.check("Names = fun(Part) -> {Found, _, _} = D(processes_callback, [Part, memory, desc, 9, nil]), [proplists:get_value(name_or_initial_call, P) || P <- Found] end, {Names(<<\"counter\">>), Names(<<\"supervisor.def\">>)}.", "{[<<\":counter\">>],[<<\"supervisor.default/1\">>]}");
    stage.check(
        "{[#{name := total, block_size := Size} | _], Max} = D(memory_allocators_callback, [#{total => 1000000000}]), {Size > 0, maps:get(total, Max)}.",
        "{true,1000000000}",
    );
}

fn erl_call(stage: &Stage, args: &[&str]) -> Option<(bool, String)> {
    let mut command = Command::new("erl_call");
    command
        .env("ERL_EPMD_PORT", stage.epmd_tcp_port.to_string())
        .args(["-c", COOKIE, "-name", RUST])
        .args(args);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("skipped: erl_call: {error}");
            return None;
        }
    };
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), text))
}

/// `erl_call_SUITE` `smoke`, `random_cnode_name`.
#[test]
fn smoke() {
    let Some(stage) = Stage::new() else { return };
    let Some((ok, text)) = erl_call(&stage, &["-a", "canned echo [{a,[b,c]}]"]) else { return };
    assert!(ok && text.contains("{a, [b, c]}"), "{text}");
    let Some((ok, text)) = erl_call(&stage, &["-r", "-a", "erlang node"]) else { return };
    assert!(ok && text.contains(RUST), "{text}");
    let Some((_, text)) = erl_call(&stage, &["-a", "no_mod f []"]) else { return };
    assert!(text.contains("undef"), "{text}");
}

/// `erl_call_SUITE` `timeout`: a call that takes longer than erl_call waits; the node is none the worse.
#[test]
fn timeout() {
    let Some(stage) = Stage::new() else { return };
    let Some((ok, text)) = erl_call(&stage, &["-timeout", "1", "-a", "canned wait"]) else { return };
    assert!(!ok, "{text}");
    // The function waits yet, for a message that nobody will send.
    assert_eq!(stage.node.functions().running(), 1);
    let Some((ok, text)) = erl_call(&stage, &["-timeout", "20", "-a", "canned echo [in_time]"]) else {
        return;
    };
    assert!(ok && text.contains("in_time"), "{text}");
}

/// `erpc_SUITE` `call_against_ei_node`, `send_request_against_ei_node`: a node made with ei starts no processes for
/// others, and who calls it is told so at once, by either kind of node.
#[test]
fn call_against_ei_node() {
    let Some(stage) = Stage::new() else { return };
    let Some((_, _)) = erl_call(&stage, &["-a", "erlang node"]) else { return };
    let mut ei = Command::new("erl_call")
        .env("ERL_EPMD_PORT", stage.epmd_tcp_port.to_string())
        .args(["-c", COOKIE, "-name", RUST, "-h", "ei", "-a", "canned wait"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // It stays for as long as the function runs.
    let name = loop {
        match stage.node.node().connected().first() {
            Some((name, _)) if stage.node.functions().running() > 0 => break *name,
            _ => std::thread::yield_now(),
        }
    };
    assert!(name.text().starts_with("ei@"), "{name}");
    let answers = stage.node.block_on(move |_| async move {
        let called = rpc::call(name, "erlang", "node", []).no_timeout().await;
        let many = rpc::multicall([name], "erlang", "node", []).await;
        let spawned = rpc::spawn_on(name, "erlang", "node", [], SpawnOn::default()).await;
        (called, many, spawned.map(drop))
    });
    let (called, many, spawned) = answers.unwrap();
    assert_eq!(called, Err(RpcError::Unreachable));
    assert_eq!(many, [(name, Err(RpcError::Unreachable))]);
    assert_eq!(spawned, Err(RpcError::Unreachable));
    assert!(stage.node.node().connected().iter().any(|(peer, _)| *peer == name), "the connection is kept");
    ei.kill().unwrap();
    ei.wait().unwrap();
}

/// `erl_call_SUITE` `test_fetch_stdout`.
#[test]
fn test_fetch_stdout() {
    let Some(stage) = Stage::new() else { return };
    let Some((_, text)) = erl_call(&stage, &["-fetch_stdout", "-a", "canned print [\"seen_there\"]"]) else {
        return;
    };
    assert!(text.contains("seen_there"), "{text}");
}

/// `erl_call_SUITE` `test_connect_to_host_port`.
#[test]
fn test_connect_to_host_port() {
    let Some(stage) = Stage::new() else { return };
    let port = stage.eval("{port, P, _} = erl_epmd:port_please(\"rust\", {127,0,0,1}), P.");
    let command = Command::new("erl_call")
        .args(["-c", COOKIE, "-address", &format!("127.0.0.1:{port}"), "-a", "erlang node"])
        .output();
    let Ok(output) = command else { return };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(RUST), "{text}");
}

/// A remote shell is told on the user's terminal that this is no Erlang node.
#[test]
fn a_remote_shell_is_told_what_this_is() {
    let Some(stage) = Stage::new() else { return };
    // Erlang opens a remote shell on a terminal only; `script` makes one.
    let shell = format!(
        "timeout --foreground 20 erl -name shell@127.0.0.1 -setcookie {COOKIE} -hidden -remsh {RUST}"
    );
    let child = Command::new("script")
        .args(["-qfec", &shell, "/dev/null"])
        .env("ERL_EPMD_PORT", stage.epmd_tcp_port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return };
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("is no Erlang node")));
    // The terminal goes, and the shell with it.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(told.is_some(), "the terminal was told nothing");
}
