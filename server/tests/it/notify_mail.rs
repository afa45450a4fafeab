//! Notifications by mail, with a mail server of the test that keeps what it gets.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;

use serde_json::json;

use crate::common::catcher::{SelfSigned, SmtpCatcher};
use crate::common::notify::{fast, secret, status, wait_for_failure, wait_until_sent};
use crate::common::{MENU, TestServer, Topsided, eventually, lines, wait_for};

/// A `[[notify]]` that mails failed runs through this port.
fn mail(host: &str, port: u16, fields: &str) -> String {
    format!(
        "[[notify]]\nname = \"mail\"\non = [\"failed\"]\ninclude_args = true\n\
         smtp = {{ host = \"{host}\", port = {port}, from = \"Garden <garden@example.org>\", \
         to = [\"anna@example.org\", \"Bob <bob@example.org>\"], {fields} }}\n"
    )
}

fn password(directory: &Path) -> String {
    secret(directory, "mail.password", "open sesame\n").display().to_string()
}

#[test]
fn a_mail_has_subject_date_text_and_an_id_that_stays_the_same() {
    let catcher = SmtpCatcher::start();
    let server =
        TestServer::with_config(MENU, &mail("127.0.0.1", catcher.port(), "tls = \"none\""), fast);
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 3"}));
    let mail = catcher.wait_for(1).remove(0);
    assert_eq!(mail.from, "garden@example.org");
    assert_eq!(mail.to, ["anna@example.org", "bob@example.org"]);
    assert!(mail.header("Subject").ends_with(": work failed"), "{}", mail.text);
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    assert!(mail.header("From").contains("<garden@example.org>"), "{}", mail.text);
    let id = mail.header("Message-ID");
    assert!(id.starts_with('<') && id.contains("-1@") && id.ends_with('>'), "{id}");
    mail.header("Date");
    assert!(mail.body().starts_with("work: exit 3 (run #1, by "), "{}", mail.text);
    assert!(mail.body().contains("script = \"exit 3\""), "{}", mail.text);
    assert_eq!((&mail.login, mail.is_encrypted), (&None, false));
    wait_until_sent(&mut client);
}

#[test]
fn a_mail_server_that_refuses_is_asked_again_and_gets_the_mail_once() {
    let catcher = SmtpCatcher::start();
    catcher.refuse(Some("450 4.2.1 try later"));
    let server =
        TestServer::with_config(MENU, &mail("127.0.0.1", catcher.port(), "tls = \"none\""), fast);
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 3"}));
    let failure = wait_for_failure(&mut client);
    assert!(failure.contains("the mail server answered 450 4.2.1 try later"), "{failure}");
    catcher.close();
    wait_for(
        "no connection",
        || status(&mut client),
        |row| row["failure"].as_str().is_some_and(|failure| failure.contains("refused (os error")),
    );
    catcher.refuse(None);
    catcher.open();
    wait_until_sent(&mut client);
    assert_eq!(catcher.mails().len(), 1);
}

#[test]
fn a_refused_recipient_is_reported_once_and_the_others_get_the_mail() {
    let catcher = SmtpCatcher::start();
    let bob = "bob@example.org";
    catcher.refuse_one(bob, Some("550 5.1.1 no such user"));
    let server =
        TestServer::with_config(MENU, &mail("127.0.0.1", catcher.port(), "tls = \"none\""), fast);
    let mut client = server.connect();
    let reason = "bob@example.org does not get it: the mail server answered 550 5.1.1 no such user";
    for count in [1, 2] {
        client.run("work", json!({"script": "exit 3"}));
        catcher.wait_for(count);
        assert_eq!(wait_until_sent(&mut client)["failure"], reason);
    }
    let tested = client.ok("notify/test", json!({}))["notifiers"][0].clone();
    assert_eq!((&tested["answer"].is_string(), &tested["failure"]), (&true, &json!(reason)));
    let mails = catcher.mails();
    assert!(mails.iter().all(|mail| mail.to == ["anna@example.org"]), "{mails:?}");
    let log = client.ok("log/tail", json!({})).to_string();
    assert_eq!(log.matches("does not reach bob@example.org").count(), 1, "{log}");
    catcher.refuse_one(bob, None);
    client.run("work", json!({"script": "exit 3"}));
    catcher.wait_for(4);
    let row = wait_until_sent(&mut client);
    assert_eq!(row.get("failure"), None, "{row}");
}

#[test]
fn a_recipient_that_is_refused_for_the_moment_gets_the_mail_later_and_the_others_once() {
    let catcher = SmtpCatcher::start();
    let bob = "bob@example.org";
    catcher.refuse_one(bob, Some("450 4.7.1 greylisted"));
    let server =
        TestServer::with_config(MENU, &mail("127.0.0.1", catcher.port(), "tls = \"none\""), fast);
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 3"}));
    let failure = wait_for_failure(&mut client);
    assert!(failure.contains("bob@example.org") && failure.contains("greylisted"), "{failure}");
    assert_eq!(status(&mut client)["waiting"], 1);
    catcher.refuse_one(bob, None);
    let row = wait_until_sent(&mut client);
    assert_eq!(row.get("failure"), None, "{row}");
    let mails = catcher.mails();
    let to: Vec<&[String]> = mails.iter().map(|mail| &mail.to[..]).collect();
    assert_eq!(to, [["anna@example.org"], [bob]]);
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
}

#[test]
fn a_mail_that_waits_outlives_a_kill_and_is_delivered_once() {
    let catcher = SmtpCatcher::start();
    let topsided = Topsided::new();
    topsided.write("server.toml", &mail("127.0.0.1", catcher.port(), "tls = \"none\""));
    catcher.close();
    let mut server = topsided.start();
    let mut client = server.connect();
    client.run("work", json!({"script": "exit 3"}));
    wait_for_failure(&mut client);
    server.kill();
    catcher.open();
    let mut server = topsided.start();
    wait_until_sent(&mut server.connect());
    let kept = topsided.path("state/notify.json");
    eventually("the disk has that it was sent", || !lines(&kept).join("").contains("\"event\""));
    server.kill();
    let mut server = topsided.start();
    server.connect().ok("ping", json!({}));
    server.terminate();
    assert_eq!(catcher.mails().len(), 1);
}

#[test]
fn a_mail_goes_over_tls_with_user_and_password() {
    let identity = SelfSigned::new();
    for (tls, catcher) in [
        ("starttls", SmtpCatcher::with_starttls(&identity)),
        ("implicit", SmtpCatcher::with_tls(&identity)),
    ] {
        let topsided = Topsided::new();
        let file = password(&topsided.path(""));
        let fields = format!("tls = \"{tls}\", user = \"garden\", password_file = \"{file}\"");
        topsided.write("server.toml", &mail("localhost", catcher.port(), &fields));
        let trusted = topsided.path("authorities.pem");
        identity.write(&trusted);
        let mut server = topsided.start_trusting(&trusted);
        let tested = server.connect().ok("notify/test", json!({}));
        let want = json!([
            {"notifier": "mail", "kind": "smtp", "answer": "250 2.0.0 Ok: queued as 1"},
        ]);
        assert_eq!(tested["notifiers"], want);
        let mail = catcher.mails().remove(0);
        assert!(mail.is_encrypted);
        assert_eq!(mail.login, Some(("garden".to_owned(), "open sesame".to_owned())));
        assert!(!mail.text.contains("sesame"), "{}", mail.text);
        server.terminate();
        // No authority of the system has signed it.
        SelfSigned::new().write(&trusted);
        let server = topsided.start_trusting(&trusted);
        let tested = server.connect().ok("notify/test", json!({}));
        let failure = tested["notifiers"][0]["failure"].as_str().unwrap();
        assert!(failure.contains("invalid peer certificate"), "{failure}");
        assert_eq!(catcher.mails().len(), 1);
    }
}

#[test]
fn a_mail_server_without_starttls_gets_no_mail_and_no_password() {
    let catcher = SmtpCatcher::start();
    let server = TestServer::with_config(MENU, &mail("localhost", catcher.port(), ""), fast);
    let tested = server.connect().ok("notify/test", json!({}));
    let failure = tested["notifiers"][0]["failure"].as_str().unwrap();
    assert!(failure.contains("STARTTLS is not supported"), "{failure}");
    assert!(catcher.mails().is_empty());
}

#[test]
fn a_mail_server_that_answers_without_end_is_given_up() {
    for (piece, what) in [("220-x\r\n", "lines"), ("220 a line without an end", "bytes")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // The server closes the connection.
            while stream.write_all(piece.as_bytes()).is_ok() {}
        });
        let server =
            TestServer::with_config(MENU, &mail("127.0.0.1", port, "tls = \"none\""), fast);
        let tested = server.connect().ok("notify/test", json!({}));
        let failure = tested["notifiers"][0]["failure"].as_str().unwrap();
        assert!(failure.contains(&format!("answers with too many {what}")), "{failure}");
    }
}

#[test]
fn an_error_of_a_mail_server_has_its_place() {
    let topsided = Topsided::new();
    let file = password(&topsided.path(""));
    let ends = "from = \"a@example.org\", to = [\"b@example.org\"]";
    for (fields, said) in [
        (
            format!("host = \"mail.example.org:25\", {ends}"),
            "server.toml:2:17: `host` of `smtp` in [[notify]] must be an IP address or a host name",
        ),
        (
            "host = \"mail.example.org\", from = \"a\", to = [\"b@example.org\"]".to_owned(),
            "server.toml:2:44: `from` of `smtp` in [[notify]] must be an address such as",
        ),
        (
            "host = \"mail.example.org\", from = \"a@example.org\", to = [\"b@example.org\", \"c\"]".to_owned(),
            "`to` of `smtp` in [[notify]] must hold an address such as \"garden@example.org\" or \"Garden <garden@example.org>\", not `c`",
        ),
        (
            "host = \"mail.example.org\", from = \"a@example.org\", to = []".to_owned(),
            "`to` of `smtp` in [[notify]] must hold 1 to 20 addresses",
        ),
        (
            format!("host = \"mail.example.org\", tls = \"ssl\", {ends}"),
            "`tls` of `smtp` in [[notify]] must be one of starttls, implicit, none, not `ssl`",
        ),
        (
            format!("host = \"mail.example.org\", user = \"u\", {ends}"),
            "`user` of `smtp` in [[notify]] needs `password_file`",
        ),
        (
            format!("host = \"mail.example.org\", tls = \"none\", user = \"u\", password_file = \"{file}\", {ends}"),
            "`user` of `smtp` in [[notify]] needs `tls`: without it the network could read the password",
        ),
        (
            format!("host = \"mail.example.org\", password_fil = \"{file}\", {ends}"),
            "`smtp` in [[notify]] has no field `password_fil`: did you mean password_file?",
        ),
        (
            "host = \"mail.example.org\", to = [\"b@example.org\"]".to_owned(),
            "server.toml:2:8: `smtp` in [[notify]] needs `from`: an address such as",
        ),
    ] {
        topsided.write("server.toml", &format!("[[notify]]\nsmtp = {{ {fields} }}\n"));
        let checked = topsided.run(&["check"]);
        assert_eq!(checked.status, Some(78), "{fields}: {checked:?}");
        assert!(checked.stderr.contains(said), "{fields}: {}", checked.stderr);
        assert_eq!(checked.stderr.matches("server.toml:").count(), 1, "{}", checked.stderr);
    }
}
