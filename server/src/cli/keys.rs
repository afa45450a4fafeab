//! The verbs about keys: who may come in over TCP.

use clap::Args;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use topside_shared::dirs::Dirs;
use topside_shared::identity::Identity;
use topside_shared::invite::Invite;
use topside_shared::methods::{KeyInvite, KeyRow, KeyState};
use topside_shared::{Pin, Role};

use super::hand::{Hand, HandError, own_key};
use crate::config::units::{DURATION_FORM, parse_duration};
use crate::config::{Config, ConfigError};
use crate::table;

/// Fewest digits that a key is called by.
const FEWEST_DIGITS: usize = 4;

#[derive(Debug, Clone, Args)]
pub(super) struct Invited {
    /// What its holder is called in lists and logs
    #[arg(long)]
    name: String,
    /// What it may do: viewer, operator or admin
    #[arg(long, value_parser = role)]
    role: Role,
    /// Let it run these commands only, by name, with commas between
    #[arg(long, value_delimiter = ',', value_name = "COMMANDS")]
    commands: Option<Vec<String>>,
}

#[derive(Debug, Args)]
pub(super) struct InviteArgs {
    #[command(flatten)]
    who: Invited,
    /// For how long the invite is good: 10m, 1h, 2d
    #[arg(long, default_value = "10m", value_parser = ttl)]
    ttl: u64,
    /// Show it as a QR code too
    #[arg(long)]
    qr: bool,
}

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(flatten)]
    who: Invited,
    /// For how long the token is good: 90d, 12h
    #[arg(long, default_value = "90d", value_parser = ttl)]
    ttl: u64,
    /// Print the key and its certificate as PEM instead, for other programs than topside
    #[arg(long)]
    pem: bool,
}

/// What went wrong with a verb.
#[derive(Debug, thiserror::Error)]
pub(super) enum VerbError {
    #[error(transparent)]
    Hand(#[from] HandError),
    #[error("the answer holds no invite: {0}")]
    Invite(#[from] topside_shared::invite::InviteError),
    #[error(transparent)]
    Identity(#[from] topside_shared::identity::IdentityError),
    #[error("the invite does not fit a QR code")]
    TooLongForQr,
    #[error("no key is called `{0}`: `topsided keys` lists them")]
    NoSuchKey(String),
    #[error(
        "`{0}` is the name, or the beginning, of {1} keys: give more digits of the one you mean"
    )]
    Ambiguous(String, usize),
}

fn role(text: &str) -> Result<Role, String> {
    let roles = [Role::Viewer, Role::Operator, Role::Admin];
    let found = roles.into_iter().find(|role| role.name() == text);
    found.ok_or_else(|| "it is one of viewer, operator, admin".to_owned())
}

fn ttl(text: &str) -> Result<u64, String> {
    let ttl = parse_duration(text).and_then(|ttl| u64::try_from(ttl.as_millis()).ok());
    ttl.ok_or_else(|| format!("it is {DURATION_FORM}"))
}

type Load<'l> = &'l dyn Fn() -> Result<Config, ConfigError>;

pub(super) fn invite(dirs: &Dirs, load: Load<'_>, args: &InviteArgs) -> Result<(), VerbError> {
    let InviteArgs { who, ttl, qr } = args;
    let mut hand = Hand::take(dirs, load)?;
    let made = hand.invite(wanted(who, *ttl, false))?;
    println!("{}", made.invite);
    if *qr {
        let invite: Invite = made.invite.parse()?;
        let code = QrCode::new(invite.to_capitals()).map_err(|_| VerbError::TooLongForQr)?;
        // Terminals are dark as a rule, and a reader wants the code dark on light.
        let (dark, light) = (Dense1x2::Light, Dense1x2::Dark);
        println!("{}", code.render().dark_color(dark).light_color(light).build());
    }
    let until = made.key.expires_at.map_or_else(String::new, |end| format!(", until {end}"));
    eprintln!(
        "topsided: for {} as {}, once{until}: run `topside pair` with it, or press i in the picker",
        made.key.name, made.key.role
    );
    say_when_it_works(&hand);
    Ok(())
}

pub(super) fn token(dirs: &Dirs, load: Load<'_>, args: &TokenArgs) -> Result<(), VerbError> {
    let TokenArgs { who, ttl, pem } = args;
    let mut hand = Hand::take(dirs, load)?;
    let made = hand.invite(wanted(who, *ttl, true))?;
    if *pem {
        let invite: Invite = made.invite.parse()?;
        let key = Identity::from_seed(&invite.seed)?;
        print!("{}{}", key.private_pem(), key.certificate_pem());
        eprintln!("topsided: the server's own key is {}, on port {}", invite.server, invite.port);
    } else {
        println!("{}", made.invite);
    }
    eprintln!(
        "topsided: whoever holds this is {}: keep it where only the script can read it",
        made.key.name
    );
    say_when_it_works(&hand);
    Ok(())
}

fn wanted(who: &Invited, ttl_ms: u64, lasting: bool) -> KeyInvite {
    let Invited { name, role, commands } = who.clone();
    KeyInvite { name, role, ttl_ms: Some(ttl_ms), commands, lasting }
}

fn say_when_it_works(hand: &Hand) {
    if !hand.is_live() {
        eprintln!("topsided: no server runs here now; it works once one does");
    }
}

pub(super) fn keys(dirs: &Dirs, load: Load<'_>) -> Result<(), VerbError> {
    let rows = Hand::take(dirs, load)?.list()?;
    if rows.is_empty() {
        println!("nobody may come in over TCP: `topsided invite` makes an invite");
        return Ok(());
    }
    let heads = ["key", "name", "role", "state", "last seen", "good until", "commands"];
    let mut lines = vec![heads.map(str::to_owned)];
    let time = |time: Option<topside_shared::Time>| {
        time.map_or_else(|| "-".to_owned(), |time| time.to_string())
    };
    lines.extend(rows.into_iter().map(|row| {
        [
            row.key_id.digits()[..16].to_owned(),
            row.name,
            row.role.to_string(),
            row.state.words().to_owned(),
            time(row.last_seen),
            time(row.expires_at),
            row.commands.map_or_else(|| "all".to_owned(), |names| names.join(",")),
        ]
    }));
    print!("{}", table::columns(&lines));
    Ok(())
}

pub(super) fn revoke(dirs: &Dirs, load: Load<'_>, called: &str) -> Result<(), VerbError> {
    let mut hand = Hand::take(dirs, load)?;
    let rows = hand.list()?;
    let row = find(&rows, called)?;
    hand.revoke(row)?;
    println!("revoked {} ({}), its sessions included", row.name, row.key_id);
    Ok(())
}

/// The key of this name, or whose digits begin so. Those that are over are looked at last.
fn find<'k>(rows: &'k [KeyRow], called: &str) -> Result<&'k KeyRow, VerbError> {
    let pin: Option<Pin> = called.parse().ok();
    let digits = called.strip_prefix("sha256:").unwrap_or(called);
    let is_meant = |row: &&KeyRow| {
        pin == Some(row.key_id)
            || row.name == called
            || (digits.len() >= FEWEST_DIGITS && row.key_id.digits().starts_with(digits))
    };
    let good = |row: &&KeyRow| matches!(row.state, KeyState::Active | KeyState::Invited);
    let all: Vec<&KeyRow> = rows.iter().filter(is_meant).collect();
    let mut meant: Vec<&KeyRow> = all.iter().copied().filter(good).collect();
    if meant.is_empty() {
        meant = all;
    }
    match meant[..] {
        [] => Err(VerbError::NoSuchKey(called.to_owned())),
        [row] => Ok(row),
        _ => Err(VerbError::Ambiguous(called.to_owned(), meant.len())),
    }
}

pub(super) fn id(dirs: &Dirs) -> Result<(), VerbError> {
    println!("{}", own_key(dirs)?.pin());
    Ok(())
}
