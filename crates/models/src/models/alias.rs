//! `process/src/alias.rs`: an awaited reply has one end, and its sink hears of it, and of nothing else.

use super::model;
use crate::alias::{AliasMode, AliasOptions, Aliases, OfProcess, ReplySink};
use crate::exit::ExitReason;
use crate::signal::Epoch;
use engset_etf::Payload;
use engset_term::{NodeName, Pid, Reference};
use loom::thread;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const NODE: NodeName = NodeName::NONODE;

/// How often a sink was told what, and dropped.
#[derive(Default)]
struct Told {
    reply: AtomicUsize,
    down: AtomicUsize,
    unreachable: AtomicUsize,
    dropped: AtomicUsize,
}

struct Sink(Arc<Told>);

impl ReplySink for Sink {
    fn reply(self: Box<Self>, _payload: Payload) {
        self.0.reply.fetch_add(1, Ordering::Relaxed);
    }

    fn down(self: Box<Self>, _reason: ExitReason) {
        self.0.down.fetch_add(1, Ordering::Relaxed);
    }

    fn unreachable(self: Box<Self>) {
        self.0.unreachable.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Told {
    /// Replies, ends of the callee, unreachable callees.
    fn counts(&self) -> [usize; 3] {
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        assert_eq!(count(&self.dropped), 1, "the sink is dropped once");
        [count(&self.reply), count(&self.down), count(&self.unreachable)]
    }
}

fn alias() -> Reference {
    Reference::from_words(NODE, 1, [1, 2, 3])
}

/// The aliases of a node at which one reply is awaited.
fn awaiting() -> (Arc<Aliases>, Arc<Told>) {
    let (aliases, told) = (Arc::new(Aliases::default()), Arc::new(Told::default()));
    aliases.open(alias(), NODE, Box::new(Sink(Arc::clone(&told))));
    (aliases, told)
}

/// The aliases of a node of which one stands for a process.
fn of_process(mode: AliasMode) -> Arc<Aliases> {
    let aliases = Arc::new(Aliases::default());
    let of = OfProcess { pid: Pid::new(NODE, 1, 1, 0), options: AliasOptions { mode, priority: false } };
    aliases.open_process(alias(), of);
    aliases
}

/// A reply against giving up: one of them is the end, and the sink hears the reply exactly if that is.
#[test]
fn a_reply_against_closing() {
    model(|| {
        let (aliases, told) = awaiting();
        let other = Arc::clone(&aliases);
        let replying = thread::spawn(move || other.reply(alias(), Payload::default()));
        let is_closed = aliases.close(alias());
        let is_replied = replying.join().unwrap();
        assert!(is_closed != is_replied, "one of them, and not both");
        assert_eq!(told.counts(), [usize::from(is_replied), 0, 0]);
    });
}

/// Two replies to one call: one is the answer, the other finds nobody.
#[test]
fn two_replies() {
    model(|| {
        let (aliases, told) = awaiting();
        let other = Arc::clone(&aliases);
        let replying = thread::spawn(move || other.reply(alias(), Payload::default()));
        let here = aliases.reply(alias(), Payload::default());
        assert!(here != replying.join().unwrap());
        assert_eq!(told.counts(), [1, 0, 0]);
    });
}

/// A reply against the end of the callee: the caller hears of one of them.
#[test]
fn a_reply_against_the_end_of_the_callee() {
    model(|| {
        let (aliases, told) = awaiting();
        let other = Arc::clone(&aliases);
        let replying = thread::spawn(move || other.reply(alias(), Payload::default()));
        let is_down = aliases.down(alias(), NODE, ExitReason::NoProc);
        let is_replied = replying.join().unwrap();
        assert!(is_down != is_replied);
        assert_eq!(told.counts(), [usize::from(is_replied), usize::from(is_down), 0]);
    });
}

/// A loss of the connection against noting over which one the request goes: it fires unless the request went later.
#[test]
fn a_lost_connection_against_a_request_on_its_way() {
    model(|| {
        let (aliases, told) = awaiting();
        let other = Arc::clone(&aliases);
        let sending = thread::spawn(move || other.goes_over(alias(), Epoch(2)));
        aliases.node_down(NODE, Epoch(1));
        sending.join().unwrap();
        aliases.node_down(NODE, Epoch(2));
        assert!(!aliases.is_open(alias()));
        assert_eq!(told.counts(), [0, 1, 0]);
    });
}

/// A loss of the connection against a request that could not be sent: the caller hears of one of them.
#[test]
fn a_lost_connection_against_unreachable() {
    model(|| {
        let (aliases, told) = awaiting();
        let other = Arc::clone(&aliases);
        let losing = thread::spawn(move || other.node_down(NODE, Epoch(1)));
        let is_unreachable = aliases.unreachable(alias());
        losing.join().unwrap();
        assert_eq!(told.counts(), [0, usize::from(!is_unreachable), usize::from(is_unreachable)]);
    });
}

/// Two messages by an alias that is for one: one of them finds the process.
#[test]
fn two_messages_by_an_alias_for_one() {
    model(|| {
        let aliases = of_process(AliasMode::Reply);
        let other = Arc::clone(&aliases);
        let sending = thread::spawn(move || other.use_process(alias()).is_some());
        let here = aliases.use_process(alias()).is_some();
        assert!(here != sending.join().unwrap());
        assert_eq!(aliases.of_processes(), 0);
    });
}

/// A message by an alias for one against taking it back: one of them ends it.
#[test]
fn a_message_against_closing_an_alias_for_one() {
    model(|| {
        let aliases = of_process(AliasMode::ReplyDemonitor);
        let other = Arc::clone(&aliases);
        let sending = thread::spawn(move || other.use_process(alias()).is_some());
        let is_closed = aliases.close(alias());
        assert!(is_closed != sending.join().unwrap());
        assert_eq!(aliases.of_processes(), 0);
    });
}

/// Messages by an alias of a process against taking it back: none finds it after that.
#[test]
fn messages_against_closing() {
    model(|| {
        let aliases = of_process(AliasMode::ExplicitUnalias);
        let other = Arc::clone(&aliases);
        let sending = thread::spawn(move || [(); 2].map(|()| other.use_process(alias()).is_some()));
        assert!(aliases.close(alias()), "only its process takes it back");
        assert!(aliases.use_process(alias()).is_none());
        let sent = sending.join().unwrap();
        assert!(sent != [false, true], "who was closed does not come back");
    });
}
