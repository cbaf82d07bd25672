//! Who touches a simulated device's registers, and how long he waits for the simulation.
//!
//! One thread steps the simulation, and holds it for a turn. Whoever wants a register says so before he waits; after a turn the thread lets all in that had
//! said so before the turn ended, and takes its next turn when they have been served. So nobody waits for more than [`TURNS_MOST`] turns, however the system
//! hands locks out, and however many others come; and the simulation goes on, as those who come meanwhile are served after its next turn.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::device::CYCLES_PER_TURN;

/// The turn that is under way, and one more for who came as that one ended and was counted with those of the one before.
const TURNS_MOST: u64 = 2;

/// Accesses that wait, and how long they did.
#[derive(Default, Debug)]
pub struct Waits {
    /// Turns that have ended; its lowest bit says with whom of the two next is counted who comes.
    turns: AtomicU64,
    waiting: [AtomicUsize; 2],
    served: Condvar,
    accesses: AtomicU64,
    longest_turns: AtomicU64,
}

/// The simulation, while its registers are touched.
pub(crate) struct Served<'a, T> {
    sim: MutexGuard<'a, T>,
    waits: &'a Waits,
    with: usize,
}

impl Waits {
    /// Cycles that the simulation is stepped at most between an access that comes and its turn, but for those of other accesses.
    pub const CYCLES_MOST: u64 = TURNS_MOST * CYCLES_PER_TURN;

    /// Waits for the simulation.
    pub(crate) fn enter<'a, T>(&'a self, sim: &'a Mutex<T>) -> Served<'a, T> {
        let with = self.turns.load(Ordering::SeqCst) as usize & 1;
        self.waiting[with].fetch_add(1, Ordering::SeqCst);
        let came = self.turns.load(Ordering::SeqCst);
        let sim = sim.lock();
        let turns = self.turns.load(Ordering::SeqCst) - came;
        self.longest_turns.fetch_max(turns, Ordering::Relaxed);
        self.accesses.fetch_add(1, Ordering::Relaxed);
        Served { sim, waits: self, with }
    }

    /// After a turn: lets in who had come before its end.
    pub(crate) fn let_in<T>(&self, sim: &mut MutexGuard<'_, T>) {
        let with = self.turns.fetch_add(1, Ordering::SeqCst) as usize & 1;
        while self.waiting[with].load(Ordering::SeqCst) > 0 {
            self.served.wait(sim);
        }
    }

    /// Accesses so far.
    pub fn accesses(&self) -> u64 {
        self.accesses.load(Ordering::Relaxed)
    }

    /// Cycles that the simulation was stepped while the access waited that waited longest, but for those of other accesses.
    pub fn longest_cycles(&self) -> u64 {
        self.longest_turns.load(Ordering::Relaxed) * CYCLES_PER_TURN
    }
}

impl<T> std::ops::Deref for Served<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.sim
    }
}

impl<T> std::ops::DerefMut for Served<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.sim
    }
}

impl<T> Drop for Served<'_, T> {
    /// While the simulation is still held, so that who lets in and is about to sleep is not missed.
    fn drop(&mut self) {
        if self.waits.waiting[self.with].fetch_sub(1, Ordering::SeqCst) == 1 {
            self.waits.served.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicBool, thread};

    use super::*;

    /// Threads that want the simulation all the time, and one that steps it and never sleeps: all go on, and nobody waits longer than is said.
    #[test]
    fn nobody_waits_longer_than_is_said_and_the_simulation_goes_on() {
        let (waits, sim, stop) = (Waits::default(), Mutex::new(0u64), AtomicBool::new(false));
        thread::scope(|scope| {
            let stepping = scope.spawn(|| {
                let mut sim = sim.lock();
                let mut turns = 0u64;
                while !stop.load(Ordering::Acquire) {
                    *sim += 1;
                    turns += 1;
                    waits.let_in(&mut sim);
                }
                turns
            });
            let asking: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..1_000).for_each(|_| *waits.enter(&sim) += 1))).collect();
            let asked: Vec<_> = asking.into_iter().map(|asking| asking.join()).collect();
            stop.store(true, Ordering::Release);
            assert!(asked.iter().all(Result::is_ok));
            assert_eq!(stepping.join().unwrap() + 4_000, *sim.lock());
        });
        assert_eq!(waits.accesses(), 4_000);
        assert!(waits.longest_cycles() <= Waits::CYCLES_MOST, "{} cycles", waits.longest_cycles());
    }
}
