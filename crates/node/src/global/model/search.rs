//! What is searched, and what has to hold: whatever happened, once nothing is lost any more all name servers agree.
//!
//! *Always*: a lock is set at each node where its holder believes it to be, unless the connection was lost meanwhile, so
//! nobody else has it; a name server of Erlang gets nothing that would end it; nobody begins anew without end. *From every
//! state*, by what follows of itself alone: a state is reached in which all are connected and know each other, have the
//! same names for the same processes, no lock is set, nothing is under way, and nobody waits.
//!
//! Two hosts are searched to the end, for a few losses and changes; with more of them, and with three hosts, walks are
//! drawn by a seed; one that fails is told as short as it was found to be. `ENGSET_MODEL_WALKS` says how many seeds,
//! `ENGSET_MODEL_FIRST` from which one on, `ENGSET_SEED` runs one, `ENGSET_MODEL_DEEP` (1 to 4) searches further and tells of
//! it.
//!
//! Two nodes of Erlang are no pair here: where a connection is lost and made anew before either name server has heard of the
//! first, each takes the other's second beginning for one out of step and begins a third, and so on. A node of ours goes on
//! from its own beginning then.

use super::host::Who;
use super::shrink::shrink;
use super::{Action, Budget, Kind, World};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// More states than a search may have before it is given up as too wide.
const STATES_MAX: usize = 3_000_000;
/// So often may something be begun, by one node, for each time that a connection was made or lost, or a node was left.
const BEGINNINGS_PER_EVENT: i64 = 4;
/// So many steps may a walk take from its last loss to the end.
const CALM_STEPS_MAX: usize = 30_000;
/// So many rounds may it take where all take turns.
const ROUNDS_MAX: usize = 1_500;

const OURS: [Kind; 2] = [Kind::Ours, Kind::Ours];
const LESSER: [Kind; 2] = [Kind::Ours, Kind::Otp];
const GREATER: [Kind; 2] = [Kind::Otp, Kind::Ours];

impl World {
    /// Whether all is as it is to be in the end.
    pub(super) fn is_quiet(&self) -> bool {
        let is_connected = self.links.values().all(|(_, is_up)| *is_up);
        let is_empty = self.wires.iter().flatten().all(VecDeque::is_empty);
        let is_at_rest = self.hosts.iter().all(|host| host.is_synced && host.is_quiet());
        // Of three, an Erlang node may keep a name that another one was told of and has lost since.
        let may_differ = self.hosts.len() > 2 && self.hosts.iter().any(super::Host::is_erlang);
        is_connected && is_empty && is_at_rest && self.all_are_known() && (may_differ || self.names_agree())
    }

    fn all_are_known(&self) -> bool {
        self.hosts.iter().enumerate().all(|(at, host)| {
            let mut known = host.server.known();
            known.sort_unstable();
            let others = self.hosts.iter().enumerate().filter(|(other, _)| *other != at);
            known == others.map(|(_, other)| other.name).collect::<Vec<_>>()
        })
    }

    fn names_agree(&self) -> bool {
        let names = self.hosts[0].server.names();
        self.hosts.iter().all(|host| host.server.names() == names)
            && names.values().all(|pid| self.hosts[self.place(pid.node())].alive.contains(pid))
    }

    /// What must never be.
    pub(super) fn fault(&self) -> Option<String> {
        for (at, host) in self.hosts.iter().enumerate() {
            if let Some(crashed) = host.server.crashed() {
                return Some(format!("{} would have ended: {crashed}", host.name));
            }
            let events: u32 = self.links.values().map(|(connections, _)| connections * 2).sum();
            if host.server.last_number() > BEGINNINGS_PER_EVENT * i64::from(events + 2) {
                return Some(format!("{} begins anew again and again", host.name));
            }
            let registrar = engset_term::Term::Pid(host.pid_of(Who::Registrar));
            let by_locker = host.locker.held().map(|(of, nodes)| (of, nodes, Who::Locker));
            let by_registrar = host.registrar.held().map(|nodes| (&registrar, nodes, Who::Registrar));
            for (requester, nodes, who) in by_locker.into_iter().chain(by_registrar) {
                let links = &host.links_of_lock[who as usize];
                for node in nodes {
                    let other = self.place(*node);
                    let is_same = other == at
                        || links.get(&other).map(|link| (*link, true)) == Some(self.link(at, other));
                    if is_same && self.hosts[other].server.lock() != Some(requester) {
                        return Some(format!("{} has no lock at {node}, though it was set", host.name));
                    }
                }
            }
        }
        None
    }

    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl Action {
    /// Whether it follows of itself, or may be waited for.
    pub(super) const fn is_calm(self) -> bool {
        !matches!(
            self,
            Self::Cut(..) | Self::Register(_) | Self::Unregister(_) | Self::Die(_) | Self::Sync(_)
        )
    }
}

/// All states of a search, each with the one that it was reached from first.
#[derive(Default)]
struct Graph {
    by_digest: HashMap<u64, usize>,
    from: Vec<(usize, Option<Action>)>,
    /// Which states lead to each by what follows of itself.
    calm_from: Vec<Vec<u32>>,
    quiet: Vec<usize>,
}

impl Graph {
    /// The number of a state, and whether it is new.
    fn add(&mut self, world: &World, from: usize, action: Option<Action>) -> (usize, bool) {
        let digest = world.digest();
        if let Some(known) = self.by_digest.get(&digest) {
            return (*known, false);
        }
        let number = self.from.len();
        self.by_digest.insert(digest, number);
        self.from.push((from, action));
        self.calm_from.push(Vec::new());
        if world.is_quiet() {
            self.quiet.push(number);
        }
        (number, true)
    }

    fn path(&self, to: usize) -> Vec<Action> {
        let mut path = Vec::new();
        let mut at = to;
        while let (from, Some(action)) = self.from[at] {
            path.push(action);
            at = from;
        }
        path.reverse();
        path
    }

    /// One of the states from which no quiet one can be reached; and how far the farthest is from one.
    fn lost(&self) -> (Option<usize>, usize) {
        let mut distance = vec![None; self.from.len()];
        let mut next: VecDeque<usize> = self.quiet.iter().copied().collect();
        next.iter().for_each(|state| distance[*state] = Some(0));
        let mut farthest = 0;
        while let Some(state) = next.pop_front() {
            farthest = distance[state].unwrap_or(0);
            for before in &self.calm_from[state] {
                let before = *before as usize;
                if distance[before].is_none() {
                    distance[before] = Some(farthest + 1);
                    next.push_back(before);
                }
            }
        }
        (distance.iter().position(Option::is_none), farthest)
    }
}

/// Searches all that may happen to the end.
fn search(kinds: &[Kind], budget: &Budget, connects: bool) {
    let start = World::new(kinds, budget.clone(), connects);
    let mut graph = Graph::default();
    let (first, _) = graph.add(&start, 0, None);
    let mut next = VecDeque::from([(first, start.clone())]);
    while let Some((number, world)) = next.pop_front() {
        if number % 10_000 == 9_999 {
            report(&format!("{kinds:?}: {number} states, {} to be looked at", next.len()));
        }
        for action in world.actions() {
            let mut then = world.clone();
            then.act(action);
            let (reached, is_new) = graph.add(&then, number, Some(action));
            if action.is_calm() {
                graph.calm_from[reached].push(u32::try_from(number).expect("below the limit"));
            }
            if is_new {
                if let Some(fault) = then.fault() {
                    panic!("{kinds:?}: {fault}\n{}", tell(start, &graph.path(reached)));
                }
                next.push_back((reached, then));
            }
        }
        assert!(graph.from.len() < STATES_MAX, "{kinds:?} {budget:?}: too many states to search");
    }
    let (lost, farthest) = graph.lost();
    if let Some(lost) = lost {
        panic!("{kinds:?}: from here all is never quiet\n{}", tell(start, &graph.path(lost)));
    }
    let states = graph.from.len();
    report(&format!(
        "{kinds:?} {budget:?} {connects}: {states} states, the farthest {farthest} steps from the end"
    ));
}

/// Who searches further wants to know how far.
fn report(text: &str) {
    if std::env::var_os("ENGSET_MODEL_DEEP").is_some() {
        eprintln!("{text}");
    }
}

/// A walk, told step by step.
fn tell(start: World, path: &[Action]) -> String {
    let mut world = start;
    let mut lines = Vec::new();
    for action in path {
        let packet = match action {
            Action::Deliver(from, to) => world.wires[*from][*to].front().map(|packet| format!("{packet:?}")),
            _ => None,
        };
        lines.push(format!("{action:?} {}", packet.unwrap_or_default()));
        world.act(*action);
    }
    for host in &world.hosts {
        lines.push(format!("{}: {:#?}", host.name, host));
    }
    lines.join("\n")
}

/// One walk: what is drawn, while the budget lasts; then what follows of itself until all is quiet.
fn walk(seed: u64, kinds: &[Kind], budget: &Budget) -> usize {
    let mut draw = fastrand::Rng::with_seed(seed);
    // Who watches or asks makes a connection, always on real nodes: else a watch that began too early is over too early.
    let connects = draw.bool() || kinds != OURS;
    let start = World::new(kinds, budget.clone(), connects);
    let mut path = Vec::new();
    if let Err(what) = wander(&mut draw, start.clone(), &mut path) {
        let path = shrink(&start, &path);
        panic!("seed {seed}, {kinds:?}: {what}\n{}", tell(start, &path));
    }
    path.len()
}

/// Goes on until all is quiet; what went wrong.
fn wander(draw: &mut fastrand::Rng, mut world: World, path: &mut Vec<Action>) -> Result<(), String> {
    let go = |world: &mut World, path: &mut Vec<Action>, action: Action| {
        path.push(action);
        world.act(action);
        world.fault().map_or(Ok(()), Err)
    };
    for _ in 0..draw.usize(0..400) {
        let action = pick(draw, &world, |_| true);
        let Some(action) = action else { break };
        go(&mut world, path, action)?;
    }
    let takes_turns = draw.bool();
    let mut round = 0;
    while !world.is_quiet() {
        round += 1;
        if takes_turns {
            if round >= ROUNDS_MAX {
                return Err("all take turns, and it does not end".into());
            }
            for action in turns(&world, round) {
                if world.may(action) {
                    go(&mut world, path, action)?;
                }
            }
        } else {
            if round >= CALM_STEPS_MAX {
                return Err("it does not end".into());
            }
            let Some(action) = pick(draw, &world, Action::is_calm) else {
                return Err("nothing happens any more".into());
            };
            go(&mut world, path, action)?;
        }
    }
    Ok(())
}

/// Draws what happens next; time passes slower than messages go, and losses are rarer than either.
pub(super) fn pick(
    draw: &mut fastrand::Rng,
    world: &World,
    may_be: impl Fn(Action) -> bool,
) -> Option<Action> {
    let actions: Vec<Action> = world.actions().into_iter().filter(|action| may_be(*action)).collect();
    let is_slow = |action: &Action| {
        matches!(action, Action::Turn(_) | Action::Try(_) | Action::Connect(..) | Action::Doubt(..))
    };
    let (slow, fast): (Vec<Action>, Vec<Action>) =
        actions.into_iter().partition(|action| is_slow(action) || !action.is_calm());
    let from = if fast.is_empty() || (!slow.is_empty() && draw.u8(0..8) == 0) { slow } else { fast };
    let action = draw.choice(&from).copied()?;
    Some(match action {
        Action::Cut(a, b, ..) => Action::Cut(a, b, draw.usize(0..6), draw.usize(0..6)),
        action => action,
    })
}

/// What happens in one round where nobody is faster than another: one packet each way, all that waits inside of nodes,
/// and now and then the time of each locker and registrar.
pub(super) fn turns(world: &World, round: usize) -> Vec<Action> {
    let mut turns = Vec::new();
    let hosts = world.hosts.len();
    for at in 0..hosts {
        turns.extend((0..hosts).filter(|to| *to != at).map(|to| Action::Deliver(at, to)));
        turns.extend([Action::Own(at, Who::Locker), Action::Own(at, Who::Registrar)]);
        turns.extend([Action::Compared(at), Action::Joined(at), Action::Ended(at)]);
        turns.extend((0..at).map(|other| Action::Connect(other, at)));
        if round.is_multiple_of(20 + 3 * at) {
            turns.push(Action::Turn(at));
        }
        if round.is_multiple_of(11 + 2 * at) {
            turns.push(Action::Try(at));
        }
        if round.is_multiple_of(40 + at) {
            turns.extend((0..hosts).filter(|to| *to != at).map(|to| Action::Doubt(at, to)));
        }
    }
    turns
}

fn walks(kinds: &[Kind], budget: &Budget, seeds: u64) {
    if let Some(seed) = number_of("ENGSET_SEED") {
        walk(seed, kinds, budget);
        return;
    }
    let walks = number_of("ENGSET_MODEL_WALKS").unwrap_or(seeds);
    let first = number_of("ENGSET_MODEL_FIRST").unwrap_or(0);
    let steps: usize = (first..first + walks).map(|seed| walk(seed, kinds, budget)).sum();
    report(&format!("{kinds:?}: {walks} walks, {steps} steps"));
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn pairs() -> [[Kind; 2]; 3] {
    [OURS, LESSER, GREATER]
}

#[test]
fn two_meet() {
    for kinds in pairs() {
        for connects in [false, true] {
            search(&kinds, &Budget { syncs: 1, ..Budget::default() }, connects);
        }
    }
}

/// The connection is lost at any moment. With `ENGSET_MODEL_DEEP` at 2 or more also with what is under way, or a part.
#[test]
fn two_meet_and_lose_each_other() {
    let deep = number_of("ENGSET_MODEL_DEEP").map(|losses| usize::try_from(losses).unwrap_or(4).clamp(1, 4));
    let budget = Budget { cuts: 1, losses: deep.unwrap_or(1), ..Budget::default() };
    for kinds in pairs() {
        for connects in [false, true] {
            if deep.is_some() || [(OURS, false), (GREATER, true)].contains(&(kinds, connects)) {
                search(&kinds, &budget, connects);
            }
        }
    }
}

/// Both give the name to a process of their own, before they meet, meanwhile or later; one of these may end.
#[test]
fn two_meet_with_names() {
    for kinds in pairs() {
        search(&kinds, &Budget { registers: 1, deaths: 1, ..Budget::default() }, false);
    }
}

/// What may happen in a walk.
const OFTEN: Budget = Budget { cuts: 6, registers: 4, unregisters: 2, deaths: 2, syncs: 3, losses: 1 };

#[test]
fn two_that_lose_each_other_often_agree_in_the_end() {
    for kinds in pairs() {
        walks(&kinds, &OFTEN, 150);
    }
}

#[test]
fn three_that_lose_each_other_often_agree_in_the_end() {
    use Kind::{Otp, Ours};
    for kinds in [[Ours, Ours, Ours], [Ours, Ours, Otp], [Otp, Ours, Ours], [Ours, Otp, Ours]] {
        walks(&kinds, &OFTEN, 60);
    }
}

/// Walks that did not end before what is said here was done.
#[test]
fn walks_that_failed_once_end() {
    use Kind::{Otp, Ours};
    // A registrar, or a locker, gives a lock back again where that was not answered.
    for seed in [2_717, 10_164] {
        walk(seed, &GREATER, &OFTEN);
    }
    // What a peer told of a node that it has lost since is not taken; of one that is left nothing is told; who else may have
    // lost it is told with the others.
    for seed in [2_307, 16_234] {
        walk(seed, &[Ours, Ours, Ours], &OFTEN);
    }
    // Who is told that a node knows it begins with that anew, and takes its lock back; who knows one and hears that it has
    // given up waits for it no more.
    for seed in [12_356, 16_480] {
        walk(seed, &[Ours, Ours, Otp], &OFTEN);
    }
    // Who agrees with a node does not tell it meanwhile that it knows it from others.
    for seed in [11_446, 14_859, 15_384] {
        walk(seed, &[Otp, Ours, Ours], &OFTEN);
    }
    // One of both knows the other from a third: that one is told, and asked to leave, and asked again.
    walk(28, &[Ours, Ours, Otp], &OFTEN);
    walk(9_949, &[Otp, Ours, Ours], &OFTEN);
}
