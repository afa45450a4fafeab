//! The table that is printed: absolute figures, ratios, and whether the goal was reached.

use std::fmt;

use crate::measure::{Series, median};

/// Everything measured.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    work: String,
    unit: &'static str,
    series: Series,
    goal: Goal,
}

/// What a row must reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Only to be known.
    None,
    /// Ratios to raw and to the peer, at least.
    AtLeast(Option<f64>, Option<f64>),
    /// Ratios to raw and to the peer, at most.
    AtMost(Option<f64>, Option<f64>),
    /// The figure itself, at most.
    Figure(f64),
}

impl Table {
    pub(crate) fn add(
        &mut self,
        work: impl Into<String>,
        unit: &'static str,
        series: Series,
        goal: Goal,
    ) {
        self.rows.push(Row { work: work.into(), unit, series, goal });
    }
}

impl Row {
    fn met(&self) -> Option<bool> {
        let over = |ratio: Option<f64>, least: Option<f64>| Some(ratio? >= least?);
        let under = |ratio: Option<f64>, most: Option<f64>| Some(ratio? <= most?);
        let (raw, peer) = (self.series.ratio_raw(), self.series.ratio_peer());
        let met = match self.goal {
            Goal::None => [None, None],
            Goal::AtLeast(to_raw, to_peer) => [over(raw, to_raw), over(peer, to_peer)],
            Goal::AtMost(to_raw, to_peer) => [under(raw, to_raw), under(peer, to_peer)],
            Goal::Figure(most) => [median(&self.series.ours).map(|ours| ours <= most), None],
        };
        met.into_iter().flatten().reduce(|one, other| one && other)
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, raw, peer) = match self {
            Self::None => return f.pad(""),
            Self::Figure(most) => return f.pad(&format!("<= {most}")),
            Self::AtLeast(raw, peer) => (">=", raw, peer),
            Self::AtMost(raw, peer) => ("<=", raw, peer),
        };
        let mut parts = Vec::new();
        if let Some(raw) = raw {
            parts.push(format!("{sign} {raw:.2} raw"));
        }
        if let Some(peer) = peer {
            parts.push(format!("{sign} {peer:.2} Redis"));
        }
        f.pad(&parts.join(", "))
    }
}

fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value >= 1000.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        writeln!(
            f,
            "{:46} {:8} {:>9} {:>9} {:>9}  {:>8} {:>10}  {:26} ",
            "work", "unit", "ours", "raw", "Redis", "ours/raw", "ours/Redis", "goal"
        )?;
        for row in &self.rows {
            let Row { work, unit, series, goal } = row;
            let verdict = match row.met() {
                None => "",
                Some(true) => "met",
                Some(false) => "MISSED",
            };
            writeln!(
                f,
                "{work:46} {unit:8} {:>9} {:>9} {:>9}  {:>8} {:>10}  {goal:26} {verdict}",
                figure(median(&series.ours)),
                figure(median(&series.raw)),
                figure(median(&series.peer)),
                ratio(series.ratio_raw()),
                ratio(series.ratio_peer()),
            )?;
        }
        Ok(())
    }
}
