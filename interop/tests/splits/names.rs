//! Global names in a cluster whose network is cut and healed, with `prevent_overlapping_partitions` on and off
//! (`global_SUITE`).

use crate::cluster::{Cluster, PATIENCE, Views, poll};
use engset::global::Resolve;
use engset::{Cx, Mail, Node, Pid, Term};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, channel};

/// `Names` gives the names and holders that an Erlang node knows; `Until` waits until that is as expected, request by
/// request to the name server. Resolvers tell `judge` of each question, and keep the process of the lesser node.
const NAMES: &str = "register(judge, self()), \
    Names = fun() -> [{N, Show(global:whereis_name(N))} || N <- lists:sort(global:registered_names())] end, \
    Until = fun(Expected) -> Due = erlang:monotonic_time(millisecond) + 30000, \
      Again = fun A() -> gen_server:call(global_name_server, get_known), case Names() of Expected -> ok; Other -> \
        case erlang:monotonic_time(millisecond) > Due of true -> {still, Other}; false -> erlang:yield(), A() end end end, \
      Again() end, \
    Me = node(), \
    Resolver = fun(Name, P1, P2) -> {judge, Me} ! {asked, Name}, \
      case node(P1) < node(P2) of true -> exit(P2, kill), P1; false -> exit(P1, kill), P2 end end, \
    Asked = fun A() -> receive {asked, N} -> [N | A()] after 0 -> [] end end, ok.";

/// Who holds which name.
pub type Names = BTreeMap<String, String>;

/// A process of an Engset node that is told of conflicts.
pub struct Told {
    pub pid: Pid,
    conflicts: Receiver<Term>,
}

impl Told {
    pub fn on(node: &Node) -> Self {
        let (sender, conflicts) = channel();
        let pid = node.block_on(|cx| async move {
            let note = |mut cx: Cx<Term>| async move {
                while let Mail::Message(message) = cx.recv().await {
                    if sender.send(message).is_err() {
                        return;
                    }
                }
            };
            cx.spawn::<Term, _, _>(note).unwrap().pid()
        });
        Self { pid: pid.unwrap(), conflicts }
    }
}

impl Cluster {
    pub fn with_names(rust: usize, beams: usize, prevents_overlap: bool) -> Option<Self> {
        let cluster = Self::apart(rust, beams, prevents_overlap)?;
        cluster.connect_all();
        cluster.sync();
        Some(cluster)
    }

    /// Nodes that are not connected yet.
    pub fn apart(rust: usize, beams: usize, prevents_overlap: bool) -> Option<Self> {
        Some(Self::new(rust, beams, prevents_overlap)?.ready_for_names())
    }

    pub fn ready_for_names(self) -> Self {
        self.beams.iter().for_each(|beam| drop(self.eval(beam, NAMES)));
        self
    }

    pub fn sync(&self) {
        for beam in &self.beams {
            assert_eq!(self.eval(beam, "global:sync()"), "ok", "{}", beam.node_name());
        }
        for member in &self.rust {
            let global = member.node.global().clone();
            member.node.block_on(|_| async move { global.sync().await }).unwrap().unwrap();
        }
    }

    /// Gives a name to a new process of a node, and says which.
    #[track_caller]
    pub fn give(&self, names: &mut Names, at: &str, name: &'static str) {
        let shown = match self.rust(at) {
            Some(node) => {
                let told = Told::on(node);
                register(node, name, told.pid);
                told.pid.to_string()
            }
            None => {
                let register = format!(
                    "put({name}, Spawn()), yes = global:register_name({name}, get({name}), Resolver), Show(get({name}))"
                );
                self.eval(self.beam(at), &register).trim_matches('"').to_owned()
            }
        };
        names.insert(name.to_owned(), shown);
    }

    /// Waits until a node knows exactly these names and holders.
    #[track_caller]
    pub fn expect_names(&self, seen_by: &str, names: &Names) {
        match self.rust(seen_by) {
            Some(node) => {
                let (seen, is_so) = poll(node, PATIENCE, || names_at(node), |seen| seen == names);
                assert!(is_so, "{seen_by} knows {seen:?}, not {names:?}");
            }
            None => {
                let list: Vec<String> =
                    names.iter().map(|(name, pid)| format!("{{{name},{pid:?}}}")).collect();
                let until = format!("Until([{}])", list.join(","));
                assert_eq!(self.eval(self.beam(seen_by), &until), "ok", "{seen_by} waits for {names:?}");
            }
        }
    }

    #[track_caller]
    pub fn expect_names_everywhere(&self, names: &Names) {
        self.all().iter().for_each(|node| self.expect_names(node, names));
    }

    /// Waits until no two parts overlap and each node knows the names of its part alone, `given` by one node each.
    #[track_caller]
    fn expect_no_overlap(&self, lost: [&str; 2], given: &[(&str, &'static str)], names: &Names) {
        let look = || {
            let views = self.views();
            let known: BTreeMap<String, Names> =
                self.all().into_iter().map(|node| (node.clone(), self.names_of(&node))).collect();
            (views, known)
        };
        let is_whole = |(views, known): &(Views, BTreeMap<String, Names>)| {
            let agree = |(node, seen): (&String, &BTreeSet<String>)| {
                let kept = given.iter().filter(|(giver, _)| seen.contains(*giver)).map(|(_, name)| *name);
                seen.iter().all(|other| views[other] == *seen) && known[node] == only(names, kept)
            };
            !views[lost[0]].contains(lost[1]) && views.iter().all(agree)
        };
        let (seen, is_so) = poll(&self.rust[0].node, PATIENCE, look, is_whole);
        assert!(is_so, "parts overlap, or know names of others: {seen:?}");
    }

    /// Whether the process runs, asked at its node.
    pub fn is_alive(&self, shown: &str) -> bool {
        let node = self.all().into_iter().find(|node| shown.contains(&self.name(node))).unwrap();
        match self.rust(&node) {
            Some(rust) => rust.processes().pids().iter().any(|pid| pid.to_string() == shown),
            None => {
                let listed = format!("lists:any(fun(P) -> Show(P) =:= {shown:?} end, processes())");
                self.eval(self.beam(&node), &listed) == "true"
            }
        }
    }

    /// The names and holders that a node knows.
    pub fn names_of(&self, node: &str) -> Names {
        match self.rust(node) {
            Some(rust) => names_at(rust),
            None => {
                let listed =
                    "lists:append([io_lib:format(\"~w ~s \", [N, P]) || {N, P} <- Names(), P =/= undefined])";
                let listed = self.eval(self.beam(node), &format!("lists:flatten({listed})"));
                let words: Vec<&str> = listed.trim_matches('"').split_whitespace().collect();
                words.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
            }
        }
    }
}

pub fn names_at(node: &Node) -> Names {
    let global = node.global();
    let names = global.registered_names().into_iter();
    // A name that goes meanwhile is not there.
    names.filter_map(|name| Some((name.to_string(), global.whereis(name)?.to_string()))).collect()
}

#[track_caller]
pub fn register(node: &Node, name: &'static str, pid: Pid) {
    let global = node.global().clone();
    let registered = node.block_on(move |_| async move {
        global.register_with(Term::atom(name), pid, Resolve::RandomNotify).await
    });
    assert_eq!(registered.unwrap(), Ok(()), "{name}");
}

fn only<'n>(names: &Names, kept: impl IntoIterator<Item = &'n str>) -> Names {
    kept.into_iter().map(|name| (name.to_owned(), names[name].clone())).collect()
}

/// Two halves, each with one node of either kind: each forgets the names of the other, gives them anew, and one holder is
/// left of each when they meet, after one question.
#[test]
fn names_given_on_both_sides_of_a_split_are_resolved_once() {
    let Some(cluster) = Cluster::with_names(2, 2, true) else { return };
    let mut names = Names::new();
    let before = [("rust0", "r0"), ("rust1", "r1"), ("beam0", "b0"), ("beam1", "b1")];
    before.iter().for_each(|(node, name)| cluster.give(&mut names, node, name));
    cluster.expect_names_everywhere(&names);
    let halves: [&[&str]; 2] = [&["rust0", "beam0"], &["rust1", "beam1"]];
    cluster.split(&halves);
    cluster.expect_views(&halves);
    for (half, kept) in halves.iter().zip([["r0", "b0"], ["r1", "b1"]]) {
        half.iter().for_each(|node| cluster.expect_names(node, &only(&names, kept)));
    }
    // Each conflict once: of two Erlang nodes, of one each, and of two Engset nodes.
    let told: Vec<Told> = ["rust0", "rust0", "rust1", "rust1"]
        .iter()
        .map(|node| Told::on(cluster.rust(node).unwrap()))
        .collect();
    let mut sides = [Names::new(), Names::new()];
    for (name, side, node, by) in [
        ("bb", 0, "beam0", None),
        ("bb", 1, "beam1", None),
        ("rr", 0, "rust0", Some(0)),
        ("rr", 1, "rust1", Some(2)),
        ("rb", 0, "rust0", Some(1)),
        ("rb", 1, "beam1", None),
        ("br", 0, "beam0", None),
        ("br", 1, "rust1", Some(3)),
    ] {
        match by {
            None => cluster.give(&mut sides[side], node, name),
            Some(number) => {
                let told: &Told = &told[number];
                register(cluster.rust(node).unwrap(), name, told.pid);
                sides[side].insert(name.to_owned(), told.pid.to_string());
            }
        }
    }
    cluster.heal();
    cluster.connect_all();
    cluster.sync();
    for name in ["bb", "rr", "rb", "br"] {
        let held = names_at(cluster.rust("rust0").unwrap());
        let holder = held.get(name).unwrap_or_else(|| panic!("{name} is held by nobody"));
        assert!(sides.iter().any(|side| side[name] == *holder), "{name} is held by {holder}");
        names.insert(name.to_owned(), holder.clone());
    }
    cluster.expect_names_everywhere(&names);
    let mut decided: Vec<String> = Vec::new();
    for beam in &cluster.beams {
        let asked = cluster.eval(beam, "Asked()");
        let asked = asked.trim_matches(['[', ']']).split(',').filter(|name| !name.is_empty());
        decided.extend(asked.map(str::to_owned));
    }
    for (told, at) in told.iter().zip(["rr", "rb", "rr", "br"]) {
        decided.extend(told.conflicts.try_iter().map(|message| {
            assert!(message.to_string().contains(at), "{message}");
            at.to_owned()
        }));
    }
    decided.sort_unstable();
    assert_eq!(decided, ["bb", "br", "rb", "rr"], "each conflict is decided once");
}

/// Two of three nodes lose each other while the third has both: no two parts overlap afterwards. Each is the one that
/// has both in turn.
#[test]
fn partial_cuts_leave_no_parts_that_overlap() {
    for [one, other, third] in [["rust0", "rust1", "beam0"], ["rust0", "beam0", "beam1"]] {
        cut_each_pair([(one, "one"), (other, "other"), (third, "third")]);
    }
}

fn cut_each_pair(given: [(&str, &'static str); 3]) {
    let rust = given.iter().filter(|(node, _)| node.starts_with("rust")).count();
    let Some(cluster) = Cluster::with_names(rust, given.len() - rust, true) else { return };
    let mut names = Names::new();
    given.iter().for_each(|(node, name)| cluster.give(&mut names, node, name));
    let [one, other, third] = given.map(|(node, _)| node);
    for lost in [[one, other], [one, third], [other, third]] {
        cluster.expect_names_everywhere(&names);
        cluster.cut(lost[0], lost[1]);
        cluster.expect_no_overlap(lost, &given, &names);
        cluster.heal();
        cluster.connect_all();
        cluster.sync();
    }
    cluster.expect_names_everywhere(&names);
}

/// With `prevent_overlapping_partitions` off, who is seen by both keeps both, with all their names.
#[test]
fn partial_cuts_are_borne_where_parts_may_overlap() {
    for [one, other, both] in [["rust0", "beam0", "beam1"], ["beam0", "beam1", "rust0"]] {
        let Some(cluster) = Cluster::with_names(1, 2, false) else { return };
        let mut names = Names::new();
        for (node, name) in [(one, "one"), (other, "other"), (both, "both")] {
            cluster.give(&mut names, node, name);
        }
        cluster.expect_names_everywhere(&names);
        cluster.cut(one, other);
        cluster.expect_view(one, &[both]);
        cluster.expect_view(other, &[both]);
        cluster.expect_view(both, &[one, other]);
        cluster.expect_names(one, &only(&names, ["one", "both"]));
        cluster.expect_names(other, &only(&names, ["other", "both"]));
        cluster.expect_names(both, &names);
        // Names are given on; to whom is not connected, by nobody.
        cluster.give(&mut names, both, "later");
        cluster.give(&mut names, one, "last");
        cluster.expect_names(one, &only(&names, ["one", "both", "later", "last"]));
        cluster.expect_names(other, &only(&names, ["other", "both", "later"]));
        cluster.expect_names(both, &names);
        cluster.heal();
        cluster.connect_all();
        cluster.sync();
        cluster.expect_names_everywhere(&names);
    }
}

/// What one node sends is lost, what it is sent arrives: both find it out, and both come back.
#[test]
fn a_cut_in_one_direction_is_found_out_by_both() {
    let Some(cluster) = Cluster::with_names(1, 1, true) else { return };
    let mut names = Names::new();
    for (node, name) in [("rust0", "r0"), ("beam0", "b0")] {
        cluster.give(&mut names, node, name);
    }
    for (from, to) in [("rust0", "beam0"), ("beam0", "rust0")] {
        cluster.expect_names_everywhere(&names);
        cluster.cut_one_way(from, to);
        cluster.expect_views(&[&["rust0"], &["beam0"]]);
        cluster.expect_names("rust0", &only(&names, ["r0"]));
        cluster.expect_names("beam0", &only(&names, ["b0"]));
        cluster.heal();
        cluster.connect_all();
        cluster.sync();
    }
    cluster.expect_names_everywhere(&names);
}
