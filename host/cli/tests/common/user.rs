//! Users of a rollup on a test node, and the demonstration that leaves one there.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A chain with the hard fork that knows EIP-7702.
pub(crate) const PRAGUE: &[&str] = &["--hardfork", "prague"];

/// Development keys are made once for all runs of the tests, in cargo's target folder.
pub(crate) fn keys() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("keys")
}

/// A run of the demonstration.
pub(crate) fn demo(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(["rollup", "demo"]).args(args).env("MILLRACE_CACHE", keys());
    command.output().expect("the binary starts")
}

/// Its words, where it ended well.
pub(crate) fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "a line that is too long for a terminal: {line}");
    }
    text
}

/// A user: knows a node and a contract, and has nothing else.
pub(crate) struct User<'a> {
    pub(crate) url: &'a str,
    pub(crate) contract: String,
}

impl User<'_> {
    pub(crate) fn run(&self, words: &[&str], more: &[&str]) -> Output {
        let home = tempfile::tempdir().expect("a folder");
        self.command(words, more).env("HOME", home.path()).output().expect("the binary starts")
    }

    /// A command without a home.
    pub(crate) fn command(&self, words: &[&str], more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.arg("rollup").args(words).args(["--rpc", self.url, "--contract", &self.contract]).args(more);
        command.env_clear();
        // For solc alone: audits compile.
        for name in ["PATH", "MILLRACE_NODE_MODULES"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    pub(crate) fn ok(&self, words: &[&str], more: &[&str]) -> String {
        let output = self.run(words, more);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?} {more:?}: {error}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    pub(crate) fn json(&self, words: &[&str], more: &[&str]) -> Value {
        serde_json::from_str(&self.ok(words, &[more, &["--json", "--block", "latest"]].concat()))
            .expect("JSON")
    }

    /// Ends with this code, and one line that holds `part`.
    pub(crate) fn fails(&self, code: i32, part: &str, words: &[&str], more: &[&str]) {
        let output = self.run(words, more);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?} {more:?}: {error}");
        assert!(error.starts_with("millrace: ") && error.lines().count() == 1, "{error}");
        assert!(error.contains(part), "{words:?}: {error}");
    }
}

/// A request to the node by the tools that are everywhere; the answer's `result`.
pub(crate) fn ask(url: &str, method: &str, parameters: Value) -> Value {
    use std::io::{Read, Write};
    let body =
        serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters }).to_string();
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("the node listens");
    let head =
        format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("writes");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("reads");
    let json = answer.split_once("\r\n\r\n").expect("a body").1;
    let answer: Value = serde_json::from_str(json).expect("JSON");
    assert!(answer["error"].is_null(), "{method}: {answer}");
    answer["result"].clone()
}

/// The receipt of a transaction, once it is mined.
pub(crate) fn receipt(url: &str, hash: &Value) -> Value {
    let sent = Instant::now();
    loop {
        let receipt = ask(url, "eth_getTransactionReceipt", serde_json::json!([hash]));
        if !receipt.is_null() {
            return receipt;
        }
        assert!(sent.elapsed() < Duration::from_secs(60), "{hash} is not mined");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The cast's addresses, as the demonstration prints them when it stops.
pub(crate) fn cast(text: &str, who: &str) -> String {
    let line = text.lines().rev().find(|line| line.trim_start().starts_with(who)).expect(who);
    line.split_whitespace().last().expect("an address").to_owned()
}
