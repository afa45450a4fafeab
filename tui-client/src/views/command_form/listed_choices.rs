//! Choices that only the server knows (`choices_from`): a form asks for them when it is opened.

use topside_shared::methods::{Choices, CommandChoices};

use super::CommandForm;
use crate::app::ask::{self, Ask};
use crate::app::view::{Outcome, stay};
use crate::app::{Effect, State};
use crate::connect::CallError;

/// Opens a form, and asks for the choices of its fields.
pub(crate) fn open(state: &mut State, form: CommandForm) -> Vec<Effect> {
    let asks = requests(state, &form);
    state.open(form);
    asks
}

/// The requests for the choices of a form's fields.
pub(in crate::views) fn requests(state: &State, form: &CommandForm) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (arg, entry) in form.fields() {
        if !entry.awaits_choices() {
            continue;
        }
        let (command, argument) = (form.command.name.clone(), arg.name.clone());
        let asked = CommandChoices { command: command.clone(), argument: argument.clone() };
        let take = move |view: &mut CommandForm, answer, _: &State| {
            // Another form may be open by now.
            if view.command.name == command { view.take(&argument, answer) } else { stay() }
        };
        effects.extend(state.ask_if_connected(Ask::of_view(&asked, take)));
    }
    effects
}

impl CommandForm {
    fn take(&mut self, argument: &str, answer: Result<Choices, CallError>) -> Outcome {
        let answer = answer.map(|listed| listed.choices).map_err(|error| ask::why(&error));
        let fields = self.command.args.iter().zip(&mut self.entries);
        for (arg, entry) in fields.filter(|(arg, _)| arg.name == argument) {
            entry.set_choices(arg, answer.clone());
        }
        stay()
    }
}
