//! TLS, users, and who may learn who talks to whom.

use super::serving::{self, Reply, Served, loopback, promtool, watched};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use swarmscope::output::http::{HttpError, HttpOptions, Server};

fn everywhere() -> Vec<SocketAddr> {
    vec![SocketAddr::from(([0, 0, 0, 0], 0))]
}

/// A folder with a certificate, and a configuration that uses it and knows `anna`, whose password is `secret`.
fn web_config(name: &str, tls: bool) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("swarmscope-web-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("a file");
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    let hash = bcrypt::hash("secret", 4).expect("a hash");
    let mut text = format!("basic_auth_users:\n  anna: {hash}\n");
    if tls {
        text += "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  min_version: TLS12\n";
    }
    let file = folder.join("web.yml");
    std::fs::write(&file, text).expect("a file");
    file
}

const ANNA: &str = "Authorization: Basic YW5uYTpzZWNyZXQ=\r\n";
const WRONG: &str = "Authorization: Basic YW5uYTp3cm9uZw==\r\n";

#[test]
fn beyond_loopback_it_wants_protection_or_a_word() {
    let bind = |options: HttpOptions| Server::bind(options).map(|_| ());
    let open = HttpOptions { listen: everywhere(), ..HttpOptions::default() };
    let error = bind(open.clone()).expect_err("it must refuse");
    assert!(matches!(error, HttpError::Unprotected(_)) && error.to_string().contains("0.0.0.0"));
    let users_only = HttpOptions { web_config: Some(web_config("users", false)), ..open.clone() };
    assert!(matches!(bind(users_only), Err(HttpError::Unprotected(_))));
    assert!(bind(HttpOptions { web_config: Some(web_config("both", true)), ..open.clone() }).is_ok());
    assert!(bind(HttpOptions { insecure_ok: true, ..open }).is_ok());
    let missing = HttpOptions { web_config: Some("absent.yml".into()), ..loopback() };
    assert!(matches!(bind(missing), Err(HttpError::WebConfig(_))));
    let first = Server::bind(loopback()).expect("a free port");
    let error = bind(HttpOptions { listen: first.addresses(), ..loopback() }).expect_err("it is taken");
    assert!(error.to_string().ends_with("another program does"), "{error}");
}

#[test]
fn without_users_nobody_beyond_loopback_learns_who_talks_to_whom() {
    let options = HttpOptions { listen: everywhere(), insecure_ok: true, ..HttpOptions::default() };
    let mut served = watched("office.pcap", options);
    let port = served.address().port();
    let there = SocketAddr::from(([127, 0, 0, 1], port));
    let get = |path: &str| {
        use std::io::Write as _;
        let mut stream = serving::connect(there);
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it takes requests");
        Reply::read(&mut stream)
    };
    for path in ["/", "/api/v1/overview", "/api/v1/hosts", "/api/v1/events", "/api/v1/flows"] {
        assert_eq!(get(path).status, 403, "{path}");
    }
    assert_eq!((get("/-/healthy").status, get("/nothing").status), (200, 404));
    let page = get("/metrics").text();
    assert!(page.contains("swarmscope_p2p_bytes_total") && page.contains("swarmscope_host_series 5"));
    for private in ["192.168.50.", "198.51.100.", "203.0.113.", "example-linux", "host=\""] {
        assert!(!page.contains(private), "{private}");
    }
    served = watched("office.pcap", loopback());
    assert!(served.get("/metrics").text().contains("host=\"192.168.50.34\""));
}

#[test]
fn with_users_everything_wants_a_password() {
    let served =
        watched("office.pcap", HttpOptions { web_config: Some(web_config("auth", false)), ..loopback() });
    for path in ["/", "/metrics", "/api/v1/hosts", "/-/healthy", "/nothing"] {
        let reply = served.get(path);
        assert_eq!(reply.status, 401, "{path}");
        assert!(reply.header("www-authenticate").starts_with("Basic "));
        assert_eq!(served.get_with(path, WRONG).status, 401, "{path}");
    }
    assert_eq!(served.get_with("/metrics", ANNA).status, 200);
    assert_eq!(served.get_with("/api/v1/hosts", ANNA).status, 200);
}

#[test]
fn tls_is_spoken_by_the_file_that_promtool_accepts() {
    let file = web_config("tls", true);
    assert_eq!(promtool(&["check", "web-config", file.to_str().expect("a path")], b""), "");
    let served = watched("office.pcap", HttpOptions { web_config: Some(file.clone()), ..loopback() });
    let reply = over_tls(&served, &file, &format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{ANNA}\r\n"));
    assert_eq!(reply.status, 200);
    assert_eq!(promtool(&["check", "metrics"], &reply.body), "");
    assert_eq!(over_tls(&served, &file, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 401);
    assert_eq!(served.get("/metrics").status, 0, "nothing is said in clear");
}

fn over_tls(served: &Served, file: &std::path::Path, request: &str) -> Reply {
    use std::io::Write as _;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::{
        ClientConfig, ClientConnection, RootCertStore, Stream, crypto::ring, pki_types,
    };
    let mut roots = RootCertStore::empty();
    let certificate = pki_types::CertificateDer::from_pem_file(file.with_file_name("cert.pem"));
    roots.add(certificate.expect("a certificate")).expect("it can be trusted");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut socket = serving::connect(served.address());
    let mut stream = Stream::new(&mut client, &mut socket);
    stream.write_all(request.as_bytes()).expect("it takes requests");
    Reply::read(&mut stream)
}
