//! A suite: an Engset node and an Erlang node that its cases share, each case in an Erlang process of its own.

use super::stage::{RUST, start_beam, start_canned};
use engset::Node;
use engset_testkit::{Beam, free_port, require_erl};
use std::sync::OnceLock;
use std::time::Duration;

/// How long one case may take.
const CASE_LIMIT: Duration = Duration::from_secs(90);

/// What the cases of one suite share. It is started by the first of them, and ends with the test program: the Erlang
/// node when its standard input ends.
pub(crate) struct Suite {
    module: &'static str,
    stage: OnceLock<Option<SuiteStage>>,
}

/// The nodes of a suite.
pub(crate) struct SuiteStage {
    pub(crate) node: Node,
    pub(crate) beam: Beam,
}

impl Suite {
    /// A suite whose Erlang side is `erl/MODULE.erl`.
    pub(crate) const fn new(module: &'static str) -> Self {
        Self { module, stage: OnceLock::new() }
    }

    /// The nodes; `None` where Erlang is not installed.
    pub(crate) fn stage(&self) -> Option<&SuiteStage> {
        self.stage.get_or_init(|| start(self.module)).as_ref()
    }

    /// Runs a case, and asserts that it reports `ok`.
    #[track_caller]
    pub(crate) fn run(&self, case: &str) {
        if let Some(stage) = self.stage() {
            let asked = format!("rust:run({}, {case}).", self.module);
            match stage.beam.eval_within(&asked, CASE_LIMIT) {
                Ok(reported) => {
                    assert_eq!(reported, "ok", "{}:{case}\n{}", self.module, last(&stage.beam.output()));
                }
                Err(error) => panic!("{}:{case}\n{error}", self.module),
            }
        }
    }
}

/// The end of what a node wrote.
fn last(output: &str) -> &str {
    let start = output.len().saturating_sub(2_000);
    output.get(output.ceil_char_boundary(start)..).unwrap_or(output)
}

fn start(module: &str) -> Option<SuiteStage> {
    require_erl()?;
    let epmd_tcp_port = free_port().unwrap();
    let node = start_canned(RUST, epmd_tcp_port, false);
    let beam = start_beam("beam", epmd_tcp_port);
    for module in ["rust", "fake", module] {
        let file = format!("{}/tests/otp_suites/erl/{module}.erl", env!("CARGO_MANIFEST_DIR"));
        let load = format!(
            "fun() -> {{ok, M, Code}} = compile:file({file:?}, [binary, report, warnings_as_errors]), \
             {{module, M}} = code:load_binary(M, {file:?}, Code), ok end()."
        );
        assert_eq!(beam.eval(&load).unwrap(), "ok", "{}", beam.output());
    }
    let canned = format!("persistent_term:put(canned, {:?}).", env!("CARGO_BIN_EXE_canned"));
    assert_eq!(beam.eval(&canned).unwrap(), "ok");
    Some(SuiteStage { node, beam })
}

/// The tests of a suite whose cases are all in Erlang: `cases!(SUITE: fn case(); ...)`.
macro_rules! cases {
    ($suite:ident: $(fn $case:ident();)+) => {
        $(
            #[test]
            fn $case() {
                $suite.run(stringify!($case));
            }
        )+
    };
}
pub(crate) use cases;
