//! Servers on another node are stopped, and called many at once, as those on this one are. Tests that bear the name of
//! one of OTP's own cases prove the same fact.

use engset_node::Node;
use engset_otp::{CallError, Dynamic, Server, StopError, multi_call, start_on, stop};
use engset_process::{Addr, Cx, Exit, ExitReason, Service, Target};
use engset_sim::World;
use engset_term::{Atom, Term};
use std::sync::Arc;
use std::time::Duration;

const TO_STOP: Atom = Atom::from_static("to_stop");
const PATIENCE: Duration = Duration::from_secs(5);

/// Says its number.
struct Number(u32);

impl Server for Number {
    type Msg = Dynamic;
    type Ref = Addr<Dynamic>;

    async fn handle(&mut self, message: Dynamic, _cx: &mut Cx<Dynamic>) -> Result<(), Exit> {
        if let Dynamic::Call(_, reply) = message {
            reply.send(Term::from(self.0));
        }
        Ok(())
    }
}

fn start(world: &World, node: &Arc<Node>, number: u32) -> Addr<Dynamic> {
    let processes = Arc::clone(node.processes());
    let start = move |_: Cx<Term>| async move { start_on(&processes, Some(TO_STOP), Number(number)).await };
    world.run(node, start).expect("it ran").expect("it started")
}

fn stop_from(world: &World, node: &Node, to: impl Target<Dynamic>) -> Result<(), StopError> {
    let stop = |_: Cx<Term>| async move { stop(&to, ExitReason::Normal, PATIENCE).await };
    world.run(node, stop).expect("it ran")
}

/// Stops a server of another node once, and then finds it, and its node, gone.
fn is_stopped_once<T: Target<Dynamic>>(address: impl Fn(&Node, Addr<Dynamic>) -> T) {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let (here, there) = (world.start("a@sim"), world.start("b@sim"));
        let server = start(&world, &there, 1);
        let to = address(&there, server);
        assert_eq!(stop_from(&world, &here, to.clone()), Ok(()), "seed {seed}");
        assert!(!there.processes().is_alive(server.pid()), "seed {seed}");
        assert_eq!(there.processes().whereis(&TO_STOP), None, "seed {seed}");
        assert_eq!(stop_from(&world, &here, to.clone()), Err(StopError::NoProcess), "seed {seed}");
        world.crash(&there);
        assert_eq!(stop_from(&world, &here, to), Err(StopError::NodeDown), "seed {seed}");
        assert_eq!(here.processes().aliases().len(), 0, "seed {seed}: nothing is awaited any more");
    }
}

/// `gen_server_SUITE:stop8`: by pid.
#[test]
fn stop8() {
    is_stopped_once(|_, server| server);
}

/// `gen_server_SUITE:stop9`: by name.
#[test]
fn stop9() {
    is_stopped_once(|there, _| Service::<Dynamic>::at(TO_STOP, there.name()));
}

/// `gen_server_SUITE:multicall_down`: a call of several nodes tells which of them are not there.
#[test]
fn multicall_down() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let nodes = [world.start("a@sim"), world.start("b@sim"), world.start("c@sim")];
        for (node, number) in nodes.iter().zip(1..) {
            start(&world, node, number);
        }
        world.crash(&nodes[2]);
        let names: Vec<Service<Dynamic>> =
            nodes.iter().map(|node| Service::at(TO_STOP, node.name())).collect();
        let call = move |_: Cx<Term>| async move {
            multi_call(names, |reply| Dynamic::Call(Term::atom("number"), reply), PATIENCE).await
        };
        let answers: Vec<Result<Term, CallError>> = world.run(&nodes[0], call).expect("it ran");
        let [Ok(one), Ok(two), Err(three)] = answers.as_slice() else { panic!("seed {seed}: {answers:?}") };
        assert_eq!((one, two), (&Term::from(1), &Term::from(2)), "seed {seed}");
        assert!(!three.maybe_executed(), "seed {seed}: {three:?}");
    }
}
