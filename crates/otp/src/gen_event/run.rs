//! The life of an event manager's process.

use super::erased::{After, Handler, Request, Swap};
use super::handlers::{Handlers, Key, Refused};
use super::manager::{Adding, Asked, NewSupervisor, Swapping};
use super::report::{self, Given};
use super::{AnyHandlerId, HANDLERS_MAX, HandlerError, HandlerExit, Leaving, ManagerCx, ManagerMsg, WhyExit};
use crate::caught::{Failure, caught, guarded};
use crate::gen_server::{Info, Starting};
use crate::sys::{Desk, Inspect, Served};
use engset_process::{Behaviour, Callback, ExitReason, Mail, Processes, Trapped, set_deadline};
use engset_term::{Pid, Term};

/// From its start to its end.
pub(super) async fn run<E: Send + Sync + 'static>(
    mut cx: ManagerCx<E>,
    parent: Option<Pid>,
    starting: Starting,
) -> ExitReason {
    cx.trap_exit(true);
    starting.done(Ok(()));
    let mut manager = Manager { handlers: Handlers::new(HANDLERS_MAX), parent, last: "" };
    let mut desk = Desk::of(&cx, Behaviour::GenEvent);
    let reason = loop {
        let mail = cx.recv().await;
        desk.took(&cx, &mail);
        let mail = match desk.serve(&mut cx, parent, mail, &mut manager).await {
            Served::Other(mail) => mail,
            Served::Done => continue,
            Served::End(reason) => break reason,
        };
        manager.last = kind(&mail);
        match mail {
            Mail::Message(ManagerMsg(asked)) => manager.serve(asked, &mut cx).await,
            Mail::Exit(trapped) if Some(trapped.from) == parent => break trapped.reason,
            Mail::Exit(trapped) => manager.exit(*trapped, &mut cx).await,
            Mail::Down(down) => manager.info(&Info::Down(*down), &mut cx).await,
            Mail::Other(term) => manager.info(&Info::Message(*term), &mut cx).await,
        }
        set_deadline(None);
        cx.set_callback(None);
    };
    for key in manager.handlers.keys() {
        manager.remove(key, Leaving::Stopped(reason.clone()), WhyExit::Shutdown, &mut cx).await;
    }
    Processes::set_dying(reason.clone());
    reason
}

/// An event manager at work.
struct Manager<E: Send + Sync + 'static> {
    handlers: Handlers<Handler<E>>,
    parent: Option<Pid>,
    /// What kind of mail was taken last.
    last: &'static str,
}

impl<E: Send + Sync + 'static> Drop for Manager<E> {
    fn drop(&mut self) {
        let handlers = || self.handlers.ids().iter().map(ToString::to_string).collect::<Vec<String>>();
        report::manager_ends::<E>(self.last, || format!("handlers: {}", handlers().join(", ")));
    }
}

/// What is about to be served, for reports.
fn kind<E: Send + Sync + 'static>(mail: &Mail<ManagerMsg<E>>) -> &'static str {
    match mail {
        Mail::Message(ManagerMsg(asked)) => match asked {
            Asked::Notify(_) | Asked::SyncNotify(..) => "an event",
            Asked::Add(_) => "add_handler",
            Asked::Delete(..) => "delete_handler",
            Asked::Swap(_) => "swap_handler",
            Asked::Call(_, request) => request.kind(),
            Asked::Which(_) => "which_handlers",
        },
        Mail::Exit(_) => "a trapped exit signal",
        Mail::Down(_) => "a down message",
        Mail::Other(_) => "a message that is no request",
    }
}

/// What system messages see of a manager: its handlers, by what they are.
impl<E: Send + Sync + 'static> Inspect for Manager<E> {
    fn module(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    fn state(&self) -> Option<Term> {
        Some(Term::list(self.handlers.ids().into_iter().map(|id| Term::string(&format!("{id:?}")))))
    }

    fn replace_state(&mut self, _state: &Term) -> Result<(), String> {
        Err("the handlers of an event manager are added and deleted, not replaced as a whole".to_owned())
    }
}

impl<E: Send + Sync + 'static> Manager<E> {
    async fn serve(&mut self, asked: Asked<E>, cx: &mut ManagerCx<E>) {
        match asked {
            Asked::Notify(event) => self.notify(&event, cx).await,
            Asked::SyncNotify(event, reply) => {
                if let Some(reply) = reply.begin() {
                    self.notify(&event, cx).await;
                    reply.send(());
                }
            }
            Asked::Add(adding) => {
                let Adding { id, handler, supervisor, reply } = *adding;
                match reply.begin() {
                    Some(reply) => reply.answer(self.add(id, handler, supervisor, cx).await),
                    None => drop_quietly(handler),
                }
            }
            Asked::Delete(id, mut deletion) => {
                if deletion.begin() {
                    deletion.answer(self.delete(&id, cx).await);
                }
            }
            Asked::Swap(swapping) => {
                let Swapping { old, swap, supervisor, reply } = *swapping;
                if let Some(reply) = reply.begin() {
                    reply.answer(self.swap(self.handlers.find(&old), swap, supervisor, cx).await);
                }
            }
            Asked::Call(id, request) => self.call(&id, request, cx).await,
            Asked::Which(reply) => {
                if let Some(reply) = reply.begin() {
                    reply.send(self.handlers.ids());
                }
            }
        }
    }

    async fn notify(&mut self, event: &E, cx: &mut ManagerCx<E>) {
        for key in self.handlers.keys() {
            if let Some(entry) = self.handlers.get_mut(key) {
                cx.set_callback(Some(Callback::HandleEvent));
                let after = caught(entry.handler.event(event, cx)).await;
                self.after(key, after, &Given::Event(event), cx).await;
            }
        }
    }

    async fn info(&mut self, info: &Info, cx: &mut ManagerCx<E>) {
        for key in self.handlers.keys() {
            if let Some(entry) = self.handlers.get_mut(key) {
                cx.set_callback(Some(Callback::HandleInfo));
                let after = caught(entry.handler.info(info, cx)).await;
                self.after(key, after, &Given::Info(self.last), cx).await;
            }
        }
    }

    /// An exit signal takes with it the handlers that its sender supervises; the others are told of it.
    async fn exit(&mut self, trapped: Trapped, cx: &mut ManagerCx<E>) {
        for key in self.handlers.of(trapped.from) {
            let leaving = Leaving::SupervisorEnded(trapped.reason.clone());
            self.remove(key, leaving, WhyExit::Shutdown, cx).await;
        }
        self.info(&Info::Exit(trapped), cx).await;
    }

    async fn call(&mut self, id: &AnyHandlerId, mut request: Box<dyn Request<E>>, cx: &mut ManagerCx<E>) {
        if !request.begin() {
            return;
        }
        let key = self.handlers.find(id);
        let Some((key, entry)) = key.and_then(|key| Some((key, self.handlers.get_mut(key)?))) else {
            request.fail(HandlerError::NoHandler);
            return;
        };
        let given = Given::Request(request.kind(), guarded(|| request.text()).ok().flatten());
        cx.set_callback(Some(Callback::HandleRequest));
        let after = caught(request.run(&mut entry.handler, cx)).await;
        if let Err(failure) = &after {
            request.fail(HandlerError::Failed(failure.reason().clone()));
        }
        self.after(key, after, &given, cx).await;
    }

    async fn add(
        &mut self,
        id: AnyHandlerId,
        mut handler: Handler<E>,
        supervisor: Option<Pid>,
        cx: &mut ManagerCx<E>,
    ) -> Result<(), HandlerError> {
        let begun = match self.handlers.check(&id, None) {
            Ok(()) => {
                cx.set_callback(Some(Callback::Init));
                let begun = caught(handler.init(cx)).await;
                begun.map_err(|failure| HandlerError::Failed(failure.reason().clone()))
            }
            Err(refused) => Err(refused.into()),
        };
        if let Err(error) = begun {
            drop_quietly(handler);
            return Err(error);
        }
        self.enter(id, handler, supervisor, cx);
        Ok(())
    }

    async fn delete(&mut self, id: &AnyHandlerId, cx: &mut ManagerCx<E>) -> Result<Handler<E>, HandlerError> {
        let key = self.handlers.find(id);
        let removed = match key {
            Some(key) => self.take(key, &Leaving::Deleted, cx).await,
            None => None,
        };
        let Some(Removed { id, supervisor, handler, terminated }) = removed else {
            return Err(HandlerError::NoHandler);
        };
        self.tell(supervisor, &id, WhyExit::Normal, cx);
        match terminated {
            Ok(()) => Ok(handler),
            Err(reason) => {
                drop_quietly(handler);
                Err(HandlerError::Failed(reason))
            }
        }
    }

    /// Lets a handler take the place of another, or of none.
    async fn swap(
        &mut self,
        old: Option<Key>,
        swap: Swap<E>,
        supervisor: NewSupervisor,
        cx: &mut ManagerCx<E>,
    ) -> Result<(), HandlerError> {
        self.handlers.check(&swap.id, old)?;
        let removed = match old {
            Some(key) => self.take(key, &Leaving::Swapped(swap.id.clone()), cx).await,
            None => None,
        };
        let (old, handler) =
            removed.map(|removed| ((removed.id, removed.supervisor), removed.handler)).unzip();
        let (old_id, old_supervisor) = old.unzip();
        let old_supervisor = old_supervisor.flatten();
        let supervisor = match supervisor {
            NewSupervisor::AsBefore => old_supervisor,
            NewSupervisor::This(supervisor) => supervisor,
        };
        let begun = begin(swap.make, handler, cx).await;
        let (result, why) = match begun {
            Ok(new) => {
                let by = swap.id.to_term();
                self.enter(swap.id, new, supervisor, cx);
                (Ok(()), WhyExit::Swapped { by, supervisor })
            }
            Err(reason) => (Err(HandlerError::Failed(reason.clone())), WhyExit::Failed(reason)),
        };
        if let Some(id) = old_id {
            self.tell(old_supervisor, &id, why, cx);
        }
        result
    }

    /// Does what a handler decided.
    async fn after(
        &mut self,
        key: Key,
        after: Result<After<E>, Failure>,
        given: &Given<'_, E>,
        cx: &mut ManagerCx<E>,
    ) {
        match after {
            Ok(After::Stay) => {}
            Ok(After::Remove) => self.remove(key, Leaving::Removed, WhyExit::Normal, cx).await,
            Ok(After::Swap(swap)) => {
                let (id, new) = (self.handlers.get_mut(key).map(|entry| entry.id.clone()), swap.id.clone());
                let swapped = self.swap(Some(key), swap, NewSupervisor::AsBefore, cx).await;
                if let Err(error) = swapped {
                    tracing::error!(manager = %cx.pid(), ?id, %new, "event handler not swapped: {error}");
                }
            }
            Err(Failure::Exit(reason)) => {
                self.report(key, given, &reason, cx);
                self.remove(key, Leaving::Failed(reason.clone()), WhyExit::Failed(reason), cx).await;
            }
            Err(Failure::Panic(reason)) => {
                self.report(key, given, &reason, cx);
                // Without `terminate`: its state may be torn.
                if let Some(entry) = self.handlers.remove(key) {
                    self.tell(entry.supervisor, &entry.id, WhyExit::Failed(reason), cx);
                    drop_quietly(entry.handler);
                }
            }
        }
    }

    async fn remove(&mut self, key: Key, leaving: Leaving, why: WhyExit, cx: &mut ManagerCx<E>) {
        if let Some(removed) = self.take(key, &leaving, cx).await {
            self.tell(removed.supervisor, &removed.id, why, cx);
            drop_quietly(removed.handler);
        }
    }

    /// Takes a handler out after its `terminate`.
    async fn take(&mut self, key: Key, leaving: &Leaving, cx: &mut ManagerCx<E>) -> Option<Removed<E>> {
        let mut entry = self.handlers.remove(key)?;
        cx.set_callback(Some(Callback::Terminate));
        let terminated = caught(entry.handler.terminate(leaving, cx)).await;
        let terminated = terminated.map_err(|failure| failure.reason().clone());
        if let Err(reason) = &terminated {
            report::not_terminated(&entry, reason, cx);
        }
        Some(Removed { id: entry.id, supervisor: entry.supervisor, handler: entry.handler, terminated })
    }

    fn enter(
        &mut self,
        id: AnyHandlerId,
        handler: Handler<E>,
        supervisor: Option<Pid>,
        cx: &mut ManagerCx<E>,
    ) {
        if let Some(supervisor) = supervisor {
            cx.link(supervisor);
        }
        self.handlers.add(id, supervisor, handler);
    }

    /// Tells who supervised a handler of its end, and leaves it alone if that was its last.
    fn tell(&self, supervisor: Option<Pid>, id: &AnyHandlerId, why: WhyExit, cx: &mut ManagerCx<E>) {
        let Some(supervisor) = supervisor else { return };
        let exit = HandlerExit { handler: id.to_term(), why };
        // One that is gone needs not be told.
        drop(cx.send(supervisor, exit.into_term()));
        if self.handlers.of(supervisor).is_empty() && Some(supervisor) != self.parent {
            cx.unlink(supervisor);
        }
    }

    fn report(&mut self, key: Key, given: &Given<'_, E>, reason: &ExitReason, cx: &ManagerCx<E>) {
        if let Some(entry) = self.handlers.get_mut(key) {
            report::handler_failed(entry, given, reason, cx);
        }
    }
}

/// A handler that was taken out.
struct Removed<E: Send + Sync + 'static> {
    id: AnyHandlerId,
    supervisor: Option<Pid>,
    handler: Handler<E>,
    /// The reason with which its `terminate` panicked, if it did.
    terminated: Result<(), ExitReason>,
}

/// Makes a handler of the one before, and lets it begin.
async fn begin<E: Send + Sync + 'static>(
    make: Box<dyn FnOnce(Option<Handler<E>>) -> Handler<E> + Send>,
    before: Option<Handler<E>>,
    cx: &mut ManagerCx<E>,
) -> Result<Handler<E>, ExitReason> {
    let mut handler = guarded(|| make(before))?;
    cx.set_callback(Some(Callback::Init));
    match caught(handler.init(cx)).await {
        Ok(()) => Ok(handler),
        Err(failure) => {
            drop_quietly(handler);
            Err(failure.reason().clone())
        }
    }
}

/// A handler's destructor that panics must not end the manager.
fn drop_quietly<E>(handler: Handler<E>) {
    if let Err(reason) = guarded(|| drop(handler)) {
        tracing::error!("an event handler panicked while it was dropped: {reason}");
    }
}

impl From<Refused> for HandlerError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::AlreadyPresent => Self::AlreadyPresent,
            Refused::Full(max) => Self::TooMany(max),
        }
    }
}
