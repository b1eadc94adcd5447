//! Global names over several nodes that lose and find each other: when all is quiet, all see the same, each name has one
//! holder, and no lock is left.

use crate::stage::SECOND;
use engset_node::{GLOBAL_SYNCS_MAX, Global, GlobalError, LockId, Node, Resolve, Retries};
use engset_process::{ControlSignal, Cx, Dest, ExitReason, SpawnOptions};
use engset_sim::World;
use engset_term::{Pid, Term};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

const NAMES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];

struct Cluster {
    world: World,
    nodes: Vec<Arc<Node>>,
}

impl Cluster {
    fn new(seed: u64, size: usize) -> Self {
        let mut world = World::new(seed);
        let nodes = (0..size).map(|number| start(&mut world, &format!("n{number}@sim"))).collect();
        Self { world, nodes }
    }

    fn connect_all(&self) {
        for (place, node) in self.nodes.iter().enumerate() {
            self.nodes[..place].iter().for_each(|other| node.connect(other.name(), |_| {}));
        }
    }

    fn pair(&self) -> (&Arc<Node>, &Arc<Node>) {
        let a = self.draw(self.nodes.len());
        let b = (a + 1 + self.draw(self.nodes.len() - 1)) % self.nodes.len();
        (&self.nodes[a], &self.nodes[b])
    }

    fn draw(&self, bound: usize) -> usize {
        usize::try_from(self.world.draw(bound as u64)).expect("small")
    }

    /// Lets a process of a node do something with names, whenever it gets to it.
    fn spawn<F>(&self, node: &Arc<Node>, body: impl FnOnce(Cx<Term>, Global) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let global = node.global().clone();
        node.processes()
            .spawn(SpawnOptions::default(), move |cx| body(cx, global))
            .map(drop)
            .expect("there is room");
    }

    /// One thing that happens.
    fn happen(&mut self) {
        if self.draw(40) == 0 {
            return self.restart();
        }
        let node = &self.nodes[self.draw(self.nodes.len())];
        let name = NAMES[self.draw(NAMES.len())];
        let resolve = [Resolve::RandomExit, Resolve::RandomNotify, Resolve::NotifyAll][self.draw(3)];
        let (a, b) = self.pair();
        match self.draw(12) {
            0..4 => self.spawn(node, move |cx, global| hold(cx, global, name, resolve)),
            4 => self.spawn(node, move |_, global| async move {
                drop(global.unregister(Term::atom(name)).await);
            }),
            5 => self.spawn(node, move |cx, global| async move {
                drop(global.re_register(Term::atom(name), cx.pid()).await);
                cx.sleep(30 * SECOND).await;
            }),
            6 => self.spawn(node, move |cx, global| async move {
                let id = LockId::new(Term::atom("resource"), cx.pid());
                drop(global.trans(&id, None, Retries::Times(2), cx.sleep(SECOND)).await);
            }),
            7 => self.world.partition(a, b),
            8 => self.world.heal(a, b),
            9 => self.world.cut(a, b),
            10 => drop(a.disconnect(b.name())),
            _ => a.connect(b.name(), |_| {}),
        }
    }

    /// A node is gone from one instant to the next, and starts again without names.
    fn restart(&mut self) {
        let place = self.draw(self.nodes.len());
        let old = self.nodes.remove(place);
        let name = old.name().text();
        self.world.crash(&old);
        drop(old);
        let node = start(&mut self.world, &name);
        self.nodes.insert(place, node);
    }

    /// Heals all, connects all, and waits until nothing is going on any more.
    fn settle(&self) {
        self.world.heal_all();
        // Parts that overlap are taken apart at first.
        for _ in 0..6 {
            self.connect_all();
            self.world.run_for(120 * SECOND);
        }
    }

    fn holders(&self, node: &Node) -> Vec<(Term, Option<Pid>)> {
        let global = node.global();
        global.registered_names().into_iter().map(|name| (name.clone(), global.whereis(name))).collect()
    }

    fn check(&self) {
        let seed = self.world.seed();
        for node in &self.nodes {
            assert_eq!(node.connected().len(), self.nodes.len() - 1, "seed {seed}: {}", node.name());
            let here = self.holders(&self.nodes[0]);
            assert_eq!(self.holders(node), here, "seed {seed}: {} sees other names", node.name());
            assert!(here.iter().all(|(_, pid)| pid.is_some()), "seed {seed}: {here:?}");
            // All agree with all, and the lock is free: else this would wait.
            let global = node.global().clone();
            let done = self.world.run(node, move |cx: Cx<Term>| async move {
                global.sync().await?;
                global.register(Term::atom("last"), cx.pid()).await?;
                let seen = global.whereis(Term::atom("last")) == Some(cx.pid());
                global.unregister(Term::atom("last")).await?;
                Ok::<_, GlobalError>(seen)
            });
            assert_eq!(done, Ok(Ok(true)), "seed {seed}: {}", node.name());
        }
    }
}

/// Takes a name, and holds it until the process is killed for it or a while is over.
async fn hold(cx: Cx<Term>, global: Global, name: &'static str, resolve: Resolve) {
    if global.register_with(Term::atom(name), cx.pid(), resolve).await.is_ok() {
        cx.sleep(100_000 * SECOND).await;
    }
}

fn start(world: &mut World, name: &str) -> Arc<Node> {
    start_with(world, name, GLOBAL_SYNCS_MAX)
}

fn start_with(world: &mut World, name: &str, syncs: usize) -> Arc<Node> {
    let node = world.start_with(name, |config| {
        config.visible = true;
        config.global.syncs = syncs;
    });
    let starting = Arc::clone(&node);
    let started = world.run(&node, move |_: Cx<Term>| async move { starting.start_kernel().await });
    assert_eq!(started, Ok(Ok(())));
    node
}

fn storm(seed: u64, size: usize) {
    let mut cluster = Cluster::new(seed, size);
    cluster.connect_all();
    cluster.world.run_for(30 * SECOND);
    for _ in 0..60 {
        cluster.happen();
        cluster.world.run_for(SECOND * u32::try_from(cluster.draw(20)).expect("small"));
    }
    cluster.settle();
    cluster.check();
}

#[test]
fn three_nodes_agree_when_all_is_quiet() {
    (0..60).chain([340, 1_377]).for_each(|seed| storm(seed, 3));
}

#[test]
fn five_nodes_agree_when_all_is_quiet() {
    (100..130).chain([151, 255]).for_each(|seed| storm(seed, 5));
}

/// Five nodes that start at once and meet at once agree within a minute.
#[test]
fn a_cluster_starts() {
    for seed in 0..15 {
        let cluster = Cluster::new(seed, 5);
        for node in &cluster.nodes {
            cluster.spawn(node, |cx, global| hold(cx, global, "same", Resolve::RandomExit));
        }
        cluster.world.run_for(SECOND);
        cluster.connect_all();
        cluster.world.run_for(60 * SECOND);
        cluster.check();
        assert_eq!(cluster.holders(&cluster.nodes[3]).len(), 1, "seed {seed}");
    }
}

/// A process that waits for a node which speaks no `global` leaves nothing behind when it ends, so that another one may
/// wait in its place.
#[test]
fn nothing_is_left_of_who_waited_and_ended() {
    let mut world = World::new(1);
    let node = start_with(&mut world, "n0@sim", 1);
    let silent = world.start_with("n1@sim", |config| config.visible = true);
    node.connect(silent.name(), |_| {});
    world.run_for(SECOND);
    let wait = |node: &Arc<Node>| {
        let global = node.global().clone();
        let body = move |_: Cx<Term>| async move { drop(global.sync().await) };
        node.processes().spawn(SpawnOptions::default(), body).expect("there is room").pid()
    };
    let too_many = |world: &World| {
        let global = node.global().clone();
        let limit = move |cx: Cx<Term>| async move {
            let sync = std::pin::pin!(global.sync());
            let sleep = std::pin::pin!(cx.sleep(SECOND));
            first_of(sync, sleep).await
        };
        world.run(&node, limit)
    };
    assert_eq!(too_many(&world), Ok(None), "it waits");
    let first = wait(&node);
    world.run_for(SECOND);
    assert_eq!(too_many(&world), Ok(Some(Err(GlobalError::TooManySyncs))));
    node.processes().signal(
        first,
        &Dest::Pid(first),
        ControlSignal::Exit { from: first, reason: ExitReason::Kill },
    );
    world.run_for(SECOND);
    assert_eq!(too_many(&world), Ok(None), "it waits again");
}

/// What the first one brings; none where the second one is through before.
async fn first_of<T>(
    mut first: Pin<&mut impl Future<Output = T>>,
    mut second: Pin<&mut impl Future<Output = ()>>,
) -> Option<T> {
    poll_fn(|task| match first.as_mut().poll(task) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => second.as_mut().poll(task).map(|()| None),
    })
    .await
}

/// The greatest node, which all ask for the lock first, changes names without a pause. Another one of its part changes a
/// name all the same, and one that joins comes to agree.
#[test]
fn who_waits_for_the_lock_gets_its_turn() {
    for seed in 0..8 {
        let cluster = Cluster::new(seed, 3);
        cluster.world.set_latency_micros(5_000..=10_000);
        let [least, joining, greatest] = [0, 1, 2].map(|place| &cluster.nodes[place]);
        least.connect(greatest.name(), |_| {});
        cluster.world.run_for(30 * SECOND);
        cluster.spawn(greatest, |cx, global| async move {
            while global.register(Term::atom("busy"), cx.pid()).await.is_ok() {
                drop(global.unregister(Term::atom("busy")).await);
            }
        });
        cluster.world.run_for(SECOND);
        let began = cluster.world.now();
        let global = least.global().clone();
        let patient = cluster.world.run(least, move |cx: Cx<Term>| async move {
            global.register(Term::atom("seldom"), cx.pid()).await
        });
        assert_eq!(patient, Ok(Ok(())), "seed {seed}");
        joining.connect(greatest.name(), |_| {});
        cluster.world.run_for(SECOND);
        let global = joining.global().clone();
        let joined = cluster.world.run(joining, move |_: Cx<Term>| async move { global.sync().await });
        assert_eq!(joined, Ok(Ok(())), "seed {seed}");
        let took = cluster.world.now().saturating_duration_since(began);
        assert!(took < 180 * SECOND, "seed {seed}: {took:?}");
    }
}

/// The same seed makes the same history.
#[test]
fn a_storm_of_names_can_be_had_again() {
    let trace = |seed| {
        let mut cluster = Cluster::new(seed, 3);
        cluster.connect_all();
        for _ in 0..20 {
            cluster.happen();
            cluster.world.run_for(5 * SECOND);
        }
        cluster.world.trace()
    };
    assert_eq!(trace(7), trace(7));
}
