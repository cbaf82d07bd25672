//! The device as an engine: rings, tickets, recovery.
