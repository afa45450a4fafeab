//! The server's files read again, by an admin on one screen and by a signal, as two screens see it.

use super::admin::act;
use super::harness::{Home, Server};
use super::session::{console, see_each_other};

fn command(name: &str) -> String {
    format!(
        "[commands.{name}]\ntitle = \"About {name}\"\nexec = [\"/bin/echo\", \"this is {name}\"]\n\
         effect = \"read\"\n"
    )
}

#[test]
fn a_new_command_is_there_on_both_screens_and_a_broken_file_leaves_the_old_menu() {
    let home = Home::with_menu(&command("tank"));
    let mut server = Server::start(&home);
    let (mut first, mut second) = (console(&home), console(&home));
    see_each_other(&first, &second);

    home.write_menu(&format!("{}{}", command("tank"), command("pump")));
    act(&mut first, "Reload the server's files");
    first.see_all(&["The files were read again. In force now:", "added: pump"]);
    // A client that did nothing gets a message.
    second.see("added: pump");
    first.write("\x1b");
    for screen in [&mut first, &mut second] {
        screen.gone("read again");
        screen.write("pump\r");
        screen.see("this is pump");
    }

    home.write_menu(&format!(
        "{}\n[commands.valve]\ntitel = \"Open the valve\"\n",
        command("tank")
    ));
    act(&mut first, "Reload the server's files");
    first.see_all(&["Nothing was changed", "commands.toml:7:", "titel"]);
    first.write("\x1b");
    first.gone("Nothing was changed");
    for screen in [&mut first, &mut second] {
        screen.write("\x0c");
        screen.gone("this is pump");
        screen.write("pump\r");
        screen.see("this is pump");
    }

    // By a signal, on the box.
    home.write_menu(&command("pump"));
    server.hang_up();
    for screen in [&first, &second] {
        screen.see("removed: tank");
    }
    server.kill();
}
