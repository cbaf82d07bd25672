//! A real node on a free loopback port, ended with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use alloy_primitives::Address;
use millrace_l1::tools;

/// The first account of every test node: public knowledge.
pub(crate) const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

pub(crate) struct Anvil {
    child: Child,
    pub(crate) url: String,
}

impl Anvil {
    /// Starts a node that mines as `mining` says (`&[]`: a block for each transaction). `None`, with the reason printed, where
    /// it is not installed.
    pub(crate) fn start(mining: &[&str]) -> Option<Self> {
        let Some(binary) = tools::anvil() else {
            println!("skipped: anvil is not installed (run `make setup`)");
            return None;
        };
        let mut child = Command::new(binary)
            .args(["--port", "0", "--host", "127.0.0.1", "--chain-id", "31337"])
            .args(mining)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil starts");
        let output = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(output).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        // Anvil logs each request; somebody has to read.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, url: format!("http://{}", address.trim()) })
    }

    /// The first of its unlocked accounts.
    pub(crate) fn account() -> Address {
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266".parse().expect("an address")
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // A child that is gone already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
