//! What the compiler says about the mistakes that are most likely: each `mistakes/NAME.rs` must fail with exactly
//! `mistakes/NAME.stderr`, which says what to do.
//!
//! The texts are those of one release of the compiler, [`TOLD_BY`]; with another one the test says that it is skipped.
//! To write them anew: `TRYBUILD=overwrite cargo test -p engset --test mistakes`, and read what has changed.

use std::env;
use std::process::Command;

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

/// The release of the compiler that the test will run, such as `1.95.0`.
#[expect(clippy::disallowed_methods, reason = "only the compiler knows")]
fn release() -> String {
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler).arg("--version").output().expect("the compiler can be run");
    let version = String::from_utf8(output.stdout).expect("a version is text");
    let release = version.split_whitespace().nth(1);
    release.expect("`rustc RELEASE (COMMIT DATE)`").to_owned()
}
