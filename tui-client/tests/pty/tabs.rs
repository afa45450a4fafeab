//! Two servers at once, each in a tab: one elsewhere, one on this machine.

use super::harness::{Home, Screen, Server};
use super::output::{command, pipe};
use super::remote_servers::{Box, paired};

/// The first row.
fn strip(screen: &vt100::Screen) -> String {
    let (_, columns) = screen.size();
    screen.rows(0, columns).next().unwrap_or_default()
}

fn see_strip(screen: &Screen, what: &str, wanted: impl Fn(&str) -> bool) -> String {
    screen.until(what, |shown| wanted(&strip(shown)))
}

/// Sign and unread mark of a tab, as the strip shows them behind its name.
fn state(strip: &str, number: char) -> String {
    let label = strip.split("  ").find(|label| label.trim_start().starts_with(number));
    let label = label.unwrap_or_default().trim();
    // Both servers have the name of this machine here: the route stands behind it.
    let behind_name = label.rsplit_once(") ").map(|(_, state)| state.to_owned());
    behind_name.unwrap_or_else(|| label.split(' ').skip(2).collect::<Vec<_>>().join(" "))
}

#[test]
fn tabs_keep_what_is_typed_read_on_while_hidden_and_outlive_their_server() {
    let phone = Home::new();
    let mut there = Box::new();
    let mut screen = paired(&phone, &mut there);
    let gate = pipe(&phone, "gate");
    let script = format!("echo begun; read -r _ <{}; echo over", gate.display());
    phone.write_menu(&command("slow", &script, ""));
    let mut here = Server::start(&phone);

    screen.write("\r");
    screen.see(" · connected · operator");
    screen.write("first line");
    screen.see("❯ first line");
    screen.write("\x14");
    see_strip(&screen, "the strip", |strip| strip.contains(" 2 new"));
    screen.write("j");
    screen.see("CONNECT TO this machine");
    screen.write("\r");
    screen.see(" · connected · admin");
    see_strip(&screen, "two connected tabs", |strip| {
        state(strip, '1') == "●" && state(strip, '2') == "●"
    });
    screen.write("slow\r");
    screen.see("begun");
    screen.write("second line");
    screen.see("❯ second line");

    // By key: each tab has its own line.
    screen.write("\x1b1");
    let shown = screen.see_all(&[" · connected · operator", "❯ first line"]);
    assert!(!shown.contains("second line") && !shown.contains("begun"), "{shown}");

    // A hidden tab reads on, and is marked.
    std::fs::write(&gate, "\n").unwrap();
    see_strip(&screen, "new output in tab 2", |strip| state(strip, '2') == "● ↓");

    // Its server is killed while the other tab is watched.
    here.kill();
    see_strip(&screen, "a lost session in tab 2", |strip| {
        let state = state(strip, '2');
        state.starts_with('✗') || state.starts_with('…')
    });
    screen.see_all(&[" · connected · operator", "❯ first line"]);

    // By mouse: the text of that tab is still there.
    let row = see_strip(&screen, "its label", |strip| strip.contains(" 2 "));
    let before = row.split(" 2 ").next().unwrap();
    screen.click_at(before.chars().count() + 1, 0);
    screen.see_all(&["begun", "over", "lost"]);
    here = Server::start(&phone);
    screen.see_all(&["begun", "over", "❯ second line"]);
    drop(here);

    screen.write("\x1b1");
    screen.see("❯ first line");
    screen.write("\x1bw");
    screen.see("Close the tab of ");
    screen.write("y");
    screen.until("one tab", |shown| !strip(shown).contains(" 1 "));
}

/// Ctrl-Tab as terminals with the newer keyboard protocols report it.
#[test]
fn ctrl_tab_goes_round_and_esc_leaves_a_new_tab() {
    let phone = Home::new();
    let mut there = Box::new();
    let mut screen = paired(&phone, &mut there);
    screen.write("\r");
    screen.see(" · connected · operator");
    screen.write("kept");
    screen.write("\x14");
    see_strip(&screen, "a new tab", |strip| strip.contains(" 2 new"));
    screen.write("\x1b[9;5u");
    screen.see("❯ kept");
    screen.write("\x1b[27;6;9~");
    screen.see("CONNECT TO ");
    // The server that has a tab is shown, and not dialled again.
    screen.write("\r");
    screen.see_all(&["is open in this tab already", "❯ kept"]);
    screen.write("\x14");
    screen.see("CONNECT TO ");
    screen.write("\x1b");
    screen.until("the tab of the server alone", |screen| {
        let text = screen.contents();
        text.contains("❯ kept") && !text.contains(" 2 new")
    });
}
