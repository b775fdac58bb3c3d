// Makes the inside of an element what some HTML says, touching only what differs: focus, selection,
// scrolling and whatever is open stay as they are. Rows are told apart by `data-key` or `id`.

/** Make the children of `element` those of `html`. */
export function morphInside(element, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const focused = document.activeElement;
  children(element, template.content);
  // An element that was moved has lost the focus on its way.
  if (focused !== document.activeElement && focused?.isConnected && element.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? (node.dataset?.key ?? (node.id || null)) : null;
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName;
}

function children(from, to) {
  const keyed = new Map();
  for (const child of from.children) {
    const key = keyOf(child);
    if (key !== null) keyed.set(key, child);
  }
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    let found = null;
    if (key !== null) {
      found = keyed.get(key) ?? null;
      keyed.delete(key);
    } else if (at && keyOf(at) === null) {
      found = at;
    }
    if (found === null || !alike(found, wanted)) {
      from.insertBefore(wanted, at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else from.insertBefore(found, at);
    patch(found, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function patch(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return;
  }
  // A time that is shown in another zone is the same time.
  if (from.dataset?.ms !== undefined && from.dataset.ms === to.dataset.ms) return;
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  children(from, to);
}
