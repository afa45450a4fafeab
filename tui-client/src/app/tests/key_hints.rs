//! Every key hint of every screen and view, in every state: the key does what the hint says.

use topside_shared::methods::RunsPage;

use super::admin_actions::{act, admin};
use super::lists::{clients, notices, runs, themes};
use super::several_boxes::{fleet, start, unreachable};
use super::*;
use crate::app::msg::{FanOutEvent, NotPaired, WaitingBox};
use crate::connect::DisconnectReason;
use crate::input::key::Key;
use crate::views::tests::screens::{after_the_end, worked};
use crate::views::tests::{SIZES, frame};
use crate::widgets::canvas::Hit;

type Opened = fn(u16, u16) -> World;

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

fn lost(width: u16, height: u16) -> World {
    let mut world = worked(width, height);
    world.event(Event::Lost(DisconnectReason::Gone));
    world
}

fn told_lost(mut world: World) -> World {
    world.event(Event::Lost(DisconnectReason::Gone));
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

fn failed_invite(width: u16, height: u16, lasting: bool) -> World {
    let mut world = World::new(width, height).with_servers();
    world.tell(Msg::Paste(pasted_invites::an_invite().to_string()));
    let effects = world.press("enter");
    let [Effect::Pair { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
    let failed = NotPaired { why: "no answer".into(), lasting };
    told(world, Msg::Paired { attempt, result: Err(failed) })
}

#[rustfmt::skip]
const STATES: &[(&str, Opened)] = &[
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
    ("console, lost", lost),
    ("console, dialling again", |w, h| keys(lost(w, h), "R")),
    ("console, shutdown due", due),
    ("console, shutdown due, typing", |w, h| typed(due(w, h), "zo")),
    ("console, shutdown due, searching", |w, h| keys(due(w, h), "alt-/ z")),
    ("console, shutdown due, menu", |w, h| keys(due(w, h), "f3")),
    ("help, shutdown due", |w, h| keys(due(w, h), "?")),
    ("help, ended", |w, h| keys(after_the_end(w, h), "?")),
    ("prompt", |w, h| prompts::asking_at(w, h).0),
    ("prompt, typing", |w, h| typed(prompts::asking_at(w, h).0, "ann")),
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
    ("form", |w, h| { let mut world = worked(w, h); world.choose("zone-run"); world }),
    ("form, filled", |w, h| { let mut world = worked(w, h); world.choose("zone-run"); typed(world, "3") }),
    ("form, second field", |w, h| { let mut world = worked(w, h); world.choose("zone-run"); keys(typed(world, "3"), "tab") }),
    ("form, on the action", |w, h| { let mut world = worked(w, h); world.choose("zone-run"); keys(typed(world, "3"), "tab tab") }),
    ("form, action without a value", |w, h| { let mut world = worked(w, h); world.choose("zone-run"); keys(world, "tab tab") }),
    ("form, on cancel", |w, h| { let mut world = worked(w, h); world.choose("zone-run"); keys(typed(world, "3"), "tab tab tab") }),
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
    ("confirm, name", |w, h| { let mut world = worked(w, h); world.enter("ks 60"); world }),
    ("confirm, name button", |w, h| { let mut world = worked(w, h); world.enter("ks 60"); keys(typed(world, "sprinkler"), "enter") }),
    ("reload", reloads::reloading),
    ("server form", |w, h| keys(World::new(w, h), "a")),
    ("server form, typed", |w, h| typed(keys(World::new(w, h), "a"), "x")),
    ("server form, save", |w, h| keys(typed(keys(World::new(w, h), "a"), "x"), "backtab backtab")),
    ("server form, cancel", |w, h| keys(typed(keys(World::new(w, h), "a"), "x"), "backtab")),
    ("forget", |w, h| keys(World::new(w, h).with_servers(), "d")),
    ("invite, empty", |w, h| keys(World::new(w, h), "i")),
    ("invite, wrong", |w, h| typed(keys(World::new(w, h), "i"), "abc")),
    ("invite, wrong, action", |w, h| keys(typed(keys(World::new(w, h), "i"), "abc"), "tab")),
    ("invite, pasted", |w, h| told(World::new(w, h), Msg::Paste(pasted_invites::an_invite().to_string()))),
    ("invite, pasted, cancel", |w, h| keys(told(World::new(w, h), Msg::Paste(pasted_invites::an_invite().to_string())), "tab")),
    ("invite, pasted, field", |w, h| keys(told(World::new(w, h), Msg::Paste(pasted_invites::an_invite().to_string())), "up")),
    ("invite, failed", |w, h| failed_invite(w, h, false)),
    ("invite, refused", |w, h| failed_invite(w, h, true)),
    ("several, line", |w, h| keys(fleet(w, h), "* x")),
    ("several, typed", |w, h| typed(keys(fleet(w, h), "* x"), "up")),
    ("several, running", |w, h| several(w, h, || None)),
    ("several, confirm", |w, h| several(w, h, waits)),
    ("several, done", |w, h| several(w, h, || Some(FanOutEvent::Done))),
    ("several, filtering", |w, h| keys(several(w, h, || Some(FanOutEvent::Done)), "/ a")),
    ("several, group", |w, h| keys(several(w, h, || Some(FanOutEvent::Done)), "enter")),
    ("runs, lost", |w, h| told_lost(runs(w, h))),
    ("run, lost", |w, h| told_lost(keys(runs(w, h), "enter"))),
    ("clients, lost", |w, h| told_lost(clients(w, h))),
    ("log, lost", |w, h| told_lost(log_lines::read(w, h))),
    ("status, lost", |w, h| told_lost(status_figures::looked_at(w, h))),
    ("palette, lost", |w, h| typed(told_lost(keys(worked(w, h), "ctrl-p")), "temp")),
    ("menu, lost", |w, h| typed(told_lost(keys(worked(w, h), "f3")), "temp")),
    ("form, lost", |w, h| { let mut world = worked(w, h); world.choose("zone-run"); told_lost(typed(world, "3")) }),
    ("form, action, lost", |w, h| { let mut world = worked(w, h); world.choose("zone-run"); told_lost(keys(typed(world, "3"), "tab tab")) }),
    ("broadcast, lost", |w, h| told_lost(typed(keys(acted(admin(w, h), "Broadcast a"), "tab"), "tea"))),
    ("invite form, lost", |w, h| told_lost(typed(new_invites::form(w, h), "phone"))),
    ("several, cancelled", |w, h| keys(several(w, h, || None), "esc y")),
    ("tabs", |w, h| tabs::two_tabs(w, h).0),
];

/// A hint that is on the screen: the key, and the words beside it.
#[derive(Debug, Clone)]
struct Shown {
    key: Key,
    name: String,
    what: String,
}

/// The hints of the last frame.
fn hints(world: &mut World) -> Vec<Shown> {
    world.lay();
    let buffer = frame(&world.state);
    let strip = world.state.strip_rows();
    let hits = world.state.hits.iter().filter_map(|(place, clicked)| match clicked {
        Clicked::Key(key) | Clicked::InView(Hit::Key(key)) => Some((place, *key)),
        _ => None,
    });
    hits.map(|(place, key)| {
        let text: String =
            (place.x..place.right()).map(|x| buffer[(x, place.y + strip)].symbol()).collect();
        let (name, what) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        Shown { key, name: name.to_owned(), what: what.to_owned() }
    })
    .collect()
}

/// What a hint says must be seen after its key: a view, a request, or another change.
fn happened(what: &str, before: &World, after: &World, effects: &[Effect]) -> bool {
    let (was, is) = (before.state.views.len(), after.state.views.len());
    let asks = |method: Method| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Ask { ask, .. } if ask.method == method))
    };
    let question = |words: &str| {
        after.state.top_view::<Confirm>().is_some_and(|confirm| confirm.title.starts_with(words))
    };
    let screen = |words: &str| after.screen().contains(words);
    let at_picker = |world: &World| matches!(world.state.screen, Screen::Picker);
    let input =
        |world: &World| world.state.console().map(|console| console.input.editor.text().to_owned());
    let focus = |world: &World| world.state.console().map(|console| console.side.focus);
    match what {
        "cancel" => asks(Method::RunCancel) || question("Cancel run"),
        "cancels" => is < was || question("Stop it"),
        "waits no longer" => question("Wait no longer"),
        "runs it on none" => {
            effects.iter().any(|effect| matches!(effect, Effect::FanOutOrder { .. }))
        }
        "revoke" => question("Revoke"),
        "disconnect" => question("Disconnect"),
        "delete" => question("Forget"),
        "closes" => is < was,
        "closes (asks first)" => is == was && screen("Esc again discards"),
        "back" if was > 0 => is < was,
        // Text may be complete already.
        "complete" | "completes" => true,
        "details" => is > was || screen("Esc all results"),
        "form" | "opens it" | "edit" | "add" | "duplicate" | "invite" | "actions" | "help"
        | "postpone" => is > was || replaced(before, after),
        "runs" | "clients" | "menu" => is > was || focus(before) != focus(after),
        "input" | "hide" => focus(before) != focus(after),
        "output" => is < was,
        "change and run" | "type" | "edit as a line" => {
            is < was || focus(before) != focus(after) || input(before) != input(after)
        }
        "refresh" => effects.iter().any(|effect| matches!(effect, Effect::Ask { .. })),
        "run"
        | "runs it"
        | "does it"
        | "yes"
        | "creates it"
        | "sends it"
        | "pairs"
        | "saves it"
        | "save"
        | "send"
        | "create"
        | "answer"
        | "connect"
        | "command"
        | "test"
        | "to continue (asks first)" => !effects.is_empty() || is != was || replaced(before, after),
        "no" => is < was,
        "quit" => after.state.quitting || question("Leave"),
        "picker" => at_picker(after),
        "reconnect" => matches!(after.state.link, ConnectionState::Dialling(_)),
        "give up" => !matches!(after.state.link, ConnectionState::Dialling(_)),
        "new tab" => after.state.tabs.len() > before.state.tabs.len(),
        "copy" | "copies" => effects
            .iter()
            .any(|effect| matches!(effect, Effect::Copy { .. } | Effect::Fetch { .. })),
        "end of input" => asks(Method::RunInput),
        // What is chosen, typed, scrolled, marked, filtered or folded is on the screen.
        _ => frame(&before.state) != frame(&after.state) || !effects.is_empty(),
    }
}

/// Whether another view is on top.
fn replaced(before: &World, after: &World) -> bool {
    let top = |world: &World| world.state.views.last().map(|view| view.title(&world.state));
    top(before) != top(after)
}

/// Hints that named a key which did something else, or nothing: `Ctrl-X cancel` on a run that had ended, `Ctrl-X revoke` on
/// a revoked key, `F9 postpone` over a view, letters as keys while a filter was typed.
#[test]
fn every_hint_of_every_view_does_what_it_says_in_every_state() {
    let mut wrong = Vec::new();
    for (name, open) in STATES {
        let mut pressed = std::collections::HashSet::new();
        // The hints of the smallest screens are some of those of the others.
        for (width, height) in [SIZES[4], SIZES[1], SIZES[3], SIZES[0], SIZES[2]] {
            let mut before = open(width, height);
            let shown = hints(&mut before).into_iter();
            for Shown { key, name: called, what } in shown.filter(|shown| {
                pressed.insert((shown.name.clone(), shown.what.clone())) || width == SIZES[1].0
            }) {
                let mut after = open(width, height);
                after.state.remark = None;
                let mut effects = after.tell(Msg::Key(key));
                // The other one of a pair; the first choice or row may be chosen already.
                let other = [("↑", "down"), ("←", "right")];
                for (_, key) in other.into_iter().filter(|(name, _)| *name == called) {
                    effects.extend(after.press(key));
                }
                let remark = after.state.remark.as_ref().filter(|it| it.tone == Tone::Refused);
                let at = format!("{name} {width}x{height}: {called} {what}");
                if let Some(remark) = remark {
                    wrong.push(format!("{at}: {}", remark.text));
                } else if !happened(&what, &before, &after, &effects) {
                    wrong.push(at);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// It stayed open in the form of a saved server.
#[test]
fn ctrl_c_leaves_every_view() {
    for (name, open) in STATES {
        let mut world = open(100, 30);
        let views = world.state.views.len();
        if views == 0 {
            continue;
        }
        // The first one may end a filter, a list of completions or a search, or ask.
        for _ in 0..3 {
            if world.state.views.len() == views {
                let before = world.screen();
                world.press("ctrl-c");
                assert_ne!(world.screen(), before, "{name}: Ctrl-C does nothing");
            }
        }
        assert_ne!(world.state.views.len(), views, "{name}");
    }
}
