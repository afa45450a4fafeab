//! Statistics over rounds: medians, and ratios taken within each round, where the machine's state was the same for both sides.

/// One figure of ours, of the raw limit and of the peer, round by round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Series {
    pub(crate) ours: Vec<f64>,
    pub(crate) raw: Vec<f64>,
    pub(crate) peer: Vec<f64>,
}

impl Series {
    /// Figures of ours with none beside them.
    pub(crate) fn alone(ours: impl IntoIterator<Item = f64>) -> Self {
        Self { ours: ours.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn ratio_raw(&self) -> Option<f64> {
        ratio(&self.ours, &self.raw)
    }

    pub(crate) fn ratio_peer(&self) -> Option<f64> {
        ratio(&self.ours, &self.peer)
    }
}

fn ratio(ours: &[f64], theirs: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    median(&ratios)
}

/// The middle one; none of none.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The value that `part` of 100 do not exceed.
pub(crate) fn percentile(mut values: Vec<f64>, part: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() * part / 100).min(values.len().saturating_sub(1));
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// How far the values lie from their median at most, as a part of it; none of none.
pub(crate) fn spread(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let far = values.iter().map(|value| (value - middle).abs()).fold(0.0, f64::max);
    Some(if middle == 0.0 { 0.0 } else { far / middle })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_not_a_ratio_of_medians() {
        let series = Series { ours: vec![1.0, 2.0, 9.0], raw: vec![2.0, 1.0, 9.0], peer: vec![] };
        assert_eq!(series.ratio_raw(), Some(1.0));
        assert_eq!(series.ratio_peer(), None);
    }
}
