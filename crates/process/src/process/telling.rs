//! What a process says of itself for others to see.

use super::Process;
use crate::info::{Behaviour, Callback};
use crate::protocol::Protocol;
use std::sync::atomic::Ordering;

impl<M: Protocol> Process<M> {
    #[inline]
    pub(crate) fn set_callback(&self, callback: Option<Callback>) {
        self.callback.store(Callback::to_byte(callback), Ordering::Relaxed);
    }

    pub(crate) fn set_behaviour(&self, behaviour: Behaviour) {
        self.behaviour.store(behaviour as u8, Ordering::Relaxed);
    }
}
