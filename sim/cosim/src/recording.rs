//! A cycle-stamped log of everything that crossed the device's host border.
//!
//! One line an event: `<cycle> <kind> <fields>`, hexadecimal but for the cycle; the first line holds the surroundings. With it the
//! device runs again bit for bit, without driver or host ([`crate::replay`]).

use std::fmt::Write as _;

use millrace_verilated::SimConfig;
use parking_lot::Mutex;
use thiserror::Error;

/// What crossed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Access {
    /// The host read a register.
    MmioRead {
        /// Byte offset in BAR0.
        offset: u32,
        /// The answer.
        value: u32,
    },
    /// The host wrote a register.
    MmioWrite {
        /// Byte offset in BAR0.
        offset: u32,
        /// The value.
        value: u32,
    },
    /// The device read a beat; `None` is a DMA fault.
    DmaRead {
        /// Address.
        iova: u64,
        /// What it got.
        data: Option<[u8; 64]>,
    },
    /// The device wrote a beat.
    DmaWrite {
        /// Address.
        iova: u64,
        /// The bytes.
        data: [u8; 64],
        /// Which of them.
        strobes: u64,
        /// Whether host memory took it.
        ok: bool,
    },
    /// Somebody damaged device memory on purpose.
    MemoryFlip {
        /// Byte address in device memory.
        address: u64,
        /// Bit of that byte, 0..8.
        bit: u32,
    },
}

/// An access and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Cycle since reset.
    pub cycle: u64,
    /// The access.
    pub access: Access,
}

/// A whole run.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What surrounded the device.
    pub config: SimConfig,
    /// Everything in order.
    pub events: Vec<Event>,
}

/// Why a text is no recording.
#[derive(Debug, Error)]
#[error("line {line} of the recording: expected {expected}, got {got:?}")]
pub struct ParseError {
    /// 1-based.
    pub line: usize,
    /// What should stand there.
    pub expected: &'static str,
    /// What does.
    pub got: String,
}

pub(crate) struct Recorder {
    config: SimConfig,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    pub(crate) fn new(config: SimConfig) -> Self {
        Self { config, events: Mutex::default() }
    }

    pub(crate) fn push(&self, cycle: u64, access: Access) {
        self.events.lock().push(Event { cycle, access });
    }

    pub(crate) fn take_copy(&self) -> Recording {
        Recording { config: self.config.clone(), events: self.events.lock().clone() }
    }
}

impl Recording {
    /// The text form.
    pub fn to_text(&self) -> String {
        let c = &self.config;
        let mut out = format!(
            "millrace-recording 2 {} {} {} {} {} {} {}\n",
            c.seed,
            c.memory_bytes,
            c.host_latency.start(),
            c.host_latency.end(),
            c.memory_latency.start(),
            c.memory_latency.end(),
            c.stall_per_1024
        );
        for Event { cycle, access } in &self.events {
            let line = match access {
                Access::MmioRead { offset, value } => format!("{cycle} R {offset:04x} {value:08x}"),
                Access::MmioWrite { offset, value } => format!("{cycle} W {offset:04x} {value:08x}"),
                Access::DmaRead { iova, data } => {
                    format!("{cycle} r {iova:016x} {}", data.map_or("fault".to_owned(), hex::encode))
                }
                Access::MemoryFlip { address, bit } => format!("{cycle} F {address:016x} {bit}"),
                Access::DmaWrite { iova, data, strobes, ok } => {
                    format!("{cycle} w {iova:016x} {} {strobes:016x} {}", hex::encode(data), u8::from(*ok))
                }
            };
            writeln!(out, "{line}").expect("writing to a String cannot fail");
        }
        out
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`ParseError`] names the first line that is not one.
    pub fn from_text(text: &str) -> Result<Self, ParseError> {
        let mut lines = text.lines().enumerate();
        let (_, head) = lines.next().unwrap_or((0, ""));
        let config = parse_head(head).ok_or_else(|| ParseError {
            line: 1,
            expected: "millrace-recording 2 and seven numbers",
            got: head.to_owned(),
        })?;
        let events = lines
            .map(|(i, line)| {
                parse_event(line).ok_or_else(|| ParseError {
                    line: i + 1,
                    expected: "an event",
                    got: line.to_owned(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { config, events })
    }
}

fn parse_head(line: &str) -> Option<SimConfig> {
    let mut words = line.strip_prefix("millrace-recording 2 ")?.split(' ');
    let next = |words: &mut std::str::Split<'_, char>| words.next()?.parse::<u64>().ok();
    let config = SimConfig {
        seed: next(&mut words)?,
        memory_bytes: next(&mut words)?,
        host_latency: u32::try_from(next(&mut words)?).ok()?..=u32::try_from(next(&mut words)?).ok()?,
        memory_latency: u32::try_from(next(&mut words)?).ok()?..=u32::try_from(next(&mut words)?).ok()?,
        stall_per_1024: u32::try_from(next(&mut words)?).ok()?,
    };
    let sane = config.memory_bytes.is_multiple_of(64)
        && config.memory_bytes <= 1 << 30
        && config.stall_per_1024 < 1024
        && [&config.host_latency, &config.memory_latency].iter().all(|latency| *latency.end() <= 1 << 20)
        && words.next().is_none()
        && !config.host_latency.is_empty()
        && !config.memory_latency.is_empty();
    sane.then_some(config)
}

fn parse_event(line: &str) -> Option<Event> {
    let words: Vec<&str> = line.split(' ').collect();
    let cycle = words.first()?.parse().ok()?;
    let register = |w: &str| u32::from_str_radix(w, 16).ok();
    let address = |w: &str| u64::from_str_radix(w, 16).ok();
    let beat = |w: &str| {
        let mut data = [0; 64];
        hex::decode_to_slice(w, &mut data).ok().map(|()| data)
    };
    let access = match words[1..] {
        ["R", offset, value] => Access::MmioRead { offset: register(offset)?, value: register(value)? },
        ["W", offset, value] => Access::MmioWrite { offset: register(offset)?, value: register(value)? },
        ["r", iova, "fault"] => Access::DmaRead { iova: address(iova)?, data: None },
        ["r", iova, data] => Access::DmaRead { iova: address(iova)?, data: Some(beat(data)?) },
        ["w", iova, data, strobes, ok] => Access::DmaWrite {
            iova: address(iova)?,
            data: beat(data)?,
            strobes: address(strobes)?,
            ok: ok == "1",
        },
        ["F", at, bit] => {
            Access::MemoryFlip { address: address(at)?, bit: bit.parse().ok().filter(|bit| *bit < 8)? }
        }
        _ => return None,
    };
    Some(Event { cycle, access })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip() {
        let accesses = [
            Access::MmioWrite { offset: 0x1010, value: 7 },
            Access::DmaRead { iova: 0x10_0000, data: Some([0xab; 64]) },
            Access::DmaRead { iova: 0x20_0000, data: None },
            Access::DmaWrite { iova: 0x40, data: [1; 64], strobes: 0xff, ok: true },
            Access::MemoryFlip { address: 0x1234, bit: 7 },
            Access::MmioRead { offset: 4, value: u32::MAX },
        ];
        let events = accesses.into_iter().zip(5..).map(|(access, cycle)| Event { cycle, access }).collect();
        let recording = Recording { config: SimConfig::default(), events };
        let back = Recording::from_text(&recording.to_text()).expect("own text");
        assert_eq!(back.events, recording.events);
        assert_eq!(back.to_text(), recording.to_text());
    }

    #[test]
    fn bad_lines_are_named() {
        for text in
            ["", "nonsense", "millrace-recording 2 1 63 1 2 3 4 5", "millrace-recording 2 1 64 9 2 3 4 5"]
        {
            assert_eq!(Recording::from_text(text).expect_err(text).line, 1);
        }
        let text = "millrace-recording 2 1 64 1 2 3 4 5\n0 W 0 0\n0 X 1 2\n";
        assert_eq!(Recording::from_text(text).expect_err("X").line, 3);
    }
}
