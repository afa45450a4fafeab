//! A page as steps: its fenced blocks, by the words behind the fence.
//!
//! `sh` is typed, `text` is what comes, `screen` is keys and what they show, and a `title` is a file to save.
//! `terminal=2` is where, from there on; `status=1` is how what is typed last ends, if not with 0.
//!
//! Other pages than the tutorial also have blocks that are not followed: `sh no-run: REASON`, `sh packaged` (which
//! config/packaging/try runs in a fresh Debian), and other languages without a title. In a comment, `<!-- sh`, `<!-- text`
//! and `<!-- screen` begin a step that readers do not see, and `<!-- server -->` starts a server.

/// A line of the tutorial with its number.
pub(super) type Line<'t> = (usize, &'t str);

/// One fenced block.
pub(super) struct Block<'t> {
    /// The line of its fence.
    pub(super) line: usize,
    pub(super) terminal: usize,
    pub(super) step: Step<'t>,
}

pub(super) enum Step<'t> {
    /// Lines to type into a shell, the last of which ends with this status.
    Type {
        lines: Vec<Line<'t>>,
        status: u32,
    },
    /// What comes then: all of it, unless the command goes on.
    Text(Vec<Line<'t>>),
    Screen(Vec<(usize, Act<'t>)>),
    /// A file, and what stands in it.
    File(&'t str, String),
    /// A server in the background.
    Server,
}

/// What a page has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Every block is followed, and something is seen of each.
    Tutorial,
    /// Blocks may be left out, and of a command the exit status is enough.
    Page,
}

/// A line of a `screen` block.
pub(super) enum Act<'t> {
    Press(String),
    Type(&'t str),
    See(&'t str),
    /// The program ends well.
    Back,
}

/// The blocks in their order.
pub(super) fn blocks(text: &str, rules: Rules) -> Result<Vec<Block<'_>>, String> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let (mut blocks, mut terminal) = (Vec::new(), 1);
    // Whether output that follows belongs to a block that is followed.
    let mut follows = true;
    while let Some((line, opening)) = lines.next() {
        if rules == Rules::Page && opening == "<!-- server -->" {
            blocks.push(Block { line, terminal: SERVERS, step: Step::Server });
            continue;
        }
        let hidden = opening.strip_prefix("<!-- ").filter(|_| rules == Rules::Page);
        let (info, end) = match (opening.strip_prefix("```"), hidden) {
            (Some(info), _) => (info, "```"),
            (None, Some(info)) if is_step(info) => (info, "-->"),
            _ => continue,
        };
        let body: Vec<Line<'_>> = lines.by_ref().take_while(|(_, line)| *line != end).collect();
        let kind = info.split(' ').next().unwrap_or_default();
        if rules == Rules::Page && is_left_out(kind, info) {
            follows = false;
            continue;
        }
        if kind == "text" && !follows {
            continue;
        }
        follows = true;
        let mut words = info.split(' ').skip(1);
        let (mut status, mut file) = (0, None);
        words.try_for_each(|word| {
            match word.split_once('=') {
                Some(("terminal", number)) => terminal = number.parse().unwrap_or_default(),
                Some(("status", number)) => status = number.parse().unwrap_or_default(),
                Some(("title", path)) => file = Some(path),
                _ => return Err(format!("{line}: what is `{word}`?")),
            }
            Ok(())
        })?;
        let step = match (kind, file) {
            (_, Some(path)) => {
                let text = body.iter().map(|(_, line)| format!("{line}\n")).collect();
                Step::File(path, text)
            }
            ("sh", None) => Step::Type { lines: body, status },
            ("text", None) => Step::Text(body),
            ("screen", None) => {
                let acts = body.into_iter().map(|(at, line)| act(at, line).map(|act| (at, act)));
                Step::Screen(acts.collect::<Result<_, _>>()?)
            }
            _ => return Err(format!("{line}: a block of `{kind}` cannot be followed")),
        };
        blocks.push(Block { line, terminal, step });
    }
    checked(&blocks, rules)?;
    Ok(blocks)
}

/// The terminal of servers that readers do not see.
pub(super) const SERVERS: usize = 9;

/// Whether a comment is a step.
fn is_step(info: &str) -> bool {
    matches!(info.split(' ').next(), Some("sh" | "text" | "screen")) && !info.contains("-->")
}

/// Whether a page shows this block only.
fn is_left_out(kind: &str, info: &str) -> bool {
    match kind {
        "sh" => info.starts_with("sh no-run: ") || info == "sh packaged",
        "text" | "screen" => false,
        _ => !info.contains(" title="),
    }
}

fn act(at: usize, line: &str) -> Result<Act<'_>, String> {
    let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match what {
        "press" => bytes(rest).map(Act::Press).ok_or(format!("{at}: which key is `{rest}`?")),
        "type" => Ok(Act::Type(rest)),
        "see" => Ok(Act::See(rest)),
        "back" => Ok(Act::Back),
        _ => Err(format!("{at}: what is to `{what}`?")),
    }
}

/// What a terminal sends for a key.
fn bytes(key: &str) -> Option<String> {
    Some(match key {
        "Enter" => "\r".into(),
        "Tab" => "\t".into(),
        "F3" => "\x1bOR".into(),
        _ => match key.strip_prefix("Ctrl-").unwrap_or_default().as_bytes() {
            [letter @ b'A'..=b'Z'] => char::from(letter & 0x1f).into(),
            _ if key.chars().count() == 1 => key.into(),
            _ => return None,
        },
    })
}

/// Each step has something that is seen of it.
fn checked(blocks: &[Block<'_>], rules: Rules) -> Result<(), String> {
    for (at, block) in blocks.iter().enumerate() {
        let next = blocks.get(at + 1);
        let unseen = match &block.step {
            Step::Server => false,
            Step::Type { .. } | Step::File(..) if rules == Rules::Page => false,
            Step::Type { .. } => !next.is_some_and(|next| {
                matches!(next.step, Step::Text(_) | Step::Screen(_))
                    && next.terminal == block.terminal
            }),
            Step::File(..) => next.is_none(),
            Step::Text(_) => false,
            Step::Screen(acts) => match acts.last() {
                Some((line, Act::Press(_) | Act::Type(_))) => {
                    return Err(format!("{line}: what this does is not checked"));
                }
                last => last.is_none(),
            },
        };
        if unseen {
            return Err(format!("{}: what this does is not checked", block.line));
        }
    }
    Ok(())
}
