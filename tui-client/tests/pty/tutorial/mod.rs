//! `docs/TUTORIAL.md`, followed as a newcomer would: each step in its order, in real shells and terminals, and
//! all that it says is shown must be shown. A mistake is told with the line of the tutorial.

mod follow;
mod pages;
mod pattern;
mod steps;

use follow::follow;

const TUTORIAL: &str = include_str!("../../../../docs/TUTORIAL.md");

#[test]
fn a_user_who_follows_the_tutorial_sees_what_it_says() {
    if let Err(mistake) = follow(TUTORIAL) {
        panic!("docs/TUTORIAL.md:{mistake}");
    }
}

/// What would be said of a tutorial with these lines.
fn mistake(lines: &[&str]) -> String {
    follow(&lines.join("\n")).expect_err("it was followed")
}

#[test]
fn what_comes_otherwise_than_the_tutorial_says_is_reported_with_its_line() {
    let said = mistake(&["```sh", "echo one", "```", "", "```text", "two", "```"]);
    assert!(said.starts_with("6: `two`"), "{said}");
    assert!(said.contains("one"), "{said}");
    let said = mistake(&["```sh", "echo one; false", "```", "```text", "one", "```"]);
    assert!(said.starts_with("2: ") && said.contains("status 1"), "{said}");
    let more = mistake(&["```sh", "echo one; echo two", "```", "```text", "one", "```"]);
    assert!(more.starts_with("5: ") && more.contains("two"), "{more}");
}

#[test]
fn a_step_that_nothing_is_seen_of_is_a_mistake_of_the_tutorial() {
    for (lines, at) in [
        (&["```sh", "true", "```", "", "The end."][..], "1: "),
        (&["```sh", "cat", "```", "```screen", "type  a", "```"], "5: "),
        (&["", "```sh title=~/file", "text", "```"], "2: "),
        // It was there before.
        (&["```sh", "echo a; cat", "```", "```screen", "see a", "type b", "see a", "```"], "7: "),
    ] {
        let said = mistake(lines);
        assert!(said.starts_with(at) && said.contains("not checked"), "{lines:?}: {said}");
    }
}
