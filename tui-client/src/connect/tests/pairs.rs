//! Pairing with a server that burns invites, or loses its answers.

use rustls::CertificateError;
use serde_json::{Value, json};
use topside_shared::dirs::Dirs;
use topside_shared::invite::Invite;
use topside_shared::private_key::{PrivateKey, Seed};
use topside_shared::{Role, Time, tls};

use super::fake::{Fake, welcome};
use super::rig::*;
use crate::config::{FILE_NAME, Profile, ProfileStore};
use crate::connect::pair::PairError;
use crate::connect::*;

const SEED: u8 = 9;

struct Home {
    _dir: tempfile::TempDir,
    dirs: Dirs,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name| dir.path().join(name);
        let (config, state, runtime) = (at("config"), at("state"), at("run"));
        let dirs = Dirs { config, state, runtime, runtime_only: true };
        Self { _dir: dir, dirs }
    }

    fn saved(&self) -> Vec<Profile> {
        ProfileStore::load(self.dirs.config.join(FILE_NAME)).unwrap().profiles().to_vec()
    }

    fn own(&self) -> PrivateKey {
        own_key(&self.dirs.state).unwrap()
    }
}

fn invite(rig: &Rig, lasting: bool) -> Invite {
    Invite {
        server: rig.key.pin(),
        seed: Seed::from_bytes([SEED; 32]),
        lasting,
        expires_at: Time::from_millis(0),
        name: "sprinkler".into(),
        addresses: vec!["127.0.0.1".parse().unwrap()],
        router: Some("127.0.0.2".into()),
        port: rig.port(),
        router_port: 443,
    }
}

/// A server that has made an invite, or a token.
async fn inviting() -> Rig {
    let rig = Rig::new(key(1)).await;
    rig.judge(key(SEED).pin(), Ok(()));
    rig
}

/// Takes an enrolment to the point where it would be answered.
async fn enrolment(rig: &Rig) -> (Fake, Value, Guest) {
    let (mut fake, guest) = rig.accept().await;
    assert_eq!(guest.pin, key(SEED).pin());
    let asked = fake.request().await.unwrap();
    assert_eq!(asked["method"], "key/enrol");
    (fake, asked, guest)
}

async fn greet_own(rig: &Rig) {
    let (mut fake, _) = rig.accept().await;
    let hello = fake.request().await.unwrap();
    fake.answer(&hello, welcome(1)).await;
    assert_eq!(fake.request().await, None);
}

#[tokio::test]
async fn an_invite_is_spent_for_this_devices_own_key_and_the_server_is_saved_before() {
    let (home, rig) = (Home::new(), inviting().await);
    let server = async {
        let (mut fake, asked, guest) = enrolment(&rig).await;
        let own = PrivateKey::load(&home.dirs.state.join("client.key")).unwrap().unwrap();
        assert_eq!(home.saved()[0].pin, Some(rig.key.pin().to_string()));
        let bytes = |name: &str| {
            crate::text::base64::decode(asked["params"][name].as_str().unwrap()).unwrap()
        };
        assert_eq!(bytes("key"), own.spki());
        let message = tls::enrol_message(&guest.exporter, own.spki());
        assert!(tls::is_signed_by(own.spki(), &message, &bytes("signature")));
        let answer = json!({"keyId": own.pin().to_string(), "name": "phone", "role": "operator"});
        fake.answer(&asked, answer).await;
        assert_eq!(fake.request().await, None);
    };
    let invite = invite(&rig, false);
    let (paired, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), server);
    let paired = paired.unwrap();
    assert_eq!((paired.role, paired.already), (Role::Operator, false));
    let saved = Profile {
        name: "sprinkler".into(),
        lan: Some("127.0.0.1".into()),
        internet: Some("127.0.0.2".into()),
        port: rig.port(),
        internet_port: Some(443),
        pin: Some(rig.key.pin().to_string()),
        tags: Vec::new(),
    };
    assert_eq!(paired.profile, saved);
    assert_eq!(home.saved(), [saved]);
}

#[tokio::test]
async fn an_invite_that_does_not_do_says_why_and_nothing_is_left_saved() {
    for (verdict, says) in [
        (CertificateError::Revoked, "this invite was used already"),
        (CertificateError::Expired, "this invite has expired"),
        (CertificateError::ApplicationVerificationFailure, "the server does not know this invite"),
    ] {
        let (home, rig) = (Home::new(), Rig::new(key(1)).await);
        let used = verdict == CertificateError::Revoked;
        rig.judge(key(SEED).pin(), Err(verdict));
        let server = async {
            rig.refuse().await;
            if used {
                // Then it tries its own key, which is unknown.
                rig.refuse().await;
            }
        };
        let invite = invite(&rig, false);
        let (error, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), server);
        let said = error.unwrap_err().to_string();
        assert!(said.starts_with(says) && said.contains("topsided invite"), "{said}");
        assert_eq!(home.saved(), []);
    }
}

#[tokio::test]
async fn an_invite_that_this_device_has_used_is_no_failure() {
    let (home, rig) = (Home::new(), Rig::new(key(1)).await);
    rig.judge(key(SEED).pin(), Err(CertificateError::Revoked));
    rig.judge(home.own().pin(), Ok(()));
    let invite = invite(&rig, false);
    let server = async {
        rig.refuse().await;
        greet_own(&rig).await;
    };
    let (paired, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), server);
    let paired = paired.unwrap();
    assert_eq!((paired.role, paired.already), (Role::Admin, true));
    assert_eq!(home.saved(), [paired.profile]);
}

/// An old invite put the box's old addresses back over those that were saved since.
#[tokio::test]
async fn an_invite_that_was_used_changes_no_address_that_was_saved_since() {
    let (home, rig) = (Home::new(), Rig::new(key(1)).await);
    rig.judge(key(SEED).pin(), Err(CertificateError::Revoked));
    rig.judge(home.own().pin(), Ok(()));
    let newer = Profile {
        name: "garden".into(),
        lan: Some("192.168.7.7".into()),
        internet: Some("198.51.100.9".into()),
        port: 1234,
        internet_port: None,
        pin: Some(rig.key.pin().to_string()),
        tags: Vec::new(),
    };
    let mut store = ProfileStore::load(home.dirs.config.join(FILE_NAME)).unwrap();
    store.add(newer.clone()).unwrap();
    store.save().unwrap();
    let invite = invite(&rig, false);
    let server = async {
        rig.refuse().await;
        greet_own(&rig).await;
    };
    let (paired, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), server);
    assert_eq!(paired.unwrap().profile, newer);
    assert_eq!(home.saved(), [newer]);
}

#[tokio::test]
async fn a_lost_answer_does_not_lose_the_pairing() {
    let (home, rig) = (Home::new(), inviting().await);
    let invite = invite(&rig, false);
    let server = async {
        drop(enrolment(&rig).await);
        rig.judge(home.own().pin(), Ok(()));
        greet_own(&rig).await;
    };
    let (paired, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), server);
    assert!(paired.unwrap().already);
    assert_eq!(home.saved().len(), 1);
}

#[tokio::test]
async fn where_neither_answer_nor_server_comes_back_the_server_stays_saved() {
    let (home, rig) = (Home::new(), inviting().await);
    let mut invite = invite(&rig, false);
    invite.router = None;
    let server = async {
        let at_the_answer = enrolment(&rig).await;
        // The receiver may be gone.
        drop(rig);
        drop(at_the_answer);
    };
    let (error, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), server);
    let said = error.unwrap_err().to_string();
    assert!(
        said.ends_with("whether the invite was used is not known: run the same again"),
        "{said}"
    );
    assert_eq!(home.saved().len(), 1);
}

#[tokio::test]
async fn a_refused_enrolment_is_reported_in_the_servers_words() {
    let (home, rig) = (Home::new(), inviting().await);
    let invite = invite(&rig, false);
    let server = async {
        let (mut fake, asked, _) = enrolment(&rig).await;
        let error = json!({"code": -32602, "message": "the signature is not that of this key",
            "data": {"kind": "invalidParams"}});
        fake.refuse(&asked, error).await;
    };
    let (error, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), server);
    let said = error.unwrap_err().to_string();
    assert_eq!(said, "the server refused to pair: the signature is not that of this key");
    assert_eq!(home.saved(), []);
}

#[tokio::test]
async fn the_key_of_a_token_is_kept_for_its_server_once_it_was_let_in() {
    use std::os::unix::fs::PermissionsExt;
    let (home, rig) = (Home::new(), inviting().await);
    let invite = invite(&rig, true);
    let path = home.dirs.state.join(format!("keys/{}.key", rig.key.pin().digits()));
    // Twice: the second one takes the place of the first.
    for _ in 0..2 {
        let (paired, ()) = tokio::join!(
            pair(&invite, SaveAs { name: Some("robot"), replaces: None }, &home.dirs),
            greet_own(&rig)
        );
        assert_eq!(paired.unwrap().profile.name, "robot");
        let kept = PrivateKey::load(&path).unwrap().unwrap();
        assert_eq!(kept.pin(), key(SEED).pin());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(home.saved().len(), 1);

    // This device's own key, once paired, is the one to show.
    let one_time = Invite { lasting: false, ..invite };
    let server = async {
        let (mut fake, asked, _) = enrolment(&rig).await;
        let pin = home.own().pin().to_string();
        fake.answer(&asked, json!({"keyId": pin, "name": "phone", "role": "viewer"})).await;
    };
    let (paired, ()) = tokio::join!(pair(&one_time, SaveAs::default(), &home.dirs), server);
    assert_eq!(paired.unwrap().profile.name, "robot");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_token_that_was_revoked_is_not_kept() {
    let (home, rig) = (Home::new(), Rig::new(key(1)).await);
    rig.judge(key(SEED).pin(), Err(CertificateError::Revoked));
    let invite = invite(&rig, true);
    let (error, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), rig.refuse());
    let said = error.unwrap_err().to_string();
    assert!(said.starts_with("this token was revoked"), "{said}");
    assert!(!home.dirs.state.join("keys").exists());
    assert_eq!(home.saved(), []);
}

#[tokio::test]
async fn an_invite_whose_addresses_do_not_lead_to_its_server_is_not_spent() {
    let (home, stranger) = (Home::new(), Rig::new(key(2)).await);
    let mut invite = invite(&stranger, false);
    invite.server = key(1).pin();
    invite.router = None;
    let (error, ()) = tokio::join!(pair(&invite, SaveAs::default(), &home.dirs), stranger.refuse());
    let error = error.unwrap_err();
    assert!(matches!(error, PairError::Unreachable(ConnectError::WrongKey { .. })), "{error}");
    assert_eq!(home.saved(), []);
    invite.addresses.clear();
    let error = pair(&invite, SaveAs::default(), &home.dirs).await.unwrap_err();
    assert!(matches!(error, PairError::NoAddress), "{error}");
}
