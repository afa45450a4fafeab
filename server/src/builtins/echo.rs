//! `echo`: answers with its own argument.

use topside_shared::command::{Arg, ArgType, Command};

use crate::builtins::{optional, reads, ready};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};

pub(super) struct Echo;

impl Builtin for Echo {
    fn declaration(&self) -> Command {
        let text = Arg {
            allow_dash: true,
            rest: true,
            ..optional("text", ArgType::String, "The text of the answer")
        };
        reads("echo", &[], "Repeat a text", "Answers with the text that it was given.", vec![text])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        ready(Ok(format!("{}\n", call.text("text").unwrap_or_default())))
    }
}
