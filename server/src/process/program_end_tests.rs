//! The end of a program: by itself, by a cancel, by its timeout; and its output and processes until then.

use super::*;

#[tokio::test]
async fn exit_status_and_signal_become_the_state() {
    let program = script("exit 3", "");
    let (ended, _) = run(&program, json!({})).await;
    assert_eq!((ended.end, ended.exit_code, ended.signal), (EndCause::Exited, Some(3), None));
    assert_eq!(ended.state(&program.success_exit_codes), RunState::Failed);
    assert_eq!(ended.state(&[0, 3]), RunState::Succeeded);
    let (ended, _) = run(&script("kill -9 $$", ""), json!({})).await;
    assert_eq!((ended.exit_code, ended.signal), (None, Some(9)));
    assert_eq!(ended.state(&[0, 9, 137]), RunState::Failed);
}

#[tokio::test]
async fn output_comes_while_the_program_runs_and_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let program = script(
        "for i in 1 2 3 4; do
           if [ $i = 2 ]; then echo $i >&2; else echo $i; fi
           until [ -e go$i ]; do sleep 0.01; done
         done",
        &format!("cwd = {:?}", dir.path()),
    );
    let mut running = Running::start(&program);
    let mut got = Vec::new();
    for step in 1..=4 {
        got.push(running.reader.next().await.unwrap());
        std::fs::write(dir.path().join(format!("go{step}")), "").unwrap();
    }
    assert_eq!(running.reader.next().await, None);
    let piece =
        |offset, stream, data: &'static str| Piece::Output { offset, stream, data: data.into() };
    let want = [
        piece(0, Stream::Stdout, "1\n"),
        piece(2, Stream::Stderr, "2\n"),
        piece(4, Stream::Stdout, "3\n"),
        piece(6, Stream::Stdout, "4\n"),
    ];
    assert_eq!(got, want);
    assert_eq!(running.ended().await.0.exit_code, Some(0));
}

#[tokio::test]
async fn a_cancel_reaches_every_descendant_and_leaves_no_zombie() {
    let program = script("echo $$; sleep 1000 & echo $!; (sleep 1000 & echo $!; wait) & wait", "");
    let mut running = Running::start(&program);
    let pids = running.pids(3).await;
    assert!(pids.iter().all(|pid| lives(*pid)));
    running.cancel.cancel();
    let (ended, _) = running.ended().await;
    assert_eq!((ended.end, ended.signal), (EndCause::Cancelled, Some(Signal::TERM.as_raw())));
    assert_eq!(ended.state(&[0]), RunState::Cancelled);
    assert!(test_kill_process(pids[0]).is_err(), "the program was not waited for");
    gone(&pids);
}

#[tokio::test]
async fn a_time_out_kills_a_program_that_ignores_the_stop_signal() {
    let program = script(
        "trap '' TERM; sleep 1000 & echo $$; echo $!; while :; do sleep 1000; done",
        "timeout = \"3s\"\nstop_timeout = \"200ms\"",
    );
    let mut running = Running::start(&program);
    let pids = running.pids(2).await;
    let (ended, _) = running.ended().await;
    assert_eq!((ended.end, ended.signal), (EndCause::TimedOut, Some(Signal::KILL.as_raw())));
    assert_eq!(ended.state(&[0]), RunState::TimedOut);
    assert!(ended.duration >= Duration::from_millis(3200), "{ended:?}");
    gone(&pids);
}

#[tokio::test]
async fn a_cancelled_group_has_time_to_clean_up() {
    // The leader dies of the signal at once; its child takes a moment and says so.
    let program = script(
        "(trap 'sleep 0.2; echo tidy; exit' TERM; echo $$; while :; do sleep 0.01; done) & wait",
        "stop_timeout = \"30s\"",
    );
    let mut running = Running::start(&program);
    running.pids(1).await;
    running.cancel.cancel();
    let (ended, output) = running.ended().await;
    assert_eq!(ended.signal, Some(Signal::TERM.as_raw()));
    assert!(plain(&output).ends_with("tidy\n"), "{:?}", plain(&output));
    assert!(
        ended.duration < Duration::from_secs(20),
        "the process that had ended was not waited for"
    );
}

#[tokio::test]
async fn a_program_that_ends_in_order_when_cancelled_keeps_its_status() {
    let program = script(
        "trap 'exit 7' HUP; echo $$; while :; do sleep 0.01; done",
        "stop_signal = \"SIGHUP\"",
    );
    let mut running = Running::start(&program);
    running.pids(1).await;
    running.cancel.cancel();
    let (ended, _) = running.ended().await;
    assert_eq!((ended.end, ended.exit_code, ended.signal), (EndCause::Cancelled, Some(7), None));
}

#[tokio::test]
async fn dropping_a_run_kills_its_group() {
    let program = script("echo $$; sleep 1000 & echo $!; wait", "");
    let mut running = Running::start(&program);
    let pids = running.pids(2).await;
    running.task.abort();
    assert!(running.task.await.unwrap_err().is_cancelled());
    tokio::task::spawn_blocking(move || gone(&pids)).await.unwrap();

    let process = program.spawn(&none(), &caller(), program.pipes().unwrap()).unwrap();
    let pid = Pid::from_raw(process.leader().unwrap().pid.cast_signed()).unwrap();
    drop(process);
    tokio::task::spawn_blocking(move || gone(&[pid])).await.unwrap();
}

#[tokio::test]
async fn a_process_left_behind_does_not_hold_the_run_and_is_left_alone() {
    let program = script("sleep 1000 & echo $!", "");
    let mut running = Running::start(&program);
    let pids = running.pids(1).await;
    let (ended, output) = running.ended().await;
    assert_eq!((ended.end, ended.exit_code), (EndCause::Exited, Some(0)));
    assert!(lives(pids[0]), "it was meant to stay");
    assert_eq!(plain(&output).trim(), pids[0].as_raw_nonzero().to_string());
    kill_process(pids[0], Signal::KILL).unwrap();
}

#[tokio::test]
async fn fast_output_of_a_process_left_behind_does_not_hold_the_run() {
    let (ended, _) = run(&script("yes & exit 4", ""), json!({})).await;
    assert_eq!(ended.exit_code, Some(4));
}

#[tokio::test]
async fn all_output_of_a_fast_program_is_kept() {
    let program = script("head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2", "");
    let output = Output::kept_in(std::path::PathBuf::new(), 0);
    let process = program.spawn(&none(), &caller(), program.pipes().unwrap()).unwrap();
    process.run(&output, until(CancellationToken::new(), None)).await;
    assert_eq!(output.bytes(), 3_000_004);
}

#[tokio::test]
async fn the_error_of_a_program_that_did_not_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    // The file is written by another process, so that no test's child can hold it open.
    let tool = here.join("tool");
    let copy = |from: &str| {
        let copied = std::process::Command::new("cp").arg(here.join(from)).arg(&tool).status();
        assert!(copied.unwrap().success());
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&tool, mode).unwrap();
    };
    std::fs::write(here.join("text"), "no program\n").unwrap();
    std::fs::write(here.join("script"), "#!/no/such/interpreter\n").unwrap();
    let said = |program: &Program, args: Value| {
        program
            .spawn(&object(args), &caller(), program.pipes().unwrap())
            .expect_err("it must not start")
            .to_string()
    };
    std::fs::write(here.join("sound"), "#!/bin/sh\n").unwrap();
    copy("sound");
    let text = format!(
        "[commands.x]\nexec = [{tool:?}, \"{{a}}\"]\ncwd = {here:?}\n[[commands.x.args]]\nname=\"a\"\ntype=\"string\""
    );
    // What is wrong with it comes after the menu was loaded.
    let program = declared(&text).program;
    copy("text");
    assert!(said(&program, json!({})).contains("not in a form that the system can run"));
    copy("script");
    assert!(said(&program, json!({})).contains("interpreter"));
    assert!(
        said(&program, json!({"a": "x".repeat(200 * 1024)}))
            .contains("longer than the system takes")
    );
    std::fs::remove_file(&tool).unwrap();
    assert_eq!(said(&program, json!({})), format!("the program {} is gone", tool.display()));
    drop(dir);
    assert!(said(&program, json!({})).contains("the directory"), "{}", said(&program, json!({})));
}
