//! Registering, finding, changing.

use crate::stage::each_seed;
use crate::workers::{register, start, unregister, worker};
use engset_otp::registry::{Keys, Registry, RegistryError};
use engset_process::Cx;
use engset_term::{Atom, Term};

/// A key is held once; whoever comes second is told by whom, also if that is itself.
#[test]
fn has_unique_registrations() {
    each_seed(|cx| async move {
        let names = start(Keys::Unique).await;
        let (me, other) = (cx.pid(), worker(&cx, &names));
        assert_eq!(names.register("hello", 1), Ok(()));
        let taken = Err(RegistryError::AlreadyRegistered { pid: me });
        assert_eq!(names.register("hello", 2), taken);
        assert_eq!(register(other, "hello", 3).await, taken);
        assert_eq!(names.lookup(&"hello"), [(me, 1)]);
        assert_eq!(register(other, "world", 4).await, Ok(()));
        assert_eq!((names.keys(me), names.keys(other.pid())), (vec!["hello"], vec!["world"]));
        assert_eq!((names.whereis(&"world"), names.whereis(&"nobody")), (Some(other.pid()), None));
        assert_eq!(names.count(), 2, "a refused one does not count");
    });
}

/// A key may be held by several processes, and by one several times; they are found in order of registration.
#[test]
fn has_duplicate_registrations() {
    each_seed(|cx| async move {
        let names = start(Keys::Duplicate).await;
        let (me, other) = (cx.pid(), worker(&cx, &names));
        names.register("hello", 1).unwrap();
        register(other, "hello", 2).await.unwrap();
        names.register("hello", 3).unwrap();
        assert_eq!(names.lookup(&"hello"), [(me, 1), (other.pid(), 2), (me, 3)]);
        assert_eq!(names.keys(me), ["hello", "hello"]);
        assert_eq!((names.values(&"hello", me), names.values(&"hello", other.pid())), (vec![1, 3], vec![2]));
        assert_eq!(names.whereis(&"hello"), Some(me));
        assert_eq!(names.count(), 3);
    });
}

/// Nobody and nothing is found in a registry that is empty.
#[test]
fn an_empty_registry_finds_nothing() {
    each_seed(|cx| async move {
        let names = start(Keys::Unique).await;
        assert_eq!((names.count(), names.lookup(&"hello"), names.keys(cx.pid())), (0, vec![], vec![]));
        assert_eq!(names.dispatch(&"hello", |_| panic!("there is nobody")), None::<()>);
        assert_eq!(names.unregister(&"hello"), Ok(0));
    });
}

/// A process gives up its own entries only, all under one key, or those with certain values.
#[test]
fn unregisters_by_key_and_by_value() {
    each_seed(|cx| async move {
        let names = start(Keys::Duplicate).await;
        let (me, other) = (cx.pid(), worker(&cx, &names));
        for value in 1..=3 {
            names.register("hello", value).unwrap();
        }
        register(other, "hello", 4).await.unwrap();
        names.register("world", 5).unwrap();
        assert_eq!(names.unregister_match(&"hello", |value| *value > 1), Ok(2));
        assert_eq!(names.lookup(&"hello"), [(me, 1), (other.pid(), 4)]);
        assert_eq!(names.unregister(&"hello"), Ok(1));
        assert_eq!(names.unregister(&"hello"), Ok(0), "the other's stays");
        assert_eq!((names.lookup(&"hello"), names.keys(me)), (vec![(other.pid(), 4)], vec!["world"]));
        assert_eq!(unregister(other, "hello").await, Ok(1));
        assert_eq!(names.count(), 1);
    });
}

/// A key that was given up may be taken by anybody.
#[test]
fn a_key_that_was_given_up_is_free() {
    each_seed(|cx| async move {
        let names = start(Keys::Unique).await;
        let other = worker(&cx, &names);
        for value in 0..3 {
            names.register("hello", value).unwrap();
            assert_eq!(names.unregister(&"hello"), Ok(1));
            register(other, "hello", value).await.unwrap();
            assert_eq!(unregister(other, "hello").await, Ok(1));
        }
        assert_eq!(names.count(), 0);
    });
}

/// Only the holder changes the value of a key, and gets the new and the old one; keys that are not unique have none.
#[test]
fn updates_the_value_of_its_own_key() {
    each_seed(|cx| async move {
        let names = start(Keys::Unique).await;
        let other = worker(&cx, &names);
        names.register("mine", 1).unwrap();
        register(other, "theirs", 1).await.unwrap();
        assert_eq!(names.update_value(&"mine", |value| value + 1), Ok((2, 1)));
        assert_eq!(names.lookup(&"mine"), [(cx.pid(), 2)]);
        for key in ["theirs", "nobodys"] {
            assert_eq!(names.update_value(&key, |_| panic!("not held")), Err(RegistryError::NotHolder));
        }
        let several = start(Keys::Duplicate).await;
        several.register("mine", 1).unwrap();
        assert_eq!(several.update_value(&"mine", |_| 2), Err(RegistryError::Duplicate));
    });
}

/// Entries are found by their values, under one key or among all.
#[test]
fn finds_by_value() {
    each_seed(|cx| async move {
        let names = start(Keys::Duplicate).await;
        let (me, other) = (cx.pid(), worker(&cx, &names));
        names.register("a", 1).unwrap();
        names.register("a", 2).unwrap();
        names.register("b", 1).unwrap();
        register(other, "a", 1).await.unwrap();
        assert_eq!(names.match_values(&"a", |_, value| *value == 1), [(me, 1), (other.pid(), 1)]);
        assert_eq!(names.match_values(&"a", |pid, _| pid == other.pid()), [(other.pid(), 1)]);
        assert_eq!(
            (names.count_match(&"a", |_, value| *value == 1), names.count_match(&"c", |_, _| true)),
            (2, 0)
        );
        let mut ones = names.select(|key, pid, value| (*value == 1).then_some((*key, pid == me)));
        ones.sort_unstable();
        assert_eq!(ones, [("a", false), ("a", true), ("b", true)]);
    });
}

/// Dispatch hands out the holders of one key, and may use the registry.
#[test]
fn dispatches_to_the_holders_of_a_key() {
    each_seed(|cx| async move {
        let names = start(Keys::Duplicate).await;
        let other = worker(&cx, &names);
        names.register("topic", 1).unwrap();
        register(other, "topic", 2).await.unwrap();
        names.register("else", 3).unwrap();
        let told = names.dispatch(&"topic", |holders| {
            names.unregister(&"topic").unwrap();
            holders
        });
        assert_eq!(told, Some(vec![(cx.pid(), 1), (other.pid(), 2)]));
        assert_eq!(names.lookup(&"topic"), [(other.pid(), 2)]);
    });
}

/// Whatever has a hash is a key; each registry has its own.
#[test]
fn keys_are_of_any_type() {
    each_seed(|cx: Cx<Term>| async move {
        let places: Registry<(i32, Option<String>), Vec<u8>> =
            Registry::builder(Keys::Unique).start().await.unwrap();
        let terms: Registry<Term, ()> = Registry::builder(Keys::Unique).start().await.unwrap();
        places.register((1, Some("here".to_owned())), vec![1]).unwrap();
        places.register((1, None), vec![2]).unwrap();
        terms.register(Term::from(1), ()).unwrap();
        assert_eq!(terms.whereis(&Term::from(1)), Some(cx.pid()));
        assert_eq!(places.lookup(&(1, None)), [(cx.pid(), vec![2])]);
    });
}

/// A registry keeps values about itself.
#[test]
fn keeps_values_about_itself() {
    each_seed(|_cx| async move {
        let names = start(Keys::Unique).await;
        let key = Atom::new("custom_key").unwrap();
        assert_eq!(names.meta(&key), None);
        assert_eq!(names.put_meta(key.clone(), Term::from(1)), Ok(None));
        assert_eq!(names.put_meta(key.clone(), Term::from(2)), Ok(Some(Term::from(1))));
        assert_eq!(names.meta(&key), Some(Term::from(2)));
        assert_eq!((names.delete_meta(&key), names.meta(&key)), (Some(Term::from(2)), None));
    });
}
