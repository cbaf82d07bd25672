//! The rollup as its users meet it: the demonstration in this process and on a real node, and after it every command that a user needs to leave, each from an
//! empty home.

mod common;

use std::path::{Path, PathBuf};

use common::{
    anvil::node,
    user::{PRAGUE, User, ask, cast, demo, keys, receipt, told},
};
use millrace_l1::{Address, U256};
use serde_json::Value;

/// The file of the key for one op whose verifier is committed; others may lie beside it, of circuits that were.
fn key_of_one_op() -> PathBuf {
    let verifier: Value =
        serde_json::from_str(include_str!("../src/rollup/devkey/verifier-1.json")).expect("JSON");
    let hash = verifier["key_hash"].as_str().and_then(|hash| hash.strip_prefix("0x")).expect("a hash");
    keys().join(format!("rollup-dev-1-{}.zkey", &hash[..8]))
}

#[test]
fn the_demonstration_pays_everybody_in_this_process() {
    // As the documents have it typed: batches of eight.
    whole_story(&told(&demo(&[])));
}

#[test]
fn the_demonstration_pays_everybody_on_a_real_node() {
    let Some(node) = node(PRAGUE) else { return };
    whole_story(&told(&demo(&["--ops", "1", "--rpc", &node.1])));
}

#[test]
fn the_demonstration_has_the_same_proofs_on_a_device() {
    // On the simulated RTL it takes five minutes: `make rollup-verilated` keeps what came of it, and one batch is proven there in operator_killed.rs.
    let seed = ["--ops", "1", "--no-fallback", "--seed", common::SEED, "--device"];
    let digest = |device: &str| {
        let text = told(&demo(&[&seed[..], &[device]].concat()));
        whole_story(&text);
        // All of it: the CPU has helped with nothing that a device can do.
        let work = text.lines().find_map(|line| line.strip_prefix("sums over G1 and transforms: "));
        let work = work.expect("who did it");
        assert!(work.ends_with(&format!(" on {device}")) && !work.contains(','), "{work}");
        let line = text.lines().find(|line| line.contains(&format!(" proofs by {device}, digest of all 0x")));
        line.expect("a digest").replace(device, "")
    };
    let by_cpu = digest("cpu");
    assert_eq!(digest("model"), by_cpu);
    let other = told(&demo(&["--ops", "1", "--seed", &"01".repeat(32)]));
    assert!(!other.contains(by_cpu.rsplit(' ').next().expect("a digest")), "the digest is of the proofs");
}

fn whole_story(text: &str) {
    for part in ["DEVELOPMENT KEY", "DISK IS DELETED", "refused, ProofRejected", "refused, AlreadyExited"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.matches("as it must be").count(), 5, "{text}");
    assert!(text.contains("what it was given by mistake"), "{text}");
}

#[test]
fn the_demonstration_wants_a_node_that_lets_time_pass() {
    let output = demo(&["--ops", "1", "--rpc", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(14));
    assert_eq!(demo(&["--ops", "3"]).status.code(), Some(2));
    assert_eq!(demo(&["--stop"]).status.code(), Some(2));
}

/// What is said to an audit that need not compile: most here are about something else.
const COMMITTED: &[&str] = &["--block", "latest", "--committed"];

/// A snapshot that is taken back sets the clock back, too: tests add a minute.
const WEEK: u64 = 7 * 86_400;

#[test]
fn users_leave_by_themselves_on_a_real_node() {
    let Some(node) = node(PRAGUE) else { return };
    let url = &node.1.clone();
    let text = told(&demo(&["--ops", "1", "--rpc", url, "--stop"]));
    let [contract, token, operator, alice, bob, carol, dave] =
        ["rollup", "token 1", "operator", "Alice", "Bob", "Carol", "Dave"].map(|who| cast(&text, who));
    let user = User { url, contract: contract.clone() };

    // Somebody who knows the address makes the state again, and sees what everybody has.
    user.fails(14, "--block latest", &["restore"], &[]);
    let restored = user.json(&["restore"], &["--owner", &alice]);
    assert_eq!(restored["accounts"].as_array().map(Vec::len), Some(5), "{restored}");
    assert_eq!(restored["accounts"][1]["balances"]["0"], "1498000000000000000");
    assert_eq!(restored["accounts"][3]["balances"]["1"], "380000000000000000000");
    assert_eq!(restored["queue"]["waiting"], 4);
    // Two exits and a refund, and a withdrawal for each token; the base fees of the queue are the operator's.
    let calls = restored["calls"].as_array().expect("calls");
    let words: Vec<&str> = calls.iter().map(|call| call["what"].as_str().expect("words")).collect();
    assert_eq!(words.len(), 5, "{restored}");
    assert!(words[..3].iter().all(|what| what.ends_with("only in exodus")), "{words:?}");
    let withdrawal = format!("withdrawal of 1.4981 ETH to {alice}, after the calls above");
    assert_eq!(words[3], withdrawal);
    assert!(words[4].ends_with(&format!("of token 1 to {alice}, after the calls above")), "{words:?}");
    let by_account = user.json(&["restore"], &["--account", "2"]);
    assert_eq!(by_account["calls"], restored["calls"]);
    user.fails(2, "from 1 to 5", &["restore"], &["--account", "6", "--block", "latest"]);
    let shown = user.ok(&["restore"], &["--block", "latest", "--owner", &alice]);
    assert!(shown.contains("equal to the contract's") && shown.contains("1.498 ETH"), "{shown}");
    for part in ["NOT IN EXODUS", "rollup force-exit`", "rollup exodus start`", "rollup withdraw`"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let nobody = user.ok(&["restore"], &["--block", "latest", "--owner", &contract]);
    assert!(nobody.contains("nothing is there for"), "{nobody}");

    let balance = user.json(&["balance", &carol], &[]);
    assert_eq!(balance["account"]["balances"][0]["amount"], "380000000000000000000");
    assert_eq!(balance["account"]["queued"][0]["op"], "deposit of 50000000000000000000 of token 1");
    assert!(user.ok(&["balance", &dave], &["--block", "latest"]).contains("deposit of 0.25 ETH"));
    assert!(user.ok(&["balance", &contract], &["--block", "latest"]).contains("nothing"));

    // Is it the contract that it should be? With a development key only for those who accept that.
    user.fails(15, "development key", &["audit"], COMMITTED);
    let named = ["--proposer", &operator, "--token", &token];
    let audit = user.ok(&["audit"], &[COMMITTED, &["--dev"], &named].concat());
    assert!(audit.contains("nothing differs") && audit.contains("CAN BE FORGED"), "{audit}");
    assert!(audit.contains("not compiled"), "who compiles nothing sees it: {audit}");
    let other = ["--dev", "--proposer", &bob];
    user.fails(12, "1 lines of the audit differ", &["audit"], &[COMMITTED, &other].concat());
    sources_are_compiled(&user);

    only_a_mined_creation_of_this_chain_counts(&user);

    // The verifier is that of the demonstration's key, and of no other.
    if millrace_l1::tools::node_modules().is_ok() {
        let key = key_of_one_op().display().to_string();
        let audit = user.ok(&["audit"], &[COMMITTED, &["--dev", "--key", &key]].concat());
        assert!(audit.contains("rollup-dev-1-") && !audit.contains("unknown"), "{audit}");
        let other = "../rollup/contracts/test/verifier/verification_key.json";
        let more = [COMMITTED, &["--dev", "--key", other]].concat();
        user.fails(12, "lines of the audit differ", &["audit"], &more);
    } else {
        println!("skipped: audit with --key needs solc (make setup)");
    }

    // What a queue entry costs is said, and bounded.
    let from = ["--from", dave.as_str()];
    let as_it_was = ask(url, "evm_snapshot", serde_json::json!([]));
    for words in [&["deposit", "--amount", "5"][..], &["force-exit"]] {
        let dear = [&from[..], &["--max-fee", "99999999999999"]].concat();
        user.fails(2, "expected a queue fee of at most 0.000099999999999999 ETH", words, &dear);
        let told = user.ok(words, &from);
        assert!(told.contains("queue fee 0.0001 ETH: transaction 0x"), "{told}");
    }
    ask(url, "evm_revert", serde_json::json!([as_it_was]));

    // Too early; then not.
    user.fails(13, "NotInExodus: ", &["exodus", "start"], &from);
    user.fails(13, "NotInExodus: ", &["exit", "--owner", &alice], &from);
    ask(url, "evm_increaseTime", serde_json::json!([WEEK + 60]));
    ask(url, "evm_mine", serde_json::json!([]));
    printed_calls_pay_everybody(&user, &token, [&operator, &alice, &bob, &carol, &dave], &restored["calls"]);
    let printed = user.ok(&["exodus", "start"], &["--print"]);
    assert!(printed.contains(&contract) && printed.contains("data   0x"), "{printed}");
    user.ok(&["exodus", "start"], &from);
    user.fails(13, "InExodus: ", &["exodus", "start"], &from);
    user.fails(13, "InExodus: ", &["deposit", "--amount", "5"], &from);
    user.fails(13, "InExodus: ", &["force-exit"], &["--from", &bob]);

    // Dave sends for everybody: owners are paid, not he.
    for owner in [&operator, &alice, &carol] {
        let told = user.ok(&["exit", "--owner", owner], &from);
        assert!(told.contains("pending now: `millrace rollup withdraw`"), "{told}");
        user.fails(2, "no such balance", &["exit", "--owner", owner], &from);
    }
    for owner in [&alice, &bob, &carol, &dave] {
        let told = user.ok(&["refund", "--owner", owner], &from);
        assert!(told.contains("pending now: `millrace rollup withdraw`"), "{told}");
        user.fails(2, "no such entry", &["refund", "--owner", owner], &from);
    }
    let pending = user.json(&["balance", &alice], &[]);
    assert_eq!(pending["account"]["pending"][0]["amount"], "1498100000000000000", "{pending}");
    user.fails(13, "NotRecipient: ", &["withdraw", "--owner", &alice, "--to", &dave], &from);
    let wallet = "0x00000000000000000000000000000000000a11ce";
    let alone = ["--from", alice.as_str(), "--to", wallet];
    user.ok(&["withdraw"], &alone);
    assert_eq!(ask(url, "eth_getBalance", serde_json::json!([wallet, "latest"])), "0x14ca520342034000");
    for owner in [&operator, &bob, &carol, &dave] {
        user.ok(&["withdraw", "--owner", owner], &from);
        user.fails(2, "nothing is pending", &["withdraw", "--owner", owner], &from);
    }

    // The contract is left with what Carol gave to it by mistake, and owes nothing.
    assert_eq!(ask(url, "eth_getBalance", serde_json::json!([contract, "latest"])), "0x0");
    let audit = user.ok(&["audit"], &[COMMITTED, &["--dev"]].concat());
    assert!(
        audit.contains("0, 0, 0") && audit.contains("7000000000000000000, 0, 7000000000000000000"),
        "{audit}"
    );
    drop(node);
    user.fails(14, "no connection", &["restore"], &[]);
}

/// The line on how the contract came to be: its verdict, what was found, and the note.
fn start(user: &User, more: &[&str]) -> [String; 3] {
    audit_line(user, "storage at the start", &[COMMITTED, more].concat())
}

/// A line of an audit: verdict, what was found, note.
fn audit_line(user: &User, what: &str, more: &[&str]) -> [String; 3] {
    let output = user.run(&["audit"], &[&["--dev", "--json"], more].concat());
    let audit: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = audit["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["what"] == what).expect("a line");
    ["verdict", "found", "note"].map(|key| row[key].as_str().expect("words").to_owned())
}

/// The audit's own compilation: the sources in the command are those of the contract; a byte of code on L1, and a number in a source, are told.
fn sources_are_compiled(user: &User) {
    let url = user.url;
    let change_code = || {
        let code = ask(url, "eth_getCode", serde_json::json!([user.contract, "latest"]));
        let mut tampered = code.as_str().expect("code").to_owned();
        tampered.replace_range(20_000..20_001, if &tampered[20_000..20_001] == "0" { "1" } else { "0" });
        ask(url, "anvil_setCode", serde_json::json!([user.contract, tampered]));
        code
    };
    let latest = &["--block", "latest"][..];
    if millrace_l1::tools::node_modules().is_err() {
        println!("skipped: audits that compile need solc (make setup)");
        let [verdict, found, note] = audit_line(user, "sources", latest);
        assert_eq!((&*verdict, &*found), ("unknown", "not compiled"), "{note}");
        return;
    }
    let audit = user.ok(&["audit"], &[latest, &["--dev"]].concat());
    assert!(audit.contains("same     sources") && audit.contains("nothing differs"), "{audit}");
    assert!(audit.contains("the development key of 1 ops, made again from its seed"), "{audit}");
    let code = change_code();
    user.fails(12, "not the contract it should be", &["audit"], &[latest, &["--dev"]].concat());
    ask(url, "anvil_setCode", serde_json::json!([user.contract, code]));

    // A compiler that only says that it is the right one is not run: whoever is audited could have put it there.
    let other = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(other.path().join("solc")).expect("a folder");
    std::fs::write(other.path().join("solc/package.json"), r#"{"version":"0.8.37"}"#).expect("writes");
    let ran = other.path().join("ran");
    let script = format!("require('fs').writeFileSync({:?}, '')", ran.display().to_string());
    std::fs::write(other.path().join("solc/soljson.js"), script).expect("writes");
    let mut command = user.command(&["audit"], &[latest, &["--dev"]].concat());
    let output = command.env("MILLRACE_NODE_MODULES", other.path()).output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(12), "{said}");
    assert!(
        said.contains("unknown  sources") && said.contains("is not the compiler that is pinned"),
        "{said}"
    );
    assert!(!ran.exists());

    let folder = tempfile::tempdir().expect("a folder");
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rollup/contracts");
    for part in ["src", "src/libraries"] {
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
        for entry in std::fs::read_dir(contracts.join(part)).expect("sources") {
            let (from, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("an entry");
            if from.is_file() {
                std::fs::copy(from, folder.path().join(part).join(name)).expect("copies");
            }
        }
    }
    let rollup = folder.path().join("src/Rollup.sol");
    let source = std::fs::read_to_string(&rollup).expect("reads");
    let later = source.replace("EXODUS_SECONDS = 7 days;", "EXODUS_SECONDS = 8 days;");
    assert_ne!(source, later);
    std::fs::write(&rollup, later).expect("writes");
    let folder = folder.path().display().to_string();
    let from_folder = ["--block", "latest", "--dev", "--source", &folder];
    let output = user.run(&["audit"], &[&from_folder[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(12));
    let audit: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let rows = audit["rows"].as_array().expect("rows");
    let differ: Vec<&Value> = rows.iter().filter(|row| row["verdict"] == "DIFFERS").collect();
    assert_eq!(differ.iter().map(|row| &row["what"]).collect::<Vec<_>>(), ["sources", "code of Rollup"]);
    let note = differ[0]["note"].as_str().expect("words");
    assert!(note.contains("the code of Rollup differs from what this build carries"), "{note}");
    // What does not compile is unknown, and no folder of sources is a bad file.
    std::fs::write(&rollup, "contract").expect("writes");
    user.fails(12, "1 lines of the audit differ", &["audit"], &from_folder);
    user.fails(3, "cannot read", &["audit"], &["--block", "latest", "--source", &format!("{folder}/none")]);
}

/// A transaction that was signed for another chain, waits, or failed has made nothing, though code like the committed lies where it would have put it.
fn only_a_mined_creation_of_this_chain_counts(user: &User) {
    let url = user.url;
    let as_it_was = ask(url, "evm_snapshot", serde_json::json!([]));
    let [verdict, hash, _] = start(user, &[]);
    assert_eq!(verdict, "same");
    let unknown = |user: &User, hash: &str| {
        let [verdict, _, note] = start(user, &["--deployment", hash]);
        assert_eq!(verdict, "unknown", "{note}");
        assert!(note.starts_with("the named transaction did not make it"), "{note}");
    };
    unknown(user, &format!("0x{}", "77".repeat(32)));
    ask(url, "anvil_setChainId", serde_json::json!([31_338]));
    unknown(user, &hash);
    assert_eq!(start(user, &[])[0], "unknown");
    ask(url, "anvil_setChainId", serde_json::json!([31_337]));

    let made = ask(url, "eth_getTransactionByHash", serde_json::json!([hash]));
    let sender = made["from"].as_str().expect("a sender");
    let nonce = ask(url, "eth_getTransactionCount", serde_json::json!([sender, "latest"]));
    let nonce = u64::from_str_radix(&nonce.as_str().expect("hex")[2..], 16).expect("a number");
    let contract = sender.parse::<Address>().expect("an address").create(nonce).to_string();
    let code = ask(url, "eth_getCode", serde_json::json!([user.contract, "latest"]));
    ask(url, "evm_setAutomine", serde_json::json!([false]));
    let sent = serde_json::json!([{ "from": sender, "data": made["input"], "gas": made["gas"] }]);
    let waiting = ask(url, "eth_sendTransaction", sent);
    let waiting = waiting.as_str().expect("a hash");
    ask(url, "anvil_setCode", serde_json::json!([contract, code]));
    let there = User { url, contract };
    unknown(&there, waiting);
    ask(url, "evm_mine", serde_json::json!([]));
    let receipt = receipt(url, &waiting.into());
    assert_eq!(receipt["status"], "0x0", "no contract is made where code lies");
    unknown(&there, waiting);
    ask(url, "evm_setAutomine", serde_json::json!([true]));
    ask(url, "evm_revert", serde_json::json!([as_it_was]));
}

/// The calls that `restore` prints are all that anybody needs: Dave sends each in its place, and the owners' wallets hold everything. Then the chain is as it was.
/// `early` are Alice's, printed before the exodus was due.
fn printed_calls_pay_everybody(user: &User, token: &str, cast: [&String; 5], early: &Value) {
    let url = user.url;
    let [operator, alice, bob, carol, dave] = cast;
    let number = |hex: Value| U256::from_str_radix(&hex.as_str().expect("hex")[2..], 16).expect("a number");
    let ether = |of: &str| number(ask(url, "eth_getBalance", serde_json::json!([of, "latest"])));
    let units = |of: &str| {
        let data = format!("0x70a08231{:0>64}", of.trim_start_matches("0x").to_lowercase());
        number(ask(url, "eth_call", serde_json::json!([{ "to": token, "data": data }, "latest"])))
    };
    let as_it_was = ask(url, "evm_snapshot", serde_json::json!([]));
    let calls: Vec<Value> = [operator, alice, bob, carol, dave]
        .map(|owner| user.json(&["restore"], &["--owner", owner]))
        .map(|mut restored| {
            assert_eq!(restored["in_exodus"], true);
            restored["calls"].take()
        })
        .into();
    assert_eq!(&calls[1], early, "what was printed before stays true while no batch is accepted");
    let mut gained = Vec::new();
    for (owner, calls) in cast.into_iter().zip(&calls) {
        let (coins, tokens, mut gas) = (ether(owner), units(owner), U256::ZERO);
        for call in calls.as_array().expect("calls") {
            assert_eq!(call["value_wei"], "0");
            let sent = serde_json::json!([{ "from": dave, "to": call["to"], "data": call["data"] }]);
            let hash = ask(url, "eth_sendTransaction", sent);
            let mut receipt = receipt(url, &hash);
            assert_eq!(receipt["status"], "0x1", "{}", call["what"]);
            gas += number(receipt["gasUsed"].take()) * number(receipt["effectiveGasPrice"].take());
        }
        // What Dave is paid he has paid from.
        let gas = if owner == dave { gas } else { U256::ZERO };
        gained.push([ether(owner) + gas - coins, units(owner) - tokens]);
    }
    // The demonstration's last account (its `IN_THE_END`) without what Alice and Bob have withdrawn before, in ten-thousandths.
    let expected = [[1_027, 0], [14_981, 1_200_000], [10_001, 0], [1, 4_300_000], [2_501, 0]];
    let unit = U256::from(10).pow(U256::from(14));
    assert_eq!(gained, expected.map(|each| each.map(|amount: u64| U256::from(amount) * unit)));
    assert_eq!(ether(&user.contract), U256::ZERO);
    ask(url, "evm_revert", serde_json::json!([as_it_was]));
}

#[test]
fn what_is_no_rollup_is_named() {
    let Some(node) = node(PRAGUE) else { return };
    let nobody = User { url: &node.1, contract: "0x00000000000000000000000000000000000000aa".to_owned() };
    for words in [&["restore"][..], &["balance", "0x00000000000000000000000000000000000000bb"], &["audit"]] {
        nobody.fails(14, "no contract at", words, &["--block", "latest"]);
    }
    // Code that is no rollup: it answers nothing.
    ask(&node.1, "anvil_setCode", serde_json::json!([nobody.contract, "0x00"]));
    nobody.fails(12, "not the contract it should be", &["audit"], COMMITTED);
    nobody.fails(14, "makes no sense", &["restore"], &["--block", "latest"]);
    nobody.fails(2, "holds no key", &["exodus", "start"], &[]);
}
