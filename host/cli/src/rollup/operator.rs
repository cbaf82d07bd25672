//! An operator: reads the queue from L1's logs, builds batches, proves them with the appliance's prover, submits, and keeps what was accepted on its disk.
//!
//! It may be killed at any point. L1 is right, and says what was accepted; the disk is made to agree with it before anything is built.

use std::{collections::BTreeMap, path::Path, time::Instant};

use millrace_circuit::batch::Circuit;
use millrace_groth16::ProvingKey;
use millrace_job::CancelToken;
use millrace_l1::{
    Address, B256, SolCall, SolValue, U256, VerifyCall,
    chain::Chain,
    keccak256,
    rollup::{
        abi::IRollup,
        address,
        restore::{Place, Restored, restore_with},
        word,
    },
    rpc::Sender,
};
use millrace_prover::{LoadedKey, Prover, Randomness};
use millrace_state::{
    batch::{Batch, Executed, Header, PublicInputs},
    builder::{FeePolicy, Plan, QueueEntry, build},
    op::{Op, SignedOp},
    packed,
    state::State,
    store::Store,
    types::{AccountId, Domain, TokenId},
};

use super::place::restore_failure;
use crate::{
    device::{self, DeviceName, OpenOptions, Opened},
    exit::{Code, Failure, OrFail},
    memory::{self, Flight},
    output::tell,
    progress::Progress,
    prove::{load_failure, prove_failure, prover},
    report,
    simulation::Simulation,
    submit::submit_failure,
};

/// A batch with its proof, as `submit` takes it.
#[derive(Clone)]
pub(crate) struct Proven {
    /// The call.
    pub(crate) call: IRollup::submitCall,
    /// The batch, as it ran.
    pub(crate) executed: Executed,
    /// Entries taken from the queue.
    pub(crate) consumed: usize,
    /// Ops of the pool in it, by position.
    pub(crate) included: Vec<usize>,
    /// Seconds of witness and proof.
    pub(crate) seconds: f64,
}

/// What L1 has accepted, and what came of the disk's batches.
pub(crate) struct Followed {
    /// L1's present.
    pub(crate) seen: Restored,
    /// Batches that the disk lacked and has now.
    pub(crate) adopted: u64,
    /// Batches that the disk had and L1 has not, or not any more.
    pub(crate) forgotten: u64,
}

/// Where the blinding of proofs comes from.
#[derive(Clone, Copy)]
pub(crate) enum Blinding {
    /// The operating system's generator.
    Os,
    /// A seed, and the number of the proof: for demonstrations that are to be the same twice.
    Seed([u8; 32]),
}

/// A store of accepted batches, and the folder that goes with it where it is a temporary one.
struct Disk {
    store: Store,
    folder: Option<tempfile::TempDir>,
}

/// The operator: all that it has is its prover and its disk.
pub(crate) struct Operator {
    circuit: Circuit,
    prover: Prover,
    key: LoadedKey,
    progress: Progress,
    cancel: CancelToken,
    /// Kept open as long as the prover.
    _device: Opened,
    ops: usize,
    sender: Sender,
    blinding: Blinding,
    disk: Option<Disk>,
    made: Made,
}

/// The proofs of an operator.
#[derive(Clone, Default)]
pub(crate) struct Made {
    /// How many.
    pub(crate) proofs: u64,
    /// A digest of all of them in their order.
    pub(crate) digest: B256,
    /// Jobs that a device can do, by the engine that did them.
    engines: BTreeMap<String, u64>,
}

impl Made {
    /// Who did the work, in words.
    pub(crate) fn by(&self) -> String {
        let each: Vec<String> =
            self.engines.iter().map(|(engine, jobs)| format!("{jobs} on {engine}")).collect();
        format!("sums over G1 and transforms: {}", each.join(", "))
    }
}

/// What an operator proves with.
pub(crate) struct Engines<'a> {
    /// Where batches are proven.
    pub(crate) device: &'a DeviceName,
    /// Devices that share the work.
    pub(crate) with: &'a [DeviceName],
    /// Whether the CPU goes on where the device fails.
    pub(crate) fallback: bool,
    /// Most memory that the CPU engine may take for a proof.
    pub(crate) max_memory: Option<u64>,
}

impl Operator {
    /// Opens the device, alone or with others, and loads a key for batches of so many ops.
    pub(crate) fn start(
        Engines { device: name, with, fallback, max_memory }: Engines<'_>,
        circuit: Circuit,
        key: ProvingKey,
        sender: Sender,
        blinding: Blinding,
        cancel: &CancelToken,
    ) -> Result<Self, Failure> {
        let flight = Flight::alone(true);
        let budget = memory::budget_of((name, with), &key, max_memory, flight)?;
        if let Some(budget) = &budget {
            tell!("memory: {budget}");
        }
        let device = device::open_all(name, with, OpenOptions { budget, ..OpenOptions::default() })?;
        let prover = prover(&device, None, fallback)?;
        let progress = Progress::new(device.behind.simulation().as_ref().map(Simulation::cycle_count));
        progress.step("loading the key");
        let key = prover.load_or_cancel(key, cancel).map_err(load_failure)?;
        Ok(Self {
            ops: circuit.size(),
            circuit,
            prover,
            key,
            progress,
            cancel: cancel.clone(),
            _device: device,
            sender,
            blinding,
            disk: None,
            made: Made::default(),
        })
    }

    /// What the contract's constructor takes: a proof of NOOPs on the empty state, of no chain and no contract, and its sponge.
    pub(crate) fn setup(&mut self) -> Result<(IRollup::Proof, U256), Failure> {
        let fee_tokens = [0, 1, 2, 3].map(TokenId);
        let header = Header { number: 0, time: 0, fee_account: AccountId::NOBODY, fee_tokens };
        let batch = Batch { header, ops: vec![Op::Noop.into(); self.ops] };
        let domain = Domain { chain_id: 0, contract: millrace_state::types::Address::NOBODY };
        let executed = State::default().execute(domain, &batch).or_fail(Code::Usage)?;
        let sponge = PublicInputs::of(&executed.words()).p;
        Ok((self.prove(&executed)?, word(sponge)))
    }

    /// Begins a store of accepted batches on a disk of its own.
    pub(crate) fn open_disk(&mut self, domain: Domain) -> Result<(), Failure> {
        let folder = tempfile::Builder::new().prefix("millrace-operator-").tempdir().or_fail(Code::Output)?;
        self.open_store(&folder.path().join("accepted.redb"), domain)?;
        self.disk = self.disk.take().map(|disk| Disk { folder: Some(folder), ..disk });
        Ok(())
    }

    /// Opens the store of accepted batches in a file that stays.
    pub(crate) fn open_store(&mut self, path: &Path, domain: Domain) -> Result<(), Failure> {
        let store = Store::open(path, domain).or_fail(Code::Output)?;
        self.disk = Some(Disk { store, folder: None });
        Ok(())
    }

    fn store(&mut self) -> Result<&mut Store, Failure> {
        let disk = self.disk.as_mut().map(|disk| &mut disk.store);
        disk.ok_or_else(|| Failure::new(Code::Usage, "the operator has no disk"))
    }

    /// Batches on the disk.
    pub(crate) fn stored(&mut self) -> Result<u64, Failure> {
        self.store().map(|store| store.accepted())
    }

    /// The operator's present state.
    pub(crate) fn state(&mut self) -> Result<State, Failure> {
        self.store().map(|store| store.state().clone())
    }

    /// Brings the disk to what L1 has accepted at `place`, which is L1's present.
    pub(crate) fn follow(&mut self, chain: &mut dyn Chain, place: &Place) -> Result<Followed, Failure> {
        // An operator that waits for finality would take the queue from the finalized block; this one shows how it works.
        let mut accepted = Vec::new();
        let seen = restore_with(chain, place, &mut |words| accepted.push(words)).map_err(restore_failure)?;
        // L1 is right: where this operator was killed after L1 had accepted a batch and before its disk had it, or somebody else proposed, the disk gets it now.
        let before = self.stored()?;
        let same = self.store()?.follow(&accepted).or_fail(Code::Output)?;
        Ok(Followed { seen, adopted: self.stored()? - same, forgotten: before - same })
    }

    /// Builds and proves the next batch after what was followed: what waits on L1, then ops of the pool. `None` where neither has anything. Fees are the fee account's:
    /// the contract pays them to its owner.
    pub(crate) fn next(
        &mut self,
        seen: &Restored,
        domain: Domain,
        fee_account: AccountId,
        pool: &[SignedOp],
    ) -> Result<Option<Proven>, Failure> {
        let queue: Vec<QueueEntry> = seen.books.queue().values().map(|queued| queued.entry).collect();
        if queue.is_empty() && pool.is_empty() {
            return Ok(None);
        }
        let (size, fees) = (self.ops, FeePolicy::new([(TokenId(0), 1)], 0));
        let mut state = self.state()?;
        let number = self.store()?.accepted() + 1;
        let fee_owner = seen.books.owners().get((fee_account.get() as usize).wrapping_sub(1)).copied();
        let plan = Plan { domain, size, number, time: seen.block.time, fee_account, fees: &fees };
        let built = build(&mut state, &plan, &queue, pool).or_fail(Code::Usage)?;
        let executed = built.executed;
        let started = Instant::now();
        let proof = self.prove(&executed)?;
        let ops: Vec<Op> = executed.ops.iter().map(|trace| trace.signed.op).collect();
        let [a, b, c, d] = executed.header.fee_tokens.map(|token| token.0);
        let batch = IRollup::Batch {
            newRoot: word(executed.new_root),
            time: executed.header.time,
            feeAccount: fee_account.get().try_into().expect("24 bits"),
            feeTokens: u32::from_be_bytes([a, b, c, d]),
            feeOwner: fee_owner.unwrap_or_default(),
            queueOps: U256::from(built.consumed),
            sponge: word(PublicInputs::of(&executed.words()).p),
        };
        let call =
            IRollup::submitCall { size: U256::from(size), batch, ops: packed::pack(&ops).into(), proof };
        let seconds = started.elapsed().as_secs_f64();
        Ok(Some(Proven { call, executed, consumed: built.consumed, included: built.included, seconds }))
    }

    /// Submits a batch, with that nonce where one is named; what L1 accepts goes to the disk. Answers the gas.
    pub(crate) fn submit(
        &mut self,
        chain: &mut dyn Chain,
        contract: Address,
        nonce: Option<u64>,
        proven: &Proven,
    ) -> Result<u64, Failure> {
        let (data, to) = (proven.call.abi_encode(), Some(contract));
        let receipt = match nonce {
            Some(nonce) => chain.send_once(nonce, &self.sender, to, U256::ZERO, &data),
            None => chain.send(&self.sender, to, U256::ZERO, &data),
        };
        let receipt = receipt.map_err(submit_failure)?;
        self.store()?.accept(&proven.executed.words()).or_fail(Code::Output)?;
        Ok(receipt.gas_used)
    }

    /// The disk is deleted, and with it everything that the operator knew.
    pub(crate) fn destroy(self) -> Result<(), Failure> {
        let Some(Disk { store, folder }) = self.disk else { return Ok(()) };
        drop(store);
        folder.map_or(Ok(()), tempfile::TempDir::close).or_fail(Code::Output)
    }

    /// The proofs so far.
    pub(crate) fn made(&self) -> &Made {
        &self.made
    }

    fn prove(&mut self, executed: &Executed) -> Result<IRollup::Proof, Failure> {
        let witness = self.circuit.groth16_witness(executed).or_fail(Code::BadWitness)?;
        let randomness = match self.blinding {
            Blinding::Os => Randomness::Os,
            Blinding::Seed(seed) => {
                Randomness::Seed(keccak256((B256::from(seed), U256::from(self.made.proofs)).abi_encode()).0)
            }
        };
        let proved = self
            .prover
            .prove(&self.key, &witness, None, &randomness, &self.progress, &self.cancel)
            .map_err(prove_failure)?;
        let call = VerifyCall::new(&proved.proof, &proved.publics);
        let proof = IRollup::Proof { a: call.a, b: call.b, c: call.c };
        self.made.proofs += 1;
        self.made.digest = keccak256((self.made.digest, proof.clone()).abi_encode());
        for (engine, jobs) in report::device_work(&proved.report) {
            *self.made.engines.entry(engine).or_default() += jobs;
        }
        Ok(proof)
    }
}

/// Who a withdrawal of a batch pays.
pub(crate) fn recipient(op: &Op) -> Option<Address> {
    match op {
        Op::Withdraw { recipient, .. } => Some(address(*recipient)),
        _ => None,
    }
}
