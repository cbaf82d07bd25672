//! One leaf of a tree replaced, both roots computed.

use millrace_bn254::Fr;
use millrace_state::tree::Path;

use crate::{
    builder::{Builder, Num},
    gadgets::{bits::select, poseidon::hash4},
};

/// A value before and after.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) old: Num,
    pub(crate) new: Num,
}

/// The change of the root that a change of the leaf is. `index` has two bits a level, least significant first. Old and new root are computed over the same siblings.
pub(crate) fn update<const DEPTH: usize>(
    b: &mut Builder,
    index: &[Num],
    leaf: Change,
    path: &Path<DEPTH>,
) -> Change {
    assert_eq!(index.len(), 2 * DEPTH, "two bits a level");
    index
        .chunks_exact(2)
        .zip(path)
        .fold(leaf, |node, (bits, siblings)| level(b, [&bits[0], &bits[1]], &node, siblings))
}

/// One level: the four old children are wires, the one at the index's position equals the old node; the new children are the old ones with the
/// difference added at that position.
fn level(b: &mut Builder, [b0, b1]: [&Num; 2], node: &Change, siblings: &[Fr; 3]) -> Change {
    let one = Fr::from(1u8);
    let position = usize::from(b0.value == one) + 2 * usize::from(b1.value == one);
    let mut others = siblings.iter();
    let children: [Num; 4] = std::array::from_fn(|i| {
        if i == position { b.wire(node.old.value) } else { b.input(*others.next().expect("three siblings")) }
    });
    let (low, high) = (select(b, b0, &children[1], &children[0]), select(b, b0, &children[3], &children[2]));
    let chosen = select(b, b1, &high, &low);
    b.enforce_equal(&chosen, &node.old);

    let both = b.product(b0, b1);
    let marks = [&(&b.one() - b0 - b1) + &both, b0 - &both, b1 - &both, both];
    let difference = &node.new - &node.old;
    let renewed: [Num; 4] = std::array::from_fn(|i| {
        let new = b.wire(children[i].value + marks[i].value * difference.value);
        b.enforce(&marks[i], &difference, &(&new - &children[i]));
        new
    });
    Change { old: hash4(b, children.each_ref()), new: hash4(b, renewed.each_ref()) }
}
