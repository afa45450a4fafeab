//! Who may approve or refuse a run: another user than the one who asks for it, with at least the role that the command names in
//! `approval`. No agent may, and no key that is limited to some commands.

use topside_shared::{ErrorKind, RpcError};

use crate::base::identity::Identity;

/// Refuses the user who asks for the run, also with another key of that name, or as that user of this machine. The user of this
/// machine that an agent works for is another one.
pub(super) fn check(asker: &Identity, who: &Identity) -> Result<(), RpcError> {
    if asker.owner == who.owner || (!asker.agent && asker.user == who.user) {
        let why_not = "you asked for this run yourself: another user must approve or refuse it";
        return Err(RpcError::new(ErrorKind::Forbidden, why_not));
    }
    Ok(())
}
