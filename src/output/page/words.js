// The fixed words of the output contract, as the page explains them. A test holds REASONS, KINDS and the rest against the
// program's own tables; a new word needs a line here. Knows no DOM.
"use strict";

// Why a flow carries its label.
const REASONS = {
  "handshake": "a peer handshake (BEP 3) was seen in clear",
  "message-chain": "peer messages follow one another exactly as their lengths say, though the handshake was not seen",
  "krpc": "a datagram parses to its end as a DHT message (BEP 5)",
  "utp-syn": "a uTP SYN (BEP 29) was answered with its own connection id and sequence number",
  "utp-two-way": "uTP connection ids and sequence numbers pair up in both directions",
  "utp-one-way": "uTP timestamps run with the clock of the capture and its numbers step as they must",
  "udp-tracker": "a UDP tracker exchange (BEP 15) whose transaction ids match, or whose answers fit one another",
  "http-tracker": "an HTTP tracker announce or scrape with a 20-byte info-hash",
  "ws-tracker": "a WebTorrent tracker message with a 20-byte info-hash",
  "lsd": "a local service discovery announce (BEP 14)",
  "webseed": "piece requests to a web seed (BEP 17, BEP 19)",
  "metainfo": "a .torrent file was transferred",
  "port-mapping": "a port mapping was asked for",
  "torrent-sni": "the TLS server name is an info-hash (SSL torrent)",
  "mse-plaintext": "the clear peer handshake follows a Message Stream Encryption exchange",
  "other-magic": "the first bytes are another network's",
  "mse-shape": "both sides open with 96 to 608 random-looking bytes in strict turns, as Message Stream Encryption does",
  "mse-bursts": "the third and fourth bursts have the lengths of a Message Stream Encryption exchange",
  "mse-one-side": "the one visible direction opens with a random-looking burst of 96 to 608 bytes",
  "length-arithmetic": "the lengths of the encrypted writes add up as peer messages do",
  "request-pairing": "each request is answered by a block of 16,397 bytes, or both directions move whole blocks",
  "utp-header": "packets have the form of uTP, which alone proves nothing",
  "utp-opaque": "proven uTP whose payload is random-looking",
  "webrtc": "STUN and DTLS on one flow make a WebRTC connection",
  "client-range": "a BitTorrent client fetched an exact range of bytes over HTTP",
  "torrent-size": "the file fetched is as long to the byte as a torrent that this host takes part in",
  "learnt-endpoint": "the remote endpoint was named as a peer by DHT, tracker, peer exchange or local discovery",
  "known-peer": "the remote endpoint spoke BitTorrent in clear on another flow",
  "own-port": "the port is the one on which this host told others to reach its client",
  "shared-port": "the same local UDP port speaks DHT, uTP or tracker protocol on other flows",
  "participant": "the home host was a confirmed participant at that time",
  "fan-out": "the same local port talks to many unrelated addresses on high ports",
  "name-hint": "a tracker or bootstrap name was looked up",
  "retry-in-clear": "the same host then reached the same endpoint in clear",
};

// What a flow carries. Other networks and look-alikes go by their own names.
const KINDS = [
  "peer-wire",
  "utp",
  "dht",
  "udp-tracker",
  "http-tracker",
  "ws-tracker",
  "lsd",
  "webseed",
  "webrtc",
  "port-mapping",
  "metainfo",
];

const GRADES = {
  confirmed: "the bytes parse as the protocol and as nothing else",
  strong: "at least two independent facts, one of them about this very flow or port",
  suspected: "one weak fact, or facts about the host only: accuses nobody",
};

const ENCRYPTION = {
  none: "in clear, or nothing was seen that says otherwise",
  "mse-plaintext": "an MSE handshake, then clear",
  "mse-rc4": "MSE with RC4",
  mse: "MSE, method not seen",
};

// Where a host stands. The second word is the colour.
const STATES = {
  active: ["active", "takes part now", "busy"],
  recurred: ["recurred", "was cleared and came back", "bad"],
  changed: ["changed", "its P2P is gone, an opaque tunnel of similar volume came", "warn"],
  quiet: ["quiet", "no P2P of its own for a while", "dim"],
  cleared: ["cleared", "quiet long enough, alive, under a healthy sensor", "good"],
  "cannot-tell": ["cannot tell", "the sensor did not see enough to say", "void"],
  "not-seen": ["not seen", "no packets of this host lately", "void"],
};

// How a port answers the Internet.
const PORT_STATES = {
  open: ["open", "answered somebody outside", "bad"],
  "forwarded-refused": ["forwarded, refused", "let through to the host, which refused", "warn"],
  closed: ["closed", "refused from the outside", "dim"],
  stealth: ["stealth", "nothing came back", "good"],
  "not-tested": ["not tested", "nobody tried from the outside", "void"],
};

// Whether peers outside reach a host's client, as clients show it.
const NAT = {
  green: ["✓", "connections from outside are accepted", "good"],
  yellow: ["~", "names a port, but no connection from outside arrived", "warn"],
  red: ["✕", "connections from outside arrive and are refused or unanswered", "bad"],
  unknown: ["?", "nothing was seen that would tell", "void"],
};

const SEVERITIES = {
  critical: "bad",
  high: "bad",
  warning: "warn",
  medium: "warn",
  notice: "busy",
  info: "dim",
  low: "dim",
};

// A home host's part in a torrent.
const ROLES = {
  lookup: "looked up only",
  member: "member",
  leecher: "leecher",
  seeder: "seeder",
};

// Packets that were not decoded.
const SKIPS = {
  not_ip: "not IP: ARP, LLDP, spanning tree",
  not_tcp_or_udp: "another transport",
  icmp: "ICMP",
  icmp_unreachable: "ICMP unreachable",
  encrypted: "IPsec ESP",
  duplicate: "shown twice by the mirror port",
  fragment: "fragment held until whole",
  fragment_limit: "a fragment too many",
  fragment_overlap: "overlapping fragment",
  truncated_link: "cut in the link header",
  truncated_ip: "cut in the IP header",
  truncated_transport: "cut in the TCP or UDP header",
  bad_header: "contradicts itself",
  too_many_layers: "too many layers",
  unsupported_linktype: "link type not read",
};
