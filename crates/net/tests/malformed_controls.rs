//! A sample of the table of malformed control messages over real sockets: each ends its connection, and the node and
//! another connection go on. The whole table runs in memory, in `engset-node`.

#[path = "../../node/tests/controls/mod.rs"]
mod controls;
mod peer;

use controls::{FORMS, Form, World};
use engset_term::Atom;
use peer::{CREATION, Stage, until_closed, wire};

const NODE: &str = "node@127.0.0.1";
const PEER: &str = "hostile@127.0.0.1";
/// One of so many cases; the forms take turns.
const EACH: usize = 7;

#[test]
fn malformed_control_messages_close_their_connection_and_do_nothing_else() {
    let stage = Stage::new(NODE, |builder| builder);
    let processes = stage.node.processes();
    let kernel = processes.whereis(&Atom::from_static("net_kernel")).expect("net_kernel runs");
    let world = World {
        peer: (PEER, CREATION),
        node: (NODE, stage.creation),
        target: (kernel.id(), kernel.serial()),
    };
    let mut witness = stage.connected("witness@127.0.0.1");
    let before = processes.pids();
    let cases = world.cases();
    // These peers have negotiated headers.
    let forms = FORMS.into_iter().filter(|form| *form != Form::PassThrough).cycle();
    let sample = cases.iter().step_by(EACH).zip(forms);
    let mut count = 0;
    for (case, form) in sample {
        let mut bad = stage.connected(PEER);
        bad.write(&world.frames(case, form));
        assert!(until_closed(&mut bad.stream).is_some(), "{form:?} {}: {:?}", case.label, case.says);
        witness.ping(&stage);
        count += 1;
    }
    assert!(count >= 290, "only {count}");
    assert_eq!(before, processes.pids(), "no process has begun or ended");
    stage.check_alive();
}
