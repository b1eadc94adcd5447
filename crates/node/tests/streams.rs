//! Two nodes over a carrier with streams, each of which takes its own time: what a process sends stays in order, its end
//! is told last, and nothing of one sender is held up by another's.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use bytes::{Buf, Bytes};
use engset_dist::connection::{SENDER_GROUPS, group_of};
use engset_dist::handshake::{Cookie, Framing};
use engset_node::{Channel, Dial, Network, Node, NodeConfig};
use engset_process::{Cx, Dest, Exit, ExitReason, Mail, Scheduler, Seeded, SpawnOptions};
use engset_term::{Atom, Instant, NodeName, Pid, Term};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

const WORKERS: usize = 24;
const MESSAGES: usize = 20;
/// Goes in fragments.
const LARGE: usize = 200_000;

/// Keeps whom its node wants to dial.
#[derive(Default)]
struct Wishes(Mutex<Option<Dial>>);

impl Network for Wishes {
    fn dial(&self, _: Arc<Node>, dial: Dial) {
        *self.0.lock() = Some(dial);
    }
}

/// A node and its end of the connection.
struct Side {
    node: Arc<Node>,
    seeded: Arc<Seeded>,
    wishes: Arc<Wishes>,
    channel: Option<Channel>,
    /// What is under way to the other side: on the main stream, and on those of groups.
    streams: Vec<VecDeque<Bytes>>,
}

fn config(name: &str, seed: u64) -> NodeConfig {
    let cookie = Cookie::new("a cookie of tests").unwrap();
    NodeConfig::new(NodeName::new(name).unwrap(), 7, cookie, seed)
}

impl Side {
    fn new(name: &str, seed: u64) -> Self {
        Self::with(config(name, seed), seed)
    }

    fn with(config: NodeConfig, seed: u64) -> Self {
        let scheduler = Scheduler::seeded(seed);
        let Scheduler::Seeded(seeded) = &scheduler else { panic!("a seeded scheduler") };
        let (seeded, wishes) = (Arc::clone(seeded), Arc::<Wishes>::default());
        let node = Node::new(config, scheduler, Arc::clone(&wishes) as _);
        let streams = vec![VecDeque::new(); SENDER_GROUPS + 1];
        Self { node, seeded, wishes, channel: None, streams }
    }

    fn spawn<F: Future<Output = Result<(), Exit>> + Send + 'static>(
        &self,
        name: Option<&str>,
        body: impl FnOnce(Cx<Term>) -> F + Send + 'static,
    ) -> Pid {
        let options = SpawnOptions { name: name.map(|name| Atom::new(name).unwrap()), ..Default::default() };
        self.node.processes().spawn(options, body).unwrap().pid()
    }

    fn run(&self) {
        self.seeded.run_until(self.seeded.now());
    }

    /// Takes what the node has to say.
    fn say(&mut self) {
        let Some(channel) = &mut self.channel else { return };
        let mut out = Vec::new();
        channel.poll_transmit(&mut out, Waker::noop()).unwrap();
        self.streams[0].extend(out.drain(..));
        for group in 0..SENDER_GROUPS {
            channel.poll_group_transmit(group, &mut out, Waker::noop()).unwrap();
            self.streams[group + 1].extend(out.drain(..));
        }
    }

    /// Lets so many bytes of a stream arrive at the other side, which may not read that one now.
    fn deliver(&mut self, stream: usize, bytes: usize, to: &mut Self) {
        let (Some(channel), Some(front)) = (&mut to.channel, self.streams[stream].front_mut()) else {
            return;
        };
        let bytes = bytes.min(front.len());
        match stream.checked_sub(1) {
            None => match channel.room() {
                Some(room) => {
                    room.extend_from_slice(&front[..bytes]);
                    channel.handle_read(Instant::ZERO, bytes).unwrap();
                }
                None => channel.handle_bytes(Instant::ZERO, &front[..bytes]).unwrap(),
            },
            Some(group) => {
                let Some(room) = channel.group_room(group) else { return };
                room.extend_from_slice(&front[..bytes]);
                channel.handle_group_read(Instant::ZERO, group, bytes).unwrap();
            }
        }
        front.advance(bytes);
        if front.is_empty() {
            self.streams[stream].pop_front();
        }
        to.run();
    }
}

/// Two nodes, of which the first has dialled the second.
struct World {
    sides: [Side; 2],
    random: fastrand::Rng,
}

impl World {
    fn new(seed: u64) -> Self {
        Self::between([Side::new("a@h", seed), Side::new("b@h", seed + 1)], seed)
    }

    fn between(mut sides: [Side; 2], seed: u64) -> Self {
        let peer = sides[1].node.name();
        sides[0].node.connect(peer, |_| {});
        let dial = sides[0].wishes.0.lock().take().unwrap();
        let accepted =
            Channel::accepted(Arc::clone(&sides[1].node), Instant::ZERO, 3, Framing::Four).unwrap();
        sides[1].channel = Some(accepted.with_groups(SENDER_GROUPS));
        let node = Arc::clone(&sides[0].node);
        let dialled = Channel::dialled(node, dial, Instant::ZERO, 5, Framing::Four).unwrap();
        sides[0].channel = Some(dialled.with_groups(SENDER_GROUPS));
        let mut world = Self { sides, random: fastrand::Rng::with_seed(seed) };
        while world.sides.iter().any(|side| side.channel.as_ref().unwrap().peer().is_none()) {
            world.step(|_| true);
        }
        world
    }

    /// Lets a piece of any of these streams arrive; whether there was anything.
    fn step(&mut self, moves: impl Fn(usize) -> bool) -> bool {
        let [a, b] = &mut self.sides;
        for side in [&mut *a, &mut *b] {
            side.run();
            side.say();
        }
        let (from, to) = if self.random.bool() { (a, b) } else { (b, a) };
        let filled: Vec<usize> = (0..=SENDER_GROUPS)
            .filter(|stream| moves(*stream) && !from.streams[*stream].is_empty())
            .collect();
        let Some(stream) = self.random.choice(&filled) else {
            return !to.streams.iter().enumerate().all(|(at, stream)| stream.is_empty() || !moves(at));
        };
        from.deliver(*stream, self.random.usize(1..40_000), to);
        true
    }

    fn run(&mut self) {
        while self.step(|_| true) {}
    }
}

fn remote(name: &str, node: &str) -> Dest {
    Dest::RemoteName(Atom::new(name).unwrap(), NodeName::new(node).unwrap())
}

/// A worker's number and that of its message; then what is no part of the order.
fn numbers(message: &Term) -> (usize, usize) {
    let number = |term: &Term| usize::try_from(term.as_integer().unwrap().as_i64().unwrap()).unwrap();
    let parts = message.as_tuple().unwrap();
    (number(&parts[0]), number(&parts[1]))
}

/// What the watcher notes: messages by their number, and the ends of workers.
type Notes = Arc<Mutex<BTreeMap<usize, Vec<Option<usize>>>>>;

/// Monitors each worker by its name, lets it go, and notes what comes.
async fn watch(mut cx: Cx<Term>, notes: Notes) -> Result<(), Exit> {
    let mut monitors = BTreeMap::new();
    for worker in 0..WORKERS {
        let name = format!("worker{worker}");
        monitors.insert(cx.monitor(remote(&name, "a@h")), worker);
        cx.send(remote(&name, "a@h"), Term::from(cx.pid())).unwrap();
    }
    loop {
        match cx.recv().await {
            Mail::Message(message) => {
                let (worker, message) = numbers(&message);
                notes.lock().entry(worker).or_default().push(Some(message));
            }
            Mail::Down(down) => {
                assert_eq!(down.reason, ExitReason::Normal);
                notes.lock().entry(monitors[&down.reference]).or_default().push(None);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Starts the watcher on the second node.
fn start_watcher(world: &World) -> (Pid, Notes) {
    let notes = Notes::default();
    let noted = Arc::clone(&notes);
    (world.sides[1].spawn(None, move |cx| watch(cx, noted)), notes)
}

/// Sends small and large messages to whoever lets it go, and ends.
fn work(world: &World, worker: usize) {
    let body = move |mut cx: Cx<Term>| async move {
        let Mail::Message(watcher) = cx.recv().await else { panic!("a message") };
        let watcher = watcher.as_pid().unwrap();
        for number in 0..MESSAGES {
            let len = if (number + worker) % 6 == 5 { LARGE } else { 20 };
            let parts = [Term::from(worker as u64), Term::from(number as u64), Term::binary(vec![0; len])];
            cx.send(watcher, Term::tuple(parts)).unwrap();
        }
        Ok(())
    };
    world.sides[0].spawn(Some(&format!("worker{worker}")), body);
}

#[test]
fn whatever_arrives_first_the_signals_of_a_sender_are_in_order_and_its_end_is_last() {
    for seed in 0..20 {
        println!("seed {seed}");
        let mut world = World::new(seed);
        (0..WORKERS).for_each(|worker| work(&world, worker));
        let (_, notes) = start_watcher(&world);
        world.run();
        let [a, b] = [0, 1].map(|side| world.sides[side].node.bytes());
        assert_eq!((a.0, a.1), (b.1, b.0), "each byte is counted on both sides");
        let expected: Vec<_> = (0..MESSAGES).map(Some).chain([None]).collect();
        let notes = notes.lock();
        assert_eq!(notes.len(), WORKERS);
        assert!(notes.values().all(|noted| *noted == expected), "{notes:?}");
    }
}

/// What is for a node that got its name from the peer is for it on whichever stream it comes.
#[test]
fn a_node_that_was_named_by_its_peer_is_meant_by_that_name_on_all_streams() {
    let mut nameless = config("nonode@nohost", 1);
    nameless.asks_for_name_at = Some("h".to_owned());
    let mut world = World::between([Side::with(nameless, 1), Side::new("b@h", 2)], 3);
    let echo = |mut cx: Cx<Term>| async move {
        loop {
            let Mail::Message(caller) = cx.recv().await else { panic!("a message") };
            cx.send(caller.as_pid().unwrap(), caller).unwrap();
        }
    };
    let answers = Arc::<Mutex<Vec<usize>>>::default();
    for number in 0..WORKERS {
        let name = format!("echo{number}");
        world.sides[1].spawn(Some(&name), echo);
        let answered = Arc::clone(&answers);
        world.sides[0].spawn(None, move |mut cx: Cx<Term>| async move {
            cx.send(remote(&name, "b@h"), Term::from(cx.pid())).unwrap();
            let Mail::Message(answer) = cx.recv().await else { panic!("a message") };
            assert_eq!(answer.as_pid(), Some(cx.pid()));
            answered.lock().push(number);
            Ok(())
        });
    }
    world.run();
    answers.lock().sort_unstable();
    assert!(answers.lock().iter().copied().eq(0..WORKERS), "{answers:?}");
}

/// A stream that stands still holds up its own group and nobody else.
#[test]
fn a_stream_that_stands_still_holds_up_its_group_only() {
    let mut world = World::new(99);
    (0..WORKERS).for_each(|worker| work(&world, worker));
    let group = |world: &World, worker: usize| {
        let name = Atom::new(&format!("worker{worker}")).unwrap();
        group_of(world.sides[0].node.processes().whereis(&name).unwrap(), SENDER_GROUPS)
    };
    let groups: Vec<_> = (0..WORKERS).map(|worker| group(&world, worker)).collect();
    let (watcher, notes) = start_watcher(&world);
    let slow = (0..SENDER_GROUPS).find(|slow| *slow != group_of(watcher, SENDER_GROUPS)).unwrap();
    while world.step(|stream| stream != slow + 1) {}
    for (worker, group) in groups.iter().enumerate() {
        let noted = notes.lock().get(&worker).map_or(0, Vec::len);
        assert_eq!(noted, if *group == slow { 0 } else { MESSAGES + 1 }, "{worker}");
    }
    world.run();
    assert!(notes.lock().values().all(|noted| noted.len() == MESSAGES + 1));
}

/// The process that sets a group leader sends the signal, not the leader: it does not overtake what that process sent.
#[test]
fn a_group_leader_is_set_in_order() {
    for seed in 0..20 {
        println!("seed {seed}");
        let mut world = World::new(seed);
        // On another node than the one that sets it, and of another group.
        let leader = world.sides[1].spawn(None, |mut cx: Cx<Term>| async move {
            cx.recv().await;
            Ok(())
        });
        let noted = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&noted);
        let watcher = world.sides[1].spawn(None, move |mut cx: Cx<Term>| async move {
            loop {
                cx.recv().await;
                note.lock().push(cx.group_leader() == Some(leader));
            }
        });
        world.sides[0].spawn(None, move |cx: Cx<Term>| async move {
            cx.send(watcher, Term::binary(vec![0; LARGE])).unwrap();
            cx.set_group_leader(watcher, leader);
            cx.send(watcher, Term::Nil).unwrap();
            Ok(())
        });
        world.run();
        assert_eq!(*noted.lock(), [false, true]);
    }
}
