//! The least that reading packets with libpcap can cost: `cargo bench --bench bare -- FILE` counts packets and bytes of a
//! file and does nothing else; `-- --interface NAME` those of an interface, through a ring of 64 MiB, until none has come
//! for three seconds, and says how many the kernel dropped. `benches/cost.sh` and `benches/live` divide by it.

use std::error::Error;
use std::time::Duration;

/// The size of `watch`'s ring, in bytes.
const RING: i32 = 64 << 20;
/// How long nothing comes at the end, in looks of a tenth of a second.
const LOOKS: u32 = 30;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds --bench; a bare `cargo bench` has nothing to read.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    match arguments.as_slice() {
        [option, name] if option == "--interface" => live(name),
        files => files.iter().try_for_each(|name| file(name)),
    }
}

fn file(name: &str) -> Result<(), Box<dyn Error>> {
    let mut capture = pcap::Capture::from_file(name)?;
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
    Ok(())
}

fn live(name: &str) -> Result<(), Box<dyn Error>> {
    let inactive = pcap::Capture::from_device(name)?.buffer_size(RING).promisc(true).timeout(100);
    let mut capture = inactive.open()?.setnonblock()?;
    let (mut packets, mut bytes, mut idle) = (0_u64, 0_u64, 0);
    println!("listening");
    while packets == 0 || idle < LOOKS {
        match capture.next_packet() {
            Ok(packet) => {
                packets += 1;
                bytes += u64::from(packet.header.len);
                idle = 0;
            }
            Err(pcap::Error::TimeoutExpired) => {
                idle += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => return Err(error.into()),
        }
    }
    println!("{packets} {bytes} {}", capture.stats()?.dropped);
    Ok(())
}
