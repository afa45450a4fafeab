//! The input box of a run that asks: which keys it takes, what it shows, and where the text goes.

use topside_shared::RunId;
use topside_shared::methods::MaskedText;

use super::*;

/// A console with the command `ask`, which runs as #12.
fn asking() -> (World, u64) {
    asking_at(100, 24)
}

/// The same at another size.
pub(crate) fn asking_at(width: u16, height: u16) -> (World, u64) {
    let mut world = World::connected(width, height);
    let mut menu = serde_json::to_value(menu()).unwrap();
    let mut ask = menu["commands"][4].clone();
    ask["name"] = json!("ask");
    ask["stdin"] = json!("prompt");
    menu["commands"].as_array_mut().unwrap().push(ask);
    world.answer::<CommandsList>(Ok(serde_json::from_value(menu).unwrap()));
    let block = world.start("ask");
    world.notice(Notification::RunChanged(Box::new(running(12, "ask"))));
    (world, block)
}

fn end(world: &mut World, block: u64) -> Vec<Effect> {
    let mut row = running(12, "ask");
    row.state = topside_shared::records::RunState::Succeeded;
    world.ran(block, Ok(result(row)))
}

/// What was sent to the run.
fn sent(effects: &[Effect]) -> Vec<Option<String>> {
    let data = |effect: &Effect| match effect {
        Effect::Ask { ask, .. } => {
            let input: RunInput = serde_json::from_value(ask.params.clone()).unwrap();
            assert_eq!((ask.method, input.run_id), (RunInput::METHOD, RunId(12)));
            Some(input.data.map(|MaskedText(text)| text))
        }
        other => panic!("{other:?}"),
    };
    effects.iter().filter_map(data).collect()
}

fn takes(world: &mut World, result: Result<(), String>) -> Vec<Effect> {
    world.answer::<RunInput>(result.map(|()| Empty {}).map_err(|why| refusal(&why)))
}

fn typed(world: &mut World) -> String {
    world.console().prompt.editor.text().to_owned()
}

#[test]
fn the_box_is_the_runs_while_it_may_ask_and_the_half_typed_command_is_kept() {
    let (mut world, block) = asking();
    world.notice(printed(12, "Name: "));
    let shown = world.screen();
    assert!(shown.contains("#12 ask asks Name:"), "{shown}");
    world.press("ctrl-o");
    world.write("zone-ru");
    assert_eq!((world.input().as_str(), typed(&mut world).as_str()), ("zone-ru", ""));
    world.press("ctrl-o");
    // A bare key is a letter of the answer.
    world.write("?/ann");
    assert_eq!(sent(&world.press("enter")), [Some("?/ann\n".to_owned())]);
    takes(&mut world, Ok(()));
    assert!(world.newest().contains("› ?/ann"), "{}", world.newest());
    end(&mut world, block);
    assert_eq!(world.input(), "zone-ru");
    let shown = world.screen();
    assert!(shown.contains("❯ zone-ru") && !shown.contains("asks"), "{shown}");
}

#[test]
fn ctrl_d_on_an_empty_box_is_the_end_of_input_and_gives_the_box_back() {
    let (mut world, _) = asking();
    world.write("ab");
    world.press("ctrl-a ctrl-d");
    assert_eq!(typed(&mut world), "b");
    world.press("ctrl-e backspace");
    assert_eq!(sent(&world.press("ctrl-d")), [None]);
    takes(&mut world, Ok(()));
    world.write("zones");
    assert_eq!(world.input(), "zones");
}

#[test]
fn a_secret_is_dots_on_the_screen_and_in_its_echo_and_in_no_history() {
    for question in [
        "Password: ",
        "[sudo] password for ann: ",
        "Enter passphrase for key '/x': ",
        "\u{1b}[1mPIN\u{1b}[0m? ",
        "API_TOKEN=",
        "the secret",
    ] {
        let (mut world, block) = asking();
        world.notice(printed(12, question));
        world.write("hunter2");
        let shown = world.screen();
        assert!(shown.contains("•••••••") && !shown.contains("hunter2"), "{question}: {shown}");
        // Seen on demand only, and hidden again.
        world.press("ctrl-s");
        assert!(world.screen().contains("hunter2"));
        world.press("ctrl-s");
        let effects = world.press("enter");
        assert_eq!(sent(&effects), [Some("hunter2\n".to_owned())]);
        assert!(!format!("{effects:?}").contains("hunter2"));
        takes(&mut world, Ok(()));
        assert!(world.newest().contains("› ***"), "{}", world.newest());
        assert!(!world.screen().contains("hunter2"));
        // No key brings it back.
        world.press("ctrl-y up");
        assert_eq!(typed(&mut world), "");
        end(&mut world, block);
        // The command box brings back what was cut there.
        world.press("ctrl-y");
        assert_eq!(world.input(), "ask");
        world.press("up");
        assert_eq!(world.input(), "ask");
    }
    for question in ["Name: ", "Opinion: ", "Pinned? ", "tokens: ", "Password accepted\nName: "] {
        let (mut world, _) = asking();
        world.notice(printed(12, question));
        world.write("hunter2");
        assert!(world.screen().contains("hunter2"), "{question}");
    }
}

#[test]
fn a_secret_that_was_begun_stays_hidden_whatever_is_printed_meanwhile() {
    let (mut world, _) = asking();
    world.notice(printed(12, "Password: "));
    world.write("hunt");
    world.notice(printed(12, "\nstill waiting\n"));
    world.write("er2");
    assert!(!world.screen().contains("hunt"));
    world.press("enter");
    takes(&mut world, Ok(()));
    assert!(world.newest().contains("› ***"), "{}", world.newest());
    world.write("next");
    assert!(world.screen().contains("next"));
}

/// The next question may be here before the server's word that the answer was taken.
#[test]
fn a_secret_that_is_asked_for_before_the_answer_before_it_was_taken_is_hidden() {
    let (mut world, _) = asking();
    world.notice(printed(12, "User: "));
    world.write("ann");
    world.press("enter");
    world.notice(printed(12, "\nPassword: "));
    takes(&mut world, Ok(()));
    world.write("hunter2");
    assert!(!world.screen().contains("hunter2"));
}

#[test]
fn what_is_typed_when_the_run_ends_stays_unsent_and_is_no_command() {
    let (mut world, block) = asking();
    world.write("zon");
    end(&mut world, block);
    world.write("es");
    assert_eq!(world.press("enter"), []);
    assert!(world.remark().contains("was not sent"), "{}", world.remark());
    assert_eq!((typed(&mut world).as_str(), world.input().as_str()), ("zones", ""));
    assert!(world.screen().contains("not sent"));
    world.press("esc");
    assert_eq!(typed(&mut world), "");
    assert!(!world.enter("zones").is_empty());
}

#[test]
fn the_first_key_after_the_end_is_still_the_runs_for_a_moment() {
    for (ms, answers) in [(499, true), (500, false)] {
        let (mut world, block) = asking();
        end(&mut world, block);
        world.wait(ms);
        world.write("zones");
        let effects = world.press("enter");
        assert_eq!(effects.is_empty(), answers, "{ms}: {effects:?}");
    }
    // An empty answer, too late, does not run what is half typed in the command box.
    let (mut world, block) = asking();
    world.press("ctrl-o");
    world.write("zones");
    world.press("ctrl-o");
    end(&mut world, block);
    world.wait(100);
    assert_eq!(world.press("enter"), []);
    assert_eq!(world.input(), "zones");
    assert!(!world.press("enter").is_empty());
    // A run that ends while it asks for a secret: long after it is still no command.
    let (mut world, block) = asking();
    world.notice(printed(12, "Password: "));
    end(&mut world, block);
    world.wait(60_000);
    world.write("hunter2");
    assert_eq!(world.press("enter"), []);
    assert!(!world.screen().contains("hunter2"));
    world.press("esc");
    assert!(!world.enter("zones").is_empty());
}

#[test]
fn what_is_typed_before_the_run_has_begun_waits_for_it() {
    let (mut world, _) = asking();
    world.press("ctrl-o");
    let block = world.start("ask");
    world.write("early");
    assert_eq!(world.press("enter"), []);
    assert_eq!(world.input(), "");
    let session = world.session();
    let effects = world.notice(Notification::RunChanged(Box::new(running(13, "ask"))));
    let data = Some(MaskedText("early\n".to_owned()));
    assert_eq!(
        effects,
        [ask(session, &RunInput { run_id: RunId(13), data, base64: None, eof: false })]
    );
    // Refused in the end: it is told, not run.
    let refused = refused(ErrorKind::Busy, "no");
    world.ran(block, Err(refused));
    assert_eq!(typed(&mut world), "early");
    assert_eq!(world.press("enter"), []);
}

#[test]
fn lines_go_one_after_the_other_and_a_refused_one_is_kept() {
    let (mut world, _) = asking();
    world.write("one");
    assert_eq!(sent(&world.press("enter")), [Some("one\n".to_owned())]);
    world.write("two");
    assert_eq!(world.press("enter"), []);
    assert_eq!(sent(&takes(&mut world, Ok(()))), [Some("two\n".to_owned())]);
    world.write("three");
    world.press("enter");
    world.write("four");
    let effects = takes(&mut world, Err("run #12 has not read what was sent before".into()));
    assert_eq!(effects, []);
    assert!(world.remark().contains("has not read"), "{}", world.remark());
    assert_eq!(typed(&mut world), "two");
    world.press("ctrl-y");
    assert_eq!(typed(&mut world), "twothree four");
    assert!(!world.newest().contains("› two"), "{}", world.newest());
}

#[test]
fn many_lines_wait_and_one_more_stays_in_the_box() {
    let (mut world, _) = asking();
    for _ in 0..16 {
        world.write("x");
        world.press("enter");
    }
    world.write("y");
    assert_eq!(world.press("enter"), []);
    assert_eq!(typed(&mut world), "y");
    assert!(world.remark().contains("it stays here"), "{}", world.remark());
}

#[test]
fn a_lost_session_keeps_what_was_typed() {
    let (mut world, _) = asking();
    world.write("half");
    world.event(Event::Lost(crate::connect::DisconnectReason::Gone));
    assert_eq!(typed(&mut world), "half");
    assert_eq!(world.press("enter"), []);
    assert_eq!(typed(&mut world), "half");
}

#[test]
fn ctrl_c_clears_the_line_then_cancels_that_run() {
    let (mut world, _) = asking();
    world.write("half");
    assert_eq!(world.press("ctrl-c"), []);
    let session = world.session();
    let cancel = ask(session, &RunCancel { run_id: RunId(12) });
    assert_eq!(world.press("ctrl-c"), [cancel]);
}

/// The run of another user is shown from the list of runs, and a key is typed.
fn look_at_and_type(world: &mut World, user: &str) {
    let mut row = running(9, "ask");
    row.user = user.into();
    world.press("f12");
    let page = serde_json::from_value(json!({"runs": [row]})).unwrap();
    world.answer::<RunsList>(Ok(page));
    world.press("enter enter");
    world.wait(1_000);
    world.write("x");
}

/// A run of this user that was started elsewhere, is looked at, and asks.
pub(crate) fn looked_at(width: u16, height: u16) -> World {
    let (mut world, block) = asking_at(width, height);
    end(&mut world, block);
    look_at_and_type(&mut world, "ann");
    world.press("backspace");
    world
}

/// The hint said `Ctrl-C cancel`, and the key named Ctrl-X, which did nothing there.
#[test]
fn ctrl_c_asks_whether_to_cancel_a_run_that_is_looked_at_and_asks() {
    let mut world = looked_at(100, 24);
    world.press("ctrl-o");
    world.write("zone-ru");
    world.press("ctrl-o");
    world.write("x");
    assert_eq!(world.press("ctrl-c"), []);
    assert_eq!(typed(&mut world), "");
    assert_eq!(world.press("ctrl-c"), []);
    let drawn = world.screen();
    assert!(drawn.contains("Cancel run #9, ask?") && drawn.contains("Keep running"), "{drawn}");
    let session = world.session();
    assert_eq!(world.press("y"), [ask(session, &RunCancel { run_id: RunId(9) })]);
    assert_eq!(world.input(), "zone-ru", "the command that was being typed is kept");
}

#[test]
fn of_pasted_lines_the_first_is_taken() {
    let (mut world, _) = asking();
    world.tell(Msg::Paste("one\ntwo\n".into()));
    assert_eq!(typed(&mut world), "one");
    assert!(world.remark().contains("one line"), "{}", world.remark());
    assert_eq!(world.input(), "");
}

#[test]
fn ones_own_run_of_another_session_is_answered_and_another_persons_is_not() {
    for (user, answers) in [("ann", true), ("bob", false)] {
        let (mut world, block) = asking();
        world.console().prompt.editor.set("");
        end(&mut world, block);
        look_at_and_type(&mut world, user);
        assert_eq!(typed(&mut world).is_empty(), !answers, "{user}");
        assert_eq!(world.input().is_empty(), answers, "{user}");
    }
}
