//! `cargo xtask bench`: builds the measurements with optimisation and runs them.

use crate::error::TaskError;
use crate::program::Program;

pub(crate) fn run(args: &[String]) -> Result<(), TaskError> {
    let run = ["run", "--quiet", "--release", "--package", "bench", "--"];
    Program::cargo().args(run).args(args).run()
}
