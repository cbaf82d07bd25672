//! The sequencer and prover of the test: batches of one op, a development key, proofs by the CPU.

use std::sync::Arc;

use alloy_primitives::U256;
use millrace_circuit::batch::Circuit;
use millrace_groth16::{ProvingKey, R1cs, dev_setup};
use millrace_job::CancelToken;
use millrace_kernels::CpuEngine;
use millrace_l1::rollup::{abi::IRollup, word};
use millrace_l1::solidity::{ExportOptions, export};
use millrace_l1::{VerifierKey, VerifyCall, fr_word, solc};
use millrace_prover::{LoadedKey, Prover, Randomness};
use millrace_state::batch::{Batch, Executed, Header, PublicInputs};
use millrace_state::eddsa::SecretKey;
use millrace_state::exit::ExitProof;
use millrace_state::op::{Authorisation, Op, SignedOp};
use millrace_state::packed::pack;
use millrace_state::state::State;
use millrace_state::types::{AccountId, Domain, TokenId};

use crate::chain::Chain;

/// What `submit` takes.
#[derive(Clone)]
pub(crate) struct Submission {
    pub(crate) size: usize,
    pub(crate) batch: IRollup::Batch,
    pub(crate) ops: Vec<u8>,
    pub(crate) proof: IRollup::Proof,
}

pub(crate) struct Operator {
    circuit: Circuit,
    prover: Prover,
    key: LoadedKey,
    /// Compiled verifier of the key.
    pub(crate) verifier: Vec<u8>,
    /// What lies on the chain afterwards.
    pub(crate) verifier_runtime: Vec<u8>,
    last: Vec<SignedOp>,
    domain: Domain,
    state: State,
    /// The state before the last batch.
    before: State,
    number: u64,
}

impl Operator {
    /// For batches of one op. `None`, with the reason printed, where solc is not installed.
    pub(crate) fn new() -> Option<Self> {
        Self::of_size(1)
    }

    /// For batches of so many ops.
    pub(crate) fn of_size(size: usize) -> Option<Self> {
        let circuit = Circuit::new(size);
        let mut r1cs = Vec::new();
        circuit.write_r1cs(&mut r1cs).expect("memory");
        let r1cs = R1cs::from_bytes(Arc::new(r1cs)).expect("our own r1cs");
        let mut zkey = Vec::new();
        dev_setup(&r1cs, b"contract test", &mut zkey).expect("it fits");
        drop(r1cs);
        let key = ProvingKey::from_bytes(Arc::new(zkey)).expect("our own key");

        let options = ExportOptions { name: "Verifier", contributions: None, allow_dev: true };
        let source = export(&VerifierKey::from(key.verifying_key()), &options).expect("allowed");
        assert!(source.contains("IS_DEV_SETUP = true"), "a development key is known by its points alone");
        let compiled = match solc::compile(&source, "Verifier") {
            Ok(compiled) => compiled,
            Err(missing @ (solc::CompileError::SolcMissing { .. } | solc::CompileError::Node(_))) => {
                println!("skipped: {missing}");
                return None;
            }
            Err(other) => panic!("{other}"),
        };
        let prover = Prover::alone(Arc::new(CpuEngine::new()));
        let key = prover.load(key).expect("a good key");
        let domain = Domain { chain_id: 0, contract: millrace_state::types::Address::NOBODY };
        let (verifier, verifier_runtime) = (compiled.bytecode, compiled.runtime);
        let (state, number, before) = (State::default(), 0, State::default());
        Some(Self {
            circuit,
            prover,
            key,
            verifier,
            verifier_runtime,
            last: Vec::new(),
            domain,
            state,
            before,
            number,
        })
    }

    pub(crate) fn for_contract(mut self, domain: Domain) -> Self {
        self.domain = domain;
        self
    }

    pub(crate) fn key_hash(&self) -> millrace_l1::B256 {
        VerifierKey::from(self.key.key().verifying_key()).hash()
    }

    /// Ops of a batch.
    pub(crate) fn size(&self) -> usize {
        self.circuit.size()
    }

    pub(crate) fn root(&self) -> U256 {
        word(self.state.root())
    }

    /// What the constructor takes for a setup: the proof of NOOPs on the empty state, of no chain and no contract, and its sponge.
    pub(crate) fn setup(&self) -> (IRollup::Proof, U256) {
        let executed = self.execute(&mut State::default(), 0, 0, Vec::new(), AccountId::NOBODY);
        (self.prove(&executed), inputs(&executed)[0])
    }

    /// The next batch, of one op, `queue_ops` of them from the queue.
    pub(crate) fn batch(&mut self, chain: &mut Chain, op: SignedOp, queue_ops: u64) -> Submission {
        self.batch_of(chain, vec![op], queue_ops)
    }

    /// The next batch: these ops, `queue_ops` of them from the queue, and NOOPs.
    pub(crate) fn batch_of(&mut self, chain: &mut Chain, ops: Vec<SignedOp>, queue_ops: u64) -> Submission {
        self.number += 1;
        (self.before, self.last) = (self.state.clone(), ops.clone());
        let fee_account = AccountId::new(1).expect("small");
        let mut state = std::mem::take(&mut self.state);
        let executed = self.execute(&mut state, self.number, chain.time(), ops, fee_account);
        self.state = state;
        let batch = IRollup::Batch {
            newRoot: word(executed.new_root),
            time: executed.header.time,
            feeAccount: fee_account.get().try_into().expect("24 bits"),
            feeTokens: 0x0001_0203,
            feeOwner: chain.owner_of_first(),
            queueOps: U256::from(queue_ops),
            sponge: inputs(&executed)[0],
        };
        let ops: Vec<Op> = executed.ops.iter().map(|trace| trace.signed.op).collect();
        Submission { size: self.size(), batch, ops: pack(&ops), proof: self.prove(&executed) }
    }

    /// The last batch again, at the present time.
    pub(crate) fn again(&mut self, chain: &mut Chain) -> Submission {
        self.state = self.before.clone();
        self.number -= 1;
        let ops = std::mem::take(&mut self.last);
        self.batch_of(chain, ops, 0)
    }

    /// Signs an op with its account's nonce, `ahead` signed ops later.
    pub(crate) fn sign(&self, op: Op, key: &SecretKey, ahead: u64) -> SignedOp {
        let signer = op.signer().expect("an op that is signed");
        let nonce = self.state.account(signer).map_or(0, |account| account.nonce) + ahead;
        let valid_until = u64::MAX;
        let signature = key.sign(op.message(&self.domain, nonce, valid_until));
        SignedOp { op, authorisation: Some(Authorisation { nonce, valid_until, signature }) }
    }

    pub(crate) fn signed(&mut self, chain: &mut Chain, op: Op, key: &SecretKey) -> Submission {
        let signed = self.sign(op, key, 0);
        self.batch(chain, signed, 0)
    }

    /// A batch that changes nothing; the state stays.
    pub(crate) fn noop(&mut self, chain: &mut Chain) -> Submission {
        self.batch(chain, Op::Noop.into(), 0)
    }

    pub(crate) fn prove_balance(&self, id: AccountId) -> ExitProof {
        self.state.prove_balance(id, TokenId(0)).expect("a balance")
    }

    fn execute(
        &self,
        state: &mut State,
        number: u64,
        time: u64,
        mut ops: Vec<SignedOp>,
        fee_account: AccountId,
    ) -> Executed {
        assert!(ops.len() <= self.size());
        ops.resize(self.size(), Op::Noop.into());
        let fee_tokens = [0, 1, 2, 3].map(TokenId);
        let header = Header { number, time, fee_account, fee_tokens };
        state.execute(self.domain, &Batch { header, ops }).expect("a right batch")
    }

    fn prove(&self, executed: &Executed) -> IRollup::Proof {
        let witness = self.circuit.groth16_witness(executed).expect("a batch of this size");
        let randomness = Randomness::Seed([1; 32]);
        let proved = self
            .prover
            .prove(&self.key, &witness, None, &randomness, &(), &CancelToken::default())
            .expect("a proof");
        let call = VerifyCall::new(&proved.proof, &proved.publics);
        assert_eq!(proved.publics.iter().map(fr_word).collect::<Vec<_>>(), inputs(executed));
        IRollup::Proof { a: call.a, b: call.b, c: call.c }
    }
}

fn inputs(executed: &Executed) -> [U256; 3] {
    let PublicInputs { p, rho, y } = PublicInputs::of(&executed.words());
    [p, rho, y].map(word)
}
