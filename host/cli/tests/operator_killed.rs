//! An operator in a process of its own, killed -9 beside a real node: all along a batch, between L1's acceptance and its store, between sending and the block, after
//! its store. Whoever is started over the same store takes in what L1 accepted, sends nothing twice, and goes on.

mod common;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{
    anvil::node,
    proxy::{Kill, Proxy},
    until,
    user::{PRAGUE, User, ask, cast, demo, keys, told},
};
use millrace_state::{
    store::Store,
    types::{Address, Domain},
};
use serde_json::{Value, json};

/// Entries of the queue besides the four that the demonstration leaves.
const DEPOSITS: usize = 20;

/// A rollup that its operator has left, with entries that wait.
struct Rollup<'a> {
    user: User<'a>,
    operator: String,
    folder: tempfile::TempDir,
}

impl<'a> Rollup<'a> {
    fn new(url: &'a str) -> Self {
        let text = told(&demo(&["--ops", "1", "--rpc", url, "--stop"]));
        let [contract, operator, dave] = ["rollup", "operator", "Dave"].map(|who| cast(&text, who));
        // As on Ethereum, where no two blocks have one time.
        ask(url, "anvil_setBlockTimestampInterval", json!([12]));
        let user = User { url, contract };
        for amount in 1..=DEPOSITS {
            user.ok(&["deposit", "--amount", &amount.to_string()], &["--from", &dave]);
        }
        Self { user, operator, folder: tempfile::tempdir().expect("a folder") }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("accepted.redb")
    }

    /// `millrace rollup operate` over the store, for one batch.
    fn operate(&self, url: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        command.args(["rollup", "operate", "--ops", "1", "--dev", "--rpc", url]);
        command.args(["--contract", &self.user.contract, "--from", &self.operator]);
        if !more.contains(&"--store") {
            command.arg("--store").arg(self.store());
        }
        command.args(more).env("MILLRACE_CACHE", keys());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Batches in the store, which nobody has open, each checked as it is read.
    fn stored(&self) -> u64 {
        let contract: millrace_l1::Address = self.user.contract.parse().expect("an address");
        let domain = Domain { chain_id: 31_337, contract: Address(contract.into_array()) };
        Store::open(&self.store(), domain).expect("a whole store").accepted()
    }

    /// The state's root by the store.
    fn root_in_store(&self) -> String {
        let contract: millrace_l1::Address = self.user.contract.parse().expect("an address");
        let domain = Domain { chain_id: 31_337, contract: Address(contract.into_array()) };
        let store = Store::open(&self.store(), domain).expect("a whole store");
        format!("{:#066x}", millrace_l1::rollup::word(store.state().root()))
    }

    /// What the contract answers to a function without arguments.
    fn asked(&self, function: &str) -> String {
        let selector = &millrace_l1::keccak256(function)[..4];
        let data = selector.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"));
        let call = json!([{ "to": self.user.contract, "data": data }, "latest"]);
        ask(self.user.url, "eth_call", call).as_str().expect("a word").to_owned()
    }

    /// Batches that L1 has accepted.
    fn accepted(&self) -> u64 {
        number(&self.asked("batchNumber()").into())
    }

    /// Transactions that the operator ever had in a block.
    fn sent(&self) -> u64 {
        number(&ask(self.user.url, "eth_getTransactionCount", json!([self.operator, "latest"])))
    }

    /// Waits until the node has mined whatever an operator has sent.
    fn settled(&self) {
        let count = |at: &str| ask(self.user.url, "eth_getTransactionCount", json!([self.operator, at]));
        until("every transaction lies in a block", || count("pending") == count("latest"));
    }

    /// An operator that nobody kills makes so many batches.
    fn goes_on(&self, batches: u64) {
        self.settled();
        let (before, sent) = (self.accepted(), self.sent());
        let output = self
            .operate(self.user.url, &["--batches", &batches.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("the binary starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!((self.accepted(), self.sent()), (before + batches, sent + batches));
        self.agrees();
    }

    /// The store is L1's.
    fn agrees(&self) {
        assert_eq!(self.stored(), self.accepted());
        assert_eq!(self.root_in_store(), self.asked("stateRoot()"));
    }
}

fn number(hex: &Value) -> u64 {
    let digits = hex.as_str().expect("hex").trim_start_matches("0x").trim_start_matches('0');
    if digits.is_empty() { 0 } else { u64::from_str_radix(digits, 16).expect("a number") }
}

fn was_killed(proxy: &Proxy) {
    assert_eq!(proxy.ended().signal(), Some(9));
}

#[test]
fn an_operator_that_was_killed_loses_nothing_and_sends_nothing_twice() {
    let Some(node) = node(PRAGUE) else { return };
    let rollup = Rollup::new(&node.1);
    // The demonstration's disk is deleted: everything comes from L1.
    rollup.goes_on(1);
    after_acceptance(&rollup);
    before_the_block(&rollup);
    after_the_store(&rollup);
    a_reorganised_batch(&rollup);
    beside_another_operator(&rollup);
    fees_are_paid_to_whom_they_are_due(&rollup);
    memory_is_limited(&rollup);
    all_along_a_batch(&rollup);

    // All entries are taken in the end, each by one transaction.
    let (batches, sent) = (rollup.accepted(), rollup.sent());
    let status = rollup.operate(rollup.user.url, &[]).status().expect("the binary starts");
    assert!(status.success());
    let restored = rollup.user.json(&["restore"], &[]);
    assert_eq!(restored["queue"]["waiting"], 0, "{restored}");
    assert_eq!(rollup.sent() - sent, rollup.accepted() - batches);
    rollup.agrees();
}

/// L1 has it, the store has not, and nobody was told.
fn after_acceptance(rollup: &Rollup<'_>) {
    let (batches, sent) = (rollup.accepted(), rollup.sent());
    let proxy = Proxy::start(rollup.user.url, Kill::AfterSending);
    proxy.run(&mut rollup.operate(&proxy.url, &[]));
    was_killed(&proxy);
    assert!(proxy.has_killed());
    until("L1 accepts", || rollup.accepted() == batches + 1);
    assert_eq!((rollup.stored(), rollup.sent()), (batches, sent + 1), "killed between L1 and store");
    rollup.goes_on(1);
    assert_eq!((rollup.accepted(), rollup.sent()), (batches + 2, sent + 2));
}

/// The node has the transaction, no block has it yet: the next operator waits for it, and sends nothing beside it.
fn before_the_block(rollup: &Rollup<'_>) {
    let url = rollup.user.url;
    let (batches, sent) = (rollup.accepted(), rollup.sent());
    ask(url, "evm_setAutomine", json!([false]));
    let proxy = Proxy::start(url, Kill::AfterSending);
    proxy.run(&mut rollup.operate(&proxy.url, &[]));
    was_killed(&proxy);
    assert_eq!((rollup.accepted(), rollup.stored(), rollup.sent()), (batches, batches, sent));

    let next = Proxy::start(url, Kill::Never);
    next.run(&mut rollup.operate(&next.url, &["--batches", "1"]));
    until("the next operator waits", || next.count("eth_getTransactionCount") >= 6);
    assert_eq!(next.count("eth_sendTransaction"), 0, "nothing is sent beside what waits");
    ask(url, "evm_mine", json!([]));
    ask(url, "evm_setAutomine", json!([true]));
    assert!(next.ended().success());
    assert_eq!(next.count("eth_sendTransaction"), 1);
    assert_eq!((rollup.accepted(), rollup.sent()), (batches + 2, sent + 2));
    rollup.agrees();
}

/// It has said that the batch is in the store.
fn after_the_store(rollup: &Rollup<'_>) {
    let batches = rollup.accepted();
    let mut command = rollup.operate(rollup.user.url, &[]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
    let mut line = String::new();
    let said = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line);
    child.kill().expect("it is ours");
    assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    assert!(said.is_ok() && line.ends_with("it is in the store\n"), "{line}");
    assert!(line.starts_with(&format!("batch {}: ", batches + 1)), "{line}");
    assert!(rollup.stored() > batches);
    rollup.goes_on(1);
}

/// L1 forgets a batch that the store has: the store forgets it, too.
fn a_reorganised_batch(rollup: &Rollup<'_>) {
    let url = rollup.user.url;
    rollup.settled();
    let as_it_was = ask(url, "evm_snapshot", json!([]));
    let batches = rollup.accepted();
    rollup.goes_on(1);
    ask(url, "evm_revert", json!([as_it_was]));
    assert_eq!((rollup.accepted(), rollup.stored()), (batches, batches + 1));
    rollup.goes_on(1);
    assert_eq!(rollup.stored(), batches + 1);
}

/// Two operators of one key, each with a store of its own, send the same batch: one transaction comes of it, as both have one nonce.
fn beside_another_operator(rollup: &Rollup<'_>) {
    let (batches, sent) = (rollup.accepted(), rollup.sent());
    let slow = Proxy::start(rollup.user.url, Kill::Hold);
    let other = tempfile::tempdir().expect("a folder");
    let store = other.path().join("other.redb").display().to_string();
    slow.run(&mut rollup.operate(&slow.url, &["--batches", "1", "--store", &store]));
    until("it is about to send", || slow.count("eth_sendTransaction") == 1);
    rollup.goes_on(1);
    slow.release();
    assert_eq!(slow.ended().code(), Some(14), "the node refuses the nonce");
    rollup.settled();
    assert_eq!((rollup.accepted(), rollup.sent()), (batches + 1, sent + 1));
}

/// Fees of the queue are the proposer's, or whose account it names.
fn fees_are_paid_to_whom_they_are_due(rollup: &Rollup<'_>) {
    let pending = |id: u32| {
        let calls = rollup.user.json(&["restore"], &["--account", &id.to_string()]);
        let paid = calls["calls"].as_array().expect("calls").iter();
        paid.map(|call| call["what"].as_str().expect("words").to_owned()).collect::<Vec<_>>()
    };
    let (proposer, alice) = (pending(1), pending(2));
    let status = rollup.operate(rollup.user.url, &["--batches", "1", "--fee-account", "2"]).status();
    assert!(status.expect("the binary starts").success());
    assert_eq!(pending(1), proposer, "nothing more is the proposer's");
    assert_ne!(pending(2), alice, "Alice is paid");
    let alice = pending(2);
    rollup.goes_on(1);
    assert_eq!(pending(2), alice);
    assert_ne!(pending(1), proposer, "by itself it pays the proposer's account");
    let output = rollup.operate(rollup.user.url, &["--fee-account", "99"]).output();
    assert_eq!(output.expect("the binary starts").status.code(), Some(2));
}

/// What cannot be kept is refused with what is needed, before anything is proven; within that a batch is made.
fn memory_is_limited(rollup: &Rollup<'_>) {
    let run = |most: &str, more: &[&str]| {
        let limit = ["--batches", "1", "--max-memory", most];
        let mut command = rollup.operate(rollup.user.url, &[&limit[..], more].concat());
        let output = command.stderr(Stdio::piped()).output().expect("the binary starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let batches = rollup.accepted();
    let (code, said) = run("1MiB", &[]);
    assert_eq!(code, Some(2), "{said}");
    let least = said.split_ascii_whitespace().find_map(|word| word.parse::<u64>().ok()).expect("named");
    assert_eq!(run(&(least - 1).to_string(), &[]).0, Some(2));
    let (code, said) = run("1GiB", &["--device", "model"]);
    assert!(code == Some(2) && said.contains("--max-memory expects --device cpu alone"), "{said}");
    assert_eq!(rollup.accepted(), batches);
    let (code, said) = run(&least.to_string(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let announced = format!("memory: at most {} MiB", least.div_ceil(1 << 20));
    assert!(said.contains(&announced), "{said}");
    assert_eq!(rollup.accepted(), batches + 1);
}

/// Whatever it was about to ask: what L1 has is never less than the store, and one transaction a batch.
fn all_along_a_batch(rollup: &Rollup<'_>) {
    let (batches, sent) = (rollup.accepted(), rollup.sent());
    let (mut kills, mut died_at) = (0, BTreeSet::new());
    for nth in 1.. {
        let proxy = Proxy::start(rollup.user.url, Kill::Before(nth));
        proxy.run(&mut rollup.operate(&proxy.url, &["--batches", "1"]));
        let status = proxy.ended();
        rollup.settled();
        let in_store = if Path::new(&rollup.store()).exists() { rollup.stored() } else { 0 };
        assert!(in_store <= rollup.accepted(), "request {nth}");
        assert_eq!(rollup.sent() - sent, rollup.accepted() - batches, "request {nth}");
        if status.success() {
            break;
        }
        assert_eq!(status.signal(), Some(9), "request {nth}");
        kills += 1;
        died_at.insert(proxy.last_method());
    }
    assert!(kills >= 20, "killed at only {kills} requests");
    for method in ["eth_getLogs", "eth_call", "eth_sendTransaction", "eth_getTransactionReceipt"] {
        assert!(died_at.contains(method), "it died at {died_at:?}");
    }
    assert!(rollup.accepted() > batches);
    rollup.agrees();
    println!("killed at {kills} requests");
}

/// The chosen device is the one that proves: the functional model, and the RTL in simulation.
#[test]
#[cfg(feature = "sim")]
fn batches_proven_on_devices_are_accepted() {
    let Some(node) = node(PRAGUE) else { return };
    let rollup = Rollup::new(&node.1);
    for device in ["model", "sim"] {
        let batches = rollup.accepted();
        let output = rollup
            .operate(rollup.user.url, &["--batches", "1", "--device", device, "--no-fallback"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(&format!("1 batches by {device}")), "{said}");
        let work = said.lines().find_map(|line| line.strip_prefix("sums over G1 and transforms: "));
        let work = work.expect("who did it");
        assert!(work.ends_with(&format!(" on {device}")) && !work.contains(','), "{work}");
        assert_eq!(rollup.accepted(), batches + 1);
        rollup.agrees();
    }
}
