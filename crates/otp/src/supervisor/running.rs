//! A supervisor at work: it starts its children, and starts them again when they ended.

use super::Supervisor;
use super::back_off::BackOff;
use super::children::{Children, Key, State};
use super::flags::{AutoShutdown, check_children, check_supervisor};
use super::report::{Reporter, Then};
use super::requests::{Retry, SupervisorMsg, id_term};
use super::restart::{Intensity, Strategy, Verdict, verdict};
use super::spec::{Child, Restart};
use super::stop::{Inbox, Surprises};
use super::stopping::Stopping;
use crate::gen_server::StartError;
use crate::sys::{Desk, Inspect, Served};
use engset_process::{Behaviour, Cx, ExitReason, Mail, Trapped};
use engset_term::{Pid, Term};
use std::sync::Arc;
use std::time::Duration;

/// A supervisor at work.
pub(super) struct Running {
    parent: Option<Pid>,
    pub(super) strategy: Strategy,
    pub(super) intensity: Intensity,
    pub(super) auto_shutdown: AutoShutdown,
    pub(super) back_off: Option<BackOff>,
    pub(super) max_children: usize,
    pub(super) children: Children,
    pub(super) stopping: Stopping,
    pub(super) surprises: Surprises,
    pub(super) inbox: Inbox,
    pub(super) report: Reporter,
    attempts: u64,
}

/// What came of a start that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Running(Pid),
    /// The child asked not to be run.
    Ignored,
}

/// What system messages see of a supervisor: its children, as `which_children` tells them.
impl Inspect for Running {
    fn module(&self) -> &'static str {
        "supervisor"
    }

    fn state(&self) -> Option<Term> {
        engset_etf::to_term(&self.which_children()).ok()
    }

    fn replace_state(&mut self, _state: &Term) -> Result<(), String> {
        Err("the children of a supervisor are started and deleted, not replaced as a whole".to_owned())
    }
}

impl Running {
    /// The state of a supervisor that has no children yet, and the children to start.
    pub(super) fn new(
        supervisor: Supervisor,
        parent: Option<Pid>,
        cx: &Cx<SupervisorMsg>,
    ) -> (Self, Vec<Child>) {
        let path = match supervisor.path {
            Some(path) => path,
            None => supervisor.name.map_or_else(|| cx.pid().to_string(), |name| name.as_str().to_owned()),
        };
        let running = Self {
            parent,
            strategy: supervisor.strategy,
            intensity: Intensity::new(supervisor.restarts, supervisor.period),
            auto_shutdown: supervisor.auto_shutdown,
            back_off: supervisor.back_off,
            max_children: supervisor.max_children,
            children: Children::new(supervisor.dynamic),
            stopping: Stopping::default(),
            surprises: Surprises::default(),
            inbox: Inbox::new(cx.processes().scheduler().clone()),
            report: Reporter { path },
            attempts: 0,
        };
        (running, supervisor.children)
    }

    /// Starts the children that the supervisor has from its beginning; an error is the end of the supervisor.
    pub(super) async fn start_all(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        children: Vec<Child>,
    ) -> Result<(), ExitReason> {
        let dynamic = self.children.is_dynamic();
        check_supervisor(dynamic, self.auto_shutdown, self.intensity.period())
            .and_then(|()| check_children(&children, dynamic, self.auto_shutdown, self.max_children))
            .map_err(|error| error.reason())?;
        for child in children {
            let id = Arc::clone(&child.id);
            if let Err(error) = self.start_new(cx, child).await {
                self.report.not_started(&id, &error);
                return Err(not_started([id_term(&id), error.reason().to_term()]));
            }
        }
        Ok(())
    }

    /// Serves until the supervisor must end; why.
    pub(super) async fn work(&mut self, cx: &mut Cx<SupervisorMsg>) -> ExitReason {
        let mut desk = Desk::of(cx, Behaviour::Supervision);
        loop {
            let mail = self.inbox.next(cx).await;
            desk.took(cx, &mail);
            let mail = match desk.serve(cx, self.parent, mail, self).await {
                Served::Other(mail) => mail,
                Served::Done => continue,
                Served::End(reason) => return reason,
            };
            let ended = match mail {
                Mail::Message(message) => self.serve(cx, message).await,
                Mail::Exit(trapped) => self.handle_exit(cx, &trapped).await,
                Mail::Down(_) => Ok(()),
                Mail::Other(term) => {
                    let supervisor = self.report.path.as_str();
                    tracing::warn!(supervisor, %term, "supervisor `{supervisor}` got what it does not handle: {term}");
                    Ok(())
                }
            };
            engset_process::set_deadline(None);
            if let Err(reason) = ended {
                return reason;
            }
        }
    }

    /// Starts a new child and enters it; none where it asked not to be run.
    pub(super) async fn start_new(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        child: Child,
    ) -> Result<Option<Pid>, StartError> {
        let Some(start) = child.start.clone() else { return Err(StartError::ignored()) };
        match start.start(cx, &self.report.path, &child.id).await {
            Ok(pid) => {
                drop(start);
                let key = self.children.insert(child, State::Running(pid));
                self.note_start(cx, key);
                Ok(Some(pid))
            }
            Err(error) if error.is_ignored() => {
                if !self.children.is_dynamic() && child.restart != Restart::Temporary {
                    self.children.insert(child, State::Stopped);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Starts a child that is in the list and does not run.
    pub(super) async fn start_again(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        key: Key,
    ) -> Result<Start, StartError> {
        let Some(entry) = self.children.entry(key) else { return Ok(Start::Ignored) };
        let is_temporary = entry.child.restart == Restart::Temporary;
        let Some(start) = entry.child.start.clone() else { return Ok(Start::Ignored) };
        let id = Arc::clone(&entry.child.id);
        match start.start(cx, &self.report.path, &id).await {
            Ok(pid) => {
                self.children.set(key, State::Running(pid));
                self.note_start(cx, key);
                Ok(Start::Running(pid))
            }
            Err(error) if error.is_ignored() => {
                if self.children.is_dynamic() || is_temporary {
                    self.children.remove(key);
                } else {
                    self.children.set(key, State::Stopped);
                }
                Ok(Start::Ignored)
            }
            Err(error) => Err(error),
        }
    }

    /// Restarts whom the strategy says because of `key`; an error is the end of the supervisor.
    pub(super) async fn restart(&mut self, cx: &mut Cx<SupervisorMsg>, key: Key) -> Result<(), ExitReason> {
        let now = cx.processes().scheduler().now();
        if !self.intensity.allows(now) {
            if let Some(entry) = self.children.entry(key) {
                self.report.gives_up(&entry.child.id, &self.intensity);
            }
            self.children.set(key, State::Stopped);
            return Err(ExitReason::Shutdown);
        }
        let before = self.known_by(key);
        let failed = if self.strategy == Strategy::OneForOne {
            self.start_again(cx, key).await.map(drop).map_err(|error| (key, error))
        } else {
            self.restart_together(cx, key).await
        };
        if let Err((failed, error)) = failed {
            if let Some(entry) = self.children.entry(failed) {
                self.report.not_restarted(&entry.child.id, &error);
            }
            let delay = self.next_delay(cx, failed);
            self.try_again(cx, failed, before.filter(|_| failed == key), delay);
        }
        Ok(())
    }

    /// Lets a restart be tried after `delay`; until then the child counts as restarting, and is known by the process
    /// that it was `before`.
    pub(super) fn try_again(
        &mut self,
        cx: &Cx<SupervisorMsg>,
        key: Key,
        before: Option<Pid>,
        delay: Duration,
    ) {
        self.attempts += 1;
        let attempt = self.attempts;
        self.children.set(key, State::Restarting { before, attempt });
        let message = SupervisorMsg::TryAgain(Retry { key, attempt });
        if delay.is_zero() {
            if cx.send(cx.pid(), message).is_err() {
                tracing::error!(supervisor = self.report.path, "a supervisor could not send to itself");
            }
        } else {
            // An attempt that was overtaken says so when it comes.
            drop(cx.send_after(delay, cx.pid(), message));
        }
    }

    async fn handle_exit(&mut self, cx: &mut Cx<SupervisorMsg>, trapped: &Trapped) -> Result<(), ExitReason> {
        match self.children.ended(trapped) {
            Some(key) => self.child_ended(cx, key, trapped).await,
            None if Some(trapped.from) == self.parent => Err(trapped.reason.clone()),
            None => Ok(()),
        }
    }

    async fn child_ended(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        key: Key,
        trapped: &Trapped,
    ) -> Result<(), ExitReason> {
        let Some(entry) = self.children.entry(key) else { return Ok(()) };
        let (significant, reason) = (entry.child.significant, &trapped.reason);
        let id = Arc::clone(&entry.child.id);
        let now = cx.processes().scheduler().now();
        match verdict(entry.child.restart, reason) {
            Verdict::Restart => {
                let delay = self.next_delay(cx, key);
                let then = Then::Restart(delay);
                self.report.child_ended(&id, trapped.from, reason, then, (&mut self.intensity, now));
                if delay.is_zero() {
                    return self.restart(cx, key).await;
                }
                self.stop_siblings(cx, key).await;
                self.try_again(cx, key, Some(trapped.from), delay);
                return Ok(());
            }
            Verdict::Keep if !self.children.is_dynamic() => self.children.set(key, State::Stopped),
            Verdict::Keep => self.children.remove(key),
            Verdict::Remove => {
                if !reason.is_orderly() {
                    let intensity = (&mut self.intensity, now);
                    self.report.child_ended(&id, trapped.from, reason, Then::Nothing, intensity);
                }
                self.children.remove(key);
            }
        }
        if self.auto_shutdown.applies(significant, self.children.totals().significant) {
            self.report.shuts_down(&id);
            return Err(ExitReason::Shutdown);
        }
        Ok(())
    }

    /// Stops and starts again whom the strategy says because of `key`; which child did not start, if one did not.
    async fn restart_together(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        key: Key,
    ) -> Result<(), (Key, StartError)> {
        for next in self.stop_siblings(cx, key).await {
            self.start_again(cx, next).await.map_err(|error| (next, error))?;
        }
        Ok(())
    }

    /// Stops the others whom the strategy restarts because of `key`, which has ended, in reverse start order; who is
    /// to be started again, in start order. Temporary ones are not: they are gone.
    async fn stop_siblings(&mut self, cx: &mut Cx<SupervisorMsg>, key: Key) -> Vec<Key> {
        let mut affected = self.children.affected(self.strategy, key);
        for other in affected.iter().rev().filter(|other| **other != key) {
            self.stop_child(cx, *other).await;
        }
        self.children.set(key, State::Stopped);
        affected.retain(|next| {
            let entry = self.children.entry(*next);
            let stays = *next == key || entry.is_some_and(|entry| entry.child.restart != Restart::Temporary);
            if !stays {
                self.children.remove(*next);
            }
            stays
        });
        affected
    }

    /// For how long the restart of a child waits; counts it.
    fn next_delay(&mut self, cx: &Cx<SupervisorMsg>, key: Key) -> Duration {
        let Some(back_off) = self.back_off else { return Duration::ZERO };
        let Some(entry) = self.children.entry_mut(key) else { return Duration::ZERO };
        let now = cx.processes().scheduler().now();
        // Taken, because a start that fails is no new run.
        if let Some(since) = entry.since.take()
            && now.saturating_duration_since(since) >= back_off.max()
        {
            entry.restarts = 0;
        }
        let delay = back_off.delay(entry.restarts, key.number());
        entry.restarts = entry.restarts.saturating_add(1);
        delay
    }

    /// The process by which a child is known.
    pub(super) fn known_by(&self, key: Key) -> Option<Pid> {
        self.children.entry(key).and_then(|entry| entry.state.pid())
    }

    fn note_start(&mut self, cx: &Cx<SupervisorMsg>, key: Key) {
        if self.back_off.is_some()
            && let Some(entry) = self.children.entry_mut(key)
        {
            entry.since = Some(cx.processes().scheduler().now());
        }
    }
}

/// The exit reason `{shutdown, {failed_to_start_child, …}}` of a supervisor that could not start its children.
fn not_started(why: [Term; 2]) -> ExitReason {
    let what = Term::tuple([Term::atom("failed_to_start_child")].into_iter().chain(why));
    ExitReason::from_term(Term::tuple([Term::atom("shutdown"), what]))
}
