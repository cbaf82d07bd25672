//! What every command about a deployed rollup asks for: a node, a contract, a block; and how calls are printed or sent.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;
use millrace_l1::{
    Address, U256,
    chain::{BlockTag, Chain},
    rollup::{
        audit::AuditError,
        restore::{Place, RestoreError, Restored, restore},
    },
    rpc::{Limits, Node, Receipt, Sender},
};

use crate::{
    exit::{Code, Failure},
    output::say,
    submit::{sender, submit_failure},
};

/// Where a rollup is.
#[derive(Args)]
pub(crate) struct PlaceArgs {
    /// A node's JSON-RPC address.
    #[arg(long, value_name = "URL")]
    pub(crate) rpc: String,
    /// The rollup's contract there.
    #[arg(long, value_name = "ADDR")]
    pub(crate) contract: Address,
    /// The block to look at: finalized, safe, latest, or a number. Commands that send look at the latest, the others at the finalized one.
    #[arg(long, value_name = "BLOCK")]
    block: Option<BlockTag>,
    /// A block before the deployment, to read logs from: saves time on a long chain.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    from_block: u64,
}

impl PlaceArgs {
    /// A connection; nothing is asked yet.
    pub(crate) fn open(&self) -> Result<Node, Failure> {
        Node::open(&self.rpc, Limits::default()).map_err(submit_failure)
    }

    /// The block to look at, where the user names none.
    pub(crate) fn tag(&self, default: BlockTag) -> BlockTag {
        self.block.unwrap_or(default)
    }

    /// The whole rollup, from its logs.
    pub(crate) fn restore(&self, chain: &mut dyn Chain, default: BlockTag) -> Result<Restored, Failure> {
        let (until, from_block) = (self.tag(default), self.from_block);
        restore(chain, &Place { contract: self.contract, until, from_block }).map_err(restore_failure)
    }
}

/// Who sends, or that nothing is sent.
#[derive(Args)]
pub(crate) struct SendArgs {
    /// An account that the node itself signs for.
    #[arg(long, value_name = "ADDR", conflicts_with = "key_file")]
    from: Option<String>,
    /// A file with the sender's private key in hexadecimal (else the environment variable MILLRACE_L1_KEY).
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// Send nothing: print the calls, for any wallet.
    #[arg(long)]
    pub(crate) print: bool,
}

impl SendArgs {
    /// Who sends.
    pub(crate) fn sender(&self) -> Result<Sender, Failure> {
        sender(self.from.as_deref(), self.key_file.as_deref())
    }
}

/// A call of the contract.
#[derive(Clone)]
pub(crate) struct Call {
    /// In words, for a line of its own.
    pub(crate) what: String,
    /// The contract.
    pub(crate) to: Address,
    /// Wei that go along.
    pub(crate) value: U256,
    /// Selector and arguments.
    pub(crate) data: Vec<u8>,
}

impl Call {
    /// As text, for a wallet.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n  to     {}\n", self.what, self.to);
        if !self.value.is_zero() {
            let _ = writeln!(text, "  value  {} wei", self.value);
        }
        let _ = write!(text, "  data   0x{}", hex::encode(&self.data));
        text
    }

    /// As JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "what": self.what, "to": self.to.to_string(), "value_wei": self.value.to_string(),
            "data": format!("0x{}", hex::encode(&self.data)),
        })
    }

    /// Sends it, and waits for the receipt.
    pub(crate) fn send(&self, chain: &mut dyn Chain, sender: &Sender) -> Result<Receipt, Failure> {
        chain.send(sender, Some(self.to), self.value, &self.data).map_err(|error| {
            let failure = submit_failure(error);
            Failure::new(failure.code, format!("{}: {failure}", self.what))
        })
    }
}

/// Prints calls, or sends each and waits for its receipt.
pub(crate) fn print_or_send(node: &mut Node, send: &SendArgs, calls: &[Call]) -> Result<(), Failure> {
    if send.print {
        calls.iter().for_each(|call| say!("{}", call.text()));
        return Ok(());
    }
    let sender = send.sender()?;
    for call in calls {
        let receipt = call.send(node, &sender)?;
        say!(
            "{}: transaction {}, block {}, {} gas",
            call.what,
            receipt.transaction,
            receipt.block,
            grouped(receipt.gas_used)
        );
    }
    Ok(())
}

pub(crate) fn restore_failure(error: RestoreError) -> Failure {
    match error {
        RestoreError::Node(error) => submit_failure(error),
        RestoreError::Log { .. } | RestoreError::Differs { .. } => Failure::new(Code::Mismatch, error),
        error => Failure::new(Code::L1Unavailable, error),
    }
}

pub(crate) fn audit_failure(error: AuditError) -> Failure {
    match error {
        AuditError::Node(error) => submit_failure(error),
        error => Failure::new(Code::L1Unavailable, error),
    }
}

/// A number with its digits in threes.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount of a token in words. The native coin has 18 decimals; of other tokens nobody but their own contract knows, so the smallest units are shown.
pub(crate) fn amount(token: u8, units: U256) -> String {
    match token {
        0 => format!("{} ETH", decimal(units)),
        token => format!("{units} of token {token}"),
    }
}

/// A number of 18 decimals, without zeros at its end.
pub(crate) fn decimal(units: U256) -> String {
    let digits = format!("{units:0>19}");
    let (whole, fraction) = digits.split_at(digits.len() - 18);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        let unit = U256::from(10).pow(U256::from(18));
        assert_eq!(decimal(U256::ZERO), "0");
        assert_eq!(decimal(unit), "1");
        assert_eq!(decimal(unit * U256::from(12)), "12");
        assert_eq!(decimal(U256::ONE), "0.000000000000000001");
        assert_eq!(decimal(unit / U256::from(4)), "0.25");
        assert_eq!(amount(1, U256::from(7)), "7 of token 1");
    }
}
