//! What `doctor` looks at of one card.

use std::fs;

use millrace_driver::BAR0_BYTES;
use millrace_pcie::{PciAddress, PciFunction, PciTree, VfioAccess};

use super::{Finding, Machine, missing, note, ok};

/// How to let users of a group open what is opened on either way, also after the next boot.
const RULES: &str = r#"as root, `printf '%s, GROUP="millrace", MODE="0660"\n' 'SUBSYSTEM=="vfio|vfio-dev"' 'KERNEL=="iommu"' > /etc/udev/rules.d/60-millrace.rules && udevadm control --reload && udevadm trigger`"#;
/// Less than this on the card's own node, and a large proof's buffers go elsewhere.
const NODE_FREE_KIB: u64 = 1 << 20;

/// Of a function's configuration space, as far as every function has it.
pub(super) const CONFIG_BYTES: usize = 256;
/// Where its list of capabilities begins, and the entry that is looked for.
const CAPABILITIES: usize = 0x34;
const MSIX: u8 = 0x11;

/// What the kernel says of a group, or a device, that somebody holds.
const EBUSY: i32 = 16;

impl Machine {
    pub(super) fn function(&self, tree: &PciTree, f: &PciFunction, findings: &mut Vec<Finding>) {
        let at = f.address;
        let bind = format!("as root, `millrace device bind vfio:{at}`");
        findings.push(match f.driver.as_deref() {
            Some("vfio-pci") => ok(format!("{at}: bound to vfio-pci")),
            Some(other) => missing(format!("{at}: bound to {other}: {bind}")),
            None => missing(format!("{at}: bound to no driver: {bind}")),
        });
        findings.push(match f.iommu_group {
            None => missing(format!("{at}: in no IOMMU group (see IOMMU above)")),
            Some(group) => self.group(tree, at, group),
        });
        if f.iommu_group.is_some() && f.driver.as_deref() == Some("vfio-pci") {
            findings.push(self.access(f));
        }
        findings.extend(self.shape(f));
        findings.extend(self.coherence(at));
        findings.push(link(f));
        findings.extend(self.power(at));
        self.numa(at, f.numa_node, findings);
    }

    /// What the driver asks of a function that can be seen without opening it.
    fn shape(&self, f: &PciFunction) -> Option<Finding> {
        let at = f.address;
        let again = format!(
            "another card, or one whose bitstream was loaded after the bus was scanned: as root, `echo 1 > /sys/bus/pci/devices/{at}/remove; echo 1 > /sys/bus/pci/rescan`"
        );
        if f.bar0_bytes < BAR0_BYTES {
            let (is, wanted) = (f.bar0_bytes >> 10, BAR0_BYTES >> 10);
            return Some(missing(format!("{at}: BAR0 has {is} KiB, the driver wants {wanted}: {again}")));
        }
        // Only root is shown more than the first 64 bytes.
        let config = fs::read(self.root.join(format!("sys/bus/pci/devices/{at}/config"))).ok()?;
        let without = config.len() >= CONFIG_BYTES && !has_capability(&config, MSIX);
        without
            .then(|| missing(format!("{at}: no MSI-X, by which the driver is told of completions: {again}")))
    }

    /// Functions that share the group must not belong to drivers of the kernel; bridges do no harm.
    fn group(&self, tree: &PciTree, at: PciAddress, group: u32) -> Finding {
        const BRIDGE: u32 = 0x06;
        let members = tree.group_members(at).unwrap_or_default();
        let in_the_way: Vec<String> = members
            .into_iter()
            .filter_map(|member| tree.function(member).ok())
            .filter(|f| f.class >> 16 != BRIDGE)
            .filter(|f| f.driver.as_deref().is_some_and(|d| d != "vfio-pci"))
            .map(|f| format!("`millrace device bind --force vfio:{}`", f.address))
            .collect();
        if in_the_way.is_empty() {
            return ok(format!("{at}: IOMMU group {group}"));
        }
        missing(format!(
            "{at}: IOMMU group {group} holds functions of other drivers, which lose them: as root, {}; or another slot",
            in_the_way.join(", ")
        ))
    }

    /// The way that would be taken to a card. A file that somebody holds is one that may be opened.
    fn chosen(&self, f: &PciFunction) -> VfioAccess {
        VfioAccess::choose_where(f, |path| match (self.open)(&self.under(path)) {
            Ok(()) => true,
            Err(error) => error.raw_os_error() == Some(EBUSY),
        })
    }

    /// By which of the kernel's two ways a card would be opened, and whether this user may.
    fn access(&self, f: &PciFunction) -> Finding {
        let at = f.address;
        let (access, why) = match VfioAccess::from_env() {
            Ok(Some(access)) => (access, format!(", as {} asks for", VfioAccess::VARIABLE)),
            Ok(None) => (self.chosen(f), String::new()),
            Err(error) => return missing(format!("{}: {error}", VfioAccess::VARIABLE)),
        };
        let paths = access.paths(f);
        if paths.is_empty() {
            return missing(format!(
                "{at}: no way by {access}{why}: this kernel offers none: `unset {}`",
                VfioAccess::VARIABLE
            ));
        }
        // Its own file can be opened all the same while somebody has it; its group cannot.
        let taken = match access {
            VfioAccess::Group => None,
            VfioAccess::Cdev => VfioAccess::Group.paths(f).into_iter().next(),
        };
        let refused: Vec<_> = paths
            .iter()
            .map(String::as_str)
            .filter_map(|path| Some((path, (self.open)(&self.under(path)).err()?)))
            .collect();
        let is_taken = |path: &str| {
            (self.open)(&self.under(path)).is_err_and(|error| error.raw_os_error() == Some(EBUSY))
        };
        if let Some(path) = taken.iter().chain(&paths).find(|path| is_taken(path)) {
            return note(format!(
                "{at}: {path} is in use: another millrace, or a virtual machine: as root, `fuser -v {}`",
                paths[0]
            ));
        }
        if let Some((path, error)) = refused.first() {
            let files = refused.iter().map(|(path, _)| *path).collect::<Vec<_>>().join(" ");
            return missing(format!(
                "{at}: cannot open {path}: {error}: as root, `groupadd -f millrace && usermod -aG millrace USER && chgrp millrace {files} && chmod 660 {files}`; to keep it, {RULES}"
            ));
        }
        let by = format!("{at}: opened by {access} ({}){why}", paths.join(" and "));
        match access {
            // The kernel has a better way, which this user may not take.
            VfioAccess::Group if why.is_empty() && f.cdev.is_some() => note(format!(
                "{by}; the card has a device of its own, {}, and with /dev/iommu it would be opened by that: {RULES}",
                f.cdev_path().unwrap_or_default()
            )),
            VfioAccess::Cdev if self.memlock_limit().is_some_and(|limit| limit != "unlimited") => {
                ok(format!(
                    "{by}; by this way the limit of locked memory is for all processes of a user together"
                ))
            }
            _ => ok(by),
        }
    }

    /// Buffers are asked for from the card's own node; whether they can come from there.
    fn numa(&self, at: PciAddress, node: Option<u32>, findings: &mut Vec<Finding>) {
        // A machine of one node.
        let Some(node) = node else { return };
        let place = format!("sys/devices/system/node/node{node}");
        let free_kib = self.text(&format!("{place}/meminfo")).and_then(|text| {
            let line = text.lines().find(|line| line.contains("MemFree:"))?;
            line.split_whitespace().rev().nth(1)?.parse::<u64>().ok()
        });
        let allowed = self.text("proc/self/status").and_then(|text| {
            let list = text.lines().find_map(|line| line.strip_prefix("Mems_allowed_list:"))?;
            Some(is_in_list(list.trim(), node))
        });
        findings.push(match (free_kib, allowed) {
            (None, _) => note(format!("{at}: NUMA node {node} has no memory, buffers lie on another: `numactl --hardware` shows nodes that have some: a slot of one of them")),
            (_, Some(false)) => note(format!(
                "{at}: NUMA node {node}, whose memory this process may not use: take it into the cpuset: in a unit, a line `AllowedMemoryNodes={node}`"
            )),
            (Some(kib), _) if kib < NODE_FREE_KIB => note(format!(
                "{at}: NUMA node {node} has {} MiB free: what does not fit lies on another node, and is slower to reach: `numastat -m` shows what takes it",
                kib >> 10
            )),
            (Some(_), _) => ok(format!("{at}: NUMA node {node}: DMA memory is taken from there")),
        });
        let pages = |place: &str| {
            let path = format!("{place}/hugepages/hugepages-2048kB/nr_hugepages");
            self.text(&path)?.parse::<u64>().ok()
        };
        let anywhere = self.text("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
        if pages(&place) == Some(0) && anywhere.is_some_and(|n| n != "0") {
            findings.push(note(format!(
                "{at}: no huge page is reserved on NUMA node {node}: as root, `echo 256 > /{place}/hugepages/hugepages-2048kB/nr_hugepages`"
            )));
        }
    }
}

/// The link as it is, against what the card can.
fn link(f: &PciFunction) -> Finding {
    let at = f.address;
    let look = format!("as root, `lspci -vv -s {at}` (LnkCap, LnkSta)");
    let (Some(is), Some(most)) = (&f.link, &f.link_most) else {
        return note(format!("{at}: the kernel does not tell the link's width and speed: {look}"));
    };
    let text = format!("{at}: link x{} at {}", is.width, is.speed);
    if is == most {
        return ok(text);
    }
    note(format!(
        "{text}, the card can x{} at {}: another slot, a riser, or dust; an idle link may also be slow to save power: {look} while it works",
        most.width, most.speed
    ))
}

/// Whether a function's configuration space lists a capability. A list has no more entries than fit, whatever it says.
pub(super) fn has_capability(config: &[u8], id: u8) -> bool {
    let at = |i: usize| config.get(i).copied().unwrap_or(0);
    let mut next = at(CAPABILITIES);
    for _ in 0..config.len() / 4 {
        match next & !3 {
            0 => return false,
            entry if at(entry.into()) == id => return true,
            entry => next = at(usize::from(entry) + 1),
        }
    }
    false
}

/// Whether a list of the kernel's, like `0-2,5`, holds a number.
fn is_in_list(list: &str, n: u32) -> bool {
    list.split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        matches!((first.trim().parse::<u32>(), last.trim().parse::<u32>()), (Ok(a), Ok(b)) if (a..=b).contains(&n))
    })
}

#[cfg(test)]
mod tests {
    use super::is_in_list;

    #[test]
    fn lists_of_the_kernel_are_read() {
        for (list, n, holds) in
            [("0", 0, true), ("0-1", 1, true), ("0,2-3", 1, false), ("0,2-3", 3, true), ("", 0, false)]
        {
            assert_eq!(is_in_list(list, n), holds, "{n} in {list:?}");
        }
    }
}
