//! The store survives being killed, refuses what did not come next, and rewinds.

mod common;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use common::world::{DOMAIN, World};
use millrace_state::{
    Fr,
    store::{Store, StoreError},
    types::Domain,
};
use rand::{Rng, SeedableRng};

/// A history of batches, as words.
fn history(length: usize) -> Vec<Vec<Fr>> {
    let mut world = World::empty(31);
    (0..length)
        .map(|_| {
            let batch = world.random_batch(4);
            world.state.execute(DOMAIN, &batch).unwrap().words()
        })
        .collect()
}

#[test]
fn what_was_accepted_is_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("batches.redb");
    let history = history(12);
    let mut roots = Vec::new();
    for words in &history {
        let mut store = Store::open(&path, DOMAIN).unwrap();
        store.accept(words).unwrap();
        roots.push(store.state().root());
        assert_eq!(store.state().root(), words[2]);
    }
    let mut store = Store::open(&path, DOMAIN).unwrap();
    assert_eq!((store.accepted(), store.state().root()), (12, roots[11]));
    // Not what comes next: nothing changes.
    let mut world = World::empty(31);
    world.number = 40;
    let batch = world.random_batch(4);
    let misnumbered = world.state.execute(DOMAIN, &batch).unwrap().words();
    let mut empty = Store::open(&folder.path().join("other.redb"), DOMAIN).unwrap();
    assert!(matches!(empty.accept(&misnumbered), Err(StoreError::Number { expected: 1, got: 41 })));
    assert_eq!((empty.accepted(), empty.state().root()), (0, millrace_state::tree::empty_account_root()));
    assert!(matches!(store.accept(&history[0]), Err(StoreError::Replay { number: 13, .. })));
    assert_eq!((store.accepted(), store.state().root()), (12, roots[11]));
    store.rewind(7).unwrap();
    assert_eq!((store.accepted(), store.state().root()), (7, roots[6]));
    for words in &history[7..] {
        store.accept(words).unwrap();
    }
    assert_eq!(store.state().root(), roots[11]);
    store.rewind(0).unwrap();
    assert!(store.accept(&history[1]).is_err());
    assert_eq!(store.accepted(), 0);
    store.accept(&history[0]).unwrap();
    drop(store);
    // The file of another rollup, and a file that is none.
    let other = Domain { chain_id: 1, ..DOMAIN };
    assert!(matches!(Store::open(&path, other), Err(StoreError::Replay { number: 1, .. })));
    std::fs::write(&path, "not a database, but long enough to look at").unwrap();
    assert!(matches!(Store::open(&path, DOMAIN), Err(StoreError::Database(_))));
}

/// Whatever an operator's store holds when it comes back, L1's batches bring it to L1's state.
#[test]
fn it_follows_l1_from_wherever_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let history = history(6);
    // The same rollup up to here, and then another: what L1 forgot.
    let mut world = World::empty(31);
    let mut forgotten = Vec::new();
    for i in 0..6 {
        let mut batch = world.random_batch(4);
        batch.header.time += u64::from(i == 4);
        forgotten.push(world.state.execute(DOMAIN, &batch).unwrap().words());
    }
    assert_eq!(history[..4], forgotten[..4]);
    assert_ne!(history[4], forgotten[4]);
    for held in 0..=6 {
        for l1 in [&history[..], &history[..3], &forgotten[..], &[]] {
            let path = folder.path().join(format!("{held}-{}-{}.redb", l1.len(), l1 == &forgotten[..]));
            let mut store = Store::open(&path, DOMAIN).unwrap();
            for words in &history[..held] {
                store.accept(words).unwrap();
            }
            let same = history[..held].iter().zip(l1).take_while(|(mine, theirs)| mine == theirs).count();
            assert_eq!(store.follow(l1).unwrap(), same as u64);
            let root = l1.last().map_or(millrace_state::tree::empty_account_root(), |words| words[2]);
            assert_eq!((store.accepted(), store.state().root()), (l1.len() as u64, root));
            drop(store);
            let again = Store::open(&path, DOMAIN).unwrap();
            assert_eq!((again.accepted(), again.state().root()), (l1.len() as u64, root), "and on disk");
        }
    }
    // Batches that do not follow are refused, and those before them stay.
    let mut store = Store::open(&folder.path().join("wrong.redb"), DOMAIN).unwrap();
    let gap = [history[0].clone(), history[2].clone()];
    assert!(matches!(store.follow(&gap), Err(StoreError::Replay { number: 2, .. })));
    assert_eq!((store.accepted(), store.state().root()), (1, history[0][2]));
}

/// Names the store's file in a process that [`killed_at_any_point_it_loses_nothing_accepted`] starts.
const VICTIM: &str = "MILLRACE_STORE_VICTIM";

/// What the killed process does: accepts, and says so after each.
fn victim(path: &str) {
    let history = history(80);
    let mut store = Store::open(path.as_ref(), DOMAIN).unwrap();
    println!("accepted {}", store.accepted());
    for words in &history[store.accepted() as usize..] {
        store.accept(words).unwrap();
        println!("accepted {}", store.accepted());
    }
    println!("done");
}

#[test]
fn killed_at_any_point_it_loses_nothing_accepted() {
    if let Ok(path) = std::env::var(VICTIM) {
        return victim(&path);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("batches.redb");
    let history = history(80);
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let mut kills = 0;
    loop {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_at_any_point_it_loses_nothing_accepted", "--nocapture"])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Killed (SIGKILL) a random time after a random number of words from it.
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let patience = rng.random_range(2..20);
        let (mut said, mut done) = (0, false);
        for (n, line) in lines
            .map_while(Result::ok)
            .filter(|line| line.contains("accepted") || line.contains("done"))
            .enumerate()
        {
            done |= line.contains("done");
            said = line.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(said);
            if n == patience {
                std::thread::sleep(std::time::Duration::from_micros(rng.random_range(0..3000)));
                child.kill().unwrap();
                kills += 1;
            }
        }
        child.wait().unwrap();
        let store = Store::open(&path, DOMAIN).unwrap();
        assert!(store.accepted() >= said, "{} on disk, {said} were accepted", store.accepted());
        if let Some(last) = store.accepted().checked_sub(1) {
            assert_eq!(store.state().root(), history[last as usize][2]);
        }
        if done {
            break;
        }
    }
    assert!(kills >= 5, "killed {kills} times only");
    println!("killed {kills} times");
}
