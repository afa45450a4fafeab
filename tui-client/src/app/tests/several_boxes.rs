//! Marks and the filter of the picker, and one command on the marked servers.

use topside_shared::command;

use super::*;
use crate::app::msg::{FanOutEvent, FanOutOrder, WaitingBox};
use crate::app::picker::{all_servers, marked};
use crate::config::history_file::SEVERAL_BOXES;
use crate::fan_out::{NotStarted, Outcome};
use crate::views::tests::assert_clean;

/// Four paired servers with tags.
pub(crate) fn fleet(width: u16, height: u16) -> World {
    let mut world = World::new(width, height);
    let profile = |n: u8, tags: &[&str]| Profile {
        name: format!("pump-0{n}"),
        lan: Some(format!("192.168.1.{n}")),
        port: DEFAULT_PORT,
        tags: tags.iter().map(ToString::to_string).collect(),
        pin: Some(pin(n).to_string()),
        ..Profile::default()
    };
    world.tell(Msg::Servers(vec![
        profile(1, &["pumps", "garden"]),
        profile(2, &["pumps"]),
        profile(3, &["garden"]),
        profile(4, &[]),
    ]));
    world
}

fn marks(world: &World) -> Vec<&str> {
    marked(&world.state).map(|(name, _)| name).collect()
}

pub(crate) fn ended(world: &mut World, id: u64, index: usize, outcome: Outcome) {
    world.tell(Msg::FanOut { id, event: FanOutEvent::Ended { index, outcome } });
}

pub(crate) fn unreachable(why: &str) -> Outcome {
    Outcome::Unreachable(why.to_owned())
}

/// Marks all, and starts a command on them; its number.
pub(crate) fn start(world: &mut World, line: &str) -> u64 {
    world.press("*");
    world.press("x");
    let effects = world.enter(line);
    match effects[0] {
        Effect::FanOut { id, .. } => id,
        _ => panic!("{effects:?}"),
    }
}

#[test]
fn space_marks_a_server_and_the_filter_by_a_tag_marks_its_servers() {
    let mut world = fleet(100, 30);
    world.press("space space");
    assert_eq!(marks(&world), ["pump-01", "pump-02"]);
    world.press("up space");
    assert_eq!(marks(&world), ["pump-01"]);
    world.press("esc /");
    assert!(marks(&world).is_empty());
    world.write("#gar");
    let drawn = world.screen();
    assert!(drawn.contains("/ #gar") && !drawn.contains("pump-02"), "{drawn}");
    world.press("enter *");
    assert_eq!(marks(&world), ["pump-01", "pump-03"]);
    // The first Esc ends the filter, the second one the marks.
    world.press("esc");
    assert!(world.screen().contains("pump-02"));
    assert_eq!(marks(&world).len(), 2);
    world.press("esc");
    assert!(marks(&world).is_empty());
    world.press("x");
    assert_eq!(world.remark(), "no server is marked: Space marks one, * marks all");
}

/// This machine could not be marked, although `--on "this machine"` names it in a shell.
#[test]
fn this_machine_is_marked_for_a_command_as_a_saved_server_is() {
    let mut world = fleet(100, 30);
    world.press("space");
    world.press("end space");
    assert_eq!(marks(&world), ["pump-01", "this machine"]);
    let servers = world.state.servers.clone();
    world.tell(Msg::Servers(servers));
    assert_eq!(marks(&world).len(), 2, "the marks stay when the list is read again");
    world.press("x");
    let screen = world.screen();
    assert!(screen.contains("Command on 2 servers"), "{screen}");
    let row = screen.lines().find(|line| line.contains("this machine")).unwrap();
    assert!(row.contains("not running"), "{row}");
    let effects = world.enter("uptime");
    assert!(
        matches!(&effects[0], Effect::FanOut { boxes, .. } if *boxes == ["pump-01", "this machine"]),
        "{effects:?}"
    );
    world.press("esc y esc esc esc");
    let mut world = fleet(100, 30);
    world.tell(Msg::Found(vec![probes::find("garage", "192.168.1.12", None)]));
    world.press("end space");
    assert_eq!(world.remark(), "garage is not saved yet: press a to save it");
}

#[test]
fn a_filter_that_hides_the_chosen_server_chooses_one_that_is_shown() {
    let mut world = fleet(100, 30);
    world.press("/");
    world.write("04");
    assert_eq!(world.state.picker.at, 3);
    world.write("x");
    assert!(
        world.screen().contains("No server passes the filter: Esc clears it."),
        "{}",
        world.screen()
    );
    world.press("esc down");
    assert_eq!(world.state.picker.at, 4, "this machine");
}

#[test]
fn the_other_saved_servers_are_asked_in_rounds_and_show_how_old_their_answer_is() {
    let mut world = fleet(100, 30);
    let effects = world.wait(0);
    let of_all = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::ProbeAll { round, servers } => {
                let names = servers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
                Some((*round, names))
            }
            _ => None,
        })
    };
    let (round, names) = of_all(&effects).unwrap();
    assert_eq!(names, ["pump-02", "pump-03", "pump-04"]);
    let reach = |world: &mut World, round, server: &str, reach| {
        let (server, via) = (server.to_owned(), Via::Lan);
        world.tell(Msg::ServerReached { round, server, via, reach });
    };
    let down = |lasting| ProbeResult::Down {
        words: "refused: nothing listens there",
        sentence: "nothing listens there".into(),
        lasting,
    };
    reach(&mut world, round, "pump-02", ProbeResult::Up(7));
    reach(&mut world, round, "pump-03", down(false));
    reach(&mut world, round, "pump-04", down(true));
    reach(&mut world, round + 100, "pump-02", down(true));
    let drawn = world.screen();
    assert!(drawn.contains("● LAN 7 ms") && drawn.matches("✗ refused").count() == 2, "{drawn}");
    // What this device was refused is not asked again by itself.
    let (_, names) = of_all(&world.wait(4_000)).unwrap();
    assert_eq!(names, ["pump-02", "pump-03"]);
    world.wait(3_000);
    let standing = |world: &World, nth: usize| {
        all_servers::standing(&world.state, &world.state.servers[nth]).1
    };
    assert_eq!(standing(&world, 1), "LAN 7 ms · 7 s ago");
    // A screen that is not watched counts nothing.
    world.wait(300_000);
    assert_eq!(standing(&world, 1), "LAN 7 ms · at 09:14:00");
    assert!(of_all(&world.wait(4_000)).is_none());
    // Another address: what was known is forgotten.
    let mut servers = world.state.servers.clone();
    servers[1].lan = Some("192.168.1.99".into());
    world.tell(Msg::Servers(servers));
    assert!(!standing(&world, 1).contains("LAN 7 ms"));
}

#[test]
fn a_line_runs_on_the_marked_servers_and_its_results_are_grouped_and_shown_whole() {
    let mut world = fleet(100, 30);
    let id = start(&mut world, "uptime --short");
    let drawn = world.screen();
    assert!(drawn.contains("4 servers ❯ uptime --short") && drawn.contains("0 of 4"), "{drawn}");
    ended(&mut world, id, 1, unreachable("nothing listens at 192.168.1.2"));
    ended(&mut world, id, 0, Outcome::NotStarted(NotStarted::Cancelled));
    ended(&mut world, id, 3, unreachable("nothing listens at 192.168.1.2"));
    assert!(world.screen().contains("○ nothing listens at"), "{}", world.screen());
    ended(&mut world, id, 2, unreachable("no \u{1b}[2Janswer"));
    world.tell(Msg::FanOut { id, event: FanOutEvent::Done });
    assert_clean(&world);
    let drawn = world.screen();
    assert!(drawn.contains("○ 2 not reached     pump-02 pump-04"), "{drawn}");
    assert!(drawn.contains("0 of 4"), "{drawn}");
    world.press("enter");
    assert!(!world.screen().contains("pump-03"), "one group only: {}", world.screen());
    world.press("esc down enter");
    assert!(world.screen().contains("pump-03"), "{}", world.screen());
    world.press("esc");
    assert!(world.press("esc").is_empty() && world.state.views.is_empty());
    assert_eq!(marks(&world).len(), 4, "the marks stay for the next command");
}

#[test]
fn a_command_that_must_be_confirmed_starts_only_with_the_number_of_its_boxes() {
    let waiting = || {
        let one = |index| WaitingBox {
            index,
            effect: command::Effect::Destructive,
            question: Some("Drain zone 3?".into()),
        };
        FanOutEvent::ConfirmationNeeded(vec![one(0), one(2)])
    };
    let mut world = fleet(100, 30);
    let id = start(&mut world, "drain 3");
    ended(&mut world, id, 1, unreachable("away"));
    world.tell(Msg::FanOut { id, event: waiting() });
    let drawn = world.screen();
    for part in ["Type 2 to run it on 2 servers", "pump-01", "destructive", "Drain zone 3?"] {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    assert!(drawn.contains("Not among them:"), "{drawn}");
    world.write("4");
    assert!(world.press("enter").is_empty());
    assert!(world.screen().contains("That is not 2"), "{}", world.screen());
    world.press("backspace 2");
    let order = FanOutOrder::Confirm;
    assert_eq!(world.press("enter"), [Effect::FanOutOrder { id, order }]);

    let mut world = fleet(100, 30);
    let id = start(&mut world, "drain 3");
    world.tell(Msg::FanOut { id, event: waiting() });
    let order = FanOutOrder::Decline;
    assert_eq!(world.press("esc"), [Effect::FanOutOrder { id, order }]);
}

/// The time of a command counted the time that its user took to type the number.
#[test]
fn the_time_of_a_command_is_without_that_of_its_question() {
    let mut world = fleet(100, 30);
    let id = start(&mut world, "drain 3");
    let one = |index| WaitingBox { index, effect: command::Effect::Destructive, question: None };
    world.wait(2_000);
    let waiting = (0..4).map(one).collect();
    world.tell(Msg::FanOut { id, event: FanOutEvent::ConfirmationNeeded(waiting) });
    // A command that names no effect waited for the number, and nothing said why.
    let why = "A command is destructive if its declaration says so, or names no effect.";
    assert!(world.screen().contains(why), "{}", world.screen());
    world.wait(60_000);
    world.press("4 enter");
    world.wait(3_000);
    (0..4).for_each(|index| ended(&mut world, id, index, unreachable("away")));
    world.tell(Msg::FanOut { id, event: FanOutEvent::Done });
    assert!(world.screen().contains("0 of 4 · 5.0 s"), "{}", world.screen());
}

#[test]
fn two_saved_servers_with_one_key_are_one_and_the_line_says_so() {
    for (width, height) in [(40, 10), (100, 30)] {
        let mut world = fleet(width, height);
        let mut servers = world.state.servers.clone();
        servers[3].pin = servers[1].pin.clone();
        world.tell(Msg::Servers(servers));
        world.press("* x");
        let screen = world.screen();
        assert!(screen.contains("Command on 3 servers"), "{screen}");
        for words in ["▲ pump-04 has the key of pump-02", "once"] {
            assert!(screen.contains(words), "{words}: {screen}");
        }
    }
}

#[test]
fn a_running_command_is_cancelled_after_a_question() {
    let mut world = fleet(100, 30);
    let id = start(&mut world, "uptime");
    assert!(world.press("ctrl-c").is_empty());
    assert!(world.screen().contains("Stop it on 4 servers?"), "{}", world.screen());
    world.press("esc esc");
    let effects = world.press("tab enter");
    assert_eq!(effects, [Effect::FanOutOrder { id, order: FanOutOrder::Cancel }]);
    assert!(world.screen().contains("cancelling …"), "{}", world.screen());
}

#[test]
fn a_line_that_cannot_be_sent_says_why_and_stays() {
    let mut world = fleet(80, 24);
    world.press("*");
    // Enter on marked servers is for all of them.
    world.press("enter");
    assert!(world.press("enter").is_empty());
    assert!(world.screen().contains("Type a command"), "{}", world.screen());
    assert!(world.enter("say 'half").is_empty());
    assert!(world.screen().contains("✗ "), "{}", world.screen());
    let effects = world.press("' enter");
    let [Effect::FanOut { id, ref words, ref boxes }] = effects[..] else { panic!("{effects:?}") };
    assert_eq!((words.len(), boxes.len()), (2, 4));
    let why = "there is no saved server pump-02".to_owned();
    world.tell(Msg::FanOut { id, event: FanOutEvent::Failed(why) });
    assert!(world.screen().contains("✗ there is no saved server pump-02"), "{}", world.screen());
}

/// The line for four boxes, with the menu of a server as the cached one of them all, and two earlier lines.
pub(crate) fn known(width: u16, height: u16) -> (World, u64) {
    let mut world = fleet(width, height);
    world.press("*");
    let effects = world.press("x");
    let read = effects.iter().find_map(|effect| match effect {
        Effect::ReadMenus { id, servers } => Some((*id, servers.len())),
        _ => None,
    });
    let (id, 4) = read.unwrap() else { panic!("{effects:?}") };
    world.tell(Msg::FanOut { id, event: FanOutEvent::Menus(vec![menu().commands]) });
    let server = SEVERAL_BOXES.to_owned();
    assert!(effects.contains(&Effect::LoadHistory { server: server.clone() }), "{effects:?}");
    world.tell(Msg::History { server, lines: vec!["zone-run 3".into(), "temp".into()] });
    (world, id)
}

/// The box of a line for several boxes completed nothing and remembered nothing.
#[test]
fn the_line_for_several_boxes_completes_commands_and_arguments_and_takes_a_click() {
    let (mut world, _) = known(100, 30);
    world.write("te");
    world.press("tab");
    assert!(world.screen().contains("❯ temp "), "{}", world.screen());
    world.press("ctrl-u z tab");
    let drawn = world.screen();
    assert!(drawn.contains("❯ zone") && drawn.contains("All zones"), "{drawn}");
    world.click_on("Run a zone");
    assert!(world.screen().contains("❯ zone-run "), "{}", world.screen());
    assert!(world.screen().contains("zone int"), "{}", world.screen());
    world.write("3 --m");
    world.press("tab");
    assert!(world.screen().contains("❯ zone-run 3 --minutes"), "{}", world.screen());
    assert_eq!(world.state.views.len(), 1);
}

#[test]
fn the_line_for_several_boxes_has_a_history_that_goes_to_the_disk() {
    let (mut world, _) = known(100, 30);
    world.press("up up");
    assert!(world.screen().contains("❯ zone-run 3"), "{}", world.screen());
    world.press("ctrl-u ctrl-r t");
    let effects = world.press("enter");
    let [Effect::FanOut { words, .. }] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(words, &["temp"], "it was the last line already");
    let (mut world, _) = known(100, 30);
    let effects = world.enter("zones");
    let saved = Effect::SaveHistory { server: SEVERAL_BOXES.to_owned(), line: "zones".to_owned() };
    assert_eq!(effects[1..], [saved]);
}

#[test]
fn a_secret_on_the_line_for_several_boxes_is_shown_nowhere_and_not_kept() {
    let (mut world, id) = known(100, 30);
    let mut commands = menu().commands;
    let login = json!({"name": "login", "args": [{"name": "pw", "type": "secret"}]});
    commands.push(serde_json::from_value(login).unwrap());
    // Only one of the boxes has the command.
    let menus = vec![menu().commands, commands];
    world.tell(Msg::FanOut { id, event: FanOutEvent::Menus(menus) });
    world.write("login hunter22");
    assert!(!world.screen().contains("hunter"), "{}", world.screen());
    let effects = world.press("enter");
    assert!(matches!(effects[..], [Effect::FanOut { .. }]), "{effects:?}");
    assert!(!world.screen().contains("hunter"), "{}", world.screen());
}
