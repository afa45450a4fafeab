use super::*;

fn typed(form: &mut ServerForm, field: Field, text: &str) {
    form.focus = FormFocus::Field(place(field));
    form.fields[place(field)].set(text);
}

fn save(form: &mut ServerForm, saved: &[Profile]) -> Filled {
    form.edit_key("ctrl-s".parse().unwrap(), saved)
}

#[test]
fn every_error_is_shown_at_its_field_and_nothing_is_saved() {
    let mut form = ServerForm::add();
    typed(&mut form, Field::Port, "99999");
    typed(&mut form, Field::Lan, "not an address");
    assert_eq!(save(&mut form, &[]), Filled::Open);
    for field in [Field::Name, Field::Lan, Field::Port] {
        assert!(form.error(field).is_some_and(|e| !e.is_empty()), "{field:?}");
    }
    assert_eq!(form.focus, FormFocus::Field(place(Field::Name)), "the first mistake has the focus");
}

/// Typing a port made 867799999 of it.
#[test]
fn typing_into_a_field_that_was_entered_by_tab_takes_the_place_of_its_text() {
    let mut form = ServerForm::add();
    for key in ["tab", "tab", "tab", "9", "9"] {
        form.edit_key(key.parse().unwrap(), &[]);
    }
    assert_eq!(form.text(Field::Port), "99");
    // Moving about in it first means to change it.
    for key in ["tab", "backtab", "end", "1"] {
        form.edit_key(key.parse().unwrap(), &[]);
    }
    assert_eq!(form.text(Field::Port), "991");
    form.edit_key("tab".parse().unwrap(), &[]);
    form.edit_key("backtab".parse().unwrap(), &[]);
    form.insert("8677");
    assert_eq!(form.text(Field::Port), "8677");
}

#[test]
fn what_is_right_is_saved_and_a_pin_stays_with_its_server() {
    let profile = Profile {
        name: "clock".into(),
        lan: Some("192.168.1.11".into()),
        pin: Some(format!("sha256:{}", "0".repeat(64))),
        tags: vec!["garden".into()],
        ..blank()
    };
    let mut form = ServerForm::edit(&profile);
    typed(&mut form, Field::Internet, " 203.0.113.7 ");
    let Filled::Save(Effect::Edit(ProfileEdit::Replace(name, saved))) =
        save(&mut form, std::slice::from_ref(&profile))
    else {
        panic!("{:?}", form.errors)
    };
    assert_eq!(name, "clock");
    assert_eq!(saved.internet.as_deref(), Some("203.0.113.7"));
    assert_eq!((&saved.pin, &saved.tags), (&profile.pin, &profile.tags));
    let copy = ServerForm::duplicate(&profile, std::slice::from_ref(&profile));
    assert_eq!(copy.text(Field::Name), "clock-2");
    assert_eq!(copy.kept.pin, profile.pin);
}

#[test]
fn a_name_is_taken_once_and_unsaved_text_is_not_thrown_away_at_the_first_esc() {
    let taken = Profile { name: "clock".into(), ..blank() };
    let mut form = ServerForm::add();
    typed(&mut form, Field::Name, "clock");
    assert_eq!(save(&mut form, &[taken]), Filled::Open);
    assert!(form.error(Field::Name).unwrap().contains("already"));
    let esc = "esc".parse().unwrap();
    assert_eq!(form.edit_key(esc, &[]), Filled::Open);
    assert!(form.warned);
    assert_eq!(form.edit_key(esc, &[]), Filled::Closed);
}

#[test]
fn enter_goes_through_the_fields_to_the_save_button_and_saves_there() {
    let mut form = ServerForm::add();
    let enter = "enter".parse().unwrap();
    form.insert("clock");
    for _ in FIELDS {
        assert_eq!(form.edit_key(enter, &[]), Filled::Open);
    }
    assert_eq!(form.focus, FormFocus::Action);
    assert!(matches!(form.edit_key(enter, &[]), Filled::Save(_)), "{:?}", form.errors);
}

#[test]
fn a_click_chooses_a_field_or_presses_a_button() {
    let mut form = ServerForm::add();
    assert_eq!(form.clicked(FormHit::Field(2), &[]), Filled::Open);
    assert_eq!(form.focus, FormFocus::Field(2));
    assert_eq!(form.clicked(FormHit::Action, &[]), Filled::Open);
    assert!(form.error(Field::Name).is_some(), "an empty form is not saved");
    assert_eq!(form.clicked(FormHit::Cancel, &[]), Filled::Closed);
}
