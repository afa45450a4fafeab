//! Confirmation before something that cannot be undone. Cancel has the focus. A shutdown asks for the name of the
//! server; disconnecting a client takes a reason.

use topside_shared::methods::CommandRun;
use topside_shared::{ClientId, Pin, RunId};

use super::server::clients;
use super::widgets::editor::Editor;
use crate::input::key::{Code, Key};

/// One question.
#[derive(Debug)]
pub(crate) struct Confirm {
    pub(crate) title: String,
    /// Sentences below the title.
    pub(crate) text: Vec<String>,
    pub(crate) ask: ConfirmInput,
    pub(crate) then: ConfirmedAction,
}

/// How it is answered.
#[derive(Debug)]
pub(crate) enum ConfirmInput {
    /// By one of two buttons.
    Choice { yes: &'static str, on_yes: bool },
    /// By one of two buttons; what is typed is a reason, which may be left out.
    Reason { yes: &'static str, on_yes: bool, field: Editor, wrong: Option<String> },
    /// By typing this name.
    Name { name: String, field: Editor, wrong: bool },
}

/// What a yes does.
#[derive(Debug)]
pub(crate) enum ConfirmedAction {
    /// Sends a command.
    Run { line: String, run: CommandRun },
    /// Sends a command that puts off what is due, if it still is.
    Postpone { line: String, run: CommandRun },
    /// Forgets a saved server.
    Delete(String),
    /// Ends a run.
    Cancel(RunId),
    /// Ends the session of this client and of no other one.
    Kick(ClientId),
    /// Takes this key away and no other one, of whoever is called so.
    Revoke { key: Pin, name: String },
    /// Ends the program.
    Quit,
    /// Goes to the picker, and drops what the console holds.
    ToPicker,
    /// Puts pasted text into the input as one line.
    Join(String),
}

/// What became of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ConfirmAnswer {
    /// None yet.
    Open,
    Yes,
    No,
}

impl Confirm {
    /// A question with two buttons.
    pub(crate) fn choice(
        title: String,
        text: Vec<String>,
        yes: &'static str,
        then: ConfirmedAction,
    ) -> Self {
        Self { title, text, ask: ConfirmInput::Choice { yes, on_yes: false }, then }
    }

    pub(crate) fn key(&mut self, key: Key) -> ConfirmAnswer {
        if key.code == Code::Esc || key.is_ctrl('c') {
            // A second Ctrl-C leaves where nothing is lost by it; where something is, it is never a yes.
            let leaves = key.is_ctrl('c')
                && matches!(self.then, ConfirmedAction::Quit)
                && self.text.is_empty();
            return if leaves { ConfirmAnswer::Yes } else { ConfirmAnswer::No };
        }
        match &mut self.ask {
            ConfirmInput::Choice { on_yes, .. } => match key.code {
                Code::Tab | Code::BackTab | Code::Left | Code::Right => *on_yes = !*on_yes,
                Code::Enter if *on_yes => return ConfirmAnswer::Yes,
                Code::Enter => return ConfirmAnswer::No,
                Code::Char('y') => *on_yes = true,
                Code::Char('n') => return ConfirmAnswer::No,
                _ => {}
            },
            ConfirmInput::Reason { on_yes, field, wrong, .. } => match key.code {
                Code::Tab | Code::BackTab => *on_yes = !*on_yes,
                Code::Enter if *on_yes => match clients::too_long(field.text()) {
                    None => return ConfirmAnswer::Yes,
                    why => *wrong = why,
                },
                Code::Enter => return ConfirmAnswer::No,
                _ => {
                    field.key(key);
                    *wrong = None;
                }
            },
            ConfirmInput::Name { name, field, wrong } => match key.code {
                Code::Enter => {
                    if field.text().trim() == name {
                        return ConfirmAnswer::Yes;
                    }
                    *wrong = true;
                }
                _ => {
                    field.key(key);
                    *wrong = false;
                }
            },
        }
        ConfirmAnswer::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(confirm: &mut Confirm, keys: &[&str]) -> ConfirmAnswer {
        let mut last = ConfirmAnswer::Open;
        for key in keys {
            last = confirm.key(key.parse().unwrap());
        }
        last
    }

    #[test]
    fn enter_on_a_fresh_question_means_no() {
        let mut confirm = Confirm::choice(String::new(), vec![], "Delete", ConfirmedAction::Quit);
        assert_eq!(press(&mut confirm, &["enter"]), ConfirmAnswer::No);
        assert_eq!(press(&mut confirm, &["tab", "enter"]), ConfirmAnswer::Yes);
    }

    /// A second Ctrl-C was a yes, whatever it ended.
    #[test]
    fn ctrl_c_answers_yes_only_where_nothing_is_lost() {
        let question = |text: Vec<String>| {
            Confirm::choice("Leave?".to_owned(), text, "Leave", ConfirmedAction::Quit)
        };
        assert_eq!(press(&mut question(vec![]), &["ctrl-c"]), ConfirmAnswer::Yes);
        let lossy = vec!["a run goes on".to_owned()];
        assert_eq!(press(&mut question(lossy), &["ctrl-c"]), ConfirmAnswer::No);
        let mut other =
            Confirm::choice(String::new(), vec![], "Forget", ConfirmedAction::Delete("x".into()));
        assert_eq!(press(&mut other, &["ctrl-c"]), ConfirmAnswer::No);
    }

    #[test]
    fn only_the_whole_name_ends_a_server() {
        let ask = ConfirmInput::Name { name: "ab".into(), field: Editor::default(), wrong: false };
        let mut confirm =
            Confirm { title: String::new(), text: vec![], ask, then: ConfirmedAction::Quit };
        assert_eq!(press(&mut confirm, &["a", "enter"]), ConfirmAnswer::Open);
        assert!(matches!(confirm.ask, ConfirmInput::Name { wrong: true, .. }));
        assert_eq!(press(&mut confirm, &["b", "enter"]), ConfirmAnswer::Yes);
    }
}
