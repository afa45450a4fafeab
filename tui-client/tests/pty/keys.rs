//! Who may come in over TCP, looked after from the screen: an invite that really pairs another device, and a key that
//! is revoked while a client is connected by it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use topside_shared::invite::Invite;

use super::admin::act;
use super::harness::{Home, PATIENCE, Screen, Server, TOPSIDE};
use super::remote_servers::listen;
use super::session::console;

const WIDE: (u16, u16) = (120, 30);

/// A box that listens on a port of this machine once an invite exists.
fn serve() -> (Home, Server) {
    let home = Home::new();
    listen(&home, 0);
    let server = Server::start(&home);
    (home, server)
}

/// Fills the form in, and reads the string off the screen.
fn invite(admin: &mut Screen, name: &str, role: char) -> String {
    act(admin, "Invite a device, or make a token");
    admin.see_all(&["name*", "role*", "▐ Create ▌"]);
    admin.write(&format!("{name}\t{role}\x13"));
    admin.see_all(&["An invite", "good once, expires in", "F6 copies"]);
    whole_string(admin)
}

/// The string, once the frame with it is whole.
fn whole_string(admin: &Screen) -> String {
    let whole = |screen: &vt100::Screen, _: &[u8]| {
        string(&screen.contents()).filter(|text| text.parse::<Invite>().is_ok())
    };
    admin.look(PATIENCE, whole).unwrap_or_else(|why| panic!("no whole string: {why}"))
}

/// The string in its box: its rows begin in one column, and a blank one ends it.
fn string(shown: &str) -> Option<String> {
    let mut lines = shown.lines().skip_while(|line| !line.contains("topside1:"));
    let first = lines.next()?;
    let column = first.split("topside1:").next().unwrap_or_default().chars().count();
    let part = |line: &str| -> String {
        line.chars().skip(column).take_while(|c| !c.is_whitespace()).collect()
    };
    let rest = lines.map(part).take_while(|part| !part.is_empty());
    Some(std::iter::once(part(first)).chain(rest).collect())
}

/// Closes the string, which is then nowhere on the screen.
fn close(admin: &mut Screen) {
    admin.write("\x1b");
    let shown = admin.gone("─ An invite ");
    assert!(!shown.contains("topside1:"), "{shown}");
}

/// Pairs a device by `topside pair`.
fn pair(device: &Home, invite: &str) {
    let mut command = Command::new(TOPSIDE);
    command.args(["pair", "-"]).envs(device.env()).stdin(Stdio::piped());
    let mut pair = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(pair.stdin.take().unwrap(), "{invite}").unwrap();
    let done = pair.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The console of a device that is paired with one box.
fn connect(device: &Home, role: &str) -> Screen {
    let mut screen = Screen::topside(device, WIDE, &[]);
    screen.see("● LAN answers in ");
    screen.write("\r");
    screen.see(&format!(" · connected · {role}"));
    screen
}

/// Whether a text is in any file of a directory.
fn kept(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return kept(&path, text);
        }
        let Ok(bytes) = std::fs::read(&path) else { return false };
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn an_invite_of_the_screen_pairs_a_device_and_its_key_can_be_revoked() {
    let (home, mut server) = serve();
    let mut admin = console(&home);
    let invite = invite(&mut admin, "phone", 'o');
    admin.write("\x1b[17~");
    admin.see("sent to the terminal's clipboard");
    assert!(admin.printed(b"\x1b]52;"));
    let phone = Home::new();
    pair(&phone, &invite);
    // Not a key was pressed here.
    admin.see("For phone as operator: used by phone");
    let phone_screen = connect(&phone, "operator");

    close(&mut admin);
    assert!(!kept(home.0.path(), &invite[60..90]), "no file of the box or of its admin has it");

    act(&mut admin, "Keys: list and revoke them");
    admin.see_all(&["✓ active", "1 used or expired invite hidden"]);
    admin.write("\t");
    admin.see("✗ used");
    admin.write("/phone active");
    admin.see("1 of 1");
    admin.write("\r\r");
    admin.see_all(&["Keys › phone", "connected as #", "all commands allowed"]);
    admin.write("\x1b");
    admin.gone("Keys › phone");
    admin.write("\x18");
    admin.see_all(&["Revoke the key of phone?", "▐▸Cancel◂▌", "Its sessions end"]);
    // Enter revokes nothing: Cancel has the focus.
    admin.write("\r");
    admin.gone("▐▸Cancel◂▌");
    admin.write("\x18");
    admin.see("▐▸Cancel◂▌");
    admin.write("\t\r");
    admin.see_all(&["Revoked phone (", "Nothing matches the filter: Esc clears it."]);
    // Not a key was pressed there.
    let shown = phone_screen.see_all(&["revoked this device's key", "R reconnect"]);
    assert!(!shown.contains("reconnecting"), "{shown}");
    admin.write("/\x15revoked");
    admin.see_all(&["✗ revoked", "1 of 1"]);
    server.kill();
}

#[test]
fn revoking_the_own_key_warns_and_the_last_admin_key_stays() {
    let (home, mut server) = serve();
    let mut admin = console(&home);
    let first = invite(&mut admin, "laptop", 'a');
    let laptop = Home::new();
    pair(&laptop, &first);
    let mut own = connect(&laptop, "admin");
    act(&mut own, "Keys: list and revoke them");
    own.see("✓ active");
    own.write("\r");
    own.see("you are connected by it");
    own.write("\x18");
    own.see("This is the key that you are connected by");
    own.write("\t\r");
    own.see("only the box itself takes it away");

    // With another admin it can be taken away, and that ends this very session.
    close(&mut admin);
    let second = invite(&mut admin, "tablet", 'a');
    pair(&Home::new(), &second);
    own.write("\x18");
    own.see("▐▸Cancel◂▌");
    own.write("\t\r");
    // The answer may come too late for a session that has ended; its goodbye says the same.
    own.see("revoked this device's key");
    server.kill();
}

#[test]
fn a_token_of_the_screen_lets_a_script_run_its_commands_and_no_others() {
    let (home, mut server) = serve();
    let mut admin = console(&home);
    act(&mut admin, "Invite a device, or make a token");
    admin.see("▐ Create ▌");
    admin.write("cron\t\x1b[C\techo\x1b[Z\x1b[Z\x1b[Zt");
    admin.see_all(&["(●token )", "(●viewer )", "90d"]);
    admin.write("\x13");
    admin.see_all(&["A token", "for echo only", "F6 copies"]);
    let script = Home::new();
    pair(&script, &whole_string(&admin));
    let name = std::fs::read_to_string(script.client_toml()).unwrap();
    let name = name.split("name = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let run = |command: &[&str]| {
        let mut topside = Command::new(TOPSIDE);
        topside.args(["run", "--on", name]).args(command).envs(script.env());
        topside.stdin(Stdio::null()).output().unwrap()
    };
    let done = run(&["echo", "from", "a", "script"]);
    assert_eq!(String::from_utf8_lossy(&done.stdout), "from a script\n");
    assert!(!run(&["status"]).status.success());
    server.kill();
}

/// A phone's camera sees the code of a real terminal only if it is there, whole and black on white.
#[test]
fn a_large_terminal_shows_the_code_and_a_small_one_how_large_it_must_be() {
    let (home, mut server) = serve();
    let mut admin = console(&home);
    invite(&mut admin, "phone", 'v');
    let known = |colour| matches!(colour, vt100::Color::Idx(16 | 231));
    admin.until("black and white", |screen| {
        let (rows, columns) = screen.size();
        let cells = (0..rows).flat_map(|y| (0..columns).filter_map(move |x| screen.cell(y, x)));
        let code: Vec<_> = cells.filter(|cell| cell.contents() == "▀").collect();
        let painted = code.iter().all(|cell| known(cell.fgcolor()) && known(cell.bgcolor()));
        code.len() > 1_000 && painted
    });
    admin.resize(80, 24);
    let shown = admin.see_all(&["Its QR code needs a terminal of", "this one has 80 × 24"]);
    assert!(!shown.contains('▀'), "{shown}");
    server.kill();
}
