//! From a key and a witness to a checked proof.
