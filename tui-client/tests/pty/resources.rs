//! What the program needs: no wake-up while nothing happens, and the memory of many tabs.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::harness::{Home, Screen, Server};
use super::output::command;
use super::remote_servers::{Box, paired};
use super::session::console;

/// How long an idle program is watched.
const WATCHED: Duration = Duration::from_secs(5);

/// A figure of a `status` file of `/proc`, such as 17 for `VmHWM:` in `VmHWM: 17 kB`.
fn figure(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How often each thread of a program has waited for something so far: each wake-up leads to one more wait.
fn waits(pid: i32) -> HashMap<OsString, u64> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        let thread = thread.unwrap();
        let status = std::fs::read_to_string(thread.path().join("status")).ok()?;
        Some((thread.file_name(), figure(&status, "voluntary_ctxt_switches:")))
    };
    threads.filter_map(of_thread).collect()
}

/// The wake-ups since an earlier count. A thread that has ended meanwhile had no work any more, and is not counted.
fn since(before: &HashMap<OsString, u64>, pid: i32) -> u64 {
    let now = waits(pid);
    now.iter().map(|(thread, count)| count - before.get(thread).copied().unwrap_or(0)).sum()
}

/// The clock of the header changes once a minute: waits until that is not within the time that is watched.
fn begin_of_a_minute(screen: &Screen) {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let minute = now() / 60;
    if now() % 60 + WATCHED.as_secs() + 2 >= 60 {
        let next = format!("{:02}:{:02}", (minute + 1) / 60 % 24, (minute + 1) % 60);
        screen.see(&next);
    }
}

/// The wake-ups of a program within the time that is watched. It prints nothing meanwhile.
fn wake_ups(screen: &Screen) -> u64 {
    // What led to the last frame is over: nothing is printed for a moment.
    while screen.prints_within(Duration::from_millis(500)) {}
    let before = waits(screen.pid);
    assert!(!screen.prints_within(WATCHED), "{}", screen.see(""));
    since(&before, screen.pid)
}

#[test]
fn an_idle_console_wakes_up_for_nothing() {
    let home = Home::new();
    let _server = Server::start(&home);
    let mut screen = console(&home);
    begin_of_a_minute(&screen);
    assert_eq!(wake_ups(&screen), 0);
    // Two tabs do not either, of which one is hidden and shows a picker.
    screen.write("\x14");
    screen.see("CONNECT TO ");
    screen.write("\x1b1");
    screen.see(" · connected · ");
    begin_of_a_minute(&screen);
    assert_eq!(wake_ups(&screen), 0);
    // The count sees wake-ups: the open view of the status has one each second.
    let before = waits(screen.pid);
    screen.write("\x1bs");
    screen.see("Status of ");
    assert!(screen.prints_within(WATCHED));
    assert!(since(&before, screen.pid) > 1);
}

/// The most tabs that can be open are ten.
#[test]
fn ten_tabs_with_a_million_lines_between_them_stay_under_200_mb() {
    let phone = Home::new();
    let mut there = Box::with_menu(|_| command("many", "seq -f 'line %.0f of a log' 1 100000", ""));
    let mut screen = paired(&phone, &mut there);
    screen.write("q");
    screen.ended();
    // The same server by ten names.
    let file = phone.client_toml();
    let saved = std::fs::read_to_string(&file).unwrap();
    let name = saved.lines().find(|line| line.starts_with("name = ")).unwrap();
    let servers = (1..=10).map(|nth| saved.replace(name, &format!("name = \"box{nth}\"")));
    std::fs::write(&file, servers.collect::<Vec<String>>().join("\n")).unwrap();

    let mut screen = Screen::topside(&phone, (120, 30), &[]);
    for nth in 1..=10 {
        if nth > 1 {
            screen.write("\x14");
        }
        screen.see("CONNECT TO ");
        screen.write(&format!("g{}", "j".repeat(nth - 1)));
        screen.see_all(&[&format!("CONNECT TO box{nth}"), "● LAN answers in "]);
        screen.write("\r");
        screen.see(" · connected · operator");
        screen.see("F3 menu");
        screen.write("many\r");
        screen.see_all(&["✓ succeeded", "line 100000 of a log"]);
    }
    // Each tab has kept its lines.
    screen.write("\x1b1\x1b[19~");
    screen.see("▸ 100,000 lines");
    let status = std::fs::read_to_string(format!("/proc/{}/status", screen.pid)).unwrap();
    let peak = figure(&status, "VmHWM:");
    assert!(peak < 200 * 1000, "{peak} kB");
}
