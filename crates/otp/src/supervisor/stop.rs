//! How a supervisor stops children: the process around [`super::stopping`].
//!
//! Messages: the supervisor sends an exit signal to each child and waits for the exit signals that come back over the
//! links. What else arrives meanwhile is taken from the mailbox once, kept in order, and served afterwards: nothing is
//! searched for, however much waits. A kept exit signal of a child that is to be stopped next tells that it has ended
//! already; when it is served later, that process is no child any more, and nothing happens. A DOWN of a child that
//! was monitored because it was slow, and that has ended meanwhile, is dropped wherever it is met.

use super::children::{Key, State};
use super::report::Reporter;
use super::requests::SupervisorMsg;
use super::running::Running;
use super::stopping::{Act, Asked};
use engset_process::{Cx, Dest, ExitReason, Mail, Scheduler, Sleep};
use engset_term::{Instant, Pid};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// How many different reasons are collected before they are reported.
const REASONS_MAX: usize = 16;

/// How many children are asked to stop, where all stop together, between two looks at who has ended: those that ended
/// make room for what the next ones need.
const TOGETHER: usize = 256;

/// The mail of a supervisor, in order of arrival: what it kept while it waited for children comes first.
#[derive(Debug)]
pub(super) struct Inbox {
    scheduler: Scheduler,
    kept: VecDeque<Mail<SupervisorMsg>>,
    /// The reasons of the exit signals among what was kept.
    ended: HashMap<Pid, ExitReason>,
    /// One for all waiting: a new one is set only when it has run out, or is needed earlier.
    alarm: Option<(Instant, Sleep)>,
}

impl Inbox {
    pub(super) fn new(scheduler: Scheduler) -> Self {
        Self { scheduler, kept: VecDeque::new(), ended: HashMap::new(), alarm: None }
    }

    /// The next mail.
    pub(super) async fn next(&mut self, cx: &mut Cx<SupervisorMsg>) -> Mail<SupervisorMsg> {
        let Some(mail) = self.kept.pop_front() else { return cx.recv().await };
        if let Mail::Exit(trapped) = &mail {
            self.ended.remove(&trapped.from);
        }
        mail
    }

    /// Mail that arrives from now on, or nothing at the time of `alarm` or before.
    async fn wait(
        &mut self,
        cx: &mut Cx<SupervisorMsg>,
        alarm: Option<Instant>,
    ) -> Option<Mail<SupervisorMsg>> {
        let mut receive = cx.recv();
        poll_fn(|task| {
            if let Poll::Ready(mail) = Pin::new(&mut receive).poll(task) {
                return Poll::Ready(Some(mail));
            }
            let Some(due) = alarm else { return Poll::Pending };
            if self.alarm.as_ref().is_none_or(|(set, _)| *set > due) {
                self.alarm = Some((due, self.scheduler.sleep_until(due)));
            }
            let Some((_, sleep)) = &mut self.alarm else { return Poll::Pending };
            let rang = Pin::new(sleep).poll(task);
            if rang.is_ready() {
                self.alarm = None;
            }
            rang.map(|()| None)
        })
        .await
    }

    /// Mail that has arrived, without waiting.
    async fn look(cx: &mut Cx<SupervisorMsg>) -> Option<Mail<SupervisorMsg>> {
        let mut receive = cx.recv();
        poll_fn(|task| match Pin::new(&mut receive).poll(task) {
            Poll::Ready(mail) => Poll::Ready(Some(mail)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    fn keep(&mut self, mail: Mail<SupervisorMsg>) {
        if let Mail::Exit(trapped) = &mail {
            self.ended.insert(trapped.from, trapped.reason.clone());
        }
        self.kept.push_back(mail);
    }

    /// Why a process ended whose exit signal was kept. One that lives sent an exit signal by hand.
    fn take_ended(&mut self, cx: &Cx<SupervisorMsg>, pid: Pid) -> Option<ExitReason> {
        if self.ended.is_empty() || cx.processes().is_alive(pid) { None } else { self.ended.remove(&pid) }
    }
}

/// Children that ended in another way than they were asked to, those with the same reason together.
#[derive(Debug, Default)]
pub(super) struct Surprises(Vec<Surprise>);

#[derive(Debug)]
struct Surprise {
    child: Arc<str>,
    pid: Pid,
    reason: ExitReason,
    children: usize,
}

impl Surprises {
    fn add(&mut self, report: &Reporter, child: &Arc<str>, pid: Pid, reason: &ExitReason) {
        match self.0.iter_mut().find(|surprise| surprise.reason == *reason) {
            Some(surprise) => surprise.children += 1,
            None => {
                let (child, reason) = (Arc::clone(child), reason.clone());
                self.0.push(Surprise { child, pid, reason, children: 1 });
                if self.0.len() == REASONS_MAX {
                    self.report(report);
                }
            }
        }
    }

    fn report(&mut self, report: &Reporter) {
        for Surprise { child, pid, reason, children } in self.0.drain(..) {
            report.not_stopped_as_asked(&child, pid, &reason, children);
        }
    }
}

impl Running {
    /// Stops all children in reverse start order; a dynamic supervisor stops them together. The end of the supervisor:
    /// who runs is not kept up to date any more.
    pub(super) async fn stop_all(&mut self, cx: &mut Cx<SupervisorMsg>) {
        let together = if self.children.is_dynamic() { TOGETHER } else { 1 };
        for keys in self.children.keys().rchunks(together) {
            for key in keys.iter().rev() {
                self.ask_to_stop(cx, *key);
            }
            if together == 1 {
                self.await_stopped(cx).await;
            } else {
                self.take_what_came(cx).await;
            }
        }
        self.await_stopped(cx).await;
    }

    /// Stops one child in the way and within the time that its specification says; one that was to be restarted is
    /// not any more.
    pub(super) async fn stop_child(&mut self, cx: &mut Cx<SupervisorMsg>, key: Key) {
        self.ask_to_stop(cx, key);
        self.await_stopped(cx).await;
        self.children.set(key, State::Stopped);
    }

    fn ask_to_stop(&mut self, cx: &Cx<SupervisorMsg>, key: Key) {
        let Some((pid, child)) = self.children.running(key) else { return };
        let asked = Asked::new(key, child);
        if let Some(reason) = self.inbox.take_ended(cx, pid) {
            self.stopped(asked, pid, &reason);
            return;
        }
        let reason = self.stopping.ask(pid, asked, cx.processes().scheduler().now());
        cx.exit(pid, reason);
    }

    async fn await_stopped(&mut self, cx: &mut Cx<SupervisorMsg>) {
        while !self.stopping.is_done() {
            match self.inbox.wait(cx, self.stopping.alarm()).await {
                Some(mail) => self.sort(cx, mail),
                None => self.wake(cx),
            }
        }
        self.surprises.report(&self.report);
    }

    async fn take_what_came(&mut self, cx: &mut Cx<SupervisorMsg>) {
        while let Some(mail) = Inbox::look(cx).await {
            self.sort(cx, mail);
        }
    }

    fn sort(&mut self, cx: &mut Cx<SupervisorMsg>, mail: Mail<SupervisorMsg>) {
        match mail {
            Mail::Exit(trapped) => match self.stopping.ended(trapped.from) {
                Some(asked) => self.stopped(asked, trapped.from, &trapped.reason),
                None => self.inbox.keep(Mail::Exit(trapped)),
            },
            Mail::Down(down) => {
                if let Dest::Pid(pid) = down.process
                    && let Some(asked) = self.stopping.ended(pid)
                {
                    cx.unlink(pid);
                    self.stopped(asked, pid, &down.reason);
                }
            }
            mail @ (Mail::Message(_) | Mail::Other(_)) => self.inbox.keep(mail),
        }
    }

    fn wake(&mut self, cx: &mut Cx<SupervisorMsg>) {
        for act in self.stopping.wake(cx.processes().scheduler().now()) {
            match act {
                Act::Watch(pid) => {
                    cx.monitor(pid);
                }
                Act::Kill(pid) => cx.exit(pid, ExitReason::Kill),
            }
        }
    }

    /// A child that was asked to stop has ended.
    fn stopped(&mut self, asked: Asked, pid: Pid, reason: &ExitReason) {
        if !asked.is_met_by(reason)
            && let Some(entry) = self.children.entry(asked.key)
        {
            self.surprises.add(&self.report, &entry.child.id, pid, reason);
        }
    }
}
