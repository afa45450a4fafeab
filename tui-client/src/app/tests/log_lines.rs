//! The server's log: its last lines, those that come, both filters, a reader who looks back, and another session.

use topside_shared::SubscriptionId;
use topside_shared::methods::LogEntries;
use topside_shared::notifications::{EventsDropped, LogEntry};

use super::admin_actions::admin;
use super::*;
use crate::connect::DisconnectReason;
use crate::views::log::{KEPT, LogView};
use crate::views::tests::assert_clean;

/// A line of the log, this many seconds after the start.
pub(crate) fn entry(second: u64, level: &str, message: &str, fields: &Value) -> LogEntry {
    let time = Time::from_millis(START).plus_millis(second * 1_000);
    serde_json::from_value(json!({
        "time": time, "level": level, "message": message, "fields": fields,
    }))
    .unwrap()
}

/// The methods of the requests of a view that opens.
const ASKED: [&str; 2] = ["log/tail", "events/subscribe"];

fn numbered(numbers: std::ops::Range<u64>) -> Vec<LogEntry> {
    numbers.map(|n| entry(n, "info", &format!("line {n}"), &json!({}))).collect()
}

fn begin(world: &mut World, id: u64, log: &[LogEntry]) -> Vec<Effect> {
    let snapshot = json!({"log": log});
    let subscribed = json!({"subscriptionId": id, "snapshot": snapshot});
    let of_log = |sent: &world::Sent| sent.ask.params["topics"] == json!(["log"]);
    world.answer_to::<EventsSubscribe>(of_log, Ok(serde_json::from_value(subscribed).unwrap()))
}

fn answer(world: &mut World, id: u64, tail: Vec<LogEntry>, snapshot: &[LogEntry]) {
    world.answer::<LogTail>(Ok(LogEntries { entries: tail }));
    assert!(begin(world, id, snapshot).is_empty());
}

/// The log of a server on which people come and go.
pub(crate) fn read(width: u16, height: u16) -> World {
    let mut world = admin(width, height);
    world.now = 60_000;
    world.press("alt-l");
    let mut entries = vec![entry(0, "info", "server started", &json!({"version": "0.1.0"}))];
    entries.extend((1..30).map(|n| {
        let fields = json!({"client": n + 3, "address": format!("192.168.1.{n}:52114")});
        entry(n, "info", "client connected", &fields)
    }));
    let fields = json!({
        "run": 12, "program": "zone-run",
        "error": "it left processes behind that do not belong to its group, and the valve may still be open",
    });
    entries.push(entry(31, "error", "a run went wrong", &fields));
    entries.push(entry(32, "warn", "slow reader", &json!({"client": 9})));
    answer(&mut world, 3, entries, &[]);
    world
}

fn view(world: &World) -> &LogView {
    world.state.top_view::<LogView>().unwrap()
}

fn lines(world: &World) -> Vec<String> {
    let view = view(world);
    view.shown().iter().map(|number| view.line(*number).unwrap().text()).collect()
}

fn chosen(world: &World) -> String {
    lines(world).swap_remove(view(world).place())
}

/// The requests that ask for the log, or end its subscription.
fn calls(effects: &[Effect]) -> Vec<String> {
    let call = |effect: &Effect| match effect {
        Effect::Ask { ask, .. } if ask.method == EventsUnsubscribe::METHOD => {
            format!("unsubscribe {}", ask.params["subscriptionId"])
        }
        Effect::Ask { ask, .. } => ask.method.name().to_owned(),
        _ => panic!("{effect:?}"),
    };
    effects.iter().map(call).collect()
}

fn came(world: &mut World, numbers: std::ops::Range<u64>) {
    for entry in numbered(numbers) {
        assert!(world.notice(Notification::LogEntry(entry)).is_empty());
    }
}

#[test]
fn the_last_lines_are_read_the_new_ones_come_by_themselves_and_both_only_once() {
    let mut world = admin(80, 24);
    let effects = world.press("alt-l");
    assert_eq!(calls(&effects), ASKED);
    // Two lines came between the two answers.
    answer(&mut world, 3, numbered(1..5), &numbered(3..7));
    came(&mut world, 7..9);
    let all: Vec<String> = (1..9).map(|n| format!("line {n}")).collect();
    assert_eq!(lines(&world), all);
    let effects = world.press("esc");
    assert_eq!(calls(&effects), ["unsubscribe 3"]);
    assert!(world.notice(Notification::LogEntry(entry(9, "info", "late", &json!({})))).is_empty());
}

#[test]
fn without_access_to_the_log_the_view_shows_why() {
    let mut world = World::connected(80, 24);
    world.console().welcome.you.role = topside_shared::Role::Viewer;
    assert!(world.press("alt-l").is_empty());
    assert!(world.state.views.is_empty());
    assert_eq!(world.remark(), "your role, viewer, may not do this");
    // A key that may use some commands only finds out from the server.
    let mut world = admin(80, 24);
    world.press("alt-l");
    world.answer::<LogTail>(Err(refusal("no")));
    world.answer::<EventsSubscribe>(Err(refusal("this key may \u{1b}[2Jnot hear of the log")));
    let shown = world.screen();
    assert!(shown.contains("not told: this key may [2Jnot hear of the log"), "{shown}");
    assert!(world.press("esc").is_empty(), "there is nothing to end");
}

#[test]
fn a_view_that_is_closed_before_its_answer_ends_what_that_begins() {
    let mut world = admin(80, 24);
    world.press("alt-l");
    assert!(world.press("esc").is_empty());
    // Another look waits for the end of the first one.
    assert!(world.press("alt-l").is_empty());
    world.answer::<LogTail>(Ok(LogEntries { entries: numbered(1..5) }));
    let effects = begin(&mut world, 3, &numbered(1..5));
    assert_eq!(calls(&effects), ["unsubscribe 3", "log/tail", "events/subscribe"]);
    came(&mut world, 5..6);
    answer(&mut world, 4, numbered(1..6), &numbered(1..6));
    assert_eq!(lines(&world).len(), 5, "none of the first subscription");
    world.press("esc");

    world.press("alt-l");
    world.press("esc");
    let effects = begin(&mut world, 5, &numbered(1..5));
    assert_eq!(calls(&effects), ["unsubscribe 5"]);
}

#[test]
fn lines_are_filtered_by_level_and_by_any_word() {
    let mut world = admin(80, 24);
    world.press("alt-l");
    let of = |n, level| entry(n, level, level, &json!({"client": n}));
    let entries =
        vec![of(1, "trace"), of(2, "debug"), of(3, "info"), of(4, "warn"), of(5, "error")];
    answer(&mut world, 3, entries, &[]);
    let steps = [
        (["info client=3", "warn client=4", "error client=5"].as_slice(), "from info"),
        (&["debug client=2", "info client=3", "warn client=4", "error client=5"], "from debug"),
        (
            &[
                "trace client=1",
                "debug client=2",
                "info client=3",
                "warn client=4",
                "error client=5",
            ],
            "all levels",
        ),
        (&["error client=5"], "errors only"),
        (&["warn client=4", "error client=5"], "from warn"),
    ];
    for (want, words) in steps {
        assert_eq!(lines(&world), want);
        assert!(world.screen().contains(words), "{}", world.screen());
        world.press("tab");
    }
    world.press("backtab");
    assert_eq!(lines(&world).len(), 2);
    world.write("/WARN client");
    assert_eq!(lines(&world), ["warn client=4"]);
    world.notice(Notification::LogEntry(of(6, "warn")));
    world.notice(Notification::LogEntry(of(7, "error")));
    assert_eq!(lines(&world), ["warn client=4", "warn client=6"]);
    world.press("ctrl-u");
    world.tell(Msg::Paste("client=7\nnot this".into()));
    assert_eq!(lines(&world), ["error client=7"]);
    world.write("x");
    assert!(
        world.screen().contains("Nothing matches the filter: Esc clears it."),
        "{}",
        world.screen()
    );
}

#[test]
fn a_scrolled_log_stays_counts_new_lines_and_follows_again_after_end() {
    let mut world = admin(80, 24);
    world.press("alt-l");
    answer(&mut world, 3, numbered(1..101), &[]);
    assert_eq!(chosen(&world), "line 100");
    world.press("up up");
    let before = world.screen();
    assert!(before.contains("scrolled up · End follows"), "{before}");
    came(&mut world, 101..1305);
    assert_eq!(chosen(&world), "line 98");
    let rows = |screen: &str| {
        let rows = screen.lines().filter(|row| row.contains("info   line"));
        rows.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&world.screen()), rows(&before), "nothing moves");
    assert!(world.screen().contains("↓ 1,204 new · End follows"), "{}", world.screen());
    world.press("end");
    assert_eq!(chosen(&world), "line 1304");
    came(&mut world, 1305..1306);
    assert_eq!(chosen(&world), "line 1305");
    // Below the last line it goes on, too.
    world.press("pgup pgdn down");
    came(&mut world, 1306..1307);
    assert_eq!(chosen(&world), "line 1306");
    world.tell(Msg::Wheel { rows: -3, at: Position::new(1, 1) });
    assert_eq!(chosen(&world), "line 1303");
    world.press("home");
    assert_eq!(chosen(&world), "line 1");
    // A page has as many lines as are seen, at every size.
    for (width, height) in crate::views::tests::SIZES {
        world.tell(Msg::Resize(Size { width, height }));
        world.press("home pgdn");
        let seen = rows(&world.screen()).len();
        assert_eq!(chosen(&world), format!("line {}", seen + 1), "{width}x{height}");
    }
}

#[test]
fn a_limited_number_of_lines_is_kept_and_the_others_are_counted() {
    let mut world = admin(80, 24);
    world.press("alt-l");
    answer(&mut world, 3, Vec::new(), &[]);
    came(&mut world, 0..KEPT as u64);
    world.press("home");
    assert!(!world.screen().contains("not kept"));
    assert_eq!(lines(&world).len(), KEPT);
    came(&mut world, KEPT as u64..KEPT as u64 + 7);
    assert_eq!(lines(&world).len(), KEPT);
    assert_eq!(chosen(&world), "line 7", "the one that he stood on is gone");
    assert!(world.screen().contains("7 older lines are not kept"), "{}", world.screen());
}

#[test]
fn lines_that_did_not_come_are_counted_where_they_are_missing() {
    let mut world = admin(80, 24);
    world.press("alt-l");
    answer(&mut world, 3, numbered(1..3), &[]);
    let dropped = |id, count| {
        Notification::EventsDropped(EventsDropped { subscription_id: SubscriptionId(id), count })
    };
    world.notice(dropped(8, 5));
    world.notice(dropped(3, 1_204));
    came(&mut world, 3..4);
    let want = ["line 1", "line 2", "1,204 lines did not reach this screen", "line 3"];
    assert_eq!(lines(&world), want);
    // No filter hides it.
    world.write("/line 3");
    assert_eq!(lines(&world), want[2..]);
}

#[test]
fn another_session_goes_on_behind_the_last_line_and_says_where_lines_may_be_missing() {
    let mut world = admin(80, 24);
    world.press("alt-l");
    answer(&mut world, 3, numbered(1..4), &numbered(1..4));
    let again = |world: &mut World| {
        world.event(Event::Lost(DisconnectReason::Gone));
        assert!(world.screen().contains("no session · reconnecting in "), "{}", world.screen());
        let effects = world.wait(31_000);
        let [Effect::Dial { attempt, .. }] = effects[..] else { panic!("{effects:?}") };
        let welcome = Box::new(welcome());
        let reached = locally();
        let effects =
            world.tell(Msg::Dialled { attempt, welcome, reached, embedded_server: false });
        let mut asked = calls(&effects);
        // The header asks for its load.
        asked.retain(|method| method != "server/status");
        assert!(asked.ends_with(&ASKED.map(str::to_owned)), "{asked:?}");
    };
    again(&mut world);
    answer(&mut world, 1, numbered(1..6), &numbered(1..6));
    came(&mut world, 6..7);
    let ended = "sprinkler lost: connection closed without a reason";
    let mut want = vec!["line 1", "line 2", "line 3", ended, "connected again"];
    want.extend(["line 4", "line 5", "line 6"]);
    assert_eq!(lines(&world), want);

    // The log of a server that was started anew begins anew.
    again(&mut world);
    answer(&mut world, 1, numbered(20..22), &numbered(20..22));
    want.extend([ended, "connected again; lines before this one may be missing"]);
    want.extend(["line 20", "line 21"]);
    assert_eq!(lines(&world), want);
}

#[test]
fn a_line_steers_no_terminal_and_the_chosen_one_is_shown_whole() {
    let mut world = read(60, 15);
    let text = "x".repeat(300) + " the end of it";
    let fields = json!({"name\u{1b}": "a\u{9b}b\u{202e}c", "text": text});
    world.notice(Notification::LogEntry(entry(40, "info", "odd \u{1b}[2Jline", &fields)));
    assert_clean(&world);
    let shown = world.screen();
    assert!(shown.contains("odd [2Jline name=\"abc\""), "{shown}");
    assert!(!shown.contains("the end of it"), "{shown}");
    world.press("enter end");
    assert_clean(&world);
    let shown = world.screen();
    assert!(shown.contains("the end of it"), "{shown}");
    world.press("esc");
    assert!(!world.screen().contains("the end of it"));
}

/// Each verb added two lines.
#[test]
fn a_connection_that_has_ended_is_one_line_with_the_fields_of_both() {
    let mut world = admin(80, 24);
    world.press("alt-l");
    let connected = |n: u64, client: u64| {
        let fields = json!({"client": client, "address": "pid 4120", "user": "ann"});
        entry(n, "info", "client connected", &fields)
    };
    let ended = |n: u64, client: u64| {
        let fields = json!({"client": client, "reason": "left"});
        entry(n, "info", "client disconnected", &fields)
    };
    let tail = vec![connected(1, 4), connected(2, 5), ended(3, 4)];
    answer(&mut world, 3, tail.clone(), &tail[1..]);
    let first = "client disconnected client=4 reason=left address=\"pid 4120\" user=ann";
    let want = [
        "client connected address=\"pid 4120\" client=5 user=ann",
        &format!("{first} connected_for=\"2.0 s\""),
    ];
    assert_eq!(lines(&world), want, "the snapshot behind the seam adds no line");
    world.notice(Notification::LogEntry(ended(9, 5)));
    assert_eq!(lines(&world).len(), 2);
    // A connection of which only the end is known keeps its line.
    world.notice(Notification::LogEntry(ended(10, 77)));
    assert_eq!(lines(&world)[2], "client disconnected client=77 reason=left");
    // What a reader who looks back has on the screen stays there.
    world.notice(Notification::LogEntry(connected(11, 8)));
    world.press("up");
    world.notice(Notification::LogEntry(ended(12, 8)));
    assert_eq!(lines(&world).len(), 5);
}

#[test]
fn f_shows_failures_only_and_is_a_letter_once_a_filter_is_typed() {
    let mut world = admin(80, 24);
    world.press("alt-l");
    let run = |n: u64, state: &str| {
        entry(n, "info", "run ended", &json!({"command": "zone-run", "run": n, "state": state}))
    };
    let refused = entry(4, "warn", "key refused", &json!({"key": "3f9a12c0".repeat(8)}));
    answer(
        &mut world,
        3,
        vec![run(1, "succeeded"), run(2, "failed"), run(3, "succeeded"), refused],
        &[],
    );
    let drawn = world.screen();
    assert!(drawn.contains("✗ info   run ended command=zone-run run=2 state=failed"), "{drawn}");
    assert!(drawn.contains("✗ warn   key refused key=3f9a12c0…"), "{drawn}");
    assert!(drawn.contains(&"3f9a12c0".repeat(7)), "complete below: {drawn}");
    assert!(drawn.contains("LEVEL"), "{drawn}");
    world.press("f");
    assert_eq!(lines(&world).len(), 2);
    assert!(world.screen().contains("failures only"), "{}", world.screen());
    world.press("f");
    assert_eq!(lines(&world).len(), 4);
    world.write("/failed");
    assert_eq!(lines(&world).len(), 1);
    world.press("backspace backspace f");
    assert_eq!(lines(&world), Vec::<String>::new(), "`failef`");
}
