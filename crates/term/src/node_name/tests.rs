//! The table of spellings: what it keeps, what it gives up, when it is full.

use std::format;
use std::string::String;

use super::{NodeName, NodeNameError, Table, validate};
use crate::limits::NODE_NAMES_MAX;

fn fill(table: &mut Table, names: core::ops::Range<usize>) -> Result<(), NodeNameError> {
    names.into_iter().try_for_each(|number| table.intern(&format!("n{number}@h")).map(drop))
}

#[test]
fn the_same_text_is_the_same_name() {
    let mut table = Table::new(4);
    let a = table.intern("a@h").unwrap();
    let b = table.intern("b@h").unwrap();
    assert_ne!(a, b);
    assert_eq!(table.intern("a@h"), Ok(a));
    assert_eq!((table.text(a), table.text(b)), (Some("a@h"), Some("b@h")));
    assert_eq!(table.find("c@h"), None);
}

#[test]
fn a_full_table_gives_up_the_name_not_used_of_late() {
    let mut table = Table::new(3);
    fill(&mut table, 0..3).unwrap();
    let old: [NodeName; 3] = [0, 1, 2].map(|number| table.find(&format!("n{number}@h")).unwrap());
    // All were used: the marks are cleared in one round and the first slot goes.
    let new = table.intern("new@h").unwrap();
    assert_eq!(table.text(old[0]), None);
    assert_eq!(table.text(new), Some("new@h"));
    assert_eq!((new.slot, new.generation), (old[0].slot, old[0].generation + 1));
    // The second is used again, so the third goes.
    assert!(table.find("n1@h").is_some());
    table.intern("newer@h").unwrap();
    assert_eq!(table.text(old[1]), Some("n1@h"));
    assert_eq!(table.text(old[2]), None);
    assert_eq!(table.index.len(), 3);
}

#[test]
fn a_pinned_name_stays() {
    let mut table = Table::new(2);
    let pinned = table.intern("pinned@h").unwrap();
    table.pin(pinned);
    table.pin(pinned);
    fill(&mut table, 0..100).unwrap();
    assert_eq!(table.text(pinned), Some("pinned@h"));
    table.unpin(pinned);
    fill(&mut table, 100..200).unwrap();
    assert_eq!(table.text(pinned), Some("pinned@h"), "one pin of two is left");
    table.unpin(pinned);
    fill(&mut table, 200..300).unwrap();
    assert_eq!(table.text(pinned), None);
}

#[test]
fn a_table_of_pinned_names_is_full() {
    let mut table = Table::new(2);
    for text in ["a@h", "b@h"] {
        let name = table.intern(text).unwrap();
        table.pin(name);
    }
    assert_eq!(table.intern("c@h"), Err(NodeNameError::TableFull));
    let a = table.intern("a@h").unwrap();
    table.unpin(a);
    assert!(table.intern("c@h").is_ok());
}

#[test]
fn a_gone_name_pins_nothing() {
    let mut table = Table::new(1);
    let gone = table.intern("gone@h").unwrap();
    let next = table.intern("next@h").unwrap();
    table.pin(gone);
    assert!(table.intern("other@h").is_ok());
    assert_eq!(table.text(next), None);
}

#[test]
fn the_table_holds_65535_names() {
    let mut table = Table::new(NODE_NAMES_MAX);
    fill(&mut table, 0..NODE_NAMES_MAX - 1).unwrap();
    let first = table.find("n0@h").unwrap();
    fill(&mut table, NODE_NAMES_MAX - 1..NODE_NAMES_MAX).unwrap();
    assert_eq!((table.slots.len(), table.index.len()), (NODE_NAMES_MAX, NODE_NAMES_MAX));
    assert_eq!(table.text(first), Some("n0@h"));
    fill(&mut table, NODE_NAMES_MAX..NODE_NAMES_MAX + 1).unwrap();
    assert_eq!((table.slots.len(), table.index.len()), (NODE_NAMES_MAX, NODE_NAMES_MAX));
    assert_eq!(table.text(first), None);
}

#[test]
fn names_are_of_the_form_name_at_host() {
    for good in ["a@b", "nonode@nohost", "ä@ö", "my.node-1@host.example.org", "a b@c"] {
        assert_eq!(validate(good), Ok(()), "{good}");
    }
    let cases = [
        ("", NodeNameError::NotNameAtHost),
        ("a", NodeNameError::NotNameAtHost),
        ("a@b@c", NodeNameError::NotNameAtHost),
        ("@", NodeNameError::EmptyName),
        ("@b", NodeNameError::EmptyName),
        ("a@", NodeNameError::EmptyHost),
        ("a\0@b", NodeNameError::ControlCharacter),
        ("a@b\n", NodeNameError::ControlCharacter),
    ];
    for (bad, error) in cases {
        assert_eq!(validate(bad), Err(error), "{bad:?}");
    }
}

#[test]
fn names_have_up_to_255_characters() {
    let name = |c: char, count: usize| String::from_iter(core::iter::repeat_n(c, count - 2)) + "@h";
    for c in ['a', '🦀'] {
        assert_eq!(validate(&name(c, 254)), Ok(()));
        assert_eq!(validate(&name(c, 255)), Ok(()));
        assert_eq!(validate(&name(c, 256)), Err(NodeNameError::TooLong));
    }
}

#[test]
fn handles_show_their_text() {
    let name = NodeName::new("alice@wonder.land").unwrap();
    assert_eq!(name.text(), "alice@wonder.land");
    assert_eq!((name.name_part().as_str(), name.host_part().as_str()), ("alice", "wonder.land"));
    assert_eq!(format!("{name} {name:?}"), "alice@wonder.land alice@wonder.land");
    assert_eq!(NodeName::new("nonode@nohost"), Ok(NodeName::NONODE));
    assert_eq!(NodeName::NONODE.text(), "nonode@nohost");
    assert!(NodeName::new("aaa@z").unwrap() < NodeName::new("b@a").unwrap());
    let stale = NodeName { slot: 1, generation: u16::MAX };
    assert_eq!(stale.text(), "gone@gone");
    assert!(!stale.is_known());
    assert_ne!(NodeName::new("gone@gone"), Ok(stale));
    assert_eq!(size_of::<NodeName>(), 4);
    let guard = name.pin();
    let second = guard.clone();
    drop(guard);
    assert_eq!(second.name(), name);
}
