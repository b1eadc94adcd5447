//! The process of one application: runs its behaviour, and is the parent of its top process.
//!
//! It tells the controller when the application has started, and ends with the application. Asked to stop, by message
//! or by an exit signal of the controller, it lets its behaviour prepare, sends the top process an exit signal, waits
//! for that one's end by a monitor, and lets the behaviour clean up. Nothing limits how long that takes but the
//! controller's end, which kills.

use super::controller::ControllerCx;
use super::handle::{Asked, ControllerMsg};
use super::spec::{AppCx, Erased};
use super::{Application, ConfigChange, Env};
use crate::caught::{Failure, caught};
use crate::reply::Reply;
use engset_process::{Addr, Exit, ExitReason, Mail, Protocol, SpawnError, SpawnOptions};
use engset_term::{Atom, Instant, Pid};
use std::fmt;
use std::sync::Arc;

/// What the process of an application is sent by its controller.
pub struct MasterMsg(pub(super) ToMaster);

pub(super) enum ToMaster {
    Stop,
    ConfigChange(ConfigChange, Reply<(), ExitReason>),
}

#[diagnostic::do_not_recommend]
impl Protocol for MasterMsg {}

impl fmt::Debug for MasterMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.0 {
            ToMaster::Stop => "stop",
            ToMaster::ConfigChange(..) => "config_change",
        };
        f.debug_tuple("MasterMsg").field(&what).finish()
    }
}

/// Spawns the process of an application, linked to its controller.
pub(super) fn spawn(
    controller: &mut ControllerCx,
    app: Arc<Application>,
    env: Env,
) -> Result<Pid, SpawnError> {
    let options = SpawnOptions {
        label: Some(format!("application {}", app.name)),
        from_reserve: true,
        ..SpawnOptions::default()
    };
    let to = controller.addr();
    controller.spawn_link(options, move |cx| run(cx, to, app, env)).map(|addr| addr.pid())
}

/// From its start to its end.
async fn run(mut cx: AppCx, controller: Addr<ControllerMsg>, app: Arc<Application>, env: Env) -> ExitReason {
    cx.trap_exit(true);
    let Some(make) = &app.make else { return ExitReason::Normal };
    let mut behaviour = make();
    let top = match behaviour.start(&env, &mut cx).await {
        Ok(top) => top,
        Err(error) => return error.reason(),
    };
    // Whoever reads the behaviour's own start may have forgotten it.
    cx.link(top);
    for (phase, argument) in &app.phases {
        if let Err(Exit(reason)) = behaviour.start_phase(phase, argument, &mut cx).await {
            end_top(&mut cx, top, ExitReason::Shutdown).await;
            return reason;
        }
    }
    // A controller that has ended says so by its exit signal.
    drop(cx.send(controller, ControllerMsg(Asked::Started { master: cx.pid(), top })));
    let now = cx.processes().scheduler().now();
    let due = app.max_time.map(|max_time| now.saturating_add(max_time));
    let mut master = Master { name: app.name.clone(), behaviour, controller: controller.pid(), top, due };
    master.work(&mut cx).await
}

/// The process of an application that runs.
struct Master {
    name: Atom,
    behaviour: Box<dyn Erased>,
    controller: Pid,
    top: Pid,
    /// When it has run for as long as it may.
    due: Option<Instant>,
}

impl Master {
    async fn work(&mut self, cx: &mut AppCx) -> ExitReason {
        loop {
            match next(cx, self.due).await {
                None | Some(Mail::Message(MasterMsg(ToMaster::Stop))) => {
                    self.stop(cx, Some(ExitReason::Shutdown)).await;
                    return ExitReason::Normal;
                }
                Some(Mail::Message(MasterMsg(ToMaster::ConfigChange(change, reply)))) => {
                    let changed = caught(self.behaviour.config_change(&change, cx)).await;
                    reply.answer(changed.map_err(|failure| failure.reason().clone()));
                }
                Some(Mail::Exit(trapped)) if trapped.from == self.top => {
                    self.stop(cx, None).await;
                    return trapped.reason;
                }
                Some(Mail::Exit(trapped)) if trapped.from == self.controller => {
                    self.stop(cx, Some(trapped.reason.clone())).await;
                    return trapped.reason;
                }
                Some(Mail::Exit(_) | Mail::Down(_) | Mail::Other(_)) => {}
            }
        }
    }

    /// Lets the behaviour prepare, ends the top process for `reason` unless it has ended, and lets the behaviour clean
    /// up.
    async fn stop(&mut self, cx: &mut AppCx, reason: Option<ExitReason>) {
        let prepared = caught(self.behaviour.prep_stop(cx)).await;
        self.report("prep_stop", prepared);
        if let Some(reason) = reason {
            end_top(cx, self.top, reason).await;
        }
        let stopped = caught(self.behaviour.stop(cx)).await;
        self.report("stop", stopped);
    }

    fn report(&self, callback: &'static str, done: Result<(), Failure>) {
        if let Err(failure) = done {
            let (application, reason) = (self.name.as_str(), failure.reason());
            tracing::error!(application, callback, %reason, "`{callback}` of the application `{application}` failed: {reason}");
        }
    }
}

/// The next mail, or nothing where it is `due` to end.
async fn next(cx: &mut AppCx, due: Option<Instant>) -> Option<Mail<MasterMsg>> {
    match due {
        None => Some(cx.recv().await),
        Some(due) => {
            let now = cx.processes().scheduler().now();
            cx.recv_timeout(due.saturating_duration_since(now)).await
        }
    }
}

/// Ends the top process, and waits until it has ended.
async fn end_top(cx: &mut AppCx, top: Pid, reason: ExitReason) {
    let watch = cx.monitor(top);
    cx.exit(top, reason);
    cx.receive(|mail| match mail {
        Mail::Down(down) if down.reference == watch => Ok(()),
        mail => Err(mail),
    })
    .await;
}
