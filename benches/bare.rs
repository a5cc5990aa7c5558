//! The least that reading a capture with libpcap can cost: `cargo bench --bench bare -- FILE` counts packets and bytes and
//! does nothing else. `benches/cost.sh` divides by it.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds --bench; a bare `cargo bench` has nothing to read.
    for file in std::env::args().skip(1).filter(|a| a != "--bench") {
        let mut capture = pcap::Capture::from_file(&file)?;
        let (mut packets, mut bytes) = (0_u64, 0_u64);
        loop {
            match capture.next_packet() {
                Ok(packet) => {
                    packets += 1;
                    bytes += u64::from(packet.header.len);
                }
                Err(pcap::Error::NoMorePackets) => break,
                Err(error) => return Err(error.into()),
            }
        }
        println!("{packets} {bytes}");
    }
    Ok(())
}
