//! Flood benchmarks: a program writes more output than a client reads. They measure a stopped reader, a live screen, the cost
//! for other clients, output to a program compared with `ssh`, and a scrollback of a million lines.

mod frame_time;
mod screen;
pub(crate) mod slow_line;
mod ssh;
mod stopped_reader;
mod terminal;

use std::io;

use crate::report::Report;
use crate::servers::Programs;
use crate::settings::Settings;

pub(crate) fn measure(
    programs: &Programs,
    settings: &Settings,
    report: &mut Report,
) -> io::Result<()> {
    stopped_reader::measure(programs, settings, report)?;
    screen::measure(programs, settings, report)?;
    slow_line::measure(programs, settings, report)?;
    ssh::measure(programs, settings, report)?;
    frame_time::measure(settings, report);
    Ok(())
}
