//! An actor under a supervisor that starts it again.

use super::start;
use crate::driver;
use crate::row::Row;
use crate::workload::{RESTARTS_MAX, RESTARTS_PERIOD_S};
use ::kameo::actor::{Actor, ActorRef, Spawn};
use ::kameo::error::Infallible;
use ::kameo::mailbox;
use ::tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use std::time::Duration;

struct Parent;

impl Actor for Parent {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// Says that it starts.
struct Starter;

impl Actor for Starter {
    type Args = UnboundedSender<ActorRef<Self>>;
    type Error = Infallible;

    async fn on_start(
        started: UnboundedSender<ActorRef<Self>>,
        myself: ActorRef<Self>,
    ) -> Result<Self, Infallible> {
        assert!(started.send(myself).is_ok(), "the measuring task lives");
        Ok(Self)
    }
}

pub(super) async fn restart(row: Row) -> f64 {
    let (started, starts) = unbounded_channel();
    let parent: ActorRef<Parent> = start(());
    let limit = u32::try_from(RESTARTS_MAX).expect("it is a limit of kameo's");
    let child = Starter::supervise(&parent, started)
        .restart_limit(limit, Duration::from_secs(RESTARTS_PERIOD_S))
        .spawn_with_mailbox(mailbox::unbounded())
        .await;
    let ns = driver::restart(row, |child: ActorRef<Starter>| child.kill(), starts).await;
    drop((child, parent));
    ns
}
