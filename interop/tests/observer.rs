//! OTP's observer, on an X server without a screen, shows an Engset node: every page, and windows of processes.
//!
//! The Erlang node reads the windows with wx's own functions. What it logs, and each dialog that observer opens, goes to a
//! process of its own, `spy`: at the end there must have been none.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "part of tests")]

mod stage;

use engset::application::{Application, Controller};
use engset::{Atom, Child, Cx, Restart, Supervisor, Term};
use engset_testkit::{Beam, Display, free_port, require_display, require_erl, require_module};
use stage::{COOKIE, RUST, Stage, start_canned};
use std::path::PathBuf;
use std::time::Duration;

const SHOP: Atom = Atom::from_static("shop");

/// What the test says in Erlang (what wx itself logs is of the test's making: it reads rows of lists that observer may be
/// filling anew): `Until` looks again and again for half a minute, `Show` opens a page, `Texts` are the texts
/// of a window and all in it, `Panel` is the process of a page.
const WORDS: &str = r#"
    Spy = spawn(fun() -> register(spy, self()), (fun Loop(Seen) -> receive
        {seen, To} -> To ! {seen, lists:reverse(Seen)}, Loop(Seen);
        {trace, _, call, {Mod, _, [_ | Args]}} -> Loop([{dialog, Mod, Args} | Seen]);
        {logged, Event} -> Loop([Event | Seen]) end end)([]) end),
    Log = fun(#{meta := #{domain := [wx]}}, _) -> ignore;
        (#{level := Level} = Event, _) -> case logger:compare_levels(Level, warning) of lt -> ignore; _ -> Spy ! {logged, Event} end, ignore end,
    ok = logger:add_primary_filter(spy, {Log, none}),
    {module, _} = code:ensure_loaded(wxMessageDialog),
    erlang:trace(all, true, [call, {tracer, Spy}]),
    true = erlang:trace_pattern({wxMessageDialog, new, '_'}, true, []) > 0,
    Until = fun(Look) -> End = erlang:monotonic_time(millisecond) + 30000, (fun Again() -> case catch Look() of
        true -> true;
        Other -> case erlang:monotonic_time(millisecond) > End of
            true -> {timeout, Other, whereis(observer)};
            false -> receive after 20 -> Again() end end end end)() end,
    Texts = fun All(W) -> Own = case wxWindow:getName(W) of
            "listCtrl" -> L = wx:typeCast(W, wxListCtrl), Columns = lists:seq(0, wxListCtrl:getColumnCount(L) - 1),
                [[wxListCtrl:getItemText(L, Row, [{col, Column}]) || Column <- Columns] || Row <- lists:seq(0, wxListCtrl:getItemCount(L) - 1)];
            "listBox" -> B = wx:typeCast(W, wxListBox), [wxListBox:getString(B, I) || I <- lists:seq(0, wxListBox:getCount(B) - 1)];
            "htmlWindow" -> [wxHtmlWindow:toText(wx:typeCast(W, wxHtmlWindow))];
            _ -> [wxWindow:getLabel(W)] end,
        Own ++ lists:append([All(C) || C <- wxWindow:getChildren(W)]) end,
    Has = fun(Part, Text) -> is_list(Text) andalso string:find(Text, Part) =/= nomatch end,
    Field = fun(Named, [Label, Value | Rest]) -> (fun Next(L, V, R) -> case {L, R} of
            {Named, _} -> V; {_, [W | Ws]} -> Next(V, W, Ws); _ -> none end end)(Label, Value, Rest) end,
    Where = fun(Process) -> rpc:call($N, erlang, whereis, [Process]) end,
    State = fun(P) -> tuple_to_list(lists:nth(2, sys:get_state(P))) end.
"#;

/// An Erlang node whose observer shows an Engset node.
struct Observed {
    stage: Stage,
    config: PathBuf,
    _display: Display,
}

impl Observed {
    /// Both nodes, with an application `shop` on ours; observer shows it. `None` where a program is not installed.
    fn new() -> Option<Self> {
        require_erl()?;
        let display = require_display()?;
        let epmd_tcp_port = free_port().unwrap();
        let node = start_canned(RUST, epmd_tcp_port, true);
        let started = node.block_on(|_cx| async {
            let shelf = || Supervisor::one_for_one().child(Child::named_process(name("shelf"), || rest));
            let shop = move |_: &_| {
                Supervisor::one_for_one().named(name("shop_sup")).child(Child::supervisor("shelves", shelf))
            };
            let apps = Controller::default().start().await.unwrap();
            apps.load(Application::supervisor(SHOP, shop).version("7.1")).await.unwrap();
            apps.start(SHOP, Restart::Temporary).await.unwrap();
        });
        started.unwrap();
        // What observer remembers of its windows goes there.
        let config =
            std::env::temp_dir().join(format!("engset-observer-{}-{epmd_tcp_port}", std::process::id()));
        let mut beam = Beam::builder().name("beam").cookie(COOKIE).epmd_port(epmd_tcp_port);
        beam =
            beam.env("XDG_CONFIG_HOME", &config).env("NO_AT_BRIDGE", "1").time_limit(Duration::from_secs(60));
        for (key, value) in display.envs() {
            beam = beam.env(key, value);
        }
        let stage = Stage { beam: beam.start().unwrap(), node, epmd_tcp_port };
        require_module(&stage.beam, "wx")?;
        require_module(&stage.beam, "observer_wx")?;
        let observed = Self { stage, config, _display: display };
        observed.begin();
        Some(observed)
    }

    /// Starts observer, and chooses our node in its menu.
    fn begin(&self) {
        self.stage.eval(WORDS);
        self.check("observer:start().", "ok");
        self.stage.eval(
            "observer ! {get_debug_info, self()}, {Env, Book} = receive {observer_debug, E, B, _} -> {E, B} end, wx:set_env(Env), \
             Panels = hd([L || L <- State(whereis(observer)), is_list(L), lists:keymember(pro_panel, 1, L)]), \
             Panel = fun(Page) -> {_, Object, _} = lists:keyfind(Page, 1, Panels), wx_object:get_pid(Object) end, \
             Show = fun(Title) -> [N] = [N || N <- lists:seq(0, wxNotebook:getPageCount(Book) - 1), wxNotebook:getPageText(Book, N) =:= Title], \
                wxNotebook:setSelection(Book, N), wxNotebook:getPage(Book, N) end, \
             Window = fun(Process) -> P = Where(Process), hd([Win || L <- State(Panel(pro_panel)), is_list(L), {Q, Win} <- L, Q =:= P]) end, \
             Page = fun(Process, Title) -> wx_object:get_pid(Window(Process)) ! {get_debug_info, self()}, receive {procinfo_debug, Nb} -> \
                [N] = [N || N <- lists:seq(0, wxNotebook:getPageCount(Nb) - 1), wxNotebook:getPageText(Nb, N) =:= Title], Texts(wxNotebook:getPage(Nb, N)) end end, \
             Facts = fun(Process, Names) -> [Field(Name ++ \":\", Page(Process, \"Process Information\")) || Name <- Names] end.",
        );
        self.check("net_adm:ping($N).", "pong");
        self.until(
            "Bar = observer_wx:get_menubar(), Menu = wxMenuBar:getMenu(Bar, wxMenuBar:findMenu(Bar, \"Nodes\")), \
             [Choice] = [wxMenuItem:getId(I) || I <- wxMenu:getMenuItems(Menu), wxMenuItem:getItemLabelText(I) =:= atom_to_list($N)], \
             observer ! {wx, Choice, Bar, [], {wxCommand, command_menu_selected, [], 0, 0}}, observer_wx:get_active_node() =:= $N",
        );
    }

    #[track_caller]
    fn check(&self, expression: &str, expected: &str) {
        self.stage.check(expression, expected);
    }

    /// Waits until the expression, which may bind variables of its own, is true.
    #[track_caller]
    fn until(&self, expression: &str) {
        self.stage.check(&format!("Until(fun() -> {expression} end)."), "true");
    }

    /// Waits until one of the texts, or of the rows of a list, on a page is so.
    #[track_caller]
    fn shows(&self, page: &str, row: &str) {
        self.stage.eval(&format!("Show(\"{page}\")."));
        self.until(&format!("lists:any(fun({row}) -> true; (_) -> false end, Texts(Show(\"{page}\")))"));
    }

    /// Waits until the page that shows now is one of our node, and says what rows its list has.
    #[track_caller]
    fn is_empty(&self, title: &str, panel: &str) {
        self.stage.eval(&format!("Show(\"{title}\")."));
        self.until(&format!(
            "lists:any(fun($N) -> true; ({{$N, true}}) -> true; (_) -> false end, State(Panel({panel})))"
        ));
        self.check(
            &format!("[Row || [_ | _] = Row <- Texts(Show(\"{title}\")), not is_integer(hd(Row))]."),
            "[]",
        );
    }

    /// Opens the window of a process by a double click on its row; `Facts` says then what its first page does, and `Page`
    /// the texts of a page.
    #[track_caller]
    fn double_click(&self, process: &str) {
        self.shows("Processes", &format!("[_, \"{process}\" | _]"));
        let click = format!(
            "[Grid] = [wx:typeCast(W, wxListCtrl) || W <- wxWindow:getChildren(Show(\"Processes\")), wxWindow:getName(W) =:= \"listCtrl\"], \
             [Row] = [R || R <- lists:seq(0, wxListCtrl:getItemCount(Grid) - 1), wxListCtrl:getItemText(Grid, R, [{{col, 1}}]) =:= \"{process}\"], \
             [Panel(pro_panel) ! {{wx, 0, Grid, [], {{wxList, Event, -1, -1, Row, 0, {{0, 0}}}}}} || Event <- [command_list_item_focused, command_list_item_activated]], true"
        );
        self.check(&format!("(fun() -> {click} end)()."), "true");
        self.until(&format!("is_tuple(Window({process}))"));
    }

    /// That observer is well, that nothing was logged on its node, and that it asked its user nothing.
    #[track_caller]
    fn is_well(&self) {
        self.check("[P || {P, _, _} <- Panels, not is_process_alive(Panel(P))].", "[]");
        self.check("observer_wx:get_active_node() =:= $N.", "true");
        self.check("spy ! {seen, self()}, receive {seen, Seen} -> Seen end.", "[]");
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.config).ok();
    }
}

const fn name(name: &'static str) -> Atom {
    Atom::from_static(name)
}

async fn rest(mut cx: Cx<Term>) {
    loop {
        cx.recv().await;
    }
}

/// `observer_SUITE` `basic`: every page, filled with what our node tells.
#[test]
fn basic() {
    let Some(observed) = Observed::new() else { return };
    let version = env!("CARGO_PKG_VERSION");
    observed.shows("System", &format!("\"{version}\""));
    observed.check("Field(\"System Version:\", Texts(Show(\"System\"))).", "\"25\"");
    observed.check("Field(\"Schedulers:\", Texts(Show(\"System\"))).", "\"2\"");
    observed.check(
        "[T || T <- Texts(Show(\"System\")), Has(\"undefined\", T) orelse Has(\"Not available\", T)].",
        "[]",
    );
    // Charts, over several intervals.
    observed.stage.eval("Show(\"Load Charts\").");
    observed.until("{N, _} = lists:nth(5, State(Panel(perf_panel))), N >= 4");
    observed.check("node(lists:nth(9, State(Panel(perf_panel)))) =:= $N.", "true");
    observed.check(
        "{_, Samples} = lists:nth(5, State(Panel(perf_panel))), #{memory := Memory, runq := Schedulers, io := Io} = queue:get_r(Samples), \
         {tuple_size(Memory), element(1, Memory) > 0, tuple_size(Schedulers), tuple_size(Io)}.",
        "{6,true,2,2}",
    );
    observed.check(
        "[element(10, Win) || Win <- lists:nth(6, State(Panel(perf_panel))), element(2, Win) =:= runq].",
        "[{[1,2],0}]",
    );
    // What makes them is a process like others.
    observed.shows("Processes", "[_, \"observer_backend:fetch_stats/2\" | _]");
    observed.stage.eval("Show(\"Memory Allocators\").");
    observed.until("{N, _} = lists:nth(7, State(Panel(allc_panel))), N >= 3");
    observed.shows("Memory Allocators", "[\"eheap_alloc\" | _]");
    // What a node of ours has not.
    observed.is_empty("Ports", "port_panel");
    observed.is_empty("Sockets", "sock_panel");
    observed.check("Field(\"Number of sockets:\", Texts(Show(\"Sockets\"))).", "\"0\"");
    observed.check("[T || T <- Texts(Show(\"Sockets\")), Has(\"Not Supported\", T)].", "[]");
    observed.is_empty("Table Viewer", "tv_panel");
    observed.shows("Trace Overview", "\"Start Trace\"");
    observed.is_well();
}

/// The trees of applications: ours, and what every node has.
#[test]
fn applications() {
    let Some(observed) = Observed::new() else { return };
    observed.shows("Applications", "\"shop\"");
    observed.shows("Applications", "\"engset\"");
    observed.stage.eval(
        "Choose = fun(App) -> Panel(app_panel) ! {wx, 0, none, [], {wxCommand, command_listbox_selected, App, 0, 0}} end, \
         Names = fun Of({Box, Below}) -> {element(4, element(6, Box)), [Of(B) || B <- Below]} end, \
         Tree = fun() -> [App] = [A || A <- State(Panel(app_panel)), is_tuple(A), element(1, A) =:= app], Names(element(2, App)) end.",
    );
    observed.stage.eval("Choose(\"shop\").");
    observed.until("{\"shop_sup\", [{\"<\" ++ _, [{\"shelf\", []}]}]} = Tree(), true");
    observed.stage.eval("Choose(\"engset\").");
    observed.until("{\"kernel_sup\", Below} = Tree(), lists:keymember(\"rex\", 1, Below)");
    // What runs outside of applications is below, by who started it; what is of another application is not.
    observed.check(
        "{_, Kernel} = Tree(), [lists:sort([Name || {Name, []} <- Workers]) || {\"<\" ++ _, Workers} <- Kernel, lists:keymember(\"counter\", 1, Workers)].",
        "[[\"counter\",\"echo\",\"sink\",\"source\",\"spawner\"]]",
    );
    observed.check("Flat = fun F({Name, Below}) -> [Name | lists:append([F(B) || B <- Below])] end, lists:member(\"shelf\", Flat(Tree())).", "false");
    // Who leaves the page leaves nothing behind.
    observed.check("Server = lists:nth(1, [P || P <- State(Panel(app_panel)), is_pid(P), node(P) =:= $N]), Watch = monitor(process, Server), is_reference(Watch).", "true");
    observed.stage.eval("Show(\"System\").");
    observed.check(
        "receive {'DOWN', Watch, process, Server, Reason} -> Reason after 10000 -> still_there end.",
        "normal",
    );
    observed.is_well();
}

/// `observer_SUITE` `process_win`: windows of a server, of a process without behaviour and of a supervisor.
#[test]
fn process_win() {
    let Some(observed) = Observed::new() else { return };
    // Rows as observer has them of an Erlang node.
    observed.shows("Processes", "[_, \"counter\", _, _, \"0\", \"gen_server:loop/7\"]");
    observed.shows("Processes", "[_, \"supervisor:default/1\" | _]");
    observed.double_click("counter");
    let facts = "[\"Registered Name\", \"Initial Call\", \"Current Function\", \"Status\", \"Message Queue Len\", \"Trap Exit\", \"GC Min Heap Size\", \"GC FullSweep After\"]";
    observed.check(
        &format!("Facts(counter, {facts})."),
        "[\"counter\",\"interop::canned::counter::Counter:init/1\",\"gen_server:loop/7\",\"waiting\",\"0\",\"false\",\"0 B\",\"0\"]",
    );
    observed.check("Field(\"Behaviour\", string:lexemes(hd([T || [_ | _] = T <- Page(counter, \"State\"), Has(\"Behaviour\", T)]), [$\\n, 32])).", "\"gen_server\"");
    observed.check("[Part || Part <- [\"Status for generic server counter\", \"running\", \"opaque\"], not lists:any(fun(T) -> Has(Part, T) end, Page(counter, \"State\"))].", "[]");
    observed.check("[Part || Part <- [\"$initial_call\", \"$ancestors\"], not lists:any(fun(T) -> Has(Part, T) end, Page(counter, \"Dictionary\"))].", "[]");
    observed.check(
        "[Row || [[_ | _] | _] = Row <- Page(counter, \"Stack Trace\")].",
        "[[\"gen_server:loop/7\",[]]]",
    );
    observed.check("lists:any(fun(T) -> Has(\"No messages\", T) end, Page(counter, \"Messages\")).", "true");
    observed.double_click("echo");
    observed.check("Facts(echo, [\"Registered Name\", \"Status\"]).", "[\"echo\",\"waiting\"]");
    observed.check(
        "lists:any(fun(T) -> Has(\"system messages may not be handled\", T) end, Page(echo, \"State\")).",
        "true",
    );
    observed.double_click("shop_sup");
    observed
        .check("Facts(shop_sup, [\"Initial Call\", \"Trap Exit\"]).", "[\"supervisor:default/1\",\"true\"]");
    observed.check(
        "lists:any(fun(T) -> Has(\"Status for generic server shop_sup\", T) end, Page(shop_sup, \"State\")).",
        "true",
    );
    observed.is_well();
}
