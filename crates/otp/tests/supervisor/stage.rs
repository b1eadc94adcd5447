//! A node for a test, and children that do as they are told.

use engset_otp::{CallError, Child, ChildError, ChildState, StartError, Supervisor, SupervisorRef};
use engset_process::{Cx, Dest, ExitReason, Identity, Mail, Processes, Protocol, Scheduler, SpawnOptions};
use engset_term::{Atom, Instant, NodeName, Pid, Term};
use parking_lot::Mutex;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How many orders of events each simulated test sees.
const SEEDS: u64 = 12;

/// Longer than everything that a test with threads does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `main` as the first process of a simulated node that traps exits, once for each seed.
pub(crate) fn each_seed<B, F>(main: B)
where
    B: Fn(Cx<Term>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let main = Arc::new(main);
    for seed in 0..SEEDS {
        let scheduler = Scheduler::seeded(seed);
        let Scheduler::Seeded(seeded) = &scheduler else { panic!("it was made with a seed") };
        let ended = Arc::new(Mutex::new(None));
        let (result, main) = (Arc::clone(&ended), Arc::clone(&main));
        start(&scheduler, move |cx| main(cx), move |reason| *result.lock() = Some(reason));
        match seeded.run_while_none(|| ended.lock().take()) {
            Some(ExitReason::Normal) => {}
            Some(reason) => panic!("with seed {seed}: {reason}"),
            None => panic!("with seed {seed}: everybody waits for ever"),
        }
    }
}

/// Runs `main` as the first process of a node with two worker threads that traps exits.
pub(crate) fn on_threads<B, F>(main: B)
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let scheduler = Scheduler::threads(2).unwrap();
    let (ended, result) = mpsc::channel();
    start(&scheduler, main, move |reason| ended.send(reason).unwrap());
    let reason = result.recv_timeout(PATIENCE);
    let Scheduler::Threads(threads) = &scheduler else { panic!("it was made with threads") };
    threads.shutdown();
    assert_eq!(reason, Ok(ExitReason::Normal));
}

fn start<B, F>(scheduler: &Scheduler, main: B, ended: impl FnOnce(ExitReason) + Send + 'static)
where
    B: FnOnce(Cx<Term>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    crate::log::install();
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 200_000, salt: 7 };
    let processes = Processes::new(identity, scheduler.clone());
    let watch = move |mut cx: Cx<Term>| async move {
        let main = |mut cx: Cx<Term>| {
            cx.trap_exit(true);
            main(cx)
        };
        let (_, watch) = cx.spawn_monitor::<Term, _, _>(SpawnOptions::default(), main).unwrap();
        let reason = cx
            .receive(move |mail| match mail {
                Mail::Down(down) if down.reference == watch => Ok(down.reason),
                mail => Err(mail),
            })
            .await;
        ended(reason);
    };
    processes.spawn(SpawnOptions::default(), watch).unwrap();
}

/// What a child can be told.
#[derive(Debug)]
pub(crate) enum Order {
    /// End with this reason.
    End(ExitReason),
    /// Be deaf for so long.
    Sleep(Duration),
    /// When told to stop, take so long.
    StopSlowly(Duration),
    /// When told to stop, end with this reason.
    StopWith(ExitReason),
    /// Remove the link to this process.
    Unlink(Pid),
}

impl Protocol for Order {}

/// A child's code: ends when told to, by an order or an exit signal.
pub(crate) async fn obedient(mut cx: Cx<Order>) -> ExitReason {
    cx.trap_exit(true);
    let (mut slowness, mut last_word) = (Duration::ZERO, None);
    loop {
        match cx.recv().await {
            Mail::Message(Order::End(reason)) => return reason,
            Mail::Message(Order::Sleep(duration)) => cx.sleep(duration).await,
            Mail::Message(Order::StopSlowly(duration)) => slowness = duration,
            Mail::Message(Order::StopWith(reason)) => last_word = Some(reason),
            Mail::Message(Order::Unlink(pid)) => cx.unlink(pid),
            Mail::Exit(trapped) => {
                cx.sleep(slowness).await;
                return last_word.unwrap_or(trapped.reason);
            }
            Mail::Down(_) | Mail::Other(_) => {}
        }
    }
}

/// A child that does as it is told.
pub(crate) fn child(id: &str) -> Child {
    Child::process(id, || obedient)
}

/// A child that asks not to be run.
pub(crate) fn ignoring(id: &str) -> Child {
    Child::by(id, |_| Box::pin(async { Err(StartError::ignored()) }))
}

/// A child that does not start.
pub(crate) fn failing(id: &str, reason: &'static str) -> Child {
    Child::by(id, move |_| Box::pin(async move { Err(StartError::Init(named(reason))) }))
}

/// A child that starts once and never again.
pub(crate) fn once(id: &str) -> Child {
    let switch = Switch::default();
    switch.fails_after_next();
    switch.child(id)
}

/// Decides whether starts of children fail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switch {
    fails: Arc<AtomicBool>,
    fails_after_next: Arc<AtomicBool>,
    slowness: Arc<Mutex<Duration>>,
}

impl Switch {
    pub(crate) fn set(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    pub(crate) fn fails_after_next(&self) {
        self.fails_after_next.store(true, Ordering::Relaxed);
    }

    /// How long a start takes that fails.
    pub(crate) fn failing_takes(&self, duration: Duration) {
        *self.slowness.lock() = duration;
    }

    /// A child whose start fails, with reason `error`, while the switch is set.
    pub(crate) fn child(&self, id: &str) -> Child {
        let switch = self.clone();
        Child::by(id, move |cx| {
            let slowness = *switch.slowness.lock();
            let fails = switch.fails.load(Ordering::Relaxed);
            if switch.fails_after_next.swap(false, Ordering::Relaxed) {
                switch.set(true);
            }
            Box::pin(async move {
                if fails {
                    cx.sleep(slowness).await;
                    return Err(StartError::Init(named("error")));
                }
                let addr = cx.spawn_link(SpawnOptions::default(), obedient).map_err(StartError::Spawn)?;
                Ok(addr.pid())
            })
        })
    }
}

/// Starts a supervisor linked to the test.
pub(crate) async fn begin(cx: &mut Cx<Term>, supervisor: Supervisor) -> SupervisorRef {
    supervisor.start_link(cx).await.unwrap()
}

/// Allows `restarts` within an hour.
pub(crate) fn up_to(restarts: usize, supervisor: Supervisor) -> Supervisor {
    supervisor.intensity(restarts, Duration::from_secs(3_600))
}

/// Gives a child an order, and lets it take it; in simulation.
pub(crate) async fn tell(cx: &Cx<Term>, pid: Pid, order: Order) {
    cx.send(pid, order).unwrap();
    settle(cx).await;
}

/// Ends a process in the way that `reason` says, and waits until it has ended so.
pub(crate) async fn end(cx: &mut Cx<Term>, pid: Pid, reason: ExitReason) {
    let watch = cx.monitor(pid);
    let expected = match reason {
        ExitReason::Kill => {
            cx.exit(pid, ExitReason::Kill);
            ExitReason::Killed
        }
        reason => {
            cx.send(pid, Order::End(reason.clone())).unwrap();
            reason
        }
    };
    let down = cx.receive(move |mail| match mail {
        Mail::Down(down) if down.reference == watch => Ok(*down),
        mail => Err(mail),
    });
    let down = down.await;
    assert_eq!((down.process, down.reason), (Dest::Pid(pid), expected));
}

/// Stops a supervisor that is linked to the test, as a parent does; how long it took.
pub(crate) async fn stop(cx: &mut Cx<Term>, supervisor: SupervisorRef) -> Duration {
    let before = now(cx);
    cx.exit(supervisor.pid(), ExitReason::Shutdown);
    assert_eq!(exit_of(cx, supervisor.pid()).await, ExitReason::Shutdown);
    now(cx).saturating_duration_since(before)
}

/// Waits for the exit signal of a linked process; its reason.
pub(crate) async fn exit_of(cx: &mut Cx<Term>, pid: Pid) -> ExitReason {
    cx.receive(move |mail| match mail {
        Mail::Exit(trapped) if trapped.from == pid => Ok(trapped.reason),
        mail => Err(mail),
    })
    .await
}

/// Asserts that all end that are linked to the test.
pub(crate) async fn all_end(cx: &mut Cx<Term>, pids: &[Pid]) {
    for pid in pids {
        exit_of(cx, *pid).await;
    }
}

/// Lets everything happen that can happen without time passing; only in simulation.
pub(crate) async fn settle(cx: &Cx<Term>) {
    cx.sleep(Duration::from_nanos(1)).await;
}

/// Asserts that all are alive after everything has happened that can happen within a second; only in simulation.
pub(crate) async fn all_live_on(cx: &Cx<Term>, pids: &[Pid]) {
    cx.sleep(Duration::from_secs(1)).await;
    for pid in pids {
        assert!(cx.processes().is_alive(*pid), "{pid} has ended");
    }
}

/// The children with their states, the one started last first.
pub(crate) async fn list(supervisor: SupervisorRef) -> Vec<(String, ChildState)> {
    let children = supervisor.which_children().await.unwrap();
    children.into_iter().map(|child| (child.id, child.state)).collect()
}

/// The ids of the children, the one started last first.
pub(crate) async fn ids(supervisor: SupervisorRef) -> Vec<String> {
    list(supervisor).await.into_iter().map(|(id, _)| id).collect()
}

/// The pids of the children, all of which run, the one started last first.
pub(crate) async fn pids(supervisor: SupervisorRef) -> Vec<Pid> {
    let running = |(id, state)| match state {
        ChildState::Running(pid) => pid,
        ChildState::Restarting | ChildState::Stopped => panic!("child {id} does not run"),
    };
    list(supervisor).await.into_iter().map(running).collect()
}

/// The pid of the only child.
pub(crate) async fn only(supervisor: SupervisorRef) -> Pid {
    let pids = pids(supervisor).await;
    let [pid] = pids.as_slice() else { panic!("not one child: {pids:?}") };
    *pid
}

/// Specs, active, supervisors, workers.
pub(crate) async fn counts(supervisor: SupervisorRef) -> [usize; 4] {
    let counts = supervisor.count_children().await.unwrap();
    [counts.specs, counts.active, counts.supervisors, counts.workers]
}

/// Starts a child and links the test to it.
pub(crate) async fn add(cx: &mut Cx<Term>, supervisor: SupervisorRef, child: Child) -> Pid {
    let pid = supervisor.start_child(child).await.unwrap();
    cx.link(pid);
    pid
}

/// What a supervisor answers that refuses.
pub(crate) fn no<T>(error: ChildError) -> Result<T, CallError<ChildError>> {
    Err(CallError::App(error))
}

pub(crate) fn now(cx: &Cx<Term>) -> Instant {
    cx.processes().scheduler().now()
}

pub(crate) fn named(reason: &str) -> ExitReason {
    ExitReason::from(Atom::new(reason).unwrap())
}

/// The reason with which children end that crash.
pub(crate) fn died() -> ExitReason {
    named("died")
}

/// The reason `{shutdown, Word}`.
pub(crate) fn shutdown_with(word: &'static str) -> ExitReason {
    ExitReason::from(Term::tuple([Term::atom("shutdown"), Term::atom(word)]))
}

pub(crate) const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

pub(crate) const fn secs(number: u64) -> Duration {
    Duration::from_secs(number)
}
