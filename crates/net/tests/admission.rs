//! How a node treats the addresses that its peers come from: who fails or guesses too often is refused for a while, and
//! peers with the right cookie notice nothing of it.

mod peer;

use engset_dist::handshake::HandshakeError;
use engset_net::NodeBuilder;
use peer::{COOKIE, Stage, connect, initiator, until_closed, write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The limits hold for the loopback, too, as if it were a network.
fn strict(builder: NodeBuilder) -> NodeBuilder {
    builder.adjust(|config| config.admission.spares_loopback = false)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Connects from another address than the rest of the test.
async fn dial(at: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 3, 7), 0))).expect("all of 127/8 is here");
    socket.connect(at).await.expect("the node listens")
}

#[test]
fn an_address_that_fails_too_often_is_not_read_for_a_while() {
    let stage = Stage::new("strict@127.0.0.1", strict);
    let runtime = runtime();
    let mut witness = stage.connected("witness@127.0.0.1");
    let (mut refused, mut sent) = (0, 0);
    // A second may pass on the way, so that counting begins anew: a thousand in one second is not reached by chance.
    while refused == 0 && sent < 1_000 {
        runtime.block_on(async {
            let mut stream = dial(stage.at).await;
            drop(stream.write_all(b"\0\x01X").await);
            drop(stream.read(&mut [0; 16]).await);
        });
        sent += 1;
        refused = stage.node.admission().refused;
    }
    assert!(refused > 0 && sent > 64, "{refused} of {sent}");
    // Another address is let in.
    stage.check_alive();
    witness.ping(&stage);
}

#[test]
fn ten_guesses_close_the_door_and_the_right_cookie_before_that_does_not_count() {
    let stage = Stage::new("guarded@127.0.0.1", strict);
    let mut early = stage.connected("early@127.0.0.1");
    for guess in 0..10 {
        stage.check_alive();
        let wrong =
            stage.shake_hands(&format!("guesser{guess}@127.0.0.1"), &format!("guess {guess}")).map(drop);
        assert!(matches!(wrong, Err(HandshakeError::ClosedByPeer { .. })), "{wrong:?}");
        // The node notes the guess when it has closed.
        settle_guess(&stage, guess + 1);
    }
    assert_eq!(stage.node.admission().refused, 0);
    // Now nobody from there, not even with the right cookie; who is in stays in.
    assert!(stage.shake_hands("late@127.0.0.1", COOKIE).is_err());
    assert_eq!(stage.node.admission().refused, 1);
    early.ping(&stage);
    // From elsewhere all is as before.
    let (mut out, runtime) = (Vec::new(), runtime());
    initiator("elsewhere@127.0.0.1", stage.name, COOKIE).poll_transmit(&mut out);
    let status = runtime.block_on(async {
        let mut stream = dial(stage.at).await;
        stream.write_all(&out).await.expect("the node reads");
        let mut status = [0; 5];
        stream.read_exact(&mut status).await.expect("the node answers");
        status
    });
    assert_eq!(&status, b"\0\x03sok");
}

fn settle_guess(stage: &Stage, guesses: u64) {
    let due = now() + PATIENCE;
    while stage.node.admission().guessed < guesses {
        assert!(now() < due, "the node counts no guess");
        std::thread::yield_now();
    }
}

#[test]
fn the_loopback_is_spared() {
    let stage = Stage::new("home@127.0.0.1", |builder| builder);
    for guess in 0..20 {
        assert!(stage.shake_hands(&format!("wrong{guess}@127.0.0.1"), "wrong").is_err());
    }
    for _ in 0..200 {
        let mut stream = connect(stage.at);
        write(&mut stream, b"\0\x01X");
        assert!(until_closed(&mut stream).is_some());
    }
    stage.check_alive();
    assert_eq!(stage.node.admission().refused, 0);
}

#[test]
fn fifteen_hundred_peers_of_one_address_notice_nothing() {
    let stage = Stage::new("mesh@127.0.0.1", strict);
    let peers: Vec<Vec<peer::Peer>> = std::thread::scope(|scope| {
        let stage = &stage;
        let dialling: Vec<_> = (0..8)
            .map(|thread| {
                scope.spawn(move || {
                    let numbers = (0..1_500).filter(move |number| number % 8 == thread);
                    numbers.map(|number| stage.connected(&format!("n{number}@127.0.0.1"))).collect()
                })
            })
            .collect();
        dialling.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(peers.iter().map(Vec::len).sum::<usize>(), 1_500);
    assert_eq!(stage.node.node().connected().len(), 1_500);
    let counts = stage.node.admission();
    assert_eq!((counts.evicted, counts.refused, counts.failed), (0, 0, 0));
    drop(peers);
    // Who comes back again and again, as fast as it can, is no stranger either.
    for _ in 0..200 {
        stage.connected("restless@127.0.0.1");
    }
    assert_eq!(stage.node.admission().refused, 0);
}

#[expect(clippy::disallowed_methods, reason = "tests have a deadline")]
fn now() -> Instant {
    Instant::now()
}
