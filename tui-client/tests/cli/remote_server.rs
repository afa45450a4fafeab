//! A server on another machine, as far as the two can tell: they share nothing but loopback.

use std::path::Path;

use rustix::process::Signal;

use crate::common::{Ended, Place, Server, text};

/// A server that listens where only this machine reaches it, on a port of its own.
pub(crate) struct Box {
    pub(crate) place: Place,
    pub(crate) server: Server,
}

impl Box {
    fn new() -> Self {
        Self::with(Place::new())
    }

    pub(crate) fn with(place: Place) -> Self {
        Self::with_settings(place, "")
    }

    /// The same with more sections of `server.toml`.
    pub(crate) fn with_settings(place: Place, settings: &str) -> Self {
        place.listen();
        let file = std::fs::read_to_string(place.path("config/server.toml")).unwrap();
        place.write("config/server.toml", &format!("{file}{settings}"));
        let server = place.serve();
        Self { place, server }
    }

    /// What a verb of the server's prints.
    pub(crate) fn verb(&self, args: &[&str]) -> String {
        let ended = self.place.verb(&[&["serve"], args].concat()).with(0);
        ended.out.trim_end().to_owned()
    }

    fn invite(&self, more: &[&str]) -> String {
        self.verb(&[&["invite", "--name", "phone", "--role", "operator"], more].concat())
    }

    /// A client that is paired, and calls the server `garden`.
    pub(crate) fn paired(&self) -> Place {
        let client = Place::new();
        pair(&client, &[&self.invite(&[]), "--name", "garden"]).with(0);
        client
    }
}

pub(crate) fn pair(client: &Place, args: &[&str]) -> Ended {
    client.verb(&[&["pair"], args].concat())
}

/// Runs a verb with a state directory of its own.
fn with_state(client: &Place, state: &Path, args: &[&str]) -> Ended {
    client.topside(args).env("TOPSIDE_STATE_DIR", state).output().unwrap().into()
}

pub(crate) fn saved(client: &Place) -> String {
    std::fs::read_to_string(client.path("config/client.toml")).unwrap_or_default()
}

/// The one sentence that was said on standard error.
fn sentence(ended: &Ended) -> &str {
    let [sentence] = ended.err.lines().collect::<Vec<_>>()[..] else { panic!("{ended:?}") };
    sentence
}

#[test]
fn an_invited_device_runs_commands_from_elsewhere_with_their_own_status() {
    let garden = Box::new();
    let client = Place::new();
    let told = pair(&client, &[&garden.invite(&[]), "--name", "garden"]).with(0);
    assert!(told.out.starts_with("Paired with garden: this device is operator there"), "{told:?}");
    assert!(told.out.contains("topside run --on garden"), "{told:?}");
    assert!(saved(&client).contains(&garden.verb(&["id"])), "{}", saved(&client));

    assert_eq!(client.run(&["--on", "garden", "echo", "one"]).with(0).out, "one\n");
    client.run(&["--on", "garden", "--via", "lan", "own-status", "7"]).with(7);
    client.run(&["--on", "garden", "no-such-command"]).with(127);
    client.run(&["--on", "garden", "ks", "1"]).with(126);
    let lines = client.lines(&["--on", "garden"], "echo one\nown-status 4\necho two\n").with(4);
    assert_eq!(lines.out, "one\ntwo\n");

    let id = client.verb(&["id"]);
    let digits = id.with(0).out.trim_end().replace("sha256:", "");
    let keys = garden.verb(&["keys"]);
    let row = keys.lines().find(|row| row.contains(&digits[..16])).unwrap();
    assert!(row.contains("phone") && row.contains("active"), "{keys}");
}

/// The server of this machine ran a command that was meant for a saved server.
#[test]
fn the_route_to_this_machine_leads_to_the_saved_server_only() {
    let garden = Box::new();
    let client = garden.paired();
    let _other = client.serve();
    for args in [
        &["run", "--on", "garden", "--via", "same", "echo", "x"][..],
        &["test", "garden", "--via", "same"],
    ] {
        let ended = client.verb(args);
        assert_ne!(ended.status, Some(0), "{ended:?}");
        assert!(
            format!("{ended:?}").contains("is not the saved server: it has another key"),
            "{ended:?}"
        );
    }
    // A server without a key of its own cannot be it either, and one that has it is.
    client.verb(&["invite", "--name", "any", "--role", "viewer"]).with(0);
    client.run(&["--on", "garden", "--via", "same", "echo", "x"]).with(125);
    let invite = garden.verb(&["invite", "--name", "desk", "--role", "operator"]);
    pair(&garden.place, &[&invite, "--name", "garden"]).with(0);
    let here = garden.place.run(&["--on", "garden", "--via", "same", "echo", "here"]);
    assert_eq!(here.with(0).out, "here\n");
}

#[test]
fn much_output_comes_whole() {
    let garden = Box::new();
    let client = garden.paired();
    let made = garden.place.path("made");
    let ended = client.run(&["--on", "garden", "many", "3000000", text(&made)]).with(0);
    assert_eq!((ended.bytes.len(), ended.err.as_str()), (3_000_000, ""));
    assert!(ended.bytes.iter().all(|byte| *byte == b'x'));
}

#[test]
fn what_leads_nowhere_is_reported_with_what_to_do() {
    let mut garden = Box::new();
    let client = garden.paired();
    for (args, says) in [
        (&["--on", "gardne"][..], "garden"),
        (&["--on", "garden", "--via", "internet"], "has no router address saved"),
        (&["--on", "garden", "--via", "same"], "no server runs on this machine"),
        (&[], "no server runs on this machine"),
    ] {
        let ended = client.run(&[args, &["echo", "x"]].concat()).with(125);
        assert!(sentence(&ended).contains(says), "{args:?}: {ended:?}");
    }
    client.run(&["--via", "lan", "echo", "x"]).with(2);

    let good = saved(&client);
    let pin = garden.verb(&["id"]);
    client.write("config/client.toml", &good.replace(&format!("pin = \"{pin}\""), ""));
    let ended = client.run(&["--on", "garden", "echo", "x"]).with(125);
    assert!(
        sentence(&ended).contains("not paired: run `topsided invite --name NAME --role ROLE`"),
        "{ended:?}"
    );

    let other = format!("sha256:{}", "0".repeat(64));
    client.write("config/client.toml", &good.replace(&pin, &other));
    let ended = client.run(&["--on", "garden", "echo", "x"]).with(125);
    assert!(sentence(&ended).contains("it has another key"), "{ended:?}");

    let stranger = Place::new();
    stranger.write("config/client.toml", &good);
    let ended = stranger.run(&["--on", "garden", "echo", "x"]).with(125);
    assert!(sentence(&ended).contains("does not know this device: ask for an invite"), "{ended:?}");

    garden.server.kill();
    client.write("config/client.toml", &good);
    let ended = client.run(&["--on", "garden", "echo", "x"]).with(125);
    assert!(sentence(&ended).contains("nothing listens at 127.0.0.1:"), "{ended:?}");
}

#[test]
fn an_invite_works_once_and_a_second_use_by_the_same_device_is_no_error() {
    let garden = Box::new();
    let invite = garden.invite(&[]);
    let (first, second) = (Place::new(), Place::new());
    pair(&first, &[&invite]).with(0);
    let ended = pair(&second, &[&invite]).with(125);
    assert!(sentence(&ended).contains("this invite was used already"), "{ended:?}");
    assert!(!second.path("config/client.toml").exists(), "nothing was saved: {}", saved(&second));
    let again = pair(&first, &[&invite]).with(0);
    assert!(again.out.contains("was paired with this device already"), "{again:?}");
    assert_eq!(saved(&first).matches("[[server]]").count(), 1);
}

#[test]
fn expired_and_mistyped_invites_have_different_messages() {
    let garden = Box::new();
    let client = Place::new();
    let invite = garden.invite(&["--ttl", "1ms"]);
    let ended = pair(&client, &[&invite]).with(125);
    assert!(sentence(&ended).contains("this invite has expired"), "{ended:?}");
    for cut in [&invite[..invite.len() - 1], &invite.replacen("1:", "1:a", 1)] {
        let ended = pair(&client, &[cut]).with(125);
        assert!(sentence(&ended).contains("mistyped or cut off"), "{ended:?}");
    }
    let ended = pair(&client, &["hello"]).with(125);
    assert!(sentence(&ended).contains("begins with `topside1:`"), "{ended:?}");
    pair(&client, &[]).with(2);
    assert!(!saved(&client).contains("[[server]]"), "{}", saved(&client));
}

#[test]
fn an_invite_is_read_from_standard_input_where_no_list_of_processes_shows_it() {
    let garden = Box::new();
    let client = Place::new();
    let invite = garden.invite(&[]);
    client.lines(&["pair", "-", "--name", "garden"], &format!("{invite}\n")).with(0);
    client.run(&["--on", "garden", "echo", "x"]).with(0);
}

#[test]
fn an_invite_is_accepted_as_a_mail_or_a_shell_leaves_it() {
    let garden = Box::new();
    let first = Place::new();
    let invite = garden.invite(&[]);
    let (head, tail) = invite.split_at(90);
    let mail =
        format!("\u{feff}Hello,\n\n> run: topside pair \"{head}\n> {tail}\" --name x\n\nann\n");
    first.lines(&["pair", "-", "--name", "garden"], &mail).with(0);
    first.run(&["--on", "garden", "echo", "x"]).with(0);
    // Without quotes a shell splits what was pasted.
    let second = Place::new();
    let invite = garden.verb(&["invite", "--name", "tablet", "--role", "operator"]);
    let (head, tail) = invite.split_at(90);
    pair(&second, &["topside", "pair", &format!("<{head}"), &format!("{tail}>")]).with(0);
}

/// A box that was set up again was saved a second time, and its old entry never answered again.
#[test]
fn a_box_that_was_set_up_again_takes_over_its_entry_where_that_is_asked_for() {
    let client = Place::new();
    let old = Box::new();
    pair(&client, &[&old.invite(&[]), "--name", "garden"]).with(0);
    drop(old);
    let new = Box::new();
    let refused = pair(&client, &[&new.invite(&[]), "--name", "garden"]).with(125);
    assert!(refused.err.contains("give --replace if the box was set up again"), "{refused:?}");
    pair(&client, &[&new.invite(&[]), "--name", "garden", "--replace"]).with(0);
    client.run(&["--on", "garden", "echo", "x"]).with(0);
    assert_eq!(saved(&client).matches("[[server]]").count(), 1, "{}", saved(&client));
}

#[test]
fn a_key_that_is_revoked_ends_its_session_and_does_not_come_in_again() {
    let garden = Box::new();
    let client = garden.paired();
    let mut live = client.start(&["--on", "garden"]);
    live.write("echo ready\n");
    assert_eq!(live.line(), "ready\n");
    garden.verb(&["revoke", "phone"]);
    let ended = live.end_by_itself().with(125);
    assert!(ended.err.contains("the key of this device was revoked"), "{ended:?}");
    let ended = client.run(&["--on", "garden", "echo", "x"]).with(125);
    assert!(sentence(&ended).contains("was revoked"), "{ended:?}");
    // Invited again, the same device comes in again.
    let told = pair(&client, &[&garden.invite(&[])]).with(0);
    assert!(told.out.starts_with("Paired with garden:"), "{told:?}");
    client.run(&["--on", "garden", "echo", "x"]).with(0);
}

#[test]
fn a_token_runs_its_own_commands_only() {
    let garden = Box::new();
    let client = Place::new();
    let token = ["token", "--name", "robot", "--role", "operator", "--commands", "echo"];
    pair(&client, &[&garden.verb(&token), "--name", "garden"]).with(0);
    assert_eq!(client.run(&["--on", "garden", "echo", "x"]).with(0).out, "x\n");
    client.run(&["--on", "garden", "both"]).with(126);
    let lines = client.lines(&["--on", "garden"], "echo one\nboth\n").with(126);
    assert_eq!(lines.out, "one\n");
    garden.verb(&["revoke", "robot"]);
    client.run(&["--on", "garden", "echo", "x"]).with(125);
}

/// The token's fewer rights took the place of the device's own, and its end that of the device's.
#[test]
fn a_token_does_not_take_the_place_of_a_device_that_is_let_in_itself() {
    let garden = Box::new();
    let client = garden.paired();
    let token =
        garden.verb(&["token", "--name", "robot", "--role", "operator", "--commands", "echo"]);
    let ended = pair(&client, &[&token]).with(125);
    assert!(sentence(&ended).contains("let in there by its own key already"), "{ended:?}");
    assert!(sentence(&ended).contains("TOPSIDE_STATE_DIR"), "{ended:?}");
    client.run(&["--on", "garden", "own-status", "3"]).with(3);
    // What the sentence says to do.
    let state = client.path("robot");
    let script = |args: &[&str]| with_state(&client, &state, args);
    script(&["pair", &token]).with(0);
    script(&["run", "--on", "garden", "own-status", "3"]).with(126);
    client.run(&["--on", "garden", "own-status", "3"]).with(3);
}

/// Regression: the saved server of the device was renamed, because both state directories share one `client.toml`.
#[test]
fn a_token_in_a_state_directory_of_its_own_does_not_rename_the_saved_server() {
    let garden = Box::new();
    let client = garden.paired();
    let state = client.path("robot");
    let script = |args: &[&str]| with_state(&client, &state, args);
    let token =
        |name| garden.verb(&["token", "--name", name, "--role", "operator", "--commands", "echo"]);
    for token in [token("robot"), token("robot2")] {
        let told = script(&["pair", &token, "--name", "robot"]).with(0).out;
        assert!(told.starts_with("Paired with robot:") && !told.contains("was called"), "{told}");
        let limited = "own-status";
        script(&["run", "--on", "robot", "echo", "x"]).with(0);
        script(&["run", "--on", "robot", limited, "3"]).with(126);
        client.run(&["--on", "garden", limited, "3"]).with(3);
    }
    script(&["pair", &token("robot3"), "--name", "cron"]).with(0);
    client.run(&["--on", "garden", "own-status", "3"]).with(3);
}

/// A name of another server's was numbered, and a saved server renamed, without a word.
#[test]
fn a_name_that_is_taken_is_refused_and_a_new_one_is_reported() {
    let (one, two) = (Box::new(), Box::new());
    let client = one.paired();
    let invite = two.invite(&[]);
    let ended = pair(&client, &[&invite, "--name", "garden"]).with(125);
    assert!(sentence(&ended).contains("garden is another server"), "{ended:?}");
    // The invite was not used up by that.
    pair(&client, &[&invite, "--name", "shed"]).with(0);
    let told = pair(&client, &[&two.invite(&[]), "--name", "barn"]).with(0);
    assert!(told.out.contains("It was called shed here until now"), "{told:?}");
    client.run(&["--on", "barn", "echo", "x"]).with(0);
}

/// The sentence named a command that a limited key may not run.
#[test]
fn what_is_proposed_after_pairing_is_what_the_key_may_run() {
    let garden = Box::new();
    let token = |commands: &str| {
        let args = ["token", "--name", commands, "--role", "operator", "--commands", commands];
        garden.verb(&args)
    };
    let paired = |token: &str| pair(&Place::new(), &[token, "--name", "garden"]).with(0).out;
    let told = paired(&token("both"));
    assert!(told.contains("`topside run --on garden both`"), "{told}");
    // One that wants a word is not one to propose.
    let told = paired(&token("own-status"));
    assert!(!told.contains("topside run") && told.contains("topside connect"), "{told}");
    assert!(pair(&Place::new(), &[&garden.invite(&[])]).with(0).out.contains("status`"));
}

#[test]
fn two_servers_of_one_name_are_two_saved_servers() {
    let (one, two) = (Box::new(), Box::new());
    let client = Place::new();
    let first = pair(&client, &[&one.invite(&[])]).with(0).out;
    let second = pair(&client, &[&two.invite(&[])]).with(0).out;
    let name = |told: &str| told["Paired with ".len()..].split(": ").next().unwrap().to_owned();
    assert_eq!(name(&second), format!("{}-2", name(&first)));
    one.place.run(&["--yes", "ks", "moving"]).with(0);
    client.run(&["--on", &name(&first), "echo", "x"]).with(125);
    assert_eq!(client.run(&["--on", &name(&second), "echo", "x"]).with(0).out, "x\n");
}

#[test]
fn a_run_is_cancelled_and_a_shutdown_told_as_on_one_machine() {
    let mut garden = Box::new();
    let client = garden.paired();
    let file = garden.place.path("never");
    let mut running = client.start(&["run", "--on", "garden", "wait-for", text(&file)]);
    assert_eq!(running.line(), "begun\n");
    running.signal(Signal::INT);
    running.end_by_itself().with(130);
    assert!(garden.place.path("never.ended").exists(), "the run was told to end");

    let mut live = client.start(&["--on", "garden"]);
    live.write("echo ready\n");
    assert_eq!(live.line(), "ready\n");
    garden.place.run(&["--yes", "ks", "1", "moving", "house"]).with(0);
    assert!(live.said("shuts down in").contains("moving house"));
    live.end_by_itself().with(125);
    assert_eq!(garden.server.wait(), Some(0));
}
