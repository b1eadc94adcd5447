//! What the measurements were made with: processors, Erlang and Rust.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

/// A description of the machine and of what is installed on it; "unknown" where it does not tell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) cpu: String,
    pub(crate) otp: String,
    pub(crate) rustc: String,
}

/// The OTP version and the flavour of its emulator.
const OTP_VERSION: &str = "\
    Root = code:root_dir(),
    Release = erlang:system_info(otp_release),
    Version = case file:read_file(filename:join([Root, \"releases\", Release, \"OTP_VERSION\"])) of
        {ok, Text} -> string:trim(Text);
        {error, _} -> Release
    end,
    io:format(\"~s (~s)\", [Version, erlang:system_info(emu_flavor)]), halt().";

impl Machine {
    /// This machine, by what Linux, `erl` and `rustc` say.
    pub(crate) fn here() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self {
            cores: available_parallelism().map_or(0, usize::from),
            cpu: or_unknown(cpu_model(&cpuinfo)),
            otp: or_unknown(said_by("erl", &["-noshell", "-eval", OTP_VERSION])),
            rustc: or_unknown(said_by("rustc", &["--version"])),
        }
    }
}

fn or_unknown(text: Option<String>) -> String {
    text.unwrap_or_else(|| "unknown".to_owned())
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "only they know their versions")]
fn said_by(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::cpu_model;

    #[test]
    fn the_model_is_what_the_first_processor_says() {
        let text =
            "processor\t: 0\nmodel name\t: Example 9000 @ 1 GHz\n\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(cpu_model(text), Some("Example 9000 @ 1 GHz".to_owned()));
        assert_eq!(cpu_model(""), None);
    }
}
