use std::path::Path;

use super::*;
use crate::config::SAMPLE;
use crate::input::actions::Id;
use crate::theme::Theme;

/// What the files say, beside what was so before, and the mistakes.
fn read(files: &[(&str, &str)]) -> (Settings, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut settings = Settings::default();
    let mistakes = SettingsFiles::of(dir.path()).read(&mut settings);
    let name = |mistake: &ConfigError| {
        let text = mistake.to_string();
        text.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
    };
    (settings, mistakes.iter().map(name).collect())
}

#[test]
fn an_earlier_name_of_an_action_still_gives_it_its_keys() {
    let (earlier, mistakes) = read(&[(KEYMAP_FILE, "call-off = [\"alt-x\"]")]);
    assert_eq!(mistakes, Vec::<String>::new());
    let (current, _) = read(&[(KEYMAP_FILE, "cancel-shutdown = [\"alt-x\"]")]);
    assert_eq!(earlier.keys, current.keys);
    assert_ne!(earlier.keys, Settings::default().keys);
}

#[test]
fn without_files_all_is_as_the_program_comes() {
    assert_eq!(read(&[]), (Settings::default(), Vec::new()));
}

#[test]
fn each_file_says_its_part() {
    let (settings, mistakes) = read(&[
        (FILE_NAME, "[screen]\ntheme = \"own\"\nborders = \"ascii\"\nmouse = false\n"),
        (THEME_FILE, "base = \"light\"\naccent = \"bold #112233\"\n"),
        (KEYMAP_FILE, "clients = [\"f10\", \"alt-x\"]\ncopy = \"ctrl-x\"\nsave = []\n"),
    ]);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    assert_eq!((settings.ascii, settings.mouse), (Some(true), false));
    for theme in [settings.theme.dark, settings.theme.light] {
        assert_eq!(theme.good, Theme::LIGHT.good);
        assert_ne!(theme.accent, Theme::LIGHT.accent);
        assert_eq!(theme.running, theme.accent, "it follows the accent");
    }
    assert_eq!(settings.keys.shown(Id::Clients, " "), "F10 Alt-X");
    assert_eq!(settings.keys.shown(Id::Copy, " "), "Ctrl-X");
    assert_eq!(settings.keys.shown(Id::Save, " "), "");
}

#[test]
fn a_mistake_is_reported_with_its_place_and_the_nearest_name() {
    for (file, text, said) in [
        (
            FILE_NAME,
            "[screen]\nthem = \"dark\"",
            "client.toml:2:1: [screen] has no `them`: did you mean theme?",
        ),
        (
            FILE_NAME,
            "[screen]\ntheme = \"lihgt\"",
            "client.toml:2:9: there is no theme `lihgt`: did you mean light? (themes: auto, dark, light, monochrome, catppuccin, catppuccin-mocha, catppuccin-latte, gruvbox, gruvbox-dark, gruvbox-light, nord, solarized, solarized-dark, solarized-light, own)",
        ),
        (FILE_NAME, "[screen]\nmouse = 1", "client.toml:2:9: mouse is true or false"),
        (FILE_NAME, "screen = 1", "client.toml:1:10: screen is a table, written as [screen]"),
        (
            KEYMAP_FILE,
            "\nclient = [\"f2\"]",
            "keymap.toml:2:1: there is no action `client`: did you mean clients?",
        ),
        (
            KEYMAP_FILE,
            "copy = [\"f6\", \"entr\"]",
            "keymap.toml:1:15: there is no key `entr`: did you mean enter?",
        ),
        (
            KEYMAP_FILE,
            "copy = [\"ctrl+X\"]",
            "keymap.toml:1:9: there is no key `ctrl+X`: write \"ctrl-x\"",
        ),
        (
            KEYMAP_FILE,
            "copy = [\"shift-a\"]",
            "keymap.toml:1:9: there is no key `shift-a`: write the character itself, \"A\"",
        ),
        (
            KEYMAP_FILE,
            "copy = [\"ctrl-i\"]",
            "keymap.toml:1:9: there is no key `ctrl-i`, because terminals send Tab for it: use another",
        ),
        (
            KEYMAP_FILE,
            "copy = [\"f2\"]",
            "keymap.toml:1:1: F2 means `clients` already: give that another key first, or none: clients = []",
        ),
        (
            KEYMAP_FILE,
            "menu = []\nquit = []",
            "keymap.toml:2:1: `quit` needs a key: without it the program cannot be used or left",
        ),
        (KEYMAP_FILE, "copy = 1", "keymap.toml:1:8: keys are written as [\"f2\", \"ctrl-x\"]"),
    ] {
        let (settings, mistakes) = read(&[(file, text)]);
        assert_eq!(mistakes, [said]);
        let Settings { theme, ascii, mouse, .. } = settings;
        assert_eq!((theme, ascii, mouse), (ThemeChoice::default(), None, true));
    }
    let own = (FILE_NAME, "[screen]\ntheme = \"own\"");
    for (text, said) in [
        ("acent = \"red\"", "theme.toml:1:1: a theme has no `acent`: did you mean accent?"),
        ("base = \"drak\"", "theme.toml:1:8: there is no theme `drak`: did you mean dark?"),
        ("good = 2", "theme.toml:1:8: a style is a text, such as \"bold cyan\""),
    ] {
        assert_eq!(read(&[own, (THEME_FILE, text)]).1, [said]);
    }
    // A mistake in a theme that is not chosen has no effect.
    assert!(read(&[(THEME_FILE, "acent = \"red\"")]).1.is_empty());
}

#[test]
fn only_the_wrong_value_of_a_file_is_the_default() {
    let (settings, mistakes) = read(&[
        (
            FILE_NAME,
            "[screen]\ntheme = \"lihgt\"\nmouse = false\nrecent = 99\nborders = \"ascii\"\n",
        ),
        (
            KEYMAP_FILE,
            "client = [\"f9\"]\ncopy = [\"f2\"]\nsave = [\"alt-x\"]\nmenu = [\"entr\"]\n",
        ),
    ]);
    let screen = (settings.theme.clone(), settings.mouse, settings.recent, settings.ascii);
    assert_eq!(screen, (ThemeChoice::default(), false, 0, Some(true)));
    let places: Vec<_> =
        mistakes.iter().map(|mistake| mistake.split(": ").next().unwrap()).collect();
    let client = ["client.toml:2:9", "client.toml:4:10"];
    let keymap = ["keymap.toml:1:1", "keymap.toml:4:9", "keymap.toml:2:1"];
    assert_eq!(places, [&client[..], &keymap].concat());
    assert_eq!(settings.keys.shown(Id::Save, " "), "Alt-X");
    assert_eq!(settings.keys.shown(Id::Copy, " "), Keymap::default().shown(Id::Copy, " "));
    let own = (FILE_NAME, "[screen]\ntheme = \"own\"");
    let (settings, mistakes) = read(&[own, (THEME_FILE, "acent = \"red\"\ngood = \"blue\"")]);
    assert_eq!(mistakes.len(), 1);
    assert_eq!(settings.theme.dark.accent, Theme::DARK.accent);
    assert_ne!(settings.theme.dark.good, Theme::DARK.good);
    assert_eq!(settings.own_theme, None, "the chooser offers no theme with a mistake");
}

#[test]
fn a_file_that_is_no_toml_changes_nothing_and_the_others_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let files = SettingsFiles::of(dir.path());
    let mut settings = Settings::default();
    write(FILE_NAME, "[screen]\ntheme = \"light\"");
    write(KEYMAP_FILE, "clients = [\"f10\"]");
    assert!(files.read(&mut settings).is_empty());
    write(FILE_NAME, "[screen]\ntheme = \"dark");
    write(KEYMAP_FILE, "menu = [\"f10\"]");
    assert_eq!(files.read(&mut settings).len(), 1);
    assert_eq!(settings.theme.dark, Theme::LIGHT);
    assert_eq!(settings.keys.shown(Id::Menu, " "), "F10");
}

/// The file after the theme was chosen.
fn with_theme(before: &str, name: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    std::fs::write(&path, before).unwrap();
    match SettingsFiles::of(dir.path()).write_theme(name) {
        Ok(()) => std::fs::read_to_string(path).unwrap(),
        Err(error) => error.to_string().rsplit('/').next().unwrap().to_owned(),
    }
}

#[test]
fn a_chosen_theme_is_written_where_it_stands_and_nothing_else_changes() {
    for (before, after) in [
        ("", "[screen]\ntheme = \"nord\"\n"),
        ("# Mine.\n", "[screen]\ntheme = \"nord\"\n# Mine.\n"),
        (
            "# Mine.\n[screen] # look\ntheme = \"lihgt\" # for the day\nmouse = false\n",
            "# Mine.\n[screen] # look\ntheme = \"nord\" # for the day\nmouse = false\n",
        ),
        (
            "[screen]\n# No mouse.\nmouse = false\n\n[[server]]\nname = \"a\" # b\n",
            "[screen]\n# No mouse.\nmouse = false\ntheme = \"nord\"\n\n[[server]]\nname = \"a\" # b\n",
        ),
        ("[[server]]\nname = \"a\"\n", "[[server]]\nname = \"a\"\n\n[screen]\ntheme = \"nord\"\n"),
        ("screen = { mouse = true }\n", "screen = { mouse = true , theme = \"nord\" }\n"),
        ("screen.theme = \"dark\"\n", "screen.theme = \"nord\"\n"),
        ("screen = 1\n", "client.toml:1:1: screen is a table, written as [screen]"),
    ] {
        assert_eq!(with_theme(before, "nord"), after);
    }
    assert!(with_theme("[screen\n", "nord").starts_with("client.toml:1:"));
    assert_eq!(with_theme(SAMPLE, "nord"), SAMPLE.replace("theme = \"auto\"", "theme = \"nord\""));
}

/// The samples list each key with what it is without them, and reading them changes nothing.
#[test]
fn the_samples_are_what_the_program_does_without_them() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    let text = |name: &str| std::fs::read_to_string(samples.join(name)).unwrap();
    // Without the # before each key.
    let bare = |name: &str| {
        let lines = text(name);
        let lines = lines.lines().map(|line| {
            line.strip_prefix('#')
                .filter(|key| {
                    key.starts_with(|c: char| c.is_ascii_lowercase()) && key.contains(" = ")
                })
                .unwrap_or(line)
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let (mut theme, keymap) = (Theme::DARK, bare(KEYMAP_FILE));
    let (settings, mistakes) = read(&[
        (FILE_NAME, "[screen]\ntheme = \"own\""),
        (THEME_FILE, &bare(THEME_FILE)),
        (KEYMAP_FILE, &keymap),
    ]);
    assert_eq!(mistakes, Vec::<String>::new());
    // In theme.toml the base is the dark theme, on every background.
    assert_eq!((settings.theme.dark, settings.theme.light), (Theme::DARK, Theme::DARK));
    let theme_of_samples = settings.theme.clone();
    let own_theme = Some(theme_of_samples.clone());
    let of_samples = Settings { theme: theme_of_samples, own_theme, ..Settings::default() };
    assert_eq!(settings, of_samples);
    for (role, _) in theme.roles() {
        assert!(
            bare(THEME_FILE).lines().any(|line| line.starts_with(&format!("{role} = "))),
            "{role}"
        );
    }
    for action in crate::input::actions::ACTIONS.iter().filter(|action| action.dispatched) {
        let line = format!("{} = ", action.name);
        assert!(keymap.lines().any(|shown| shown.starts_with(&line)), "{line}");
    }
    let client = text(FILE_NAME);
    let (settings, mistakes) = read(&[(FILE_NAME, &client)]);
    assert_eq!((settings, mistakes), (Settings::default(), Vec::new()));
    for key in ["theme = \"auto\"", "borders = \"auto\"", "mouse = true", "recent = 0"] {
        assert!(client.contains(key), "{key}");
    }
}
