//! A server that fails in each place of its life, and what each observer of it sees: the exact reason.
//!
//! Places: its init, its handler, its terminate, a kill, a panic. Observers: a linked process, a monitor, its supervisor,
//! and two callers: one whose request has begun, one whose request waits behind it.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use engset_otp::{
    Call, CallError, Child, Reply, Restart, Server, StartError, Supervisor, start_link, start_named,
};
use engset_process::{
    Addr, Cx, Dest, Exit, ExitReason, Identity, Mail, Processes, Protocol, Scheduler, Service, Target,
};
use engset_term::{Atom, NodeName, Pid, Term};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const NAME: Atom = Atom::from_static("failing");
const SEEDS: u64 = 12;
/// Longer than everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the server fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Init,
    Handle,
    Terminate,
    Killed,
    Panicked,
}

struct Failing {
    place: Place,
    /// Whether it waits in that place until it is let through.
    gated: bool,
    /// Whether it serves a request.
    serves: Arc<AtomicBool>,
    kept: Vec<Reply<u32>>,
}

#[derive(Debug)]
enum Request {
    /// Brings the failure about.
    Fail(Reply<u32>),
    /// Lets it through.
    Open,
}

impl Protocol for Request {}

impl Server for Failing {
    type Msg = Request;
    type Ref = Addr<Request>;

    async fn init(&mut self, cx: &mut Cx<Request>) -> Result<(), Exit> {
        if self.place != Place::Init {
            return Ok(());
        }
        self.pass_gate(cx).await;
        Err(Exit(boom()))
    }

    async fn handle(&mut self, message: Request, cx: &mut Cx<Request>) -> Result<(), Exit> {
        let Request::Fail(reply) = message else { panic!("opened where there is no gate") };
        self.kept.extend(reply.begin());
        self.serves.store(true, Ordering::Release);
        self.pass_gate(cx).await;
        match self.place {
            Place::Init => unreachable!("it does not come so far"),
            Place::Handle => Err(Exit(boom())),
            Place::Terminate => Err(Exit(ExitReason::Shutdown)),
            Place::Killed => {
                cx.exit(cx.pid(), ExitReason::Kill);
                std::future::pending().await
            }
            Place::Panicked => panic!("in handle"),
        }
    }

    async fn terminate(&mut self, _: &ExitReason, _: &mut Cx<Request>) {
        assert!(self.place != Place::Terminate, "in terminate");
    }
}

impl Failing {
    async fn pass_gate(&self, cx: &mut Cx<Request>) {
        if self.gated {
            let opened = cx.receive(|mail| match mail {
                Mail::Message(Request::Open) => Ok(()),
                other => Err(other),
            });
            opened.await;
        }
    }
}

impl Place {
    fn server(self) -> Failing {
        Failing { place: self, gated: false, serves: Arc::default(), kept: Vec::new() }
    }

    fn gated_server(self, serves: Arc<AtomicBool>) -> Failing {
        Failing { gated: true, serves, ..self.server() }
    }

    /// Fails where `reason` is not that of a failure in this place.
    #[track_caller]
    fn check(self, reason: &ExitReason) {
        let said = match self {
            Self::Init | Self::Handle => return assert_eq!(*reason, boom()),
            Self::Killed => return assert_eq!(*reason, ExitReason::Killed),
            Self::Terminate => "in terminate",
            Self::Panicked => "in handle",
        };
        let term = reason.to_term();
        let Some([tag, message, place]) = term.as_tuple() else { panic!("no panic: {reason}") };
        assert!(tag.is_atom("panic"), "{reason}");
        assert_eq!(message.as_binary(), Some(said.as_bytes()));
        assert!(place.to_text().unwrap().contains("matrix.rs:"), "{reason}");
    }
}

/// A linked process that traps exits gets the reason, and where the init fails its starter too.
async fn link(mut cx: Cx<Term>, place: Place) {
    cx.trap_exit(true);
    match start_link(&mut cx, None, place.server()).await {
        Ok(server) => {
            assert_ne!(place, Place::Init);
            provoke(&cx, server);
            let (ended, reason) = trapped(&mut cx).await;
            assert_eq!(ended, server.pid());
            place.check(&reason);
        }
        Err(error) => {
            assert_eq!(place, Place::Init);
            assert_eq!(error, StartError::Init(boom()));
            place.check(&trapped(&mut cx).await.1);
        }
    }
    quiet(&mut cx).await;
}

/// A monitor fires once, with the reason; in the init the server is known by its name.
async fn monitor(mut cx: Cx<Term>, place: Place) {
    let (server, serves) = start_apart(&cx, place).await;
    let reference = cx.monitor(Dest::Name(NAME));
    if place != Place::Init {
        provoke(&cx, server);
        wait_until(&cx, || serves.load(Ordering::Acquire)).await;
    }
    cx.send(server, Request::Open).unwrap();
    let Mail::Down(down) = next(&mut cx).await else { panic!("a down message") };
    assert_eq!((down.reference, down.process), (reference, Dest::Name(NAME)));
    place.check(&down.reason);
    assert_eq!(cx.processes().whereis(&NAME), None);
    quiet(&mut cx).await;
}

/// A supervisor restarts a transient child once, gives up the second time, and does not start where the init fails.
async fn supervisor(mut cx: Cx<Term>, place: Place) {
    cx.trap_exit(true);
    let child = Child::named_server(NAME, move || place.server()).restart(Restart::Transient);
    let supervisor = Supervisor::one_for_one().intensity(1, Duration::from_secs(5)).child(child);
    let supervisor = match supervisor.start_link(&mut cx).await {
        Ok(supervisor) => supervisor,
        Err(error) => {
            assert_eq!(place, Place::Init);
            let expected: Term = "{shutdown,{failed_to_start_child,failing,boom}}".parse().unwrap();
            assert_eq!(error, StartError::Init(ExitReason::from_term(expected.clone())));
            assert_eq!(trapped(&mut cx).await.1, ExitReason::from_term(expected));
            return;
        }
    };
    assert_ne!(place, Place::Init);
    let first = cx.processes().whereis(&NAME).unwrap();
    provoke(&cx, Addr::new(first));
    wait_until(&cx, || cx.processes().whereis(&NAME).is_some_and(|pid| pid != first)).await;
    let second = cx.processes().whereis(&NAME).unwrap();
    assert_eq!(supervisor.count_children().await.unwrap().active, 1);
    provoke(&cx, Addr::new(second));
    assert_eq!(trapped(&mut cx).await, (supervisor.pid(), ExitReason::Shutdown));
    assert_eq!(cx.processes().whereis(&NAME), None);
}

/// A caller hears the reason, and whether its request had begun.
async fn caller(mut cx: Cx<Term>, place: Place) {
    let (server, serves) = start_apart(&cx, place).await;
    let watch = cx.monitor(server);
    let begun = call(&cx, server, true);
    // The first request is being served, or, in the init, waits.
    let in_init = place == Place::Init;
    wait_until(&cx, || serves.load(Ordering::Acquire) || in_init && waiting(&cx, server) == 1).await;
    let before = waiting(&cx, server);
    let waits = call(&cx, Service::local(NAME), true);
    wait_until(&cx, || waiting(&cx, server) == before + 1).await;
    cx.send(server, Request::Open).unwrap();
    let mut told = [None, None];
    while told.iter().any(Option::is_none) {
        match next(&mut cx).await {
            Mail::Message(term) => {
                let [pid, reason, has_begun] = term.as_tuple().unwrap() else { panic!("{term}") };
                let is_first = pid.as_pid() == Some(begun);
                assert!(is_first || pid.as_pid() == Some(waits));
                place.check(&ExitReason::from_term(reason.clone()));
                told[usize::from(!is_first)] = Some(has_begun.is_atom("true"));
            }
            Mail::Down(down) => {
                assert_eq!(down.reference, watch);
                place.check(&down.reason);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, [Some(place != Place::Init), Some(false)]);
}

/// Starts the server by another process, registered, and comes back when it is known by its name: in its init, or after.
async fn start_apart(cx: &Cx<Term>, place: Place) -> (Addr<Request>, Arc<AtomicBool>) {
    let serves: Arc<AtomicBool> = Arc::default();
    let server = place.gated_server(Arc::clone(&serves));
    let starter = move |_: Cx<Term>| async move {
        let started = start_named(Some(NAME), server).await;
        assert_eq!(started.err(), (place == Place::Init).then(|| StartError::Init(boom())));
    };
    let starter = cx.spawn(starter).unwrap().pid();
    wait_until(cx, || {
        let is_known = cx.processes().whereis(&NAME).is_some();
        is_known && (place == Place::Init || !cx.processes().is_alive(starter))
    })
    .await;
    (Addr::new(cx.processes().whereis(&NAME).unwrap()), serves)
}

/// How many messages wait for the server.
fn waiting(cx: &Cx<Term>, server: Addr<Request>) -> usize {
    cx.processes().info(server.pid()).map_or(0, |info| info.message_queue_len)
}

/// Calls the server so that it fails; nobody hears of the answer.
fn provoke(cx: &Cx<Term>, server: Addr<Request>) {
    call(cx, server, false);
}

/// Calls the server from a process of its own, which is returned; it tells this one `{Pid, Reason, Begun}` if it is to.
fn call(cx: &Cx<Term>, server: impl Target<Request>, tells: bool) -> Pid {
    let me = cx.addr();
    let caller = move |cx: Cx<Term>| async move {
        match Call::tracked(&server, Request::Fail).await {
            Err(CallError::Down { reason, begun }) => {
                let told = [Term::Pid(cx.pid()), reason.to_term(), Term::from(begun)];
                if tells {
                    drop(cx.send(me, Term::tuple(told)));
                }
            }
            other => panic!("{other:?}"),
        }
    };
    cx.spawn(caller).unwrap().pid()
}

async fn next(cx: &mut Cx<Term>) -> Mail<Term> {
    cx.recv_timeout(PATIENCE).await.expect("something arrives")
}

async fn trapped(cx: &mut Cx<Term>) -> (Pid, ExitReason) {
    match next(cx).await {
        Mail::Exit(trapped) => (trapped.from, trapped.reason),
        other => panic!("no exit: {other:?}"),
    }
}

/// Nothing arrives any more.
async fn quiet(cx: &mut Cx<Term>) {
    let mail = cx.recv_timeout(millis(10)).await;
    assert!(mail.is_none(), "{mail:?}");
}

async fn wait_until(cx: &Cx<Term>, mut holds: impl FnMut() -> bool) {
    let begin = cx.processes().scheduler().now();
    while !holds() {
        cx.sleep(millis(1)).await;
        let waited = cx.processes().scheduler().now().saturating_duration_since(begin);
        assert!(waited < PATIENCE, "it has not come to hold");
    }
}

fn boom() -> ExitReason {
    ExitReason::from_term(Term::atom("boom"))
}

const fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Runs `body` as a process for a failure in `place`: under several seeds and on worker threads.
fn everywhere<F>(body: fn(Cx<Term>, Place) -> F, place: Place)
where
    F: Future<Output = ()> + Send + 'static,
{
    let run = |scheduler: Scheduler| {
        let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 7 };
        let processes = Processes::new(identity, scheduler);
        let result = processes.block_on(move |cx| body(cx, place));
        processes.kill_all();
        result
    };
    for seed in 0..SEEDS {
        assert_eq!(run(Scheduler::seeded(seed)), Ok(()), "{place:?} with seed {seed}");
    }
    let scheduler = Scheduler::threads(2).unwrap();
    let result = run(scheduler.clone());
    let Scheduler::Threads(threads) = scheduler else { panic!("it was made with threads") };
    threads.shutdown();
    assert_eq!(result, Ok(()), "{place:?} on threads");
}

#[test]
fn init_link() {
    everywhere(link, Place::Init);
}

#[test]
fn init_monitor() {
    everywhere(monitor, Place::Init);
}

#[test]
fn init_supervisor() {
    everywhere(supervisor, Place::Init);
}

#[test]
fn init_pending_caller() {
    everywhere(caller, Place::Init);
}

#[test]
fn handle_link() {
    everywhere(link, Place::Handle);
}

#[test]
fn handle_monitor() {
    everywhere(monitor, Place::Handle);
}

#[test]
fn handle_supervisor() {
    everywhere(supervisor, Place::Handle);
}

#[test]
fn handle_pending_caller() {
    everywhere(caller, Place::Handle);
}

#[test]
fn terminate_link() {
    everywhere(link, Place::Terminate);
}

#[test]
fn terminate_monitor() {
    everywhere(monitor, Place::Terminate);
}

#[test]
fn terminate_supervisor() {
    everywhere(supervisor, Place::Terminate);
}

#[test]
fn terminate_pending_caller() {
    everywhere(caller, Place::Terminate);
}

#[test]
fn killed_link() {
    everywhere(link, Place::Killed);
}

#[test]
fn killed_monitor() {
    everywhere(monitor, Place::Killed);
}

#[test]
fn killed_supervisor() {
    everywhere(supervisor, Place::Killed);
}

#[test]
fn killed_pending_caller() {
    everywhere(caller, Place::Killed);
}

#[test]
fn panicked_link() {
    everywhere(link, Place::Panicked);
}

#[test]
fn panicked_monitor() {
    everywhere(monitor, Place::Panicked);
}

#[test]
fn panicked_supervisor() {
    everywhere(supervisor, Place::Panicked);
}

#[test]
fn panicked_pending_caller() {
    everywhere(caller, Place::Panicked);
}
