use std::fs;

use super::*;
use crate::config::{DEFAULT_PORT, FILE_NAME, SAMPLE};

const HAND_MADE: &str = "\
# My boxes. Ask Ann before you change this.

# the one in the garden
[[server]]
port = 8677 # as in the router
name = 'sprinkler'   # single quotes on purpose
lan = \"192.168.1.10\"

# the one in the cellar
[[server]]
name = \"lab-psu\"
internet = \"lab.example.org\"
internet_port = 9000

# the end
";

struct ProfileFile(tempfile::TempDir);

impl ProfileFile {
    fn new(text: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path(), text).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.0.path().join(FILE_NAME)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn load(&self) -> ProfileStore {
        ProfileStore::load(self.path()).unwrap()
    }

    fn error(&self) -> String {
        let error = match ProfileStore::load(self.path()) {
            Ok(store) => store.mistakes().next().expect("no mistake").to_owned(),
            Err(error) => error.to_string(),
        };
        error.replace(&format!("{}:", self.path().display()), "")
    }
}

fn named(name: &str) -> Profile {
    Profile { name: name.into(), port: DEFAULT_PORT, ..Profile::default() }
}

#[test]
fn a_file_made_by_hand_is_read_in_its_order_with_defaults() {
    let store = ProfileFile::new(HAND_MADE).load();
    let [sprinkler, lab] = store.profiles() else { panic!("{store:?}") };
    assert_eq!((sprinkler.name.as_str(), sprinkler.port), ("sprinkler", 8677));
    assert_eq!(lab.lan, None);
    assert_eq!((lab.port, lab.internet_port), (DEFAULT_PORT, Some(9000)));
}

#[test]
fn where_there_is_no_file_there_are_no_servers_and_saving_makes_it_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/er").join(FILE_NAME);
    let mut store = ProfileStore::load(&path).unwrap();
    assert!(store.profiles().is_empty());
    store.add(named("first")).unwrap();
    assert!(!path.exists(), "nothing is written before it is saved");
    store.save().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "[[server]]\nname = \"first\"\nport = 8677\n");
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
    }
    let others: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(others.len(), 1, "nothing is left beside it: {others:?}");
}

#[test]
fn adding_goes_to_the_end_and_touches_nothing_else() {
    let place = ProfileFile::new(HAND_MADE);
    let mut store = place.load();
    store.add(Profile { lan: Some("box.lan".into()), ..named("third") }).unwrap();
    store.save().unwrap();
    let added = "\n[[server]]\nname = \"third\"\nlan = \"box.lan\"\nport = 8677\n";
    assert_eq!(place.text(), format!("{HAND_MADE}{added}"));
    assert_eq!(place.load().profiles(), store.profiles());
}

#[test]
fn editing_changes_the_value_and_keeps_the_comment_beside_it() {
    let place = ProfileFile::new(HAND_MADE);
    let mut store = place.load();
    let old = store.get("sprinkler").unwrap().clone();
    let new = Profile { name: "garden".into(), port: 9999, internet: Some("h".into()), ..old };
    store.replace("sprinkler", new).unwrap();
    store.save().unwrap();
    let want = HAND_MADE
        .replace("port = 8677 #", "port = 9999 #")
        .replace("'sprinkler'   #", "\"garden\"   #")
        .replace("192.168.1.10\"\n", "192.168.1.10\"\ninternet = \"h\"\n");
    assert_eq!(place.text(), want);
}

#[test]
fn taking_an_address_away_takes_its_key_away() {
    let place = ProfileFile::new(HAND_MADE);
    let mut store = place.load();
    let old = store.get("lab-psu").unwrap().clone();
    store.replace("lab-psu", Profile { internet_port: None, ..old }).unwrap();
    store.save().unwrap();
    assert_eq!(place.text(), HAND_MADE.replace("internet_port = 9000\n", ""));
}

#[test]
fn removing_takes_the_comment_right_above_and_no_other() {
    let place = ProfileFile::new(HAND_MADE);
    let mut store = place.load();
    store.remove("sprinkler").unwrap();
    store.save().unwrap();
    let text = place.text();
    assert!(text.starts_with("# My boxes. Ask Ann before you change this.\n\n# the one in the cellar\n[[server]]\nname = \"lab-psu\""), "{text}");
    assert!(text.ends_with("\n# the end\n"), "{text}");
    assert!(!text.contains("garden") && !text.contains("sprinkler"), "{text}");

    let mut store = place.load();
    store.remove("lab-psu").unwrap();
    store.save().unwrap();
    assert_eq!(place.text(), "# My boxes. Ask Ann before you change this.\n\n# the end\n");
    assert!(place.load().profiles().is_empty());
}

#[test]
fn servers_written_as_one_array_are_read_and_changed_too() {
    let place = ProfileFile::new(
        "# short\nserver = [{ name = \"a\" }, { name = \"b\", port = 1 }] # two\n",
    );
    let mut store = place.load();
    store.replace("a", Profile { port: 2, ..named("a") }).unwrap();
    store.add(named("c")).unwrap();
    store.remove("b").unwrap();
    store.save().unwrap();
    let text = place.text();
    assert!(text.starts_with("# short\nserver = [") && text.ends_with("] # two\n"), "{text}");
    assert_eq!(place.load().profiles(), [Profile { port: 2, ..named("a") }, named("c")]);
}

#[test]
fn what_is_wrong_in_a_file_is_reported_with_line_and_column() {
    for (text, want) in [
        ("[[server]]\nname = \n", "2:8: "),
        ("[[server]]\nname = \"a\"\nport = 70000\n", "3:8: port must be 1 to 65535, not 70000"),
        ("[[server]]\nname = \"a\"\nlan = 5\n", "3:7: lan is a text in quotes"),
        (
            "[[server]]\nname = \"a\"\n  internt = \"x\"\n",
            "3:3: a server has no `internt`: did you mean internet?",
        ),
        ("[[servers]]\nname = \"a\"\n", "1:3: this file has no `servers`: did you mean server?"),
        ("[server]\nname = \"a\"\n", "1:1: servers are written as [[server]], each with a name"),
        ("[[server]]\nport = 1\n", "1:1: this server has no name: add name = \"..\""),
        (
            "[[server]]\nname = \"a\"\n[[server]]\nname = \"a\"\n",
            "4:8: there are two servers called `a`",
        ),
        (
            "[[server]]\nname = \"é\"\nlan = \"é\"\n",
            "3:7: lan is an IP address or a host name, not `é`",
        ),
        ("[[server]]\nname = \"a\"\nname = \"b\"\n", "3:1: "),
    ] {
        let error = ProfileFile::new(text).error();
        assert!(error.trim_start().starts_with(want), "{text:?} says {error:?}");
    }
    let place = ProfileFile::new("");
    fs::write(place.path(), b"# ok\n# caf\xe9\n").unwrap();
    assert_eq!(place.error().trim(), "2:6: this is not UTF-8");
}

#[test]
fn a_name_stays_unique_and_a_refused_change_changes_nothing() {
    let place = ProfileFile::new(HAND_MADE);
    let mut store = place.load();
    let before = store.profiles().to_vec();
    let error = store.add(named("lab-psu")).unwrap_err();
    assert_eq!(error.to_string(), "name `lab-psu` is taken: choose another");
    assert!(store.replace("sprinkler", named("lab-psu")).is_err());
    assert!(matches!(store.replace("none", named("x")), Err(ConfigError::Unknown { .. })));
    assert!(matches!(store.remove("none"), Err(ConfigError::Unknown { .. })));
    assert!(matches!(store.add(named("")), Err(ConfigError::Field(_))));
    assert_eq!(store.profiles(), before);
    store.save().unwrap();
    assert_eq!(place.text(), HAND_MADE);
}

#[test]
fn an_edit_made_in_the_file_meanwhile_is_kept() {
    let place = ProfileFile::new(HAND_MADE);
    let mut store = place.load();
    let old = store.get("sprinkler").unwrap().clone();
    store.replace("sprinkler", Profile { port: 9999, ..old }).unwrap();
    store.add(named("third")).unwrap();
    store.remove("lab-psu").unwrap();
    let meanwhile = HAND_MADE
        .replace("192.168.1.10", "192.168.1.77")
        .replace("# the end", "# added by hand\n[[server]]\nname = \"fourth\"");
    fs::write(place.path(), meanwhile).unwrap();
    store.save().unwrap();
    let names: Vec<_> = store.profiles().iter().map(|profile| profile.name.as_str()).collect();
    assert_eq!(names, ["sprinkler", "fourth", "third"]);
    let sprinkler = store.get("sprinkler").unwrap();
    assert_eq!((sprinkler.port, sprinkler.lan.as_deref()), (9999, Some("192.168.1.77")));
    assert!(place.text().contains("# added by hand"));
    assert_eq!(place.load().profiles(), store.profiles());
}

#[test]
fn an_edit_that_contradicts_one_made_meanwhile_is_reported_and_writes_nothing() {
    let place = ProfileFile::new("");
    let mut store = place.load();
    store.add(Profile { port: 1, ..named("a") }).unwrap();
    let theirs = "[[server]]\nname = \"a\"\n";
    fs::write(place.path(), theirs).unwrap();
    assert!(matches!(store.save(), Err(ConfigError::Field(_))));
    assert_eq!(place.text(), theirs);
    let store = place.load();
    assert_eq!(store.profiles(), [named("a")]);
}

#[test]
fn a_file_that_became_unreadable_meanwhile_is_not_written_over() {
    let place = ProfileFile::new(HAND_MADE);
    let mut store = place.load();
    store.add(named("third")).unwrap();
    fs::write(place.path(), "half an edit [").unwrap();
    assert!(matches!(store.save(), Err(ConfigError::Invalid { .. })));
    assert_eq!(place.text(), "half an edit [");
    fs::write(place.path(), HAND_MADE).unwrap();
    store.save().unwrap();
    assert!(place.text().contains("third"));
}

#[test]
fn a_mistake_hides_its_own_entry_only_and_survives_changes_of_the_others() {
    let hidden = "# wrong\n[[server]]\nname = \"garden\"\nprot = 1 # typo\n\n";
    let text = format!("{hidden}[[server]]\nname = \"shed\"\n\n[[sever]]\nname = \"odd\"\n");
    let place = ProfileFile::new(&text);
    let mut store = place.load();
    assert_eq!(store.profiles(), [named("shed")]);
    let mistakes: Vec<String> = store.mistakes().map(str::to_owned).collect();
    assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    assert!(mistakes[0].ends_with(":9:3: this file has no `sever`: did you mean server?"));
    assert!(mistakes[1].ends_with(":4:1: a server has no `prot`: did you mean port?"));
    let found = store.find("garden").unwrap_err().to_string();
    assert!(found.starts_with("the saved server garden has a mistake: "), "{found}");
    assert!(found.contains(":4:1: a server has no `prot`"), "{found}");
    // Its name is not free, for it will be mended.
    assert!(matches!(store.add(named("garden")), Err(ConfigError::Field(_))));
    store.replace("shed", Profile { port: 9, ..named("shed") }).unwrap();
    store.add(named("third")).unwrap();
    store.save().unwrap();
    assert!(place.text().starts_with(hidden), "{}", place.text());
    store.remove("shed").unwrap();
    store.save().unwrap();
    assert_eq!(place.load().profiles(), [named("third")]);
    assert!(place.text().starts_with(hidden) && !place.text().contains("shed"));
    assert_eq!(store.mistakes().count(), 2);
}

#[test]
fn a_name_that_is_near_no_saved_one_gets_the_saved_ones_listed() {
    let place = ProfileFile::new("");
    let mut store = place.load();
    let said = |store: &ProfileStore| store.find("nosuch").unwrap_err().to_string();
    assert!(said(&store).contains("nosuch; none is saved yet"), "{}", said(&store));
    store.add(named("garden")).unwrap();
    store.add(named("shed")).unwrap();
    assert_eq!(said(&store), "there is no saved server nosuch; saved are: garden, shed");
    (0..9).for_each(|n| store.add(named(&format!("box {n}"))).unwrap());
    assert!(said(&store).ends_with("box 4, box 5 and 3 more"), "{}", said(&store));
    assert!(store.find("gardne").unwrap_err().to_string().ends_with("did you mean garden?"));
}

#[test]
fn stores_that_save_at_once_lose_nothing() {
    let place = ProfileFile::new("");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let mut store = place.load();
            scope.spawn(move || {
                store.add(named(&format!("box {n}"))).unwrap();
                store.save().unwrap();
            });
        }
    });
    assert_eq!(place.load().profiles().len(), 8);
}
#[test]
fn a_link_to_the_file_stays_a_link_and_its_mode_stays() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = ProfileFile::new("");
    let real = place.0.path().join("dotfiles.toml");
    fs::rename(place.path(), &real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, place.path()).unwrap();
    let mut store = place.load();
    store.add(named("a")).unwrap();
    store.save().unwrap();
    assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("\"a\""));
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

/// A link to a file that was not there yet was replaced by a file.
#[test]
fn a_link_to_a_file_that_is_not_there_yet_stays_a_link() {
    let place = ProfileFile::new("");
    fs::remove_file(place.path()).unwrap();
    std::os::unix::fs::symlink("dotfiles.toml", place.path()).unwrap();
    let mut store = place.load();
    store.add(named("a")).unwrap();
    store.save().unwrap();
    assert!(fs::symlink_metadata(place.path()).unwrap().is_symlink());
    let real = fs::read_to_string(place.0.path().join("dotfiles.toml")).unwrap();
    assert!(real.contains("\"a\""), "{real}");
}

#[test]
fn the_sample_equals_the_defaults_and_its_example_is_read() {
    let place = ProfileFile::new(SAMPLE);
    assert!(place.load().profiles().is_empty(), "the sample by itself saves no server");
    // A line that is commented out begins with `#` and no space.
    let example: String = SAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#'])))
        .map(|line| format!("{line}\n"))
        .collect();
    let store = ProfileFile::new(&example).load();
    let [profile] = store.profiles() else { panic!("{example}") };
    assert_eq!(profile.port, DEFAULT_PORT, "the port shown is the default");
    for field in crate::config::Field::ALL {
        assert!(example.contains(&format!("{} =", field.key())), "{} is shown", field.key());
    }
}

/// How the screen looks stands in the same file: a change of the servers leaves it and its comments alone.
#[test]
fn a_server_that_is_added_leaves_the_screens_settings_as_they_were() {
    let place = ProfileFile::new(SAMPLE);
    let mut store = place.load();
    store.add(named("a")).unwrap();
    store.save().unwrap();
    let text = fs::read_to_string(place.path()).unwrap();
    assert!(text.starts_with(SAMPLE.trim_end()), "{text}");
    assert_eq!(place.load().profiles().len(), 1);
    // And a mistake in them hides no server.
    let text = text.replace("theme = \"dark\"", "theme = \"drak\"");
    assert_eq!(ProfileFile::new(&text).load().profiles().len(), 1);
}

/// A file that a full disk or a hurried copy has cut: never a panic, and never a mistake without its place.
#[test]
fn a_file_that_is_cut_anywhere_is_sound_or_told_with_its_place() {
    let hand_made = HAND_MADE.replace("the one in the garden", "le coin à côté");
    for text in [SAMPLE, &hand_made] {
        for end in 0..=text.len() {
            let place = ProfileFile::new("");
            fs::write(place.path(), &text.as_bytes()[..end]).unwrap();
            match ProfileStore::load(place.path()) {
                Ok(store) => assert!(store.profiles().len() <= 2),
                Err(ConfigError::Invalid { line, column, message, .. }) => {
                    assert!(line > 0 && column > 0 && !message.is_empty(), "{end}");
                }
                Err(error) => panic!("{end}: {error}"),
            }
        }
    }
}
