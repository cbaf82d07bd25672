//! Where a PCIe function sits.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Domain, bus, device and function, written `0000:65:00.0`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PciAddress {
    /// PCI domain ("segment").
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device, 0..=31.
    pub device: u8,
    /// Function, 0..=7.
    pub function: u8,
}

/// Why a text is no address.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("expected a PCI address like 0000:65:00.0, got {got:?}")]
pub struct AddressError {
    /// The text.
    pub got: String,
}

fn hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let fits = digits.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u32::from_str_radix(text, 16).ok())?
}

fn parse(text: &str) -> Option<PciAddress> {
    let (rest, function) = text.rsplit_once('.')?;
    let (rest, device) = rest.rsplit_once(':')?;
    let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
    let address = PciAddress {
        domain: hex(domain, 1..=8)?,
        bus: u8::try_from(hex(bus, 1..=2)?).ok()?,
        device: u8::try_from(hex(device, 1..=2)?).ok()?,
        function: u8::try_from(hex(function, 1..=1)?).ok()?,
    };
    (address.device < 32 && address.function < 8).then_some(address)
}

impl FromStr for PciAddress {
    type Err = AddressError;

    /// With or without the domain, as `lspci` prints it.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).ok_or_else(|| AddressError { got: text.to_owned() })
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("0000:65:00.0", "0000:65:00.0"),
            ("65:1f.7", "0000:65:1f.7"),
            ("10000:e1:00.1", "10000:e1:00.1"),
            ("0:0A:0.1", "0000:0a:00.1"),
        ] {
            assert_eq!(text.parse::<PciAddress>().unwrap().to_string(), written);
        }
        for bad in [
            "",
            "65",
            "65:00",
            "0000:65:00.8",
            "0000:65:20.0",
            "0000:165:00.0",
            "../65:00.0",
            "0000:+5:00.0",
            "65:00.0/..",
            "123456789:65:00.0",
        ] {
            assert!(bad.parse::<PciAddress>().is_err(), "{bad}");
        }
    }
}
