//! `echo`: answers with its own argument.

use topside_shared::command::{Arg, Command};

use crate::builtins::{reads, ready};
use crate::menu::builtin::{Answering, Builtin, BuiltinCall};

pub(super) struct Echo;

impl Builtin for Echo {
    fn declaration(&self) -> Command {
        let text = Arg {
            name: "text".into(),
            description: "The text of the answer".into(),
            allow_dash: true,
            rest: true,
            ..Arg::default()
        };
        reads("echo", &[], "Say something back", "Answers with the text it is given.", vec![text])
    }

    fn answer<'a>(&'a self, call: &'a BuiltinCall) -> Answering<'a> {
        ready(Ok(format!("{}\n", call.text("text").unwrap_or_default())))
    }
}
