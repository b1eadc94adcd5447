//! A worker that is stuck in one run: it is told of, and others do what they can of its work. Where all is
//! well, `idle.rs` shows that an idle scheduler uses no time.
//!
//! On a busy machine any worker may get no processor for longer than a run may take here, and be told of: no test says
//! how many reports there are, but of whom.

use crate::stage::{Number, PATIENCE, Patience, identity, number};
use engset_process::{
    Cx, ExitReason, Mail, Processes, SPARE_WORKERS_MAX, Scheduler, SpawnOptions, Stuck, StuckIn,
    ThreadsConfig, WORKERS_MAX, hand_over, yield_now,
};
use engset_term::{Pid, Term};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How long a run may take in these tests.
const SLICE: Duration = Duration::from_millis(10);

/// What a hog waits for on its thread, as code does that blocks: until it is let go.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn open(&self) {
        *self.0.0.lock().expect("no panic") = true;
        self.0.1.notify_all();
    }

    /// The thing under test: a process that blocks its thread.
    fn hog_the_thread(&self) {
        let is_open = self.0.0.lock().expect("no panic");
        let waited = self.0.1.wait_timeout_while(is_open, PATIENCE, |is_open| !*is_open);
        let is_open = *waited.expect("no panic").0;
        assert!(is_open, "nobody lets the hog go");
    }
}

/// Opens the gate also when the test fails, so that the workers end.
struct OpensAtEnd(Gate);

impl Drop for OpensAtEnd {
    fn drop(&mut self) {
        self.0.open();
    }
}

type Reports = Arc<Mutex<Vec<Stuck>>>;

/// Runs `body` as a process on `workers` workers and as many spare ones as may be.
fn on_workers<B, F>(workers: usize, spares: usize, body: B)
where
    B: FnOnce(Cx<Number>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    watched(workers, spares, |cx, _| body(cx));
}

/// As [`on_workers`], where `body` sees what the watchdog tells; all that it told.
fn watched<B, F>(workers: usize, spares: usize, body: B) -> Vec<Stuck>
where
    B: FnOnce(Cx<Number>, Reports) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let reports: Reports = Arc::default();
    let told = Arc::clone(&reports);
    let config = ThreadsConfig {
        slice_max: SLICE,
        spare_workers_max: spares,
        on_stuck: Some(Arc::new(move |stuck: &Stuck| told.lock().expect("no panic").push(stuck.clone()))),
        ..ThreadsConfig::new(workers)
    };
    let scheduler = Scheduler::threads_with(config).expect("worker threads");
    let processes = Processes::new(identity(1_000), scheduler.clone());
    let seen = Arc::clone(&reports);
    let result = processes.block_on(|cx| body(cx, seen));
    assert!(result.is_ok(), "{result:?}");
    // The end of each long run is told, too.
    let patience = Patience::new(&scheduler);
    let is_told = || {
        let reports = reports.lock().expect("no panic");
        2 * reports.iter().filter(|stuck| stuck.is_over).count() == reports.len()
    };
    while !is_told() {
        patience.check("the end of each long run is told");
        std::thread::yield_now();
    }
    processes.kill_all();
    let Scheduler::Threads(threads) = scheduler else { panic!("no threads") };
    threads.shutdown();
    std::mem::take(&mut *reports.lock().expect("no panic"))
}

/// Starts a process that blocks its worker, after it has sent `Number(1)` to `to`.
fn spawn_hog(cx: &Cx<Number>, gate: &Gate, to: Option<Pid>) -> Pid {
    let gate = gate.clone();
    let hog = move |cx: Cx<Number>| async move {
        if let Some(to) = to {
            drop(cx.send(to, Number(1)));
        }
        gate.hog_the_thread();
    };
    let options = SpawnOptions { label: Some("the hog".to_owned()), ..SpawnOptions::default() };
    cx.processes().spawn(options, hog).expect("room").pid()
}

/// Waits until so many workers are stuck.
async fn until_stuck(cx: &Cx<Number>, workers: usize) {
    let scheduler = cx.processes().scheduler();
    let patience = Patience::new(scheduler);
    while scheduler.stats().workers.iter().filter(|worker| worker.is_stuck).count() < workers {
        patience.check("workers are stuck");
        cx.sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until the watchdog has told of this process.
async fn until_told(cx: &Cx<Number>, reports: &Reports, pid: Pid) {
    let patience = Patience::new(cx.processes().scheduler());
    while !reports.lock().expect("no panic").iter().any(|stuck| is_of(stuck, pid)) {
        patience.check("the watchdog tells of the process");
        cx.sleep(Duration::from_millis(1)).await;
    }
}

fn is_of(stuck: &Stuck, process: Pid) -> bool {
    matches!(stuck.runs, StuckIn::Process { pid, .. } if pid == process)
}

#[test]
fn the_report_names_the_process_and_how_long_it_takes() {
    let gate = Gate::default();
    let hogs: Arc<Mutex<Option<Pid>>> = Arc::default();
    let seen = Arc::clone(&hogs);
    let reports = watched(2, 0, move |cx, reports| async move {
        let opens = OpensAtEnd(gate.clone());
        let pid = spawn_hog(&cx, &gate, None);
        *seen.lock().expect("no panic") = Some(pid);
        until_told(&cx, &reports, pid).await;
        assert!(cx.processes().scheduler().stats().stuck >= 1);
        drop(opens);
    });
    let pid = hogs.lock().expect("no panic").expect("started");
    let of_hog: Vec<&Stuck> = reports.iter().filter(|stuck| is_of(stuck, pid)).collect();
    let [stuck, over] = &of_hog[..] else { panic!("{reports:?}") };
    let runs = StuckIn::Process { pid, label: Some("the hog".to_owned()) };
    assert_eq!((&stuck.runs, stuck.is_over), (&runs, false));
    assert_eq!((&over.runs, over.is_over, over.worker), (&runs, true, stuck.worker));
    assert!(stuck.lasts >= SLICE && over.lasts >= stuck.lasts, "{reports:?}");
}

#[test]
fn of_processes_that_run_inside_each_other_the_one_that_blocks_is_named() {
    let gates = [Gate::default(), Gate::default()];
    watched(2, 0, move |cx, reports| async move {
        let opens = gates.clone().map(OpensAtEnd);
        let (inner, outer) = (gates[0].clone(), gates[1].clone());
        let pids: Arc<Mutex<Vec<Pid>>> = Arc::default();
        let seen = Arc::clone(&pids);
        let body = move |cx: Cx<Number>| async move {
            let inside = move |_: Cx<Number>| async move { inner.hog_the_thread() };
            let inside = cx.spawn(inside).expect("room");
            seen.lock().expect("no panic").extend([inside.pid(), cx.pid()]);
            // Runs the process that has just been woken inside this one.
            hand_over();
            outer.hog_the_thread();
        };
        cx.processes().spawn(SpawnOptions::default(), body).expect("room");
        let patience = Patience::new(cx.processes().scheduler());
        for (at, opens) in opens.into_iter().enumerate() {
            while pids.lock().expect("no panic").len() <= at {
                patience.check("the processes are started");
                cx.sleep(Duration::from_millis(1)).await;
            }
            let pid = pids.lock().expect("no panic")[at];
            until_told(&cx, &reports, pid).await;
            drop(opens);
        }
    });
}

#[test]
fn who_watches_over_the_node_hears_of_a_long_slice() {
    let gate = Gate::default();
    on_workers(2, 0, move |mut cx| async move {
        let me = cx.pid();
        let opens = OpensAtEnd(gate.clone());
        let watcher = move |mut cx: Cx<Term>| async move {
            cx.processes().set_system_monitor(Some(cx.pid()));
            drop(cx.send(me, Number(0)));
            let Mail::Message(event) = cx.recv().await else { panic!("no message") };
            let text = event.to_string();
            assert!(text.contains("long_schedule,[{timeout,"), "{text}");
            drop(cx.send(me, Number(9)));
        };
        cx.processes().spawn(SpawnOptions::default(), watcher).expect("room");
        assert_eq!(number(&mut cx).await, 0);
        spawn_hog(&cx, &gate, None);
        until_stuck(&cx, 1).await;
        drop(opens);
        assert_eq!(number(&mut cx).await, 9);
    });
}

#[test]
fn what_a_stuck_process_has_woken_runs_elsewhere() {
    for _ in 0..5 {
        let gate = Gate::default();
        on_workers(2, 0, move |mut cx| async move {
            let opens = OpensAtEnd(gate.clone());
            // The hog's message puts the receiver into the slot of the hog's worker, where nobody can steal it.
            let me = cx.pid();
            let tells = move |mut cx: Cx<Number>| async move {
                drop(cx.recv().await);
                drop(cx.send(me, Number(2)));
            };
            let receiver = cx.processes().spawn(SpawnOptions::default(), tells).expect("room").pid();
            cx.sleep(Duration::from_millis(2)).await;
            spawn_hog(&cx, &gate, Some(receiver));
            assert_eq!(number(&mut cx).await, 2);
            drop(opens);
        });
    }
}

#[test]
fn what_two_stuck_processes_have_woken_runs_elsewhere() {
    let gate = Gate::default();
    on_workers(2, 1, move |mut cx| async move {
        let opens = OpensAtEnd(gate.clone());
        let me = cx.pid();
        let tells = move |mut cx: Cx<Number>| async move {
            loop {
                number(&mut cx).await;
                drop(cx.send(me, Number(2)));
            }
        };
        let receiver = cx.processes().spawn(SpawnOptions::default(), tells).expect("room").pid();
        // A right to run the receiver is left in the slot of the first hog's worker when the second hog wakes it.
        for hogs in 1..=2 {
            cx.sleep(Duration::from_millis(2)).await;
            spawn_hog(&cx, &gate, Some(receiver));
            assert_eq!(number(&mut cx).await, 2);
            until_stuck(&cx, hogs).await;
        }
        drop(opens);
    });
}

#[test]
fn a_task_that_is_no_process_is_taken_from_a_stuck_worker_too() {
    let gate = Gate::default();
    on_workers(1, 1, move |mut cx| async move {
        let opens = OpensAtEnd(gate.clone());
        let me = cx.pid();
        let processes = Arc::clone(cx.processes());
        let hog = move |cx: Cx<Number>| async move {
            // Goes into the slot of this worker.
            cx.processes().scheduler().spawn_task(async move {
                drop(processes.send(me, &me.into(), Number(3)));
            });
            gate.hog_the_thread();
        };
        cx.processes().spawn(SpawnOptions::default(), hog).expect("room");
        assert_eq!(number(&mut cx).await, 3);
        drop(opens);
    });
}

#[test]
fn timers_of_a_stuck_worker_fire() {
    let gate = Gate::default();
    on_workers(2, 0, move |mut cx| async move {
        let opens = OpensAtEnd(gate.clone());
        let me = cx.pid();
        let hog = move |cx: Cx<Number>| async move {
            // In the wheels of the hog's worker: the first is due before it is stuck, the others after.
            for (at, millis) in [1, 30, 60, 90].into_iter().enumerate() {
                let number = Number(u64::try_from(at).expect("small"));
                cx.send_after(Duration::from_millis(millis), me, number);
            }
            gate.hog_the_thread();
        };
        cx.processes().spawn(SpawnOptions::default(), hog).expect("room");
        for at in 0..4 {
            assert_eq!(number(&mut cx).await, at);
        }
        // One that is set while it is stuck, by a thread that is no worker.
        let processes = Arc::clone(cx.processes());
        let set = tokio::task::spawn_blocking(move || {
            let scheduler = processes.scheduler().clone();
            let due = scheduler.now().saturating_add(Duration::from_millis(5));
            scheduler.run_at(due, move || drop(processes.send(me, &me.into(), Number(7))));
        });
        assert_eq!(number(&mut cx).await, 7);
        set.await.expect("no panic");
        assert!(cx.processes().scheduler().stats().rescued > 0);
        drop(opens);
    });
}

#[test]
fn when_all_workers_are_stuck_spare_ones_go_on_and_retire_afterwards() {
    let gate = Gate::default();
    let reports = watched(2, 2, move |mut cx, _| async move {
        let opens = OpensAtEnd(gate.clone());
        spawn_hog(&cx, &gate, Some(cx.pid()));
        spawn_hog(&cx, &gate, Some(cx.pid()));
        // This process may wait in the slot of a stuck worker; a spare one takes it from there.
        assert_eq!([number(&mut cx).await, number(&mut cx).await], [1, 1]);
        until_stuck(&cx, 2).await;
        let scheduler = cx.processes().scheduler().clone();
        assert!(scheduler.stats().spare_workers >= 1);
        cx.sleep(Duration::from_millis(20)).await;
        drop(opens);
        let patience = Patience::new(&scheduler);
        while scheduler.stats().spare_workers > 0 {
            patience.check("the spare worker retires");
            cx.sleep(Duration::from_millis(1)).await;
        }
        // What a retired worker has to wake, others run.
        for round in 0..100 {
            drop(cx.send(cx.pid(), Number(round)));
            assert_eq!(number(&mut cx).await, round);
        }
    });
    assert!(reports.iter().filter(|stuck| !stuck.is_over).count() >= 2, "{reports:?}");
}

#[test]
fn sockets_that_were_opened_on_a_spare_worker_work_after_it_has_retired() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let gate = Gate::default();
    on_workers(1, 1, move |cx| async move {
        let opens = OpensAtEnd(gate.clone());
        spawn_hog(&cx, &gate, Some(cx.pid()));
        until_stuck(&cx, 1).await;
        let name = std::thread::current().name().map(str::to_owned);
        assert_eq!(name.as_deref(), Some("engset-1"), "a spare worker");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (client, server) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        let (mut client, (mut server, _)) = (client.expect("connected"), server.expect("connected"));
        drop(opens);
        let patience = Patience::new(cx.processes().scheduler());
        while cx.processes().scheduler().stats().spare_workers > 0 {
            patience.check("the spare worker retires");
            cx.sleep(Duration::from_millis(1)).await;
        }
        let is_on_regular = || std::thread::current().name() == Some("engset-0");
        let mut round = 0;
        while round < 100 || !is_on_regular() {
            patience.check("the regular worker runs what the spare one's socket wakes");
            let (written, read) = tokio::join!(client.write_u64(round), server.read_u64());
            assert_eq!((written.ok(), read.ok()), (Some(()), Some(round)));
            round += 1;
            if !is_on_regular() {
                // The sockets may have something at once each time, and the run on the spare worker never end.
                yield_now().await;
            }
        }
    });
}

/// A process that opens sockets and then keeps its thread; what came of them is read by another.
fn sockets_beside_a_hog(workers: usize, spares: usize) {
    use std::io::{Read, Write};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let gate = Gate::default();
    on_workers(workers, spares, move |mut cx| async move {
        let _opens = OpensAtEnd(gate.clone());
        let me = cx.pid();
        let open = move |cx: Cx<Number>| async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("bound");
            let (plain, served) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
            let mut plain = plain.and_then(tokio::net::TcpStream::into_std).expect("connected");
            plain.set_nonblocking(false).expect("a socket");
            let (mut served, _) = served.expect("connected");
            let echo = move |_: Cx<Number>| async move {
                while let Ok(number) = served.read_u64().await {
                    served.write_u64(number).await.expect("written");
                }
            };
            cx.processes().spawn(SpawnOptions::default(), echo).expect("room");
            plain.set_read_timeout(Some(PATIENCE)).expect("a socket");
            let scheduler = cx.processes().scheduler().clone();
            let ends = gate.clone();
            let rounds = move || {
                let mut rounds = || {
                    for round in 0..100_u64 {
                        let mut answer = [0; 8];
                        plain.write_all(&round.to_be_bytes()).expect("written");
                        plain.read_exact(&mut answer).expect("read");
                        assert_eq!(u64::from_be_bytes(answer), round);
                    }
                };
                rounds();
                // Also when the hog is back, and a spare worker that sleeps over them is not needed any more.
                ends.open();
                let patience = Patience::new(&scheduler);
                while scheduler.stats().spare_workers > 0 {
                    patience.check("the spare worker retires");
                    std::thread::yield_now();
                }
                rounds();
            };
            let client = move |cx: Cx<Number>| async move {
                cx.blocking(rounds).await.expect("a thread");
                drop(cx.send(me, Number(7)));
            };
            cx.processes().spawn(SpawnOptions::default(), client).expect("room");
            gate.hog_the_thread();
        };
        cx.processes().spawn(SpawnOptions::default(), open).expect("room");
        let through = cx.recv_timeout(PATIENCE).await;
        assert!(matches!(through, Some(Mail::Message(Number(7)))), "{through:?}");
    });
}

#[test]
fn sockets_that_a_stuck_process_opened_are_looked_after_by_others() {
    sockets_beside_a_hog(2, 0);
}

#[test]
fn sockets_that_a_stuck_process_opened_are_looked_after_by_a_spare_worker() {
    sockets_beside_a_hog(1, 1);
}

#[test]
fn there_are_no_more_spare_workers_than_there_may_be() {
    let gate = Gate::default();
    on_workers(1, SPARE_WORKERS_MAX, move |cx| async move {
        let opens = OpensAtEnd(gate.clone());
        // One for each worker but the last, on which this process goes on.
        for stuck in 1..=SPARE_WORKERS_MAX {
            spawn_hog(&cx, &gate, None);
            until_stuck(&cx, stuck).await;
            yield_now().await;
        }
        let patience = Patience::new(cx.processes().scheduler());
        while cx.processes().scheduler().stats().spare_workers < SPARE_WORKERS_MAX {
            patience.check("all spare workers are needed");
            cx.sleep(Duration::from_millis(1)).await;
        }
        let stats = cx.processes().scheduler().stats();
        assert_eq!((stats.spare_workers, stats.workers.len()), (SPARE_WORKERS_MAX, 1 + SPARE_WORKERS_MAX));
        drop(opens);
    });
    let config = ThreadsConfig { spare_workers_max: 100, ..ThreadsConfig::new(WORKERS_MAX + 1) };
    let scheduler = Scheduler::threads_with(config).expect("worker threads");
    assert_eq!(scheduler.stats().workers.len(), WORKERS_MAX);
    let Scheduler::Threads(threads) = scheduler else { panic!("no threads") };
    threads.shutdown();
}

#[test]
fn many_short_slices_are_no_long_one() {
    let tell_of_it = || {
        let reports = watched(1, 1, |cx, _| async move {
            let scheduler = cx.processes().scheduler();
            let end = scheduler.now().saturating_add(10 * SLICE);
            while scheduler.now() < end {
                yield_now().await;
            }
        });
        !reports.is_empty()
    };
    // Where the worker gets no processor for so long, one of them is a long one.
    assert!((0..50).any(|_| !tell_of_it()), "a worker that goes on is told of, again and again");
}

#[test]
fn what_is_taken_over_runs_once() {
    // Whatever is run twice by right is run once in fact.
    let gate = Gate::default();
    on_workers(2, 1, move |mut cx| async move {
        let opens = OpensAtEnd(gate.clone());
        let me = cx.pid();
        let runs = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&runs);
        let hog = move |mut cx: Cx<Number>| async move {
            for _ in 0..100 {
                let counted = Arc::clone(&counted);
                let ends = move |_: Cx<Number>| async move { _ = counted.fetch_add(1, Ordering::SeqCst) };
                let (child, _) = cx.spawn_monitor(SpawnOptions::default(), ends).expect("room");
                drop(cx.send(child, Number(1)));
                // A process that computes: longer than a run may take, all in one run.
                let end = cx.processes().scheduler().now().saturating_add(Duration::from_millis(1));
                while cx.processes().scheduler().now() < end {
                    std::hint::spin_loop();
                }
            }
            gate.hog_the_thread();
            for _ in 0..100 {
                let Mail::Down(down) = cx.recv().await else { panic!("no end of a child") };
                assert_eq!(down.reason, ExitReason::Normal);
            }
            drop(cx.send(me, Number(1)));
        };
        cx.processes().spawn(SpawnOptions::default(), hog).expect("room");
        until_stuck(&cx, 1).await;
        drop(opens);
        assert_eq!((number(&mut cx).await, runs.load(Ordering::SeqCst)), (1, 100));
    });
}

#[test]
fn a_shutdown_from_a_process_leaves_nothing() {
    for _ in 0..20 {
        let scheduler = Scheduler::threads(2).expect("worker threads");
        let processes = Processes::new(identity(100), scheduler.clone());
        let (done, is_done) = std::sync::mpsc::channel();
        let ending = scheduler.clone();
        let body = move |mut cx: Cx<Number>| async move {
            let Scheduler::Threads(threads) = &ending else { panic!("no threads") };
            threads.shutdown();
            // Nobody runs these any more.
            let waits = |mut cx: Cx<Number>| async move { drop(cx.recv().await) };
            cx.spawn_monitor(SpawnOptions::default(), waits).expect("room");
            cx.send_after(Duration::from_secs(100), cx.pid(), Number(1));
            cx.processes().kill_all();
            done.send(()).expect("the test waits");
        };
        processes.spawn(SpawnOptions::default(), body).expect("room");
        is_done.recv_timeout(PATIENCE).expect("the shutdown comes back");
        let left = Arc::downgrade(&processes);
        drop(processes);
        let patience = Patience::new(&scheduler);
        while left.strong_count() > 0 {
            patience.check("the last process is dropped");
            std::thread::yield_now();
        }
    }
}
