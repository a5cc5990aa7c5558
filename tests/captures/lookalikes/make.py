#!/usr/bin/env python3
"""Makes the captures of this folder: programs that are not BitTorrent, among themselves, in two network namespaces.

    sudo ./make.py OUTDIR [NAME...]

The inside host is 192.168.50.34, the outside hosts are 203.0.113.10 to .13 (one namespace with four addresses); between
them lies only a cable, so that no packet can leave the machine. tcpdump listens at the inside host. Afterwards each capture
is thinned: of every flow the first packets with payload stay whole, of all others the headers and 48 bytes stay.

Packages (Debian 12): shadowsocks-libev obfs4proxy openvpn wireguard-go wireguard-tools iperf3 openssh-server rsync socat
nbdkit libnbd-bin redis-server syncthing i2pd stunnel4 curl openssl iproute2 ethtool tcpdump.
"""
import base64, contextlib, hashlib, os, random, shutil, signal, socket, struct, subprocess, sys, tempfile, time

PREFIX = "look"
IN, OUT = PREFIX + "-in", PREFIX + "-out"
# i2pd refuses addresses that are nobody's: it gets others, which are put back to those above in its capture.
ALIASES = {f"25.{n}.0.10": a for n, a in enumerate(["192.168.50.34", *(f"203.0.113.{n}" for n in (10, 11, 12, 13))], 1)}
HOST, FAR = "192.168.50.34", [f"203.0.113.{n}" for n in (10, 11, 12, 13)]
WHOLE, REST, PACKETS, EACH = 4, 48, 560, 90
work, running = "", []


def sh(*cmd, **kw):
    return subprocess.run(cmd, check=kw.pop("check", True), capture_output=True, text=True, **kw).stdout


def ns(where, *cmd, **kw):
    kw.setdefault("timeout", 60)
    return sh("ip", "netns", "exec", where, *cmd, **kw)


def spawn(where, *cmd, **kw):
    log = open(os.path.join(work, os.path.basename(cmd[0]) + f"-{len(running)}.log"), "w")
    p = subprocess.Popen(["ip", "netns", "exec", where, *cmd], stdout=log, stderr=log, start_new_session=True, **kw)
    running.append(p)
    return p


def stop_all():
    for sig in (signal.SIGTERM, signal.SIGKILL):
        for p in running:
            if p.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(p.pid, sig)
        for p in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(3)
    running.clear()


def network():
    for n in (IN, OUT):
        sh("ip", "netns", "add", n)
        sh("ip", "-n", n, "link", "set", "lo", "up")
    sh("ip", "link", "add", "dev", "lan0", "netns", IN, "type", "veth", "peer", "name", "wan0", "netns", OUT)
    for n, dev, addresses in ((IN, "lan0", [HOST]), (OUT, "wan0", FAR)):
        for a in addresses:
            sh("ip", "-n", n, "addr", "add", a + "/32", "dev", dev)
        ns(n, "ethtool", "-K", dev, "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off", check=False)
        sh("ip", "-n", n, "link", "set", dev, "up")
    sh("ip", "-n", IN, "route", "add", "203.0.113.0/24", "dev", "lan0")
    sh("ip", "-n", OUT, "route", "add", "192.168.50.0/24", "dev", "wan0")
    # A line of 40 Mbit/s and 10 ms, so that transfers have turns and queues.
    ns(IN, "tc", "qdisc", "add", "dev", "lan0", "root", "netem", "delay", "5ms", "rate", "40mbit", check=False)
    ns(OUT, "tc", "qdisc", "add", "dev", "wan0", "root", "netem", "delay", "5ms", "rate", "40mbit", check=False)


def teardown():
    stop_all()
    for n in (IN, OUT):
        sh("ip", "netns", "del", n, check=False)


def blob(name, size):
    path = os.path.join(work, name)
    with open(path, "wb") as f:
        f.write(random.Random(name).randbytes(size))
    os.chmod(path, 0o644)
    return path


def wait_port(where, address, port, secs=20):
    end = time.time() + secs
    while time.time() < end:
        if f":{port} " in ns(where, "ss", "-ltn"):
            return
        time.sleep(0.2)
    raise RuntimeError(f"nothing listens on {address}:{port}")


SERVER = '''
import http.server, sys
class H(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_PUT(self):
        n = int(self.headers["Content-Length"])
        while n > 0: n -= len(self.rfile.read(min(n, 65536)))
        self.send_response(201); self.send_header("Content-Length", "0"); self.end_headers()
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), H).serve_forever()
'''


def web(port=8000):
    spawn(OUT, sys.executable, "-c", SERVER, str(port), cwd=work)
    wait_port(OUT, "", port)


def curls(proxy=()):
    """Small requests, a download, an upload."""
    for n in range(2):
        ns(IN, "curl", "-s", *proxy, "-o", "/dev/null", f"http://127.0.0.1:8000/small?{n}", check=False)
    ns(IN, "curl", "-s", *proxy, "-o", "/dev/null", "http://127.0.0.1:8000/down")
    ns(IN, "curl", "-s", *proxy, "-T", os.path.join(work, "up"), "http://127.0.0.1:8000/up")


# -- the programs


def shadowsocks(method):
    web()
    for i, far in enumerate(FAR[:3]):
        spawn(OUT, "ss-server", "-s", far, "-p", str(18388 + i), "-k", "a password", "-m", method)
        spawn(IN, "ss-local", "-s", far, "-p", str(18388 + i), "-l", str(1080 + i), "-k", "a password", "-m", method)
    time.sleep(2)
    for i in range(3):
        curls(("--socks5-hostname", f"127.0.0.1:{1080 + i}"))


def obfs4():
    web()
    state = [os.path.join(work, d) for d in ("pt-server", "pt-client")]
    env = dict(os.environ, TOR_PT_MANAGED_TRANSPORT_VER="1", TOR_PT_STATE_LOCATION=state[0], TOR_PT_ORPORT="127.0.0.1:8000",
               TOR_PT_SERVER_TRANSPORTS="obfs4", TOR_PT_SERVER_BINDADDR=f"obfs4-{FAR[0]}:27015",
               TOR_PT_EXIT_ON_STDIN_CLOSE="0")
    spawn(OUT, "obfs4proxy", env=env)
    wait_port(OUT, "", 27015)
    line = open(os.path.join(state[0], "obfs4_bridgeline.txt")).read()
    cert = line.split("cert=")[1].split()[0]
    env = dict(os.environ, TOR_PT_MANAGED_TRANSPORT_VER="1", TOR_PT_STATE_LOCATION=state[1], TOR_PT_CLIENT_TRANSPORTS="obfs4",
               TOR_PT_EXIT_ON_STDIN_CLOSE="0")
    spawn(IN, "obfs4proxy", env=env)
    time.sleep(2)
    listening = [w.rsplit(":", 1)[1] for w in ns(IN, "ss", "-ltn").split() if w.startswith("127.0.0.1:")]
    # Arguments of a pluggable transport travel as SOCKS user and password.
    arguments = f"cert={cert};iat-mode=0"
    user, password = arguments[:255], arguments[255:] or "\0"
    client = f'''
import socket, struct, sys
def go(request, more=b""):
    s = socket.create_connection(("127.0.0.1", {listening[0]}))
    s.sendall(b"\\5\\1\\2"); assert s.recv(2) == b"\\5\\2"
    u, p = {user!r}.encode(), {password!r}.encode()
    s.sendall(b"\\1" + bytes([len(u)]) + u + bytes([len(p)]) + p); assert s.recv(2) == b"\\1\\0"
    s.sendall(b"\\5\\1\\0\\1" + socket.inet_aton("{FAR[0]}") + struct.pack(">H", 27015)); assert s.recv(10)[1] == 0
    s.sendall(request + more); s.settimeout(6)
    try:
        while s.recv(65536): pass
    except TimeoutError: pass
for n in range(5): go(b"GET /small HTTP/1.0\\r\\n\\r\\n")
go(b"GET /down HTTP/1.0\\r\\n\\r\\n")
up = open("{work}/up", "rb").read()
go(b"PUT /up HTTP/1.0\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(up), up)
'''
    ns(IN, sys.executable, "-c", client)


def ssh_server():
    key = os.path.join(work, "key")
    for k in ("key", "hostkey"):
        sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", os.path.join(work, k))
    shutil.copy(key + ".pub", os.path.join(work, "authorized"))
    os.makedirs("/run/sshd", exist_ok=True)
    conf = os.path.join(work, "sshd_config")
    open(conf, "w").write(f"HostKey {work}/hostkey\nAuthorizedKeysFile {work}/authorized\nStrictModes no\nPermitRootLogin yes\n"
                          "UsePAM no\nSubsystem sftp internal-sftp\nPidFile none\n")
    spawn(OUT, "/usr/sbin/sshd", "-D", "-f", conf, "-p", "22022", "-o", f"ListenAddress={FAR[0]}")
    wait_port(OUT, "", 22022)
    return ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={work}/known", "-i", key]


def ssh():
    options = ssh_server()
    far = f"root@{FAR[0]}"
    ns(IN, "scp", "-P", "22022", *options, f"{work}/up", f"{far}:{work}/up2")
    ns(IN, "scp", "-P", "22022", *options, f"{far}:{work}/down", f"{work}/down2")
    p = subprocess.Popen(["ip", "netns", "exec", IN, "ssh", "-tt", "-p", "22022", *options, far, "cat"],
                         stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for c in "typing is interactive\n" * 3:
        p.stdin.write(c.encode()); p.stdin.flush(); time.sleep(0.03)
    p.stdin.close(); p.terminate(); p.wait()


def sftp():
    options = ssh_server()
    batch = os.path.join(work, "batch")
    open(batch, "w").write(f"get {work}/down {work}/d2\nput {work}/up {work}/u2\n")
    for cipher in ("chacha20-poly1305@openssh.com", "aes128-ctr"):
        ns(IN, "sftp", "-B", "16384", "-R", "8", "-c", cipher, "-P", "22022", *options, "-b", batch, f"root@{FAR[0]}")


def openvpn(kind):
    key = os.path.join(work, "static.key")
    sh("openvpn", "--genkey", "secret", key)
    common = ["--dev", "tun", "--verb", "1", "--cipher", "AES-256-CBC"]
    proto = {"static-tcp": ("tcp-server", "tcp-client"), "static-udp": ("udp", "udp"), "tls-udp": ("udp", "udp")}[kind]
    port = ["--port", "21194"]
    if kind == "tls-udp":
        for name in ("s", "c"):
            sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
               "-keyout", f"{work}/{name}.key", "-out", f"{work}/{name}.crt", "-days", "30")
        prints = {n: sh("openssl", "x509", "-in", f"{work}/{n}.crt", "-noout", "-fingerprint", "-sha256").strip().split("=")[1]
                  for n in "sc"}
        side = lambda me, other, role: [role, "--cert", f"{work}/{me}.crt", "--key", f"{work}/{me}.key", "--peer-fingerprint",
                                        prints[other], "--tls-crypt", key] + (["--dh", "none"] if me == "s" else [])
        server, client = side("s", "c", "--tls-server"), side("c", "s", "--tls-client")
    else:
        server = client = ["--secret", key]
    spawn(OUT, "openvpn", *common, *port, "--proto", proto[0], "--local", FAR[0], "--ifconfig", "10.9.0.1", "10.9.0.2", *server)
    time.sleep(1)
    spawn(IN, "openvpn", *common, "--nobind", "--proto", proto[1], "--remote", FAR[0], "21194", "--ifconfig", "10.9.0.2", "10.9.0.1",
          *client)
    through_tunnel("10.9.0.1")


def wireguard():
    keys = {}
    for n in (IN, OUT):
        private = sh("wg", "genkey").strip()
        keys[n] = (private, sh("wg", "pubkey", input=private).strip())
        open(os.path.join(work, n), "w").write(private)
    for n, mine, other in ((OUT, "10.9.0.1", IN), (IN, "10.9.0.2", OUT)):
        peer = f"private-key {work}/{n} listen-port 21820 peer {keys[other][1]} allowed-ips 10.9.0.0/24"
        peer += f" endpoint {FAR[0]}:21820" if n == IN else ""
        # Each with a control socket of its own: the folder is the only thing that the two would share.
        spawn(n, "sh", "-c", "mkdir -p /var/run/wireguard && mount -t tmpfs none /var/run/wireguard && "
              f"(wireguard-go -f wg0 & sleep 1.5; wg set wg0 {peer}; wait)")
        time.sleep(3)
        sh("ip", "-n", n, "addr", "add", mine + "/24", "dev", "wg0")
        sh("ip", "-n", n, "link", "set", "wg0", "up")
    through_tunnel("10.9.0.1")


def through_tunnel(far):
    web()
    # Until the tunnel is up.
    ns(IN, "curl", "-s", "--retry", "20", "--retry-all-errors", "--retry-delay", "1", "--connect-timeout", "2", "-o", "/dev/null",
       f"http://{far}:8000/small")
    for n in range(4):
        ns(IN, "curl", "-s", "-o", "/dev/null", f"http://{far}:8000/small?{n}", check=False)
    ns(IN, "curl", "-s", "-o", "/dev/null", f"http://{far}:8000/down")
    ns(IN, "curl", "-s", "-T", f"{work}/up", f"http://{far}:8000/up")


def iperf3():
    spawn(OUT, "iperf3", "-s", "-p", "6881")
    wait_port(OUT, "", 6881)
    for more in ([], ["-R"], ["-u", "-b", "2M"], ["-u", "-b", "2M", "-R"], ["-l", "16384"], ["--bidir", "-b", "4M"]):
        ns(IN, "iperf3", "-c", FAR[0], "-p", "6881", "-n" if "--bidir" not in more else "-t",
           "150K" if "--bidir" not in more else "1", *more, check=False)
        time.sleep(0.3)


def rsync():
    conf = os.path.join(work, "rsyncd.conf")
    open(conf, "w").write(f"use chroot = no\nuid = root\ngid = root\n[m]\npath = {work}/m\nread only = no\n")
    os.makedirs(work + "/m")
    shutil.copy(work + "/down", work + "/m/down")
    spawn(OUT, "rsync", "--daemon", "--no-detach", f"--config={conf}", "--port=18730", f"--address={FAR[0]}")
    wait_port(OUT, "", 18730)
    ns(IN, "rsync", "--port=18730", f"{work}/up", f"{FAR[0]}::m/up")
    ns(IN, "rsync", "--port=18730", f"{FAR[0]}::m/down", f"{work}/rdown")
    # A delta: the other side's checksums first.
    ns(IN, "rsync", "--port=18730", "-I", "-B", "700", f"{work}/m/down", f"{FAR[0]}::m/up", check=False)


RANDOM = '''
import os, random, socket, sys, threading, time
# Random bytes in strict turns, with the lengths of no protocol: a question of 17k+1 or 40 to 900 bytes, an answer of up to 40 kB.
role, address, port, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
r = random.Random(seed)
def read(s, n):
    while n > 0:
        d = s.recv(n)
        if not d: return
        n -= len(d)
plan = [(r.randint(96, 608), r.randint(96, 608))] + [(r.choice([r.randint(40, 900), 17 * r.randint(1, 4) + 1]), r.choice([16384, 16406, r.randint(1, 40000)])) for _ in range(24)]
if role == "serve":
    l = socket.create_server((address, port))
    while True:
        s, _ = l.accept()
        def serve(s):
            for a, b in plan:
                read(s, a); s.sendall(os.urandom(b))
            s.close()
        threading.Thread(target=serve, args=(s,)).start()
else:
    s = socket.create_connection((address, port))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for a, b in plan:
        s.sendall(os.urandom(a)); read(s, b); time.sleep(0.01)
'''


def random_turns():
    for i, far in enumerate(FAR):
        spawn(OUT, sys.executable, "-c", RANDOM, "serve", far, str(30000 + i), str(i))
        wait_port(OUT, far, 30000 + i)
        ns(IN, sys.executable, "-c", RANDOM, "ask", far, str(30000 + i), str(i))


def socat():
    spawn(OUT, "socat", f"TCP-LISTEN:30100,fork,reuseaddr,bind={FAR[0]}", "SYSTEM:head -c 300000 /dev/urandom")
    spawn(OUT, "socat", "-u", f"TCP-LISTEN:30101,fork,reuseaddr,bind={FAR[1]}", "OPEN:/dev/null")
    spawn(OUT, "socat", "-b", "16384", f"TCP-LISTEN:30102,fork,reuseaddr,bind={FAR[2]}", "EXEC:cat")
    spawn(OUT, "socat", f"UDP-LISTEN:30103,fork,bind={FAR[3]}", "EXEC:cat")
    time.sleep(0.5)
    ns(IN, "sh", "-c", f"socat -u TCP:{FAR[0]}:30100 OPEN:/dev/null", check=False)
    ns(IN, "sh", "-c", f"head -c 300000 /dev/urandom | socat -u - TCP:{FAR[1]}:30101")
    ns(IN, "sh", "-c", f"(for i in 1 2 3 4 5 6 7 8; do head -c 16384 /dev/urandom; sleep .05; done) | socat -b 16384 - TCP:{FAR[2]}:30102 >/dev/null")
    ns(IN, "sh", "-c", f"(for i in 1 2 3 4 5 6 7 8 9; do head -c $((i*110)) /dev/urandom; sleep .02; done) | socat -b 1400 -t1 - UDP:{FAR[3]}:30103 >/dev/null")


def nbd():
    for i, far in enumerate(FAR[:3]):
        spawn(OUT, "nbdkit", "-f", "-i", far, "-p", str(10809 + i), "memory", "1M")
        wait_port(OUT, far, 10809 + i)
    shutil.copy(work + "/up", work + "/disk")
    os.truncate(work + "/disk", 262144)
    for i, far in enumerate(FAR[:3]):
        uri = f"nbd://{far}:{10809 + i}"
        ns(IN, "nbdcopy", "--request-size=16384", "--connections=1", work + "/disk", uri)
        ns(IN, "nbdcopy", "--request-size=16384", "--connections=1", uri, work + f"/disk{i}")


def redis():
    spawn(OUT, "redis-server", "--bind", FAR[0], "--port", "16379", "--save", "", "--protected-mode", "no", "--dir", work)
    wait_port(OUT, "", 16379)
    ns(IN, "redis-benchmark", "-h", FAR[0], "-p", "16379", "-n", "60", "-c", "3", "-d", "16384", "-t", "set,get,ping")


def stunnel():
    sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", work + "/p.pem", "-out", work + "/c.pem")
    open(work + "/pem", "w").write(open(work + "/p.pem").read() + open(work + "/c.pem").read())
    web()
    base = f"foreground = yes\npid =\nsyslog = no\n"
    open(work + "/s.conf", "w").write(base + f"[s]\naccept = {FAR[0]}:28443\nconnect = 127.0.0.1:8000\ncert = {work}/pem\n")
    open(work + "/c.conf", "w").write(base + f"[c]\nclient = yes\naccept = 127.0.0.1:8000\nconnect = {FAR[0]}:28443\n")
    spawn(OUT, "stunnel4", work + "/s.conf")
    spawn(IN, "stunnel4", work + "/c.conf")
    time.sleep(2)
    curls()


def syncthing():
    homes = {n: os.path.join(work, n) for n in (IN, OUT)}
    ids = {}
    for n, home in homes.items():
        ns(n, "syncthing", "generate", "--home", home, "--no-default-folder", "--skip-port-probing")
        ids[n] = ns(n, "syncthing", "--home", home, "--device-id").split()[-1]
        os.makedirs(home + "-data/.stfolder")
        shutil.copy(f"{work}/{'up' if n == IN else 'down'}", home + "-data/" + n)
    for n, home in homes.items():
        other = OUT if n == IN else IN
        address = "tcp://%s:22000, quic://%s:22000" % ((FAR[0],) * 2) if n == IN else "dynamic"
        addresses = "".join(f"<address>{a}</address>" for a in address.split(", "))
        device = lambda i, a: f'<device id="{ids[i]}" name="{i}" compression="never">{a}</device>'
        listen = f"tcp://{FAR[0] if n == OUT else HOST}:22000"
        open(home + "/config.xml", "w").write(
            f'<configuration version="35"><folder id="f" path="{home}-data" type="sendreceive" rescanIntervalS="5" fsWatcherEnabled="true">'
            f'<device id="{ids[IN]}"/><device id="{ids[OUT]}"/></folder>'
            + device(n, "<address>dynamic</address>") + device(other, addresses)
            + f'<gui enabled="true"><address>127.0.0.1:8384</address></gui><options><listenAddress>{listen}</listenAddress>'
            f'<globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>true</localAnnounceEnabled>'
            f'<relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><urAccepted>-1</urAccepted>'
            f'<crashReportingEnabled>false</crashReportingEnabled><reconnectionIntervalS>3</reconnectionIntervalS></options></configuration>')
        spawn(n, "syncthing", "serve", "--home", home, "--no-browser", "--no-restart", "--skip-port-probing", "--no-default-folder")
    end = time.time() + 45
    while time.time() < end and not (os.path.exists(homes[IN] + "-data/" + OUT) and os.path.exists(homes[OUT] + "-data/" + IN)):
        time.sleep(1)
    time.sleep(3)


def i2pd():
    """Routers that know one another from the start: NTCP2 over TCP and SSU2 over UDP."""
    host, *far = ALIASES
    places = [(IN, host, 24000)] + [(OUT, a, 24001 + i) for i, a in enumerate(far)]
    sh("ip", "-n", IN, "addr", "del", HOST + "/32", "dev", "lan0")
    for where, address, _ in places:
        sh("ip", "-n", where, "addr", "add", address + "/32", "dev", "lan0" if where == IN else "wan0")
    for where, to in ((IN, far), (OUT, [host])):
        for address in to:
            sh("ip", "-n", where, "route", "add", address + "/32", "dev", "lan0" if where == IN else "wan0")
    def start(where, address, port):
        home = os.path.join(work, f"i2p-{port}")
        os.makedirs(home, exist_ok=True)
        open(home + "/i2pd.conf", "w").write(
            f"host = {address}\naddress4 = {address}\nport = {port}\nipv4 = true\nipv6 = false\nfloodfill = true\nbandwidth = X\nshare = 100\n"
            "nat = false\nnetid = 42\nreservedrange = false\nlog = stdout\n"
            f"[ntcp2]\nenabled = true\npublished = true\nport = {port}\n[ssu2]\nenabled = true\npublished = true\nport = {port}\n"
            "[http]\nenabled = false\n[httpproxy]\nenabled = false\n[socksproxy]\nenabled = false\n[sam]\nenabled = false\n"
            "[reseed]\nurls =\nyggurls =\nthreshold = 0\nverify = false\n")
        return spawn(where, "i2pd", "--datadir", home, "--conf", home + "/i2pd.conf")
    first = [start(*p) for p in places]
    time.sleep(8)
    for p in first:
        os.killpg(p.pid, signal.SIGTERM)
    for p in first:
        p.wait()
    infos = {}
    for _, _, port in places:
        data = open(os.path.join(work, f"i2p-{port}", "router.info"), "rb").read()
        # The name of a router is the hash of its identity: keys of 384 bytes and a certificate.
        size = 384 + 3 + struct.unpack(">H", data[385:387])[0]
        infos[port] = (base64.b64encode(hashlib.sha256(data[:size]).digest(), b"-~").decode(), data)
    for _, _, port in places:
        for other, (name, data) in infos.items():
            if other != port:
                d = os.path.join(work, f"i2p-{port}", "netDb", "r" + name[0])
                os.makedirs(d, exist_ok=True)
                open(os.path.join(d, f"routerInfo-{name}.dat"), "wb").write(data)
    for p in places:
        start(*p)
    time.sleep(35)


PROGRAMS = {
    "shadowsocks-gcm": lambda: shadowsocks("aes-256-gcm"),
    "shadowsocks-chacha20": lambda: shadowsocks("chacha20-ietf-poly1305"),
    "shadowsocks-cfb": lambda: shadowsocks("aes-256-cfb"),
    "obfs4": obfs4, "ssh": ssh, "sftp-16k": sftp,
    "openvpn-static-tcp": lambda: openvpn("static-tcp"), "openvpn-static-udp": lambda: openvpn("static-udp"),
    "openvpn-tls-udp": lambda: openvpn("tls-udp"),
    "wireguard": wireguard, "iperf3": iperf3, "rsync": rsync, "random-turns": random_turns, "socat": socat, "nbd-16k": nbd,
    "redis": redis, "stunnel": stunnel, "syncthing": syncthing, "i2pd": i2pd,
}


def thin(source, target):
    """Keeps the first PACKETS packets, of all but the first WHOLE with payload of each flow only headers and REST bytes; at most EACH
    packets of a flow, more where there are few."""
    packets, flows = [], {}
    data, at = open(source, "rb").read(), 24
    while at + 16 <= len(data):
        sec, usec, caught, length = struct.unpack("<IIII", data[at:at + 16])
        frame = data[at + 16:at + 16 + caught]
        at += 16 + caught
        if frame[12:14] != b"\x08\x00" or frame[23] not in (6, 17):
            continue
        for alias, address in ALIASES.items():
            ends = frame[26:34].replace(socket.inet_aton(alias), socket.inet_aton(address))
            frame = frame[:26] + ends + frame[34:]
        ip = frame[14:]
        head = (ip[0] & 15) * 4
        payload = 14 + head + ((ip[head + 12] >> 4) * 4 if ip[9] == 6 else 8)
        key = (ip[9], *sorted([(ip[12:16], ip[head:head + 2]), (ip[16:20], ip[head + 2:head + 4])]))
        packets.append((sec, usec, frame, length, payload, key))
        flows.setdefault(key, [0, 0])
    each, out = max(EACH, PACKETS // max(1, len(flows))), [data[:24]]
    for sec, usec, frame, length, payload, key in packets:
        flow = flows[key]
        flow[0] += 1
        flow[1] += len(frame) > payload
        if flow[0] <= each and len(out) <= PACKETS:
            keep = frame if flow[1] <= WHOLE else frame[:payload + REST]
            out.append(struct.pack("<IIII", sec, usec, len(keep), length) + keep)
    open(target, "wb").write(b"".join(out))
    return len(out) - 1, len(flows)


def main():
    global work
    target = os.path.abspath(sys.argv[1])
    os.makedirs(target, exist_ok=True)
    os.umask(0o022)
    for name in sys.argv[2:] or PROGRAMS:
        work = tempfile.mkdtemp(prefix=f"{PREFIX}-{name}-")
        os.chmod(work, 0o755)
        blob("down", 400_000), blob("up", 250_000), blob("small", 900)
        try:
            network()
            raw = os.path.join(work, "raw.pcap")
            dump = spawn(IN, "tcpdump", "-Z", "root", "-U", "-i", "lan0", "-w", raw, "ip")
            time.sleep(1)
            PROGRAMS[name]()
            time.sleep(0.5)
            os.killpg(dump.pid, signal.SIGINT)
            dump.wait()
            packets, flows = thin(raw, os.path.join(target, name + ".pcap"))
            print(f"{name}: {packets} packets, {flows} flows, {os.path.getsize(os.path.join(target, name + '.pcap'))} bytes", flush=True)
        except Exception as e:
            print(f"{name}: FAILED: {e} {getattr(e, 'stderr', '')}", flush=True)
        finally:
            teardown()
            shutil.rmtree(work, ignore_errors=True)


main()
