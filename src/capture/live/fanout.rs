//! Spreads the packets of an interface over several handles, in the kernel: `PACKET_FANOUT` of packet(7).
//!
//! What tells the kernel which handle gets a packet is a program in classic BPF, made here: the kernel's own hash goes by
//! ports too, and would tear apart what one host says to another on several. Theirs are the outer addresses of IPv4 and IPv6,
//! behind up to two VLAN tags and PPPoE; any other packet goes to the first handle.

use nix::errno::Errno;
use nix::libc::{
    self, BPF_A, BPF_ABS, BPF_ADD, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IMM, BPF_IND, BPF_JEQ, BPF_JMP,
    BPF_LD, BPF_LDX, BPF_MEM, BPF_MISC, BPF_MUL, BPF_RET, BPF_RSH, BPF_ST, BPF_STX, BPF_TAX, BPF_TXA, BPF_W,
    BPF_X, BPF_XOR, sock_filter, sock_fprog,
};
use nix::sys::socket::{GetSockOpt as _, SetSockOpt as _};
use nix::{getsockopt_impl, setsockopt_impl, sockopt_impl};
use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The handles that share interfaces.
#[derive(Clone, Debug)]
pub(super) struct Fanout {
    /// The group of each interface, while a handle is in it.
    groups: Arc<Mutex<HashMap<String, Weak<Group>>>>,
    program: Arc<[sock_filter]>,
}

/// A group of handles on one interface. To be kept as long as the handle is open.
#[derive(Debug)]
pub(super) struct Group {
    id: u32,
}

sockopt_impl!(
    /// Membership: the group's number in the lower half, its ways in the upper.
    Membership, Both, libc::SOL_PACKET, libc::PACKET_FANOUT, u32
);
sockopt_impl!(
    /// The program that spreads the packets of the handle's group.
    Spreading, SetOnly, libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, sock_fprog
);

impl Fanout {
    /// `secret` makes that nobody outside knows which handle a packet goes to, and overloads one.
    pub(super) fn new(secret: u32) -> Self {
        Self { groups: Arc::default(), program: program(secret).into() }
    }

    /// Lets a handle take its share of the interface.
    ///
    /// # Errors
    /// What the kernel says; `EINVAL` where it is older than 4.12.
    pub(super) fn join(&self, handle: BorrowedFd<'_>, interface: &str) -> Result<Arc<Group>, Errno> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let known = groups.get(interface).and_then(Weak::upgrade);
        // A group belongs to an interface that may have been deleted and made anew since.
        let joined = known.filter(|group| Membership.set(&handle, &(group.id | BY_PROGRAM)).is_ok());
        let group = match joined {
            Some(group) => group,
            None => {
                Membership.set(&handle, &(BY_PROGRAM | OWN_NUMBER))?;
                let id = Membership.get(&handle)? & 0xffff;
                let group = Arc::new(Group { id });
                groups.insert(interface.to_owned(), Arc::downgrade(&group));
                group
            }
        };
        let len = u16::try_from(self.program.len()).unwrap_or(u16::MAX);
        // The kernel copies the program and writes nothing.
        Spreading.set(&handle, &sock_fprog { len, filter: self.program.as_ptr().cast_mut() })?;
        Ok(group)
    }
}

/// The group's program tells the handle.
const BY_PROGRAM: u32 = libc::PACKET_FANOUT_CBPF << 16;
/// The kernel chooses a number that no other program has.
const OWN_NUMBER: u32 = libc::PACKET_FANOUT_FLAG_UNIQUEID << 16;

/// Where the EtherType is, the outermost VLAN tag being off (`SKF_AD_OFF + SKF_AD_PROTOCOL` of `linux/filter.h`).
const ETHER_TYPE: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL).cast_unsigned();
/// Where the network header begins, whatever the link type.
const NET: u32 = libc::SKF_NET_OFF.cast_unsigned();

/// The scratch words of the program.
const TYPE: u32 = 0;
const START: u32 = 1;
const WORD: u32 = 2;
const SUM: u32 = 3;

/// Sums up the pair of addresses, the same for both directions.
fn program(secret: u32) -> Vec<sock_filter> {
    let mut program = vec![
        to(BPF_LD | BPF_IMM, 0),
        to(BPF_ST, START),
        to(BPF_ST, SUM),
        to(BPF_LDX | BPF_IMM, 0),
        to(BPF_LD | BPF_H | BPF_ABS, ETHER_TYPE),
    ];
    // X is where the header begins after each, A what type it is of.
    for _ in 0..2 {
        let tag = [
            to(BPF_LD | BPF_H | BPF_IND, NET.wrapping_add(2)),
            to(BPF_ST, TYPE),
            to(BPF_MISC | BPF_TXA, 0),
            to(BPF_ALU | BPF_ADD, 4),
            to(BPF_MISC | BPF_TAX, 0),
            to(BPF_LD | BPF_MEM, TYPE),
        ];
        program.extend([jump(0x8100, 1, 0), jump(0x88a8, 0, tag.len() as u8)]);
        program.extend(tag);
    }
    let pppoe = [to(BPF_MISC | BPF_TXA, 0), to(BPF_ALU | BPF_ADD, 8), to(BPF_MISC | BPF_TAX, 0)];
    program.push(jump(0x8864, 0, pppoe.len() as u8));
    program.extend(pppoe);
    program.extend([to(BPF_STX, START), to(BPF_LD | BPF_B | BPF_IND, NET), to(BPF_ALU | BPF_AND, 0xf0)]);
    let v4 = sum_of(12..16, 4, secret);
    let v6 = sum_of(8..24, 16, secret);
    program.push(jump(0x40, 0, v4.len() as u8));
    program.extend(v4);
    program.push(jump(0x60, 0, v6.len() as u8));
    program.extend(v6);
    program.push(to(BPF_RET, 0));
    program
}

/// Adds up the words of two addresses, the second `apart` bytes after the first, and returns the sum.
fn sum_of(first: std::ops::Range<u32>, apart: u32, secret: u32) -> Vec<sock_filter> {
    let mut program = Vec::new();
    for at in first.step_by(4) {
        program.extend([
            to(BPF_LDX | BPF_MEM, START),
            to(BPF_LD | BPF_W | BPF_IND, NET.wrapping_add(at)),
            to(BPF_ST, WORD),
            to(BPF_LD | BPF_W | BPF_IND, NET.wrapping_add(at + apart)),
            to(BPF_LDX | BPF_MEM, WORD),
            to(BPF_ALU | BPF_XOR | BPF_X, 0),
            to(BPF_LDX | BPF_MEM, SUM),
            to(BPF_ALU | BPF_ADD | BPF_X, 0),
            // Odd, so that every bit of the sum counts; the upper half depends on all of them.
            to(BPF_ALU | BPF_MUL, secret | 1),
            to(BPF_ST, SUM),
        ]);
    }
    program.extend([to(BPF_ALU | BPF_RSH, 16), to(BPF_RET | BPF_A, 0)]);
    program
}

/// An instruction that does not jump.
const fn to(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Goes on `yes` instructions further where A is `k`, `no` further where it is not.
const fn jump(k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ) as u16, jt: yes, jf: no, k }
}
