//! Timers that fire once: apply_after, send_after, exit_after, kill_after, cancel, sleep, tc (`timer_simple_SUITE`).

use crate::stage::{
    atom, each_seed, forever, heard, message, millis, now, on_threads, quiet, reason, trapped,
};
use engset_otp::timer;
use engset_process::{Cx, Dest, ExitReason, SpawnOptions};
use engset_term::{Atom, Term};
use std::collections::BTreeSet;
use std::time::Duration;

const NAME: Atom = Atom::from_static("receiver");

fn send_to_me(cx: &Cx<Term>, delay: Duration, text: &'static str) -> engset_process::Timer {
    let me = cx.addr();
    timer::apply_after(cx, delay, move |cx: Cx<Term>| async move {
        assert_ne!(cx.pid(), me.pid(), "a process of its own");
        cx.send(me, atom(text)).unwrap();
    })
}

/// What an apply_after of no delay runs, runs at once, each in a process of its own.
#[test]
fn apply_after1() {
    each_seed(|mut cx| async move {
        for text in ["a", "b", "c"] {
            send_to_me(&cx, Duration::ZERO, text);
        }
        let mut told = BTreeSet::new();
        for _ in 0..3 {
            let (text, at) = heard(&mut cx).await;
            assert_eq!(at, 0);
            told.insert(text);
        }
        assert_eq!(told.len(), 3);
    });
}

/// What an apply_after runs, runs at its time.
#[test]
fn apply_after2() {
    each_seed(|mut cx| async move {
        for text in ["a", "b", "c"] {
            send_to_me(&cx, millis(500), text);
        }
        for _ in 0..3 {
            assert_eq!(heard(&mut cx).await.1, 500);
        }
        quiet(&mut cx, millis(1_000)).await;
    });
}

/// A message of no delay arrives at once.
#[test]
fn send_after1() {
    each_seed(|mut cx| async move {
        _ = cx.send_after(Duration::ZERO, cx.pid(), atom("hello"));
        assert_eq!(heard(&mut cx).await, ("hello".to_owned(), 0));
    });
}

/// A message of no delay arrives by name.
#[test]
fn send_after2() {
    each_seed(|mut cx| async move {
        cx.register(&NAME).unwrap();
        _ = cx.send_after(Duration::ZERO, Dest::Name(NAME), atom("hello"));
        assert_eq!(heard(&mut cx).await, ("hello".to_owned(), 0));
    });
}

/// A message of no delay arrives by name and node.
#[test]
fn send_after3() {
    each_seed(|mut cx| async move {
        cx.register(&NAME).unwrap();
        _ = cx.send_after(Duration::ZERO, Dest::RemoteName(NAME, cx.node()), atom("hello"));
        assert_eq!(heard(&mut cx).await, ("hello".to_owned(), 0));
    });
}

/// A message arrives at its time.
#[test]
fn send_after4() {
    each_seed(|mut cx| async move {
        _ = cx.send_after(millis(500), cx.pid(), atom("hello"));
        assert_eq!(heard(&mut cx).await, ("hello".to_owned(), 500));
    });
}

/// A message arrives at its time by name, also by name and node.
#[test]
fn send_after5() {
    each_seed(|mut cx| async move {
        cx.register(&NAME).unwrap();
        for (round, to) in [Dest::Name(NAME), Dest::RemoteName(NAME, cx.node())].into_iter().enumerate() {
            _ = cx.send_after(millis(500), to, atom("hello"));
            assert_eq!(heard(&mut cx).await, ("hello".to_owned(), 500 * (round as u64 + 1)));
        }
    });
}

/// A name is looked up when the message is sent: it may be registered after the timer was set.
#[test]
fn send_after7() {
    each_seed(|mut cx| async move {
        _ = cx.send_after(millis(500), Dest::Name(NAME), atom("hello"));
        cx.sleep(millis(499)).await;
        cx.register(&NAME).unwrap();
        assert_eq!(heard(&mut cx).await, ("hello".to_owned(), 500));
    });
}

/// A process ends at the time of exit_after, with its reason.
#[test]
fn exit_after1() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let child = forever(&mut cx, None);
        timer::exit_after(&cx, millis(1_000), child, reason("late"));
        assert_eq!(trapped(&mut cx).await, (child, reason("late"), 1_000));
    });
}

/// exit_after takes a name, looked up when it is due.
#[test]
fn exit_after2() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        timer::exit_after(&cx, millis(1_000), Dest::Name(NAME), reason("late"));
        let child = forever(&mut cx, Some(NAME));
        assert_eq!(trapped(&mut cx).await, (child, reason("late"), 1_000));
    });
}

/// A process can give itself an end.
#[test]
fn exit_after3() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let limited = |cx: Cx<Term>| async move {
            timer::exit_after(&cx, millis(1_000), cx.pid(), reason("late"));
            std::future::pending::<()>().await;
        };
        let child = cx.spawn_link(SpawnOptions::default(), limited).unwrap().pid();
        assert_eq!(trapped(&mut cx).await, (child, reason("late"), 1_000));
    });
}

/// An exit_after for a name that nobody holds, or a process that has ended, does nothing.
#[test]
fn exit_after4() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let child = forever(&mut cx, None);
        timer::exit_after(&cx, Duration::ZERO, Dest::Name(NAME), reason("late"));
        timer::exit_after(&cx, Duration::ZERO, child, reason("first"));
        timer::exit_after(&cx, Duration::ZERO, child, reason("second"));
        assert_eq!(trapped(&mut cx).await, (child, reason("first"), 0));
        quiet(&mut cx, millis(1_000)).await;
    });
}

/// A process that traps exits hears of an exit_after, and lives; it comes from the process that set it.
#[test]
fn an_exit_after_can_be_trapped() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        timer::exit_after(&cx, millis(10), cx.pid(), ExitReason::Normal);
        assert_eq!(trapped(&mut cx).await, (cx.pid(), ExitReason::Normal, 10));
    });
}

/// A process is killed at the time of kill_after, even one that traps exits.
#[test]
fn kill_after1() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let stubborn = |mut cx: Cx<Term>| async move {
            cx.trap_exit(true);
            std::future::pending::<()>().await;
        };
        let child = cx.spawn_link(SpawnOptions::default(), stubborn).unwrap().pid();
        timer::kill_after(&cx, millis(1_000), child);
        assert_eq!(trapped(&mut cx).await, (child, ExitReason::Killed, 1_000));
    });
}

/// kill_after takes a name.
#[test]
fn kill_after2() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let child = forever(&mut cx, Some(NAME));
        timer::kill_after(&cx, millis(1_000), Dest::Name(NAME));
        assert_eq!(trapped(&mut cx).await, (child, ExitReason::Killed, 1_000));
    });
}

/// A process can kill itself later.
#[test]
fn kill_after3() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let limited = |cx: Cx<Term>| async move {
            timer::kill_after(&cx, millis(1_000), cx.pid());
            std::future::pending::<()>().await;
        };
        let child = cx.spawn_link(SpawnOptions::default(), limited).unwrap().pid();
        assert_eq!(trapped(&mut cx).await, (child, ExitReason::Killed, 1_000));
    });
}

/// A message of no delay that has been sent is not taken back by a cancel; one that has not is.
#[test]
fn cancel1() {
    each_seed(|mut cx| async move {
        let timer = cx.send_after(Duration::ZERO, cx.pid(), atom("hello"));
        assert_eq!(heard(&mut cx).await, ("hello".to_owned(), 0));
        assert_eq!(timer.cancel(), None);
        let timer = cx.send_after(Duration::ZERO, cx.pid(), atom("hello"));
        assert_eq!(timer.cancel(), Some(Duration::ZERO));
        quiet(&mut cx, millis(1_000)).await;
    });
}

/// A message that is taken back does not come.
#[test]
fn cancel2() {
    each_seed(|mut cx| async move {
        let timer = cx.send_after(millis(1_000), cx.pid(), atom("hello"));
        assert_eq!(timer.cancel(), Some(millis(1_000)));
        quiet(&mut cx, millis(2_000)).await;
    });
}

/// What is taken back before its time does not run, nor does an exit signal come.
#[test]
fn cancel3() {
    each_seed(|mut cx| async move {
        let run = send_to_me(&cx, millis(1_000), "hello");
        let exit = timer::exit_after(&cx, millis(1_000), cx.pid(), reason("late"));
        let kill = timer::kill_after(&cx, millis(1_000), cx.pid());
        cx.sleep(millis(999)).await;
        assert_eq!(run.cancel(), Some(millis(1)));
        assert_eq!(exit.cancel(), Some(millis(1)));
        assert_eq!(kill.cancel(), Some(millis(1)));
        quiet(&mut cx, millis(2_000)).await;
    });
}

/// A cancel of what has fired, or of what was cancelled, says so.
#[test]
fn cancel6() {
    each_seed(|mut cx| async move {
        let run = send_to_me(&cx, millis(1), "hello");
        message(&mut cx).await;
        assert_eq!(run.cancel(), None);
        let run = send_to_me(&cx, millis(1), "hello");
        assert_eq!(run.cancel(), Some(millis(1)));
        assert_eq!(run.cancel(), None);
    });
}

/// A sleep is as long as it was asked for, and not shorter by the clock of the system.
#[test]
fn sleep1() {
    each_seed(|cx| async move {
        cx.sleep(millis(1_000)).await;
        assert_eq!(now(&cx), 1_000);
    });
    on_threads(|cx| async move {
        let scheduler = cx.processes().scheduler().clone();
        for number in 0..20 {
            let begin = scheduler.now();
            cx.sleep(millis(number)).await;
            assert!(scheduler.now().saturating_duration_since(begin) >= millis(number));
        }
    });
}

/// A sleep longer than 2^32 - 1 milliseconds is no sleep of no time: the sleeper can be killed in it.
#[test]
fn sleep2() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let sleeper = |cx: Cx<Term>| async move {
            timer::kill_after(&cx, millis(1_000), cx.pid());
            cx.sleep(millis(0xFFFF_FFFF + 1)).await;
        };
        let child = cx.spawn_link(SpawnOptions::default(), sleeper).unwrap().pid();
        assert_eq!(trapped(&mut cx).await, (child, ExitReason::Killed, 1_000));
    });
    each_seed(|cx| async move {
        cx.sleep(millis(0xFFFF_FFFF + 1)).await;
        assert_eq!(now(&cx), 0xFFFF_FFFF + 1);
    });
}

/// tc tells how long something took, brings its value, and lets its panic pass.
#[test]
fn tc() {
    each_seed(|mut cx| async move {
        let scheduler = cx.processes().scheduler().clone();
        assert_eq!(timer::tc(&scheduler, cx.sleep(millis(500))).await, (millis(500), ()));
        let me = cx.pid();
        assert_eq!(timer::tc(&scheduler, async { me }).await, (Duration::ZERO, me));
        _ = cx.send_after(millis(70), me, atom("hello"));
        let (took, mail) = timer::tc(&scheduler, cx.recv_timeout(millis(100))).await;
        assert!(took == millis(70) && mail.is_some());
        cx.trap_exit(true);
        let crashes = move |_: Cx<Term>| async move {
            timer::tc(&scheduler, async { panic!("not caught") }).await;
        };
        cx.spawn_link(SpawnOptions::default(), crashes).unwrap();
        let (_, reason, _) = trapped(&mut cx).await;
        assert!(reason.to_string().contains("not caught"), "{reason}");
    });
    on_threads(|cx| async move {
        let scheduler = cx.processes().scheduler().clone();
        let (took, ()) = timer::tc(&scheduler, cx.sleep(millis(20))).await;
        assert!(took >= millis(20), "{took:?}");
    });
}
