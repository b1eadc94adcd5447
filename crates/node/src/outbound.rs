//! A signal on its way to a peer.

use engset_dist::control::Control;
use engset_etf::Body;
use engset_term::Pid;

/// A signal on its way to a peer.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) control: Control,
    pub(crate) payload: Option<Body>,
    /// The process that makes the signal, in case the control message does not name it: its signals stay in order.
    pub(crate) caller: Option<Pid>,
}

impl Outbound {
    /// A signal of the process that the control message names, if of any.
    pub(crate) fn new(control: Control, payload: Option<Body>) -> Self {
        Self { control, payload, caller: None }
    }

    /// The same signal, made by `caller` unless the control message names another process.
    pub(crate) fn by(self, caller: Pid) -> Self {
        Self { caller: Some(caller), ..self }
    }

    /// Which process makes it, when that is known.
    pub(crate) fn sender(&self) -> Option<Pid> {
        self.control.sender().or(self.caller)
    }
}
