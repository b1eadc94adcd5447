//! Lists, files and EPMD, with live Erlang nodes.

use crate::peers::{Seeker, node};
use crate::stage::start_beam;
use engset::discover::{
    Candidate, Change, Discovery, DiscoveryConfig, Epmd, HostsFile, Next, Snapshot, StartDiscoveryError,
    StaticList, Strategy,
};
use engset::{Node, Scheduler, Term};
use engset_testkit::{Beam, free_port, require_erl};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(100);

/// The hidden nodes that the BEAM knows, as soon as there are some: it notes a connection after we do.
fn hidden(beam: &Beam) -> String {
    let look = "Look = fun Look(0) -> []; Look(Left) -> case nodes(hidden) of \
                [] -> receive after 10 -> Look(Left - 1) end; Found -> Found end end, Look(500).";
    beam.eval(look).unwrap()
}

#[test]
fn a_listed_erlang_node_is_connected_and_again_after_it_died() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    // Discovery is first: the list names a node that is not there yet.
    let seeker =
        Seeker::new("seeker@127.0.0.1", port, StaticList::new(["late@127.0.0.1", "seeker@127.0.0.1"]));
    seeker.wait(|change| matches!(change, Change::NotReached { error, .. } if error.contains("late")));
    let beam = start_beam("late", port);
    seeker.connected("late@127.0.0.1");
    assert_eq!(hidden(&beam), "['seeker@127.0.0.1']");
    beam.kill();
    seeker.lost("late@127.0.0.1");
    let beam = start_beam("late", port);
    seeker.connected("late@127.0.0.1");
    assert_eq!(hidden(&beam), "['seeker@127.0.0.1']");
    let refused = &seeker.discovering.report().refused[0];
    assert_eq!((&*refused.what, &*refused.why), ("seeker@127.0.0.1", "it is this node itself"));
}

#[test]
fn two_nodes_find_each_other_by_a_list() {
    let port = free_port().unwrap();
    let list = || StaticList::new(["a@127.0.0.1", "b@127.0.0.1"]);
    let a = Seeker::new("a@127.0.0.1", port, list());
    let b = Seeker::new("b@127.0.0.1", port, list());
    a.connected("b@127.0.0.1");
    b.connected("a@127.0.0.1");
}

#[test]
fn epmd_tells_of_live_erlang_nodes_and_a_filter_chooses() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let epmd = Epmd::new(["127.0.0.1"]).epmd_tcp_port(port).names_with_prefix("shop").polling_interval(SOON);
    let seeker = Seeker::new("seeker@127.0.0.1", port, epmd);
    let _other = start_beam("other", port);
    let shop = start_beam("shop1", port);
    seeker.connected("shop1@127.0.0.1");
    assert_eq!(hidden(&shop), "['seeker@127.0.0.1']");
    let report = seeker.discovering.report();
    let refused = report.refused.iter().find(|refused| &*refused.what == "other@127.0.0.1").unwrap();
    assert_eq!(&*refused.why, "its name does not begin with shop");
}

#[test]
fn a_host_without_epmd_is_an_error_that_says_so() {
    let epmd = Epmd::new(["127.0.0.1"]).epmd_tcp_port(free_port().unwrap());
    let seeker = Seeker::new("seeker@127.0.0.1", free_port().unwrap(), epmd);
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    assert!(
        matches!(&change, Change::SourceFailed { error, .. } if error.contains("no EPMD answers")),
        "{change:?}"
    );
}

/// A file of its own, removed at the end.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("engset-discovery-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

#[test]
fn a_change_of_the_file_is_seen_and_a_broken_one_changes_nothing() {
    let port = free_port().unwrap();
    let (a, b) = (node("a@127.0.0.1", port), node("b@127.0.0.1", port));
    let file = Temporary::new("watched", "# none yet\n");
    let strategy = HostsFile::new(&file.0).watch_interval(SOON);
    let seeker = Seeker::new("seeker@127.0.0.1", port, strategy);
    file.write("a@127.0.0.1\n");
    seeker.connected("a@127.0.0.1");
    file.write(r#"["a@127.0.0.1", {"name": "b@127.0.0.1", "address": "127.0.0.1"}]"#);
    seeker.connected("b@127.0.0.1");
    file.write("[");
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    assert!(format!("{change:?}").contains("it is no JSON list of nodes"), "{change:?}");
    assert_eq!(seeker.discovering.report().known.len(), 2);
    // As it was before, so it is good again.
    file.write(r#"["a@127.0.0.1", {"name": "b@127.0.0.1", "address": "127.0.0.1"}]"#);
    seeker.wait(|change| matches!(change, Change::SourceBack { .. }));
    fs::remove_file(&file.0).unwrap();
    seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    file.write("b@127.0.0.1\n");
    seeker.wait(|change| matches!(change, Change::Gone { name } if &**name == "a@127.0.0.1"));
    assert_eq!(a.node().connected().len(), 1, "nobody was told to disconnect");
    assert_eq!(b.node().connected().len(), 1);
}

/// Makes `path` a pipe, so that the test says what the next read gives.
#[expect(clippy::disallowed_methods, reason = "the standard library makes no pipe with a name")]
fn pipe(path: &Path) {
    let next = path.with_extension("next");
    assert!(Command::new("mkfifo").arg(&next).status().unwrap().success());
    fs::rename(&next, path).unwrap();
}

/// A file that is being written in place shows another half at each look; none of them counts.
#[test]
fn nobody_is_let_go_by_a_file_that_is_half_written() {
    const WHOLE: &str = "a@127.0.0.1\nb@127.0.0.1\n";
    const LONGER: &str = "a@127.0.0.1\nb@127.0.0.1\nc@127.0.0.1\n";
    let port = free_port().unwrap();
    let (_a, _b) = (node("a@127.0.0.1", port), node("b@127.0.0.1", port));
    let file = Temporary::new("half", "");
    pipe(&file.0);
    let strategy = HostsFile::new(&file.0).watch_interval(SOON);
    let config = DiscoveryConfig { disconnect_gone: true, ..DiscoveryConfig::default() };
    let seeker = Seeker::with("seeker@127.0.0.1", port, strategy, config);
    let halves = [WHOLE, "", "a@127.0.0.1\nb@12", "a@127.0.0.1\n", WHOLE, "a@127.0.0.1\n", WHOLE];
    for text in halves {
        // Opened as soon as the strategy reads; its next read is of another pipe.
        let mut writer = fs::OpenOptions::new().write(true).open(&file.0).unwrap();
        pipe(&file.0);
        writer.write_all(text.as_bytes()).unwrap();
    }
    let mut writer = fs::OpenOptions::new().write(true).open(&file.0).unwrap();
    fs::remove_file(&file.0).unwrap();
    file.write(LONGER);
    writer.write_all(LONGER.as_bytes()).unwrap();
    drop(writer);
    seeker.wait(|change| match change {
        Change::Gone { .. } | Change::Lost { .. } | Change::SourceFailed { .. } => panic!("{change:?}"),
        Change::Found { name, .. } => &**name == "c@127.0.0.1",
        _ => false,
    });
    assert_eq!(seeker.discovering.report().known.len(), 3);
}

#[test]
fn hosts_erlang_leads_to_the_nodes_of_its_hosts() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let file = Temporary::new("hosts.erlang", "%% our hosts\n'127.0.0.1'.\n");
    let strategy = HostsFile::new(&file.0).watch_interval(SOON).polling_interval(SOON).epmd_tcp_port(port);
    let seeker = Seeker::new("seeker@127.0.0.1", port, strategy);
    let _beam = start_beam("world", port);
    seeker.connected("world@127.0.0.1");
}

#[test]
fn a_strategy_that_panics_is_told_of_and_what_it_found_stays() {
    struct Once(bool);
    impl Strategy for Once {
        fn source(&self) -> String {
            "once".to_owned()
        }

        fn next<'a>(&'a mut self, _clock: &'a Scheduler) -> Next<'a> {
            assert!(!self.0, "asked twice");
            self.0 = true;
            let candidates = vec![Candidate::named("a@127.0.0.1", "memory")];
            Box::pin(async { Ok(Snapshot { candidates, ..Snapshot::default() }) })
        }
    }
    let port = free_port().unwrap();
    let _a = node("a@127.0.0.1", port);
    let seeker = Seeker::new("seeker@127.0.0.1", port, Once(false));
    seeker.wait(|change| matches!(change, Change::SourceFailed { error, .. } if error.contains("crashed")));
    assert_eq!(seeker.discovering.report().known.len(), 1);
}

#[test]
fn a_node_without_a_name_is_told_to_have_one() {
    let node = Node::builder().workers(1).start().unwrap();
    let started = Discovery::new().with(StaticList::new(["a@h"])).start(&node);
    assert!(matches!(started, Err(StartDiscoveryError::NoName)));
}

#[test]
fn discovery_stops_when_told_and_connections_stay() {
    let port = free_port().unwrap();
    let a = node("a@127.0.0.1", port);
    let seeker = Seeker::new("seeker@127.0.0.1", port, StaticList::new(["a@127.0.0.1"]));
    seeker.connected("a@127.0.0.1");
    let before = seeker.node.processes().count();
    seeker.discovering.stop();
    let (pid, processes) = (seeker.discovering.pid(), seeker.node.processes().clone());
    let ended = seeker.node.block_on(move |mut cx| async move {
        cx.monitor(pid);
        cx.recv_timeout(Duration::from_secs(10)).await.is_some() && !processes.is_alive(pid)
    });
    assert_eq!(ended, Ok(true));
    // Its strategies end with it, a moment later.
    let begun = seeker.node.processes().scheduler().now();
    while seeker.node.processes().count() >= before {
        let took = seeker.node.processes().scheduler().now().saturating_duration_since(begun);
        assert!(took < Duration::from_secs(10), "processes of the discovery are left");
        std::thread::yield_now();
    }
    assert_eq!(a.node().connected().len(), 1);
}

/// Who is told by a peer that a node has come must not take it for connected, and dial it no more.
#[test]
fn peers_do_not_tell_discovery_who_is_connected() {
    let port = free_port().unwrap();
    let seeker = Seeker::new("seeker@127.0.0.1", port, StaticList::new(["ghost@127.0.0.1"]));
    seeker.wait(|change| matches!(change, Change::NotReached { .. }));
    let up = Term::parse("{nodeup,'ghost@127.0.0.1',[]}.").unwrap();
    let stranger = engset::Pid::new(engset::NodeName::new("stranger@127.0.0.1").unwrap(), 1, 1, 0);
    let processes = seeker.node.processes();
    let before = processes.counters().read().rejected;
    for from in [None, Some(stranger)] {
        let to = engset::Dest::Pid(seeker.discovering.pid());
        processes.deliver(from, &to, engset_etf::Body::of(&up).into_bytes().into());
    }
    let _ghost = node("ghost@127.0.0.1", port);
    seeker.connected("ghost@127.0.0.1");
    assert_eq!(processes.counters().read().rejected, before + 2);
}
