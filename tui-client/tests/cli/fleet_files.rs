//! What boxes and devices keep of a fleet on the disk, and how they use it.

use rustix::process::{Pid, Signal, kill_process};
use topside_shared::hub::HubRole;

use crate::common::{Ended, Place, eventually};
use crate::hub_server::Hub;
use crate::remote_server::{Box, pair};

fn fleet(place: &Place, args: &[&str]) -> Ended {
    place.verb(&[&["fleet"], args].concat())
}

/// The people whom a box admits.
fn people(garden: &Box) -> Option<u64> {
    garden.place.json(&["status"])["fleet"]["people"].as_u64()
}

/// One file that could not be read made all fleets of the device unusable.
#[test]
fn files_of_one_fleet_that_cannot_be_used_leave_the_others_as_they_are() {
    let Some(hub) = Hub::new() else { return };
    let admin = hub.admin();
    let garden = Box::with(Place::new());
    hub.join(&garden);
    let boxes = admin.json(&["fleet", "boxes"]);
    let name = boxes["boxes"][0]["name"].as_str().unwrap();
    let credentials = hub.credentials().to_string();
    fleet(&admin, &["create", "lab", "--as", "anna", "--hub", &credentials]).with(0);
    admin.write("state/fleets/lab/roster.json", "{");
    let wrong = "lab/roster.json cannot be used: ";

    fleet(&admin, &["boxes", "--fleet", "garden"]).with(0);
    assert_eq!(admin.run(&["--on", name, "echo", "here"]).with(0).out, "here\n");
    let listed = fleet(&admin, &["list"]).with(0);
    assert!(listed.out.contains("garden") && listed.err.contains(wrong), "{listed:?}");
    let listed = admin.json(&["fleet", "list"]);
    assert_eq!((&listed["fleets"][0]["fleet"], listed["fleets"].get(1)), (&"garden".into(), None));
    assert_eq!(listed["unusable"][0]["fleet"], "lab", "{listed}");
    // A box may be missing, so a list of all boxes is refused.
    for ended in [
        fleet(&admin, &["boxes", "--fleet", "lab"]),
        fleet(&admin, &["create", "lab", "--hub", &credentials]),
        admin.run(&["--on", "all", "echo", "here"]),
        admin.run(&["--on", "lab/pump", "echo", "here"]),
    ] {
        assert!(ended.status != Some(0) && ended.err.contains(wrong), "{ended:?}");
    }
    std::fs::remove_file(admin.path("state/fleets/lab/roster.json")).unwrap();
    fleet(&admin, &["boxes", "--fleet", "lab"]).with(0);
}

/// They were admitted again only once the hub had answered.
#[test]
fn a_person_who_has_joined_by_an_invite_is_admitted_after_a_restart_without_the_hub() {
    let Some(mut hub) = Hub::new() else { return };
    let mut garden = Box::with(Place::new());
    hub.join(&garden);
    pair(&Place::new(), &[&hub.string(HubRole::Person)]).with(0);
    eventually("the person is admitted", || people(&garden) == Some(2));
    let pid = Pid::from_raw(i32::try_from(garden.server.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(garden.server.wait(), Some(0));
    hub.stop();
    garden.server = garden.place.serve();
    eventually("the person is admitted again", || people(&garden) == Some(2));
    // Withdrawing the invite ends that, once the hub is there.
    hub.start("hub");
    hub.is_joined(&garden);
    let listed = hub.admin().json(&["fleet", "people"]);
    let name = listed["people"].as_array().unwrap()[1]["name"].as_str().unwrap().to_owned();
    fleet(&hub.admin(), &["remove", &name, "--yes"]).with(0);
    eventually("the person is not admitted", || people(&garden) == Some(1));
    eventually("nothing is kept of them", || {
        std::fs::read_to_string(garden.place.path("state/devices.json")).unwrap() == "[]"
    });
}
