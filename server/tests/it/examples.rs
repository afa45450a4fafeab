//! The menu files of `examples/commands.d`, as `topsided check` reads them.

use std::path::Path;

use toml::{Table, Value};

use crate::common::Topsided;

/// The example with programs and folders that every machine has; all else is as it stands there.
pub(crate) fn with_programs_of_this_machine(text: &str) -> Table {
    fn set(value: &mut Value) {
        match value {
            Value::Table(table) => {
                // A user needs a server of root, and is one of the box of the example.
                table.retain(|key, value| key != "user" || !value.is_str());
                for (key, value) in table.iter_mut() {
                    match (key.as_str(), &mut *value) {
                        ("exec" | "safe_state", Value::Array(words)) => {
                            words[0] = Value::String("true".into());
                        }
                        ("root", Value::String(root)) => *root = "/usr".into(),
                        _ => set(value),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(set),
            _ => {}
        }
    }
    let mut table: Value = Value::Table(text.parse().unwrap());
    set(&mut table);
    match table {
        Value::Table(table) => table,
        _ => unreachable!("it was one"),
    }
}

#[test]
fn the_check_finds_nothing_wrong_with_the_examples() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/commands.d");
    let topsided = Topsided::new();
    std::fs::remove_file(topsided.path("config/commands.toml")).unwrap();
    let (mut files, mut commands) = (0, 0);
    for entry in std::fs::read_dir(Path::new(folder)).unwrap() {
        let path = entry.unwrap().path();
        let table = with_programs_of_this_machine(&std::fs::read_to_string(&path).unwrap());
        let name = format!("commands.d/{}", path.file_name().unwrap().to_str().unwrap());
        topsided.write(&name, &table.to_string());
        files += 1;
        commands += table["commands"].as_table().unwrap().len();
    }
    assert_eq!(files, 10);
    let said = topsided.run(&["check"]);
    let sound = format!("Configuration OK: {commands} commands, in place of the starter menu");
    let mut lines = said.stdout.lines();
    assert_eq!((said.status, lines.next()), (Some(0), Some(sound.as_str())), "{said:?}");
    assert!(lines.all(|line| line.starts_with("hint: ")), "{said:?}");
}

/// The page `docs/tasks/clock.md` is followed by a test of the client, with these files.
#[test]
fn the_clock_is_the_one_of_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let page = read("docs/tasks/clock.md");
    for name in ["clock", "commands.toml"] {
        let file = read(&format!("examples/clock/{name}"));
        assert!(page.contains(&format!("\n{file}```")), "{name} differs from docs/tasks/clock.md");
    }
}
