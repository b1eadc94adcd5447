//! Nobody takes all the time: a flood of processes that wake themselves keeps nobody else from running.

use crate::stage::{Number, everywhere, number, on_threads, seeded};
use engset_process::{Cx, Scheduler, SpawnOptions, yield_now};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Processes that do nothing but wake themselves, until this is dropped.
struct Flood(Arc<AtomicBool>);

impl Flood {
    fn start(cx: &Cx<Number>, processes: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..processes {
            let over = Arc::clone(&over);
            let body = move |_: Cx<Number>| async move {
                while !over.load(Ordering::Relaxed) {
                    yield_now().await;
                }
            };
            cx.processes().spawn(SpawnOptions::default(), body).expect("room");
        }
        Self(over)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn who_yields_goes_behind_all_that_are_ready() {
    on_threads(1, |mut cx| async move {
        let order: Arc<Mutex<Vec<u64>>> = Arc::default();
        let me = cx.pid();
        for name in 0..5 {
            let order = Arc::clone(&order);
            let body = move |cx: Cx<Number>| async move {
                for _ in 0..3 {
                    order.lock().expect("no panic").push(name);
                    yield_now().await;
                }
                drop(cx.send(me, Number(name)));
            };
            cx.processes().spawn(SpawnOptions::default(), body).expect("room");
        }
        for _ in 0..5 {
            number(&mut cx).await;
        }
        let order = order.lock().expect("no panic");
        for round in order.chunks(5) {
            let mut names = round.to_vec();
            names.sort_unstable();
            assert_eq!(names, [0, 1, 2, 3, 4], "each has one turn in each round: {order:?}");
        }
    });
}

#[test]
fn a_yield_comes_back_in_every_order() {
    everywhere(|cx| async move {
        let turns = Arc::new(AtomicU64::new(0));
        let other = Arc::clone(&turns);
        let body = move |_: Cx<Number>| async move {
            for _ in 0..10 {
                other.fetch_add(1, Ordering::Relaxed);
                yield_now().await;
            }
        };
        cx.processes().spawn(SpawnOptions::default(), body).expect("room");
        while turns.load(Ordering::Relaxed) < 10 {
            yield_now().await;
        }
    });
}

#[test]
fn a_flood_starves_no_timer() {
    for workers in [1, 2] {
        on_threads(workers, |mut cx| async move {
            let flood = Flood::start(&cx, 20);
            for round in 0..20 {
                cx.send_after(Duration::from_millis(1), cx.pid(), Number(round));
                assert_eq!(number(&mut cx).await, round);
            }
            drop(flood);
        });
    }
}

#[test]
fn a_flood_starves_no_socket() {
    for workers in [1, 2] {
        on_threads(workers, |cx| async move {
            let flood = Flood::start(&cx, 20);
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("bound");
            let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (mut client, (mut server, _)) = (client.expect("connected"), server.expect("connected"));
            for round in 0..20 {
                client.write_u64(round).await.expect("written");
                assert_eq!(server.read_u64().await.expect("read"), round);
            }
            drop(flood);
        });
    }
}

#[test]
fn a_flood_starves_no_task_in_the_common_queue() {
    for workers in [1, 2] {
        on_threads(workers, |mut cx| async move {
            let flood = Flood::start(&cx, 20);
            let me = cx.pid();
            let processes = Arc::clone(cx.processes());
            // From a thread that is no worker: by the common queue.
            let thread = tokio::task::spawn_blocking(move || {
                for round in 0..20 {
                    let sends = move |cx: Cx<Number>| async move { drop(cx.send(me, Number(round))) };
                    processes.spawn(SpawnOptions::default(), sends).expect("room");
                }
            });
            let mut sum = 0;
            for _ in 0..20 {
                sum += number(&mut cx).await;
            }
            assert_eq!(sum, 190);
            thread.await.expect("no panic");
            drop(flood);
        });
    }
}

#[test]
fn two_that_talk_to_each_other_for_ever_starve_nobody() {
    on_threads(1, |mut cx| async move {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let echo = |mut cx: Cx<Number>| async move {
            while let engset_process::Mail::Message(Number(from)) = cx.recv().await {
                let to =
                    cx.processes().pids().into_iter().find(|pid| pid.number() == from).expect("it waits");
                drop(cx.send(to, Number(0)));
            }
        };
        let echo = cx.processes().spawn(SpawnOptions::default(), echo).expect("room").pid();
        let asks = move |mut cx: Cx<Number>| async move {
            while !until.load(Ordering::Relaxed) {
                drop(cx.send(echo, Number(cx.pid().number())));
                number(&mut cx).await;
            }
        };
        cx.processes().spawn(SpawnOptions::default(), asks).expect("room");
        for round in 0..20 {
            let me = cx.pid();
            let other = move |cx: Cx<Number>| async move { drop(cx.send(me, Number(round))) };
            cx.processes().spawn(SpawnOptions::default(), other).expect("room");
            assert_eq!(number(&mut cx).await, round);
            cx.sleep(Duration::from_millis(1)).await;
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_was_done_is_counted() {
    on_threads(2, |mut cx| async move {
        let scheduler = cx.processes().scheduler().clone();
        let before = scheduler.stats();
        for round in 0..100 {
            cx.send_after(Duration::ZERO, cx.pid(), Number(round));
            assert_eq!(number(&mut cx).await, round);
            yield_now().await;
        }
        let after = scheduler.stats();
        let sum = |stats: &engset_process::SchedulerStats, of: fn(&engset_process::WorkerStats) -> u64| {
            stats.workers.iter().map(of).sum::<u64>()
        };
        assert!(sum(&after, |worker| worker.runs) >= sum(&before, |worker| worker.runs) + 200);
        assert!(sum(&after, |worker| worker.timers_set) >= sum(&before, |worker| worker.timers_set) + 100);
        assert!(sum(&after, |worker| worker.timers_fired) >= 100);
        assert!(sum(&after, |worker| worker.parks) > 0);
        assert!(after.workers.iter().any(|worker| !worker.busy.is_zero()));
    });
    let scheduler = Scheduler::seeded(3);
    let processes = engset_process::Processes::new(crate::stage::identity(10), scheduler.clone());
    let slept = processes.block_on(|cx: Cx<Number>| async move { cx.sleep(Duration::from_secs(1)).await });
    assert_eq!(slept, Ok(()));
    let stats = &scheduler.stats().workers[0];
    assert_eq!((stats.timers_set, stats.timers_fired, stats.queue), (1, 1, 0));
    assert_eq!(stats.runs, 3, "twice the process, once the timer");
}

/// A receive that finds nothing counts as one that finds something: else its process would never let go of its worker.
/// Seeded, where no watchdog helps.
#[test]
fn who_asks_for_mail_without_waiting_lets_others_run() {
    for seed in 0..25 {
        seeded(seed, |mut cx| async move {
            let over = Arc::new(AtomicBool::new(false));
            let (me, seen) = (cx.pid(), Arc::clone(&over));
            let body = move |mut cx: Cx<Number>| async move {
                cx.send(me, Number(1)).expect("the test waits");
                for _ in 0..100_000 {
                    assert!(cx.recv_timeout(Duration::ZERO).await.is_none());
                    if seen.load(Ordering::Relaxed) {
                        return cx.send(me, Number(2)).expect("the test waits");
                    }
                }
                cx.send(me, Number(3)).expect("the test waits");
            };
            cx.processes().spawn(SpawnOptions::default(), body).expect("room");
            assert_eq!(number(&mut cx).await, 1);
            over.store(true, Ordering::Relaxed);
            assert_eq!(number(&mut cx).await, 2, "3: nobody else ran in all that time");
        });
    }
}
