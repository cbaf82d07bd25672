//! Nodes that lie, hang, or are not there: typed errors in bounded time, and no access key in any message.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::http::{self, Fake};
use alloy_primitives::{Address, B256};
use millrace_l1::chain::{Block, Chain};
use millrace_l1::rpc::{self, Limits, Node, Sender, SubmitError, Target};

const LIMITS: Limits = Limits {
    request: Duration::from_millis(500),
    receipt: Duration::from_secs(2),
    receipt_blocks: 3,
    poll: Duration::from_millis(20),
};

fn ask(url: &str) -> SubmitError {
    let target = Target {
        url: url.to_owned(),
        contract: Address::repeat_byte(0x42),
        chain_id: Some(1),
        key_hash: None,
    };
    let start = Instant::now();
    let error = rpc::submit(&target, &[0; 4], &Sender::Unlocked(Address::ZERO), &LIMITS)
        .expect_err("no such node accepts a proof");
    assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
    let message = error.to_string();
    assert!(!message.contains("s3cret"), "the access key shows in {message:?}");
    assert!(message.len() < 1000, "a message of {} bytes", message.len());
    error
}

#[test]
fn addresses_that_are_no_node() {
    for url in ["", "localhost:8545", "ftp://127.0.0.1/", "file:///etc/passwd", "http://"] {
        assert!(matches!(ask(url), SubmitError::Url { .. }), "{url:?}");
    }
}

#[test]
fn nobody_listens() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        listener.local_addr().expect("address").port()
    };
    match ask(&format!("http://127.0.0.1:{port}/v3/s3cret")) {
        SubmitError::NoConnection { host, .. } => assert_eq!(host, format!("http://127.0.0.1:{port}")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn node_that_never_answers() {
    let fake = Fake::start(|_| None);
    assert!(matches!(ask(&fake.url("s3cret")), SubmitError::NoConnection { .. }));
}

#[test]
fn http_errors_and_redirects() {
    for (status, line) in
        [(401, "401 Unauthorized"), (429, "429 Too Many Requests"), (500, "500 Oops"), (302, "302 Found")]
    {
        let fake = Fake::start(move |_| Some((line.to_owned(), "go away".repeat(100))));
        match ask(&fake.url("s3cret")) {
            SubmitError::Http { status: got, method, .. } => {
                assert_eq!((got, method), (status, "eth_chainId"));
            }
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[test]
fn answers_that_make_no_sense() {
    let bodies = [
        "",
        "hello",
        "{}",
        "[]",
        r#"{"jsonrpc":"2.0","id":0}"#,
        r#"{"jsonrpc":"2.0","id":0,"result":"0xzz"}"#,
        r#"{"jsonrpc":"2.0","id":0,"result":{"a":1}}"#,
        r#"{"jsonrpc":"2.0","id":0,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":0,"result":"0xfffffffffffffffffffffff"}"#,
    ];
    for body in bodies {
        let fake = Fake::ok(body.to_owned());
        let error = ask(&fake.url("s3cret"));
        assert!(matches!(error, SubmitError::BadAnswer { method: "eth_chainId", .. }), "{body:?}: {error:?}");
    }
}

#[test]
fn refusal_is_passed_on_and_cut() {
    let message = "no ".repeat(2000);
    let fake =
        Fake::ok(format!(r#"{{"jsonrpc":"2.0","id":0,"error":{{"code":-32005,"message":"{message}"}}}}"#));
    match ask(&fake.url("s3cret")) {
        SubmitError::Refused { code: -32005, message, .. } => assert!(message.len() <= 300),
        other => panic!("{other:?}"),
    }
}

/// A node that takes the transaction and then shows block after block, never with it.
#[test]
fn wait_for_a_receipt_is_bounded_by_blocks() {
    let head = AtomicU64::new(100);
    let fake = Fake::start(move |request| {
        let result = if request.contains("eth_blockNumber") {
            format!("\"{:#x}\"", head.fetch_add(1, Ordering::Relaxed))
        } else if request.contains("eth_getTransactionReceipt") {
            "null".to_owned()
        } else if request.contains("eth_sendTransaction") {
            format!("\"0x{}\"", "ab".repeat(32))
        } else {
            "\"0x1\"".to_owned()
        };
        let id = http::request_id(request);
        Some(("200 OK".to_owned(), format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)))
    });
    let limits = Limits { receipt: Duration::from_secs(60), ..LIMITS };
    match rpc::deploy(&fake.url(""), &[0], &Sender::Unlocked(Address::ZERO), &limits) {
        Err(SubmitError::NoReceipt { transaction, blocks, waited, .. }) => {
            assert_eq!(transaction, alloy_primitives::B256::repeat_byte(0xab));
            assert_eq!(blocks, limits.receipt_blocks + 1);
            assert!(waited < Duration::from_secs(20), "{waited:?}");
        }
        other => panic!("expected no receipt, got {other:?}"),
    }
}

/// Right chain, code present, and a contract whose answer to everything is `answer`.
fn contract_that_answers(answer: &'static str) -> Fake {
    Fake::start(move |request| {
        let result = if request.contains("eth_chainId") {
            "0x1"
        } else if request.contains("eth_getCode") {
            "0x6000"
        } else {
            answer
        };
        let id = http::request_id(request);
        Some(("200 OK".to_owned(), format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"{result}"}}"#)))
    })
}

#[test]
fn contract_that_is_no_verifier() {
    for (answer, bytes) in [("0x", 0), ("0x01", 1)] {
        let fake = contract_that_answers(answer);
        match ask(&fake.url("")) {
            SubmitError::NotBool { got_bytes } => assert_eq!(got_bytes, bytes),
            other => panic!("{answer}: {other:?}"),
        }
    }
    // 32 bytes, but 2 is no bool.
    let two = "0x0000000000000000000000000000000000000000000000000000000000000002";
    assert!(matches!(ask(&contract_that_answers(two).url("")), SubmitError::NotBool { got_bytes: 32 }));
    let no = "0x0000000000000000000000000000000000000000000000000000000000000000";
    assert!(matches!(ask(&contract_that_answers(no).url("")), SubmitError::Rejected));
}

/// Neither one request nor the reading of logs keeps an answer without end.
#[test]
fn answer_without_end() {
    let fake = Fake::ok(" ".repeat(65 << 20));
    let limits = Limits { request: Duration::from_secs(60), ..LIMITS };
    let mut node = Node::open(&fake.url("s3cret"), limits).expect("an address");
    assert!(matches!(node.chain_id(), Err(SubmitError::AnswerTooLong { method: "eth_chainId", .. })));
    let to = Block { number: 3, hash: B256::ZERO, time: 0 };
    let error = node.logs(Address::ZERO, 0, &to).expect_err("no page is small enough");
    assert!(matches!(error, SubmitError::AnswerTooLong { method: "eth_getLogs", .. }), "{error}");
}

/// A log that was not asked for, and one that stands there twice, are no answer; a refused page is asked for in halves.
#[test]
fn logs_are_looked_at_and_pages_halved() {
    let log = |block: u64, index: u64| {
        let (address, hash) = (Address::repeat_byte(0x42), B256::ZERO);
        serde_json::json!({
            "address": address, "topics": [hash], "data": "0x", "blockNumber": format!("{block:#x}"),
            "transactionHash": hash, "transactionIndex": "0x0", "blockHash": hash,
            "logIndex": format!("{index:#x}"), "removed": false
        })
    };
    let node = |logs: Vec<serde_json::Value>| {
        let fake = Fake::start(move |request| {
            let body: serde_json::Value = request
                .split_once("\r\n\r\n")
                .and_then(|(_, body)| serde_json::from_str(body).ok())
                .expect("a request");
            let number = |name: &str| {
                let text = body["params"][0][name].as_str().expect("a number").trim_start_matches("0x");
                u64::from_str_radix(text, 16).expect("a number")
            };
            let id = &body["id"];
            let answer = if number("toBlock") - number("fromBlock") > 9 {
                let error = serde_json::json!({ "code": -32005, "message": "at most 10 blocks" });
                serde_json::json!({ "jsonrpc": "2.0", "id": id, "error": error })
            } else {
                serde_json::json!({ "jsonrpc": "2.0", "id": id, "result": logs })
            };
            Some(("200 OK".to_owned(), answer.to_string()))
        });
        Node::open(&fake.url(""), LIMITS).expect("an address")
    };
    let contract = Address::repeat_byte(0x42);
    let to = Block { number: 1_000, hash: B256::ZERO, time: 0 };
    let page = node(vec![log(3, 1), log(3, 0)]).logs(contract, 0, &to).expect("two logs");
    assert_eq!(page.logs.iter().map(|log| log.index).collect::<Vec<_>>(), [0, 1]);
    assert!((1..=10).contains(&page.next_block), "{}", page.next_block);
    for logs in [vec![log(3, 1), log(3, 1)], vec![log(900, 0)]] {
        let error = node(logs).logs(contract, 0, &to).expect_err("no answer");
        assert!(matches!(error, SubmitError::BadAnswer { method: "eth_getLogs", .. }), "{error}");
    }
    let other = node(vec![log(3, 0)]).logs(Address::ZERO, 0, &to).expect_err("another contract's");
    assert!(matches!(other, SubmitError::BadAnswer { .. }), "{other}");
}
