//! Approvals on two screens: a device asks for a run, and the user of the box decides about it.

use super::harness::{Home, Screen};
use super::remote_servers::{Box, paired};

const MENU: &str = r#"
[commands.wipe]
title = "Wipe a disk"
effect = "write"
approval = "admin"
exec = ["/bin/echo", "wiped", "{disk}"]
[[commands.wipe.args]]
name = "disk"
type = "string"
required = true
"#;

#[test]
fn a_run_of_one_screen_is_approved_and_another_refused_on_the_other() {
    let phone = Home::new();
    let mut there = Box::with_menu(|_| MENU.to_owned());
    let mut asks = paired(&phone, &mut there);
    asks.write("\r");
    asks.see(" · connected · operator");
    asks.write("wipe sdb\r");
    asks.see_all(&["waits for approval by role admin", "… approval"]);

    // It was there before this screen.
    let mut decides = Screen::topside(&there.home, (120, 30), &[]);
    decides.connect("running");
    decides.see(") asks to run wipe sdb: Alt-A decides");
    decides.write("\x1ba");
    decides.see_all(&["Approvals", "wipe sdb", "phone", "y approve", "4:"]);
    decides.write("\r");
    decides.see_all(&["Wipe a disk", "makes a change that can be undone", "role admin"]);
    decides.write("\x1b");
    // The keys that follow are not part of an escape sequence.
    decides.gone("makes a change");
    decides.write("y");
    decides.see("Approve run #1 of phone (#");
    decides.write("\r\r");
    decides.see_all(&["run #1 of wipe, for phone, is approved", "No run waits for approval."]);
    asks.see_all(&["wiped sdb", "✓ succeeded"]);

    // The next one arrives while the list is open.
    asks.write("wipe sdc\r");
    decides.see("wipe sdc");
    decides.click("n refuse");
    decides.see("Refuse run #2 of phone (#");
    decides.write("not today\r\r");
    decides.see("run #2 of wipe, for phone, is refused");
    asks.see_all(&["refused by ", "not today"]);
}
