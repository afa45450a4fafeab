//! Goals of the rows, and whether a row reaches its goals.

use std::fmt;

use crate::statistics::{Series, median};

/// Part of a goal by which a median may miss it without counting as missed: medians of five rounds differ by as much
/// from one run to the next.
const MARGIN: f64 = 0.10;

/// A bound for a figure, or for its ratio to one of the two figures beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    subject: Subject,
    bound: Bound,
}

#[derive(Debug, Clone, Copy)]
enum Subject {
    /// The figure itself.
    Figure,
    RatioToRaw,
    RatioToPeer,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// How a median compares with its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    /// Missed by less than the margin for noise.
    WithinMargin,
    Missed,
    /// One of the figures is absent.
    NotMeasured,
}

impl Goal {
    pub(crate) const fn at_most(figure: f64) -> Self {
        Self { subject: Subject::Figure, bound: Bound::AtMost(figure) }
    }

    pub(crate) const fn raw_at_least(ratio: f64) -> Self {
        Self { subject: Subject::RatioToRaw, bound: Bound::AtLeast(ratio) }
    }

    pub(crate) const fn raw_at_most(ratio: f64) -> Self {
        Self { subject: Subject::RatioToRaw, bound: Bound::AtMost(ratio) }
    }

    pub(crate) const fn peer_at_least(ratio: f64) -> Self {
        Self { subject: Subject::RatioToPeer, bound: Bound::AtLeast(ratio) }
    }

    pub(crate) const fn peer_at_most(ratio: f64) -> Self {
        Self { subject: Subject::RatioToPeer, bound: Bound::AtMost(ratio) }
    }

    pub(crate) fn verdict(self, series: &Series) -> Verdict {
        let value = match self.subject {
            Subject::Figure => median(&series.ours),
            Subject::RatioToRaw => series.ratio_raw(),
            Subject::RatioToPeer => series.ratio_peer(),
        };
        let Some(value) = value else { return Verdict::NotMeasured };
        let (met, near) = match self.bound {
            Bound::AtLeast(least) => (value >= least, value >= least * (1.0 - MARGIN)),
            Bound::AtMost(most) => (value <= most, value <= most * (1.0 + MARGIN)),
        };
        match (met, near) {
            (true, _) => Verdict::Met,
            (false, true) => Verdict::WithinMargin,
            (false, false) => Verdict::Missed,
        }
    }

    /// The goal in words; `raw` and `peer` are the names of the figures beside it.
    pub(crate) fn words(self, raw: &str, peer: &str) -> String {
        let of = match self.subject {
            Subject::Figure => "",
            Subject::RatioToRaw => raw,
            Subject::RatioToPeer => peer,
        };
        let (sign, bound) = match self.bound {
            Bound::AtLeast(least) => ("≥", least),
            Bound::AtMost(most) => ("≤", most),
        };
        format!("{sign} {bound} {of}").trim_end().to_owned()
    }
}

impl Verdict {
    /// Whether `--check` fails by it. A goal that was not measured is not known to be reached.
    pub(crate) fn fails(self) -> bool {
        matches!(self, Self::Missed | Self::NotMeasured)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::WithinMargin => "within the margin",
            Self::Missed => "MISSED",
            Self::NotMeasured => "not measured",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(ours: f64, raw: f64, peer: Option<f64>) -> Series {
        Series { ours: vec![ours], raw: vec![raw], peer: peer.into_iter().collect() }
    }

    #[test]
    fn a_ratio_is_met_within_the_margin_or_missed() {
        let goal = Goal::raw_at_least(0.90);
        for (ours, verdict) in
            [(90.0, Verdict::Met), (82.0, Verdict::WithinMargin), (80.0, Verdict::Missed)]
        {
            assert_eq!(goal.verdict(&series(ours, 100.0, None)), verdict, "{ours}");
        }
        let goal = Goal::peer_at_most(0.95);
        for (ours, verdict) in
            [(95.0, Verdict::Met), (104.0, Verdict::WithinMargin), (105.0, Verdict::Missed)]
        {
            assert_eq!(goal.verdict(&series(ours, 1.0, Some(100.0))), verdict, "{ours}");
        }
    }

    #[test]
    fn a_figure_of_its_own_has_the_same_margin() {
        let goal = Goal::at_most(6.0);
        for (ours, verdict) in
            [(6.0, Verdict::Met), (6.5, Verdict::WithinMargin), (6.7, Verdict::Missed)]
        {
            assert_eq!(goal.verdict(&series(ours, 1.0, None)), verdict, "{ours}");
        }
        // Nothing is near to none at all.
        assert_eq!(Goal::at_most(0.0).verdict(&series(1.0, 1.0, None)), Verdict::Missed);
    }

    #[test]
    fn an_absent_figure_is_no_goal_reached() {
        assert_eq!(Goal::peer_at_least(1.0).verdict(&series(1.0, 1.0, None)), Verdict::NotMeasured);
        assert_eq!(Goal::at_most(1.0).verdict(&Series::default()), Verdict::NotMeasured);
        assert!(Verdict::NotMeasured.fails() && Verdict::Missed.fails());
        assert!(!Verdict::Met.fails() && !Verdict::WithinMargin.fails());
    }
}
