//! Writes traces to measure with: `cargo bench --bench trace -- mixed OUT.pcap`. Not a benchmark itself; CONTRIBUTING.md
//! tells how `benches/cost.sh` uses it.
//!
//! Nothing in a trace comes from anybody's network: ordinary traffic is scripted here, BitTorrent is the captures of
//! `tests/captures` (made with real clients in a laboratory), replayed again and again under other addresses.

#![allow(clippy::indexing_slicing, reason = "what reads only its own bytes may fail loudly")]

mod ordinary;
mod random;
mod replay;
mod stage;
mod torrent;

use ordinary::{Application, Connection, DatagramKind, Datagrams, Flood, Rounds, Unanswered};
use random::Random;
use replay::{Replay, Template};
use stage::{Stage, Written};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use torrent::{Announces, Lookup, ShortUtp, Transfer};

const USAGE: &str = "\
usage: cargo bench --bench trace -- MODE OUT.pcap [--packets N] [--flows N] [--share PERCENT] [--seed N]

  mixed   ordinary traffic with a share of BitTorrent       2,600,000 packets, 180,000 flows, 15 %
  bulk    one plain peer connection in full frames          2,600,000 packets
  tiny    DHT lookups, short uTP connections, noise         1,000,000 flows
  flood   flows of one packet each, and one true transfer   1,000,000 flows
  flat    one datagram of each flow in turn                 2,600,000 packets, 1,000 flows
  hosts   one DHT announce of each host, four to a torrent  200,000 flows
";

/// Packets of the true transfer inside a flood, and when it begins.
const TRANSFER: (u64, Duration) = (1_000, Duration::from_secs(1));

/// Length of a mixed or tiny trace in packet time.
const LENGTH: Duration = Duration::from_secs(300);

fn main() -> ExitCode {
    // Cargo adds --bench; a bare `cargo bench` has nothing to write.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if arguments.is_empty() {
        eprint!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Plan::read(&arguments).and_then(|plan| plan.carry_out()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trace: {error}\n\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// What to write.
struct Plan {
    mode: String,
    out: PathBuf,
    packets: u64,
    flows: Option<u64>,
    share: u64,
    seed: u64,
}

impl Plan {
    fn read(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let [mode, out, options @ ..] = arguments else { return Err("a mode and a file are needed".into()) };
        let mut plan = Self {
            mode: mode.clone(),
            out: PathBuf::from(out),
            packets: 2_600_000,
            flows: None,
            share: 15,
            seed: 1,
        };
        for option in options.chunks(2) {
            let [name, value] = option else {
                return Err(format!("{} needs a number", option.concat()).into());
            };
            let number: u64 =
                value.replace([',', '_'], "").parse().map_err(|e| format!("{name} {value}: {e}"))?;
            match name.as_str() {
                "--packets" => plan.packets = number,
                "--flows" => plan.flows = Some(number),
                "--share" if number <= 90 => plan.share = number,
                "--seed" => plan.seed = number,
                _ => return Err(format!("{name} {value} is no option").into()),
            }
        }
        Ok(plan)
    }

    fn carry_out(&self) -> Result<(), Box<dyn Error>> {
        let mut random = Random::new(self.seed);
        let mut stage = Stage::open(&self.out).map_err(|e| format!("{}: {e}", self.out.display()))?;
        let million = self.flows.unwrap_or(1_000_000);
        let (flows, most) = match self.mode.as_str() {
            "mixed" => (mixed(&mut stage, self, &mut random)?, self.packets),
            "bulk" => {
                stage.add(Duration::ZERO, Transfer::new(self.packets, &mut random));
                (1, u64::MAX)
            }
            "tiny" => {
                (0..million).for_each(|_| tiny(&mut stage, &mut random));
                (million, u64::MAX)
            }
            "flood" => {
                stage.add(Duration::ZERO, Flood::new(million));
                stage.add(TRANSFER.1, Transfer::new(TRANSFER.0, &mut random));
                (million + 1, u64::MAX)
            }
            "flat" => {
                let flows = self.flows.unwrap_or(1_000);
                stage.add(Duration::ZERO, Rounds::new(u32::try_from(flows)?));
                (flows, self.packets)
            }
            "hosts" => {
                let hosts = self.flows.unwrap_or(200_000);
                stage.add(Duration::ZERO, Announces::new(u32::try_from(hosts)?));
                (hosts, u64::MAX)
            }
            other => return Err(format!("{other} is no mode").into()),
        };
        let Written { packets, bittorrent, bytes } = stage.play(&mut random, most)?;
        println!(
            "{}: {packets} packets, about {flows} flows, {:.1} % of packets BitTorrent, {:.0} bytes a frame, {} MiB",
            self.out.display(),
            bittorrent as f64 * 100.0 / packets as f64,
            bytes as f64 / packets as f64,
            bytes >> 20,
        );
        Ok(())
    }
}

/// Fills the stage with BitTorrent for the wanted share of packets, and with as much else as makes the numbers whole.
/// Returns the number of flows.
fn mixed(stage: &mut Stage, plan: &Plan, random: &mut Random) -> Result<u64, Box<dyn Error>> {
    let templates = templates()?;
    let (mut packets, mut flows) = (0, 0);
    while packets < plan.packets * plan.share / 100 {
        let template = &templates[random.below(templates.len() as u64) as usize];
        packets += template.len();
        flows += template.flows;
        stage.add(somewhen(random), Replay::new(Rc::clone(template), random));
    }

    let ordinary = plan.flows.unwrap_or(180_000).saturating_sub(flows);
    let (mut light, mut heavy) = (0, 0);
    for _ in 0..ordinary {
        let at = somewhen(random);
        match random.below(100) {
            0..36 => {
                stage.add(at, Datagrams::new(DatagramKind::Dns, 2, random));
                light += 2;
            }
            36..46 => {
                let syns = 1 + random.below(3);
                stage.add(at, Unanswered::new(syns, random));
                light += syns;
            }
            46..55 => {
                let datagrams = 1 + random.below(4);
                stage.add(at, Datagrams::new(DatagramKind::Noise, datagrams, random));
                light += datagrams;
            }
            _ => heavy += 1, // their length follows from what is still missing
        }
    }
    let mean = plan.packets.saturating_sub(packets + light) as f64 / heavy.max(1) as f64;
    for _ in 0..heavy {
        conversation(stage, mean, random);
    }
    Ok(flows + ordinary)
}

/// A conversation of `mean` packets on average: most are short, one in five is long.
fn conversation(stage: &mut Stage, mean: f64, random: &mut Random) {
    const HANDSHAKE_AND_CLOSE: f64 = 7.0;
    let body = (mean - HANDSHAKE_AND_CLOSE).max(2.0);
    let scale = if random.chance(20) { 3.0 } else { 0.5 };
    let packets = random.around(body * scale);
    let segments = (packets / 1.5) as u64 + 1; // an acknowledgement for every two
    let at = somewhen(random);
    match random.below(100) {
        0..20 => {
            let datagrams = (packets + HANDSHAKE_AND_CLOSE) as u64;
            stage.add(at, Datagrams::new(DatagramKind::Quic, datagrams, random));
        }
        20..45 => stage.add(at, Connection::new(Application::Http, segments, random)),
        45..95 => stage.add(at, Connection::new(Application::Tls, segments, random)),
        _ => stage.add(at, Connection::new(Application::Shell, segments, random)),
    }
}

fn tiny(stage: &mut Stage, random: &mut Random) {
    let at = somewhen(random);
    match random.below(10) {
        0..5 => stage.add(at, Lookup::new(random)),
        5..8 => stage.add(at, ShortUtp::new(random)),
        _ => stage.add(at, Datagrams::new(DatagramKind::Noise, 2, random)),
    }
}

fn somewhen(random: &mut Random) -> Duration {
    Duration::from_micros(random.below(LENGTH.as_micros() as u64))
}

/// The project's own captures but `background`, which is not BitTorrent.
fn templates() -> Result<Vec<Rc<Template>>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "pcap"));
    files.sort();
    let templates: Result<Vec<_>, _> = files.iter().map(|f| Template::read(f).map(Rc::new)).collect();
    let mut templates = templates?;
    templates.retain(|t| t.name != "background" && t.len() > 0);
    if templates.is_empty() {
        Err(format!("no captures in {}", folder.display()).into())
    } else {
        Ok(templates)
    }
}
