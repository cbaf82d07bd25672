//! The rollup's contract, seen from outside: what it emits, what follows from that, what a user may ask of it, and whether it is the contract that it claims to be.
//!
//! | module | what it holds |
//! |---|---|
//! | [`abi`] | functions, events and errors, from `IRollup.sol` |
//! | [`compiled`] | the committed code, and the same with a deployment's immutables |
//! | [`books`] | everything the contract knows, made from its events alone |
//! | [`restore`] | the events of a chain, read into books and compared with the contract |
//! | [`leave`] | what an owner can take out, and the calls for it |
//! | [`audit`] | a deployed contract beside the committed one |
//! | [`source`] | the contracts' sources, and what they compile to |
//! | [`errors`] | the contract's errors in words |

pub mod audit;
pub mod books;
pub mod compiled;
pub mod errors;
pub mod leave;
pub mod restore;
pub mod source;

use alloy_primitives::{Address, U256};
use ark_ff::PrimeField;
use millrace_bn254::Fr;

/// Functions, events and errors of `IRollup.sol`. What they mean stands there.
#[allow(missing_docs)]
pub mod abi {
    alloy_sol_types::sol!("../rollup/contracts/src/IRollup.sol");

    alloy_sol_types::sol! {
        error TokenCallFailed(address token);
        error PaymentRefused(address to);

        interface IVerifier {
            function IS_DEV_SETUP() external view returns (bool);
            function VERIFYING_KEY_HASH() external view returns (bytes32);
        }

        interface IToken {
            function balanceOf(address owner) external view returns (uint256);
            function approve(address spender, uint256 amount) external returns (bool);
            function transfer(address to, uint256 amount) external returns (bool);
            // Tokens to play with have it.
            function mint(address to, uint256 amount) external;
        }
    }
}

/// The number of the chain's native coin in the contract's list of tokens.
pub const NATIVE: u8 = 0;

/// A field element as a word.
pub fn word(x: Fr) -> U256 {
    U256::from_limbs(x.into_bigint().0)
}

/// A word as a field element; `None` from r on.
pub fn field(word: U256) -> Option<Fr> {
    Fr::from_bigint(ark_ff::BigInt::new(word.into_limbs()))
}

/// An address as the state has it.
pub fn owner(address: Address) -> millrace_state::types::Address {
    millrace_state::types::Address(address.into_array())
}

/// An address of the state.
pub fn address(owner: millrace_state::types::Address) -> Address {
    Address::from(owner.0)
}
