//! snarkjs' command line.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Runs it on files of the folder; `None`, with a word about it, where it is not installed.
pub(crate) fn snarkjs(folder: &Path, heap_mib: u32, arguments: &[&str]) -> Option<Output> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.tools/node_modules");
    let modules = std::env::var_os("MILLRACE_NODE_MODULES").map_or(default, PathBuf::from);
    let cli = modules.join("snarkjs/build/cli.cjs");
    let mut command = Command::new("node");
    command.arg(format!("--max-old-space-size={heap_mib}")).arg(&cli).args(arguments).current_dir(folder);
    match command.output() {
        Ok(output) if cli.is_file() => Some(output),
        _ => {
            println!("skipped: no node, or no snarkjs at {} (sim/tools/setup.sh installs it)", cli.display());
            None
        }
    }
}

/// What it said.
pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
