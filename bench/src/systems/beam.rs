//! The BEAM: Erlang modules that do the rows in an `erl` of its own and print the number.

use crate::row::Row;
use crate::workload::{NAMED, WORKERS};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// Has room for [`Row::StopChildren`]; the other rows run with the limit that the BEAM has unless told otherwise.
const PROCESSES_MAX: &str = "2000000";

/// # Panics
/// When `erl` is installed but a module does not compile or does not print a number.
pub(crate) fn measure(row: Row) -> Option<f64> {
    if row == Row::Live {
        return None;
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compiled = compiled()?;
    let mut erl = program("erl");
    erl.args(["-noshell", "+S", &format!("{WORKERS}:{WORKERS}"), "-pa"]).arg(compiled);
    if row == Row::StopChildren {
        erl.args(["+P", PROCESSES_MAX]);
    }
    erl.args(["-run", "bench_rows", "main", row.name(), row.unit().label()]);
    erl.arg(package.join("terms"));
    erl.args([("ops", row.ops()), ("warm_up", row.warm_up())].iter().chain(&NAMED).map(size));
    let output = erl.stderr(Stdio::inherit()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = text.split_whitespace().last().and_then(|number| number.parse().ok());
    assert!(number.is_some(), "erl printed no number but: {text}");
    number
}

/// The folder with the compiled modules of this package; `None` without Erlang.
pub(crate) fn compiled() -> Option<PathBuf> {
    compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("beam"))
}

fn size((name, value): &(&str, u64)) -> String {
    format!("{name}={value}")
}

/// Compiles the modules next to this program, unless that has been done; `None` without Erlang.
fn compile(sources: &Path) -> Option<PathBuf> {
    let program_file = env::current_exe().expect("the operating system knows where this program is");
    let folder = program_file.with_file_name("bench-beam");
    let changed = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    for entry in fs::read_dir(sources).expect("the modules are beside this package") {
        let source = entry.expect("the folder can be read").path();
        let Some(name) = source.file_stem() else { continue };
        if changed(&folder.join(name).with_extension("beam")) < changed(&source) {
            fs::create_dir_all(&folder).expect("the build folder can be written");
            let output = program("erlc").arg("-o").arg(&folder).arg(&source).output().ok()?;
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        }
    }
    Some(folder)
}

#[expect(clippy::disallowed_methods, reason = "the BEAM is a program of its own")]
fn program(name: impl AsRef<OsStr>) -> Command {
    Command::new(name)
}
