//! The control messages that make up most of the traffic, in the form in which nodes write them: read without terms in
//! between.
//!
//! What is not exactly of that form is no fault here: it is left to [`Control::decode_with`], which reads all forms and
//! says what is wrong with others.

use super::{ALTACT_ALIAS, AltactTarget, Control, Process, Reason};
use crate::cursor::Cursor;
use engset_etf::tags;
use engset_term::{Atom, NodeName, Pid, Reference};

/// What the header of a frame names, in order: the atoms, and those of them that are a node known to be the one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) atoms: &'a [Atom],
    pub(crate) nodes: &'a [Option<NodeName>],
}

/// The control message at the beginning of `bytes`, if it is one of these; and how many bytes it took.
pub(crate) fn decode(bytes: &[u8], named: Named<'_>) -> Option<(Control, usize)> {
    let mut cursor = Cursor::new(bytes);
    let [tags::SMALL_TUPLE, elements, tags::SMALL_INTEGER, op] = cursor.array()? else { return None };
    let mut tuple = Elements { cursor, named };
    let control = match (op, elements) {
        (22, 3) => Control::Send { from: Some(tuple.pid()?), to: tuple.pid()?, token: None },
        (6, 4) => {
            let from = tuple.pid()?;
            tuple.atom()?;
            Control::RegSend { from, to: tuple.atom()?, token: None }
        }
        (33, 3) => Control::AliasSend { from: tuple.pid()?, to: tuple.reference()?, token: None },
        (37, 4) => {
            if tuple.byte()? != ALTACT_ALIAS {
                return None;
            }
            let from = tuple.pid()?;
            let to = AltactTarget::Alias(tuple.reference()?);
            Control::AltactSigSend { priority: false, exit: false, from, to, token: None }
        }
        (19, 4) => {
            let (from, to, reference) = tuple.monitor()?;
            Control::MonitorP { from, to, reference }
        }
        (20, 4) => {
            let (from, to, reference) = tuple.monitor()?;
            Control::DemonitorP { from, to, reference }
        }
        (28, 4) => Control::MonitorPExit {
            from: tuple.process()?,
            to: tuple.pid()?,
            reference: tuple.reference()?,
            reason: Reason::Payload,
        },
        _ => return None,
    };
    Some((control, bytes.len().saturating_sub(tuple.cursor.rest().len())))
}

/// The elements of the tuple behind the operation, one after the other.
struct Elements<'a> {
    cursor: Cursor<'a>,
    named: Named<'a>,
}

impl Elements<'_> {
    fn pid(&mut self) -> Option<Pid> {
        let [tags::NEW_PID] = self.cursor.array()? else { return None };
        let node = self.node()?;
        let (id, serial, creation) = (self.cursor.u32()?, self.cursor.u32()?, self.cursor.u32()?);
        Some(Pid::new(node, creation, id, serial))
    }

    fn reference(&mut self) -> Option<Reference> {
        let [tags::NEWER_REFERENCE, 0, count] = self.cursor.array()? else { return None };
        let node = self.node()?;
        let creation = self.cursor.u32()?;
        let mut words = [0; 5];
        let words = words.get_mut(..usize::from(count))?;
        for word in words.iter_mut() {
            *word = self.cursor.u32()?;
        }
        Reference::new(node, creation, words).ok()
    }

    fn atom(&mut self) -> Option<Atom> {
        match self.cursor.array()? {
            [tags::ATOM_CACHE_REF, index] => self.named.atoms.get(usize::from(index)).cloned(),
            [tags::SMALL_ATOM_UTF8, len] => {
                let text = self.cursor.take(usize::from(len))?;
                Atom::new(str::from_utf8(text).ok()?).ok()
            }
            _ => None,
        }
    }

    fn process(&mut self) -> Option<Process> {
        if self.cursor.rest().first() == Some(&tags::NEW_PID) {
            self.pid().map(Process::Pid)
        } else {
            self.atom().map(Process::Name)
        }
    }

    fn monitor(&mut self) -> Option<(Pid, Process, Reference)> {
        Some((self.pid()?, self.process()?, self.reference()?))
    }

    /// A small integer.
    fn byte(&mut self) -> Option<i64> {
        let [tags::SMALL_INTEGER, value] = self.cursor.array()? else { return None };
        Some(i64::from(value))
    }

    fn node(&mut self) -> Option<NodeName> {
        let [tags::ATOM_CACHE_REF, index] = self.cursor.array()? else { return None };
        self.named.nodes.get(usize::from(index)).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::{Named, decode};
    use crate::control::{AltactTarget, Control, Process, Reason};
    use alloc::vec::Vec;
    use engset_etf::{put_atom_reference, tags};
    use engset_term::{Atom, NodeName, Pid, Reference};

    const NAMES: [&str; 2] = ["quick@here", "quick@there"];

    /// A control message with its atoms by reference into these names, as both sides' headers name them.
    fn written(control: &Control) -> Vec<u8> {
        let mut plain = Vec::new();
        control.encode(&mut plain);
        let mut bytes = Vec::new();
        let mut rest = plain.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            let named = NAMES.iter().enumerate().find_map(|(at, name)| {
                let head = [tags::SMALL_ATOM_UTF8, u8::try_from(name.len()).unwrap()];
                Some((at, rest.strip_prefix(&head)?.strip_prefix(name.as_bytes())?))
            });
            if let Some((at, behind)) = named {
                put_atom_reference(&mut bytes, u8::try_from(at).unwrap());
                rest = behind;
            } else {
                bytes.push(*first);
                rest = behind;
            }
        }
        bytes
    }

    fn controls(here: NodeName, there: NodeName) -> Vec<Control> {
        let (from, to) = (Pid::new(there, 7, 1, 2), Pid::new(here, 8, 3, 4));
        let alias = Reference::from_words(here, 8, [1, 2, 3]);
        let name = Atom::from_static("name");
        let mut controls = alloc::vec![
            Control::Send { from: Some(from), to, token: None },
            Control::RegSend { from, to: name.clone(), token: None },
            Control::AliasSend { from, to: alias, token: None },
            Control::AltactSigSend {
                priority: false,
                exit: false,
                from,
                to: AltactTarget::Alias(alias),
                token: None
            },
        ];
        for process in [Process::Pid(to), Process::Name(name)] {
            controls.push(Control::MonitorP { from, to: process.clone(), reference: alias });
            controls.push(Control::DemonitorP { from, to: process.clone(), reference: alias });
            let reason = Reason::Payload;
            controls.push(Control::MonitorPExit { from: process, to: from, reference: alias, reason });
        }
        controls
    }

    #[test]
    fn what_is_read_quickly_is_read_as_by_the_strict_reader() {
        let nodes = NAMES.map(|name| NodeName::new(name).unwrap());
        let (atoms, known) = (NAMES.map(Atom::from_static), nodes.map(Some));
        let named = Named { atoms: &atoms, nodes: &known };
        for control in controls(nodes[0], nodes[1]) {
            let mut bytes = written(&control);
            let len = bytes.len();
            bytes.extend([131, 106]);
            assert_eq!(decode(&bytes, named), Some((control.clone(), len)), "{control:?}");
            let mut taken = 0;
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let before = core::mem::replace(&mut bytes[at], byte);
                    if let Some(quick) = decode(&bytes, named) {
                        taken += 1;
                        assert_eq!(
                            Control::decode_with(&bytes, &atoms),
                            Ok(quick),
                            "{byte} at {at} of {control:?}"
                        );
                    }
                    bytes[at] = before;
                }
                assert_eq!(decode(&bytes[..at], named), None);
            }
            assert!(taken > len, "{control:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_known_to_be_a_nodes_is_left_to_the_strict_reader() {
        let nodes = NAMES.map(|name| NodeName::new(name).unwrap());
        let atoms = NAMES.map(Atom::from_static);
        let bytes = written(&Control::Send {
            from: Some(Pid::new(nodes[1], 7, 1, 2)),
            to: Pid::new(nodes[0], 8, 3, 4),
            token: None,
        });
        for known in [[None, Some(nodes[1])], [Some(nodes[0]), None]] {
            assert_eq!(decode(&bytes, Named { atoms: &atoms, nodes: &known }), None);
        }
        assert_eq!(decode(&bytes, Named { atoms: &atoms, nodes: &[] }), None);
    }
}
