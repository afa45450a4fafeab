//! A user who follows a page: a home of its own, and terminals with a shell in each.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use portable_pty::CommandBuilder;

use super::pattern::{PORT, is_on, misfit};
use super::steps::{Act, Line, Rules, SERVERS, Step, blocks};
use crate::harness::{Home, PATIENCE, Screen, TOPSIDE, exists};

/// The size that most terminals begin with.
const SIZE: (u16, u16) = (80, 24);

/// What the shell prints before it reads a line, which shells say to terminals in this way: at its beginning, with the
/// status of the command before, and within a command.
const PROMPT: &str = "\x1b]133;D;";
const MORE: &str = "\x1b]133;P;k=s\x07";

/// In the place of cargo: the programs are built already.
const CARGO: &str = r#"#!/bin/sh
[ "$1 $2 $3" = "install --locked --path" ] && [ -f "$4/Cargo.toml" ] || exit 1
case $4 in
    server) printf '#!/bin/sh\n[ "$1" = --version ] || set -- serve "$@"\nexec "%s" "$@"\n' "$TOPSIDE" > ~/.cargo/bin/topsided ;;
    tui-client) printf '#!/bin/sh\nexec "%s" "$@"\n' "$TOPSIDE" > ~/.cargo/bin/topside ;;
    *) exit 1 ;;
esac
chmod 755 ~/.cargo/bin/*
"#;

/// In the place of sudo: the user's own server is the packaged one of the page.
const SUDO: &str = "#!/bin/sh\nexec \"$@\"\n";

/// Starts a server, and waits until it answers.
const START: &str = "topsided >~/topsided.out 2>&1 & \
    until topside status >/dev/null 2>&1 || ! kill -0 $!; do sleep 0.1; done; topside status >/dev/null";

/// The settings of a page that has none: neither the network nor a port that may be taken.
const SETTINGS: &str = "[listen]\naddresses = [\"127.0.0.1\"]\nport = 8677\n";
const QUIET: &str = "\n[discovery]\nannounce = false\n";

/// Does what the tutorial says; else the line where something else is seen, and what.
pub(super) fn follow(text: &str) -> Result<(), String> {
    Follower::new(Rules::Tutorial).follow(text)
}

/// Does what a page says, with the programs installed. A packaged server's files are in the user's home.
pub(super) fn follow_page(text: &str) -> Result<(), String> {
    let mut follower = Follower::new(Rules::Page);
    for (crate_folder, line) in [("server", 1), ("tui-client", 2)] {
        let install = format!("cargo install --locked --path {crate_folder}");
        follower.type_in(SERVERS, &[(line, install.as_str())], 0)?;
    }
    follower.begin_page();
    follower.follow(text)
}

struct Follower {
    // Before the home, in which their programs are.
    terminals: BTreeMap<usize, Terminal>,
    home: Home,
    rules: Rules,
    /// Parts of what a page says, and what is typed and saved in their place.
    replaced: Vec<(&'static str, String)>,
}

impl Follower {
    fn new(rules: Rules) -> Self {
        let replaced = vec![(PORT, "0".to_owned())];
        let follower = Self { terminals: BTreeMap::new(), home: Home::new(), rules, replaced };
        follower.save_program("cargo", CARGO);
        follower
    }

    /// Paths of a packaged server are below the home, ports are free ones, and `sudo` is there.
    fn begin_page(&mut self) {
        let below = |path: &str| self.dir(path).display().to_string();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        self.replaced = vec![
            (PORT, free().to_string()),
            ("9677", free().to_string()),
            ("/etc/topside", below(".config/topside")),
            ("/var/lib/topside", below(".local/state/topside")),
            ("/usr/local/bin", below("usr-local-bin")),
            ("/opt/", below("opt/")),
            ("/mnt/", below("mnt/")),
            ("/home/you", below("").trim_end_matches('/').to_owned()),
        ];
        self.save_program("sudo", SUDO);
        self.save("/etc/topside/server.toml", "");
    }

    /// Does what the blocks say, and ends what they have left behind.
    fn follow(mut self, text: &str) -> Result<(), String> {
        let is_page = self.rules == Rules::Page;
        let blocks = blocks(text, self.rules)?;
        for (at, block) in blocks.iter().enumerate() {
            self.terminal(block.terminal);
            match &block.step {
                Step::Type { lines, status } => self.type_in(block.terminal, lines, *status)?,
                Step::Text(lines) => self.terminal(block.terminal).says(block.line, lines)?,
                Step::Screen(acts) => self.terminal(block.terminal).act(acts)?,
                Step::File(path, text) => self.save(path, text),
                Step::Server => self.type_in(SERVERS, &[(block.line, START)], 0)?,
            }
            let next = blocks.get(at + 1).map(|next| &next.step);
            let is_looked_at = matches!(next, Some(Step::Text(_) | Step::Screen(_)));
            let is_command = matches!(block.step, Step::Type { .. } | Step::Server);
            if is_page && is_command && !is_looked_at {
                self.terminal(block.terminal).settle()?;
            }
        }
        let socket = self.dir(".local/state/topside/run/topsided.sock");
        if is_page && exists(&socket) {
            self.type_in(SERVERS, &[(0, "topside shutdown --yes")], 0)?;
        }
        for terminal in self.terminals.values_mut() {
            terminal.settle()?;
        }
        match exists(&socket) && !is_page {
            true => Err("0: a server is left behind".into()),
            false => Ok(()),
        }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.home.0.path().join(name)
    }

    /// The text with what is replaced here.
    fn replaced(&self, text: &str) -> String {
        let replace = |text: String, (from, to): &(&str, String)| text.replace(from, to);
        self.replaced.iter().fold(text.to_owned(), replace)
    }

    fn save_program(&self, name: &str, text: &str) {
        self.save(&format!("~/.cargo/bin/{name}"), text);
        let path = self.dir(".cargo/bin").join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Writes a file as an editor does, with settings that stay off the network.
    fn save(&self, path: &str, text: &str) {
        let path = self.replaced(path);
        let path =
            path.strip_prefix("~/").map_or_else(|| PathBuf::from(&path), |path| self.dir(path));
        assert!(path.starts_with(self.home.0.path()), "{path:?}: a path below the home");
        let mut text = text.to_owned();
        if self.rules == Rules::Page && path.ends_with("topside/server.toml") {
            let has = |section: &str| text.lines().any(|line| line == section);
            let (listen, discovery) = (has("[listen]"), has("[discovery]"));
            text.push_str(if discovery { "" } else { QUIET });
            text.push_str(if listen { "" } else { SETTINGS });
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, self.replaced(&text)).unwrap();
    }

    /// The terminal of this number, opened when it is first needed, in the checkout.
    fn terminal(&mut self, number: usize) -> &mut Terminal {
        let home = self.home.0.path();
        self.terminals.entry(number).or_insert_with(|| {
            let mut shell = CommandBuilder::new("/bin/sh");
            let line = "umask 022; stty -echo; exec bash --norc --noprofile --noediting -i";
            shell.args(["-c", line]);
            shell.cwd(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
            shell.env("PS1", format!("{PROMPT}$?\x07$ "));
            shell.env("PS2", MORE);
            let path = std::env::var("PATH").unwrap_or_default();
            shell.env("PATH", format!("{}:{path}", home.join(".cargo/bin").display()));
            shell.env("HOME", home);
            shell.env("TOPSIDE", TOPSIDE);
            // Without these variables the server of this machine would be used.
            shell.env("TOPSIDE_CONFIG_DIR", home.join(".config/topside"));
            shell.env("TOPSIDE_STATE_DIR", home.join(".local/state/topside"));
            shell.env("TOPSIDE_RUNTIME_DIR", home.join(".local/state/topside/run"));
            Terminal::new(Screen::spawn(SIZE, shell))
        })
    }

    fn type_in(&mut self, number: usize, lines: &[Line<'_>], status: u32) -> Result<(), String> {
        self.terminal(number).settle()?;
        for (at, (line, text)) in lines.iter().enumerate() {
            let text = self.pasted(*line, text)?;
            // The tutorial's own port stands in a file only.
            let text = if self.rules == Rules::Page { self.replaced(&text) } else { text };
            let last = at + 1 == lines.len();
            let terminal = self.terminal(number);
            if at == 0 {
                terminal.from = terminal.printed().len();
            }
            terminal.begin(*line, &text, if last { status } else { 0 });
            if !last {
                terminal.settle()?;
            }
        }
        Ok(())
    }

    /// The line as it is typed: a word that ends with `…` is the last of those that were printed and begin so.
    fn pasted(&self, line: usize, text: &str) -> Result<String, String> {
        let mut words = Vec::new();
        for word in text.split(' ') {
            let Some(begin) = word.strip_suffix('…') else {
                words.push(word.to_owned());
                continue;
            };
            let printed: Vec<String> =
                self.terminals.values().map(|t| clean(&t.printed())).collect();
            let found = printed
                .iter()
                .rev()
                .flat_map(|text| text.split_whitespace().rev())
                .find(|found| found.starts_with(begin) && found.len() > begin.len());
            let found = found.ok_or(format!("{line}: nothing was printed like {word}"))?;
            words.push(found.to_owned());
        }
        Ok(words.join(" "))
    }
}

struct Terminal {
    screen: Screen,
    /// Where in all that was printed the output of the last block begins, and that of its last line.
    from: usize,
    begun: usize,
    /// The line that was typed last, and the status that it should end with.
    typed: Option<(usize, u32)>,
}

impl Terminal {
    fn new(screen: Screen) -> Self {
        let mut terminal = Self { screen, from: 0, begun: 0, typed: Some((0, 0)) };
        terminal.settle().unwrap();
        terminal
    }

    fn printed(&self) -> Vec<u8> {
        self.screen.look(Duration::ZERO, |_, printed| Some(printed.to_vec())).unwrap_or_default()
    }

    fn begin(&mut self, line: usize, text: &str, status: u32) {
        self.begun = self.printed().len();
        self.typed = Some((line, status));
        self.screen.write(&format!("{text}\n"));
    }

    /// Waits until the shell takes the next line.
    fn settle(&mut self) -> Result<(), String> {
        let Some((line, wanted)) = self.typed.take() else { return Ok(()) };
        let begun = self.begun;
        let ended = self.screen.look(PATIENCE, |_, printed| status(&printed[begun..]));
        match ended {
            Err(instead) => Err(format!("{line}: it should have ended: {instead}")),
            Ok(Some(status)) if status != wanted => {
                let said = clean(&self.printed()[begun..]);
                Err(format!("{line}: it ended with status {status}, not {wanted}:\n{said}"))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Waits until what was printed since the last block that was typed is as these lines say, and nothing more comes
    /// unless they say so.
    fn says(&mut self, fence: usize, wanted: &[Line<'_>]) -> Result<(), String> {
        let (from, begun) = (self.from, self.begun);
        let patterns: Vec<&str> = wanted.iter().map(|(_, pattern)| *pattern).collect();
        let told = |printed: &[u8]| {
            let text = clean(&printed[from..]);
            let lines: Vec<&str> = text.lines().collect();
            misfit(&patterns, &lines).map(|at| {
                // What is wrong with the last line may be what comes after it.
                let (line, pattern) = wanted
                    .get(at)
                    .or(wanted.last())
                    .map_or((fence, "nothing"), |(line, pattern)| (*line, *pattern));
                format!("{line}: `{pattern}` is not what comes:\n{text}")
            })
        };
        let goes_on = patterns.last() == Some(&"…");
        let found = self.screen.look(PATIENCE, |_, printed| {
            let has_ended = status(&printed[begun..]).is_some();
            match told(printed) {
                None => (has_ended || goes_on).then_some(Ok(())),
                Some(mistake) => has_ended.then_some(Err(mistake)),
            }
        });
        let late = || format!("{fence}: more than that, or the end, does not come");
        found.unwrap_or_else(|_| Err(told(&self.printed()).unwrap_or_else(late)))
    }

    /// Presses keys and looks.
    fn act(&mut self, acts: &[(usize, Act<'_>)]) -> Result<(), String> {
        // What stood there before a key was pressed shows nothing of what the key does.
        let mut before: Option<String> = None;
        let mut looks = acts.iter().peekable();
        while let Some((line, act)) = looks.next() {
            let keys = match act {
                Act::Press(keys) => keys.as_str(),
                Act::Type(text) => text,
                Act::See(pattern) => {
                    let seen = self.screen.look(PATIENCE, |screen, _| {
                        is_on(pattern, &screen.contents()).then_some(())
                    });
                    seen.map_err(|instead| format!("{line}: waited for `{pattern}`, {instead}"))?;
                    if before.as_ref().is_some_and(|before| !is_on(pattern, before)) {
                        before = None;
                    }
                    let is_last = !matches!(looks.peek(), Some((_, Act::See(_))));
                    if before.is_some() && is_last {
                        return Err(format!(
                            "{line}: `{pattern}` stood there already: what was pressed is not checked"
                        ));
                    }
                    continue;
                }
                Act::Back => {
                    self.settle()?;
                    before = None;
                    continue;
                }
            };
            let look = |screen: &vt100::Screen, _: &[u8]| Some(screen.contents());
            before = before.or(self.screen.look(Duration::ZERO, look).ok());
            self.screen.write(keys);
        }
        Ok(())
    }
}

/// How the shell's last command ended, where it takes the next one; none within: it waits for the rest of one.
fn status(printed: &[u8]) -> Option<Option<u32>> {
    let text = String::from_utf8_lossy(printed);
    if let Some((_, rest)) = text.split_once(PROMPT) {
        return rest.split_once('\x07')?.0.parse().ok().map(Some);
    }
    text.ends_with(MORE).then_some(None)
}

/// What was printed, without what only terminals read, and without the shell's prompts.
fn clean(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(printed).replace('\r', "");
    let mut clean = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        clean.push_str(before);
        rest = match after.strip_prefix(']') {
            Some(command) => {
                let after = command.split_once('\x07').map_or("", |(_, after)| after);
                if command.starts_with(&PROMPT[2..]) {
                    after.trim_start_matches("$ ")
                } else {
                    after
                }
            }
            None => after
                .trim_start_matches('[')
                .trim_start_matches(|c: char| !c.is_ascii_alphabetic())
                .get(1..)
                .unwrap_or_default(),
        };
    }
    clean + rest
}
