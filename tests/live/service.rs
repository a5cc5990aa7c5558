//! `swarmscope watch` as a service manager starts and stops it.

use crate::network::{Network, SENSOR};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running sensor, and the socket of the manager that started it.
struct Sensor {
    child: Child,
    manager: UnixDatagram,
    folder: PathBuf,
}

impl Sensor {
    /// Its working folder, to put files into before it starts.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("swarmscope-service-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn start(name: &str, arguments: &[&str]) -> Self {
        let folder = Self::folder(name);
        let socket = folder.join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_swarmscope"))
            .args(["watch", "--interface", SENSOR])
            .args(arguments)
            .current_dir(&folder)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "30000000")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, manager, folder }
    }

    /// Waits until the manager is told that.
    fn told(&self, what: &str) {
        let mut buffer = [0; 512];
        loop {
            let length = self.manager.recv(&mut buffer).unwrap_or_else(|error| panic!("{what}: {error}"));
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|line| line == what) {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Stops it; what it wrote to stdout and stderr.
    fn stop(mut self) -> (String, String) {
        let start = now();
        self.signal(Signal::SIGTERM);
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}\n{err}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        self.told("STOPPING=1");
        fs::remove_dir_all(&self.folder).unwrap();
        (out, err)
    }
}

#[expect(clippy::disallowed_methods, reason = "these tests are about real time")]
fn now() -> Instant {
    Instant::now()
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn the_manager_hears_of_every_step_and_no_thread_keeps_a_right() {
    let _network = Network::new();
    let sensor = Sensor::start("steps", &["--user", "nobody"]);
    sensor.told("READY=1");
    // On a silent link, too.
    sensor.told("WATCHDOG=1");
    sensor.told("WATCHDOG=1");
    let mut threads = 0;
    for task in fs::read_dir(format!("/proc/{}/task", sensor.child.id())).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        for line in [
            "Uid:\t65534\t65534\t65534\t65534",
            "Groups:\t65534 ",
            "CapPrm:\t0000000000002000",
            "CapEff:\t0000000000002000",
            "CapBnd:\t0000000000000000",
            "CapAmb:\t0000000000000000",
            "NoNewPrivs:\t1",
        ] {
            assert!(status.lines().any(|found| found == line), "{line}\n{status}");
        }
        threads += 1;
    }
    assert!(threads >= 3, "{threads} threads");
    sensor.signal(Signal::SIGHUP);
    sensor.told("RELOADING=1");
    sensor.told("READY=1");
    let (out, err) = sensor.stop();
    assert!(out.is_empty(), "{out}");
    assert!(err.contains("listening") && err.contains("reloaded") && !err.contains("ERROR"), "{err}");
}

/// Rules, sinks and secrets: with a mistake in any of them, all stay as they were.
#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn a_reload_takes_all_or_nothing() {
    let network = Network::new();
    let folder = Sensor::folder("reload");
    fs::create_dir_all(folder.join("rules")).unwrap();
    let rule = |id: u32, name: &str| {
        let condition = "condition: {count: packets, over: 1m, ge: 1}";
        let text = format!("version: 1\nrules: [{{id: {id}, name: {name}, on: sensor, {condition}}}]\n");
        fs::write(folder.join("rules/a.yaml"), text).unwrap();
    };
    let sinks = |text: &str| {
        fs::write(folder.join("c.yaml"), format!("rules: {{dir: rules}}\nsinks: {{{text}}}\n")).unwrap();
    };
    let alerts = |file: &str, name: &str| {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        text.lines().filter(|line| line.contains(&format!("\"rule={name}\""))).count()
    };
    let came = |file: &str, name: &str| {
        let start = now();
        while alerts(file, name) == 0 {
            assert!(start.elapsed() < Duration::from_secs(10), "no alert of {name} in {file}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    rule(1, "first");
    sinks("eve: {path: one.json}");
    let sensor = Sensor::start("reload", &["--config", "c.yaml", "--web.listen-address", ""]);
    sensor.told("READY=1");
    network.sender().send(10);
    came("one.json", "first");
    let reload = || {
        sensor.signal(Signal::SIGHUP);
        sensor.told("RELOADING=1");
        sensor.told("READY=1");
        network.sender().send(10);
        (0..2).for_each(|_| sensor.told("WATCHDOG=1"));
    };
    // A secret that is not there.
    rule(2, "second");
    sinks("eve: {path: two.json}, webhook: {url: 'http://127.0.0.1:1/', key: {file: no-key}}");
    reload();
    // A file that cannot be opened.
    sinks("eve: {path: no-folder/two.json}");
    reload();
    // Rules that are wrong.
    sinks("eve: {path: two.json}");
    rule(2, "[second]");
    reload();
    assert_eq!((alerts("one.json", "second"), folder.join("two.json").exists()), (0, false));
    rule(2, "second");
    reload();
    came("two.json", "second");
    assert_eq!(alerts("one.json", "second"), 0);
    let (_, err) = sensor.stop();
    let count = |text: &str| err.lines().filter(|line| line.contains(text)).count();
    assert_eq!((count("is not taken"), count("reloaded")), (3, 1), "{err}");
    assert!(err.contains("sinks.webhook: secret file no-key"), "{err}");
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn every_packet_sent_is_in_the_account_at_the_end() {
    let network = Network::new();
    let sensor = Sensor::start("account", &["--json", "--events", "events.jsonl", "--workers", "2"]);
    sensor.told("READY=1");
    network.sender().send(20_000);
    sensor.told("WATCHDOG=1");
    sensor.told("WATCHDOG=1");
    let events = sensor.folder.join("events.jsonl");
    sensor.signal(Signal::SIGUSR1);
    sensor.told("WATCHDOG=1");
    fs::rename(&events, sensor.folder.join("old.jsonl")).unwrap();
    sensor.signal(Signal::SIGHUP);
    sensor.told("READY=1");
    assert!(events.exists(), "the file is opened anew");
    let (out, err) = sensor.stop();
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let coverage = &report["coverage"];
    let number = |name: &str| coverage[name].as_u64().unwrap();
    assert_eq!(number("packets") + number("kernel_dropped"), 20_000, "{coverage}");
    let skipped: u64 = coverage["skipped"].as_object().unwrap().values().filter_map(|n| n.as_u64()).sum();
    assert_eq!(number("decoded") + skipped, number("packets"), "{coverage}");
    assert!(err.contains("so far"), "{err}");
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn a_lost_interface_is_told_once_and_its_return_too() {
    let network = Network::new();
    let sensor = Sensor::start("lost", &[]);
    sensor.told("READY=1");
    network.ip("link set cable0 down");
    (0..3).for_each(|_| sensor.told("WATCHDOG=1"));
    network.ip("link set cable0 up");
    (0..3).for_each(|_| sensor.told("WATCHDOG=1"));
    let (_, err) = sensor.stop();
    let count = |text: &str| err.lines().filter(|line| line.contains(text)).count();
    assert_eq!((count("interface lost"), count("interface is back")), (1, 1), "{err}");
}

#[test]
#[ignore = "needs root and SWARMSCOPE_NETNS=1"]
fn a_mistake_is_one_line_and_status_2() {
    let _network = Network::new();
    for (arguments, told) in [
        (
            ["watch", "-i", "eth9", "-q"].as_slice(),
            "eth9: there is no such interface; there are cable0, cable1, lo and any",
        ),
        (
            &["watch", "-i", SENSOR, "-f", "udp prt 53"],
            "bad filter: can't parse filter expression: syntax error",
        ),
        (&["watch", "-i", SENSOR, "--user", "nobody-else"], "there is no user nobody-else"),
        (
            &["watch", "-i", SENSOR, "-c", "missing.yaml"],
            "missing.yaml: No such file or directory (os error 2)",
        ),
        (
            &["watch", "-i", SENSOR, "--events", "no/such/folder"],
            "cannot write events to no/such/folder: No such file or directory (os error 2)",
        ),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_swarmscope")).args(arguments).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {err}");
        assert_eq!((out.as_ref(), err.as_ref()), ("", format!("swarmscope: error: {told}\n").as_str()));
    }
}
