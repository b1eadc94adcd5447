//! The last bytes of what a program wrote, for error messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many bytes of a program's output are kept; older ones are dropped.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;

/// Shared by the threads that read the program's pipes.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutputLog {
    bytes: Arc<Mutex<VecDeque<u8>>>,
}

impl OutputLog {
    pub(crate) fn push(&self, line: &[u8]) {
        let kept = &line[line.len().saturating_sub(OUTPUT_BYTES_MAX)..];
        let mut bytes = self.lock();
        let excess = (bytes.len() + kept.len()).saturating_sub(OUTPUT_BYTES_MAX);
        bytes.drain(..excess);
        bytes.extend(kept);
    }

    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.lock().iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
