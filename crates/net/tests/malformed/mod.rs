//! The table of malformed bytes: what is sent, at which stage, and how the conversation ends.

use crate::peer::wire;
use engset_dist::Flags;

/// At which stage the bytes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum At {
    /// To the node's EPMD.
    Epmd,
    /// First on a fresh connection to the node.
    Name,
    /// After a good handshake.
    Connection,
}

/// What makes the node close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The bytes.
    AtOnce,
    /// The end of the bytes: they might have become something.
    AfterEnd,
}

/// Bytes that no honest peer sends.
pub(crate) struct Case {
    pub(crate) at: At,
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Ends,
}

impl Case {
    pub(crate) fn show(&self) -> String {
        format!("{:?}: b\"{}\"", self.at, self.bytes[..self.bytes.len().min(300)].escape_ascii())
    }
}

/// All cases; `peer` is the name of the sender, `node` that of the receiver.
pub(crate) fn cases(peer: &str, node: &str, creation: u32) -> Vec<Case> {
    let world = World { peer, node, creation };
    let at_once = |at| move |bytes| Case { at, bytes, ends: Ends::AtOnce };
    let after_end = |at| move |bytes| Case { at, bytes, ends: Ends::AfterEnd };
    let mut cases = Vec::new();
    cases.extend(epmd().into_iter().map(at_once(At::Epmd)));
    cases.extend(epmd_unfinished().into_iter().map(after_end(At::Epmd)));
    cases.extend(names().into_iter().map(at_once(At::Name)));
    cases.extend(names_unfinished().into_iter().map(after_end(At::Name)));
    cases.extend(replies().into_iter().map(at_once(At::Name)));
    cases.extend(world.frames().into_iter().map(at_once(At::Connection)));
    cases.extend(world.fragments().into_iter().map(at_once(At::Connection)));
    cases.extend(
        world.controls().into_iter().map(|control| wire::normal(&control, &[])).map(at_once(At::Connection)),
    );
    cases.extend(world.foreign().into_iter().map(at_once(At::Connection)));
    cases.extend(world.frames_unfinished().into_iter().map(after_end(At::Connection)));
    cases
}

/// Terms that are none, as payloads.
pub(crate) fn payloads() -> Vec<Vec<u8>> {
    let mut payloads: Vec<Vec<u8>> = claims();
    payloads.extend(
        [0, 1, 2, 66, 68, 69, 71, 76, 78, 81, 83, 91, 96, 117, 122, 127, 131, 255].map(|tag| vec![tag]),
    );
    payloads.extend(
        [97, 98, 70, 99, 110, 109, 77, 104, 107, 108, 116, 119, 118, 100, 88, 90, 120, 113, 112, 80]
            .map(|tag| vec![tag]),
    );
    let term = wire::tuple(&[wire::atom("ok"), wire::list(&[wire::int(1)]), wire::pid("a@h", 1, 2, 3)]);
    payloads.extend((1..term.len()).map(|len| term[..len].to_vec()));
    payloads.extend([
        // Something follows; a nested version; text that is no text; a key twice; a compressed nothing.
        vec![106, 106],
        vec![131, 106],
        vec![119, 2, 0xC3, 0x28],
        vec![116, 0, 0, 0, 2, 97, 1, 106, 97, 1, 106],
        vec![80, 0, 0, 0, 5, 1, 2, 3, 4, 5, 6, 7],
        vec![82, 0],
        [&[110, 8, 2][..], &[1; 8]].concat(),
        [&[70][..], &f64::NAN.to_be_bytes()].concat(),
        // Deeper than any term may be.
        [[104, 1].repeat(20_000), vec![106]].concat(),
        // A call whose request is cut off.
        [vec![104, 3], wire::atom("$gen_call"), wire::tuple(&[wire::pid("a@h", 1, 0, 1), wire::int(1)])]
            .concat(),
        [vec![104, 3], wire::atom("$gen_cast")].concat(),
    ]);
    payloads.sort();
    payloads.dedup();
    payloads
}

/// Terms that claim far more than follows.
fn claims() -> Vec<Vec<u8>> {
    let mut claims = Vec::new();
    for tag in [105, 108, 109, 111, 116] {
        for claim in [[0xFF; 4], [0x7F, 0xFF, 0xFF, 0xFF], [0x10, 0, 0, 0], [0, 0x80, 0, 0]] {
            claims.push([&[tag][..], &claim, &[0; 3]].concat());
        }
    }
    claims.extend([
        vec![77, 0xFF, 0xFF, 0xFF, 0xFF, 8, 1],
        vec![80, 0xFF, 0xFF, 0xFF, 0xFF, 120, 156, 3, 0],
        vec![112, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        vec![107, 0xFF, 0xFF, 1],
        vec![118, 0xFF, 0xFF, b'a'],
        vec![67, 0xFF, 0xFF, 0xFF, 0xFF, 0],
    ]);
    claims
}

fn counted(body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("a short message").to_be_bytes();
    [&len[..], body].concat()
}

fn registration(name: &[u8], extra: &[u8]) -> Vec<u8> {
    let fields = [&b"x\x03\xE8M\0\0\x06\0\x05"[..], &counted(name), &counted(extra)];
    fields.concat()
}

fn epmd() -> Vec<Vec<u8>> {
    let mut cases = vec![
        vec![0, 0],
        vec![8, 1],
        vec![0xFF, 0xFF],
        counted(b"z"),
        counted(b"z\0abc"),
        counted(b"za\x07b"),
        counted(b"z\xFF"),
        counted(b"s"),
        counted(b"sabc"),
        counted(&[&b"z"[..], &[b'a'; 256]].concat()),
        counted(b"x"),
        counted(b"x\0"),
        counted(&registration(b"", b"")),
        counted(&registration(b"a\0b", b"")),
        counted(&registration(b"abc", b"ex")[..14]),
        [counted(b"n"), b"n".to_vec()].concat(),
        [counted(&registration(b"taken", b"")), vec![0]].concat(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    cases.extend([0, 1, b'a', b'w', b'y', b'N', b'D', 127, 128, 255].map(|tag| counted(&[tag])));
    cases.extend([2, 5, 9, 11].map(|len| counted(&registration(b"abc", b"")[..len])));
    cases
}

fn epmd_unfinished() -> Vec<Vec<u8>> {
    let request = counted(&registration(b"abc", b""));
    vec![vec![], vec![0], vec![8, 0], request[..3].to_vec(), request[..request.len() - 1].to_vec()]
}

fn name_message(flags: Flags, name: &[u8]) -> Vec<u8> {
    counted(&[&b"N"[..], &flags.0.to_be_bytes(), &[0, 0, 0, 9], &counted(name)].concat())
}

fn names() -> Vec<Vec<u8>> {
    let old = |version: u8, flags: u32, name: &[u8]| {
        counted(&[&[b'n', 0, version][..], &flags.to_be_bytes(), name].concat())
    };
    let whole = name_message(Flags::OURS, b"stranger@host");
    let mut cases = vec![
        vec![0, 0],
        vec![8, 1],
        vec![0xFF, 0xFF],
        counted(b"X"),
        counted(b"sok"),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03".to_vec(),
        name_message(Flags::OURS, b""),
        name_message(Flags::OURS, b"a"),
        name_message(Flags::OURS, b"@host"),
        name_message(Flags::OURS, b"a@"),
        name_message(Flags::OURS, b"a@b@c"),
        name_message(Flags::OURS, b"a\n@host"),
        name_message(Flags::OURS, &[b'a'; 300]),
        name_message(Flags::NONE, b"stranger@host"),
        name_message(Flags::MANDATORY.without(Flags::V4_NC), b"stranger@host"),
        name_message(Flags::OURS | Flags::NAME_ME, b"host"),
        old(5, 0, b"a@host"),
        old(6, u32::MAX, b"a@host"),
        old(5, u32::MAX, b""),
        // Frames without any handshake.
        wire::normal(&wire::tuple(&[wire::int(5)]), &[]),
    ];
    // Every beginning of a good message, as a whole one.
    cases.extend((1..whole.len() - 2).step_by(2).map(|len| counted(&whole[2..2 + len])));
    cases
}

fn names_unfinished() -> Vec<Vec<u8>> {
    let whole = name_message(Flags::OURS, b"stranger@host");
    vec![vec![], vec![0], vec![8, 0, b'N'], whole[..whole.len() - 1].to_vec(), whole]
}

/// A good name, and then no good proof.
fn replies() -> Vec<Vec<u8>> {
    let reply = [&b"r\0\0\0\x07"[..], &[7; 16]].concat();
    let mut messages = vec![
        counted(&reply),
        counted(&[&reply[..], &[0]].concat()),
        counted(b"a0123456789abcdef"),
        counted(b"strue"),
        counted(b"c\0\0\0\x2D\0\0\0\x09"),
        name_message(Flags::OURS, b"stranger@host"),
        vec![0xFF, 0xFF],
        vec![8, 1],
        wire::normal(&wire::tuple(&[wire::int(5)]), &[]),
    ];
    messages.extend((0..reply.len()).map(|len| counted(&reply[..len])));
    messages
        .iter()
        .map(|message| [&name_message(Flags::OURS, b"stranger@host")[..], message].concat())
        .collect()
}

struct World<'a> {
    peer: &'a str,
    node: &'a str,
    creation: u32,
}

impl World<'_> {
    fn frames(&self) -> Vec<Vec<u8>> {
        let send = self.send();
        let mut cases: Vec<Vec<u8>> =
            [[0xFF; 4], [0x7F, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [4, 0, 0, 1]].map(Vec::from).into();
        cases.extend([0, 1, 67, 104, 113, 130, 255].map(|first| wire::frame(&[first])));
        cases.extend([0, 67, 71, 80, 104, 131].map(|second| wire::frame(&[131, second, 0])));
        cases.extend([
            wire::frame(&[131]),
            wire::frame(&[131, 68]),
            wire::pass_through(&send, Some(&[106])),
            wire::frame(&[112]),
            // Atom cache references, new ones and claimed ones.
            wire::frame(&[131, 68, 1, 0x08, 0, 2, b'o', b'k']),
            wire::frame(&[131, 68, 1, 0x00, 0]),
            wire::frame(&[131, 68, 255]),
            wire::frame(&[&[131, 68, 255][..], &[0xFF; 128], &[0; 60]].concat()),
            wire::frame(&[131, 68, 1, 0x18, 0, 0xFF, 0xFF, b'a']),
            // A payload too few, a payload too many.
            wire::normal(&send, &[]),
            wire::normal(&self.link(), &[106]),
            wire::normal(&[], &[]),
        ]);
        cases
    }

    fn fragments(&self) -> Vec<Vec<u8>> {
        let send = self.send();
        let first = |sequence, number| wire::first(sequence, number, &send, &[109]);
        let mut cases = vec![
            first(1, 0),
            wire::next(1, 1, &[1]),
            wire::next(0, 0, &[]),
            wire::first(1, 2, &self.link(), &[]),
            wire::first(1, 2, &[104, 1], &[]),
            [first(1, 3), first(1, 3)].concat(),
            [first(1, 3), wire::next(1, 3, &[1])].concat(),
            [first(1, 3), wire::next(1, 1, &[1])].concat(),
            [first(1, 3), wire::next(1, 0, &[1])].concat(),
            [first(1, 3), wire::next(2, 2, &[1])].concat(),
            [first(1, u64::MAX), wire::next(1, 1, &[1])].concat(),
            [first(1, 2), wire::next(1, 1, &[1]), wire::next(1, 0, &[1])].concat(),
            [wire::first(1, 2, &send, &[]), wire::next(1, 1, &[])].concat(),
            wire::frame(&[131, 69, 0, 0, 0]),
            wire::frame(&[131, 70, 0, 0, 0]),
            wire::frame(&[&[131, 69][..], &[0; 15]].concat()),
            wire::frame(&[&[131, 70][..], &[0; 15]].concat()),
            wire::frame(&[&[131, 69][..], &[1; 16], &[1, 0, 0]].concat()),
        ];
        // More signals at once than are kept.
        cases.push((0..300).flat_map(|sequence| first(sequence, u64::MAX)).collect());
        cases
    }

    /// Control messages that are none, in frames that are good.
    fn controls(&self) -> Vec<Vec<u8>> {
        let (from, to) = (self.own(), self.theirs());
        let reference = wire::reference(self.peer, 9, [1, 2, 3]);
        let (int, tuple, atom) = (wire::int, wire::tuple, wire::atom);
        let mut cases = vec![
            vec![106],
            vec![104],
            vec![104, 0],
            vec![104, 8],
            vec![104, 255],
            vec![105, 0xFF, 0xFF, 0xFF, 0xFF],
            vec![105, 0, 0, 0, 8],
            tuple(&[atom("send")]),
            tuple(&[vec![98, 0, 0, 1, 1]]),
            tuple(&[int(1)]),
            tuple(&[int(5), int(5)]),
            tuple(&[int(1), from.clone(), to.clone(), to.clone()]),
            tuple(&[int(1), atom("from"), to.clone()]),
            tuple(&[int(1), from.clone(), int(1)]),
            tuple(&[int(2), int(0), to.clone()]),
            tuple(&[int(6), from.clone(), atom(""), to.clone()]),
            tuple(&[int(6), from.clone(), int(0), atom("net_kernel")]),
            tuple(&[int(19), from.clone(), to.clone(), int(1)]),
            tuple(&[int(19), from.clone(), int(1), reference.clone()]),
            tuple(&[int(20), from.clone(), to.clone(), atom("reference")]),
            tuple(&[int(21), int(1), to.clone(), reference.clone(), atom("normal")]),
            tuple(&[int(35), int(0), from.clone(), to.clone()]),
            tuple(&[int(35), vec![98, 0xFF, 0xFF, 0xFF, 0xFF], from.clone(), to.clone()]),
            tuple(&[int(35), vec![110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], from.clone(), to.clone()]),
            tuple(&[int(33), from.clone(), to.clone()]),
            tuple(&[int(37), int(12), from.clone(), to.clone()]),
            tuple(&[int(37), int(64), from.clone(), to.clone()]),
            tuple(&[int(37), int(2), from.clone(), to.clone()]),
            tuple(&[int(29), reference.clone(), from.clone(), from.clone(), atom("mfa"), wire::list(&[])]),
            tuple(&[int(31), reference, to.clone(), int(4), from.clone()]),
        ];
        cases.extend(
            [0, 9, 10, 11, 14, 15, 17, 38, 99, 255].map(|op| tuple(&[int(op), from.clone(), to.clone()])),
        );
        cases.extend(claims().into_iter().map(|claim| tuple(&[int(12), atom(""), to.clone(), claim])));
        let link = self.link();
        cases.extend((3..link.len()).step_by(2).map(|len| link[..len].to_vec()));
        cases
    }

    /// Signals in the name of others, signals for others, and exit reasons that are no terms.
    fn foreign(&self) -> Vec<Vec<u8>> {
        let (own, theirs) = (self.own(), self.theirs());
        let (third, int, tuple, atom) =
            (wire::pid("third@127.0.0.1", 1, 0, 1), wire::int, wire::tuple, wire::atom);
        let reference = wire::reference(self.peer, 9, [1, 2, 3]);
        let mut cases = Vec::new();
        for (from, to) in [(&third, &theirs), (&theirs, &theirs), (&own, &third), (&own, &own)] {
            cases.extend([
                wire::normal(&tuple(&[int(1), from.clone(), to.clone()]), &[]),
                wire::normal(&tuple(&[int(22), from.clone(), to.clone()]), &[106]),
                wire::normal(&tuple(&[int(3), from.clone(), to.clone(), atom("kill")]), &[]),
                wire::normal(&tuple(&[int(8), from.clone(), to.clone(), atom("kill")]), &[]),
                wire::normal(&tuple(&[int(19), from.clone(), to.clone(), reference.clone()]), &[]),
                wire::normal(&tuple(&[int(35), int(1), from.clone(), to.clone()]), &[]),
                wire::normal(&tuple(&[int(37), int(0), from.clone(), to.clone()]), &[106]),
            ]);
        }
        for from in [&third, &theirs] {
            cases.push(wire::normal(&tuple(&[int(6), from.clone(), atom(""), atom("net_kernel")]), &[106]));
        }
        for op in [24, 26] {
            for reason in [&[255][..], &[104, 1], &[109, 0xFF, 0xFF, 0xFF, 0xFF]] {
                cases.push(wire::normal(&tuple(&[int(op), own.clone(), theirs.clone()]), reason));
            }
        }
        cases
    }

    /// What might have become a frame.
    fn frames_unfinished(&self) -> Vec<Vec<u8>> {
        let whole = wire::normal(&self.link(), &[]);
        vec![
            vec![],
            vec![0],
            vec![0, 0, 0],
            // The longest frame that is taken, of which a few bytes come.
            [&[4, 0, 0, 0][..], &[131, 68, 0]].concat(),
            [&[3, 0, 0, 0][..], &[131, 70], &[0; 100]].concat(),
            whole[..whole.len() - 1].to_vec(),
            wire::first(1, u64::MAX, &self.send(), &[109, 0xFF, 0xFF, 0xFF, 0xFF]),
        ]
    }

    fn own(&self) -> Vec<u8> {
        wire::pid(self.peer, 1, 0, 9)
    }

    fn theirs(&self) -> Vec<u8> {
        wire::pid(self.node, 1, 0, self.creation)
    }

    fn link(&self) -> Vec<u8> {
        wire::tuple(&[wire::int(1), self.own(), self.theirs()])
    }

    fn send(&self) -> Vec<u8> {
        wire::tuple(&[wire::int(22), self.own(), self.theirs()])
    }
}
