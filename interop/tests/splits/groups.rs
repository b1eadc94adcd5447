//! Process groups in a cluster whose network is cut and healed, by the names of OTP's own cases (`pg_SUITE`).

use crate::cluster::{Cluster, PATIENCE};
use engset::groups::{DEFAULT_SCOPE, Scope};
use engset::{Cx, ExitReason, Node, Pid, Term};

const GROUP: Term = Term::atom("group");

/// How many groups each node has in [`thundering_herd`].
const HERD: usize = 1_000;

/// Waits on an Erlang node until a group has exactly these members, event by event.
const MEMBERS: &str = "{ok, _} = pg:start(pg), \
    Members = fun(Group, Expected) -> {Ref, _} = pg:monitor(pg, Group), \
      Look = fun L() -> case lists:sort([Show(P) || P <- pg:get_members(pg, Group)]) of \
        Expected -> pg:demonitor(pg, Ref), ok; \
        Others -> receive {Ref, _, _, _} -> L() after 30000 -> {still, Others} end end end, \
      Look() end, \
    Groups = fun(Expected) -> {Ref, _} = pg:monitor_scope(pg), \
      Look = fun L() -> case length(pg:which_groups(pg)) of \
        Expected -> pg:demonitor(pg, Ref), ok; \
        Other -> receive {Ref, _, _, _} -> L() after 30000 -> {still, Other} end end end, \
      Look() end, ok.";

/// A process of one of the nodes.
#[derive(Clone)]
struct Person {
    at: String,
    kind: Kind,
    /// `<node.id.serial>`, the same wherever it is seen.
    shown: String,
}

#[derive(Clone)]
enum Kind {
    Rust(Pid),
    /// The variable that holds its pid.
    Beam(String),
}

impl Cluster {
    fn with_groups(rust: usize, beams: usize) -> Option<Self> {
        Some(Self::new(rust, beams, true)?.ready_for_groups())
    }

    pub fn ready_for_groups(self) -> Self {
        self.beams.iter().for_each(|beam| drop(self.eval(beam, MEMBERS)));
        self
    }

    /// A process at a node that joins the group so many times; `variable` is new at the node.
    fn join(&self, at: &str, variable: &str, times: usize) -> Person {
        let at = at.to_owned();
        if let Some(node) = self.rust(&at) {
            let pid = member(node, times);
            return Person { at, kind: Kind::Rust(pid), shown: pid.to_string() };
        }
        let join = format!(
            "{variable} = Spawn(), ok = pg:join(pg, group, lists:duplicate({times}, {variable})), Show({variable})"
        );
        let shown = self.eval(self.beam(&at), &join).trim_matches('"').to_owned();
        Person { at, kind: Kind::Beam(variable.to_owned()), shown }
    }

    /// One on each node.
    fn join_everywhere(&self, variable: &str, times: usize) -> Vec<Person> {
        self.all().iter().map(|node| self.join(node, variable, times)).collect()
    }

    fn leave(&self, person: &Person) {
        match &person.kind {
            Kind::Rust(pid) => leave(self.rust(&person.at).unwrap(), *pid),
            Kind::Beam(variable) => {
                self.eval(self.beam(&person.at), &format!("pg:leave(pg, group, {variable})"));
            }
        }
    }

    fn kill(&self, person: &Person) {
        match &person.kind {
            Kind::Rust(pid) => kill(self.rust(&person.at).unwrap(), *pid),
            Kind::Beam(variable) => {
                self.eval(self.beam(&person.at), &format!("exit({variable}, kill)"));
            }
        }
    }

    /// Waits until the group has exactly these members, as a node sees it, and the node has no other groups.
    #[track_caller]
    fn expect_members<'p>(&self, seen_by: &str, members: impl IntoIterator<Item = &'p Person>) {
        let mut members: Vec<String> = members.into_iter().map(|person| person.shown.clone()).collect();
        members.sort_unstable();
        let groups = usize::from(!members.is_empty());
        match self.rust(seen_by) {
            Some(node) => {
                assert_eq!(members_at(node, members.clone()), members, "at {seen_by}");
                assert_eq!(scope_of(node).which_groups().len(), groups, "groups at {seen_by}");
            }
            None => {
                let wait = format!("{{Members(group, {members:?}), length(pg:which_groups(pg))}}");
                let seen = self.eval(self.beam(seen_by), &wait);
                assert_eq!(seen, format!("{{ok,{groups}}}"), "{seen_by} waits for {members:?}");
            }
        }
    }

    /// Connects all nodes, and waits until each sees these members.
    #[track_caller]
    fn expect_members_everywhere(&self, members: &[Person]) {
        let mut shown: Vec<String> = members.iter().map(|person| person.shown.clone()).collect();
        shown.sort_unstable();
        self.connect_until(|| self.all().iter().all(|node| self.members_now(node) == shown));
        self.all().iter().for_each(|node| self.expect_members(node, members));
    }

    fn members_now(&self, seen_by: &str) -> Vec<String> {
        let mut members: Vec<String> = match self.rust(seen_by) {
            Some(node) => scope_of(node).members(&GROUP).iter().map(Pid::to_string).collect(),
            None => {
                let members = "lists:append([[$  | Show(P)] || P <- pg:get_members(pg, group)])";
                let members = self.eval(self.beam(seen_by), members);
                members.trim_matches(['"', '[', ']']).split_whitespace().map(str::to_owned).collect()
            }
        };
        members.sort_unstable();
        members
    }

    /// Connects all nodes, and waits until each sees so many groups, each with one member.
    #[track_caller]
    fn expect_whole_herd(&self, herd: usize) {
        let groups = |node: &String| match self.rust(node) {
            Some(rust) => scope_of(rust).which_groups().len().to_string(),
            None => self.eval(self.beam(node), "length(pg:which_groups(pg))"),
        };
        self.connect_until(|| self.all().iter().all(|node| groups(node) == herd.to_string()));
        self.expect_herd(herd);
    }

    /// Waits until each node sees so many groups, each with one member.
    #[track_caller]
    fn expect_herd(&self, herd: usize) {
        for node in self.all() {
            match self.rust(&node) {
                Some(rust) => assert_eq!(groups_at(rust, herd), herd, "groups at {node}"),
                None => {
                    let single =
                        "lists:all(fun(G) -> length(pg:get_members(pg, G)) =:= 1 end, pg:which_groups(pg))";
                    let seen = self.eval(self.beam(&node), &format!("{{Groups({herd}), {single}}}"));
                    assert_eq!(seen, "{ok,true}", "groups at {node}");
                }
            }
        }
    }
}

fn scope_of(node: &Node) -> Scope {
    node.block_on(|_| async { Scope::find(DEFAULT_SCOPE).await.unwrap() }).unwrap()
}

fn member(node: &Node, times: usize) -> Pid {
    node.block_on(move |cx| async move {
        let wait = |mut cx: Cx<Term>| async move { drop(cx.recv().await) };
        let pid = cx.spawn::<Term, _, _>(wait).unwrap().pid();
        Scope::find(DEFAULT_SCOPE).await.unwrap().join(GROUP, vec![pid; times]).await.unwrap();
        pid
    })
    .unwrap()
}

fn leave(node: &Node, pid: Pid) {
    // Who has ended meanwhile is no member any more.
    node.block_on(move |_| async move {
        drop(Scope::find(DEFAULT_SCOPE).await.unwrap().leave(GROUP, [pid]).await);
    })
    .unwrap();
}

fn kill(node: &Node, pid: Pid) {
    node.block_on(move |cx| async move { cx.exit(pid, ExitReason::Kill) }).unwrap();
}

/// Waits until the group has these members, or for long enough, and gives those it has.
fn members_at(node: &Node, expected: Vec<String>) -> Vec<String> {
    let seen = node.block_on(move |mut cx| async move {
        let scope = Scope::find(DEFAULT_SCOPE).await.unwrap();
        let (monitor, _) = scope.monitor(GROUP).await.unwrap();
        loop {
            let mut seen: Vec<String> = scope.members(&GROUP).iter().map(Pid::to_string).collect();
            seen.sort_unstable();
            if seen == expected || cx.recv_timeout(PATIENCE).await.is_none() {
                scope.demonitor(&mut cx, monitor).await.unwrap();
                return seen;
            }
        }
    });
    seen.unwrap()
}

/// Waits until there are so many groups, or for long enough, and gives how many have one member.
fn groups_at(node: &Node, expected: usize) -> usize {
    let seen = node.block_on(move |mut cx| async move {
        let scope = Scope::find(DEFAULT_SCOPE).await.unwrap();
        let (monitor, _) = scope.monitor_scope().await.unwrap();
        loop {
            let groups = scope.which_groups();
            if groups.len() == expected || cx.recv_timeout(PATIENCE).await.is_none() {
                scope.demonitor(&mut cx, monitor).await.unwrap();
                return groups.iter().filter(|group| scope.members(group).len() == 1).count();
            }
        }
    });
    seen.unwrap()
}

/// Both sides find out by silence alone, each loses the members of the other, and both know all who came and went
/// meanwhile when they meet again.
#[test]
fn netsplit() {
    let Some(cluster) = Cluster::with_groups(1, 1) else { return };
    split_in_two(&cluster);
}

/// What [`netsplit`] does, with two nodes of any kind.
pub fn split_in_two(cluster: &Cluster) {
    let mut people = cluster.join_everywhere("P", 2);
    let twice: Vec<Person> = people.iter().flat_map(|person| [person.clone(), person.clone()]).collect();
    cluster.expect_members_everywhere(&twice);
    cluster.split(&[]);
    for (seen_by, lost) in [("rust0", "beam0"), ("beam0", "rust0")] {
        let reason = cluster.reason_of_loss(seen_by, lost);
        assert!(reason.contains("net_tick_timeout"), "{seen_by} lost {lost}: {reason}");
    }
    for (node, person) in ["rust0", "beam0"].into_iter().zip(&people) {
        cluster.expect_members(node, [person, person]);
    }
    // One of two memberships goes on each side, and somebody comes.
    people.iter().for_each(|person| cluster.leave(person));
    people.extend(cluster.join_everywhere("Q", 1));
    cluster.heal();
    cluster.expect_members_everywhere(&people);
}

/// Three nodes: one is cut off, then each is alone, then two meet, then all.
#[test]
fn trisplit() {
    let Some(cluster) = Cluster::with_groups(2, 1) else { return };
    let people = cluster.join_everywhere("P", 1);
    cluster.expect_members_everywhere(&people);
    let parts: [&[&str]; 2] = [&["rust0", "rust1"], &["beam0"]];
    cluster.split(&parts);
    cluster.expect_views(&parts);
    cluster.expect_members("beam0", [&people[2]]);
    for node in ["rust0", "rust1"] {
        cluster.expect_members(node, &people[..2]);
    }
    cluster.split(&[]);
    cluster.expect_views(&[&["rust0"], &["rust1"], &["beam0"]]);
    for (node, person) in cluster.all().iter().zip(&people) {
        cluster.expect_members(node, [person]);
    }
    cluster.split(&[&["rust0", "beam0"], &["rust1"]]);
    cluster.begin_to_connect("rust0", "beam0");
    cluster.expect_views(&[&["rust0", "beam0"], &["rust1"]]);
    for node in ["rust0", "beam0"] {
        cluster.expect_members(node, [&people[0], &people[2]]);
    }
    cluster.expect_members("rust1", [&people[1]]);
    cluster.heal();
    cluster.expect_members_everywhere(&people);
}

/// Four nodes in two halves, each with one of either kind.
#[test]
fn foursplit() {
    let Some(cluster) = Cluster::with_groups(2, 2) else { return };
    let people = cluster.join_everywhere("P", 1);
    cluster.expect_members_everywhere(&people);
    let halves: [&[&str]; 2] = [&["rust0", "beam0"], &["rust1", "beam1"]];
    cluster.split(&halves);
    cluster.expect_views(&halves);
    for half in halves {
        let near = || people.iter().filter(|person| half.contains(&person.at.as_str()));
        half.iter().for_each(|node| cluster.expect_members(node, near()));
    }
    // On each side one ends and one comes.
    cluster.kill(&people[0]);
    cluster.kill(&people[3]);
    let mut left = vec![people[1].clone(), people[2].clone()];
    left.extend(cluster.join_everywhere("Q", 1));
    cluster.heal();
    cluster.expect_members_everywhere(&left);
}

/// All have many groups, lose each other and meet again all at once.
#[test]
fn thundering_herd() {
    let Some(cluster) = Cluster::with_groups(2, 2) else { return };
    for node in cluster.all() {
        match cluster.rust(&node) {
            Some(rust) => {
                let name = node.clone();
                rust.block_on(move |cx| async move {
                    let wait = |mut cx: Cx<Term>| async move { drop(cx.recv().await) };
                    let pid = cx.spawn::<Term, _, _>(wait).unwrap().pid();
                    let scope = Scope::find(DEFAULT_SCOPE).await.unwrap();
                    for number in 0..HERD {
                        let number = Term::int(i64::try_from(number).unwrap());
                        let group = Term::tuple([Term::string(&name), number]);
                        scope.join(group, [pid]).await.unwrap();
                    }
                })
                .unwrap();
            }
            None => {
                let join = format!(
                    "H = Spawn(), [ok = pg:join(pg, {{{node}, N}}, H) || N <- lists:seq(1, {HERD})], ok"
                );
                cluster.eval(cluster.beam(&node), &join);
            }
        }
    }
    cluster.expect_whole_herd(4 * HERD);
    for _ in 0..2 {
        cluster.split(&[]);
        cluster.expect_views(&[&["rust0"], &["rust1"], &["beam0"], &["beam1"]]);
        cluster.expect_herd(HERD);
        cluster.heal();
        cluster.expect_whole_herd(4 * HERD);
    }
}

/// Members leave and are killed at once, some of them while nobody hears of it.
#[test]
fn leave_exit_race() {
    let Some(cluster) = Cluster::with_groups(2, 2) else { return };
    let stays = cluster.join_everywhere("Stays", 1);
    for turn in 0..3 {
        cluster.connect_all();
        let going = cluster.join_everywhere(&format!("A{turn}"), 2);
        let halves: [&[&str]; 2] = [&["rust0", "beam1"], &["rust1", "beam0"]];
        cluster.split(&halves);
        for person in &going {
            cluster.leave(person);
            cluster.kill(person);
        }
        cluster.expect_views(&halves);
        for half in halves {
            let near = || stays.iter().filter(|person| half.contains(&person.at.as_str()));
            half.iter().for_each(|node| cluster.expect_members(node, near()));
        }
        let late = cluster.join_everywhere(&format!("B{turn}"), 1);
        late.iter().for_each(|person| cluster.kill(person));
        cluster.heal();
    }
    cluster.expect_members_everywhere(&stays);
}
