//! Instructions that a program consists of, by binutils: for those that Valgrind does not know.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

/// Addresses for one call of `addr2line`.
const AT_A_TIME: usize = 4096;

/// How many instructions of `program` begin with `mnemonic` and come from a file whose path ends with `source`, inlined elsewhere or not.
///
/// `None` without `objdump` or `addr2line`, or if they fail.
pub fn instructions_from(program: &Path, mnemonic: &str, source: &str) -> Option<usize> {
    let mut objdump = Command::new("objdump")
        .args(["-d", "--no-show-raw-insn"])
        .arg(program)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let lines = BufReader::new(objdump.stdout.take()?).lines().map_while(Result::ok);
    let addresses: Vec<String> = lines.filter_map(|line| address_of(&line, mnemonic)).collect();
    if !objdump.wait().ok()?.success() {
        return None;
    }
    addresses.chunks(AT_A_TIME).try_fold(0, |found, addresses| {
        let output = Command::new("addr2line").args(["-i", "-a", "-e"]).arg(program).args(addresses).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(found + from_source(&String::from_utf8_lossy(&output.stdout), source))
    })
}

/// Of a line of a disassembly, if its instruction begins so.
fn address_of(line: &str, mnemonic: &str) -> Option<String> {
    let (address, instruction) = line.split_once(":\t")?;
    instruction.starts_with(mnemonic).then(|| format!("0x{}", address.trim()))
}

/// Of addresses, each followed by the places that it comes from: how many come from this file.
fn from_source(told: &str, source: &str) -> usize {
    let mut places = Vec::new();
    for line in told.lines() {
        if line.starts_with("0x") {
            places.push(false);
        } else if let (Some(is), Some((file, _))) = (places.last_mut(), line.rsplit_once(':')) {
            *is |= file.ends_with(source);
        }
    }
    places.into_iter().filter(|is| *is).count()
}

#[cfg(test)]
mod tests {
    use super::{address_of, from_source};

    #[test]
    fn instructions_are_found_by_their_beginning() {
        let line = "  1b2a3c:\tvpmadd52luq %zmm1,%zmm2,%zmm3";
        assert_eq!(address_of(line, "vpmadd52"), Some("0x1b2a3c".into()));
        assert_eq!(address_of(line, "vpaddq"), None);
        assert_eq!(address_of("0000000000001000 <_start>:", "vpmadd52"), None);
    }

    #[test]
    fn an_inlined_instruction_counts_once_whichever_of_its_places_is_the_file() {
        let told = "0x01\na/src/arith.rs:9\na/src/array.rs:35\n0x02\na/src/arith.rs:9 (discriminator 2)\n0x03\na/src/array.rs:35\na/src/array.rs:60\n";
        assert_eq!(from_source(told, "src/array.rs"), 2);
        assert_eq!(from_source(told, "src/arith.rs"), 2);
        assert_eq!(from_source("", "src/array.rs"), 0);
    }
}
