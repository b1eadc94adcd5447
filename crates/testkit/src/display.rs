//! An X server without a screen, for programs that open windows.

use crate::channel::read_lines;
use crate::launcher::Launcher;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// How long the server may take until it says which display it is.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Its only screen.
const SCREEN: &str = "1280x1024x24";

/// Runs a program until standard input closes, so that it does not outlive a test program that is killed.
const WHILE_OPEN: &str = "\"$@\" & program=$!; exec 1>&-; cat > /dev/null; kill $program; wait $program";

/// A running `Xvfb` at a display of its own, which only who has its cookie may use. It ends with this value.
#[derive(Debug)]
pub struct Display {
    child: Child,
    number: String,
    authority: PathBuf,
}

impl Display {
    /// Starts a server at a free display and waits until it can be used.
    ///
    /// # Errors
    /// `Xvfb` is not installed, found no free display, or did not start within 20 s.
    pub fn start() -> io::Result<Self> {
        let authority = authority()?;
        let mut command = Launcher::default().command("sh");
        command.args(["-c", WHILE_OPEN, "sh", "Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-noreset"]);
        command.args(["-screen", "0", SCREEN, "-auth"]).arg(&authority);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn()?;
        // From here on the server ends whatever comes of it.
        let mut display = Self { child, number: String::new(), authority };
        let (sender, lines) = sync_channel(1);
        if let Some(stdout) = display.child.stdout.take() {
            let reader = thread::Builder::new().name("testkit Xvfb".to_owned());
            reader.spawn(move || {
                read_lines(stdout, |line| {
                    // Only the first line is awaited.
                    sender.try_send(String::from_utf8_lossy(line).trim().to_owned()).ok();
                });
            })?;
        }
        let number = lines.recv_timeout(START_LIMIT);
        display.number = number.map_err(|_error| io::Error::other("Xvfb did not say its display"))?;
        Ok(display)
    }

    /// What a program's environment must have so that its windows open here.
    #[must_use]
    pub fn envs(&self) -> [(&'static str, String); 2] {
        let authority = self.authority.to_string_lossy().into_owned();
        [("DISPLAY", format!(":{}", self.number)), ("XAUTHORITY", authority)]
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // An error means that it has ended, or was never made, which is what is wanted.
        self.child.wait().ok();
        fs::remove_file(&self.authority).ok();
    }
}

/// A file of X with one cookie, for any display; only the user may read it.
fn authority() -> io::Result<PathBuf> {
    let random = || RandomState::new().build_hasher().finish();
    let path = std::env::temp_dir().join(format!("engset-display-{}-{:016x}", std::process::id(), random()));
    let cookie = [random().to_be_bytes(), random().to_be_bytes()].concat();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(&entry(&cookie))?;
    Ok(path)
}

/// An entry of the file: family, address, display, kind and cookie; each but the first with its length.
fn entry(cookie: &[u8]) -> Vec<u8> {
    /// Any address.
    const WILD: u16 = 0xFFFF;
    let mut entry = WILD.to_be_bytes().to_vec();
    for part in [&b""[..], b"", b"MIT-MAGIC-COOKIE-1", cookie] {
        entry.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
        entry.extend(part);
    }
    entry
}

#[cfg(test)]
mod tests;
