//! What this device remembers of the audit log of a server.

use std::path::PathBuf;

use crate::common::Place;

/// The files in which it is remembered.
fn remembered(place: &Place) -> Vec<PathBuf> {
    let files = std::fs::read_dir(place.path("state/audit-seen")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn an_audit_log_that_lost_entries_is_warned_about_until_the_memory_is_removed() {
    let place = Place::new();
    let mut server = place.serve();
    for _ in 0..5 {
        place.verb(&["run", "--yes", "careful"]).with(0);
    }
    let last = place.verb(&["status"]).with(0);
    assert!(!last.err.contains("audit"), "{}", last.err);
    // After a crash the log has all that was shown.
    server.kill();
    let mut server = place.serve();
    let after = place.verb(&["status"]).with(0);
    assert!(!after.err.contains("audit"), "{}", after.err);
    server.kill();
    for name in ["audit.jsonl", "audit.head"] {
        std::fs::remove_file(place.path("state").join(name)).unwrap();
    }
    let _server = place.serve();
    let [file] = &remembered(&place)[..] else { panic!("one server, one file") };
    for verb in [&["status"][..], &["status", "--json"], &["run", "own-status", "0"]] {
        let warned = place.verb(verb).with(0);
        assert!(
            warned.err.contains("entries were removed, or the log was begun anew"),
            "{warned:?}"
        );
        assert!(warned.err.contains(file.to_str().unwrap()), "{warned:?}");
        assert!(!warned.out.contains("audit log of this server"), "{warned:?}");
    }
    std::fs::remove_file(file).unwrap();
    let forgotten = place.verb(&["status"]).with(0);
    assert!(!forgotten.err.contains("audit"), "{}", forgotten.err);
}
