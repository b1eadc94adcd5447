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
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

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

    /// A node that asks its first peer for a name.
    fn nameless(seed: u64) -> Self {
        let mut config = config("nonode@nohost", seed);
        config.asks_for_name_at = Some("h".to_owned());
        Self::with(config, seed)
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
        Self::of([Side::new("a@h", seed), Side::new("b@h", seed + 1)], seed)
    }

    fn of(mut sides: [Side; 2], seed: u64) -> Self {
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
    let mut world = World::of([Side::nameless(1), Side::new("b@h", 2)], 3);
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

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Whoever waits for a stream that stands still is not woken by what goes on on the others, thousands of times for nothing.
#[test]
fn senders_that_wait_for_a_stream_are_woken_by_that_one_only() {
    let mut world = World::new(7);
    let side = &mut world.sides[0];
    let sends = |bytes: usize, count: usize| {
        move |mut cx: Cx<Term>| async move {
            for _ in 0..count {
                cx.send(remote("sink", "b@h"), Term::binary(vec![0; bytes])).unwrap();
            }
            cx.recv().await;
            Ok(())
        }
    };
    let waiting = side.spawn(None, sends(60_000, 40));
    let group = group_of(waiting, SENDER_GROUPS);
    let mut other = side.spawn(None, sends(10, 1));
    while group_of(other, SENDER_GROUPS) == group {
        other = side.spawn(None, sends(10, 1));
    }
    side.run();
    let count = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&count));
    let is_busy = |side: &Side| side.node.processes().is_busy(waiting, &remote("sink", "b@h"), &waker);
    assert!(is_busy(side), "more than 1 MiB waits");
    let (channel, mut out) = (side.channel.as_mut().unwrap(), Vec::new());
    channel.poll_group_transmit(group_of(other, SENDER_GROUPS), &mut out, Waker::noop()).unwrap();
    assert!(!out.is_empty());
    channel.poll_transmit(&mut out, Waker::noop()).unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    for _ in 0..20 {
        channel.poll_group_transmit(group, &mut out, Waker::noop()).unwrap();
    }
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(!is_busy(side));
}

/// A node that got its name from its peer is known by it on each stream, and by another inside.
#[test]
fn the_name_of_a_node_is_the_one_it_was_given_on_all_streams() {
    let mut world = World::of([Side::nameless(5), Side::new("b@h", 6)], 5);
    let given = world.sides[0].node.name();
    assert_ne!(given, NodeName::NONODE);
    let noted = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&noted);
    world.sides[1].spawn(Some("echo"), move |mut cx: Cx<Term>| async move {
        loop {
            let from = match cx.recv().await {
                Mail::Message(from) => from,
                Mail::Down(down) => {
                    assert_eq!(down.reason, ExitReason::Normal);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            note.lock().push(from.as_pid().unwrap().node());
            cx.monitor(from.as_pid().unwrap());
            cx.send(from.as_pid().unwrap(), from).unwrap();
        }
    });
    let answered = Arc::<Count>::default();
    for _ in 0..WORKERS {
        let answered = Arc::clone(&answered);
        world.sides[0].spawn(None, move |mut cx: Cx<Term>| async move {
            cx.send(remote("echo", "b@h"), Term::from(cx.pid())).unwrap();
            let Mail::Message(back) = cx.recv().await else { panic!("a message") };
            assert_eq!(back.as_pid(), Some(cx.pid()));
            answered.wake();
            Ok(())
        });
    }
    world.run();
    assert_eq!(answered.0.load(Ordering::SeqCst), WORKERS);
    assert_eq!(*noted.lock(), vec![given; WORKERS]);
}

/// The processes of a node that got its name from its peer wait like those of any, where the peer reads slowly.
#[test]
fn senders_of_a_node_that_was_given_its_name_wait_when_their_stream_is_long() {
    const COUNT: usize = 200;
    let mut world = World::of([Side::nameless(5), Side::new("b@h", 6)], 5);
    let sent = Arc::<Count>::default();
    let count = Arc::clone(&sent);
    world.sides[0].spawn(None, move |cx: Cx<Term>| async move {
        for _ in 0..COUNT {
            cx.send(remote("sink", "b@h"), Term::binary(vec![0; 60_000])).unwrap();
            Arc::clone(&count).wake();
            yield_once().await;
        }
        Ok(())
    });
    world.sides[0].run();
    let before = sent.0.load(Ordering::SeqCst);
    assert!((10..40).contains(&before), "{before}: 1 MiB, and a bit");
    world.run();
    assert_eq!(sent.0.load(Ordering::SeqCst), COUNT);
}

/// Lets others run, once.
async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|task| {
        if std::mem::replace(&mut has_yielded, true) {
            return std::task::Poll::Ready(());
        }
        task.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Lets the two ends of a connection speak until one closes it or both are up; whether they are.
fn shake_hands(ends: [&mut Channel; 2]) -> bool {
    let [dialled, accepted] = ends;
    let mut out = Vec::new();
    while dialled.peer().is_none() || accepted.peer().is_none() {
        for turn in 0..2 {
            let (from, to) =
                if turn == 0 { (&mut *dialled, &mut *accepted) } else { (&mut *accepted, &mut *dialled) };
            from.poll_transmit(&mut out, Waker::noop()).unwrap();
            let said = std::mem::take(&mut out).concat();
            if to.handle_bytes(Instant::ZERO, &said).is_err() {
                return false;
            }
        }
    }
    true
}

/// Of two attempts that cross, that of the greater name goes on; but while it has not reached the peer, the peer's does: where
/// a firewall lets nobody in there, nothing else would connect them.
#[test]
fn an_attempt_that_has_not_reached_the_peer_gives_way_to_the_peers() {
    for has_reached in [true, false] {
        let [greater, lesser] = [Side::new("z@h", 1), Side::new("b@h", 2)];
        let dial = |from: &Side, to: &Side| {
            from.node.connect(to.node.name(), |_| {});
            from.wishes.0.lock().take().unwrap()
        };
        let (ours, theirs) = (dial(&greater, &lesser), dial(&lesser, &greater));
        assert!(lesser.node.goes_on(theirs));
        assert!(!has_reached || greater.node.goes_on(ours));
        let node = Arc::clone(&lesser.node);
        let mut dialled = Channel::dialled(node, theirs, Instant::ZERO, 5, Framing::Four).unwrap();
        let node = Arc::clone(&greater.node);
        let mut accepted = Channel::accepted(node, Instant::ZERO, 3, Framing::Four).unwrap();
        assert_eq!(shake_hands([&mut dialled, &mut accepted]), !has_reached);
        assert_eq!(greater.node.goes_on(ours), has_reached);
        assert_eq!(greater.node.connected().len(), usize::from(!has_reached));
    }
}

/// An attempt that was slower than the peer's does not bring back a connection that was cut meanwhile.
#[test]
fn an_attempt_that_was_overtaken_does_not_bring_back_what_was_cut() {
    let [a, b] = [Side::new("a@h", 1), Side::new("b@h", 2)];
    let dial = |from: &Side, to: &Side| {
        from.node.connect(to.node.name(), |_| {});
        from.wishes.0.lock().take().unwrap()
    };
    let (slow, quick) = (dial(&a, &b), dial(&b, &a));
    assert!(a.node.goes_on(slow));
    let dialled = |side: &Side, dial| {
        Channel::dialled(Arc::clone(&side.node), dial, Instant::ZERO, 5, Framing::Four).unwrap()
    };
    let accepted =
        |side: &Side| Channel::accepted(Arc::clone(&side.node), Instant::ZERO, 3, Framing::Four).unwrap();
    let mut first = [dialled(&b, quick), accepted(&a)];
    let [from, to] = &mut first;
    assert!(shake_hands([from, to]));
    assert!(!a.node.goes_on(slow));
    a.node.disconnect(b.node.name());
    assert!(!shake_hands([&mut dialled(&a, slow), &mut accepted(&b)]));
    assert!(a.node.connected().is_empty());
}
