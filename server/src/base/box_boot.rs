//! The boot of the box, and whether this process is in a container.

use std::path::Path;

/// The id of this boot of the box; none where the system reports none. `root` is `/` except in tests.
pub(crate) fn boot_id(root: &Path) -> Option<String> {
    let id = std::fs::read_to_string(root.join("proc/sys/kernel/random/boot_id")).ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// The file that shows that this process is in a container; none where there is none.
pub(crate) fn container(root: &Path) -> Option<&'static str> {
    const MARKS: [&str; 3] = ["/run/.containerenv", "/.dockerenv", "/run/systemd/container"];
    MARKS.into_iter().find(|mark| root.join(&mark[1..]).exists())
}
