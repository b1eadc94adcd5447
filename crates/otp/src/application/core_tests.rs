//! The core of the controller: requests and ends go in, effects come out.

use super::core::{Core, Effect, Ending};
use super::{AppError, Application, Config};
use crate::gen_server::StartError;
use crate::supervisor::Supervisor;
use crate::supervisor::spec::Restart;
use engset_process::ExitReason;
use engset_term::{Atom, NodeName, Pid, Term};
use std::collections::BTreeMap;

const A: Atom = Atom::from_static("a");
const LIB: Atom = Atom::from_static("lib");

fn pid(number: u32) -> Pid {
    Pid::new(NodeName::NONODE, 1, number, 0)
}

fn app(name: Atom) -> Application {
    Application::supervisor(name, |_| Supervisor::one_for_one())
}

/// A core with the applications `a` and `lib`, which is a library.
fn core() -> Core<u32> {
    let mut core = Core::new(Config::new(), BTreeMap::new(), 3);
    assert!(core.handle_load(app(A)).is_ok() && core.handle_load(Application::library(LIB)).is_ok());
    core
}

/// What the core says, in words.
fn effects(core: &mut Core<u32>) -> Vec<String> {
    std::iter::from_fn(|| core.poll_effect())
        .map(|effect| match effect {
            Effect::Spawn(app, _) => format!("spawn {}", app.name),
            Effect::Stop(master) => format!("stop {}", master.id()),
            Effect::Answer(waiter, Ok(())) => format!("{waiter} ok"),
            Effect::Answer(waiter, Err(error)) => format!("{waiter} {error:?}"),
            Effect::Report(name, reason, _) => format!("report {name} {reason}"),
            Effect::End(reason) => format!("end {reason}"),
        })
        .collect()
}

/// Starts `a` as the process 1 with the top process 2.
fn run(core: &mut Core<u32>, restart: Restart) {
    core.handle_start(&A, restart, None, 0);
    core.handle_spawned(&A, pid(1));
    core.handle_started(pid(1), pid(2));
    assert_eq!(effects(core), ["spawn a", "0 ok"]);
}

#[test]
fn as_many_are_loaded_as_there_may_be() {
    let mut core = core();
    assert!(core.handle_load(app(Atom::from_static("b"))).is_ok());
    let one_more = core.handle_load(app(Atom::from_static("c")));
    assert_eq!(one_more.map(drop), Err(AppError::TooMany(3)));
    let twice = core.handle_load(app(A));
    assert_eq!(twice.map(drop), Err(AppError::AlreadyLoaded(A)));
    assert_eq!(core.handle_unload(&A), Ok(()));
    assert!(core.handle_load(app(Atom::from_static("c"))).is_ok());
}

#[test]
fn a_library_runs_without_a_process() {
    let mut core = core();
    core.handle_start(&LIB, Restart::Permanent, None, 1);
    assert_eq!(effects(&mut core), ["1 ok"]);
    assert_eq!(core.which().len(), 1);
    assert!(core.handle_end().is_empty());
    core.handle_stop(&LIB, None, 2);
    assert_eq!(effects(&mut core), ["2 ok"]);
    assert!(core.which().is_empty());
}

#[test]
fn all_who_wait_are_answered_together() {
    let mut core = core();
    core.handle_start(&A, Restart::Temporary, None, 1);
    core.handle_start(&A, Restart::Permanent, None, 2);
    core.handle_stop(&A, None, 3);
    core.handle_spawned(&A, pid(1));
    core.handle_start(&A, Restart::Temporary, Some(pid(1)), 4);
    assert_eq!(effects(&mut core), ["spawn a", "3 NotStarted(a)", "4 WaitingForSelf(a)"]);
    core.handle_started(pid(1), pid(2));
    assert_eq!(effects(&mut core), ["1 ok", "2 ok"]);
    assert_eq!(core.top(&A), Some(pid(2)));
    core.handle_stop(&A, None, 5);
    core.handle_stop(&A, None, 6);
    core.handle_start(&A, Restart::Temporary, None, 7);
    assert_eq!(effects(&mut core), ["stop 1", "7 Stopping(a)"]);
    assert_eq!(core.top(&A), None);
    core.handle_ended(pid(1), ExitReason::Normal);
    assert_eq!(effects(&mut core), ["report a normal", "5 ok", "6 ok"]);
    // The end of who is no application's process means nothing.
    core.handle_ended(pid(1), ExitReason::Normal);
    core.handle_started(pid(1), pid(2));
    assert!(effects(&mut core).is_empty());
}

#[test]
fn what_is_not_spawned_has_not_started() {
    let mut core = core();
    core.handle_start(&A, Restart::Permanent, None, 1);
    core.handle_not_spawned(&A, &StartError::ignored().reason());
    let answer = "1 Start { app: a, reason: normal }";
    let end = "end {application_start_failure,a,normal}";
    assert_eq!(effects(&mut core), ["spawn a", answer, "report a normal", end]);
}

#[test]
fn a_permission_lost_while_it_starts_counts_then() {
    let mut core = core();
    core.handle_start(&A, Restart::Temporary, None, 1);
    core.handle_spawned(&A, pid(1));
    core.handle_permit(&A, false, None, 2);
    core.handle_started(pid(1), pid(2));
    assert_eq!(effects(&mut core), ["spawn a", "1 ok", "stop 1"], "who forbids it waits for its end");
    // It is given back before it has stopped: so it starts again.
    core.handle_permit(&A, true, None, 3);
    core.handle_ended(pid(1), ExitReason::Normal);
    assert_eq!(effects(&mut core), ["report a normal", "spawn a"]);
    core.handle_spawned(&A, pid(3));
    core.handle_started(pid(3), pid(4));
    assert_eq!(effects(&mut core), ["2 ok", "3 ok"]);
}

#[test]
fn whoever_forbids_what_starts_waits_until_that_is_decided() {
    let starting = || {
        let mut core = core();
        core.handle_start(&A, Restart::Temporary, None, 1);
        core.handle_spawned(&A, pid(1));
        core.handle_permit(&A, false, None, 2);
        assert_eq!(effects(&mut core), ["spawn a"]);
        core
    };
    let mut stops = starting();
    stops.handle_started(pid(1), pid(2));
    stops.handle_ended(pid(1), ExitReason::Normal);
    assert_eq!(effects(&mut stops), ["1 ok", "stop 1", "report a normal", "2 ok"]);
    let mut fails = starting();
    fails.handle_ended(pid(1), ExitReason::Shutdown);
    let answer = "1 Start { app: a, reason: shutdown }";
    assert_eq!(effects(&mut fails), [answer, "2 ok", "report a shutdown"]);
    let mut permitted = starting();
    permitted.handle_permit(&A, true, None, 3);
    permitted.handle_started(pid(1), pid(2));
    assert_eq!(effects(&mut permitted), ["3 ok", "1 ok", "2 ok"], "it was permitted again");
    let mut ends = starting();
    assert_eq!(ends.handle_end().len(), 1);
    assert_eq!(effects(&mut ends), ["1 Ending", "2 Ending"]);
}

#[test]
fn a_stop_of_what_is_held_is_for_good() {
    let mut core = core();
    run(&mut core, Restart::Temporary);
    core.handle_permit(&A, false, None, 1);
    core.handle_stop(&A, None, 2);
    core.handle_ended(pid(1), ExitReason::Normal);
    assert_eq!(effects(&mut core), ["stop 1", "report a normal", "1 ok", "2 ok"]);
    core.handle_permit(&A, true, None, 3);
    assert_eq!(effects(&mut core), ["3 ok"]);
}

#[test]
fn all_are_ended_and_nobody_waits_on() {
    let mut core = core();
    assert!(core.handle_load(app(Atom::from_static("b"))).is_ok());
    run(&mut core, Restart::Permanent);
    core.handle_start(&Atom::from_static("b"), Restart::Permanent, None, 1);
    core.handle_spawned(&Atom::from_static("b"), pid(3));
    let order: Vec<(u32, Ending)> =
        core.handle_end().into_iter().map(|(_, pid, ending)| (pid.id(), ending)).collect();
    assert_eq!(order, [(3, Ending::Kill), (1, Ending::Shutdown)]);
    assert_eq!(effects(&mut core), ["spawn b", "1 Ending"]);
}

#[test]
fn whom_a_new_configuration_concerns() {
    let mut core = core();
    run(&mut core, Restart::Temporary);
    let config = |value: i64| {
        let values = BTreeMap::from([(Atom::from_static("x"), Term::from(value))]);
        Config::from([(A, values.clone()), (LIB, values)])
    };
    let told = core.handle_config(config(1));
    assert_eq!(told.iter().map(|(name, master, _)| (name, *master)).collect::<Vec<_>>(), [(&A, pid(1))]);
    assert!(core.handle_config(config(1)).is_empty());
    assert_eq!(core.handle_config(config(2))[0].2.changed, [(Atom::from_static("x"), Term::from(2))]);
}
