//! Facts about links and monitors of one process, signal by signal.

use super::{Effect, Effects, LinkState, Monitored, State};
use crate::exit::ExitReason;
use crate::signal::{ControlSignal, Dest, Down, Epoch, Trapped};
use engset_term::{NodeName, Pid, Reference, Term};
use std::collections::VecDeque;

fn here() -> NodeName {
    NodeName::NONODE
}

fn elsewhere() -> NodeName {
    NodeName::new("far@away").unwrap()
}

fn pid(id: u32) -> Pid {
    Pid::new(here(), 1, id, 0)
}

fn far(id: u32) -> Pid {
    Pid::new(elsewhere(), 1, id, 0)
}

fn reference(number: u32) -> Reference {
    Reference::from_words(here(), 1, [number, 0, 0])
}

fn boom() -> ExitReason {
    ExitReason::from_term(Term::atom("boom"))
}

const ME: u32 = 1;
const OTHER: u32 = 2;

fn handle(state: &mut State, signal: ControlSignal) -> Vec<Effect> {
    let mut effects = Effects::new();
    state.handle(pid(ME), signal, &mut effects);
    effects.into_vec()
}

fn linked(to: Pid) -> State {
    let mut state = State::default();
    assert_eq!(state.link(to, pid(ME)), Some(ControlSignal::Link { from: pid(ME) }));
    state
}

fn link_exit(reason: ExitReason) -> ControlSignal {
    ControlSignal::LinkExit { from: pid(OTHER), reason }
}

fn exit(from: u32, reason: ExitReason) -> ControlSignal {
    ControlSignal::Exit { from: pid(from), reason }
}

fn trapped(from: Pid, reason: ExitReason) -> Effect {
    Effect::Trapped(Trapped { from, reason })
}

fn watching(target: Pid) -> State {
    let mut state = State::default();
    let dest = Dest::Pid(target);
    state.monitor(reference(1), Monitored::new(dest.clone(), dest));
    state
}

#[test]
fn a_link_is_made_once_and_never_to_oneself() {
    let mut state = linked(pid(OTHER));
    assert_eq!(state.link(pid(OTHER), pid(ME)), None);
    assert_eq!(state.link(pid(ME), pid(ME)), None);
    assert_eq!(state.links().collect::<Vec<_>>(), [pid(OTHER)]);
}

#[test]
fn the_exit_of_a_linked_process_ends_this_one_with_the_same_reason_once() {
    let mut state = linked(pid(OTHER));
    assert_eq!(handle(&mut state, link_exit(boom())), [Effect::Exit(boom())]);
    assert_eq!(handle(&mut state, link_exit(boom())), []);
}

#[test]
fn a_normal_exit_of_a_linked_process_ends_the_link_only() {
    let mut state = linked(pid(OTHER));
    assert_eq!(handle(&mut state, link_exit(ExitReason::Normal)), []);
    assert_eq!(state.links().count(), 0);
}

#[test]
fn a_process_that_traps_exits_gets_every_reason_as_a_message() {
    for reason in [boom(), ExitReason::Normal, ExitReason::Kill, ExitReason::Killed] {
        let mut state = linked(pid(OTHER));
        state.trap_exit = true;
        let effects = handle(&mut state, link_exit(reason.clone()));
        assert_eq!(effects, [trapped(pid(OTHER), reason)]);
    }
}

#[test]
fn kill_as_an_exit_signal_ends_as_killed_and_by_a_link_it_is_a_reason_like_others() {
    let mut state = linked(pid(OTHER));
    state.trap_exit = true;
    assert_eq!(handle(&mut state, exit(OTHER, ExitReason::Kill)), [Effect::Exit(ExitReason::Killed)]);
    let mut state = linked(pid(OTHER));
    assert_eq!(handle(&mut state, link_exit(ExitReason::Kill)), [Effect::Exit(ExitReason::Kill)]);
}

#[test]
fn exit_signals_need_no_link() {
    let mut state = State::default();
    assert_eq!(handle(&mut state, exit(OTHER, boom())), [Effect::Exit(boom())]);
    assert_eq!(handle(&mut state, exit(OTHER, ExitReason::Normal)), []);
    assert_eq!(handle(&mut state, exit(ME, ExitReason::Normal)), [Effect::Exit(ExitReason::Normal)]);
    state.trap_exit = true;
    assert_eq!(handle(&mut state, exit(ME, ExitReason::Normal)), [trapped(pid(ME), ExitReason::Normal)]);
}

#[test]
fn an_exit_that_crosses_an_unlink_is_ignored() {
    let mut state = linked(pid(OTHER));
    assert_eq!(state.unlink(pid(OTHER), pid(ME)), Some(ControlSignal::Unlink { from: pid(ME), id: 1 }));
    assert_eq!(state.links().count(), 0);
    assert_eq!(handle(&mut state, link_exit(boom())), []);
    assert_eq!(state.links.len(), 0, "no acknowledgement is awaited from the dead");
}

#[test]
fn an_unlink_is_acknowledged_with_its_id_even_without_a_link() {
    let mut state = State::default();
    let effects = handle(&mut state, ControlSignal::Unlink { from: pid(OTHER), id: 9 });
    let ack = ControlSignal::UnlinkAck { from: pid(ME), id: 9 };
    assert_eq!(effects, [Effect::Send(pid(OTHER), ack)]);
}

#[test]
fn a_late_acknowledgement_does_not_undo_a_newer_link() {
    let mut state = linked(pid(OTHER));
    assert!(state.unlink(pid(OTHER), pid(ME)).is_some());
    assert_eq!(state.unlink(pid(OTHER), pid(ME)), None, "once");
    assert!(state.link(pid(OTHER), pid(ME)).is_some());
    assert_eq!(handle(&mut state, ControlSignal::UnlinkAck { from: pid(OTHER), id: 1 }), []);
    assert_eq!(state.links().count(), 1);
    assert!(matches!(state.unlink(pid(OTHER), pid(ME)), Some(ControlSignal::Unlink { id: 2, .. })));
    handle(&mut state, ControlSignal::UnlinkAck { from: pid(OTHER), id: 1 });
    assert_eq!(state.links.get(&pid(OTHER)).map(|link| link.state), Some(LinkState::Unlinking(2)));
    handle(&mut state, ControlSignal::UnlinkAck { from: pid(OTHER), id: 2 });
    assert_eq!(state.links.len(), 0);
}

#[test]
fn a_link_signal_that_crosses_an_unlink_makes_no_link() {
    let mut state = linked(pid(OTHER));
    state.unlink(pid(OTHER), pid(ME));
    handle(&mut state, ControlSignal::Link { from: pid(OTHER) });
    assert_eq!(state.links().count(), 0);
    handle(&mut state, ControlSignal::UnlinkAck { from: pid(OTHER), id: 1 });
    handle(&mut state, ControlSignal::Link { from: pid(OTHER) });
    assert_eq!(state.links().count(), 1);
}

#[test]
fn a_monitor_fires_once_with_the_target_as_it_was_given() {
    let mut state = State::default();
    let given = Dest::Name(engset_term::Atom::from_static("bank"));
    state.monitor(reference(1), Monitored::new(given.clone(), Dest::Pid(pid(OTHER))));
    let down = ControlSignal::Down { reference: reference(1), reason: boom() };
    let expected = Down { reference: reference(1), process: given, reason: boom(), tag: None };
    assert_eq!(handle(&mut state, down.clone()), [Effect::Down(expected)]);
    assert_eq!(handle(&mut state, down), []);
}

#[test]
fn a_monitor_that_was_taken_back_does_not_fire() {
    let mut state = watching(pid(OTHER));
    assert_eq!(state.demonitor(reference(1)).map(|monitored| monitored.target), Some(Dest::Pid(pid(OTHER))));
    assert_eq!(state.demonitor(reference(1)), None);
    assert_eq!(handle(&mut state, ControlSignal::Down { reference: reference(1), reason: boom() }), []);
}

#[test]
fn only_the_watcher_takes_its_monitor_back() {
    let mut state = State::default();
    let watch = ControlSignal::Monitor { watcher: pid(OTHER), reference: reference(1), name: None };
    handle(&mut state, watch);
    handle(&mut state, ControlSignal::Demonitor { watcher: pid(3), reference: reference(1) });
    assert_eq!((state.monitoring().count(), state.watchers().count()), (0, 1));
    handle(&mut state, ControlSignal::Demonitor { watcher: pid(OTHER), reference: reference(1) });
    assert_eq!((state.monitoring().count(), state.watchers().count()), (0, 0));
}

#[test]
fn the_end_is_told_to_links_watchers_and_watched() {
    let mut state = linked(pid(OTHER));
    state.link(pid(3), pid(ME));
    state.unlink(pid(3), pid(ME));
    state.watched(reference(7), pid(4));
    let dest = Dest::Pid(pid(5));
    state.monitor(reference(8), Monitored::new(dest.clone(), dest.clone()));
    let told = state.finish(pid(ME), &boom());
    assert_eq!(
        told.into_vec(),
        [
            (Dest::Pid(pid(OTHER)), ControlSignal::LinkExit { from: pid(ME), reason: boom() }),
            (Dest::Pid(pid(4)), ControlSignal::Down { reference: reference(7), reason: boom() }),
            (dest, ControlSignal::Demonitor { watcher: pid(ME), reference: reference(8) }),
        ]
    );
    assert!(state.finish(pid(ME), &boom()).is_empty());
}

#[test]
fn a_lost_node_fires_what_leads_there_once_and_nothing_else() {
    let mut state = linked(far(1));
    state.trap_exit = true;
    state.link(pid(OTHER), pid(ME));
    state.link(far(2), pid(ME));
    state.unlink(far(2), pid(ME));
    let target = Dest::Pid(far(3));
    state.monitor(reference(1), Monitored::new(target.clone(), target.clone()));
    let named = Dest::RemoteName(engset_term::Atom::from_static("bank"), elsewhere());
    state.monitor(reference(2), Monitored::new(named.clone(), named.clone()));
    let near = Dest::Pid(pid(OTHER));
    state.monitor(reference(3), Monitored::new(near.clone(), near));
    state.watched(reference(4), far(4));
    state.watched(reference(5), pid(OTHER));
    assert!(state.met_remote);
    let reason = ExitReason::NoConnection;
    let down = |number, process| {
        Effect::Down(Down {
            reference: reference(number),
            process,
            reason: ExitReason::NoConnection,
            tag: None,
        })
    };
    let lost = ControlSignal::NodeDown { node: elsewhere(), epoch: Epoch(1) };
    assert_eq!(handle(&mut state, lost.clone()), [down(1, target), down(2, named), trapped(far(1), reason)]);
    assert_eq!(handle(&mut state, lost), []);
    assert_eq!(state.links().collect::<Vec<_>>(), [pid(OTHER)]);
    assert_eq!((state.monitoring().count(), state.watchers().count()), (1, 1));
}

#[test]
fn only_signals_between_nodes_count_as_having_met_others() {
    let mut state = linked(pid(OTHER));
    let local = Dest::Pid(pid(OTHER));
    state.monitor(reference(1), Monitored::new(local.clone(), local));
    handle(&mut state, ControlSignal::Link { from: pid(3) });
    assert!(!state.met_remote);
    handle(&mut state, ControlSignal::Link { from: far(3) });
    assert!(state.met_remote);
    let mut state = State::default();
    handle(&mut state, ControlSignal::Monitor { watcher: far(1), reference: reference(1), name: None });
    assert!(state.met_remote);
}

/// Two processes joined by two pipes that keep order.
struct Couple {
    states: [State; 2],
    pids: [Pid; 2],
    pipes: [VecDeque<ControlSignal>; 2],
    exits: [usize; 2],
}

impl Couple {
    fn new() -> Self {
        let mut states = [State::default(), State::default()];
        states.iter_mut().for_each(|state| state.trap_exit = true);
        Self { states, pids: [pid(1), pid(2)], pipes: Default::default(), exits: [0; 2] }
    }

    fn send(&mut self, from: usize, signal: Option<ControlSignal>) {
        self.pipes[1 - from].extend(signal);
    }

    fn link(&mut self, who: usize) {
        let signal = self.states[who].link(self.pids[1 - who], self.pids[who]);
        self.send(who, signal);
    }

    fn unlink(&mut self, who: usize) {
        let signal = self.states[who].unlink(self.pids[1 - who], self.pids[who]);
        self.send(who, signal);
    }

    /// One signal arrives at `who`.
    fn arrive(&mut self, who: usize) {
        let Some(signal) = self.pipes[who].pop_front() else { return };
        let mut effects = Effects::new();
        self.states[who].handle(self.pids[who], signal, &mut effects);
        for effect in effects {
            match effect {
                Effect::Send(_, signal) => self.send(who, Some(signal)),
                Effect::Trapped(_) => self.exits[who] += 1,
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn settle(&mut self) {
        while self.pipes.iter().any(|pipe| !pipe.is_empty()) {
            (0..2).for_each(|who| self.arrive(who));
        }
    }

    fn knows(&self, who: usize) -> bool {
        self.states[who].links().count() == 1
    }
}

#[test]
fn two_ends_agree_whatever_crosses_on_the_way() {
    for seed in 0..20_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut couple = Couple::new();
        for _ in 0..rng.usize(1..40) {
            let who = rng.usize(0..2);
            match rng.u8(0..5) {
                0 | 1 => couple.link(who),
                2 => couple.unlink(who),
                _ => couple.arrive(who),
            }
        }
        couple.settle();
        assert_eq!(couple.knows(0), couple.knows(1), "seed {seed}");
        assert_eq!(couple.exits, [0, 0], "seed {seed}: nobody has ended");
        for state in &couple.states {
            assert!(state.links.iter().all(|(_, link)| link.state == LinkState::Active), "seed {seed}");
        }
    }
}

#[test]
fn the_end_of_one_is_told_once_to_the_other_if_it_is_linked() {
    for seed in 0..20_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut couple = Couple::new();
        for _ in 0..rng.usize(1..40) {
            let who = rng.usize(0..2);
            match rng.u8(0..5) {
                0 | 1 => couple.link(who),
                2 => couple.unlink(who),
                _ => couple.arrive(who),
            }
        }
        let was_linked = couple.knows(1)
            && !couple.pipes[1].iter().any(|signal| matches!(signal, ControlSignal::Unlink { .. }));
        // Process 0 ends; signals that it has not seen are answered as to nobody.
        let me = couple.pids[0];
        let told = couple.states[0].finish(me, &boom());
        couple.pipes[1].extend(told.into_iter().map(|(_, signal)| signal));
        for signal in std::mem::take(&mut couple.pipes[0]) {
            couple.pipes[1].extend(match signal {
                ControlSignal::Link { .. } => {
                    Some(ControlSignal::LinkExit { from: me, reason: ExitReason::NoProc })
                }
                ControlSignal::Unlink { id, .. } => Some(ControlSignal::UnlinkAck { from: me, id }),
                _ => None,
            });
        }
        while !couple.pipes[1].is_empty() {
            couple.arrive(1);
        }
        assert!(!couple.knows(1), "seed {seed}: no link to the dead");
        // A link made by 0 may have been on its way, so an exit can come without `was_linked`.
        assert!(couple.exits[1] <= 1, "seed {seed}");
        assert!(!was_linked || couple.exits[1] == 1, "seed {seed}");
    }
}

#[test]
fn the_loss_of_a_connection_leaves_what_was_made_over_a_later_one() {
    let mut state = State::default();
    for (id, epoch) in [(1, 1), (2, 2)] {
        state.link(far(id), pid(ME));
        state.link_goes_over(far(id), Epoch(epoch));
        state.monitor(reference(id), Monitored::new(Dest::Pid(far(id)), Dest::Pid(far(id))));
        state.monitor_goes_over(reference(id), Epoch(epoch));
    }
    state.trap_exit = true;
    let lost = |epoch| ControlSignal::NodeDown { node: elsewhere(), epoch: Epoch(epoch) };
    let effects = handle(&mut state, lost(1));
    assert_eq!(effects.len(), 2, "one link and one monitor: {effects:?}");
    assert_eq!(state.links().collect::<Vec<_>>(), [far(2)]);
    assert_eq!(handle(&mut state, lost(1)), []);
    assert_eq!(handle(&mut state, lost(2)).len(), 2);
    assert_eq!(state.links().count(), 0);
}

#[test]
fn what_was_asked_for_on_another_node_is_linked_and_watched_from_its_first_moment() {
    let mut state = State::default();
    let spawned = |linked, monitored| ControlSignal::Spawned {
        request: reference(5),
        pid: far(9),
        linked,
        monitored,
        epoch: Epoch(3),
    };
    assert_eq!(handle(&mut state, spawned(true, true)), []);
    assert!(state.met_remote);
    assert_eq!(state.links().collect::<Vec<Pid>>(), [far(9)]);
    assert_eq!(state.monitoring().collect::<Vec<Dest>>(), [Dest::Pid(far(9))]);
    // The loss of an earlier connection does not concern it; that of its own does.
    let lost = |epoch| ControlSignal::NodeDown { node: elsewhere(), epoch: Epoch(epoch) };
    assert_eq!(handle(&mut state, lost(2)), []);
    assert_eq!(handle(&mut state, lost(3)).len(), 2);
    assert_eq!(handle(&mut state, spawned(false, false)), []);
    assert_eq!(state.len(), 0);
}
