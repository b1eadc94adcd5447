//! `engset cert`: what it writes and prints is what an Erlang node and an Engset node speak TLS with.

#![expect(clippy::unwrap_used, reason = "part of tests")]

mod engset;

use ::engset::net::TlsConfig;
use ::engset::{Node, NodeName};
use engset::{Done, Engset};
use engset_testkit::{Beam, free_port, require_erl};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

const ERL: &str = "erl1@127.0.0.1";
const OURS: &str = "ours@127.0.0.1";

/// A directory that is not there yet, removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        Self(std::env::temp_dir().join(format!("engset-cert-{test}-{}", std::process::id())))
    }

    fn run(&self, command: &str, more: &[&str]) -> Done {
        let dir = self.0.to_str().expect("temporary directories have names of text");
        Engset::new(1).args(["cert", command, "--dir", dir]).args(more).run()
    }

    fn files(&self) -> Vec<String> {
        let names =
            fs::read_dir(&self.0).expect("the directory is there").map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn ping(from: &Node, peer: &str) -> Result<(), String> {
    let (sender, receiver) = mpsc::channel();
    from.node().connect(NodeName::new(peer).unwrap(), move |result| sender.send(result).unwrap());
    receiver.recv().unwrap().map_err(|error| error.to_string())
}

fn start(dir: &Path, name: &str, epmd_port: u16) -> Node {
    let tls = TlsConfig::from_dir(dir, name).expect("the files fit each other");
    let builder = Node::builder().name(name).cookie("secret").epmd_tcp_port(epmd_port).workers(1);
    builder.tls(tls).start().expect("the certificate is for the node")
}

#[test]
fn what_it_prints_starts_an_erlang_node_that_talks_to_ours() {
    if require_erl().is_none() {
        return;
    }
    let folder = Folder::new("live");
    let done = folder.run("init", &[ERL, OURS]);
    assert_eq!(done.status, Some(0), "{done:?}");
    let line = done.stdout.lines().find(|line| line.starts_with("erl ") && line.contains(ERL));
    let mut words = line.expect("the command is printed").split(' ');
    assert_eq!(words.next(), Some("erl"));
    let port = free_port().unwrap();
    let node = start(&folder.0, OURS, port);
    let beam = Beam::builder().epmd_port(port).erl_args(words).erl_args(["-setcookie", "secret"]);
    let beam = beam.start().expect("what is printed works");
    assert_eq!(beam.node_name(), ERL);
    let pong = beam.eval(&format!("net_adm:ping('{OURS}').")).unwrap();
    assert_eq!(pong, "pong", "{}", beam.output());
    beam.eval(&format!("erlang:disconnect_node('{OURS}').")).unwrap();
    assert_eq!(ping(&node, ERL), Ok(()));
    // What is printed is what is in the file.
    let config = fs::read_to_string(folder.0.join(format!("{ERL}.ssl_dist.conf"))).unwrap();
    assert!(done.stdout.contains(&config), "{}", done.stdout);
    // The commands reach such nodes too.
    assert_eq!(folder.run("add", &["probe@127.0.0.1"]).status, Some(0));
    let dir = folder.0.to_str().unwrap();
    let probe = ["ping", ERL, "--cookie", "secret", "--name", "probe@127.0.0.1", "--tls-dir", dir];
    let pong = Engset::new(port).args(probe).run();
    assert_eq!(pong.status, Some(0), "{pong:?}");
}

#[test]
fn a_node_with_tls_and_without_epmd_is_reached_by_its_port() {
    let folder = Folder::new("port");
    assert_eq!(folder.run("init", &[OURS]).status, Some(0));
    assert_eq!(folder.run("add", &["probe@127.0.0.1"]).status, Some(0));
    let tls = TlsConfig::from_dir(&folder.0, OURS).expect("the files fit each other");
    let port = free_port().unwrap();
    let node = Node::builder().name(OURS).cookie("secret").no_epmd(port).tls(tls).workers(1);
    let _node = node.start().expect("it starts");
    let (dir, port) = (folder.0.to_str().unwrap(), port.to_string());
    let probe =
        ["ping", OURS, "--cookie", "secret", "--name", "probe@127.0.0.1", "--tls-dir", dir, "--port", &port];
    let pong = Engset::new(free_port().unwrap()).args(probe).run();
    assert_eq!(pong.status, Some(0), "{pong:?}");
}

#[test]
fn a_command_without_certificates_says_that_the_node_speaks_tls() {
    let folder = Folder::new("plain");
    assert_eq!(folder.run("init", &[OURS]).status, Some(0));
    let port = free_port().unwrap();
    let _node = start(&folder.0, OURS, port);
    let done = Engset::new(port).args(["ping", OURS, "--cookie", "secret"]).run();
    assert_eq!(done.status, Some(5), "{done:?}");
    assert!(done.stderr.starts_with(&format!("error: {OURS} speaks TLS only\n")), "{done:?}");
    assert!(done.stderr.contains("--tls-dir"), "{done:?}");
}

#[test]
fn keys_are_their_owners_alone_and_nothing_is_overwritten() {
    let folder = Folder::new("files");
    // One that is named twice is one.
    assert_eq!(folder.run("init", &["a@host1", "b@host2.example", "a@host1"]).status, Some(0));
    let all = [
        "a@host1.key",
        "a@host1.pem",
        "a@host1.ssl_dist.conf",
        "b@host2.example.key",
        "b@host2.example.pem",
        "b@host2.example.ssl_dist.conf",
        "ca.key",
        "ca.pem",
    ];
    assert_eq!(folder.files(), all);
    let contents = || all.map(|name| fs::read(folder.0.join(name)).unwrap());
    let before = contents();
    for name in all.iter().filter(|name| name.ends_with(".key")) {
        let mode = fs::metadata(folder.0.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    for (command, nodes) in [("init", ["c@host3"]), ("init", ["a@host1"]), ("add", ["a@host1"])] {
        let done = folder.run(command, &nodes);
        assert_eq!(done.status, Some(2), "{done:?}");
        assert!(done.stderr.contains("is there already and is not overwritten"), "{done:?}");
    }
    assert_eq!(folder.files(), all, "a refused command writes nothing");
    assert_eq!(contents(), before);
    assert!(!String::from_utf8_lossy(&before.concat()).is_empty());
}

#[test]
fn short_names_and_long_ones_are_started_as_such() {
    let folder = Folder::new("names");
    let done = folder.run("init", &["a@host1", "b@host2.example"]);
    assert!(done.stdout.contains("\nerl -sname a@host1 -proto_dist inet_tls"), "{done:?}");
    assert!(done.stdout.contains("\nerl -name b@host2.example -proto_dist inet_tls"), "{done:?}");
    assert!(!done.stdout.contains("PRIVATE KEY"), "keys are not printed");
}

#[test]
fn what_cannot_be_made_is_refused_before_anything_is_written() {
    let folder = Folder::new("refused");
    for wrong in ["a/b@host", "..@host", "ä@host", "a'b@host"] {
        let done = folder.run("init", &[wrong]);
        assert_eq!(done.status, Some(2), "{done:?}");
        assert!(!folder.0.exists(), "{wrong}");
    }
    let done = folder.run("add", &["a@host"]);
    assert_eq!(done.status, Some(1), "{done:?}");
    fs::create_dir(&folder.0).unwrap();
    let done = folder.run("add", &["a@host"]);
    assert_eq!(done.status, Some(2), "{done:?}");
    assert!(done.stderr.contains("no key of a CA"), "{done:?}");
    for days in ["0", "3651"] {
        assert_eq!(folder.run("init", &["--days", days, "a@host"]).status, Some(2), "{days}");
    }
    assert_eq!(folder.files(), [] as [&str; 0]);
    assert_eq!(folder.run("init", &["--days", "3650", "a@host"]).status, Some(0));
    assert_eq!(folder.run("add", &["--days", "1", "b@host"]).status, Some(0));
}

/// What would make certificates that no node takes, or none, says so, and what to do.
#[test]
fn a_directory_that_cannot_be_used_is_told_of() {
    let folder = Folder::new("wrong");
    let told = |command: &str, status: i32| {
        let done = folder.run(command, &["new@host"]);
        assert_eq!(done.status, Some(status), "{done:?}");
        assert!(done.stderr.contains("\n  do     "), "{done:?}");
        done.stderr
    };
    assert!(told("add", 1).contains("`engset cert init` makes a new one"));
    fs::write(&folder.0, "").unwrap();
    assert!(told("init", 1).contains("is a file"));
    fs::remove_file(&folder.0).unwrap();
    assert_eq!(folder.run("init", &["a@host"]).status, Some(0));
    // The certificate of another authority, none, and no certificate.
    let other = Folder::new("other");
    assert_eq!(other.run("init", &["b@host"]).status, Some(0));
    let authority = folder.0.join("ca.pem");
    let own = fs::read(&authority).unwrap();
    fs::copy(other.0.join("ca.pem"), &authority).unwrap();
    assert!(told("add", 2).starts_with("error: ca.pem and ca.key are not of the same CA"));
    fs::write(&authority, "nothing").unwrap();
    assert!(told("add", 2).starts_with("error: ca.pem is no certificate of a CA"));
    fs::remove_file(&authority).unwrap();
    assert!(told("add", 2).starts_with("error: there is no certificate of a CA at"));
    assert!(!folder.files().iter().any(|name| name.starts_with("new@")), "nothing is left half done");
    fs::write(&authority, own).unwrap();
    assert_eq!(folder.run("add", &["new@host"]).status, Some(0));
}
