//! The shared vectors of `sim/vectors/rollup`, and small helpers.
#![allow(dead_code, reason = "each test binary uses some of these")]

pub(crate) mod world;

use std::{path::PathBuf, str::FromStr};

use ark_ff::PrimeField;
use millrace_state::{
    Fr,
    babyjub::Point,
    batch::{Batch, Header},
    eddsa::Signature,
    op::{Authorisation, Op, SignedOp},
    types::{AccountId, Address, Domain, Fee, TokenId},
};
use serde_json::Value;

pub(crate) fn vectors(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../sim/vectors/rollup").join(name);
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no list {key}"))
}

/// A number, as JSON number or decimal string.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.as_u64().unwrap().to_string(), str::to_owned)
}

pub(crate) fn fr(value: &Value) -> Fr {
    Fr::from_str(&text(value)).unwrap()
}

pub(crate) fn frs(value: &Value) -> Vec<Fr> {
    value.as_array().unwrap().iter().map(fr).collect()
}

pub(crate) fn number<T: FromStr>(value: &Value) -> T
where
    T::Err: std::fmt::Debug,
{
    text(value).parse().unwrap()
}

pub(crate) fn point(value: &Value) -> Point {
    Point { x: fr(&value[0]), y: fr(&value[1]) }
}

pub(crate) fn id(value: &Value) -> AccountId {
    AccountId::new(number(value)).unwrap()
}

pub(crate) fn token(value: &Value) -> TokenId {
    TokenId(number(value))
}

pub(crate) fn address(value: &Value) -> Address {
    let number: num_bigint::BigUint = text(value).parse().unwrap();
    let bytes = number.to_bytes_be();
    let mut out = [0; 20];
    out[20 - bytes.len()..].copy_from_slice(&bytes);
    Address(out)
}

pub(crate) fn path<const DEPTH: usize>(value: &Value) -> [[Fr; 3]; DEPTH] {
    let levels: Vec<[Fr; 3]> =
        value.as_array().unwrap().iter().map(|level| frs(level).try_into().unwrap()).collect();
    levels.try_into().unwrap()
}

pub(crate) fn op(value: &Value) -> SignedOp {
    let account = || id(&value["account"]);
    let token = || token(&value["token"]);
    let amount = || number(&value["amount"]);
    let fee = || Fee::new(number(&value["fee"])).unwrap();
    let address = || address(&value["address"]);
    let op = match value["op"].as_str().unwrap() {
        "noop" => Op::Noop,
        "deposit" => Op::Deposit { account: account(), token: token(), amount: amount(), owner: address() },
        "transfer" => Op::Transfer {
            from: account(),
            to: id(&value["to"]),
            token: token(),
            amount: amount(),
            fee: fee(),
        },
        "withdraw" => Op::Withdraw {
            from: account(),
            token: token(),
            amount: amount(),
            fee: fee(),
            recipient: address(),
        },
        "full_exit" => {
            Op::FullExit { account: account(), token: token(), amount: amount(), owner: address() }
        }
        "set_key" => Op::SetKey { account: account(), key: point(&value["key"]) },
        other => panic!("no op {other}"),
    };
    let authorisation = value.get("authorisation").map(|a| Authorisation {
        nonce: number(&a["nonce"]),
        valid_until: number(&a["valid_until"]),
        signature: Signature { r8: point(&a["r8"]), s: fr(&a["s"]).into_bigint() },
    });
    SignedOp { op, authorisation }
}

pub(crate) fn batch(value: &Value) -> (Domain, Batch) {
    let (domain, header) = (&value["domain"], &value["header"]);
    let domain = Domain { chain_id: number(&domain["chain_id"]), contract: address(&domain["contract"]) };
    let tokens: Vec<TokenId> = list(header, "fee_tokens").iter().map(token).collect();
    let header = Header {
        number: number(&header["number"]),
        time: number(&header["time"]),
        fee_account: id(&header["fee_account"]),
        fee_tokens: tokens.try_into().unwrap(),
    };
    (domain, Batch { header, ops: list(value, "ops").iter().map(op).collect() })
}
