//! Completion in a shell: the script that `topside completions SHELL` prints calls this program for each word.
//!
//! It runs while the user types a line, so nothing here connects, writes, or reports errors.

mod bash;
mod shells;

use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;
use clap_complete::CompleteEnv;
use clap_complete::env::{Elvish, EnvCompleter, Powershell, Shells};

use super::exit_status;
use crate::terminal;
use crate::verb_args::{Completions, PROGRAM, Shell};
use shells::{Adapted, Own};

/// The variable with the name of the shell that asks.
const VARIABLE: &str = "TOPSIDE_COMPLETE";

fn completer(shell: Shell) -> &'static dyn EnvCompleter {
    match shell {
        Shell::Bash => &Own::BASH,
        Shell::Zsh => &Own::ZSH,
        Shell::Fish => &Own::FISH,
        Shell::Elvish => &Adapted(Elvish),
        Shell::Powershell => &Adapted(Powershell),
    }
}

pub(super) fn main(args: &Completions) -> u8 {
    let mut script = Vec::new();
    let shell = completer(args.shell);
    let written = shell
        .write_registration(VARIABLE, PROGRAM, PROGRAM, &own_name(), &mut script)
        .and_then(|()| io::stdout().write_all(&script));
    match written {
        Ok(()) => exit_status::OK,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit_status::BROKEN_PIPE,
        Err(error) => {
            terminal::complain(format_args!("the script cannot be written: {error}"));
            exit_status::OWN_FAILURE
        }
    }
}

/// Answers a shell that has called this program; returns whether one has.
pub(super) fn answered(command: fn() -> clap::Command) -> bool {
    if std::env::var_os(VARIABLE).is_none() {
        return false;
    }
    let shells = Shell::value_variants().iter().map(|shell| completer(*shell)).collect::<Vec<_>>();
    let directory = std::env::current_dir().ok();
    let answer = CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .shells(Shells(&shells))
        .try_complete(std::env::args_os(), directory.as_deref());
    // An error would appear in the middle of the line that the user types.
    answer.unwrap_or(true)
}

/// The name by which the script calls this program: as it was called, so that one outside the PATH is found.
fn own_name() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let path = Path::new(&called);
    match std::path::absolute(path) {
        Ok(path) if called.to_string_lossy().contains('/') => path.to_string_lossy().into_owned(),
        _ => PROGRAM.to_owned(),
    }
}
