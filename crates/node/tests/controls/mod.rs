//! The table of malformed control messages: each operation, each of its fields, each way in which it can be wrong.
//!
//! A field may be of a wrong type, of a wrong size or value, no term at all, or of a wrong node; a tuple may be too long
//! or too short; a payload may be missing, too much, or no term. Each comes in every form in which frames come.

use crate::wire;
use std::collections::BTreeSet;

/// The parties of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct World<'a> {
    /// Who sends, and its incarnation.
    pub(crate) peer: (&'a str, u32),
    /// Who receives, and its incarnation.
    pub(crate) node: (&'a str, u32),
    /// A process of the receiver, which no malformed message may reach.
    pub(crate) target: (u32, u32),
}

/// In which form a control message comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// A header that names no atoms.
    Header,
    /// A header that names an atom, to which the terms refer.
    Cached,
    /// In fragments: two where there is a payload, else one.
    Fragments,
    /// Without header, on a connection that has negotiated none.
    PassThrough,
}

/// All forms.
pub(crate) const FORMS: [Form; 4] = [Form::Header, Form::Cached, Form::Fragments, Form::PassThrough];

/// One malformed message.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What is wrong, for people.
    pub(crate) label: String,
    control: Vec<u8>,
    payload: Option<Vec<u8>>,
    /// What the reason for closing has to say.
    pub(crate) says: Vec<String>,
}

/// What stands in an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Sender,
    Receiver,
    Leader,
    Unused,
    Name,
    /// Whom a peer watches, or who has ended: a process or a name.
    Watched,
    Ended,
    PeersReference,
    OurReference,
    Any,
    Function,
    Options,
    Id,
    SpawnFlags,
    SpawnResult,
    Flags(u8),
}

/// The operations, their elements after the first, and whether a payload follows.
const OPERATIONS: [(u8, &[Field], bool); 35] = {
    use Field::*;
    [
        (1, &[Sender, Receiver], false),
        (2, &[Unused, Receiver], true),
        (3, &[Sender, Receiver, Any], false),
        (4, &[Sender, Receiver], false),
        (5, &[], false),
        (6, &[Sender, Unused, Name], true),
        (7, &[Leader, Receiver], false),
        (8, &[Sender, Receiver, Any], false),
        (12, &[Unused, Receiver, Any], true),
        (13, &[Sender, Receiver, Any, Any], false),
        (16, &[Sender, Unused, Name, Any], true),
        (18, &[Sender, Receiver, Any, Any], false),
        (19, &[Sender, Watched, PeersReference], false),
        (20, &[Sender, Watched, PeersReference], false),
        (21, &[Ended, Receiver, OurReference, Any], false),
        (22, &[Sender, Receiver], true),
        (23, &[Sender, Receiver, Any], true),
        (24, &[Sender, Receiver], true),
        (25, &[Sender, Receiver, Any], true),
        (26, &[Sender, Receiver], true),
        (27, &[Sender, Receiver, Any], true),
        (28, &[Ended, Receiver, OurReference], true),
        (29, &[PeersReference, Sender, Leader, Function, Options], true),
        (30, &[PeersReference, Sender, Leader, Function, Options, Any], true),
        (31, &[OurReference, Receiver, SpawnFlags, SpawnResult], false),
        (32, &[OurReference, Receiver, SpawnFlags, SpawnResult, Any], false),
        (33, &[Sender, OurReference], true),
        (34, &[Sender, OurReference, Any], true),
        (35, &[Id, Sender, Receiver], false),
        (36, &[Id, Sender, Receiver], false),
        (37, &[Flags(0), Sender, Receiver], true),
        (37, &[Flags(2), Sender, Receiver, Any], true),
        (37, &[Flags(4), Sender, OurReference], true),
        (37, &[Flags(8), Sender, Name], true),
        (37, &[Flags(16), Sender, Receiver], true),
    ]
};

/// What a well-formed term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Small,
    Negative,
    Big,
    Float,
    Atom,
    Binary,
    Bits,
    Nil,
    List,
    Text,
    Tuple,
    Map,
    Export,
    Pid,
    Reference,
    Port,
}

impl World<'_> {
    /// The table; each case is another.
    pub(crate) fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for (op, fields, has_payload) in OPERATIONS {
            let whole: Vec<Vec<u8>> =
                std::iter::once(wire::int(op)).chain(fields.iter().map(|field| self.valid(*field))).collect();
            let payload = has_payload.then(|| vec![106]);
            let case = |label: String, control: Vec<u8>, says: Vec<String>| Case {
                label: format!("operation {op} {fields:?}: {label}"),
                control,
                payload: payload.clone(),
                says,
            };
            for (at, field) in fields.iter().enumerate() {
                for (label, term, says) in self.wrong(op, at + 2, *field) {
                    let mut tuple = whole.clone();
                    tuple[at + 1] = term;
                    cases.push(case(format!("{field:?} is {label}"), wire::tuple(&tuple), says));
                }
            }
            cases.extend(
                self.arities(op, &whole).into_iter().map(|(label, control, says)| case(label, control, says)),
            );
            let control = wire::tuple(&whole);
            cases.extend(payloads(op, fields, has_payload).into_iter().map(|(label, payload, says)| Case {
                label: format!("operation {op} {fields:?}: {label}"),
                control: control.clone(),
                payload,
                says: vec![says],
            }));
        }
        // Forms of 37 that are cut to the same.
        let mut seen = BTreeSet::new();
        cases.retain(|case| seen.insert((case.control.clone(), case.payload.clone())));
        cases
    }

    /// The frames of a case.
    pub(crate) fn frames(&self, case: &Case, form: Form) -> Vec<u8> {
        let (control, payload) = (&case.control[..], case.payload.as_deref());
        let bytes = payload.unwrap_or_default();
        match form {
            Form::Header => wire::normal(control, bytes),
            Form::Cached => {
                let text = self.peer.0;
                let len = u8::try_from(text.len()).expect("a short name");
                let named = [&[131, 68, 1, 0x08, 3, len][..], text.as_bytes()].concat();
                let refer = |bytes: &[u8]| replaced(bytes, &wire::atom(text), &[82, 0]);
                wire::frame(&[named, refer(control), refer(bytes)].concat())
            }
            Form::Fragments if payload.is_some() => {
                let (first, rest) = bytes.split_at(bytes.len() / 2);
                [wire::first(7, 2, control, first), wire::next(7, 1, rest)].concat()
            }
            Form::Fragments => wire::first(7, 1, control, &[]),
            Form::PassThrough => wire::pass_through(control, payload),
        }
    }

    fn valid(&self, field: Field) -> Vec<u8> {
        match field {
            Field::Sender | Field::Leader | Field::Ended | Field::SpawnResult => self.peers_pid(),
            Field::Receiver | Field::Watched | Field::Any => self.our_pid(),
            Field::Unused => wire::atom(""),
            Field::Name => wire::atom("keeper"),
            Field::PeersReference => wire::reference(self.peer.0, self.peer.1, [1, 2, 3]),
            Field::OurReference => wire::reference(self.node.0, self.node.1, [1, 2, 3]),
            Field::Function => wire::tuple(&[wire::atom("m"), wire::atom("f"), wire::int(0)]),
            Field::Options => wire::list(&[wire::atom("link")]),
            Field::Id | Field::SpawnFlags => wire::int(3),
            Field::Flags(flags) => wire::int(flags),
        }
    }

    /// Terms that must not stand in a field, and what the reason says then.
    fn wrong(&self, op: u8, element: usize, field: Field) -> Vec<(String, Vec<u8>, Vec<String>)> {
        let of_type = vec![format!("element {element} of operation {op}, the ")];
        let mut wrong: Vec<(String, Vec<u8>, Vec<String>)> = Vec::new();
        for (kind, term) in self.terms() {
            if !field.takes(kind) {
                wrong.push((format!("{kind:?}"), term, of_type.clone()));
            }
        }
        for (label, term) in field.bad_values() {
            wrong.push((label.to_owned(), term, of_type.clone()));
        }
        let no_term = vec![format!("element {element} of a control message is malformed")];
        for (label, term) in no_terms() {
            wrong.push((label.to_owned(), term, no_term.clone()));
        }
        for (label, term, says) in self.foreign(field) {
            wrong.push((label.to_owned(), term, vec![says.to_owned()]));
        }
        wrong
    }

    /// Pids and references of a node whose they must not be.
    fn foreign(&self, field: Field) -> Vec<(&'static str, Vec<u8>, &'static str)> {
        let third_pid = wire::pid("third@elsewhere", 1, 0, 1);
        let third = wire::reference("third@elsewhere", 1, [1, 2, 3]);
        let (sender, receiver) = ("in the name of", "which is not ours");
        let reference = "which is of another node";
        match field {
            Field::Sender | Field::Ended | Field::SpawnResult => {
                vec![("a pid of ours", self.our_pid(), sender), ("a third node's pid", third_pid, sender)]
            }
            Field::Receiver | Field::Watched => {
                vec![
                    ("the peer's pid", self.peers_pid(), receiver),
                    ("a third node's pid", third_pid, receiver),
                ]
            }
            Field::PeersReference => vec![
                ("a reference of ours", self.valid(Field::OurReference), reference),
                ("a third node's reference", third, reference),
            ],
            Field::OurReference => vec![
                ("the peer's reference", self.valid(Field::PeersReference), reference),
                ("a third node's reference", third, reference),
            ],
            _ => Vec::new(),
        }
    }

    fn arities(&self, op: u8, whole: &[Vec<u8>]) -> Vec<(String, Vec<u8>, Vec<String>)> {
        let mut cases = Vec::new();
        for elements in (0..=9_usize).filter(|elements| *elements != whole.len()) {
            let mut tuple = whole.to_vec();
            tuple.resize(elements, self.our_pid());
            let says = match elements {
                0 | 8.. => format!("a tuple of {elements}"),
                _ => format!("operation {op} does not have {elements} elements"),
            };
            cases.push((format!("{elements} elements"), wire::tuple(&tuple), vec![says]));
        }
        let large = [&[105, 0xFF, 0xFF, 0xFF, 0xFF][..], &whole.concat()].concat();
        cases.push(("a claim of elements".to_owned(), large, vec!["a tuple of 4294967295".to_owned()]));
        let list = [&[108, 0, 0, 0, 3][..], &whole.concat(), &[106]].concat();
        cases.push(("a list".to_owned(), list, vec!["begins with 108, not with a tuple".to_owned()]));
        cases
    }

    fn terms(&self) -> [(Type, Vec<u8>); 16] {
        [
            (Type::Small, wire::int(3)),
            (Type::Negative, vec![98, 0xFF, 0xFF, 0xFF, 0xFF]),
            (Type::Big, vec![110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            (Type::Float, [&[70][..], &1.5_f64.to_be_bytes()].concat()),
            (Type::Atom, wire::atom("keeper")),
            (Type::Binary, vec![109, 0, 0, 0, 1, b'x']),
            (Type::Bits, vec![77, 0, 0, 0, 1, 3, 0xE0]),
            (Type::Nil, wire::list(&[])),
            (Type::List, wire::list(&[wire::atom("link")])),
            (Type::Text, vec![107, 0, 2, b'a', b'b']),
            (Type::Tuple, wire::tuple(&[wire::atom("m"), wire::atom("f"), wire::int(0)])),
            (Type::Map, vec![116, 0, 0, 0, 0]),
            (Type::Export, [&[113][..], &wire::atom("m"), &wire::atom("f"), &wire::int(0)].concat()),
            (Type::Pid, self.our_pid()),
            (Type::Reference, wire::reference(self.node.0, self.node.1, [1, 2, 3])),
            (Type::Port, [&[120][..], &wire::atom(self.peer.0), &[0; 12]].concat()),
        ]
    }

    fn peers_pid(&self) -> Vec<u8> {
        wire::pid(self.peer.0, 1, 0, self.peer.1)
    }

    fn our_pid(&self) -> Vec<u8> {
        wire::pid(self.node.0, self.target.0, self.target.1, self.node.1)
    }
}

impl Field {
    /// Whether the field may be of this type; which node it is of is another question.
    fn takes(self, kind: Type) -> bool {
        match self {
            Self::Sender | Self::Receiver | Self::Leader => kind == Type::Pid,
            Self::Unused | Self::Name => kind == Type::Atom,
            Self::Watched | Self::Ended | Self::SpawnResult => matches!(kind, Type::Pid | Type::Atom),
            Self::PeersReference | Self::OurReference => kind == Type::Reference,
            Self::Any => true,
            Self::Function => kind == Type::Tuple,
            Self::Options => matches!(kind, Type::Nil | Type::List | Type::Text),
            Self::Id | Self::SpawnFlags | Self::Flags(_) => kind == Type::Small,
        }
    }

    /// Terms of the right type that are too large, too small, or mean nothing.
    fn bad_values(self) -> Vec<(&'static str, Vec<u8>)> {
        let function = |parts: &[Vec<u8>]| wire::tuple(parts);
        let (m, f) = (wire::atom("m"), wire::atom("f"));
        match self {
            Self::Id => vec![("zero", wire::int(0))],
            Self::SpawnFlags => vec![("a flag too many", wire::int(4)), ("all bits", wire::int(255))],
            Self::Flags(flags) => vec![
                ("an unknown flag", wire::int(32)),
                ("a later flag", wire::int(128)),
                ("alias and name", wire::int(12 | (flags & 2))),
            ],
            Self::Function => vec![
                ("two parts", function(&[m.clone(), f.clone()])),
                ("four parts", function(&[m.clone(), f.clone(), wire::int(0), wire::int(0)])),
                ("an arity of 256", function(&[m.clone(), f.clone(), vec![98, 0, 0, 1, 0]])),
                ("a negative arity", function(&[m.clone(), f, vec![98, 0xFF, 0xFF, 0xFF, 0xFF]])),
                ("no function", function(&[m, wire::int(1), wire::int(1)])),
            ],
            Self::Options => vec![("an improper list", vec![108, 0, 0, 0, 1, 97, 1, 97, 2])],
            _ => Vec::new(),
        }
    }
}

/// Bytes that are no term, or one over a limit; each is refused where it begins, whatever follows.
fn no_terms() -> Vec<(&'static str, Vec<u8>)> {
    let numbers = [0; 12];
    vec![
        ("an unknown tag", vec![255]),
        ("a version", vec![131, 106]),
        ("an atom that is no text", vec![119, 2, 0xC3, 0x28]),
        ("an atom of 256 characters", [&[118, 1, 0][..], &[b'a'; 256]].concat()),
        ("an atom that nobody named", vec![82, 200]),
        ("a tuple of four billion", vec![105, 0xFF, 0xFF, 0xFF, 0xFF]),
        ("a list of four billion", vec![108, 0xFF, 0xFF, 0xFF, 0xFF]),
        ("a map of two billion", vec![116, 0x7F, 0xFF, 0xFF, 0xFF]),
        ("a binary of four billion", vec![109, 0xFF, 0xFF, 0xFF, 0xFF]),
        ("an integer of four billion bytes", vec![111, 0xFF, 0xFF, 0xFF, 0xFF, 0]),
        ("an integer of no sign", vec![110, 1, 2, 1]),
        ("no number", [&[70][..], &f64::NAN.to_be_bytes()].concat()),
        ("a pid of no node", [&[88, 97, 1][..], &numbers].concat()),
        ("a pid of no name", [&[88][..], &wire::atom("nohost"), &numbers].concat()),
        ("a reference of no words", [&[90, 0, 0][..], &wire::atom("a@h"), &numbers].concat()),
        (
            "a reference of six words",
            [&[90, 0, 6][..], &wire::atom("a@h"), &numbers, &numbers, &[0; 4]].concat(),
        ),
        ("a map with a key twice", vec![116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106]),
        ("compressed", vec![80, 0, 0, 0, 6, 120, 156, 203, 102, 96, 102, 100, 98, 6, 0, 1, 209, 0, 117]),
        ("local to a node", vec![121, 1, 2, 3]),
        ("bits of none", vec![77, 0, 0, 0, 1, 9, 0xE0]),
    ]
}

/// Payloads that do not fit the operation.
fn payloads(op: u8, fields: &[Field], has_payload: bool) -> Vec<(String, Option<Vec<u8>>, String)> {
    if !has_payload {
        let says = format!("follow operation {op}, which has no payload");
        return [vec![106], vec![0], vec![131, 106], vec![255; 100]]
            .into_iter()
            .map(|payload| (format!("a surplus payload of {}", payload.len()), Some(payload), says.clone()))
            .collect();
    }
    let mut cases = vec![("no payload".to_owned(), None, format!("operation {op} came without its payload"))];
    if matches!(op, 24..=28) || fields.first() == Some(&Field::Flags(16)) {
        let two = ("two terms", vec![106, 106]);
        let says = "an exit reason that is no term".to_owned();
        let reasons = no_terms().into_iter().filter(|(label, _)| !is_whole(label)).chain([two]);
        cases.extend(
            reasons.map(|(label, term)| (format!("a reason that is {label}"), Some(term), says.clone())),
        );
    }
    cases
}

/// What is a term where it stands alone.
fn is_whole(label: &str) -> bool {
    matches!(label, "compressed" | "local to a node")
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}
