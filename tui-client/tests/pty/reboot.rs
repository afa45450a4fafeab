//! Reboot and power off on the screen; the box is a directory with a boot id, and the program a script.

use std::path::PathBuf;

use super::harness::{Home, Server};
use super::session::{console, wanted_name};

/// The file with the boot id of the box, and the variable that names the box.
fn new_box(home: &Home, id: &str) -> (PathBuf, [(&'static str, PathBuf); 1]) {
    let root = home.0.path().join("box");
    let file = root.join("proc/sys/kernel/random/boot_id");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, id).unwrap();
    (file, [("TOPSIDE_BOX_ROOT", root)])
}

fn host(home: &Home, key: &str, script: &str) {
    home.configure("server.toml", &format!("[host]\n{key} = ['sh', '-c', '{script}']\n"));
}

#[test]
fn a_reboot_is_waited_for_and_the_screen_says_that_the_box_was_rebooted() {
    let home = Home::new();
    let (file, env) = new_box(&home, "one");
    let reboot = |id: &str| format!("echo {id} > {}; kill -TERM $PPID", file.display());
    host(&home, "reboot", &reboot("two"));
    let mut server = Server::start_with(&home, &env);
    let mut screen = console(&home);
    screen.write(":shutdown --then reboot new kernel\r");
    let question = screen.see_all(&["Reboot ", "to confirm", "reboots at once", "new kernel"]);
    screen.write(&format!("{}\r\r", wanted_name(&question)));
    screen.see_all(&["rebooting", "ordered by", "new kernel", "reconnecting in"]);
    assert!(server.succeeded());

    host(&home, "reboot", &reboot("three"));
    let mut server = Server::start_with(&home, &env);
    screen.see_all(&["the box was rebooted", " · connected · "]);
    // The first one was measured.
    screen.write(":shutdown --then reboot --yes\r");
    screen.see_all(&["rebooting, usually back in", "ordered by"]);
    assert!(server.succeeded());
    let mut server = Server::start_with(&home, &env);
    screen.see(" · connected · ");
    server.kill();
}

#[test]
fn a_box_that_did_not_reboot_is_reported_with_the_reason() {
    let home = Home::new();
    let (_, env) = new_box(&home, "one");
    host(&home, "reboot", "echo no power here; exit 3");
    let mut server = Server::start_with(&home, &env);
    let mut screen = console(&home);
    screen.write(":shutdown --then reboot --yes\r");
    screen.see_all(&["the box did not reboot", "no power here"]);
    screen.write("\x1bn");
    screen.see_all(&["Notices of this session", "▲ ", "did not reboot"]);
    server.kill();
}

#[test]
fn a_power_off_wants_the_name_of_the_server_typed() {
    let home = Home::new();
    let (_, env) = new_box(&home, "one");
    host(&home, "poweroff", "kill -TERM $PPID");
    let mut server = Server::start_with(&home, &env);
    let mut screen = console(&home);
    // Also with --yes, and from the form.
    screen.write(":shutdown --then poweroff --yes\r");
    screen.see_all(&["Power off ", "to confirm", "powers off at once"]);
    screen.write("\x1b");
    screen.gone("to confirm");
    screen.write("ks then=poweroff\r");
    let question = screen.see_all(&["Power off ", "to confirm"]);
    screen.write(&format!("{}\r\r", wanted_name(&question)));
    screen.see("powered off by");
    assert!(server.succeeded());
}
