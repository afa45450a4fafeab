//! Sparklines and gauges: figures as one row of blocks. Both have an ASCII form by the table of glyphs.

use crate::theme::glyphs::BARS;

/// A bar for each of the newest samples, scaled from the least sample to the greatest; a blank where one is unknown.
/// `span`: the least difference that reaches the full height, so that noise stays low and a constant is a thin line.
pub(crate) fn sparkline(samples: &[Option<f64>], room: usize, span: f64) -> String {
    let (newest, least, most) = range(samples, room);
    bars(newest, least, (most - least).max(span))
}

/// The newest samples, the least and the greatest of them.
fn range(samples: &[Option<f64>], room: usize) -> (&[Option<f64>], f64, f64) {
    let newest = &samples[samples.len().saturating_sub(room)..];
    let known = || newest.iter().copied().flatten();
    let least = known().min_by(f64::total_cmp).unwrap_or_default();
    (newest, least, known().max_by(f64::total_cmp).unwrap_or_default())
}

/// A bar for each sample; `span` above `least` is the full height.
fn bars(newest: &[Option<f64>], least: f64, span: f64) -> String {
    let top = (BARS.len() - 1) as f64;
    let bar = |sample: &Option<f64>| match sample {
        Some(value) if span > 0.0 => BARS[((value - least) / span * top).round() as usize],
        Some(_) => BARS[0],
        None => ' ',
    };
    newest.iter().map(bar).collect()
}

/// The same, scaled from zero to the greatest sample, or to `full` if that is more: one sample alone, or a constant, is as
/// high as it is great.
pub(crate) fn bars_from_zero(samples: &[Option<f64>], room: usize, full: f64) -> String {
    let (newest, least, most) = range(samples, room);
    let least = least.min(0.0);
    bars(newest, least, (most.max(0.0) - least).max(full))
}

/// The samples, averaged in groups of equal size to fit this many columns.
pub(crate) fn condensed(samples: &[Option<f64>], columns: usize) -> Vec<Option<f64>> {
    let each = samples.len().div_ceil(columns.max(1)).max(1);
    let mean = |part: &[Option<f64>]| {
        let known: Vec<f64> = part.iter().copied().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    };
    // From the newest on, so that only the oldest part may be smaller.
    let mut parts: Vec<_> = samples.rchunks(each).map(mean).collect();
    parts.reverse();
    parts
}

/// A bar of `room` columns that is filled to this share, 0 to 1.
pub(crate) fn gauge(share: f64, room: usize) -> String {
    let filled = (share.clamp(0.0, 1.0) * room as f64).round() as usize;
    "▓".repeat(filled) + &"░".repeat(room.saturating_sub(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_scaled_from_the_least_sample_and_the_newest_are_kept() {
        let samples = [Some(10.0), None, Some(13.0), Some(16.0), Some(11.0)];
        assert_eq!(sparkline(&samples, 9, 0.0), "▁ ▄▇▂");
        assert_eq!(sparkline(&samples, 2, 0.0), "▇▁");
        assert_eq!(sparkline(&[], 2, 1.0), "");
    }

    #[test]
    fn a_constant_is_a_thin_line_and_noise_stays_low() {
        assert_eq!(sparkline(&[Some(4.0); 3], 9, 0.0), "▁▁▁");
        assert_eq!(sparkline(&[Some(4.0), Some(5.0), Some(4.0)], 9, 6.0), "▁▂▁");
    }

    /// One sample of a high load was the lowest bar.
    #[test]
    fn bars_from_zero_are_as_high_as_their_samples() {
        assert_eq!(bars_from_zero(&[Some(4.0)], 6, 1.0), "▇");
        assert_eq!(bars_from_zero(&[Some(2.0); 3], 2, 1.0), "▇▇");
        assert_eq!(bars_from_zero(&[Some(0.0), None, Some(0.5), Some(1.0)], 6, 1.0), "▁ ▄▇");
        assert_eq!(bars_from_zero(&[Some(0.1)], 6, 1.0), "▂");
        assert_eq!(bars_from_zero(&[], 6, 1.0), "");
    }

    #[test]
    fn condensed_samples_are_means_and_only_the_oldest_part_is_smaller() {
        let samples = [Some(9.0), Some(1.0), Some(3.0), None, Some(5.0)];
        assert_eq!(condensed(&samples, 3), [Some(9.0), Some(2.0), Some(5.0)]);
        assert_eq!(condensed(&[None, None], 1), [None]);
        assert_eq!(condensed(&samples, 9), samples);
        assert!(condensed(&[], 4).is_empty());
    }

    #[test]
    fn a_gauge_is_filled_to_its_share() {
        assert_eq!(gauge(0.5, 4), "▓▓░░");
        assert_eq!(gauge(7.0, 2), "▓▓");
        assert_eq!(gauge(-1.0, 2), "░░");
    }
}
