//! Wall and processor time: on a machine that is busy with other things, only the second says much.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Wall and processor time of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// On the wall.
    pub wall: Duration,
    /// On processors, all threads of this process together.
    pub cpu: Duration,
}

impl Took {
    /// As two fields of a JSON object.
    pub fn json(&self) -> String {
        let [wall, cpu] = [self.wall, self.cpu].map(|time| time.as_secs_f64() * 1e3);
        format!(r#""wall_ms":{wall:.2},"cpu_ms":{cpu:.2}"#)
    }

    /// The smaller of each.
    pub fn min(self, other: Self) -> Self {
        Self { wall: self.wall.min(other.wall), cpu: self.cpu.min(other.cpu) }
    }
}

/// What this process has run, on all its threads.
pub fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// Does `work` so often that it takes about `at_least`; the answer of the last, and what one took.
pub fn timed<T>(at_least: Duration, mut work: impl FnMut() -> T) -> (T, Took) {
    let (cpu, start) = (processor_time(), Instant::now());
    let mut times = 0;
    let last = loop {
        let answer = work();
        times += 1;
        if start.elapsed() >= at_least {
            break answer;
        }
    };
    let wall = start.elapsed() / times;
    (last, Took { wall, cpu: processor_time().saturating_sub(cpu) / times })
}

#[cfg(test)]
mod tests {
    use std::{hint::black_box, thread, time::Duration};

    use super::timed;

    #[test]
    fn sleep_is_wall_time_only_and_work_is_both() {
        let (_, slept) = timed(Duration::ZERO, || thread::sleep(Duration::from_millis(300)));
        assert!(
            slept.wall >= Duration::from_millis(300) && slept.cpu < Duration::from_millis(150),
            "{slept:?}"
        );
        let mut times = 0;
        let (last, worked) = timed(Duration::from_millis(100), || {
            times += 1;
            (0..200_000_000u64).fold(1u64, |x, i| black_box(x ^ i));
            times
        });
        assert!(last == times && worked.cpu >= Duration::from_millis(1), "{worked:?}");
    }
}
