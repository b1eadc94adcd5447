//! A supervisor with two children: one crashes and is started again, the other notices nothing.
//!
//! `cargo run -p examples --bin hello_supervisor`
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use engset::prelude::*;

const COUNTER: Atom = Atom::from_static("counter");
const DIVIDER: Atom = Atom::from_static("divider");

/// A server is a struct with an `impl` block. It runs as a process: nobody else can touch its state.
#[derive(Default)]
struct Counter {
    value: u64,
}

/// From this block `#[server]` makes `CounterRef`, the handle that others call it by.
#[server]
impl Counter {
    /// Adds `by`; answers the new value.
    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }

    /// Answers the value.
    #[call]
    fn value(&self) -> u64 {
        self.value
    }
}

/// Divides, and has a bug.
struct Divider {
    /// Who is told of each start.
    audience: Addr<Term>,
}

#[server]
impl Divider {
    /// Runs in the new process, at the first start and at every other.
    #[init]
    fn init(&mut self, cx: &mut Cx<DividerMsg>) -> Result<(), Exit> {
        // Any error here would end the process: that is what `Exit` means.
        cx.send(self.audience, Term::from(cx.pid()))?;
        Ok(())
    }

    /// Panics when `by` is zero, which nobody thought of.
    #[call]
    fn divide(&mut self, number: u64, by: u64) -> u64 {
        number / by
    }
}

/// `Exit` is made of any error by `?`, in `main` too.
fn main() -> Result<(), Exit> {
    // A node without a name: processes, but no network.
    let node = Node::builder().start()?;
    // Runs `play` as a process of the node. It ends well, with an `Exit`, or by a panic, such as a failed assertion.
    node.block_on(play)?
}

async fn play(mut cx: Cx<Term>) -> Result<(), Exit> {
    let audience = cx.addr();
    // The closures make the servers: once at first, and once more for each restart.
    let supervisor = Supervisor::one_for_one()
        .child(Child::named_server(COUNTER, Counter::default))
        .child(Child::named_server(DIVIDER, move || Divider { audience }))
        .start()
        .await?;
    let first = next_start(&mut cx).await?;
    println!("the supervisor {} runs, the divider is {first}", supervisor.pid());

    // Handles by name mean whoever has the name, so they outlive each single process.
    let counter = CounterRef::named(COUNTER);
    let divider = DividerRef::named(DIVIDER);
    counter.add(2).await?;
    println!("the counter has {}", counter.add(40).await?);
    println!("84 / 2 = {}", divider.divide(84, 2).await?);

    // A crash ends one process. The caller gets an error that says why, and whether its request may have run.
    let error = divider.divide(1, 0).await.expect_err("nothing can be divided by zero");
    println!("1 / 0: {error}");
    assert!(matches!(error, CallError::Down { .. }), "{error}");
    assert!(error.maybe_executed(), "it crashed while it ran the request");

    let second = next_start(&mut cx).await?;
    println!("the supervisor started a new divider: {second}");
    assert_ne!(first, second, "the successor is another process");
    assert_eq!(divider.divide(84, 2).await?, 42);
    println!("84 / 2 = 42, as before");

    // The counter is another process: it did not restart, and has kept what it had.
    let value = counter.value().await?;
    println!("the counter still has {value}");
    assert_eq!(value, 42);
    let counts = supervisor.count_children().await?;
    assert_eq!((counts.specs, counts.active), (2, 2), "both children run");
    Ok(())
}

/// Waits until a divider says that it starts.
async fn next_start(cx: &mut Cx<Term>) -> Result<Pid, Exit> {
    let is_start = |mail| match mail {
        Mail::Message(Term::Pid(pid)) => Ok(pid),
        other => Err(other),
    };
    // A selective receive: everything else stays in the mailbox.
    Ok(cx.receive(is_start).await)
}
