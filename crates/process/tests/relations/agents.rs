//! Processes that do the steps of a program, and note what they hear.

use crate::{AGENTS, Step, Why};
use engset_process::{
    Addr, AliasOptions, Cx, Dest, Exit, ExitReason, Mail, MonitorOptions, Processes, Protocol,
};
use engset_term::{Pid, Reference, Term};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a process heard; a monitor by its place, a process by its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heard {
    Down(usize, String),
    Exit(usize, String),
    Message(usize),
}

/// A step of one process, with what is meant by it.
enum Order {
    Link(Pid),
    Unlink(Pid),
    Monitor(Pid, MonitorOptions, usize),
    Demonitor(Reference),
    Alias(AliasOptions, usize),
    Unalias(Reference),
    SendTo(Reference, usize),
    Exit(Pid, ExitReason),
    End(ExitReason),
    Trap(bool),
    /// By an alias.
    Hear(usize),
}

impl Protocol for Order {}

/// What is known of all.
#[derive(Default)]
struct Known {
    /// Monitors and aliases by their places, each with who made it.
    made: Vec<Option<(usize, Reference)>>,
    heard: [Vec<(Mark, Heard)>; AGENTS],
}

/// A down message names its monitor, which may not be known by its place yet.
type Mark = Option<Reference>;

pub(crate) struct Agents {
    processes: Arc<Processes>,
    agents: Vec<Addr<Order>>,
    known: Arc<Mutex<Known>>,
    me: Pid,
}

pub(crate) fn reason(why: Why) -> ExitReason {
    match why {
        Why::Normal => ExitReason::Normal,
        Why::Boom => ExitReason::from_term(Term::atom("boom")),
        Why::Kill => ExitReason::Kill,
    }
}

impl Agents {
    pub(crate) fn start(cx: &Cx<Term>) -> Self {
        let known = Arc::<Mutex<Known>>::default();
        let agents: Vec<Addr<Order>> = (0..AGENTS)
            .map(|number| {
                let known = Arc::clone(&known);
                cx.spawn(move |cx| agent(cx, number, known)).unwrap()
            })
            .collect();
        Self { processes: Arc::clone(cx.processes()), agents, known, me: cx.pid() }
    }

    /// Lets the process that a step is of begin it.
    pub(crate) fn begin(&self, step: Step, number: usize) {
        let pid = |agent: usize| self.agents[agent].pid();
        let made = |place: usize| self.known.lock().unwrap().made.get(place).copied().flatten();
        let new = || {
            let mut known = self.known.lock().unwrap();
            known.made.push(None);
            known.made.len() - 1
        };
        let (agent, order) = match step {
            Step::Link(one, other) => (one, Order::Link(pid(other))),
            Step::Unlink(one, other) => (one, Order::Unlink(pid(other))),
            Step::Monitor(one, other) => (one, Order::Monitor(pid(other), MonitorOptions::default(), new())),
            Step::MonitorAs(one, other, mode) => {
                let options = MonitorOptions { alias: Some(mode), ..MonitorOptions::default() };
                (one, Order::Monitor(pid(other), options, new()))
            }
            Step::Demonitor(place) => match made(place) {
                Some((owner, reference)) => (owner, Order::Demonitor(reference)),
                None => return,
            },
            Step::Alias(one, mode) => {
                (one, Order::Alias(AliasOptions { mode, ..AliasOptions::default() }, new()))
            }
            Step::Unalias(place) => match made(place) {
                Some((owner, reference)) => (owner, Order::Unalias(reference)),
                None => return,
            },
            Step::SendTo(one, place) => match made(place) {
                Some((_, reference)) => (one, Order::SendTo(reference, number)),
                None => return,
            },
            Step::Exit(one, other, why) => (one, Order::Exit(pid(other), reason(why))),
            Step::End(one, why) => (one, Order::End(reason(why))),
            Step::Trap(one, trap) => (one, Order::Trap(trap)),
        };
        // One that has ended does nothing.
        drop(self.processes.send(self.me, &Dest::Pid(pid(agent)), order));
    }

    /// Waits until nobody has anything to do.
    pub(crate) async fn settle(&self, cx: &Cx<Term>) {
        cx.sleep(Duration::from_millis(1)).await;
    }

    pub(crate) async fn end_all(&self, cx: &Cx<Term>) {
        for agent in &self.agents {
            cx.exit(agent.pid(), ExitReason::Kill);
        }
        self.settle(cx).await;
    }

    pub(crate) fn is_alive(&self, agent: usize) -> bool {
        self.processes.is_alive(self.agents[agent].pid())
    }

    /// What a process heard since the last look, in order of kind and number.
    pub(crate) fn heard(&self, agent: usize) -> Vec<Heard> {
        let mut known = self.known.lock().unwrap();
        let taken = std::mem::take(&mut known.heard[agent]);
        let place = |mark| known.made.iter().position(|made| made.is_some_and(|(_, made)| made == mark));
        let mut heard: Vec<Heard> = taken
            .into_iter()
            .map(|(mark, heard)| match (mark, heard) {
                (Some(mark), Heard::Down(_, reason)) => Heard::Down(place(mark).unwrap(), reason),
                (_, heard) => heard,
            })
            .collect();
        heard.sort();
        heard
    }

    pub(crate) fn links(&self, agent: usize) -> Vec<usize> {
        self.numbers(agent, |info| info.links.clone())
    }

    pub(crate) fn monitors(&self, agent: usize) -> Vec<usize> {
        self.numbers(agent, |info| {
            let target = |dest: &Dest| match dest {
                Dest::Pid(pid) => *pid,
                other => panic!("nobody watches {other:?}"),
            };
            info.monitors.iter().map(target).collect()
        })
    }

    pub(crate) fn monitored_by(&self, agent: usize) -> Vec<usize> {
        self.numbers(agent, |info| info.monitored_by.clone())
    }

    fn numbers(
        &self,
        agent: usize,
        pids: impl FnOnce(&engset_process::ProcessInfo) -> Vec<Pid>,
    ) -> Vec<usize> {
        let info = self.processes.info(self.agents[agent].pid());
        let pids = info.map(|info| pids(&info)).unwrap_or_default();
        let mut numbers: Vec<usize> = pids.into_iter().map(|pid| self.number(pid)).collect();
        numbers.sort_unstable();
        numbers
    }

    fn number(&self, pid: Pid) -> usize {
        self.agents.iter().position(|agent| agent.pid() == pid).unwrap()
    }
}

async fn agent(mut cx: Cx<Order>, number: usize, known: Arc<Mutex<Known>>) -> Result<(), Exit> {
    // All are started one after the other, so that numbers follow from pids.
    let first = u64::from(cx.pid().id()) - number as u64;
    let of = |pid: Pid| usize::try_from(u64::from(pid.id()) - first).unwrap();
    let note = |mark, heard| known.lock().unwrap().heard[number].push((mark, heard));
    let made = |place: usize, reference| known.lock().unwrap().made[place] = Some((number, reference));
    loop {
        match cx.recv().await {
            Mail::Message(Order::Link(other)) => cx.link(other),
            Mail::Message(Order::Unlink(other)) => cx.unlink(other),
            Mail::Message(Order::Monitor(other, options, place)) => {
                made(place, cx.monitor_with(other, options));
            }
            Mail::Message(Order::Demonitor(reference)) => drop(cx.demonitor(reference)),
            Mail::Message(Order::Alias(options, place)) => made(place, cx.alias(options)),
            Mail::Message(Order::Unalias(reference)) => drop(cx.unalias(reference)),
            Mail::Message(Order::SendTo(alias, message)) => {
                // One that is not active any more is no error.
                drop(cx.send(Dest::Alias(alias), Order::Hear(message)));
            }
            Mail::Message(Order::Exit(other, reason)) => cx.exit(other, reason),
            Mail::Message(Order::End(reason)) => return Err(Exit(reason)),
            Mail::Message(Order::Trap(trap)) => drop(cx.trap_exit(trap)),
            Mail::Message(Order::Hear(message)) => note(None, Heard::Message(message)),
            Mail::Down(down) => {
                note(Some(down.reference), Heard::Down(usize::MAX, down.reason.to_string()));
            }
            Mail::Exit(trapped) => note(None, Heard::Exit(of(trapped.from), trapped.reason.to_string())),
            Mail::Other(term) => panic!("nobody sends {term}"),
        }
    }
}
