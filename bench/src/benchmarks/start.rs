//! From the start of the process to the first answer, and what it holds then.

use std::io;

use crate::measure::Series;
use crate::servers::{Kind, Place};
use crate::settings::Settings;
use crate::table::{Goal, Table};

pub(crate) fn measure(place: &Place, settings: &Settings, table: &mut Table) -> io::Result<()> {
    let (mut time, mut memory) = (Series::default(), Series::default());
    for _ in 0..settings.rounds * 2 {
        for kind in [Kind::Ours, Kind::RawJson(1), Kind::Redis] {
            let Some(server) = place.start(kind, 0)? else { continue };
            server.settle()?;
            let of = |series: &mut Series, figure: f64| match kind {
                Kind::Ours => series.ours.push(figure),
                Kind::Redis => series.peer.push(figure),
                Kind::RawJson(_) | Kind::RawLine => series.raw.push(figure),
            };
            of(&mut time, server.start.as_secs_f64() * 1e3);
            of(&mut memory, server.memory()? / 1024.0);
        }
    }
    table.add("start to first answer", "ms", time, Goal::Figure(6.0));
    table.add("idle memory", "MiB", memory, Goal::Figure(8.0));
    Ok(())
}
