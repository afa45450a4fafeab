//! Time to draw a frame of a scrollback of a million lines, at several positions.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use topside_client::{Channel, Look, Pane};

use super::percentile;
use crate::report::{Goal, Report};
use crate::settings::Settings;
use crate::statistics::Series;

/// Blocks of as many lines as one keeps.
const BLOCKS: u64 = 5;
const LINES: usize = 200_000;
const AREA: Rect = Rect { x: 0, y: 0, width: 120, height: 40 };

pub(super) fn measure(settings: &Settings, report: &mut Report) {
    let mut pane = Pane::default();
    pane.set_size(AREA.width, AREA.height);
    let line =
        "\x1b[32mthe quick brown fox\x1b[0m jumps over the lazy dog while the kettle sings on\n";
    for block in 1..=BLOCKS {
        pane.add_block(block);
        for _ in 0..LINES / 100 {
            pane.push(block, Channel::Stdout, line.repeat(100).as_bytes());
        }
        pane.finish(block);
    }
    let lines: u64 =
        pane.blocks().iter().map(|block| block.lines().end - block.lines().start).sum();
    let (look, mut buffer) = (Look::default(), Buffer::empty(AREA));
    let mut series = Series::default();
    for _ in 0..settings.rounds {
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
    let work = format!("a page of {lines} lines of scrollback, p99");
    report.add(work, "ms", series, Goal::Figure(5.0));
}
