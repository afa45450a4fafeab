//! Figures of the box: processor, memory, load, temperature, disks. A figure that the system does not report is absent.

use std::fs;
use std::path::{Path, PathBuf};

use topside_shared::methods::{BoxFigures, DiskFigures};

/// Sensors of the processor, by a part of their names. Another sensor may be of a disk or a battery.
const PROCESSOR_SENSORS: [&str; 6] =
    ["cpu", "x86_pkg_temp", "coretemp", "k10temp", "soc", "zenpower"];

/// Reads the figures of the box below a root directory, which is `/` except in tests.
#[derive(Debug)]
pub(crate) struct BoxReader {
    root: PathBuf,
    /// The processor times at the last reading.
    before: Option<CpuTimes>,
}

#[derive(Debug, Clone, Copy)]
struct CpuTimes {
    busy: u64,
    total: u64,
}

impl BoxReader {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, before: None }
    }

    /// Reads all figures. May block: a sensor or a network filesystem can be slow. The processor's share is that since the
    /// last call, so the first call has none.
    pub(crate) fn read(&mut self, state: &Path) -> BoxFigures {
        let [memory_total_bytes, memory_available_bytes] = self.memory();
        BoxFigures {
            disks: self.disks(state),
            cpu_percent: self.cpu_percent(),
            memory_total_bytes,
            memory_available_bytes,
            temperature_celsius: self.temperature(),
            load: load(&self.root),
        }
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn cpu_percent(&mut self) -> Option<f64> {
        let now = cpu_times(&self.text("proc/stat")?)?;
        let before = self.before.replace(now)?;
        let total = now.total.checked_sub(before.total).filter(|total| *total > 0)?;
        let busy = now.busy.checked_sub(before.busy)?;
        Some(tenths(busy as f64 * 100.0 / total as f64))
    }

    fn memory(&self) -> [Option<u64>; 2] {
        let text = self.text("proc/meminfo").unwrap_or_default();
        ["MemTotal:", "MemAvailable:"].map(|name| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
        })
    }

    fn temperature(&self) -> Option<f64> {
        let zones = self.sensors("sys/class/thermal", "thermal_zone", "type", "temp");
        zones.or_else(|| self.sensors("sys/class/hwmon", "hwmon", "name", "temp1_input"))
    }

    /// The temperature of the processor among the sensors of a directory.
    fn sensors(&self, directory: &str, prefix: &str, name: &str, value: &str) -> Option<f64> {
        let entries = fs::read_dir(self.root.join(directory)).ok()?;
        let mut sensors: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        sensors.sort();
        let of_processor = |sensor: &&PathBuf| {
            let numbered = sensor.file_name().and_then(|name| name.to_str());
            let kind = fs::read_to_string(sensor.join(name)).unwrap_or_default().to_lowercase();
            numbered.is_some_and(|name| name.starts_with(prefix))
                && PROCESSOR_SENSORS.iter().any(|known| kind.contains(known))
        };
        sensors.iter().filter(of_processor).find_map(|sensor| {
            let millis: f64 = fs::read_to_string(sensor.join(value)).ok()?.trim().parse().ok()?;
            // A sensor that is off reports 0 or a value out of range.
            Some(tenths(millis / 1000.0)).filter(|celsius| *celsius != 0.0 && celsius.abs() < 150.0)
        })
    }

    /// The filesystems of the state directory and of `/`; one of them where both are the same.
    fn disks(&self, state: &Path) -> Vec<DiskFigures> {
        let device = |path: &Path| rustix::fs::stat(path).ok().map(|stat| stat.st_dev);
        let root = Path::new("/");
        let same = device(state) == device(root);
        let paths = [Some(state).filter(|_| !same), Some(root)];
        paths.into_iter().flatten().filter_map(disk).collect()
    }
}

/// Load averages over 1, 5 and 15 minutes, from the `proc` below `root`.
pub(crate) fn load(root: &Path) -> Option<[f64; 3]> {
    let text = fs::read_to_string(root.join("proc/loadavg")).ok()?;
    let mut parts = text.split(' ').map(str::parse);
    Some([parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?])
}

fn disk(path: &Path) -> Option<DiskFigures> {
    let system = rustix::fs::statvfs(path).ok().filter(|system| system.f_blocks > 0)?;
    Some(DiskFigures {
        path: path.display().to_string(),
        total_bytes: system.f_blocks.saturating_mul(system.f_frsize),
        free_bytes: system.f_bavail.saturating_mul(system.f_frsize),
    })
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; guest times are in the first two.
fn cpu_times(stat: &str) -> Option<CpuTimes> {
    let mut fields = stat.lines().next()?.split_whitespace();
    let all = fields.next().filter(|name| *name == "cpu").map(|_| fields)?;
    let times: Vec<u64> = all.take(8).map_while(|time| time.parse().ok()).collect();
    let idle = times.get(3)? + times.get(4).copied().unwrap_or(0);
    let total: u64 = times.iter().sum();
    Some(CpuTimes { busy: total.saturating_sub(idle), total })
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn figures_are_read_from_proc_and_sys() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        write(at, "proc/stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3 4\n");
        write(at, "proc/meminfo", "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\n");
        write(at, "proc/loadavg", "0.52 0.58 0.59 1/1004 31337\n");
        write(at, "sys/class/thermal/thermal_zone0/type", "acpitz\n");
        write(at, "sys/class/thermal/thermal_zone0/temp", "27800\n");
        write(at, "sys/class/thermal/thermal_zone1/type", "cpu-thermal\n");
        write(at, "sys/class/thermal/thermal_zone1/temp", "51340\n");
        let mut reader = BoxReader::new(at.into());
        let first = reader.read(at);
        assert_eq!(first.cpu_percent, None, "it has no earlier times to compare with");
        assert_eq!(first.memory_total_bytes, Some(1000 * 1024));
        assert_eq!(first.memory_available_bytes, Some(400 * 1024));
        assert_eq!((first.temperature_celsius, first.load), (Some(51.3), Some([0.52, 0.58, 0.59])));
        let disk = first.disks.last().unwrap();
        assert!(disk.path == "/" && disk.total_bytes >= disk.free_bytes, "{disk:?}");
        write(at, "proc/stat", "cpu  130 0 120 760 100 0 0 0 80 0\n");
        assert_eq!(reader.read(at).cpu_percent, Some(45.5));
    }

    #[test]
    fn the_temperature_of_a_hardware_monitor_is_used_without_a_thermal_zone() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "sys/class/hwmon/hwmon0/name", "nvme\n");
        write(root.path(), "sys/class/hwmon/hwmon0/temp1_input", "33000\n");
        write(root.path(), "sys/class/hwmon/hwmon1/name", "k10temp\n");
        write(root.path(), "sys/class/hwmon/hwmon1/temp1_input", "-4500\n");
        assert_eq!(BoxReader::new(root.path().into()).temperature(), Some(-4.5));
    }

    #[test]
    fn a_figure_that_cannot_be_read_is_absent_and_never_zero() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        for (stat, meminfo, temperature) in [
            ("", "", ""),
            ("cpu\n", "MemTotal: x kB\n", "0\n"),
            ("intr 1 2 3 4 5\n", "MemTotal: 12\n", "999999\n"),
        ] {
            write(at, "proc/stat", stat);
            write(at, "proc/meminfo", meminfo);
            write(at, "sys/class/thermal/thermal_zone0/type", "cpu\n");
            write(at, "sys/class/thermal/thermal_zone0/temp", temperature);
            let mut reader = BoxReader::new(at.into());
            reader.read(at);
            let figures = BoxFigures { disks: Vec::new(), ..reader.read(at) };
            assert_eq!(figures, BoxFigures::default());
        }
    }
}
