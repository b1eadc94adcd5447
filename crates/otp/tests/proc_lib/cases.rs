//! Starts of each kind, in time and not, and ends.

use crate::node::{atom, down, each_seed, millis, on_threads, settle, waiting};
use engset_otp::proc_lib::{self, Init, StartOptions};
use engset_otp::{Server, StartError, StopError};
use engset_process::{Addr, Cx, Exit, ExitReason, Mail, MailboxLimits, SpawnError, SpawnOptions, WhenFull};
use engset_term::{Atom, Term};
use std::pin::Pin;
use std::time::Duration;

const NAME: Atom = Atom::from_static("proc");

/// What a process does before it is ready.
#[derive(Debug, Clone)]
enum Begin {
    Ack,
    AckAfter(Duration),
    Fail,
    End,
    Panic,
}

fn options(timeout: Option<Duration>) -> StartOptions {
    StartOptions { spawn: SpawnOptions { name: Some(NAME), ..SpawnOptions::default() }, timeout }
}

type Body = Pin<Box<dyn Future<Output = ExitReason> + Send>>;

fn body(begin: Begin) -> impl FnOnce(Cx<Term>, Init) -> Body + Send + 'static {
    move |mut cx, init| {
        Box::pin(async move {
            match begin {
                Begin::Ack => init.ack(),
                Begin::AckAfter(duration) => {
                    cx.sleep(duration).await;
                    init.ack();
                }
                Begin::Fail => return init.fail(ExitReason::from(atom("failed"))),
                Begin::End => return ExitReason::from(atom("ended")),
                Begin::Panic => panic!("told to"),
            }
            cx.recv().await;
            ExitReason::Normal
        })
    }
}

fn named(reason: &str) -> StartError {
    StartError::Init(ExitReason::from(atom(reason)))
}

/// A start without a link: ready, failed, ended, panicked; the name is free whenever the starter hears of a failure.
#[test]
fn sync_start_nolink() {
    let main = |cx: Cx<Term>| async move {
        let ready = proc_lib::start(options(None), body(Begin::Ack)).await.unwrap();
        assert_eq!(cx.processes().whereis(&NAME), Some(ready.pid()));
        let taken = proc_lib::start(options(None), body(Begin::Ack)).await;
        assert!(matches!(taken, Err(StartError::Spawn(SpawnError::Register(_)))));
        cx.processes().unregister(&NAME);
        for (begin, expected) in [(Begin::Fail, "failed"), (Begin::End, "ended")] {
            let failed = proc_lib::start(options(None), body(begin)).await;
            assert_eq!(failed, Err(named(expected)));
            assert_eq!(cx.processes().whereis(&NAME), None);
        }
        let panicked = proc_lib::start(options(None), body(Begin::Panic)).await;
        let Err(StartError::Init(reason)) = panicked else { panic!("{panicked:?}") };
        assert!(reason.to_string().contains("told to"), "{reason}");
    };
    each_seed(main);
    on_threads(main);
}

/// A linked start: a failure comes as the error and as the link's exit signal.
#[test]
fn sync_start_link() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let ready = proc_lib::start_link(&mut cx, options(None), body(Begin::Ack)).await.unwrap();
        assert_eq!(cx.processes().info(cx.pid()).unwrap().links, [ready.pid()]);
        cx.send(ready, Term::Nil).unwrap();
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!((exit.from, exit.reason), (ready.pid(), ExitReason::Normal));
        let failed = proc_lib::start_link(&mut cx, options(None), body(Begin::Fail)).await;
        assert_eq!(failed, Err(named("failed")));
        let Mail::Exit(exit) = cx.recv().await else { panic!("nothing else is sent") };
        assert_eq!(exit.reason, ExitReason::from(atom("failed")));
    });
}

/// A monitored start: the monitor tells of the end of who was ready, and of nobody else.
#[test]
fn sync_start_monitor() {
    each_seed(|mut cx| async move {
        let started = proc_lib::start_monitor(&mut cx, options(None), body(Begin::Ack)).await;
        let (ready, monitor) = started.unwrap();
        cx.send(ready, Term::Nil).unwrap();
        let ended = down(&mut cx).await;
        assert_eq!((ended.reference, ended.reason), (monitor, ExitReason::Normal));
        for begin in [Begin::Fail, Begin::End, Begin::AckAfter(millis(11))] {
            let failed = proc_lib::start_monitor(&mut cx, options(Some(millis(10))), body(begin)).await;
            assert!(failed.is_err());
            cx.sleep(millis(100)).await;
            assert_eq!(waiting(&cx), 0);
        }
    });
}

/// A process that is not ready in time is killed and has ended when its starter hears of it; one that is in time is not.
#[test]
fn sync_start_timeout() {
    each_seed(|cx| async move {
        let timeout = Some(millis(10));
        let late = proc_lib::start(options(timeout), body(Begin::AckAfter(millis(11)))).await;
        assert_eq!(late, Err(named("timeout")));
        assert_eq!(cx.processes().whereis(&NAME), None);
        let in_time = proc_lib::start(options(timeout), body(Begin::AckAfter(millis(9)))).await;
        cx.sleep(millis(100)).await;
        assert!(cx.processes().is_alive(in_time.unwrap().pid()));
    });
}

/// The same with a link, of whose end the starter hears nothing, even where it does not trap exits.
#[test]
fn sync_start_link_timeout() {
    each_seed(|mut cx| async move {
        let begin = || body(Begin::AckAfter(millis(11)));
        let late = proc_lib::start_link(&mut cx, options(Some(millis(10))), begin()).await;
        assert_eq!(late, Err(named("timeout")));
        assert_eq!(cx.processes().whereis(&NAME), None);
        cx.trap_exit(true);
        let late = proc_lib::start_link(&mut cx, options(Some(millis(10))), begin()).await;
        assert_eq!(late, Err(named("timeout")));
        cx.sleep(millis(100)).await;
        assert_eq!(waiting(&cx), 0);
        assert_eq!(cx.processes().info(cx.pid()).unwrap().links, []);
    });
}

/// A process is spawned with the options that are given: its name, its label, its mailbox's limits.
#[test]
fn spawn_opt() {
    each_seed(|cx| async move {
        let spawn = SpawnOptions {
            name: Some(NAME),
            label: Some("price feed".to_owned()),
            mailbox: Some(MailboxLimits::messages(1).when_full(WhenFull::Refuse)),
            ..SpawnOptions::default()
        };
        let idle = |mut cx: Cx<Term>, init: Init| async move {
            init.ack();
            cx.receive(|mail| match mail {
                Mail::Message(Term::Nil) => Ok(()),
                mail => Err(mail),
            })
            .await;
        };
        let addr: Addr<Term> = proc_lib::start(StartOptions { spawn, timeout: None }, idle).await.unwrap();
        let info = cx.processes().info(addr.pid()).unwrap();
        assert_eq!((info.names, info.label.as_deref()), (vec![NAME], Some("price feed")));
        cx.send(addr, Term::from(1)).unwrap();
        assert!(cx.send(addr, Term::from(2)).is_err());
    });
}

/// A crash is counted and its reason goes to who watches; an orderly end is no crash.
#[test]
fn crash() {
    each_seed(|mut cx| async move {
        for (reason, is_crash) in
            [("normal", false), ("shutdown", false), ("{shutdown, why}", false), ("broken", true)]
        {
            let before = cx.processes().counters().read().crashed;
            let reason = Term::parse(reason).unwrap();
            let why = reason.clone();
            let ending = |_: Cx<Term>, init: Init| async move {
                init.ack();
                ExitReason::from_term(why)
            };
            let started = proc_lib::start_monitor(&mut cx, StartOptions::default(), ending).await;
            let (_, monitor) = started.unwrap();
            let ended = down(&mut cx).await;
            assert_eq!((ended.reference, ended.reason.to_term()), (monitor, reason));
            let crashes = cx.processes().counters().read().crashed - before;
            assert_eq!(crashes, u64::from(is_crash));
        }
    });
}

/// A process that hibernates goes on with the next message, with what it kept.
#[test]
fn hibernate() {
    each_seed(|mut cx| async move {
        let (starter, kept) = (cx.pid(), vec![1, 2, 3]);
        let sleepy = move |mut cx: Cx<Term>, init: Init| async move {
            init.ack();
            for _ in 0..3 {
                cx.hibernate();
                cx.recv().await;
                cx.send(starter, Term::list(kept.iter().map(|number| Term::from(*number)))).unwrap();
            }
        };
        let (sleepy, _) = proc_lib::start_monitor(&mut cx, StartOptions::default(), sleepy).await.unwrap();
        for _ in 0..3 {
            settle(&cx).await;
            cx.send(sleepy, Term::Nil).unwrap();
            let Mail::Message(answer) = cx.recv().await else { panic!("nothing else is sent") };
            assert_eq!(answer, Term::parse("[1, 2, 3]").unwrap());
        }
        assert_eq!(down(&mut cx).await.reason, ExitReason::Normal);
    });
}

/// A process that is killed while its starter waits, or ends without a word, does not keep it waiting.
#[test]
fn init_dont_hang() {
    each_seed(|cx| async move {
        let killer = |cx: Cx<Term>| async move {
            cx.sleep(millis(1)).await;
            cx.exit(cx.processes().whereis(&NAME).unwrap(), ExitReason::Kill);
        };
        cx.spawn::<Term, _, _>(killer).unwrap();
        let slow = Begin::AckAfter(Duration::from_secs(3_600));
        let killed = proc_lib::start(options(None), body(slow)).await;
        assert_eq!(killed, Err(StartError::Init(ExitReason::Killed)));
        let silent = |cx: Cx<Term>, init: Init| async move {
            drop(init);
            cx.sleep(millis(5)).await;
        };
        let silent = proc_lib::start::<Term, _, _>(StartOptions::default(), silent).await;
        assert_eq!(silent, Err(StartError::Init(ExitReason::Normal)));
    });
}

/// A process is stopped with the reason that is given; who is not there, takes too long or ends otherwise is told.
#[test]
fn stop() {
    /// Takes so long to end, and ends with this reason where it has one.
    struct Stubborn(Duration, Option<ExitReason>);
    impl Server for Stubborn {
        type Msg = Term;
        type Ref = Addr<Term>;

        async fn handle(&mut self, _: Term, _: &mut Cx<Term>) -> Result<(), Exit> {
            Ok(())
        }

        async fn terminate(&mut self, _: &ExitReason, cx: &mut Cx<Term>) {
            cx.sleep(self.0).await;
            if let Some(reason) = self.1.take() {
                cx.exit(cx.pid(), reason);
                cx.recv().await;
            }
        }
    }
    each_seed(|mut cx| async move {
        let patience = millis(10);
        let stubborn = engset_otp::start(Stubborn(Duration::ZERO, None)).await.unwrap();
        let monitor = cx.monitor(stubborn);
        let reason = ExitReason::from(atom("enough"));
        assert_eq!(engset_otp::stop(&stubborn, reason.clone(), patience).await, Ok(()));
        let ended = down(&mut cx).await;
        assert_eq!((ended.reference, ended.reason), (monitor, reason.clone()));
        let gone = engset_otp::stop(&stubborn, reason.clone(), patience).await;
        assert_eq!(gone, Err(StopError::NoProcess));
        let slow = engset_otp::start(Stubborn(millis(11), None)).await.unwrap();
        assert_eq!(engset_otp::stop(&slow, reason.clone(), patience).await, Err(StopError::Timeout));
        let otherwise = engset_otp::start(Stubborn(millis(9), Some(ExitReason::Kill))).await.unwrap();
        let ended = engset_otp::stop(&otherwise, reason.clone(), patience).await;
        assert_eq!(ended, Err(StopError::Ended(ExitReason::Killed)));
        let myself = engset_otp::stop(&cx.addr(), reason, patience).await;
        assert_eq!(myself, Err(StopError::StoppingSelf));
    });
}
