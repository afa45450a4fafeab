//! Passphrase of a fleet's authority: asked for at the terminal, or read from a file.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use serde_json::json;
use topside_shared::Pin;
use topside_shared::dirs::Dirs;
use topside_shared::hub::FleetName;
use topside_shared::private_key::PrivateKey;

use super::Answer;
use crate::connect::fleets::{self, AdminFiles, AuthorityKey, MAX_PASSPHRASE, MIN_PASSPHRASE};
use crate::platform::Jobs;
use crate::text::secret::Secret;
use crate::verb_args::fleet::NewPassphrase;
use crate::verbs::errors::VerbError;
use crate::verbs::printer::Printer;
use crate::verbs::question::{DECLINED, ask_hidden};

/// Where the passphrase of an authority comes from.
#[derive(Clone, Copy)]
pub(super) struct Passphrases<'p> {
    pub(super) printer: &'p Printer,
    /// The file with it; none: the user is asked.
    pub(super) file: Option<&'p Path>,
}

impl Passphrases<'_> {
    /// The key of a fleet's authority. Asks for its passphrase if it has one.
    pub(super) async fn unlock(
        &self,
        fleet: &FleetName,
        key: &AuthorityKey,
    ) -> Result<PrivateKey, VerbError> {
        let passphrase = match (key.is_encrypted(), self.file) {
            (false, _) => Secret(String::new()),
            (true, Some(file)) => read(file).await?,
            (true, None) if std::io::stdin().is_terminal() => {
                self.ask(&format!("Passphrase of the authority of {fleet}")).await?
            }
            (true, None) => {
                return Err(VerbError::refused(format!(
                    "the authority of {fleet} has a passphrase, and there is no terminal to ask for it: give \
                     --passphrase-file FILE (- reads standard input)"
                )));
            }
        };
        open(fleet, key, &passphrase)
    }

    /// A new passphrase, from a file or typed twice.
    async fn choose(&self, file: Option<&Path>) -> Result<Secret, VerbError> {
        if file.is_none() && !std::io::stdin().is_terminal() {
            return Err(VerbError::refused(
                "there is no terminal to ask for the new passphrase: give --new-passphrase-file FILE (- reads \
                 standard input)",
            ));
        }
        let new = match file {
            Some(file) => read(file).await?,
            None => self.ask("New passphrase").await?,
        };
        if new.0.chars().count() < MIN_PASSPHRASE {
            return Err(VerbError::refused(format!(
                "a passphrase has at least {MIN_PASSPHRASE} characters: nothing was changed"
            )));
        }
        if file.is_none() && self.ask("The new passphrase again").await?.0 != new.0 {
            return Err(VerbError::refused("the two passphrases differ: nothing was changed"));
        }
        Ok(new)
    }

    /// The new passphrase, if one is wanted.
    pub(super) async fn wanted(&self, new: &NewPassphrase) -> Result<Option<Secret>, VerbError> {
        match new.is_wanted() {
            true => self.choose(new.file.new_passphrase_file.as_deref()).await.map(Some),
            false => Ok(None),
        }
    }

    async fn ask(&self, what: &str) -> Result<Secret, VerbError> {
        let question = format!("{what} (not shown):");
        let mut jobs = Jobs::listen().ok();
        let answer = ask_hidden(&question, self.printer, &mut jobs, None).await;
        match answer {
            Some(text) if text.len() > MAX_PASSPHRASE => Err(too_long()),
            Some(text) if !text.is_empty() => Ok(Secret(text)),
            _ => Err(VerbError::refused(DECLINED)),
        }
    }
}

fn open(
    fleet: &FleetName,
    key: &AuthorityKey,
    passphrase: &Secret,
) -> Result<PrivateKey, VerbError> {
    let wrong = |_| {
        VerbError::refused(format!(
            "this is not the passphrase of the authority of {fleet}: nothing was changed"
        ))
    };
    key.unlock(passphrase).map_err(wrong)
}

/// The key of an authority by this passphrase.
pub(super) fn unlock(files: &AdminFiles, passphrase: &Secret) -> Result<PrivateKey, VerbError> {
    open(&files.fleet, &files.authority, passphrase)
}

fn too_long() -> VerbError {
    VerbError::refused(format!("a passphrase has at most {MAX_PASSPHRASE} bytes"))
}

/// The first line of a file, or the next line of standard input.
async fn read(file: &Path) -> Result<Secret, VerbError> {
    let file = file.to_owned();
    super::read(move || first_line(&file)).await
}

fn first_line(file: &Path) -> Result<Secret, VerbError> {
    let mut line = Vec::new();
    // With a line end of two bytes.
    let limit = MAX_PASSPHRASE as u64 + 2;
    let (shown, read) = match file.to_str() {
        Some("-") => {
            let read = std::io::stdin().lock().take(limit).read_until(b'\n', &mut line);
            ("standard input".to_owned(), read)
        }
        _ => {
            let read = File::open(file)
                .and_then(|file| BufReader::new(file.take(limit)).read_until(b'\n', &mut line));
            (file.display().to_string(), read)
        }
    };
    read.map_err(|error| VerbError::refused(format!("{shown} cannot be read: {error}")))?;
    line.pop_if(|byte| *byte == b'\n');
    line.pop_if(|byte| *byte == b'\r');
    match String::from_utf8(line) {
        Ok(text) if text.len() > MAX_PASSPHRASE => Err(too_long()),
        Ok(text) if !text.is_empty() => Ok(Secret(text)),
        Ok(_) => Err(VerbError::refused(format!(
            "the first line of {shown} is empty: it is the passphrase"
        ))),
        Err(_) => Err(VerbError::refused(format!("the first line of {shown} is not UTF-8"))),
    }
}

/// The key of the authority of a fleet of this device.
pub(super) async fn unlock_own(
    files: &AdminFiles,
    authority: Pin,
    by: Passphrases<'_>,
) -> Result<PrivateKey, VerbError> {
    let key = by.unlock(&files.fleet, &files.authority).await?;
    match key.pin() == authority {
        true => Ok(key),
        false => Err(VerbError::refused(format!(
            "the key authority.key of this device is not the authority of {}: take the right one with `topside fleet import`",
            files.fleet
        ))),
    }
}

/// What `topside fleet passphrase` does.
pub(super) enum Change<'f> {
    /// Set or change it. The file has the new one; without it, the user is asked.
    Set(Option<&'f Path>),
    Remove,
}

/// Sets, changes or removes the passphrase of an authority on this device.
pub(super) async fn change(
    dirs: &Dirs,
    fleet: &str,
    change: Change<'_>,
    by: Passphrases<'_>,
) -> Result<Answer, VerbError> {
    let fleet = fleets::chosen(&dirs.state, Some(fleet))?;
    let mut files = AdminFiles::load(&fleet)?;
    let had = files.authority.is_encrypted();
    let key = unlock_own(&files, fleet.authority, by).await?;
    files.authority = match change {
        Change::Remove => AuthorityKey::Plain(key),
        Change::Set(file) => {
            let new = by.choose(file).await?;
            AuthorityKey::encrypt(&key, &new).map_err(|error| VerbError::own(&error))?
        }
    };
    files.save(&dirs.state)?;
    let has = files.authority.is_encrypted();
    let what = match (had, has) {
        (true, true) => "has a new passphrase",
        (false, true) => "has a passphrase",
        (_, false) => "has no passphrase",
    };
    let name = fleet.name();
    Ok(Answer::new(
        format!("The authority of {name} {what} on this device\n"),
        &json!({ "fleet": name, "passphrase": has }),
    )
    .note("copies on other devices and files of `topside fleet export` stay as they were"))
}
