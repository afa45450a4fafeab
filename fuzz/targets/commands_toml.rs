//! Any `commands.toml` is a menu that clients can use, or is refused with all its mistakes, each at its
//! place.
#![no_main]

use std::collections::HashSet;

use libfuzzer_sys::fuzz_target;
use serde_json::Map;
use topside_fuzz::mistakes;
use topside_server::fuzzing::menu;
use topside_shared::cmdline::{complete, find, parse, render};
use topside_shared::command::Command;
use topside_shared::values::{Limits, check, validate_args};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (commands, left_out) = match menu(text) {
        Ok(menu) => menu,
        Err(errors) => return mistakes(text, &errors),
    };
    let names = commands.iter().flat_map(Command::names);
    let mut taken = HashSet::new();
    for name in names {
        assert!(taken.insert(name), "`{name}` names two commands");
        assert!(find(name, &commands).is_ok_and(|command| command.answers_to(name)));
    }
    for command in &commands {
        usable(command, &commands);
    }
    let (again, left_out_again) =
        menu(&format!("{text}\n# below\n")).expect("a comment is no mistake");
    assert_eq!((again, left_out_again), (commands, left_out));
});

fn usable(command: &Command, menu: &[Command]) {
    validate_args(&command.args).expect("a client can show its form");
    let wire = serde_json::to_string(command).expect("it goes over the wire");
    let read: Command = serde_json::from_str(&wire).expect("a client can read it");
    assert_eq!(read.args.len(), command.args.len());
    let shown = [&command.title, &command.description, &command.category];
    assert!(!shown.iter().any(|words| words.chars().any(char::is_control)));

    // Without arguments it runs, unless one must be given.
    let needs = command.args.iter().any(|arg| arg.required);
    let checked = check(&command.args, &Map::new(), Limits::default());
    assert_eq!(checked.is_err(), needs);
    assert_eq!(parse(&command.name, menu).is_err(), needs);
    if let Ok(defaults) = checked {
        let line = render(command, &defaults);
        assert_eq!(parse(&line, menu).expect("defaults can be typed").args, defaults, "{line}");
    }
    for arg in &command.args {
        let line = format!("{} --{} ", command.name, arg.name);
        let _ = complete(&line, line.len(), menu);
    }
}
