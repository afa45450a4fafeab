//! The table of roles in docs/SECURITY.md says what `authorize` allows: each row, for each role and for a limited key.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;

const MINE: Owner = Owner::User(1000);
const THEIRS: Owner = Owner::User(1001);
/// The command that the key of the last column may run.
const NAMED: &str = "uptime";

/// The columns of the table.
fn columns() -> [Identity; 4] {
    let limited = Scope::Commands(Arc::from([NAMED.to_owned()]));
    let who = |role, scope| Identity { owner: MINE, user: "u".into(), role, scope, agent: false };
    let [viewer, operator, admin] = Role::ALL.map(|role| who(role, Scope::Whole));
    [viewer, operator, admin, who(Role::Operator, limited)]
}

/// The row of the table that has a method; none: each connection may call it, or its row is one of [`objects`].
fn row_of(method: Method) -> Option<&'static str> {
    Some(match method {
        Method::Initialize
        | Method::Ping
        | Method::CommandsList
        | Method::CommandRun
        | Method::CommandChoices
        | Method::FileOpen
        | Method::FileWrite
        | Method::FileClose
        | Method::RunAttach
        | Method::RunCancel
        | Method::RunInput
        | Method::RunFile
        | Method::RunsList
        | Method::SessionClose
        | Method::ApprovalsList
        | Method::ApprovalDecide
        // For the key of an invite only.
        | Method::KeyEnrol => return None,
        Method::ClientsList
        | Method::EventsSubscribe
        | Method::EventsUnsubscribe
        | Method::ServerStatus => "list the clients, see the status",
        Method::SchedulesList => "list schedules, of commands that it may run",
        Method::SchedulePause
        | Method::ScheduleResume
        | Method::ScheduleRun
        | Method::ScheduleSet
        | Method::SchedulePlan => "pause, resume, set or run a schedule, change the plan",
        Method::LogTail | Method::LogRotate => "read the log, begin a new file of it",
        Method::KeyInvite | Method::KeysList | Method::KeyRevoke => {
            "invite a device, make a token, list and revoke keys"
        }
        Method::ClientKick | Method::Broadcast => "disconnect a client, send a broadcast",
        Method::ServerReload | Method::WorkerRestart => "reload the files, restart a worker",
        Method::NotifyTest => "send a test notification",
        Method::ServerShutdown | Method::ServerShutdownCancel => {
            "shut down or restart the server, reboot the box or switch it off, postpone or cancel that"
        }
    })
}

/// The rows about commands and runs: whether `who` may do it with a command of this name and role.
type Object = fn(&Identity, &str, Role) -> bool;

fn objects() -> Vec<(&'static str, Object)> {
    fn cancels(who: &Identity, owner: Owner, role: Role) -> bool {
        authorize(who, Action::Cancel { owner, role }).is_ok()
    }
    vec![
        ("run a command", |who, command, role| {
            authorize(who, Action::Run { command, role }).is_ok()
        }),
        ("see runs and their output, save results", |who, _, role| may_see_run(who, THEIRS, role)),
        ("cancel a run of its own", |who, _, role| cancels(who, MINE, role)),
        ("cancel a run of a schedule", |who, _, role| cancels(who, Owner::Schedule, role)),
        ("cancel a run of another user", |who, _, role| cancels(who, THEIRS, role)),
        ("approve or refuse a run of another user that waits for approval", |who, _, role| {
            let asker = Identity { owner: THEIRS, user: "other".into(), ..who.clone() };
            authorize(who, Action::Decide { asker: &asker, role }).is_ok()
        }),
        ("answer a program that asks", |who, _, _| {
            authorize(who, Action::Answer { owner: THEIRS }).is_ok()
        }),
    ]
}

/// What a cell says of a command of this name and role, for the user of its column.
fn promised(cell: &str, who: &Identity, command: &str, role: Role) -> bool {
    match cell {
        "yes" | "all" => true,
        // Probed with what belongs to another user.
        "no" | "its own" | "its own runs" => false,
        "those that need *viewer*" | "where *viewer* may approve it" => role == Role::Viewer,
        "those that need at most *operator*" | "where *operator* may approve it" => {
            role <= Role::Operator
        }
        "its own, and those of commands that it may run"
        | "the same"
        | "if it may run the command" => role <= who.role,
        "the named ones that its role allows" => command == NAMED && role <= who.role,
        other => panic!("no test knows the cell `{other}`"),
    }
}

/// The rows of the table: the action, and a cell for each column.
fn table() -> Vec<(String, Vec<String>)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SECURITY.md");
    let page = std::fs::read_to_string(path).unwrap();
    let section = page.split("\n## What each role may do\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        (cells.next().unwrap(), cells.collect())
    })
    .collect()
}

#[test]
fn the_table_of_the_page_says_what_each_role_may_do() {
    let (table, columns) = (table(), columns());
    let objects = objects();
    for (action, cells) in &table {
        assert_eq!(cells.len(), columns.len(), "{action}");
        let methods: Vec<Method> =
            Method::ALL.into_iter().filter(|method| row_of(*method) == Some(action)).collect();
        let object = objects.iter().find(|(name, _)| name == action);
        assert!(object.is_some() || !methods.is_empty(), "no test knows the row `{action}`");
        for (who, cell) in columns.iter().zip(cells) {
            for method in &methods {
                let allowed = authorize(who, Action::Call(*method)).is_ok();
                assert_eq!(allowed, cell != "no", "{action}: {} by {who:?}", method.name());
            }
            let Some((_, may)) = object else { continue };
            for (command, role) in
                Role::ALL.into_iter().flat_map(|role| [(NAMED, role), ("df", role)])
            {
                let wanted = promised(cell, who, command, role);
                let allowed = may(who, command, role);
                assert_eq!(allowed, wanted, "{action}: {command} of role {role} by {who:?}");
            }
            // What the table calls the caller's own.
            assert!(may_see_run(who, MINE, Role::Admin));
            assert!(authorize(who, Action::Answer { owner: MINE }).is_ok());
        }
    }
    let shown: BTreeSet<&str> = table.iter().map(|(action, _)| action.as_str()).collect();
    let methods = Method::ALL.into_iter().filter_map(row_of);
    let known: BTreeSet<&str> = methods.chain(objects.iter().map(|(name, _)| *name)).collect();
    assert_eq!(shown, known, "docs/SECURITY.md on the left, the code on the right");
}
