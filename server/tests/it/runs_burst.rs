//! Many requests for the list of runs at once: one reading connection, and the memory is given back.

use serde_json::json;

use crate::common::{Raw, Topsided, resident_kb};

/// Open descriptors of `runs.db` of this process, and its resident memory in KiB.
fn figures(pid: u32, database: &std::path::Path) -> (usize, u64) {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let open = open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|path| path == database));
    (open.count(), resident_kb(pid))
}

/// 47 to 190 descriptors and 140 MB stayed.
#[test]
fn a_burst_of_lists_uses_one_reading_connection_and_gives_memory_back() {
    let topsided = Topsided::new();
    let server = topsided.start();
    let mut client = Raw::connect(&topsided.socket());
    for _ in 0..520 {
        client.run("look", json!({}));
    }
    client.ok("runs/list", json!({"limit": 500}));
    let database = topsided.path("state/runs.db");
    let (_, before) = figures(server.pid(), &database);
    for _ in 0..2 {
        let mut clients: Vec<Raw> = (0..200).map(|_| Raw::connect(&topsided.socket())).collect();
        let asked: Vec<u64> = clients
            .iter_mut()
            .map(|client| client.ask("runs/list", json!({"limit": 500})))
            .collect();
        for (client, id) in clients.iter_mut().zip(asked) {
            assert_eq!(client.answer(id)["result"]["runs"].as_array().unwrap().len(), 500);
        }
        let (open, _) = figures(server.pid(), &database);
        assert!(open <= 2, "{open} descriptors");
    }
    client.ok("ping", json!({}));
    let (_, after) = figures(server.pid(), &database);
    assert!(after < before + 24 * 1024, "{before} KiB before, {after} KiB after");
}
