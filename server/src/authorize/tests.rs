use std::sync::Arc;

use topside_shared::Pin;

use super::*;

const MINE: Owner = Owner::User(1000);

fn who(role: Role, scope: Scope) -> Identity {
    Identity { owner: MINE, user: "u".into(), role, scope, agent: false }
}

fn limited() -> Scope {
    Scope::Commands(Arc::from(["uptime".to_owned()]))
}

fn one_time() -> Scope {
    Scope::Enrol { exporter: [0; 32] }
}

/// Which of the roles, with this scope, may do it.
fn allowed(scope: &Scope, action: Action<'_>) -> [bool; 3] {
    Role::ALL.map(|role| authorize(&who(role, scope.clone()), action).is_ok())
}

#[test]
fn every_method_by_role_and_scope() {
    let admins = [false, false, true];
    for method in Method::ALL {
        let (whole, some, once) = match method {
            Method::Initialize
            | Method::Ping
            | Method::CommandsList
            | Method::CommandRun
            | Method::CommandChoices
            | Method::RunAttach
            | Method::RunCancel
            | Method::RunInput
            | Method::RunFile
            | Method::FileOpen
            | Method::FileWrite
            | Method::FileClose
            | Method::RunsList
            | Method::SchedulesList
            | Method::ApprovalsList
            | Method::SessionClose => ([true; 3], [true; 3], [false; 3]),
            Method::SchedulePause
            | Method::ScheduleResume
            | Method::ScheduleRun
            | Method::SchedulePlan
            | Method::ScheduleSet => ([false, true, true], [false; 3], [false; 3]),
            Method::ClientsList
            | Method::EventsSubscribe
            | Method::EventsUnsubscribe
            | Method::ServerStatus
            | Method::ApprovalDecide => ([true; 3], [false; 3], [false; 3]),
            Method::KeyEnrol => ([false; 3], [false; 3], [true; 3]),
            Method::Broadcast
            | Method::ClientKick
            | Method::ServerReload
            | Method::ServerShutdown
            | Method::ServerShutdownCancel
            | Method::LogTail
            | Method::LogRotate
            | Method::NotifyTest
            | Method::KeyInvite
            | Method::KeysList
            | Method::KeyRevoke
            | Method::WorkerRestart => (admins, [false; 3], [false; 3]),
        };
        for (scope, want) in [(Scope::Whole, whole), (limited(), some), (one_time(), once)] {
            let got = allowed(&scope, Action::Call(method));
            assert_eq!(got, want, "{} with {scope:?}", method.name());
        }
    }
}

#[test]
fn every_object_by_role_scope_and_owner() {
    let none = [false; 3];
    for theirs in [Owner::User(1001), Owner::Key(Pin::from_bytes([1; 32]))] {
        let cancel = Action::Cancel { owner: theirs, role: Role::Viewer };
        assert_eq!(allowed(&Scope::Whole, cancel), [false, false, true]);
        assert_eq!(allowed(&limited(), cancel), none);
        assert_eq!(allowed(&one_time(), cancel), none);
        for scope in [Scope::Whole, limited(), one_time()] {
            assert_eq!(allowed(&scope, Action::Answer { owner: theirs }), none);
        }
        for role in Role::ALL {
            let sees = |scope| may_see_run(&who(role, scope), theirs, Role::Operator);
            assert_eq!(sees(Scope::Whole), role >= Role::Operator);
            assert!(!sees(limited()) && !sees(one_time()));
        }
    }
    let cancel = Action::Cancel { owner: MINE, role: Role::Admin };
    assert_eq!(allowed(&Scope::Whole, cancel), [true; 3]);
    assert_eq!(allowed(&limited(), cancel), [true; 3]);
    let answer = Action::Answer { owner: MINE };
    assert_eq!(allowed(&Scope::Whole, answer), [true; 3]);
    assert_eq!(allowed(&limited(), answer), [true; 3]);
    assert_eq!(allowed(&one_time(), answer), none);
    assert!(may_see_run(&who(Role::Viewer, limited()), MINE, Role::Admin));

    let of_schedule = Action::Cancel { owner: Owner::Schedule, role: Role::Operator };
    assert_eq!(allowed(&Scope::Whole, of_schedule), [false, true, true]);
    assert_eq!(allowed(&limited(), of_schedule), none);

    let run = |command, role| Action::Run { command, role };
    assert_eq!(allowed(&Scope::Whole, run("df", Role::Operator)), [false, true, true]);
    assert_eq!(allowed(&limited(), run("df", Role::Viewer)), none);
    assert_eq!(allowed(&limited(), run("uptime", Role::Operator)), [false, true, true]);
    assert_eq!(allowed(&one_time(), run("uptime", Role::Viewer)), none);

    for topic in [Topic::Clients, Topic::Runs, Topic::Server, Topic::Schedules, Topic::Approvals] {
        assert_eq!(allowed(&Scope::Whole, Action::Subscribe(topic)), [true; 3]);
        assert_eq!(allowed(&limited(), Action::Subscribe(topic)), none);
    }
    for topic in [Topic::Log, Topic::Keys] {
        assert_eq!(allowed(&Scope::Whole, Action::Subscribe(topic)), [false, false, true]);
    }
}

#[test]
fn an_agent_calls_commands_and_sees_its_own_runs_only_whatever_its_role() {
    let agent = |role| Identity { agent: true, ..who(role, Scope::Whole) };
    let may = |action: Action<'_>| authorize(&agent(Role::Admin), action).is_ok();
    let theirs = Owner::User(1001);
    for method in Method::ALL {
        let is_for_agents = matches!(
            method,
            Method::Initialize
                | Method::Ping
                | Method::CommandsList
                | Method::CommandRun
                | Method::CommandChoices
                | Method::RunAttach
                | Method::RunCancel
                | Method::RunInput
                | Method::RunFile
                | Method::FileOpen
                | Method::FileWrite
                | Method::FileClose
                | Method::RunsList
                | Method::ApprovalsList
                | Method::EventsSubscribe
                | Method::EventsUnsubscribe
                | Method::ServerStatus
                | Method::SessionClose
        );
        assert_eq!(may(Action::Call(method)), is_for_agents, "{}", method.name());
    }
    for topic in Topic::ALL {
        let is_for_agents = matches!(topic, Topic::Runs | Topic::Server | Topic::Approvals);
        assert_eq!(may(Action::Subscribe(topic)), is_for_agents, "{}", topic.name());
    }
    assert!(may(Action::Cancel { owner: MINE, role: Role::Admin }));
    assert!(!may(Action::Cancel { owner: theirs, role: Role::Viewer }));
    assert!(!may_see_run(&agent(Role::Admin), theirs, Role::Viewer));
    assert!(may_see_run(&agent(Role::Viewer), MINE, Role::Admin));
    let command = |expose: &[&str]| Command {
        name: "df".into(),
        role: Role::Viewer,
        expose: expose.iter().map(|to| (*to).to_owned()).collect(),
        ..Command::default()
    };
    assert!(may_see_command(&agent(Role::Viewer), &command(&["mcp"])));
    assert!(!may_see_command(&agent(Role::Admin), &command(&[])));
    assert!(may_see_command(&who(Role::Viewer, Scope::Whole), &command(&[])));
}

#[test]
fn a_run_is_decided_by_another_user_with_the_role_and_never_by_an_agent() {
    let asker = who(Role::Admin, Scope::Whole);
    let other =
        |role, scope| Identity { owner: Owner::User(1001), user: "v".into(), ..who(role, scope) };
    let decide = |asker, role| Action::Decide { asker, role };
    let may = |who: &Identity, asker, role| authorize(who, decide(asker, role)).is_ok();
    let by_role = Role::ALL.map(|role| may(&other(role, Scope::Whole), &asker, Role::Operator));
    assert_eq!(by_role, [false, true, true]);
    assert!(!may(&asker, &asker, Role::Viewer), "the asker");
    let same_name = Identity { owner: Owner::Key(Pin::from_bytes([2; 32])), ..asker.clone() };
    assert!(!may(&same_name, &asker, Role::Viewer), "another key of the asker");
    assert!(!may(&other(Role::Admin, limited()), &asker, Role::Viewer), "a limited key");
    let agent = Identity { agent: true, ..other(Role::Admin, Scope::Whole) };
    assert!(!may(&agent, &asker, Role::Viewer), "an agent");
    // The user that an agent of this machine works for.
    let own_agent = asker.as_agent();
    assert!(may(&asker, &own_agent, Role::Admin));
    assert!(!may(&own_agent, &asker, Role::Viewer));
}
