//! The process of one partition: watches those that hold keys there, and removes what those held that ended.

use super::{Key, RegistryEvent, Shared, Value};
use crate::gen_server::Starting;
use engset_process::{Cx, Dest, Mail, Protocol, dying};
use engset_term::{Pid, Reference};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What the process of a partition is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeeperMsg {
    /// This process holds its first key here.
    Watch(Pid),
    /// This process gave up its last key here.
    Forget(Pid),
}

#[diagnostic::do_not_recommend]
impl Protocol for KeeperMsg {}

/// The life of the process of the partition with this number.
pub(super) async fn keep<K: Key, V: Value>(
    mut cx: Cx<KeeperMsg>,
    shared: Arc<Shared<K, V>>,
    number: usize,
    starting: Starting,
) {
    let duty = Duty { shared: Arc::clone(&shared), number };
    let part = &shared.partitions[number];
    let mut monitors: HashMap<Pid, Reference> = HashMap::new();
    // Who registers from now on tells; who is in the table already did so before a crash of this process.
    let holders = {
        let mut keeper = part.keeper.lock();
        *keeper = Some(cx.addr());
        part.table.read().holders()
    };
    for pid in holders {
        monitors.insert(pid, cx.monitor(pid));
    }
    starting.done(Ok(()));
    loop {
        match cx.recv().await {
            Mail::Message(KeeperMsg::Watch(pid)) => {
                monitors.entry(pid).or_insert_with(|| cx.monitor(pid));
            }
            Mail::Message(KeeperMsg::Forget(pid)) => {
                if let Some(monitor) = monitors.remove(&pid) {
                    cx.demonitor(monitor);
                }
            }
            Mail::Down(down) => {
                if let Dest::Pid(pid) = down.process {
                    monitors.remove(&pid);
                    duty.purge(cx.pid(), pid);
                }
            }
            mail @ (Mail::Exit(_) | Mail::Other(_)) => {
                tracing::warn!(pid = %cx.pid(), ?mail, "a registry got what it does not understand");
            }
        }
    }
}

/// Leaves the partition in order at the process's end.
struct Duty<K: Key, V: Value> {
    shared: Arc<Shared<K, V>>,
    number: usize,
}

impl<K: Key, V: Value> Duty<K, V> {
    fn purge(&self, me: Pid, pid: Pid) {
        let removed = self.shared.partitions[self.number].table.write().purge(pid);
        self.shared.entries.fetch_sub(removed.keys.len(), Ordering::Relaxed);
        for key in &removed.keys {
            self.shared.tell(me, || RegistryEvent::Unregistered { key: K::clone(key), pid });
        }
    }
}

impl<K: Key, V: Value> Drop for Duty<K, V> {
    fn drop(&mut self) {
        let part = &self.shared.partitions[self.number];
        // After a crash the successor goes on with what is there.
        let is_orderly = dying().is_none_or(|reason| reason.is_orderly());
        let cleared = {
            let mut keeper = part.keeper.lock();
            *keeper = None;
            is_orderly.then(|| part.table.write().clear())
        };
        if let Some(cleared) = cleared {
            self.shared.entries.fetch_sub(cleared.entries(), Ordering::Relaxed);
        }
    }
}
