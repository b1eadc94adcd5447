//! `cargo xtask help`: one line per command.

use crate::output;

const TEXT: &str = "\
cargo xtask test                       every test, doc test, fuzz target and example; sets up what they need
cargo xtask tidy                       the rules that a machine can keep
cargo xtask bench [--rounds N] [ROW...]  side-by-side measurements; of all rows, written to bench/results/
cargo xtask fuzz [TARGET] [--seconds N]  one fuzz target for N seconds; without TARGET lists them; see fuzz/README.md
cargo xtask deps                       the crate graph
cargo xtask help                       this text";

pub(crate) fn run() {
    output::say(TEXT);
}
