//! Sparse Merkle trees with four children a node.

use std::{collections::HashMap, sync::LazyLock};

use ark_ff::AdditiveGroup;
use millrace_bn254::Fr;

use crate::poseidon::{hash4, hash5};

/// Levels of the account tree.
pub const ACCOUNT_DEPTH: usize = 12;
/// Levels of a balance tree.
pub const BALANCE_DEPTH: usize = 4;

/// The siblings on the way from a leaf to the root, level 0 first; in each level by rising position, own position left out.
pub type Path<const DEPTH: usize> = [[Fr; 3]; DEPTH];

/// Nodes of an empty tree, level 0 first, and the root last.
fn empty_nodes<const LEN: usize>(leaf: Fr) -> [Fr; LEN] {
    let mut nodes = [leaf; LEN];
    for level in 1..LEN {
        nodes[level] = hash4(&[nodes[level - 1]; 4]);
    }
    nodes
}

static EMPTY_BALANCES: LazyLock<[Fr; BALANCE_DEPTH + 1]> = LazyLock::new(|| empty_nodes(Fr::ZERO));
static EMPTY_ACCOUNTS: LazyLock<[Fr; ACCOUNT_DEPTH + 1]> =
    LazyLock::new(|| empty_nodes(empty_account_leaf()));

/// The root of a balance tree without balances.
pub fn empty_balance_root() -> Fr {
    EMPTY_BALANCES[BALANCE_DEPTH]
}

/// The leaf of an account that was never touched.
pub fn empty_account_leaf() -> Fr {
    hash5(&[Fr::ZERO, Fr::ZERO, Fr::ZERO, Fr::ZERO, empty_balance_root()])
}

/// The root of an account tree without accounts.
pub fn empty_account_root() -> Fr {
    EMPTY_ACCOUNTS[ACCOUNT_DEPTH]
}

/// A tree of `DEPTH` levels under the root; only nodes that differ from the empty tree's are stored.
#[derive(Clone, Debug)]
pub struct Tree<const DEPTH: usize> {
    empty: &'static [Fr],
    levels: Vec<HashMap<u32, Fr>>,
}

impl Tree<BALANCE_DEPTH> {
    /// A balance tree, all zero.
    pub fn balances() -> Self {
        Self::new(EMPTY_BALANCES.as_slice())
    }
}

impl Tree<ACCOUNT_DEPTH> {
    /// An account tree without accounts.
    pub fn accounts() -> Self {
        Self::new(EMPTY_ACCOUNTS.as_slice())
    }
}

impl<const DEPTH: usize> Tree<DEPTH> {
    /// Leaves: indices are below this.
    pub const LEAVES: u32 = 1 << (2 * DEPTH);

    fn new(empty: &'static [Fr]) -> Self {
        Self { empty, levels: vec![HashMap::new(); DEPTH + 1] }
    }

    fn node(&self, level: usize, index: u32) -> Fr {
        self.levels[level].get(&index).copied().unwrap_or(self.empty[level])
    }

    /// The root.
    pub fn root(&self) -> Fr {
        self.node(DEPTH, 0)
    }

    /// The leaf at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`Tree::LEAVES`].
    pub fn leaf(&self, index: u32) -> Fr {
        assert!(index < Self::LEAVES, "index {index} in a tree of {} leaves", Self::LEAVES);
        self.node(0, index)
    }

    /// Sets the leaf at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`Tree::LEAVES`].
    pub fn set(&mut self, index: u32, leaf: Fr) {
        assert!(index < Self::LEAVES, "index {index} in a tree of {} leaves", Self::LEAVES);
        let mut node = leaf;
        for level in 0..=DEPTH {
            let at = index >> (2 * level);
            if node == self.empty[level] {
                self.levels[level].remove(&at);
            } else {
                self.levels[level].insert(at, node);
            }
            if level < DEPTH {
                let first = at & !3;
                node = hash4(&[0, 1, 2, 3].map(|i| self.node(level, first + i)));
            }
        }
    }

    /// The siblings of the leaf at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`Tree::LEAVES`].
    pub fn path(&self, index: u32) -> Path<DEPTH> {
        assert!(index < Self::LEAVES, "index {index} in a tree of {} leaves", Self::LEAVES);
        std::array::from_fn(|level| {
            let at = index >> (2 * level);
            let mut siblings = (0..4).filter(|i| *i != at & 3).map(|i| self.node(level, (at & !3) + i));
            std::array::from_fn(|_| siblings.next().expect("three of four remain"))
        })
    }
}

/// The root that `leaf` at `index` has with these siblings; `None` if the index is outside the tree.
pub fn root_of<const DEPTH: usize>(index: u32, leaf: Fr, path: &Path<DEPTH>) -> Option<Fr> {
    if u64::from(index) >= 1 << (2 * DEPTH) {
        return None;
    }
    Some(path.iter().enumerate().fold(leaf, |node, (level, siblings)| {
        let position = (index >> (2 * level)) as usize & 3;
        let mut children = [node; 4];
        let mut siblings = siblings.iter();
        for (i, child) in children.iter_mut().enumerate() {
            if i != position {
                *child = *siblings.next().expect("three siblings");
            }
        }
        hash4(&children)
    }))
}
