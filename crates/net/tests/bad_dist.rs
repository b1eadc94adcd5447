//! OTP's own cases of peers that break the protocol after the handshake, and of handshakes by hand.

mod peer;

use engset_dist::Flags;
use engset_dist::handshake::{Cookie, HandshakeError};
use engset_term::NodeName;
use peer::{COOKIE, CREATION, Peer, Stage, connect, initiator, until_closed, wire, write};

const NODE: &str = "good@127.0.0.1";
const PEER: &str = "bad@127.0.0.1";

/// Writes bytes after a handshake of their own and waits for the end of that connection; another one goes on.
#[track_caller]
fn check_closes(stage: &Stage, witness: &mut Peer, bytes: &[u8]) {
    let mut bad = stage.connected(PEER);
    bad.write(bytes);
    assert!(until_closed(&mut bad.stream).is_some(), "b\"{}\"", bytes.escape_ascii());
    witness.ping(stage);
}

fn pid_here(stage: &Stage) -> Vec<u8> {
    wire::pid(NODE, 1, 0, stage.creation)
}

/// distribution_SUITE: control messages of wrong operations, arities and types.
#[test]
fn bad_dist_structure() {
    let stage = Stage::new(NODE, |builder| builder);
    let mut witness = stage.connected("witness@127.0.0.1");
    let (from, to) = (wire::pid(PEER, 1, 0, CREATION), pid_here(&stage));
    let reference = wire::reference(PEER, CREATION, [1, 2, 3]);
    let (a, one) = (wire::atom("a"), wire::int(1));
    let tuples: Vec<(u8, Vec<&[u8]>)> = vec![
        (1, vec![&from]),
        (1, vec![&from, &to, &a]),
        (1, vec![&from, &a]),
        (1, vec![&to, &to]),
        (1, vec![&from, &from]),
        (19, vec![&from, &to]),
        (19, vec![&from, &to, &one]),
        (19, vec![&from, &one, &reference]),
        (20, vec![&from, &to, &a]),
        (20, vec![&a, &to, &reference]),
        (21, vec![&from, &to, &reference]),
        (21, vec![&from, &to, &a, &a]),
        (3, vec![&from, &to]),
        (3, vec![&a, &to, &a]),
        (8, vec![&from, &to]),
        (8, vec![&from, &a, &a]),
        (35, vec![&one, &from]),
        (35, vec![&a, &from, &to]),
        (36, vec![&one, &from, &a]),
        (99, vec![&from, &to]),
        (0, vec![&from, &to]),
    ];
    for (op, elements) in tuples {
        let op = wire::int(op);
        let control: Vec<Vec<u8>> =
            std::iter::once(op).chain(elements.into_iter().map(<[u8]>::to_vec)).collect();
        check_closes(&stage, &mut witness, &wire::normal(&wire::tuple(&control), &[]));
    }
    let send = wire::tuple(&[wire::int(22), from.clone(), to]);
    check_closes(&stage, &mut witness, &wire::normal(&send, &[]));
    check_closes(&stage, &mut witness, &wire::pass_through(&send, Some(&a)));
    check_closes(
        &stage,
        &mut witness,
        &wire::normal(&wire::tuple(&[wire::int(6), from, a.clone(), wire::int(7)]), &a),
    );
    check_closes(&stage, &mut witness, &wire::normal(&wire::atom("no_tuple"), &[]));
}

/// distribution_SUITE: fragments in a wrong order, of no beginning, twice begun, or with a header that cannot be.
#[test]
fn bad_dist_fragments() {
    let stage = Stage::new(NODE, |builder| builder);
    let mut witness = stage.connected("witness@127.0.0.1");
    let send = wire::tuple(&[wire::int(22), wire::pid(PEER, 1, 0, CREATION), pid_here(&stage)]);
    let (first, next) =
        (|number| wire::first(5, number, &send, b"xx"), |number| wire::next(5, number, b"xx"));
    for frames in [
        vec![next(1)],
        vec![first(3), next(1)],
        vec![first(3), next(3)],
        vec![first(3), next(2), next(0)],
        vec![first(3), first(3)],
        vec![first(2), next(1), next(1)],
        vec![first(0)],
        vec![wire::frame(&[131, 69, 0, 0])],
        vec![first(3), wire::frame(&[131, 70, 0, 0])],
        // A header with an empty slot, one with a control message that names more than it has.
        vec![wire::frame(
            &[&[131, 69][..], &5_u64.to_be_bytes(), &2_u64.to_be_bytes(), &[1, 0, 7], &send].concat(),
        )],
        vec![wire::first(5, 2, &[104, 3, 97, 22, 82, 0, 82, 1], b"x")],
        vec![wire::first(5, 2, &[104, 3, 97, 22], b"x")],
    ] {
        check_closes(&stage, &mut witness, &frames.concat());
    }
    // A message that never ends takes its connection's memory and no more: the next of that name begins anew.
    let mut bad = stage.connected(PEER);
    bad.write(&first(3));
    drop(bad);
    let mut again = stage.connected(PEER);
    again.write(&[first(2), next(1)].concat());
    again.ping(&stage);
}

/// erl_distribution_wb_SUITE: handshakes put together by hand: the good one, a wrong cookie, a name twice.
#[test]
fn whitebox() {
    let stage = Stage::new(NODE, |builder| builder);
    let mut first = stage.connected("wb@127.0.0.1");
    first.ping(&stage);
    let wrong = stage.shake_hands("wb2@127.0.0.1", "wrong").map(drop);
    assert!(matches!(wrong, Err(HandshakeError::ClosedByPeer { .. })), "{wrong:?}");
    assert_eq!(NodeName::find("wb2@127.0.0.1"), None);
    // The same name again: only after the proof is the old connection given up.
    let mut name = Vec::new();
    initiator("wb@127.0.0.1", NODE, COOKIE).poll_transmit(&mut name);
    let mut impostor = connect(stage.at);
    write(&mut impostor, &[&name[..], b"\0\x05strue", b"\0\x15r\0\0\0\x01wrong digest 16b"].concat());
    let said = until_closed(&mut impostor).unwrap();
    assert!(said.starts_with(b"\0\x06salive"), "b\"{}\"", said.escape_ascii());
    first.ping(&stage);
    let mut second = stage.connected("wb@127.0.0.1");
    assert!(until_closed(&mut first.stream).is_some());
    second.ping(&stage);
}

/// A name for who has none: the name's connection, and its name after it, is by the cookie only.
#[test]
fn a_name_is_given_to_who_proves_the_cookie() {
    let stage = Stage::new(NODE, |builder| builder);
    let ask = |cookie: &str| {
        let flags = Flags::OURS | Flags::NAME_ME;
        let name = [&b"\0\x10N"[..], &flags.0.to_be_bytes(), &[0; 4], b"\0\x01h"].concat();
        let mut stream = connect(stage.at);
        write(&mut stream, &name);
        let (named, challenge) = read_named(&mut stream);
        let digest = Cookie::new(cookie).unwrap().digest(challenge);
        write(&mut stream, &[&b"\0\x15r\0\0\0\x01"[..], digest.bytes()].concat());
        (stream, named)
    };
    let (mut stream, (name, _)) = ask("a guess");
    assert!(until_closed(&mut stream).is_some());
    assert_eq!(NodeName::find(&name), None, "a name that nobody has proven to need is no name");
    let (_stream, (given, creation)) = ask(COOKIE);
    assert_ne!(given, name);
    assert!(given.ends_with("@h") && creation >= 4, "{given} {creation}");
}

/// What the status names the peer, and the challenge behind it.
fn read_named(stream: &mut std::net::TcpStream) -> ((String, u32), u32) {
    use std::io::Read;
    let mut message = || {
        let mut len = [0; 2];
        stream.read_exact(&mut len).expect("a message");
        let mut bytes = vec![0; usize::from(u16::from_be_bytes(len))];
        stream.read_exact(&mut bytes).expect("a whole message");
        bytes
    };
    let status = message();
    let named = status.strip_prefix(b"snamed:").expect("a name is given");
    let len = usize::from(u16::from_be_bytes([named[0], named[1]]));
    let name = String::from_utf8(named[2..2 + len].to_vec()).expect("a name in UTF-8");
    let creation = u32::from_be_bytes(named[2 + len..6 + len].try_into().expect("as long as its type"));
    let challenge = message();
    let flags = Flags(u64::from_be_bytes(challenge[1..9].try_into().expect("as long as its type")));
    assert!(flags.contains(Flags::NAME_ME), "a BEAM looks for it in the answer");
    ((name, creation), u32::from_be_bytes(challenge[9..13].try_into().expect("as long as its type")))
}
