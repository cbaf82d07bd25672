//! The functional device: same rings, registers and errors, no RTL.
