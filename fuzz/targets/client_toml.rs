//! Any `client.toml` is read, or refused at a place that is in it; and after any change it is still a good
//! file, with that change, all other servers as they were, and the comments of the person it belongs to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use topside_client::{ConfigError, Profile, ProfileStore};
use topside_fuzz::directory;

fuzz_target!(|input: &[u8]| {
    let (_directory, path) = directory();
    let file = path.join("client.toml");
    std::fs::write(&file, input).expect("it can be written");
    let text = String::from_utf8_lossy(input).into_owned();
    let profiles = match ProfileStore::load(&file) {
        Ok(store) => store.profiles().to_vec(),
        Err(error) => return refused(&text, &error),
    };
    let changed = |change: &dyn Fn(&mut ProfileStore)| {
        std::fs::write(&file, input).expect("it can be written");
        let mut store = ProfileStore::load(&file).expect("it was read before");
        change(&mut store);
        let wanted = store.profiles().to_vec();
        store.save().expect("a change can be saved");
        let saved = ProfileStore::load(&file).expect("what was saved can be read");
        assert_eq!(saved.profiles(), wanted);
        std::fs::read_to_string(&file).expect("it is a text")
    };

    let new = unlike(&profiles);
    let added = changed(&|store| store.add(new.clone()).expect("the name is free"));
    assert_eq!(comments(&added), comments(&text));
    for profile in profiles.iter().take(3) {
        let Profile { name, port, .. } = profile.clone();
        let replaced =
            |by: Profile| changed(&|store| store.replace(&name, by.clone()).expect("it is there"));
        let all_set = replaced(Profile { name: name.clone(), ..new.clone() });
        assert_eq!(comments(&all_set), comments(&text));
        let renamed = replaced(Profile { name: new.name.clone(), ..profile.clone() });
        assert_eq!(comments(&renamed), comments(&text));
        // What is taken away may take its own comment along, and no new one comes in its place.
        let bare = replaced(Profile { name: name.clone(), port, ..Profile::default() });
        assert!(is_part(&comments(&bare), &comments(&text)));
        let removed = changed(&|store| store.remove(&name).expect("it is there"));
        assert!(is_part(&comments(&removed), &comments(&text)));
    }
});

fn refused(text: &str, error: &ConfigError) {
    let ConfigError::Invalid { line, column, message, .. } = error else { panic!("{error}") };
    assert!(!message.is_empty() && !message.chars().any(char::is_control), "{message:?}");
    let line = text.split('\n').nth(line - 1).expect("the line is in the file");
    assert!((1..=line.chars().count() + 1).contains(column), "{error}");
}

/// A profile with all fields set, of a name that no other has.
fn unlike(profiles: &[Profile]) -> Profile {
    let longest = profiles.iter().map(|profile| profile.name.len()).max().unwrap_or(0);
    Profile {
        name: if longest < 64 { "x".repeat(longest + 1) } else { "a new one".to_owned() },
        lan: Some("192.0.2.1".to_owned()),
        internet: Some("box.example.org".to_owned()),
        port: 9000,
        internet_port: Some(9001),
        pin: Some(format!("sha256:{}", "0a".repeat(32))),
        tags: vec!["garden".to_owned()],
    }
}

/// The comments of a file that is TOML, in their order.
fn comments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['#', '"', '\'']) {
        rest = &rest[at..];
        if rest.starts_with('#') {
            let end = rest.find('\n').unwrap_or(rest.len());
            found.push(rest[..end].trim_end());
            rest = &rest[end..];
        } else {
            rest = after_string(rest);
        }
    }
    found
}

/// What follows the string that `text` begins with.
fn after_string(text: &str) -> &str {
    let quote = &text[..1];
    let long = quote.repeat(3);
    let (quote, escapes) = (if text.starts_with(&long) { &long } else { quote }, quote == "\"");
    let mut at = quote.len();
    while !text[at..].starts_with(quote) {
        let mut chars = text[at..].chars();
        let c = chars.next().expect("a string of TOML has an end");
        let next = if escapes && c == '\\' { chars.next() } else { None };
        at += c.len_utf8() + next.map_or(0, char::len_utf8);
    }
    at += quote.len();
    // Up to two quotes may stand before the three that close.
    let more = text[at..]
        .bytes()
        .take(2)
        .take_while(|byte| quote.len() == 3 && *byte == quote.as_bytes()[0]);
    &text[at + more.count()..]
}

/// Whether `part` is `whole` with some left out.
fn is_part(part: &[&str], whole: &[&str]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|one| whole.any(|other| other == one))
}
