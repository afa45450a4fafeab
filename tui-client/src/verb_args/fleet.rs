//! Arguments of `topside fleet`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use topside_shared::Role;

use super::saved::Json;
use super::server::ConfirmArgs;
use super::{candidates, duration};

#[derive(Debug, Args)]
pub(crate) struct FleetVerbs {
    #[command(subcommand)]
    pub(crate) verb: FleetVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FleetVerb {
    /// Create a fleet at a hub; this device gets the fleet's authority and is its first admin. For a fleet that it has
    /// already, restore the roster at its hub, or at another with --hub
    Create {
        /// Name of the fleet
        name: String,
        /// The string that `topsided hub init` printed; - reads it from standard input
        #[arg(long, num_args = 1.., value_name = "STRING")]
        hub: Vec<String>,
        #[command(flatten)]
        user: CredentialsFile,
        #[command(flatten)]
        own: OwnName,
        #[command(flatten)]
        new: NewPassphrase,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        json: Json,
    },
    /// Print an invite for a person, who gives it to `topside pair`
    Invite {
        /// Name of the person, or of their device
        name: String,
        /// What they may do on the boxes
        #[arg(long, value_name = "ROLE")]
        role: Role,
        /// Let them reach only the boxes with one of these tags; without it, all boxes
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        #[command(flatten)]
        ttl: Ttl,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        of: FleetArgs,
    },
    /// Print an invite for boxes, which `topsided join` takes on each
    InviteBox {
        /// Tags of the boxes
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// How many boxes may join with it
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        uses: u32,
        /// Make them members at once; without it, `topside fleet accept` does so
        #[arg(long)]
        auto: bool,
        #[command(flatten)]
        ttl: Ttl,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        of: FleetArgs,
    },
    /// List the boxes, and whether each is at the hub
    Boxes(FleetArgs),
    /// List the people, their roles and the tags that they may reach
    People(FleetArgs),
    /// List the boxes that wait to be accepted, and the invites that were not used yet
    Pending(FleetArgs),
    /// Make waiting boxes members of the fleet
    Accept {
        /// Names of the boxes, or the first digits of their pins
        #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "NAME")]
        names: Vec<String>,
        /// Every box that waits
        #[arg(long)]
        all: bool,
        /// Call the box by another name
        #[arg(long = "name", value_name = "NEW", conflicts_with = "all")]
        new_name: Option<String>,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        of: FleetArgs,
    },
    /// Turn waiting boxes away, or withdraw the invite of a person
    Refuse {
        /// Names of the boxes or people, or the first digits of their pins
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        of: FleetArgs,
    },
    /// Set the tags of a box, or the tags that a person may reach
    Tag {
        #[command(flatten)]
        member: Member,
        /// The new tags, with commas between them; "" for none
        #[arg(value_name = "TAG,..")]
        tags: String,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        of: FleetArgs,
    },
    /// Remove a box or a person; the sessions of a removed person end within seconds
    Remove {
        #[command(flatten)]
        member: Member,
        #[command(flatten)]
        confirm: ConfirmArgs,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        of: FleetArgs,
    },
    /// Write the fleet's authority to a file, for another admin's device or as a backup
    Export {
        /// The new file; keep it secret
        file: PathBuf,
        #[command(flatten)]
        new: NewPassphrase,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        of: FleetArgs,
    },
    /// Take the authority of a fleet from a file of `topside fleet export`
    Import {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        user: CredentialsFile,
        #[command(flatten)]
        own: OwnName,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        json: Json,
    },
    /// Set or change the passphrase of a fleet's authority on this device, or remove it
    Passphrase {
        /// Name of the fleet
        #[arg(add = ArgValueCompleter::new(candidates::fleets))]
        name: String,
        /// Remove the passphrase: the key is not encrypted any more
        #[arg(long, conflicts_with = "new_passphrase_file")]
        remove: bool,
        #[command(flatten)]
        new: NewPassphraseFile,
        #[command(flatten)]
        by: PassphraseFile,
        #[command(flatten)]
        json: Json,
    },
    /// List the fleets of this device
    List(Json),
    /// Forget a fleet on this device; its boxes and people stay as they are
    Leave {
        /// Name of the fleet
        #[arg(add = ArgValueCompleter::new(candidates::fleets))]
        name: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
        #[command(flatten)]
        json: Json,
    },
}

/// What this device is called in the fleet.
#[derive(Debug, Args)]
pub(crate) struct OwnName {
    /// What this device is called in the fleet; without it, the name of the user
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) own_name: Option<String>,
}

/// The user of this device, at a hub that has one for each box and person.
#[derive(Debug, Args)]
pub(crate) struct CredentialsFile {
    /// Credentials file of this device, for a hub with a user for each box and person; the device keeps a copy
    #[arg(long, value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
}

/// Where the passphrase of the authority comes from.
#[derive(Debug, Args)]
pub(crate) struct PassphraseFile {
    /// Read the passphrase of the fleet's authority from the first line of a file; - reads standard input. Without it, a
    /// passphrase is asked for at the terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// A new passphrase, where one is wanted.
#[derive(Debug, Args)]
pub(crate) struct NewPassphrase {
    /// Encrypt the authority with a new passphrase, which is asked for twice
    #[arg(long)]
    pub(crate) passphrase: bool,
    #[command(flatten)]
    pub(crate) file: NewPassphraseFile,
}

impl NewPassphrase {
    /// Whether the authority gets a passphrase.
    pub(crate) fn is_wanted(&self) -> bool {
        self.passphrase || self.file.new_passphrase_file.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct NewPassphraseFile {
    /// Read the new passphrase from the first line of a file; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Ttl {
    /// How long the invite is valid: 90m, 1d, 2w
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = duration::parse)]
    pub(crate) ttl: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Member {
    /// Name of the box or the person, or the first digits of its pin
    #[arg(value_name = "NAME", add = ArgValueCompleter::new(candidates::fleet_members))]
    pub(crate) name: String,
    /// The box of this name, where a person has it too
    #[arg(long = "box", conflicts_with = "is_person")]
    pub(crate) is_box: bool,
    /// The person of this name, where a box has it too
    #[arg(long = "person")]
    pub(crate) is_person: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    /// The fleet; needed where this device has several
    #[arg(long, value_name = "FLEET", add = ArgValueCompleter::new(candidates::fleets))]
    pub(crate) fleet: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

impl FleetVerb {
    /// The file with the passphrase of the authority.
    pub(crate) fn passphrase_file(&self) -> Option<&Path> {
        match self {
            Self::Create { by, .. }
            | Self::Import { by, .. }
            | Self::Export { by, .. }
            | Self::Passphrase { by, .. }
            | Self::Invite { by, .. }
            | Self::InviteBox { by, .. }
            | Self::Accept { by, .. }
            | Self::Refuse { by, .. }
            | Self::Tag { by, .. }
            | Self::Remove { by, .. } => by.passphrase_file.as_deref(),
            Self::List(_) | Self::Leave { .. } => None,
            Self::Boxes(_) | Self::People(_) | Self::Pending(_) => None,
        }
    }

    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Create { json, .. }
            | Self::Import { json, .. }
            | Self::Passphrase { json, .. }
            | Self::List(json)
            | Self::Leave { json, .. } => json.json,
            Self::Invite { of, .. }
            | Self::InviteBox { of, .. }
            | Self::Boxes(of)
            | Self::People(of)
            | Self::Pending(of)
            | Self::Accept { of, .. }
            | Self::Refuse { of, .. }
            | Self::Tag { of, .. }
            | Self::Remove { of, .. }
            | Self::Export { of, .. } => of.json.json,
        }
    }
}
