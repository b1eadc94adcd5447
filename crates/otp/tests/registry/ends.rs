//! What becomes of entries when processes end: those that hold them, and those of the registry.

use crate::stage::{each_seed, end_of, on_threads, settle, yield_now};
use crate::workers::{Names, Order, register, start, unregister, worker};
use engset_otp::Supervisor;
use engset_otp::registry::{Keys, Registry, RegistryError};
use engset_process::{Addr, Cx, ExitReason, current_pid};
use engset_term::{Pid, Term};

/// All that a process held is gone with it, and nobody else's.
#[test]
fn entries_disappear_with_their_process() {
    each_seed(|mut cx| async move {
        for keys in [Keys::Unique, Keys::Duplicate] {
            let names = start(keys).await;
            let other = worker(&cx, &names);
            for key in ["a", "b", "c", "d"] {
                register(other, key, 1).await.unwrap();
            }
            names.register("e", 2).unwrap();
            cx.exit(other.pid(), ExitReason::Kill);
            end_of(&mut cx, other.pid()).await;
            settle(&cx).await;
            assert_eq!((names.count(), names.keys(other.pid())), (1, vec![]));
            assert_eq!(names.select(|key, pid, value| Some((*key, pid, *value))), [("e", cx.pid(), 2)]);
        }
    });
}

/// From the moment in which a process is known to be dead, nothing of it is found and its keys are free, before the
/// registry has heard of it.
#[test]
fn nobody_dead_is_found() {
    each_seed(|mut cx| async move {
        let names = start(Keys::Unique).await;
        let other = worker(&cx, &names);
        register(other, "name", 1).await.unwrap();
        register(other, "more", 1).await.unwrap();
        cx.exit(other.pid(), ExitReason::Kill);
        let watch = cx.monitor(other.pid());
        // No time passes and nobody else is waited for.
        while cx.processes().is_alive(other.pid()) {
            yield_now().await;
        }
        assert_eq!((names.lookup(&"name"), names.whereis(&"name")), (vec![], None));
        assert_eq!((names.keys(other.pid()), names.count()), (vec![], 0));
        assert_eq!(names.values(&"name", other.pid()), []);
        assert_eq!(names.select(|_, _, value| Some(*value)), []);
        assert_eq!(names.count_match(&"name", |_, _| true), 0);
        names.register("name", 2).unwrap();
        settle(&cx).await;
        assert_eq!(names.lookup(&"name"), [(cx.pid(), 2)], "the late DOWN takes nothing from the new holder");
        assert_eq!(names.count(), 1);
        cx.demonitor(watch);
    });
}

/// A process that has given everything up may hold keys again, and is watched again.
#[test]
fn who_registers_again_is_watched_again() {
    each_seed(|mut cx| async move {
        let names = start(Keys::Unique).await;
        let other = worker(&cx, &names);
        for _ in 0..3 {
            register(other, "name", 1).await.unwrap();
            unregister(other, "name").await.unwrap();
        }
        register(other, "name", 1).await.unwrap();
        cx.exit(other.pid(), ExitReason::Kill);
        end_of(&mut cx, other.pid()).await;
        settle(&cx).await;
        assert_eq!(names.select(|_, _, _| Some(())).len(), 0);
        names.register("name", 2).unwrap();
    });
}

/// A registry whose process crashes goes on with what was registered, and still sees who ends.
#[test]
fn what_is_registered_outlives_a_crash_of_the_registry() {
    each_seed(|mut cx| async move {
        let builder = Registry::builder(Keys::Unique).partitions(1);
        let (names, child): (Names, _) = builder.supervised("names").unwrap();
        assert_eq!(names.register("early", 0), Err(RegistryError::NotRunning));
        let supervisor = Supervisor::one_for_one().child(child).start().await.unwrap();
        let other = worker(&cx, &names);
        names.register("mine", 1).unwrap();
        register(other, "theirs", 2).await.unwrap();

        let keeper = keepers(&cx, supervisor.pid())[0];
        cx.exit(keeper, ExitReason::Kill);
        end_of(&mut cx, keeper).await;
        assert_eq!(names.lookup(&"mine"), [(cx.pid(), 1)]);
        settle(&cx).await;
        names.register("new", 3).unwrap();
        cx.exit(other.pid(), ExitReason::Kill);
        end_of(&mut cx, other.pid()).await;
        settle(&cx).await;
        let mut left = names.select(|key, _, value| Some((*key, *value)));
        left.sort_unstable();
        assert_eq!(left, [("mine", 1), ("new", 3)]);
    });
}

/// A registry that is stopped is empty, and takes nothing.
#[test]
fn a_registry_that_is_stopped_is_empty() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let (names, child): (Names, _) = Registry::builder(Keys::Unique).supervised("names").unwrap();
        let supervisor = Supervisor::one_for_one().child(child).start_link(&mut cx).await.unwrap();
        names.register("mine", 1).unwrap();
        supervisor.terminate_child("names").await.unwrap();
        assert_eq!((names.lookup(&"mine"), names.count()), (vec![], 0));
        assert_eq!(names.register("mine", 1), Err(RegistryError::NotRunning));
        supervisor.restart_child("names").await.unwrap();
        assert_eq!(names.register("mine", 2), Ok(()));
        cx.exit(supervisor.pid(), ExitReason::Shutdown);
        end_of(&mut cx, supervisor.pid()).await;
        assert_eq!(names.count(), 0);
    });
}

/// On threads, where a key passes from one process that ends to the next: one live process holds it at a time.
#[test]
fn a_unique_key_has_one_live_holder_on_threads() {
    on_threads(|mut cx| async move {
        let names = start(Keys::Unique).await;
        let mut holders: Vec<Addr<Order>> = Vec::new();
        for round in 0..200 {
            let next = worker(&cx, &names);
            if let Some(last) = holders.last() {
                let refused = RegistryError::AlreadyRegistered { pid: last.pid() };
                assert_eq!(register(next, "crown", round).await, Err(refused));
                cx.exit(last.pid(), ExitReason::Kill);
                end_of(&mut cx, last.pid()).await;
            }
            register(next, "crown", round).await.unwrap();
            assert_eq!(names.lookup(&"crown"), [(next.pid(), round)]);
            holders.push(next);
        }
    });
}

/// On threads many register, look and end at the same time, and in the end nothing is left.
#[test]
fn nothing_is_left_when_all_have_ended_on_threads() {
    on_threads(|mut cx| async move {
        let numbers: Registry<u64, Pid> =
            Registry::builder(Keys::Duplicate).max_entries(1_000).start().await.unwrap();
        for _ in 0..5 {
            let mut pids = Vec::new();
            for number in 0..100_u64 {
                let numbers = numbers.clone();
                let addr = cx.spawn(move |_cx: Cx<Term>| async move {
                    for key in 0..10 {
                        numbers.register(number % 10 + key, current_pid().unwrap()).unwrap();
                    }
                    numbers.unregister(&(number % 10)).unwrap();
                    assert!(numbers.lookup(&(number % 10 + 1)).iter().all(|(pid, value)| pid == value));
                });
                pids.push(addr.unwrap().pid());
            }
            for pid in pids {
                let reason = end_of(&mut cx, pid).await;
                assert!(matches!(reason, ExitReason::Normal | ExitReason::NoProc), "{reason}");
            }
            assert_eq!(numbers.count(), 0);
            // The places of the dead are free once the registry has heard of them.
            let full = |number| numbers.register(number, cx.pid()) == Err(RegistryError::Full { max: 1_000 });
            for number in 0..1_000 {
                while full(number) {
                    cx.sleep(std::time::Duration::from_millis(1)).await;
                }
            }
            for number in 0..1_000 {
                assert_eq!(numbers.unregister(&number), Ok(1));
            }
        }
    });
}

/// The processes of the partitions of the registry below `supervisor`.
fn keepers(cx: &Cx<Term>, supervisor: Pid) -> Vec<Pid> {
    let descends = |pid: &Pid| {
        let info = cx.processes().info(*pid);
        info.is_some_and(|info| info.ancestors.get(1) == Some(&supervisor))
    };
    (0..100)
        .flat_map(|id| (0..3).map(move |serial| (id, serial)))
        .map(|(id, serial)| Pid::new(cx.node(), cx.processes().creation(), id, serial))
        .filter(descends)
        .collect()
}
