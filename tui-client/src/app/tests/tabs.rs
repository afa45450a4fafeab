//! Several servers at once: each in a tab of its own.

use topside_shared::notifications::{EndCode, SessionEnded};

use super::super::tabs::{MOST, Tab};
use super::*;
use crate::connect::DisconnectReason;

/// Opens a tab for a saved server, and connects there; its session.
pub(crate) fn open(world: &mut World, name: &str) -> u64 {
    world.press("ctrl-t");
    connect(world, name)
}

/// Connects the tab without a server; its session.
fn connect(world: &mut World, name: &str) -> u64 {
    let place = world.state.servers.iter().position(|profile| profile.name == name).unwrap();
    picker::choose(&mut world.state, place);
    let effects = world.press("enter");
    let Some(Effect::Dial { attempt, .. }) = effects.last() else { panic!("{effects:?}") };
    let attempt = *attempt;
    dialled(world, attempt, name);
    attempt
}

fn dialled(world: &mut World, attempt: u64, name: &str) -> Vec<Effect> {
    let mut welcome = Box::new(welcome());
    welcome.server.hostname = name.to_owned();
    let reached = by(Via::Lan, "192.168.1.10:8677");
    world.tell(Msg::Dialled { attempt, welcome, reached, embedded_server: false })
}

/// A screen with paired servers, the first two of which are connected, each in a tab; their sessions.
pub(crate) fn two_tabs(width: u16, height: u16) -> (World, u64, u64) {
    let mut world = World::new(width, height);
    let profiles = ["garden", "clock", "pump"].map(|name| Profile {
        name: name.into(),
        lan: Some("192.168.1.10".into()),
        internet: None,
        port: DEFAULT_PORT,
        internet_port: None,
        tags: Vec::new(),
        pin: Some(pin(1).to_string()),
    });
    world.tell(Msg::Servers(profiles.into()));
    let garden = connect(&mut world, "garden");
    world.answer::<CommandsList>(Ok(menu()));
    world.answer::<EventsSubscribe>(Ok(subscribed()));
    let clock = open(&mut world, "clock");
    world.answer::<CommandsList>(Ok(menu()));
    world.answer::<EventsSubscribe>(Ok(subscribed()));
    (world, garden, clock)
}

fn names(world: &World) -> Vec<&str> {
    world.state.tabs.iter().map(Tab::name).collect()
}

fn shown(world: &World) -> String {
    world.state.name().to_owned()
}

pub(crate) fn hear(world: &mut World, session: u64, notice: Notification) -> Vec<Effect> {
    world.tell(Msg::Session { session, event: Event::Notice(Box::new(notice)) })
}

fn unread(world: &World) -> Vec<bool> {
    world.state.tabs.iter().map(|tab| tab.unread).collect()
}

#[test]
fn each_tab_has_its_own_input_console_and_views() {
    let (mut world, ..) = two_tabs(80, 24);
    assert_eq!(names(&world), ["garden", "clock"]);
    world.write("zone-run 4");
    world.press("alt-1");
    assert_eq!((shown(&world).as_str(), world.input().as_str()), ("garden", ""));
    world.write("temp");
    world.press("f3");
    world.press("alt-2");
    assert!(world.state.views.is_empty());
    assert_eq!(world.input(), "zone-run 4");
    world.press("ctrl-pgup");
    assert!(world.state.top_view::<Palette>().is_some(), "a view stays with its tab");
    world.press("esc");
    assert_eq!(world.input(), "temp");
}

/// Two servers with one name had the same tab and the same prompt.
#[test]
fn servers_with_one_name_have_their_route_and_address_behind_it() {
    let (mut world, ..) = two_tabs(120, 24);
    assert!(!world.screen().contains("(LAN"), "{}", world.screen());
    world.press("ctrl-t end");
    let effects = world.press("enter");
    let Some(Effect::Dial { attempt, .. }) = effects.last() else { panic!("{effects:?}") };
    let (attempt, mut welcome) = (*attempt, Box::new(welcome()));
    welcome.server.hostname = "clock".to_owned();
    let reached = by(Via::Same, "/run/topside.sock");
    world.tell(Msg::Dialled { attempt, welcome, reached, embedded_server: false });
    let screen = world.screen();
    let strip = screen.lines().next().unwrap();
    assert!(strip.contains("1 garden ●  2 clock (LAN 192.168.1.10:8677) ●"), "{strip}");
    assert!(strip.contains("3 clock (same machine) ●"), "{strip}");
    let prompt = |world: &World| world.screen().lines().rev().nth(1).unwrap().to_owned();
    assert!(prompt(&world).starts_with(" clock (same machine)"), "{}", prompt(&world));
    world.press("alt-2");
    assert!(prompt(&world).starts_with(" clock (LAN 192.168"), "{}", prompt(&world));
}

/// `Ctrl-T` and Enter at a server that is open goes to its tab.
#[test]
fn enter_at_a_server_that_is_open_goes_to_its_tab_by_any_route() {
    let (mut world, ..) = two_tabs(120, 24);
    for keys in ["ctrl-t enter", "ctrl-t right down enter"] {
        let effects = world.press(keys);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Dial { .. })), "{effects:?}");
        assert_eq!((world.state.tabs.len(), shown(&world).as_str()), (2, "clock"), "{keys}");
    }
}

#[test]
fn the_output_of_a_hidden_tab_arrives_and_is_marked_until_the_tab_is_shown() {
    let (mut world, garden, _) = two_tabs(80, 24);
    world.press("alt-1");
    world.write("temp");
    let effects = world.press("enter");
    let block = world.block_of(&effects);
    hear(&mut world, garden, Notification::RunChanged(Box::new(running(31, "temp"))));
    world.press("alt-2");
    assert_eq!(unread(&world), [false, false]);
    hear(&mut world, garden, printed(31, "12 C\n"));
    assert_eq!((shown(&world).as_str(), unread(&world)), ("clock", vec![true, false]));
    world.press("alt-1");
    assert_eq!(unread(&world), [false, false]);
    assert_eq!(world.console().runs.text(block), "12 C\n");
}

#[test]
fn the_end_of_a_session_in_a_hidden_tab_is_reported_and_the_tab_reconnects() {
    let (mut world, garden, _) = two_tabs(80, 24);
    world.write("half a line");
    let lost = Event::Lost(DisconnectReason::Gone);
    world.tell(Msg::Session { session: garden, event: lost });
    assert!(world.remark().starts_with("garden lost: "), "{}", world.remark());
    assert!(matches!(world.state.link, ConnectionState::Connected { .. }));
    let effects = world.wait(1_000);
    let [Effect::Dial { attempt, ref target, .. }] = effects[..] else { panic!("{effects:?}") };
    assert_eq!(target.server.as_deref(), Some("garden"));
    dialled(&mut world, attempt, "garden");
    assert_eq!((shown(&world).as_str(), world.input().as_str()), ("clock", "half a line"));
    assert!(world.remark().starts_with("garden: reconnected to garden"), "{}", world.remark());
    assert!(world.state.tabs.iter().all(|tab| tab.session().is_some()));
}

#[test]
fn the_text_of_a_tab_stays_when_its_server_has_gone() {
    let (mut world, garden, _) = two_tabs(80, 24);
    let ended = SessionEnded {
        code: EndCode::Shutdown,
        by: "phone (#4)".into(),
        reason: "moving".into(),
        ..serde_json::from_value(json!({"code": "shutdown"})).unwrap()
    };
    hear(&mut world, garden, Notification::Ended(ended));
    world.tell(Msg::Session { session: garden, event: Event::Lost(DisconnectReason::Gone) });
    assert_eq!(names(&world), ["garden", "clock"]);
    world.press("alt-1");
    assert!(matches!(world.state.link, ConnectionState::Lost(_)));
    assert!(!world.console().runs.is_empty());
}

#[test]
fn a_server_that_is_open_already_is_gone_to_and_not_dialled_twice() {
    let (mut world, ..) = two_tabs(80, 24);
    world.press("ctrl-t");
    assert_eq!(world.state.tabs.len(), 3);
    picker::choose(&mut world.state, 0);
    let effects = world.press("enter");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Dial { .. })), "{effects:?}");
    assert_eq!((shown(&world).as_str(), world.state.tabs.len()), ("garden", 2));
    assert_eq!(world.remark(), "garden is open in this tab already.");
}

#[test]
fn esc_in_a_new_tab_goes_back_to_the_tab_it_was_opened_from() {
    let (mut world, ..) = two_tabs(80, 24);
    world.press("alt-1");
    world.write("temp");
    world.press("ctrl-t");
    assert!(matches!(world.state.screen, Screen::Picker));
    let effects = world.press("esc");
    assert_eq!(effects, [Effect::Browse(false)]);
    assert_eq!((shown(&world).as_str(), world.input().as_str()), ("garden", "temp"));
    assert_eq!(names(&world), ["garden", "clock"]);
}

/// A hidden picker woke the program up fourteen times a second.
#[test]
fn the_lan_is_not_listened_to_for_a_hidden_picker() {
    let (mut world, ..) = two_tabs(80, 24);
    assert!(world.press("ctrl-t").contains(&Effect::Browse(true)));
    assert_eq!(world.press("alt-1"), [Effect::Browse(false)]);
    assert_eq!(world.press("alt-2"), [Effect::Browse(false)]);
    assert_eq!(world.press("alt-3"), [Effect::Browse(true)]);
    // A closed tab may leave the picker on the screen.
    world.press("alt-2");
    assert!(world.press("alt-w").contains(&Effect::Browse(true)));
}

#[test]
fn one_tab_at_most_shows_the_picker() {
    let (mut world, ..) = two_tabs(80, 24);
    world.press("ctrl-t");
    world.press("alt-1");
    world.press("ctrl-t");
    assert_eq!((names(&world), shown(&world).as_str()), (vec!["garden", "clock", "new"], "new"));
    world.press("alt-2 f4");
    assert_eq!((names(&world), shown(&world).as_str()), (vec!["garden", "new"], "new"));
}

#[test]
fn a_tab_closes_at_once_where_nothing_is_lost_and_asks_else() {
    let (mut world, _, clock) = two_tabs(80, 24);
    assert_eq!(world.press("alt-w"), [Effect::HangUp { session: clock }]);
    assert_eq!((names(&world), world.state.strip_rows()), (vec!["garden"], 0));
    assert!(world.press("alt-w").is_empty(), "one tab has no other to go to");
    assert!(world.remark().contains("only one tab is open: Ctrl-T"), "{}", world.remark());
    let clock = open(&mut world, "clock");
    world.write("half a line");
    world.press("alt-w");
    assert!(world.state.top_view::<Confirm>().is_some());
    world.press("esc");
    assert_eq!(names(&world), ["garden", "clock"]);
    world.press("alt-w");
    assert_eq!(world.press("y"), [Effect::HangUp { session: clock }]);
    assert_eq!(names(&world), ["garden"]);
}

#[test]
fn ten_tabs_are_the_most() {
    let (mut world, ..) = two_tabs(80, 24);
    for nth in 3..=MOST {
        let mut profiles = world.state.servers.clone();
        profiles[2].name = format!("box {nth}");
        world.tell(Msg::Servers(profiles));
        open(&mut world, &format!("box {nth}"));
    }
    assert!(world.press("ctrl-t").is_empty());
    assert_eq!(world.remark(), "10 tabs are open, and that is the most: Alt-W closes one.");
    assert_eq!(world.state.tabs.len(), MOST);
    world.press("alt-9");
    assert_eq!(shown(&world), "box 9");
    world.press("alt-0");
    assert_eq!(shown(&world), "box 10");
    world.press("ctrl-tab");
    assert_eq!(shown(&world), "garden", "the first follows the last");
}

#[test]
fn a_number_without_a_tab_says_how_many_there_are() {
    let (mut world, ..) = two_tabs(80, 24);
    world.press("alt-7");
    assert_eq!(world.remark(), "There is no tab 7: 2 are open.");
    assert_eq!(shown(&world), "clock");
}

#[test]
fn a_click_on_the_strip_selects_a_tab_and_other_clicks_are_taken_below_it() {
    let (mut world, ..) = two_tabs(160, 50);
    world.write("half");
    world.click(3, 0);
    assert_eq!(shown(&world), "garden");
    let row = world.screen();
    let row = row.lines().position(|line| line.contains("zone-run ")).unwrap();
    world.click(3, u16::try_from(row).unwrap());
    world.click(3, u16::try_from(row).unwrap());
    assert!(world.state.top_view::<CommandForm>().is_some(), "the row that was drawn there");
}

/// A shutdown of a hidden server counts down in the strip: the screen is drawn again in time.
#[test]
fn a_shutdown_of_a_hidden_server_wakes_the_screen_each_second() {
    let (mut world, garden, _) = two_tabs(80, 24);
    hear(&mut world, garden, closing(Phase::Scheduled, 40_000, "moving"));
    let wanted = "garden shuts down in 0:40 · moving · phone (#4)";
    assert_eq!(world.remark(), wanted);
    assert_eq!(crate::views::changes_in(&world.state), Some(1_000));
}

/// What one session says is never taken for another tab's.
#[test]
fn an_answer_belongs_to_the_tab_that_asked_also_when_another_is_shown() {
    let (mut world, garden, _) = two_tabs(80, 24);
    world.press("alt-1 f12");
    assert!(world.state.top_view::<RunList>().is_some());
    world.press("alt-2");
    let sent = world.pending.iter().position(|sent| sent.ask.method == Method::RunsList).unwrap();
    let sent = world.pending.remove(sent);
    assert_eq!(sent.session, garden);
    let refused = CallError::Refused(RpcError::new(ErrorKind::Forbidden, "not for you"));
    let event = Event::Answer(sent.ask.answer(Err(refused)));
    world.tell(Msg::Session { session: garden, event });
    assert!(world.state.views.is_empty());
    world.press("alt-1");
    let frame = world.screen();
    assert!(frame.contains("not for you"), "{frame}");
}

#[test]
fn quitting_asks_where_other_tabs_have_sessions() {
    let (mut world, ..) = two_tabs(80, 24);
    world.press("ctrl-t");
    assert!(world.press("q").is_empty());
    assert!(world.state.top_view::<Confirm>().is_some());
}

#[test]
fn the_tab_with_the_most_output_drops_its_oldest_once_all_tabs_are_beyond_the_budget() {
    let (mut world, garden, clock) = two_tabs(80, 24);
    let bytes = |world: &World| -> Vec<usize> {
        let consoles = world.state.tabs.iter().filter_map(Tab::console);
        consoles.map(|console| console.runs.pane.bytes()).collect()
    };
    // The second tab is shown; both have finished runs, the first one far more of them.
    for (session, tab, count) in [(garden, "alt-1", 40), (clock, "alt-2", 4)] {
        world.press(tab);
        for nth in 0..count {
            let run = session * 1_000 + nth;
            let output = format!("line {nth} {}\n", "x".repeat(60)).repeat(40);
            world.run("temp", run, &output, ended("succeeded", 0, 5));
        }
    }
    let before = bytes(&world);
    let total: usize = before.iter().sum();
    assert!(before[0] > before[1], "{before:?}");
    world.state.tabs.limit_scrollback_to(total);
    assert_eq!(bytes(&world), before, "exactly the budget is kept");
    world.state.tabs.limit_scrollback_to(total - 1);
    let after = bytes(&world);
    assert!(after[0] < before[0] && after.iter().sum::<usize>() < total, "{after:?}");
    assert_eq!(after[1], before[1], "the smaller one keeps all of its output");
}

#[test]
fn a_shutdown_of_a_server_in_another_tab_is_in_the_list_of_servers() {
    for (width, words) in [(160, "▲ shuts down in 0:40"), (100, "▲ shuts down"), (40, "▲ ")] {
        let (mut world, garden, _) = two_tabs(width, 24);
        world.press("ctrl-t");
        let row = |world: &World| {
            let screen = world.screen();
            let mut lines = screen.lines().skip(1);
            lines.find(|line| line.contains("garden")).unwrap_or_default().to_owned()
        };
        assert!(!row(&world).contains('▲'));
        hear(&mut world, garden, closing(Phase::Scheduled, 40_000, "moving"));
        assert!(row(&world).contains(words), "{width}: {}", row(&world));
        assert!(crate::views::changes_in(&world.state).is_some_and(|ms| ms <= 1_000));
        hear(&mut world, garden, closing(Phase::Cancelled, 0, ""));
        assert!(!row(&world).contains('▲'));
    }
}
