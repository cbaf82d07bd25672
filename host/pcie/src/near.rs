//! Host memory for a device: near it, and in huge pages, where the machine has such.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::mapping::{HUGE_PAGE_BYTES, Mapping};

/// Gives memory out, and says once what it could not give as wanted.
pub(crate) struct NearMemory {
    /// The device's NUMA node; none where the machine has one only.
    node: Option<u32>,
    told_of_huge_pages: AtomicBool,
    told_of_node: AtomicBool,
}

impl NearMemory {
    pub(crate) fn new(node: Option<u32>) -> Self {
        Self { node, told_of_huge_pages: AtomicBool::new(false), told_of_node: AtomicBool::new(false) }
    }

    /// Zeroed memory, in huge pages where some are left and the length is a multiple of theirs, preferably of the device's node. A preference and no
    /// must: with a must, a node that is full would end the process where ordinary pages or another node's would only be slower.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn take(&self, len_bytes: usize) -> io::Result<Mapping> {
        match len_bytes.is_multiple_of(HUGE_PAGE_BYTES).then(|| Mapping::huge(len_bytes)) {
            Some(Ok(memory)) => Ok(self.near(memory)),
            Some(Err(error)) => self.ordinary(len_bytes, &error.to_string()),
            None => Ok(self.near(Mapping::anonymous(len_bytes)?)),
        }
    }

    /// The same where huge pages are wanted and cannot be had, which is told.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn ordinary(&self, len_bytes: usize, why: &str) -> io::Result<Mapping> {
        if !self.told_of_huge_pages.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "no huge pages for {len_bytes} bytes of DMA memory, ordinary ones are taken, which are slower to map: {why} \
                 (`sysctl vm.nr_hugepages`)"
            );
        }
        Ok(self.near(Mapping::anonymous(len_bytes)?))
    }

    fn near(&self, memory: Mapping) -> Mapping {
        if let Some(node) = self.node
            && let Err(error) = memory.prefer_node(node)
        {
            self.tell_of_node(&format!(
                "memory of NUMA node {node}, next to the device, cannot be asked for: {error}"
            ));
        }
        memory
    }

    /// Looks where pinned memory lies.
    pub(crate) fn look(&self, memory: &Mapping) {
        let Some(node) = self.node else { return };
        match memory.node_of(0) {
            Ok(got) if got != node => self.tell_of_node(&format!(
                "DMA memory lies on NUMA node {got}, the device is next to node {node}, which has no pages left"
            )),
            // A kernel that does not tell was told of above.
            Ok(_) | Err(_) => {}
        }
    }

    fn tell_of_node(&self, text: &str) {
        if !self.told_of_node.swap(true, Ordering::Relaxed) {
            tracing::warn!("{text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_whatever_the_machine_has() {
        // The last is more than anybody reserves for a test; what is mapped is not touched but for a few bytes.
        for len_bytes in [4096, HUGE_PAGE_BYTES, 64 * HUGE_PAGE_BYTES, HUGE_PAGE_BYTES << 9] {
            for node in [None, Some(0), Some(63), Some(100_000)] {
                let near = NearMemory::new(node);
                let memory = near.take(len_bytes).unwrap();
                assert_eq!(memory.len_bytes(), len_bytes);
                memory.write(len_bytes - 4, &[1, 2, 3, 4]);
                near.look(&memory);
                let mut back = [0; 5];
                memory.read(len_bytes - 5, &mut back);
                assert_eq!(back, [0, 1, 2, 3, 4]);
            }
        }
    }

    #[test]
    fn where_huge_pages_have_run_out_ordinary_ones_are_taken() {
        // Most that a machine for tests reserves.
        const MOST: usize = 1 << 16;
        let all: Vec<_> = (0..MOST).map_while(|_| Mapping::huge(HUGE_PAGE_BYTES).ok()).collect();
        assert!(all.len() < MOST, "a machine with more huge pages than the test can take");
        let near = NearMemory::new(None);
        for _ in 0..2 {
            let memory = near.take(HUGE_PAGE_BYTES).unwrap();
            assert!(!memory.is_huge() && memory.len_bytes() == HUGE_PAGE_BYTES);
            memory.write(HUGE_PAGE_BYTES - 1, &[1]);
            assert!(near.told_of_huge_pages.load(Ordering::Relaxed), "it is told");
        }
    }

    #[test]
    fn memory_comes_from_the_node_that_is_named() {
        let memory = Mapping::anonymous(8192).unwrap();
        if let Err(error) = memory.prefer_node(0) {
            println!("skipped: memory of a NUMA node cannot be asked for here: {error}");
            return;
        }
        memory.write(0, &[1]);
        assert_eq!(memory.node_of(0).unwrap(), 0);
        assert!(memory.prefer_node(1023).is_err(), "no machine has it");
    }
}
