//! What the kernel says of the machine and of processes, in `/proc`.

use std::fs;
use std::io;
use std::path::Path;

/// The text of a field in a file with lines of the form `NAME: TEXT`.
fn field(file: &Path, name: &str) -> io::Result<String> {
    let text = fs::read_to_string(file)?;
    let named = |line: &str| {
        Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim().to_owned())
    };
    let absent = || io::Error::other(format!("{} has no field {name}", file.display()));
    text.lines().find_map(named).ok_or_else(absent)
}

/// The number of such a field, without its unit.
pub(crate) fn number(file: impl AsRef<Path>, name: &str) -> io::Result<f64> {
    let text = field(file.as_ref(), name)?;
    let number = text.split(' ').next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("{name} is no number, but `{text}`")))
}

/// Processor, cores, memory, kernel and load, in a line.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kib = number("/proc/meminfo", "MemTotal").unwrap_or(0.0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{cores} cores of {}, {} GiB, Linux {}, load {} at the end",
        field(Path::new("/proc/cpuinfo"), "model name").unwrap_or_default(),
        kib as u64 >> 20,
        kernel.trim(),
        load.split(' ').next().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_by_its_name_and_without_its_unit() {
        let status = "/proc/self/status";
        assert_eq!(number(status, "Pid").unwrap(), f64::from(std::process::id()));
        assert!(number(status, "VmRSS").unwrap() > 0.0);
        assert!(number(status, "Name").unwrap_err().to_string().starts_with("Name is no number"));
        assert!(number(status, "VmR").unwrap_err().to_string().ends_with("has no field VmR"));
    }
}
