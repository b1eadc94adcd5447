//! Applications: parts of a program that are started, stopped and configured as a whole (OTP's `application`).
//!
//! A [`Controller`] is the process of a node that knows its applications; what is loaded there is a value, so two nodes
//! of one program can run different ones. Each application that runs has a process of its own, linked to the controller,
//! which is the parent of the application's top process and runs its [`AppBehaviour`].
//!
//! Messages: requests to the controller are calls. It spawns an application's process and does not wait: that process
//! sends word when it has started, and its exit signal tells of its end, also of one that could not start. So the
//! controller answers while applications start and stop, and they may ask it for anything. To stop one it sends a
//! message; at its own end it stops all, one after the other in the reverse order of their starts, by exit signals, and
//! refuses requests meanwhile. Races: an application that ends while it is asked to stop has been stopped.
//!
//! ```
//! use engset_otp::application::{AppError, Application, Controller};
//! use engset_otp::{CallError, Child, Restart, Supervisor};
//! # use engset_process::{Cx, Identity, Processes, Scheduler};
//! # use engset_term::{Atom, NodeName, Term};
//! # async fn work(mut cx: Cx<Term>) { cx.recv().await; }
//!
//! const STORAGE: Atom = Atom::from_static("storage");
//! const SHOP: Atom = Atom::from_static("shop");
//!
//! # let identity = Identity { node: NodeName::NONODE, creation: 1, processes_max: 100, salt: 1 };
//! # let processes = Processes::new(identity, Scheduler::seeded(7));
//! # let result = processes.block_on(|_: Cx<Term>| async move {
//! let apps = Controller::default().start().await.expect("it is the only one of the node");
//! let supervisor = || Supervisor::one_for_one().child(Child::process("worker", || work));
//! apps.load(Application::supervisor(STORAGE, move |_| supervisor())).await.expect("it is new");
//! apps.load(Application::supervisor(SHOP, move |_| supervisor()).depends_on(STORAGE)).await.expect("it is new");
//!
//! let early = AppError::DependencyNotStarted { app: SHOP, dependency: STORAGE };
//! assert_eq!(apps.start(SHOP, Restart::Temporary).await, Err(CallError::App(early)));
//! assert_eq!(apps.ensure_all_started([SHOP], Restart::Permanent).await, Ok(vec![STORAGE, SHOP]));
//! apps.stop(SHOP).await.expect("it runs");
//! # });
//! # assert_eq!(result, Ok(()));
//! ```

mod controller;
mod core;
#[cfg(test)]
mod core_tests;
mod env;
mod error;
mod handle;
mod master;
mod plan;
mod spec;

pub use controller::{CONTROLLER, Controller};
pub use env::{ENV_MAX, Env, EnvError};
pub use error::AppError;
pub use handle::{Applications, ControllerMsg};
pub use master::MasterMsg;
pub use spec::{AppBehaviour, AppCx, Application};

use engset_term::{Atom, Term};
use std::collections::BTreeMap;

/// How many applications a controller holds unless told otherwise. One more is refused with [`AppError::TooMany`].
pub const APPLICATIONS_MAX: usize = 10_000;

/// Values for the environments of applications, by application: what in OTP is in `sys.config`.
pub type Config = BTreeMap<Atom, BTreeMap<Atom, Term>>;

/// How the environment of an application has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigChange {
    /// What has another value, with that value.
    pub changed: Vec<(Atom, Term)>,
    /// What was not there before, with its value.
    pub new: Vec<(Atom, Term)>,
    /// What is not there any more.
    pub removed: Vec<Atom>,
}

impl ConfigChange {
    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.new.is_empty() && self.removed.is_empty()
    }
}

/// An application that is loaded, or runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppInfo {
    /// Its name.
    pub name: Atom,
    /// What it is.
    pub description: String,
    /// Which version it is.
    pub version: String,
}
