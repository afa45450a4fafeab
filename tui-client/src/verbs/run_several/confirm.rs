//! Confirmation of a command on several boxes: the list of targets is shown, and their number is typed.

use std::io::IsTerminal;

use futures_util::future::BoxFuture;
use topside_shared::text::{MAX_NAME, MAX_REASON, clean};

use super::super::Run;
use super::super::printer::Printer;
use super::super::question::{discard_typed, read_line};
use super::report::{names, reason};
use crate::fan_out::{FanOut, Outcome, OutcomeKind, Plan, effect_word, why_destructive};

/// The question to the user, while it is open.
pub(super) struct Confirmation {
    command: String,
    /// What has to be given where no terminal can be asked.
    flag: String,
    /// Whether `--yes` was given without the number that this list needs.
    lacks_number: bool,
    /// The number to type, and what was typed.
    open: Option<(usize, BoxFuture<'static, Option<String>>)>,
}

impl Confirmation {
    pub(super) fn new(args: &Run, is_explicit: bool) -> Self {
        let list = clean(args.on.on.as_deref().unwrap_or_default(), MAX_REASON);
        let command = args.words.first().map(String::as_str).unwrap_or_default();
        Self {
            command: clean(command, MAX_NAME),
            flag: match is_explicit {
                true => "give --yes to confirm it".to_owned(),
                false => format!(
                    "give --yes=N to confirm it, with the number of boxes that --on {list} names"
                ),
            },
            lacks_number: args.yes == Some(None),
            open: None,
        }
    }

    /// Shows the list and asks for the number of boxes; an error is a sentence that says why the user cannot be asked.
    pub(super) async fn ask(
        &mut self,
        list: &str,
        boxes: usize,
        printer: &Printer,
    ) -> Result<(), String> {
        let (command, flag) = (&self.command, &self.flag);
        let on = if boxes == 1 { "1 box".to_owned() } else { format!("{boxes} boxes") };
        let head = format!("{command} has to be confirmed for {on}:\n{list}");
        if !std::io::stdin().is_terminal() {
            return Err(format!("{head}Standard input is no terminal: {flag}"));
        }
        let number = if self.lacks_number {
            format!("For --on a tag or all, {flag}.\n")
        } else {
            String::new()
        };
        let text = format!(
            "topside: {head}{number}Type {boxes} to run it on {on}; anything else runs it on none:"
        );
        discard_typed(printer, &mut None).await;
        printer.ask(&text).await;
        self.open = Some((boxes, Box::pin(read_line())));
        Ok(())
    }

    pub(super) fn is_asking(&self) -> bool {
        self.open.is_some()
    }

    /// Asks no longer.
    pub(super) fn withdraw(&mut self) {
        self.open = None;
    }

    /// Whether the number was typed; waits for the answer while there is a question. Dropping the future loses nothing.
    pub(super) async fn answer(&mut self) -> bool {
        let Some((boxes, line)) = &mut self.open else { return std::future::pending().await };
        let line = line.await;
        let is_number = line.is_some_and(|line| line.trim() == boxes.to_string());
        self.open = None;
        is_number
    }
}

/// The boxes that wait, by what the command does and asks there, and those that will not run it.
pub(super) fn frozen_list(fan_out: &FanOut, outcomes: &[Option<Outcome>]) -> String {
    let boxes = fan_out.boxes();
    let mut groups: Vec<(&Plan, Vec<usize>)> = Vec::new();
    for (index, plan) in fan_out.waiting() {
        let is_like =
            |other: &Plan| (other.effect, &other.question) == (plan.effect, &plan.question);
        match groups.iter_mut().find(|(other, _)| is_like(other)) {
            Some((_, members)) => members.push(index),
            None => groups.push((plan, vec![index])),
        }
    }
    let mut text = String::new();
    for (plan, members) in groups {
        let effect = effect_word(plan.effect);
        text.push_str(&format!("  {} {effect}  {}\n", members.len(), names(boxes, &members)));
        if let Some(question) = &plan.question {
            text.push_str(&format!("    {question}\n"));
        }
    }
    let why = |plan: &Plan| why_destructive(plan.effect, plan.question.is_some());
    if let Some(why) = fan_out.waiting().find_map(|(_, plan)| why(plan)) {
        text.push_str(&format!("  {why}\n"));
    }
    let done =
        outcomes.iter().enumerate().filter_map(|(index, outcome)| Some((index, outcome.as_ref()?)));
    let mut unfit: Vec<(usize, &Outcome)> = done.chain(fan_out.unfit()).collect();
    unfit.retain(|(_, outcome)| {
        matches!(outcome.standing(), OutcomeKind::Refused | OutcomeKind::Unreachable)
    });
    unfit.sort_by_key(|(index, _)| *index);
    if !unfit.is_empty() {
        text.push_str("Not among them:\n");
    }
    for (index, outcome) in unfit {
        text.push_str(&format!("  {}: {}\n", names(boxes, &[index]), reason(outcome)));
    }
    text
}
