//! `engset ping`: what it says when it works, and at each step at which it fails.

mod engset;

use engset::{Done, Engset};
use engset_testkit::{Beam, EpmdProcess, free_port, require_erl};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

fn ping(epmd_port: u16, args: &[&str]) -> Done {
    Engset::new(epmd_port).args(["ping", "--cookie", "secret"]).args(args).run()
}

/// What is said, checked for step, exit code, and for the cookie not being there.
fn failure(done: Done, status: i32, step: &str) -> String {
    assert_eq!(done.status, Some(status), "{done:?}");
    assert!(done.stdout.is_empty(), "{done:?}");
    assert!(done.stderr.contains(&format!("  step   {step}\n")), "{done:?}");
    assert!(done.stderr.contains("  do     "), "{done:?}");
    assert!(!done.stderr.contains("secret"), "{done:?}");
    done.stderr
}

/// Registers a node of that name, as long as the stream lives.
fn register(epmd_port: u16, name: &str, tcp_port: u16) -> TcpStream {
    let try_register = || -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, epmd_port))?;
        let length = u8::try_from(name.len()).map_err(io::Error::other)?;
        stream.write_all(&[0, length + 13, b'x'])?;
        stream.write_all(&tcp_port.to_be_bytes())?;
        stream.write_all(&[72, 0, 0, 6, 0, 5, 0, length])?;
        stream.write_all(name.as_bytes())?;
        stream.write_all(&[0, 0])?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer)?;
        if answer[1] == 0 { Ok(stream) } else { Err(io::Error::other("refused")) }
    };
    try_register().expect("the name is registered")
}

/// A running `engset epmd` and its port.
fn epmd() -> (engset::Running, u16) {
    let port = free_port().expect("a port is free");
    let mut running = Engset::new(port).args(["epmd"]).start();
    running.line_with("EPMD serves at ");
    (running, port)
}

#[test]
fn a_host_without_address_fails_at_resolve() {
    let said = failure(ping(free_port().unwrap(), &["x@no.such.host.invalid"]), 4, "resolve");
    assert!(said.contains("the host no.such.host.invalid has no address"), "{said}");
}

#[test]
fn a_host_without_epmd_fails_at_epmd() {
    let port = free_port().unwrap();
    let said = failure(ping(port, &["x@127.0.0.1"]), 4, "epmd");
    assert!(said.contains(&format!("no EPMD answers at 127.0.0.1:{port}")), "{said}");
}

#[test]
fn an_unknown_name_fails_at_name() {
    let (_epmd, port) = epmd();
    let said = failure(ping(port, &["x@127.0.0.1"]), 3, "name");
    assert!(said.contains(&format!("EPMD at 127.0.0.1:{port} knows no x")), "{said}");
}

#[test]
fn a_closed_port_fails_at_tcp() {
    let (_epmd, port) = epmd();
    let closed = free_port().unwrap();
    let _registration = register(port, "x", closed);
    let said = failure(ping(port, &["x@127.0.0.1"]), 4, "tcp");
    assert!(said.contains(&format!("does not accept connections at 127.0.0.1:{closed}")), "{said}");
}

#[test]
fn a_node_that_says_nothing_is_a_timeout_of_the_handshake() {
    let (_epmd, port) = epmd();
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let _registration = register(port, "x", silent.local_addr().unwrap().port());
    let said = failure(ping(port, &["x@127.0.0.1", "--timeout", "0.5"]), 4, "timeout (handshake)");
    assert!(said.contains("x@127.0.0.1 was not reached within 500ms"), "{said}");
}

/// A listener that takes nobody any more: what would begin a connection is dropped, as by a firewall.
#[cfg(target_os = "linux")]
fn deaf() -> (TcpListener, Vec<TcpStream>, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    let patience = std::time::Duration::from_millis(200);
    // So many as the queue of the operating system holds.
    let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&at, patience).ok()).collect();
    (listener, waiting, at.port())
}

/// The time of the whole is shorter than that of a step, which is over here nevertheless.
#[cfg(target_os = "linux")]
#[test]
fn dropped_packets_are_a_timeout_of_tcp_also_in_a_short_time() {
    let (_epmd, port) = epmd();
    let (_listener, _waiting, tcp_port) = deaf();
    let _registration = register(port, "x", tcp_port);
    let said = failure(ping(port, &["x@127.0.0.1", "--timeout", "1"]), 4, "timeout (tcp)");
    assert!(said.contains("firewall"), "{said}");
}

#[test]
fn an_epmd_that_says_nothing_is_a_timeout_of_epmd() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    failure(ping(port, &["x@127.0.0.1", "--timeout", "0.5"]), 4, "timeout (epmd)");
}

#[test]
fn what_is_no_node_fails_at_handshake() {
    let (_epmd, port) = epmd();
    // EPMD's own port stands for something that speaks another protocol.
    let _registration = register(port, "x", port);
    failure(ping(port, &["x@127.0.0.1"]), 5, "handshake");
}

#[test]
fn without_a_cookie_it_says_how_to_give_one() {
    let done = Engset::new(free_port().unwrap()).args(["ping", "x@127.0.0.1"]).run();
    assert_eq!(done.status, Some(2), "{done:?}");
    assert!(done.stderr.starts_with("error: there is no cookie"), "{done:?}");
    assert!(done.stderr.contains("ENGSET_COOKIE"), "{done:?}");
}

#[test]
fn an_erlang_node_answers_and_refuses_a_wrong_cookie() {
    if require_erl().is_none() {
        return;
    }
    let epmd = EpmdProcess::start().unwrap();
    let beam = Beam::builder().name("a").cookie("secret").epmd_port(epmd.port()).start().unwrap();
    let done = ping(epmd.port(), &["a@127.0.0.1", "--name", "probe@127.0.0.1"]);
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(done.stdout.starts_with("pong from a@127.0.0.1 in "), "{done:?}");
    assert_eq!(beam.eval("nodes().").unwrap(), "[]", "the command is a hidden node");
    let wrong = Engset::new(epmd.port()).args(["ping", "a@127.0.0.1", "--cookie", "other"]).run();
    let said = failure(wrong, 5, "cookie");
    assert!(said.starts_with("error: a@127.0.0.1 refused us: the cookies differ\n"), "{said}");
}

/// A host that is cut off, and a firewall that drops what goes to the node.
#[cfg(target_os = "linux")]
#[test]
fn dropped_packets_are_timeouts_of_the_step_that_they_belong_to() {
    use engset_testkit::{Network, require_network};
    if require_erl().is_none() || require_network().is_none() {
        return;
    }
    let network = Network::new(2).unwrap();
    let hosts = network.hosts();
    let beam = Beam::builder().name("a@10.83.0.2").cookie("secret").host(&hosts[1]);
    let beam = beam.erl_args(["-kernel", "inet_dist_listen_min", "9100", "inet_dist_listen_max", "9100"]);
    let _beam = beam.start().unwrap();
    let ping = |timeout: &str| {
        let args = ["ping", "--cookie", "secret", "a@10.83.0.2", "--timeout", timeout];
        Engset::on(&hosts[0]).args(args).run()
    };
    assert_eq!(ping("20").status, Some(0));
    network.drop_tcp_port(1, 9100).unwrap();
    // Longer than the step may take: below, it is the time of the whole that is over.
    failure(ping("20"), 4, "timeout (tcp)");
    failure(ping("2"), 4, "timeout (tcp)");
    network.cut(0, 1).unwrap();
    failure(ping("1"), 4, "timeout (epmd)");
}

#[test]
fn an_erlang_node_without_epmd_is_reached_by_its_port() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let fixed = ["-start_epmd", "false", "-erl_epmd_port", &port.to_string()].map(str::to_owned);
    let beam = Beam::builder().name("lone").cookie("secret").epmd_port(port);
    let beam = beam.erl_args(fixed.iter().map(String::as_str)).start().expect("it starts");
    assert_eq!(beam.node_name(), "lone@127.0.0.1");
    let done = ping(free_port().unwrap(), &["lone@127.0.0.1", "--port", &port.to_string()]);
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(done.stdout.starts_with("pong from lone@127.0.0.1"), "{done:?}");
    // The command was named by the node, and is gone.
    assert_eq!(beam.eval("nodes(connected).").unwrap(), "[]");
    let wrong = ping(free_port().unwrap(), &["other@127.0.0.1", "--port", &port.to_string()]);
    assert_ne!(wrong.status, Some(0), "{wrong:?}");
    assert!(wrong.stderr.contains("lone@127.0.0.1"), "{wrong:?}");
}

/// With --port no EPMD was asked, and none is to blame.
#[test]
fn a_port_at_which_nobody_listens_is_told_of() {
    let port = free_port().unwrap().to_string();
    let said = failure(ping(free_port().unwrap(), &["a@127.0.0.1", "--port", &port]), 4, "tcp");
    assert!(said.contains(&format!("  check  --port says that the node listens at port {port}\n")), "{said}");
    assert!(
        said.contains("  do     start the node there, or correct --port") && !said.contains("EPMD says"),
        "{said}"
    );
}

#[test]
fn a_name_that_another_node_has_is_told_of() {
    let port = free_port().unwrap();
    let node = ::engset::Node::builder().name("a@127.0.0.1").cookie("secret").epmd_tcp_port(port).workers(1);
    let _node = node.start().expect("it starts");
    let done = ping(port, &["a@127.0.0.1", "--name", "a@127.0.0.1"]);
    assert_eq!(done.status, Some(1), "{done:?}");
    assert!(done.stderr.contains("refuses it: a node of this name is already registered"), "{done:?}");
    assert!(done.stderr.contains("  do     give another name by --name, or leave it out"), "{done:?}");
}

#[test]
fn certificates_that_are_not_there_are_told_of() {
    let port = free_port().unwrap();
    let dir = std::env::temp_dir().join(format!("engset-ping-tls-{}", std::process::id()));
    let dir_text = dir.to_str().expect("a path in UTF-8");
    let tls = |name: &str| {
        let done = ping(port, &["a@127.0.0.1", "--tls-dir", dir_text, "--name", name]);
        assert_eq!(done.status, Some(2), "{done:?}");
        done.stderr
    };
    let said = tls("b@127.0.0.1");
    assert!(said.contains("ca.pem cannot be read") && said.contains("`engset cert init --dir"), "{said}");
    let made =
        Engset::new(port).args(["cert", "init", "--dir", dir_text, "b@127.0.0.1", "c@127.0.0.1"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    let said = tls("d@127.0.0.1");
    assert!(
        said.contains("d@127.0.0.1.pem cannot be read") && said.contains("`engset cert add --dir"),
        "{said}"
    );
    // The key of another node.
    std::fs::copy(dir.join("c@127.0.0.1.key"), dir.join("b@127.0.0.1.key")).expect("both are ours");
    let said = tls("b@127.0.0.1");
    assert!(said.contains("  check  looked at: ca.pem, b@127.0.0.1.pem and b@127.0.0.1.key in"), "{said}");
    assert!(said.contains("  do     put the right files there"), "{said}");
    std::fs::remove_dir_all(&dir).expect("it is ours");
}

#[test]
fn an_engset_node_is_reached_by_its_unix_socket() {
    let dir = std::env::temp_dir().join(format!("engset-ping-{}", std::process::id()));
    let node = ::engset::Node::builder().name("shop@here").cookie("secret").unix_socket(&dir);
    let node = node.workers(1).start().expect("it starts");
    let dir_text = dir.to_str().expect("a path in UTF-8");
    let done = ping(free_port().unwrap(), &["shop@here", "--unix-dir", dir_text]);
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(done.stdout.starts_with("pong from shop@here"), "{done:?}");
    let both = ping(free_port().unwrap(), &["shop@here", "--unix-dir", dir_text, "--port", "9"]);
    assert_eq!(both.status, Some(2), "{both:?}");
    drop(node);
    let gone = ping(free_port().unwrap(), &["shop@here", "--unix-dir", dir_text]);
    assert_ne!(gone.status, Some(0), "{gone:?}");
    std::fs::remove_dir_all(&dir).expect("it is ours");
}
