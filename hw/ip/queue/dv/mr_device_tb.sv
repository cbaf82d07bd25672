// The device of hw/top with stand-ins for its two engines (mr_msm.sv, mr_ntt.sv of this folder); the top is module mr_device itself.
`include "../../../top/mr_device.sv"
