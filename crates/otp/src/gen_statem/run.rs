//! The life of a state machine's process: receives, lets the handlers run, and does what the core decides.

use super::core::{Core, Entered, Excess, To, Turn};
use super::step::{Parts, Step};
use super::timeouts::Setting;
use super::{Beginning, Event, StateMachine};
use crate::gen_server::{Info, Starting};
use crate::sys::{Desk, Inspect, Served};
use engset_process::{
    Behaviour, Callback, CrashDetails, Cx, Exit, ExitReason, Mail, Processes, Protocol, describe_crash,
    set_deadline,
};
use engset_term::{Pid, Term};
use std::future::poll_fn;
use std::marker::PhantomData;
use std::task::Poll;

/// What reports call the process.
const BEHAVIOUR: &str = "state machine";

/// After how many events in a row without a receive the machine lets others run, and signals act on it.
const EVENTS_PER_TURN: usize = 256;

/// From `init` on.
pub(super) async fn run<M: StateMachine>(
    mut machine: M,
    mut cx: Cx<M::Msg>,
    parent: Option<Pid>,
    starting: Starting,
) -> ExitReason {
    let mut before_first = BeforeFirst::<M> { is_over: false, machine: PhantomData };
    cx.set_callback(Some(Callback::Init));
    let begun = machine.init(&mut cx).await;
    cx.set_callback(None);
    match begun {
        Ok(step) => {
            starting.done(Ok(()));
            before_first.is_over = true;
            serve(machine, step, &mut cx, parent).await
        }
        Err(Exit(reason)) => {
            starting.done(Err(reason.clone()));
            Processes::set_dying(reason.clone());
            reason
        }
    }
}

/// Says of a crash in `init` whose it was.
struct BeforeFirst<M: StateMachine> {
    is_over: bool,
    machine: PhantomData<fn() -> M>,
}

impl<M: StateMachine> Drop for BeforeFirst<M> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        describe_crash(|| CrashDetails {
            behaviour: BEHAVIOUR,
            module: std::any::type_name::<M>(),
            ..CrashDetails::default()
        });
    }
}

/// From the first state on.
pub(super) async fn serve<M: StateMachine>(
    machine: M,
    first: Step<M, Beginning>,
    cx: &mut Cx<M::Msg>,
    parent: Option<Pid>,
) -> ExitReason {
    let (state, first) = first.into_first();
    let mut running = Running {
        machine,
        core: Core::new(state, M::LIMITS),
        parent,
        events: 0,
        desk: Desk::of(cx, Behaviour::GenStatem),
        last: "",
        text: None,
    };
    let reason = match running.make(first, cx).await {
        Err(reason) => reason,
        Ok(()) => running.events(cx).await,
    };
    set_deadline(None);
    cx.set_callback(Some(Callback::Terminate));
    running.machine.terminate(&reason, running.core.state(), cx).await;
    // Whoever waits for a reply that the machine keeps, or has postponed, hears of its end.
    Processes::set_dying(reason.clone());
    reason
}

/// A state machine at work.
struct Running<M: StateMachine> {
    machine: M,
    core: Core<M::State, Event<M>, M::Timer>,
    parent: Option<Pid>,
    /// How many events were served since others could run.
    events: usize,
    desk: Desk,
    /// What kind of event was served last.
    last: &'static str,
    /// That event in full, where the machine says it.
    text: Option<String>,
}

/// What system messages see of a machine.
struct Seen<'a, M: StateMachine> {
    machine: &'a mut M,
    state: &'a M::State,
}

impl<M: StateMachine> Inspect for Seen<'_, M> {
    fn module(&self) -> &'static str {
        std::any::type_name::<M>()
    }

    fn state(&self) -> Option<Term> {
        self.machine.inspect(self.state)
    }

    fn replace_state(&mut self, state: &Term) -> Result<(), String> {
        self.machine.replace(state)
    }
}

impl<M: StateMachine> Running<M> {
    /// Serves events until one ends the machine.
    async fn events(&mut self, cx: &mut Cx<M::Msg>) -> ExitReason {
        loop {
            let event = match self.next(cx).await {
                Ok(event) => event,
                Err(reason) => return reason,
            };
            (self.last, self.text) = (event.kind(), M::format_event(&event));
            cx.set_callback(Some(Callback::HandleEvent));
            let step = self.machine.handle(self.core.state(), event, cx).await;
            cx.set_callback(None);
            set_deadline(None);
            let made = match step {
                Ok(step) => self.make(step.into_parts(), cx).await,
                Err(Exit(reason)) => Err(reason),
            };
            if let Err(reason) = made {
                return reason;
            }
        }
    }

    /// The next event; `Err` where the machine must end instead.
    async fn next(&mut self, cx: &mut Cx<M::Msg>) -> Result<Event<M>, ExitReason> {
        self.let_others_run().await;
        loop {
            let now = cx.processes().scheduler().now();
            let mail = match self.core.next(now, || waiting(cx)) {
                Turn::Deliver(event) => return Ok(event),
                Turn::Receive(None) => cx.recv().await,
                Turn::Receive(Some(due)) => match cx.recv_timeout(due.saturating_duration_since(now)).await {
                    Some(mail) => mail,
                    None => {
                        self.core.waited();
                        continue;
                    }
                },
            };
            self.desk.took(cx, &mail);
            let mut seen = Seen { machine: &mut self.machine, state: self.core.state() };
            match self.desk.serve(cx, self.parent, mail, &mut seen).await {
                Served::Done => {}
                Served::End(reason) => return Err(reason),
                Served::Other(mail) => {
                    self.core.received();
                    return self.event(mail);
                }
            }
        }
    }

    fn event(&mut self, mail: Mail<M::Msg>) -> Result<Event<M>, ExitReason> {
        Ok(match mail {
            Mail::Message(message) => Event::Message(message),
            Mail::Exit(trapped) if Some(trapped.from) == self.parent => {
                (self.last, self.text) = ("an exit signal of its parent", None);
                return Err(trapped.reason);
            }
            Mail::Exit(trapped) => Event::Info(Info::Exit(*trapped)),
            Mail::Down(down) => Event::Info(Info::Down(*down)),
            Mail::Other(term) => Event::Info(Info::Message(*term)),
        })
    }

    /// Does what a handler decided; `Err` ends the machine.
    async fn make(&mut self, parts: Parts<M>, cx: &mut Cx<M::Msg>) -> Result<(), ExitReason> {
        let Parts { plan, mut settings, replies, hibernate, stop } = parts;
        replies.send();
        if let Some(reason) = stop {
            return Err(reason);
        }
        let entered = self.core.step(plan).map_err(Excess::into_reason)?;
        if let Some(entered) = entered {
            self.enter(&entered, &mut settings, cx).await?;
        }
        let now = cx.processes().scheduler().now();
        self.core.set(now, settings).map_err(Excess::into_reason)?;
        if hibernate {
            self.core.shrink();
        }
        Ok(())
    }

    /// Runs the state-enter call, as often as it asks for.
    async fn enter(
        &mut self,
        entered: &Entered<M::State>,
        settings: &mut Vec<Setting<Event<M>, M::Timer>>,
        cx: &mut Cx<M::Msg>,
    ) -> Result<(), ExitReason> {
        loop {
            let state = self.core.state();
            let before = match entered {
                Entered::Same => state,
                Entered::From(before) => before,
            };
            cx.set_callback(Some(Callback::StateEnter));
            let step = self.machine.enter(before, state, cx).await;
            cx.set_callback(None);
            set_deadline(None);
            let parts = step.map_err(|Exit(reason)| reason)?.into_parts();
            parts.replies.send();
            if let Some(reason) = parts.stop {
                return Err(reason);
            }
            settings.extend(parts.settings);
            if !matches!(parts.plan.to, To::Repeat) {
                return Ok(());
            }
            self.let_others_run().await;
        }
    }

    /// Once in a while gives way, and lets signals act.
    async fn let_others_run(&mut self) {
        self.events += 1;
        if self.events < EVENTS_PER_TURN {
            return;
        }
        self.events = 0;
        let mut waited = false;
        poll_fn(|task| {
            if std::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            task.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl<M: StateMachine> Drop for Running<M> {
    fn drop(&mut self) {
        describe_crash(|| CrashDetails {
            behaviour: BEHAVIOUR,
            module: std::any::type_name::<M>(),
            last_message: Some(self.last).filter(|last| !last.is_empty()),
            message: self.text.take(),
            state: self.machine.format_state(self.core.state()),
        });
    }
}

/// How many messages have arrived that were not received.
fn waiting<P: Protocol>(cx: &Cx<P>) -> usize {
    cx.processes().info(cx.pid()).map_or(0, |info| info.message_queue_len)
}
