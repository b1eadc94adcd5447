//! Tasks that are no processes, such as the drivers of connections: a future, and nothing that arrives.

use super::{Scheduler, Turn};
use crate::process::AnyProcess;
use crate::task::{Code, Door, Inbox, MailState, OwnCell, Program, Runnable, TaskRef, Untyped};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A task of `future` that has not run yet.
pub(super) fn start(scheduler: Scheduler, future: impl Future<Output = ()> + Send + 'static) -> Runnable {
    let door = Arc::new(Door::new());
    let number = match &scheduler {
        Scheduler::Threads(threads) => threads.numbered.add(&door),
        Scheduler::Seeded(_) => 0,
    };
    let plain = Plain { scheduler, door, number };
    TaskRef::start(None, plain, NoMail, (), |_task| Work { future: Some(future) })
}

struct Plain {
    scheduler: Scheduler,
    door: Arc<Door>,
    number: u64,
}

impl Drop for Plain {
    fn drop(&mut self) {
        if let Scheduler::Threads(threads) = &self.scheduler {
            threads.numbered.remove(self.number);
        }
    }
}

impl Program for Plain {
    type Inbox = NoMail;
    type Own = ();

    fn schedule(&self, runnable: Runnable, again: bool) {
        // Nobody could find a task without a number in a slot.
        let is_last = again || self.number == 0;
        let turn = if is_last { Turn::Last } else { Turn::AfterOthers(self.number) };
        self.scheduler.schedule(runnable, turn);
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn own_door(&self) -> Option<&Door> {
        Some(&self.door)
    }

    fn enter(_inbox: &mut NoMail, _own: &mut (), _mail: MailState) {}

    fn any(&self) -> Option<&dyn AnyProcess> {
        None
    }
}

/// Nobody knows a plain task but its wakers.
struct NoMail;

impl Inbox for NoMail {
    fn is_empty(&self) -> bool {
        true
    }

    fn messages_in(&self) -> u64 {
        0
    }

    fn push_untyped(&mut self, signal: Untyped) -> MailState {
        drop(signal);
        MailState::None
    }
}

pin_project! {
    struct Work<F> {
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future<Output = ()> + Send + 'static> Code<Plain> for Work<F> {
    fn run(
        self: Pin<&mut Self>,
        _task: &TaskRef<Plain>,
        _own: &mut OwnCell<'_, Plain>,
        waker: &Waker,
    ) -> Poll<()> {
        match self.project().future.as_pin_mut() {
            Some(future) => future.poll(&mut Context::from_waker(waker)),
            None => Poll::Ready(()),
        }
    }

    fn cancel(self: Pin<&mut Self>, _task: &TaskRef<Plain>, _own: &mut OwnCell<'_, Plain>) {
        self.project().future.set(None);
    }
}
