use std::time::Duration;

use topside_shared::command::{Effect, Output};

use super::*;
use crate::workers::FunctionSafeState;

fn read(text: &str) -> Result<Menu, FileErrors> {
    load(
        &[Source { name: "commands.toml", text }],
        &["menu"],
        Missing::Refuse,
        Trust::of_this_process(),
    )
}

#[test]
fn every_field_of_a_worker_and_of_its_command_is_read() {
    let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/commands_toml/workers");
    let text = std::fs::read_to_string(seed).unwrap();
    let menu = read(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let worker = &menu.workers[0];
    assert_eq!((worker.name.as_str(), worker.max_concurrent), ("garden", 4));
    assert_eq!(worker.stop_timeout, Duration::from_secs(1));
    assert_eq!(worker.safe_state.as_deref(), Some("close_all"));
    assert!(worker.waits_for_cancelled);
    let watched: Vec<&str> = worker.watched.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(watched, [worker.program.path.as_str(), "/etc/passwd"]);
    assert!(worker.watched.iter().all(|file| file.version.is_some()));
    let program = &worker.program;
    assert!(program.path.ends_with("/sh"));
    assert_eq!(program.args, ["-c", "while read -r call; do :; done"]);
    assert_eq!(program.cwd.as_deref(), Some("/"));
    assert_eq!(program.env, [("TZ".to_owned(), "UTC".to_owned())]);
    assert_eq!(program.inherit_env, ["LANG"]);
    let [Item::Function(function)] = &menu.commands[..] else { panic!("{menu:?}") };
    assert_eq!((function.worker.as_str(), function.function.as_str()), ("garden", "open"));
    assert_eq!(function.max_output, 1 << 20);
    assert!(function.policy.cancel_on_disconnect && function.policy.wait_on_shutdown);
    assert!(function.policy.safe_state_always && !function.waits_for_cancelled);
    assert_eq!(function.safe_state, Some(FunctionSafeState::Function("close".into())));
    assert_eq!(function.exclusion.max_concurrent.map(std::num::NonZero::get), Some(1));
    assert_eq!(
        (function.exclusion.queue, &function.exclusion.locks[..]),
        (2, &["pump".to_owned()][..])
    );
    let info = &function.info;
    assert_eq!((info.name.as_str(), info.aliases.as_slice()), ("water", &["w".to_owned()][..]));
    assert_eq!((info.effect, info.output, info.timeout_ms), (Effect::Write, Output::Json, None));
    assert_eq!(info.args[0].name, "zone");
}

#[test]
fn programs_and_functions_stand_in_the_order_of_the_file() {
    let text = "[commands.b]\nexec = [\"true\"]\n[commands.a]\nworker = \"w\"\n\
                [workers.w]\nexec = [\"true\"]\n[commands.c]\nexec = [\"true\"]\n";
    let menu = read(text).unwrap();
    let names: Vec<_> = menu.commands.iter().map(|item| item.info().name.as_str()).collect();
    assert_eq!(names, ["b", "a", "c"]);
    let Item::Function(function) = &menu.commands[1] else { panic!("{menu:?}") };
    assert_eq!(function.function, "a", "the command's own name serves");
    assert_eq!(menu.workers[0].max_concurrent, 1);
}

#[test]
fn an_error_has_its_position_and_says_what_would_pass() {
    for (text, says) in [
        (
            "[workers.garden]\nexec = [\"true\"]\n[commands.x]\nworker = \"gardn\"\n",
            "4:10: there is no [workers.gardn]: did you mean garden?",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\n[commands.x]\nworker = \"w\"\nexec = [\"true\"]\n",
            "5:8: `exec` is about a program of the command's own, and command `x` is carried out by \
             a worker: take it out, or `worker`",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\n[commands.x]\nworker = \"w\"\n\
             args = [{ name = \"a\", type = \"bool\", flag = \"-a\" }]\n",
            "5:18: argument `a` of command `x` goes to a function by its name: take `flag` out",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\n[commands.x]\nworker = \"w\"\nfunction = \"\"\n",
            "5:12: `function` of command `x` must be the name of the function in the worker: a string",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\n[commands.x]\nworker = \"w\"\nfuncton = \"y\"\n",
            "5:1: command `x` has no field `functon`: did you mean function?",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\nmax_concurent = 2\n",
            "3:1: worker `w` has no field `max_concurent`: did you mean max_concurrent?",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\nmax_concurrent = 0\n",
            "3:18: `max_concurrent` of worker `w` must be a whole number from 1",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\nsafe_state = [\"true\"]\n",
            "3:14: `safe_state` of worker `w` must name a function of the worker, such as { function =",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\nsafe_state = { funktion = \"x\" }\n",
            "3:16: `safe_state` of worker `w` has no field `funktion`: did you mean function?",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\nsafe_state = {}\n",
            "3:14: `safe_state` of worker `w` needs `function`: the name of the function in the worker",
        ),
        (
            "[workers.w]\nexec = [\"true\"]\n[commands.x]\nworker = \"w\"\n\
             safe_state = { function = 3 }\n",
            "5:27: `function` of `safe_state` of command `x` must be the name of the function in the worker",
        ),
        ("[workers.w]\n", "1:10: worker `w` needs `exec`"),
        ("[workers.w]\nexec = [\"true\", \"{zone}\"]\n", "2:17: worker `w` has no argument `zone`"),
        (
            "[workers.w]\nexec = [\"/nowhere/worker\"]\n[commands.x]\nworker = \"w\"\n",
            "2:9: the program /nowhere/worker does not exist",
        ),
        ("[workers.\"two words\"]\nexec = [\"true\"]\n", "1:10: `two words` cannot name a worker"),
        ("workers = 3\n", "1:11: `workers` of the menu must be a table of workers"),
        ("[workers]\nw = 3\n", "2:5: `w` must be a table: begin it with [workers.w]"),
    ] {
        let errors = read(text).expect_err(text).0;
        assert_eq!(errors.len(), 1, "{errors:?}");
        let said = errors[0].to_string();
        assert!(said.starts_with(&format!("commands.toml:{says}")), "{said}");
    }
}

/// As a run's program is: what others may write would be obeyed without their being asked.
#[test]
fn a_worker_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("worker");
    std::fs::write(&path, "#!/bin/sh\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o757)).unwrap();
    let text = format!("[workers.w]\nexec = [\"{}\"]\n", path.display());
    let said = read(&text).unwrap_err().to_string();
    assert!(said.contains("may be written by every user: run `chmod o-w "), "{said}");
}

#[test]
fn a_worker_serves_the_files_after_its_own_and_its_name_is_taken_once() {
    let worker = "[workers.w]\nexec = [\"true\"]\n";
    let of = |files: [&str; 2]| {
        let [a, b] = files;
        let sources = [Source { name: "a", text: a }, Source { name: "b", text: b }];
        load(&sources, &[], Missing::Refuse, Trust::of_this_process())
    };
    let menu = of([worker, "[commands.x]\nworker = \"w\"\n"]).unwrap();
    assert_eq!((menu.workers.len(), menu.commands.len()), (1, 1));
    let said = of([worker, worker]).unwrap_err().to_string();
    assert_eq!(said, "b:1:10: another file has a worker `w`: use another name");
}

#[test]
fn without_the_worker_the_menu_goes_without_its_commands() {
    let text = "[workers.w]\nexec = [\"/nowhere/worker\"]\n[commands.x]\nworker = \"w\"\n";
    let menu =
        load(&[Source { name: "test", text }], &[], Missing::Leave, Trust::of_this_process())
            .unwrap();
    assert!(menu.commands.is_empty() && menu.workers.is_empty());
    let left = &menu.left_out[0];
    assert_eq!(left.name, "x");
    assert!(left.reason.contains("/nowhere/worker does not exist"), "{}", left.reason);
}
