//! Files right, wrong and hostile.

use super::*;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("s.yaml"), text)
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn names_are_kept_back_by_a_word() {
    let names = |word: &str| {
        Config::parse(Path::new("s.yaml"), &format!("privacy: {{names: {word}}}\n")).map(|c| c.privacy.names)
    };
    assert_eq!(names("shown").unwrap(), Names::Shown);
    assert_eq!(names("hashed").unwrap(), Names::Hashed);
    assert_eq!(names("off").unwrap(), Names::Off);
    assert!(names("true").is_err());
}

#[test]
fn what_is_not_said_is_the_default() {
    for text in ["", "\n", "# nothing\n", "---\n", "{}", "web: {}\n"] {
        assert_eq!(parse(text), Ok(Config::default()), "{text:?}");
    }
    let config =
        parse("interfaces: [eth1, eth2]\nbuffer: 128MiB\nweb:\n  allowed_hosts: [sensor.example]\n").unwrap();
    assert_eq!(config.interfaces, ["eth1", "eth2"]);
    assert_eq!(config.buffer, ByteSize(128 << 20));
    assert_eq!(config.web.allowed_hosts, ["sensor.example"]);
    assert_eq!(config.web.listen_addresses, Web::default().listen_addresses);
}

#[test]
fn a_configuration_that_is_shown_reads_as_itself() {
    let mut config = Config {
        interfaces: vec!["any".to_owned(), "no".to_owned(), "1".to_owned()],
        home_networks: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        filter: Some("not port 22 # ssh: \"no\"".to_owned()),
        user: Some("1000".to_owned()),
        workers: 256,
        ..Config::default()
    };
    config.web.listen_addresses.push("[::1]:80".parse().unwrap());
    config.events.path = Some("/var/log/s p.jsonl".into());
    config.log = Log { level: LogLevel::Trace, format: LogFormat::Json };
    for config in [config, Config::default()] {
        let shown = config.to_yaml().unwrap();
        assert_eq!(parse(&shown), Ok(config), "{shown}");
    }
}

#[test]
fn mistakes_are_told_with_their_place_and_what_is_allowed() {
    for (text, place, parts) in [
        (
            "interfaces: [a]\nweb:\n  listen_adress: x\n",
            "s.yaml:3:3: ",
            ["listen_adress", "listen_addresses"].as_slice(),
        ),
        ("interfaced: [a]\n", "s.yaml:1:1: ", &["interfaced", "interfaces", "home_networks", "privacy"]),
        ("log:\n  level: loud\n", "s.yaml:2:10: ", &["loud", "error", "trace"]),
        ("workers: many\n", "s.yaml:1:10: ", &["expected a whole number"]),
        ("workers: 0\n", "s.yaml:1:10: ", &["0 is out of range", "1 to 256"]),
        ("workers: 300\n", "s.yaml:1:10: ", &["1 to 256"]),
        ("snaplen: 10\n", "s.yaml:1:10: ", &["64 to 262144"]),
        ("buffer: 64 bananas\n", "s.yaml:1:9: ", &["64 bananas", "64MiB"]),
        ("memory: 1MiB\n", "s.yaml:1:9: ", &["out of range", "32MiB to 64GiB"]),
        ("buffer: 5GiB\n", "s.yaml:1:9: ", &["out of range"]),
        (
            "home_networks:\n  - 10.0.0.0/8\n  - home\n",
            "s.yaml:3:5:",
            &["'home' is not a network", "10.0.0.0/8"],
        ),
        ("promiscuous: perhaps\n", "s.yaml:1:14: ", &[]),
        ("web:\n  listen_addresses: [localhost]\n", "s.yaml:2:22: ", &["'localhost' is not an address"]),
        ("web:\n  telemetry_path: metrics\n", "s.yaml:2:", &["/metrics"]),
        ("user: a\nuser: b\n", "s.yaml:2:1: ", &["user"]),
        ("web: [\n", "s.yaml:", &[]),
        ("web:\n\tlisten_addresses: []\n", "s.yaml:2:", &[]),
        ("- a\n", "s.yaml:1:", &[]),
        ("user: a\n---\nuser: b\n", "s.yaml:", &[]),
    ] {
        let error = error(text);
        assert!(error.starts_with(place), "{text:?}: {error}");
        assert!(!error.contains('\n'), "{text:?}: {error}");
        for part in parts {
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}

#[test]
fn hostile_files_are_refused_in_one_short_line() {
    let laughs =
        "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\ninterfaces: [*b,*b,*b,*b,*b,*b,*b]\n";
    let cycle = "interfaces: &a [*a]\n";
    let deep = format!("interfaces: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_block: String = (0..3_000).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let long_key = format!("{}: 1\n", "k".repeat(100_000));
    let long_word = format!("log:\n  level: {}\n", "w".repeat(100_000));
    let many = format!("interfaces: [{}]", "a,".repeat(200_000));
    let merge = "web:\n  <<: {enable_lifecycle: true}\n";
    let controls = "interfaces: [\"\u{1b}[31m\", \u{7}]\n";
    let tagged = "user: !!python/object/apply:os.system [id]\n";
    for text in [
        laughs,
        cycle,
        &deep,
        &deep_block,
        &long_key,
        &long_word,
        &many,
        merge,
        controls,
        tagged,
        "\0",
        "%YAML 9.9\n---\n",
        "!include x",
    ] {
        let error = error(text);
        let start: String = text.chars().take(40).collect();
        assert!(error.chars().count() < 600 && !error.contains('\n'), "{start:?}: {error}");
    }
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = std::env::temp_dir().join(format!("swarmscope-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("a.yaml");
    let told = |file: &Path| Config::load(Some(file)).unwrap_err().to_string();
    assert!(Config::read(&file).unwrap_err().is_missing_file());
    assert!(told(&file).starts_with(&format!("{}: No such file", file.display())));
    assert!(told(&folder).contains("irectory"));
    std::fs::write(&file, vec![b'#'; 10 << 20]).unwrap();
    assert!(told(&file).ends_with("larger than 1 MiB: this is no configuration"));
    std::fs::write(&file, b"user: \xff\n").unwrap();
    assert!(told(&file).contains("utf-8"));
    std::fs::write(&file, "workers: 3\n").unwrap();
    let (config, read) = Config::load(Some(&file)).unwrap();
    assert_eq!((config.workers, read), (3, Some(file)));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn receivers_of_alerts_are_read_with_their_secrets_elsewhere() {
    let text = "sinks:\n  sensor: north\n  syslog: {address: '192.0.2.1:514', transport: tcp}\n  webhook:\n    url: http://127.0.0.1/a\n    \
                key: {file: /etc/key}\n    token: {env: TOKEN}\n  alertmanager: {url: 'http://127.0.0.1:9093'}\n";
    let config = parse(text).unwrap();
    let webhook = config.sinks.webhook.as_ref().unwrap();
    assert_eq!(webhook.key, Some(SecretPlace::File("/etc/key".into())));
    assert_eq!(webhook.token, Some(SecretPlace::Env("TOKEN".to_owned())));
    assert_eq!(config.sinks.syslog.as_ref().unwrap().transport, SyslogTransport::Tcp);
    assert_eq!(parse(&config.to_yaml().unwrap()), Ok(config));
    for (text, part) in [
        ("sinks: {syslog: {address: here}}\n", "s.yaml:1:"),
        ("sinks: {webhook: {url: x, key: secret}}\n", "s.yaml:1:"),
        ("sinks: {webhook: {url: x, key: {password: y}}}\n", "password"),
        ("sinks: {alertmanager: {}}\n", "url"),
        ("sinks: {mail: {}}\n", "mail"),
        ("events: {rotate_hours: 0}\n", "s.yaml:1:"),
        ("events: {rotate_size: much}\n", "much"),
    ] {
        assert!(error(text).contains(part), "{text}: {}", error(text));
    }
}

#[test]
fn times_are_read_with_their_unit_and_written_with_the_largest() {
    for (text, seconds, written) in
        [("90m", 5_400, "90m"), ("7d", 604_800, "7d"), ("48h", 172_800, "2d"), ("60s", 60, "1m")]
    {
        let time: TimeSpan = text.parse().unwrap();
        assert_eq!((time.0.as_secs(), time.to_string().as_str()), (seconds, written));
    }
    for wrong in ["", "h", "24", "-1h", "0s", "1w", "99999999999999999999d", "9999999d", "1é", "1h "] {
        assert!(wrong.parse::<TimeSpan>().is_err(), "{wrong}");
    }
    assert_eq!(parse("quiet_for: 7d\n").unwrap().quiet_for.0.as_secs(), 604_800);
    let error = error("\nquiet_for: long\n");
    assert!(error.starts_with("s.yaml:2:") && error.contains("such as 24h"), "{error}");
}
