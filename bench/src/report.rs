//! The report: a table of figures, ratios and goals, printed and written into the documentation.

use std::fmt::{self, Write as _};

use crate::goal::{Goal, Verdict};
use crate::statistics::{Series, median, spread};

/// Everything measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// One figure of ours, those beside it, and its goals.
#[derive(Debug)]
pub(crate) struct Row {
    work: String,
    unit: &'static str,
    series: Series,
    goals: Vec<Goal>,
    /// What `series.raw` and `series.peer` were measured on.
    raw: String,
    peer: &'static str,
}

impl Report {
    /// Adds a row beside the raw server and Redis.
    pub(crate) fn add(
        &mut self,
        work: impl Into<String>,
        unit: &'static str,
        series: Series,
        goals: &[Goal],
    ) -> &mut Row {
        let (work, goals) = (work.into(), goals.to_vec());
        self.rows.push(Row { work, unit, series, goals, raw: "raw".into(), peer: "Redis" });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    /// Each goal that `--check` fails by, in a line.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.rows.iter().flat_map(Row::failures).collect()
    }
}

impl Row {
    /// Names the figures beside ours, where they are not those of the raw server and Redis.
    pub(crate) fn beside(&mut self, raw: impl Into<String>, peer: &'static str) {
        self.raw = raw.into();
        self.peer = peer;
    }

    fn verdicts(&self) -> impl Iterator<Item = (Goal, Verdict)> {
        self.goals.iter().map(|goal| (*goal, goal.verdict(&self.series)))
    }

    fn failures(&self) -> impl Iterator<Item = String> {
        self.verdicts().filter(|(_, verdict)| verdict.fails()).map(|(goal, verdict)| {
            let [ours, _, _, to_raw, to_peer, ..] = self.cells();
            let ratios = format!("{to_raw} {to_peer}");
            let goal = goal.words(&self.raw, self.peer);
            let work = self.work.trim();
            format!("{verdict}: {work}: {ours} {} {}, goal {goal}", self.unit, ratios.trim())
        })
    }

    /// The cells after the work and the unit.
    fn cells(&self) -> [String; 7] {
        let Self { series, raw, peer, .. } = self;
        let named = |values: &[f64], name: &str| {
            median(values).map_or(String::new(), |value| format!("{} {name}", figure(value)))
        };
        let ratio = |value: Option<f64>, name: &str| {
            value.map_or(String::new(), |value| format!("{value:.2} {name}"))
        };
        let goals: Vec<String> = self.goals.iter().map(|goal| goal.words(raw, peer)).collect();
        let verdicts: Vec<String> =
            self.verdicts().map(|(_, verdict)| verdict.to_string()).collect();
        // The same verdict for all goals is said once.
        let verdict = match verdicts.split_first() {
            Some((first, rest)) if rest.iter().all(|other| other == first) => first.clone(),
            _ => verdicts.join(", "),
        };
        let ours = match (median(&series.ours), spread(&series.ours)) {
            (Some(value), Some(spread)) => format!("{} ± {:.0} %", figure(value), spread * 100.0),
            _ => String::new(),
        };
        [
            ours,
            named(&series.raw, raw),
            named(&series.peer, peer),
            ratio(series.ratio_raw(), raw),
            ratio(series.ratio_peer(), peer),
            goals.join(", "),
            verdict,
        ]
    }
}

fn figure(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

const HEAD: [&str; 9] =
    ["work", "unit", "Topside", "beside it", "peer", "ratio", "to the peer", "goal", "result"];

/// A table of Markdown with aligned columns.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = vec![HEAD.map(str::to_owned), HEAD.map(|_| "---".to_owned())];
        for row in &self.rows {
            let mut cells = row.cells().into_iter();
            let work = row.work.trim_start();
            // Part of the row above.
            let work = if work == row.work { work.to_owned() } else { format!("– {work}") };
            table.push(std::array::from_fn(|column| match column {
                0 => work.clone(),
                1 => row.unit.to_owned(),
                _ => cells.next().unwrap_or_default(),
            }));
        }
        let widths: [usize; HEAD.len()] = std::array::from_fn(|column| {
            table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
        });
        for row in &table {
            let mut line = String::from("|");
            for (cell, width) in row.iter().zip(widths) {
                write!(line, " {cell:width$} |")?;
            }
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

const BEGIN: &str = "<!-- figures -->\n";
const END: &str = "<!-- end of figures -->\n";

/// Replaces what is between the two marks of a page.
///
/// # Errors
/// The page has not both marks, in this order.
pub(crate) fn replace_figures(page: &str, figures: &str) -> Result<String, String> {
    let parts =
        page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        return Err(format!("it has no lines `{}` and `{}`", BEGIN.trim(), END.trim()));
    };
    Ok(format!("{before}{BEGIN}{figures}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let series = Series { ours: vec![2.0], raw: vec![1.0], peer: vec![1.0] };
        let mut report = Report::default();
        let goals = [Goal::raw_at_least(0.9), Goal::peer_at_least(3.0)];
        report.add("ping", "/s", series.clone(), &goals);
        report.add("output", "MB/s", series, &[Goal::peer_at_least(1.2)]).beside("a pipe", "ssh");
        report.add("  idle memory", "MiB", Series::default(), &[Goal::at_most(6.0)]);
        report
    }

    #[test]
    fn a_ratio_and_a_goal_name_what_they_compare_with() {
        let text = report().to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[2].contains("2.00 Redis") && lines[2].contains("≥ 0.9 raw, ≥ 3 Redis"),
            "{text}"
        );
        assert!(lines[2].contains("| met, MISSED "), "{text}");
        assert!(lines[3].contains("2.00 a pipe") && lines[3].contains("≥ 1.2 ssh"), "{text}");
        assert!(!lines[3].contains("Redis"), "{text}");
    }

    #[test]
    fn a_check_names_each_goal_that_is_missed_or_not_measured() {
        let failures = report().failures();
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert_eq!(failures[0], "MISSED: ping: 2.00 ± 0 % /s 2.00 raw 2.00 Redis, goal ≥ 3 Redis");
        assert!(failures[1].starts_with("not measured: idle memory:"), "{failures:?}");
    }

    #[test]
    fn the_figures_of_a_page_are_replaced_and_the_rest_stays() {
        let page = format!("# Speed\n{BEGIN}old\n{END}Text.\n");
        let new = replace_figures(&page, "new\n").unwrap();
        assert_eq!(new, format!("# Speed\n{BEGIN}new\n{END}Text.\n"));
        assert!(replace_figures("# Speed\n", "new\n").is_err());
    }
}
