//! Record of a shutdown that is due. If the server is killed before the shutdown was due, the next start reports it to
//! admins and does not carry it out: its purpose may be gone.

use std::io;
use std::path::Path;

use topside_shared::notifications::Closing;

use crate::base::json_file;

const FILE: &str = "shutdown.json";

pub(crate) fn write(state: &Path, closing: &Closing) -> io::Result<()> {
    json_file::write(&state.join(FILE), closing)
}

pub(crate) fn remove(state: &Path) {
    if let Err(error) = json_file::remove(&state.join(FILE)) {
        tracing::warn!(target: "topside", %error, "{FILE} is not removed: the next start reports a shutdown that was due");
    }
}

/// The shutdown that was scheduled when the previous server was killed.
pub(crate) fn read(state: &Path) -> Option<Closing> {
    let was_due: Closing = json_file::read(&state.join(FILE)).ok()??;
    let Closing { by, reason, deadline, .. } = &was_due;
    let reason = if reason.is_empty() { "no reason was given" } else { reason };
    tracing::warn!(
        target: "topside", by, reason, deadline = %deadline, then = was_due.then().name(),
        back = was_due.back.map(tracing::field::display),
        "a shutdown was due when the server was killed, and is not carried out: order it again if it is still wanted"
    );
    Some(was_due)
}
