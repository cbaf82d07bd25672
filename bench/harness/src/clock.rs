//! Wall and processor time: on a machine that is busy with other things, only the second says much.

use std::{
    fs,
    time::{Duration, Instant},
};

/// Wall and processor time of a piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// On the wall.
    pub wall: Duration,
    /// On processors, all threads of this process together; zero where the system does not say (`/proc/self/stat`).
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

/// The kernel counts in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// What this process has run, in steps of [`TICK`].
fn processor_time() -> Duration {
    // Fields 14 and 15, in user and in system mode, of a line whose second field is a name in brackets.
    let line = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = line.rsplit(')').next().unwrap_or_default();
    TICK * after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum()
}

/// Does `work` so often that it takes about `at_least`; the answer of the last, and what one took.
///
/// Processor time is exact to 10 ms in all, so `at_least` should be many times that.
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
        assert!(last == times && worked.cpu >= Duration::from_millis(20), "{worked:?}");
    }
}
