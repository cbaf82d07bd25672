//! Host memory as both sides see it.

use std::{sync::Arc, thread, time::Duration};

use millrace_pcie::{
    CallCount, DmaError, DmaSpace, Event, FakeMmio, FaultyDma, FaultyMmio, Function, HostMemory, Iova, Irq,
    IrqLine, Mmio, MmioFault, Observer, SharedBytes, observed,
};

#[test]
fn buffers_are_zeroed_page_aligned_and_apart() {
    let memory = HostMemory::default();
    let buffers: Vec<_> = [1, 4096, 4097, 100_000].map(|n| memory.alloc(n).unwrap()).into();
    for (buffer, len_bytes) in buffers.iter().zip([4096, 4096, 8192, 102_400]) {
        assert_eq!(buffer.len_bytes(), len_bytes);
        assert_eq!(buffer.iova().0 % 4096, 0);
        let mut all = vec![1; len_bytes];
        buffer.read(0, &mut all);
        assert!(all.iter().all(|&b| b == 0));
    }
    for pair in buffers.windows(2) {
        assert!(
            pair[1].iova().0 >= pair[0].iova().0 + pair[0].len_bytes() as u64 + 4096,
            "a guard page lies between"
        );
    }
}

#[test]
fn the_device_reads_and_writes_what_is_mapped_and_faults_elsewhere() {
    let memory = HostMemory::default();
    let device = memory.device();
    let buffer = memory.alloc(4096).unwrap();
    let Iova(base) = buffer.iova();
    for (offset, len) in [(0, 1), (3, 7), (5, 64), (8, 8), (4095, 1), (1, 4095)] {
        let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + offset) as u8).collect();
        buffer.write(offset, &bytes);
        let mut back = vec![0; len];
        device.read(Iova(base + offset as u64), &mut back).unwrap();
        assert_eq!(back, bytes, "host to device at {offset}");
        device.write(Iova(base + offset as u64), &bytes).unwrap();
        buffer.read(offset, &mut back);
        assert_eq!(back, bytes, "device to host at {offset}");
    }
    for (iova, len) in
        [(0, 1), (base - 1, 1), (base + 4096, 1), (base + 4090, 7), (u64::MAX, 1), (u64::MAX - 3, 64)]
    {
        assert_eq!(device.read(Iova(iova), &mut vec![0; len]).unwrap_err().iova, Iova(iova));
        device.write(Iova(iova), &vec![0; len]).unwrap_err();
    }
    drop(buffer);
    device.read(Iova(base), &mut [0]).unwrap_err();
}

#[test]
fn addresses_are_not_used_again_at_once_and_memory_ends() {
    let memory = HostMemory::with_limit(3 * 4096);
    let first = memory.alloc(1).unwrap().iova();
    let second = memory.alloc(1).unwrap();
    assert_ne!(first, second.iova());
    assert!(matches!(memory.alloc(3 * 4096), Err(DmaError::OutOfMemory { needed_bytes: 12288 })));
    assert!(matches!(memory.alloc(usize::MAX), Err(DmaError::OutOfMemory { .. })));
    memory.alloc(2 * 4096).unwrap();
}

#[test]
fn a_beat_is_complete_when_its_last_word_is_seen() {
    let memory = HostMemory::default();
    let device = memory.device();
    let buffer = memory.alloc(64).unwrap();
    let iova = buffer.iova();
    let rounds = 20_000u32;
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=rounds {
                device.write(iova, &[round.to_le_bytes(); 16].concat()).unwrap();
                while buffer.read_u32_acquire(0) == round {
                    thread::yield_now();
                }
            }
        });
        for round in 1..=rounds {
            while buffer.read_u32_acquire(60) != round {
                thread::yield_now();
            }
            let mut beat = [0; 64];
            buffer.read(0, &mut beat);
            assert_eq!(beat.as_slice(), [round.to_le_bytes(); 16].concat(), "torn beat");
            buffer.write_u32_release(0, 0);
        }
    });
}

#[test]
fn neighbours_in_one_word_do_not_lose_each_others_writes() {
    let memory = HostMemory::default();
    let buffer = memory.alloc(64).unwrap();
    thread::scope(|scope| {
        for lane in 0..2 {
            let buffer = &buffer;
            scope.spawn(move || {
                for i in 0..50_000u32 {
                    buffer.write_u32_release(4 * lane, i);
                    assert_eq!(buffer.read_u32_acquire(4 * lane), i);
                }
            });
        }
    });
}

#[test]
fn wiping_leaves_nothing() {
    let memory = HostMemory::default();
    let buffer = memory.alloc(5000).unwrap();
    buffer.write(100, &[0xa5; 4000]);
    assert!(memory.device().snapshot().iter().any(|(_, bytes)| bytes.contains(&0xa5)));
    buffer.wipe();
    assert!(memory.device().snapshot().iter().all(|(_, bytes)| bytes.iter().all(|&b| b == 0)));
}

#[test]
#[should_panic(expected = "lie outside")]
fn the_host_does_not_write_over_the_end() {
    HostMemory::default().alloc(4096).unwrap().write(4090, &[0; 7]);
}

#[test]
fn an_interrupt_wakes_once() {
    let line = Arc::new(IrqLine::default());
    assert!(!line.wait(Duration::from_millis(1)));
    let device = line.clone();
    let raiser = thread::spawn(move || {
        device.raise();
        device.raise();
    });
    assert!(line.wait(Duration::from_secs(10)));
    raiser.join().unwrap();
    line.wait(Duration::ZERO);
    assert!(!line.wait(Duration::from_millis(1)));
}

#[test]
fn the_nth_access_fails() {
    let fake = Arc::new(FakeMmio::default());
    fake.set(8, 5);
    let once = FaultyMmio::new(fake.clone(), MmioFault::Once(1), CallCount::default());
    assert_eq!([once.read32(8), once.read32(8), once.read32(8)], [5, u32::MAX, 5]);
    let dead = FaultyMmio::new(fake.clone(), MmioFault::DeadFrom(1), CallCount::default());
    dead.write32(8, 6);
    dead.write32(8, 7);
    assert_eq!((dead.read32(8), fake.read32(8)), (u32::MAX, 6));
    assert_eq!(fake.writes(), [(8, 6)]);
    assert_eq!(fake.read32(12), u32::MAX, "nothing answers there");

    let count = CallCount::default();
    let dma = FaultyDma::new(Arc::new(HostMemory::default()), 1, count.clone());
    let results = [dma.alloc(1).is_ok(), dma.alloc(1).is_ok(), dma.alloc(1).is_ok()];
    assert_eq!((results, count.get()), ([true, false, true], 3));
}

#[test]
fn an_observer_sees_what_the_host_does() {
    #[derive(Default)]
    struct Log(std::sync::Mutex<Vec<Event>>);
    impl Observer for Log {
        fn event(&self, event: Event) {
            self.0.lock().unwrap().push(event);
        }
    }
    let (fake, log) = (Arc::new(FakeMmio::default()), Arc::new(Log::default()));
    let dma = Arc::new(HostMemory::default());
    let function = Function { name: "fake".into(), bar0: fake, dma, irqs: Vec::new(), reset: None };
    let function = observed(function, log.clone());
    function.bar0.write32(4, 9);
    assert_eq!(function.bar0.read32(4), 9);
    let iova = function.dma.alloc(5000).unwrap().iova();
    let expected = [
        Event::Write { offset: 4, value: 9 },
        Event::Read { offset: 4, value: 9 },
        Event::Map { iova, len_bytes: 8192 },
    ];
    assert_eq!(*log.0.lock().unwrap(), expected);
}

/// Bytes that begin at a page, or elsewhere.
struct Part(Arc<Vec<u8>>, std::ops::Range<usize>);

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.0[self.1.clone()]
    }
}

#[test]
fn the_device_reads_what_is_lent_and_cannot_write_it() {
    let bytes: Vec<u8> = (0..4 * 4096u32).map(|i| (i % 251) as u8).collect();
    let start = bytes.as_ptr().addr().wrapping_neg() % 4096;
    let expected = bytes[start..start + 8192].to_vec();
    let bytes = Arc::new(bytes);
    let part = |range| -> SharedBytes { Arc::new(Part(bytes.clone(), range)) };
    let whole = part(start..start + 8192);
    let memory = HostMemory::with_limit(8192);
    let device = memory.device();
    for range in [start..start, start..start + 64, start + 64..start + 4096 + 64] {
        assert!(memory.lend(&part(range)).is_none(), "whole pages only");
    }
    let loan = memory.lend(&whole).expect("two whole pages");
    let Iova(base) = loan.iova();
    let mut back = vec![0; 8192];
    device.read(Iova(base), &mut back).unwrap();
    assert!(back == expected);
    assert!(device.read(Iova(base + 8191), &mut [0; 2]).is_err(), "nothing lies behind it");
    assert!(device.write(Iova(base), &[1]).is_err(), "mapped for reading only");
    assert!((*whole).as_ref() == expected);
    assert!(memory.lend(&whole).is_none(), "loans count as mapped");
    drop(loan);
    assert!(device.read(Iova(base), &mut back).is_err());
    assert!(memory.lend(&whole).is_some());
}
