//! The stock `epmd` as a program of its own, ended with the value that owns it.

use crate::channel::read_lines;
use crate::error::EpmdError;
use crate::launcher::Launcher;
use crate::tcp_port::free_port;
use std::io;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How long `epmd` may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Where it listens on a host of its own.
const USUAL_PORT: u16 = 4369;

/// How many TCP ports are tried: another program may take a free one before `epmd` does.
const PORTS_TRIED_MAX: u32 = 5;

/// Runs a program until standard input closes, so that it does not outlive a test program that is killed. What it writes
/// to standard error ends with itself.
const WHILE_OPEN: &str = "\"$@\" & program=$!; exec 2>&-; cat > /dev/null; kill -9 $program; wait $program";

/// What `epmd` writes under `-d -d` when it accepts connections.
const LISTENS: &str = "entering the main select() loop";

/// A running name server of the stock kind, listening at 127.0.0.1 only, or on a host of its own at all addresses.
#[derive(Debug)]
pub struct EpmdProcess {
    child: Child,
    port: u16,
}

impl EpmdProcess {
    /// Starts `epmd` at a TCP port chosen by the operating system and waits until it listens.
    ///
    /// # Errors
    /// `epmd` is not installed or found no TCP port.
    pub fn start() -> Result<Self, EpmdError> {
        let mut tries = 1;
        loop {
            let port = free_port().map_err(EpmdError::NoPort)?;
            match Self::start_at(port) {
                Err(EpmdError::PortTaken { .. }) if tries < PORTS_TRIED_MAX => tries += 1,
                other => return other,
            }
        }
    }

    /// Starts `epmd` at a given TCP port and waits until it listens.
    ///
    /// # Errors
    /// `epmd` is not installed, or the TCP port is taken.
    pub fn start_at(port: u16) -> Result<Self, EpmdError> {
        Self::spawn(&Launcher::default(), &["-address", "127.0.0.1"], port)
    }

    /// Starts `epmd` on a host of a network, at port 4369 of all its addresses, and waits until it listens.
    ///
    /// # Errors
    /// `epmd` is not installed, or the TCP port is taken there.
    #[cfg(target_os = "linux")]
    pub fn start_on(host: &crate::Host) -> Result<Self, EpmdError> {
        Self::start_by(&host.launcher())
    }

    pub(crate) fn start_by(launcher: &Launcher) -> Result<Self, EpmdError> {
        Self::spawn(launcher, &[], USUAL_PORT)
    }

    fn spawn(launcher: &Launcher, args: &[&str], port: u16) -> Result<Self, EpmdError> {
        let mut command = launcher.command("sh");
        command.args(["-c", WHILE_OPEN, "sh", "epmd", "-d", "-d", "-port"]).arg(port.to_string()).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(EpmdError::NotStarted)?;
        let (sender, lines) = sync_channel(16);
        if let Some(stderr) = child.stderr.take() {
            // The thread reads on after the start, or else epmd would block on a full pipe.
            let reader = thread::Builder::new().name("testkit epmd".to_owned());
            reader.spawn(move || forward_lines(stderr, &sender)).map_err(EpmdError::NotStarted)?;
        }
        let epmd = Self { child, port };
        wait_until_it_listens(port, &lines)?;
        Ok(epmd)
    }

    /// Its TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for EpmdProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // An error means that it has ended already, which is what is wanted.
        self.child.wait().ok();
    }
}

/// Passes on what `epmd` writes until it listens or nobody waits any more, then throws it away.
fn forward_lines(stderr: impl io::Read, lines: &SyncSender<String>) {
    let mut starting = true;
    read_lines(stderr, |line| {
        if starting {
            let line = String::from_utf8_lossy(line).into_owned();
            let listens = line.contains(LISTENS);
            starting = lines.send(line).is_ok() && !listens;
        }
    });
}

fn wait_until_it_listens(port: u16, lines: &Receiver<String>) -> Result<(), EpmdError> {
    let mut output = String::new();
    loop {
        match lines.recv_timeout(START_LIMIT) {
            Ok(line) if line.contains(LISTENS) => return Ok(()),
            Ok(line) => output.push_str(&line),
            Err(RecvTimeoutError::Disconnected) => return Err(EpmdError::PortTaken { port, output }),
            Err(RecvTimeoutError::Timeout) => return Err(EpmdError::TimedOut { limit: START_LIMIT }),
        }
    }
}
