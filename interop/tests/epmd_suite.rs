//! The cases of OTP's `epmd_SUITE`, each asked of the stock EPMD and of ours: both must say the same.
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset::Node;
use engset::net::epmd::{self, EpmdServer};
use engset_testkit::{EpmdProcess, require_erl};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// Where a node of the tests would listen.
const TCP_PORT: u16 = 4711;
/// Nobody waits longer for an EPMD that should answer or close.
const PATIENCE: Duration = Duration::from_secs(20);
/// As many connections as ours has.
const OUR_CONNECTIONS_MAX: usize = 512;

/// An EPMD of our own, as long as this value lives.
struct Ours {
    server: EpmdServer,
    _node: Node,
}

fn ours(address: IpAddr) -> io::Result<Ours> {
    let node = Node::builder().workers(1).start().unwrap();
    let serve = async move |cx: engset::Cx<engset::Term>| {
        epmd::serve(SocketAddr::new(address, 0), cx.processes().scheduler()).await
    };
    let server = node.block_on(serve).unwrap()?;
    Ok(Ours { server, _node: node })
}

/// Runs the case with ours, and where it is installed with the stock one.
fn each(case: impl Fn(SocketAddr, &str)) {
    let our_own = ours(Ipv4Addr::LOCALHOST.into()).unwrap();
    case(our_own.server.at, "ours");
    if require_erl().is_some() {
        let stock = EpmdProcess::start().unwrap();
        case(SocketAddr::from((Ipv4Addr::LOCALHOST, stock.port())), "the stock one");
    }
}

fn connect(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn counted(body: &[u8]) -> Vec<u8> {
    [&u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn alive(name: &[u8], extra: &[u8]) -> Vec<u8> {
    let mut body = vec![b'x'];
    body.extend(TCP_PORT.to_be_bytes());
    body.extend([77, 0, 0, 6, 0, 5]);
    body.extend(counted(name));
    body.extend(counted(extra));
    body
}

/// What is said until the connection is closed.
fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return said,
            Ok(read) => said.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return said,
            Err(error) => panic!("not closed in time: {error}"),
        }
    }
}

fn ask(at: SocketAddr, body: &[u8]) -> Vec<u8> {
    let mut stream = connect(at);
    stream.write_all(&counted(body)).unwrap();
    until_closed(&mut stream)
}

/// Registers; the connection that keeps the name, or the result byte of the refusal; `None` when it is closed.
fn register_with(at: SocketAddr, name: &[u8], extra: &[u8]) -> Result<TcpStream, Option<u8>> {
    let mut stream = connect(at);
    stream.write_all(&counted(&alive(name, extra))).unwrap();
    let mut answer = [0; 6];
    match stream.read_exact(&mut answer) {
        Ok(()) => {
            assert_eq!(answer[0], b'v');
            if answer[1] == 0 { Ok(stream) } else { Err(Some(answer[1])) }
        }
        Err(_) => Err(None),
    }
}

fn register(at: SocketAddr, name: &str) -> Result<TcpStream, Option<u8>> {
    register_with(at, name.as_bytes(), b"")
}

fn port_please(at: SocketAddr, name: &str) -> Vec<u8> {
    ask(at, &[b"z", name.as_bytes()].concat())
}

/// What a look-up of a registered node says.
fn entry(name: &[u8], extra: &[u8]) -> Vec<u8> {
    let mut answer = vec![b'w', 0];
    answer.extend_from_slice(&alive(name, extra)[1..]);
    answer
}

fn names(at: SocketAddr) -> Vec<String> {
    let answer = ask(at, b"n");
    let text = String::from_utf8(answer[4..].to_vec()).unwrap();
    let mut names: Vec<_> =
        text.lines().map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

/// Waits until the EPMD has noticed that a connection is gone.
fn until_names(at: SocketAddr, expected: &[&str]) {
    let seen = (0..10_000).any(|_| names(at) == expected);
    assert!(seen, "{:?} instead of {expected:?}", names(at));
}

#[test]
fn register_name() {
    each(|at, who| {
        let stream = register(at, "foobar").unwrap();
        assert_eq!(names(at), ["foobar"], "{who}");
        drop(stream);
        until_names(at, &[]);
    });
}

#[test]
fn register_name_ipv6() {
    // The stock one is started at the IPv4 loopback by the test kit.
    match ours(Ipv6Addr::LOCALHOST.into()) {
        Ok(ours) => {
            let _stream = register(ours.server.at, "foobar6").unwrap();
            assert_eq!(names(ours.server.at), ["foobar6"]);
        }
        Err(error) => println!("skipped: register_name_ipv6: no IPv6 loopback: {error}"),
    }
}

#[test]
fn register_names_1() {
    each(|at, who| {
        let _first = register(at, "foobar").unwrap();
        let _second = register(at, "foozap").unwrap();
        assert_eq!(names(at), ["foobar", "foozap"], "{who}");
    });
}

#[test]
fn register_names_2() {
    each(|at, who| {
        let first = register(at, "foobar").unwrap();
        drop(first);
        until_names(at, &[]);
        let _again = register(at, "foobar").unwrap();
        let _other = register(at, "foo").unwrap();
        assert_eq!(names(at), ["foo", "foobar"], "{who}");
    });
}

#[test]
fn register_duplicate_name() {
    each(|at, who| {
        let _first = register(at, "foobar").unwrap();
        assert_eq!(register(at, "foobar").unwrap_err(), Some(1), "{who}");
        assert_eq!(port_please(at, "foobar"), entry(b"foobar", b""), "{who}");
    });
}

#[test]
fn unicode_name() {
    each(|at, who| {
        let name = "unic\u{f6}d\u{e9}\u{1f608}";
        let _stream = register(at, name).unwrap();
        assert_eq!(port_please(at, name), entry(name.as_bytes(), b""), "{who}");
        assert_eq!(names(at), [name], "{who}");
    });
}

/// At the limit of characters, and one over it.
#[test]
fn long_unicode_name() {
    each(|at, who| {
        for (length, is_taken) in [(254, true), (255, true), (256, false)] {
            let name = "\u{1f608}".repeat(length);
            let registered = register(at, &name);
            assert_eq!(registered.is_ok(), is_taken, "{length} {who}");
            // Of the longest in bytes the stock one says nothing, although it has taken it.
            if is_taken && (length < 255 || who == "ours") {
                assert_eq!(port_please(at, &name), entry(name.as_bytes(), b""), "{length} {who}");
            }
        }
    });
}

/// The limit of `extra`, which every look-up carries along.
#[test]
fn the_extra_data_has_a_limit_at_both_sides_of_it() {
    each(|at, who| {
        for (length, is_taken) in [(1_019, true), (1_020, true), (1_021, false)] {
            let extra = vec![7; length];
            let registered = register_with(at, b"extra", &extra);
            assert_eq!(registered.is_ok(), is_taken, "{length} {who}");
            if is_taken {
                assert_eq!(port_please(at, "extra"), entry(b"extra", &extra), "{length} {who}");
            }
            drop(registered);
            until_names(at, &[]);
        }
    });
}

#[test]
fn get_port_nr() {
    each(|at, who| {
        let _stream = register(at, "foo").unwrap();
        assert_eq!(port_please(at, "foo"), entry(b"foo", b""), "{who}");
        assert_eq!(port_please(at, "fo"), b"w\x01", "{who}");
    });
}

/// The request in single bytes, each of which is acknowledged before the next.
#[test]
fn slow_get_port_nr() {
    each(|at, who| {
        let _stream = register(at, "foo").unwrap();
        let mut slow = connect(at);
        slow.set_nodelay(true).unwrap();
        for byte in counted(b"zfoo") {
            slow.write_all(&[byte]).unwrap();
            // Another conversation in between shows that the byte has been looked at.
            assert_eq!(names(at), ["foo"], "{who}");
        }
        assert_eq!(until_closed(&mut slow), entry(b"foo", b""), "{who}");
    });
}

#[test]
fn unregister_others_name_1() {
    each(|at, who| {
        assert_eq!(ask(at, b"sfoo"), b"", "{who}");
    });
}

#[test]
fn unregister_others_name_2() {
    each(|at, who| {
        let _stream = register(at, "foo").unwrap();
        assert_eq!(ask(at, b"sfoo"), b"", "{who}");
        assert_eq!(names(at), ["foo"], "{who}");
    });
}

/// As many names as there is place for, again and again; what is too much is closed, and hurts nobody.
#[test]
fn register_overflow() {
    let ours = ours(Ipv4Addr::LOCALHOST.into()).unwrap();
    let at = ours.server.at;
    for round in 0..3 {
        let streams: Vec<_> = (0..OUR_CONNECTIONS_MAX)
            .map(|number| register(at, &format!("node{round}x{number}")).unwrap())
            .collect();
        assert_eq!(register(at, "one_more").unwrap_err(), None);
        drop(streams);
        // Places are free as soon as it is noticed that the others are gone.
        let is_free = (0..10_000).any(|_| register(at, "one_more").is_ok());
        assert!(is_free, "round {round}");
        until_names(at, &[]);
    }
}

#[test]
fn name_with_null_inside() {
    each(|at, who| {
        assert!(register(at, "foo\0bar").is_err(), "{who}");
        assert_eq!(names(at), [] as [&str; 0], "{who}");
    });
}

#[test]
fn name_null_terminated() {
    each(|at, who| {
        assert!(register(at, "foobar\0").is_err(), "{who}");
        assert_eq!(names(at), [] as [&str; 0], "{who}");
    });
}

#[test]
fn stupid_names_req() {
    each(|at, who| {
        let _stream = register(at, "foo").unwrap();
        let answer = ask(at, b"n and more than there should be");
        assert!(answer.ends_with(b"name foo at port 4711\n"), "{who}");
    });
}

/// Ours closes whoever says nothing; the stock one does after a minute.
#[test]
fn no_data() {
    let ours = ours(Ipv4Addr::LOCALHOST.into()).unwrap();
    assert_eq!(until_closed(&mut connect(ours.server.at)), b"");
}

/// Opens, writes this, and awaits the close by our EPMD, whose patience is short.
fn check_closed_by_ours(bytes: &[u8]) {
    let ours = ours(Ipv4Addr::LOCALHOST.into()).unwrap();
    let mut stream = connect(ours.server.at);
    stream.write_all(bytes).unwrap();
    assert_eq!(until_closed(&mut stream), b"");
    assert_eq!(names(ours.server.at), [] as [&str; 0]);
}

#[test]
fn one_byte() {
    check_closed_by_ours(&[0]);
}

#[test]
fn two_bytes() {
    check_closed_by_ours(&[0, 3]);
}

#[test]
fn partial_packet() {
    check_closed_by_ours(&[0, 17, b'x', 1, 2]);
}

/// Whoever stops in the middle is closed at once when he says no more, by either.
#[test]
fn what_ends_early_is_closed() {
    each(|at, who| {
        for bytes in [&[][..], &[0], &[0, 3], &[0, 17, b'x', 1, 2]] {
            let mut stream = connect(at);
            stream.write_all(bytes).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(until_closed(&mut stream), b"", "{who}");
        }
    });
}

#[test]
fn zero_length() {
    each(|at, who| {
        let mut stream = connect(at);
        stream.write_all(&[0, 0, 0, 0, 0, 0, 0, 0]).ok();
        assert_eq!(until_closed(&mut stream), b"", "{who}");
    });
}

/// A request over the limit, whose limit is that of the longest name and the most data.
#[test]
fn too_large() {
    each(|at, who| {
        let mut stream = connect(at);
        stream.write_all(&0xffff_u16.to_be_bytes()).unwrap();
        stream.write_all(&[b'z'; 0xffff]).ok();
        assert_eq!(until_closed(&mut stream), b"", "{who}");
        assert_eq!(names(at), [] as [&str; 0], "{who}");
    });
}

/// A registration whose length says less than its fields.
fn check_no_registration(body: &[u8]) {
    each(|at, who| {
        let mut stream = connect(at);
        stream.write_all(&counted(body)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let said = until_closed(&mut stream);
        assert!(said.is_empty() || said[1] != 0, "{said:?} {who}");
        assert_eq!(names(at), [] as [&str; 0], "{who}");
    });
}

#[test]
fn alive_req_too_small_1() {
    let whole = alive(b"small", b"");
    check_no_registration(&whole[..whole.len() - 3]);
}

#[test]
fn alive_req_too_small_2() {
    let whole = alive(b"small", b"");
    check_no_registration(&whole[..whole.len() - 6]);
}

/// What is behind a whole registration in the same request does not matter.
#[test]
fn alive_req_too_large() {
    each(|at, who| {
        let mut stream = connect(at);
        stream.write_all(&counted(&[&alive(b"large", b"")[..], b"abcd"].concat())).unwrap();
        let mut answer = [0; 6];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[..2], [b'v', 0], "{who}");
        assert_eq!(names(at), ["large"], "{who}");
    });
}

#[test]
fn returns_valid_empty_extra() {
    each(|at, who| {
        let _stream = register_with(at, b"foo", b"").unwrap();
        assert_eq!(port_please(at, "foo"), entry(b"foo", b""), "{who}");
    });
}

#[test]
fn returns_valid_populated_extra_with_nulls() {
    each(|at, who| {
        let extra = b"\0extra\0with\0\0nulls\0";
        let _stream = register_with(at, b"foo", extra).unwrap();
        assert_eq!(port_please(at, "foo"), entry(b"foo", extra), "{who}");
    });
}

/// Lengths inside a registration that point behind its end.
#[test]
fn buffer_overrun_1() {
    let mut body = alive(b"overrun", b"");
    body[9..11].copy_from_slice(&[0xff, 0xff]);
    check_no_registration(&body);
}

#[test]
fn buffer_overrun_2() {
    let mut body = alive(b"overrun", b"");
    let end = body.len();
    body[end - 2..].copy_from_slice(&[0xff, 0xff]);
    check_no_registration(&body);
}

#[test]
fn no_live_killing() {
    each(|at, who| {
        let stream = register(at, "foo").unwrap();
        assert_eq!(ask(at, b"k"), b"NO", "{who}");
        assert_eq!(names(at), ["foo"], "{who}");
        drop(stream);
        until_names(at, &[]);
        assert_eq!(ask(at, b"k"), b"OK", "{who}");
    });
}

/// Nodes that go before they have their answer leave no name behind.
#[test]
fn socket_reset_before_alive2_reply_is_written() {
    each(|at, _who| {
        for number in 0..100 {
            let mut stream = connect(at);
            stream.write_all(&counted(&alive(format!("gone{number}").as_bytes(), b""))).unwrap();
        }
        until_names(at, &[]);
    });
}

/// At an address of this machine that is not the loopback, strangers may ask and no more, and nodes register at the
/// loopback of the same EPMD.
#[test]
fn strangers_ask_and_nodes_register_at_the_loopback() {
    let Some(address) = own_address() else {
        return println!(
            "skipped: strangers_ask_and_nodes_register_at_the_loopback: only the loopback is there"
        );
    };
    let ours = ours(address).unwrap();
    let at = ours.server.at;
    assert_eq!(register(at, "far").unwrap_err(), None);
    assert_eq!(ask(at, b"k"), b"");
    assert_eq!(ask(at, b"d"), b"");
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, at.port()));
    let _near = register(loopback, "near").unwrap();
    assert_eq!(names(at), ["near"]);
    assert_eq!(port_please(at, "near"), entry(b"near", b""));
}

/// An address of this machine that others reach it by. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}
