//! Finding the Node tools that are installed beside a checkout, and running a child process for a bounded time.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// Names the folder that holds the npm packages, when they do not lie in `.tools/node_modules`.
pub const NODE_MODULES_VAR: &str = "MILLRACE_NODE_MODULES";

/// The folder of npm packages: [`NODE_MODULES_VAR`], else `.tools/node_modules` in the current folder or the nearest above it.
///
/// # Errors
/// The places looked at, when none is a folder.
pub fn node_modules() -> Result<PathBuf, Vec<PathBuf>> {
    let candidates = match std::env::var_os(NODE_MODULES_VAR) {
        Some(named) => vec![PathBuf::from(named)],
        None => {
            let here = std::env::current_dir().unwrap_or_default();
            here.ancestors().map(|folder| folder.join(".tools/node_modules")).collect()
        }
    };
    candidates.iter().find(|folder| folder.is_dir()).cloned().ok_or(candidates)
}

/// The binary of the test node, where the package of this platform is installed.
pub fn anvil() -> Option<PathBuf> {
    let binary = node_modules().ok()?.join("@foundry-rs/anvil-linux-amd64/bin/anvil");
    Path::is_file(&binary).then_some(binary)
}

/// Waits for a child; kills it at the limit and answers `None` then.
///
/// # Errors
/// When the operating system refuses to wait.
pub(crate) fn wait_bounded(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
