//! At which step the attempts to connect are, for those who do not wait for their ends.

use crate::connect::Step;
use engset_term::NodeName;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The steps of the attempts under way that have not come to the handshake: as many as the node dials at a time.
#[derive(Debug, Default)]
pub(crate) struct DialSteps(Mutex<HashMap<NodeName, Step>>);

/// One attempt; nothing is known of it any more when it is dropped.
struct Attempt {
    steps: Arc<DialSteps>,
    peer: NodeName,
}

tokio::task_local! {
    /// The attempt to which the running code belongs.
    static ATTEMPT: Attempt;
}

impl DialSteps {
    /// The step at which the attempt to connect to `peer` is.
    pub(crate) fn of(&self, peer: NodeName) -> Option<Step> {
        self.0.lock().get(&peer).copied()
    }

    /// Runs `attempt` to connect to `peer`, and keeps note of its steps meanwhile.
    pub(crate) async fn watch<T>(self: &Arc<Self>, peer: NodeName, attempt: impl Future<Output = T>) -> T {
        ATTEMPT.scope(Attempt { steps: Arc::clone(self), peer }, attempt).await
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.steps.0.lock().remove(&self.peer);
    }
}

/// Notes that the running attempt is at this step; code of no attempt notes nothing.
pub(crate) fn note(step: Step) {
    // What is asked without connecting to a node, such as EPMD for its own sake, is no attempt.
    let _is_none = ATTEMPT.try_with(|attempt| attempt.steps.0.lock().insert(attempt.peer, step));
}

#[cfg(test)]
mod tests {
    use super::{DialSteps, note};
    use crate::connect::Step;
    use engset_term::NodeName;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Waker};

    #[test]
    fn an_attempt_has_a_step_while_it_lasts() {
        let steps = Arc::new(DialSteps::default());
        let peer = NodeName::new("a@h").unwrap();
        note(Step::Epmd);
        {
            let mut attempt = pin!(steps.watch(peer, async {
                note(Step::Tcp);
                std::future::pending::<()>().await;
            }));
            assert_eq!(steps.of(peer), None);
            assert!(attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(steps.of(peer), Some(Step::Tcp));
            assert_eq!(steps.of(NodeName::new("b@h").unwrap()), None);
        }
        assert_eq!(steps.of(peer), None);
    }
}
