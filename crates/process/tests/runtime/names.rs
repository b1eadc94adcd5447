//! Local names: one holder each, freed with it.

use crate::stage::{Number, everywhere, gone, idle, number, spawn_idle};
use engset_process::{Dest, ExitReason, RegisterError, SendError, SpawnError, SpawnOptions};
use engset_term::Atom;

const NAME: Atom = Atom::from_static("bank");

#[test]
fn a_name_has_one_holder() {
    everywhere(|mut cx| async move {
        let first = spawn_idle(cx.processes());
        assert_eq!(cx.processes().register(&NAME, first), Ok(()));
        assert_eq!(cx.processes().whereis(&NAME), Some(first));
        let taken = RegisterError::Taken { name: NAME, by: first };
        assert_eq!(cx.register(&NAME), Err(taken.clone()));
        let before = cx.processes().count();
        let spawned =
            cx.processes().spawn(SpawnOptions { name: Some(NAME), ..SpawnOptions::default() }, idle);
        assert_eq!(spawned, Err(SpawnError::Register(taken)));
        assert_eq!(cx.processes().count(), before, "nothing was started");
        cx.exit(first, ExitReason::Kill);
        gone(&mut cx, first).await;
        assert_eq!(cx.register(&NAME), Ok(()));
        assert_eq!(cx.processes().register(&NAME, first), Err(RegisterError::NoProcess));
    });
}

#[test]
fn a_process_may_have_several_names_and_loses_all_of_them() {
    everywhere(|mut cx| async move {
        let names = ["one", "two", "three"].map(Atom::from_static);
        let holder = spawn_idle(cx.processes());
        for name in &names {
            assert_eq!(cx.processes().register(name, holder), Ok(()));
        }
        let info = cx.processes().info(holder).expect("alive");
        assert_eq!(info.names, names);
        assert!(cx.processes().unregister(&names[1]));
        assert!(!cx.processes().unregister(&names[1]));
        assert_eq!(cx.processes().registered().len(), 2);
        cx.exit(holder, ExitReason::Kill);
        gone(&mut cx, holder).await;
        assert_eq!(cx.processes().registered(), []);
    });
}

#[test]
fn undefined_is_no_name() {
    everywhere(|cx| async move {
        assert_eq!(cx.register(&Atom::from_static("undefined")), Err(RegisterError::Reserved));
    });
}

#[test]
fn a_message_to_a_name_reaches_its_holder_or_comes_back() {
    everywhere(|mut cx| async move {
        match cx.send(Dest::Name(NAME), Number(1)) {
            Err(SendError::NoProcess(Number(1))) => {}
            other => panic!("{other:?}"),
        }
        cx.register(&NAME).expect("the name is free");
        assert!(cx.send(Dest::Name(NAME), Number(2)).is_ok());
        assert_eq!(number(&mut cx).await, 2);
    });
}
