//! The flags of `swarmscope watch`: those of tcpdump and Suricata where they have one, those of Prometheus' exporters for
//! the web. What is not given is left to the configuration file.

use super::super::privacy::PrivacyArguments;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;
use swarmscope::base::Network;
use swarmscope::config::{
    self, ByteSize, Config, ListenAddress, LogFormat, LogLevel, TimeSpan, memory_size, page_address,
};

/// Most worker threads.
const WORKERS_MAX: i64 = 256;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct WatchArguments {
    /// An interface to listen on; repeatable; any stands for all
    #[arg(short, long = "interface", value_name = "NAME", help_heading = "Capture")]
    pub(crate) interface: Vec<String>,
    /// Leave packets out that do not match, in the syntax of tcpdump
    #[arg(short, long, value_name = "BPF", help_heading = "Capture")]
    pub(crate) filter: Option<String>,
    /// The kernel's buffer of each interface and handle, such as 64MiB
    #[arg(short = 'B', long, value_name = "SIZE", help_heading = "Capture")]
    pub(crate) buffer: Option<ByteSize>,
    /// Most bytes captured of a packet
    #[arg(short, long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(64..=262_144), help_heading = "Capture")]
    pub(crate) snaplen: Option<u32>,
    /// Let the kernel spread the packets over as many capture handles as there are workers, each read by a thread of its own
    #[arg(long, help_heading = "Capture")]
    pub(crate) fanout: bool,
    /// Take only packets to and from this machine
    #[arg(short = 'p', long, help_heading = "Capture")]
    pub(crate) no_promiscuous: bool,
    /// Count frames twice that a mirror port delivered twice
    #[arg(long, help_heading = "Capture")]
    pub(crate) no_dedup: bool,

    /// A network whose hosts are reported on; repeatable
    ///
    /// Without it: private (RFC 1918), unique local and link-local addresses.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', help_heading = "What to look at")]
    pub(crate) home_net: Vec<Network>,
    /// How long a host must be quiet to be called cleared, such as 24h or 7d
    #[arg(long, value_name = "TIME", help_heading = "What to look at")]
    pub(crate) quiet_for: Option<TimeSpan>,

    /// Become this user once everything is open
    #[arg(short, long, value_name = "NAME", help_heading = "Rights")]
    pub(crate) user: Option<String>,
    /// Give up the right to capture, too: an interface that was deleted and made anew cannot be opened again then
    #[arg(long, help_heading = "Rights")]
    pub(crate) drop_net_raw: bool,

    /// Append events as JSON Lines to PATH, or with - to stdout
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) events: Option<PathBuf>,
    /// Write an event for every flow, not only for those with a label
    #[arg(long, help_heading = "Output")]
    pub(crate) all_flows: bool,
    /// Write events of this sort too
    #[arg(long, value_name = "WHAT", help_heading = "Output")]
    pub(crate) log: Vec<super::super::arguments::LogTopic>,
    /// Print the summary at the end as one JSON object
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// From which weight on something is logged
    #[arg(long = "log.level", value_name = "LEVEL", help_heading = "Output")]
    pub(crate) log_level: Option<Level>,
    /// The form of the log
    #[arg(long = "log.format", value_name = "FORMAT", help_heading = "Output")]
    pub(crate) log_format: Option<Format>,

    /// An address to serve the page, the API and the metrics on, such as 127.0.0.1:9847; repeatable; '' for nowhere
    #[arg(long = "web.listen-address", value_name = "ADDRESS", value_parser = address_or_nowhere, help_heading = "Web")]
    pub(crate) web_listen_address: Vec<Listen>,
    /// TLS and passwords, in the form of Prometheus' exporter-toolkit
    #[arg(long = "web.config.file", value_name = "PATH", value_hint = ValueHint::FilePath, help_heading = "Web")]
    pub(crate) web_config_file: Option<PathBuf>,
    /// Serve beyond loopback without TLS and passwords; nothing about people is told then
    #[arg(long = "web.insecure", help_heading = "Web")]
    pub(crate) web_insecure: bool,
    /// Answer POST /-/reload
    #[arg(long = "web.enable-lifecycle", help_heading = "Web")]
    pub(crate) web_enable_lifecycle: bool,
    /// A name under which it may be asked for, besides addresses and localhost; repeatable
    #[arg(long = "web.allowed-host", value_name = "NAME", help_heading = "Web")]
    pub(crate) web_allowed_host: Vec<String>,
    /// Path of the metrics
    #[arg(long = "web.telemetry-path", value_name = "PATH", help_heading = "Web")]
    pub(crate) web_telemetry_path: Option<String>,
    /// Address by which people reach the page, for links in alerts
    #[arg(long = "web.external-url", value_name = "URL", value_parser = page_address, help_heading = "Web")]
    pub(crate) web_external_url: Option<String>,
    /// Home hosts with metrics of their own; 0 for none
    #[arg(long = "metrics.max-hosts", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000), help_heading = "Web")]
    pub(crate) metrics_max_hosts: Option<u32>,

    /// The configuration file; /etc/swarmscope/swarmscope.yaml is read where it exists
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Engine")]
    pub(crate) config: Option<PathBuf>,
    /// A list of torrents, trackers and clients that are counted and shown, but alert nobody
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Engine")]
    pub(crate) allow: Option<PathBuf>,
    /// Folder of the rules that raise alerts
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Engine")]
    pub(crate) rules: Option<PathBuf>,
    /// Folder for what is remembered over a restart
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Engine")]
    pub(crate) state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) privacy: PrivacyArguments,
    /// Worker threads besides those that read
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=WORKERS_MAX), help_heading = "Engine")]
    pub(crate) workers: Option<u16>,
    /// Memory that the tables are cut to, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = memory_size, help_heading = "Engine")]
    pub(crate) memory: Option<ByteSize>,
}

/// Where to listen, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(Option<ListenAddress>);

fn address_or_nowhere(text: &str) -> Result<Listen, String> {
    if text.is_empty() { Ok(Listen(None)) } else { text.parse().map(|address| Listen(Some(address))) }
}

/// [`LogLevel`] as clap reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// [`LogFormat`] as clap reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

impl WatchArguments {
    /// Puts what the flags say over what the file says. A list replaces the file's list.
    pub(crate) fn over(&self, config: &mut Config) {
        list(&mut config.interfaces, &self.interface);
        list(&mut config.home_networks, &self.home_net);
        option(&mut config.filter, &self.filter);
        value(&mut config.workers, &self.workers);
        value(&mut config.memory, &self.memory);
        value(&mut config.buffer, &self.buffer);
        value(&mut config.snaplen, &self.snaplen);
        config.fanout |= self.fanout;
        config.promiscuous &= !self.no_promiscuous;
        option(&mut config.user, &self.user);
        value(&mut config.quiet_for, &self.quiet_for);
        if !self.web_listen_address.is_empty() {
            let given = self.web_listen_address.iter();
            config.web.listen_addresses = given.filter_map(|Listen(address)| *address).collect();
        }
        config.web.insecure |= self.web_insecure;
        option(&mut config.web.config_file, &self.web_config_file);
        config.web.enable_lifecycle |= self.web_enable_lifecycle;
        list(&mut config.web.allowed_hosts, &self.web_allowed_host);
        value(&mut config.web.telemetry_path, &self.web_telemetry_path);
        option(&mut config.web.external_url, &self.web_external_url);
        value(&mut config.metrics.max_hosts, &self.metrics_max_hosts);
        option(&mut config.events.path, &self.events);
        config.events.all_flows |= self.all_flows;
        config.events.dht |= self.log.contains(&super::super::arguments::LogTopic::Dht);
        option(&mut config.rules.dir, &self.rules);
        option(&mut config.rules.allow, &self.allow);
        option(&mut config.state.dir, &self.state);
        value(&mut config.log.level, &self.log_level.map(LogLevel::from));
        value(&mut config.log.format, &self.log_format.map(LogFormat::from));
        value(&mut config.privacy.names, &self.privacy.names.map(config::Names::from));
        option(&mut config.privacy.anonymize_key_file, &self.privacy.anonymize);
    }
}

fn value<T: Clone>(into: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        into.clone_from(given);
    }
}

fn option<T: Clone>(into: &mut Option<T>, given: &Option<T>) {
    if given.is_some() {
        into.clone_from(given);
    }
}

fn list<T: Clone>(into: &mut Vec<T>, given: &[T]) {
    if !given.is_empty() {
        *into = given.to_vec();
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => Self::Text,
            Format::Json => Self::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::arguments::{Arguments, Command};
    use super::*;
    use clap::Parser as _;
    use std::path::Path;

    fn over(line: &str, file: &str) -> Config {
        let Command::Watch(watch) = Arguments::try_parse_from(line.split(' ')).unwrap().command else {
            panic!("{line}")
        };
        let mut config = Config::parse(Path::new("s.yaml"), file).unwrap();
        watch.over(&mut config);
        config
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file = "interfaces: [eth0]\nworkers: 4\nfilter: udp\nweb: {listen_addresses: [':1']}\n";
        let config = over("swarmscope watch", file);
        assert_eq!((config.interfaces[0].as_str(), config.workers, config.snaplen), ("eth0", 4, 262_144));
        let config = over("swarmscope watch -i eth1 -i eth2 --workers 2 -f tcp", file);
        assert_eq!(config.interfaces, ["eth1", "eth2"]);
        assert_eq!((config.workers, config.filter.as_deref()), (2, Some("tcp")));
        assert_eq!(config.web.listen_addresses[0].to_string(), "[::]:1");
    }

    #[test]
    fn an_empty_address_turns_the_web_off() {
        let line = ["swarmscope", "watch", "--web.listen-address", ""];
        let Command::Watch(watch) = Arguments::try_parse_from(line).unwrap().command else { panic!() };
        let mut config = Config::default();
        watch.over(&mut config);
        assert!(config.web.listen_addresses.is_empty());
    }

    #[test]
    fn every_setting_has_a_flag() {
        let config = over(
            "swarmscope watch -i any --filter udp --buffer 1MiB --snaplen 96 --no-promiscuous \
             --home-net 10.0.0.0/8 --quiet-for 7d --memory 64MiB --user nobody --events e.jsonl --all-flows --log dht --log.level debug \
             --log.format json --web.listen-address localhost:1 --web.config.file w.yml --web.insecure --web.enable-lifecycle \
             --web.allowed-host s --web.telemetry-path /m --web.external-url http://s --metrics.max-hosts 9 --rules r --allow l --state s \
             --names off --anonymize key --workers 7 --fanout",
            "",
        );
        // What is written of both, line by line, differs everywhere: a setting without a flag would show here. Where alerts go
        // and how files are put aside is left to the file.
        let file_only = [
            "sinks",
            "sensor",
            "syslog",
            "webhook",
            "alertmanager",
            "journald",
            "eve",
            "exec",
            "rotate_size",
            "rotate_hours",
            "compress",
            "keep_days",
            "max_size",
        ];
        let (set, default) = (config.to_yaml().unwrap(), Config::default().to_yaml().unwrap());
        let lines: Vec<&str> = default.lines().filter(|line| !line.ends_with(':')).collect();
        let has_flag =
            |line: &str| !line.split(':').next().is_some_and(|key| file_only.contains(&key.trim()));
        let lines: Vec<&str> = lines.into_iter().filter(|line| has_flag(line)).collect();
        let same: Vec<&&str> = lines.iter().filter(|line| set.lines().any(|l| l == **line)).collect();
        assert!(same.is_empty(), "{same:?}");
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_its_flag() {
        for line in [
            "--workers 0",
            "--workers 257",
            "-s 10",
            "-B much",
            "--web.listen-address 80",
            "--home-net home",
            "--log all",
        ] {
            let line = format!("swarmscope watch {line}");
            assert!(Arguments::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
