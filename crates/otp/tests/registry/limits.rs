//! Limits, on both sides of each.

use crate::stage::{each_seed, end_of, settle, yield_now};
use crate::workers::{Names, register, start, unregister, worker};
use engset_otp::registry::{Keys, LISTENERS_MAX, META_MAX, PARTITIONS_MAX, Registry, RegistryError};
use engset_process::{Cx, ExitReason};
use engset_term::{Atom, Term};

/// As many entries as may be, and no more, until one is given up or its process ends.
#[test]
fn holds_as_many_entries_as_it_may() {
    each_seed(|mut cx| async move {
        for keys in [Keys::Unique, Keys::Duplicate] {
            let names: Names = Registry::builder(keys).max_entries(2).start().await.unwrap();
            let other = worker(&cx, &names);
            let full = Err(RegistryError::Full { max: 2 });
            register(other, "a", 1).await.unwrap();
            names.register("b", 1).unwrap();
            assert_eq!(names.register("c", 1), full);
            assert_eq!(names.keys(cx.pid()), ["b"]);
            names.unregister(&"b").unwrap();
            names.register("c", 1).unwrap();
            assert_eq!(register(other, "d", 1).await, full);
            cx.exit(other.pid(), ExitReason::Kill);
            end_of(&mut cx, other.pid()).await;
            settle(&cx).await;
            names.register("d", 1).unwrap();
            assert_eq!(names.register("e", 1), full);
        }
    });
}

/// The key of a dead process is free also where there is no room for one more.
#[test]
fn a_full_registry_gives_the_place_of_a_dead_holder_to_the_next() {
    each_seed(|cx| async move {
        let names: Names = Registry::builder(Keys::Unique).max_entries(1).start().await.unwrap();
        let other = worker(&cx, &names);
        register(other, "a", 1).await.unwrap();
        cx.exit(other.pid(), ExitReason::Kill);
        while cx.processes().is_alive(other.pid()) {
            yield_now().await;
        }
        names.register("a", 2).unwrap();
        settle(&cx).await;
        assert_eq!(names.register("b", 2), Err(RegistryError::Full { max: 1 }));
        assert_eq!(names.unregister(&"a"), Ok(1));
        assert_eq!(names.register("b", 2), Ok(()));
    });
}

/// Numbers of partitions that make no sense are refused.
#[test]
fn partitions_are_from_one_to_their_limit() {
    each_seed(|_cx| async move {
        for (partitions, is_good) in
            [(0, false), (1, true), (PARTITIONS_MAX, true), (PARTITIONS_MAX + 1, false)]
        {
            let builder = Registry::<u8, ()>::builder(Keys::Unique).partitions(partitions);
            let error = builder.supervised("names").map(drop).err();
            let expected = (!is_good).then_some(RegistryError::Partitions { given: partitions });
            assert_eq!(error, expected, "{partitions}");
        }
        let none = Registry::<u8, ()>::builder(Keys::Unique).partitions(0).start().await;
        assert!(none.unwrap_err().to_string().contains("0 partitions"));
        let many =
            Registry::<u32, u32>::builder(Keys::Unique).partitions(PARTITIONS_MAX).start().await.unwrap();
        for number in 0..5_000 {
            many.register(number, number).unwrap();
        }
        assert_eq!((many.count(), many.keys(engset_process::current_pid().unwrap()).len()), (5_000, 5_000));
    });
}

/// As many listeners as may be, and no more.
#[test]
fn has_as_many_listeners_as_it_may() {
    each_seed(|cx: Cx<Term>| async move {
        let with = |listeners| {
            let builder = Registry::<u8, ()>::builder(Keys::Unique);
            (0..listeners).fold(builder, |builder, _| builder.listener(&cx.addr(), |_| Term::Nil))
        };
        assert!(with(LISTENERS_MAX).supervised("names").is_ok());
        let refused = with(LISTENERS_MAX + 1).supervised("names").map(drop);
        assert_eq!(refused, Err(RegistryError::TooManyListeners));
    });
}

/// As many values about itself as may be, and no more; known ones may be changed.
#[test]
fn keeps_as_many_values_about_itself_as_it_may() {
    each_seed(|_cx| async move {
        let names = start(Keys::Unique).await;
        let key = |number: usize| Atom::new(&format!("key_{number}")).unwrap();
        for number in 0..META_MAX {
            names.put_meta(key(number), Term::Nil).unwrap();
        }
        assert_eq!(names.put_meta(key(META_MAX), Term::Nil), Err(RegistryError::TooMuchMeta));
        assert_eq!(names.put_meta(key(0), Term::from(1)), Ok(Some(Term::Nil)));
        names.delete_meta(&key(1));
        assert_eq!(names.put_meta(key(META_MAX), Term::Nil), Ok(None));
    });
}

/// Only processes of the registry's node hold keys.
#[test]
fn outside_of_the_node_nothing_can_be_registered() {
    let (tell, told) = std::sync::mpsc::channel();
    crate::stage::on_threads(move |cx| async move {
        let names = start(Keys::Unique).await;
        tell.send(names.clone()).unwrap();
        let other = worker(&cx, &names);
        assert_eq!(unregister(other, "nothing").await, Ok(0));
    });
    let names = told.recv().unwrap();
    assert_eq!(names.register("a", 1), Err(RegistryError::OutsideNode));
    assert_eq!(names.unregister(&"a"), Err(RegistryError::OutsideNode));
    assert_eq!(names.update_value(&"a", |value| *value), Err(RegistryError::OutsideNode));
}
