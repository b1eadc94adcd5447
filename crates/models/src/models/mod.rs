//! The models, by what they are of.

mod alias;
mod bell;
mod doors;
mod lock;
mod pair;
mod parked;
mod references;
mod relations;
mod rescue;
mod room;
mod shutdown;
mod slot;
mod stage;
mod table;
mod waits;
mod wake;

/// Preemptions of one thread by another, apart from those where a thread waits. Two are enough for nearly all faults.
const PREEMPTIONS_MAX: usize = 3;

/// Runs `body` once for each order of the steps of its threads.
fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS_MAX);
    builder.check(move || {
        body();
        crate::cells::check();
    });
}
