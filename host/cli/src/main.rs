//! The `millrace` command: one subcommand a file.

fn main() {}
