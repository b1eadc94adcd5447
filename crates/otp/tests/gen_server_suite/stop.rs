//! Stopping servers from outside. Those of another node are stopped in the simulation's tests.

use crate::node::{Record, atom, each_seed, millis, settle};
use engset_macros::server;
use engset_otp::{StopError, start, start_named, stop};
use engset_process::{Cx, Exit, ExitReason, Service};
use engset_term::Term;

struct Server(Record);

#[server(local, crate = "engset_otp")]
impl Server {
    /// Takes so many milliseconds.
    #[cast]
    async fn work(&mut self, duration: u64, cx: &mut Cx<ServerMsg>) {
        cx.sleep(millis(duration)).await;
    }

    #[cast]
    fn end(&mut self) -> Result<(), Exit> {
        Err(Exit(ExitReason::from(atom("by_itself"))))
    }

    #[terminate]
    fn terminate(&mut self, reason: &ExitReason) {
        self.0.add(format!("terminate {reason}"));
    }
}

const PATIENCE: std::time::Duration = millis(5_000);

/// `gen_server_SUITE:stop1`: a server without a name, for reason `normal`; the second time it is not there.
#[test]
fn stop1() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server = start(Server(record.clone())).await.unwrap();
        assert_eq!(stop(&server.addr(), ExitReason::Normal, PATIENCE).await, Ok(()));
        assert!(!cx.processes().is_alive(server.pid()));
        assert_eq!(record.take(), ["terminate normal"]);
        assert_eq!(stop(&server.addr(), ExitReason::Normal, PATIENCE).await, Err(StopError::NoProcess));
    });
}

/// `gen_server_SUITE:stop2`: for another reason.
#[test]
fn stop2() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server = start(Server(record.clone())).await.unwrap();
        let reason = ExitReason::from(atom("other_reason"));
        assert_eq!(stop(&server.addr(), reason, PATIENCE).await, Ok(()));
        assert!(!cx.processes().is_alive(server.pid()));
        assert_eq!(record.take(), ["terminate other_reason"]);
    });
}

/// `gen_server_SUITE:stop3`: a time limit that cannot be is ruled out by types; one that is over leaves the server
/// asked, and it ends when it has the time.
#[test]
fn stop3() {
    each_seed(|cx| async move {
        let server = start(Server(Record::default())).await.unwrap();
        server.work(50).unwrap();
        assert_eq!(stop(&server.addr(), ExitReason::Normal, millis(10)).await, Err(StopError::Timeout));
        assert!(cx.processes().is_alive(server.pid()));
        cx.sleep(millis(60)).await;
        assert!(!cx.processes().is_alive(server.pid()));
        assert_eq!(stop(&server.addr(), ExitReason::Normal, PATIENCE).await, Err(StopError::NoProcess));
    });
}

/// `gen_server_SUITE:stop4`: by a registered name.
#[test]
fn stop4() {
    each_seed(|cx| async move {
        start_named(Some(atom("to_stop")), Server(Record::default())).await.unwrap();
        let to: Service<ServerMsg> = Service::local(atom("to_stop"));
        assert_eq!(stop(&to, ExitReason::Normal, PATIENCE).await, Ok(()));
        assert_eq!(cx.processes().whereis(&atom("to_stop")), None);
        assert_eq!(stop(&to, ExitReason::Normal, PATIENCE).await, Err(StopError::NoProcess));
    });
}

/// `gen_server_SUITE:stop5`: by a registered name and the name of this node.
#[test]
fn stop5() {
    each_seed(|cx| async move {
        start_named(Some(atom("to_stop")), Server(Record::default())).await.unwrap();
        let to: Service<ServerMsg> = Service::at(atom("to_stop"), cx.node());
        assert_eq!(stop(&to, ExitReason::Normal, PATIENCE).await, Ok(()));
        assert_eq!(cx.processes().whereis(&atom("to_stop")), None);
        assert_eq!(stop(&to, ExitReason::Normal, PATIENCE).await, Err(StopError::NoProcess));
    });
}

/// A server that ends for a reason of its own is not what was asked for.
#[test]
fn one_that_ends_otherwise_is_told() {
    each_seed(|cx| async move {
        let server = start(Server(Record::default())).await.unwrap();
        server.work(5).unwrap();
        server.end().unwrap();
        let ended = stop(&server.addr(), ExitReason::Normal, PATIENCE).await;
        assert_eq!(ended, Err(StopError::Ended(ExitReason::from(atom("by_itself")))));
        settle(&cx).await;
        assert!(cx.processes().aliases().is_empty());
        assert_eq!(crate::node::waiting(&cx), 0);
    });
}

/// A server cannot wait for its own end.
#[test]
fn a_process_does_not_stop_itself() {
    each_seed(|cx| async move {
        let me: engset_process::Addr<Term> = cx.addr();
        assert_eq!(stop(&me, ExitReason::Normal, PATIENCE).await, Err(StopError::StoppingSelf));
    });
}
