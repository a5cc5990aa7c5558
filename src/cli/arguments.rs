//! The command line as clap reads it.

use super::config::ConfigArguments;
use super::notice::NoticeArguments;
use super::privacy::PrivacyArguments;
use super::report::ReportArguments;
use super::verify::VerifyArguments;
use super::watch::WatchArguments;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;
use swarmscope::base::{Address, HomeNets, Network, Timestamp};
use swarmscope::config::{ByteSize, TimeSpan, memory_size};
use swarmscope::event::Subject;
use swarmscope::output::Color;
use swarmscope::pipeline::AnalyzeOptions;
use swarmscope::policy::Severity;

/// Most worker threads.
const WORKERS_MAX: i64 = 256;

const EXAMPLES: &str = "\
Examples:
  swarmscope analyze office.pcapng.zst
          Who takes part in which torrents, for people
  swarmscope analyze captures/ --home-net 203.0.113.0/24 --json
          A folder of captures of a network with public addresses, for scripts
  tcpdump -i eth0 -w - | swarmscope analyze - --events events.jsonl
          Standard input; one event a line into a file, the summary on the terminal
  swarmscope analyze big.pcap --events - --log dht | jq 'select(.event_type == \"dht\")'
          Every DHT message as JSON

Exit status:
  0  done
  1  failure at run time
  2  wrong usage or configuration
  3  input partly unreadable; the results up to the damage are printed
  4  an alert opened of the level that --fail-on names, or a higher one";

const WATCH_EXAMPLES: &str = "\
Examples:
  sudo swarmscope watch -i eth1 --user nobody
          A mirror port, the summary at Ctrl-C
  swarmscope watch -i eth1 -i eth2 -f 'not host 192.0.2.1' --events events.jsonl
          Both directions of a tap, events into a file
  swarmscope watch --config /etc/swarmscope/swarmscope.yaml
          As a service does

Exit status:
  0  stopped
  1  failure at run time
  2  wrong usage or configuration, unknown interface, bad filter, no permission";

const NOTICE_EXAMPLES: &str = "\
Examples:
  swarmscope notice --acns notice.xml captures/
          An ACNS 2.0 notice
  swarmscope notice --address 198.51.100.2 --port 13773 --time 2026-11-21T07:12:30Z captures/
          The same by hand
  swarmscope notice --acns notice.xml --state /var/lib/swarmscope
          From a sensor's history

Exit status:
  0  a host was found, with medium or high confidence
  1  failure at run time
  2  wrong usage, or a notice that cannot be read
  3  cannot tell: the sensor did not watch at that time, or could have missed it
  4  no such activity was seen, or no host fits better than with low confidence";

const REPORT_EXAMPLES: &str = "\
Examples:
  swarmscope report 10.0.0.5 captures/ --format html --output case.html --pcap case.pcap
          All about a host on one page, and the packets that prove it
  swarmscope report 198.51.100.2:13773@2026-11-21T07:12:30Z captures/
          The host that an abuse notice is about, as Markdown

Exit status:
  0  written
  1  failure at run time
  2  wrong usage, or input that cannot be read twice
  3  input partly unreadable; the report of the rest is written
  4  written, but nothing of that host was found, or no host fits the notice";

const VERIFY_EXAMPLES: &str = "\
Examples:
  swarmscope verify 10.0.0.5 monday.pcap tuesday.pcap
          Was there a day without BitTorrent of this host?
  swarmscope verify 10.0.0.5 captures/ --quiet-for 7d --json
          A week, for scripts
  swarmscope verify 10.0.0.5 --state /var/lib/swarmscope
          From a sensor's history, now

Exit status:
  0  cleared
  1  failure at run time
  2  wrong usage
  3  cannot tell: the sensor could have missed it, or the host was not seen
  4  not cleared: active, quiet but not for long enough, changed, recurred";

/// Version, commit and compiler.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("SWARMSCOPE_REVISION"),
    ", rustc ",
    env!("SWARMSCOPE_RUSTC"),
    ")"
);

/// A passive monitor for BitTorrent-family traffic.
///
/// swarmscope tells from captured packets which hosts take part in BitTorrent, in which torrents, and with which clients.
/// It sends nothing.
#[derive(Debug, Parser)]
#[command(version, long_version = LONG_VERSION, arg_required_else_help = true, after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Say more on stderr; twice or thrice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Say nothing on stderr but errors, and show no progress
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// Parses the command line. Help, version and wrong usage end the process in clap.
    pub(crate) fn read() -> Self {
        Self::from_arg_matches(&Self::described().get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// The command line. What asks the history needs no captures.
    fn described() -> clap::Command {
        let or_state = |command: clap::Command| {
            command.mut_arg("inputs", |inputs| {
                inputs.required(false).required_unless_present("state").conflicts_with("state")
            })
        };
        Self::command().mut_subcommand("verify", or_state).mut_subcommand("notice", or_state)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Analyze captures and print a summary
    ///
    /// Reads pcap and pcapng files, plain or compressed with gzip or zstd, from one end to the other and prints what they
    /// show: the home hosts with BitTorrent traffic, their clients and torrents, and what could not be seen.
    #[command(after_long_help = EXAMPLES)]
    Analyze(AnalyzeArguments),
    /// Explain why a flow, or the flows of a host, carry their labels
    ///
    /// Prints the reasons as sentences, each with the time and number of the packet where it was first seen and the points
    /// that it gives. For a flow without a label it says what was looked at.
    #[command(after_long_help = EXAMPLES)]
    Explain(ExplainArguments),
    /// Say whether a host has stopped, and how that is known
    ///
    /// Reads captures from after the time when the host was told to stop, or from before, too. Only what the host itself
    /// sends counts. It is cleared when it sent no peer-to-peer packet for long enough, was alive, and the sensor would have
    /// seen it; whatever is missing is named.
    #[command(after_long_help = VERIFY_EXAMPLES)]
    Verify(VerifyArguments),
    /// Say which home host an abuse notice is about
    ///
    /// Holds outside address, port, time and torrent of a notice against captures of that time: which host it was, how sure that
    /// is, and what was seen; or that no such activity was seen, with how well the sensor saw. The notice's clock may be off by
    /// 15 minutes.
    #[command(after_long_help = NOTICE_EXAMPLES)]
    Notice(NoticeArguments),
    /// Write a report of a host to hand on: Markdown, JSON, or one HTML page
    ///
    /// Tells who, since when, in which torrents, how much, with which client and which peers, whether it has stopped, and how all
    /// that is known, with excerpts of the packets that prove it. The captures are read twice, so they must be files.
    #[command(after_long_help = REPORT_EXAMPLES)]
    Report(ReportArguments),
    /// Listen on interfaces until told to stop
    ///
    /// Captures from network interfaces, such as a mirror port, and tells what it sees while it runs. Needs the right to
    /// capture (CAP_NET_RAW) and nothing else: rights beyond it are given up at the start. An interface that goes down or
    /// away is waited for. SIGINT or SIGTERM ends it, SIGHUP opens its files anew and reads the configuration again,
    /// SIGUSR1 logs how far it is.
    #[command(after_long_help = WATCH_EXAMPLES)]
    Watch(Box<WatchArguments>),
    /// Check or show the configuration of watch
    Config(ConfigArguments),
    /// Check, list and test alert rules
    Rules(RulesArguments),
}

#[derive(Args, Debug)]
pub(crate) struct RulesArguments {
    /// What to do with them
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Read rules and say what is wrong with them, with file, line and column
    Check {
        /// Rule files, or folders of them
        #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
    },
    /// List rules: id, name, severity, subject, description
    List {
        /// Rule files, or folders of them
        #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
    },
    /// Run rule tests: scripted news or a capture, and the alerts that must come of it
    Test {
        /// Files of rule tests, or folders of them
        #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct AnalyzeArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,

    /// Print the summary as one JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Write events as JSON Lines to PATH, or with - to stdout in place of the summary
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) events: Option<PathBuf>,
    /// Write an event for every flow, not only for those with a label
    #[arg(long, requires = "events", help_heading = "Output")]
    pub(crate) all_flows: bool,
    /// Write events of this sort too
    #[arg(long, value_name = "WHAT", requires = "events", help_heading = "Output")]
    pub(crate) log: Vec<LogTopic>,
    /// How long a host must be quiet to be called cleared, such as 24h or 7d
    #[arg(long, value_name = "TIME", help_heading = "Output")]
    pub(crate) quiet_for: Option<TimeSpan>,
    /// Add what is found to the history in this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Output")]
    pub(crate) state: Option<PathBuf>,
    /// Write a report of the whole capture as one HTML page, without script or outside assets
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// When to colour the summary; auto is on a terminal unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub(crate) color: ColorWhen,

    /// Hold the capture against the alert rules of a file or folder; repeatable
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath, help_heading = "Alerts")]
    pub(crate) rules: Vec<PathBuf>,
    /// A list of torrents, trackers and clients that are counted and shown, but alert nobody
    ///
    /// An entry a line: an info-hash, `tracker ADDRESS` (a network or address:port too), or `client NAME`; # begins a comment.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Alerts")]
    pub(crate) allow: Option<PathBuf>,
    /// Exit with status 4 when an alert of this level or a higher one opened
    #[arg(long, value_name = "LEVEL", requires = "rules", help_heading = "Alerts")]
    pub(crate) fail_on: Option<FailOn>,

    #[command(flatten)]
    pub(crate) privacy: PrivacyArguments,
}

/// What to read, and how: the same for every command that reads captures.
#[derive(Args, Debug)]
pub(crate) struct InputArguments {
    /// Capture files, folders of them (read in the order of their first packets), or - for standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) inputs: Vec<PathBuf>,

    /// A network whose hosts are reported on; repeatable
    ///
    /// Without it: private (RFC 1918), unique local and link-local addresses.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', help_heading = "What to look at")]
    pub(crate) home_net: Vec<Network>,
    /// Leave packets out that do not match, in the syntax of tcpdump
    #[arg(long, value_name = "BPF", help_heading = "What to look at")]
    pub(crate) filter: Option<String>,
    /// Leave packets before this time out, e.g. 2026-03-01T12:00:00Z or seconds since the epoch
    #[arg(long, value_name = "TIME", help_heading = "What to look at")]
    pub(crate) since: Option<Timestamp>,
    /// Leave packets from this time on out
    #[arg(long, value_name = "TIME", help_heading = "What to look at")]
    pub(crate) until: Option<Timestamp>,
    /// Count frames twice that a mirror port delivered twice
    #[arg(long, help_heading = "What to look at")]
    pub(crate) no_dedup: bool,

    /// Worker threads; 0 does all in one thread. The results are the same
    #[arg(
        long,
        value_name = "N",
        default_value = "0",
        value_parser = clap::value_parser!(u16).range(0..=WORKERS_MAX),
        help_heading = "Engine"
    )]
    pub(crate) workers: u16,
    /// Memory that the tables are cut to, such as 64MiB
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = memory_size, help_heading = "Engine")]
    pub(crate) memory: ByteSize,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("subject").required(true))]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) input: InputArguments,

    /// The flow between two endpoints: 10.0.0.5:40754-203.0.113.7:6881, or with [address]:port for IPv6
    #[arg(long, value_name = "A:P-B:Q", value_parser = flow_subject, group = "subject", help_heading = "What to explain")]
    pub(crate) flow: Option<Subject>,
    /// Every flow of a host that has a label
    #[arg(long, value_name = "ADDRESS", value_parser = host_subject, group = "subject", help_heading = "What to explain")]
    pub(crate) host: Option<Subject>,
    /// Print the explanation as one JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

fn flow_subject(text: &str) -> Result<Subject, String> {
    let ends = text.split_once('-').and_then(|(a, b)| Some(Subject::Flow(a.parse().ok()?, b.parse().ok()?)));
    ends.ok_or_else(|| "expected address:port-address:port, with [address]:port for IPv6".to_owned())
}

fn host_subject(text: &str) -> Result<Subject, String> {
    text.parse().map(Subject::Host).map_err(|_| "expected an IPv4 or IPv6 address".to_owned())
}

/// Events that are only written when asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogTopic {
    /// Every DHT message
    Dht,
}

/// Levels of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Info,
    Notice,
    Warning,
    Critical,
}

impl From<FailOn> for Severity {
    fn from(level: FailOn) -> Self {
        match level {
            FailOn::Info => Self::Info,
            FailOn::Notice => Self::Notice,
            FailOn::Warning => Self::Warning,
            FailOn::Critical => Self::Critical,
        }
    }
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

impl From<ColorWhen> for Color {
    fn from(when: ColorWhen) -> Self {
        match when {
            ColorWhen::Auto => Self::Auto,
            ColorWhen::Always => Self::Always,
            ColorWhen::Never => Self::Never,
        }
    }
}

impl InputArguments {
    /// What the pipeline needs to know.
    pub(crate) fn options(&self) -> AnalyzeOptions {
        AnalyzeOptions {
            inputs: self.inputs.clone(),
            home: HomeNets::new(self.home_net.clone()),
            filter: self.filter.clone(),
            since: self.since,
            until: self.until,
            workers: usize::from(self.workers),
            deduplicate: !self.no_dedup,
            memory: Some(self.memory.0),
            ..AnalyzeOptions::default()
        }
    }

    /// The same where one host is asked for: it is a home host, whatever its address.
    pub(crate) fn options_for(&self, host: Address) -> AnalyzeOptions {
        let options = self.options();
        let mut networks = options.home.networks().to_vec();
        if options.home.contains(&host) {
            return options;
        }
        networks.extend(host.to_string().parse::<Network>());
        AnalyzeOptions { home: HomeNets::new(networks), ..options }
    }
}

impl AnalyzeArguments {
    /// What the pipeline needs to know.
    pub(crate) fn options(&self) -> AnalyzeOptions {
        AnalyzeOptions {
            news: !self.rules.is_empty() || self.html.is_some() || self.state.is_some(),
            all_flows: self.all_flows,
            log_dht: self.log.contains(&LogTopic::Dht),
            quiet_for: self.quiet_for.map(|TimeSpan(time)| time),
            ..self.input.options()
        }
    }
}

impl ExplainArguments {
    /// What the pipeline needs to know.
    pub(crate) fn options(&self) -> AnalyzeOptions {
        AnalyzeOptions { subject: self.flow.or(self.host), ..self.input.options() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> AnalyzeOptions {
        match Arguments::try_parse_from(line.split(' ')).unwrap().command {
            Command::Analyze(analyze) => analyze.options(),
            Command::Explain(explain) => explain.options(),
            Command::Verify(verify) => verify.options(),
            Command::Notice(notice) => notice.options(),
            Command::Report(report) => report.input.options(),
            Command::Rules(_) | Command::Watch(_) | Command::Config(_) => panic!("{line}"),
        }
    }

    #[test]
    fn clap_finds_no_contradiction() {
        Arguments::described().debug_assert();
    }

    #[test]
    fn home_networks_add_up_and_replace_the_default() {
        assert!(options("swarmscope analyze a.pcap").home.is_default());
        let home =
            options("swarmscope analyze a.pcap --home-net 203.0.113.0/24 --home-net 10.0.0.0/8,fd00::/8")
                .home;
        assert_eq!((home.networks().len(), home.is_default()), (3, false));
    }

    #[test]
    fn every_option_arrives() {
        let o = options(
            "swarmscope analyze a.pcap - --events e.jsonl --all-flows --log dht --workers 5 --filter udp \
             --since 2026-03-01T12:00:00Z --until 1772366500 --no-dedup --memory 64MiB -v",
        );
        assert_eq!(o.inputs, [PathBuf::from("a.pcap"), PathBuf::from("-")]);
        assert_eq!((o.workers, o.all_flows, o.log_dht, o.deduplicate), (5, true, true, false));
        assert_eq!(o.memory, Some(64 << 20));
        assert_eq!(o.filter.as_deref(), Some("udp"));
        assert_eq!(
            (o.since, o.until),
            (Some(Timestamp::from_secs(1_772_366_400)), Some(Timestamp::from_secs(1_772_366_500)))
        );
    }
}
