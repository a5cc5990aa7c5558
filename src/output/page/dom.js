// Elements made in script, and their update in place. Text from the network enters as text nodes only; no markup is ever
// parsed, and the policy `default-src 'self'` holds: no style attributes, handlers as properties.

const SVG = "http://www.w3.org/2000/svg";
const HANDLERS = ["onclick", "oninput", "onchange", "onkeydown", "onpointermove", "onpointerleave"];

// h("td.num", {title: "…"}, child, …): classes after the dots; false, null and undefined are left out.
const h = (tag, props, ...children) => make(document.createElement.bind(document), tag, props, children);
const s = (tag, props, ...children) => make((name) => document.createElementNS(SVG, name), tag, props, children);

function make(create, tag, props, children) {
  const [name, ...classes] = tag.split(".");
  const node = create(name);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(props || {})) set(node, key, value);
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

function set(node, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (HANDLERS.includes(key)) node[key] = value;
  else if (key === "width" && node.namespaceURI !== SVG) node.style.width = value;
  else if (key === "value") node.value = value;
  else if (key === "class") node.setAttribute("class", `${node.getAttribute("class") || ""} ${value}`.trim());
  else node.setAttribute(key, value === true ? "" : value);
}

// Makes the children of `old` those of `fresh`, keeping nodes, and with them focus, selection, scroll and open details.
// Children with the same `data-key` are the same.
function patch(old, fresh) {
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const key = keyOf(child);
    let match = key ? keyed.get(key) : place;
    if (match && (match.nodeName !== child.nodeName || keyOf(match) !== key)) match = null;
    if (!match) {
      old.insertBefore(child, place);
      continue;
    }
    if (match === place) place = place.nextSibling;
    else old.insertBefore(match, place);
    patchNode(match, child);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);

function patchNode(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const name of old.getAttributeNames()) {
    if (!fresh.hasAttribute(name) && name !== "open" && name !== "style") old.removeAttribute(name);
  }
  for (const name of fresh.getAttributeNames()) {
    if (name !== "style" && old.getAttribute(name) !== fresh.getAttribute(name))
      old.setAttribute(name, fresh.getAttribute(name));
  }
  if (fresh.style && old.style.width !== fresh.style.width) old.style.width = fresh.style.width;
  for (const name of HANDLERS) old[name] = fresh[name];
  patch(old, fresh);
  // What somebody is typing is not overwritten.
  if ("value" in fresh && old.value !== fresh.value && old !== document.activeElement) old.value = fresh.value;
}
