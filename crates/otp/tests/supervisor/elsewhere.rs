//! Supervisors asked over the network: what callers on the BEAM get, and what supervisors there answer.

use crate::stage::{begin, child, each_seed, ignoring, no};
use engset_otp::{
    AutoShutdown, ChildError, ChildKind, ChildSpec, Dynamic, Restart, Shutdown, Supervisor, SupervisorRef,
};
use engset_process::{Addr, Cx, Mail};
use engset_term::Term;
use std::time::Duration;

fn term(text: &str) -> Term {
    text.parse().unwrap()
}

/// `gen_server:call` with the request as Erlang writes it; what it answers.
async fn call(to: SupervisorRef, request: &str) -> String {
    Dynamic::call(&Addr::new(to.pid()), term(request)).await.unwrap().to_string()
}

/// A supervisor of another kind, which answers every request with `answer`.
fn answering(cx: &Cx<Term>, answer: &str) -> SupervisorRef {
    let answer = term(answer);
    let body = move |mut cx: Cx<Dynamic>| async move {
        while let Mail::Message(Dynamic::Call(_, reply)) = cx.recv().await {
            reply.send(answer.clone());
        }
    };
    SupervisorRef::new(Addr::new(cx.spawn(body).unwrap().pid()))
}

/// Maps print in their own order: as pairs.
fn pairs(term: &Term) -> Vec<String> {
    let Some([ok, Term::Map(map)]) = term.as_tuple() else { panic!("no map: {term}") };
    assert!(ok.is_atom("ok"));
    let mut pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key} => {value}")).collect();
    pairs.sort();
    pairs
}

#[test]
fn a_specification_is_a_map_like_otps() {
    each_seed(|mut cx| async move {
        let a = child("a").restart(Restart::Transient).significant(true);
        let a = a.shutdown(Shutdown::Timeout(Duration::from_secs(1)));
        let b = child("b").kind(ChildKind::Supervisor).shutdown(Shutdown::Infinity);
        let c = child("c").restart(Restart::Temporary).shutdown(Shutdown::BrutalKill);
        let supervisor = Supervisor::one_for_one().auto_shutdown(AutoShutdown::AnySignificant);
        let supervisor = begin(&mut cx, supervisor.child(a).child(b).child(c)).await;
        for (id, restart, significant, shutdown, kind) in [
            ("a", "transient", true, "1000", "worker"),
            ("b", "permanent", false, "infinity", "supervisor"),
            ("c", "temporary", false, "brutal_kill", "worker"),
        ] {
            let request = term(&format!("{{get_childspec,{id}}}"));
            let spec = Dynamic::call(&Addr::new(supervisor.pid()), request).await.unwrap();
            let expected = [
                format!("id => {id}"),
                "modules => []".to_owned(),
                format!("restart => {restart}"),
                format!("shutdown => {shutdown}"),
                format!("significant => {significant}"),
                "start => undefined".to_owned(),
                format!("type => {kind}"),
            ];
            assert_eq!(pairs(&spec), expected);
        }
        assert_eq!(call(supervisor, "{get_childspec,z}").await, "{error,not_found}");
    });
}

#[test]
fn a_specification_of_otps_is_read() {
    each_seed(|cx| async move {
        let map = "{ok,#{id => a,start => {m,f,[]},restart => transient,significant => true,shutdown => 1000,\
                   type => worker,modules => [m]}}";
        let spec = ChildSpec {
            id: "a".to_owned(),
            restart: Restart::Transient,
            significant: true,
            shutdown: Shutdown::Timeout(Duration::from_secs(1)),
            kind: ChildKind::Worker,
        };
        assert_eq!(answering(&cx, map).get_childspec("a").await, Ok(spec));
        let map = "{ok,#{id => b,start => {m,f,[]},restart => permanent,significant => false,\
                   shutdown => brutal_kill,type => supervisor,modules => dynamic}}";
        let spec = ChildSpec {
            id: "b".to_owned(),
            restart: Restart::Permanent,
            significant: false,
            shutdown: Shutdown::BrutalKill,
            kind: ChildKind::Supervisor,
        };
        assert_eq!(answering(&cx, map).get_childspec("b").await, Ok(spec));
        let gone = answering(&cx, "{error,not_found}");
        assert_eq!(gone.get_childspec("a").await, no(ChildError::NotFound));
    });
}

#[test]
fn dynamic_supervisors_refuse_as_otps_do() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::dynamic()).await;
        for request in ["{terminate_child,a}", "{restart_child,a}", "{delete_child,a}"] {
            assert_eq!(call(supervisor, request).await, "{error,simple_one_for_one}");
        }
        let theirs = answering(&cx, "{error,simple_one_for_one}");
        assert_eq!(theirs.restart_child("a").await, no(ChildError::Dynamic));
        assert_eq!(theirs.delete_child("a").await, no(ChildError::Dynamic));
    });
}

#[test]
fn a_child_that_asked_not_to_be_run_is_told_over_the_network() {
    each_seed(|mut cx| async move {
        let supervisor = begin(&mut cx, Supervisor::one_for_one().child(ignoring("a"))).await;
        assert_eq!(call(supervisor, "{restart_child,a}").await, "{ok,undefined}");
        assert_eq!(answering(&cx, "{ok,undefined}").restart_child("a").await, no(ChildError::Ignored));
        assert_eq!(answering(&cx, "{error,ignore}").restart_child("a").await, no(ChildError::Ignored));
        assert_eq!(answering(&cx, "{error,running}").restart_child("a").await, no(ChildError::Running));
        let refused = ChildError::Start(term("{bad_combination,[]}"));
        assert_eq!(answering(&cx, "{error,{bad_combination,[]}}").restart_child("a").await, no(refused));
    });
}

#[test]
fn what_is_code_does_not_travel() {
    each_seed(|cx| async move {
        let theirs = answering(&cx, "ok");
        for error in [
            theirs.start_child(child("a")).await.unwrap_err(),
            theirs.update(Supervisor::one_for_one()).await.unwrap_err(),
        ] {
            assert!(matches!(error, engset_otp::CallError::Encode(_)), "{error:?}");
            assert!(!error.maybe_executed());
        }
    });
}
