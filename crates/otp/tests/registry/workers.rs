//! Processes that register keys when they are told to.

use engset_otp::registry::{Keys, Registry, RegistryError};
use engset_otp::{CallTarget, Reply};
use engset_process::{Addr, Cx, Mail, Protocol};
use engset_term::Term;

/// The registries of the tests.
pub(crate) type Names = Registry<&'static str, u32>;

pub(crate) enum Order {
    Register(&'static str, u32, Reply<Result<(), RegistryError>>),
    Unregister(&'static str, Reply<Result<usize, RegistryError>>),
    Ping(Reply<u32>),
}

impl Protocol for Order {}

/// A registry with the given kind of keys and several partitions.
pub(crate) async fn start(keys: Keys) -> Names {
    Registry::builder(keys).partitions(3).start().await.unwrap()
}

/// A process that does as it is told.
pub(crate) fn worker(cx: &Cx<Term>, names: &Names) -> Addr<Order> {
    let names = names.clone();
    cx.spawn(move |mut cx: Cx<Order>| async move {
        while let Mail::Message(order) = cx.recv().await {
            match order {
                Order::Register(key, value, reply) => reply.send(names.register(key, value)),
                Order::Unregister(key, reply) => reply.send(names.unregister(&key)),
                Order::Ping(reply) => reply.send(5),
            }
        }
    })
    .unwrap()
}

/// Lets a worker register a key.
pub(crate) async fn register(
    worker: Addr<Order>,
    key: &'static str,
    value: u32,
) -> Result<(), RegistryError> {
    worker.call(|reply| Order::Register(key, value, reply)).await.unwrap()
}

/// Lets a worker give up a key; how many entries it had.
pub(crate) async fn unregister(worker: Addr<Order>, key: &'static str) -> Result<usize, RegistryError> {
    worker.call(|reply| Order::Unregister(key, reply)).await.unwrap()
}
