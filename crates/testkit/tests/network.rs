//! Hosts in network namespaces of their own: what passes between them, and what does not.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "part of tests")]

use engset_testkit::{Beam, Host, Network, NetworkError, require_erl, require_network};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

/// How long silence is listened to.
const SILENCE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(20);

fn listen(host: &Host) -> (TcpListener, SocketAddr) {
    let listener = host.run(|| TcpListener::bind((host.address(), 0))).unwrap().unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

fn connect(host: &Host, at: SocketAddr, patience: Duration) -> std::io::Result<TcpStream> {
    host.run(|| TcpStream::connect_timeout(&at, patience)).unwrap()
}

/// What one end says arrives at the other one.
fn talk(from: &mut TcpStream, to: &mut TcpStream, patience: Duration) -> Result<(), ErrorKind> {
    from.write_all(b"x").map_err(|error| error.kind())?;
    to.set_read_timeout(Some(patience)).unwrap();
    to.read_exact(&mut [0]).map_err(|error| error.kind())
}

#[test]
fn a_cut_is_silent_and_a_heal_lets_go_on() {
    if require_network().is_none() {
        return;
    }
    let network = Network::new(3).unwrap();
    let hosts = network.hosts();
    let (listener, at) = listen(&hosts[0]);
    let mut near = connect(&hosts[1], at, PATIENCE).unwrap();
    let (mut far, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip(), hosts[1].address());
    assert_eq!(talk(&mut near, &mut far, PATIENCE), Ok(()));
    network.cut(0, 1).unwrap();
    assert_eq!(talk(&mut near, &mut far, SILENCE), Err(ErrorKind::WouldBlock));
    assert_eq!(talk(&mut far, &mut near, SILENCE), Err(ErrorKind::WouldBlock));
    let nobody = connect(&hosts[1], at, SILENCE).unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::TimedOut);
    // Others are not cut off.
    assert!(connect(&hosts[2], at, PATIENCE).is_ok());
    network.heal(0, 1).unwrap();
    // What was said meanwhile arrives, since TCP says it again.
    near.set_read_timeout(Some(PATIENCE)).unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    near.read_exact(&mut [0]).unwrap();
    far.read_exact(&mut [0]).unwrap();
    assert!(connect(&hosts[1], at, PATIENCE).is_ok());
}

#[test]
fn parts_are_cut_from_each_other_only() {
    if require_network().is_none() {
        return;
    }
    let network = Network::new(4).unwrap();
    let listeners: Vec<_> = network.hosts().iter().map(listen).collect();
    let reach = || -> Vec<String> {
        let each = network.hosts().iter().map(|from| {
            let to = listeners.iter().map(|(_, at)| connect(from, *at, SILENCE).is_ok());
            to.map(|reached| if reached { 'x' } else { '-' }).collect()
        });
        each.collect()
    };
    network.split(&[&[0, 2], &[1]]).unwrap();
    assert_eq!(reach(), ["x-x-", "-x--", "x-x-", "---x"]);
    network.heal_all().unwrap();
    assert_eq!(reach(), ["xxxx"; 4]);
    network.cut_one_way(0, 1).unwrap();
    // The answer of the one is lost, or the beginning of the other.
    assert_eq!(reach(), ["x-xx", "-xxx", "xxxx", "xxxx"]);
}

#[test]
fn a_dropped_port_is_silent_and_others_are_not() {
    if require_network().is_none() {
        return;
    }
    let network = Network::new(2).unwrap();
    let hosts = network.hosts();
    let ((_one, dropped), (_other, open)) = (listen(&hosts[0]), listen(&hosts[0]));
    network.drop_tcp_port(0, dropped.port()).unwrap();
    assert_eq!(connect(&hosts[1], dropped, SILENCE).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(connect(&hosts[1], open, PATIENCE).is_ok());
    assert!(connect(&hosts[0], dropped, PATIENCE).is_ok(), "the host itself is not cut off");
}

#[test]
fn two_networks_have_nothing_in_common() {
    if require_network().is_none() {
        return;
    }
    let (one, other) = (Network::new(1).unwrap(), Network::new(2).unwrap());
    let (_listener, at) = listen(&one.hosts()[0]);
    assert!(connect(&other.hosts()[1], at, SILENCE).is_err());
    assert!(TcpStream::connect_timeout(&at, SILENCE).is_err(), "the machine's own network is another one");
}

#[test]
fn nothing_is_left_of_a_network() {
    if require_network().is_none() {
        return;
    }
    let network = Network::new(1).unwrap();
    let there = network.hosts()[0].command("readlink").arg("/proc/self/ns/net").output().unwrap();
    let here = std::fs::read_link("/proc/self/ns/net").unwrap();
    assert_ne!(String::from_utf8(there.stdout).unwrap().trim(), here.to_str().unwrap());
    let holders = network.holders();
    let is_there = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
    assert_eq!(holders.iter().filter(|pid| is_there(pid)).count(), 2);
    drop(network);
    assert_eq!(holders.iter().filter(|pid| is_there(pid)).count(), 0);
}

#[test]
fn more_hosts_than_there_may_be_are_refused() {
    if require_network().is_none() {
        return;
    }
    assert_eq!(Network::new(engset_testkit::HOSTS_MAX).unwrap().hosts().len(), engset_testkit::HOSTS_MAX);
    let refused = Network::new(engset_testkit::HOSTS_MAX + 1);
    assert!(matches!(refused, Err(NetworkError::TooManyHosts { .. })), "{refused:?}");
}

#[test]
fn erlang_nodes_meet_on_their_hosts() {
    if require_erl().is_none() || require_network().is_none() {
        return;
    }
    let network = Network::new(2).unwrap();
    let start = |host: &Host| Beam::builder().name(&format!("beam@{}", host.address())).host(host).start();
    let beams: Vec<Beam> = network.hosts().iter().map(|host| start(host).unwrap()).collect();
    assert_eq!(beams[0].eval("net_adm:ping('beam@10.83.0.2')").unwrap(), "pong");
    assert_eq!(beams[1].eval("nodes()").unwrap(), "['beam@10.83.0.1']");
}
