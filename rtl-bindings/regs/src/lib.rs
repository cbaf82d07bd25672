//! Register map, descriptor and completion layouts of the device, generated from `hw/data`.
