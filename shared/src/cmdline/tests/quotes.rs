use super::super::{LineErrorKind, quote, split};

fn words(line: &str) -> Vec<String> {
    split(line).unwrap().into_iter().map(|token| token.text).collect()
}

#[test]
fn words_are_quoted_as_posix_shells_read_them() {
    let cases: [(&str, &[&str]); 14] = [
        ("a b\tc", &["a", "b", "c"]),
        ("  a  ", &["a"]),
        ("", &[]),
        ("'a b'", &["a b"]),
        (r#"'a\"b'"#, &[r#"a\"b"#]),
        (r#""a 'b' c""#, &["a 'b' c"]),
        (r#""\$ \` \" \\ \n""#, &[r#"$ ` " \ \n"#]),
        (r"a\ b \'", &["a b", "'"]),
        (r#"a'b'"c"d"#, &["abcd"]),
        ("'' \"\"", &["", ""]),
        ("a\\\nb", &["ab"]),
        ("\"a\\\nb\"", &["ab"]),
        ("a \\\n b", &["a", "b"]),
        ("$HOME *.rs ; a|b # no > &", &["$HOME", "*.rs", ";", "a|b", "#", "no", ">", "&"]),
    ];
    for (line, expected) in cases {
        assert_eq!(words(line), expected, "{line:?}");
    }
}

#[test]
fn a_word_knows_where_it_stands_with_its_quotes() {
    let tokens = split("é 'a b'c  \\d").unwrap();
    let spans: Vec<_> = tokens.into_iter().map(|token| token.span).collect();
    assert_eq!(spans, [0..2, 3..9, 11..13]);
}

#[test]
fn an_open_quote_is_an_error_that_points_at_it() {
    for (line, span, quote) in [
        ("say 'hello", 4..10, "'"),
        ("say don't panic", 7..15, "'"),
        ("say \"it's", 4..9, "\""),
        ("say \"a\\\"", 4..8, "\""),
        ("say a\\", 5..6, "\\"),
        ("say \"a\\", 4..7, "\""),
    ] {
        let error = split(line).unwrap_err();
        assert_eq!(error.kind, LineErrorKind::Quote, "{line}");
        assert_eq!(error.span, span, "{line}");
        assert!(error.message.contains(quote), "{error}");
    }
}

#[test]
fn a_text_is_quoted_only_where_it_must_be() {
    for (text, quoted) in [
        ("plain-1.5_a/b:c=d", "plain-1.5_a/b:c=d"),
        ("grün", "grün"),
        ("", "''"),
        ("a b", "'a b'"),
        ("$HOME", "'$HOME'"),
        ("don't", "\"don't\""),
        ("don't $x", "'don'\\''t $x'"),
        ("a\\b", "'a\\b'"),
    ] {
        assert_eq!(quote(text), quoted);
        assert_eq!(words(quoted), [text]);
    }
}
