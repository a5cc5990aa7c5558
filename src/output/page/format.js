// Numbers with units, times, and text from the network, as strings. Knows no DOM.

const COUNT = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const HOUR = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const count = (n) => (Number.isFinite(n) ? COUNT.format(n) : "–");

// 1536 -> "1.5 KiB".
function bytes(n) {
  if (!Number.isFinite(n)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  for (; Math.abs(n) >= 1023.5 && unit < units.length - 1; unit++) n /= 1024;
  const digits = unit === 0 || Math.abs(n) >= 99.95 ? 0 : 1;
  return `${n.toFixed(digits)} ${units[unit]}`;
}

const rate = (n) => (Number.isFinite(n) ? `${bytes(n)}/s` : "–");

// 0.756 -> "76 %"; never rounds something to nothing or a part to the whole.
function share(x) {
  if (!Number.isFinite(x)) return "–";
  if (x > 0 && x < 0.01) return "< 1 %";
  if (x < 1 && x > 0.99) return "> 99 %";
  return `${Math.round(x * 100)} %`;
}

function seconds(n) {
  if (!Number.isFinite(n)) return "–";
  if (n < 1) return `${Math.round(n * 1000)} ms`;
  if (n < 120) return `${n < 10 ? n.toFixed(1) : Math.round(n)} s`;
  if (n < 7200) return `${Math.round(n / 60)} min`;
  return n < 172800 ? `${Math.round(n / 3600)} h` : `${Math.round(n / 86400)} d`;
}

// A point in time on this machine's clock: the time today, else also the day.
function clock(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "–";
  const today = Math.abs(Date.now() - date) < 20 * 3600e3;
  return (today ? CLOCK : DAY).format(date);
}

const utc = (at) => {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "" : `${date.toISOString().slice(0, 23).replace("T", " ")} UTC`;
};

// Characters that draw nothing or turn the text around (bidi controls) are spelled out: a name must not pass for another.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
const spell = (text) => String(text).replace(UNSEEN, (c) => `\\u{${c.codePointAt(0).toString(16).toUpperCase()}}`);

// At most `most` characters, the cut marked; whole code points.
function cut(text, most) {
  if (text.length <= most) return text;
  return `${Array.from(text.slice(0, most * 2))
    .slice(0, most - 1)
    .join("")}…`;
}

const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

// An address as [bits, number]; null for what is none.
function addressNumber(text) {
  const v4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (v4) return [32, v4.slice(1).reduce((sum, part) => sum * 256n + BigInt(part), 0n)];
  if (!/^[0-9a-f:]+$/i.test(text) || !text.includes(":")) return null;
  const [head, tail] = text.split("::").map((half) => half.split(":").filter(Boolean));
  const parts = tail ? [...head, ...Array(Math.max(0, 8 - head.length - tail.length)).fill("0"), ...tail] : head;
  return parts.length === 8 ? [128, parts.reduce((sum, part) => sum * 65536n + BigInt(`0x${part}`), 0n)] : null;
}

// Whether an address lies in one of the networks, given as CIDR.
function within(networks, address) {
  const here = addressNumber(address);
  return (
    Boolean(here) &&
    networks.some((network) => {
      const [base, length] = network.split("/");
      const there = addressNumber(base);
      if (!there || there[0] !== here[0]) return false;
      const rest = BigInt(here[0] - Number(length ?? here[0]));
      return here[1] >> rest === there[1] >> rest;
    })
  );
}
