//! Removes control characters from everything that comes from the network, before it enters the state. The server does so
//! too, and the screen does not rely on it.

use topside_shared::command::Command;
use topside_shared::methods::{InitializeResult, KeyRow, Menu, ScheduleRow, Schedules, Status};
use topside_shared::notifications::{Broadcast, ClientsChanged, Closing, SessionEnded};
use topside_shared::records::{ApprovalRow, ClientRow, RunApproval, RunRow};
use topside_shared::text::{MAX_BROADCAST, MAX_NAME, MAX_REASON, clean};

/// Longest description or question of a command, in characters.
const MAX_TEXT: usize = 2_000;

pub(crate) fn sentence(text: &str) -> String {
    clean(text, MAX_TEXT)
}

fn name(text: &mut String) {
    *text = clean(text, MAX_NAME);
}

fn reason(text: &mut String) {
    *text = clean(text, MAX_REASON);
}

pub(crate) fn welcome(mut welcome: InitializeResult) -> InitializeResult {
    name(&mut welcome.server.name);
    name(&mut welcome.server.version);
    name(&mut welcome.server.hostname);
    name(&mut welcome.you.address);
    name(&mut welcome.you.user);
    welcome.closing = welcome.closing.map(closing);
    welcome
}

pub(crate) fn closing(mut closing: Closing) -> Closing {
    reason(&mut closing.reason);
    name(&mut closing.by);
    closing
}

pub(crate) fn broadcast(mut broadcast: Broadcast) -> Broadcast {
    broadcast.message = clean(&broadcast.message, MAX_BROADCAST);
    name(&mut broadcast.by);
    broadcast
}

pub(crate) fn ended(mut ended: SessionEnded) -> SessionEnded {
    reason(&mut ended.reason);
    name(&mut ended.by);
    ended
}

pub(crate) fn row(mut row: ClientRow) -> ClientRow {
    name(&mut row.address);
    name(&mut row.user);
    if let Some(program) = &mut row.client {
        name(&mut program.name);
        name(&mut program.version);
    }
    for run in &mut row.runs {
        name(&mut run.command);
    }
    row
}

pub(crate) fn status(mut status: Status) -> Status {
    if let Some(last) = &mut status.last_reboot {
        name(&mut last.by);
        last.failure.iter_mut().for_each(reason);
    }
    name(&mut status.version);
    for worker in &mut status.workers {
        name(&mut worker.name);
        reason(&mut worker.standing);
    }
    for hook in &mut status.hooks {
        reason(&mut hook.name);
        hook.failure.iter_mut().for_each(reason);
    }
    for disk in status.box_figures.iter_mut().flat_map(|figures| &mut figures.disks) {
        reason(&mut disk.path);
    }
    for listening in &mut status.listeners {
        name(&mut listening.transport);
        reason(&mut listening.address);
    }
    let refusals = std::mem::take(&mut status.refusals);
    let counts = refusals.into_iter().filter(|(_, count)| count.is_u64());
    status.refusals = counts.map(|(kind, count)| (clean(&kind, MAX_NAME), count)).collect();
    status.closing = status.closing.map(closing);
    status
}

pub(crate) fn key(mut key: KeyRow) -> KeyRow {
    name(&mut key.name);
    key.commands.iter_mut().flatten().for_each(name);
    key
}

/// A run's row. The line in it is cleaned where it is drawn.
pub(crate) fn run(mut row: RunRow) -> RunRow {
    name(&mut row.command);
    name(&mut row.user);
    // A name and a number, which may be longer than a name alone.
    if let Some(by) = &mut row.ended_by {
        reason(by);
    }
    row.reason.iter_mut().for_each(reason);
    row.approval.iter_mut().for_each(approval_of_run);
    row
}

fn approval_of_run(approval: &mut RunApproval) {
    approval.by.iter_mut().chain(&mut approval.reason).for_each(reason);
}

/// The row of a run that waits for approval.
pub(crate) fn approval(mut row: ApprovalRow) -> ApprovalRow {
    name(&mut row.command);
    name(&mut row.title);
    name(&mut row.user);
    row.line = sentence(&row.line);
    row.confirm = row.confirm.as_deref().map(sentence);
    row.reason.iter_mut().for_each(reason);
    approval_of_run(&mut row.approval);
    row
}

pub(crate) fn schedules(mut all: Schedules) -> Schedules {
    all.schedules = all.schedules.into_iter().map(schedule).collect();
    all.plan.iter_mut().chain(&mut all.plans).for_each(name);
    all
}

/// A schedule's row. The arguments in it are cleaned where they are drawn.
pub(crate) fn schedule(mut row: ScheduleRow) -> ScheduleRow {
    name(&mut row.schedule);
    name(&mut row.command);
    reason(&mut row.rule);
    name(&mut row.zone);
    row.plan.iter_mut().for_each(name);
    if let Some(pause) = &mut row.paused {
        name(&mut pause.by);
        reason(&mut pause.reason);
    }
    if let Some(set) = &mut row.set {
        name(&mut set.by);
    }
    if let Some(last) = &mut row.last {
        last.reason.iter_mut().for_each(reason);
    }
    row
}

pub(crate) fn changed(changed: ClientsChanged) -> ClientsChanged {
    ClientsChanged {
        joined: changed.joined.into_iter().map(row).collect(),
        updated: changed.updated.into_iter().map(row).collect(),
        left: changed.left,
    }
}

pub(crate) fn menu(menu: Menu) -> Menu {
    Menu { commands: menu.commands.into_iter().map(command).collect(), ..menu }
}

/// A command. Control characters in its name are removed: such a name cannot be typed.
fn command(mut command: Command) -> Command {
    name(&mut command.name);
    name(&mut command.title);
    name(&mut command.category);
    command.description = sentence(&command.description);
    command.aliases.iter_mut().for_each(name);
    command.confirm = command.confirm.as_deref().map(sentence);
    for arg in &mut command.args {
        name(&mut arg.name);
        arg.description = sentence(&arg.description);
        arg.labels.values_mut().for_each(reason);
    }
    command
}
