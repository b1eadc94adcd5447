//! Which cookie to use, and where it came from. A cookie is shown by its fingerprint only.

use crate::failure::{Failure, Status};
use std::env;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The variable that may hold the cookie.
pub(crate) const COOKIE_VARIABLE: &str = "ENGSET_COOKIE";

/// The longest cookie file that is read, in bytes: a cookie has 255 characters at most.
const COOKIE_FILE_BYTES_MAX: u64 = 4096;

/// How to say which cookie.
#[derive(Clone, Default, clap::Args)]
pub(crate) struct CookieFlags {
    /// The cookie. Others on this machine see it in the list of processes: prefer a file
    #[arg(long, global = true, value_name = "COOKIE", conflicts_with = "cookie_file")]
    pub(crate) cookie: Option<String>,
    /// The file with the cookie [default: $ENGSET_COOKIE, then ~/.erlang.cookie]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) cookie_file: Option<PathBuf>,
}

/// A cookie and its origin.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    text: String,
    origin: Origin,
}

/// Where a cookie came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    Variable,
    File(PathBuf),
}

impl CookieFlags {
    /// The cookie to use: the flag, the file, the variable, or the one that every Erlang node of this user has.
    pub(crate) fn find(&self) -> Result<Cookie, Failure> {
        let variable = env::var(COOKIE_VARIABLE).ok();
        let home = env::var_os("HOME").map(PathBuf::from);
        self.find_in(variable, home.as_deref())
    }

    fn find_in(&self, variable: Option<String>, home: Option<&Path>) -> Result<Cookie, Failure> {
        if let Some(text) = &self.cookie {
            return Cookie::new(text, Origin::Flag);
        }
        if let Some(file) = &self.cookie_file {
            return read(file)?.ok_or_else(|| {
                Failure::new(Status::Usage, format!("there is no cookie file {}", file.display()))
                    .remedy("give the right path by --cookie-file")
            });
        }
        if let Some(text) = variable.filter(|text| !text.is_empty()) {
            // Where it was made of a file, that one's line end came along.
            return Cookie::new(without_line_end(&text), Origin::Variable);
        }
        let file = home.map(|home| home.join(".erlang.cookie"));
        let found = file.as_deref().map(read).transpose()?.flatten();
        found.ok_or_else(|| {
            Failure::new(Status::Usage, "there is no cookie to show to the other node")
                .check(format!("neither --cookie, --cookie-file nor {COOKIE_VARIABLE} is given and not empty, and ~/.erlang.cookie is not there"))
                .remedy("give the other node's cookie in one of these ways; on it, `erlang:get_cookie()` shows it")
        })
    }
}

impl Cookie {
    fn new(text: &str, origin: Origin) -> Result<Self, Failure> {
        if text.is_empty() {
            return Err(Failure::new(Status::Usage, format!("the cookie from {origin} is empty"))
                .remedy("put the other node's cookie there; on it, `erlang:get_cookie()` shows it"));
        }
        if text.contains(char::is_control) {
            let lines = text.lines().count();
            let found =
                if lines > 1 { format!("{lines} lines") } else { "a control character in it".to_owned() };
            let summary = format!("the cookie from {origin} has {found}: no node takes such a one");
            return Err(
                Failure::new(Status::Usage, summary).remedy("leave the cookie there, and nothing else")
            );
        }
        Ok(Self { text: text.to_owned(), origin })
    }

    /// The cookie itself; not to be shown.
    pub(crate) fn secret(&self) -> &str {
        &self.text
    }

    /// Four hex digits that are the same for the same cookie: enough to see that two differ, too little to guess one.
    pub(crate) fn fingerprint(&self) -> String {
        // FNV-1a, so that it is the same everywhere and for ever.
        let hash = self.text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let folded = (hash >> 48) ^ (hash >> 32) ^ (hash >> 16) ^ hash;
        format!("{:04x}", folded & 0xffff)
    }
}

impl fmt::Debug for CookieFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieFlags").field("cookie_file", &self.cookie_file).finish_non_exhaustive()
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "our cookie is from {} and has the fingerprint {}", self.origin, self.fingerprint())?;
        if self.text.trim() == self.text {
            return Ok(());
        }
        f.write_str("; it begins or ends with a space, which is part of it")
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("--cookie"),
            Self::Variable => f.write_str(COOKIE_VARIABLE),
            Self::File(file) => write!(f, "{}", file.display()),
        }
    }
}

/// The cookie in a file, or `None` where there is no such file.
fn read(file: &Path) -> Result<Option<Cookie>, Failure> {
    let unreadable = |error: &io::Error| {
        let summary = format!("the cookie file {} cannot be read: {error}", file.display());
        Failure::new(Status::Usage, summary).remedy(match error.kind() {
            ErrorKind::PermissionDenied => {
                "run the command as the user that the file belongs to, or give a file that this user may read by --cookie-file"
            }
            ErrorKind::InvalidData => "give the file that has the cookie as text, and nothing else, by --cookie-file",
            _ => "give the path of the file that has the cookie by --cookie-file",
        })
    };
    match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
        Ok(found) if found.len() > COOKIE_FILE_BYTES_MAX => {
            let summary = format!("{} is too long for a cookie file", file.display());
            return Err(Failure::new(Status::Usage, summary)
                .check("a cookie has 255 characters at most")
                .remedy("give the path of the file that has the cookie by --cookie-file"));
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(file).map_err(|error| unreadable(&error))?;
    Cookie::new(without_line_end(&text), Origin::File(file.to_owned())).map(Some)
}

fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

#[cfg(test)]
mod tests;
