//! L1: the committed contracts in the embedded EVM, and what users do there.

use alloy_primitives::{Address, U256, address};
use alloy_sol_types::{SolCall, SolValue, sol};
use millrace_l1::chain::embedded::{CHAIN_ID, Embedded};
use millrace_l1::chain::{Block, BlockTag, Chain as _, TestChain, view};
use millrace_l1::rollup::abi::{IRollup, IToken};
use millrace_l1::rollup::compiled::{Deployment, POSEIDON};
use millrace_l1::rollup::leave::{exit_call, refund_call, withdraw_call};
use millrace_l1::rollup::restore::{Place, Restored, restore, restore_with};
use millrace_l1::rollup::{self, word};
use millrace_l1::rpc::{Sender, SubmitError};
use millrace_l1::solc;
use millrace_state::Fr;
use millrace_state::babyjub::Point;
use millrace_state::exit::ExitProof;
use millrace_state::types::Domain;

use crate::operator::{Operator, Submission};

sol! {
    function relay(address to, bytes data) external payable;
}

pub(crate) const PROPOSER: Address = address!("0x9999999999999999999999999999999999999999");
const BASE_FEE_GWEI: u64 = 100_000;
const TOKEN: u8 = 1;

/// Calls for others: what a multisig or a batching wallet does.
const RELAY: &str = "// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
contract Relay {
    function relay(address to, bytes calldata data) external payable {
        (bool ok, bytes memory answer) = to.call{value: msg.value}(data);
        if (!ok) assembly { revert(add(answer, 0x20), mload(answer)) }
    }
    receive() external payable {}
}";

pub(crate) struct Chain {
    pub(crate) evm: Embedded,
    rollup: Address,
    pub(crate) token: Address,
    owner_of_first: Address,
}

/// Why the contract refused, its error's name first.
pub(crate) type Refusal = String;

fn refusal(error: SubmitError) -> Refusal {
    match error {
        SubmitError::Reverted { reason } => reason,
        other => panic!("{other}"),
    }
}

impl Chain {
    /// Deploys the contracts for an operator; the first of `users` will have account 1. Everybody has 1,000 of the token.
    pub(crate) fn new(operator: &Operator, users: &[Address]) -> Self {
        let mut evm = Embedded::default();
        for user in users {
            evm.fund(*user, U256::from(10).pow(U256::from(20))).expect("memory");
        }
        let mut chain = Self { evm, rollup: Address::ZERO, token: Address::ZERO, owner_of_first: users[0] };
        let verifier = chain.deploy(&operator.verifier);
        let poseidon = chain.deploy(&POSEIDON.bytecode);
        let tokens = include_str!("../../../rollup/contracts/test/mocks/Tokens.sol");
        let mut token = solc::compile(tokens, "Token").expect("it compiled the verifier").bytecode;
        token.extend(U256::from(18).abi_encode());
        chain.token = chain.deploy(&token);
        let (proof, sponge) = operator.setup();
        let setup = IRollup::Setup { size: U256::from(operator.size()), verifier, proof, sponge };
        let (base_fee_gwei, tokens, setups) = (BASE_FEE_GWEI, vec![chain.token], vec![setup]);
        let deployment = Deployment { proposer: PROPOSER, poseidon, base_fee_gwei, tokens, setups };
        chain.rollup = chain.deploy(&deployment.creation_code());
        assert!(chain.view(IRollup::isDevSetupCall {}), "the key is one for development");
        for user in users {
            chain.token_call(*user, IToken::mintCall { to: *user, amount: U256::from(1_000) });
            let amount = U256::MAX;
            chain.token_call(*user, IToken::approveCall { spender: chain.rollup, amount });
        }
        chain
    }

    pub(crate) fn domain(&self) -> Domain {
        Domain { chain_id: CHAIN_ID, contract: rollup::owner(self.rollup) }
    }

    pub(crate) fn rollup(&self) -> Address {
        self.rollup
    }

    fn head(&mut self) -> Block {
        self.evm.block(BlockTag::Latest).expect("memory")
    }

    pub(crate) fn time(&mut self) -> u64 {
        self.head().time
    }

    pub(crate) fn owner_of_first(&self) -> Address {
        self.owner_of_first
    }

    pub(crate) fn forward(&mut self, seconds: u64) {
        self.evm.forward(seconds).expect("memory");
    }

    pub(crate) fn root(&mut self) -> U256 {
        self.view(IRollup::stateRootCall {})
    }

    pub(crate) fn custody(&mut self) -> U256 {
        self.view(IRollup::custodyOfCall { token: U256::ZERO })
    }

    /// What an owner can withdraw of the native coin.
    pub(crate) fn pending(&mut self, owner: Address) -> U256 {
        self.view(IRollup::pendingOfCall { owner, token: U256::ZERO })
    }

    pub(crate) fn balance(&mut self, account: Address) -> U256 {
        let head = self.head();
        self.evm.balance(account, &head).expect("memory")
    }

    pub(crate) fn token_balance(&mut self, owner: Address) -> U256 {
        let (head, token) = (self.head(), self.token);
        view(&mut self.evm, token, IToken::balanceOfCall { owner }, &head).expect("a token")
    }

    pub(crate) fn deposit(&mut self, from: Address, amount: U256) {
        let value = amount + self.fee();
        self.send(from, value, IRollup::depositCall { owner: from, token: U256::ZERO, amount })
            .expect("deposit");
    }

    pub(crate) fn deposit_token(&mut self, from: Address, amount: u64) {
        let (value, amount) = (self.fee(), U256::from(amount));
        self.send(from, value, IRollup::depositCall { owner: from, token: U256::from(TOKEN), amount })
            .expect("deposit");
    }

    pub(crate) fn set_key(&mut self, from: Address, key: Point) {
        let fee = self.fee();
        let call = IRollup::requestSetKeyCall { ax: word(key.x), ay: word(key.y) };
        self.send(from, fee, call).expect("a point of the curve");
    }

    pub(crate) fn request_full_exit(&mut self, from: Address) {
        let fee = self.fee();
        self.send(from, fee, IRollup::requestFullExitCall { token: U256::ZERO }).expect("an account");
    }

    pub(crate) fn submit(&mut self, submission: &Submission) -> Result<(), Refusal> {
        self.send(PROPOSER, U256::ZERO, submit_call(submission))
    }

    /// As [`Self::submit`], but inside a call of `relay` at `through`, by `from`.
    pub(crate) fn submit_through(
        &mut self,
        from: Address,
        through: Address,
        submission: &Submission,
    ) -> Result<(), Refusal> {
        let data = submit_call(submission).abi_encode().into();
        let call = relayCall { to: self.rollup, data }.abi_encode();
        let sent = self.evm.send(&Sender::Unlocked(from), Some(through), U256::ZERO, &call);
        sent.map(drop).map_err(refusal)
    }

    pub(crate) fn relay(&mut self) -> Address {
        let code = solc::compile(RELAY, "Relay").expect("it compiled the verifier").bytecode;
        self.deploy(&code)
    }

    pub(crate) fn exit(&mut self, proof: &ExitProof) -> Result<(), Refusal> {
        self.send(PROPOSER, U256::ZERO, exit_call(proof))
    }

    pub(crate) fn refund(&mut self, index: u64, owner: Address) -> Result<(), Refusal> {
        self.send(PROPOSER, U256::ZERO, refund_call(index, owner))
    }

    pub(crate) fn withdraw_all(&mut self, owner: Address) {
        let amount = self.pending(owner);
        self.send(PROPOSER, U256::ZERO, withdraw_call(owner, 0, owner, amount)).expect("pending is there");
    }

    pub(crate) fn withdraw(&mut self, owner: Address, token: u8, amount: U256) {
        self.send(PROPOSER, U256::ZERO, withdraw_call(owner, token, owner, amount))
            .expect("pending is there");
    }

    /// From the logs, by somebody who knows nothing.
    pub(crate) fn restored(&mut self) -> Restored {
        let place = Place { contract: self.rollup, until: BlockTag::Latest, from_block: 0 };
        restore(&mut self.evm, &place).expect("the logs are whole")
    }

    /// The words of all batches that were accepted, from the logs.
    pub(crate) fn accepted(&mut self) -> Vec<Vec<Fr>> {
        let place = Place { contract: self.rollup, until: BlockTag::Latest, from_block: 0 };
        let mut accepted = Vec::new();
        restore_with(&mut self.evm, &place, &mut |words| accepted.push(words)).expect("the logs are whole");
        accepted
    }

    pub(crate) fn token_call<C: SolCall>(&mut self, from: Address, call: C) {
        let token = Some(self.token);
        let sent = self.evm.send(&Sender::Unlocked(from), token, U256::ZERO, &call.abi_encode());
        sent.expect("a plain token");
    }

    fn fee(&mut self) -> U256 {
        self.view(IRollup::queueFeeCall {})
    }

    fn view<C: SolCall>(&mut self, call: C) -> C::Return {
        let (head, rollup) = (self.head(), self.rollup);
        view(&mut self.evm, rollup, call, &head).expect("the ABI's answer")
    }

    /// As [`Self::submit`]; gives the gas that the transaction used.
    pub(crate) fn gas_of_submit(&mut self, submission: &Submission) -> Result<u64, Refusal> {
        let (rollup, data) = (Some(self.rollup), submit_call(submission).abi_encode());
        let sent = self.evm.send(&Sender::Unlocked(PROPOSER), rollup, U256::ZERO, &data);
        sent.map(|receipt| receipt.gas_used).map_err(refusal)
    }

    fn send<C: SolCall>(&mut self, from: Address, value: U256, call: C) -> Result<(), Refusal> {
        let rollup = Some(self.rollup);
        let sent = self.evm.send(&Sender::Unlocked(from), rollup, value, &call.abi_encode());
        sent.map(drop).map_err(refusal)
    }

    fn deploy(&mut self, code: &[u8]) -> Address {
        let receipt = self.evm.send(&Sender::Unlocked(PROPOSER), None, U256::ZERO, code).expect("deployment");
        receipt.created.expect("an address")
    }
}

fn submit_call(submission: &Submission) -> IRollup::submitCall {
    let Submission { size, batch, ops, proof } = submission.clone();
    IRollup::submitCall { size: U256::from(size), batch, ops: ops.into(), proof }
}
