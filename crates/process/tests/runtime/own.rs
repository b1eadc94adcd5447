//! What is a process's own: label, group leader, values, memory; and how it looks from outside.

use crate::stage::{Number, everywhere, gone, identity, idle, number};
use engset_process::{
    Cx, Dest, ExitReason, Mail, PROCESSES_RESERVE, Processes, Scheduler, SpawnError, SpawnOptions, Status,
};
use engset_term::Atom;
use std::time::Duration;

#[test]
fn a_process_keeps_one_value_of_each_type() {
    everywhere(|mut cx| async move {
        assert_eq!(cx.put(7u32), None);
        assert_eq!(cx.put("seven"), None);
        assert_eq!(cx.put(8u32), Some(7));
        assert_eq!((cx.get::<u32>(), cx.get::<&str>(), cx.get::<u64>()), (Some(8), Some("seven"), None));
        cx.with(|number: Option<&mut u32>| *number.unwrap() += 1);
        assert_eq!(cx.erase::<u32>(), Some(9));
        assert_eq!(cx.get::<u32>(), None);
    });
}

#[test]
fn group_leaders_are_inherited_and_can_be_set_from_outside() {
    everywhere(|mut cx| async move {
        assert_eq!(cx.group_leader(), None);
        let leader = cx.spawn(idle).expect("room").pid();
        cx.set_group_leader(cx.pid(), leader);
        while cx.group_leader() != Some(leader) {
            cx.sleep(Duration::from_millis(1)).await;
        }
        let me = cx.pid();
        let child = cx.spawn(move |cx: Cx<Number>| async move {
            let is_inherited = cx.group_leader() == Some(leader);
            cx.send(me, Number(u64::from(is_inherited))).expect("the test waits");
        });
        child.expect("room");
        assert_eq!(number(&mut cx).await, 1);
    });
}

/// `process_SUITE`: what `process_info/2` tells of another process.
#[test]
fn process_info_other() {
    everywhere(|mut cx| async move {
        let me = cx.pid();
        let options = SpawnOptions {
            name: Some(Atom::from_static("other")),
            label: Some("the other one".to_owned()),
            initial_call: Some(|| "shop:other/0"),
            ..SpawnOptions::default()
        };
        let other = cx.spawn_link(options, move |mut cx: Cx<Number>| async move {
            cx.monitor(me);
            cx.monitor(Dest::Name(Atom::from_static("nobody_there")));
            cx.receive(|mail| if matches!(mail, Mail::Down(_)) { Ok(()) } else { Err(mail) }).await;
            cx.send(me, Number(0)).expect("the test waits");
            cx.receive(|mail| if matches!(mail, Mail::Exit(_)) { Ok(()) } else { Err(mail) }).await;
        });
        let other = other.expect("room");
        assert_eq!(number(&mut cx).await, 0);
        cx.send(other, Number(1)).expect("it lives");
        cx.send(other, Number(2)).expect("it lives");
        let watch = cx.monitor(other);
        let info = loop {
            let info = cx.processes().info(other.pid()).expect("it lives");
            if info.status == Status::Waiting && info.monitored_by.len() == 1 {
                break info;
            }
            cx.sleep(Duration::from_millis(1)).await;
        };
        assert_eq!(info.names, [Atom::from_static("other")]);
        assert_eq!((info.label.as_deref(), info.initial_call), (Some("the other one"), "shop:other/0"));
        assert_eq!((info.links, info.monitored_by), (vec![me], vec![me]));
        assert_eq!(info.monitors, [Dest::Pid(me)]);
        assert_eq!(info.ancestors.first(), Some(&me));
        assert_eq!((info.message_queue_len, info.messages_received), (2, 0), "signals are no messages");
        assert!(info.reductions >= 1 && info.memory > 0 && !info.trap_exit);
        cx.demonitor(watch);
    });
}

#[test]
fn a_label_can_be_changed() {
    everywhere(|mut cx| async move {
        assert_eq!(cx.set_label("first"), None);
        assert_eq!(cx.set_label("second"), Some("first".to_owned()));
        assert_eq!(cx.processes().info(cx.pid()).unwrap().label.as_deref(), Some("second"));
    });
}

/// `process_SUITE`: a process that hibernates keeps its mailbox.
#[test]
fn hibernation_keeps_what_waits() {
    everywhere(|mut cx| async move {
        for number in 0..100 {
            cx.send(cx.pid(), Number(number)).expect("it lives");
        }
        cx.receive(|mail| if matches!(mail, Mail::Message(Number(50))) { Ok(()) } else { Err(mail) }).await;
        cx.hibernate();
        for expected in (0..100).filter(|number| *number != 50) {
            assert_eq!(number(&mut cx).await, expected);
        }
        cx.hibernate();
        cx.send(cx.pid(), Number(7)).expect("it lives");
        assert_eq!(number(&mut cx).await, 7);
    });
}

#[test]
fn the_reserve_is_for_those_that_ask_for_it() {
    let scheduler = Scheduler::seeded(3);
    let processes = Processes::new(identity(2), scheduler.clone());
    let plain = || processes.spawn(SpawnOptions::default(), idle);
    let reserved = || processes.spawn(SpawnOptions { from_reserve: true, ..SpawnOptions::default() }, idle);
    assert!(plain().is_ok() && plain().is_ok());
    assert!(matches!(plain(), Err(SpawnError::TooManyProcesses(_))));
    let kept: Vec<_> =
        (0..PROCESSES_RESERVE).map(|_| reserved().expect("one of the reserve").pid()).collect();
    assert!(matches!(reserved(), Err(SpawnError::TooManyProcesses(_))));
    assert_eq!(processes.count(), 2 + PROCESSES_RESERVE);
    assert!(kept.iter().all(|pid| processes.is_alive(*pid)));
    processes.kill_all();
    let Scheduler::Seeded(seeded) = scheduler else { panic!("not seeded") };
    seeded.run_until(seeded.now());
    assert_eq!(processes.count(), 0);
    assert!(reserved().is_ok(), "and again");
}

/// A process that always has mail does not keep others from running.
#[test]
fn no_priority_inversion() {
    everywhere(|mut cx| async move {
        let flood = cx.spawn(|mut cx: Cx<Number>| async move {
            let me = cx.pid();
            cx.send(me, Number(0)).expect("it lives");
            while let Mail::Message(number) = cx.recv().await {
                cx.send(me, number).expect("it lives");
            }
        });
        let flood = flood.expect("room");
        let me = cx.pid();
        for number in 0..10 {
            cx.spawn(
                move |cx: Cx<Number>| async move { cx.send(me, Number(number)).expect("the test waits") },
            )
            .expect("room");
        }
        for _ in 0..10 {
            number(&mut cx).await;
        }
        cx.exit(flood.pid(), ExitReason::Kill);
        gone(&mut cx, flood.pid()).await;
    });
}
