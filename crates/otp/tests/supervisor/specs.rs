//! Specifications: their defaults, which are refused, and what refusing leaves behind.

use crate::stage::{begin, child, each_seed, ids, no, secs, settle, stop, up_to};
use engset_otp::{
    AutoShutdown, Child, ChildError, ChildKind, ChildSpec, Restart, SHUTDOWN_TIMEOUT, Shutdown, SpecError,
    StartError, Supervisor, check_childspecs,
};
use engset_process::Cx;
use engset_term::Term;
use std::time::Duration;

const RESTARTS: [Restart; 3] = [Restart::Permanent, Restart::Transient, Restart::Temporary];
const SHUTDOWNS: [Shutdown; 4] = [
    Shutdown::Timeout(Duration::ZERO),
    Shutdown::Timeout(Duration::from_secs(1)),
    Shutdown::Infinity,
    Shutdown::BrutalKill,
];
const KINDS: [ChildKind; 2] = [ChildKind::Worker, ChildKind::Supervisor];

/// The reason for which a supervisor does not start.
async fn refusal(cx: &mut Cx<Term>, supervisor: Supervisor) -> String {
    match supervisor.start_link(cx).await {
        Err(StartError::Init(reason)) => reason.to_string(),
        other => panic!("it was not refused: {other:?}"),
    }
}

/// The whole specification of a child can be read, with the defaults of OTP.
#[test]
fn sup_start_map() {
    each_seed(|mut cx| async move {
        let below = Child::supervisor("child3", Supervisor::one_for_one);
        let supervisor = Supervisor::one_for_one()
            .child(child("child1"))
            .child(child("child2").shutdown(Shutdown::BrutalKill))
            .child(below);
        let supervisor = begin(&mut cx, supervisor).await;
        let child1 = ChildSpec {
            id: "child1".to_owned(),
            restart: Restart::Permanent,
            significant: false,
            shutdown: Shutdown::Timeout(secs(5)),
            kind: ChildKind::Worker,
        };
        assert_eq!(SHUTDOWN_TIMEOUT, secs(5));
        let child2 = ChildSpec { id: "child2".to_owned(), shutdown: Shutdown::BrutalKill, ..child1.clone() };
        let child3 = ChildSpec {
            id: "child3".to_owned(),
            shutdown: Shutdown::Infinity,
            kind: ChildKind::Supervisor,
            ..child1.clone()
        };
        assert_eq!(supervisor.get_childspec("child1").await, Ok(child1));
        assert_eq!(supervisor.get_childspec("child2").await, Ok(child2));
        assert_eq!(supervisor.get_childspec("child3").await, Ok(child3));
        assert_eq!(supervisor.get_childspec("child4").await, no(ChildError::NotFound));
        stop(&mut cx, supervisor).await;
    });
}

/// The specification of a child of a dynamic supervisor is read by its pid.
#[test]
fn sup_start_map_simple() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::dynamic()).await;
        let spec = ChildSpec {
            id: "child".to_owned(),
            restart: Restart::Temporary,
            significant: false,
            shutdown: Shutdown::Timeout(secs(5)),
            kind: ChildKind::Worker,
        };
        for _ in 0..3 {
            let pid = supervisor.start_child(child("child").restart(Restart::Temporary)).await.unwrap();
            assert_eq!(supervisor.get_childspec(pid).await, Ok(spec.clone()));
        }
        assert_eq!(supervisor.get_childspec(cx.pid()).await, no(ChildError::NotFound));
        stop(&mut cx, supervisor).await;
    });
}

/// A supervisor with faulty specifications says which, and starts none of its children.
#[test]
fn sup_start_map_faulty_specs() {
    each_seed(|mut cx| async move {
        let before = cx.processes().count();
        let twice = Supervisor::one_for_one().child(child("a")).child(child("b")).child(child("a"));
        assert_eq!(refusal(&mut cx, twice).await, "{start_spec,{duplicate_child_name,a}}");
        let significant = Supervisor::one_for_one().child(child("a")).child(child("b").significant(true));
        let reason = "{start_spec,{bad_combination,[{auto_shutdown,never},{significant,true}]}}";
        assert_eq!(refusal(&mut cx, significant).await, reason);
        let permanent = Supervisor::one_for_one()
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(child("b").significant(true));
        let reason = "{start_spec,{bad_combination,[{restart,permanent},{significant,true}]}}";
        assert_eq!(refusal(&mut cx, permanent).await, reason);
        settle(&cx).await;
        assert_eq!(cx.processes().count(), before);
    });
}

/// Every combination of restart type, way to stop and kind is accepted; what is not starts no process.
#[test]
fn child_specs() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, up_to(2, Supervisor::one_for_one())).await;
        let before = cx.processes().count();
        for restart in RESTARTS {
            let refused = supervisor.start_child(child("child").restart(restart).significant(true)).await;
            assert_eq!(refused, no(ChildError::Refused(SpecError::SignificantForNothing("child".into()))));
        }
        assert_eq!(cx.processes().count(), before);
        let mut accepted = 0;
        for restart in RESTARTS {
            for shutdown in SHUTDOWNS {
                for kind in KINDS {
                    let id = format!("{accepted}");
                    let spec = child(&id).restart(restart).shutdown(shutdown).kind(kind);
                    assert_eq!(check_childspecs(std::slice::from_ref(&spec), AutoShutdown::Never), Ok(()));
                    supervisor.start_child(spec).await.unwrap();
                    accepted += 1;
                }
            }
        }
        assert_eq!(ids(supervisor).await.len(), accepted);
        let twice = [child("child"), child("child").kind(ChildKind::Supervisor)];
        let error = SpecError::DuplicateId("child".into());
        assert_eq!(check_childspecs(&twice, AutoShutdown::Never), Err(error));
        stop(&mut cx, supervisor).await;
    });
}

/// Significant children are refused where OTP refuses them, and accepted in every other combination.
#[test]
fn child_specs_map() {
    let never = AutoShutdown::Never;
    for auto_shutdown in [never, AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        for restart in RESTARTS {
            for shutdown in SHUTDOWNS {
                for kind in KINDS {
                    for significant in [false, true] {
                        let spec = child("child").restart(restart).shutdown(shutdown).kind(kind);
                        let spec = spec.significant(significant);
                        let expected = match (significant, auto_shutdown, restart) {
                            (true, AutoShutdown::Never, _) => {
                                Err(SpecError::SignificantForNothing("child".into()))
                            }
                            (true, _, Restart::Permanent) => {
                                Err(SpecError::SignificantPermanent("child".into()))
                            }
                            _ => Ok(()),
                        };
                        assert_eq!(check_childspecs(&[spec], auto_shutdown), expected);
                    }
                }
            }
        }
    }
    let error = SpecError::DuplicateId("child".into());
    assert_eq!(check_childspecs(&[child("child"), child("child")], never), Err(error));
}

/// Flags that mean nothing are refused when the supervisor starts; the smallest that mean something are not.
#[test]
fn sup_flags() {
    each_seed(|mut cx| async move {
        let no_period = Supervisor::one_for_one().intensity(2, Duration::ZERO);
        assert_eq!(refusal(&mut cx, no_period).await, "{supervisor_data,{invalid_period,0}}");
        let supervisor =
            begin(&mut cx, Supervisor::one_for_one().intensity(0, Duration::from_nanos(1))).await;
        stop(&mut cx, supervisor).await;
        let all = Supervisor::dynamic().auto_shutdown(AutoShutdown::AllSignificant);
        let combination = "[{auto_shutdown,all_significant},{strategy,simple_one_for_one}]";
        assert_eq!(
            refusal(&mut cx, all).await,
            format!("{{supervisor_data,{{bad_combination,{combination}}}}}")
        );
    });
}
