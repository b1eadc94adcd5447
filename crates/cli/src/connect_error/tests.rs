//! Errors of a connection and what the user reads of them.

use super::{explain, explain_dial};
use crate::cookie::{Cookie, CookieFlags};
use crate::failure::{Failure, Status};
use engset::NodeName;
use engset::net::{
    CloseReason, ConnectError, DialError, EpmdError, HandshakeError, HandshakeStep, Step, TlsError, TlsFault,
};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

fn at() -> SocketAddr {
    "10.0.0.9:4369".parse().unwrap()
}

fn cookie() -> Cookie {
    CookieFlags { cookie: Some("secret".to_owned()), cookie_file: None }.find().unwrap()
}

fn told(error: &ConnectError) -> Failure {
    checked(explain(NodeName::new("n2@10.0.0.9").unwrap(), error))
}

fn told_close(reason: CloseReason) -> Failure {
    checked(explain_dial(NodeName::new("n2@10.0.0.9").unwrap(), &(Arc::new(reason) as DialError), &cookie()))
}

fn checked(failure: Failure) -> Failure {
    assert!(failure.summary.contains("n2@10.0.0.9"), "{failure:?}");
    assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
    failure
}

fn step_and_status(error: &ConnectError) -> (String, Status) {
    step_and_status_of(&told(error))
}

fn step_and_status_of(failure: &Failure) -> (String, Status) {
    let step = failure.facts.iter().find(|(label, _)| *label == "step");
    (step.map(|(_, step)| step.clone()).unwrap_or_default(), failure.status)
}

fn refused() -> Arc<io::Error> {
    Arc::new(io::Error::from(ErrorKind::ConnectionRefused))
}

fn closed(error: HandshakeError) -> (String, Status) {
    step_and_status_of(&told_close(CloseReason::Handshake(error)))
}

#[test]
fn each_error_names_its_step_and_has_its_exit_code() {
    let expected = |step: &str, status| (step.to_owned(), status);
    let resolve = ConnectError::Resolve { host: "10.0.0.9".to_owned(), error: refused() };
    assert_eq!(step_and_status(&resolve), expected("resolve", Status::Unreachable));
    let no_epmd = ConnectError::NoEpmd { at: at(), error: refused() };
    assert_eq!(step_and_status(&no_epmd), expected("epmd", Status::Unreachable));
    let no_such_epmd = ConnectError::Epmd { at: at(), error: EpmdError::BadText };
    assert_eq!(step_and_status(&no_such_epmd), expected("epmd", Status::Unreachable));
    let unknown = ConnectError::UnknownNode { name: "n2".to_owned(), at: at() };
    assert_eq!(step_and_status(&unknown), expected("name", Status::NotFound));
    let tcp = ConnectError::Tcp { at: at(), error: refused() };
    assert_eq!(step_and_status(&tcp), expected("tcp", Status::Unreachable));
    let slow = ConnectError::Timeout { step: Step::Tcp, at: Some(at()) };
    assert_eq!(step_and_status(&slow), expected("timeout (tcp)", Status::Unreachable));
    let mute = closed(HandshakeError::Timeout { step: HandshakeStep::Status });
    assert_eq!(mute, expected("timeout (handshake)", Status::Unreachable));
    let cut = step_and_status_of(&told_close(CloseReason::ClosedByPeer));
    assert_eq!(cut, expected("handshake", Status::Unreachable));
    let not_allowed = closed(HandshakeError::NotAllowed);
    assert_eq!(not_allowed, expected("handshake", Status::Refused));
    let old = closed(HandshakeError::OldHandshake { version: 5 });
    assert_eq!(old, expected("handshake", Status::Refused));
    let other = HandshakeError::NameMismatch { expected: "n2@10.0.0.9".to_owned(), got: "x@y".to_owned() };
    assert_eq!(closed(other), expected("name", Status::NotFound));
}

#[test]
fn different_cookies_are_told_with_the_fingerprint_of_ours() {
    let mismatch = HandshakeError::CookieMismatch { peer: "n2@10.0.0.9".to_owned() };
    for error in [mismatch, HandshakeError::ClosedByPeer { step: HandshakeStep::Ack }] {
        let failure = told_close(CloseReason::Handshake(error));
        assert_eq!(failure.summary, "n2@10.0.0.9 refused us: the cookies differ");
        assert_eq!(failure.status, Status::Refused);
        let facts = format!("{:?}", failure.facts);
        assert!(facts.contains(&cookie().fingerprint()) && facts.contains("--cookie"), "{facts}");
    }
}

#[test]
fn an_unknown_name_tells_how_to_list_the_known_ones() {
    let failure = told(&ConnectError::UnknownNode { name: "n2".to_owned(), at: at() });
    let facts = format!("{:?}", failure.facts);
    assert!(facts.contains("engset names --host 10.0.0.9 --port 4369"), "{facts}");
}

#[test]
fn errors_of_a_connection_are_told_in_the_same_way_from_wherever_they_come() {
    let peer = NodeName::new("n2@10.0.0.9").unwrap();
    let reason = CloseReason::Handshake(HandshakeError::ClosedByPeer { step: HandshakeStep::Ack });
    let told = |error: DialError| explain_dial(peer, &error, &cookie());
    assert_eq!(told(Arc::new(reason.clone())), told_close(reason));
    let other = told(Arc::new(io::Error::other("something else")));
    assert_eq!(other.summary, "n2@10.0.0.9 was not reached: something else");
}

#[test]
fn errors_of_tls_are_told_in_the_same_way_at_each_time() {
    let fault = TlsFault::OurCertificateFromOtherAuthority;
    let error = TlsError { fault, error: refused() };
    let early = told(&ConnectError::Tls { at: at(), error: error.clone() });
    // The verdict on our certificate may come when our side of TLS is done.
    let late = told_close(CloseReason::Carrier(Arc::new(io::Error::other(error))));
    for failure in [early, late] {
        assert_eq!(
            failure.summary,
            "no TLS with n2@10.0.0.9: the peer does not know the CA of our certificate"
        );
        assert_eq!(step_and_status_of(&failure), ("tls".to_owned(), Status::Refused));
        assert!(failure.facts.iter().any(|(label, fact)| *label == "do" && fact == fault.remedy()));
    }
    let error = TlsError { fault, error: refused() };
    let quic = told(&ConnectError::Quic { at: at(), error });
    assert_eq!(quic.summary, "no QUIC with n2@10.0.0.9: the peer does not know the CA of our certificate");
    assert_eq!(step_and_status_of(&quic), ("quic".to_owned(), Status::Refused));
    assert!(format!("{:?}", quic.facts).contains("(UDP)"), "{quic:?}");
    let mute = ConnectError::Timeout { step: Step::Tls, at: Some(at()) };
    assert_eq!(step_and_status(&mute), ("timeout (tls)".to_owned(), Status::Unreachable));
}

#[test]
fn a_peer_that_speaks_tls_and_one_that_lacks_a_flag_are_told_of() {
    let tls =
        told_close(CloseReason::Handshake(HandshakeError::PeerSpeaksTls { step: HandshakeStep::Status }));
    assert_eq!(tls.summary, "n2@10.0.0.9 speaks TLS only");
    assert!(format!("{tls:?}").contains("--tls-dir"), "{tls:?}");
    let missing = HandshakeError::MissingFlags(engset::net::Flags::OURS);
    let missing = told_close(CloseReason::Handshake(missing));
    assert_eq!(step_and_status_of(&missing), ("handshake".to_owned(), Status::Refused));
    assert!(format!("{missing:?}").contains("OTP 25"), "{missing:?}");
}

#[test]
fn a_socket_file_that_is_not_there_is_told_of() {
    let unix = ConnectError::Unix { path: "/run/nodes/n2@10.0.0.9".into(), error: refused() };
    assert_eq!(step_and_status(&unix), ("unix".to_owned(), Status::Unreachable));
    assert!(told(&unix).summary.contains("/run/nodes/n2@10.0.0.9"));
}
