//! `approval` and `expose`.

use topside_shared::command::MCP;
use topside_shared::role::Role;

use super::{one, refused, said};

const X: &str = "[commands.x]\nexec = [\"/bin/echo\"]\n";

#[test]
fn a_command_declares_who_approves_it_and_that_agents_may_call_it() {
    let info = one(X).info;
    assert_eq!((info.approval, info.is_exposed_to_agents()), (None, false));
    let lines = "effect = \"write\"\napproval = \"admin\"\nexpose = [\"mcp\", \"mcp\"]\n";
    let info = one(&format!("{X}{lines}")).info;
    assert_eq!((info.approval, info.expose), (Some(Role::Admin), vec![MCP.to_owned()]));
    let same = one(&format!("{X}effect = \"write\"\napproval = \"operator\"\n")).info;
    assert_eq!(same.approval, Some(Role::Operator));
}

#[test]
fn a_role_that_is_unknown_or_below_that_of_the_command_approves_nothing() {
    refused("approval = \"boss\"", (3, 12), &["`approval`", "one of viewer, operator, admin"]);
    refused(
        "role = \"admin\"\napproval = \"operator\"",
        (4, 12),
        &["is operator, and its `role` is admin", "at least the role that runs it"],
    );
    // The role that its effect stands for counts too.
    refused("approval = \"operator\"", (3, 12), &["its `role` is admin"]);
}

#[test]
fn neither_a_schedule_nor_then_starts_what_needs_approval() {
    refused(
        "approval = \"admin\"\n[[commands.x.schedule]]\nname = \"n\"\nevery = \"1h\"",
        (4, 1),
        &["has `approval`, so no schedule can start it"],
    );
    let follow = "[commands.y]\nexec = [\"/bin/echo\"]\nthen = [\"x\"]\n";
    let errors = said(&format!("{X}approval = \"admin\"\n{follow}"));
    assert!(errors.contains("`x` has `approval`, so `then` cannot start it"), "{errors}");
}

#[test]
fn only_agents_are_exposed_to_and_they_give_no_secrets() {
    refused("expose = [\"web\"]", (3, 11), &["names `web`", "the only value is \"mcp\""]);
    refused("expose = \"mcp\"", (3, 10), &["an array of strings"]);
    let secret = "[[commands.x.args]]\nname = \"word\"\ntype = \"secret\"\nenv = \"WORD\"\n";
    refused(
        &format!("expose = [\"mcp\"]\n{secret}required = true"),
        (3, 10),
        &["needs the secret `word`", "make that argument optional"],
    );
    assert!(one(&format!("{X}expose = [\"mcp\"]\n{secret}")).info.is_exposed_to_agents());
}
