//! Files for a command, and results of a run: `topside run NAME=@FILE` and `topside fetch`.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::common::{Place, text};

const MENU: &str = r#"
[commands.show]
exec = ["cat", "{file}"]
effect = "read"
[[commands.show.args]]
name = "file"
type = "file"
required = true
max_size = "4MiB"
accept = ["*.txt", "*.csv"]

[commands.sum]
exec = ["cksum", "{files}"]
effect = "read"
[[commands.sum.args]]
name = "files"
type = "file"
required = true
multiple = true

[commands.wipe]
exec = ["cat", "{file}"]
confirm = "Restore {file}?"
[[commands.wipe.args]]
name = "file"
type = "file"
required = true

[commands.pass]
exec = ["sh", "-c", 'cat "$1" > "$TOPSIDE_FILES/back.bin"', "sh", "{file}"]
effect = "read"
results = ["*.bin"]
[[commands.pass.args]]
name = "file"
type = "file"
required = true

[commands.make]
exec = ["sh", "-c", 'cd "$TOPSIDE_FILES"; eval "$1"', "sh", "{script}"]
effect = "read"
results = ["*.csv", "out/*"]
[[commands.make.args]]
name = "script"
type = "string"
"#;

/// Bytes that are not text.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// How many uploads the server has.
fn uploads(place: &Place) -> usize {
    std::fs::read_dir(place.path("state/files/uploads")).map_or(0, Iterator::count)
}

#[test]
fn a_file_is_named_by_position_by_name_and_with_or_without_an_at_sign() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let content = noise(100_000);
    let path = place.path("days of May.txt");
    std::fs::write(&path, &content).unwrap();
    let path = text(&path);
    for args in [
        vec!["show".to_owned(), path.to_owned()],
        vec!["show".to_owned(), format!("@{path}")],
        vec!["show".to_owned(), format!("file=@{path}")],
        vec!["show".to_owned(), "--file".to_owned(), path.to_owned()],
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ended = place.run(&args).with(0);
        assert!(ended.bytes == content, "{args:?}: {} bytes", ended.bytes.len());
    }
    // Also from the line client, and an empty file.
    std::fs::write(place.path("empty.txt"), "").unwrap();
    let lines = format!("show '{path}'\nshow file=@{}\n", text(&place.path("empty.txt")));
    assert!(place.lines(&[], &lines).with(0).bytes == content);
}

#[test]
fn several_files_go_to_an_argument_that_takes_several() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    for name in ["a", "b"] {
        std::fs::write(place.path(name), name).unwrap();
    }
    let (a, b) = (place.path("a"), place.path("b"));
    let out = place.run(&["sum", text(&b), text(&a)]).with(0).out;
    let sizes: Vec<&str> = out.lines().map(|line| line.rsplit('/').next().unwrap()).collect();
    assert_eq!(sizes, ["b", "a"], "{out}");
}

#[test]
fn a_file_that_the_command_does_not_take_is_refused_before_it_is_sent() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    std::fs::write(place.path("a.jpg"), "x").unwrap();
    std::fs::write(place.path("large.txt"), vec![b'x'; 4 * 1024 * 1024 + 1]).unwrap();
    for (file, says) in [
        ("a.jpg", "file must be a file like *.txt or *.csv of at most 4.0 MiB, not a.jpg"),
        ("large.txt", "not one of 4.0 MiB (4194305 bytes)"),
        ("none.txt", "cannot be read: No such file or directory"),
        ("", "is no regular file"),
    ] {
        let ended = place.run(&["show", text(&place.path(file))]).with(126);
        assert!(ended.err.contains(says), "{file}: {ended:?}");
    }
    // One that must be confirmed is not sent before.
    let file = format!("@{}", text(&place.path("a.jpg")));
    let ended = place.run(&["wipe", &file]).with(126);
    assert!(ended.err.contains("Restore") && ended.err.contains("--yes"), "{ended:?}");
    assert_eq!(uploads(&place), 0);
    place.run(&["--yes", "wipe", &file]).with(0);
}

#[test]
fn results_are_fetched_one_or_all_into_a_directory_a_file_or_standard_output() {
    let place = Place::with_menu(MENU);
    let _server = place.serve();
    let script = "mkdir out; head -c 300000 /dev/urandom > out/noise; printf 'a;b\\n' > days.csv";
    place.run(&["make", script]).with(0);
    let list = place.verb(&["fetch", "1", "--list"]).with(0).out;
    assert!(
        list.starts_with("days.csv") && list.contains("out/noise") && list.contains("293.0 KiB"),
        "{list}"
    );

    let here = tempfile::tempdir().unwrap();
    let fetch = |args: &[&str]| -> crate::common::Ended {
        place
            .topside(&[&["fetch", "1"], args].concat())
            .current_dir(here.path())
            .output()
            .unwrap()
            .into()
    };
    fetch(&[]).with(0);
    assert_eq!(std::fs::read(here.path().join("days.csv")).unwrap(), b"a;b\n");
    let noise = std::fs::read(here.path().join("noise")).unwrap();
    assert_eq!(noise.len(), 300_000);
    // A file that is there is only replaced where it is named.
    let ended = fetch(&[]).with(126);
    assert!(ended.err.contains("days.csv is there already"), "{ended:?}");
    std::fs::write(here.path().join("copy"), "old").unwrap();
    fetch(&["out/noise", "-o", "copy"]).with(0);
    assert!(std::fs::read(here.path().join("copy")).unwrap() == noise);
    std::fs::create_dir(here.path().join("sub")).unwrap();
    fetch(&["-o", "sub"]).with(0);
    assert!(std::fs::read(here.path().join("sub/noise")).unwrap() == noise);
    assert!(fetch(&["out/noise", "-o", "-"]).with(0).bytes == noise);
    // Nothing incomplete is left.
    let names = std::fs::read_dir(here.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().ends_with(".part")));

    for (args, status, says) in [
        (&["fetch", "1", "noise"][..], 127, "run #1 has no result noise"),
        (&["fetch", "9"], 127, "there is no run #9"),
        (&["fetch", "1", "-o", "-"], 126, "several results"),
        (&["fetch", "1", "-o", "/no/such/place"], 126, "no directory"),
    ] {
        let ended = place.verb(args).with(status);
        assert!(ended.err.contains(says), "{args:?}: {ended:?}");
    }
    place.run(&["make", "true"]).with(0);
    let ended = place.verb(&["fetch", "2"]).with(127);
    assert!(ended.err.contains("run #2 has left no results"), "{ended:?}");
    let row = place.json(&["fetch", "1", "--list"]);
    assert_eq!((&row[0]["name"], &row[0]["size"]), (&json!("days.csv"), &json!(4)));
}

/// Passes each connection on to another socket. The first is cut after so many bytes of each direction; all bytes of the
/// later ones are counted.
struct Relay {
    later: Arc<AtomicUsize>,
}

impl Relay {
    fn start(from: &Path, to: &Path, cut_after: usize) -> Self {
        let (listener, to) = (UnixListener::bind(from).unwrap(), to.to_owned());
        let later = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&later);
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let (Ok(client), Ok(server)) = (client, UnixStream::connect(&to)) else { return };
                let limit = if number == 0 { cut_after } else { usize::MAX };
                for (source, target) in [(&client, &server), (&server, &client)] {
                    let (source, target) =
                        (source.try_clone().unwrap(), target.try_clone().unwrap());
                    let count = Arc::clone(&count);
                    std::thread::spawn(move || {
                        pass(source, target, limit, (number > 0).then_some(&count));
                    });
                }
            }
        });
        Self { later }
    }
}

fn pass(
    mut source: UnixStream,
    mut target: UnixStream,
    mut limit: usize,
    count: Option<&Arc<AtomicUsize>>,
) {
    let mut piece = [0; 16 * 1024];
    while let Ok(read @ 1..) = source.read(&mut piece) {
        if let Some(count) = count {
            count.fetch_add(read, Ordering::Relaxed);
        }
        limit = limit.saturating_sub(read);
        if limit == 0 || target.write_all(&piece[..read]).is_err() {
            let _ = source.shutdown(Shutdown::Both);
            let _ = target.shutdown(Shutdown::Both);
            return;
        }
    }
    let _ = target.shutdown(Shutdown::Write);
}

#[test]
fn a_transfer_that_is_cut_continues_over_another_connection() {
    let (place, client) = (Place::with_menu(MENU), Place::new());
    let _server = place.serve();
    let content = noise(3_000_000);
    std::fs::write(client.path("a.txt"), &content).unwrap();
    // Base64 takes four bytes for three.
    let relay = Relay::start(&client.socket(), &place.socket(), 3_000_000);
    let ended = client.run(&["show", text(&client.path("a.txt"))]).with(0);
    assert!(ended.bytes == content, "{} bytes", ended.bytes.len());
    assert!(ended.err.contains("the connection was lost; the transfer continues"), "{ended:?}");
    // The rest of the upload, and the output.
    let later = relay.later.load(Ordering::Relaxed);
    assert!(later < 7_000_000, "{later} bytes over the later connections");

    place.run(&["make", "head -c 3000000 /dev/urandom > noise.csv"]).with(0);
    let run = place.json(&["runs", "--command", "make"])["runs"][0]["runId"].to_string();
    let other = Place::new();
    let relay = Relay::start(&other.socket(), &place.socket(), 2_000_000);
    let to = other.path("noise.csv");
    let ended = other.verb(&["fetch", &run, "-o", text(&to)]).with(0);
    assert!(ended.err.contains("the connection was lost; the transfer continues"), "{ended:?}");
    let fetched = place.verb(&["fetch", &run, "-o", "-"]).with(0).bytes;
    assert!(std::fs::read(&to).unwrap() == fetched && fetched.len() == 3_000_000);
    let later = relay.later.load(Ordering::Relaxed);
    assert!(later < 3_500_000, "{later} bytes over the later connections");
}

/// The most memory that a process has used so far, in KiB; none once it has ended.
fn peak_kb(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// `just large-file` has it do the same with 1 GB.
#[test]
fn a_large_file_goes_up_and_down_with_flat_memory() {
    /// More than buffers and pieces under way take, and less than the file.
    const MOST_KB: u64 = 24 * 1024;
    let megabytes =
        std::env::var("TOPSIDE_TEST_FILE_MB").map_or(40, |number| number.parse().unwrap());
    let place = Place::with_menu(MENU);
    let server = place.serve();
    let block = noise(1_000_000);
    let mut file = std::fs::File::create(place.path("large.bin")).unwrap();
    for _ in 0..megabytes {
        file.write_all(&block).unwrap();
    }
    let path = place.path("large.bin");
    // A small file first: what a program needs for any.
    std::fs::write(place.path("small.bin"), "x").unwrap();
    place.run(&["pass", text(&place.path("small.bin"))]).with(0);
    let before = peak_kb(server.pid()).unwrap();
    let back = place.path("back.bin");
    let mut own = 0;
    for args in [&["run", "pass", text(&path)][..], &["fetch", "2", "-o", text(&back)]] {
        let mut child = place.topside(args).spawn().unwrap();
        loop {
            own = own.max(peak_kb(child.id()).unwrap_or(0));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{args:?}: {status}");
                break;
            }
        }
    }
    let same = std::process::Command::new("cmp").args([&path, &back]).status().unwrap();
    assert!(same.success(), "what comes back is the file");
    let after = peak_kb(server.pid()).unwrap();
    println!("{megabytes} MB: the server took {before} to {after} KiB, topside {own} KiB");
    assert!(
        after < before + MOST_KB,
        "the server took {before} KiB, and {after} KiB with the file"
    );
    assert!(own < 3 * MOST_KB, "topside took {own} KiB");
}
