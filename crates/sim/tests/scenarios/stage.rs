//! Two nodes and what the scenarios need on them.

use engset_node::Node;
use engset_otp::{CallError, Dynamic, Reply, Server, start_on};
use engset_process::{Addr, Cx, Exit, Mail, Service, SpawnOptions};
use engset_sim::World;
use engset_term::{Atom, Pid, Term};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// Two nodes.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) a: Arc<Node>,
    pub(crate) b: Arc<Node>,
}

impl Stage {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let a = world.start("a@sim");
        let b = world.start("b@sim");
        Self { world, a, b }
    }

    /// Starts [`Echo`] as `echo` on `b`.
    pub(crate) fn start_echo(&self) -> Pid {
        let processes = Arc::clone(self.b.processes());
        let start =
            |_: Cx<Term>| async move { start_on(&processes, Some(name("echo")), Echo::default()).await };
        self.world.run(&self.b, start).expect("it ran").expect("it started").pid()
    }

    /// The echo server of `b`, as `a` addresses it.
    pub(crate) fn echo(&self) -> Service<Dynamic> {
        Service::at(name("echo"), self.b.name())
    }

    /// What a process on `a` gets for an answer to `request`.
    pub(crate) fn call(&self, request: Term, patience: Option<Duration>) -> Result<Term, CallError> {
        let echo = self.echo();
        let call = move |_: Cx<Term>| async move {
            let call = Dynamic::call(&echo, request);
            match patience {
                Some(patience) => call.timeout(patience).await,
                None => call.no_timeout().await,
            }
        };
        self.world.run(&self.a, call).expect("it ran")
    }
}

/// Answers with the request itself; keeps `wait` unanswered.
#[derive(Default)]
pub(crate) struct Echo {
    unanswered: Vec<Reply<Term>>,
}

impl Server for Echo {
    type Msg = Dynamic;
    type Ref = Addr<Dynamic>;

    async fn handle(&mut self, message: Dynamic, _cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        match message {
            Dynamic::Call(request, reply) if request.is_atom("wait") => self.unanswered.push(reply),
            Dynamic::Call(request, reply) => reply.send(request),
            Dynamic::Cast(_) => {}
        }
        Ok(())
    }
}

/// What processes saw, one line each.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.0.lock().push(text.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// A process that does `prepare` and then notes what arrives until the end.
pub(crate) fn observer(
    node: &Node,
    registered: Option<&'static str>,
    seen: &Seen,
    prepare: impl FnOnce(&mut Cx<Term>) + Send + 'static,
) -> Pid {
    let seen = seen.clone();
    let watch = move |mut cx: Cx<Term>| async move {
        cx.trap_exit(true);
        prepare(&mut cx);
        loop {
            seen.note(line(&cx.recv().await));
        }
    };
    let options = SpawnOptions { name: registered.map(name), ..SpawnOptions::default() };
    node.processes().spawn(options, watch).expect("there is room").pid()
}

pub(crate) fn line(mail: &Mail<Term>) -> String {
    match mail {
        Mail::Message(term) => format!("message {term}"),
        Mail::Other(term) => format!("message {term}"),
        Mail::Down(down) => format!("down {}", down.reason),
        Mail::Exit(trapped) => format!("exit {}", trapped.reason),
    }
}

pub(crate) const fn name(text: &'static str) -> Atom {
    Atom::from_static(text)
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
