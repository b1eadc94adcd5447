//! The BEAM: an Erlang module that does the rows in an `erl` of its own and prints the number.

use crate::driver::{FAN_IN_SENDERS, SPAWN_BATCH, WORKERS, warm_up};
use crate::row::Row;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// # Panics
/// When `erl` is installed but the module does not compile or does not print a number.
pub(crate) fn measure(row: Row) -> Option<f64> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("beam/bench_rows.erl");
    let compiled = compile(&source)?;
    let terms = Path::new(env!("CARGO_MANIFEST_DIR")).join("terms");
    let output = program("erl")
        .args(["-noshell", "+S", &format!("{WORKERS}:{WORKERS}"), "-pa"])
        .arg(compiled)
        .args(["-run", "bench_rows", "main", row.name()])
        .args([row.ops(), warm_up(row.ops()), SPAWN_BATCH, FAN_IN_SENDERS].map(|number| number.to_string()))
        .arg(terms)
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text.split_whitespace().last().and_then(|number| number.parse().ok());
    assert!(number.is_some(), "erl printed no number but: {text}");
    number
}

/// Compiles the module next to this program, unless that has been done; `None` without Erlang.
fn compile(source: &Path) -> Option<PathBuf> {
    let program_file = env::current_exe().expect("the operating system knows where this program is");
    let folder = program_file.with_file_name("bench-beam");
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    if changed(&folder.join("bench_rows.beam")) < changed(source) {
        fs::create_dir_all(&folder).expect("the build folder can be written");
        let output = program("erlc").arg("-o").arg(&folder).arg(source).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    Some(folder)
}

#[expect(clippy::disallowed_methods, reason = "the BEAM is a program of its own")]
fn program(name: impl AsRef<OsStr>) -> Command {
    Command::new(name)
}
