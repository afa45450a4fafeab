use super::super::{CandidateKind, complete, complete_words};
use super::menu;

/// What the line becomes with each candidate, where `|` is the cursor.
fn completed(line: &str) -> Vec<String> {
    let cursor = line.find('|').unwrap();
    let line = line.replacen('|', "", 1);
    let completion = complete(&line, cursor, &menu());
    let texts = completion.candidates.iter().map(|candidate| {
        let mut whole = line.clone();
        whole.replace_range(completion.replace.clone(), &candidate.text);
        whole
    });
    texts.collect()
}

fn first(line: &str) -> (String, String, CandidateKind) {
    let completion = complete(line, line.len(), &menu());
    let candidate = completion.candidates.into_iter().next().unwrap();
    (candidate.text, candidate.description, candidate.kind)
}

#[test]
fn an_empty_line_offers_every_command_by_its_name() {
    let all = completed("|");
    assert_eq!(all.len(), menu().len());
    assert!(!all.contains(&"zr".to_owned()));
}

#[test]
fn a_command_is_offered_with_its_title() {
    assert_eq!(completed("zone|"), ["zone-run", "zone-stop"]);
    assert_eq!(
        first("up"),
        ("uptime".into(), "How long the box has been up".into(), CandidateKind::Command)
    );
    assert_eq!(completed("UP|"), ["uptime"]);
}

#[test]
fn an_alias_is_offered_only_where_its_own_name_does_not_fit() {
    assert_eq!(first("zr"), ("zr".into(), "zone-run: Run a zone".into(), CandidateKind::Alias));
    assert_eq!(completed("m|"), ["menu"]);
}

#[test]
fn the_whole_word_under_the_cursor_is_replaced() {
    assert_eq!(completed("up|ti"), ["uptime"]);
    assert_eq!(completed("fan sl|ow 2"), ["fan slow 2"]);
    assert_eq!(completed("up\\\n|"), ["uptime"]);
    assert_eq!(completed("fan 'very f| 2"), ["fan 'very fast' 2"]);
    assert_eq!(
        completed("fan |2"),
        ["fan slow2", "fan 'very fast'2", "fan off2", "fan --speed2", "fan --trim2"]
    );
}

#[test]
fn values_and_options_are_offered_where_they_can_stand() {
    assert_eq!(
        completed("fan |"),
        ["fan slow", "fan 'very fast'", "fan off", "fan --speed", "fan --trim"]
    );
    assert_eq!(completed("fan v|"), ["fan 'very fast'"]);
    assert_eq!(completed("fan 'very f|"), ["fan 'very fast'"]);
    assert_eq!(completed("fan slow |"), ["fan slow --trim"]);
    assert_eq!(completed("zr 3 --m|"), ["zr 3 --minutes"]);
    assert_eq!(completed("zr 3 --no|"), ["zr 3 --no-dry-run"]);
    assert_eq!(completed("zr 3 --minutes 1|"), ["zr 3 --minutes 10"]);
    assert_eq!(
        completed("zr 3 --minutes=|"),
        ["zr 3 --minutes=2", "zr 3 --minutes=5", "zr 3 --minutes=10"]
    );
    assert_eq!(completed("zr minutes=5|"), ["zr minutes=5"]);
    assert_eq!(completed("fan speed=v|"), ["fan speed='very fast'"]);
    assert_eq!(completed("zr mi|"), ["zr minutes="]);
    assert_eq!(completed("lamp on=|"), ["lamp on=true", "lamp on=false"]);
}

#[test]
fn what_is_given_already_is_not_offered_again() {
    assert_eq!(completed("zr 3 5 --|"), ["zr 3 5 --dry-run", "zr 3 5 --no-dry-run"]);
    assert!(completed("zr 3 5 --dry-run |").is_empty());
    assert!(completed("uptime |").is_empty());
}

#[test]
fn after_two_dashes_only_values_are_offered() {
    assert_eq!(completed("fan -- |"), ["fan -- slow", "fan -- 'very fast'", "fan -- off"]);
    assert!(completed("say hello --|").is_empty());
}

#[test]
fn help_is_offered_the_names_of_commands() {
    assert_eq!(completed("help zone-r|"), ["help zone-run"]);
    assert_eq!(completed("help command=up|"), ["help command=uptime"]);
}

#[test]
fn an_unknown_command_gets_nothing_offered() {
    assert!(completed("nope |").is_empty());
}

#[test]
fn the_default_is_marked_and_an_option_says_what_it_takes() {
    let completion = complete("zr 3 ", 5, &menu());
    let five = completion.candidates.iter().find(|c| c.text == "5").unwrap();
    assert_eq!((five.description.as_str(), five.kind), ("default", CandidateKind::Value));
    let (text, description, kind) = first("zr --z");
    assert_eq!((text.as_str(), kind), ("--zone", CandidateKind::Option));
    assert_eq!(description, "Valve number (int 1 to 8)");
}

#[test]
fn a_choice_that_looks_like_an_option_is_given_by_name() {
    let mut menu = menu();
    menu[5].args[0].choices = vec!["--fast it".into(), "trim=1".into()];
    menu[5].args[0].allow_dash = true;
    let texts = |line: &str| -> Vec<String> {
        complete(line, line.len(), &menu).candidates.into_iter().map(|c| c.text).collect()
    };
    assert_eq!(texts("fan ")[..2], ["--speed='--fast it'", "--speed=trim=1"]);
    assert_eq!(texts("fan -- "), ["'--fast it'", "trim=1"]);
}

#[test]
fn words_that_a_shell_has_split_are_completed_to_bare_words() {
    let texts = |words: &[&str], typed: &str| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let found = complete_words(&words, typed, &menu());
        found.into_iter().map(|candidate| candidate.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(&[], "zone"), ["zone-run", "zone-stop"]);
    assert_eq!(texts(&["fan"], "very f"), ["very fast"]);
    assert_eq!(texts(&["fan"], "speed=v"), ["speed=very fast"]);
    assert_eq!(texts(&["fan", "--speed"], "v"), ["very fast"]);
    assert_eq!(texts(&["no such"], ""), [""; 0]);
    // A quote that is part of a word opens nothing.
    assert_eq!(texts(&["fan", "it's"], "--tr"), ["--trim"]);
}
