//! The generated layout against numbers written out by hand from `docs/spec/device.md`.

use millrace_regs::{
    Cause, Completion, Descriptor, UnknownCause,
    layout::{
        FLAG_COSET, FLAG_DST_DEV, FLAG_DUMP, FLAG_IRQ, OPCODE_COPY, OPCODE_MSM_G1, OPCODE_NOP, OPCODE_NTT,
    },
    queue_register,
    registers::{MAGIC_EXPECTED, QUEUE_DOORBELL, QUEUE_ENABLE, VERSION_EXPECTED},
};

fn copy() -> Descriptor {
    Descriptor {
        opcode: OPCODE_COPY,
        flags: FLAG_DST_DEV | FLAG_IRQ,
        log_n: 0,
        job_id: 0x0403_0201,
        src0: 0x1_0000_0040,
        src1: 0,
        dst: 0x2000,
        count: 4096,
        dst_len_bytes: 8192,
        epoch: 7,
        phase: true,
    }
}

#[test]
fn identity_is_the_specification_s() {
    assert_eq!(MAGIC_EXPECTED.to_le_bytes(), *b"MLRC");
    assert_eq!(VERSION_EXPECTED, 1);
    assert_eq!(queue_register(0, QUEUE_DOORBELL), 0x1040);
    assert_eq!(queue_register(2, QUEUE_ENABLE), 0x3014);
}

#[test]
fn descriptor_bytes_lie_where_the_table_says() {
    let bytes = copy().to_bytes();
    assert_eq!(bytes[0], 1);
    assert_eq!(bytes[1], 0b0100_0100);
    assert_eq!(bytes[4..8], [1, 2, 3, 4]);
    assert_eq!(bytes[8..16], [0x40, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bytes[33], 16);
    assert_eq!(bytes[41], 32);
    assert_eq!(bytes[56], 7);
    assert_eq!(bytes[60], 1);
    assert_eq!(Descriptor::from_bytes(&bytes), copy());
}

#[test]
fn completion_round_trips_with_every_byte_used() {
    let mut bytes = [0_u8; 64];
    for (i, b) in bytes.iter_mut().enumerate().take(60) {
        *b = i as u8 + 1;
    }
    bytes[60] = 1;
    let completion = Completion::from_bytes(&bytes);
    assert_eq!(completion.status, 5);
    assert_eq!(completion.sq_head, 0x0807);
    assert_eq!(completion.digest, u64::from_le_bytes([49, 50, 51, 52, 53, 54, 55, 56]));
    assert_eq!(completion.to_bytes(), bytes);
}

#[test]
fn causes_have_the_codes_of_the_specification() {
    assert_eq!(Cause::Reset as u8, 13);
    assert_eq!(Cause::try_from(5), Ok(Cause::BadLength));
    assert_eq!(Cause::try_from(14), Err(UnknownCause(14)));
    assert_eq!(Cause::try_from(255), Err(UnknownCause(255)));
    for (code, cause) in (0_u8..).zip(Cause::ALL) {
        assert_eq!(cause as u8, code);
        assert_eq!(Cause::try_from(code), Ok(cause));
    }
    assert_eq!(Cause::MemWrite.name(), "MEM_WRITE");
}

#[test]
fn form_names_the_first_bad_field() {
    let check = |d: Descriptor| Descriptor::check_form(&d.to_bytes());
    let bad = |at| Err((Cause::BadDescriptor, at));
    assert_eq!(check(copy()), Ok(()));
    assert_eq!(check(Descriptor { opcode: 9, src0: 1, ..copy() }), Err((Cause::BadOpcode, 9)));
    assert_eq!(check(Descriptor { flags: FLAG_COSET, log_n: 1, ..copy() }), bad(1));
    assert_eq!(check(Descriptor { flags: 0x80, ..copy() }), bad(1));
    assert_eq!(check(Descriptor { log_n: 1, src0: 3, ..copy() }), bad(2));
    assert_eq!(check(Descriptor { src0: 0x20, src1: 64, ..copy() }), bad(8));
    assert_eq!(check(Descriptor { src1: 64, ..copy() }), bad(16));
    assert_eq!(check(Descriptor { dst: 1, ..copy() }), bad(24));
    assert_eq!(check(Descriptor { opcode: OPCODE_MSM_G1, flags: FLAG_DUMP, src1: 64, ..copy() }), Ok(()));
    assert_eq!(check(Descriptor { opcode: OPCODE_NTT, flags: FLAG_COSET, log_n: 3, ..copy() }), Ok(()));
    let nop = Descriptor { opcode: OPCODE_NOP, ..Descriptor::default() };
    assert_eq!(check(nop), Ok(()));
    assert_eq!(check(Descriptor { count: 1, ..nop }), bad(32));
    assert_eq!(check(Descriptor { dst_len_bytes: 1, ..nop }), bad(40));
    for (byte, at) in [(3, 3), (48, 48), (55, 48), (61, 60), (63, 60)] {
        let mut bytes = copy().to_bytes();
        bytes[byte] = 0x80;
        assert_eq!(Descriptor::check_form(&bytes), bad(at), "byte {byte}");
    }
    let mut bytes = copy().to_bytes();
    bytes[60] = 2;
    assert_eq!(Descriptor::check_form(&bytes), bad(60));
}
