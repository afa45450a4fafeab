//! A scrollback of a million lines: its memory, a search in it, and the time to draw a frame at several positions.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use topside_client::{Channel, Look, Needle, Pane};

use crate::goal::Goal;
use crate::machine;
use crate::report::Report;
use crate::settings::Settings;
use crate::statistics::{Series, percentile};

/// Blocks of as many lines as one keeps.
const BLOCKS: u64 = 5;
const LINES: usize = 200_000;
const AREA: Rect = Rect { x: 0, y: 0, width: 120, height: 40 };

pub(super) fn measure(settings: &Settings, report: &mut Report) {
    let mut pane = Pane::default();
    pane.set_size(AREA.width, AREA.height);
    let line = "\x1b[32mthe quick brown fox\x1b[0m jumps over the lazy dog while the kettle sings on the hob, and a cat purrs loud\n";
    let before = own_memory();
    for block in 1..=BLOCKS {
        pane.add_block(block);
        for _ in 0..LINES / 100 {
            pane.push(block, Channel::Stdout, line.repeat(100).as_bytes());
        }
        pane.finish(block);
    }
    let used = own_memory() - before;
    let lines: u64 =
        pane.blocks().iter().map(|block| block.lines().end - block.lines().start).sum();
    let (look, mut buffer) = (Look::default(), Buffer::empty(AREA));
    let (mut series, mut search) = (Series::default(), Series::default());
    let needle = Needle::new("zebra").expect("a word can be searched for");
    for _ in 0..settings.rounds {
        let started = Instant::now();
        assert_eq!(pane.count_matches(&needle, 1), 0, "no line has it");
        search.ours.push(started.elapsed().as_secs_f64() * 1e3);
        let mut times = Vec::new();
        let mut frame = |pane: &mut Pane, step: &dyn Fn(&mut Pane)| {
            let started = Instant::now();
            step(pane);
            let frame = pane.frame();
            for (y, row) in (0..AREA.height).zip(&frame.rows) {
                frame.draw_row(row, Rect { y, height: 1, ..AREA }, &mut buffer, &look);
            }
            times.push(started.elapsed().as_secs_f64() * 1e3);
        };
        frame(&mut pane, &Pane::home);
        for block in 1..=BLOCKS {
            frame(&mut pane, &|pane| {
                let _ = pane.jump(block, LINES as u64 / 2);
            });
            for _ in 0..50 {
                frame(&mut pane, &Pane::page_up);
            }
        }
        frame(&mut pane, &Pane::end);
        series.ours.push(percentile(times, 99));
    }
    let of = |what: &str| format!("{lines} lines of 100 bytes: {what}");
    report.add(of("memory"), "MB", Series::alone([used]), &[Goal::at_most(140.0)]);
    report.add(of("search"), "ms", search, &[Goal::at_most(40.0)]);
    report.add(of("a page, p99"), "ms", series, &[Goal::at_most(2.0)]);
}

/// Resident memory of this process, in MB.
fn own_memory() -> f64 {
    machine::number("/proc/self/smaps_rollup", "Rss").unwrap_or(f64::NAN) * 1024.0 / 1e6
}
