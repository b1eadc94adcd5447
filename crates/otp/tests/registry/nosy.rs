//! Keys and values whose `Clone` and `Drop` use the registry that they are in: none of them runs under a lock of it.

use crate::stage::{each_seed, settle};
use engset_otp::registry::{Keys, Registry, RegistryError, RegistryEvent};
use engset_process::{Cx, Mail, Protocol};
use engset_term::Term;
use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};

thread_local! {
    /// The registry of the simulation that this thread runs.
    static REGISTRY: RefCell<Option<Registry<Nosy, Nosy>>> = const { RefCell::new(None) };
    /// How often one looked around.
    static LOOKS: Cell<u32> = const { Cell::new(0) };
    /// It does not look around while it looks around.
    static IS_LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// As often as this.
const LOOKS_MAX: u32 = 500;

/// Looks around in the registry when it is copied or dropped.
#[derive(Debug, PartialEq, Eq)]
struct Nosy(&'static str);

impl Nosy {
    fn looks_around() {
        // Each look is an event, which is itself copied and dropped.
        if LOOKS.get() >= LOOKS_MAX || IS_LOOKING.replace(true) {
            return;
        }
        LOOKS.set(LOOKS.get() + 1);
        if let Some(registry) = REGISTRY.with_borrow(Clone::clone) {
            // Refused where it is stopped, or no process runs; what counts is that it comes back.
            drop(registry.register(Self("probe"), Self("probe")));
            drop(registry.lookup(&Self("probe")));
            registry.select(|_, pid, _| Some(registry.keys(pid).len()));
            drop(registry.update_value(&Self("probe"), |_| Self("other")));
            drop(
                registry
                    .unregister_match(&Self("probe"), |value| registry.count() > 0 && !value.0.is_empty()),
            );
            registry.count_match(&Self("probe"), |_, _| registry.whereis(&Self("a")).is_some());
        }
        IS_LOOKING.set(false);
    }
}

impl Clone for Nosy {
    fn clone(&self) -> Self {
        Self::looks_around();
        Self(self.0)
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        Self::looks_around();
    }
}

impl Hash for Nosy {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }
}

#[derive(Debug)]
struct Heard(#[expect(dead_code, reason = "it is dropped")] RegistryEvent<Nosy, Nosy>);

impl Protocol for Heard {}

/// A registry of one partition, with a listener.
async fn begin(cx: &Cx<Term>, keys: Keys) -> Registry<Nosy, Nosy> {
    let listener = cx.spawn(|mut cx: Cx<Heard>| async move {
        while let Mail::Message(event) = cx.recv().await {
            drop(event);
        }
    });
    let registry = Registry::builder(keys).partitions(1).listener(&listener.unwrap(), Heard);
    let registry = registry.start().await.unwrap();
    REGISTRY.set(Some(registry.clone()));
    LOOKS.set(0);
    registry
}

#[test]
fn values_and_keys_may_use_the_registry() {
    each_seed(|cx| async move {
        for keys in [Keys::Unique, Keys::Duplicate] {
            let names = begin(&cx, keys).await;
            let me = cx.pid();
            names.register(Nosy("a"), Nosy("1")).unwrap();
            if keys == Keys::Unique {
                let taken = names.register(Nosy("a"), Nosy("2"));
                assert_eq!(taken, Err(RegistryError::AlreadyRegistered { pid: me }));
                let changed = names.update_value(&Nosy("a"), |_| Nosy("3")).unwrap();
                assert_eq!(changed, (Nosy("3"), Nosy("1")));
            } else {
                names.register(Nosy("a"), Nosy("3")).unwrap();
                assert_eq!(names.unregister_match(&Nosy("a"), |value| value.0 == "1"), Ok(1));
            }
            assert_eq!(names.lookup(&Nosy("a")), [(me, Nosy("3"))]);
            assert_eq!(names.keys(me), [Nosy("a")]);
            assert_eq!(names.values(&Nosy("a"), me), [Nosy("3")]);
            assert_eq!(names.unregister(&Nosy("a")), Ok(1));
            assert_eq!(names.count(), 0);
            assert!(LOOKS.get() > 10, "it looked around");
            REGISTRY.set(None);
        }
    });
}

#[test]
fn what_an_ended_process_held_may_use_the_registry() {
    each_seed(|cx| async move {
        let names = begin(&cx, Keys::Unique).await;
        let (in_holder, before) = (names.clone(), LOOKS.get());
        cx.spawn(move |_: Cx<Term>| async move {
            in_holder.register(Nosy("a"), Nosy("1")).unwrap();
        })
        .unwrap();
        settle(&cx).await;
        assert_eq!((names.count(), names.whereis(&Nosy("a"))), (0, None));
        assert!(LOOKS.get() > before);
        names.register(Nosy("a"), Nosy("2")).unwrap();
        assert_eq!(names.lookup(&Nosy("a")), [(cx.pid(), Nosy("2"))]);
        REGISTRY.set(None);
    });
}

/// A process that uses the registry while it makes the new value may even give up the key.
#[test]
fn a_change_may_use_the_registry() {
    each_seed(|_| async move {
        let names: Registry<&str, u32> = Registry::builder(Keys::Unique).start().await.unwrap();
        names.register("a", 1).unwrap();
        let changed = names.update_value(&"a", |value| value + names.lookup(&"a")[0].1);
        assert_eq!(changed, Ok((2, 1)));
        let changed = names.update_value(&"a", |value| {
            names.unregister(&"a").unwrap();
            *value
        });
        assert_eq!(changed, Err(RegistryError::NotHolder));
        assert_eq!((names.count(), names.whereis(&"a")), (0, None));
    });
}
