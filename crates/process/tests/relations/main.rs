//! Links, monitors and aliases against a reference of a few lines: random programs, each in an order drawn from a seed.
//!
//! One step at a time, what every process hears, and what is seen of it, is what the reference says. Many steps at the
//! same moment, some facts hold in whatever order they ran. A program that fails is made as short as it can be, and
//! printed with its seed.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod agents;
mod model;

use agents::{Agents, Heard};
use engset_process::{AliasMode, Cx, Identity, Processes, Scheduler};
use engset_term::{NodeName, Term};
use model::Model;
use proptest::collection::vec;
use proptest::prelude::*;
use std::future::Future;

/// So many processes.
pub(crate) const AGENTS: usize = 5;

/// What one process does. Monitors and aliases are meant by their place among all that were made; a place that there is
/// not means nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Link(usize, usize),
    Unlink(usize, usize),
    Monitor(usize, usize),
    MonitorAs(usize, usize, AliasMode),
    /// By whoever made it.
    Demonitor(usize),
    Alias(usize, AliasMode),
    /// By whoever made it.
    Unalias(usize),
    SendTo(usize, usize),
    Exit(usize, usize, Why),
    End(usize, Why),
    Trap(usize, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Normal,
    Boom,
    Kill,
}

fn two() -> impl Strategy<Value = (usize, usize)> {
    (0..AGENTS, 1..AGENTS).prop_map(|(one, further)| (one, (one + further) % AGENTS))
}

fn why() -> impl Strategy<Value = Why> {
    prop_oneof![Just(Why::Normal), Just(Why::Boom), Just(Why::Kill)]
}

fn of_monitors() -> impl Strategy<Value = AliasMode> {
    let modes = [AliasMode::ExplicitUnalias, AliasMode::Demonitor, AliasMode::ReplyDemonitor];
    proptest::sample::select(modes.to_vec())
}

fn of_aliases() -> impl Strategy<Value = AliasMode> {
    prop_oneof![Just(AliasMode::ExplicitUnalias), Just(AliasMode::Reply)]
}

fn step() -> impl Strategy<Value = Step> {
    let place = || 0..12_usize;
    prop_oneof![
        4 => two().prop_map(|(one, other)| Step::Link(one, other)),
        2 => two().prop_map(|(one, other)| Step::Unlink(one, other)),
        4 => two().prop_map(|(one, other)| Step::Monitor(one, other)),
        3 => (two(), of_monitors()).prop_map(|((one, other), mode)| Step::MonitorAs(one, other, mode)),
        2 => place().prop_map(Step::Demonitor),
        2 => (0..AGENTS, of_aliases()).prop_map(|(one, mode)| Step::Alias(one, mode)),
        2 => place().prop_map(Step::Unalias),
        4 => (0..AGENTS, place()).prop_map(|(one, place)| Step::SendTo(one, place)),
        2 => (two(), why()).prop_map(|((one, other), why)| Step::Exit(one, other, why)),
        1 => (0..AGENTS, why()).prop_map(|(one, why)| Step::End(one, why)),
        4 => (0..AGENTS, any::<bool>()).prop_map(|(one, trap)| Step::Trap(one, trap)),
    ]
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs `body` as a process of a node whose order is drawn from `seed`.
fn seeded<F>(seed: u64, body: impl FnOnce(Cx<Term>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 7 };
    let processes = Processes::new(identity, Scheduler::seeded(seed));
    let result = processes.block_on(body);
    assert!(result.is_ok(), "seed {seed}: {result:?}");
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_step_at_a_time_all_is_as_the_reference_says(steps in vec(step(), 0..40), seed: u64) {
        seeded(seed, move |cx| async move {
            let (agents, mut model) = (Agents::start(&cx), Model::default());
            for (number, step) in steps.into_iter().enumerate() {
                agents.begin(step, number);
                agents.settle(&cx).await;
                model.run(step, number);
                for agent in 0..AGENTS {
                    assert_eq!(agents.is_alive(agent), model.is_alive(agent), "agent {agent} after {step:?}");
                    let (heard, expected) = (agents.heard(agent), model.heard(agent));
                    if model.is_alive(agent) {
                        assert_eq!(heard, expected, "agent {agent} heard after {step:?}");
                        assert_eq!(agents.links(agent), model.links(agent), "links of {agent} after {step:?}");
                        let monitors = model.monitors(agent);
                        assert_eq!(agents.monitors(agent), monitors, "monitors of {agent} after {step:?}");
                        let monitored_by = model.monitored_by(agent);
                        assert_eq!(agents.monitored_by(agent), monitored_by, "of {agent} after {step:?}");
                    }
                }
                assert_eq!(cx.processes().aliases().of_processes(), model.aliases(), "aliases after {step:?}");
            }
        });
    }

    #[test]
    fn many_steps_at_once_leave_no_half_of_anything(bursts in vec(vec(step(), 1..12), 0..6), seed: u64) {
        seeded(seed, move |cx| async move {
            let agents = Agents::start(&cx);
            let mut downs = Vec::new();
            for (number, burst) in bursts.iter().enumerate() {
                for step in burst {
                    agents.begin(*step, number);
                }
                agents.settle(&cx).await;
                for agent in 0..AGENTS {
                    downs.extend(agents.heard(agent).into_iter().filter_map(|heard| match heard {
                        Heard::Down(place, _) => Some(place),
                        Heard::Exit(..) | Heard::Message(_) => None,
                    }));
                }
                let live: Vec<usize> = (0..AGENTS).filter(|agent| agents.is_alive(*agent)).collect();
                for agent in &live {
                    for other in agents.links(*agent) {
                        assert!(live.contains(&other), "{agent} is linked to {other}, which has ended");
                        assert!(agents.links(other).contains(agent), "{other} is not linked to {agent}");
                    }
                    let mut seen: Vec<(usize, usize)> = Vec::new();
                    let mut shown: Vec<(usize, usize)> = Vec::new();
                    for other in &live {
                        let monitors = agents.monitors(*agent);
                        let count = monitors.iter().filter(|target| *target == other).count();
                        seen.push((*other, count));
                        let by = agents.monitored_by(*other);
                        shown.push((*other, by.iter().filter(|watcher| *watcher == agent).count()));
                        assert!(monitors.iter().all(|target| live.contains(target)), "one that has ended is watched");
                    }
                    assert_eq!(seen, shown, "what {agent} watches, and what those say that it watches");
                }
            }
            let all = downs.len();
            downs.sort_unstable();
            downs.dedup();
            assert_eq!(downs.len(), all, "a monitor fires once");
            agents.end_all(&cx).await;
            assert_eq!(cx.processes().aliases().of_processes(), 0, "aliases end with their processes");
        });
    }
}
