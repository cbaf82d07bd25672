//! Safe Rust over the Verilated device.
