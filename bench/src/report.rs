//! The printed report: absolute figures, ratios, and whether each goal was reached.

use std::fmt;

use crate::statistics::{Series, median};

/// Everything measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    work: String,
    unit: &'static str,
    series: Series,
    goal: Goal,
    /// The program that `series.peer` was measured on.
    peer: &'static str,
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

impl Report {
    /// Adds a row whose peer is Redis.
    pub(crate) fn add(
        &mut self,
        work: impl Into<String>,
        unit: &'static str,
        series: Series,
        goal: Goal,
    ) {
        self.add_beside("Redis", work, unit, series, goal);
    }

    /// Adds a row with another peer.
    pub(crate) fn add_beside(
        &mut self,
        peer: &'static str,
        work: impl Into<String>,
        unit: &'static str,
        series: Series,
        goal: Goal,
    ) {
        self.rows.push(Row { work: work.into(), unit, series, goal, peer });
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

impl Goal {
    /// The goal in words; ratios to the peer carry its name.
    fn text(self, peer: &str) -> String {
        let (sign, to_raw, to_peer) = match self {
            Self::None => return String::new(),
            Self::Figure(most) => return format!("<= {most}"),
            Self::AtLeast(raw, peer) => (">=", raw, peer),
            Self::AtMost(raw, peer) => ("<=", raw, peer),
        };
        let to_raw = to_raw.map(|ratio| format!("{sign} {ratio:.2} raw"));
        let to_peer = to_peer.map(|ratio| format!("{sign} {ratio:.2} {peer}"));
        Vec::from_iter([to_raw, to_peer].into_iter().flatten()).join(", ")
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        writeln!(
            f,
            "{:46} {:8} {:>9} {:>9} {:>9}  {:>8} {:>10}  {:26} ",
            "work", "unit", "ours", "raw", "peer", "ours/raw", "ours/peer", "goal"
        )?;
        for row in &self.rows {
            let Row { work, unit, series, goal, peer } = row;
            let goal = goal.text(peer);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_names_the_peer_that_it_was_measured_on() {
        let series = Series { ours: vec![2.0], raw: vec![], peer: vec![1.0] };
        let mut report = Report::default();
        report.add("ping", "/s", series.clone(), Goal::AtLeast(Some(0.9), Some(1.0)));
        report.add_beside("ssh", "output", "MB/s", series, Goal::AtLeast(None, Some(1.2)));
        let text = report.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].contains(">= 0.90 raw, >= 1.00 Redis"), "{text}");
        assert!(lines[2].contains(">= 1.20 ssh") && lines[2].ends_with("met"), "{text}");
        assert!(!lines[0].contains("Redis") && !lines[2].contains("Redis"), "{text}");
    }
}
