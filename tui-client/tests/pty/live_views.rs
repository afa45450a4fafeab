//! Views that change by themselves while the user only looks.

use super::harness::{Home, Server};
use super::session::{console, see_each_other};

#[test]
fn the_figures_of_the_server_tell_of_a_second_client_and_of_its_end() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut first = console(&home);
    // The history is the server's own: it is there before the view was ever open.
    first.see(" · load ");
    first.write("\x1bs");
    first.see_all(&["Status of ", "max", "menu revision ", "Listening ", "disk ", "cpu "]);
    // Not a key is pressed on it from here on.
    let row = |screen: &vt100::Screen, label: &str| {
        let text = screen.contents();
        let line = text.lines().find(|line| line.contains(label)).unwrap_or_default().to_owned();
        let row = line.split(label).nth(1).unwrap_or_default();
        row.split('│').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    // The bars, and the value now, at least and at most.
    let clients = |now: &'static str, most: &'static str| {
        move |screen: &vt100::Screen| {
            let figures: Vec<String> = row(screen, "│ clients ");
            let count = figures.len();
            count > 3 && figures[count - 3] == now && figures[count - 1] == most
        }
    };
    first.until("one client", clients("1", "1"));
    let second = console(&home);
    first.until("the second client, and its bar", clients("2", "2"));
    first.until("a rate of requests", |screen| {
        let figures: Vec<String> = row(screen, "│ requests ");
        let rates = figures.iter().filter_map(|figure| figure.strip_suffix("/s")?.parse().ok());
        rates.into_iter().any(|rate: f64| rate > 0.0)
    });
    drop(second);
    first.until("its end", clients("1", "2"));
    first.write("\x1b");
    first.gone("Status of ");
    let third = console(&home);
    see_each_other(&first, &third);
    server.kill();
}

#[test]
fn what_another_one_does_comes_into_the_log_by_itself_and_continues_after_a_restart() {
    let home = Home::new();
    let mut server = Server::start(&home);
    let mut first = console(&home);
    first.write("\x1bl");
    first.see_all(&[
        "Log of ",
        " live ",
        "from info",
        "info   server started",
        "info   client connected",
    ]);
    first.write("/connected");
    first.until("its own line alone", |screen| {
        let text = screen.contents();
        text.contains("1 of 1") && !text.contains("server started")
    });
    // Not a key is pressed on it while another one comes and goes.
    let second = console(&home);
    first.see("2 of 2");
    drop(second);
    first.see_all(&["client disconnected", "connected_for=", "2 of 2"]);

    // While the user looks at older lines, the screen counts the new ones.
    first.write("\x1b[A");
    first.see_all(&["scrolled up · End follows", "1 of 2"]);
    let third = console(&home);
    first.see_all(&["↓ 1 new · End follows", "1 of 3"]);
    first.write("\x1b[F");
    first.see_all(&[" live ", "3 of 3"]);

    server.kill();
    first.see_all(&[" lost: ", "▲ "]);
    server = Server::start(&home);
    first.see_all(&["connected again; lines before this one may be missing", " live "]);
    third.see("it was started anew");
    drop(third);
    first.until("the end of the third one too", |screen| {
        screen.contents().matches("info   client disconnected").count() == 2
    });
    first.write("\x1b");
    first.see("/ filter");
    first.write("\x1b");
    first.gone("Log of ");
    // Nothing of the log comes any more: another look begins anew.
    first.write("\x1bl");
    first.until("the log of the server as it is now", |screen| {
        let text = screen.contents();
        text.contains("server started") && !text.contains("connected again")
    });
    first.write("\x1b");
    server.kill();
}
