//! Verbs for one run: follow it, cancel it, answer it.

use topside_shared::RunId;
use topside_shared::methods::{Empty, MaskedText, RunAttach, RunCancel, RunInput, RunResult};

use super::one_shot::OneShot;
use crate::connect::{CallError, Event};
use crate::verb_args::server::{Attach, Cancel, Input};
use crate::verbs::errors::VerbError;
use crate::verbs::printer::OutputPart;
use crate::verbs::run::{ending, result_json};
use crate::verbs::runner::{Output, take};
use crate::verbs::stdin::{Source, StdinError, StdinProgress, StdinSender};
use crate::verbs::{exit_status, messages};

pub(super) async fn attach(session: &mut OneShot<'_>, args: &Attach) -> Result<u8, VerbError> {
    let run_id = RunId(args.run);
    let handle = session.handle.clone();
    let request = RunAttach { run_id, from: args.from };
    let answer = handle.call(&request);
    tokio::pin!(answer);
    let mut collected = Vec::new();
    let mut output =
        if session.is_json() { Output::Collect(&mut collected) } else { Output::Stream };
    let mut result = None;
    loop {
        tokio::select! {
            biased;
            answered = &mut answer, if result.is_none() => result = Some(answered),
            (room, event) = take(session.printer, &mut *session.events, result.is_some()) => {
                if room.is_none() {
                    return Ok(session.printer.broken_status());
                }
                match event {
                    None => break,
                    // The answer is lost too, and comes next.
                    Some(Event::Lost(_) | Event::Answer { .. }) => {}
                    Some(Event::Notice(notice)) => output.take(room, notice),
                }
            }
        }
    }
    session.printer.write(OutputPart::EndOfRun).await;
    let row = match result {
        Some(Ok(row)) => row,
        Some(Err(error)) => return Err(session.refused(error).await),
        None => return Ok(exit_status::OWN_FAILURE),
    };
    let (status, cut, left) = (exit_status::of_row(&row), row.cut(), row.left());
    let shown = messages::row_for(row.clone(), &session.welcome.you.called());
    if let Some(sentence) = ending(&shown, || "cancelled".to_owned()) {
        session.printer.say(sentence).await;
    }
    if let Some(cut) = cut {
        session.printer.say(format!("run {run_id}: {cut}")).await;
    }
    if let Some(left) = left {
        session.printer.say(format!("{left} after run {run_id}")).await;
    }
    if session.is_json() {
        let text = result_json(RunResult::without_output(row), collected);
        session.printer.write(OutputPart::Print(text)).await;
    }
    Ok(status)
}

pub(super) async fn cancel(session: &mut OneShot<'_>, args: &Cancel) -> Result<u8, VerbError> {
    let row = session.call(&RunCancel { run_id: RunId(args.run) }).await?;
    session.print(&row, |row| format!("run {} {}\n", row.run_id, row.outcome())).await
}

pub(super) async fn input(session: &mut OneShot<'_>, args: &Input) -> Result<u8, VerbError> {
    let run_id = RunId(args.run);
    if args.line.is_none() && !args.end && session.has_lines() {
        let sentence = "give the line for the run: `:input RUN LINE`; --end ends its input";
        return Err(VerbError::refused(sentence));
    }
    // An empty piece first: it fails at once if the run does not read.
    let nothing = Some(MaskedText(String::new()));
    session.call(&RunInput { run_id, data: nothing, base64: None, eof: false }).await?;
    let mut source = match &args.line {
        Some(line) => Source::bytes(std::io::Cursor::new(format!("{line}\n"))),
        None if session.has_lines() => Source::bytes(std::io::empty()),
        None => Source::bytes(std::io::stdin()),
    };
    let handle = session.handle.clone();
    let progress = StdinProgress::default();
    let fed = tokio::select! {
        biased;
        fed = StdinSender { handle: &handle, source: &mut source, progress: &progress }.send_to(run_id, args.end) => fed,
        // Without this, the loss would not be noticed while standard input is read.
        _ = session.events.end() => Err(StdinError::Call { error: CallError::Lost, line: None }),
    };
    match fed {
        Ok(()) => session.print(&Empty {}, |_| String::new()).await,
        Err(StdinError::Call { error, .. }) => Err(session.refused(error).await),
        Err(StdinError::Source(sentence)) => Err(VerbError::refused(sentence)),
    }
}
