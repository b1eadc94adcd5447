//! Handlers that fail in every place where they can: the manager and the others go on.

use crate::dummy::{DUMMY, Dummy, Greet, Happening, dummy};
use crate::node::{Record, each_seed};
use engset_otp::CallError;
use engset_otp::gen_event::{EventHandler, EventManager, HandlerError, HandlerId, Leaving, ManagerCx, Next};
use engset_process::{Exit, ExitReason};

/// Panics where it is told to.
struct Bomb {
    place: &'static str,
}

const BOMB: HandlerId<Bomb> = HandlerId::of_type();

impl EventHandler for Bomb {
    type Event = Happening;

    async fn init(&mut self, _: &mut ManagerCx<Happening>) -> Result<(), Exit> {
        assert!(self.place != "init", "bomb in init");
        Ok(())
    }

    async fn handle_event(
        &mut self,
        _: &Happening,
        cx: &mut ManagerCx<Happening>,
    ) -> Result<Next<Self>, Exit> {
        cx.sleep(std::time::Duration::from_millis(1)).await;
        assert!(self.place != "event", "bomb in event");
        Ok(Next::Stay)
    }

    async fn terminate(&mut self, _: &Leaving, _: &mut ManagerCx<Happening>) {
        assert!(self.place != "terminate", "bomb in terminate");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(self.place != "drop" || std::thread::panicking(), "bomb in drop");
    }
}

fn failed<T: std::fmt::Debug>(result: Result<T, CallError<HandlerError>>) -> ExitReason {
    match result.unwrap_err() {
        CallError::App(HandlerError::Failed(reason)) => reason,
        error => panic!("{error}"),
    }
}

#[test]
fn a_handler_that_panics_hurts_nobody_else() {
    each_seed(|_| async {
        let (manager, record) = (EventManager::start().await.unwrap(), Record::default());
        manager.add_handler(&dummy("before"), Dummy::new(&record)).await.unwrap();

        let reason = failed(manager.add_handler(&BOMB, Bomb { place: "init" }).await);
        assert!(reason.to_string().contains("bomb in init"), "{reason}");
        assert!(reason.to_string().contains("failures.rs"), "it says where: {reason}");
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("before")]);

        manager.add_handler(&BOMB, Bomb { place: "event" }).await.unwrap();
        manager.add_handler(&dummy("after"), Dummy::new(&record)).await.unwrap();
        manager.sync_notify(Happening::Event(1)).await.unwrap();
        assert_eq!(record.take(), ["dummy Event(1)", "dummy Event(1)"], "the others got it");
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("after"), dummy("before")]);

        manager.add_handler(&BOMB, Bomb { place: "terminate" }).await.unwrap();
        let reason = match manager.delete_handler(&BOMB).await.map(|_| ()) {
            Err(CallError::App(HandlerError::Failed(reason))) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason.to_string().contains("bomb in terminate"), "{reason}");
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("after"), dummy("before")]);

        manager.add_handler(&DUMMY, Dummy::new(&record)).await.unwrap();
        let swapped = manager.swap_handler(&DUMMY, &BOMB, |_: Option<Dummy>| panic!("bomb in make")).await;
        assert!(failed(swapped).to_string().contains("bomb in make"));
        assert_eq!(manager.which_handlers().await.unwrap(), [dummy("after"), dummy("before")]);
        assert_eq!(manager.call(&dummy("after"), Greet).await, Ok("hejhopp"));
    });
}

#[test]
fn a_handler_that_panics_when_it_is_dropped_hurts_nobody() {
    each_seed(|_| async {
        let manager = EventManager::start().await.unwrap();
        manager.add_handler(&BOMB, Bomb { place: "drop" }).await.unwrap();
        let other = HandlerId::<Bomb>::named(crate::node::atom("quiet"));
        let ends = manager.swap_handler(&BOMB, &other.clone(), |old: Option<Bomb>| {
            drop(old);
            Bomb { place: "nowhere" }
        });
        assert!(failed(ends.await).to_string().contains("bomb in drop"));
        manager.add_handler(&other, Bomb { place: "nowhere" }).await.unwrap();
        let refused = manager.add_handler(&other, Bomb { place: "drop" }).await;
        assert_eq!(refused, Err(CallError::App(HandlerError::AlreadyPresent)));
        assert_eq!(manager.which_handlers().await.unwrap(), [other]);
    });
}

#[test]
fn errors_say_what_to_do() {
    assert!(HandlerError::AlreadyPresent.to_string().ends_with("give it another name"));
    assert!(HandlerError::TooMany(5).to_string().contains("5 handlers"));
    assert!(HandlerError::Failed(ExitReason::Kill).to_string().ends_with("kill"));
    assert!(HandlerError::NoHandler.to_string().contains("no handler"));
}
