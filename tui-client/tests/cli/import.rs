//! `topside import`: the menu that it prints passes the check, and names what is lost.

use crate::common::{Place, text};

const CONFIG: &str = r#"
logLevel: "INFO"
actions:
  - title: Ping the Internet
    shell: ping -c {{ count }} {{ host }}
    icon: ping
    timeout: 20
    maxConcurrent: 1
    maxRate:
      - limit: 3
        duration: 1m30s
      - limit: 10
        duration: 24h
    triggers:
      - Note it
      - Say it
      - Nothing of that name
    arguments:
      - name: host
        title: Host
        type: ascii_identifier
        default: example.com
        description: The host to ping
      - name: count
        type: int
        default: 3
  - title: Help
    id: help
    shell: |
      echo "Backup of {{ disk }}" && tar cf /backup/{{ disk }}.tar /mnt/{{ disk }}
    execOnCron:
      - "0 3 * * *"
      - "@weekly"
    execOnStartup: true
    arguments:
      - type: confirmation
        title: Are you sure?
      - name: disk
        default: sdb
        choices:
          - title: The large disk
            value: sda
          - value: sdb
  - title: Say it
    shell: say {{ text }}
    execOnCron: "@hourly"
    arguments:
      - name: text
        type: very_dangerous_raw_string
  - title: "Restart {{ server.name }}"
    entity: server
    shell: ssh {{ server.hostname }} reboot
  - title: Note it
    exec: [logger, pinged]
    hidden: true
    triggers: [Ping the Internet]
entities:
  - file: servers.yaml
    name: server
"#;

#[test]
fn actions_become_commands_that_pass_the_check_and_what_is_lost_is_named() {
    let place = Place::new();
    let file = place.path("config.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    let imported = place.verb(&["import", "olivetin", text(&file)]).with(0);
    assert_eq!(imported.err, "");
    let menu = imported.out;
    for line in [
        "[commands.ping-the-internet]",
        r#"exec = ["ping", "-c", "{count}", "{host}"]"#,
        "timeout = \"20s\"",
        "max_concurrent = 1",
        "# lost: icon = ping",
        "# lost: a value of host that begins with -, which is refused here",
        // A built-in has the name of the second one.
        "[commands.help-box]",
        r#"/backup/"$1".tar /mnt/"$1""#,
        "confirm = \"Are you sure?\"",
        r#"choices = [{ value = "sda", label = "The large disk" }, "sdb"]"#,
        "rate = \"3/1m30s\"",
        "# lost: the limit of 10 runs in 24h",
        "then = [\"note-it\"]",
        "# lost: the triggers after a failure",
        "# lost: the trigger of \"Say it\": text has no default",
        "# lost: the trigger of \"Nothing of that name\": there is no command of it",
        "# lost: the trigger of \"Ping the Internet\": it would start this one again",
        "# lost: the start of this hidden action by its number",
        "menu = false",
        "at_start = true",
        "cron = \"@weekly\"",
        "# lost: the schedule cron = @hourly: text has no default",
        "# lost: the value of `text` was a part of the script",
        "# lost: the check of the type very_dangerous_raw_string of text",
        "# lost: the action \"Restart {{ server.name }}\": `{{ server.hostname }}` is no argument",
        "# lost: logLevel = INFO",
        "# lost: entities = a list of 1",
    ] {
        assert!(menu.contains(line), "{line}: {menu}");
    }
    let printed = place.path("menu.toml");
    // The programs of the example are not on each machine.
    let menu = menu.replace("[\"ping\"", "[\"true\"").replace("[\"logger\"", "[\"true\"");
    std::fs::write(&printed, menu).unwrap();
    place.verb(&["serve", "check", "--commands", text(&printed)]).with(0);
    // Something else is refused in one sentence.
    for (yaml, part) in [
        ("a: [", "it is no YAML"),
        ("a: 1", "it has no list `actions`"),
        ("- 1", "must be a mapping"),
    ] {
        std::fs::write(&file, yaml).unwrap();
        let said = place.verb(&["import", "olivetin", text(&file)]).with(125).err;
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(part), "{yaml}: {said}");
    }
}

/// Each part is one that a menu file may not have.
const ODD: &str = r#"
actions:
  - title: "\e[31mred\n[commands.other]\u202e"
    shell: "true {{ personName }} {{ person name }} {{ _x }} {{ 1x }}"
    arguments:
      - {name: personName, type: ascii, title: "a\nb"}
      - {name: "person name", type: "regex:^[a-z$", default: "x\ny"}
      - {name: _x, type: int, default: many}
      - {name: 1x, choices: [{value: a}, {value: a}, {value: "b\nc"}], default: d}
      - {name: personName, type: int}
      - {name: 1-x, type: int}
  - title: ""
    shell: "true"
    execOnCron: ["99 99 * * *", "", "@every 5m", "* * * * * *", "0 3 * * *"]
"#;

#[test]
fn what_a_menu_file_may_not_have_is_lost_and_the_rest_passes_the_check() {
    let place = Place::new();
    let file = place.path("config.yaml");
    std::fs::write(&file, ODD).unwrap();
    let menu = place.verb(&["import", "olivetin", text(&file)]).with(0).out;
    for line in [
        "[commands.31mred-commands-other]",
        "exec = [\"sh\", \"-c\", 'true \"$1\" \"$2\" \"$3\" \"$4\"', \"sh\", \"{personname}\", \"{person-name}\", \"{arg-x}\", \"{arg-1x}\"]",
        "# lost: the name personName of an argument, which is personname here",
        "# lost: the second argument of the name personName",
        "# lost: the pattern [a-z of person name, which is no regular expression here",
        "# lost: the default many of the argument _x, which is none of its values",
        "# lost: the default d of the argument 1x, which is none of its values",
        "choices = [\"a\"]",
        "# lost: the schedule 99 99 * * *: ",
        "# lost: the schedule @every 5m: ",
        "# lost: the schedule * * * * * *: it has 6 fields",
        "cron = \"0 3 * * *\"",
    ] {
        assert!(menu.contains(line), "{line}: {menu}");
    }
    let printed = place.path("menu.toml");
    std::fs::write(&printed, menu).unwrap();
    place.verb(&["serve", "check", "--commands", text(&printed)]).with(0);
}

#[test]
fn a_file_without_an_end_is_refused() {
    let place = Place::new();
    let ended = place.verb(&["import", "olivetin", "/dev/zero"]).with(125);
    assert!(ended.err.contains("more than 4194304 bytes"), "{ended:?}");
}
