//! Unit tests of the handshake: the bytes of its messages, digests against live Erlang, what never prints.

use super::digest::{Cookie, CookieError, Digest};
use super::error::NameFault;
use super::messages::*;
use super::{Winner, simultaneous};
use crate::flags::Flags;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

fn cookie(text: &str) -> Cookie {
    Cookie::new(text).unwrap()
}

#[test]
fn digests_are_those_of_live_erlang() {
    // Erlang/OTP 25: erlang:md5(["secret", integer_to_list(3735928559)]).
    let expected = [195, 147, 155, 49, 215, 169, 19, 216, 46, 42, 206, 9, 36, 124, 123, 65];
    assert_eq!(cookie("secret").digest(3_735_928_559).bytes(), &expected);
    // Erlang/OTP 25: erlang:md5(["engset cookie", integer_to_list(0)]).
    let expected = [193, 160, 93, 164, 30, 101, 4, 224, 177, 151, 214, 55, 43, 254, 27, 90];
    assert_eq!(cookie("engset cookie").digest(0).bytes(), &expected);
}

#[test]
fn digests_differ_by_cookie_and_by_challenge() {
    assert_eq!(cookie("a").digest(1), cookie("a").digest(1));
    assert_ne!(cookie("a").digest(1), cookie("a").digest(2));
    assert_ne!(cookie("a").digest(1), cookie("b").digest(1));
    assert_ne!(Digest([0; 16]), Digest([1; 16]));
}

#[test]
fn cookies_have_limits_and_never_print() {
    assert_eq!(Cookie::new("").unwrap_err(), CookieError::Empty);
    assert!(Cookie::new(&"c".repeat(255)).is_ok());
    assert_eq!(Cookie::new(&"c".repeat(256)).unwrap_err(), CookieError::TooLong);
    assert_eq!(Cookie::new("snow\u{2603}").unwrap_err(), CookieError::NotLatin1);
    let printed = format!("{:?} {:?}", cookie("hushhush"), cookie("hushhush").digest(7));
    assert_eq!(printed, "Cookie(..) Digest(..)");
}

#[test]
fn a_latin1_cookie_is_hashed_by_its_code_points() {
    // Erlang/OTP 25: erlang:md5([[16#F6], "1"]) hashes the bytes F6 31.
    use md5::Digest as _;
    let expected: [u8; 16] = md5::Md5::digest([0xF6, b'1']).into();
    assert_eq!(cookie("\u{F6}").digest(1).bytes(), &expected);
}

#[test]
fn name_message_bytes() {
    let bytes = encode_name(Flags(0xD_07DF_7FBD), 0x0102_0304, b"a@b");
    assert_eq!(bytes, b"N\x00\x00\x00\x0D\x07\xDF\x7F\xBD\x01\x02\x03\x04\x00\x03a@b");
    let name =
        |name: &str| Name::New { flags: Flags(0xD_07DF_7FBD), creation: 0x0102_0304, name: name.to_string() };
    assert_eq!(parse_name(&bytes), Ok(name("a@b")));
    let mut longer = bytes.clone();
    longer.extend_from_slice(b"ignored");
    assert_eq!(parse_name(&longer), Ok(name("a@b")));
    for len in 0..bytes.len() {
        assert_eq!(parse_name(&bytes[..len]), Err(MessageFault::Malformed), "{len}");
    }
}

#[test]
fn old_name_message_bytes() {
    let expected = Name::Old { version: 5, flags: Flags(0x0107_0F94), name: "a@b".to_string() };
    assert_eq!(parse_name(b"n\x00\x05\x01\x07\x0F\x94a@b"), Ok(expected));
    let complement = parse_complement(b"c\x00\x00\x00\x04\x00\x00\x00\x09");
    assert_eq!(complement, Ok((Flags(0x4_0000_0000), 9)));
    assert_eq!(parse_complement(b"c\x00\x00\x00\x04\x00\x00\x00\x09+"), Err(MessageFault::Malformed));
}

#[test]
fn status_message_bytes() {
    for (status, bytes) in [
        (Status::Ok, &b"sok"[..]),
        (Status::OkSimultaneous, b"sok_simultaneous"),
        (Status::Nok, b"snok"),
        (Status::NotAllowed, b"snot_allowed"),
        (Status::Alive, b"salive"),
        (
            Status::Named { name: "X1@h\u{F6}".to_string(), creation: 7 },
            b"snamed:\x00\x06X1@h\xC3\xB6\x00\x00\x00\x07",
        ),
    ] {
        assert_eq!(encode_status(&status), bytes);
        assert_eq!(parse_status(bytes), Ok(status));
    }
    let not_utf8 = parse_status(b"snamed:\x00\x01\xFF\x00\x00\x00\x07");
    assert_eq!(not_utf8, Err(MessageFault::Name(NameFault::NotUtf8)));
    assert_eq!(encode_alive_answer(true), b"strue");
    assert_eq!(parse_alive_answer(b"sfalse"), Ok(false));
    assert_eq!(parse_alive_answer(b"smaybe"), Err(MessageFault::Malformed));
}

#[test]
fn challenge_reply_and_ack_bytes() {
    let bytes = encode_challenge(Flags(1), 0xA1A2_A3A4, 0xC1C2_C3C4, b"b@c");
    assert_eq!(bytes, b"N\0\0\0\0\0\0\0\x01\xA1\xA2\xA3\xA4\xC1\xC2\xC3\xC4\x00\x03b@c");
    let expected = Challenge::New {
        flags: Flags(1),
        challenge: 0xA1A2_A3A4,
        creation: 0xC1C2_C3C4,
        name: "b@c".to_string(),
    };
    assert_eq!(parse_challenge(&bytes), Ok(expected));
    assert_eq!(parse_challenge(b"n\x00\x05"), Ok(Challenge::Old { version: 5 }));

    let digest = Digest(*b"0123456789abcdef");
    let reply = encode_reply(0xB1B2_B3B4, digest);
    assert_eq!(reply, b"r\xB1\xB2\xB3\xB40123456789abcdef");
    assert_eq!(parse_reply(&reply), Ok((0xB1B2_B3B4, digest)));
    let ack = encode_ack(digest);
    assert_eq!(ack, b"a0123456789abcdef");
    assert_eq!(parse_ack(&ack), Ok(digest));
    assert_eq!(parse_ack(b"a0123456789abcdef0"), Err(MessageFault::Malformed));
}

#[test]
fn names_on_the_wire_are_latin1() {
    assert_eq!(name_to_latin1("\u{F6}@h"), Ok(Vec::from(*b"\xF6@h")));
    assert_eq!(name_to_latin1("\u{2603}@h"), Err(NameFault::NotLatin1));
    let bytes = encode_name(Flags(1), 1, b"\xF6@h");
    assert!(matches!(parse_name(&bytes), Ok(Name::New { name, .. }) if name == "\u{F6}@h"));
}

#[test]
fn node_names_are_name_at_host() {
    let long = |chars: usize| String::from("a@") + &"h".repeat(chars - 2);
    assert_eq!(check_node_name(&long(255)), Ok(()));
    for (name, fault) in [
        (String::new(), NameFault::Empty),
        ("a".to_string(), NameFault::NotNameAtHost),
        ("@h".to_string(), NameFault::NotNameAtHost),
        ("a@".to_string(), NameFault::NotNameAtHost),
        ("a@b@c".to_string(), NameFault::NotNameAtHost),
        ("a\n@b".to_string(), NameFault::Control),
        (long(256), NameFault::TooLong),
    ] {
        assert_eq!(check_node_name(&name), Err(fault), "{name}");
    }
    assert_eq!(check_dynamic_host("localhost"), Ok(()));
    assert_eq!(check_dynamic_host("a@localhost"), Err(NameFault::NotNameAtHost));
}

#[test]
fn the_greater_name_keeps_its_own_dial() {
    assert_eq!(simultaneous("pz@h", "a@h"), Winner::Ours);
    assert_eq!(simultaneous("A0@h", "a@h"), Winner::Theirs);
    assert_eq!(simultaneous("a@h", "a@h"), Winner::Theirs);
}
