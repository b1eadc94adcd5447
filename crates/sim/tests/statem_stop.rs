//! State machines on another node are stopped as those on this one are. Tests that bear the name of one of OTP's own
//! cases prove the same fact.

use engset_node::Node;
use engset_otp::gen_statem::{Beginning, Event, StateMachine, Step, start_on, stop};
use engset_otp::{Dynamic, StopError};
use engset_process::{Addr, Cx, Exit, ExitReason, Service, Target};
use engset_sim::World;
use engset_term::{Atom, Term};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

const TO_STOP: Atom = Atom::from_static("to_stop");
const PATIENCE: Duration = Duration::from_secs(5);

/// Does nothing.
struct Idle;

impl StateMachine for Idle {
    type State = ();
    type Msg = Dynamic;
    type Own = Infallible;
    type Timer = Infallible;

    async fn init(&mut self, _cx: &mut Cx<Dynamic>) -> Result<Step<Self, Beginning>, Exit> {
        Ok(Step::next(()))
    }

    async fn handle(
        &mut self,
        (): &(),
        _event: Event<Self>,
        _cx: &mut Cx<Dynamic>,
    ) -> Result<Step<Self>, Exit> {
        Ok(Step::keep())
    }
}

fn start(world: &World, node: &Arc<Node>) -> Addr<Dynamic> {
    let processes = Arc::clone(node.processes());
    let start = |_: Cx<Term>| async move { start_on(&processes, Some(TO_STOP), Idle).await };
    world.run(node, start).expect("it ran").expect("it started")
}

fn stop_from(world: &World, node: &Node, to: impl Target<Dynamic>) -> Result<(), StopError> {
    let stop = |_: Cx<Term>| async move { stop(&to, ExitReason::Normal, PATIENCE).await };
    world.run(node, stop).expect("it ran")
}

/// Stops a machine of another node once, and then finds it, and its node, gone.
fn is_stopped_once<T: Target<Dynamic>>(address: impl Fn(&Node, Addr<Dynamic>) -> T) {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let (here, there) = (world.start("a@sim"), world.start("b@sim"));
        let machine = start(&world, &there);
        let to = address(&there, machine);
        assert_eq!(stop_from(&world, &here, to.clone()), Ok(()), "seed {seed}");
        assert!(!there.processes().is_alive(machine.pid()), "seed {seed}");
        assert_eq!(there.processes().whereis(&TO_STOP), None, "seed {seed}");
        assert_eq!(stop_from(&world, &here, to.clone()), Err(StopError::NoProcess), "seed {seed}");
        world.crash(&there);
        assert_eq!(stop_from(&world, &here, to), Err(StopError::NodeDown), "seed {seed}");
        assert_eq!(here.processes().aliases().len(), 0, "seed {seed}: nothing is awaited any more");
    }
}

/// By pid.
#[test]
fn stop8() {
    is_stopped_once(|_, machine| machine);
}

/// By name.
#[test]
fn stop9() {
    is_stopped_once(|there, _| Service::<Dynamic>::at(TO_STOP, there.name()));
}

/// Who waits for the end of a machine hears of the loss of its node.
#[test]
fn a_lost_connection_ends_the_wait() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let (here, there) = (world.start("a@sim"), world.start("b@sim"));
        let machine = start(&world, &there);
        assert_eq!(stop_from(&world, &here, Service::<Dynamic>::at(TO_STOP, there.name())), Ok(()));
        assert!(!there.processes().is_alive(machine.pid()));
        let machine = start(&world, &there);
        world.partition(&here, &there);
        let lost = {
            let stop = move |_: Cx<Term>| async move {
                stop(&machine, ExitReason::Normal, Duration::from_secs(600)).await
            };
            world.run(&here, stop).expect("it ran")
        };
        assert_eq!(lost, Err(StopError::NodeDown), "seed {seed}");
        assert!(there.processes().is_alive(machine.pid()), "seed {seed}: it was not asked");
    }
}
