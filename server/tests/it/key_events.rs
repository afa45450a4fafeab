//! Notifications of keys: who invited a device learns that the invite was used, or that it expired.

use serde_json::json;

use crate::common::{Device, TestServer};

#[test]
fn an_admin_is_notified_that_an_invite_was_used_and_by_which_device() {
    let server = TestServer::remote("");
    let mut admin = server.connect_with_notices();
    admin.ok("events/subscribe", json!({"topics": ["keys"]}));
    let made = admin.ok("key/invite", json!({"name": "phone", "role": "operator"}));
    let changed = admin.told("keys/changed");
    assert_eq!((&changed["key"], changed.get("invite")), (&made["key"], None));
    let device = Device::of_invite(made["invite"].as_str().unwrap()).enrol();
    let used = admin.told("keys/changed");
    assert_eq!(used["invite"], made["key"]["keyId"]);
    assert_eq!(
        (&used["key"]["state"], &used["key"]["role"]),
        (&json!("active"), &json!("operator"))
    );
    let keys = admin.ok("keys/list", json!({}));
    let keys = keys["keys"].as_array().unwrap();
    assert!(
        keys.iter()
            .any(|row| row["keyId"] == used["key"]["keyId"] && row["name"] == used["key"]["name"])
    );
    // A device below admin may not subscribe to it.
    let mut operator = device.connect();
    let error = operator.refused("events/subscribe", json!({"topics": ["keys"]}));
    assert_eq!(error["data"]["kind"], "forbidden");
    admin.ok("key/revoke", json!({"keyId": used["key"]["keyId"]}));
    assert_eq!(admin.told("keys/changed")["key"]["state"], "revoked");
}

#[test]
fn an_admin_is_notified_that_an_invite_expired() {
    let server = TestServer::remote("");
    let mut admin = server.connect_with_notices();
    admin.ok("events/subscribe", json!({"topics": ["keys"]}));
    let invite = json!({"name": "phone", "role": "viewer", "ttlMs": 50});
    let made = admin.ok("key/invite", invite);
    admin.told("keys/changed");
    let expired = admin.told("keys/changed");
    assert_eq!(expired["key"]["keyId"], made["key"]["keyId"]);
    assert_eq!(expired["key"]["state"], "expired");
}
