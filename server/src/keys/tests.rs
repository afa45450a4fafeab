use crate::keys::change::KeyChange;
use crate::keys::change::Revoked;
use topside_shared::Role;
use topside_shared::methods::KeyRow;

use super::*;
use crate::audit::Audit;
use crate::audit::entry::By;

fn row(number: u8, role: Role, state: KeyState) -> KeyRow {
    KeyRow {
        key_id: pin(number),
        name: format!("key {number}"),
        role,
        agent: false,
        commands: None,
        created_at: Time::now(),
        last_seen: None,
        expires_at: None,
        state,
    }
}

fn pin(number: u8) -> Pin {
    Pin::from_bytes([number; 32])
}

fn keys() -> (tempfile::TempDir, Keys) {
    let directory = tempfile::tempdir().unwrap();
    let keys = Keys::open(directory.path()).unwrap();
    (directory, keys)
}

fn change(keys: &Keys, change: KeyChange) -> Result<KeyRow, KeyError> {
    let directory = tempfile::tempdir().unwrap();
    let audit = Audit::open(directory.path(), None).unwrap();
    keys.change(change, &audit, By::server())
}

fn add(keys: &Keys, row: KeyRow) -> Result<KeyRow, KeyError> {
    change(keys, KeyChange::Add(row))
}

fn enrol(keys: &Keys, invite: u8, key: u8) -> Result<KeyRow, KeyError> {
    change(keys, KeyChange::Enrol { invite: pin(invite), key: pin(key), name: String::new() })
}

#[test]
fn a_change_is_on_the_disk_and_is_read_again() {
    let (directory, keys) = keys();
    add(&keys, row(1, Role::Operator, KeyState::Invited)).unwrap();
    enrol(&keys, 1, 2).unwrap();
    keys.mark_seen(pin(2));
    keys.save_seen().unwrap();
    let again = Keys::open(directory.path()).unwrap();
    assert_eq!(again.list(), keys.list());
    assert_eq!(again.standing(pin(1)), KeyStanding::Revoked);
    let identity = Identity {
        owner: Owner::Key(pin(2)),
        user: "key 1".into(),
        role: Role::Operator,
        scope: Scope::Whole,
        agent: false,
    };
    assert_eq!(again.standing(pin(2)), KeyStanding::Good(identity));
    assert!(again.list()[1].last_seen.is_some());
    assert_eq!(again.standing(pin(3)), KeyStanding::Unknown);
}

#[test]
fn an_invite_is_used_once() {
    let (_directory, keys) = keys();
    add(&keys, row(1, Role::Operator, KeyState::Invited)).unwrap();
    enrol(&keys, 1, 2).unwrap();
    let error = enrol(&keys, 1, 3).unwrap_err();
    assert!(matches!(error, KeyError::Over(_, "used")), "{error}");
    assert_eq!(keys.standing(pin(3)), KeyStanding::Unknown);
}

#[test]
fn a_key_expires_by_the_clock_and_is_accepted_again_if_the_clock_was_wrong() {
    let (directory, keys) = keys();
    let ended =
        KeyRow { expires_at: Some(Time::from_millis(1)), ..row(1, Role::Admin, KeyState::Active) };
    add(&keys, ended).unwrap();
    let invite =
        KeyRow { expires_at: Some(Time::from_millis(1)), ..row(2, Role::Admin, KeyState::Invited) };
    add(&keys, invite).unwrap();
    assert_eq!(keys.standing(pin(1)), KeyStanding::Expired);
    let error = enrol(&keys, 2, 3).unwrap_err();
    assert!(matches!(error, KeyError::Over(_, "expired")), "{error}");
    assert_eq!(keys.count(), (0, 0));
    let written = std::fs::read_to_string(directory.path().join(Keys::FILE)).unwrap();
    assert!(written.contains("\"active\"") && !written.contains("expired"), "{written}");
}

#[test]
fn four_invites_are_open_at_once_and_not_five() {
    let (_directory, keys) = keys();
    for number in 1..=4 {
        add(&keys, row(number, Role::Viewer, KeyState::Invited)).unwrap();
    }
    let fifth = || row(5, Role::Viewer, KeyState::Invited);
    assert!(matches!(add(&keys, fifth()), Err(KeyError::TooManyInvites)));
    enrol(&keys, 1, 9).unwrap();
    add(&keys, fifth()).unwrap();
}

#[test]
fn the_last_admin_key_is_revoked_on_the_box_only() {
    let (_directory, keys) = keys();
    add(&keys, row(1, Role::Admin, KeyState::Active)).unwrap();
    add(&keys, row(2, Role::Admin, KeyState::Active)).unwrap();
    let limited =
        KeyRow { commands: Some(vec!["df".into()]), ..row(3, Role::Admin, KeyState::Active) };
    add(&keys, limited).unwrap();
    let revoke = |number, from| change(&keys, KeyChange::Revoke { key: pin(number), from });
    revoke(1, Revoked::Remotely).unwrap();
    assert!(matches!(revoke(2, Revoked::Remotely), Err(KeyError::LastAdmin)));
    assert!(matches!(keys.standing(pin(2)), KeyStanding::Good(_)));
    revoke(3, Revoked::Remotely).unwrap();
    revoke(2, Revoked::Here).unwrap();
    assert!(matches!(revoke(2, Revoked::Here), Err(KeyError::Over(_, "revoked"))));
    assert!(matches!(revoke(7, Revoked::Here), Err(KeyError::Unknown(_))));
}

/// It could be demoted over TCP by an invite for less.
#[test]
fn the_last_admin_device_does_not_take_an_invite_for_less() {
    let (_directory, keys) = keys();
    add(&keys, row(9, Role::Admin, KeyState::Active)).unwrap();
    add(&keys, row(1, Role::Viewer, KeyState::Invited)).unwrap();
    assert!(matches!(enrol(&keys, 1, 9), Err(KeyError::LastAdmin)));
    assert!(matches!(keys.standing(pin(9)), KeyStanding::Good(Identity { role: Role::Admin, .. })));
    add(&keys, row(8, Role::Admin, KeyState::Active)).unwrap();
    enrol(&keys, 1, 9).unwrap();
}

#[test]
fn a_device_that_is_invited_again_has_the_rights_of_the_later_invite() {
    let (_directory, keys) = keys();
    add(&keys, row(1, Role::Viewer, KeyState::Invited)).unwrap();
    enrol(&keys, 1, 9).unwrap();
    add(&keys, row(2, Role::Admin, KeyState::Invited)).unwrap();
    assert_eq!(enrol(&keys, 2, 9).unwrap().role, Role::Admin);
    assert_eq!(keys.list().iter().filter(|row| row.key_id == pin(9)).count(), 1);
}

#[test]
fn a_full_list_forgets_only_keys_that_are_not_accepted() {
    let (_directory, keys) = keys();
    let long = |number: usize, state| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let commands = Some(vec!["x".repeat(64); 256]);
        let name = format!("key {number:05}");
        KeyRow { key_id: Pin::from_bytes(bytes), name, commands, ..row(0, Role::Viewer, state) }
    };
    let size = serde_json::to_string(&long(0, KeyState::Active)).unwrap().len() + 1;
    let most = MAX_BYTES / size;
    add(&keys, long(0, KeyState::Used)).unwrap();
    for number in 1..=most {
        add(&keys, long(number, KeyState::Active)).unwrap();
    }
    assert_eq!(keys.list().len(), most, "the used one went");
    assert!(matches!(add(&keys, long(most + 1, KeyState::Active)), Err(KeyError::Full)));
    assert_eq!(keys.count(), (most, 0));
}

#[test]
fn a_list_that_is_damaged_or_newer_is_refused_and_kept() {
    let (directory, _keys) = keys();
    let path = directory.path().join(Keys::FILE);
    for (text, said) in [
        ("", "this is not a list of keys"),
        ("{\"version\": 1, \"keys\": [{}]}", "this is not a list of keys"),
        ("{\"version\": 2, \"keys\": []}", "update topsided"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = Keys::open(directory.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

/// A crash between the write and the rename leaves the list as it was.
#[test]
fn a_half_written_list_beside_the_list_does_no_harm() {
    let (directory, keys) = keys();
    add(&keys, row(1, Role::Viewer, KeyState::Active)).unwrap();
    std::fs::write(directory.path().join("keys.json.new"), "{\"version\": 1, \"ke").unwrap();
    let again = Keys::open(directory.path()).unwrap();
    assert_eq!(again.list(), keys.list());
    add(&again, row(2, Role::Viewer, KeyState::Active)).unwrap();
    assert_eq!(Keys::open(directory.path()).unwrap().list().len(), 2);
}

#[test]
fn a_list_that_cannot_be_written_changes_nothing() {
    let (directory, keys) = keys();
    std::fs::create_dir(directory.path().join("keys.json.new")).unwrap();
    let error = add(&keys, row(1, Role::Viewer, KeyState::Active)).unwrap_err();
    assert!(matches!(error, KeyError::Write { .. }), "{error}");
    assert_eq!(keys.list(), []);
}
