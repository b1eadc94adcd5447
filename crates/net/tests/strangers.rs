//! Very many connections of strangers, from everywhere: they leave nothing behind. A program of its own, since its memory
//! is measured.

mod peer;

use engset_dist::Flags;
use engset_net::NodeBuilder;
use engset_term::NodeName;
use peer::Stage;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

/// Strangers that come and go.
const STRANGERS: usize = 10_000;
/// Connections of strangers at a time.
const AT_A_TIME: usize = 64;
/// How many of them come from the same address: it fails and guesses less often than an address may.
const PER_ADDRESS: usize = 40;
/// What the program may have in memory more after all of them than after the first tenth: buffers that the allocator
/// keeps, and no more than 840 bytes for each.
const GROWTH_BYTES_MAX: u64 = 8 << 20;
/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn dial(at: SocketAddr, from: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let host = u8::try_from(from / PER_ADDRESS).expect("at most 250 addresses") + 1;
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 3, host), 0))).expect("all of 127/8 is here");
    socket.connect(at).await.expect("the node listens")
}

/// The first message of a handshake in this name.
fn name_message(name: &[u8], flags: Flags) -> Vec<u8> {
    let body = [&b"N"[..], &flags.0.to_be_bytes(), &[0, 0, 0, 9], &counted(name)].concat();
    counted(&body)
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("a short message").to_be_bytes();
    [&len[..], bytes].concat()
}

/// The name that a stranger gives where it gives a valid one.
fn name(number: usize) -> String {
    // No two look alike; the factor is odd.
    let random = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("x{random:016x}@stranger{number}.example")
}

/// What a stranger says, and whether it waits for what the node says to it.
fn says(number: usize) -> (Vec<u8>, bool) {
    let valid = name_message(name(number).as_bytes(), Flags::OURS);
    match number % 10 {
        0 => (valid, false),
        1 => (valid, true),
        2 => (valid[..valid.len() - 1].to_vec(), false),
        3 => ([&valid[..], &counted(&[&b"r\0\0\0\x07"[..], &[0xAA; 16]].concat())].concat(), true),
        4 => (name_message(format!("x{number}\u{7}@h").as_bytes(), Flags::OURS), true),
        5 => (name_message(format!("x{number}").as_bytes(), Flags::OURS), true),
        6 => (name_message(&vec![b'@'; 1 + number % 500], Flags::OURS), true),
        7 => (name_message(b"asks.example", Flags::OURS | Flags::NAME_ME), true),
        8 => (name_message(name(number).as_bytes(), Flags::NONE), true),
        _ => ((0..number % 200).map(|at| u8::try_from(at * number % 251).unwrap_or(0)).collect(), false),
    }
}

async fn come_and_go(at: SocketAddr, number: usize) {
    let mut stream = dial(at, number).await;
    let (bytes, waits) = says(number);
    // A node that has closed already is content.
    drop(stream.write_all(&bytes).await);
    if waits {
        drop(stream.read(&mut [0; 256]).await);
    }
}

async fn crowd(at: SocketAddr, numbers: std::ops::Range<usize>) {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let mut begun = Vec::new();
    for number in numbers {
        let place = Arc::clone(&places).acquire_owned().await.expect("never closed");
        begun.push(tokio::spawn(async move {
            come_and_go(at, number).await;
            drop(place);
        }));
    }
    for stranger in begun {
        stranger.await.expect("no panic");
    }
}

/// Waits until the node has seen the end of every stranger.
fn settle(stage: &Stage) {
    let due = now() + PATIENCE;
    while stage.node.handshakes_open() > 0 || stage.node.node().attempts() > 0 {
        assert!(now() < due, "{} handshakes are still open", stage.node.handshakes_open());
        stage.check_alive();
    }
}

#[test]
fn ten_thousand_strangers_leave_nothing_behind() {
    // The limits hold for the loopback, too, as if it were a network.
    let strict = |builder: NodeBuilder| builder.adjust(|config| config.admission.spares_loopback = false);
    let stage = Stage::new("inn@127.0.0.1", strict);
    let mut witness = stage.connected("witness@127.0.0.1");
    let begun = now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(crowd(stage.at, 0..STRANGERS / 10));
    settle(&stage);
    let before = resident_bytes();
    runtime.block_on(crowd(stage.at, STRANGERS / 10..STRANGERS));
    settle(&stage);
    let after = resident_bytes();
    let known = (0..STRANGERS).filter(|number| NodeName::find(&name(*number)).is_some()).count();
    assert_eq!(known, 0, "names of strangers in the table");
    assert_eq!((stage.node.handshakes_open(), stage.node.node().attempts()), (0, 0));
    let counts = stage.node.admission();
    assert_eq!((counts.failed, counts.evicted, counts.refused), (STRANGERS as u64, 0, 0));
    assert_eq!(counts.guessed, STRANGERS as u64 / 10);
    assert!(after.saturating_sub(before) < GROWTH_BYTES_MAX, "{before} bytes became {after}");
    witness.ping(&stage);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells the memory of a process");
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("the second field counts resident pages") * PAGE_BYTES
}

#[expect(clippy::disallowed_methods, reason = "tests have a deadline")]
fn now() -> Instant {
    Instant::now()
}
