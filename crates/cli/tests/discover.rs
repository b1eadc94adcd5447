//! `engset discover`: what is kept and dropped, at which step connecting fails, and the exit codes.

mod engset;

use engset::Engset;
use engset_testkit::{Beam, free_port, require_erl};
use std::fs;
use std::time::Duration;

#[test]
fn explain_shows_what_was_asked_kept_and_dropped_and_who_was_reached() {
    if require_erl().is_none() {
        return;
    }
    let port = free_port().unwrap();
    let mut epmd = Engset::new(port).args(["epmd"]).start();
    epmd.line_with("EPMD serves");
    let beam = Beam::builder().name("shop").cookie("c").epmd_port(port).time_limit(Duration::from_secs(30));
    let _beam = beam.start().unwrap();
    let args = ["discover", "static", "shop@127.0.0.1", "gone@127.0.0.1", "me@h", "no name", "--own", "me@h"];
    let done = Engset::new(port).args(args).args(["--explain", "--cookie", "c"]).run();
    assert_eq!(done.status, Some(0), "{done:?}");
    for line in [
        "source  static\n",
        "answer  4 names\n",
        "keep    shop@127.0.0.1 from entry 1\n        connected\n",
        "keep    gone@127.0.0.1 from entry 2\n        not reached: gone@127.0.0.1 is not running",
        "        step   name\n",
        "drop    me@h: it is this node itself\n",
        "drop    no name: a node is named name@host, with one @\n",
    ] {
        assert!(done.stdout.contains(line), "{line}\n{}", done.stdout);
    }
    let done = Engset::new(port).args(["discover", "epmd", "--json", "--explain", "--cookie", "wrong"]).run();
    assert_eq!(done.status, Some(5), "the cookies differ: {done:?}");
    assert!(done.stdout.contains(r#""name":"shop@127.0.0.1""#), "{done:?}");
    assert!(done.stdout.contains(r#""step":"cookie""#), "{done:?}");
}

#[test]
fn without_explain_the_names_are_shown_alone() {
    let port = free_port().unwrap();
    let done = Engset::new(port).args(["discover", "static", "b@h", "a@h", "b@h"]).run();
    assert_eq!((done.status, done.stdout.as_str()), (Some(0), "a@h\nb@h\n"));
}

#[test]
fn nothing_found_and_no_answer_have_codes_of_their_own() {
    let port = free_port().unwrap();
    let done = Engset::new(port).args(["discover", "static", "nonsense"]).run();
    assert_eq!(done.status, Some(3), "{done:?}");
    assert!(done.stderr.contains("left out: nonsense"), "{done:?}");
    let done = Engset::new(port).args(["discover", "epmd", "127.0.0.1"]).run();
    assert_eq!(done.status, Some(4), "{done:?}");
    assert!(done.stderr.contains("no EPMD answers"), "{done:?}");
    let done = Engset::new(port)
        .args(["discover", "k8s", "--basename", "a", "--selector", "b=c", "--account", "/nowhere"])
        .run();
    assert_eq!(done.status, Some(4), "{done:?}");
    assert!(done.stderr.contains("this runs in no pod"), "{done:?}");
}

#[test]
fn what_is_wrong_on_the_command_line_is_told_with_what_to_do() {
    let told = |args: &[&str]| {
        let done = Engset::new(1).args(["discover"]).args(args).run();
        assert_eq!(done.status, Some(2), "{done:?}");
        assert!(done.stderr.contains("\n  do     "), "{done:?}");
        done.stderr
    };
    let k8s = told(&["k8s", "--basename", "a", "--selector", "b=c", "--api", "nonsense"]);
    assert!(k8s.starts_with("error: --api is not of the form host:port: nonsense\n"), "{k8s}");
    let gossip = told(&["gossip", "--multicast-addr", "10.0.0.1"]);
    assert!(gossip.starts_with("error: 10.0.0.1 is no address of a multicast group\n"), "{gossip}");
    let path = std::env::temp_dir().join(format!("engset-secret-{}", std::process::id()));
    let path_text = path.to_str().unwrap();
    assert!(told(&["gossip", "--secret-file", path_text]).contains("cannot be read"));
    fs::write(&path, "\nsecret\n").unwrap();
    assert!(told(&["gossip", "--secret-file", path_text]).contains("has nothing in its first line"));
    fs::remove_file(&path).unwrap();
}

#[test]
fn watch_shows_changes_of_a_file_until_a_signal() {
    let port = free_port().unwrap();
    let path = std::env::temp_dir().join(format!("engset-discover-{}", std::process::id()));
    fs::write(&path, "a@h\n").unwrap();
    let mut watch = Engset::new(port).args(["discover", "hosts", path.to_str().unwrap(), "--watch"]).start();
    watch.line_with("a@h");
    fs::write(&path, "b@h\n").unwrap();
    assert_eq!(watch.line_with("gone"), "gone          a@h");
    watch.line_with("b@h");
    watch.signal("-TERM");
    assert_eq!(watch.wait(), Some(0));
    fs::remove_file(&path).unwrap();
}
