//! One client: its messages, answered one after the other.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use millrace_pcie::vfio_user::{
    Connection, Incoming, ReceiveError,
    wire::{Command, FDS_MOST, Fields, Header, Payload},
};
use millrace_pcie_sys as sys;
use parking_lot::Mutex;
use rustix::io::Errno;

use super::{
    Machine,
    client_memory::{ClientMemory, MapRequest},
    config_space::{BAR2_BYTES, CONFIG_BYTES, ConfigSpace, Effect},
};

/// How long a stop may go unnoticed.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// A client that begins a message ends it within this.
pub(super) const MESSAGE_LIMIT: Duration = Duration::from_secs(5);
/// Bytes of one register access at most: QEMU sends 8, a debugger may want a page.
const ACCESS_BYTES_MOST: usize = 4096;

const BAR0: u32 = sys::VFIO_PCI_BAR0_REGION_INDEX;
const BAR2: u32 = sys::VFIO_PCI_BAR2_REGION_INDEX;
const CONFIG: u32 = sys::VFIO_PCI_CONFIG_REGION_INDEX;

/// An answer's payload, or why not.
type Answer = Result<Payload, Errno>;

/// Where the client wants its interrupts, by vector.
pub(super) type Vectors = Mutex<Vec<Option<Arc<OwnedFd>>>>;

/// What a client sees of the device.
pub(super) struct Session<'a> {
    pub(super) machine: &'a Machine,
    pub(super) memory: &'a Arc<ClientMemory>,
    pub(super) vectors: &'a Vectors,
    pub(super) config: ConfigSpace,
    pub(super) agreed: bool,
}

impl Session<'_> {
    /// Serves until the client goes, talks nonsense, or a stop is asked for.
    pub(super) fn run(&mut self, connection: &Connection, stop: &AtomicBool) -> Result<(), ReceiveError> {
        while !stop.load(Ordering::Acquire) {
            if !connection.is_readable(LOOK_INTERVAL)? {
                continue;
            }
            let message = connection.receive()?;
            if message.header.is_reply {
                // This side asks nothing, so nothing can be an answer.
                continue;
            }
            let answer = self.handle(&message);
            if message.header.no_reply {
                continue;
            }
            let header = Header { is_reply: true, error: None, ..message.header };
            match answer {
                Ok(payload) => connection.send(header, &payload.0, &[])?,
                Err(errno) => {
                    tracing::debug!("message {:?} refused: {errno}", message.header);
                    let error = Some(errno.raw_os_error() as u32);
                    connection.send(Header { error, ..header }, &[], &[])?;
                }
            }
        }
        Ok(())
    }

    fn handle(&mut self, message: &Incoming) -> Answer {
        let command = Command::of(message.header.command).ok_or(Errno::OPNOTSUPP)?;
        if !self.agreed && command != Command::Version {
            return Err(Errno::INVAL);
        }
        let fields = Fields(&message.payload);
        match command {
            Command::RegionRead | Command::RegionWrite | Command::Reset if self.machine.is_dead() => {
                Err(Errno::IO)
            }
            Command::Version => self.version(fields),
            Command::DmaMap => self.dma_map(fields, &message.fds),
            Command::DmaUnmap => self.dma_unmap(fields),
            Command::DeviceInfo => self.device_info(),
            Command::RegionInfo => self.region_info(fields),
            Command::IrqInfo => self.irq_info(fields),
            Command::SetIrqs => self.set_irqs(fields, &message.fds),
            Command::RegionRead => self.region_read(fields),
            Command::RegionWrite => self.region_write(fields),
            Command::Reset => {
                self.reset();
                Ok(Payload::new())
            }
            // No region has a descriptor; DMA is this side's to ask for, and it does not.
            Command::RegionIoFds | Command::DmaRead | Command::DmaWrite => Err(Errno::OPNOTSUPP),
        }
    }

    fn version(&mut self, mut fields: Fields<'_>) -> Answer {
        let (major, _minor) = (fields.u16().ok_or(Errno::INVAL)?, fields.u16().ok_or(Errno::INVAL)?);
        if major != 0 {
            return Err(Errno::INVAL);
        }
        self.agreed = true;
        let limits = format!(
            "{{\"capabilities\":{{\"max_msg_fds\":{FDS_MOST},\"max_data_xfer_size\":1048576,\"pgsizes\":4096}}}}\0"
        );
        Ok(Payload::new().u16(0).u16(0).bytes(limits.as_bytes()))
    }

    fn dma_map(&self, mut fields: Fields<'_>, fds: &[OwnedFd]) -> Answer {
        let mut request = || {
            let (_argsz, flags) = (fields.u32()?, fields.u32()?);
            let (offset, iova, len) = (fields.u64()?, fields.u64()?, fields.u64()?);
            let (readable, writable) =
                (flags & sys::VFIO_DMA_MAP_FLAG_READ != 0, flags & sys::VFIO_DMA_MAP_FLAG_WRITE != 0);
            Some(MapRequest { iova, len, offset, readable, writable })
        };
        let request = request().ok_or(Errno::INVAL)?;
        self.memory.map(request, fds.first())?;
        Ok(Payload::new())
    }

    fn dma_unmap(&self, mut fields: Fields<'_>) -> Answer {
        const UNMAP_ALL: u32 = 2;
        let whole = fields;
        let mut numbers = || Some((fields.u32()?, fields.u32()?, fields.u64()?, fields.u64()?));
        let (_argsz, flags, iova, len) = numbers().ok_or(Errno::INVAL)?;
        match flags {
            0 => self.memory.unmap(iova, len)?,
            UNMAP_ALL => self.memory.clear(),
            _ => return Err(Errno::OPNOTSUPP),
        }
        Ok(Payload::new().bytes(&whole.0[..24]))
    }

    fn device_info(&self) -> Answer {
        let flags = sys::VFIO_DEVICE_FLAGS_RESET | sys::VFIO_DEVICE_FLAGS_PCI;
        Ok(Payload::new().u32(16).u32(flags).u32(sys::VFIO_PCI_NUM_REGIONS).u32(sys::VFIO_PCI_NUM_IRQS))
    }

    fn region_bytes(&self, index: u32) -> Result<u64, Errno> {
        match index {
            BAR0 => Ok(self.machine.bar0_bytes),
            BAR2 => Ok(BAR2_BYTES),
            CONFIG => Ok(CONFIG_BYTES as u64),
            other if other < sys::VFIO_PCI_NUM_REGIONS => Ok(0),
            _ => Err(Errno::INVAL),
        }
    }

    fn region_info(&self, mut fields: Fields<'_>) -> Answer {
        let mut numbers = || Some((fields.u32()?, fields.u32()?, fields.u32()?));
        let (_argsz, _flags, index) = numbers().ok_or(Errno::INVAL)?;
        let len = self.region_bytes(index)?;
        let flags =
            if len > 0 { sys::VFIO_REGION_INFO_FLAG_READ | sys::VFIO_REGION_INFO_FLAG_WRITE } else { 0 };
        Ok(Payload::new().u32(32).u32(flags).u32(index).u32(0).u64(len).u64(0))
    }

    fn irq_info(&self, mut fields: Fields<'_>) -> Answer {
        let mut numbers = || Some((fields.u32()?, fields.u32()?, fields.u32()?));
        let (_argsz, _flags, index) = numbers().ok_or(Errno::INVAL)?;
        let count = match index {
            sys::VFIO_PCI_MSIX_IRQ_INDEX => self.machine.vectors as u32,
            other if other < sys::VFIO_PCI_NUM_IRQS => 0,
            _ => return Err(Errno::INVAL),
        };
        let flags = if count > 0 { sys::VFIO_IRQ_INFO_EVENTFD } else { 0 };
        Ok(Payload::new().u32(16).u32(flags).u32(index).u32(count))
    }

    /// Descriptors for vectors; vectors without one, or an order without data, are switched off.
    fn set_irqs(&self, mut fields: Fields<'_>, fds: &[OwnedFd]) -> Answer {
        let mut numbers =
            || Some((fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?));
        let (_argsz, flags, index, start, count) = numbers().ok_or(Errno::INVAL)?;
        let action = flags & sys::VFIO_IRQ_SET_ACTION_TYPE_MASK;
        if index >= sys::VFIO_PCI_NUM_IRQS {
            return Err(Errno::INVAL);
        }
        if index != sys::VFIO_PCI_MSIX_IRQ_INDEX {
            // There are none of this kind; switching none off is no error.
            return if count == 0 { Ok(Payload::new()) } else { Err(Errno::INVAL) };
        }
        if action != sys::VFIO_IRQ_SET_ACTION_TRIGGER {
            return Err(Errno::OPNOTSUPP);
        }
        let mut vectors = self.vectors.lock();
        let (start, count) = (start as usize, count as usize);
        let end = start.checked_add(count).filter(|&end| end <= vectors.len()).ok_or(Errno::INVAL)?;
        match flags & sys::VFIO_IRQ_SET_DATA_TYPE_MASK {
            sys::VFIO_IRQ_SET_DATA_NONE if count == 0 => vectors.fill_with(|| None),
            sys::VFIO_IRQ_SET_DATA_EVENTFD if fds.is_empty() => vectors[start..end].fill_with(|| None),
            sys::VFIO_IRQ_SET_DATA_EVENTFD if fds.len() == count => {
                // Whatever else could be given (a terminal, a pipe, a file) has ways of its own to hold up who writes to it.
                if !fds.iter().all(is_eventfd) {
                    return Err(Errno::INVAL);
                }
                for (vector, fd) in vectors[start..end].iter_mut().zip(fds) {
                    *vector = Some(Arc::new(fd.try_clone().map_err(|_| Errno::MFILE)?));
                }
            }
            sys::VFIO_IRQ_SET_DATA_NONE | sys::VFIO_IRQ_SET_DATA_BOOL => return Err(Errno::OPNOTSUPP),
            _ => return Err(Errno::INVAL),
        }
        Ok(Payload::new())
    }

    /// Offset, region and length of an access that lies inside its region.
    fn access(&self, fields: &mut Fields<'_>) -> Result<(u64, u32, usize), Errno> {
        let mut numbers = || Some((fields.u64()?, fields.u32()?, fields.u32()?));
        let (offset, region, count) = numbers().ok_or(Errno::INVAL)?;
        let inside = offset
            .checked_add(count.into())
            .is_some_and(|end| self.region_bytes(region).is_ok_and(|len| end <= len));
        match inside && count as usize <= ACCESS_BYTES_MOST {
            true => Ok((offset, region, count as usize)),
            false => Err(Errno::INVAL),
        }
    }

    fn region_read(&self, mut fields: Fields<'_>) -> Answer {
        let (offset, region, count) = self.access(&mut fields)?;
        let head = Payload::new().u64(offset).u32(region).u32(count as u32);
        let bytes = match region {
            CONFIG => self.config.read(offset, count).ok_or(Errno::INVAL)?.to_vec(),
            BAR0 => {
                let bar = self.machine.bar0();
                registers(offset, count)?.flat_map(|at| bar.read32(at).to_le_bytes()).collect()
            }
            // MSI-X table and pending bits: a client that sends interrupts to eventfds keeps them itself.
            _ => vec![0; count],
        };
        Ok(head.bytes(&bytes))
    }

    fn region_write(&mut self, mut fields: Fields<'_>) -> Answer {
        let (offset, region, count) = self.access(&mut fields)?;
        let data = fields.bytes(count).ok_or(Errno::INVAL)?;
        match region {
            CONFIG => {
                let effect = self.config.write(offset, data).ok_or(Errno::INVAL)?;
                self.memory.set_bus_master(self.config.is_bus_master());
                if effect == Effect::Reset {
                    self.reset();
                }
            }
            BAR0 => {
                let bar = self.machine.bar0();
                for (at, word) in registers(offset, count)?.zip(data.as_chunks::<4>().0) {
                    bar.write32(at, u32::from_le_bytes(*word));
                }
            }
            _ => {}
        }
        Ok(Payload::new().u64(offset).u32(region).u32(count as u32))
    }

    /// Function-level reset: device and configuration as after power-on. What the client mapped, and where it wants its interrupts, is the
    /// client's and stays.
    fn reset(&mut self) {
        self.memory.set_bus_master(false);
        self.machine.power_cycle(self.memory);
        self.config = self.machine.config();
    }
}

/// The kernel names what a descriptor of this process refers to.
fn is_eventfd(fd: &OwnedFd) -> bool {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    link.is_ok_and(|name| name.as_os_str() == "anon_inode:[eventfd]")
}

/// Offsets of the registers in a range of BAR0: it has 32-bit registers and nothing else.
fn registers(offset: u64, count: usize) -> Result<impl Iterator<Item = u32>, Errno> {
    let start = u32::try_from(offset).map_err(|_| Errno::INVAL)?;
    match start.is_multiple_of(4) && count.is_multiple_of(4) {
        true => Ok((start..).step_by(4).take(count / 4)),
        false => Err(Errno::INVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::registers;

    #[test]
    fn registers_are_words() {
        assert_eq!(registers(8, 8).unwrap().collect::<Vec<_>>(), [8, 12]);
        assert!(registers(2, 4).is_err() && registers(4, 2).is_err() && registers(1 << 32, 4).is_err());
    }
}
