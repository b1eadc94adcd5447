//! What supervisors tell the log.

use crate::log::Log;
use crate::stage::{
    Order, Switch, add, begin, child, died, each_seed, end, exit_of, millis, named, only, pids, secs, settle,
    stop, tell, up_to,
};
use engset_otp::{AutoShutdown, BackOff, Child, Restart, Supervisor, SupervisorRef};
use engset_process::{Addr, Cx, ExitReason};
use engset_term::{Atom, Term};

/// Runs the test for each seed with a log.
fn with_log<B, F>(main: B)
where
    B: Fn(Cx<Term>, Log) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let log = Log::default();
    let given = log.clone();
    log.listen(|| {
        each_seed(move |cx| {
            given.take();
            main(cx, given.clone())
        });
    });
}

fn shop() -> Supervisor {
    Supervisor::one_for_one().named(Atom::from_static("shop"))
}

#[test]
fn a_crash_is_one_line_and_the_same_as_fields() {
    with_log(|mut cx, log| async move {
        let below = Child::supervisor("back", || {
            Supervisor::one_for_one().intensity(3, secs(5)).child(child("clerk"))
        });
        let top = begin(&mut cx, shop().child(below)).await;
        let back = SupervisorRef::new(Addr::new(only(top).await));
        for restart in ["1", "2"] {
            let clerk = only(back).await;
            end(&mut cx, clerk, died()).await;
            settle(&cx).await;
            let report = log.only();
            let line = format!(
                "child `clerk` of supervisor `shop/back` ended: died; restart, {restart} of 3 within 5s"
            );
            let expected = [
                ("level", "ERROR"),
                ("message", line.as_str()),
                ("supervisor", "shop/back"),
                ("child", "clerk"),
                ("pid", &clerk.to_string()),
                ("reason", "died"),
                ("restart", restart),
                ("max_restarts", "3"),
                ("period", "5s"),
            ];
            assert_eq!(report, expected.map(|(name, value)| (name, value.to_owned())).into());
        }
        stop(&mut cx, top).await;
        assert_eq!(log.take(), [], "an orderly stop is not reported");
    });
}

#[test]
fn a_supervisor_that_gives_up_says_so_after_the_crash() {
    with_log(|mut cx, log| async move {
        let supervisor = begin(&mut cx, shop().intensity(0, secs(5)).child(child("clerk"))).await;
        let clerk = only(supervisor).await;
        end(&mut cx, clerk, died()).await;
        exit_of(&mut cx, supervisor.pid()).await;
        let messages: Vec<String> = log.take().into_iter().map(|report| report["message"].clone()).collect();
        let expected = [
            "child `clerk` of supervisor `shop` ended: died; restart, 1 of 0 within 5s",
            "supervisor `shop` gives up: more than 0 restarts within 5s, the last one for child `clerk`",
        ];
        assert_eq!(messages, expected);
    });
}

#[test]
fn a_restart_that_fails_says_why_and_what_follows() {
    with_log(|mut cx, log| async move {
        let switch = Switch::default();
        let supervisor = begin(&mut cx, up_to(1, shop()).child(switch.child("clerk"))).await;
        let clerk = only(supervisor).await;
        switch.set(true);
        end(&mut cx, clerk, died()).await;
        exit_of(&mut cx, supervisor.pid()).await;
        let reports = log.take();
        assert_eq!(reports.len(), 3, "{reports:?}");
        let failed = "child `clerk` of supervisor `shop` could not be restarted, which is tried again: \
                      ended in its init: error";
        assert_eq!(reports[1]["message"], failed);
        assert_eq!(reports[1]["error"], "ended in its init: error");
        assert!(!reports[1].contains_key("reason"), "only a crash has one");
    });
}

#[test]
fn a_delay_is_part_of_the_line() {
    with_log(|mut cx, log| async move {
        let back_off = BackOff::exponential(millis(250), secs(1));
        let supervisor =
            begin(&mut cx, shop().intensity(3, secs(5)).back_off(back_off).child(child("clerk"))).await;
        let clerk = only(supervisor).await;
        end(&mut cx, clerk, died()).await;
        settle(&cx).await;
        let line = "child `clerk` of supervisor `shop` ended: died; restart in 250ms, 1 of 3 within 5s";
        assert_eq!(log.only()["message"], line);
    });
}

#[test]
fn orderly_ends_are_not_reported_unless_the_child_is_permanent() {
    with_log(|mut cx, log| async move {
        let supervisor = begin(&mut cx, up_to(9, shop())).await;
        for (restart, reports) in [(Restart::Temporary, 0), (Restart::Transient, 0), (Restart::Permanent, 1)]
        {
            let pid = supervisor.start_child(child(&format!("{restart:?}")).restart(restart)).await.unwrap();
            end(&mut cx, pid, ExitReason::Normal).await;
            settle(&cx).await;
            assert_eq!(log.take().len(), reports, "{restart:?}");
        }
        let pid = supervisor.start_child(child("brief").restart(Restart::Temporary)).await.unwrap();
        end(&mut cx, pid, died()).await;
        settle(&cx).await;
        let line = "child `brief` of supervisor `shop` ended: died; it is temporary and not restarted";
        assert_eq!(log.only()["message"], line);
    });
}

#[test]
fn children_that_do_not_stop_as_asked_are_reported_once_for_each_reason() {
    with_log(|mut cx, log| async move {
        let supervisor = begin(&mut cx, Supervisor::dynamic().named(Atom::from_static("crowd"))).await;
        for number in 0..7 {
            let pid = add(&mut cx, supervisor, child("walker")).await;
            let reason = if number < 5 { named("stubborn") } else { named("late") };
            tell(&cx, pid, Order::StopWith(reason)).await;
        }
        assert_eq!(pids(supervisor).await.len(), 7);
        stop(&mut cx, supervisor).await;
        let mut lines: Vec<String> = log.take().into_iter().map(|report| report["message"].clone()).collect();
        lines.sort();
        let expected = [
            "2 children of supervisor `crowd`, one of them `walker`, did not stop as asked: late",
            "5 children of supervisor `crowd`, one of them `walker`, did not stop as asked: stubborn",
        ];
        assert_eq!(lines, expected);
    });
}

#[test]
fn an_automatic_shutdown_says_whose_end_it_was() {
    with_log(|mut cx, log| async move {
        let job = child("job").restart(Restart::Transient).significant(true);
        let supervisor = shop().auto_shutdown(AutoShutdown::AnySignificant).child(job);
        let supervisor = begin(&mut cx, supervisor).await;
        let job = only(supervisor).await;
        end(&mut cx, job, ExitReason::Normal).await;
        exit_of(&mut cx, supervisor.pid()).await;
        let report = log.only();
        assert_eq!(report["message"], "supervisor `shop` shuts down: its significant child `job` ended");
        assert_eq!(report["level"], "INFO");
    });
}

#[test]
fn more_reasons_than_are_collected_are_all_reported() {
    with_log(|mut cx, log| async move {
        let supervisor = begin(&mut cx, Supervisor::dynamic()).await;
        for number in 0..40 {
            let pid = add(&mut cx, supervisor, child("c")).await;
            tell(&cx, pid, Order::StopWith(named(&format!("reason_{number}")))).await;
        }
        stop(&mut cx, supervisor).await;
        assert_eq!(log.take().len(), 40);
    });
}
