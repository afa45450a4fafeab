//! A menu of several pages, as the verbs, `topside run`, the line client and completion use it.

use crate::common::Place;

fn menu_of(count: usize) -> String {
    let text = "Stops and starts it again, and waits until its health check says that it is well. "
        .repeat(8);
    let command = |n: usize| {
        format!(
            "[commands.restart-{n}]\ntitle = \"Restart number {n}\"\ndescription = \"{text}\"\n\
             exec = [\"/bin/echo\", \"restarted {n}\"]\neffect = \"read\"\n"
        )
    };
    (0..count).map(command).collect()
}

#[test]
fn a_menu_of_many_pages_is_whole_for_every_verb() {
    let place = Place::with_menu(&menu_of(2_000));
    let _server = place.serve();
    let menu = place.json(&["menu"]);
    assert!(menu.get("next").is_none());
    let names: Vec<&str> =
        menu["commands"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    let declared: Vec<&&str> = names.iter().filter(|name| name.starts_with("restart-")).collect();
    assert_eq!(
        (declared.len(), *declared[0], *declared[1_999]),
        (2_000, "restart-0", "restart-1999")
    );
    let shown = place.verb(&["menu"]).with(0).out;
    assert!(shown.contains("  restart-0 ") && shown.contains("  restart-1999 "));
    assert_eq!(place.run(&["restart-1999"]).with(0).out, "restarted 1999\n");
    assert_eq!(place.lines(&[], "restart-1998\n").with(0).out, "restarted 1998\n");
    // What completion knows of it is in one file, which is not too large to be read.
    let kept = std::fs::read_dir(place.path("state/menus")).unwrap().next().unwrap().unwrap();
    let kept = std::fs::read_to_string(kept.path()).unwrap();
    assert!(kept.contains("\"restart-1999\""));
}
