//! What the compiler says about the mistakes that are most likely: each `mistakes/NAME.rs` must fail with exactly
//! `mistakes/NAME.stderr`, which says what to do.
//!
//! The texts are those of one release of the compiler, [`TOLD_BY`]; with another one the test says that it is skipped.
//! To write them anew: `TRYBUILD=overwrite cargo test -p engset --test mistakes`, and read what has changed.
//! `docs/errors.md` explains each, and the errors of running programs.

use engset::{
    Atom, CallError, EncodeError, ExitReason, NodeName, Pid, RegisterError, SendError, SpawnError,
    StartError, TooManyProcesses,
};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

const PAGE: &str = include_str!("../../../docs/errors.md");

/// The release of the compiler whose words the files have.
const TOLD_BY: &str = "1.95.";

#[test]
fn mistakes_are_told_with_what_to_do() {
    let release = release();
    if !release.starts_with(TOLD_BY) {
        println!(
            "skipped: mistakes and their messages: they are those of Rust {TOLD_BY}x, this is {release}"
        );
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/mistakes/*.rs");
}

#[test]
fn each_mistake_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    let files = fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("a file").path());
    let mut mistakes = 0;
    for mistake in files.filter(|file| file.extension() == Some(OsStr::new("rs"))) {
        let name = mistake.file_stem().expect("a name").to_string_lossy();
        assert!(PAGE.contains(&format!("`{name}`")), "docs/errors.md has no row for {name}");
        mistakes += 1;
    }
    assert!(mistakes >= 20, "{mistakes}");
}

#[test]
fn each_error_is_explained_in_its_own_words() {
    for error in call_errors() {
        explained(&error.to_string());
    }
    for error in [
        SendError::NoProcess(()),
        SendError::Overloaded(()),
        SendError::Encode(EncodeError::LocalOnly { protocol: "P" }),
        SendError::Encode(EncodeError::Value("x".into())),
        SendError::OutsideNode(()),
    ] {
        explained(&error.to_string().replace("`P`", "…"));
    }
    let taken = RegisterError::Taken { name: Atom::from_static("a"), by: pid() };
    explained(&taken.to_string().replace("name a", "name …").replace(&pid().to_string(), "…"));
    explained(&RegisterError::NoProcess.to_string());
    explained(&RegisterError::Reserved.to_string());
    let too_many = SpawnError::TooManyProcesses(TooManyProcesses { limit: 7 });
    explained(&too_many.to_string().replace('7', "…"));
    explained(&SpawnError::OutsideNode.to_string());
    explained(&StartError::Spawn(SpawnError::OutsideNode).to_string());
    explained(&StartError::Init(ExitReason::Killed).to_string());
}

/// The text has a row in the page; what follows a colon says more of one case.
#[track_caller]
fn explained(text: &str) {
    let is_there = |row: &str| PAGE.lines().any(|line| line.starts_with(&format!("| {row} |")));
    let head = text.split(": ").next().unwrap_or(text);
    assert!(is_there(text) || is_there(head), "docs/errors.md has no row for: {text}");
}

fn call_errors() -> Vec<CallError> {
    vec![
        CallError::NoProcess,
        CallError::Down { reason: ExitReason::Killed, begun: true },
        CallError::Down { reason: ExitReason::Killed, begun: false },
        CallError::Timeout { begun: true },
        CallError::Timeout { begun: false },
        CallError::NodeDown,
        CallError::Unreachable,
        CallError::NoReply,
        CallError::NotUnderstood("x".to_owned()),
        CallError::Overloaded,
        CallError::Encode("x".to_owned()),
        CallError::Decode("x".to_owned()),
        CallError::OutsideNode,
        CallError::CallingSelf,
        CallError::Cycle(vec![pid()]),
    ]
}

fn pid() -> Pid {
    Pid::new(NodeName::new("a@b").expect("a name"), 1, 2, 3)
}

/// The release of the compiler that the test will run, such as `1.95.0`.
#[expect(clippy::disallowed_methods, reason = "only the compiler knows")]
fn release() -> String {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("--version").output().expect("the compiler can be run");
    let version = String::from_utf8(output.stdout).expect("a version is text");
    let release = version.split_whitespace().nth(1);
    release.expect("`rustc RELEASE (COMMIT DATE)`").to_owned()
}
