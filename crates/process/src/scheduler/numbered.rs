//! Who finds the tasks whose numbers workers show: nodes find their processes, and tasks that are no processes are
//! listed here.

use super::config::StuckIn;
use super::pulse::TIMERS;
use crate::task::{Door, Runnable};
use engset_term::Pid;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// So many tasks that are no processes have numbers at a time. More get none: they never wait in a worker's slot, since
/// nobody could take them from there.
pub(super) const NUMBERED_MAX: usize = 65_536;

/// Finds its processes by the number of their pid.
pub(crate) trait Home: Send + Sync {
    /// One more right to run the process, see [`Door::rescue`].
    fn rescue(&self, number: u64, lost: u8) -> Option<Runnable>;
    /// The process that is running now, and what it calls itself.
    fn running(&self, number: u64) -> Option<(Pid, Option<String>)>;
    /// Tells whoever watches over the node that the process ran for so long in one slice.
    fn report_long_slice(&self, pid: Pid, lasted: Duration);
}

#[derive(Default)]
pub(super) struct Numbered {
    homes: Mutex<Vec<Weak<dyn Home>>>,
    doors: Mutex<Doors>,
}

#[derive(Default)]
struct Doors {
    doors: Vec<Option<Arc<Door>>>,
    free: Vec<u32>,
}

impl Numbered {
    /// Lets the processes of a node be found while it is there.
    pub(super) fn add_home(&self, home: Weak<dyn Home>) {
        let mut homes = self.homes.lock();
        homes.retain(|home| home.strong_count() > 0);
        homes.push(home);
    }

    /// Gives a task that is no process its number; 0 when there are too many.
    pub(super) fn add(&self, door: &Arc<Door>) -> u64 {
        let mut doors = self.doors.lock();
        if let Some(index) = doors.free.pop() {
            doors.doors[index as usize] = Some(Arc::clone(door));
            return number_of(index);
        }
        match u32::try_from(doors.doors.len()) {
            Ok(index) if doors.doors.len() < NUMBERED_MAX => {
                doors.doors.push(Some(Arc::clone(door)));
                number_of(index)
            }
            _ => 0,
        }
    }

    /// Takes the number of a task back.
    pub(super) fn remove(&self, number: u64) {
        if let Some(index) = index_of(number) {
            let mut doors = self.doors.lock();
            let door = doors.doors.get_mut(index as usize).and_then(Option::take);
            if door.is_some() {
                doors.free.push(index);
            }
        }
    }

    /// One more right to run the task that was put into the slots of `lost` stuck workers, see [`Door::rescue`]; of each
    /// node that has one of this number.
    pub(super) fn rescue(&self, number: u64, lost: u8) -> Vec<Runnable> {
        if let Some(index) = index_of(number) {
            let door = self.doors.lock().doors.get(index as usize).cloned().flatten();
            return door.and_then(|door| door.rescue(None, lost)).into_iter().collect();
        }
        self.homes().into_iter().filter_map(|home| home.rescue(number, lost)).collect()
    }

    /// What a worker runs that shows this number.
    pub(super) fn what_runs(&self, number: u64) -> StuckIn {
        if number == TIMERS {
            return StuckIn::Timer;
        }
        let process = self.homes().into_iter().find_map(|home| home.running(number));
        process.map_or(StuckIn::Task, |(pid, label)| StuckIn::Process { pid, label })
    }

    /// Tells the node of a process that one slice of it took so long.
    pub(super) fn report_long_slice(&self, pid: Pid, lasted: Duration) {
        for home in self.homes() {
            home.report_long_slice(pid, lasted);
        }
    }

    fn homes(&self) -> Vec<Arc<dyn Home>> {
        self.homes.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

/// Numbers of processes have an id, which is not 0, in their low half; these have none.
fn number_of(index: u32) -> u64 {
    (u64::from(index) + 1) << 32
}

fn index_of(number: u64) -> Option<u32> {
    let has_id = number & 0xFFFF_FFFF != 0;
    if has_id || number == TIMERS { None } else { u32::try_from((number >> 32).checked_sub(1)?).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_numbered_up_to_the_limit_and_again_when_one_has_ended() {
        let numbered = Numbered::default();
        let door = Arc::new(Door::new());
        let numbers: Vec<u64> = (0..NUMBERED_MAX).map(|_| numbered.add(&door)).collect();
        assert!(numbers.iter().all(|number| *number != 0 && *number != TIMERS));
        assert_eq!(numbered.add(&door), 0, "one too many");
        numbered.remove(numbers[7]);
        assert_eq!(numbered.add(&door), numbers[7]);
    }

    #[test]
    fn numbers_are_those_of_no_process() {
        let numbered = Numbered::default();
        let door = Arc::new(Door::new());
        let first = numbered.add(&door);
        assert_eq!((first, index_of(first)), (1 << 32, Some(0)));
        assert_eq!(index_of(Pid::new(engset_term::NodeName::NONODE, 1, 5, 9).number()), None);
        assert_eq!((index_of(0), index_of(TIMERS)), (None, None));
    }
}
