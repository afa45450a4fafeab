use std::collections::HashSet;
use std::num::NonZeroUsize;

use topside_shared::Role;

use super::*;

const SEATS: usize = 4;
const SEATS_OF_ADMINS: usize = 6;

fn needs(command: &str, most: usize, locks: &[&str], seats: usize) -> Needs {
    Needs {
        command: command.to_owned(),
        user: "ann".to_owned(),
        access: RunAccess { owner: crate::base::identity::Owner::User(1), role: Role::Viewer },
        exclusion: Exclusion {
            max_concurrent: NonZeroUsize::new(most),
            queue: 2,
            locks: locks.iter().map(|lock| (*lock).to_owned()).collect(),
            group: None,
        },
        seats,
        by_admin: false,
    }
}

fn id(run: u64) -> RunId {
    RunId(run)
}

/// The places and what is waited for, of all that wait.
fn waits(queue: &Queue) -> Vec<(u64, u64, String)> {
    let places = queue.places().into_iter();
    let words = |standing: &QueuePlace| {
        topside_shared::records::queue_reason::describe(&standing.waits_for)
    };
    places.map(|(id, standing)| (id.0, standing.place, words(&standing))).collect()
}

#[test]
fn the_edge_of_max_concurrent_of_the_queue_and_of_the_server() {
    let mut queue = Queue::default();
    let two = || needs("a", 2, &[], usize::MAX);
    assert_eq!(queue.ask(id(1), two(), 3), Ok(None));
    assert_eq!(queue.ask(id(2), two(), 3), Ok(None));
    assert_eq!(queue.ask(id(3), two(), 3).unwrap().unwrap().place, 1);
    assert_eq!(queue.ask(id(4), two(), 3).unwrap().unwrap().place, 2);
    assert_eq!(queue.ask(id(5), two(), 3).unwrap_err().why, RefusalReason::Queue(2));
    let none = Needs { exclusion: Exclusion { queue: 0, ..two().exclusion }, ..two() };
    assert_eq!(queue.ask(id(5), none, 3).unwrap_err().why, RefusalReason::NoQueue);
    assert_eq!(queue.ask(id(6), needs("b", 1, &[], usize::MAX), 3), Ok(None));
    assert_eq!(queue.ask(id(7), needs("b", 1, &[], usize::MAX), 3).unwrap().unwrap().place, 1);
    let refused = queue.ask(id(8), needs("b", 1, &[], usize::MAX), 3).unwrap_err();
    assert_eq!(refused.why, RefusalReason::Server(3));
    assert_eq!(refused.waits_for[0].held_by[0].run_id, id(6));
    assert_eq!(queue.len(), 3);
    assert!(queue.leave(id(1)));
    assert!(!queue.leave(id(1)));
    assert_eq!(queue.turns(), [id(3)]);
    assert_eq!(queue.turns(), []);
    assert!(queue.leave(id(4)), "out of the middle");
    assert_eq!(waits(&queue), [(7, 1, "the end of #6 b of ann".to_owned())]);
}

#[test]
fn nothing_is_taken_piecemeal_and_what_is_kept_for_an_earlier_one_is_not_taken_by_a_later_one() {
    let mut queue = Queue::default();
    assert_eq!(queue.ask(id(1), needs("x", 0, &["x"], usize::MAX), 9), Ok(None));
    assert!(queue.ask(id(2), needs("both", 0, &["x", "y"], usize::MAX), 9).unwrap().is_some());
    // `y` is free, and kept for #2; who needs neither passes.
    let standing = queue.ask(id(3), needs("y", 0, &["y"], usize::MAX), 9).unwrap().unwrap();
    assert_eq!((standing.place, standing.waits_for[0].held_by[0].run_id), (2, id(2)));
    assert_eq!(queue.ask(id(4), needs("z", 0, &["z"], usize::MAX), 9), Ok(None));
    let kept = "the lock y, which is kept for #2 both of ann";
    let held = "the lock x, held by #1 x of ann";
    assert_eq!(waits(&queue), [(2, 1, held.into()), (3, 2, kept.into())]);
    queue.leave(id(1));
    assert_eq!(queue.turns(), [id(2)]);
    assert_eq!(waits(&queue), [(3, 1, "the lock y, held by #2 both of ann".into())]);
    queue.leave(id(2));
    assert_eq!(queue.turns(), [id(3)]);
}

#[test]
fn a_seat_goes_to_the_first_who_waits_for_nothing_else() {
    let mut queue = Queue::default();
    let free = |name| needs(name, 0, &[], 2);
    assert_eq!(queue.ask(id(1), needs("l", 0, &["l"], 2), 9), Ok(None));
    assert_eq!(queue.ask(id(2), free("a"), 9), Ok(None));
    // It waits for the lock as well: it delays no other, and has no place before those that wait for a seat only.
    assert_eq!(queue.ask(id(3), needs("m", 0, &["l"], 2), 9).unwrap().unwrap().place, 1);
    assert_eq!(queue.ask(id(4), free("b"), 9).unwrap().unwrap().place, 1);
    assert_eq!(queue.ask(id(5), free("c"), 9).unwrap().unwrap().place, 2);
    queue.leave(id(2));
    assert_eq!(queue.turns(), [id(4)]);
    queue.set_seats(1, 0);
    queue.leave(id(1));
    assert_eq!(queue.turns(), [], "the lock alone is not enough");
    assert_eq!(waits(&queue)[0].1, 1);
    queue.leave(id(4));
    assert_eq!(queue.turns(), [id(3)], "it was there before #5");
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % most
    }
}

/// What must hold at any moment.
fn check(queue: &Queue) {
    let mut locks = HashSet::new();
    for needs in queue.holding.values() {
        assert!(needs.exclusion.locks.iter().all(|lock| locks.insert(lock.clone())), "{queue:?}");
        let own = queue.holding.values().filter(|other| other.command == needs.command).count();
        assert!(needs.exclusion.max_concurrent.is_none_or(|most| own <= most.get()), "{queue:?}");
    }
    let of_others = queue.holding.values().filter(|needs| needs.seats == SEATS).count();
    assert!(of_others <= SEATS && queue.holding.len() <= SEATS_OF_ADMINS, "{queue:?}");
    for (_, standing) in queue.places() {
        assert!(!standing.waits_for.is_empty(), "one could start: {queue:?}");
    }
}

#[test]
fn in_any_order_of_starts_and_ends_no_run_overlaps_overtakes_or_is_forgotten() {
    let mut chance = Chance(4);
    for round in 0..200 {
        let mut queue = Queue::default();
        let mut started = Vec::new();
        let mut asked: Vec<(RunId, Needs)> = Vec::new();
        for run in 1..40 {
            let most = usize::try_from(chance.below(3)).unwrap();
            let command = ["a", "b", "c"][most];
            let locks: Vec<&str> =
                ["x", "y", "z"].into_iter().filter(|_| chance.below(3) == 0).collect();
            let seat = if chance.below(4) > 0 { SEATS } else { SEATS_OF_ADMINS };
            let mut needs = needs(command, most, &locks, seat);
            needs.exclusion.queue = 100;
            asked.push((id(run), needs.clone()));
            if queue.ask(id(run), needs, 100).unwrap().is_none() {
                started.push(id(run));
            }
            check(&queue);
            if chance.below(2) == 0 {
                let gone = id(chance.below(run) + 1);
                queue.leave(gone);
                started.extend(queue.turns());
                check(&queue);
            }
        }
        // In the end each has its turn, as long as others end.
        while let Some(first) = queue.holding.keys().next().copied() {
            queue.leave(first);
            started.extend(queue.turns());
            check(&queue);
        }
        assert_eq!(queue.len(), 0, "round {round}");
        let place = |id: RunId| started.iter().position(|other| *other == id);
        for (at, (late, needs)) in asked.iter().enumerate() {
            for (early, other) in &asked[..at] {
                let shares = other.command == needs.command || needs.shares_a_lock(other);
                if let (true, Some(early), Some(late)) = (shares, place(*early), place(*late)) {
                    assert!(early < late, "round {round}: {started:?}");
                }
            }
        }
    }
}
