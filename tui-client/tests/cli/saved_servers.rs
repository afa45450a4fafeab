//! The picker's actions as verbs: the saved servers, and where they are kept.

use std::process::Command;

use crate::common::{Place, text};
use crate::require::{require, skipped};

#[test]
fn saved_servers_are_listed_added_changed_and_forgotten_with_the_file_s_comments_kept() {
    let place = Place::new();
    place.write("config/client.toml", "# mine\n");
    place.verb(&["servers"]).with(0);
    place.verb(&["add", "clock", "--lan", "192.0.2.7", "--port", "9000"]).with(0);
    place.verb(&["add", "clock"]).with(126);
    place.verb(&["add", "odd", "--lan", "not a host!"]).with(126);
    place.verb(&["edit", "clock", "--internet", "clock.example", "--internet-port", "443"]).with(0);
    place.verb(&["duplicate", "clock", "clock two"]).with(0);
    place.verb(&["edit", "clock", "--name", "tower clock", "--lan", ""]).with(0);
    let servers = place.json(&["servers"])["servers"].clone();
    assert_eq!(
        servers,
        serde_json::json!([
            {"name": "tower clock", "internet": "clock.example", "port": 9000, "internet_port": 443},
            {"name": "clock two", "lan": "192.0.2.7", "internet": "clock.example", "port": 9000, "internet_port": 443},
        ])
    );
    let listed = place.verb(&["servers"]).with(0).out;
    assert!(listed.contains("192.0.2.7:9000") && listed.contains("clock.example:443"), "{listed}");
    place.verb(&["delete", "clock two", "--yes"]).with(0);
    place.verb(&["delete", "clock two", "--yes"]).with(125);
    let file = std::fs::read_to_string(place.path("config/client.toml")).unwrap();
    assert!(file.starts_with("# mine\n") && !file.contains("two"), "{file}");
    assert!(place.verb(&["test", "tower clock"]).with(125).err.contains("not paired"));

    let paths = place.json(&["config", "path"]);
    assert_eq!(paths["client.toml"], text(&place.path("config/client.toml")));
    let shown = place.verb(&["config", "path"]).with(0).out;
    assert!(shown.contains("keymap.toml") && shown.contains("not there"), "{shown}");
    // The file of the commands was looked for here, and was not named.
    assert_eq!(paths["commands.toml"], text(&place.path("config/commands.toml")));
    assert!(shown.contains("of your own server, not there"), "{shown}");
}

#[test]
fn a_mistake_in_one_entry_hides_that_entry_only_and_is_reported() {
    let place = Place::new();
    let file = "[[server]]\nname = \"garden\"\nprot = 1\n[[server]]\nname = \"shed\"\n";
    place.write("config/client.toml", file);
    let listed = place.verb(&["servers"]).with(0);
    assert!(listed.out.contains("shed") && !listed.out.contains("garden"), "{listed:?}");
    assert!(listed.err.contains("client.toml:3:1: a server has no `prot`"), "{listed:?}");
    let refused = place.verb(&["status", "--on", "garden"]).with(125);
    assert!(refused.err.contains("client.toml:3:1: a server has no `prot`"), "{refused:?}");
    place.verb(&["edit", "shed", "--port", "9000"]).with(0);
    let saved = std::fs::read_to_string(place.path("config/client.toml")).unwrap();
    assert!(saved.contains("prot = 1") && saved.contains("port = 9000"), "{saved}");
}

#[test]
fn tags_are_shown_changed_and_kept_by_other_changes() {
    let place = Place::new();
    let file = "[[server]]\nname = \"clock\"\ntags = [ 'tower', # high up\n  'town' ]\n";
    place.write("config/client.toml", file);
    place.verb(&["add", "pump", "--lan", "192.0.2.7", "--tags", "garden, water"]).with(0);
    place.verb(&["edit", "clock", "--port", "9000"]).with(0);
    let saved = std::fs::read_to_string(place.path("config/client.toml")).unwrap();
    assert!(saved.contains("[ 'tower', # high up\n  'town' ]"), "{saved}");
    assert!(saved.contains("tags = [\"garden\", \"water\"]"), "{saved}");
    let servers = place.json(&["servers"])["servers"].clone();
    assert_eq!(servers[0]["tags"], serde_json::json!(["tower", "town"]));
    let listed = place.verb(&["servers"]).with(0).out;
    assert!(listed.contains("tags") && listed.contains("garden water"), "{listed}");
    place.verb(&["edit", "pump", "--tags", ""]).with(0);
    assert_eq!(place.json(&["servers"])["servers"][1].get("tags"), None);
    let refused = place.verb(&["edit", "pump", "--tags", "a,b c"]).with(126);
    assert!(refused.err.contains("tags has one that is 1 to 64 letters"), "{refused:?}");
}

#[test]
fn a_wrong_tag_is_reported_with_its_place() {
    let place = Place::new();
    for (tags, says) in [
        ("'garden'", "3:8: tags is a list of texts in quotes, such as [\"garden\"]"),
        ("['garden', 7]", "3:19: tags is a list of texts in quotes"),
        ("['garden', 'a,b']", "3:19: a tag is 1 to 64 letters, digits, `-`, `_` or `.`, not `a,b`"),
        ("['garden', 'garden']", "3:19: tags has `garden` twice: remove one"),
    ] {
        let file = format!("[[server]]\nname = 'clock'\ntags = {tags}\n[[server]]\nname='shed'\n");
        place.write("config/client.toml", &file);
        let listed = place.verb(&["servers"]).with(0);
        assert!(listed.err.contains(&format!("client.toml:{says}")), "{listed:?}");
        assert!(listed.out.contains("shed") && !listed.out.contains("clock"), "{listed:?}");
    }
}

#[test]
fn a_link_local_address_without_its_interface_is_refused() {
    let place = Place::new();
    let refused = place.verb(&["add", "box", "--lan", "fe80::1"]).with(126);
    assert!(refused.err.contains("needs the interface that leads to it"), "{refused:?}");
    place.verb(&["add", "box", "--lan", "fe80::1%eth0"]).with(0);
}

#[test]
fn a_client_toml_that_is_a_mount_point_is_written_in_place() {
    if !require("unshare") {
        return;
    }
    let place = Place::new();
    let mounted = place.path("mounted.toml");
    std::fs::write(&mounted, "# from the host\n").unwrap();
    place.write("config/client.toml", "");
    let script = "mount --bind \"$0\" \"$1\" && echo up && exec \"$2\" add clock --lan 192.0.2.7";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", script]);
    command.args([&mounted, &place.path("config/client.toml")]).arg(env!("CARGO_BIN_EXE_topside"));
    let output = command.envs(place.environment()).output().unwrap();
    if !output.stdout.starts_with(b"up") {
        skipped("a mount namespace");
        return;
    }
    assert!(output.status.success(), "{output:?}");
    let saved = std::fs::read_to_string(&mounted).unwrap();
    assert!(saved.starts_with("# from the host\n") && saved.contains("clock"), "{saved}");
    assert!(!place.path("config/client.toml.new").exists());
}
