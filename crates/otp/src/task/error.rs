//! Why a task brought no value.

use crate::call::CallError;
use crate::supervisor::ChildError;
use engset_process::{ExitReason, SpawnError};
use std::fmt;

/// Why a task brought no value. [`TaskError::maybe_executed`] tells whether its work may have run.
///
/// ```
/// use engset_otp::task::TaskError;
/// use engset_process::ExitReason;
///
/// let killed_in_time = TaskError::Ended { reason: ExitReason::Killed, begun: false };
/// assert!(!killed_in_time.maybe_executed());
/// assert_eq!(killed_in_time.to_string(), "the task ended before it began: killed");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TaskError {
    /// The task's process ended without a value: it crashed, was ended, or the work returned an `Exit`.
    Ended {
        /// Why it ended.
        reason: ExitReason,
        /// False where the work was certainly not begun.
        begun: bool,
    },
    /// The value did not come in time. A linked task was ended; one that is not linked runs on.
    Timeout {
        /// False where the work was certainly not begun, and never will be if the task is linked.
        begun: bool,
    },
    /// The handle has given the value, or the reason of the end, already.
    Taken,
    /// The task of a stream was not started.
    Spawn(SpawnError),
    /// The task of a stream was not started by its supervisor.
    Supervisor(CallError<ChildError>),
}

impl TaskError {
    /// Whether the work may have been executed, wholly or in part. When false it certainly was not, and may be done
    /// again safely.
    #[must_use]
    pub fn maybe_executed(&self) -> bool {
        match self {
            Self::Ended { begun, .. } | Self::Timeout { begun } => *begun,
            Self::Taken => true,
            // The task of a stream waits until the stream knows that it was started.
            Self::Spawn(_) | Self::Supervisor(_) => false,
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { reason, begun: true } => write!(f, "the task ended before it was done: {reason}"),
            Self::Ended { reason, begun: false } => write!(f, "the task ended before it began: {reason}"),
            Self::Timeout { begun: true } => {
                f.write_str("the task was not done in time: allow it more, or less work")
            }
            Self::Timeout { begun: false } => f.write_str("the task had not begun in time: the node is busy"),
            Self::Taken => f.write_str("the task's value was taken before: a task brings one value, once"),
            Self::Spawn(error) => write!(f, "the task was not started: {error}"),
            Self::Supervisor(error) => write!(f, "the task's supervisor did not start it: {error}"),
        }
    }
}

impl std::error::Error for TaskError {}
