//! A prover without scruples: does to the state what the circuit's arithmetic would, checks nothing, and proves it.

use std::collections::{BTreeMap, BTreeSet};

use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use millrace_circuit::{Fr, HeaderInputs, OpInputs, batch::Circuit};
use millrace_state::{
    babyjub::Point,
    batch::{Executed, FeeTrace, Header, PublicInputs},
    eddsa::SecretKey,
    op::{Op, SignedOp},
    poseidon::hash5,
    state::{OpTrace, State, Touch},
    tree::{ACCOUNT_DEPTH, BALANCE_DEPTH, Tree, empty_balance_root},
    types::{AccountId, TokenId},
};

use super::world::{DOMAIN, FEE_TOKENS, TIME, id};

/// An account whose numbers may be anything.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) owner: Fr,
    pub(crate) key: Point,
    pub(crate) nonce: Fr,
    balances: BTreeMap<u8, Fr>,
    tree: Tree<BALANCE_DEPTH>,
}

impl Leaf {
    fn empty() -> Self {
        let key = Point { x: Fr::ZERO, y: Fr::ZERO };
        Self { owner: Fr::ZERO, key, nonce: Fr::ZERO, balances: BTreeMap::new(), tree: Tree::balances() }
    }

    pub(crate) fn balance(&self, token: u8) -> Fr {
        self.balances.get(&token).copied().unwrap_or(Fr::ZERO)
    }

    pub(crate) fn set_balance(&mut self, token: u8, balance: Fr) {
        self.balances.insert(token, balance);
        self.tree.set(token.into(), balance);
    }

    fn inputs(&self) -> [Fr; 5] {
        [self.owner, self.key.x, self.key.y, self.nonce, self.tree.root()]
    }
}

/// A state that anything can be done to.
#[derive(Clone)]
pub(crate) struct Ledger {
    leaves: BTreeMap<u32, Leaf>,
    tree: Tree<ACCOUNT_DEPTH>,
}

impl Ledger {
    pub(crate) fn of(state: &State) -> Self {
        let mut ledger = Self { leaves: BTreeMap::new(), tree: Tree::accounts() };
        for (id, account) in state.accounts() {
            ledger.change(id.get(), |leaf| {
                leaf.owner = account.owner.to_fr();
                leaf.key = account.key;
                leaf.nonce = Fr::from(account.nonce);
                account.balances().for_each(|(token, balance)| leaf.set_balance(token.0, Fr::from(balance)));
            });
        }
        assert_eq!(ledger.root(), state.root());
        ledger
    }

    pub(crate) fn root(&self) -> Fr {
        self.tree.root()
    }

    pub(crate) fn leaf(&self, id: u32) -> Leaf {
        self.leaves.get(&id).cloned().unwrap_or_else(Leaf::empty)
    }

    pub(crate) fn change(&mut self, id: u32, change: impl FnOnce(&mut Leaf)) {
        let mut leaf = self.leaf(id);
        change(&mut leaf);
        self.tree.set(id, hash5(&leaf.inputs()));
        self.leaves.insert(id, leaf);
    }

    fn touch(&self, id: u32, token: u8) -> Touch {
        let leaf = self.leaf(id);
        assert!(!leaf.balances.is_empty() || leaf.tree.root() == empty_balance_root());
        Touch {
            account: AccountId::new(id).unwrap(),
            token: TokenId(token),
            leaf: leaf.inputs(),
            balance: low(leaf.balance(token)),
            balance_path: leaf.tree.path(token.into()),
            account_path: self.tree.path(id),
        }
    }
}

/// The lowest 128 bits.
fn low(x: Fr) -> u128 {
    let limbs = x.into_bigint().0;
    u128::from(limbs[0]) | (u128::from(limbs[1]) << 64)
}

fn power_of_two(bit: u64) -> Fr {
    Fr::from(2u8).pow([bit])
}

/// The op as the circuit's inputs; touches are filled by [`Plot::run`].
pub(crate) fn inputs(op: impl Into<SignedOp>) -> OpInputs {
    let state = State::default();
    let context = millrace_state::state::OpContext { domain: &DOMAIN, time: TIME, fee_tokens: &FEE_TOKENS };
    let nothing = state.clone().apply(&Op::Noop.into(), &context).unwrap();
    OpInputs::from(&OpTrace { signed: op.into(), ..nothing })
}

/// w0 and w1 that the circuit will make of the inputs.
pub(crate) fn words(op: &OpInputs) -> [Fr; 2] {
    let code: Fr = op.is.iter().enumerate().filter(|(_, is)| **is).map(|(i, _)| Fr::from(i as u64)).sum();
    let w0 =
        op.amount + power_of_two(128) * op.fee + power_of_two(224) * op.account + power_of_two(248) * code;
    let w1 = op.address + power_of_two(160) * op.to + power_of_two(184) * op.token + op.key.y;
    [w0, w1]
}

/// Signs whatever the inputs say.
pub(crate) fn sign(op: &mut OpInputs, secret: &SecretKey, domain: Fr, nonce: Fr, valid_until: Fr) {
    let [w0, w1] = words(op);
    let signature = secret.sign(hash5(&[domain, w0, w1, nonce, valid_until]));
    op.valid_until = valid_until;
    op.r8 = signature.r8;
    op.s = Fr::from_le_bytes_mod_order(&signature.s.to_bytes_le());
}

/// A batch that is to be proven against the rules.
pub(crate) struct Plot {
    pub(crate) executed: Executed,
    pub(crate) ops: Vec<OpInputs>,
}

/// Places at which a plot may swap the state for one of its own making.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swap {
    Nowhere,
    Before,
    Between,
    Fees,
}

pub(crate) fn header(fee_account: u32) -> Header {
    Header { number: 9, time: TIME, fee_account: id(fee_account), fee_tokens: FEE_TOKENS }
}

impl Plot {
    /// Runs the ops over the ledger. At `swap` the ledger is exchanged for one where account 3 owns everything.
    pub(crate) fn run(mut ledger: Ledger, header: Header, mut ops: Vec<OpInputs>, swap: Swap) -> Self {
        let old_root = ledger.root();
        let mine = |ledger: &mut Ledger, here| {
            if swap == here {
                ledger.change(3, |leaf| leaf.set_balance(7, Fr::from(u64::MAX)));
            }
        };
        let mut sums = [Fr::ZERO; 4];
        for op in &mut ops {
            mine(&mut ledger, Swap::Before);
            let [_, deposit, transfer, withdraw, full_exit, set_key] = op.is.map(Fr::from);
            let [account, to] = [op.account, op.to].map(|id| low(id) as u32 & 0xff_ffff);
            let token = low(op.token) as u8;
            op.first = ledger.touch(account, token);
            op.balance = ledger.leaf(account).balance(token);
            ledger.change(account, |leaf| {
                let sign = deposit - transfer - withdraw - full_exit;
                leaf.set_balance(token, leaf.balance(token) + sign * op.amount - op.fee);
                if leaf.owner == Fr::ZERO {
                    leaf.owner = deposit * op.address;
                }
                if set_key == Fr::ONE {
                    leaf.key = op.key;
                }
                leaf.nonce += transfer + withdraw;
            });
            mine(&mut ledger, Swap::Between);
            op.second = ledger.touch(to, token);
            op.received = ledger.leaf(to).balance(token);
            ledger.change(to, |leaf| leaf.set_balance(token, leaf.balance(token) + transfer * op.amount));
            if let Some(i) = header.fee_tokens.iter().position(|t| t.0 == token) {
                sums[i] += op.fee;
            }
        }
        mine(&mut ledger, Swap::Fees);
        let fee_account = header.fee_account.get();
        let touches = std::array::from_fn(|i| {
            let token = header.fee_tokens[i].0;
            let touch = ledger.touch(fee_account, token);
            ledger.change(fee_account, |leaf| leaf.set_balance(token, leaf.balance(token) + sums[i]));
            touch
        });
        let fees = FeeTrace { touches, sums: [0; 4] };
        let (domain, new_root) = (DOMAIN.word(), ledger.root());
        Self { executed: Executed { domain, header, old_root, new_root, ops: Vec::new(), fees }, ops }
    }

    /// The words that the circuit will make.
    pub(crate) fn words(&self) -> Vec<Fr> {
        let Executed { domain, old_root, new_root, header, .. } = &self.executed;
        let mut all = vec![*domain, *old_root, *new_root, header.word()];
        all.extend(self.ops.iter().flat_map(words));
        all
    }

    /// A witness for the public inputs that belong to the words.
    pub(crate) fn witness(&self, circuit: &Circuit) -> Vec<Fr> {
        self.witness_for(circuit, &PublicInputs::of(&self.words()))
    }

    pub(crate) fn witness_for(&self, circuit: &Circuit, publics: &PublicInputs) -> Vec<Fr> {
        circuit.witness_of(&self.executed, &(&self.executed.header).into(), &self.ops, publics).unwrap()
    }

    /// The rules that the circuit finds broken where the header's numbers are others than those that L1 put into its word.
    pub(crate) fn broken_with(&self, circuit: &Circuit, header: &HeaderInputs) -> BTreeSet<&'static str> {
        let publics = PublicInputs::of(&self.words());
        broken(circuit, &circuit.witness_of(&self.executed, header, &self.ops, &publics).unwrap())
    }

    /// The rules that the circuit finds broken.
    pub(crate) fn broken(&self, circuit: &Circuit) -> BTreeSet<&'static str> {
        broken(circuit, &self.witness(circuit))
    }
}

/// All rules that a witness breaks.
pub(crate) fn broken(circuit: &Circuit, witness: &[Fr]) -> BTreeSet<&'static str> {
    let system = circuit.system();
    (0..system.n_constraints()).filter(|i| !system.holds(*i, witness)).map(|i| system.rule(i)).collect()
}
