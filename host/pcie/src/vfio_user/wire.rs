//! Bytes of vfio-user messages. All numbers are of the machine's own order (both ends are on one machine); structures are those of
//! `linux/vfio.h` where it has them.

/// Bytes of the head of every message.
pub const HEADER_BYTES: usize = 16;
/// Longest message that is taken: a megabyte of data and its head.
pub const MESSAGE_BYTES_MOST: usize = (1 << 20) + 4096;
/// Descriptors in one message at most.
pub const FDS_MOST: usize = 16;

/// What a message wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Command {
    /// First of all: version and limits.
    Version = 1,
    /// Memory that the device may reach.
    DmaMap = 2,
    /// No more.
    DmaUnmap = 3,
    /// What kind of device.
    DeviceInfo = 4,
    /// Size and kind of a region.
    RegionInfo = 5,
    /// Descriptors for parts of a region.
    RegionIoFds = 6,
    /// Number and kind of interrupts.
    IrqInfo = 7,
    /// Where interrupts go.
    SetIrqs = 8,
    /// Reads of a region: registers, configuration space.
    RegionRead = 9,
    /// Writes of a region.
    RegionWrite = 10,
    /// The device reads memory that has no descriptor.
    DmaRead = 11,
    /// The device writes memory that has no descriptor.
    DmaWrite = 12,
    /// Function reset.
    Reset = 13,
}

impl Command {
    /// Of a number.
    pub fn of(number: u16) -> Option<Self> {
        use Command::*;
        const ALL: [Command; 13] = [
            Version,
            DmaMap,
            DmaUnmap,
            DeviceInfo,
            RegionInfo,
            RegionIoFds,
            IrqInfo,
            SetIrqs,
            RegionRead,
            RegionWrite,
            DmaRead,
            DmaWrite,
            Reset,
        ];
        ALL.into_iter().find(|&command| command as u16 == number)
    }
}

const TYPE_MASK: u32 = 0xf;
const TYPE_REPLY: u32 = 1;
const NO_REPLY: u32 = 1 << 4;
const ERROR: u32 = 1 << 5;

/// Head of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Chosen by who asks, repeated by who answers.
    pub id: u16,
    /// [`Command`], or what is none.
    pub command: u16,
    /// Bytes of the whole message.
    pub len_bytes: u32,
    /// Whether it answers.
    pub is_reply: bool,
    /// Whether no answer is wanted.
    pub no_reply: bool,
    /// Of an answer: why not, as errno.
    pub error: Option<u32>,
}

impl Header {
    /// To bytes.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut flags = if self.is_reply { TYPE_REPLY } else { 0 };
        flags |= if self.no_reply { NO_REPLY } else { 0 } | if self.error.is_some() { ERROR } else { 0 };
        let mut out = [0; HEADER_BYTES];
        out[..2].copy_from_slice(&self.id.to_ne_bytes());
        out[2..4].copy_from_slice(&self.command.to_ne_bytes());
        out[4..8].copy_from_slice(&self.len_bytes.to_ne_bytes());
        out[8..12].copy_from_slice(&flags.to_ne_bytes());
        out[12..].copy_from_slice(&self.error.unwrap_or(0).to_ne_bytes());
        out
    }

    /// From bytes.
    pub fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Self {
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let flags = word(8);
        Self {
            id: half(0),
            command: half(2),
            len_bytes: word(4),
            is_reply: flags & TYPE_MASK == TYPE_REPLY,
            no_reply: flags & NO_REPLY != 0,
            error: (flags & ERROR != 0).then(|| word(12)),
        }
    }
}

/// Reads numbers off the front of a payload.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// So many bytes; `None` if there are fewer.
    pub fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (now, later) = self.0.split_at_checked(len)?;
        self.0 = later;
        Some(now)
    }

    /// 16 bits.
    pub fn u16(&mut self) -> Option<u16> {
        Some(u16::from_ne_bytes(self.bytes(2)?.try_into().ok()?))
    }

    /// 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from_ne_bytes(self.bytes(4)?.try_into().ok()?))
    }

    /// 64 bits.
    pub fn u64(&mut self) -> Option<u64> {
        Some(u64::from_ne_bytes(self.bytes(8)?.try_into().ok()?))
    }
}

/// Puts a payload together.
#[derive(Clone, Default, Debug)]
pub struct Payload(pub Vec<u8>);

impl Payload {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// 16 bits more.
    pub fn u16(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    /// 32 bits more.
    pub fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    /// 64 bits more.
    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_ne_bytes());
        self
    }

    /// Bytes more.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_written() {
        for (is_reply, no_reply, error) in [(false, true, None), (true, false, Some(22)), (true, false, None)]
        {
            let header = Header { id: 0x1234, command: 9, len_bytes: 32, is_reply, no_reply, error };
            assert_eq!(Header::from_bytes(&header.to_bytes()), header);
        }
        // Bytes as the specification draws them: an answer to command 13, failed with EINVAL.
        let drawn = [1, 0, 13, 0, 16, 0, 0, 0, 0x21, 0, 0, 0, 22, 0, 0, 0];
        let header = Header::from_bytes(&drawn);
        assert_eq!((header.is_reply, header.error), (true, Some(22)));
        assert_eq!(header.to_bytes(), drawn);
    }

    #[test]
    fn fields_end_where_the_bytes_do() {
        let payload = Payload::new().u16(1).u32(2).u64(3).bytes(&[4]);
        let mut fields = Fields(&payload.0);
        assert_eq!((fields.u16(), fields.u32(), fields.u64()), (Some(1), Some(2), Some(3)));
        assert_eq!((fields.u16(), fields.bytes(1), fields.bytes(1)), (None, Some(&[4][..]), None));
        assert_eq!(Command::of(13), Some(Command::Reset));
        assert_eq!((Command::of(0), Command::of(14)), (None, None));
    }
}
