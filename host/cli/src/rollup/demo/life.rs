//! While the operator works: deployment, deposits, payments, a forced exit.

use std::time::Instant;

use millrace_circuit::batch::Circuit;
use millrace_job::CancelToken;
use millrace_l1::{
    Address, SolValue, U256,
    rollup::{
        abi::{IRollup, IToken},
        compiled::{Contract, Deployment, POSEIDON},
        leave::withdraw_call,
        owner, word,
    },
    rpc::Sender,
};
use millrace_state::{
    op::{Authorisation, Op, SignedOp},
    types::{AccountId, Domain, Fee, TokenId},
};

use super::{
    Demo,
    cast::{self, BASE_FEE_GWEI, Person, everybody, milli, shown, units},
};
use crate::{
    exit::{Code, Failure},
    rollup::{
        devkey,
        operator::{Engines, Operator, Proven, recipient},
    },
    submit::submit_failure,
};

const TOKEN: &str = include_str!("token.json");
/// What each signed op of the story pays to the operator.
const FEE_MILLI: u64 = 1;
const HOUR_SECONDS: u64 = 3_600;
/// The operator's account: it deposits first.
const OPERATOR: u32 = 1;

fn gone() -> Failure {
    Failure::new(Code::Usage, "the operator is gone")
}

fn id(number: u32) -> AccountId {
    AccountId::new(number).expect("small")
}

impl Demo {
    fn create(&mut self, what: &str, code: &[u8]) -> Result<Address, Failure> {
        let started = Instant::now();
        let sender = Sender::Unlocked(self.chain.deployer().map_err(submit_failure)?);
        let receipt = self.chain.send(&sender, None, U256::ZERO, code).map_err(submit_failure)?;
        self.story.row(what, Some(receipt.gas_used), Some(started.elapsed().as_secs_f64()));
        self.deployed = receipt.block;
        receipt.created.ok_or_else(|| Failure::new(Code::L1Rejected, format!("{what}: no address")))
    }

    pub(super) fn deploy(&mut self, cancel: &CancelToken) -> Result<(), Failure> {
        for person in everybody() {
            self.chain.fund(person.address, units(1_000_000)).map_err(submit_failure)?;
        }
        let [proposer, ..] = everybody();
        self.story.section("The contracts are deployed");
        let circuit = Circuit::new(self.ops);
        let (key, made) = devkey::load(&circuit, self.ops)?;
        let sender = Sender::Unlocked(proposer.address);
        let engines = Engines { device: &self.device, with: &[], fallback: self.fallback, max_memory: None };
        let mut operator = Operator::start(engines, circuit, key, sender, self.blinding, cancel)?;
        if made.is_some() {
            self.story.row("the development key is made, once; it stays in the cache", None, made);
        }
        let verifier = self.create(
            "a verifier: the key's constants in code",
            &devkey::verifier(self.ops)?.contract.bytecode,
        )?;
        let poseidon = self.create("Poseidon, for exits without a prover", &POSEIDON.bytecode)?;
        let mut token = Contract::from_json(TOKEN).bytecode;
        token.extend(U256::from(18).abi_encode());
        self.token = self.create("an ERC-20 to play with: TOK", &token)?;
        let started = Instant::now();
        let (proof, sponge) = operator.setup()?;
        self.story.row(
            "a first proof, of no ops, for the constructor to test the verifier with",
            None,
            Some(started.elapsed().as_secs_f64()),
        );
        let setup = IRollup::Setup { size: U256::from(self.ops), verifier, proof, sponge };
        let (tokens, setups) = (vec![self.token], vec![setup]);
        let deployment =
            Deployment { proposer: proposer.address, poseidon, base_fee_gwei: BASE_FEE_GWEI, tokens, setups };
        self.contract = self.create("the rollup", &deployment.creation_code())?;
        self.domain = Domain { contract: owner(self.contract), ..self.domain };
        if !self.view(self.contract, IRollup::isDevSetupCall {})? {
            return Err(Failure::new(
                Code::Mismatch,
                "the contract takes the development key for a real one",
            ));
        }
        operator.open_disk(self.domain)?;
        self.operator = Some(operator);
        self.story.protects(
            "no owner, no proxy, no pause: code, keys and tokens are fixed for ever, for everybody",
        );
        Ok(())
    }

    fn operator(&mut self) -> Result<&mut Operator, Failure> {
        self.operator.as_mut().ok_or_else(gone)
    }

    fn queue_fee(&mut self) -> Result<U256, Failure> {
        self.view(self.contract, IRollup::queueFeeCall {})
    }

    pub(super) fn deposit(&mut self, person: &Person, token: u8, thousandths: u64) -> Result<(), Failure> {
        let (fee, amount) = (self.queue_fee()?, units(thousandths));
        let value = if token == 0 { fee + amount } else { fee };
        let token_number = U256::from(token);
        let call = IRollup::depositCall { owner: person.address, token: token_number, amount };
        let gas = self.send(person, self.contract, value, call)?;
        self.story.row(&format!("{} deposits {}", person.name, shown(token.into(), amount)), Some(gas), None);
        Ok(())
    }

    pub(super) fn force_exit(&mut self, person: &Person) -> Result<(), Failure> {
        let fee = self.queue_fee()?;
        let call = IRollup::requestFullExitCall { token: U256::ZERO };
        let gas = self.send(person, self.contract, fee, call)?;
        self.story.row(&format!("{} requests a full exit of ETH on L1", person.name), Some(gas), None);
        Ok(())
    }

    pub(super) fn deposits(&mut self) -> Result<(), Failure> {
        let people = everybody();
        let [operator, alice, bob, carol, _] = people;
        self.story.section("Users deposit, and set the keys that sign for them");
        self.send(
            &carol,
            self.token,
            U256::ZERO,
            IToken::mintCall { to: carol.address, amount: units(1_000_000) },
        )?;
        let call = IToken::approveCall { spender: self.contract, amount: U256::MAX };
        self.send(&carol, self.token, U256::ZERO, call)?;
        for person in people {
            let wallet = [self.held(0, person.wallet)?, self.held(1, person.wallet)?];
            self.before.push(wallet);
        }
        self.deposit(&operator, 0, 100)?;
        self.deposit(&alice, 0, 3_000)?;
        self.deposit(&bob, 0, 2_000)?;
        self.deposit(&carol, 1, 500_000)?;
        for person in [alice, carol] {
            let (fee, key) = (self.queue_fee()?, person.key().public());
            let call = IRollup::requestSetKeyCall { ax: word(key.x), ay: word(key.y) };
            let gas = self.send(&person, self.contract, fee, call)?;
            self.story.row(&format!("{} sets a key", person.name), Some(gas), None);
        }
        self.batches(&[])?;
        self.story.protects(
            "a deposit lies in the contract, never with the operator; the operator cannot skip one",
        );
        Ok(())
    }

    /// Proves and submits until queue and pool are empty.
    fn batches(&mut self, pool: &[SignedOp]) -> Result<(), Failure> {
        let mut pool = pool.to_vec();
        while let Some(gas) = self.batch(&mut pool)? {
            tracing::debug!(gas, "batch accepted");
        }
        Ok(())
    }

    /// Builds and proves the next batch; `None` where there is nothing to do.
    fn prove_next(&mut self, pool: &[SignedOp]) -> Result<Option<Proven>, Failure> {
        let last = self.view(self.contract, IRollup::batchTimeCall {})?;
        // Test nodes make several blocks a second; the time of batches rises, as that of a chain's blocks does.
        if U256::from(self.head()?.time) <= last {
            self.chain.forward(1).map_err(submit_failure)?;
        }
        let (place, domain) = (self.place(), self.domain);
        let operator = self.operator.as_mut().ok_or_else(gone)?;
        let followed = operator.follow(&mut *self.chain, &place)?;
        operator.next(&followed.seen, domain, id(OPERATOR), pool)
    }

    /// One batch; `None` where there is nothing to do.
    fn batch(&mut self, pool: &mut Vec<SignedOp>) -> Result<Option<u64>, Failure> {
        let contract = self.contract;
        let Some(proven) = self.prove_next(pool)? else { return Ok(None) };
        let signed = proven.included.len();
        if proven.consumed + signed == 0 {
            return Err(Failure::new(Code::Mismatch, "an op of the story cannot run"));
        }
        let operator = self.operator.as_mut().ok_or_else(gone)?;
        let gas = operator.submit(&mut *self.chain, contract, None, &proven)?;
        let words = format!(
            "batch {}: {} from the queue, {signed} signed; proven, and its root accepted",
            proven.executed.header.number, proven.consumed
        );
        self.story.row(&words, Some(gas), Some(proven.seconds));
        let mut position = 0..;
        pool.retain(|_| !position.next().is_some_and(|i| proven.included.contains(&i)));
        let root = self.view(contract, IRollup::stateRootCall {})?;
        Self::expect("the contract's root", word(proven.executed.new_root), root)?;
        Ok(Some(gas))
    }

    /// Signs ops of one person, one after the other.
    fn sign(&mut self, person: &Person, account: u32, ops: &[Op]) -> Result<Vec<SignedOp>, Failure> {
        let valid_until = self.head()?.time + HOUR_SECONDS;
        let (domain, key) = (self.domain, person.key());
        let state = self.operator()?.state()?;
        let first = state.account(id(account)).map_or(0, |account| account.nonce);
        let sign = |(op, nonce): (&Op, u64)| {
            let signature = key.sign(op.message(&domain, nonce, valid_until));
            SignedOp { op: *op, authorisation: Some(Authorisation { nonce, valid_until, signature }) }
        };
        Ok(ops.iter().zip(first..).map(sign).collect())
    }

    pub(super) fn payments(&mut self) -> Result<(), Failure> {
        let [_, alice, bob, carol, _] = everybody();
        self.story.section("Users pay each other with signatures; only batches with a valid proof count");
        let fee = Fee::new(milli(FEE_MILLI)).expect("below 2^96");
        let (native, token) = (TokenId(0), TokenId(1));
        let ops = [
            Op::Transfer { from: id(2), to: id(3), token: native, amount: milli(1_000), fee },
            Op::Withdraw {
                from: id(2),
                token: native,
                amount: milli(500),
                fee,
                recipient: owner(alice.wallet),
            },
        ];
        let mut pool = self.sign(&alice, 2, &ops)?;
        let free = Fee::default();
        let pay = Op::Transfer { from: id(4), to: id(2), token, amount: milli(120_000), fee: free };
        pool.extend(self.sign(&carol, 4, &[pay])?);
        self.story.row(
            "Alice signs: 1 ETH to Bob; 0.5 ETH to her wallet on L1. Carol signs: 120 TOK to Alice",
            None,
            None,
        );
        self.wrong_batches(&pool)?;
        self.batches(&pool)?;
        let amount =
            self.view(self.contract, IRollup::pendingOfCall { owner: alice.wallet, token: U256::ZERO })?;
        Self::expect("Alice's withdrawal", units(500), amount)?;
        let call = withdraw_call(alice.wallet, 0, alice.wallet, amount);
        let gas = self.send(&bob, self.contract, U256::ZERO, call)?;
        self.story.row("Bob, as anybody could, has Alice's 0.5 ETH paid to her wallet", Some(gas), None);
        self.story.protects(
            "nobody moves a balance without its owner's signature: not the operator, not with any key",
        );
        Ok(())
    }

    /// What an operator might try with a valid proof in its hands.
    fn wrong_batches(&mut self, pool: &[SignedOp]) -> Result<(), Failure> {
        let [proposer, ..] = everybody();
        let contract = self.contract;
        let proven = self.prove_next(pool)?;
        let proven = proven.ok_or_else(|| Failure::new(Code::Mismatch, "the story has signed ops"))?;
        let paid = proven.executed.ops.iter().position(|trace| {
            matches!(trace.signed.op, Op::Transfer { .. }) || recipient(&trace.signed.op).is_some()
        });
        let at = paid.ok_or_else(|| Failure::new(Code::Mismatch, "the story has a payment"))?;
        let mut more = proven.call.clone();
        let mut ops = more.ops.to_vec();
        // The lowest byte of the op's amount.
        ops[millrace_state::packed::RECORD_BYTES * at + 31] ^= 1;
        more.ops = ops.into();
        let answer = self.try_send(&proposer, contract, U256::ZERO, more);
        self.refused("the operator changes one bit of a payment", "ProofRejected", answer)?;
        let mut elsewhere = proven.call.clone();
        elsewhere.batch.newRoot ^= U256::ONE;
        let answer = self.try_send(&proposer, contract, U256::ZERO, elsewhere);
        self.refused("the operator proves one batch and submits another root", "ProofRejected", answer)
    }

    pub(super) fn forced_exit(&mut self) -> Result<(), Failure> {
        let [_, _, bob, _, dave] = everybody();
        self.story.section("A user leaves without asking the operator");
        self.force_exit(&bob)?;
        self.batches(&[])?;
        let amount =
            self.view(self.contract, IRollup::pendingOfCall { owner: bob.address, token: U256::ZERO })?;
        Self::expect("Bob's forced exit", units(3_000), amount)?;
        let call = withdraw_call(bob.address, 0, bob.wallet, amount);
        let answer = self.try_send(&dave, self.contract, U256::ZERO, call.clone());
        self.refused(
            "Dave tries to send Bob's money to a wallet that Bob did not name",
            "NotRecipient",
            answer,
        )?;
        let gas = self.send(&bob, self.contract, U256::ZERO, call)?;
        self.story.row("Bob withdraws 3 ETH to his wallet", Some(gas), None);
        self.story
            .protects("a request with none ahead is taken within 49 hours, or all may leave after 7 days");
        Ok(())
    }

    /// What an address has of a token on L1.
    pub(super) fn held(&mut self, token: usize, who: Address) -> Result<U256, Failure> {
        if token > 0 {
            return self.view(self.token, IToken::balanceOfCall { owner: who });
        }
        let head = self.head()?;
        self.chain.balance(who, &head).map_err(submit_failure)
    }

    pub(super) fn operator_vanishes(&mut self) -> Result<(), Failure> {
        let [_, alice, bob, carol, dave] = everybody();
        self.story.section("The operator vanishes, with requests waiting");
        self.deposit(&bob, 0, 1_000)?;
        self.deposit(&carol, 1, 50_000)?;
        self.deposit(&dave, 0, 250)?;
        self.force_exit(&alice)?;
        let donated = units(cast::DONATED_MILLI);
        let call = IToken::transferCall { to: self.contract, amount: donated };
        let gas = self.send(&carol, self.token, U256::ZERO, call)?;
        let words =
            format!("Carol sends {} straight to the contract, by mistake: nobody's now", shown(1, donated));
        self.story.row(&words, Some(gas), None);
        let operator = self.operator.take().ok_or_else(gone)?;
        self.made = operator.made().clone();
        operator.destroy()?;
        self.story.row("THE OPERATOR'S DISK IS DELETED. Nobody has the state any more", None, None);
        let call = IRollup::startExodusCall {};
        let answer = self.try_send(&dave, self.contract, U256::ZERO, call);
        self.refused("Dave wants to start the exodus at once", "NotInExodus", answer)?;
        self.story.protects("an operator that is only slow is not taken for one that is gone");
        Ok(())
    }
}
