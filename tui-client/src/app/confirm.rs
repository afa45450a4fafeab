//! Questions before something that cannot be undone. Cancel has the focus; what ends a server wants
//! its name typed, and who is sent away is told a reason.

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
    pub(crate) ask: Ask,
    pub(crate) then: Then,
}

/// How it is answered.
#[derive(Debug)]
pub(crate) enum Ask {
    /// By one of two buttons.
    Choice { yes: &'static str, on_yes: bool },
    /// By one of two buttons; what is typed is a reason, which may be left out.
    Reason { yes: &'static str, on_yes: bool, field: Editor, wrong: Option<String> },
    /// By typing this name.
    Name { name: String, field: Editor, wrong: bool },
}

/// What a yes does.
#[derive(Debug)]
pub(crate) enum Then {
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
pub(crate) enum Answer {
    /// None yet.
    Open,
    Yes,
    No,
}

impl Confirm {
    /// A question with two buttons.
    pub(crate) fn choice(title: String, text: Vec<String>, yes: &'static str, then: Then) -> Self {
        Self { title, text, ask: Ask::Choice { yes, on_yes: false }, then }
    }

    pub(crate) fn key(&mut self, key: Key) -> Answer {
        if key.code == Code::Esc || key.is_ctrl('c') {
            // A second Ctrl-C leaves where nothing is lost by it; where something is, it is never a yes.
            let leaves =
                key.is_ctrl('c') && matches!(self.then, Then::Quit) && self.text.is_empty();
            return if leaves { Answer::Yes } else { Answer::No };
        }
        match &mut self.ask {
            Ask::Choice { on_yes, .. } => match key.code {
                Code::Tab | Code::BackTab | Code::Left | Code::Right => *on_yes = !*on_yes,
                Code::Enter if *on_yes => return Answer::Yes,
                Code::Enter => return Answer::No,
                Code::Char('y') => *on_yes = true,
                Code::Char('n') => return Answer::No,
                _ => {}
            },
            Ask::Reason { on_yes, field, wrong, .. } => match key.code {
                Code::Tab | Code::BackTab => *on_yes = !*on_yes,
                Code::Enter if *on_yes => match clients::too_long(field.text()) {
                    None => return Answer::Yes,
                    why => *wrong = why,
                },
                Code::Enter => return Answer::No,
                _ => {
                    field.key(key);
                    *wrong = None;
                }
            },
            Ask::Name { name, field, wrong } => match key.code {
                Code::Enter => {
                    if field.text().trim() == name {
                        return Answer::Yes;
                    }
                    *wrong = true;
                }
                _ => {
                    field.key(key);
                    *wrong = false;
                }
            },
        }
        Answer::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(confirm: &mut Confirm, keys: &[&str]) -> Answer {
        let mut last = Answer::Open;
        for key in keys {
            last = confirm.key(key.parse().unwrap());
        }
        last
    }

    #[test]
    fn enter_on_a_fresh_question_means_no() {
        let mut confirm = Confirm::choice(String::new(), vec![], "Delete", Then::Quit);
        assert_eq!(press(&mut confirm, &["enter"]), Answer::No);
        assert_eq!(press(&mut confirm, &["tab", "enter"]), Answer::Yes);
    }

    /// A second Ctrl-C was a yes, whatever it ended.
    #[test]
    fn ctrl_c_answers_yes_only_where_nothing_is_lost() {
        let question =
            |text: Vec<String>| Confirm::choice("Leave?".to_owned(), text, "Leave", Then::Quit);
        assert_eq!(press(&mut question(vec![]), &["ctrl-c"]), Answer::Yes);
        let lossy = vec!["a run goes on".to_owned()];
        assert_eq!(press(&mut question(lossy), &["ctrl-c"]), Answer::No);
        let mut other = Confirm::choice(String::new(), vec![], "Forget", Then::Delete("x".into()));
        assert_eq!(press(&mut other, &["ctrl-c"]), Answer::No);
    }

    #[test]
    fn only_the_whole_name_ends_a_server() {
        let ask = Ask::Name { name: "ab".into(), field: Editor::default(), wrong: false };
        let mut confirm = Confirm { title: String::new(), text: vec![], ask, then: Then::Quit };
        assert_eq!(press(&mut confirm, &["a", "enter"]), Answer::Open);
        assert!(matches!(confirm.ask, Ask::Name { wrong: true, .. }));
        assert_eq!(press(&mut confirm, &["b", "enter"]), Answer::Yes);
    }
}
