//! Pure: who is in one group, and how often, at constant cost for each change.

use engset_term::Pid;
use std::collections::HashMap;

/// The members of one group. A process that joined several times is a member as many times.
#[derive(Debug, Default, Clone)]
pub(super) struct Members {
    /// Each process once, with how often it is a member, at least once.
    entries: Vec<(Pid, usize)>,
    places: HashMap<Pid, usize>,
}

impl Members {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn contains(&self, pid: Pid) -> bool {
        self.places.contains_key(&pid)
    }

    /// Each member, as often as it joined.
    pub(super) fn iter(&self) -> impl Iterator<Item = Pid> + '_ {
        self.entries.iter().flat_map(|(pid, times)| std::iter::repeat_n(*pid, *times))
    }

    pub(super) fn join(&mut self, pid: Pid) {
        match self.places.get(&pid) {
            Some(place) => self.entries[*place].1 += 1,
            None => {
                self.places.insert(pid, self.entries.len());
                self.entries.push((pid, 1));
            }
        }
    }

    /// Takes one of a process's memberships; whether it had one.
    pub(super) fn leave(&mut self, pid: Pid) -> bool {
        let Some(place) = self.places.get(&pid).copied() else { return false };
        let times = &mut self.entries[place].1;
        *times -= 1;
        if *times == 0 {
            self.remove(place);
        }
        true
    }

    /// Takes all memberships of a process; how many it had.
    pub(super) fn leave_wholly(&mut self, pid: Pid) -> usize {
        let Some(place) = self.places.get(&pid).copied() else { return 0 };
        let times = self.entries[place].1;
        self.remove(place);
        times
    }

    fn remove(&mut self, place: usize) {
        let (gone, _) = self.entries.swap_remove(place);
        self.places.remove(&gone);
        if let Some((moved, _)) = self.entries.get(place) {
            self.places.insert(*moved, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engset_term::NodeName;

    fn pid(number: u32) -> Pid {
        Pid::new(NodeName::NONODE, 1, number, 0)
    }

    fn sorted(members: &Members) -> Vec<Pid> {
        let mut all: Vec<Pid> = members.iter().collect();
        all.sort();
        all
    }

    #[test]
    fn counts_each_joining() {
        let mut members = Members::default();
        members.join(pid(1));
        members.join(pid(2));
        members.join(pid(1));
        assert_eq!(sorted(&members), [pid(1), pid(1), pid(2)]);
        assert!(members.leave(pid(1)) && members.contains(pid(1)));
        assert!(members.leave(pid(1)) && !members.contains(pid(1)));
        assert!(!members.leave(pid(1)));
        assert_eq!(sorted(&members), [pid(2)]);
        assert_eq!(members.leave_wholly(pid(2)), 1);
        assert_eq!(members.leave_wholly(pid(2)), 0);
        assert!(members.is_empty());
    }

    /// Many random changes leave the same members as a plain list does.
    #[test]
    fn agrees_with_a_list() {
        let mut rng = fastrand::Rng::with_seed(11);
        let (mut members, mut list) = (Members::default(), Vec::new());
        for _ in 0..5_000 {
            let who = pid(rng.u32(1..20));
            match rng.u32(0..9) {
                0..4 => {
                    members.join(who);
                    list.push(who);
                }
                4..8 => {
                    let place = list.iter().position(|pid| *pid == who);
                    assert_eq!(members.leave(who), place.is_some());
                    place.map(|place| list.swap_remove(place));
                }
                _ => {
                    let before = list.len();
                    list.retain(|pid| *pid != who);
                    assert_eq!(members.leave_wholly(who), before - list.len());
                }
            }
            list.sort();
            assert_eq!(sorted(&members), list);
        }
    }
}
