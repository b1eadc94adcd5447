//! Pure: the steps of a locker, from a peer that waits to the lock that is given back.
//!
//! The lock `global` is set at the greatest node that is known (the boss), then here and at the peer, then at all others;
//! the peer's locker does the same under the same requester, the two lockers in order. Then both hold it until their name
//! servers are through. Races: who cannot have all locks at once gives back those that it has, and tries again later; what
//! arrives in the middle of a step waits for its end, but for news of known nodes; of a peer that is told of and taken
//! back meanwhile nothing is left; a node that was lost before it answered that the lock is given back is told again when
//! it is connected again ([`Owed`]).

use super::locker::{Him, LockerMsg};
use super::owed::Owed;
use super::wire;
use engset_term::{NodeName, Pid, Term};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Whether a requester could set the lock at this node now.
pub(super) type CanLock<'a> = &'a dyn Fn(&Term) -> bool;

/// What the locker is to do.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(test, derive(Eq, Hash))]
pub(super) enum LockerEffect {
    /// Ask all these nodes for the lock, or give it back there; tell what they answered by [`Locking::handle_answers`].
    Ask { word: &'static str, requester: Term, nodes: Vec<NodeName> },
    /// A cast to the name server of a node.
    Cast(NodeName, Term),
    /// A plain message to a peer's locker, if it is connected.
    Send(Pid, Term),
    /// The lock is set here by somebody else: this node's own table is told who waits for it.
    Want(Term),
    /// A lock that is to be given back once more is forgotten for another one.
    Forgotten,
    /// The name server is told that both sides have set the lock.
    LockIsSet { node: NodeName, tag: i64, his_tag: Term, requester: Term },
}

/// Pure: who waits, and for whom the lock is set.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Waiting {
    me: NodeName,
    him: Vec<Him>,
    known: BTreeSet<NodeName>,
    /// Somebody waited who does not any more: the next can have its turn at once.
    has_just_synced: bool,
    /// For whom the lock was wanted when it could not be had.
    wanted: Option<(NodeName, i64)>,
}

/// A locker.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub(super) struct Locking {
    me: Pid,
    waiting: Waiting,
    step: Step,
    /// What arrived in the middle of a step: at most a few messages of each node.
    postponed: VecDeque<LockerMsg>,
    /// Where the lock may still be set.
    owed: Owed,
    effects: VecDeque<LockerEffect>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
enum Step {
    Idle,
    /// The lock is asked for.
    Setting(Setting),
    /// The lock is set from here; the peer's locker is to set it, too.
    Awaiting(Held),
    /// It is set from both sides, until the name server is through.
    Holding(Held),
    /// It is given back, at one group of nodes after the other.
    GivingBack {
        requester: Term,
        asked: Vec<NodeName>,
        groups: VecDeque<Vec<NodeName>>,
        then: Then,
    },
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Setting {
    him: Him,
    requester: Term,
    /// Whether this side is the first of both to set it.
    is_turn: bool,
    part: Part,
    asked: Vec<NodeName>,
    so_far: Vec<NodeName>,
}

/// Where the lock is set, in this order: at the boss, here and at the peer, at all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
enum Part {
    Boss,
    Pair,
    Others,
}

/// The lock that is set for a peer, and where it is to be given back, also where a node is not known any more by then.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
struct Held {
    him: Him,
    requester: Term,
    nodes: Vec<NodeName>,
}

/// What follows when the lock has been given back.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
enum Then {
    Nothing,
    /// The peer's locker hears that it could not be set here.
    Tell(Him),
    /// The peer is not waited for any more.
    Forget(Him),
    /// As before, since both agree now.
    Synced(Him),
    /// Others that this node did not answer are given back, so many at most.
    Pay {
        node: NodeName,
        times: usize,
    },
}

impl Locking {
    pub(super) fn new(me: Pid) -> Self {
        Self {
            me,
            waiting: Waiting::new(me.node()),
            step: Step::Idle,
            postponed: VecDeque::new(),
            owed: Owed::default(),
            effects: VecDeque::new(),
        }
    }

    pub(super) fn poll_effect(&mut self) -> Option<LockerEffect> {
        self.effects.pop_front()
    }

    /// How long to wait for news before [`Locking::handle_timeout`]; none where nothing is to be done without.
    pub(super) fn poll_patience(&mut self) -> Option<Duration> {
        if matches!(self.step, Step::Idle) { self.waiting.patience() } else { None }
    }

    /// Something is told by the name server, or by a peer's locker itself.
    pub(super) fn handle_message(&mut self, message: LockerMsg, can_lock: CanLock<'_>) {
        match message {
            LockerMsg::AddKnown(nodes) => self.waiting.add_known(nodes),
            LockerMsg::RemoveKnown(node) => self.waiting.remove_known(node),
            message if matches!(self.step, Step::Idle) => self.serve(message, can_lock),
            message => {
                if let Some(message) = self.take_awaited(message) {
                    self.postpone(message);
                }
                self.go_on_if_idle(can_lock);
            }
        }
    }

    /// It is time for the next turn, unless the lock is set here.
    pub(super) fn handle_timeout(
        &mut self,
        is_locked: bool,
        can_lock: CanLock<'_>,
        draw: impl FnOnce(usize) -> usize,
    ) {
        if !matches!(self.step, Step::Idle) {
            return;
        }
        let Some(him) = self.waiting.select(draw) else { return };
        if is_locked {
            self.effects.push_back(LockerEffect::Want(self.requester(him.locker)));
            self.waiting.wanted = Some((him.node, him.tag));
        } else {
            self.begin(him, true, can_lock);
        }
    }

    /// The answers of the nodes that were asked, of those that did answer. At a node that is lost meanwhile nobody can set
    /// the lock.
    pub(super) fn handle_answers(&mut self, answers: &[(NodeName, Term)], can_lock: CanLock<'_>) {
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Setting(mut setting) => {
                let is_refused = |node: &NodeName| {
                    answers.iter().any(|(of, answer)| of == node && !answer.is_atom("true"))
                };
                let is_set = !setting.asked.iter().any(is_refused);
                // Where there was no answer it may have been set, and be kept over the next connection.
                let set = std::mem::take(&mut setting.asked).into_iter().filter(|node| !is_refused(node));
                setting.so_far.extend(set);
                if is_set {
                    self.set_next_part(setting, can_lock);
                } else {
                    self.not_set(setting);
                }
            }
            Step::GivingBack { requester, asked, groups, then } => {
                let is_silent = |node: &NodeName| !answers.iter().any(|(of, _)| of == node);
                for node in asked.into_iter().filter(is_silent) {
                    if !self.owed.add(node, &requester) {
                        self.effects.push_back(LockerEffect::Forgotten);
                    }
                }
                self.give_back(requester, groups, then);
            }
            step => self.step = step,
        }
        self.go_on_if_idle(can_lock);
    }

    fn serve(&mut self, message: LockerMsg, can_lock: CanLock<'_>) {
        match message {
            LockerMsg::Him(him) => self.waiting.add(him),
            LockerMsg::Cancel { node, tag, .. } => self.waiting.remove(node, tag),
            LockerMsg::AddKnown(nodes) => self.waiting.add_known(nodes),
            LockerMsg::RemoveKnown(node) => self.waiting.remove_known(node),
            LockerMsg::NodeUp(node) => self.pay(node, self.owed.len()),
            LockerMsg::LockSet { set: false, .. } => {}
            // A peer's locker has set the lock: it is set from here, too.
            LockerMsg::LockSet { locker, set: true, tag } => match self.waiting.find(locker.node(), tag) {
                Some(him) => self.begin(Him { locker, ..him }, false, can_lock),
                None => {
                    let words = [Term::atom("lock_set"), Term::Pid(self.me), Term::from(false), Term::Nil];
                    self.effects.push_back(LockerEffect::Send(locker, Term::tuple(words)));
                }
            },
        }
    }

    /// Serves what was postponed, up to the next step that takes its time.
    fn go_on_if_idle(&mut self, can_lock: CanLock<'_>) {
        while matches!(self.step, Step::Idle)
            && let Some(message) = self.postponed.pop_front()
        {
            self.serve(message, can_lock);
        }
    }

    fn begin(&mut self, him: Him, is_turn: bool, can_lock: CanLock<'_>) {
        let requester = self.requester(him.locker);
        let boss = self.waiting.boss();
        let setting =
            Setting { him, requester, is_turn, part: Part::Boss, asked: vec![boss], so_far: Vec::new() };
        // To lock this node first could stop one that has locked the boss.
        if boss != self.me.node() && !can_lock(&setting.requester) {
            self.not_set(setting);
        } else {
            self.ask_for(setting);
        }
    }

    fn ask_for(&mut self, setting: Setting) {
        self.ask("set_lock", &setting.requester, &setting.asked);
        self.step = Step::Setting(setting);
    }

    /// Asks the nodes of the next part that has any; where there is none the lock is set.
    fn set_next_part(&mut self, mut setting: Setting, can_lock: CanLock<'_>) {
        let me = self.me.node();
        loop {
            let (part, mut nodes) = match setting.part {
                Part::Boss if setting.is_turn => (Part::Pair, vec![me, setting.him.node]),
                Part::Boss => (Part::Pair, vec![me]),
                Part::Pair => (Part::Others, self.waiting.known()),
                Part::Others => return self.is_set(setting),
            };
            nodes.retain(|node| !setting.so_far.contains(node));
            setting.part = part;
            if nodes.len() > 1 && nodes.contains(&me) && !can_lock(&setting.requester) {
                return self.not_set(setting);
            }
            if !nodes.is_empty() {
                setting.asked = nodes;
                return self.ask_for(setting);
            }
        }
    }

    fn is_set(&mut self, setting: Setting) {
        let Setting { him, requester, is_turn, so_far: nodes, .. } = setting;
        self.tell_lock_set(&him, true);
        let held = Held { him, requester, nodes };
        if is_turn {
            self.step = Step::Awaiting(held);
        } else {
            self.hold(held);
        }
        self.look_for_awaited();
    }

    fn hold(&mut self, held: Held) {
        let Him { node, tag, his_tag, .. } = held.him.clone();
        let requester = held.requester.clone();
        self.effects.push_back(LockerEffect::LockIsSet { node, tag, his_tag, requester });
        self.step = Step::Holding(held);
    }

    /// The lock cannot be had everywhere: it is given back where it was.
    fn not_set(&mut self, setting: Setting) {
        let Setting { him, requester, is_turn, so_far, .. } = setting;
        let then = if is_turn { Then::Nothing } else { Then::Tell(him) };
        self.release(requester, so_far, then);
    }

    /// Gives the lock back at all `nodes`, at the greatest at last: who asks there for it next finds all others free.
    fn release(&mut self, requester: Term, nodes: Vec<NodeName>, then: Then) {
        let boss = nodes.iter().copied().reduce(NodeName::max);
        let others: Vec<NodeName> = nodes.into_iter().filter(|node| Some(*node) != boss).collect();
        self.give_back(requester, VecDeque::from([others, boss.into_iter().collect()]), then);
    }

    fn give_back(&mut self, requester: Term, mut groups: VecDeque<Vec<NodeName>>, then: Then) {
        while let Some(nodes) = groups.pop_front() {
            if !nodes.is_empty() {
                self.ask("del_lock", &requester, &nodes);
                self.step = Step::GivingBack { requester, asked: nodes, groups, then };
                return;
            }
        }
        match then {
            Then::Nothing => {}
            Then::Tell(him) => self.tell_lock_set(&him, false),
            Then::Forget(him) => self.waiting.remove(him.node, him.tag),
            Then::Synced(him) => self.waiting.synced(&him),
            Then::Pay { node, times } => self.pay(node, times),
        }
    }

    /// Gives a lock back at a node that did not answer that and is connected again. Nothing is locked from here now: it is no
    /// later one.
    fn pay(&mut self, node: NodeName, times: usize) {
        if times > 0
            && let Some((_, requester)) = self.owed.take(|of| of == node)
        {
            let then = Then::Pay { node, times: times - 1 };
            self.give_back(requester, VecDeque::from([vec![node]]), then);
        }
    }

    fn ask(&mut self, word: &'static str, requester: &Term, nodes: &[NodeName]) {
        let effect = LockerEffect::Ask { word, requester: requester.clone(), nodes: nodes.to_vec() };
        self.effects.push_back(effect);
    }

    /// Acts on the message that the step waits for; gives back any other one.
    fn take_awaited(&mut self, message: LockerMsg) -> Option<LockerMsg> {
        let (Step::Awaiting(held) | Step::Holding(held)) = &self.step else { return Some(message) };
        let is_awaiting = matches!(self.step, Step::Awaiting(_));
        let him = &held.him;
        match message {
            LockerMsg::Cancel { node, tag, casts } if (node, tag) == (him.node, him.tag) => {
                self.effects.extend(casts.into_iter().map(|(node, term)| LockerEffect::Cast(node, term)));
                self.let_go(if is_awaiting { Then::Forget } else { Then::Synced });
                None
            }
            LockerMsg::LockSet { locker, set, tag }
                if is_awaiting && locker.node() == him.node && tag.is_none_or(|tag| tag == him.tag) =>
            {
                match std::mem::replace(&mut self.step, Step::Idle) {
                    Step::Awaiting(held) if set => self.hold(held),
                    step => {
                        self.step = step;
                        self.let_go(|_| Then::Nothing);
                    }
                }
                None
            }
            message => Some(message),
        }
    }

    fn let_go(&mut self, then: impl FnOnce(Him) -> Then) {
        match std::mem::replace(&mut self.step, Step::Idle) {
            Step::Awaiting(held) | Step::Holding(held) => {
                self.release(held.requester, held.nodes, then(held.him));
            }
            step => self.step = step,
        }
    }

    /// What a step waits for may have arrived before it began.
    fn look_for_awaited(&mut self) {
        let mut rest = std::mem::take(&mut self.postponed);
        let mut passed = VecDeque::new();
        while let Some(message) = rest.pop_front() {
            passed.extend(self.take_awaited(message));
        }
        self.postponed = passed;
    }

    /// Keeps a message for the end of the step: a few of each node at most, whatever it does meanwhile.
    fn postpone(&mut self, message: LockerMsg) {
        match &message {
            LockerMsg::LockSet { set: false, .. } => return,
            LockerMsg::LockSet { locker, .. } => {
                let node = locker.node();
                let is_his = |old: &LockerMsg| matches!(old, LockerMsg::LockSet { locker, .. } if locker.node() == node);
                self.postponed.retain(|old| !is_his(old));
            }
            LockerMsg::Cancel { node, tag, .. } => {
                let (node, tag) = (*node, *tag);
                let before = self.postponed.len();
                let is_told = |old: &LockerMsg| matches!(old, LockerMsg::Him(him) if (him.node, him.tag) == (node, tag));
                self.postponed.retain(|old| !is_told(old));
                if self.postponed.len() < before || self.waiting.find(node, Some(tag)).is_none() {
                    return;
                }
                let is_same = |old: &LockerMsg| matches!(old, LockerMsg::Cancel { node: of, tag: with, .. } if (*of, *with) == (node, tag));
                if self.postponed.iter().any(is_same) {
                    return;
                }
            }
            LockerMsg::NodeUp(node) => {
                let is_same = |old: &LockerMsg| matches!(old, LockerMsg::NodeUp(of) if of == node);
                if self.postponed.iter().any(is_same) {
                    return;
                }
            }
            LockerMsg::Him(_) | LockerMsg::AddKnown(_) | LockerMsg::RemoveKnown(_) => {}
        }
        self.postponed.push_back(message);
    }

    fn requester(&self, his: Pid) -> Term {
        let mut both = [Term::Pid(self.me), Term::Pid(his)];
        both.sort();
        Term::list(both)
    }

    fn tell_lock_set(&mut self, him: &Him, is_set: bool) {
        let known = Term::list(self.waiting.known().into_iter().map(wire::node_term));
        let mut words = vec![Term::atom("lock_set"), Term::Pid(self.me), Term::from(is_set), known];
        if him.version >= 8 {
            words.push(him.his_tag.clone());
        }
        let message = Term::tuple(words);
        self.effects.push_back(if him.version < 6 {
            LockerEffect::Send(him.locker, message)
        } else {
            LockerEffect::Cast(him.node, message)
        });
    }
}

#[cfg(test)]
impl Locking {
    /// Who holds the lock, and where, while it is set from both sides.
    pub(super) fn held(&self) -> Option<(&Term, &[NodeName])> {
        match &self.step {
            Step::Holding(held) => Some((&held.requester, &held.nodes)),
            _ => None,
        }
    }

    /// Whether nothing is under way, and nobody waits.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self.step, Step::Idle) && self.waiting.him.is_empty() && self.postponed.is_empty()
    }
}

impl Waiting {
    pub(super) fn new(me: NodeName) -> Self {
        Self { me, him: Vec::new(), known: BTreeSet::new(), has_just_synced: false, wanted: None }
    }

    /// How long to wait for news before the next turn; none where nobody waits.
    pub(super) fn patience(&mut self) -> Option<Duration> {
        let has_just_synced = std::mem::take(&mut self.has_just_synced);
        if self.him.iter().all(|him| self.known.contains(&him.node)) {
            None
        } else if has_just_synced {
            Some(Duration::ZERO)
        } else if self.known.is_empty() {
            Some(Duration::from_millis(200))
        } else {
            let known = u64::try_from(self.known.len()).unwrap_or(u64::MAX);
            Some(Duration::from_millis(known.saturating_mul(100).saturating_add(1_000).min(3_000)))
        }
    }

    /// Whose turn it is: for whom the lock was wanted last; then nodes of this host first. Those that are known already have none, until the name server has had
    /// enough of them; but where such a one sets the lock first, it is followed.
    pub(super) fn select(&mut self, draw: impl FnOnce(usize) -> usize) -> Option<Him> {
        let host = self.me.host_part();
        let is_near = |him: &&Him| him.node.host_part() == host;
        let waiting = || self.him.iter().filter(|him| !self.known.contains(&him.node));
        let wanted = self.wanted.take();
        if let Some(him) = waiting().find(|him| Some((him.node, him.tag)) == wanted) {
            return Some(him.clone());
        }
        let near: Vec<&Him> = waiting().filter(is_near).collect();
        let all: Vec<&Him> = if near.is_empty() { waiting().collect() } else { near };
        if all.is_empty() { None } else { all.get(draw(all.len())).map(|him| (*him).clone()) }
    }

    /// The peer of a lock that was set elsewhere.
    pub(super) fn find(&self, node: NodeName, tag: Option<i64>) -> Option<Him> {
        let fits = |him: &&Him| him.node == node && tag.is_none_or(|tag| him.tag == tag);
        self.him.iter().find(fits).cloned()
    }

    pub(super) fn add(&mut self, him: Him) {
        self.him.push(him);
    }

    pub(super) fn remove(&mut self, node: NodeName, tag: i64) {
        self.him.retain(|him| (him.node, him.tag) != (node, tag));
    }

    pub(super) fn synced(&mut self, him: &Him) {
        self.remove(him.node, him.tag);
        self.has_just_synced = true;
    }

    pub(super) fn add_known(&mut self, nodes: Vec<NodeName>) {
        self.known.extend(nodes);
    }

    pub(super) fn remove_known(&mut self, node: NodeName) {
        self.known.remove(&node);
    }

    pub(super) fn known(&self) -> Vec<NodeName> {
        self.known.iter().copied().collect()
    }

    /// At which node the lock is set before it is at any other: the greatest.
    pub(super) fn boss(&self) -> NodeName {
        self.known.iter().copied().fold(self.me, NodeName::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(node: &str) -> Pid {
        Pid::new(NodeName::new(node).expect("a name"), 1, 2, 0)
    }

    fn him(node: &str, tag: i64) -> Him {
        let locker = pid(node);
        Him { node: locker.node(), locker, version: 8, tag, his_tag: Term::Int(tag) }
    }

    fn effects(locking: &mut Locking) -> Vec<LockerEffect> {
        std::iter::from_fn(|| locking.poll_effect()).collect()
    }

    /// A locker that holds the lock with `b@l`.
    fn holding() -> Locking {
        let mut locking = Locking::new(pid("a@l"));
        let free = |_: &Term| true;
        locking.handle_message(LockerMsg::Him(him("b@l", 1)), &free);
        locking.handle_timeout(false, &free, |_| 0);
        for node in ["a@l", "b@l"] {
            locking.handle_answers(&[(pid(node).node(), Term::from(true))], &free);
        }
        locking.handle_message(LockerMsg::LockSet { locker: pid("b@l"), set: true, tag: Some(1) }, &free);
        let told = effects(&mut locking);
        assert!(matches!(told.last(), Some(LockerEffect::LockIsSet { tag: 1, .. })), "{told:?}");
        locking
    }

    /// Whatever a peer begins anew while the lock is held with another one, a few messages are kept of it.
    #[test]
    fn what_waits_for_the_end_of_a_step_is_bounded() {
        let mut locking = holding();
        let free = |_: &Term| true;
        let c = pid("c@l");
        for tag in 0..1_000 {
            locking.handle_message(LockerMsg::Him(him("c@l", tag)), &free);
            for set in [true, false] {
                locking.handle_message(LockerMsg::LockSet { locker: c, set, tag: Some(tag) }, &free);
            }
            let cancel = LockerMsg::Cancel { node: c.node(), tag, casts: Vec::new() };
            locking.handle_message(cancel, &free);
        }
        assert!(locking.postponed.len() <= 2, "{:?}", locking.postponed);
        locking.handle_message(LockerMsg::Him(him("c@l", 1_000)), &free);
        let cancel = LockerMsg::Cancel { node: pid("b@l").node(), tag: 1, casts: Vec::new() };
        locking.handle_message(cancel, &free);
        for node in ["a@l", "b@l"] {
            locking.handle_answers(&[(pid(node).node(), Term::from(true))], &free);
        }
        effects(&mut locking);
        // The lock that was set for a beginning which is over is answered so; the last beginning is served.
        let waits: Vec<i64> = locking.waiting.him.iter().map(|him| him.tag).collect();
        assert_eq!(waits, [1_000]);
        assert!(locking.poll_patience().is_some());
    }

    /// A peer that is taken back while the lock is asked for with it keeps the lock no longer than that.
    #[test]
    fn who_is_taken_back_in_the_middle_holds_no_lock() {
        let mut locking = Locking::new(pid("a@l"));
        let free = |_: &Term| true;
        locking.handle_message(LockerMsg::Him(him("b@l", 1)), &free);
        locking.handle_timeout(false, &free, |_| 0);
        locking.handle_answers(&[(pid("a@l").node(), Term::from(true))], &free);
        effects(&mut locking);
        let cancel = LockerMsg::Cancel { node: pid("b@l").node(), tag: 1, casts: Vec::new() };
        locking.handle_message(cancel, &free);
        assert_eq!(effects(&mut locking), []);
        locking.handle_answers(&[(pid("b@l").node(), Term::from(true))], &free);
        let told = effects(&mut locking);
        let given_back = |effect: &LockerEffect| matches!(effect, LockerEffect::Ask { word: "del_lock", nodes, .. } if *nodes == [pid("a@l").node()]);
        assert!(told.iter().any(given_back), "{told:?}");
        locking.handle_answers(&[(pid("a@l").node(), Term::from(true))], &free);
        locking.handle_answers(&[(pid("b@l").node(), Term::from(true))], &free);
        assert!(locking.is_quiet());
    }

    /// A node that is lost before it answers may have set the lock: it is given back there, too, where another one refuses.
    #[test]
    fn what_may_have_been_set_is_given_back() {
        let mut locking = Locking::new(pid("a@l"));
        let free = |_: &Term| true;
        locking.handle_message(LockerMsg::AddKnown(vec![pid("d@l").node()]), &free);
        locking.handle_message(LockerMsg::Him(him("b@l", 1)), &free);
        locking.handle_timeout(false, &free, |_| 0);
        locking.handle_answers(&[(pid("d@l").node(), Term::from(true))], &free);
        effects(&mut locking);
        // Both of the pair are asked: this node refuses, the peer says nothing.
        locking.handle_answers(&[(pid("a@l").node(), Term::from(false))], &free);
        let mut given_back = Vec::new();
        for _ in 0..2 {
            for effect in effects(&mut locking) {
                if let LockerEffect::Ask { word: "del_lock", nodes, .. } = effect {
                    given_back.push(nodes);
                }
            }
            locking.handle_answers(&[], &free);
        }
        assert_eq!(given_back, [[pid("b@l").node()], [pid("d@l").node()]]);
    }

    /// A name server of Erlang that is lost before it answers may watch this locker over the next connection, and keep the
    /// lock as long as that lasts.
    #[test]
    fn what_was_not_answered_is_given_back_again() {
        let mut locking = holding();
        let free = |_: &Term| true;
        let (a, b) = (pid("a@l").node(), pid("b@l").node());
        let cancel = LockerMsg::Cancel { node: b, tag: 1, casts: Vec::new() };
        locking.handle_message(cancel, &free);
        locking.handle_answers(&[(a, Term::from(true))], &free);
        effects(&mut locking);
        locking.handle_message(LockerMsg::NodeUp(b), &free);
        assert_eq!(effects(&mut locking), [], "in the middle of a step");
        locking.handle_answers(&[], &free);
        let given_back = |effects: &[LockerEffect]| matches!(effects, [LockerEffect::Ask { word: "del_lock", nodes, .. }] if *nodes == [b]);
        assert!(given_back(&effects(&mut locking)));
        locking.handle_answers(&[], &free);
        assert_eq!(effects(&mut locking), [], "once for each connection");
        locking.handle_message(LockerMsg::NodeUp(a), &free);
        assert_eq!(effects(&mut locking), []);
        locking.handle_message(LockerMsg::NodeUp(b), &free);
        assert!(given_back(&effects(&mut locking)));
        locking.handle_answers(&[(b, Term::from(true))], &free);
        locking.handle_message(LockerMsg::NodeUp(b), &free);
        assert_eq!(effects(&mut locking), []);
        assert!(locking.is_quiet());
    }

    /// The oldest of too many that are to be given back again is forgotten, and that is told.
    #[test]
    fn what_is_forgotten_is_told() {
        let mut locking = Locking::new(pid("a@l"));
        for number in 0..=super::super::owed::OWED_MAX {
            locking.release(Term::int(number), vec![pid("b@l").node()], Then::Nothing);
            locking.handle_answers(&[], &|_| true);
            let forgets = effects(&mut locking).contains(&LockerEffect::Forgotten);
            assert_eq!(forgets, number == super::super::owed::OWED_MAX);
        }
    }
}
