//! What is told of a crash, and what never is.

use crate::log::Log;
use crate::node::{atom, millis, settle, with_seed};
use engset_macros::server;
use engset_otp::{start, start_named};
use engset_process::{Cx, Exit, ExitReason, Mail, SpawnOptions};
use engset_term::{NodeName, Pid, Term};

/// Tells nothing of what it holds.
struct Safe {
    secret: String,
}

#[server(local, crate = "engset_otp")]
impl Safe {
    #[call]
    fn open(&mut self, password: String) -> bool {
        assert!(password == self.secret, "wrong password");
        true
    }

    #[cast]
    fn lose(&mut self, _password: String) -> Result<(), Exit> {
        Err(Exit(ExitReason::from(atom("lost"))))
    }

    #[call]
    async fn think(&mut self, cx: &mut Cx<SafeMsg>) {
        cx.sleep(millis(100)).await;
    }

    #[cast]
    fn close(&mut self, why: ExitReason) -> Result<(), Exit> {
        Err(Exit(why))
    }
}

fn safe() -> Safe {
    Safe { secret: "sesame".to_owned() }
}

/// Tells everything.
struct Open(u32);

#[server(local, report_messages, crate = "engset_otp")]
impl Open {
    #[call]
    fn divide(&mut self, by: u32) -> u32 {
        self.0 / by
    }

    #[format_state]
    fn format_state(&self) -> Option<String> {
        assert!(self.0 != 666, "it cannot say");
        Some(format!("at {}", self.0))
    }
}

/// `gen_server_SUITE:crash`: the report of a server that ends by itself for a reason that is not orderly.
#[test]
fn crash() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let safe = start_named(Some(atom("safe")), safe()).await.unwrap();
        safe.lose("sesame".to_owned()).unwrap();
        settle(&cx).await;
        let report = log.only();
        let (module, pid) = ("gen_server_suite::crash::Safe", safe.pid());
        assert_eq!(
            report["message"],
            format!("server `{module}` safe {pid} crashed while it served `lose`: lost")
        );
        assert_eq!(report["pid"], pid.to_string());
        assert_eq!(report["names"], "safe");
        assert_eq!(report["module"], module);
        assert_eq!(report["reason"], "lost");
        assert_eq!(report["last_message"], "lose");
        assert_eq!(report["mailbox"], "0");
        assert_eq!(report["ancestors"].split(", ").next().unwrap(), cx.pid().to_string());
    });
}

#[test]
fn a_panic_is_told_with_place_caller_and_deadline() {
    with_seed(1, |mut cx| async move {
        let log = Log::listen();
        let safe = start(safe()).await.unwrap();
        cx.set_label("burglar");
        let watch = cx.monitor(safe.pid());
        cx.link(safe.pid());
        cx.trap_exit(true);
        settle(&cx).await;
        safe.open("mellon".to_owned()).timeout(millis(700)).await.unwrap_err();
        settle(&cx).await;
        let report = log.only();
        let summary = &report["message"];
        assert!(summary.contains("crashed while it served `open`: panicked at "), "{summary}");
        assert!(summary.contains("crash.rs:") && summary.ends_with("wrong password"), "{summary}");
        assert_eq!(report["caller"], cx.pid().to_string());
        assert_eq!(report["deadline_left"], "700ms");
        assert_eq!(report["links"], cx.pid().to_string());
        assert_eq!(report["monitored_by"], cx.pid().to_string());
        assert!(report["ancestors"].starts_with(&format!("burglar {}", cx.pid())), "{report:?}");
        assert!(matches!(cx.recv().await, Mail::Exit(_) | Mail::Down(_)));
        cx.demonitor(watch);
    });
}

/// Reached by terms.
struct Reachable;

#[server(crate = "engset_otp")]
impl Reachable {
    #[call]
    async fn divide(&mut self, by: u32, cx: &mut Cx<ReachableMsg>) -> u32 {
        cx.sleep(millis(1)).await;
        1 / by
    }

    #[cast]
    fn wear_out(&mut self) -> Result<(), Exit> {
        Err(Exit(ExitReason::from(atom("worn_out"))))
    }
}

/// `{'$gen_call', {Caller, Tag}, {divide, By}}`
fn divide(caller: Pid, by: u32) -> Term {
    let request = Term::tuple([Term::atom("divide"), Term::from(u64::from(by))]);
    Term::tuple([Term::atom("$gen_call"), Term::tuple([Term::Pid(caller), Term::atom("tag")]), request])
}

#[test]
fn a_caller_of_another_node_is_named() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let away = Pid::new(NodeName::new("shop@elsewhere").unwrap(), 7, 8, 9);
        for caller in [away, cx.pid()] {
            let server = start(Reachable).await.unwrap();
            // What was served before leaves no trace.
            cx.send(server.pid(), divide(away, 1)).unwrap();
            cx.send(server.pid(), divide(caller, 0)).unwrap();
            cx.sleep(millis(10)).await;
            assert_eq!(log.only()["caller"], caller.to_string());
        }
        let server = start(Reachable).await.unwrap();
        cx.send(server.pid(), divide(away, 1)).unwrap();
        server.wear_out().unwrap();
        cx.sleep(millis(10)).await;
        let report = log.only();
        assert_eq!((report["reason"].as_str(), report.get("caller")), ("worn_out", None));
    });
}

#[test]
fn secrets_are_never_told() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        for _ in 0..2 {
            let safe = start(safe()).await.unwrap();
            safe.open("mellon".to_owned()).await.unwrap_err();
            let report = format!("{:?}", log.only());
            assert!(!report.contains("mellon") && !report.contains("sesame"), "{report}");
        }
        settle(&cx).await;
    });
}

#[test]
fn message_and_state_are_told_where_the_server_allows_it() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let open = start(Open(7)).await.unwrap();
        assert_eq!(open.divide(7).await, Ok(1));
        open.divide(0).await.unwrap_err();
        settle(&cx).await;
        let report = log.only();
        assert_eq!(report["state"], "at 7");
        assert_eq!(report["request"], "Divide(0, Reply(to a process of this node))");
        assert!(report["message"].contains("crashed while it served `divide`: panicked at "), "{report:?}");
    });
}

#[test]
fn a_state_that_cannot_be_told_does_not_hide_the_crash() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let open = start(Open(666)).await.unwrap();
        open.divide(0).await.unwrap_err();
        settle(&cx).await;
        let report = log.only();
        assert!(report["reason"].contains("attempt to divide by zero"), "{report:?}");
        assert!(report["reason"].contains("crash.rs:"), "{report:?}");
        assert_eq!(report.get("state"), None);
    });
}

#[test]
fn one_that_is_killed_tells_what_it_served_and_who_waits() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let safe = start(safe()).await.unwrap();
        let killer = cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(40)).await;
            safe.close(ExitReason::Normal).unwrap();
            cx.exit(safe.pid(), ExitReason::Kill);
        });
        killer.unwrap();
        safe.think().timeout(millis(90)).await.unwrap_err();
        settle(&cx).await;
        let report = log.only();
        assert!(report["message"].ends_with("crashed while it served `think`: killed"), "{report:?}");
        assert_eq!(report["caller"], cx.pid().to_string());
        assert_eq!(report["deadline_left"], "50ms");
        assert_eq!(report["mailbox"], "1");
    });
}

#[test]
fn an_orderly_end_is_no_crash() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let because = ExitReason::from_term("{shutdown,tired}".parse().unwrap());
        for reason in [ExitReason::Normal, ExitReason::Shutdown, because] {
            start(safe()).await.unwrap().close(reason).unwrap();
        }
        settle(&cx).await;
        assert!(log.is_empty());
    });
}

#[test]
fn a_plain_process_tells_its_code_and_label() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        let options = SpawnOptions { label: Some("feed".to_owned()), ..SpawnOptions::default() };
        let body = |_: Cx<Term>| async { ExitReason::from(atom("empty")) };
        let pid = cx.processes().spawn(options, body).unwrap().pid();
        settle(&cx).await;
        let report = log.only();
        assert!(report["message"].starts_with("process `gen_server_suite::crash::"), "{report:?}");
        assert!(report["message"].ends_with(&format!("feed {pid} crashed: empty")), "{report:?}");
        assert_eq!(report["label"], "feed");
        assert_eq!(report.get("last_message"), None);
    });
}

/// As in OTP: who dies of another is not what failed.
#[test]
fn a_plain_process_that_an_exit_signal_ends_is_no_crash() {
    with_seed(1, |cx| async move {
        let log = Log::listen();
        for reason in [ExitReason::Kill, ExitReason::from(atom("noconnection"))] {
            let victim = cx.spawn(|mut cx: Cx<Term>| async move { drop(cx.recv().await) });
            cx.exit(victim.unwrap().pid(), reason);
        }
        settle(&cx).await;
        assert!(log.is_empty());
    });
}
