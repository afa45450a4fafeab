//! `topside import`: the menu that it prints passes the check, and names what is lost.

use std::process::Command;

const TOPSIDE: &str = env!("CARGO_BIN_EXE_topside");

const CONFIG: &str = r#"
logLevel: "INFO"
actions:
  - title: Ping the Internet
    shell: ping -c {{ count }} {{ host }}
    icon: ping
    timeout: 20
    maxConcurrent: 1
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
entities:
  - file: servers.yaml
    name: server
"#;

#[test]
fn actions_become_commands_that_pass_the_check_and_what_is_lost_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(TOPSIDE);
        command.env("TOPSIDE_CONFIG_DIR", directory.path().join("config"));
        command.env("TOPSIDE_STATE_DIR", directory.path().join("state"));
        command.env("TOPSIDE_RUNTIME_DIR", directory.path().join("run"));
        let output = command.args(args).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), text)
    };
    let (status, [menu, said]) = run(&["import", "olivetin", file.to_str().unwrap()]);
    assert_eq!((status, said.as_str()), (Some(0), ""));
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
        "choices = [\"sda\", \"sdb\"]",
        "# lost: the title \"The large disk\" of the choice sda",
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
    let printed = directory.path().join("menu.toml");
    // The programs of the example are not on each machine.
    let menu = menu.replace("[\"ping\"", "[\"true\"");
    std::fs::write(&printed, menu).unwrap();
    let (status, [checked, said]) =
        run(&["serve", "check", "--commands", printed.to_str().unwrap()]);
    assert_eq!(status, Some(0), "{checked}{said}");
    // Something else is refused in one sentence.
    for (text, part) in [
        ("a: [", "it is no YAML"),
        ("a: 1", "it has no list `actions`"),
        ("- 1", "must be a mapping"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (status, [_, said]) = run(&["import", "olivetin", file.to_str().unwrap()]);
        assert_eq!((status, said.lines().count()), (Some(125), 1), "{said}");
        assert!(said.contains(part), "{text}: {said}");
    }
}
