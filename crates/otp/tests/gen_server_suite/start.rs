//! Starting servers: by name, in time, ignored, monitored, from a running process, and once again at once.

use crate::node::{Record, atom, down, each_seed, millis, on_threads, settle};
use engset_macros::server;
use engset_otp::{
    CallError, StartError, enter_loop, ignore, start, start_link, start_monitor, start_named, start_on,
    start_within, stop,
};
use engset_process::{Cx, Exit, ExitReason, Mail, Processes, RegisterError, SpawnError, SpawnOptions};
use engset_term::{Atom, Term};
use std::sync::Arc;

/// Begins as told.
struct Server {
    how: How,
    record: Record,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Well,
    Ignore,
    Stop,
    /// After so many milliseconds.
    Slowly(u64),
}

#[server(local, crate = "engset_otp")]
impl Server {
    #[init]
    async fn init(&mut self, cx: &mut Cx<ServerMsg>) -> Result<(), Exit> {
        cx.trap_exit(true);
        match self.how {
            How::Well => Ok(()),
            How::Ignore => Err(ignore()),
            How::Stop => Err(Exit(ExitReason::from(atom("stopped")))),
            How::Slowly(duration) => {
                cx.sleep(millis(duration)).await;
                Ok(())
            }
        }
    }

    #[call]
    fn started_p(&self) -> Atom {
        atom("ok")
    }

    #[terminate]
    fn terminate(&mut self, reason: &ExitReason) {
        self.record.add(format!("terminate {reason}"));
    }
}

fn server(how: How) -> Server {
    Server { how, record: Record::default() }
}

fn name() -> Option<Atom> {
    Some(atom("my_test_name"))
}

/// `gen_server_SUITE:start`: servers start anonymous and named, linked and not; a taken name, an `init` that says no,
/// ignores, or takes too long is told to the starter, and leaves nothing behind.
#[test]
fn gen_server_start() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let anonymous = start(server(How::Well)).await.unwrap();
        assert_eq!(anonymous.started_p().await, Ok(atom("ok")));
        assert_eq!(stop(&anonymous.addr(), ExitReason::Normal, millis(100)).await, Ok(()));
        assert_eq!(anonymous.started_p().await, Err(CallError::NoProcess));

        let linked = start_link(&mut cx, None, server(How::Well)).await.unwrap();
        cx.exit(linked.pid(), ExitReason::Shutdown);
        let Mail::Exit(trapped) = cx.recv().await else { panic!("an exit") };
        assert_eq!((trapped.from, trapped.reason), (linked.pid(), ExitReason::Shutdown));

        let named = start_named(name(), server(How::Well)).await.unwrap();
        let taken = StartError::Spawn(SpawnError::Register(RegisterError::Taken {
            name: atom("my_test_name"),
            by: named.pid(),
        }));
        assert_eq!(start_named(name(), server(How::Well)).await.map(drop), Err(taken.clone()));
        assert_eq!(start_link(&mut cx, name(), server(How::Well)).await.map(drop), Err(taken));
        assert_eq!(ServerRef::named(atom("my_test_name")).started_p().await, Ok(atom("ok")));
        assert_eq!(stop(&named.addr(), ExitReason::Normal, millis(100)).await, Ok(()));

        let ignored = start_named(name(), server(How::Ignore)).await.unwrap_err();
        assert!(ignored.is_ignored());
        let stopped = start_named(name(), server(How::Stop)).await.unwrap_err();
        assert_eq!(stopped, StartError::Init(ExitReason::from(atom("stopped"))));
        settle(&cx).await;
        assert_eq!(cx.processes().whereis(&atom("my_test_name")), None);
        assert_eq!(cx.processes().info(cx.pid()).unwrap().message_queue_len, 0);
    });
}

/// `gen_server_SUITE:start`, its time limits: who does not begin in time is killed, and gone when that is told.
#[test]
fn start_with_a_time_limit() {
    each_seed(|cx| async move {
        let processes = Arc::clone(cx.processes());
        let in_time = start_within(&processes, millis(20), name(), server(How::Slowly(19))).await.unwrap();
        assert_eq!(in_time.started_p().await, Ok(atom("ok")));
        assert_eq!(stop(&in_time.addr(), ExitReason::Normal, millis(100)).await, Ok(()));
        let before = processes.scheduler().now();
        let late = start_within(&processes, millis(20), name(), server(How::Slowly(21))).await;
        assert_eq!(late.map(drop), Err(StartError::Init(ExitReason::from(atom("timeout")))));
        assert_eq!(processes.scheduler().now().saturating_duration_since(before), millis(20));
        let again = start_within(&processes, millis(20), name(), server(How::Well)).await.unwrap();
        assert_eq!(processes.whereis(&atom("my_test_name")), Some(again.pid()));
    });
}

/// `gen_server_SUITE:start_monitor`: the starter watches the server from its first moment; one that does not begin is
/// told by the error only.
#[test]
fn gen_server_start_monitor() {
    each_seed(|mut cx| async move {
        let (server_, reference) = start_monitor(&mut cx, None, server(How::Well)).await.unwrap();
        assert_eq!(stop(&server_.addr(), ExitReason::Normal, millis(100)).await, Ok(()));
        let ended = down(&mut cx).await;
        assert_eq!((ended.reference, ended.reason), (reference, ExitReason::Normal));
        let error = start_monitor(&mut cx, None, server(How::Stop)).await.map(drop).unwrap_err();
        assert_eq!(error, StartError::Init(ExitReason::from(atom("stopped"))));
        let ignored = start_monitor(&mut cx, None, server(How::Ignore)).await.map(drop).unwrap_err();
        assert!(ignored.is_ignored());
        settle(&cx).await;
        assert_eq!(cx.processes().info(cx.pid()).unwrap().message_queue_len, 0);
    });
}

async fn restarts_at_once(processes: &Arc<Processes>) {
    for how in [How::Ignore, How::Stop] {
        for _ in 0..100 {
            start_on(processes, name(), server(how)).await.map(drop).unwrap_err();
            let next = start_on(processes, name(), server(How::Well)).await.unwrap();
            assert_eq!(stop(&next.addr(), ExitReason::Normal, millis(1_000)).await, Ok(()));
        }
    }
}

/// `gen_server_SUITE:otp_7669`: the name of a server whose `init` ignores or stops is free when its starter hears of it.
#[test]
fn otp_7669() {
    each_seed(|cx| async move { restarts_at_once(cx.processes()).await });
    on_threads(|cx| async move { restarts_at_once(cx.processes()).await });
}

/// `gen_server_SUITE:spec_init`: a process that has done other things first becomes a server; its parent's exit ends it
/// after `terminate`, whatever else it traps.
#[test]
fn spec_init() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        let (parent, record) = (cx.pid(), Record::default());
        let told = record.clone();
        let body = move |mut cx: Cx<ServerMsg>| async move {
            cx.trap_exit(true);
            // Any Rust may come before.
            cx.sleep(millis(3)).await;
            enter_loop(Server { how: How::Well, record: told }, cx, Some(parent)).await
        };
        let addr = cx.spawn_link(SpawnOptions::default(), body).unwrap();
        let server = ServerRef::from(addr);
        assert_eq!(server.started_p().await, Ok(atom("ok")));
        cx.exit(addr.pid(), ExitReason::Shutdown);
        let Mail::Exit(trapped) = cx.recv().await else { panic!("an exit") };
        assert_eq!((trapped.from, trapped.reason), (addr.pid(), ExitReason::Shutdown));
        assert_eq!(record.take(), ["terminate shutdown"]);
    });
}

/// `gen_server_SUITE:spec_init_local_registered_parent`: it makes no difference whether the parent has a name.
#[test]
fn spec_init_local_registered_parent() {
    each_seed(|mut cx| async move {
        cx.trap_exit(true);
        cx.register(&atom("foobar")).unwrap();
        let parent = cx.processes().whereis(&atom("foobar")).unwrap();
        let body = move |mut cx: Cx<ServerMsg>| async move {
            cx.trap_exit(true);
            enter_loop(server(How::Well), cx, Some(parent)).await
        };
        let options = SpawnOptions { name: name(), ..SpawnOptions::default() };
        let addr = cx.spawn_link(options, body).unwrap();
        assert_eq!(ServerRef::named(atom("my_test_name")).started_p().await, Ok(atom("ok")));
        cx.exit(addr.pid(), ExitReason::from(atom("enough")));
        let Mail::Exit(trapped) = cx.recv().await else { panic!("an exit") };
        assert_eq!((trapped.from, trapped.reason), (addr.pid(), ExitReason::from(atom("enough"))));
    });
}

/// `gen_server_SUITE:otp_5854`: a process becomes a server under whatever name it has, or none; one without a parent
/// takes exit signals of its starter as information.
#[test]
fn otp_5854() {
    each_seed(|mut cx| async move {
        for name in [None, name()] {
            let options = SpawnOptions { name: name.clone(), ..SpawnOptions::default() };
            let body = |mut cx: Cx<ServerMsg>| async move {
                cx.trap_exit(true);
                enter_loop(server(How::Well), cx, None).await
            };
            let (addr, _) = cx.spawn_monitor(options, body).unwrap();
            let server = ServerRef::from(addr);
            assert_eq!(server.started_p().await, Ok(atom("ok")));
            cx.exit(addr.pid(), ExitReason::Shutdown);
            assert_eq!(server.started_p().await, Ok(atom("ok")));
            assert_eq!(
                cx.processes().info(addr.pid()).unwrap().names,
                name.into_iter().collect::<Vec<Atom>>()
            );
            assert_eq!(stop(&addr, ExitReason::from(atom("end")), millis(100)).await, Ok(()));
            assert_eq!(down(&mut cx).await.reason, ExitReason::from(atom("end")));
        }
    });
}

/// A start that is dropped while it waits starts a server all the same, as one in OTP whose starter dies unlinked.
#[test]
fn a_dropped_start_leaves_the_server() {
    each_seed(|cx| async move {
        let starter = cx
            .spawn(|_: Cx<Term>| async {
                start_named(name(), server(How::Slowly(10))).await.map(drop).unwrap();
            })
            .unwrap();
        cx.sleep(millis(1)).await;
        cx.exit(starter.pid(), ExitReason::Kill);
        cx.sleep(millis(20)).await;
        assert_eq!(ServerRef::named(atom("my_test_name")).started_p().await, Ok(atom("ok")));
    });
}
