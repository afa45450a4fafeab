//! What each verb does on the screen: it opens the view that shows the same, or sends a request. The answer is then a block
//! of the response pane, with the text that the shell prints.

use topside_shared::ClientId;
use topside_shared::RunId;
use topside_shared::after_shutdown::AfterShutdown;
use topside_shared::methods::{
    Broadcast, BroadcastResult, ClientKick, Decision, KeyInvite, KeyRevoke, KeysList, LogRotate,
    MaskedText, RunCancel, RunInput, RunsList, SchedulesList, ServerShutdown, ServerShutdownCancel,
    ServerStatus,
};
use topside_shared::notifications::Urgency;
use topside_shared::records::RunRow;
use topside_shared::tables;
use topside_shared::text::duration;
use topside_shared::time::millis;
use topside_shared::values::parse_expected_return;

use super::answer_block::{add_ended, answer, table};
use super::saved_servers;
use crate::app::ask::{self, Ask};
use crate::app::{Effect, State};
use crate::input::actions::Id;
use crate::text::sanitize;
use crate::verb_args::Verb;
use crate::verb_args::approval::DecisionArgs;
use crate::verb_args::log::{Log, LogAction};
use crate::verb_args::schedule::{ScheduleArgs, ScheduleChange};
use crate::verb_args::server::{
    BroadcastArgs, Fetch, Kick, LevelArg, Postpone, Revoke, Runs, ServerVerb,
};
use crate::verb_args::shutdown::Shutdown;
use crate::verb_args::verb_line::LineVerb;
use crate::views::accepted_keys::revocation;
use crate::views::confirm::Confirm;
use crate::views::console::submit::{self, ShutdownOrder};
use crate::views::invite_result::InviteResult;
use crate::views::run_details;
use crate::views::save_result;
use crate::views::theme_chooser;

/// Carries out a verb.
pub(super) fn run_verb(state: &mut State, line: &str, verb: LineVerb) -> Vec<Effect> {
    match verb {
        LineVerb::Theme { name: None } => act(state, Id::Theme),
        LineVerb::Theme { name: Some(name) } => theme_chooser::choose(state, &name),
        LineVerb::Quit if state.console().is_none() => act(state, Id::Quit),
        LineVerb::Quit => act(state, Id::Leave),
        LineVerb::Shell(Verb::Ask(ask)) => run_server_verb(state, line, ask),
        LineVerb::Shell(Verb::Saved(verb)) => saved_servers::run(state, line, &verb),
        LineVerb::Shell(_) => Vec::new(),
    }
}

/// The table of the verbs for a server.
fn run_server_verb(state: &mut State, line: &str, verb: ServerVerb) -> Vec<Effect> {
    match verb {
        ServerVerb::Status(_) => act(state, Id::Status),
        ServerVerb::Clients(_) => act(state, Id::Clients),
        ServerVerb::Menu(_) => act(state, Id::Menu),
        ServerVerb::Notices(_) => act(state, Id::Notices),
        ServerVerb::Keys(_) => act(state, Id::Keys),
        ServerVerb::Reload(_) => act(state, Id::Reload),
        ServerVerb::Approvals(_) => act(state, Id::Approvals),
        ServerVerb::Approve(args) => decide(state, line, &args, Decision::Approve),
        ServerVerb::Refuse(args) => decide(state, line, &args, Decision::Refuse),
        ServerVerb::Schedules(_) => act(state, Id::Schedules),
        ServerVerb::Schedule(args) => schedule(state, line, args),
        ServerVerb::Worker(args) => {
            answer(state, line, &args.request(), |row| tables::worker_restarted(&row))
        }
        ServerVerb::Notify(args) => table(state, line, &args.request(), |tested| tested.lines()),
        ServerVerb::Runs(args) => runs(state, line, args),
        ServerVerb::Log(args) => log(state, line, &args),
        ServerVerb::Attach(args) => attach(state, RunId(args.run)),
        ServerVerb::Cancel(args) => {
            let run_id = RunId(args.run);
            if state.session().is_some()
                && let Some(console) = state.console_mut()
            {
                console.runs.cancelling(run_id);
            }
            answer(state, line, &RunCancel { run_id }, |row| {
                format!("run {} {}", row.run_id, row.outcome())
            })
        }
        ServerVerb::Fetch(args) => fetch(state, line, args),
        ServerVerb::Input(args) => {
            let run_id = RunId(args.run);
            let data = args.line.map(|line| MaskedText(format!("{line}\n")));
            let input = RunInput { run_id, data, base64: None, eof: args.end };
            // What a run is given may be a secret.
            let shown = format!("input {} …", args.run);
            answer(state, &shown, &input, move |_| format!("sent to run {run_id}"))
        }
        ServerVerb::Broadcast(args) => {
            answer(state, line, &broadcast(&args), BroadcastResult::sentence)
        }
        ServerVerb::Kick(args) => kick(state, line, &args),
        ServerVerb::Shutdown(args) => shut_down(state, line, &args),
        ServerVerb::Postpone(args) => postpone(state, line, args),
        ServerVerb::CancelShutdown(_) => answer(state, line, &ServerShutdownCancel {}, |_| {
            "the shutdown is cancelled".to_owned()
        }),
        ServerVerb::Revoke(args) => revoke(state, line, args),
        ServerVerb::Invite { invite, .. } => invite_result(state, &invite.request()),
        ServerVerb::Token { token, .. } => invite_result(state, &token.request()),
    }
}

fn decide(state: &mut State, line: &str, args: &DecisionArgs, decision: Decision) -> Vec<Effect> {
    answer(state, line, &args.request(decision), |row| tables::approval_decided(&row))
}

fn schedule(state: &mut State, line: &str, args: ScheduleArgs) -> Vec<Effect> {
    match args.change() {
        ScheduleChange::Pause(pause) => {
            answer(state, line, &pause, |row| tables::schedule_paused(&row))
        }
        ScheduleChange::Resume(resume) => {
            let zone = state.zone.clone();
            answer(state, line, &resume, move |row| tables::schedule_resumed(&row, &zone))
        }
        ScheduleChange::Run(run) => answer(state, line, &run, |row| tables::schedule_run(&row)),
        ScheduleChange::Plan(plan) => {
            let sentence = tables::active_plan(plan.plan.as_deref());
            answer(state, line, &plan, move |_| sentence)
        }
        ScheduleChange::Set => set_schedule(state, line, args),
    }
}

/// Reads which command the schedule has, then sets it.
fn set_schedule(state: &mut State, line: &str, args: ScheduleArgs) -> Vec<Effect> {
    let line = line.to_owned();
    state.ask(Ask::new(&SchedulesList {}, move |state, all| {
        let set = all.map_err(|error| ask::why(&error)).and_then(|all| {
            let menu = state.console().map(|console| &console.menu);
            menu.map_or_else(|| Err("there is no server".to_owned()), |menu| args.set(&all, menu))
        });
        match set {
            Ok(set) => {
                let zone = state.zone.clone();
                answer(state, &line, &set, move |row| tables::schedule_set(&row, &zone))
            }
            Err(why) => {
                add_ended(state, &line, Err(why));
                Vec::new()
            }
        }
    }))
}

/// Opens the view of an action, above no other one.
fn act(state: &mut State, id: Id) -> Vec<Effect> {
    state.views.clear();
    state.act(id)
}

/// The list, or with a filter a table.
fn runs(state: &mut State, line: &str, args: Runs) -> Vec<Effect> {
    let Runs { state: of, command, user, before, limit, .. } = args;
    let filtered = of.is_some() || command.is_some() || user.is_some() || before.is_some();
    if !filtered && line.split_whitespace().count() == 1 || args.watch {
        return act(state, Id::Runs);
    }
    let list = RunsList {
        state: of,
        command,
        user,
        before: before.map(RunId),
        limit: Some(limit.clamp(1, 500)),
    };
    let zone = state.zone.clone();
    let you = state.console().map(|console| console.welcome.you.called()).unwrap_or_default();
    table(state, line, &list, move |page| {
        let rows: Vec<RunRow> = page.runs.into_iter().map(|row| row.with_you(&you)).collect();
        tables::runs(&rows, &zone)
    })
}

/// The live view, or with a filter its last lines.
fn log(state: &mut State, line: &str, args: &Log) -> Vec<Effect> {
    if args.action == Some(LogAction::Rotate) {
        return answer(state, line, &LogRotate {}, |_| "the log begins a new file".to_owned());
    }
    if args.follow || line.split_whitespace().count() == 1 {
        return act(state, Id::Log);
    }
    let zone = state.zone.clone();
    table(state, line, &args.request(), move |log| tables::log_lines(&log.entries, &zone))
}

/// Shows the output of a run in a block.
fn attach(state: &mut State, run_id: RunId) -> Vec<Effect> {
    state.views.clear();
    run_details::one_run(state, run_id, move |state, row| match row.map(sanitize::run) {
        Ok(row) => {
            let line = row.command.clone();
            run_details::attach(state, &row, &line)
        }
        Err(why) => {
            state.refuse(why);
            Vec::new()
        }
    })
}

/// Saves results of a run, or shows them.
fn fetch(state: &mut State, line: &str, args: Fetch) -> Vec<Effect> {
    let run_id = RunId(args.run);
    state.views.clear();
    if !args.list {
        return save_result::fetch(state, run_id, args.name, args.output);
    }
    let line = line.to_owned();
    run_details::one_run(state, run_id, move |state, row| {
        let list = row.and_then(|row| {
            tables::chosen_results(&row, args.name.as_deref()).map(tables::results)
        });
        add_ended(state, &line, list);
        Vec::new()
    })
}

fn broadcast(args: &BroadcastArgs) -> Broadcast {
    let level = match args.level {
        LevelArg::Info => Urgency::Info,
        LevelArg::Warning => Urgency::Warning,
    };
    Broadcast { message: args.message.join(" "), level }
}

fn kick(state: &mut State, line: &str, args: &Kick) -> Vec<Effect> {
    let client_id = ClientId(args.client);
    let kick = ClientKick { client_id, reason: joined(&args.reason) };
    let done = move |_| format!("{client_id} was disconnected");
    if args.confirm.yes {
        return answer(state, line, &kick, done);
    }
    let known = state.console().and_then(|console| console.clients.get(&client_id));
    let text = known.map(|row| format!("{} · {} · {}", row.user, row.place(), row.role));
    let reason = kick.reason.as_ref().map(|reason| format!("Reason: {reason}"));
    let text = text.into_iter().chain(reason).collect();
    let line = line.to_owned();
    let then = move |state: &mut State| answer(state, &line, &kick, done);
    let question = Confirm::choice(format!("Disconnect {client_id}?"), text, "Disconnect", then);
    state.open(question.of_session());
    Vec::new()
}

fn shut_down(state: &mut State, line: &str, args: &Shutdown) -> Vec<Effect> {
    let delay_ms = args.delay.map_or(0, millis);
    let back = match expected_return(state, args.back.as_deref(), delay_ms) {
        Ok(back) => back,
        Err(why) => {
            state.refuse(why);
            return Vec::new();
        }
    };
    let then = args.then();
    let asked = ShutdownOrder {
        delay_ms,
        then,
        reason: joined(&args.reason),
        back: back.map(|back| back.to_string()),
    };
    let order = args.order(delay_ms, asked.reason.clone(), back);
    // A power off is confirmed with the name of the server in any case.
    if args.confirm.yes && then != AfterShutdown::Poweroff {
        return order_shutdown(state, line, &order);
    }
    ask_about_shutdown(state, line, &asked, &order)
}

/// Asks before a shutdown. Where the shutdown that was due was cancelled meanwhile, a postponement would be a new one, and
/// that is asked about as such.
fn ask_about_shutdown(
    state: &mut State,
    line: &str,
    asked: &ShutdownOrder,
    order: &ServerShutdown,
) -> Vec<Effect> {
    let postpones = submit::is_postponement(state, asked);
    let (line, again, order) = (line.to_owned(), asked.clone(), order.clone());
    let then = move |state: &mut State| {
        if postpones && !submit::is_postponement(state, &again) {
            return ask_about_shutdown(state, &line, &again, &order);
        }
        order_shutdown(state, &line, &order)
    };
    match submit::shutdown_question(state, asked, then) {
        Some(question) => submit::open(state, question.of_session()),
        None => Vec::new(),
    }
}

fn order_shutdown(state: &mut State, line: &str, order: &ServerShutdown) -> Vec<Effect> {
    let name = state.console().map(|console| console.name().to_owned()).unwrap_or_default();
    let does = order.then().does();
    answer(state, line, order, move |due| match due.in_ms {
        0 => format!("{name} {does} now"),
        ms => format!("{name} {does} in {}; `:cancel-shutdown` cancels it", duration(ms)),
    })
}

/// Reads what is due, then orders the same for later.
fn postpone(state: &mut State, line: &str, args: Postpone) -> Vec<Effect> {
    let line = line.to_owned();
    state.ask(Ask::new(&ServerStatus::default(), move |state, status| {
        let due = status.map_err(|error| ask::why(&error)).and_then(|status| {
            let none = || "no shutdown is due: there is nothing to postpone".to_owned();
            status.closing.ok_or_else(none)
        });
        let order = due.and_then(|due| {
            let delay_ms = due.in_ms.saturating_add(millis(args.by));
            let mut order = ServerShutdown::postponed(&due, delay_ms);
            order.reason = joined(&args.reason).or(order.reason);
            order.back = expected_return(state, args.back.as_deref(), delay_ms)?.or(order.back);
            Ok((order, due.then().does()))
        });
        match order {
            Ok((order, does)) => answer(state, &line, &order, move |later| {
                format!("the server {does} in {}", duration(later.in_ms))
            }),
            Err(why) => {
                add_ended(state, &line, Err(why));
                Vec::new()
            }
        }
    }))
}

/// Finds the key, then asks whether to revoke it.
fn revoke(state: &mut State, line: &str, args: Revoke) -> Vec<Effect> {
    let line = line.to_owned();
    state.ask(Ask::new(&KeysList {}, move |state, keys| {
        let found = keys.map_err(|error| ask::why(&error)).and_then(|keys| {
            let row = tables::keys::find(&keys.keys, &args.key);
            row.cloned().map(sanitize::key).map_err(|error| error.to_string())
        });
        let row = match found {
            Ok(row) => row,
            Err(why) => {
                add_ended(state, &line, Err(why));
                return Vec::new();
            }
        };
        let (key_id, name) = (row.key_id, row.name.clone());
        let then = move |state: &mut State| {
            answer(state, &line, &KeyRevoke { key_id }, move |_| {
                format!("revoked {name} ({}), its sessions included", key_id.short())
            })
        };
        if args.confirm.yes {
            return then(state);
        }
        if let Some(question) = state.console().map(|console| revocation(console, &row, then)) {
            state.open(question);
        }
        Vec::new()
    }))
}

/// Makes an invite or a token, and shows it in its view: it is a key, and must not stay in a block.
fn invite_result(state: &mut State, invite: &KeyInvite) -> Vec<Effect> {
    state.ask(Ask::new(invite, |state, made| {
        match made.map_err(|error| ask::why(&error)).and_then(InviteResult::new) {
            Ok(made) => state.open(made),
            Err(why) => state.refuse(why),
        }
        Vec::new()
    }))
}

/// Words of the line as one text; none without words.
fn joined(words: &[String]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(" "))
}

/// The time of `--back` for a shutdown that begins in `delay_ms`.
pub(super) fn expected_return(
    state: &State,
    text: Option<&str>,
    delay_ms: u64,
) -> Result<Option<topside_shared::Time>, String> {
    let begin = state.clock.wall.plus_millis(delay_ms);
    let back = text.map(|text| parse_expected_return(text, begin, &state.zone));
    back.transpose().map_err(|error| format!("--back: {error}"))
}
