//! `swarmscope report`: all that is known of a host, to hand on.

use super::analyze::{check_input, create, keep_input, warn_of_damage};
use super::arguments::InputArguments;
use super::exit::{Exit, Failure};
use super::notice::info_hash;
use super::privacy::NamesWord;
use clap::{Args, ValueEnum, ValueHint};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use swarmscope::base::{Address, Endpoint};
use swarmscope::capture::{PcapWriter, Precision};
use swarmscope::config::TimeSpan;
use swarmscope::event::Subject;
use swarmscope::ledger::notice::{Claim, Confidence, candidates};
use swarmscope::ledger::report::Report;
use swarmscope::output::privacy::Veil;
use swarmscope::output::report::{
    Captured, CaseFile, Collected, Evidence, FileDigest, Sample, write_report_html, write_report_json,
    write_report_markdown,
};
use swarmscope::output::{NoticeAnswer, Progress};
use swarmscope::pipeline::{AnalyzeError, AnalyzeOptions, Gathered, Wanted, analyze, gather};

/// Packets asked for by number, for excerpts and the sample together.
const NUMBERS_MAX: usize = 1_000;

#[derive(Args, Debug)]
pub(crate) struct ReportArguments {
    /// The host, by its address inside; or a case: ADDRESS:PORT@TIME or ADDRESS@TIME of an abuse notice, and ,INFO-HASH
    #[arg(value_name = "HOST")]
    pub(crate) about: About,
    #[command(flatten)]
    pub(crate) input: InputArguments,
    /// The form of the report
    #[arg(long, value_name = "FORM", default_value = "md", help_heading = "Output")]
    pub(crate) format: Format,
    /// Write the report into a file, not to stdout
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Write a sample of the packets concerned into a pcap file: at most 10,000 packets and 4 MiB
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) pcap: Option<PathBuf>,
    /// How long the host must be quiet to be called cleared, such as 24h or 7d
    #[arg(long, value_name = "TIME", default_value = "24h", help_heading = "Output")]
    pub(crate) quiet_for: TimeSpan,
    /// How to tell names of torrents; with hashed or off the bytes of packets are kept back, too
    #[arg(long, value_name = "HOW", default_value = "shown", help_heading = "Privacy")]
    pub(crate) names: NamesWord,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// A host.
    Host(Address),
    /// The host that a notice is about.
    Case(Claim),
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Markdown.
    Md,
    /// One JSON object.
    Json,
    /// One HTML page.
    Html,
}

impl FromStr for About {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "expected an address, or ADDRESS:PORT@TIME[,INFO-HASH] with [ADDRESS]:PORT for IPv6".to_owned()
        };
        let Some((place, rest)) = text.split_once('@') else {
            return text.parse().map(Self::Host).map_err(|_| wrong());
        };
        let (time, hash) = rest.split_once(',').map_or((rest, None), |(time, hash)| (time, Some(hash)));
        let (address, port) = match place.parse::<Endpoint>() {
            Ok(endpoint) => (endpoint.address, Some(endpoint.port)),
            Err(_) => (place.parse().map_err(|_| wrong())?, None),
        };
        let at = time.parse().map_err(|e| format!("{time}: {e}"))?;
        Ok(Self::Case(Claim { address, port, at, info_hash: hash.map(info_hash).transpose()? }))
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &ReportArguments, quiet: bool) -> Result<Exit, Failure> {
    check(arguments)?;
    let case = match &arguments.about {
        About::Host(host) => Some((*host, None)),
        About::Case(claim) => find(arguments, claim, quiet)?.map(|host| (host, Some(*claim))),
    };
    let Some((host, claim)) = case else { return Ok(Exit::No) };
    let options = AnalyzeOptions {
        news: true,
        quiet_for: Some(arguments.quiet_for.0),
        subject: Some(Subject::Host(host)),
        ..arguments.input.options_for(host)
    };
    let mut collected = Collected::new(host, claim.map(|c| c.at), Progress::on_stderr(!quiet));
    let result = analyze(&options, &mut collected);
    collected.finish();
    let mut report = result.map_err(failure)?;
    Veil::new(arguments.names.into(), None).report(&mut report);
    if report.coverage.packets == 0 {
        return Err(Failure::Run("the input holds no packets".to_owned()));
    }
    let candidates = claim.map(|claim| candidates(&report, &claim, None)).unwrap_or_default();
    let (_, seen) = collected.sight.unwrap_or_default();
    let notice = claim.as_ref().map(|claim| NoticeAnswer {
        of_that_time: false,
        claim,
        candidates: &candidates,
        seen: &seen,
        coverage: &report.coverage,
    });
    let evidence = evidence(arguments, &options, &collected, &report)?;
    let case = CaseFile {
        collected: &collected,
        report: &report,
        evidence: &evidence,
        notice: notice.as_ref(),
        quiet_for: arguments.quiet_for.0,
    };
    write(arguments, &case)?;
    if !quiet {
        warn_of_damage(&report.coverage);
    }
    Ok(match (collected.flows.is_empty(), report.coverage.damage.is_empty()) {
        (true, _) => Exit::No,
        (false, true) => Exit::Done,
        (false, false) => Exit::Partly,
    })
}

/// What clap cannot know to be wrong.
fn check(arguments: &ReportArguments) -> Result<(), Failure> {
    check_input(&arguments.input)?;
    for input in &arguments.input.inputs {
        let readable_twice = fs::metadata(input).map(|m| m.is_file() || m.is_dir());
        if input == Path::new("-") || matches!(readable_twice, Ok(false)) {
            return Err(Failure::usage(format!(
                "{}: a report reads its input twice: save the capture into a file first",
                input.display()
            )));
        }
    }
    let outputs = [arguments.output.as_deref(), arguments.pcap.as_deref()];
    for (option, output) in ["--output", "--pcap"].into_iter().zip(outputs) {
        keep_input(option, output, &arguments.input)?;
        let Some(output) = output else { continue };
        if output == Path::new("-") {
            return Err(Failure::usage("- is no file: leave --output out to write to stdout"));
        }
    }
    if arguments.pcap.is_some() && arguments.names != NamesWord::Shown {
        return Err(Failure::usage("--pcap holds packets as they are, names too: it wants --names shown"));
    }
    match outputs {
        [Some(a), Some(b)] if a == b => Err(Failure::usage("--output and --pcap name the same file")),
        _ => Ok(()),
    }
}

/// The host that a notice is about; says so on stderr where there is none.
fn find(arguments: &ReportArguments, claim: &Claim, quiet: bool) -> Result<Option<Address>, Failure> {
    let options = AnalyzeOptions { news: true, ..arguments.input.options() };
    let mut sink = Collected::new(claim.address, None, Progress::on_stderr(!quiet));
    let result = analyze(&options, &mut sink);
    sink.finish();
    let report = result.map_err(failure)?;
    let found = candidates(&report, claim, None);
    let fits = found.first().filter(|c| c.confidence >= Confidence::Medium).map(|c| c.host);
    if fits.is_none() {
        super::exit::say("error", "no host fits the notice; swarmscope notice tells how well the sensor saw");
    }
    Ok(fits)
}

fn failure(error: AnalyzeError) -> Failure {
    match error {
        AnalyzeError::Usage(text) => Failure::Usage(text),
        AnalyzeError::Failed(text) => Failure::Run(text),
    }
}

/// Looks at the captures a second time, for the bytes of the packets that prove something.
fn evidence(
    arguments: &ReportArguments,
    options: &AnalyzeOptions,
    collected: &Collected,
    report: &Report,
) -> Result<Evidence, Failure> {
    let (proofs, left_out) = collected.proofs();
    let flows = collected.flows.iter().map(|f| (f.record.originator, f.record.responder, f.record.transport));
    let mut numbers: BTreeSet<u64> = proofs.iter().map(|p| p.number).collect();
    if arguments.pcap.is_some() {
        let room = NUMBERS_MAX.saturating_sub(numbers.len());
        let more: Vec<u64> = collected.proving_packets().take(room).collect();
        numbers.extend(more);
    }
    let wanted = Wanted {
        numbers,
        flows: if arguments.pcap.is_some() { flows.collect() } else { Vec::new() },
        until: report.coverage.packets,
    };
    let gathered = gather(options, &wanted).map_err(failure)?;
    let changed = || Failure::Run("the input has changed since it was read first".to_owned());
    if proofs.iter().any(|p| !gathered.numbered.contains_key(&p.number)) {
        return Err(changed());
    }
    let packets = proofs.into_iter().filter_map(|proof| {
        let packet = gathered.numbered.get(&proof.number)?;
        Some((proof, Captured { at: packet.at, data: &packet.data, wire_len: packet.wire_len }))
    });
    let files = report.coverage.files.iter().map(|name| digest(name)).collect::<Result<_, _>>()?;
    let mut evidence = Evidence::new(files, packets, arguments.names != NamesWord::Shown);
    evidence.left_out = left_out;
    if let Some(path) = &arguments.pcap {
        write_sample(path, &gathered).map_err(|e| Failure::writing(&path.display().to_string(), &e))?;
        evidence.sample = Some(Sample {
            packets: gathered.sample.len() as u64,
            bytes: gathered.bytes,
            left_out: gathered.left_out,
        });
        for excerpt in &mut evidence.excerpts {
            let place = gathered.sample.iter().position(|(number, _)| *number == excerpt.proof.number);
            excerpt.in_sample = place.map(|place| place as u64 + 1);
        }
    }
    Ok(evidence)
}

fn digest(name: &str) -> Result<FileDigest, Failure> {
    File::open(name)
        .and_then(|mut file| FileDigest::of(name.to_owned(), &mut file))
        .map_err(|error| Failure::Run(format!("{name}: {error}")))
}

fn write_sample(path: &Path, gathered: &Gathered) -> io::Result<()> {
    let link = gathered.sample.first().map_or(swarmscope::capture::LinkType::ETHERNET, |(_, p)| p.link);
    let mut writer = PcapWriter::new(BufWriter::new(create(path)?), link, Precision::Nanos)?;
    for (_, packet) in &gathered.sample {
        writer.write(packet.at, &packet.data, packet.wire_len)?;
    }
    writer.flush()
}

fn write(arguments: &ReportArguments, case: &CaseFile<'_>) -> Result<(), Failure> {
    let (name, target): (String, Box<dyn Write>) = match &arguments.output {
        None => ("the report".to_owned(), Box::new(io::stdout().lock())),
        Some(path) => {
            let name = path.display().to_string();
            let file = create(path).map_err(|error| Failure::writing(&name, &error))?;
            (name, Box::new(file))
        }
    };
    let mut out = BufWriter::new(target);
    let written = match arguments.format {
        Format::Md => write_report_markdown(case, &mut out),
        Format::Json => write_report_json(case, &mut out),
        Format::Html => write_report_html(case, &mut out),
    };
    written.and_then(|()| out.flush()).map_err(|error| Failure::writing(&name, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use swarmscope::base::Timestamp;

    #[test]
    fn a_case_names_address_time_and_perhaps_port_and_torrent() {
        let at: Timestamp = "2026-11-21T07:12:30Z".parse().unwrap();
        let hash = "96a5cbc4277307610e9bddd8d95cd0f50461abfa";
        let address: Address = "198.51.100.2".parse().unwrap();
        assert_eq!("198.51.100.2".parse(), Ok(About::Host(address)));
        let claim = |port, info_hash| About::Case(Claim { address, port, at, info_hash });
        assert_eq!("198.51.100.2@2026-11-21T07:12:30Z".parse(), Ok(claim(None, None)));
        assert_eq!(
            format!("198.51.100.2:13773@2026-11-21T07:12:30Z,{hash}").parse(),
            Ok(claim(Some(13_773), hash.parse().ok()))
        );
        assert!(
            matches!("[2001:db8::1]:6881@1772366400".parse(), Ok(About::Case(c)) if c.port == Some(6_881))
        );
        for wrong in
            ["", "host", "198.51.100.2:1", "198.51.100.2@", "198.51.100.2@now", "198.51.100.2@1,zz", "@1"]
        {
            assert!(wrong.parse::<About>().is_err(), "{wrong}");
        }
    }
}
