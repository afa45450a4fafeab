//! The picker's actions as verbs: the saved servers, and where they are kept.

use crate::common::{Place, text};

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
}
