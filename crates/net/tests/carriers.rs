//! Carriers between Engset nodes: Unix sockets, TLS, and what each says when it does not work.

mod certs;
mod peer;

use certs::{Authority, Certificate};
use engset_net::{
    ConnectError, PEM_FILE_BYTES_MAX, RunningNode, StartNodeError, TlsConfig, TlsConfigError, TlsError,
    TlsFault,
};
use engset_node::{CloseReason, DialError};
use engset_term::NodeName;
use peer::{COOKIE, connect, free_fixed_port, until_closed, write};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

const A: &str = "a@127.0.0.1";
const B: &str = "b@127.0.0.1";

fn dial(from: &RunningNode, peer: &str) -> Result<(), DialError> {
    let (sender, receiver) = mpsc::channel();
    let peer = NodeName::new(peer).expect("a name");
    from.node().connect(peer, move |result| drop(sender.send(result)));
    receiver.recv().expect("an attempt ends")
}

/// A directory that is not there yet, removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        Self(std::env::temp_dir().join(format!("engset-carriers-{test}-{}", std::process::id())))
    }

    fn start(&self, name: &str) -> Result<RunningNode, StartNodeError> {
        RunningNode::builder().name(name).cookie(COOKIE).workers(1).unix_socket(&self.0).start()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// Two nodes with socket files in one directory, without EPMD.
#[test]
fn erl_uds_dist_smoke_test() {
    let folder = Folder::new("smoke");
    // Hosts say nothing here.
    let one = folder.start("one@here").expect("it starts");
    let two = folder.start("two@anywhere.example").expect("it starts");
    assert_eq!(fs::metadata(&folder.0).unwrap().permissions().mode() & 0o777, 0o700);
    dial(&one, "two@anywhere.example").expect("it is there");
    assert_eq!(two.node().connected().len(), 1);
    two.node().disconnect_all();
    dial(&two, "one@here").expect("it is there");
    assert_ne!(one.node().config().creation, two.node().config().creation);
}

#[test]
fn who_is_not_there_has_no_socket_file_and_that_is_said() {
    let folder = Folder::new("absent");
    let one = folder.start("one@here").expect("it starts");
    let error = dial(&one, "two@here").expect_err("nobody is there");
    let error = error.downcast_ref::<ConnectError>().expect("an error of connecting");
    assert!(matches!(error, ConnectError::Unix { path, .. } if path.ends_with("two@here")), "{error}");
    assert!(error.to_string().contains("is it running"), "{error}");
}

#[test]
fn a_name_is_taken_as_long_as_its_node_runs() {
    let folder = Folder::new("taken");
    let one = folder.start("one@here").expect("it starts");
    let error = folder.start("one@here").expect_err("the name is taken").to_string();
    assert!(error.contains("a node one@here is running"), "{error}");
    drop(one);
    assert!(!folder.0.join("one@here").exists(), "its socket file goes with it");
    // A socket file that a killed node has left behind is in nobody's way.
    drop(UnixListener::bind(folder.0.join("one@here")).expect("the directory is there"));
    drop(folder.start("one@here").expect("nobody runs under that name"));
}

#[test]
fn an_open_directory_is_refused() {
    let folder = Folder::new("open");
    fs::create_dir(&folder.0).unwrap();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    let error = folder.start("one@here").expect_err("others may enter");
    assert!(matches!(&error, StartNodeError::SocketDir { .. }), "{error}");
    assert!(error.to_string().contains("give it the mode 700"), "{error}");
}

#[test]
fn no_carrier_stops_a_wrong_cookie_from_being_named() {
    let folder = Folder::new("cookie");
    let _one = folder.start("one@here").expect("it starts");
    let other = RunningNode::builder().name("two@here").cookie("another").workers(1).unix_socket(&folder.0);
    let error = dial(&other.start().expect("it starts"), "one@here").expect_err("the cookies differ");
    assert!(error.to_string().contains("cookie"), "{error}");
}

fn tls(authority: &Authority, certificate: &Certificate) -> TlsConfig {
    let (authority, chain, key) = (&authority.pem, &certificate.pem, &certificate.key);
    TlsConfig::from_pem(authority.as_bytes(), chain.as_bytes(), key.as_bytes()).expect("they fit each other")
}

fn start(name: &str, epmd_tcp_port: u16, tls: TlsConfig) -> RunningNode {
    let builder = RunningNode::builder().name(name).cookie(COOKIE).workers(1).epmd_tcp_port(epmd_tcp_port);
    builder.tls(tls).start().expect("it starts")
}

/// What is wrong when `a` with this certificate dials `b` with that one, and what it says.
fn fault(authority: &Authority, a: &Certificate, b: &Certificate) -> (TlsFault, String) {
    let port = free_fixed_port();
    let a = start(A, port, tls(authority, a));
    let b = start(B, port, tls(authority, b));
    let error = dial(&a, B).expect_err("they do not get together");
    assert!(a.node().connected().is_empty() && b.node().connected().is_empty());
    let of_stream = |reason: &CloseReason| match reason {
        CloseReason::Carrier(error) => {
            error.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<TlsError>().cloned()
        }
        _ => None,
    };
    let found = match (error.downcast_ref::<ConnectError>(), error.downcast_ref::<CloseReason>()) {
        (Some(ConnectError::Tls { error, .. }), _) => Some(error.clone()),
        (_, Some(reason)) => of_stream(reason),
        _ => None,
    };
    (found.unwrap_or_else(|| panic!("no error of TLS: {error}")).fault, error.to_string())
}

#[test]
fn two_nodes_with_good_certificates_get_together() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let a = start(A, port, tls(&authority, &authority.node(A)));
    let b = start(B, port, tls(&authority, &authority.host("127.0.0.1")));
    dial(&a, B).expect("they are of one cluster");
    a.node().disconnect_all();
    dial(&b, A).expect("they are of one cluster");
}

#[test]
fn each_fault_of_a_certificate_is_named_with_its_side_and_what_to_do() {
    let authority = Authority::new("cluster");
    let stranger = Authority::new("another cluster");
    let good = || authority.host("127.0.0.1");
    for (ours, theirs, expected, says) in [
        (
            good(),
            stranger.node(B),
            TlsFault::PeerCertificateFromOtherAuthority,
            "the CA of the peer's certificate",
        ),
        (good(), authority.expired("127.0.0.1"), TlsFault::PeerCertificateExpired, "a new certificate"),
        (
            good(),
            authority.not_yet_valid("127.0.0.1"),
            TlsFault::PeerCertificateNotYetValid,
            "set the clocks",
        ),
        (stranger.node(A), good(), TlsFault::OurCertificateFromOtherAuthority, "from the cluster's CA"),
        (
            authority.expired("127.0.0.1"),
            good(),
            TlsFault::OurCertificateExpired,
            "give this node a new certificate",
        ),
    ] {
        let (found, told) = fault(&authority, &ours, &theirs);
        assert_eq!(found, expected, "{told}");
        assert!(told.contains(says), "{told}");
    }
}

/// A node whose own certificate no peer would take does not start.
#[test]
fn a_certificate_that_is_not_for_the_node_is_told_of_at_the_start() {
    let authority = Authority::new("cluster");
    for wrong in [
        authority.host("elsewhere.example"),
        authority.node("c@127.0.0.1"),
        authority.node_as_dns_name("c@127.0.0.1"),
    ] {
        let builder =
            RunningNode::builder().name(A).cookie(COOKIE).workers(1).epmd_tcp_port(free_fixed_port());
        let error = builder.tls(tls(&authority, &wrong)).start().expect_err("no peer would take it");
        assert!(matches!(&error, StartNodeError::Certificate(_)), "{error}");
        assert!(error.to_string().contains("engset cert init"), "{error}");
    }
}

#[test]
fn files_that_do_not_fit_are_told_of_without_a_piece_of_the_key() {
    let authority = Authority::new("cluster");
    let (one, two) = (authority.node(A), authority.node(B));
    let with = |authority: &str, chain: &str, key: &str| {
        TlsConfig::from_pem(authority.as_bytes(), chain.as_bytes(), key.as_bytes())
    };
    let key_line = one.key.lines().nth(1).expect("a PEM file has lines").to_owned();
    let broken = one.key.replace("-----END", "-----");
    for (result, is_expected) in [
        (
            with("", &one.pem, &one.key),
            (|error| matches!(error, TlsConfigError::Authority(_))) as fn(&TlsConfigError) -> bool,
        ),
        (with(&authority.pem, "", &one.key), |error| matches!(error, TlsConfigError::Certificate(_))),
        (with(&authority.pem, &one.pem, ""), |error| matches!(error, TlsConfigError::Key(_))),
        (with(&authority.pem, &one.pem, &broken), |error| matches!(error, TlsConfigError::Key(_))),
        (with(&authority.pem, &two.pem, &one.key), |error| matches!(error, TlsConfigError::Certificate(_))),
        (
            TlsConfig::from_pem_with_versions(
                authority.pem.as_bytes(),
                one.pem.as_bytes(),
                one.key.as_bytes(),
                &[],
            ),
            |error| matches!(error, TlsConfigError::NoVersion),
        ),
    ] {
        let error = result.expect_err("something is wrong");
        assert!(is_expected(&error), "{error:?}");
        assert!(!format!("{error} {error:?}").contains(&key_line), "{error:?}");
    }
    let good = with(&authority.pem, &one.pem, &one.key).expect("they fit");
    assert!(!format!("{good:?}").contains(&key_line));
}

#[test]
fn a_file_of_certificates_has_a_limit_at_both_sides_of_it() {
    let folder = Folder::new("limit");
    fs::create_dir(&folder.0).unwrap();
    let authority = Authority::new("cluster");
    let certificate = authority.node(A);
    fs::write(folder.0.join(format!("{A}.pem")), &certificate.pem).unwrap();
    fs::write(folder.0.join(format!("{A}.key")), &certificate.key).unwrap();
    let limit = usize::try_from(PEM_FILE_BYTES_MAX).unwrap();
    for (length, fits) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
        let mut padded = authority.pem.clone();
        padded.push_str(&"\n".repeat(length - padded.len()));
        fs::write(folder.0.join("ca.pem"), padded).unwrap();
        match TlsConfig::from_dir(&folder.0, A) {
            Ok(_) => assert!(fits, "{length}"),
            Err(error) => {
                assert!(!fits && matches!(&error, TlsConfigError::TooLong { .. }), "{length}: {error}");
            }
        }
    }
    fs::write(folder.0.join("ca.pem"), &authority.pem).unwrap();
    let missing = TlsConfig::from_dir(&folder.0, B).expect_err("it has no files");
    assert!(
        matches!(&missing, TlsConfigError::File { path, .. } if path.ends_with(format!("{B}.pem"))),
        "{missing}"
    );
}

/// Strangers who speak no TLS, or nothing, are cut off in the time of a handshake, and hurt nobody.
#[test]
fn strangers_at_a_tls_port_are_cut_off() {
    let authority = Authority::new("cluster");
    let port = free_fixed_port();
    let config = tls(&authority, &authority.node(A));
    let builder = RunningNode::builder().name(A).cookie(COOKIE).workers(1).epmd_tcp_port(port).tls(config);
    let tcp_port = free_fixed_port();
    let builder = builder.tcp_ports(tcp_port..=tcp_port);
    let a = builder
        .adjust(|config| config.handshake_timeout = Duration::from_millis(300))
        .start()
        .expect("it starts");
    for said in [&b""[..], b"\x16\x03", b"\x16\x03\x01\xff\xff\x01", b"\0\x03abc", b"GET / HTTP/1.1\r\n\r\n"]
    {
        let mut stream = connect((Ipv4Addr::LOCALHOST, tcp_port).into());
        write(&mut stream, said);
        assert!(until_closed(&mut stream).is_some(), "{said:?}");
    }
    let b = start(B, port, tls(&authority, &authority.node(B)));
    dial(&b, A).expect("it lives on");
    assert_eq!(a.node().connected().len(), 1);
}

#[test]
fn a_peer_that_begins_no_tls_is_given_up_on_in_time() {
    let silent = TcpListener::bind((Ipv4Addr::new(127, 0, 9, 41), 0)).unwrap();
    let authority = Authority::new("cluster");
    let name = "a@127.0.9.42";
    let builder = RunningNode::builder().name(name).cookie(COOKIE).workers(1);
    let builder = builder.no_epmd(silent.local_addr().unwrap().port());
    let node = builder.tls(tls(&authority, &authority.node(name))).start().expect("it starts");
    let error = dial(&node, "silent@127.0.9.41").expect_err("nobody answers").to_string();
    assert!(error.contains("began no TLS in time"), "{error}");
}

/// The ports that a firewall lets through.
#[test]
fn listen_port_options() {
    let epmd = free_fixed_port();
    let first = free_fixed_port();
    let ports = first..=first.saturating_add(1);
    let start = |name: &str| {
        let builder = RunningNode::builder().name(name).cookie(COOKIE).workers(1).epmd_tcp_port(epmd);
        builder.tcp_ports(ports.clone()).start()
    };
    let started: Vec<_> = ["x@127.0.9.44", "y@127.0.9.44"].map(start).into_iter().collect();
    assert!(started.iter().all(Result::is_ok), "{started:?}");
    let error = start("z@127.0.9.44").expect_err("no port is left");
    assert!(matches!(&error, StartNodeError::System(_)), "{error}");
}

/// A node listens where it is told to, and nowhere else.
#[test]
fn use_interface() {
    let authority = Authority::new("cluster");
    let tcp_port = free_fixed_port();
    let name = "a@127.0.9.45";
    let builder = RunningNode::builder().name(name).cookie(COOKIE).workers(1).no_epmd(tcp_port);
    let builder = builder.listen([127, 0, 9, 45].into()).tls(tls(&authority, &authority.node(name)));
    let _node = builder.start().expect("it starts");
    assert!(TcpStream::connect((Ipv4Addr::new(127, 0, 9, 45), tcp_port)).is_ok());
    assert!(TcpStream::connect((Ipv4Addr::new(127, 0, 9, 46), tcp_port)).is_err());
}

/// A node without a name reaches nobody, since it has nothing to call itself.
#[test]
fn a_node_without_a_name_dials_nobody() {
    let port = free_fixed_port();
    let _there = RunningNode::builder().name(B).cookie("nocookie").workers(1).epmd_tcp_port(port).start();
    let alone = RunningNode::builder().workers(1).epmd_tcp_port(port).start().expect("it starts");
    assert!(dial(&alone, B).is_err());
}
