//! The forms of servers, invites and pairing, filled in and closed with the mouse; the server form by keyboard too.

use super::admin::act;
use super::harness::{Home, Screen, Server};
use super::remote_servers::{Box, listen, paired, paste};
use super::session::console;

const WIDE: (u16, u16) = (120, 30);

/// The picker, with the chosen server in it.
fn picker(home: &Home, server: &str) -> Screen {
    let screen = Screen::topside(home, WIDE, &[]);
    screen.see_all(&[&format!("▌ {server}"), "a add"]);
    screen
}

fn saved_servers(home: &Home) -> String {
    std::fs::read_to_string(home.client_toml()).unwrap_or_default()
}

#[test]
fn a_server_is_added_with_the_mouse_and_a_form_with_text_is_closed_by_the_second_click() {
    let home = Home::new();
    let mut screen = picker(&home, "this machine");
    screen.write("a");
    screen.see("Add a server");
    // Cancel of an empty form closes it at once.
    screen.click("▐ Cancel ▌");
    screen.gone("Add a server");
    screen.write("a");
    screen.see("Add a server");
    screen.click("LAN address");
    screen.write("192.168.1.10");
    screen.see("192.168.1.10");
    // A click into the field itself, not on its label.
    screen.click_beside("Name", 20);
    screen.write("shed");
    screen.see("shed");
    screen.click("▐ Cancel ▌");
    screen.see_all(&["Esc again discards what you typed", "shed"]);
    screen.click_beside("Port", 24);
    screen.write("0");
    screen.click("▐ Save ▌");
    screen.see("not 86770");
    screen.write("\x7f");
    screen.gone("not 86770");
    screen.click("▐ Save ▌");
    screen.see_all(&["shed is saved.", "▌ shed"]);
    let saved = saved_servers(&home);
    assert!(saved.contains("name = \"shed\"") && saved.contains("\"192.168.1.10\""), "{saved}");

    screen.write("e");
    screen.see("Edit shed");
    screen.click("Router address");
    screen.write("203.0.113.7");
    screen.click("▐ Cancel ▌");
    screen.see("Esc again discards");
    screen.click("▐ Cancel ▌");
    screen.gone("Edit shed");
    assert_eq!(saved_servers(&home), saved, "nothing was saved");
    // A key hint is clicked like a button.
    screen.write("e");
    screen.see("Edit shed");
    screen.click("Esc closes");
    screen.gone("Edit shed");
}

#[test]
fn a_server_is_edited_duplicated_and_deleted_by_keyboard() {
    let home = Home::new();
    let text = "[[server]]\nname = \"shed\"\nlan = \"192.0.2.1\"\n";
    home.configure("client.toml", text);
    let mut screen = picker(&home, "shed");
    screen.write("e");
    screen.see("Edit shed");
    // Text in a field that was entered by Tab is typed over.
    screen.write("\t192.0.2.2\r\r\r\r");
    screen.see_all(&["192.0.2.2", "▐▸Save◂▌", "Enter saves it"]);
    screen.write("\r");
    screen.gone("Edit shed");
    screen.see("shed is saved.");
    assert!(saved_servers(&home).contains("lan = \"192.0.2.2\""), "{}", saved_servers(&home));
    screen.write("c");
    screen.see_all(&["Add a server", "shed-2", "192.0.2.2"]);
    screen.write("\x13");
    screen.see_all(&["shed-2 is saved.", "▌ shed-2"]);
    screen.write("d");
    screen.see("▐▸Cancel◂▌");
    // The focus is on the button that keeps it.
    screen.write("\r");
    screen.gone("▐▸Cancel◂▌");
    screen.write("d");
    screen.see("▐▸Cancel◂▌");
    screen.write("y");
    screen.see_all(&["▌ shed ", "shed-2 is forgotten"]);
    let saved = saved_servers(&home);
    assert!(saved.contains("name = \"shed\"") && !saved.contains("shed-2"), "{saved}");
}

#[test]
fn an_invite_is_made_with_the_mouse() {
    let home = Home::new();
    listen(&home, 0);
    let _server = Server::start(&home);
    let mut admin = console(&home);
    let open = |admin: &mut Screen| {
        act(admin, "Invite a device, or make a token");
        admin.see_all(&["▐ Create ▌", "▐ Cancel ▌"]);
    };
    open(&mut admin);
    admin.click("▐ Cancel ▌");
    admin.gone("▐ Create ▌");
    open(&mut admin);
    // A token needs the commands that it may run.
    admin.click("( token )");
    admin.see_all(&["(●token )", "commands*", "90d"]);
    admin.click("( invite )");
    admin.see_all(&["(●invite )", "10m"]);
    admin.click("( operator )");
    admin.see("(●operator )");
    // What is missing has the focus, and says so.
    admin.click("▐ Create ▌");
    admin.see("is missing");
    admin.write("phone");
    admin.see("phone");
    admin.click_beside("lifetime", 14);
    admin.write("5m");
    admin.click("▐ Create ▌");
    admin.see_all(&["For phone as operator", "expires in 4:5", "topside1:", "F6 copies"]);
    admin.click("F6 copies");
    admin.see("sent to the terminal's clipboard");
    admin.click("Esc closes");
    admin.gone("topside1:");
}

#[test]
fn a_device_is_paired_and_another_server_of_the_same_name_is_kept_with_the_mouse() {
    let phone = Home::new();
    let (mut first, mut second) = (Box::new(), Box::new());
    let mut screen = paired(&phone, &mut first);
    screen.write("i");
    screen.see("Paste an invite");
    screen.click("▐ Cancel ▌");
    screen.gone("Paste an invite");

    screen.write("i");
    screen.see("Paste an invite");
    paste(&mut screen, "topside1:nonsense");
    screen.see("✗ ");
    screen.click("▐ Pair ▌");
    screen.see("✗ ");
    screen.click("❯ topside1:");
    screen.write("\x15");
    screen.gone("✗ this is");
    let invite = second.invite();
    paste(&mut screen, &invite);
    screen.see_all(&["▐▸Pair◂▌", "an invite of "]);
    screen.click("▐▸Pair◂▌");
    // Both servers have the name of this machine.
    screen.see_all(&["is saved with another key", "▐ Replace ▌", "▐▸Keep both◂▌"]);
    screen.click("▐▸Keep both◂▌");
    screen.see_all(&["Paired with ", "-2 as operator."]);
    assert_eq!(saved_servers(&phone).matches("[[server]]").count(), 2);

    let mut third = Box::new();
    let invite = third.invite();
    paste(&mut screen, &invite);
    screen.see("▐▸Pair◂▌");
    screen.click("▐▸Pair◂▌");
    screen.see("▐ Replace ▌");
    screen.click("▐ Replace ▌");
    screen.gone("▐ Replace ▌");
    screen.see("Paired with ");
    assert_eq!(saved_servers(&phone).matches("[[server]]").count(), 2);
}
