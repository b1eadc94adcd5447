//! `Phoenix.LiveDashboard.SystemInfo`: what Phoenix's dashboard asks the node that it shows. A node of Erlang that does
//! not have the module is sent its code; here the functions are there from the start, in the forms of its versions 0.5 to
//! 0.8, and the code that is sent is refused (`code.rs`). The environment is not shown.

use super::{Functions, Raise, RemoteCall, application, appmon, facts};
use crate::node::Node;
use engset_otp::application::AppInfo;
use engset_process::{Behaviour, ProcessInfo};
use engset_term::{Map, Pid, Term};

const MODULE: &str = "Elixir.Phoenix.LiveDashboard.SystemInfo";
/// So many processes are shown at most, however many are asked for.
const SHOWN_MAX: usize = 10_000;
/// Of so many processes the dashboard is given the reductions, which it sends back to be told what has been done since.
const REMEMBERED_MAX: usize = 100_000;

pub(super) fn allow(functions: &Functions) {
    for arity in [0, 1] {
        functions.allow(MODULE, "capabilities_callback", arity, capabilities);
    }
    // Which repositories of Ecto run here.
    functions.allow("Elixir.Ecto.Repo", "all_running", 0, |_| async { Ok(Term::Nil) });
    for arity in [1, 2] {
        functions.allow(MODULE, "info_callback", arity, info);
    }
    functions.allow(MODULE, "usage_callback", 0, |call| async move { Ok(usage(&call)) });
    for arity in [4, 5] {
        functions.allow(MODULE, "processes_callback", arity, |call| async move { processes(&call) });
    }
    functions.allow(MODULE, "process_info_callback", 1, |call| async move { process_in_detail(&call) });
    functions.allow(MODULE, "process_info_callback", 2, |call| async move { process(&call) });
    functions.allow(MODULE, "applications_info_callback", 4, applications);
    for name in ["ports_callback", "sockets_callback", "ets_callback"] {
        functions.allow(MODULE, name, 4, |_| async { Ok(Term::tuple([Term::Nil, Term::from(0)])) });
    }
    // Of one that is gone, as all are here.
    for name in ["port_info_callback", "socket_info_callback", "ets_info_callback"] {
        functions.allow(MODULE, name, 1, |_| async { Ok(Term::atom("error")) });
    }
    functions.allow(MODULE, "app_tree_callback", 1, app_tree);
    functions.allow(MODULE, "memory_allocators_callback", 1, |call| async move { Ok(allocators(&call)) });
}

fn map<const N: usize>(pairs: [(&'static str, Term); N]) -> Term {
    Term::map(pairs.map(|(key, value)| (Term::atom(key), value)))
}

/// Which of the dashboard's pages there is something for. No dashboard runs here: its pages of metrics and requests need
/// processes of its own on the node that they show, and are left out of the menu then. The code that it sends in that
/// case is refused.
async fn capabilities(call: RemoteCall) -> Result<Term, Raise> {
    let node = call.node();
    let required = call.args().first().and_then(Term::as_proper_list).unwrap_or_default();
    let required = |kind: &'static str| {
        required.iter().filter_map(move |pair| match pair.as_tuple()? {
            [of, name] if of.is_atom(kind) => name.as_atom().cloned(),
            _ => None,
        })
    };
    let running = application::running(node).await;
    let applications = required("application").filter(|name| running.iter().any(|app| app.name == *name));
    let modules = required("module").filter(|name| node.functions().has_module(name));
    let processes = required("process").filter(|name| node.processes().whereis(name).is_some());
    Ok(map([
        ("dashboard", Term::atom("nil")),
        ("dashboard_running?", Term::atom("false")),
        ("system_info", Term::atom("nil")),
        ("os_mon", Term::atom("nil")),
        ("applications", Term::list(applications.map(Term::Atom))),
        ("modules", Term::list(modules.map(Term::Atom))),
        ("processes", Term::list(processes.map(Term::Atom))),
    ]))
}

async fn info(call: RemoteCall) -> Result<Term, Raise> {
    let app = application::loaded(call.node()).await;
    let app =
        app.into_iter().find(|app| call.args().get(1).is_some_and(|name| name.is_atom(app.name.as_str())));
    let item = |item| facts::system_info(call.node(), &Term::atom(item)).unwrap_or(Term::atom("nil"));
    let version = || Term::string(env!("CARGO_PKG_VERSION"));
    let none = || Term::string("None");
    let system = [
        ("banner", item("system_version")),
        ("elixir_version", none()),
        ("phoenix_version", none()),
        ("dashboard_version", none()),
        ("app_version", app.map_or_else(none, |app| Term::string(&app.version))),
        ("engset_version", version()),
        ("system_architecture", item("system_architecture")),
    ];
    let limits = [
        ("atoms", item("atom_limit")),
        ("ports", item("port_limit")),
        ("processes", item("process_limit")),
        ("ets", item("ets_limit")),
    ];
    Ok(map([
        ("system_info", map(system)),
        ("app_versions", map([])),
        ("system_limits", map(limits)),
        ("system_usage", usage(&call)),
        ("environment", Term::Nil),
    ]))
}

fn usage(call: &RemoteCall) -> Term {
    let node = call.node();
    let item = |item| facts::system_info(node, &Term::atom(item)).unwrap_or_else(|| Term::from(0));
    // Taken once: the dashboard shows the difference, which is never less than nothing.
    let queued = facts::statistics(node, &Term::atom("run_queue")).unwrap_or_else(|| Term::from(0));
    let memory = facts::memory(node);
    let bytes = |kind| {
        let found = memory.iter().find(|(name, _)| *name == kind);
        Term::from(found.map_or(0, |(_, bytes)| *bytes))
    };
    let memory = [
        ("total", bytes("total")),
        ("process", bytes("processes")),
        ("atom", bytes("atom")),
        ("binary", bytes("binary")),
        ("code", bytes("code")),
        ("ets", bytes("ets")),
        ("other", Term::from(0)),
    ];
    let (input, output) = node.bytes();
    map([
        ("atoms", item("atom_count")),
        ("ports", item("port_count")),
        ("processes", item("process_count")),
        ("ets", item("ets_count")),
        ("io", Term::tuple([facts::number(input), facts::number(output)])),
        ("uptime", facts::number(node.processes().scheduler().now().as_nanos() / 1_000_000)),
        ("memory", map(memory)),
        ("total_run_queue", queued.clone()),
        ("cpu_run_queue", queued),
    ])
}

/// `[Search, SortBy, SortDirection, Limit]`, and the reductions of the last answer in newer versions.
fn processes(call: &RemoteCall) -> Result<Term, Raise> {
    let (wanted, rest) = Wanted::of(call.args())?;
    let before = rest.first().and_then(Term::as_map);
    let node = call.node();
    let infos = node.processes().pids().into_iter().filter_map(|pid| node.processes().info(pid));
    let mut found: Vec<ProcessInfo> =
        infos.filter(|info| wanted.has(&[&shown(node, info), &facts::pid_string(info.pid)])).collect();
    let count = found.len();
    // What the next answer compares with is what all have done, also those that are not shown this time.
    let reductions = found.iter().take(REMEMBERED_MAX);
    let reductions = reductions.map(|info| (Term::Pid(info.pid), facts::number(info.reductions)));
    let reductions = (!rest.is_empty()).then(|| Term::map(reductions));
    let diff = |info: &ProcessInfo| reductions_since(before, info.pid, info.reductions);
    let key = |info: &ProcessInfo| match wanted.sort_by {
        "memory" => i64::try_from(info.memory).unwrap_or(i64::MAX),
        "message_queue_len" => i64::try_from(info.message_queue_len).unwrap_or(i64::MAX),
        _ => diff(info),
    };
    found.sort_by_key(|info| if wanted.ascending { key(info) } else { key(info).saturating_neg() });
    found.truncate(wanted.limit);
    let row = |info: &ProcessInfo| {
        let item = |item| facts::process_item(node, info, &Term::atom(item)).unwrap_or_else(|| Term::from(0));
        Term::list([
            facts::pair("pid", Term::Pid(info.pid)),
            facts::pair("name_or_initial_call", Term::string(&shown(node, info))),
            facts::pair("memory", item("memory")),
            facts::pair("reductions", item("reductions")),
            facts::pair("message_queue_len", item("message_queue_len")),
            facts::pair("current_function", item("current_function")),
            facts::pair("reductions_diff", Term::from(diff(info))),
        ])
    };
    let rows = Term::list(found.iter().map(row));
    Ok(Term::tuple([rows, facts::number(count)].into_iter().chain(reductions)))
}

/// What a process has done since the last answer. One that is not in it has begun since, and all of its reductions
/// count; where the last answer was full, it may as well have been left out, and none count.
fn reductions_since(before: Option<&Map>, pid: Pid, reductions: u64) -> i64 {
    let reductions = i64::try_from(reductions).unwrap_or(i64::MAX);
    let last = before.and_then(|before| before.get(&Term::Pid(pid))).and_then(Term::as_int);
    let unknown = || before.map_or(0, |before| if before.len() < REMEMBERED_MAX { 0 } else { reductions });
    reductions.saturating_sub(last.unwrap_or_else(unknown))
}

/// What the dashboard wants of a table: `[Search, SortBy, SortDirection, Limit]`.
struct Wanted<'a> {
    search: Option<String>,
    sort_by: &'a str,
    ascending: bool,
    limit: usize,
}

impl<'a> Wanted<'a> {
    /// With the arguments that follow.
    fn of(args: &'a [Term]) -> Result<(Self, &'a [Term]), Raise> {
        let [search, sort_by, direction, limit, rest @ ..] = args else { return Err(Raise::badarg()) };
        let search = search.to_text().filter(|_| !search.is_atom("nil")).map(|text| text.to_lowercase());
        let limit = limit.as_int().and_then(|limit| usize::try_from(limit).ok()).ok_or_else(Raise::badarg)?;
        let sort_by = sort_by.as_atom().map_or("", engset_term::Atom::as_str);
        let wanted =
            Self { search, sort_by, ascending: direction.is_atom("asc"), limit: limit.min(SHOWN_MAX) };
        Ok((wanted, rest))
    }

    /// Whether one of the texts has in it what is searched for.
    fn has(&self, texts: &[&str]) -> bool {
        let Some(search) = &self.search else { return true };
        texts.iter().any(|text| text.to_lowercase().contains(search))
    }
}

/// `{[[{name, Name}, {description, Text}, {version, Text}, {state, started | loaded}, {'tree?', Bool}]], Count}`.
async fn applications(call: RemoteCall) -> Result<Term, Raise> {
    let (wanted, _) = Wanted::of(call.args())?;
    let node = call.node();
    let running = application::running(node).await;
    let mut found = application::loaded(node).await;
    found.retain(|app| wanted.has(&[app.name.as_str(), &app.description, &app.version]));
    let count = found.len();
    let is_running = |app: &AppInfo| running.iter().any(|running| running.name == app.name);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    if wanted.sort_by == "state" {
        // `loaded` comes before `started`.
        found.sort_by_key(is_running);
    }
    if !wanted.ascending {
        found.reverse();
    }
    found.truncate(wanted.limit);
    let mut rows = Vec::new();
    for app in found {
        let is_running = is_running(&app);
        let has_tree = is_running && appmon::top(node, &app).await.is_some();
        rows.push(Term::list([
            facts::pair("name", Term::Atom(app.name)),
            facts::pair("description", Term::string(&app.description)),
            facts::pair("version", Term::string(&app.version)),
            facts::pair("state", Term::atom(if is_running { "started" } else { "loaded" })),
            facts::pair("tree?", Term::from(has_tree)),
        ]));
    }
    Ok(Term::tuple([Term::list(rows), facts::number(count)]))
}

/// What a process is called: its name, or what it began with, as Elixir prints them.
fn shown(node: &Node, info: &ProcessInfo) -> String {
    if let Some(name) = info.names.first() {
        let name = name.as_str();
        return match name.strip_prefix("Elixir.") {
            Some(module) => module.to_owned(),
            None => format!(":{name}"),
        };
    }
    let call = facts::process_item(node, info, &Term::atom("initial_call"));
    let parts = |term: &Term| match term.as_tuple()? {
        [module, function, arity] => {
            Some(format!("{}.{}/{arity}", module.as_atom()?.as_str(), function.as_atom()?.as_str()))
        }
        _ => None,
    };
    call.as_ref().and_then(parts).unwrap_or_default()
}

/// `{ok, [{Item, Value}]}`, or `error` for one that is gone.
fn process(call: &RemoteCall) -> Result<Term, Raise> {
    let pid: Pid = call.args().first().and_then(Term::as_pid).ok_or_else(Raise::badarg)?;
    let node = call.node();
    let Some(info) = node.processes().info(pid) else { return Ok(Term::atom("error")) };
    let usual: Vec<Term> = facts::USUAL_ITEMS.iter().map(|item| Term::atom(item)).collect();
    let items = call.args().get(1).and_then(Term::as_proper_list).unwrap_or(&usual);
    let values = items.iter().filter_map(|item| {
        let value = facts::process_item(node, &info, item)?;
        Some(Term::tuple([item.clone(), value]))
    });
    Ok(Term::tuple([Term::atom("ok"), Term::list(values)]))
}

/// The same in the form of newer versions, in which other processes are structs that say what they are called.
fn process_in_detail(call: &RemoteCall) -> Result<Term, Raise> {
    let pid: Pid = call.args().first().and_then(Term::as_pid).ok_or_else(Raise::badarg)?;
    let node = call.node();
    let Some(info) = node.processes().info(pid) else { return Ok(Term::atom("error")) };
    let all = |pids: &[Pid]| Term::list(pids.iter().map(|pid| details(node, *pid)));
    let monitored = info.monitors.iter().filter_map(|to| match to {
        engset_process::Dest::Pid(pid) => Some(details(node, *pid)),
        _ => None,
    });
    let leader = facts::process_item(node, &info, &Term::atom("group_leader")).and_then(|pid| pid.as_pid());
    let related = [
        ("links", all(&info.links)),
        ("monitors", Term::list(monitored)),
        ("monitored_by", all(&info.monitored_by)),
        ("ancestors", all(&info.ancestors)),
        ("group_leader", leader.map_or(Term::atom("nil"), |leader| details(node, leader))),
        ("label", info.label.as_deref().map_or(Term::atom("nil"), Term::string)),
    ];
    let related = related.into_iter().map(|(name, value)| facts::pair(name, value));
    let usual = facts::USUAL_ITEMS.into_iter().chain(["registered_name", "current_stacktrace"]);
    let usual = usual.filter(|item| !["links", "group_leader", "dictionary"].contains(item));
    let usual = usual.filter_map(|item| {
        let value = facts::process_item(node, &info, &Term::atom(item))?;
        Some(facts::pair(item, value))
    });
    Ok(Term::tuple([Term::atom("ok"), Term::list(related.chain(usual))]))
}

/// A process as a struct of the dashboard's; of one of another node only the pid is known.
fn details(node: &Node, pid: Pid) -> Term {
    let info = node.processes().info(pid);
    let nil = || Term::atom("nil");
    let call = |info: &ProcessInfo| facts::process_item(node, info, &Term::atom("initial_call"));
    map([
        ("__struct__", Term::atom("Elixir.Phoenix.LiveDashboard.SystemInfo.ProcessDetails")),
        ("pid", Term::Pid(pid)),
        ("name_or_initial_call", info.as_ref().map_or_else(nil, |info| Term::string(&shown(node, info)))),
        ("initial_call", info.as_ref().and_then(call).unwrap_or_else(nil)),
    ])
}

/// `{{master, Pid, []}, [{{supervisor, Pid, Name}, [...]}]}`, or `error` for an application that does not run.
async fn app_tree(call: RemoteCall) -> Result<Term, Raise> {
    let node = call.node();
    let name = call.args().first().ok_or_else(Raise::badarg)?;
    let Some(drawing) = appmon::draw(node, name).await else { return Ok(Term::atom("error")) };
    let shown = |kind: &'static str, pid, name, below: Vec<Term>| {
        Term::tuple([facts::triple([Term::atom(kind), Term::Pid(pid), name]), Term::list(below)])
    };
    let (top, master) = drawing.top();
    let tree = drawing.nested(|pid, below| {
        let info = node.processes().info(pid);
        let is_supervisor = info.as_ref().is_some_and(|info| info.behaviour == Some(Behaviour::Supervision));
        let name = info.as_ref().and_then(|info| info.names.first()).cloned().map(Term::Atom);
        let label = || info.as_ref().and_then(|info| info.label.as_deref()).map(Term::string);
        let name = name.or_else(label).unwrap_or(Term::Nil);
        shown(if is_supervisor { "supervisor" } else { "worker" }, pid, name, below)
    });
    Ok(shown("master", master.unwrap_or(top), Term::Nil, vec![tree]))
}

/// `{[#{name, block_size, carrier_size, max_carrier_size}], #{Name => Max}}`, given the largest sizes until now: those
/// of processes, and the same in all.
fn allocators(call: &RemoteCall) -> Term {
    let memory = facts::memory(call.node());
    let bytes = memory.iter().find(|(kind, _)| *kind == "processes").map_or(0, |(_, bytes)| *bytes);
    let before = call.args().first().and_then(Term::as_map);
    let largest = |name| {
        let before = before.and_then(|before| before.get(&Term::atom(name))).and_then(Term::as_int);
        before.map_or(bytes, |before| before.max(bytes))
    };
    let names = ["total", "eheap_alloc"];
    let shown = names.map(|name| {
        let (bytes, largest) = (Term::from(bytes), Term::from(largest(name)));
        map([
            ("name", Term::atom(name)),
            ("block_size", bytes.clone()),
            ("carrier_size", bytes),
            ("max_carrier_size", largest),
        ])
    });
    let largest = names.map(|name| (name, Term::from(largest(name))));
    Term::tuple([Term::list(shown), map(largest)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_counts_unless_more_were_there_than_are_remembered() {
        let pid =
            |number: usize| Pid::new(engset_term::NodeName::NONODE, u32::try_from(number).unwrap_or(0), 0, 0);
        let before =
            |many: usize| Term::map((0..many).map(|number| (Term::Pid(pid(number)), Term::from(10))));
        let since = |before: &Term, number| reductions_since(before.as_map(), pid(number), 30);
        let full = before(REMEMBERED_MAX);
        assert_eq!((since(&full, 0), since(&full, REMEMBERED_MAX)), (20, 0));
        let almost = before(REMEMBERED_MAX - 1);
        assert_eq!((since(&almost, 0), since(&almost, REMEMBERED_MAX)), (20, 30));
        assert_eq!(reductions_since(None, pid(0), 30), 30);
    }
}
