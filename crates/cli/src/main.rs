//! The `engset` command: see a cluster at work, and talk to Erlang, Elixir and Engset nodes.

mod clock;
mod commands;
mod connect_error;
mod cookie;
mod failure;
mod flags;
mod output;
mod peer;
mod random;
mod signals;

use clap::{Parser, Subcommand};
use commands::{call, cert, demo, discover, epmd, names, ping};
use failure::Stop;
use std::process::ExitCode;

/// See a cluster at work, and talk to Erlang, Elixir and Engset nodes.
#[derive(Debug, Parser)]
#[command(name = "engset", version, after_long_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Ping(ping::Arguments),
    Call(call::Arguments),
    Names(names::Arguments),
    Epmd(epmd::Arguments),
    Cert(cert::Arguments),
    Discover(discover::Arguments),
    #[command(hide = true)]
    DemoNode(demo::node::Arguments),
}

/// Shown at the end of `engset --help`; [`failure::Status`] gives the codes.
const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  this machine refused what the command needs
  2  the command line or a setting is wrong
  3  no such node, or no such name on it
  4  not reached, or no answer in time
  5  refused, for instance because the cookies differ
  6  the other side failed: it crashed or did not understand

Results go to standard output, errors to standard error. Colours are used on terminals only, and not
where NO_COLOR is set.";

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Ping(arguments) => ping::run(&arguments),
        Command::Call(arguments) => call::run(arguments),
        Command::Names(arguments) => names::run(&arguments),
        Command::Epmd(arguments) => epmd::run(&arguments),
        Command::Cert(arguments) => cert::run(&arguments),
        Command::Discover(arguments) => discover::run(&arguments),
        Command::DemoNode(arguments) => demo::node::run(arguments),
    };
    match done {
        Ok(()) | Err(Stop::OutputClosed) => ExitCode::SUCCESS,
        Err(Stop::Failed(failure)) => {
            output::failure(&failure);
            failure.status.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
