//! The Verilated device behind the `pcie` traits.
