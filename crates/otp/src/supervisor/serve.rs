//! How a supervisor serves requests.

use super::Supervisor;
use super::children::{Key, State};
use super::flags::{SpecError, check_child, check_children, check_supervisor};
use super::requests::{ChildError, ChildId, ChildInfo, ChildSpec, ChildState, Counts, Retry, SupervisorMsg};
use super::running::{Running, Start};
use super::spec::{Child, Restart};
use engset_process::{Cx, ExitReason};
use engset_term::Pid;
use std::time::Duration;

impl Running {
    /// Serves one request; an error is the end of the supervisor.
    pub(super) async fn serve(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        message: SupervisorMsg,
    ) -> Result<(), ExitReason> {
        match message {
            SupervisorMsg::WhichChildren(reply) => {
                if let Some(reply) = reply.begin() {
                    reply.send(self.which_children());
                }
            }
            SupervisorMsg::CountChildren(reply) => {
                if let Some(reply) = reply.begin() {
                    reply.send(self.count_children());
                }
            }
            SupervisorMsg::StartChild(child, reply) => {
                if let Some(reply) = reply.begin() {
                    let result = self.start_child(cx, child).await;
                    reply.answer(result);
                }
            }
            SupervisorMsg::TerminateChild(id, reply) => {
                if let Some(reply) = reply.begin() {
                    let result = self.terminate_child(cx, &id).await;
                    reply.answer(result);
                }
            }
            SupervisorMsg::RestartChild(id, reply) => {
                if let Some(reply) = reply.begin() {
                    let result = self.restart_child(cx, &id).await;
                    reply.answer(result);
                }
            }
            SupervisorMsg::DeleteChild(id, reply) => {
                if let Some(reply) = reply.begin() {
                    reply.answer(self.delete_child(&id));
                }
            }
            SupervisorMsg::GetChildspec(id, reply) => {
                if let Some(reply) = reply.begin() {
                    reply.answer(self.get_childspec(&id));
                }
            }
            SupervisorMsg::Update(supervisor, reply) => {
                if let Some(reply) = reply.begin() {
                    reply.answer(self.update(cx, *supervisor));
                }
            }
            SupervisorMsg::TryAgain(Retry { key, attempt }) => {
                let state = self.children.entry(key).map(|entry| entry.state);
                if let Some(State::Restarting { attempt: due, .. }) = state
                    && due == attempt
                {
                    return self.restart(cx, key).await;
                }
            }
        }
        Ok(())
    }

    pub(super) fn which_children(&self) -> Vec<ChildInfo> {
        let info = |entry: &super::children::Entry| ChildInfo {
            id: entry.child.id.to_string(),
            state: match entry.state {
                State::Running(pid) => ChildState::Running(pid),
                State::Restarting { .. } => ChildState::Restarting,
                State::Stopped => ChildState::Stopped,
            },
            kind: entry.child.kind,
        };
        self.children.iter().rev().map(info).collect()
    }

    fn count_children(&self) -> Counts {
        let (specs, totals) = (self.children.len(), self.children.totals());
        let supervisors = totals.supervisors;
        Counts { specs, active: totals.active, supervisors, workers: specs - supervisors }
    }

    async fn start_child(&mut self, cx: &mut Cx<SupervisorMsg>, child: Child) -> Result<Pid, ChildError> {
        check_child(&child, self.auto_shutdown).map_err(ChildError::Refused)?;
        if let Some(key) = self.children.find(&child.id) {
            return Err(match self.children.running(key) {
                Some((pid, _)) => ChildError::AlreadyStarted(pid),
                None => ChildError::AlreadyPresent,
            });
        }
        if self.children.len() >= self.max_children {
            return Err(ChildError::MaxChildren);
        }
        let started = self.start_new(cx, child).await;
        started.map_err(|error| ChildError::Start(error.reason().to_term()))?.ok_or(ChildError::Ignored)
    }

    async fn terminate_child(&mut self, cx: &mut Cx<SupervisorMsg>, id: &ChildId) -> Result<(), ChildError> {
        let key = match (self.find(id), id) {
            (None, ChildId::Id(_)) if self.children.is_dynamic() => return Err(ChildError::Dynamic),
            // What is asked for is so already; whether it was a child of this supervisor nobody knows any more.
            (None, ChildId::Pid(pid)) if self.children.is_dynamic() && is_gone(cx, *pid) => return Ok(()),
            (None, _) => return Err(ChildError::NotFound),
            (Some(key), _) => key,
        };
        self.stop_child(cx, key).await;
        let is_temporary =
            self.children.entry(key).is_some_and(|entry| entry.child.restart == Restart::Temporary);
        if self.children.is_dynamic() || is_temporary {
            self.children.remove(key);
        }
        Ok(())
    }

    async fn restart_child(&mut self, cx: &mut Cx<SupervisorMsg>, id: &ChildId) -> Result<Pid, ChildError> {
        let key = self.find_stopped(id)?;
        match self.start_again(cx, key).await {
            Ok(Start::Running(pid)) => Ok(pid),
            Ok(Start::Ignored) => Err(ChildError::Ignored),
            Err(error) => Err(ChildError::Start(error.reason().to_term())),
        }
    }

    fn delete_child(&mut self, id: &ChildId) -> Result<(), ChildError> {
        let key = self.find_stopped(id)?;
        self.children.remove(key);
        Ok(())
    }

    fn get_childspec(&self, id: &ChildId) -> Result<ChildSpec, ChildError> {
        let key = self.find(id).ok_or(ChildError::NotFound)?;
        let entry = self.children.entry(key).ok_or(ChildError::NotFound)?;
        Ok(ChildSpec {
            id: entry.child.id.to_string(),
            restart: entry.child.restart,
            significant: entry.child.significant,
            shutdown: entry.child.shutdown,
            kind: entry.child.kind,
        })
    }

    fn update(&mut self, cx: &Cx<SupervisorMsg>, new: Supervisor) -> Result<(), ChildError> {
        let dynamic = self.children.is_dynamic();
        if new.dynamic != dynamic || dynamic && !new.children.is_empty() {
            return Err(ChildError::Refused(SpecError::Dynamic));
        }
        check_supervisor(dynamic, new.auto_shutdown, new.period)
            .and_then(|()| check_children(&new.children, dynamic, new.auto_shutdown, new.max_children))
            .map_err(ChildError::Refused)?;
        self.strategy = new.strategy;
        self.auto_shutdown = new.auto_shutdown;
        self.back_off = new.back_off;
        self.max_children = new.max_children;
        self.intensity.change(new.restarts, new.period);
        if dynamic {
            return Ok(());
        }
        for key in self.children.update(new.children) {
            // Attempts under way name the child by its old place.
            let before = self.known_by(key);
            self.try_again(cx, key, before, Duration::ZERO);
        }
        Ok(())
    }

    /// The child that `id` means: by pid where the supervisor is dynamic, otherwise by id.
    fn find(&self, id: &ChildId) -> Option<Key> {
        match id {
            ChildId::Id(id) => self.children.find(id),
            ChildId::Pid(pid) if self.children.is_dynamic() => self.children.key_of(*pid),
            ChildId::Pid(_) => None,
        }
    }

    fn find_stopped(&self, id: &ChildId) -> Result<Key, ChildError> {
        if self.children.is_dynamic() {
            return Err(ChildError::Dynamic);
        }
        let key = self.find(id).ok_or(ChildError::NotFound)?;
        match self.children.entry(key).map(|entry| entry.state) {
            Some(State::Stopped) => Ok(key),
            Some(State::Running(_)) => Err(ChildError::Running),
            Some(State::Restarting { .. }) => Err(ChildError::Restarting),
            None => Err(ChildError::NotFound),
        }
    }
}

/// Whether `pid` is of this node and nobody's.
fn is_gone(cx: &Cx<SupervisorMsg>, pid: Pid) -> bool {
    pid.node() == cx.node() && !cx.processes().is_alive(pid)
}
