//! How a node is to be started, and the command line that follows from it.

use crate::beam::{Beam, Language};
use crate::epmd::EpmdProcess;
use crate::error::BeamError;
use crate::launcher::Launcher;
use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::Command;
use std::time::Duration;

/// How long a node may take to start, and an evaluation to answer, unless said otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The cookie unless said otherwise.
const COOKIE: &str = "testkit";

/// The evaluation loop, with `@MARK@` in place of the mark of answers.
const ERLANG_SERVER: &str = include_str!("server.erl.txt");
const ELIXIR_SERVER: &str = include_str!("server.exs.txt");

/// Settings of the machine that would change how a node runs.
const FOREIGN_SETTINGS: [&str; 11] = [
    "ELIXIR_ERL_OPTIONS",
    "ERL_AFLAGS",
    "ERL_COMPILER_OPTIONS",
    "ERL_EPMD_ADDRESS",
    "ERL_EPMD_RELAXED_COMMAND_CHECK",
    "ERL_FLAGS",
    "ERL_INETRC",
    "ERL_LIBS",
    "ERL_ZFLAGS",
    "HEART_COMMAND",
    "RELEASE_COOKIE",
];

/// Nodes whose expressions are Elixir.
#[derive(Debug)]
pub enum Elixir {}

impl Elixir {
    /// A node that evaluates Elixir; everything else is as with [`Beam::builder`].
    #[must_use]
    pub fn builder() -> BeamBuilder {
        BeamBuilder::new(Language::Elixir)
    }
}

/// Everything that is settled before a node starts.
#[derive(Clone, Debug)]
pub struct BeamBuilder {
    language: Language,
    name: Name,
    cookie: String,
    hidden: bool,
    epmd_port: Option<u16>,
    /// Whether the node has a host of its own, where its EPMD is at the usual port.
    has_host: bool,
    launcher: Launcher,
    erl_args: Vec<String>,
    envs: Vec<(OsString, OsString)>,
    time_limit: Duration,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Name {
    /// Not distributed: `nonode@nohost`.
    None,
    Long(String),
    Short(String),
}

impl BeamBuilder {
    pub(crate) fn new(language: Language) -> Self {
        Self {
            language,
            name: Name::None,
            cookie: COOKIE.to_owned(),
            hidden: false,
            epmd_port: None,
            has_host: false,
            launcher: Launcher::default(),
            erl_args: Vec::new(),
            envs: Vec::new(),
            time_limit: TIME_LIMIT,
        }
    }

    /// A long name; without a host the node is at `127.0.0.1`. Without any name it is not distributed.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name =
            Name::Long(if name.contains('@') { name.to_owned() } else { format!("{name}@127.0.0.1") });
        self
    }

    /// A short name; the node adds its host.
    #[must_use]
    pub fn sname(mut self, name: &str) -> Self {
        self.name = Name::Short(name.to_owned());
        self
    }

    /// The cookie; `testkit` unless said otherwise.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        cookie.clone_into(&mut self.cookie);
        self
    }

    /// Whether the node is hidden.
    #[must_use]
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// The TCP port of the EPMD to register with; without it a named node gets an EPMD of its own.
    #[must_use]
    pub fn epmd_port(mut self, port: u16) -> Self {
        self.epmd_port = Some(port);
        self
    }

    /// Runs the node on a host of a network. Without [`epmd_port`](Self::epmd_port) it gets an EPMD of its own there, at
    /// port 4369 of all addresses of the host; [`name`](Self::name) has to be given the host's address.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn host(mut self, host: &crate::Host) -> Self {
        self.has_host = true;
        self.launcher = host.launcher();
        self
    }

    /// Further arguments of `erl`, for example `["-kernel", "net_ticktime", "4"]`.
    ///
    /// On an Elixir node they pass through a shell, so they must not contain blanks or quotes.
    #[must_use]
    pub fn erl_args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.erl_args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Sets a variable of the node's environment.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.envs.push((key.into(), value.into()));
        self
    }

    /// How long the start and each evaluation may take; 20 s unless said otherwise.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Starts the node and waits until it answers.
    ///
    /// # Errors
    /// The program is not installed, or the node ended or stayed silent; its output is in the error.
    pub fn start(mut self) -> Result<Beam, BeamError> {
        let epmd = match (&self.name, self.epmd_port) {
            (Name::None, _) | (_, Some(_)) => None,
            (_, None) if self.has_host => Some(EpmdProcess::start_by(&self.launcher)?),
            (_, None) => Some(EpmdProcess::start()?),
        };
        if let Some(epmd) = &epmd {
            self.epmd_port = Some(epmd.port());
        }
        let mark = format!("testkit:{:016x}", RandomState::new().build_hasher().finish());
        let program = self.language.program();
        Beam::start(program, &mut self.command(&mark), &mark, self.language, self.time_limit, epmd)
    }

    fn command(&self, mark: &str) -> Command {
        let mut command = self.launcher.command(self.language.program());
        match self.language {
            Language::Erlang => command.args(self.erlang_args(mark)),
            Language::Elixir => command.args(self.elixir_args(mark)),
        };
        for key in FOREIGN_SETTINGS {
            command.env_remove(key);
        }
        command.env("ERL_CRASH_DUMP_BYTES", "0");
        if let Some(port) = self.epmd_port {
            command.env("ERL_EPMD_PORT", port.to_string());
        }
        command.envs(self.envs.iter().map(|(key, value)| (key, value)));
        command
    }

    fn erlang_args(&self, mark: &str) -> Vec<String> {
        let mut args = vec!["-noshell".to_owned()];
        match &self.name {
            Name::None => {}
            Name::Long(name) => args.extend(["-name".to_owned(), name.clone()]),
            Name::Short(name) => args.extend(["-sname".to_owned(), name.clone()]),
        }
        if self.name != Name::None {
            args.extend(["-setcookie".to_owned(), self.cookie.clone()]);
        }
        args.extend(self.emulator_args());
        args.extend(["-eval".to_owned(), ERLANG_SERVER.replace("@MARK@", mark)]);
        args
    }

    fn elixir_args(&self, mark: &str) -> Vec<String> {
        let mut args = Vec::new();
        match &self.name {
            Name::None => {}
            Name::Long(name) => args.extend(["--name".to_owned(), name.clone()]),
            Name::Short(name) => args.extend(["--sname".to_owned(), name.clone()]),
        }
        if self.name != Name::None {
            args.extend(["--cookie".to_owned(), self.cookie.clone()]);
        }
        args.extend(["--erl".to_owned(), self.emulator_args().join(" ")]);
        args.extend(["-e".to_owned(), ELIXIR_SERVER.replace("@MARK@", mark)]);
        args
    }

    /// What both languages pass on: no node starts an EPMD that would outlive the test.
    fn emulator_args(&self) -> Vec<String> {
        let mut args = vec!["-start_epmd".to_owned(), "false".to_owned()];
        if self.hidden {
            args.push("-hidden".to_owned());
        }
        args.extend(self.erl_args.iter().cloned());
        args
    }
}
