//! Boxes of the fleets of this device, by name and by tag.

use std::collections::HashMap;
use std::path::Path;

use topside_shared::Pin;
use topside_shared::text::{MAX_NAME, clean};

use super::remote::Address;

/// A box of a fleet.
#[derive(Debug, Clone)]
pub(crate) struct FleetBox {
    /// The name of the fleet.
    pub(crate) fleet: String,
    pub(crate) name: String,
    pub(crate) pin: Pin,
    pub(crate) tags: Vec<String>,
    /// Where it may be reached, in the order of the tries.
    pub(crate) addresses: Vec<Address>,
}

impl FleetBox {
    /// `FLEET/NAME`, which no box of another fleet has.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.fleet, self.name)
    }
}

/// A name that several boxes have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is a box of several fleets: name one of {}", .boxes.join(", "))]
pub(crate) struct AmbiguousBox {
    name: String,
    boxes: Vec<String>,
}

/// The boxes of all fleets of this device that it may use: in each fleet by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct FleetBoxes {
    boxes: Vec<FleetBox>,
    /// The indices of the boxes of each name.
    by_name: HashMap<String, Vec<usize>>,
    /// Why the boxes of another fleet are missing, if they are, as a sentence.
    pub(crate) mistake: Option<String>,
}

impl FromIterator<FleetBox> for FleetBoxes {
    fn from_iter<I: IntoIterator<Item = FleetBox>>(boxes: I) -> Self {
        let boxes: Vec<FleetBox> = boxes.into_iter().collect();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, each) in boxes.iter().enumerate() {
            by_name.entry(each.name.clone()).or_default().push(index);
        }
        Self { boxes, by_name, mistake: None }
    }
}

impl FleetBoxes {
    /// As the hubs listed them when they were last asked. An error is a sentence.
    #[cfg(feature = "hub")]
    pub(crate) fn load(state: &Path) -> Result<Self, String> {
        let saved = super::fleet_store::saved(state).map_err(|error| error.to_string())?;
        let mistake = saved.unusable.first().map(|(_, error)| error.to_string());
        let boxes = saved.fleets.iter().flat_map(|fleet| {
            fleet.members.reachable().map(|each| FleetBox {
                fleet: fleet.name().to_string(),
                name: each.name.clone(),
                pin: each.pin,
                tags: each.tags.clone(),
                addresses: vec![Address::Announced, Address::Hub(Box::new(fleet.access.clone()))],
            })
        });
        Ok(Self { mistake, ..boxes.collect() })
    }

    #[cfg(not(feature = "hub"))]
    pub(crate) fn load(_state: &Path) -> Result<Self, String> {
        Ok(Self::default())
    }

    /// The box of this name, or with this `FLEET/NAME`; none where no box has it.
    pub(crate) fn find(&self, name: &str) -> Result<Option<&FleetBox>, AmbiguousBox> {
        let named = |index: &usize| &self.boxes[*index];
        match self.by_name.get(name).map(Vec::as_slice) {
            None => Ok(self.boxes.iter().find(|each| each.full_name() == name)),
            Some([one]) => Ok(Some(named(one))),
            Some(several) => Err(AmbiguousBox {
                name: clean(name, MAX_NAME),
                boxes: several.iter().map(|index| named(index).full_name()).collect(),
            }),
        }
    }

    /// The boxes with this tag, or all.
    pub(crate) fn tagged(&self, tag: Option<&str>) -> impl Iterator<Item = &FleetBox> {
        let has =
            move |each: &&FleetBox| tag.is_none_or(|tag| each.tags.iter().any(|own| own == tag));
        self.boxes.iter().filter(has)
    }

    /// The names of the boxes, each with its fleet where another fleet has it too.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.boxes.iter().map(|each| self.name(each))
    }

    /// The name that no other box has.
    pub(crate) fn name(&self, each: &FleetBox) -> String {
        match self.find(&each.name) {
            Ok(_) => each.name.clone(),
            Err(_) => each.full_name(),
        }
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.boxes.iter().flat_map(|each| &each.tags).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(fleet: &str, name: &str, tags: &[&str]) -> FleetBox {
        let tags = tags.iter().map(ToString::to_string).collect();
        let (fleet, name) = (fleet.to_owned(), name.to_owned());
        FleetBox { fleet, name, pin: Pin::from_bytes([3; 32]), tags, addresses: Vec::new() }
    }

    #[test]
    fn a_name_that_two_fleets_have_needs_its_fleet() {
        let boxes: FleetBoxes = [
            named("garden", "pump", &["wet"]),
            named("garden", "clock", &[]),
            named("lab", "pump", &["wet", "old"]),
        ]
        .into_iter()
        .collect();
        let found = |name| boxes.find(name).map(|found| found.map(FleetBox::full_name));
        assert_eq!(found("clock").unwrap().unwrap(), "garden/clock");
        assert_eq!(found("lab/pump").unwrap().unwrap(), "lab/pump");
        assert_eq!(found("lab/clock").unwrap(), None);
        let error = found("pump").unwrap_err().to_string();
        assert_eq!(error, "pump is a box of several fleets: name one of garden/pump, lab/pump");
        assert_eq!(boxes.names().collect::<Vec<_>>(), ["garden/pump", "clock", "lab/pump"]);
        let tagged: Vec<String> = boxes.tagged(Some("wet")).map(FleetBox::full_name).collect();
        assert_eq!(tagged, ["garden/pump", "lab/pump"]);
        assert_eq!(boxes.tagged(None).count(), 3);
    }
}
