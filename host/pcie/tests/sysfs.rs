//! Reading a tree like the kernel's.

use std::{fs, os::unix::fs::symlink, path::Path};

use millrace_pcie::{Link, PciAddress, PciTree};

fn tree(root: &Path) -> PciAddress {
    let card = root.join("devices/0000:65:00.0");
    let group = root.join("groups/17/devices");
    fs::create_dir_all(&card).unwrap();
    fs::create_dir_all(&group).unwrap();
    fs::create_dir_all(root.join("drivers/xdma")).unwrap();
    for (name, text) in [
        ("vendor", "0x10ee\n"),
        ("device", "0x9038\n"),
        ("class", "0x120000\n"),
        ("numa_node", "-1\n"),
        ("current_link_width", "8\n"),
        ("current_link_speed", "8.0 GT/s PCIe\n"),
        ("max_link_width", "16\n"),
        ("max_link_speed", "16.0 GT/s PCIe\n"),
        ("resource", "0x00000000f0000000 0x00000000f000ffff 0x000000000014220c\n0x0 0x0 0x0\n"),
        ("driver_override", "(null)\n"),
    ] {
        fs::write(card.join(name), text).unwrap();
    }
    symlink("../../drivers/xdma", card.join("driver")).unwrap();
    symlink("../../groups/17", card.join("iommu_group")).unwrap();
    fs::create_dir_all(root.join("devices/not-an-address")).unwrap();
    for member in ["0000:65:00.0", "0000:65:00.1"] {
        fs::create_dir_all(group.join(member)).unwrap();
    }
    "65:00.0".parse().unwrap()
}

#[test]
fn what_the_kernel_says() {
    let dir = tempfile::tempdir().unwrap();
    let address = tree(dir.path());
    let pci = PciTree::at(dir.path());
    let functions = pci.functions().unwrap();
    assert_eq!(functions.len(), 1);
    let card = &functions[0];
    assert_eq!((card.address, card.vendor, card.device, card.class), (address, 0x10ee, 0x9038, 0x12_0000));
    assert_eq!((card.driver.as_deref(), card.iommu_group, card.numa_node), (Some("xdma"), Some(17), None));
    assert_eq!(card.link, Some(Link { width: 8, speed: "8.0 GT/s PCIe".into() }));
    assert_eq!(card.link_most, Some(Link { width: 16, speed: "16.0 GT/s PCIe".into() }));
    assert_eq!(card.bar0_bytes, 65536);
    assert_eq!(pci.group_members(address).unwrap(), ["0000:65:00.1".parse().unwrap()]);
}

fn read(root: &Path, name: &str) -> String {
    fs::read_to_string(root.join(name)).unwrap()
}

const OVERRIDE: &str = "devices/0000:65:00.0/driver_override";

#[test]
fn binding_writes_what_the_kernel_wants() {
    let dir = tempfile::tempdir().unwrap();
    let address = tree(dir.path());
    fs::create_dir_all(dir.path().join("drivers/vfio-pci")).unwrap();
    PciTree::at(dir.path()).bind_vfio(address).unwrap();
    assert_eq!(read(dir.path(), OVERRIDE), "vfio-pci");
    assert_eq!(read(dir.path(), "drivers/xdma/unbind"), "0000:65:00.0");
    assert_eq!(read(dir.path(), "drivers_probe"), "0000:65:00.0");
}

#[test]
fn without_vfio_pci_nothing_is_taken_from_its_driver() {
    let dir = tempfile::tempdir().unwrap();
    let address = tree(dir.path());
    let error = PciTree::at(dir.path()).bind_vfio(address).unwrap_err();
    assert!(error.to_string().contains("modprobe vfio-pci"), "{error}");
    assert_eq!(read(dir.path(), OVERRIDE), "(null)\n");
    assert!(!dir.path().join("drivers/xdma/unbind").exists());
}

#[test]
fn a_binding_that_fails_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let address = tree(dir.path());
    fs::create_dir_all(dir.path().join("drivers/vfio-pci")).unwrap();
    // The kernel refuses the probe.
    fs::create_dir_all(dir.path().join("drivers_probe")).unwrap();
    assert!(PciTree::at(dir.path()).bind_vfio(address).is_err());
    assert_eq!(read(dir.path(), OVERRIDE), "\n");
}

#[test]
fn only_what_vfio_pci_has_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let address = tree(dir.path());
    let pci = PciTree::at(dir.path());
    let error = pci.unbind_vfio(address).unwrap_err();
    assert!(error.to_string().contains("got xdma"), "{error}");
    assert!(!dir.path().join("drivers/xdma/unbind").exists());
    let driver = dir.path().join("devices/0000:65:00.0/driver");
    fs::remove_file(&driver).unwrap();
    fs::create_dir_all(dir.path().join("drivers/vfio-pci")).unwrap();
    symlink("../../drivers/vfio-pci", &driver).unwrap();
    pci.bind_vfio(address).unwrap();
    assert!(!dir.path().join("drivers/vfio-pci/unbind").exists(), "it is bound already");
    pci.unbind_vfio(address).unwrap();
    assert_eq!(read(dir.path(), OVERRIDE), "\n");
    assert_eq!(read(dir.path(), "drivers/vfio-pci/unbind"), "0000:65:00.0");
}

#[test]
fn what_is_not_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let pci = PciTree::at(dir.path());
    assert!(pci.functions().is_err());
    assert!(pci.function("65:00.0".parse().unwrap()).is_err());
    assert!(pci.bind_vfio("65:00.0".parse().unwrap()).is_err());
}

#[test]
fn a_speed_that_the_kernel_does_not_know_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let address = tree(dir.path());
    fs::write(dir.path().join("devices/0000:65:00.0/max_link_speed"), "Unknown\n").unwrap();
    assert_eq!(PciTree::at(dir.path()).function(address).unwrap().link_most, None);
}
