//! Registers that nobody touches while their function is reset from outside, nor once it was let go.
//!
//! A kernel that resets a function takes its registers away meanwhile: who touches them sleeps in the kernel until the reset ends, and where that hangs,
//! for ever. So accesses are turned away first, those under way are waited for, and then the reset begins. Whoever reads meanwhile waits for its end, which is bounded: an answer of
//! all-ones would tell him of a function that is lost. What is written meanwhile is lost, as it would be in a function in reset.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::{Mmio, ResetError};

/// Between two looks whether accesses under way have ended.
const DRAIN_POLL: Duration = Duration::from_micros(50);

/// The way to registers, open or not. An access takes no lock unless a reset is under way.
#[derive(Default)]
pub struct Gate {
    registers: ArcSwapOption<Box<dyn Mmio>>,
    is_lost: AtomicBool,
    /// Whoever resets.
    turn: Mutex<()>,
}

impl Gate {
    /// Opens the way to `registers`, unless it is closed for ever.
    pub fn open(&self, registers: Box<dyn Mmio>) {
        self.admit(Some(Arc::new(registers)));
    }

    fn admit(&self, registers: Option<Arc<Box<dyn Mmio>>>) {
        self.registers.store(registers);
        // Closed meanwhile: whoever closes says so before he closes.
        if self.is_lost() {
            self.registers.store(None);
        }
    }

    /// Closes the way for ever, because the function is lost. The registers are dropped when the last access under way has ended.
    pub fn close(&self) {
        self.is_lost.store(true, Ordering::SeqCst);
        self.registers.store(None);
    }

    /// Whether the way is closed for ever.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::SeqCst)
    }

    /// Resets by `call`, which cannot be given up once it hangs: a thread of its own is sacrificed to it, and the function is lost.
    ///
    /// # Errors
    /// [`ResetError::Hung`] where `call`, or an access that was under way before it, does not end within `limit`, and for a function that is lost
    /// already; [`ResetError::Failed`] with what `call` says.
    pub fn reset_within(
        &self,
        limit: Duration,
        call: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), ResetError> {
        let _turn = self.turn.lock();
        if self.is_lost() {
            return Err(ResetError::Hung { after: Duration::ZERO });
        }
        let until = Instant::now() + limit;
        // After the swap, each access under way counts as a holder.
        let held = self.registers.swap(None);
        while held.as_ref().is_some_and(|held| Arc::strong_count(held) > 1) {
            if Instant::now() >= until {
                self.close();
                return Err(ResetError::Hung { after: limit });
            }
            thread::sleep(DRAIN_POLL);
        }
        let (tell, told) = mpsc::sync_channel(1);
        let sacrificed = thread::Builder::new().name("millrace-reset".into());
        let result = match sacrificed.spawn(move || tell.send(call())) {
            Ok(_) => told.recv_timeout(until.saturating_duration_since(Instant::now())),
            Err(error) => Ok(Err(error)),
        };
        match result {
            Ok(result) => {
                self.admit(held);
                result.map_err(ResetError::from)
            }
            Err(_) => {
                self.close();
                Err(ResetError::Hung { after: limit })
            }
        }
    }
}

impl Mmio for Gate {
    fn read32(&self, offset: u32) -> u32 {
        let read = || self.registers.load().as_ref().map(|registers| registers.read32(offset));
        read()
            .or_else(|| {
                if !self.is_lost() {
                    // Whoever resets has it, for as long as a reset may take.
                    drop(self.turn.lock());
                }
                read()
            })
            .unwrap_or(u32::MAX)
    }

    fn write32(&self, offset: u32, value: u32) {
        if let Some(registers) = &*self.registers.load() {
            registers.write32(offset, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FakeMmio;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Registers of which an access sleeps until it is let go.
    struct Slow {
        begun: mpsc::SyncSender<()>,
        go: Mutex<mpsc::Receiver<()>>,
    }

    impl Mmio for Slow {
        fn read32(&self, _: u32) -> u32 {
            let _ = self.begun.send(());
            let _ = self.go.lock().recv();
            7
        }

        fn write32(&self, _: u32, _: u32) {}
    }

    fn open() -> Arc<Gate> {
        let (gate, registers) = (Arc::new(Gate::default()), FakeMmio::default());
        registers.set(0, 7);
        gate.open(Box::new(registers));
        gate
    }

    #[test]
    fn nobody_is_let_through_while_a_reset_lasts() {
        let gate = open();
        assert_eq!(gate.read32(0), 7);
        let seen = gate.clone();
        let looks = move || {
            seen.write32(4, 1);
            if seen.registers.load().is_none() { Ok(()) } else { Err(io::Error::other("registers answer")) }
        };
        gate.reset_within(LIMIT, looks).unwrap();
        assert_eq!((gate.read32(0), gate.read32(4)), (7, u32::MAX), "what was written meanwhile is lost");
    }

    #[test]
    fn who_reads_while_a_reset_lasts_is_not_told_of_a_dead_link() {
        let gate = open();
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let reader = gate.clone();
            let reading = scope.spawn(move || {
                told.recv().unwrap();
                reader.read32(0)
            });
            let seen = gate.clone();
            let lasts = move || {
                tell.send(()).map_err(io::Error::other)?;
                // Until the reader has come, or long enough that one who does not wait would have been answered.
                thread::sleep(Duration::from_millis(50));
                if seen.registers.load().is_none() {
                    Ok(())
                } else {
                    Err(io::Error::other("it was let through"))
                }
            };
            gate.reset_within(LIMIT, lasts).unwrap();
            assert_eq!(reading.join().unwrap(), 7);
        });
    }

    #[test]
    fn who_reads_while_a_reset_hangs_is_told_when_it_is_given_up() {
        let gate = open();
        thread::scope(|scope| {
            let (go, stay) = mpsc::channel::<()>();
            let (tell, told) = mpsc::channel();
            let reader = gate.clone();
            let reading = scope.spawn(move || {
                told.recv().unwrap();
                reader.read32(0)
            });
            let hung = gate.reset_within(Duration::from_millis(50), move || {
                tell.send(()).map_err(io::Error::other)?;
                let _ = stay.recv();
                Ok(())
            });
            assert!(matches!(hung, Err(ResetError::Hung { .. })));
            assert_eq!(reading.join().unwrap(), u32::MAX);
            drop(go);
        });
    }

    #[test]
    fn a_reset_waits_for_accesses_under_way() {
        let gate = Arc::new(Gate::default());
        let ((begun, begins), (go, gone)) = (mpsc::sync_channel(1), mpsc::channel());
        gate.open(Box::new(Slow { begun, go: Mutex::new(gone) }));
        let (reader, may_end) = (gate.clone(), Arc::new(AtomicBool::new(false)));
        let read = may_end.clone();
        let reading = thread::spawn(move || assert_eq!(reader.read32(0), 7));
        begins.recv().unwrap();
        let letting = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            // Before the read may end.
            read.store(true, Ordering::SeqCst);
            go.send(()).unwrap();
        });
        let (tell, at_call) = mpsc::channel();
        let call = move || tell.send(may_end.load(Ordering::SeqCst)).map_err(io::Error::other);
        gate.reset_within(LIMIT, call).unwrap();
        assert_eq!(at_call.recv(), Ok(true), "the reset began while a register was read");
        reading.join().unwrap();
        letting.join().unwrap();
    }

    #[test]
    fn an_access_that_does_not_end_is_a_function_lost() {
        let gate = Arc::new(Gate::default());
        let ((begun, begins), (go, gone)) = (mpsc::sync_channel(1), mpsc::channel::<()>());
        gate.open(Box::new(Slow { begun, go: Mutex::new(gone) }));
        let reader = gate.clone();
        let reading = thread::spawn(move || reader.read32(0));
        begins.recv().unwrap();
        let called = Arc::new(AtomicBool::new(false));
        let call = {
            let called = called.clone();
            move || {
                called.store(true, Ordering::SeqCst);
                Ok(())
            }
        };
        let hung = gate.reset_within(Duration::from_millis(20), call);
        assert!(matches!(hung, Err(ResetError::Hung { .. })) && !called.load(Ordering::SeqCst));
        assert!(gate.is_lost());
        drop(go);
        assert_eq!(reading.join().unwrap(), 7);
    }

    #[test]
    fn a_reset_that_hangs_is_left_behind_and_the_function_lost() {
        let gate = open();
        let (go, stay) = mpsc::channel::<()>();
        let hung = gate.reset_within(Duration::from_millis(20), move || {
            let _ = stay.recv();
            Ok(())
        });
        assert!(matches!(hung, Err(ResetError::Hung { after }) if after == Duration::from_millis(20)));
        assert!(gate.is_lost() && gate.read32(0) == u32::MAX);
        let again = gate.reset_within(LIMIT, || unreachable!("it is lost"));
        assert!(matches!(again, Err(ResetError::Hung { after: Duration::ZERO })));
        drop(go);
        gate.open(Box::new(FakeMmio::default()));
        assert_eq!(gate.read32(0), u32::MAX, "it stays lost");
    }

    #[test]
    fn a_reset_that_fails_leaves_the_way_open() {
        let gate = open();
        let refused = gate.reset_within(LIMIT, || Err(io::Error::from_raw_os_error(libc::ENOTTY)));
        assert!(matches!(refused, Err(ResetError::Failed(_))));
        assert_eq!(gate.read32(0), 7);
    }

    #[test]
    fn what_is_closed_while_a_reset_lasts_stays_closed() {
        let gate = open();
        let closer = gate.clone();
        gate.reset_within(LIMIT, move || {
            closer.close();
            Ok(())
        })
        .unwrap();
        assert!(gate.is_lost() && gate.read32(0) == u32::MAX);
    }
}
