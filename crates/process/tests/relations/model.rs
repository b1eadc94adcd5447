//! The reference: what OTP's documentation says of links, monitors and aliases, one step at a time.

use crate::agents::Heard;
use crate::{AGENTS, Step, Why};
use engset_process::AliasMode;
use std::collections::BTreeSet;

/// All processes.
#[derive(Default)]
pub(crate) struct Model {
    agents: [Agent; AGENTS],
    /// Each pair twice.
    links: BTreeSet<(usize, usize)>,
    made: Vec<Option<Made>>,
}

#[derive(Default)]
struct Agent {
    has_ended: bool,
    traps: bool,
    heard: Vec<Heard>,
}

/// A monitor, an alias, or both in one.
#[derive(Clone, Copy)]
struct Made {
    by: usize,
    /// Whom it watches still.
    watched: Option<usize>,
    /// Until when it is an alias, while it is one.
    alias: Option<AliasMode>,
}

impl Model {
    pub(crate) fn run(&mut self, step: Step, number: usize) {
        match step {
            Step::Link(one, other) if self.is_alive(one) => self.link(one, other),
            Step::Unlink(one, other) if self.is_alive(one) => {
                self.links.remove(&(one, other));
                self.links.remove(&(other, one));
            }
            Step::Monitor(one, other) => self.monitor(one, other, None),
            Step::MonitorAs(one, other, mode) => self.monitor(one, other, Some(mode)),
            Step::Demonitor(place) => self.demonitor(place),
            Step::Alias(one, mode) => {
                let made = Made { by: one, watched: None, alias: Some(mode) };
                self.made.push(self.is_alive(one).then_some(made));
            }
            Step::Unalias(place) => {
                if let Some(made) = self.made_mut(place) {
                    made.alias = None;
                }
            }
            Step::SendTo(one, place) if self.is_alive(one) => self.send_to(place, number),
            Step::Exit(one, other, why) if self.is_alive(one) => self.exit(one, other, why),
            Step::End(one, why) => self.end(one, reason(why)),
            Step::Trap(one, trap) if self.is_alive(one) => self.agents[one].traps = trap,
            Step::Link(..) | Step::Unlink(..) | Step::SendTo(..) | Step::Exit(..) | Step::Trap(..) => {}
        }
    }

    fn link(&mut self, one: usize, other: usize) {
        if self.is_alive(other) {
            self.links.extend([(one, other), (other, one)]);
        } else {
            self.signal(other, one, "noproc");
        }
    }

    fn monitor(&mut self, one: usize, other: usize, alias: Option<AliasMode>) {
        let place = self.made.len();
        let made = Made { by: one, watched: Some(other), alias };
        self.made.push(self.is_alive(one).then_some(made));
        if self.is_alive(one) && !self.is_alive(other) {
            self.fire(place, "noproc");
        }
    }

    fn demonitor(&mut self, place: usize) {
        if let Some(made) = self.made_mut(place)
            && made.watched.take().is_some()
            && made.alias.is_some_and(|mode| mode != AliasMode::ExplicitUnalias)
        {
            made.alias = None;
        }
    }

    fn send_to(&mut self, place: usize, number: usize) {
        let Some(made) = self.made_mut(place) else { return };
        let Some(mode) = made.alias else { return };
        if matches!(mode, AliasMode::Reply | AliasMode::ReplyDemonitor) {
            made.alias = None;
        }
        if mode == AliasMode::ReplyDemonitor {
            made.watched = None;
        }
        let by = made.by;
        self.agents[by].heard.push(Heard::Message(number));
    }

    fn exit(&mut self, one: usize, other: usize, why: Why) {
        if !self.is_alive(other) {
            return;
        }
        match why {
            Why::Kill => self.end(other, "killed"),
            Why::Normal | Why::Boom => self.signal(one, other, reason(why)),
        }
    }

    /// An exit signal that can be trapped.
    fn signal(&mut self, from: usize, to: usize, reason: &str) {
        if !self.is_alive(to) {
        } else if self.agents[to].traps {
            self.agents[to].heard.push(Heard::Exit(from, reason.to_owned()));
        } else if reason != "normal" {
            self.end(to, reason);
        }
    }

    fn end(&mut self, one: usize, reason: &str) {
        if std::mem::replace(&mut self.agents[one].has_ended, true) {
            return;
        }
        for place in 0..self.made.len() {
            match self.made[place] {
                Some(made) if made.by == one => self.made[place] = None,
                Some(made) if made.watched == Some(one) => self.fire(place, reason),
                _ => {}
            }
        }
        let linked: Vec<usize> = (0..AGENTS).filter(|other| self.links.contains(&(one, *other))).collect();
        self.links.retain(|(from, to)| *from != one && *to != one);
        for other in linked {
            self.signal(one, other, reason);
        }
    }

    /// A monitor fires.
    fn fire(&mut self, place: usize, reason: &str) {
        self.demonitor(place);
        if let Some(Made { by, .. }) = self.made[place] {
            self.agents[by].heard.push(Heard::Down(place, reason.to_owned()));
        }
    }

    fn made_mut(&mut self, place: usize) -> Option<&mut Made> {
        self.made.get_mut(place)?.as_mut()
    }

    pub(crate) fn is_alive(&self, agent: usize) -> bool {
        !self.agents[agent].has_ended
    }

    /// What a process hears of this step, in order of kind and number.
    pub(crate) fn heard(&mut self, agent: usize) -> Vec<Heard> {
        let mut heard = std::mem::take(&mut self.agents[agent].heard);
        heard.sort();
        heard
    }

    pub(crate) fn links(&self, agent: usize) -> Vec<usize> {
        self.links.iter().filter(|(from, _)| *from == agent).map(|(_, to)| *to).collect()
    }

    pub(crate) fn monitors(&self, agent: usize) -> Vec<usize> {
        let own = self.made.iter().flatten().filter(|made| made.by == agent);
        let mut watched: Vec<usize> = own.filter_map(|made| made.watched).collect();
        watched.sort_unstable();
        watched
    }

    pub(crate) fn monitored_by(&self, agent: usize) -> Vec<usize> {
        let watching = self.made.iter().flatten().filter(|made| made.watched == Some(agent));
        let mut watchers: Vec<usize> = watching.map(|made| made.by).collect();
        watchers.sort_unstable();
        watchers
    }

    /// How many aliases are active.
    pub(crate) fn aliases(&self) -> usize {
        self.made.iter().flatten().filter(|made| made.alias.is_some()).count()
    }
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::Normal => "normal",
        Why::Boom => "boom",
        Why::Kill => "kill",
    }
}
