//! What a server does, seen by itself on the screen of somebody who only looks.

use super::harness::{Home, Server};
use super::session::{console, see_each_other};

#[test]
fn the_figures_of_the_server_tell_of_a_second_client_and_of_its_end() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut first = console(&home);
    first.write("\x1bs");
    first.see_all(&["Status of ", "least", "menu     revision ", "listens  unix "]);
    // Not a key is pressed on it from here on.
    let row = |screen: &vt100::Screen, label: &str| {
        let text = screen.contents();
        let line = text.lines().find(|line| line.contains(label)).unwrap_or_default().to_owned();
        line.split(label).nth(1).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let clients = |now: &'static str, least: &'static str, most: &'static str| {
        move |screen: &vt100::Screen| {
            let figures: Vec<String> = row(screen, "│ clients ");
            figures.len() > 2 && figures[..3] == [now, least, most]
        }
    };
    first.until("one client", clients("1", "1", "1"));
    let second = console(&home);
    first.until("the second client, and its bar", clients("2", "1", "2"));
    first.until("a rate of requests", |screen| {
        let figures: Vec<String> = row(screen, "│ req/s ");
        figures.first().is_some_and(|now| now.parse::<f64>().is_ok_and(|rate| rate > 0.0))
    });
    drop(second);
    first.until("its end", clients("1", "1", "2"));
    first.write("\x1b");
    first.until("the view closed", |screen| !screen.contents().contains("Status of "));
    let third = console(&home);
    see_each_other(&first, &third);
    server.kill();
}
