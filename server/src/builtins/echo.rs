//! `echo`: says what it is told.

use topside_shared::command::{Arg, Command};

use crate::builtins::{reads, say};
use crate::workers::worker::{Call, Calling, Worker};

pub(super) struct Echo;

impl Worker for Echo {
    fn declaration(&self) -> Command {
        let text = Arg {
            name: "text".into(),
            description: "What to say".into(),
            allow_dash: true,
            rest: true,
            ..Arg::default()
        };
        reads("echo", &[], "Say something back", "Answers with the text it is given.", vec![text])
    }

    fn call<'a>(&'a self, call: Call) -> Calling<'a> {
        let text = format!("{}\n", call.text("text").unwrap_or_default());
        say(call, Ok(text))
    }
}
