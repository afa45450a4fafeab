//! Files that hold one secret: a key, a token, a password or the name of a topic.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use topside_shared::text;

use crate::base::path_trust::{Kind, Trust};
use crate::base::toml_file::errors::Errors;
use crate::base::toml_file::fields::Fields;
use crate::process::declared_program::in_words;

/// Most bytes of a secret.
const MOST: u64 = 4096;

/// The path of a file with a secret. It is read for each use: a new secret needs no reload, and none stays in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretFile(PathBuf);

impl SecretFile {
    /// The file that a field names; none where it is absent or has an error.
    pub(super) fn of(
        fields: &Fields<'_, '_>,
        name: &str,
        trust: Trust,
        m: &mut Errors<'_>,
    ) -> Option<Self> {
        let field = fields.string(name, m)?;
        let file = Self(field.value.into());
        match file.read_as(trust) {
            Ok(_) => Some(file),
            Err(why) => {
                m.add(&field.span, format_args!("`{name}` of {}: {why}", fields.owner));
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The secret: one line without its end. Blocks for the disk.
    ///
    /// # Errors
    /// Why there is none, as a sentence with the path and without the secret.
    pub(crate) fn read(&self) -> Result<String, String> {
        self.read_as(Trust::of_this_process())
    }

    fn read_as(&self, trust: Trust) -> Result<String, String> {
        let shown = text::clean(&self.0.display().to_string(), 256);
        self.one_line(trust).map_err(|why| format!("the file {shown} {why}"))
    }

    fn one_line(&self, trust: Trust) -> Result<String, String> {
        if !self.0.is_absolute() {
            return Err("must have an absolute path, which begins with /".to_owned());
        }
        let cannot = |error: std::io::Error| format!("cannot be read: {error}");
        // Before it is opened: the opening of a named pipe would wait.
        if !std::fs::metadata(&self.0).map_err(cannot)?.is_file() {
            return Err("must be a plain file".to_owned());
        }
        if let Some(fault) = trust.faults(&self.0, Kind::File).into_iter().next() {
            return Err(format!("is refused: {}", in_words(&fault)));
        }
        let file = File::open(&self.0).map_err(cannot)?;
        let meta = file.metadata().map_err(cannot)?;
        if let Some(fault) = trust.secret_complaint(&self.0, &meta) {
            return Err(format!("is refused: {fault}"));
        }
        let mut bytes = Vec::new();
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > MOST {
            return Err(format!("has more than {MOST} bytes"));
        }
        let text = String::from_utf8(bytes).map_err(|_| "must be UTF-8".to_owned())?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.trim().is_empty() {
            return Err("is empty: write the secret into it".to_owned());
        }
        if secret.chars().any(text::is_control) {
            return Err("must hold one line, without control characters".to_owned());
        }
        Ok(secret.to_owned())
    }
}
