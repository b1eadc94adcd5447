//! Pure: the handlers of one manager, in order of addition, and whose they are.

use super::AnyHandlerId;
use engset_term::Pid;

/// A handler's place; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

/// One handler.
#[derive(Debug)]
pub(super) struct Entry<H> {
    key: Key,
    pub(super) id: AnyHandlerId,
    /// The process that added it, where it ends with that process and vice versa.
    pub(super) supervisor: Option<Pid>,
    pub(super) handler: H,
}

/// The handlers of one manager.
#[derive(Debug)]
pub(super) struct Handlers<H> {
    /// The oldest first.
    entries: Vec<Entry<H>>,
    last: u64,
    max: usize,
}

/// A handler cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is one with this id.
    AlreadyPresent,
    /// There are as many as there may be.
    Full(usize),
}

impl<H> Handlers<H> {
    pub(super) fn new(max: usize) -> Self {
        Self { entries: Vec::new(), last: 0, max }
    }

    /// Whether a handler with this id may be added, in place of one that is to be removed first.
    pub(super) fn check(&self, id: &AnyHandlerId, in_place_of: Option<Key>) -> Result<(), Refused> {
        if self.find(id).is_some_and(|key| Some(key) != in_place_of) {
            return Err(Refused::AlreadyPresent);
        }
        if in_place_of.is_none() && self.entries.len() >= self.max {
            return Err(Refused::Full(self.max));
        }
        Ok(())
    }

    /// Adds a handler that was [checked](Self::check).
    pub(super) fn add(&mut self, id: AnyHandlerId, supervisor: Option<Pid>, handler: H) {
        self.last += 1;
        self.entries.push(Entry { key: Key(self.last), id, supervisor, handler });
    }

    pub(super) fn find(&self, id: &AnyHandlerId) -> Option<Key> {
        self.entries.iter().find(|entry| entry.id == *id).map(|entry| entry.key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Entry<H>> {
        self.place(key).map(|place| &mut self.entries[place])
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Entry<H>> {
        self.place(key).map(|place| self.entries.remove(place))
    }

    /// All, the newest first: the order in which they get events.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.entries.iter().rev().map(|entry| entry.key).collect()
    }

    /// All, the newest first.
    pub(super) fn ids(&self) -> Vec<AnyHandlerId> {
        self.entries.iter().rev().map(|entry| entry.id.clone()).collect()
    }

    /// Those that `supervisor` added under its supervision, the newest first.
    pub(super) fn of(&self, supervisor: Pid) -> Vec<Key> {
        let own = self.entries.iter().rev().filter(|entry| entry.supervisor == Some(supervisor));
        own.map(|entry| entry.key).collect()
    }

    /// Entries are in order of their keys.
    fn place(&self, key: Key) -> Option<usize> {
        self.entries.binary_search_by_key(&key, |entry| entry.key).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gen_event::HandlerId;
    use engset_term::{Atom, NodeName};

    fn id(name: &str) -> AnyHandlerId {
        HandlerId::<u8>::named(Atom::new(name).unwrap()).any()
    }

    fn pid(number: u32) -> Pid {
        Pid::new(NodeName::NONODE, 1, number, 0)
    }

    fn three() -> Handlers<u8> {
        let mut handlers = Handlers::new(3);
        for (name, supervisor, handler) in [("a", Some(pid(1)), 1), ("b", None, 2), ("c", Some(pid(1)), 3)] {
            handlers.check(&id(name), None).unwrap();
            handlers.add(id(name), supervisor, handler);
        }
        handlers
    }

    #[test]
    fn the_newest_comes_first() {
        let mut handlers = three();
        assert_eq!(handlers.ids(), [id("c"), id("b"), id("a")]);
        let keys = handlers.keys();
        assert_eq!(
            keys.iter().map(|key| handlers.get_mut(*key).unwrap().handler).collect::<Vec<_>>(),
            [3, 2, 1]
        );
    }

    #[test]
    fn one_that_was_removed_is_gone_and_its_place_is_not_used_again() {
        let mut handlers = three();
        let key = handlers.find(&id("b")).unwrap();
        let entry = handlers.remove(key).unwrap();
        assert_eq!((entry.id, entry.handler), (id("b"), 2));
        assert!(handlers.remove(key).is_none() && handlers.get_mut(key).is_none());
        handlers.add(id("b"), None, 4);
        assert!(handlers.get_mut(key).is_none());
        assert_ne!(handlers.find(&id("b")), Some(key));
    }

    #[test]
    fn an_id_is_used_once() {
        let handlers = three();
        assert_eq!(handlers.check(&id("a"), None), Err(Refused::AlreadyPresent));
        assert_eq!(handlers.check(&id("a"), handlers.find(&id("a"))), Ok(()), "it takes its own place");
        assert_eq!(handlers.check(&id("a"), handlers.find(&id("b"))), Err(Refused::AlreadyPresent));
        let other_type = HandlerId::<u16>::named(Atom::new("a").unwrap()).any();
        assert_eq!(
            handlers.check(&other_type, handlers.find(&id("b"))),
            Ok(()),
            "the type is part of the id"
        );
    }

    #[test]
    fn there_are_as_many_as_the_limit_says() {
        let mut handlers = three();
        assert_eq!(handlers.check(&id("d"), None), Err(Refused::Full(3)));
        assert_eq!(handlers.check(&id("d"), handlers.find(&id("a"))), Ok(()));
        let key = handlers.find(&id("a")).unwrap();
        handlers.remove(key);
        assert_eq!(handlers.check(&id("d"), None), Ok(()));
    }

    #[test]
    fn those_of_one_supervisor_are_found() {
        let handlers = three();
        assert_eq!(handlers.of(pid(1)), [handlers.find(&id("c")).unwrap(), handlers.find(&id("a")).unwrap()]);
        assert_eq!(handlers.of(pid(2)), []);
    }
}
