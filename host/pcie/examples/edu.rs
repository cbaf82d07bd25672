//! What the kernel's IOMMU lets through, and what memory a device is given, shown on QEMU's `edu` device, whose DMA engine copies between its buffer and any address it is told: `make test-pcie`
//! runs it in the guest.
//!
//! Usage: edu ADDRESS [unknown]. With `unknown` it does not say that its DMA is coherent. It prints one line a step, and `fault at 0x…` for each address at which the kernel has to report a fault. Registers: QEMU's
//! `docs/specs/edu.rst`.

use std::{
    error::Error,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use millrace_pcie::{
    DmaBuffer, DmaError, Function, Iova, PAGE_BYTES, SharedBytes, VfioAccess, VfioOptions, open_vfio,
};

/// Major and minor version, then `0xed`.
const IDENTITY: u32 = 0x0100_00ed;
const DMA_FROM: u32 = 0x80;
const DMA_TO: u32 = 0x88;
const DMA_COUNT: u32 = 0x90;
const DMA_COMMAND: u32 = 0x98;
const RUN: u32 = 1;
const TO_HOST: u32 = 2;
/// Where the device's own buffer of 4096 bytes is, for its DMA engine.
const BUFFER: u32 = 0x4_0000;
/// The engine takes less than a page at once.
const LEN_BYTES: usize = PAGE_BYTES / 2;
/// It takes 100 ms for each copy.
const COPY_LIMIT: Duration = Duration::from_secs(20);

struct Edu(Function);

impl Edu {
    /// One copy by the device; `to_host` says in which direction.
    fn copy(&self, host: Iova, to_host: bool) -> Result<(), String> {
        let bar = &self.0.bar0;
        let host =
            u32::try_from(host.0).map_err(|_| format!("expected an address of 32 bits, got {host:?}"))?;
        let (from, to) = if to_host { (BUFFER, host) } else { (host, BUFFER) };
        bar.write32(DMA_FROM, from);
        bar.write32(DMA_TO, to);
        bar.write32(DMA_COUNT, LEN_BYTES as u32);
        bar.write32(DMA_COMMAND, RUN | if to_host { TO_HOST } else { 0 });
        let until = Instant::now() + COPY_LIMIT;
        while bar.read32(DMA_COMMAND) & RUN != 0 {
            if Instant::now() > until {
                return Err("a copy did not end".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

fn pattern(seed: u8) -> Vec<u8> {
    (0..LEN_BYTES).map(|i| (i as u8).wrapping_mul(31) ^ seed).collect()
}

fn bytes(buffer: &dyn DmaBuffer) -> Vec<u8> {
    let mut bytes = vec![0; LEN_BYTES];
    buffer.read(0, &mut bytes);
    bytes
}

fn expect(what: &str, holds: bool) -> Result<(), String> {
    if !holds {
        return Err(format!("not so: {what}"));
    }
    println!("{what}");
    Ok(())
}

/// Bytes of a page on which a part of them begins.
struct Pages(Vec<u8>, usize, usize);

impl AsRef<[u8]> for Pages {
    fn as_ref(&self) -> &[u8] {
        &self.0[self.1..self.1 + self.2]
    }
}

/// What it costs to lend memory, by pieces as the bases of a key are, against a copy to memory that is mapped; where it costs more, memory is copied before long.
fn lending(edu: &Edu) -> Result<(), Box<dyn Error>> {
    const PIECE_BYTES: usize = 512 << 10;
    const PIECES: usize = 64;
    let dma = &edu.0.dma;
    let bytes = vec![7; PIECE_BYTES + PAGE_BYTES];
    let start = bytes.as_ptr().addr().wrapping_neg() % PAGE_BYTES;
    let memory: SharedBytes = Arc::new(Pages(bytes, start, PIECE_BYTES));
    let a_mib = |took: Duration, pieces: usize| took.as_micros() * 2 / pieces.max(1) as u128;
    let buffer = dma.alloc(PIECE_BYTES)?;
    buffer.write(0, (*memory).as_ref());
    let began = Instant::now();
    (0..PIECES).for_each(|_| buffer.write(0, (*memory).as_ref()));
    let copy = a_mib(began.elapsed(), PIECES);
    let began = Instant::now();
    let lent = (0..PIECES).take_while(|_| dma.lend(&memory).is_some()).count();
    let lend = a_mib(began.elapsed(), lent);
    println!(
        "to lend a MiB of memory, and to end that, takes {lend} µs, to copy it {copy} µs: {lent} of {PIECES} pieces were lent"
    );
    expect("memory can be lent", lent > 0)?;
    expect("it is copied where that is far quicker", lent < PIECES || lend < 4 * copy)?;
    expect("and lent where that is far quicker", lent == PIECES || copy < 4 * lend)?;
    Ok(())
}

/// What is mapped is reached, in both directions; what is not, in neither.
fn reach(edu: &Edu) -> Result<(), Box<dyn Error>> {
    let dma = &edu.0.dma;
    let (source, target, gone) = (dma.alloc(PAGE_BYTES)?, dma.alloc(PAGE_BYTES)?, dma.alloc(PAGE_BYTES)?);
    source.write(0, &pattern(1));
    edu.copy(source.iova(), false)?;
    edu.copy(target.iova(), true)?;
    expect("mapped memory is read and written by the device", bytes(&*target) == pattern(1))?;

    edu.copy(gone.iova(), true)?;
    expect("so is a third buffer, while it is mapped", bytes(&*gone) == pattern(1))?;
    let left = gone.iova();
    drop(gone);
    source.write(0, &pattern(2));
    target.write(0, &pattern(3));
    // Its own page is behind a buffer; nothing is mapped there, ever.
    for (what, nowhere) in [("behind a buffer", Iova(target.iova().0 + PAGE_BYTES as u64)), ("let go", left)]
    {
        edu.copy(nowhere, true)?;
        expect(
            &format!("a write to an address {what} changes no memory"),
            bytes(&*source) == pattern(2) && bytes(&*target) == pattern(3),
        )?;
        println!("fault at {:#x}", nowhere.0);
    }
    edu.copy(left, false)?;
    println!("fault at {:#x}", left.0);
    edu.copy(target.iova(), true)?;
    expect("a read from an address let go gives nothing of any memory", {
        let got = bytes(&*target);
        got != pattern(2) && got != pattern(3)
    })?;
    edu.copy(source.iova(), false)?;
    edu.copy(target.iova(), true)?;
    expect("the device works on after its faults", bytes(&*target) == pattern(2))?;
    Ok(())
}

/// A device of 24 bits: its addresses end long before the memory does.
fn exhaust(function: &Function) -> Result<(), Box<dyn Error>> {
    let mut held = Vec::new();
    let error = loop {
        match function.dma.alloc(1 << 20) {
            Ok(buffer) if buffer.iova().0 + (1 << 20) <= 1 << 24 => held.push(buffer),
            Ok(buffer) => return Err(format!("{:?} is beyond 24 bits", buffer.iova()).into()),
            Err(error) => break error,
        }
        if held.len() > 16 {
            return Err("more than fits".into());
        }
    };
    expect(&format!("after {} MiB: {error}", held.len()), matches!(error, DmaError::OutOfIova { .. }))?;
    held.pop();
    expect("what is let go can be had again", function.dma.alloc(1 << 20).is_ok())?;
    Ok(())
}

/// Mappings of this process that lie in reserved huge pages.
fn mappings_in_huge_pages() -> Result<usize, Box<dyn Error>> {
    let maps = std::fs::read_to_string("/proc/self/numa_maps")?;
    Ok(maps.lines().filter(|line| line.contains(" huge ")).count())
}

/// Huge pages while there are some, ordinary ones afterwards, and a warning between.
fn huge_pages(function: &Function) -> Result<(), Box<dyn Error>> {
    const BUFFER_BYTES: usize = 4 << 20;
    let mut held = Vec::new();
    loop {
        let before = mappings_in_huge_pages()?;
        held.push(function.dma.alloc(BUFFER_BYTES)?);
        if mappings_in_huge_pages()? == before {
            break;
        }
        if held.len() > 64 {
            return Err("huge pages do not end".into());
        }
    }
    let what = format!("{} buffers of 4 MiB lie in huge pages, the next in ordinary ones", held.len() - 1);
    expect(&what, held.len() > 1)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().without_time().init();
    let mut args = std::env::args().skip(1);
    let address = args.next().ok_or("usage: edu ADDRESS [unknown]")?.parse()?;
    let known_coherent = args.next().is_none();
    let access = VfioAccess::from_env()?;
    let open = |address_bits| {
        let options =
            VfioOptions { bar0_bytes: 1 << 20, vectors_least: 0, address_bits, known_coherent, access };
        open_vfio(address, &options)
    };
    let edu = Edu(open(32)?);
    expect("the device is QEMU's edu", edu.0.bar0.read32(0) == IDENTITY)?;
    reach(&edu)?;
    lending(&edu)?;
    huge_pages(&edu.0)?;
    drop(edu);
    exhaust(&open(24)?)
}
