//! What the watchdog of a scheduler asks a node about its processes.

use crate::info::Status;
use crate::processes::Processes;
use crate::scheduler::Home;
use crate::task::Runnable;
use engset_term::{Pid, Term};
use std::time::Duration;

impl Home for Processes {
    fn rescue(&self, number: u64, lost: u8) -> Option<Runnable> {
        self.table.rescue(self.pid_of_number(number), lost)
    }

    fn running(&self, number: u64) -> Option<(Pid, Option<String>)> {
        let pid = self.pid_of_number(number);
        self.info(pid).filter(|info| info.status == Status::Running).map(|info| (pid, info.label))
    }

    fn report_long_slice(&self, pid: Pid, lasted: Duration) {
        if pid.node() == self.node() && pid.creation() == self.creation() {
            let millis = i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX);
            let timeout = Term::tuple([Term::atom("timeout"), Term::from(millis)]);
            self.tell_system_monitor(pid, "long_schedule", Term::list([timeout]));
        }
    }
}
