//! DNS by a live dnsmasq: addresses, services, an answer too long for a datagram, a name that is not there.

use crate::peers::{Seeker, node};
use engset::discover::{Change, Dns, DnsRecords};
use engset_testkit::free_port;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(100);

/// A DNS server with names of its own, stopped at the end.
struct Server {
    child: Child,
    port: u16,
    hosts: PathBuf,
}

impl Server {
    /// `None` where dnsmasq is not installed; `hosts` has lines as `/etc/hosts`.
    #[expect(clippy::disallowed_methods, reason = "the server is what is asked")]
    fn start(hosts: &str, arguments: &[String]) -> Option<Self> {
        let program =
            ["/usr/sbin/dnsmasq", "/usr/bin/dnsmasq"].into_iter().find(|path| fs::exists(path).unwrap());
        let Some(program) = program else {
            assert!(std::env::var("CI").is_err(), "dnsmasq is not installed");
            eprintln!("skipped: dnsmasq is not installed");
            return None;
        };
        let port = free_port().unwrap();
        let path = std::env::temp_dir().join(format!("engset-dns-{}-{port}", std::process::id()));
        fs::write(&path, hosts).unwrap();
        let child = Command::new(program)
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--no-daemon",
            ])
            .args(["--local=/internal/", "--listen-address=127.0.0.1", "--bind-interfaces", "--local-ttl=1"])
            .arg(format!("--port={port}"))
            .arg(format!("--addn-hosts={}", path.display()))
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, port, hosts: path };
        server.wait();
        Some(server)
    }

    /// Asks for anything until it answers.
    fn wait(&self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let question = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01x\x08internal\0\0\x01\0\x01";
        for _ in 0..100 {
            socket.send_to(question, self.address()).unwrap();
            if socket.recv(&mut [0; 512]).is_ok() {
                return;
            }
        }
        panic!("dnsmasq does not answer");
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Changes its names; dnsmasq reads them again at SIGHUP.
    #[expect(clippy::disallowed_methods, reason = "signals are sent with the program that exists for it")]
    fn rewrite(&self, hosts: &str) {
        fs::write(&self.hosts, hosts).unwrap();
        assert!(
            Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap().success()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        fs::remove_file(&self.hosts).ok();
    }
}

fn addresses(server: &Server, query: &str, basename: &str) -> Dns {
    Dns::new(query, basename).server(server.address()).polling_interval(SOON).records(DnsRecords::A)
}

#[test]
fn two_nodes_find_each_other_by_addresses_and_a_third_that_comes_later() {
    let Some(server) = Server::start("127.0.0.1 app.internal\n127.0.0.9 app.internal\n", &[]) else { return };
    let port = free_port().unwrap();
    let strategy =
        || addresses(&server, "App.internal.", "a").and("app.internal", "b").and("late.internal", "c");
    let a = Seeker::new("a@127.0.0.1", port, strategy());
    let b = Seeker::new("b@127.0.0.1", port, strategy());
    a.connected("b@127.0.0.1");
    b.connected("a@127.0.0.1");
    let report = a.discovering.report();
    assert!(report.sources[0].answer.contains("2 A records, to live 1 s"), "{report:?}");
    let refused: Vec<&str> = report.refused.iter().map(|refused| &*refused.what).collect();
    assert_eq!(refused, ["late.internal", "a@127.0.0.1"]);
    let _c = node("c@127.0.0.1", port);
    server.rewrite("127.0.0.1 app.internal\n127.0.0.1 late.internal\n");
    a.connected("c@127.0.0.1");
}

#[test]
fn a_name_that_is_gone_is_an_error_and_nobody_is_lost() {
    let Some(server) = Server::start("127.0.0.1 app.internal\n", &[]) else { return };
    let port = free_port().unwrap();
    let _b = node("b@127.0.0.1", port);
    let a = Seeker::new("a@127.0.0.1", port, addresses(&server, "app.internal", "b"));
    a.connected("b@127.0.0.1");
    server.rewrite("127.0.0.9 other.internal\n");
    let change = a.wait(|change| matches!(change, Change::SourceFailed { .. }));
    assert!(format!("{change:?}").contains("NXDOMAIN"), "{change:?}");
    assert_eq!(a.discovering.report().known.len(), 1);
    server.rewrite("127.0.0.1 app.internal\n");
    a.wait(|change| matches!(change, Change::SourceBack { .. }));
}

#[test]
fn service_records_name_the_nodes_by_their_targets() {
    let records =
        ["app-0.internal", "localhost"].map(|target| format!("--srv-host=_app.internal,{target},4370,5"));
    let Some(server) = Server::start("127.0.0.1 app-0.internal\n", &records) else { return };
    let port = free_port().unwrap();
    let _b = node("app@localhost", port);
    let strategy = Dns::srv("_app.internal", "app").server(server.address()).polling_interval(SOON);
    let a = Seeker::new("seeker@127.0.0.1", port, strategy);
    a.connected("app@localhost");
    let report = a.discovering.report();
    let other = report.known.iter().find(|known| &*known.name == "app@app-0.internal").unwrap();
    assert_eq!((other.address, other.tcp_port), ("127.0.0.1".parse().ok(), Some(4_370)));
}

#[test]
fn an_answer_too_long_for_a_datagram_is_asked_for_by_tcp() {
    let hosts: String = (1..=200).map(|number| format!("127.0.1.{number} many.internal\n")).collect();
    let Some(server) = Server::start(&hosts, &[]) else { return };
    let seeker =
        Seeker::new("app@127.0.0.1", free_port().unwrap(), addresses(&server, "many.internal", "app"));
    seeker.wait(|change| matches!(change, Change::Found { name, .. } if &**name == "app@127.0.1.200"));
    assert_eq!(seeker.discovering.report().known.len(), 200);
}

#[test]
fn a_server_that_does_not_answer_is_an_error_that_names_it() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = silent.local_addr().unwrap();
    let strategy = Dns::new("app.internal", "app").server(at).records(DnsRecords::A);
    let seeker = Seeker::new("app@127.0.0.1", free_port().unwrap(), strategy);
    let change = seeker.wait(|change| matches!(change, Change::SourceFailed { .. }));
    assert!(format!("{change:?}").contains(&format!("{at} did not answer within")), "{change:?}");
}
