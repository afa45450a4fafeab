//! Verbs about keys: `invite`, `token`, `keys`, `revoke`, `id`.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use jiff::tz::TimeZone;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use topside_shared::Role;
use topside_shared::advice::{self, FIRST_INVITE};
use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;
use topside_shared::methods::{KeyInvite, KeyInviteResult, KeyRow, KeyState, ListenAddress};
use topside_shared::private_key::PrivateKey;
use topside_shared::tables::keys as table;
use topside_shared::text::fold_name;
use topside_shared::values::{DURATION_FORM, parse_duration_argument};

use crate::config::{Config, ConfigError};
use crate::control::{Control, ControlError, own_key};

#[derive(Debug, Clone, Args)]
pub(crate) struct Holder {
    /// Name of the device or script in lists and logs
    #[arg(long, required_unless_present = "holder")]
    name: Option<String>,
    /// The same without `--name`
    #[arg(value_name = "NAME", conflicts_with = "name", hide = true)]
    holder: Option<String>,
    /// What the holder may do
    #[arg(long, value_parser = role(), value_name = "viewer|operator|admin")]
    role: Role,
}

impl Holder {
    /// The name; one of the two is there.
    fn name(&self) -> String {
        self.name.as_ref().or(self.holder.as_ref()).cloned().unwrap_or_default()
    }
}

/// Parser of a role on a command line. Its values are known, so that they can be completed.
pub fn role() -> impl TypedValueParser<Value = Role> {
    let values = [
        (Role::Viewer, "May read"),
        (Role::Operator, "May also run commands that change something"),
        (Role::Admin, "May do everything"),
    ];
    let values = values.map(|(role, help)| PossibleValue::new(role.name()).help(help));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<Role>())
}

/// Arguments of `invite`.
#[derive(Debug, Args)]
pub struct InviteArgs {
    #[command(flatten)]
    who: Holder,
    /// Allow only these commands, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "COMMANDS")]
    commands: Option<Vec<String>>,
    /// For an assistant: it may run only commands with `expose = ["mcp"]`, by `topside mcp`
    #[arg(long)]
    agent: bool,
    /// Time until the invite expires: 10m, 1h, 2d
    #[arg(long, default_value = "10m", value_parser = ttl)]
    ttl: u64,
    /// Print a QR code too
    #[arg(long)]
    qr: bool,
}

/// Arguments of `token`.
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(flatten)]
    who: Holder,
    /// Allow only these commands, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "COMMANDS", required = true)]
    commands: Vec<String>,
    /// Time until the token expires: 90d, 12h
    #[arg(long, default_value = "90d", value_parser = ttl)]
    ttl: u64,
    /// Print the key and its certificate as PEM, for programs other than topside
    #[arg(long)]
    pem: bool,
}

/// A new key as printed: the secret for standard output, and notes for standard error.
#[derive(Debug)]
pub struct NewKey {
    /// The string, or the requested form of it.
    pub text: String,
    /// The notes, without the name of the program.
    pub notes: Vec<String>,
}

/// Why a new key cannot be printed.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The server's answer holds no invite.
    #[error("the answer holds no invite: {0}")]
    Invite(#[from] topside_shared::invite::InviteError),
    /// Its key cannot be written as PEM.
    #[error(transparent)]
    PrivateKey(#[from] topside_shared::private_key::PrivateKeyError),
    /// It is longer than a QR code can be.
    #[error("the invite does not fit a QR code")]
    TooLongForQr,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum VerbError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Show(#[from] ShowError),
    #[error(transparent)]
    Key(#[from] table::UnknownKey),
}

fn ttl(text: &str) -> Result<u64, String> {
    parse_duration_argument(text).ok_or_else(|| format!("it is {DURATION_FORM}"))
}

impl InviteArgs {
    /// The request for it.
    pub fn request(&self) -> KeyInvite {
        let (name, role) = (self.who.name(), self.who.role);
        let (commands, agent) = (self.commands.clone(), self.agent);
        KeyInvite { name, role, ttl_ms: Some(self.ttl), commands, lasting: false, agent }
    }

    /// The new invite, as printed.
    ///
    /// # Errors
    /// [`ShowError`].
    pub fn show(&self, made: &KeyInviteResult) -> Result<NewKey, ShowError> {
        let mut text = format!("{}\n", made.invite);
        if self.qr {
            let invite: Invite = made.invite.parse()?;
            let code = QrCode::new(invite.to_capitals()).map_err(|_| ShowError::TooLongForQr)?;
            // Most terminals are dark, and a reader needs the code dark on light.
            let (dark, light) = (Dense1x2::Light, Dense1x2::Dark);
            text += &code.render().dark_color(dark).light_color(light).build();
            text.push('\n');
        }
        let KeyRow { name, role, agent, .. } = &made.key;
        let (what, next) = match agent {
            true => (
                ", an agent,",
                "run `topside mcp --setup --invite` with it where the assistant runs",
            ),
            false => ("", "run `topside pair` with it, or press i in the picker"),
        };
        let note = format!("for {name}{what} as {role}, once{}: {next}", until(&made.key));
        Ok(NewKey { text, notes: vec![note] })
    }
}

impl TokenArgs {
    /// The request for it.
    pub fn request(&self) -> KeyInvite {
        let (name, role) = (self.who.name(), self.who.role);
        let commands = Some(self.commands.clone());
        KeyInvite { name, role, ttl_ms: Some(self.ttl), commands, lasting: true, agent: false }
    }

    /// The new token, as printed.
    ///
    /// # Errors
    /// [`ShowError`].
    pub fn show(&self, made: &KeyInviteResult) -> Result<NewKey, ShowError> {
        let mut notes = Vec::new();
        let text = if self.pem {
            let invite: Invite = made.invite.parse()?;
            let key = PrivateKey::from_seed(&invite.seed)?;
            notes.push(format!(
                "the server's own key is {}, on port {}",
                invite.server, invite.port
            ));
            format!("{}{}", key.private_pem(), key.certificate_pem())
        } else {
            format!("{}\n", made.invite)
        };
        let KeyRow { name, role, .. } = &made.key;
        notes.push(format!(
            "the holder of this is {name} as {role}{}: keep it where only the script can read it",
            until(&made.key)
        ));
        Ok(NewKey { text, notes })
    }
}

/// What to know of a new invite or token beside itself: keys of the same name, and where the server listens now. Only an invite
/// needs the `keys`.
pub fn surroundings(made: &KeyRow, keys: &[KeyRow], listeners: &[ListenAddress]) -> Vec<String> {
    let mut notes: Vec<String> = match made.state {
        KeyState::Invited => keys.iter().filter_map(|row| of_same_name(made, row)).collect(),
        _ => Vec::new(),
    };
    let open: Vec<&str> =
        listeners.iter().filter(|one| one.transport == "tls").map(|one| &*one.address).collect();
    if !open.is_empty() {
        notes.push(format!(
            "the server listens on {} now, for paired devices only; to stop that, set `addresses = []` in [listen] of \
             server.toml and restart the server",
            open.join(" and ")
        ));
    }
    notes
}

/// What an earlier key of the same name means for a new invite.
fn of_same_name(made: &KeyRow, row: &KeyRow) -> Option<String> {
    let name = &made.name;
    if row.key_id == made.key_id || fold_name(&row.name) != fold_name(name) {
        return None;
    }
    match row.state {
        KeyState::Invited => Some(format!(
            "an earlier invite for {name} as {} stays valid too{}: `revoke {}` ends it",
            row.role,
            until(row),
            row.key_id.short().replace(' ', "")
        )),
        KeyState::Active => Some(format!(
            "a device called {name} is paired already: this invite sets its role; another device needs another name"
        )),
        _ => None,
    }
}

fn until(key: &KeyRow) -> String {
    key.expires_at
        .map_or_else(String::new, |end| format!(", until {}", end.to_second(&TimeZone::system())))
}

type Load<'l> = &'l dyn Fn() -> Result<Config, ConfigError>;

/// Makes a key and prints it.
pub(crate) fn create(
    dirs: &Dirs,
    load: Load<'_>,
    request: KeyInvite,
    show: impl FnOnce(&KeyInviteResult) -> Result<NewKey, ShowError>,
) -> Result<(), VerbError> {
    let mut control = Control::open(dirs, load)?;
    let made = control.invite(request)?;
    let NewKey { text, mut notes } = show(&made)?;
    print!("{text}");
    // The key is made and printed: what cannot be said about it is left out.
    let keys = match made.key.state {
        KeyState::Invited => control.list().unwrap_or_default(),
        _ => Vec::new(),
    };
    notes.extend(surroundings(&made.key, &keys, &control.listeners().unwrap_or_default()));
    if !control.is_live() {
        notes.push("no server runs here now; it works once one does".to_owned());
    }
    for note in notes {
        eprintln!("topsided: {note}");
    }
    Ok(())
}

pub(crate) fn keys(dirs: &Dirs, load: Load<'_>) -> Result<(), VerbError> {
    let rows = Control::open(dirs, load)?.list()?;
    let invite = advice::topsided(*dirs == Dirs::system(), FIRST_INVITE);
    print!("{}", table::list(&rows, &invite, &TimeZone::system()));
    Ok(())
}

pub(crate) fn revoke(dirs: &Dirs, load: Load<'_>, called: &str) -> Result<(), VerbError> {
    let mut control = Control::open(dirs, load)?;
    let rows = control.list()?;
    let row = table::find(&rows, called)?;
    control.revoke(row)?;
    println!("revoked {} ({}), its sessions included", row.name, row.key_id);
    Ok(())
}

pub(crate) fn id(dirs: &Dirs) -> Result<(), VerbError> {
    println!("{}", own_key(dirs)?.pin());
    Ok(())
}
