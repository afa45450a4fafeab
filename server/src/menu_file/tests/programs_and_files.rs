//! Programs of commands, menu files and who may write them, and the starter menu.

use super::*;

#[test]
fn a_program_is_found_on_the_fixed_path_or_named_in_full() {
    let argv = one("[commands.x]\nexec = [\"sh\"]\n").program.argv(&serde_json::Map::new());
    assert!(argv[0].starts_with('/') && argv[0].ends_with("/sh"), "{argv:?}");
    let exec = |name: &str| said(&format!("[commands.x]\nexec = [\"{name}\"]\n"));
    assert!(
        exec("no-such-program")
            .contains("2:9: the program no-such-program is not on /usr/local/sbin:")
    );
    assert!(exec("/no/such").contains("the program /no/such does not exist"));
    assert!(exec("./x").contains("neither an absolute path nor a bare name"));
    let home = std::env::var("HOME").unwrap();
    let tilde = format!("`~`, which only a shell expands: write {home}/bin/valve");
    assert!(exec("~/bin/valve").contains(&tilde), "{}", exec("~/bin/valve"));
    assert!(exec("../bin/sh").contains("neither"));
    assert!(exec("/etc").contains("is a directory"));
    assert!(exec("/etc/passwd").contains("chmod +x"));
    assert!(exec("").contains("neither"));
    assert!(said("[commands.x]\nexec = []\n").contains("2:8: command `x` needs `exec`"));
    assert!(said("[commands.x]\nexec = \"/bin/echo\"\n").contains("an array of strings"));
    assert!(said("[commands.x]\ntitle=\"a\"\n").contains("1:11: command `x` needs `exec`"));
}

#[test]
fn a_menu_that_leaves_out_what_is_missing_says_so() {
    let text = "[commands.a]\nexec=[\"no-such-program\"]\n[commands.b]\nexec=[\"/bin/echo\"]\n";
    let menu =
        load(&[Source { name: "m", text }], &[], Missing::Leave, Trust::of_this_process()).unwrap();
    assert_eq!(menu.commands.len(), 1);
    assert_eq!(menu.left_out[0].name, "a");
    assert!(menu.left_out[0].reason.contains("no-such-program is not on"));
}

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_program_that_others_may_write_is_refused_with_the_command_that_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().canonicalize().unwrap().join("tool");
    std::fs::write(&program, "#!/bin/sh\n").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&program, &link).unwrap();
    let text = format!("[commands.x]\nexec = [{link:?}]\n");

    set(&program, 0o757);
    let mend = format!("run `chmod o-w {}`", program.display());
    assert!(said(&text).contains(&mend), "{}", said(&text));
    set(&program, 0o755);
    assert!(read(&text).is_ok());
    // A group of one's own does not count; root's group has others in it on some systems.
    set(&program, 0o775);
    let trust = Trust::of_this_process();
    let shared = !trust.file(&program, &program.metadata().unwrap()).is_empty();
    assert_eq!(read(&text).is_err(), shared);
    set(&program, 0o755);
    set(dir.path(), 0o777);
    let mend = format!("run `chmod o-w {}`", dir.path().display());
    assert!(said(&text).contains(&mend), "{}", said(&text));
}

#[test]
fn a_menu_file_or_directory_that_others_may_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("commands.toml");
    assert!(
        load_file(&path, &[], Trust::of_this_process()).unwrap().is_none(),
        "no file is no mistake"
    );
    std::fs::write(&path, "[commands.x]\nexec = [\"/bin/echo\"]\n").unwrap();
    set(&path, 0o640);
    assert_eq!(load_file(&path, &[], Trust::of_this_process()).unwrap().unwrap().commands.len(), 1);

    set(&path, 0o646);
    let said = load_file(&path, &[], Trust::of_this_process()).unwrap_err().to_string();
    assert!(said.contains("the menu is refused") && said.contains("chmod o-w"), "{said}");
    set(&path, 0o640);
    set(dir.path(), 0o777);
    let said = load_file(&path, &[], Trust::of_this_process()).unwrap_err().to_string();
    assert!(said.contains("its directory") && said.contains("chmod "), "{said}");
    set(dir.path(), 0o700);
    assert!(
        load_file(dir.path(), &[], Trust::of_this_process())
            .unwrap_err()
            .to_string()
            .contains("plain file")
    );
}

#[test]
fn the_sample_shows_each_field_and_its_remarks_are_valid() {
    let remarks = STARTER.lines().filter_map(|line| line.strip_prefix("#   "));
    // The explanation follows after two spaces.
    let samples: Vec<&str> = remarks.map(|line| line.split("  ").next().unwrap()).collect();
    let fields = [command::FIELDS, args::FIELDS, "worker function on_cancel"].map(names).concat();
    for sample in &samples {
        if sample.starts_with("[[") || !sample.contains('=') {
            continue;
        }
        let table: toml::Table = sample.parse().unwrap_or_else(|error| panic!("{sample}: {error}"));
        for key in table.keys() {
            assert!(fields.contains(&key.as_str()), "{sample}: {key}");
        }
    }
    let is_shown = |field: &str| {
        let sets = |line: &str| line.split([' ', ',', '.']).next() == Some(field);
        STARTER.lines().any(sets) || samples.iter().any(|sample| sets(sample))
    };
    // These stand in the names of tables, or two on one line.
    let elsewhere = ["worker", "function", "args", "schedule"];
    for field in fields.iter().filter(|field| !elsewhere.contains(field)) {
        assert!(is_shown(field), "the sample does not show `{field}`");
    }
}

#[test]
fn a_menu_file_that_cannot_be_read_is_never_taken_for_none() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("commands.toml");
    std::os::unix::fs::symlink("/no/such/menu", &link).unwrap();
    assert!(load_file(&link, &[], Trust::of_this_process()).is_err(), "a link to nowhere");
    let path = dir.path().join("latin1.toml");
    std::fs::write(&path, b"# fine\n# caf\xE9\n").unwrap();
    let said = load_file(&path, &[], Trust::of_this_process()).unwrap_err().to_string();
    assert!(
        said.ends_with("latin1.toml:2:6: the menu must be UTF-8, and this byte is not"),
        "{said}"
    );
}

#[test]
fn the_starter_menu_is_sound_and_keeps_clear_of_the_built_ins() {
    let reserved = [
        "menu", "m", "help", "version", "gv", "time", "gt", "clients", "status", "gat", "log",
        "rlf", "runs", "echo", "close", "shutdown", "ks",
    ];
    let menu =
        starter(&reserved, Trust::of_this_process()).unwrap_or_else(|errors| panic!("{errors}"));
    let all = menu.commands.len() + menu.left_out.len();
    assert!(all >= 10, "{all}");
    for declared in &menu.commands {
        assert_eq!(declared.info().effect, Effect::Read, "{}", declared.info().name);
        assert!(!declared.info().description.is_empty(), "{}", declared.info().name);
    }
    // `df` is on every machine that this runs on.
    assert!(menu.commands.iter().any(|declared| declared.info().answers_to("disks")));
}

#[test]
fn a_starter_menu_cut_anywhere_is_refused_or_read_but_never_a_panic() {
    for end in (0..STARTER.len()).step_by(7).filter(|end| STARTER.is_char_boundary(*end)) {
        let cut = load(
            &[Source { name: "m", text: &STARTER[..end] }],
            &[],
            Missing::Leave,
            Trust::of_this_process(),
        );
        if let Err(errors) = cut {
            assert!(errors.0.iter().all(|error| error.at.is_some()), "{errors}");
        }
    }
}
