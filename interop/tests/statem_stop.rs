//! State machines and event managers are stopped across the border: OTP stops ours, and we stop OTP's.

mod stage;

use engset::gen_event::EventManager;
use engset::gen_statem::{Beginning, Event, StateMachine, Step, start_named, stop};
use engset::{Atom, Cx, Dynamic, Exit, ExitReason, NodeName, Service, StopError, Term};
use stage::Stage;
use std::convert::Infallible;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// Counts casts in its state; a call is answered once it is not 0.
struct Counter;

impl StateMachine for Counter {
    type State = u64;
    type Msg = Dynamic;
    type Own = ();
    type Timer = Infallible;

    async fn init(&mut self, _cx: &mut Cx<Dynamic>) -> Result<Step<Self, Beginning>, Exit> {
        Ok(Step::next(0))
    }

    async fn handle(
        &mut self,
        state: &u64,
        event: Event<Self>,
        _cx: &mut Cx<Dynamic>,
    ) -> Result<Step<Self>, Exit> {
        Ok(match event {
            Event::Message(Dynamic::Cast(_)) => Step::next(state + 1),
            event @ Event::Message(Dynamic::Call(..)) if *state == 0 => Step::keep().postpone(event),
            Event::Message(Dynamic::Call(_, reply)) => Step::keep().reply(reply, Term::from(*state)),
            _ => Step::keep(),
        })
    }
}

#[test]
fn otp_calls_and_stops_a_machine_of_ours() {
    let Some(stage) = Stage::new() else { return };
    let started = stage.node.block_on(|_| async {
        start_named(Some(Atom::from_static("machine")), Counter).await.unwrap();
    });
    started.unwrap();
    stage.eval("Call = gen_statem:send_request({machine, $N}, get), ok.");
    stage.check("receive Answer -> Answer after 100 -> none end.", "none");
    stage.check("gen_statem:cast({machine, $N}, push).", "ok");
    stage.check("gen_statem:wait_response(Call, 5000).", "{reply,1}");
    stage.check("gen_statem:call({machine, $N}, get).", "1");
    stage
        .check("erlang:monitor(process, {machine, $N}), gen_statem:stop({machine, $N}, enough, 5000).", "ok");
    stage.check("receive {'DOWN', _, process, _, Reason} -> Reason after 5000 -> none end.", "enough");
    stage.check("catch gen_statem:stop({machine, $N}, normal, 5000).", "{'EXIT',noproc}");
}

#[test]
fn otp_stops_a_manager_of_ours() {
    let Some(stage) = Stage::new() else { return };
    let started = stage.node.block_on(|_| async {
        EventManager::<u64>::start_named(Some(Atom::from_static("manager"))).await.map(drop).unwrap();
    });
    started.unwrap();
    stage.check("gen_event:stop({manager, $N}, normal, 5000).", "ok");
    stage.check("catch gen_event:stop({manager, $N}, normal, 5000).", "{'EXIT',noproc}");
}

#[test]
fn we_stop_a_process_of_otp() {
    let Some(stage) = Stage::new() else { return };
    stage.check("{ok, Manager} = gen_event:start({local, theirs}), is_pid(Manager).", "true");
    let outcomes = stage.node.block_on(|_| async {
        let theirs =
            Service::<Dynamic>::at(Atom::from_static("theirs"), NodeName::new("beam@127.0.0.1").unwrap());
        let first = stop(&theirs, ExitReason::from(Atom::from_static("enough")), PATIENCE).await;
        (first, stop(&theirs, ExitReason::Normal, PATIENCE).await)
    });
    assert_eq!(outcomes.unwrap(), (Ok(()), Err(StopError::NoProcess)));
    stage.check("is_process_alive(Manager).", "false");
}
