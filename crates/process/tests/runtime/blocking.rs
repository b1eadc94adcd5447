//! Blocking work: results, panics, limits, cancellation, and what it leaves of a scheduler.

use crate::stage::{Number, PATIENCE, Patience, everywhere, identity, number, on_threads};
use engset_process::{
    BlockingError, Cx, ExitReason, Processes, Scheduler, SpawnOptions, ThreadsConfig, blocking, current,
    yield_now,
};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs `body` as a process on two workers with at most two threads for blocking work, one more piece may wait.
fn on_few_threads<B, F>(body: B)
where
    B: FnOnce(Cx<Number>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let config = ThreadsConfig {
        blocking_threads_max: 2,
        blocking_queue_max: 1,
        blocking_idle: Duration::from_millis(20),
        ..ThreadsConfig::new(2)
    };
    let scheduler = Scheduler::threads_with(config).expect("worker threads");
    let processes = Processes::new(identity(100), scheduler.clone());
    let result = processes.block_on(body);
    assert!(result.is_ok(), "{result:?}");
    processes.kill_all();
    let Scheduler::Threads(threads) = scheduler else { panic!("no threads") };
    threads.shutdown();
}

/// Waits until `is_so`.
async fn until(cx: &Cx<Number>, is_so: impl Fn(&engset_process::SchedulerStats) -> bool) {
    let scheduler = cx.processes().scheduler();
    let patience = Patience::new(scheduler);
    while !is_so(&scheduler.stats()) {
        patience.check("the numbers");
        yield_now().await;
    }
}

/// Starts a process whose blocking work waits for what the returned end sends, and tells `to` what came of it: 1 for a
/// result, 2 for a refusal.
fn spawn_blocked(cx: &Cx<Number>) -> (engset_term::Pid, Sender<()>) {
    let (go, gate): (Sender<()>, Receiver<()>) = channel();
    let me = cx.pid();
    let body = move |cx: Cx<Number>| async move {
        let done = cx.blocking(move || gate.recv_timeout(PATIENCE)).await;
        let told = match done {
            Ok(opened) => {
                opened.expect("the gate opens");
                Number(1)
            }
            Err(BlockingError::Full { queue_max: 1 }) => Number(2),
            Err(other) => panic!("{other}"),
        };
        drop(cx.send(me, told));
    };
    (cx.processes().spawn(SpawnOptions::default(), body).expect("room").pid(), go)
}

#[test]
fn the_result_comes_back() {
    everywhere(|cx| async move {
        assert_eq!(blocking(|| 6 * 7).await, Ok(42));
        assert_eq!(cx.blocking(|| "six".len()).await, Ok(3));
        assert_eq!(current().expect("a process").1, cx.pid());
    });
}

#[test]
fn in_the_work_no_process_is_the_running_one() {
    everywhere(|_| async move {
        assert_eq!(blocking(|| current().is_none()).await, Ok(true));
    });
}

#[test]
fn a_panic_comes_back_with_message_and_place() {
    everywhere(|_| async move {
        let failed = blocking(|| -> u8 { panic!("no disk today") }).await;
        let Err(BlockingError::Panicked(reason)) = failed else { panic!("{failed:?}") };
        let reason = reason.to_string();
        assert!(reason.contains("no disk today") && reason.contains("blocking.rs"), "{reason}");
        assert_eq!(blocking(|| 1).await, Ok(1), "the next work runs");
    });
}

#[test]
fn under_a_seed_it_runs_at_once_and_takes_no_time() {
    crate::stage::seeded(1, |cx| async move {
        let begun = engset_process::now();
        let order: Arc<Mutex<Vec<u32>>> = Arc::default();
        for step in 0..10 {
            let order = Arc::clone(&order);
            let noted = cx.blocking(move || order.lock().expect("no panic").push(step)).await;
            assert_eq!(noted, Ok(()));
        }
        assert_eq!(*order.lock().expect("no panic"), (0..10).collect::<Vec<_>>());
        assert_eq!(engset_process::now(), begun);
    });
}

#[test]
fn outside_of_a_process_there_is_nobody_to_run_it() {
    let ran = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&ran);
    let mut future = Box::pin(blocking(move || noted.store(true, Ordering::SeqCst)));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = future.as_mut().poll(&mut task);
    assert_eq!(polled, std::task::Poll::Ready(Err(BlockingError::OutsideNode)));
    assert!(!ran.load(Ordering::SeqCst));
}

#[test]
fn workers_go_on_while_work_blocks() {
    on_threads(1, |mut cx| async move {
        let (_, go) = spawn_blocked(&cx);
        until(&cx, |stats| stats.blocking.threads - stats.blocking.idle == 1).await;
        drop(cx.send(cx.pid(), Number(9)));
        assert_eq!(number(&mut cx).await, 9);
        go.send(()).expect("it waits");
        assert_eq!(number(&mut cx).await, 1);
    });
}

#[test]
fn as_much_as_may_wait_waits_and_more_is_refused() {
    on_few_threads(|mut cx| async move {
        let blocked: Vec<_> = (0..2).map(|_| spawn_blocked(&cx)).collect();
        until(&cx, |stats| stats.blocking.accepted == 2).await;
        let waiting = spawn_blocked(&cx);
        until(&cx, |stats| stats.blocking.accepted == 3 && stats.blocking.waiting == 1).await;
        let (_, _refused) = spawn_blocked(&cx);
        assert_eq!(number(&mut cx).await, 2, "one too many");
        let stats = cx.processes().scheduler().stats().blocking;
        assert_eq!((stats.threads, stats.idle, stats.refused), (2, 0, 1));
        for (_, go) in blocked.iter().chain([&waiting]) {
            go.send(()).expect("it waits");
        }
        for _ in 0..3 {
            assert_eq!(number(&mut cx).await, 1);
        }
        until(&cx, |stats| stats.blocking.done == 3).await;
        let again = cx.blocking(|| ()).await;
        assert_eq!(again, Ok(()), "there is room again");
    });
}

#[test]
fn idle_threads_end() {
    on_few_threads(|cx| async move {
        assert_eq!(cx.processes().scheduler().stats().blocking.threads, 0, "none before there is work");
        assert_eq!(cx.blocking(|| ()).await, Ok(()));
        until(&cx, |stats| stats.blocking.done == 1 && stats.blocking.threads == 0).await;
        assert_eq!(cx.blocking(|| 3).await, Ok(3));
    });
}

#[test]
fn when_the_process_ends_what_has_begun_runs_on_and_what_waits_is_not_run() {
    /// Counts its drops.
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    on_few_threads(|mut cx| async move {
        let dropped = Arc::new(AtomicUsize::new(0));
        let (go, gate): (Sender<()>, Receiver<()>) = channel();
        let value = Dropped(Arc::clone(&dropped));
        let me = cx.pid();
        let processes = Arc::clone(cx.processes());
        let body = move |cx: Cx<Number>| async move {
            let work = move || {
                drop(processes.send(me, &me.into(), Number(0)));
                gate.recv_timeout(PATIENCE).map(|()| value)
            };
            drop(cx.blocking(work).await);
        };
        let begun = cx.processes().spawn(SpawnOptions::default(), body).expect("room").pid();
        assert_eq!(number(&mut cx).await, 0, "it has begun");
        let (_, second) = spawn_blocked(&cx);
        until(&cx, |stats| stats.blocking.accepted == 2).await;
        let ran = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&ran);
        let body = move |cx: Cx<Number>| async move {
            drop(cx.blocking(move || noted.store(true, Ordering::SeqCst)).await);
        };
        let waits = cx.processes().spawn(SpawnOptions::default(), body).expect("room").pid();
        until(&cx, |stats| stats.blocking.waiting == 1).await;
        for pid in [begun, waits] {
            cx.exit(pid, ExitReason::Kill);
            crate::stage::gone(&mut cx, pid).await;
        }
        assert_eq!(dropped.load(Ordering::SeqCst), 0, "its work runs still");
        go.send(()).expect("it waits");
        second.send(()).expect("it waits");
        assert_eq!(number(&mut cx).await, 1);
        until(&cx, |stats| stats.blocking.done == 2 && stats.blocking.waiting == 0).await;
        assert_eq!(dropped.load(Ordering::SeqCst), 1, "the result of the first is dropped");
        assert_eq!(cx.blocking(|| ()).await, Ok(()));
        assert!(!ran.load(Ordering::SeqCst), "what waited is not run");
    });
}

#[test]
fn a_shutdown_gives_up_what_waits_and_does_not_wait_for_what_runs() {
    let config = ThreadsConfig { blocking_threads_max: 1, ..ThreadsConfig::new(1) };
    let scheduler = Scheduler::threads_with(config).expect("worker threads");
    let (go, gate): (Sender<()>, Receiver<()>) = channel();
    let (began, has_begun) = channel();
    let runs = scheduler.clone();
    scheduler.spawn_task(async move {
        drop(
            runs.blocking(move || {
                began.send(()).expect("the test waits");
                gate.recv_timeout(PATIENCE)
            })
            .await,
        );
    });
    has_begun.recv_timeout(PATIENCE).expect("it begins");
    let mut waits = Box::pin(scheduler.blocking(|| ()));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(waits.as_mut().poll(&mut task).is_pending());
    let Scheduler::Threads(threads) = &scheduler else { panic!("no threads") };
    threads.shutdown();
    assert_eq!(waits.as_mut().poll(&mut task), std::task::Poll::Ready(Err(BlockingError::Stopped)));
    let mut late = Box::pin(scheduler.blocking(|| ()));
    assert_eq!(late.as_mut().poll(&mut task), std::task::Poll::Ready(Err(BlockingError::Stopped)));
    go.send(()).expect("what runs has not been waited for");
}
