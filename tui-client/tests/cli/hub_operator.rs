//! A hub in operator mode, with a user for each box and person. The permissions are those of docs/FLEET.md.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::{Value, json};
use topside_shared::Pin;
use topside_shared::fleet::{JoinString, ROSTER_KEY, box_key};
use topside_shared::hub::{
    BucketError, DialError, HubAccess, HubConnection, HubRole, HubUser, Refusal, digits,
};

use crate::common::{Place, eventually, text};
use crate::fleet_hubs::block_below;
use crate::hub_server::Hub;
use crate::remote_server::{Box, pair};

/// A claim as NATS signs it.
fn jwt(issuer: &KeyPair, subject: &str, name: &str, nats: &Value) -> String {
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let claims = json!({
        "jti": format!("{name}-{subject}"), "iat": 1_700_000_000, "iss": issuer.public_key(), "name": name,
        "sub": subject, "nats": nats,
    });
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let signature = issuer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

/// The words of each `nsc edit signing-key` of the page, by role.
fn signing_keys() -> HashMap<String, Vec<String>> {
    let commands = block_below("A key for each box").replace("\\\n", " ");
    let lines = commands.lines().filter(|line| line.starts_with("nsc edit signing-key "));
    let words = |line: &str| -> Vec<String> {
        line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
    };
    let keys = lines.map(words).map(|words| (after(&words, "--role").remove(0), words));
    keys.collect()
}

/// The values of a flag, with commas between them.
fn after(words: &[String], flag: &str) -> Vec<String> {
    let values = words.windows(2).filter(|pair| pair[0] == flag).map(|pair| &pair[1]);
    values.flat_map(|value| value.split(',')).map(str::to_owned).collect()
}

/// The hub, and the keys that sign users of each role.
struct Operator {
    hub: Hub,
    account: KeyPair,
    roles: HashMap<String, KeyPair>,
}

impl Operator {
    /// A hub of `hub init` whose users are those of an operator; none where there is no nats-server.
    fn new() -> Option<Self> {
        let mut hub = Hub::new()?;
        hub.stop();
        let (operator, account, system) =
            (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
        let mut roles = HashMap::new();
        let mut scopes = Vec::new();
        for (role, words) in signing_keys() {
            let key = KeyPair::new_account();
            let allow = |flag: &str| json!({ "allow": after(&words, flag) });
            scopes.push(json!({
                "kind": "user_scope", "key": key.public_key(), "role": role,
                "template": {
                    "pub": allow("--allow-pub"), "sub": allow("--allow-sub"), "subs": -1, "data": -1, "payload": -1,
                },
            }));
            roles.insert(role, key);
        }
        let limits = |storage: i64| {
            json!({
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
                "leaf": -1, "mem_storage": storage, "disk_storage": storage, "streams": storage, "consumer": storage,
            })
        };
        let of_account = |key: &KeyPair, name: &str, storage: i64, scopes: &[Value]| {
            let nats = json!({
                "limits": limits(storage), "signing_keys": scopes, "default_permissions": { "pub": {}, "sub": {} },
                "type": "account", "version": 2,
            });
            format!("  {}: {}\n", key.public_key(), jwt(&operator, &key.public_key(), name, &nats))
        };
        let nats = json!({
            "type": "operator", "version": 2, "system_account": system.public_key(),
        });
        let config = format!(
            "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}{}}}\n",
            jwt(&operator, &operator.public_key(), "topside", &nats),
            system.public_key(),
            of_account(&system, "SYS", 0, &[]),
            of_account(&account, "hub", -1, &scopes),
        );
        let dir = hub.dir.path().join("hub");
        std::fs::write(dir.join("operator.conf"), config).unwrap();
        let path = dir.join("nats-server.conf");
        let server = std::fs::read_to_string(&path).unwrap();
        let (before, _) = server.split_once("authorization {").unwrap();
        std::fs::write(&path, format!("{before}include operator.conf\n")).unwrap();
        hub.start("hub");
        Some(Self { hub, account, roles })
    }

    /// A credentials file for a user, as `nsc generate creds` writes it.
    fn credentials(&self, role: &str, name: &str) -> String {
        let user = KeyPair::new_user();
        let nats = json!({
            "issuer_account": self.account.public_key(), "type": "user", "version": 2,
        });
        let jwt = jwt(&self.roles[role], &user.public_key(), name, &nats);
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             NKEY Seed printed below can be used to sign and prove identity.\n\
             NKEYs are sensitive and should be treated as secrets.\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.seed().unwrap()
        )
    }

    /// The same in a file of a place.
    fn file(&self, place: &Place, role: &str, name: &str) -> PathBuf {
        let file = format!("{name}.creds");
        place.write(&file, &self.credentials(role, name));
        place.path(&file)
    }

    /// A device that has created the fleet here.
    fn admin(&self) -> Place {
        let admin = Place::new();
        let file = self.file(&admin, "admin", "admin");
        let hub = self.hub.credentials().to_string();
        let create = ["fleet", "create", "garden", "--as", "anna", "--hub", &hub];
        let refused = admin.verb(&create).with(125);
        assert!(refused.err.contains("credentials file (`--credentials`)"), "{refused:?}");
        eventually("the fleet is created", || {
            let with = ["--credentials", text(&file)];
            admin.verb(&[&create[..], &with].concat()).status == Some(0)
        });
        admin
    }
}

fn invite_box(admin: &Place) -> String {
    admin.verb(&["fleet", "invite-box", "--auto"]).with(0).out.trim_end().to_owned()
}

fn join(garden: &Box, more: &[&str]) -> crate::common::Ended {
    garden.place.verb(&[&["serve", "join"], more].concat())
}

fn pin_of(garden: &Box) -> Pin {
    garden.verb(&["id"]).parse().unwrap()
}

#[test]
fn a_box_and_a_person_join_with_their_own_credentials() {
    let Some(operator) = Operator::new() else { return };
    let admin = operator.admin();
    let garden = Box::with(Place::new());
    let own = digits(&pin_of(&garden));
    let string = invite_box(&admin);
    // The password of the string is of no use.
    let refused = join(&garden, &[&string]).with(1);
    assert!(refused.err.contains("does not accept this side's credential"), "{refused:?}");
    assert!(refused.err.contains("`--credentials`"), "{refused:?}");
    let other = operator.file(&garden.place, "box", &"0".repeat(32));
    let refused = join(&garden, &[&string, "--credentials", text(&other)]).with(1);
    assert!(
        refused.err.contains(&format!("the user of the box is {own} (`topsided id`)")),
        "{refused:?}"
    );
    garden.place.write("wrong.creds", &string);
    let wrong = garden.place.path("wrong.creds");
    let refused = join(&garden, &[&string, "--credentials", text(&wrong)]).with(1);
    assert!(refused.err.contains("it is no credentials file of NATS"), "{refused:?}");
    assert!(!garden.place.path("state/fleet.json").exists());

    let file = operator.file(&garden.place, "box", &own);
    join(&garden, &[&string, "--credentials", text(&file)]).with(0);
    std::fs::remove_file(file).unwrap();
    operator.hub.is_joined(&garden);
    let kept = std::fs::metadata(garden.place.path("state/hub.creds")).unwrap();
    assert_eq!(kept.permissions().mode() & 0o777, 0o600);
    let doctor = garden.place.verb(&["serve", "doctor"]).out;
    assert!(
        doctor.contains(&format!("accepts the user `{own}`, and the server listens")),
        "{doctor}"
    );

    let phone = Place::new();
    let string = admin.verb(&["fleet", "invite", "bert", "--role", "operator"]).with(0).out;
    let string = string.trim_end();
    let refused = pair(&phone, &[string]).with(125);
    assert!(refused.err.contains("`--credentials`"), "{refused:?}");
    let file = operator.file(&phone, "person", "bert");
    pair(&phone, &[string, "--credentials", text(&file)]).with(0);
    std::fs::remove_file(file).unwrap();
    let boxes = admin.json(&["fleet", "boxes"]);
    let name = boxes["boxes"][0]["name"].as_str().unwrap();
    let run = ["--on", name, "--via", "hub", "echo", "here"];
    eventually("bert runs a command", || phone.run(&run).out == "here\n");
    assert_eq!(admin.run(&run).with(0).out, "here\n");
    eventually("the presence is at the hub", || {
        phone.json(&["fleet", "boxes"])["boxes"][0]["state"] == "hub"
    });

    garden.verb(&["leave"]);
    assert!(!garden.place.path("state/hub.creds").exists());
}

#[test]
fn the_credentials_of_a_box_are_good_for_no_other_box() {
    let Some(operator) = Operator::new() else { return };
    let admin = operator.admin();
    let garden = Box::with(Place::new());
    let (pin, thief) = (pin_of(&garden), Pin::from_bytes([9; 32]));
    let file = operator.file(&garden.place, "box", &digits(&pin));
    let string = invite_box(&admin);
    join(&garden, &[&string, "--credentials", text(&file)]).with(0);
    operator.hub.is_joined(&garden);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let connect = |role, user: &str| {
        let name = if role == HubRole::Box { "box" } else { "person" };
        let file = operator.credentials(name, user);
        let string = JoinString::find(&string, HubRole::Box).unwrap();
        let access = HubAccess { role, user: Some(HubUser::read(&file).unwrap()), ..string.access };
        runtime.block_on(HubConnection::open(&access)).unwrap()
    };
    let thief_hub = connect(HubRole::Box, &digits(&thief));
    let mut stolen = runtime.block_on(thief_hub.listen(&pin)).unwrap();
    let mut own = runtime.block_on(thief_hub.listen(&thief)).unwrap();
    let anna = connect(HubRole::Person, "anna");
    runtime.block_on(async {
        // The hub has seen both subscriptions.
        thief_hub.bucket().get(ROSTER_KEY).await.unwrap().unwrap();
        anna.dial(&pin).await.unwrap();
        let refuse = async { own.next().await.unwrap().refuse(Refusal::Busy).await.unwrap() };
        let (dialled, ()) = tokio::join!(anna.dial(&thief), refuse);
        // It was delivered after the dial of the other box.
        assert!(matches!(dialled, Err(DialError::Refused(Refusal::Busy))), "{dialled:?}");
        let taken = tokio::time::timeout(std::time::Duration::ZERO, stolen.next()).await;
        assert!(taken.is_err(), "the dial of another box was delivered");
        // Nor does it write for the other box.
        let error = thief_hub.bucket().put(&box_key(&pin), "x".into()).await.unwrap_err();
        assert_eq!(error, BucketError::NotPermitted);
    });
}
