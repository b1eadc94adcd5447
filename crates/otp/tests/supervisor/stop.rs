//! Stopping: in time, killed, at once, in a race with children that end by themselves, and children without a link.

use crate::stage::{
    Order, add, all_live_on, begin, child, died, each_seed, end, exit_of, ids, millis, named, now,
    on_threads, only, secs, shutdown_with, stop, tell, up_to,
};
use engset_otp::{Child, ChildKind, Restart, Shutdown, Supervisor};
use engset_process::{Cx, ExitReason, Mail};
use engset_term::{Pid, Term};

/// Children with all the time, be they supervisors or workers, end with `shutdown`.
#[test]
fn sup_stop_infinity() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one())).await;
        let infinity = |id| child(id).shutdown(Shutdown::Infinity);
        let child1 = add(&mut cx, supervisor, infinity("child1").kind(ChildKind::Supervisor)).await;
        let child2 = add(&mut cx, supervisor, infinity("child2")).await;
        stop(&mut cx, supervisor).await;
        assert_eq!(exit_of(&mut cx, child1).await, ExitReason::Shutdown);
        assert_eq!(exit_of(&mut cx, child2).await, ExitReason::Shutdown);
    });
}

/// A child that is deaf when its time is over is killed; the other one ends with `shutdown`.
#[test]
fn sup_stop_timeout() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one())).await;
        let within = |id| child(id).shutdown(Shutdown::Timeout(secs(1)));
        let child1 = add(&mut cx, supervisor, within("child1")).await;
        let child2 = add(&mut cx, supervisor, within("child2")).await;
        tell(&cx, child2, Order::Sleep(secs(200))).await;
        assert_eq!(stop(&mut cx, supervisor).await, secs(1));
        assert_eq!(exit_of(&mut cx, child1).await, ExitReason::Shutdown);
        assert_eq!(exit_of(&mut cx, child2).await, ExitReason::Killed);
    });
}

/// The same below a dynamic supervisor, whose children have their time together.
#[test]
fn sup_stop_timeout_dynamic() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        let within = || child("child").restart(Restart::Temporary).shutdown(Shutdown::Timeout(secs(1)));
        let child1 = add(&mut cx, supervisor, within()).await;
        let deaf = [add(&mut cx, supervisor, within()).await, add(&mut cx, supervisor, within()).await];
        for pid in deaf {
            tell(&cx, pid, Order::Sleep(secs(200))).await;
        }
        assert_eq!(stop(&mut cx, supervisor).await, secs(1));
        assert_eq!(exit_of(&mut cx, child1).await, ExitReason::Shutdown);
        for pid in deaf {
            assert_eq!(exit_of(&mut cx, pid).await, ExitReason::Killed);
        }
    });
}

/// A child that is stopped by `kill` ends with `killed`.
#[test]
fn sup_stop_brutal_kill() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one())).await;
        let child1 = add(&mut cx, supervisor, child("child1")).await;
        let child2 = add(&mut cx, supervisor, child("child2").shutdown(Shutdown::BrutalKill)).await;
        assert!(stop(&mut cx, supervisor).await.is_zero());
        assert_eq!(exit_of(&mut cx, child1).await, ExitReason::Shutdown);
        assert_eq!(exit_of(&mut cx, child2).await, ExitReason::Killed);
    });
}

/// The same below a dynamic supervisor.
#[test]
fn sup_stop_brutal_kill_dynamic() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
        let mut pids = Vec::new();
        for _ in 0..10 {
            let killed = child("child").restart(Restart::Temporary).shutdown(Shutdown::BrutalKill);
            pids.push(add(&mut cx, supervisor, killed).await);
        }
        assert!(stop(&mut cx, supervisor).await.is_zero());
        for pid in pids {
            assert_eq!(exit_of(&mut cx, pid).await, ExitReason::Killed);
        }
    });
}

/// Children that end by themselves, for whatever reason, while another one is being stopped do not hinder the end.
#[test]
fn sup_stop_race() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one())).await;
        let first = add(&mut cx, supervisor, child("a").restart(Restart::Temporary)).await;
        let mut ending = Vec::new();
        for restart in [Restart::Temporary, Restart::Transient, Restart::Permanent] {
            for reason in [ExitReason::Normal, ExitReason::Shutdown, shutdown_with("test"), named("other")] {
                let id = format!("{restart:?} {reason}");
                let pid = add(&mut cx, supervisor, child(&id).restart(restart)).await;
                ending.push((pid, reason));
            }
        }
        let last = child("z").restart(Restart::Temporary).shutdown(Shutdown::Timeout(secs(2)));
        let last = add(&mut cx, supervisor, last).await;
        tell(&cx, last, Order::StopSlowly(secs(1))).await;
        let orders = ending.clone();
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(200)).await;
            for (pid, reason) in orders {
                cx.send(pid, Order::End(reason)).unwrap();
            }
        })
        .unwrap();
        assert_eq!(stop(&mut cx, supervisor).await, secs(1));
        assert_eq!(exit_of(&mut cx, last).await, ExitReason::Shutdown);
        for (pid, reason) in ending {
            assert_eq!(exit_of(&mut cx, pid).await, reason);
        }
        assert_eq!(exit_of(&mut cx, first).await, ExitReason::Shutdown);
    });
}

/// A dynamic supervisor ends when its children end with other reasons than they were asked to.
#[test]
fn sup_stop_non_shutdown_exit_dynamic() {
    each_seed(|mut cx| async move {
        for restart in [Restart::Temporary, Restart::Transient, Restart::Permanent] {
            let supervisor = begin(&mut cx, up_to(2, Supervisor::dynamic())).await;
            let mut ending = Vec::new();
            for reason in [ExitReason::Normal, ExitReason::Shutdown, shutdown_with("test"), named("other")] {
                let pid = add(&mut cx, supervisor, child("child").restart(restart)).await;
                tell(&cx, pid, Order::StopWith(reason.clone())).await;
                ending.push((pid, reason));
            }
            stop(&mut cx, supervisor).await;
            for (pid, reason) in ending {
                assert_eq!(exit_of(&mut cx, pid).await, reason);
            }
        }
    });
}

/// A child that removed its link to the supervisor does not hang it, whether it is terminated or has ended already.
#[test]
fn child_unlink() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one())).await;
        for has_ended in [false, true] {
            let pid = add(&mut cx, supervisor, child("naughty")).await;
            tell(&cx, pid, Order::Unlink(supervisor.pid())).await;
            all_live_on(&cx, &[pid]).await;
            if has_ended {
                end(&mut cx, pid, died()).await;
            }
            let before = now(&cx);
            supervisor.terminate_child("naughty").await.unwrap();
            assert!(now(&cx).saturating_duration_since(before) < millis(20), "it is monitored soon");
            let reason = if has_ended { died() } else { ExitReason::Shutdown };
            assert_eq!(exit_of(&mut cx, pid).await, reason);
            supervisor.delete_child("naughty").await.unwrap();
        }
        add(&mut cx, supervisor, child("other")).await;
        stop(&mut cx, supervisor).await;
    });
}

/// A child without a link that is deaf is killed when its time is over, not before.
#[test]
fn a_deaf_child_without_a_link_is_killed_in_time() {
    each_seed(|mut cx| async move {
        let patient = child("naughty").shutdown(Shutdown::Timeout(secs(2)));
        let supervisor = begin(&mut cx, Supervisor::one_for_one()).await;
        let pid = add(&mut cx, supervisor, patient).await;
        tell(&cx, pid, Order::Unlink(supervisor.pid())).await;
        tell(&cx, pid, Order::Sleep(secs(200))).await;
        all_live_on(&cx, &[pid]).await;
        assert_eq!(stop(&mut cx, supervisor).await, secs(2));
        assert_eq!(exit_of(&mut cx, pid).await, ExitReason::Killed);
    });
}

/// An exit signal that a child sends its supervisor by hand while another is being stopped does not pass for its end.
#[test]
fn a_child_that_signals_and_lives_is_stopped_all_the_same() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::one_for_one()).await;
        let rude = Child::process("rude", || {
            |mut cx: Cx<Term>| async move {
                cx.trap_exit(true);
                while let Mail::Message(Term::Pid(supervisor)) = cx.recv().await {
                    cx.exit(supervisor, named("boo"));
                }
                cx.sleep(secs(1)).await;
            }
        });
        let rude = add(&mut cx, supervisor, rude).await;
        let slow = add(&mut cx, supervisor, child("slow")).await;
        tell(&cx, slow, Order::StopSlowly(millis(500))).await;
        let shout: Pid = supervisor.pid();
        cx.spawn(move |cx: Cx<Term>| async move {
            cx.sleep(millis(100)).await;
            cx.send(rude, Term::Pid(shout)).unwrap();
        })
        .unwrap();
        assert_eq!(stop(&mut cx, supervisor).await, millis(1_500), "one after the other");
        exit_of(&mut cx, rude).await;
    });
}

/// What arrives while a child is being stopped is served afterwards, in order.
#[test]
fn requests_that_come_during_a_stop_are_served_after_it() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(9, Supervisor::one_for_one())).await;
        let slow = add(&mut cx, supervisor, child("slow")).await;
        let other = add(&mut cx, supervisor, child("other")).await;
        tell(&cx, slow, Order::StopSlowly(secs(1))).await;
        let asking =
            cx.spawn(move |_: Cx<Term>| async move { supervisor.terminate_child("slow").await.unwrap() });
        cx.link(asking.unwrap().pid());
        cx.sleep(millis(100)).await;
        end(&mut cx, other, died()).await;
        let before = now(&cx);
        assert_eq!(supervisor.terminate_child("slow").await, Ok(()));
        assert_eq!(now(&cx).saturating_duration_since(before), millis(900));
        supervisor.delete_child("slow").await.unwrap();
        assert_ne!(only(supervisor).await, other, "its end was not overlooked");
    });
}

/// Requests that wait for a stop keep their order.
#[test]
fn requests_that_come_during_a_stop_are_served_in_their_order() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::one_for_one()).await;
        let slow = add(&mut cx, supervisor, child("slow")).await;
        tell(&cx, slow, Order::StopSlowly(secs(1))).await;
        for (after, id) in [(1, "first"), (2, "second"), (3, "third")] {
            let asking = move |cx: Cx<Term>| async move {
                cx.sleep(millis(after)).await;
                supervisor.start_child(child(id)).await.unwrap();
            };
            cx.spawn(asking).unwrap();
        }
        supervisor.terminate_child("slow").await.unwrap();
        all_live_on(&cx, &[supervisor.pid()]).await;
        assert_eq!(ids(supervisor).await, ["third", "second", "first", "slow"]);
    });
}

/// Who calls a supervisor that is ending hears of its end and its reason.
#[test]
fn a_request_that_comes_during_the_end_is_answered_by_the_end() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::one_for_one()).await;
        let slow = add(&mut cx, supervisor, child("slow")).await;
        tell(&cx, slow, Order::StopSlowly(secs(1))).await;
        cx.exit(supervisor.pid(), ExitReason::Shutdown);
        cx.sleep(millis(100)).await;
        let error = supervisor.which_children().await.unwrap_err();
        let reason = ExitReason::Shutdown;
        assert_eq!(error, engset_otp::CallError::Down { reason, begun: false });
    });
}

/// Children that end by themselves all the time while they are stopped: nobody is left, nobody is waited for in vain.
#[test]
fn a_stop_in_the_middle_of_a_storm_of_ends_leaves_nobody_with_threads() {
    on_threads(|mut cx| async move {
        let before = cx.processes().count();
        for dynamic in [false, true] {
            let supervisor = if dynamic { Supervisor::dynamic() } else { Supervisor::one_for_one() };
            let supervisor = begin(&mut cx, up_to(1_000_000, supervisor)).await;
            let mut pids = Vec::new();
            for n in 0..1_000 {
                pids.push(supervisor.start_child(child(&n.to_string())).await.unwrap());
            }
            let storm =
                cx.spawn_link(engset_process::SpawnOptions::default(), move |cx: Cx<Term>| async move {
                    for pid in pids.into_iter().step_by(2) {
                        cx.exit(pid, ExitReason::Kill);
                    }
                });
            stop(&mut cx, supervisor).await;
            exit_of(&mut cx, storm.unwrap().pid()).await;
        }
        while cx.processes().count() > before {
            cx.sleep(millis(1)).await;
        }
    });
}
