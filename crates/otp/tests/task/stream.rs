//! Streams of tasks.

use crate::stage::{each_seed, end_of, millis, now, on_threads, outcome_of, secs, settle};
use engset_otp::task::{
    OnTimeout, STREAM_CONCURRENCY_MAX, StreamError, StreamOptions, TaskError, async_stream,
};
use engset_process::{Cx, ExitReason, current};
use engset_term::{Pid, Term};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

async fn rest(milliseconds: u64) -> u64 {
    let (processes, _) = current().unwrap();
    processes.scheduler().sleep(millis(milliseconds)).await;
    milliseconds
}

fn at_a_time(max_concurrency: usize) -> StreamOptions {
    StreamOptions { max_concurrency, ..StreamOptions::default() }
}

/// With order the slowest first holds the others back; without, each comes when it is done, with its input's index.
#[test]
fn values_come_in_the_order_of_the_inputs_or_of_the_ends() {
    each_seed(|mut cx| async move {
        let inputs = [30, 10, 20];
        let ordered = async_stream(inputs, rest, at_a_time(3)).unwrap();
        assert_eq!(ordered.collect(&mut cx).await, [Ok(30), Ok(10), Ok(20)]);
        assert_eq!(now(&cx), 30, "they ran side by side");
        let options = StreamOptions { ordered: false, ..at_a_time(3) };
        let mut unordered = async_stream(inputs, rest, options).unwrap();
        let mut values = Vec::new();
        while let Some((index, value)) = unordered.next(&mut cx).await {
            values.push((index, value.unwrap(), now(&cx)));
        }
        assert_eq!(values, [(1, 10, 40), (2, 20, 50), (0, 30, 60)]);
        assert_eq!(unordered.next(&mut cx).await, None, "and it stays so");
    });
}

/// Never more tasks run at a time than may, and never fewer without need.
#[test]
fn as_many_tasks_run_at_a_time_as_may() {
    each_seed(|mut cx| async move {
        for concurrency in [1, 4, 100] {
            let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let work = |_| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                async move {
                    most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    rest(1).await;
                    running.fetch_sub(1, Ordering::Relaxed);
                }
            };
            let values = async_stream(0..20, work, at_a_time(concurrency)).unwrap().collect(&mut cx).await;
            assert_eq!(values.len(), 20);
            assert_eq!(most.load(Ordering::Relaxed), concurrency.min(20));
        }
    });
}

/// No task runs before a value is asked for, and none beyond what may wait.
#[test]
fn values_that_wait_hold_back_new_tasks() {
    each_seed(|mut cx| async move {
        let started = Arc::new(AtomicUsize::new(0));
        let work = {
            let started = Arc::clone(&started);
            move |number: u64| {
                started.fetch_add(1, Ordering::Relaxed);
                rest(if number == 0 { 100 } else { 1 })
            }
        };
        let options = StreamOptions { max_buffered: 3, ..at_a_time(2) };
        let mut stream = async_stream(0..50, work, options).unwrap();
        settle(&cx).await;
        assert_eq!(started.load(Ordering::Relaxed), 0);
        assert_eq!(stream.next(&mut cx).await, Some((0, Ok(100))));
        assert_eq!(started.load(Ordering::Relaxed), 5, "one ran, four waited: two and three");
        assert_eq!(stream.collect(&mut cx).await.len(), 49);
        assert_eq!(started.load(Ordering::Relaxed), 50);
    });
}

/// A number of tasks at a time that makes no sense is refused.
#[test]
fn concurrency_is_from_one_to_its_limit() {
    let of = |number| async_stream([1], rest, at_a_time(number)).map(drop);
    assert_eq!(of(0), Err(StreamError::Concurrency { given: 0 }));
    assert_eq!(of(1), Ok(()));
    assert_eq!(of(STREAM_CONCURRENCY_MAX), Ok(()));
    let given = STREAM_CONCURRENCY_MAX + 1;
    assert_eq!(of(given), Err(StreamError::Concurrency { given }));
}

/// A task that takes too long ends the stream, and the other tasks with it.
#[test]
fn a_timeout_ends_the_stream() {
    each_seed(|mut cx| async move {
        let pids = Pids::default();
        let options = StreamOptions { timeout: Some(millis(50)), ..at_a_time(3) };
        let mut stream = async_stream([10, 900, 800, 5], pids.noting(), options).unwrap();
        assert_eq!(stream.next(&mut cx).await, Some((0, Ok(10))));
        assert_eq!(stream.next(&mut cx).await, Some((1, Err(TaskError::Timeout { begun: true }))));
        assert_eq!(now(&cx), 50);
        assert_eq!(stream.next(&mut cx).await, None);
        pids.have_ended(&mut cx).await;
    });
}

/// A task that takes too long may be killed alone; the others have their own time each.
#[test]
fn a_timeout_may_kill_the_task_only() {
    each_seed(|mut cx| async move {
        for ordered in [true, false] {
            let pids = Pids::default();
            let on_timeout = OnTimeout::KillTask;
            let options = StreamOptions { timeout: Some(millis(50)), on_timeout, ordered, ..at_a_time(2) };
            let stream = async_stream([10, 900, 45, 40, 800], pids.noting(), options).unwrap();
            let values = stream.collect(&mut cx).await;
            let late = Err(TaskError::Timeout { begun: true });
            assert_eq!(values, [Ok(10), late.clone(), Ok(45), Ok(40), late], "ordered: {ordered}");
            pids.have_ended(&mut cx).await;
        }
    });
}

/// Without a time-out a task may take as long as it likes.
#[test]
fn without_a_timeout_tasks_take_their_time() {
    each_seed(|mut cx| async move {
        for (timeout, in_time) in [(None, true), (StreamOptions::default().timeout, false)] {
            let options = StreamOptions { timeout, ..at_a_time(1) };
            let values = async_stream([6_000], rest, options).unwrap().collect(&mut cx).await;
            assert_eq!(values[0].is_ok(), in_time);
        }
    });
}

/// Values that nobody takes: the tasks that run end with the stream, and the inputs behind them are not touched.
#[test]
fn dropping_a_stream_ends_its_tasks() {
    each_seed(|mut cx| async move {
        let pids = Pids::default();
        let mut stream = async_stream([1, 900, 900, 900], pids.noting(), at_a_time(2)).unwrap();
        assert_eq!(stream.next(&mut cx).await, Some((0, Ok(1))));
        drop(stream);
        assert_eq!(pids.have_ended(&mut cx).await, 2, "the third had not been started");
    });
}

/// Tasks are linked: a crash ends who takes the values, and with it all tasks; who traps exits gets the reason.
#[test]
fn a_crash_ends_the_owner_unless_it_traps_exits() {
    each_seed(|mut cx| async move {
        let pids = Pids::default();
        let noted = pids.clone();
        let owner = move |mut cx: Cx<Term>| async move {
            let work = move |number| {
                let working = noted.noting()(900);
                async move {
                    assert_ne!(number, 1, "told to");
                    working.await
                }
            };
            drop(async_stream(0..3, work, at_a_time(3)).unwrap().collect(&mut cx).await);
        };
        let reason = outcome_of(&mut cx, owner).await;
        assert!(reason.to_string().contains("told to"), "{reason}");
        pids.have_ended(&mut cx).await;

        cx.trap_exit(true);
        let work = |number| async move {
            assert_ne!(number, 1, "told to");
            number
        };
        let values = async_stream(0..3, work, at_a_time(2)).unwrap().collect(&mut cx).await;
        assert_eq!((&values[0], &values[2]), (&Ok(0), &Ok(2)));
        assert!(matches!(&values[1], Err(TaskError::Ended { begun: true, .. })), "{:?}", values[1]);
    });
}

/// A wait for a value that is given up loses none.
#[test]
fn waiting_for_a_value_may_be_given_up() {
    each_seed(|mut cx| async move {
        let mut stream = async_stream([30, 31], rest, at_a_time(1)).unwrap();
        {
            let mut next = Box::pin(stream.next(&mut cx));
            let is_pending =
                std::future::poll_fn(|task| std::task::Poll::Ready(next.as_mut().poll(task).is_pending()));
            assert!(is_pending.await);
        }
        assert_eq!(stream.next(&mut cx).await, Some((0, Ok(30))));
        assert_eq!(stream.next(&mut cx).await, Some((1, Ok(31))));
    });
}

/// No inputs, no values.
#[test]
fn a_stream_of_nothing_is_at_its_end() {
    each_seed(|mut cx| async move {
        assert_eq!(async_stream([], rest, at_a_time(1)).unwrap().collect(&mut cx).await, []);
    });
}

/// On threads wake-ups come at any time.
#[test]
fn a_long_stream_on_threads_gives_every_value_once() {
    on_threads(|mut cx| async move {
        for ordered in [true, false] {
            let options = StreamOptions { ordered, timeout: Some(secs(60)), ..at_a_time(16) };
            let mut stream = async_stream(0..2_000_u64, |number| async move { number }, options).unwrap();
            let mut values = Vec::new();
            while let Some((index, value)) = stream.next(&mut cx).await {
                assert_eq!(value, Ok(u64::try_from(index).unwrap()));
                values.push(value.unwrap());
            }
            assert!(!ordered || values.is_sorted());
            values.sort_unstable();
            assert!(values.into_iter().eq(0..2_000));
        }
    });
}

/// Notes the processes of the tasks.
#[derive(Clone, Default)]
struct Pids(Arc<Mutex<Vec<Pid>>>);

impl Pids {
    /// Work that notes its process and takes so many milliseconds.
    fn noting(&self) -> impl Fn(u64) -> std::pin::Pin<Box<dyn Future<Output = u64> + Send>> + use<> {
        let pids = self.clone();
        move |milliseconds| {
            let pids = pids.clone();
            Box::pin(async move {
                pids.0.lock().push(current().unwrap().1);
                rest(milliseconds).await
            })
        }
    }

    /// Asserts that all end without time passing; how many there were.
    async fn have_ended(&self, cx: &mut Cx<Term>) -> usize {
        let before = now(cx);
        let pids = self.0.lock().clone();
        for pid in &pids {
            let reason = end_of(cx, *pid).await;
            let expected = [ExitReason::Killed, ExitReason::Shutdown, ExitReason::NoProc, ExitReason::Normal];
            assert!(expected.contains(&reason) || reason.to_string().contains("told to"), "{reason}");
        }
        assert_eq!(now(cx), before);
        pids.len()
    }
}
