//! The life of a server's process.
//!
//! A server at rest takes little memory: what its process waits in holds the server, its context, and room for the
//! handler of one request. All that is rare is boxed while it runs.

use super::{Info, Server, Starting};
use crate::sys::{Desk, Inspect, Served};
use engset_process::{
    Behaviour, Callback, CrashDetails, Cx, Exit, ExitReason, Mail, Processes, Protocol, describe_crash,
    set_deadline,
};
use engset_term::{Pid, Term};
use pin_project_lite::pin_project;
use std::any::TypeId;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// From `init` on; from the first request on where there is no starter.
pub(super) fn serve<S: Server>(
    server: S,
    mut cx: Cx<S::Msg>,
    parent: Option<Pid>,
    mut starting: Option<Starting>,
) -> impl Future<Output = ExitReason> + Send {
    let parent = Parent::note(parent, &mut cx);
    let desk = Desk::of(&cx, Behaviour::GenServer);
    let mut serving = Serving { server, cx, parent, desk, last: "", has_text: false };
    // What a block captures has its place once; the arguments of an `async fn` have it twice.
    async move {
        if let Some(starting) = starting.take()
            && let Err(reason) = Box::pin(serving.begin(starting)).await
        {
            return reason;
        }
        loop {
            let mail = if serving.has_patience() {
                Box::pin(serving.next()).await
            } else {
                Some(serving.cx.recv().await)
            };
            let result = serving.turn(mail).await;
            set_deadline(None);
            serving.cx.set_callback(None);
            if (result.is_err() || serving.server.wants_continue())
                && let Some(reason) = Box::pin(serving.turn_ends(result)).await
            {
                return reason;
            }
        }
    }
}

/// A server at work. When it is dropped because the process crashes, it says what it knows of that.
struct Serving<S: Server> {
    server: S,
    cx: Cx<S::Msg>,
    parent: Parent,
    desk: Desk,
    /// What was taken last.
    last: &'static str,
    /// Whether that is kept in full, too.
    has_text: bool,
}

/// Whose end ends the server, in one byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    Nobody,
    /// Who started the process.
    Starter,
    /// Kept as a value of the process's own.
    Kept,
}

#[derive(Clone)]
struct KeptParent(Pid);

impl Parent {
    fn note<M: Protocol>(parent: Option<Pid>, cx: &mut Cx<M>) -> Self {
        match parent {
            None => Self::Nobody,
            parent if parent == cx.parent() => Self::Starter,
            Some(parent) => {
                cx.put(KeptParent(parent));
                Self::Kept
            }
        }
    }

    fn pid<M: Protocol>(self, cx: &mut Cx<M>) -> Option<Pid> {
        match self {
            Self::Nobody => None,
            Self::Starter => cx.parent(),
            Self::Kept => cx.get::<KeptParent>().map(|KeptParent(parent)| parent),
        }
    }
}

/// A message in full, kept by the process while it is served.
struct Text(String);

impl<S: Server> Serving<S> {
    /// Runs `init` and what it continues with; `Err` ends the process.
    async fn begin(&mut self, starting: Starting) -> Result<(), ExitReason> {
        self.cx.set_callback(Some(Callback::Init));
        let result = self.server.init(&mut self.cx).await;
        self.cx.set_callback(None);
        let told = result.clone().map_err(|Exit(reason)| reason);
        starting.done(told);
        match result {
            Ok(()) => self.turn_ends(Ok(())).await.map_or(Ok(()), Err),
            Err(Exit(reason)) => {
                Processes::set_dying(reason.clone());
                Err(reason)
            }
        }
    }

    /// Whether the server does something when nothing arrives.
    fn has_patience(&self) -> bool {
        self.server.idle_timeout().is_some() || self.server.hibernate_after().is_some()
    }

    /// Takes what has arrived, or that nothing has.
    #[inline]
    fn turn(
        &mut self,
        mail: Option<Mail<S::Msg>>,
    ) -> Turn<'_, impl Future<Output = Result<(), Exit>> + Send + use<'_, S>> {
        if let Some(mail) = &mail {
            self.desk.took(&self.cx, mail);
        }
        match mail {
            Some(Mail::Message(message)) if !is_term::<S::Msg>() => {
                self.takes(&message);
                Turn::Request { handling: self.server.handle(message, &mut self.cx) }
            }
            mail => Turn::Rare { handling: Box::pin(self.take(mail)) },
        }
    }

    /// Notes what is about to be served.
    #[inline]
    fn takes(&mut self, message: &S::Msg) {
        self.cx.set_callback(Some(Callback::HandleRequest));
        self.last = S::message_name(message);
        self.has_text = false;
        if let Some(text) = S::format_message(message) {
            self.cx.put(Text(text));
            self.has_text = true;
        }
    }

    /// What arrives, or `None` when nothing does for as long as the server waits.
    async fn next(&mut self) -> Option<Mail<S::Msg>> {
        let patience = self.server.idle_timeout();
        let rest = match (patience, self.server.hibernate_after()) {
            (Some(patience), Some(rest)) if patience <= rest => return self.cx.recv_timeout(patience).await,
            (Some(patience), None) => return self.cx.recv_timeout(patience).await,
            (_, Some(rest)) => rest,
            (None, None) => return Some(self.cx.recv().await),
        };
        let mail = self.cx.recv_timeout(rest).await;
        if mail.is_some() {
            return mail;
        }
        self.server.hibernate();
        self.cx.hibernate();
        match patience {
            Some(patience) => self.cx.recv_timeout(patience.saturating_sub(rest)).await,
            None => Some(self.cx.recv().await),
        }
    }

    /// Takes what is no request, or may be a system message.
    async fn take(&mut self, mail: Option<Mail<S::Msg>>) -> Result<(), Exit> {
        let Some(mail) = mail else {
            self.last = "an idle timeout";
            self.cx.set_callback(Some(Callback::HandleInfo));
            return self.server.info(Info::Timeout, &mut self.cx).await;
        };
        self.has_text = false;
        let parent = self.parent.pid(&mut self.cx);
        let mail = match self.desk.serve(&mut self.cx, parent, mail, &mut Seen(&mut self.server)).await {
            Served::Done => return Ok(()),
            Served::End(reason) => return Err(Exit(reason)),
            Served::Other(mail) => mail,
        };
        let info = match mail {
            Mail::Message(message) => {
                self.takes(&message);
                return self.server.handle(message, &mut self.cx).await;
            }
            Mail::Exit(trapped) if Some(trapped.from) == parent => {
                self.last = "an exit signal of its parent";
                return Err(Exit(trapped.reason));
            }
            Mail::Exit(trapped) => Info::Exit(*trapped),
            Mail::Down(down) => Info::Down(*down),
            Mail::Other(term) => Info::Message(*term),
        };
        self.last = match info {
            Info::Exit(_) => "a trapped exit signal",
            Info::Down(_) => "a down message",
            Info::Message(_) | Info::Timeout => "a message that is no request",
        };
        self.cx.set_callback(Some(Callback::HandleInfo));
        self.server.info(info, &mut self.cx).await
    }

    /// After a callback: lets the server continue, or end; the reason of its end.
    async fn turn_ends(&mut self, mut result: Result<(), Exit>) -> Option<ExitReason> {
        let mut is_first = true;
        while result.is_ok() && self.server.wants_continue() {
            if !std::mem::take(&mut is_first) {
                let_others_run().await;
            }
            self.last = "a continue";
            self.cx.set_callback(Some(Callback::HandleContinue));
            result = self.server.handle_continue(&mut self.cx).await;
            self.cx.set_callback(None);
        }
        let Err(Exit(reason)) = result else { return None };
        self.cx.set_callback(Some(Callback::Terminate));
        self.server.terminate(&reason, &mut self.cx).await;
        // Whoever waits for a reply that the server keeps hears of its end.
        Processes::set_dying(reason.clone());
        Some(reason)
    }
}

impl<S: Server> Drop for Serving<S> {
    fn drop(&mut self) {
        describe_crash(|| CrashDetails {
            behaviour: "server",
            module: std::any::type_name::<S>(),
            last_message: Some(self.last).filter(|last| !last.is_empty()),
            message: self.cx.erase::<Text>().map(|Text(text)| text).filter(|_| self.has_text),
            state: self.server.format_state(),
        });
    }
}

pin_project! {
    /// What is done with one piece of mail; a request without an allocation.
    #[project = TurnProjection]
    enum Turn<'a, H> {
        Request { #[pin] handling: H },
        Rare { handling: Pin<Box<dyn Future<Output = Result<(), Exit>> + Send + 'a>> },
    }
}

impl<H: Future<Output = Result<(), Exit>>> Future for Turn<'_, H> {
    type Output = Result<(), Exit>;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            TurnProjection::Request { handling } => handling.poll(task),
            TurnProjection::Rare { handling } => handling.as_mut().poll(task),
        }
    }
}

/// Whether any term is a message of this protocol.
fn is_term<M: Protocol>() -> bool {
    TypeId::of::<M>() == TypeId::of::<Term>()
}

async fn let_others_run() {
    let mut has_waited = false;
    let mut waiting = pin!(poll_fn(|task| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        task.waker().wake_by_ref();
        Poll::Pending
    }));
    waiting.as_mut().await;
}

/// What system messages see of a server.
struct Seen<'a, S>(&'a mut S);

impl<S: Server> Inspect for Seen<'_, S> {
    fn module(&self) -> &'static str {
        std::any::type_name::<S>()
    }

    fn state(&self) -> Option<Term> {
        self.0.inspect()
    }

    fn replace_state(&mut self, state: &Term) -> Result<(), String> {
        self.0.replace(state)
    }
}
