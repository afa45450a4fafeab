use super::*;

fn one(line: &str) -> Result<Request<'_>, Rejection<'_>> {
    match parse(line.as_bytes()) {
        ClientMessage::One(one) => one,
        ClientMessage::Batch(_) => panic!("a batch: {line}"),
    }
}

fn refused(line: &str) -> (ErrorKind, Option<&str>) {
    let reject = one(line).expect_err(line);
    (reject.error.kind(), reject.id)
}

#[test]
fn ids_are_kept_as_they_were_written() {
    for id in ["1", "-7", "\"a\\u0062\"", "123456789012345678901234567890"] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(one(&line).unwrap().id, Some(id));
    }
}

#[test]
fn null_fractional_and_structured_ids_are_refused_with_id_null() {
    for id in ["null", "1.5", "1e3", "{}", "[1]", "true"] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(refused(&line), (ErrorKind::InvalidRequest, None), "{id}");
    }
}

/// Half a surrogate pair and a number that no reader takes went back as they came, in an answer that is
/// then no JSON.
#[test]
fn an_id_that_cannot_be_read_is_refused_however_the_line_begins() {
    let digits = "9".repeat(400);
    for id in [r#""\ud800""#, digits.as_str()] {
        for space in ["", " "] {
            let line = format!(r#"{space}{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            assert_eq!(refused(&line), (ErrorKind::Parse, None), "{line}");
        }
    }
}

#[test]
fn a_request_without_an_id_is_a_notification() {
    assert_eq!(one(r#"{"jsonrpc":"2.0","method":"ping"}"#).unwrap().id, None);
}

#[test]
fn params_may_be_absent_null_empty_an_object_or_an_array_of_one() {
    for (params, want) in [
        ("", "{}"),
        (r#","params":null"#, "{}"),
        (r#","params":{}"#, "{}"),
        (r#","params":[]"#, "{}"),
        (r#","params":{"a":1}"#, r#"{"a":1}"#),
        (r#","params":[ {"a":1} ]"#, r#"{"a":1}"#),
    ] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping"{params}}}"#);
        assert_eq!(one(&line).unwrap().params, want, "{params}");
    }
    for params in ["1", "\"x\"", "true", "[1]", "[{},{}]", "[[]]"] {
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{params}}}"#);
        assert_eq!(refused(&line), (ErrorKind::InvalidRequest, Some("1")), "{params}");
    }
}

#[test]
fn duplicate_keys_are_refused_with_the_id_where_it_is_certain() {
    let inside = r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1,"a":2}}"#;
    assert_eq!(refused(inside), (ErrorKind::InvalidRequest, Some("1")));
    let twice = r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#;
    assert_eq!(refused(twice), (ErrorKind::InvalidRequest, None));
}

#[test]
fn what_is_not_json_is_a_parse_error() {
    for line in ["{", "nonsense", "{}{}", "\u{feff}{}"] {
        assert_eq!(refused(line).0, ErrorKind::Parse, "{line}");
    }
    let ClientMessage::One(Err(reject)) = parse(b"{\"a\":\"\xff\"}") else { panic!() };
    assert_eq!(reject.error.kind(), ErrorKind::Parse);
}

#[test]
fn what_is_json_but_no_request_is_invalid() {
    for line in ["1", "\"x\"", "null", "{}", r#"{"jsonrpc":"2.0"}"#, "[]"] {
        assert_eq!(refused(line), (ErrorKind::InvalidRequest, None), "{line}");
    }
    let wrong = r#"{"jsonrpc":"2.0","id":1,"method":1}"#;
    assert_eq!(refused(wrong), (ErrorKind::InvalidRequest, Some("1")));
}

#[test]
fn a_batch_holds_32_requests_and_not_33() {
    let item = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let batch = |n: usize| format!("[{}]", vec![item; n].join(","));
    assert!(
        matches!(parse(batch(32).as_bytes()), ClientMessage::Batch(items) if items.len() == 32)
    );
    assert_eq!(refused(&batch(33)), (ErrorKind::InvalidRequest, None));
}

#[test]
fn a_bad_item_of_a_batch_does_not_spoil_the_others() {
    let line = r#"[1,{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","id":3,"method":"a","params":{"x":1,"x":1}}]"#;
    let ClientMessage::Batch(items) = parse(line.as_bytes()) else { panic!() };
    assert!(items[0].is_err());
    assert!(items[1].is_ok());
    assert_eq!(items[2].as_ref().unwrap_err().id, Some("3"));
}

#[test]
fn a_method_name_may_hold_escapes() {
    let line = r#"{"jsonrpc":"2.0","id":1,"method":"\u0070ing"}"#;
    assert_eq!(one(line).unwrap().method, "ping");
}

#[test]
fn a_server_line_is_a_result_an_error_or_a_notification() {
    let result = br#"{"jsonrpc":"2.0","id":4,"result":null}"#;
    assert!(matches!(
        ServerMessage::parse(result).unwrap(),
        ServerMessage::Response { id: Some(4), result: Ok(raw) } if raw.get() == "null"
    ));
    let refusal = RpcError::new(ErrorKind::Parse, "no");
    let line = error(None, &refusal);
    assert!(matches!(
        ServerMessage::parse(&line).unwrap(),
        ServerMessage::Response { id: None, result: Err(e) } if e == refusal
    ));
    let line = notification("broadcast", &serde_json::json!({"message": "m"}));
    assert!(matches!(
        ServerMessage::parse(&line).unwrap(),
        ServerMessage::Notification { method, .. } if method == "broadcast"
    ));
    assert!(ServerMessage::parse(b"{}").is_err());
}

#[test]
fn an_object_with_a_method_string_and_no_id_is_a_notification_also_if_it_is_broken() {
    let deep = "[".repeat(40) + &"]".repeat(40);
    for rest in [
        r#""params":[1,2]"#,
        r#""params":7"#,
        r#""params":{"a":1,"a":2}"#,
        r#""params":{"a":1,"\u0061":2}"#,
        r#""method":"b""#,
        r#""jsonrpc":"1.0""#,
        r#""params":{"a":"\ud800","b":1e999}"#,
        &format!(r#""params":{deep}"#),
    ] {
        let line = format!(r#"{{"method":"a",{rest}}}"#);
        assert!(one(&line).expect_err(&line).notification, "{line}");
        let with_id = format!(r#"{{"\u0069d":null,"method":"a",{rest}}}"#);
        assert!(!one(&with_id).expect_err(&with_id).notification, "{with_id}");
        let batch = format!("[{line},{line}]");
        let ClientMessage::Batch(items) = parse(batch.as_bytes()) else { panic!("{batch}") };
        assert!(items.iter().all(|item| item.as_ref().unwrap_err().notification), "{batch}");
    }
    for line in [
        r#"{"method":7}"#,
        r#"{"params":{}}"#,
        "[]",
        "7",
        r#"{"method":"a","#,
        r#"{"method":"a"}{"#,
    ] {
        assert!(!one(line).expect_err(line).notification, "{line}");
    }
    let item = r#"{"method":"a"}"#;
    let many = format!("[{}]", vec![item; MAX_BATCH + 1].join(","));
    assert!(one(&many).expect_err(&many).notification);
}
