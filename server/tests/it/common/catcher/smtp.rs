//! A mail server that keeps the mails that it gets.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use rustls::ServerConfig;

use super::super::wait_for;
use super::{Connection, Port, SelfSigned};

/// A mail that was accepted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// User and password, if it was sent with them.
    pub(crate) login: Option<(String, String)>,
    pub(crate) is_encrypted: bool,
    /// Headers and body, with `\n` at the ends of lines.
    pub(crate) text: String,
}

impl Mail {
    /// The value of a header of one line.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.text.lines().take_while(|line| !line.is_empty());
        let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        found.unwrap_or_else(|| panic!("no header {name}: {}", self.text))
    }

    pub(crate) fn body(&self) -> &str {
        self.text.split_once("\n\n").unwrap().1
    }
}

#[derive(Default)]
struct State {
    /// The answer to each recipient, if it is no success.
    refusal: Option<String>,
    /// The answers to single recipients that are no success, by their addresses.
    refused: HashMap<String, String>,
    mails: Vec<Mail>,
}

/// How a catcher encrypts.
#[derive(Clone)]
enum Encryption {
    None,
    StartTls(Arc<ServerConfig>),
    Implicit(Arc<ServerConfig>),
}

pub(crate) struct SmtpCatcher {
    state: Arc<Mutex<State>>,
    port: Port,
}

impl SmtpCatcher {
    pub(crate) fn start() -> Self {
        Self::serving(Encryption::None)
    }

    pub(crate) fn with_starttls(identity: &SelfSigned) -> Self {
        Self::serving(Encryption::StartTls(Arc::clone(&identity.config)))
    }

    pub(crate) fn with_tls(identity: &SelfSigned) -> Self {
        Self::serving(Encryption::Implicit(Arc::clone(&identity.config)))
    }

    fn serving(encryption: Encryption) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let kept = Arc::clone(&state);
        let serve = move |stream: TcpStream| {
            // The client may leave at any time.
            let _ = accept(stream, &encryption, &kept);
        };
        Self { state, port: Port::open(Arc::new(serve)) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.address.port()
    }

    /// Refuses each recipient with this answer from now on, or none.
    pub(crate) fn refuse(&self, answer: Option<&str>) {
        self.state.lock().unwrap().refusal = answer.map(str::to_owned);
    }

    /// Refuses this recipient with this answer from now on, or accepts it.
    pub(crate) fn refuse_one(&self, address: &str, answer: Option<&str>) {
        let mut state = self.state.lock().unwrap();
        match answer {
            Some(answer) => state.refused.insert(address.to_owned(), answer.to_owned()),
            None => state.refused.remove(address),
        };
    }

    /// Refuses connections from now on.
    pub(crate) fn close(&self) {
        self.port.close();
    }

    /// Accepts connections again.
    pub(crate) fn open(&self) {
        self.port.listen();
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.state.lock().unwrap().mails.clone()
    }

    /// Waits for so many mails, and returns them.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Mail> {
        wait_for("mails", || self.mails(), |mails| mails.len() >= count)
    }
}

fn accept(stream: TcpStream, encryption: &Encryption, state: &Mutex<State>) -> Option<()> {
    match encryption {
        Encryption::None => {
            Session::new(stream, state).greet()?.commands(false)?;
        }
        Encryption::Implicit(config) => {
            let stream = SelfSigned::accept(Arc::clone(config), stream);
            Session::new(stream, state).greet()?.encrypted().commands(false)?;
        }
        Encryption::StartTls(config) => {
            let plain = Session::new(stream, state).greet()?.commands(true)?;
            let stream = SelfSigned::accept(Arc::clone(config), plain.stream.into_inner());
            Session::new(stream, state).encrypted().commands(false)?;
        }
    }
    Some(())
}

struct Session<'a, C: Connection> {
    stream: BufReader<C>,
    state: &'a Mutex<State>,
    mail: Mail,
}

impl<'a, C: Connection> Session<'a, C> {
    fn new(stream: C, state: &'a Mutex<State>) -> Self {
        Self { stream: BufReader::new(stream), state, mail: Mail::default() }
    }

    fn greet(mut self) -> Option<Self> {
        self.say("220 catcher ESMTP")?;
        Some(self)
    }

    fn encrypted(mut self) -> Self {
        self.mail.is_encrypted = true;
        self
    }

    fn say(&mut self, line: &str) -> Option<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{line}\r\n").as_bytes()).and_then(|()| stream.flush()).ok()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.stream.read_line(&mut line).ok()?;
        (count > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Answers commands up to the end, or to STARTTLS.
    fn commands(mut self, can_encrypt: bool) -> Option<Self> {
        loop {
            let line = self.line()?;
            let (command, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
            match command.to_uppercase().as_str() {
                "EHLO" if can_encrypt => self.say("250-catcher\r\n250 STARTTLS")?,
                "EHLO" => self.say("250-catcher\r\n250-AUTH PLAIN\r\n250 8BITMIME")?,
                "STARTTLS" if can_encrypt => {
                    self.say("220 go ahead")?;
                    return Some(self);
                }
                "AUTH" => {
                    let word = BASE64.decode(rest.strip_prefix("PLAIN ")?.as_bytes()).unwrap();
                    let parts = String::from_utf8(word).unwrap();
                    let mut parts = parts.split('\0').skip(1).map(str::to_owned);
                    self.mail.login = Some((parts.next()?, parts.next()?));
                    self.say("235 2.7.0 welcome")?;
                }
                "MAIL" => {
                    self.mail.from = address(rest);
                    self.mail.to.clear();
                    self.say("250 2.1.0 Ok")?;
                }
                "RCPT" => {
                    let refusal = {
                        let state = self.state.lock().unwrap();
                        state.refusal.as_ref().or(state.refused.get(&address(rest))).cloned()
                    };
                    if let Some(refusal) = refusal {
                        self.say(&refusal)?;
                        continue;
                    }
                    self.mail.to.push(address(rest));
                    self.say("250 2.1.5 Ok")?;
                }
                "DATA" => {
                    self.say("354 end with a dot")?;
                    self.data()?;
                    let mut state = self.state.lock().unwrap();
                    state.mails.push(self.mail.clone());
                    let number = state.mails.len();
                    drop(state);
                    self.say(&format!("250 2.0.0 Ok: queued as {number}"))?;
                }
                "QUIT" => {
                    self.say("221 2.0.0 Bye")?;
                    return Some(self);
                }
                _ => self.say("502 5.5.2 what is that?")?,
            }
        }
    }

    fn data(&mut self) -> Option<()> {
        self.mail.text.clear();
        loop {
            let line = self.line()?;
            if line == "." {
                return Some(());
            }
            self.mail.text += line.strip_prefix('.').unwrap_or(&line);
            self.mail.text.push('\n');
        }
    }
}

/// The address in `FROM:<a@b>` or `TO:<a@b>`.
fn address(rest: &str) -> String {
    rest.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}
