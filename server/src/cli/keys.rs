//! The verbs about keys: who may come in over TCP.

use clap::Args;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use topside_shared::Role;
use topside_shared::dirs::Dirs;
use topside_shared::identity::Identity;
use topside_shared::invite::Invite;
use topside_shared::methods::{KeyInvite, KeyRow};

use super::hand::{Hand, HandError, own_key};
use crate::config::units::{DURATION_FORM, parse_duration};
use crate::config::{Config, ConfigError};
use crate::keys::show;

#[derive(Debug, Clone, Args)]
pub(super) struct Invited {
    /// What its holder is called in lists and logs
    #[arg(long)]
    name: String,
    /// What it may do: viewer, operator or admin
    #[arg(long)]
    role: Role,
}

#[derive(Debug, Args)]
pub(super) struct InviteArgs {
    #[command(flatten)]
    who: Invited,
    /// Let it run these commands only, by name, with commas between
    #[arg(long, value_delimiter = ',', value_name = "COMMANDS")]
    commands: Option<Vec<String>>,
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
    /// The only commands it may run, by name, with commas between
    #[arg(long, value_delimiter = ',', value_name = "COMMANDS", required = true)]
    commands: Vec<String>,
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
    #[error(transparent)]
    Key(#[from] show::CallError),
}

fn ttl(text: &str) -> Result<u64, String> {
    let ttl = parse_duration(text).and_then(|ttl| u64::try_from(ttl.as_millis()).ok());
    ttl.ok_or_else(|| format!("it is {DURATION_FORM}"))
}

type Load<'l> = &'l dyn Fn() -> Result<Config, ConfigError>;

pub(super) fn invite(dirs: &Dirs, load: Load<'_>, args: &InviteArgs) -> Result<(), VerbError> {
    let InviteArgs { who, commands, ttl, qr } = args;
    let mut hand = Hand::take(dirs, load)?;
    let made = hand.invite(wanted(who, commands.clone(), *ttl, false))?;
    println!("{}", made.invite);
    if *qr {
        let invite: Invite = made.invite.parse()?;
        let code = QrCode::new(invite.to_capitals()).map_err(|_| VerbError::TooLongForQr)?;
        // Terminals are dark as a rule, and a reader wants the code dark on light.
        let (dark, light) = (Dense1x2::Light, Dense1x2::Dark);
        println!("{}", code.render().dark_color(dark).light_color(light).build());
    }
    eprintln!(
        "topsided: for {} as {}, once{}: run `topside pair` with it, or press i in the picker",
        made.key.name,
        made.key.role,
        until(&made.key)
    );
    say_when_it_works(&hand);
    Ok(())
}

pub(super) fn token(dirs: &Dirs, load: Load<'_>, args: &TokenArgs) -> Result<(), VerbError> {
    let TokenArgs { who, commands, ttl, pem } = args;
    let mut hand = Hand::take(dirs, load)?;
    let made = hand.invite(wanted(who, Some(commands.clone()), *ttl, true))?;
    if *pem {
        let invite: Invite = made.invite.parse()?;
        let key = Identity::from_seed(&invite.seed)?;
        print!("{}{}", key.private_pem(), key.certificate_pem());
        eprintln!("topsided: the server's own key is {}, on port {}", invite.server, invite.port);
    } else {
        println!("{}", made.invite);
    }
    eprintln!(
        "topsided: whoever holds this is {} as {}{}: keep it where only the script can read it",
        made.key.name,
        made.key.role,
        until(&made.key)
    );
    say_when_it_works(&hand);
    Ok(())
}

fn until(key: &KeyRow) -> String {
    key.expires_at.map_or_else(String::new, |end| format!(", until {end}"))
}

fn wanted(who: &Invited, commands: Option<Vec<String>>, ttl_ms: u64, lasting: bool) -> KeyInvite {
    let Invited { name, role } = who.clone();
    KeyInvite { name, role, ttl_ms: Some(ttl_ms), commands, lasting }
}

fn say_when_it_works(hand: &Hand) {
    if !hand.is_live() {
        eprintln!("topsided: no server runs here now; it works once one does");
    }
}

pub(super) fn keys(dirs: &Dirs, load: Load<'_>) -> Result<(), VerbError> {
    print!("{}", show::list(&Hand::take(dirs, load)?.list()?));
    Ok(())
}

pub(super) fn revoke(dirs: &Dirs, load: Load<'_>, called: &str) -> Result<(), VerbError> {
    let mut hand = Hand::take(dirs, load)?;
    let rows = hand.list()?;
    let row = show::find(&rows, called)?;
    hand.revoke(row)?;
    println!("revoked {} ({}), its sessions included", row.name, row.key_id);
    Ok(())
}

pub(super) fn id(dirs: &Dirs) -> Result<(), VerbError> {
    println!("{}", own_key(dirs)?.pin());
    Ok(())
}
