//! The bucket of a fleet at a real hub, and what each credential may do with it.

use topside_shared::Pin;
use topside_shared::fleet::{ROSTER_KEY, box_key, person_key, presence_key};
use topside_shared::hub::{Bucket, BucketError, FleetName, HubConnection, HubRole};

use crate::hub_server::Hub;

async fn bucket(hub: &Hub, role: HubRole, fleet: &str) -> Bucket {
    let fleet: FleetName = fleet.parse().unwrap();
    HubConnection::open(&hub.credentials().access(role, &fleet)).await.unwrap().bucket()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

#[test]
fn the_bucket_of_a_fleet_keeps_values_and_reports_changes() {
    let Some(hub) = Hub::new() else { return };
    runtime().block_on(async {
        let admin = bucket(&hub, HubRole::Admin, "garden").await;
        let missing = Err(BucketError::NoBucket("garden".parse().unwrap()));
        assert_eq!(admin.get(ROSTER_KEY).await, missing);
        assert_eq!(admin.put_after(ROSTER_KEY, "x".into(), 0).await.map(drop), missing.map(drop));
        admin.create().await.unwrap();
        // It is there, with the same configuration.
        admin.create().await.unwrap();
        assert_eq!(admin.get(ROSTER_KEY).await, Ok(None));
        let mut watch = admin.watch(">").await.unwrap();

        let first = admin.put_after(ROSTER_KEY, "one".into(), 0).await.unwrap();
        assert_eq!(admin.put_after(ROSTER_KEY, "x".into(), 0).await, Err(BucketError::Conflict));
        let second = admin.put_after(ROSTER_KEY, "two".into(), first).await.unwrap();
        assert_eq!(
            admin.put_after(ROSTER_KEY, "x".into(), first).await,
            Err(BucketError::Conflict)
        );
        let read = admin.get(ROSTER_KEY).await.unwrap().unwrap();
        assert_eq!((&*read.value, read.sequence), (&b"two"[..], second));

        admin.put("box.b", "b".into()).await.unwrap();
        admin.put("box.a", "a".into()).await.unwrap();
        admin.put("box.c", "c".into()).await.unwrap();
        admin.delete("box.b").await.unwrap();
        assert_eq!(admin.get("box.b").await, Ok(None));
        let keys = |entries: Vec<topside_shared::hub::Entry>| {
            entries.into_iter().map(|entry| entry.key).collect::<Vec<_>>()
        };
        assert_eq!(keys(admin.list("box.*").await.unwrap()), ["box.a", "box.c"]);
        assert_eq!(keys(admin.list(">").await.unwrap()), ["roster", "box.a", "box.c"]);
        assert_eq!(keys(admin.list("presence.*").await.unwrap()), [""; 0]);
        let mut seen = Vec::new();
        while !seen.contains(&("box.b".to_owned(), false)) {
            let change = watch.next().await.unwrap();
            seen.push((change.key, change.value.is_some()));
        }
        assert!(seen.contains(&("roster".to_owned(), true)), "{seen:?}");
        let large = vec![b'x'; 900 * 1024];
        admin.put(ROSTER_KEY, large.clone().into()).await.unwrap();
        assert_eq!(admin.get(ROSTER_KEY).await.unwrap().unwrap().value, large);
        let larger = vec![b'x'; 1024 * 1024];
        assert_eq!(
            admin.put(ROSTER_KEY, larger.into()).await,
            Err(BucketError::TooLarge(1024 * 1024))
        );
    });
}

#[test]
fn a_list_of_many_keys_is_whole_where_the_reader_has_one_thread() {
    let Some(hub) = Hub::new() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let admin = bucket(&hub, HubRole::Admin, "garden").await;
        admin.create().await.unwrap();
        let count = 20_000;
        for number in 1..count {
            admin.send(&format!("presence.{number}"), "here".into()).await.unwrap();
        }
        // Its answer says that the hub has stored all of them.
        admin.put("presence.last", "here".into()).await.unwrap();
        let person = bucket(&hub, HubRole::Person, "garden").await;
        assert_eq!(person.list("presence.*").await.unwrap().len(), count);
    });
}

#[test]
fn a_stolen_credential_cannot_enter_the_roster_or_read_what_is_not_for_its_side() {
    let Some(hub) = Hub::new() else { return };
    let pin = Pin::from_bytes([7; 32]);
    runtime().block_on(async {
        let admin = bucket(&hub, HubRole::Admin, "garden").await;
        admin.create().await.unwrap();
        for key in [ROSTER_KEY, &box_key(&pin), &person_key(&pin), &presence_key(&pin)] {
            admin.put(key, "right".into()).await.unwrap();
        }
        let boxes = bucket(&hub, HubRole::Box, "garden").await;
        let people = bucket(&hub, HubRole::Person, "garden").await;
        for key in [ROSTER_KEY, &box_key(&pin), &person_key(&pin)] {
            assert!(boxes.get(key).await.unwrap().is_some(), "{key}");
        }
        for key in [&box_key(&pin), &presence_key(&pin)] {
            boxes.put(key, "right".into()).await.unwrap();
        }
        people.put(&person_key(&pin), "right".into()).await.unwrap();
        assert_eq!(people.list(">").await.unwrap().len(), 4);

        // Each is told so at once, also when they run at the same time.
        let (person, presence) = (person_key(&pin), presence_key(&pin));
        let announced = box_key(&pin);
        let denied = Err(BucketError::NotPermitted);
        let wrong = || "wrong".into();
        let results = tokio::join!(
            boxes.put(ROSTER_KEY, wrong()),
            boxes.put(&person, wrong()),
            people.put(ROSTER_KEY, wrong()),
            people.put(&announced, wrong()),
            people.put(&presence, wrong()),
        );
        for result in [results.0, results.1, results.2, results.3, results.4] {
            assert_eq!(result, denied);
        }
        let denied =
            |result: Result<(), BucketError>| assert_eq!(result, Err(BucketError::NotPermitted));
        let results = tokio::join!(
            boxes.get(&presence),
            boxes.list("box.*"),
            boxes.create(),
            boxes.destroy(),
            people.destroy(),
            people.create(),
        );
        denied(results.0.map(drop));
        denied(results.1.map(drop));
        [results.2, results.3, results.4, results.5].into_iter().for_each(denied);
        for entry in admin.list(">").await.unwrap() {
            assert_eq!(&*entry.value, b"right", "{}", entry.key);
        }
    });
}

#[test]
fn a_hub_without_jetstream_has_its_own_sentence() {
    let Some(mut hub) = Hub::new() else { return };
    hub.stop();
    let path = hub.dir.path().join("hub/nats-server.conf");
    let config = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = config.split_once("jetstream {").unwrap();
    let after = rest.split_once("}\n").unwrap().1;
    std::fs::write(&path, [before, after].concat()).unwrap();
    hub.start("hub");
    runtime().block_on(async {
        for role in HubRole::ALL {
            let fleet = bucket(&hub, role, "garden").await;
            assert_eq!(fleet.get(ROSTER_KEY).await, Err(BucketError::NoJetStream), "{role:?}");
        }
        let admin = bucket(&hub, HubRole::Admin, "garden").await;
        assert_eq!(admin.create().await, Err(BucketError::NoJetStream));
    });
}
