//! Facts about which examples are run.

use super::{list, verdict};
use crate::program::Ended;
use crate::workspace::{Package, Workspace};

#[test]
fn all_are_run_but_those_that_never_end() {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let package = Package {
        bins: names(&["hello", "server"]),
        examples: names(&["counter"]),
        endless: names(&["server"]),
        ..Package::default()
    };
    let workspace = Workspace { packages: Vec::new(), target_dir: "/t".into() };
    let paths: Vec<String> =
        list(&package, &workspace).iter().map(|example| example.path.display().to_string()).collect();
    assert_eq!(paths, ["/t/debug/examples/counter", "/t/debug/hello"]);
}

#[test]
fn an_example_that_does_not_end_fails() {
    assert_eq!(verdict("a", Ended::Well), "example a ... ok");
    assert_eq!(verdict("a", Ended::TimedOut), "example a ... FAILED (still running after 60 s)");
}
