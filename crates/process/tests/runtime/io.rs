//! Sockets and timers of tokio inside a process.

use crate::stage::{Number, PATIENCE, identity, number, on_threads};
use engset_process::{Cx, Processes, Scheduler, SpawnOptions, ThreadsConfig, current};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[test]
fn an_echo_over_loopback() {
    for workers in [1, 2] {
        on_threads(workers, |mut cx| async move {
            let me = cx.pid();
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("bound");
            let serve = move |_: Cx<Number>| async move {
                let (mut stream, _) = listener.accept().await.expect("a client");
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await.expect("an echo");
            };
            cx.processes().spawn(SpawnOptions::default(), serve).expect("room");
            let ask = move |cx: Cx<Number>| async move {
                let mut stream = TcpStream::connect(address).await.expect("a server");
                for round in 0..50_u64 {
                    stream.write_u64(round).await.expect("written");
                    let back = stream.read_u64().await.expect("read");
                    assert_eq!(current().expect("a process").1, cx.pid());
                    drop(cx.send(me, Number(back)));
                }
            };
            cx.processes().spawn(SpawnOptions::default(), ask).expect("room");
            for round in 0..50 {
                assert_eq!(number(&mut cx).await, round);
            }
        });
    }
}

#[test]
fn time_limits_of_tokio_work_in_a_process() {
    on_threads(2, |mut cx| async move {
        let never = std::future::pending::<()>();
        assert!(tokio::time::timeout(Duration::from_millis(10), never).await.is_err());
        let received = tokio::time::timeout(Duration::from_millis(10), cx.recv()).await;
        assert!(received.is_err());
        drop(cx.send(cx.pid(), Number(4)));
        let received = tokio::time::timeout(Duration::from_secs(20), cx.recv()).await;
        assert!(received.is_ok());
    });
}

#[test]
fn a_task_of_tokio_wakes_a_process() {
    on_threads(2, |mut cx| async move {
        let me = cx.pid();
        let processes = cx.processes().clone();
        for round in 0..100 {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let processes = processes.clone();
            tokio::spawn(async move {
                assert!(current().is_none(), "a task is no process");
                tokio::task::yield_now().await;
                _ = sender.send(round);
                drop(processes.send(me, &me.into(), Number(round)));
            });
            assert_eq!(receiver.await, Ok(round));
            assert_eq!(number(&mut cx).await, round);
        }
    });
}

#[test]
fn a_plain_thread_wakes_a_process() {
    on_threads(2, |mut cx| async move {
        let (there, orders) = std::sync::mpsc::channel::<u64>();
        let me = cx.pid();
        let processes = cx.processes().clone();
        // A blocking thread of the runtime is as foreign as any other.
        let thread = tokio::task::spawn_blocking(move || {
            for order in orders {
                drop(processes.send(me, &me.into(), Number(order)));
            }
        });
        for round in 0..200 {
            there.send(round).expect("the thread runs");
            assert_eq!(number(&mut cx).await, round);
        }
        drop(there);
        thread.await.expect("no panic");
    });
}

#[test]
fn what_happens_at_once_is_taken_in_one_select() {
    on_threads(2, |mut cx| async move {
        for round in 0..100 {
            drop(cx.send(cx.pid(), Number(round)));
            let mut got = None;
            while got.is_none() {
                tokio::select! {
                    mail = cx.recv() => got = Some(mail),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
    });
}

#[test]
fn a_timer_that_sets_itself_again_leaves_time_for_tokio() {
    fn again(scheduler: &Scheduler, over: Arc<AtomicBool>) {
        if !over.load(Ordering::Relaxed) {
            let next = scheduler.clone();
            scheduler.run_at(scheduler.now(), move || again(&next, over));
        }
    }
    for workers in [1, 2] {
        on_threads(workers, |cx| async move {
            let over = Arc::new(AtomicBool::new(false));
            again(cx.processes().scheduler(), Arc::clone(&over));
            let never = std::future::pending::<()>();
            assert!(tokio::time::timeout(Duration::from_millis(10), never).await.is_err());
            over.store(true, Ordering::Relaxed);
        });
    }
}

/// However long it looks for an answer: a worker's timers come in time, those of tokio and its own.
#[test]
fn a_worker_that_waits_for_an_answer_fires_its_timers() {
    let config = ThreadsConfig { busy_wait: Duration::MAX, ..ThreadsConfig::new(1) };
    let scheduler = Scheduler::threads_with(config).expect("worker threads");
    let processes = Processes::new(identity(10), scheduler.clone());
    let body = |cx: Cx<Number>| async move {
        cx.processes().scheduler().expect_answer();
        for _ in 0..10 {
            cx.sleep(Duration::from_millis(1)).await;
            let never = std::future::pending::<()>();
            assert!(tokio::time::timeout(Duration::from_millis(1), never).await.is_err());
        }
    };
    let (done, is_done) = std::sync::mpsc::channel();
    let run = async move |cx: Cx<Number>| {
        body(cx).await;
        _ = done.send(());
    };
    processes.spawn(SpawnOptions::default(), run).expect("room");
    assert_eq!(is_done.recv_timeout(PATIENCE), Ok(()), "it waits on for an answer");
    let Scheduler::Threads(threads) = scheduler else { panic!("no threads") };
    processes.kill_all();
    threads.shutdown();
}
