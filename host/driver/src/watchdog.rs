//! The clock of every wait: a counter of the device, not wall time. While jobs run it is that of their engine, so that another's work does not hide
//! that one stands still; while the device is brought back it is `PROGRESS`.

use std::time::{Duration, Instant};

use crate::DriverConfig;

/// A working device may need this many times what its jobs are expected to take ...
const WORK_FACTOR: u64 = 64;
/// ... and this much besides.
const WORK_FLOOR: u64 = 1 << 24;
/// A device that works does at least so many operations and beats of its jobs a second; a simulation on a busy machine some times more.
const LEAST_RATE: u64 = 2_000;
/// So many stall times besides: a counter that only creeps holds nobody up for ever ...
const CREEP_STALLS: u32 = 60;
/// ... and so many at most, whatever the work is: two hours, by the usual stall time.
const CREEP_STALLS_MOST: u32 = 720;

/// What a reading of the counter says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It moves.
    Moving,
    /// It stands still, not yet for long.
    Still,
    /// It has stood still for half of the time allowed.
    HalfStuck,
    /// It stood still for as long as was allowed, or moved for nothing.
    Stuck,
}

/// Judges readings of a counter.
pub(crate) struct Watchdog {
    stall_time: Duration,
    stall_readings: u32,
    interval: Duration,
    last: Option<u64>,
    since: Instant,
    readings: u32,
    next: Instant,
    moved: u64,
    /// Readings since the bounds began, whatever they said.
    looks: u32,
    halfway_told: bool,
    /// Something right came since the last look at the clock, when so much work had ended.
    touched: bool,
    /// Work that had ended when the bounds began.
    ended_before: u64,
}

impl Watchdog {
    pub(crate) fn new(config: &DriverConfig) -> Self {
        let now = Instant::now();
        Self {
            stall_time: config.stall_time,
            stall_readings: config.stall_readings,
            interval: config.progress_interval,
            last: None,
            since: now,
            readings: 0,
            next: now + config.progress_interval,
            moved: 0,
            looks: 0,
            halfway_told: false,
            touched: false,
            ended_before: 0,
        }
    }

    /// Something right came from the device: all bounds begin anew at the next look. No clock is read here, as this is told for every job.
    pub(crate) fn touch(&mut self, work_ended: u64) {
        (self.touched, self.ended_before) = (true, work_ended);
    }

    /// Whether something right came since the last look.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched
    }

    /// Lets the bounds begin anew if something right came since the last look; whether it did.
    pub(crate) fn begin_if_touched(&mut self) -> bool {
        let touched = self.touched;
        if touched {
            self.restart(self.ended_before);
        }
        touched
    }

    /// All bounds begin anew now, when this much work has ended on the device.
    pub(crate) fn restart(&mut self, work_ended: u64) {
        let now = Instant::now();
        (self.touched, self.ended_before) = (false, work_ended);
        (self.last, self.since, self.readings, self.moved, self.looks) = (None, now, 0, 0, 0);
        self.next = now + self.interval;
        self.halfway_told = false;
    }

    /// Another job is tried now, which has its own time to stand still in; what the counter may move and how long it may creep is granted to all of them
    /// together.
    pub(crate) fn next_suspect(&mut self) {
        let now = Instant::now();
        (self.last, self.since, self.readings, self.halfway_told) = (None, now, 0, false);
        self.next = now + self.interval;
    }

    /// Whether it is time for a reading.
    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    /// Takes a reading, with the number of operations and beats that all jobs of the counter's engine sent so far, of any queue, were
    /// expected to need.
    pub(crate) fn observe(&mut self, progress: u64, work_sent: u64) -> Verdict {
        self.begin_if_touched();
        let expected_work = work_sent.saturating_sub(self.ended_before);
        let now = Instant::now();
        self.next = now + self.interval;
        self.looks = self.looks.saturating_add(1);
        let delta = self.last.map_or(0, |last| progress.wrapping_sub(last));
        if self.last.replace(progress).is_none() || delta != 0 {
            (self.since, self.readings, self.halfway_told) = (now, 0, false);
            self.moved = self.moved.saturating_add(delta);
            let bound = expected_work.saturating_mul(WORK_FACTOR).saturating_add(WORK_FLOOR);
            let is_stuck = self.moved > bound || self.creeps(expected_work);
            return if is_stuck { Verdict::Stuck } else { Verdict::Moving };
        }
        self.readings += 1;
        let still = now - self.since;
        if still >= self.stall_time && self.readings >= self.stall_readings {
            Verdict::Stuck
        } else if still * 2 >= self.stall_time && !self.halfway_told {
            self.halfway_told = true;
            Verdict::HalfStuck
        } else {
            Verdict::Still
        }
    }

    /// Whether so much work should long have been done. Time is counted by readings, each of which stands for the interval between two: a process that was not
    /// scheduled must not blame the device.
    fn creeps(&self, expected_work: u64) -> bool {
        let stalls = |stalls| self.stall_time.max(self.interval).saturating_mul(stalls);
        let allowed = Duration::from_secs(expected_work / LEAST_RATE).saturating_add(stalls(CREEP_STALLS));
        self.interval.saturating_mul(self.looks) > allowed.min(stalls(CREEP_STALLS_MOST))
    }

    /// What was waited for, for an error.
    pub(crate) fn waited(&self) -> String {
        if self.readings == 0 {
            format!("{} operations in {} readings without a completion", self.moved, self.looks)
        } else {
            format!("{:.1} s without a move of its engine", self.since.elapsed().as_secs_f64())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog(stall_ms: u64) -> Watchdog {
        let stall_time = Duration::from_millis(stall_ms);
        Watchdog::new(&DriverConfig { stall_time, stall_readings: 3, ..DriverConfig::default() })
    }

    #[test]
    fn time_alone_does_not_make_a_device_stuck() {
        let mut dog = watchdog(0);
        assert_eq!(dog.observe(5, 0), Verdict::Moving);
        assert_eq!(dog.observe(5, 0), Verdict::HalfStuck);
        assert_eq!(dog.observe(5, 0), Verdict::Still);
        assert_eq!(dog.observe(5, 0), Verdict::Stuck);
        dog.restart(0);
        assert_eq!(dog.observe(5, 0), Verdict::Moving);
    }

    #[test]
    fn readings_alone_do_not_either() {
        let mut dog = watchdog(60_000);
        assert_eq!(dog.observe(5, 0), Verdict::Moving);
        for _ in 0..100 {
            assert_eq!(dog.observe(5, 0), Verdict::Still);
        }
        assert_eq!(dog.observe(6, 0), Verdict::Moving);
    }

    #[test]
    fn moving_for_nothing_ends_too() {
        let mut dog = watchdog(60_000);
        dog.touch(7);
        assert!(dog.is_touched());
        dog.observe(0, 8);
        assert!(!dog.is_touched());
        assert_eq!(dog.observe(WORK_FLOOR + WORK_FACTOR, 8), Verdict::Moving);
        assert_eq!(dog.observe(WORK_FLOOR + WORK_FACTOR + 1, 8), Verdict::Stuck);
    }

    #[test]
    fn all_suspects_creep_within_one_allowance() {
        let config = DriverConfig {
            stall_time: Duration::from_secs(1),
            progress_interval: Duration::from_secs(1),
            ..DriverConfig::default()
        };
        let mut dog = Watchdog::new(&config);
        let mut readings = 0;
        // 15 queues, each with a suspect whose counter moves by one at each reading, ten times; then the next is tried.
        let stuck = (0..15).find(|_| {
            dog.next_suspect();
            (0..10).any(|_| {
                readings += 1;
                dog.observe(readings, 0) == Verdict::Stuck
            })
        });
        assert_eq!((stuck, readings), (Some(6), u64::from(CREEP_STALLS) + 1));
        // Neither is more granted to each for what all of them may move.
        let mut dog = Watchdog::new(&config);
        let half = WORK_FLOOR / 2 + 1;
        assert_eq!((dog.observe(0, 0), dog.observe(half, 0)), (Verdict::Moving, Verdict::Moving));
        dog.next_suspect();
        assert_eq!((dog.observe(0, 0), dog.observe(half, 0)), (Verdict::Moving, Verdict::Stuck));
    }

    #[test]
    fn a_counter_that_creeps_holds_nobody_up_for_ever() {
        let config = DriverConfig {
            stall_time: Duration::from_secs(1),
            progress_interval: Duration::from_secs(1),
            ..DriverConfig::default()
        };
        // The same readings at each work: what it needs at the least rate is granted besides.
        for seconds in [0, 5, 500, u64::MAX / LEAST_RATE] {
            let mut dog = Watchdog::new(&config);
            let verdicts = (1..).map(|reading| dog.observe(reading, seconds * LEAST_RATE));
            let moving = verdicts.take_while(|&verdict| verdict == Verdict::Moving).count() as u64;
            let granted = u64::from(CREEP_STALLS).saturating_add(seconds);
            assert_eq!(moving, granted.min(CREEP_STALLS_MOST.into()));
            assert_eq!(
                dog.waited(),
                format!("{moving} operations in {} readings without a completion", moving + 1)
            );
        }
    }
}
