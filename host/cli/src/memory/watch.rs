//! What this process takes of memory, as the kernel counts it.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How often it is looked at: a look takes some ten microseconds.
const EVERY: Duration = Duration::from_millis(2);

/// Watches memory that no file stands behind (`RssAnon`).
pub(crate) struct Watch {
    stop: mpsc::Sender<()>,
    /// None where the system gave no thread.
    watching: Option<JoinHandle<u64>>,
}

impl Watch {
    /// Begins.
    pub(crate) fn begin() -> Self {
        let (stop, stopped) = mpsc::channel();
        let watching = thread::Builder::new().spawn(move || {
            let mut most = 0;
            loop {
                most = most.max(anonymous_bytes());
                match stopped.recv_timeout(EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return most,
                }
            }
        });
        Self { stop, watching: watching.ok() }
    }

    /// The most that was seen, in bytes; `None` where the system does not tell.
    pub(crate) fn end(self) -> Option<u64> {
        drop(self.stop);
        self.watching?.join().ok().filter(|bytes| *bytes > 0)
    }
}

fn anonymous_bytes() -> u64 {
    kilobytes(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), "RssAnon:") << 10
}

/// A line of `/proc/PID/status`; 0 where there is none.
pub(crate) fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{EVERY, Watch, kilobytes};

    #[test]
    fn figures_of_this_process_are_read() {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
        assert!(kilobytes(&status, "RssAnon:") > 0 && kilobytes(&status, "VmHWM:") > 0);
        assert_eq!(kilobytes("VmHWM:\t  12 kB\n", "VmHWM:"), 12);
        assert_eq!(kilobytes("", "VmHWM:"), 0);
    }

    #[test]
    fn what_was_there_for_a_while_is_seen() {
        const BYTES: usize = 64 << 20;
        let watch = Watch::begin();
        let memory = std::hint::black_box(vec![1u8; BYTES]);
        std::thread::sleep(20 * EVERY);
        drop(memory);
        assert!(watch.end().expect("Linux tells") >= BYTES as u64);
    }
}
