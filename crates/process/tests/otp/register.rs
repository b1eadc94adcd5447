//! Names (`register_SUITE`, `process_SUITE`).

use crate::stage::{atom, each_seed, everywhere, gone, name, on_threads, spawn_idle};
use engset_process::{Cx, Dest, ExitReason, RegisterError, SendError};
use engset_term::Term;

/// A name is registered, looked up and freed again and again while its holders are killed.
#[test]
fn otp_8099() {
    async fn name_and_kill(cx: Cx<Term>, rounds: usize) {
        let name = name("otp_8099_reg_proc");
        for _ in 0..rounds {
            let process = spawn_idle(&cx).pid();
            match cx.processes().register(&name, process) {
                Ok(()) => {}
                Err(RegisterError::Taken { by, .. }) => {
                    assert_ne!(by, process);
                    // Its holder is about to end, and may have meanwhile.
                    cx.processes().unregister(&name);
                    cx.exit(by, ExitReason::Kill);
                    assert_eq!(cx.processes().register(&name, process), Ok(()));
                }
                Err(error) => panic!("{error}"),
            }
            assert_eq!(cx.processes().whereis(&name), Some(process));
            cx.exit(process, ExitReason::Kill);
            if cx.processes().count() > 1_000 {
                cx.sleep(std::time::Duration::from_millis(1)).await;
            }
        }
    }
    each_seed(|cx| name_and_kill(cx, 500));
    on_threads(2, |cx| name_and_kill(cx, 100_000));
}

/// Only live processes get names, and `undefined` is none; a message to a name that is free comes back.
#[test]
fn bad_register() {
    everywhere(|mut cx| async move {
        let name = name("a_long_and_unused_name");
        assert_eq!(cx.register(&crate::stage::name("undefined")), Err(RegisterError::Reserved));
        let dead = cx.spawn(|_: Cx<Term>| async {}).expect("room").pid();
        gone(&mut cx, dead).await;
        assert_eq!(cx.processes().register(&name, dead), Err(RegisterError::NoProcess));
        let elsewhere = engset_term::Pid::new("n@b".parse().expect("a node name"), 1, 1, 0);
        assert_eq!(cx.processes().register(&name, elsewhere), Err(RegisterError::NoProcess));
        let back = cx.send(Dest::Name(name.clone()), atom("anything"));
        assert!(matches!(back, Err(SendError::NoProcess(term)) if term == atom("anything")));
        assert_eq!(cx.processes().registered(), []);
    });
}
