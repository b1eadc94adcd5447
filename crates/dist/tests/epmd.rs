//! The name service, both sides: answers as seen from the stock daemon, limits, life and death of registrations.

use core::net::IpAddr;
use core::time::Duration;
use engset_dist::epmd::client::NameList;
use engset_dist::epmd::messages::{EXTRA_BYTES_MAX, REQUEST_BYTES_MAX};
use engset_dist::epmd::{
    CloseReason, ConnId, EpmdError, Lookup, Names, NodeEntry, NodeType, Register, RequestError, Server,
    ServerConfig,
};
use engset_term::Instant;

const NOW: Instant = Instant::ZERO;

/// A server and the connections to it, each with what was written to it.
struct World {
    server: Server,
    next: u64,
}

impl World {
    fn new() -> Self {
        Self::with(ServerConfig { creation_start: 1000, ..ServerConfig::default() })
    }

    fn with(config: ServerConfig) -> Self {
        Self { server: Server::new(NOW, config), next: 0 }
    }

    fn open(&mut self, loopback: bool) -> ConnId {
        self.next += 1;
        let id = ConnId(self.next);
        self.server.handle_open(NOW, id, loopback);
        id
    }

    fn send(&mut self, id: ConnId, bytes: &[u8]) -> (Vec<u8>, Option<CloseReason>) {
        self.server.handle_bytes(NOW, id, bytes);
        let out = self.server.poll_transmit(id).unwrap_or_default();
        let mut reason = None;
        while let Some((closed, why)) = self.server.poll_close() {
            if closed == id {
                reason = Some(why);
            }
        }
        (out, reason)
    }

    /// One request, without its length, on a connection of its own.
    fn ask(&mut self, body: &[u8]) -> (ConnId, Vec<u8>, Option<CloseReason>) {
        let id = self.open(true);
        let (out, reason) = self.send(id, &counted(body));
        (id, out, reason)
    }

    fn register(&mut self, name: &str) -> (ConnId, Result<Option<u32>, EpmdError>) {
        let mut register = Register::new(NodeEntry::new(name, 1000));
        let id = self.open(true);
        let (out, reason) = self.send(id, &register.request().expect("within limits"));
        assert_eq!(reason, None);
        (id, register.handle_bytes(&out))
    }

    fn lookup(&mut self, name: &str) -> Option<NodeEntry> {
        let mut lookup = Lookup::new(name);
        let id = self.open(false);
        let (out, reason) = self.send(id, &lookup.request().expect("within limits"));
        assert_eq!(reason, Some(CloseReason::Answered));
        lookup.handle_bytes(&out).expect("an answer").expect("a complete one")
    }
}

fn counted(body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).expect("a short request");
    [&len.to_be_bytes()[..], body].concat()
}

fn alive(name: &[u8], highest: u16, extra: &[u8]) -> Vec<u8> {
    let len = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
    let head = [b'x', 3, 0xE8, b'M', 0];
    [&head[..], &highest.to_be_bytes(), &[0, 5], &len(name), name, &len(extra), extra].concat()
}

#[test]
fn registration_bytes() {
    let entry = NodeEntry { extra: b"ex".to_vec(), ..NodeEntry::new("abc", 1000) };
    let request = Register::new(entry).request().unwrap();
    assert_eq!(request, counted(&alive(b"abc", 6, b"ex")));
    assert_eq!(Lookup::new("abc").request().unwrap(), b"\x00\x04zabc");
    assert_eq!(Names::new().request().unwrap(), b"\x00\x01n");
}

#[test]
fn answers_are_those_of_the_stock_daemon() {
    // Seen from epmd of OTP 25 (creations differ by its clock).
    let mut world = World::new();
    for (body, answer) in [
        (alive(b"abc", 6, b""), &b"v\x00\x00\x00\x03\xE8"[..]),
        (alive(b"abc", 6, b""), b"v\x01\x00\x00\x00c"),
        (alive(b"old", 5, b""), b"y\x00\x00\x02"),
        (alive(b"old", 5, b""), b"y\x01\x00c"),
        (alive(b"\xFF\xFE", 6, b""), b"v\x01\x00\x00\x00c"),
        (alive(&[b'a'; 256], 6, b""), b"v\x01\x00\x00\x00c"),
        (alive(&"\u{F6}".repeat(256).into_bytes(), 6, b""), b"v\x01\x00\x00\x00c"),
        (alive(b"big", 6, &[b'e'; 1021]), b"v\x01\x00\x00\x00c"),
        (b"zabc".to_vec(), b"w\x00\x03\xE8M\x00\x00\x06\x00\x05\x00\x03abc\x00\x00"),
        (b"zabc\0".to_vec(), b"w\x00\x03\xE8M\x00\x00\x06\x00\x05\x00\x03abc\x00\x00"),
        (b"znope".to_vec(), b"w\x01"),
        (b"n".to_vec(), b"\x00\x00\x11\x11name old at port 1000\nname abc at port 1000\n"),
        (b"nqqq".to_vec(), b"\x00\x00\x11\x11name old at port 1000\nname abc at port 1000\n"),
        (
            b"d".to_vec(),
            b"\x00\x00\x11\x11active name     <old> at port 1000, fd = 3\n\0active name     <abc> at port 1000, fd = 1\n\0",
        ),
        (b"k".to_vec(), b"NO"),
        (b"sabc".to_vec(), b""),
        (alive(b"", 6, b""), b""),
        (alive(b"a\0b", 6, b""), b""),
        (b"q".to_vec(), b""),
        (b"z".to_vec(), b""),
    ] {
        let (_, out, _) = world.ask(&body);
        assert_eq!(out, answer, "{body:?}");
    }
}

#[test]
fn longest_names_and_extras_are_carried() {
    let mut world = World::new();
    let name = "\u{1F980}".repeat(255);
    let entry = NodeEntry { node_type: NodeType::Hidden, protocol: 3, ..NodeEntry::new(&name, 65_535) };
    let (_, out, _) = world.ask(&Register::new(entry.clone()).request().unwrap()[2..]);
    assert_eq!(out.len(), 6);
    assert_eq!(world.lookup(&name), Some(entry));
    let entry = NodeEntry { extra: vec![7; EXTRA_BYTES_MAX], ..NodeEntry::new("x", 1) };
    let (_, out, _) = world.ask(&Register::new(entry.clone()).request().unwrap()[2..]);
    assert_eq!(out[1], 0);
    assert_eq!(world.lookup("x"), Some(entry));
}

#[test]
fn a_registration_ends_with_its_connection_or_any_byte_on_it() {
    let mut world = World::new();
    let (id, creation) = world.register("abc");
    assert_eq!(creation, Ok(Some(1000)));
    assert_eq!(world.register("abc").1, Err(EpmdError::NameTaken));
    assert!(world.lookup("abc").is_some());
    assert_eq!(world.send(id, b"!"), (vec![], Some(CloseReason::Unregistered)));
    assert_eq!(world.lookup("abc"), None);

    // The name is remembered: its creation counts on.
    let (id, creation) = world.register("abc");
    assert_eq!(creation, Ok(Some(1001)));
    world.server.handle_close(id);
    assert_eq!(world.lookup("abc"), None);
    let (_, out, _) = world.ask(b"d");
    assert!(out.ends_with(b"old/unused name <abc>, port = 1000, fd = 5 \n\0"), "{}", out.escape_ascii());
}

#[test]
fn new_names_start_at_the_clock_and_old_ones_are_remembered_up_to_a_limit() {
    let mut world = World::new();
    let (id, _) = world.register("first");
    world.server.handle_close(id);
    for n in 0..999 {
        let (id, _) = world.register(&format!("n{n}"));
        world.server.handle_close(id);
    }
    assert_eq!(world.register("first").1, Ok(Some(1001)));
    let (id, _) = world.register("second");
    world.server.handle_close(id);
    for n in 0..1000 {
        let (id, _) = world.register(&format!("m{n}"));
        world.server.handle_close(id);
    }
    assert_eq!(world.register("second").1, Ok(Some(1000)));

    let request = Register::new(NodeEntry::new("late", 1)).request().unwrap();
    for (second, expected) in [(0, u32::MAX - 1), (1, u32::MAX), (2, 4), (9, 7)] {
        let (now, id) = (Instant::from_millis(second * 1000), ConnId(second));
        let mut server =
            Server::new(NOW, ServerConfig { creation_start: u32::MAX - 1, ..ServerConfig::default() });
        server.handle_open(now, id, true);
        server.handle_bytes(now, id, &request);
        assert_eq!(server.poll_transmit(id).unwrap()[2..], expected.to_be_bytes());
    }
}

#[test]
fn strangers_may_only_ask() {
    let mut world = World::new();
    for body in [alive(b"abc", 6, b""), b"d".to_vec(), b"k".to_vec(), b"sabc".to_vec()] {
        let id = world.open(false);
        assert_eq!(world.send(id, &counted(&body)), (vec![], Some(CloseReason::NotAllowed)));
    }
    // A refusal is for neighbours, too.
    let id = world.open(false);
    let (out, reason) = world.send(id, &counted(&alive(&[b'a'; 256], 6, b"")));
    assert!(out.is_empty() && matches!(reason, Some(CloseReason::BadRequest(_))));
    assert_eq!(world.server.nodes().count(), 0);
    assert!(!world.server.is_stop_requested());
}

#[test]
fn kill_and_stop_obey_only_when_relaxed_or_empty() {
    let mut world = World::new();
    assert_eq!(world.ask(b"k").1, b"OK");
    assert!(world.server.is_stop_requested());

    let config = ServerConfig { relaxed_command_check: true, ..ServerConfig::default() };
    let mut world = World::with(config);
    let (id, _) = world.register("abc");
    assert_eq!(world.ask(b"snope").1, b"NOEXIST");
    let stop = world.open(true);
    world.server.handle_bytes(NOW, stop, b"\x00\x04sabc");
    assert_eq!(world.server.poll_transmit(stop).unwrap(), b"STOPPED");
    assert_eq!(world.server.poll_close(), Some((stop, CloseReason::Answered)));
    assert_eq!(world.server.poll_close(), Some((id, CloseReason::Stopped)));
    assert_eq!(world.lookup("abc"), None);
    assert!(world.register("def").1.is_ok());
    assert_eq!(world.ask(b"k").1, b"OK");
}

#[test]
fn a_connection_is_closed_only_after_its_answer_was_taken() {
    let mut world = World::new();
    let id = world.open(true);
    world.server.handle_bytes(NOW, id, b"\x00\x01n");
    assert_eq!(world.server.poll_close(), None);
    assert!(world.server.poll_transmit(id).is_some());
    assert_eq!(world.server.poll_close(), Some((id, CloseReason::Answered)));
    assert_eq!(world.server.connections(), 0);
}

#[test]
fn requests_may_come_in_any_pieces() {
    let request = counted(&alive(b"abc", 6, b"extra"));
    for cut in 1..request.len() {
        let mut world = World::new();
        let id = world.open(true);
        assert_eq!(world.send(id, &request[..cut]), (vec![], None));
        assert_eq!(world.send(id, &request[cut..]).0.len(), 6);
        assert_eq!(world.lookup("abc").unwrap().extra, b"extra");
    }
}

#[test]
fn a_request_has_a_limit_at_both_sides_of_it() {
    let mut world = World::new();
    let mut body = vec![b'x'; REQUEST_BYTES_MAX];
    body[0] = b'n';
    assert_eq!(world.ask(&body).2, Some(CloseReason::Answered));
    body.push(b'x');
    let too_long = RequestError::TooLong { len: REQUEST_BYTES_MAX + 1 };
    assert_eq!(world.ask(&body).2, Some(CloseReason::BadRequest(too_long)));
    // The length alone is enough.
    let id = world.open(true);
    let reason = world.send(id, &[0xFF, 0xFF]).1;
    assert_eq!(reason, Some(CloseReason::BadRequest(RequestError::TooLong { len: 65_535 })));
}

#[test]
fn silent_and_slow_clients_are_closed() {
    let mut world = World::new();
    let (registered, _) = world.register("abc");
    let (silent, slow) = (world.open(true), world.open(true));
    world.send(slow, &[0]);
    let seconds = |seconds: u64| Instant::from_millis(seconds * 1000);
    assert_eq!(world.server.poll_timeout(), Some(seconds(2)));
    world.server.handle_timeout(seconds(2).saturating_sub(Duration::from_nanos(1)));
    assert_eq!(world.server.poll_close(), None);
    world.server.handle_timeout(seconds(2));
    assert_eq!(world.server.poll_close(), Some((silent, CloseReason::Timeout)));
    assert_eq!(world.server.poll_timeout(), Some(seconds(5)));
    world.server.handle_timeout(seconds(5));
    assert_eq!(world.server.poll_close(), Some((slow, CloseReason::Timeout)));
    assert_eq!((world.server.poll_timeout(), world.server.connections()), (None, 1));
    assert!(world.lookup("abc").is_some());
    world.server.handle_timeout(Instant::MAX);
    assert_eq!(world.server.poll_close(), None);
    world.server.handle_close(registered);
}

#[test]
fn when_full_the_oldest_idle_connection_gives_way_but_never_a_registration() {
    let mut world = World::new();
    let (first, _) = world.register("abc");
    let idle: Vec<_> = (0..511).map(|_| world.open(false)).collect();
    assert_eq!((world.server.connections(), world.server.poll_close()), (512, None));
    let id = world.open(false);
    assert_eq!(world.server.poll_close(), Some((idle[0], CloseReason::Evicted)));
    assert_eq!(world.server.connections(), 512);
    assert_eq!(world.send(id, b"\x00\x04zabc").1, Some(CloseReason::Answered));
    world.server.handle_close(first);

    let mut world = World::with(ServerConfig { connections_max: 2, ..ServerConfig::default() });
    assert!(world.register("a").1.is_ok() && world.register("b").1.is_ok());
    let id = world.open(true);
    assert_eq!(world.server.poll_close(), Some((id, CloseReason::Full)));
}

#[test]
fn of_one_address_so_many_may_be_slow() {
    let (here, there): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let at = |milliseconds| NOW.saturating_add(Duration::from_millis(milliseconds));
    for (slow, gone) in [(15, 0), (16, 1), (17, 2)] {
        let mut server = Server::new(NOW, ServerConfig::default());
        // Registrations and answers are not slow.
        let local = IpAddr::from([127, 0, 0, 1]);
        for number in 100..150 {
            server.handle_open_from(NOW, ConnId(number), local);
            let register = Register::new(NodeEntry::new(&format!("n{number}"), 1));
            server.handle_bytes(NOW, ConnId(number), &register.request().expect("within limits"));
            assert!(server.poll_transmit(ConnId(number)).is_some());
        }
        for number in 0..slow {
            server.handle_open_from(NOW, ConnId(number), here);
            server.handle_bytes(NOW, ConnId(number), b"\0");
        }
        server.handle_open_from(at(499), ConnId(200), here);
        server.handle_open_from(at(500), ConnId(201), there);
        server.handle_open_from(at(500), ConnId(202), local);
        assert_eq!(server.poll_close(), None);
        server.handle_open_from(at(500), ConnId(203), here);
        let closed: Vec<_> = core::iter::from_fn(|| server.poll_close()).collect();
        let expected: Vec<_> = (0..gone).map(|number| (ConnId(number), CloseReason::Evicted)).collect();
        assert_eq!(closed, expected, "{slow}");
        assert_eq!(server.nodes().count(), 50);
    }
}

/// A connection limit at both of its sides.
#[test]
fn as_many_connections_as_configured() {
    for (open, evicted) in [(511, 0), (512, 1), (513, 2)] {
        let mut world = World::new();
        for _ in 0..=open {
            world.open(false);
        }
        let closed = core::iter::from_fn(|| world.server.poll_close()).count();
        assert_eq!(closed, evicted, "{open}");
        assert_eq!(world.server.connections(), open + 1 - evicted);
    }
}

#[test]
fn a_client_takes_answers_in_any_pieces() {
    let answer = b"w\x00\x03\xE8M\x00\x00\x06\x00\x05\x00\x03abc\x00\x02ex";
    let mut lookup = Lookup::new("abc");
    for byte in &answer[..answer.len() - 1] {
        assert_eq!(lookup.handle_bytes(&[*byte]), Ok(None));
    }
    let entry = lookup.handle_bytes(&answer[answer.len() - 1..]).unwrap().unwrap().unwrap();
    assert_eq!((entry.tcp_port, entry.extra.as_slice()), (1000, &b"ex"[..]));
    let mut lookup = Lookup::new("abc");
    assert_eq!(lookup.handle_bytes(b"w"), Ok(None));
    assert_eq!(lookup.handle_bytes(b"\x01"), Ok(Some(None)));

    let mut names = Names::new();
    names.handle_bytes(b"\x00\x00\x11\x11name a at port 1\nname b at").unwrap();
    names.handle_bytes(b" port 22\n").unwrap();
    let expected = NameList { epmd_tcp_port: 4369, names: vec![("a".to_owned(), 1), ("b".to_owned(), 22)] };
    assert_eq!(names.handle_eof(), Ok(expected));
}

#[test]
fn a_client_refuses_what_is_no_answer() {
    let lookup = |bytes: &[u8]| Lookup::new("abc").handle_bytes(bytes).unwrap_err();
    assert_eq!(lookup(b"HTTP/1.1 400"), EpmdError::UnexpectedTag(b'H'));
    assert_eq!(lookup(b"w\x00\x03\xE8M\x00\x00\x06\x00\x05\x00\x03abd\x00\x00"), EpmdError::WrongName);
    let control = EpmdError::Malformed(RequestError::NameControl);
    assert_eq!(lookup(b"w\x00\x03\xE8M\x00\x00\x06\x00\x05\x00\x03ab\n\x00\x00"), control);
    assert!(matches!(lookup(&[b'w'; 3000]), EpmdError::TooLong { .. }));
    assert_eq!(Lookup::new("abc").handle_eof(), EpmdError::Closed { received: 0 });

    let register = |bytes: &[u8]| Register::new(NodeEntry::new("a", 1)).handle_bytes(bytes);
    assert_eq!(register(b"v\x00\x00\x00\x00"), Ok(None));
    assert_eq!(register(b"y\x00\x00\x03"), Ok(Some(3)));
    assert_eq!(register(b"v\x02\x00\x00\x00\x00"), Err(EpmdError::Refused { result: 2 }));
    assert_eq!(register(b"w\x00"), Err(EpmdError::UnexpectedTag(b'w')));
    assert!(matches!(register(b"v\x00\x00\x00\x00\x01+"), Err(EpmdError::TooLong { .. })));
    let mut twice = Register::new(NodeEntry::new("a", 1));
    twice.handle_bytes(b"y\x00\x00\x03").unwrap();
    assert_eq!(twice.handle_bytes(b"y"), Err(EpmdError::AfterAnswer));

    for text in
        [&b"\x00\x00\x11\x11nome a at port 1\n"[..], b"\0\0\0\0name a at port 99999\n", b"\0\0\0\0\xFF"]
    {
        let mut names = Names::new();
        names.handle_bytes(text).unwrap();
        assert_eq!(names.handle_eof(), Err(EpmdError::BadText));
    }
    assert_eq!(Names::new().handle_eof(), Err(EpmdError::Closed { received: 0 }));
    let mut names = Names::new();
    names.handle_bytes(&vec![b'x'; 1024 * 1024]).unwrap();
    assert_eq!(names.handle_bytes(b"x"), Err(EpmdError::TooLong { limit: 1024 * 1024 }));

    for (name, fault) in [
        (String::new(), RequestError::NameEmpty),
        ("a".repeat(256), RequestError::NameTooLong),
        ("a\nb".to_owned(), RequestError::NameControl),
    ] {
        assert_eq!(Lookup::new(&name).request(), Err(EpmdError::Request(fault)));
        assert_eq!(Register::new(NodeEntry::new(&name, 1)).request(), Err(EpmdError::Request(fault)));
    }
    let fat = NodeEntry { extra: vec![0; 1021], ..NodeEntry::new("a", 1) };
    assert_eq!(Register::new(fat).request(), Err(EpmdError::Request(RequestError::ExtraTooLong)));
}

/// A registration from another machine is closed in silence, and the name is free.
#[test]
fn no_nonlocal_register() {
    let mut world = World::new();
    let stranger = world.open(false);
    let (out, reason) = world.send(stranger, &counted(&alive(b"far", 6, b"")));
    assert_eq!((out, reason), (vec![], Some(CloseReason::NotAllowed)));
    assert_eq!(world.server.nodes().count(), 0);
    let (_near, registered) = world.register("far");
    assert!(matches!(registered, Ok(Some(_))));
}

/// A KILL from another machine is closed in silence, although no node is registered.
#[test]
fn no_nonlocal_kill() {
    let mut world = World::new();
    let stranger = world.open(false);
    let (out, reason) = world.send(stranger, &counted(b"k"));
    assert_eq!((out, reason), (vec![], Some(CloseReason::NotAllowed)));
    assert!(!world.server.is_stop_requested());
    let (_near, out, _reason) = world.ask(b"k");
    assert_eq!(out, b"OK");
}
