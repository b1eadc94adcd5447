//! When the work is done, nothing of it is left.

use super::Fault;
use crate::world::World;

/// Checks that every node has `processes` processes, awaits no replies, and keeps nobody in mind.
///
/// # Errors
/// The first fault found.
pub fn nothing_leaks(world: &World, processes: usize) -> Result<(), Fault> {
    for node in world.nodes() {
        let name = node.name();
        let left = node.processes().aliases().len();
        if left != 0 {
            return Err(Fault::Aliases { node: name, left });
        }
        let got = node.processes().count();
        if got != processes {
            return Err(Fault::Processes { node: name, got, expected: processes });
        }
        let left = node.concerned();
        if left != 0 {
            return Err(Fault::Concerned { node: name, left });
        }
    }
    Ok(())
}
