//! Which callback of its behaviour a process is in, as others see it (OTP's `current_function`, near enough).

use crate::node::{Record, each_seed};
use engset_macros::server;
use engset_otp::gen_event::{EventHandler, EventManager, HandlerId, Leaving, ManagerCx, Next};
use engset_otp::gen_statem::{self, Beginning, Entering, Event, StateMachine, Step};
use engset_otp::{Dynamic, Info, Supervisor, start};
use engset_process::{Behaviour, Callback, Cx, Exit, ExitReason, Protocol};
use engset_term::{Atom, Term};
use std::any::type_name;
use std::convert::Infallible;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// The callback in which a process finds itself.
fn seen<M: Protocol>(record: &Record, cx: &Cx<M>) {
    let callback = cx.processes().info(cx.pid()).unwrap().callback;
    record.add(callback.map_or_else(|| "none".to_owned(), |callback| format!("{callback:?}")));
}

struct Server(Record);

#[server(crate = "engset_otp")]
impl Server {
    #[init]
    fn init(&mut self, cx: &mut Cx<ServerMsg>) {
        seen(&self.0, cx);
    }

    #[call]
    async fn rest(&mut self, cx: &mut Cx<ServerMsg>) {
        seen(&self.0, cx);
        cx.sleep(Duration::from_millis(10)).await;
    }

    #[info]
    fn info(&mut self, _info: Info, cx: &mut Cx<ServerMsg>) {
        seen(&self.0, cx);
    }

    #[terminate]
    fn tidy(&mut self, _reason: &ExitReason, cx: &mut Cx<ServerMsg>) {
        seen(&self.0, cx);
    }
}

#[test]
fn a_server_shows_its_callback_also_while_it_waits_in_it() {
    each_seed(|cx| async move {
        let record = Record::default();
        let server = start(Server(record.clone())).await.unwrap();
        let pid = server.pid();
        let caller = cx.spawn(move |_cx: Cx<Term>| async move { server.rest().await.unwrap() }).unwrap();
        let callback = || cx.processes().info(pid).unwrap().callback;
        cx.sleep(Duration::from_millis(5)).await;
        assert_eq!(callback(), Some(Callback::HandleRequest), "it sleeps in it");
        while cx.processes().is_alive(caller.pid()) {
            cx.sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(callback(), None, "it waits for the next one");
        cx.processes().send_encoded(cx.pid(), &pid.into(), vec![106].into());
        cx.sleep(Duration::from_millis(5)).await;
        engset_otp::stop(&server.addr(), ExitReason::Normal, PATIENCE).await.unwrap();
        assert_eq!(record.take(), ["Init", "HandleRequest", "HandleInfo", "Terminate"]);
    });
}

struct Machine(Record);

impl StateMachine for Machine {
    type State = u8;
    type Msg = Dynamic;
    type Own = ();
    type Timer = Infallible;

    async fn init(&mut self, cx: &mut Cx<Dynamic>) -> Result<Step<Self, Beginning>, Exit> {
        seen(&self.0, cx);
        Ok(Step::next(0))
    }

    async fn handle(
        &mut self,
        _state: &u8,
        _event: Event<Self>,
        cx: &mut Cx<Dynamic>,
    ) -> Result<Step<Self>, Exit> {
        seen(&self.0, cx);
        Ok(Step::next(1))
    }

    async fn enter(
        &mut self,
        _before: &u8,
        _state: &u8,
        cx: &mut Cx<Dynamic>,
    ) -> Result<Step<Self, Entering>, Exit> {
        seen(&self.0, cx);
        Ok(Step::keep())
    }

    async fn terminate(&mut self, _reason: &ExitReason, _state: &u8, cx: &mut Cx<Dynamic>) {
        seen(&self.0, cx);
    }
}

#[test]
fn a_state_machine_shows_its_callback() {
    each_seed(|_cx| async move {
        let record = Record::default();
        let machine = gen_statem::start(Machine(record.clone())).await.unwrap();
        Dynamic::cast(&machine, Term::atom("go")).unwrap();
        gen_statem::stop(&machine, ExitReason::Normal, PATIENCE).await.unwrap();
        assert_eq!(record.take(), ["Init", "StateEnter", "HandleEvent", "StateEnter", "Terminate"]);
    });
}

struct Handler(Record);

impl EventHandler for Handler {
    type Event = u8;

    async fn init(&mut self, cx: &mut ManagerCx<u8>) -> Result<(), Exit> {
        seen(&self.0, cx);
        Ok(())
    }

    async fn handle_event(&mut self, _event: &u8, cx: &mut ManagerCx<u8>) -> Result<Next<Self>, Exit> {
        seen(&self.0, cx);
        Ok(Next::Stay)
    }

    async fn terminate(&mut self, _leaving: &Leaving, cx: &mut ManagerCx<u8>) {
        seen(&self.0, cx);
    }
}

#[test]
fn an_event_manager_shows_its_handlers_callback() {
    each_seed(|_cx| async move {
        let (record, manager) = (Record::default(), EventManager::start().await.unwrap());
        let id = HandlerId::<Handler>::of_type();
        manager.add_handler(&id, Handler(record.clone())).await.unwrap();
        manager.sync_notify(1).await.unwrap();
        manager.delete_handler(&id).await.unwrap();
        assert_eq!(record.take(), ["Init", "HandleEvent", "Terminate"]);
    });
}

/// What serves a process, and by which type it is known, are told of each; of one that answers no system messages nothing.
#[test]
fn a_process_shows_what_serves_it() {
    each_seed(|cx| async move {
        let seen = |pid| cx.processes().info(pid).map(|info| (info.behaviour, info.initial_call)).unwrap();
        let server = start(Server(Record::default())).await.unwrap();
        assert_eq!(seen(server.pid()), (Some(Behaviour::GenServer), type_name::<Server>()));
        let machine = gen_statem::start(Machine(Record::default())).await.unwrap();
        assert_eq!(seen(machine.pid()), (Some(Behaviour::GenStatem), type_name::<Machine>()));
        let alarms = Atom::from_static("alarms");
        EventManager::<u8>::start_named(Some(alarms.clone())).await.unwrap();
        let manager = cx.processes().whereis(&alarms).unwrap();
        assert_eq!(seen(manager), (Some(Behaviour::GenEvent), type_name::<EventManager<u8>>()));
        let supervisor = Supervisor::one_for_one().start_on(cx.processes()).await.unwrap();
        assert_eq!(seen(supervisor.pid()).0, Some(Behaviour::Supervision));
        let plain = cx.spawn(|mut cx: Cx<Term>| async move { drop(cx.recv().await) }).unwrap();
        assert_eq!(seen(plain.pid()).0, None);
    });
}
