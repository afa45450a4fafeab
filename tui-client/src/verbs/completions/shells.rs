//! Shells: the form of each one's requests and answers.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::env::EnvCompleter;
use topside_shared::cmdline;

use super::bash;
use crate::verb_args::candidates::{self, Candidate};

/// A shell with a script of our own: clap's scripts handle neither quotes nor `name=value`, and print errors.
pub(super) struct Own {
    name: &'static str,
    /// `PROGRAM` stands for the program, `VARIABLE` for the variable with the name of the shell.
    script: &'static str,
    answer: fn(&mut Command, &[String], Option<&Path>) -> Vec<String>,
}

impl Own {
    pub(super) const BASH: Self =
        Self { name: "bash", script: include_str!("topside.bash"), answer: bash::answer };
    pub(super) const ZSH: Self =
        Self { name: "zsh", script: include_str!("topside.zsh"), answer: zsh };
    pub(super) const FISH: Self =
        Self { name: "fish", script: include_str!("topside.fish"), answer: fish };
}

impl EnvCompleter for Own {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is(&self, name: &str) -> bool {
        self.name == name
    }

    fn write_registration(
        &self,
        variable: &str,
        _name: &str,
        _bin: &str,
        program: &str,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        let script = self.script.replace("VARIABLE", variable);
        to.write_all(script.replace("PROGRAM", &cmdline::quote(program)).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        args: Vec<OsString>,
        directory: Option<&Path>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        let lines = (self.answer)(command, &as_text(&args), directory);
        to.write_all(lines.iter().flat_map(|line| [line, "\n"]).collect::<String>().as_bytes())
    }
}

/// Arguments that are not UTF-8 have no completion.
fn as_text(args: &[OsString]) -> Vec<String> {
    args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect()
}

/// `words` are unquoted, up to the cursor. The answer is `WORD:DESCRIPTION`, for `_describe`.
fn zsh(command: &mut Command, words: &[String], directory: Option<&Path>) -> Vec<String> {
    let escape = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
    let line = |Candidate { word, about }: Candidate| match about.as_str() {
        "" => escape(&word),
        about => format!("{}:{}", escape(&word), about.replace('\\', "\\\\")),
    };
    candidates::complete(command, words, directory).into_iter().map(line).collect()
}

/// `words` are unquoted, the last one up to the cursor and as typed. The answer is `WORD`, a tab, the description.
fn fish(command: &mut Command, words: &[String], directory: Option<&Path>) -> Vec<String> {
    let mut words = words.to_vec();
    if let Some(typed) = words.last_mut() {
        *typed = cmdline::at(typed, typed.len()).word.text;
    }
    let line = |Candidate { word, about }: Candidate| format!("{word}\t{about}");
    candidates::complete(command, &words, directory).into_iter().map(line).collect()
}

/// A shell with a script of clap, where the candidates depend on the words before.
pub(super) struct Adapted<S>(pub(super) S);

impl<S: EnvCompleter> EnvCompleter for Adapted<S> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn is(&self, name: &str) -> bool {
        self.0.is(name)
    }

    fn write_registration(
        &self,
        variable: &str,
        name: &str,
        bin: &str,
        program: &str,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        self.0.write_registration(variable, name, bin, program, to)
    }

    fn write_complete(
        &self,
        command: &mut Command,
        args: Vec<OsString>,
        directory: Option<&Path>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        if let Some((_, before)) = as_text(&args).split_last() {
            candidates::adapt(command, before);
        }
        self.0.write_complete(command, args, directory, to)
    }
}
