//! A device that was paired by an earlier version, with a server of that version's that was taken over by this one.

use std::path::Path;

use crate::common::Place;

/// A place with these files of what the first version left behind.
fn of_the_first_version(files: &[(&str, &str)]) -> Place {
    let left = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/tests/fixtures/v1");
    let place = Place::new();
    for (from, to) in files {
        let text = std::fs::read_to_string(left.join(from)).unwrap();
        place.write(to, &text);
    }
    place
}

#[test]
fn a_device_paired_by_the_first_version_still_comes_in() {
    let server = of_the_first_version(&[
        ("config/server.toml", "config/server.toml"),
        ("config/commands.toml", "config/commands.toml"),
        ("state/keys.json", "state/keys.json"),
        ("state/server.key", "state/server.key"),
    ]);
    let _serving = server.serve();
    let status = server.run(&["status"]).with(0).out;
    let tls = status.lines().find(|line| line.contains(" tls ")).unwrap();
    let port = tls.rsplit(':').next().unwrap().trim();

    let device = of_the_first_version(&[
        ("client/client.toml", "config/client.toml"),
        ("client/client.key", "state/client.key"),
    ]);
    // The port was free when the fixture was made, and may not be now.
    let saved = std::fs::read_to_string(device.path("config/client.toml")).unwrap();
    let moved = saved.replace("port = 43607", &format!("port = {port}"));
    assert_ne!(moved, saved);
    device.write("config/client.toml", &moved);
    let ended = device.run(&["--on", "box", "--via", "lan", "say", "it is me"]).with(0);
    assert_eq!(ended.out, "it is me\n");
}
