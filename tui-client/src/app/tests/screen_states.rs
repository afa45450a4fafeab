//! Every screen and view in every state, for what must hold of all of them.

use topside_shared::methods::RunsPage;

use super::admin_actions::{act, admin};
use super::lists::{clients, notices, runs, themes};
use super::several_boxes::{fleet, start, unreachable};
use super::*;
use crate::app::msg::{FanOutEvent, NotPaired, WaitingBox};
use crate::connect::DisconnectReason;
use crate::views::tests::screens::{after_the_end, worked};

/// Opens a state in a terminal of this size.
pub(super) type Opened = fn(u16, u16) -> World;

fn keys(mut world: World, keys: &str) -> World {
    world.press(keys);
    world
}

fn typed(mut world: World, text: &str) -> World {
    world.write(text);
    world
}

fn told(mut world: World, msg: Msg) -> World {
    world.tell(msg);
    world
}

fn acted(mut world: World, title: &str) -> World {
    act(&mut world, title);
    world
}

/// The runs with one that has ended chosen.
fn ended_run(width: u16, height: u16) -> World {
    keys(runs(width, height), "down")
}

fn no_runs(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    world.press("f12");
    world.answer::<RunsList>(Ok(RunsPage { runs: Vec::new(), next: None }));
    world
}

/// A run of a command that is not in the menu any more.
fn removed_command(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    world.press("f12");
    let runs = vec![runs_list::past(8, "removed", &json!({}), "ann", "succeeded")];
    world.answer::<RunsList>(Ok(RunsPage { runs, next: None }));
    world
}

fn lost(mut world: World) -> World {
    world.event(Event::Lost(DisconnectReason::Gone));
    world
}

/// The form of a command with two arguments, the first of which is required.
fn zone_form(width: u16, height: u16) -> World {
    let mut world = worked(width, height);
    world.choose("zone-run");
    world
}

/// The question before a shutdown, which wants the name of the server typed.
fn shutdown_question(width: u16, height: u16) -> World {
    let mut world = worked(width, height);
    world.enter("ks 60");
    world
}

fn due(width: u16, height: u16) -> World {
    let mut world = admin(width, height);
    world.notice(closing(Phase::Scheduled, 58_000, "moving"));
    world
}

fn scrolled(width: u16, height: u16) -> World {
    let mut world = worked(width, height);
    let many: String = (0..200).map(|n| format!("line {n}\n")).collect();
    world.notice(printed(31, &many));
    keys(world, "pgup")
}

fn viewer(width: u16, height: u16) -> World {
    let mut world = World::connected(width, height);
    world.console().welcome.you.role = topside_shared::Role::Viewer;
    world
}

fn several(width: u16, height: u16, event: fn() -> Option<FanOutEvent>) -> World {
    let mut world = fleet(width, height);
    let id = start(&mut world, "drain 3");
    if let Some(event) = event() {
        for index in 0..4 {
            several_boxes::ended(&mut world, id, index, unreachable("away"));
        }
        world.tell(Msg::FanOut { id, event });
    }
    world
}

fn waits() -> Option<FanOutEvent> {
    let effect = topside_shared::command::Effect::Destructive;
    Some(FanOutEvent::ConfirmationNeeded(vec![WaitingBox { index: 0, effect, question: None }]))
}

fn pasted_invite(width: u16, height: u16) -> World {
    told(World::new(width, height), Msg::Paste(pasted_invites::an_invite().to_string()))
}

fn failed_invite(width: u16, height: u16, lasting: bool) -> World {
    let mut world = World::new(width, height).with_servers();
    world.tell(Msg::Paste(pasted_invites::an_invite().to_string()));
    let effects = world.press("enter");
    let [Effect::Pair { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let failed = NotPaired { why: "no answer".into(), lasting };
    told(world, Msg::Paired { attempt, result: Err(failed) })
}

/// Each screen and each view in each of its states, by a name for messages.
#[rustfmt::skip]
pub(super) const STATES: &[(&str, Opened)] = &[
    ("picker, new", |w, h| World::new(w, h)),
    ("picker", |w, h| World::new(w, h).with_servers()),
    ("picker, unpaired server", |w, h| keys(World::new(w, h).with_servers(), "down")),
    ("picker, this machine", |w, h| keys(World::new(w, h).with_servers(), "end")),
    ("picker, routes", |w, h| keys(World::new(w, h).with_servers(), "right")),
    ("picker, filtering", |w, h| keys(World::new(w, h).with_servers(), "/ c")),
    ("picker, filtered", |w, h| keys(World::new(w, h).with_servers(), "/ c enter")),
    ("picker, marked", |w, h| keys(fleet(w, h), "space")),
    ("picker, marked and filtering", |w, h| keys(fleet(w, h), "space / 0")),
    ("picker, dialling", |w, h| keys(World::new(w, h), "enter")),
    ("picker, found", |w, h| keys(told(World::new(w, h), Msg::Found(vec![probes::find("garage", "192.168.1.12", None)])), "end")),
    ("picker, new tab", |w, h| keys(worked(w, h), "ctrl-t")),
    ("console, empty", |w, h| World::connected(w, h)),
    ("console, running", worked),
    ("console, looked at", |w, h| keys(runs(w, h), "enter enter")),
    ("console, typing", |w, h| typed(worked(w, h), "zone")),
    ("console, completions", |w, h| keys(typed(worked(w, h), "z"), "tab")),
    ("console, recall", |w, h| keys(worked(w, h), "ctrl-r")),
    ("console, recalled", |w, h| keys(worked(w, h), "ctrl-r z")),
    ("console, recalled one", |w, h| keys(worked(w, h), "ctrl-r r u n")),
    ("console, recalled nothing", |w, h| keys(worked(w, h), "ctrl-r #")),
    ("console, picked", |w, h| keys(worked(w, h), "alt-up")),
    ("console, picked and typing", |w, h| typed(keys(worked(w, h), "alt-up"), "zo")),
    ("console, scrolled", scrolled),
    ("console, scrolled and typing", |w, h| typed(scrolled(w, h), "zo")),
    ("console, searching", |w, h| keys(worked(w, h), "/ z")),
    ("console, searching nothing", |w, h| keys(worked(w, h), "/")),
    ("console, not found", |w, h| keys(worked(w, h), "/ # enter")),
    ("console, searched", |w, h| keys(worked(w, h), "/ z enter")),
    ("console, menu", |w, h| keys(worked(w, h), "f3")),
    ("console, menu filtered", |w, h| typed(keys(worked(w, h), "f3"), "zone")),
    ("console, menu on a fold", |w, h| keys(worked(w, h), "f3 end")),
    ("console, menu without a match", |w, h| typed(keys(worked(w, h), "f3"), "##")),
    ("console, clients", |w, h| keys(worked(w, h), "f2")),
    ("console, clients filtering", |w, h| keys(worked(w, h), "f2 / p")),
    ("console, clients filtered", |w, h| keys(worked(w, h), "f2 / p enter")),
    ("console, no such client", |w, h| keys(worked(w, h), "f2 / ~ enter")),
    ("console, zoomed", |w, h| keys(worked(w, h), "alt-z")),
    ("console, ended", after_the_end),
    ("console, ended and picked", |w, h| keys(after_the_end(w, h), "alt-up")),
    ("console, ended and searching", |w, h| keys(after_the_end(w, h), "alt-/ z")),
    ("console, lost", |w, h| lost(worked(w, h))),
    ("console, dialling again", |w, h| keys(lost(worked(w, h)), "R")),
    ("console, shutdown due", due),
    ("console, shutdown due, typing", |w, h| typed(due(w, h), "zo")),
    ("console, shutdown due, searching", |w, h| keys(due(w, h), "alt-/ z")),
    ("console, shutdown due, menu", |w, h| keys(due(w, h), "f3")),
    ("help, shutdown due", |w, h| keys(due(w, h), "?")),
    ("help, ended", |w, h| keys(after_the_end(w, h), "?")),
    ("prompt", |w, h| prompts::asking_at(w, h).0),
    ("prompt, typing", |w, h| typed(prompts::asking_at(w, h).0, "ann")),
    ("prompt, looked at", prompts::looked_at),
    ("prompt, other box", |w, h| keys(prompts::asking_at(w, h).0, "ctrl-o")),
    ("command line", |w, h| keys(worked(w, h), ":")),
    ("command line, typed", |w, h| typed(keys(worked(w, h), ":"), "kick 4")),
    ("command line, completions", |w, h| keys(typed(keys(worked(w, h), ":"), "s"), "tab")),
    ("command line, recall", |w, h| keys(worked(w, h), ": ctrl-r")),
    ("command line, wrong", |w, h| keys(typed(keys(worked(w, h), ":"), "kick nine"), "enter")),
    ("help", |w, h| keys(worked(w, h), "?")),
    ("palette", |w, h| keys(worked(w, h), "ctrl-p")),
    ("palette, command", |w, h| typed(keys(worked(w, h), "ctrl-p"), "zone-run")),
    ("palette, not possible", |w, h| typed(keys(World::new(w, h), "ctrl-p"), "forget")),
    ("palette, nothing", |w, h| typed(keys(worked(w, h), "ctrl-p"), "####")),
    ("runs, active", runs),
    ("runs, ended", ended_run),
    ("runs, empty", no_runs),
    ("runs, filtering", |w, h| keys(runs(w, h), "/ z")),
    ("runs, filtered", |w, h| keys(runs(w, h), "/ z enter")),
    ("runs, filtered to nothing", |w, h| keys(runs(w, h), "/ # enter")),
    ("runs, removed command", removed_command),
    ("run, active", |w, h| keys(runs(w, h), "enter")),
    ("run, ended", |w, h| keys(ended_run(w, h), "enter")),
    ("run, removed command", |w, h| keys(removed_command(w, h), "enter")),
    ("keys, invited", key_list::opened),
    ("keys, active", |w, h| keys(key_list::opened(w, h), "down")),
    ("keys, revoked", |w, h| keys(key_list::opened(w, h), "end")),
    ("key, invited", |w, h| keys(key_list::opened(w, h), "enter")),
    ("key, revoked", |w, h| keys(key_list::opened(w, h), "end enter")),
    ("clients, other", clients),
    ("clients, me", |w, h| keys(clients(w, h), "home")),
    ("clients, viewer", |w, h| keys(viewer(w, h), "alt-c f2")),
    ("client, other", |w, h| keys(clients(w, h), "enter")),
    ("client, me", |w, h| keys(clients(w, h), "home enter")),
    ("notices", notices),
    ("notices, none", |w, h| keys(worked(w, h), "alt-n")),
    ("notice", |w, h| keys(notices(w, h), "enter")),
    ("log", log_lines::read),
    ("log, filtered", |w, h| keys(log_lines::read(w, h), "/ s enter")),
    ("log, looking back", |w, h| keys(log_lines::read(w, h), "up up")),
    ("log line", |w, h| keys(log_lines::read(w, h), "enter")),
    ("status", status_figures::looked_at),
    ("themes", themes),
    ("form", zone_form),
    ("form, filled", |w, h| typed(zone_form(w, h), "3")),
    ("form, second field", |w, h| keys(typed(zone_form(w, h), "3"), "tab")),
    ("form, on the action", |w, h| keys(typed(zone_form(w, h), "3"), "tab tab")),
    ("form, action without a value", |w, h| keys(zone_form(w, h), "tab tab")),
    ("form, on cancel", |w, h| keys(typed(zone_form(w, h), "3"), "tab tab tab")),
    ("form, broadcast", |w, h| acted(admin(w, h), "Broadcast a")),
    ("form, shutdown", |w, h| acted(admin(w, h), "Shut the server down")),
    ("form, postpone", |w, h| keys(due(w, h), "f9")),
    ("invite form", new_invites::form),
    ("invite form, action", |w, h| keys(typed(new_invites::form(w, h), "phone"), "backtab backtab backtab backtab")),
    ("invite made", |w, h| new_invites::made(w, h, false)),
    ("token made", |w, h| new_invites::made(w, h, true)),
    ("confirm", |w, h| keys(runs(w, h), "ctrl-x")),
    ("confirm, reason", |w, h| keys(clients(w, h), "ctrl-x")),
    ("confirm, reason button", |w, h| keys(clients(w, h), "ctrl-x enter")),
    ("confirm, name", shutdown_question),
    ("confirm, name button", |w, h| keys(typed(shutdown_question(w, h), "sprinkler"), "enter")),
    ("reload", reloads::reloaded),
    ("server form", |w, h| keys(World::new(w, h), "a")),
    ("server form, typed", |w, h| typed(keys(World::new(w, h), "a"), "x")),
    ("server form, save", |w, h| keys(typed(keys(World::new(w, h), "a"), "x"), "backtab backtab")),
    ("server form, cancel", |w, h| keys(typed(keys(World::new(w, h), "a"), "x"), "backtab")),
    ("forget", |w, h| keys(World::new(w, h).with_servers(), "d")),
    ("invite, empty", |w, h| keys(World::new(w, h), "i")),
    ("invite, wrong", |w, h| typed(keys(World::new(w, h), "i"), "abc")),
    ("invite, wrong, action", |w, h| keys(typed(keys(World::new(w, h), "i"), "abc"), "tab")),
    ("invite, pasted", pasted_invite),
    ("invite, pasted, cancel", |w, h| keys(pasted_invite(w, h), "tab")),
    ("invite, pasted, field", |w, h| keys(pasted_invite(w, h), "up")),
    ("invite, failed", |w, h| failed_invite(w, h, false)),
    ("invite, refused", |w, h| failed_invite(w, h, true)),
    ("several, line", |w, h| keys(fleet(w, h), "* x")),
    ("several, typed", |w, h| typed(keys(fleet(w, h), "* x"), "up")),
    ("several, argument", |w, h| typed(several_boxes::known(w, h).0, "zone-run ")),
    ("several, completions", |w, h| keys(several_boxes::known(w, h).0, "z tab")),
    ("several, recall", |w, h| keys(several_boxes::known(w, h).0, "ctrl-r")),
    ("several, recalled", |w, h| keys(several_boxes::known(w, h).0, "ctrl-r z")),
    ("several, running", |w, h| several(w, h, || None)),
    ("several, confirm", |w, h| several(w, h, waits)),
    ("several, done", |w, h| several(w, h, || Some(FanOutEvent::Done))),
    ("several, filtering", |w, h| keys(several(w, h, || Some(FanOutEvent::Done)), "/ a")),
    ("several, group", |w, h| keys(several(w, h, || Some(FanOutEvent::Done)), "enter")),
    ("runs, lost", |w, h| lost(runs(w, h))),
    ("run, lost", |w, h| lost(keys(runs(w, h), "enter"))),
    ("clients, lost", |w, h| lost(clients(w, h))),
    ("log, lost", |w, h| lost(log_lines::read(w, h))),
    ("status, lost", |w, h| lost(status_figures::looked_at(w, h))),
    ("palette, lost", |w, h| typed(lost(keys(worked(w, h), "ctrl-p")), "temp")),
    ("menu, lost", |w, h| typed(lost(keys(worked(w, h), "f3")), "temp")),
    ("form, lost", |w, h| lost(typed(zone_form(w, h), "3"))),
    ("form, action, lost", |w, h| lost(keys(typed(zone_form(w, h), "3"), "tab tab"))),
    ("broadcast, lost", |w, h| lost(typed(keys(acted(admin(w, h), "Broadcast a"), "tab"), "tea"))),
    ("invite form, lost", |w, h| lost(typed(new_invites::form(w, h), "phone"))),
    ("several, cancelled", |w, h| keys(several(w, h, || None), "esc y")),
    ("tabs", |w, h| tabs::two_tabs(w, h).0),
];
