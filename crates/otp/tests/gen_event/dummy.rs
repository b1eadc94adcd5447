//! Two types of handlers that do as they are told, and record it.

use crate::node::Record;
use engset_otp::Info;
use engset_otp::gen_event::{
    AnyHandlerId, EventHandler, HandleCall, HandlerExit, HandlerId, Leaving, ManagerCx, Next, WhyExit,
};
use engset_process::{Cx, Exit, ExitReason, Mail};
use engset_term::{Atom, Term};

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Happening {
    Event(u32),
    /// The first type of handler is swapped for the second.
    Swap(Option<Atom>),
    /// Handlers remove themselves.
    Delete,
    /// Handlers fail.
    Error,
    /// Handlers panic.
    Crash,
}

/// Requests.
#[derive(Debug)]
pub(crate) struct Greet;
#[derive(Debug)]
pub(crate) struct Do(pub(crate) Happening);

/// The handler that is installed first.
#[derive(Debug)]
pub(crate) struct Dummy {
    pub(crate) record: Record,
    pub(crate) init: Result<(), ExitReason>,
    pub(crate) greeted: u32,
}

/// The handler that takes its place.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) record: Record,
    pub(crate) greeted: u32,
}

pub(crate) const DUMMY: HandlerId<Dummy> = HandlerId::of_type();
pub(crate) const OTHER: HandlerId<Other> = HandlerId::of_type();

pub(crate) fn dummy(name: &str) -> HandlerId<Dummy> {
    HandlerId::named(Atom::new(name).unwrap())
}

pub(crate) fn other(name: &str) -> HandlerId<Other> {
    HandlerId::named(Atom::new(name).unwrap())
}

pub(crate) fn faulty() -> ExitReason {
    ExitReason::from_term(Term::parse("{return, faulty}").unwrap())
}

impl Dummy {
    pub(crate) fn new(record: &Record) -> Self {
        Self { record: record.clone(), init: Ok(()), greeted: 0 }
    }

    pub(crate) fn failing(record: &Record) -> Self {
        Self { init: Err(ExitReason::from(Atom::from_static("my_error"))), ..Self::new(record) }
    }

    pub(crate) fn into_other(self) -> Other {
        Other { record: self.record.clone(), greeted: self.greeted }
    }
}

impl EventHandler for Dummy {
    type Event = Happening;

    async fn init(&mut self, _: &mut ManagerCx<Happening>) -> Result<(), Exit> {
        self.init.clone().map_err(Exit)
    }

    async fn handle_event(
        &mut self,
        event: &Happening,
        _: &mut ManagerCx<Happening>,
    ) -> Result<Next<Self>, Exit> {
        self.record.add(format!("dummy {event:?}"));
        match event {
            Happening::Event(_) => Ok(Next::Stay),
            Happening::Swap(name) => {
                let id = name.clone().map_or(OTHER, HandlerId::named);
                Ok(Next::swap(&id, Self::into_other))
            }
            Happening::Delete => Ok(Next::Remove),
            Happening::Error => Err(Exit(faulty())),
            Happening::Crash => panic!("dummy told to"),
        }
    }

    async fn handle_info(&mut self, info: &Info, cx: &mut ManagerCx<Happening>) -> Result<Next<Self>, Exit> {
        match info {
            Info::Message(Term::Atom(what)) => match what.as_str() {
                "swap" => self.handle_event(&Happening::Swap(None), cx).await,
                "delete" => self.handle_event(&Happening::Delete, cx).await,
                "error" => self.handle_event(&Happening::Error, cx).await,
                "crash" => self.handle_event(&Happening::Crash, cx).await,
                what => {
                    self.record.add(format!("dummy info {what}"));
                    Ok(Next::Stay)
                }
            },
            Info::Down(down) => {
                self.record.add(format!("dummy down {}", down.reason));
                Ok(Next::Stay)
            }
            Info::Exit(trapped) => {
                self.record.add(format!("dummy exit {}", trapped.reason));
                Ok(Next::Stay)
            }
            Info::Message(_) | Info::Timeout => Ok(Next::Stay),
        }
    }

    async fn terminate(&mut self, why: &Leaving, _: &mut ManagerCx<Happening>) {
        self.record.add(format!("dummy {}", text(why)));
    }
}

impl HandleCall<Greet> for Dummy {
    type Answer = &'static str;

    async fn handle_call(
        &mut self,
        Greet: Greet,
        _: &mut ManagerCx<Happening>,
    ) -> Result<(&'static str, Next<Self>), Exit> {
        self.greeted += 1;
        Ok(("hejhopp", Next::Stay))
    }
}

impl HandleCall<Do> for Dummy {
    type Answer = &'static str;

    async fn handle_call(
        &mut self,
        Do(what): Do,
        cx: &mut ManagerCx<Happening>,
    ) -> Result<(&'static str, Next<Self>), Exit> {
        Ok(("done", self.handle_event(&what, cx).await?))
    }
}

impl EventHandler for Other {
    type Event = Happening;

    async fn handle_event(
        &mut self,
        event: &Happening,
        _: &mut ManagerCx<Happening>,
    ) -> Result<Next<Self>, Exit> {
        self.record.add(format!("other {event:?}"));
        match event {
            Happening::Event(_) | Happening::Swap(_) => Ok(Next::Stay),
            Happening::Delete => Ok(Next::Remove),
            Happening::Error => Err(Exit(faulty())),
            Happening::Crash => panic!("other told to"),
        }
    }

    async fn handle_info(&mut self, info: &Info, _: &mut ManagerCx<Happening>) -> Result<Next<Self>, Exit> {
        match info {
            Info::Message(term) if term.is_atom("delete") => Ok(Next::Remove),
            Info::Message(term) => {
                self.record.add(format!("other info {term}"));
                Ok(Next::Stay)
            }
            Info::Down(_) | Info::Exit(_) | Info::Timeout => Ok(Next::Stay),
        }
    }

    async fn terminate(&mut self, why: &Leaving, _: &mut ManagerCx<Happening>) {
        self.record.add(format!("other {}", text(why)));
    }
}

impl HandleCall<Do> for Other {
    type Answer = u32;

    async fn handle_call(
        &mut self,
        Do(what): Do,
        cx: &mut ManagerCx<Happening>,
    ) -> Result<(u32, Next<Self>), Exit> {
        Ok((self.greeted, self.handle_event(&what, cx).await?))
    }
}

fn text(why: &Leaving) -> String {
    match why {
        Leaving::Deleted => "deleted".to_owned(),
        Leaving::Removed => "removed".to_owned(),
        Leaving::Swapped(_) => "swapped".to_owned(),
        Leaving::Stopped(reason) => format!("stopped {reason}"),
        Leaving::SupervisorEnded(reason) => format!("left alone {reason}"),
        Leaving::Failed(reason) => format!("failed {reason}"),
    }
}

/// The next word about the end of a handler.
pub(crate) async fn handler_exit<H: 'static>(cx: &mut Cx<Term>, handler: &HandlerId<H>) -> WhyExit {
    let Mail::Message(term) = cx.recv().await else { panic!("nothing else is sent") };
    let exit = HandlerExit::from_term(&term).unwrap();
    assert!(exit.is(handler), "{exit:?}");
    exit.why
}

/// Nothing waits in the mailbox.
pub(crate) async fn expect_nothing(cx: &mut Cx<Term>) {
    crate::node::settle(cx).await;
    let mail = cx.recv_timeout(std::time::Duration::ZERO).await;
    assert!(mail.is_none(), "{mail:?}");
}

pub(crate) fn no_ids() -> Vec<AnyHandlerId> {
    Vec::new()
}
