// Zone of times, pause and theme; the first and the last are remembered.
const root = document.documentElement;
const local = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

function remembered(key) {
  try {
    return localStorage.getItem(`driftlog.${key}`);
  } catch {
    return null; // no storage: nothing is remembered
  }
}

function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(`driftlog.${key}`);
    else localStorage.setItem(`driftlog.${key}`, value);
  } catch {
    // As above.
  }
}

let zone = remembered("zone") === "local" ? "local" : "utc";

/** Write all times below `place` in the zone chosen. */
export function applyTimes(place) {
  for (const time of place.querySelectorAll("time[data-ms]")) {
    const at = new Date(Number(time.dataset.ms));
    if (Number.isNaN(at.getTime())) continue;
    const text = zone === "local" ? local.format(at) : at.toISOString().slice(0, 19).replace("T", " ");
    if (time.textContent !== text) time.textContent = text;
  }
  for (const named of document.querySelectorAll("[data-zone]")) {
    named.textContent = zone === "local" ? new Intl.DateTimeFormat().resolvedOptions().timeZone : "UTC";
  }
}

export function startSwitches({ onPause, onTimes, onTheme }) {
  const buttons = Object.fromEntries(
    [...document.querySelectorAll("[data-switch]")].map((one) => [one.dataset.switch, one]),
  );
  const zones = () => {
    buttons.zone.textContent = zone === "local" ? "Local time" : "UTC";
    buttons.zone.setAttribute("aria-pressed", String(zone === "local"));
  };
  zones();
  buttons.zone.addEventListener("click", () => {
    zone = zone === "utc" ? "local" : "utc";
    remember("zone", zone);
    zones();
    onTimes();
  });
  buttons.pause.addEventListener("click", () => {
    const paused = buttons.pause.getAttribute("aria-pressed") !== "true";
    buttons.pause.setAttribute("aria-pressed", String(paused));
    buttons.pause.textContent = paused ? "Go on" : "Pause";
    onPause(paused);
  });
  const themes = () => {
    buttons.theme.textContent = `Theme: ${root.dataset.theme ?? "system"}`;
  };
  themes();
  buttons.theme.addEventListener("click", () => {
    const next = { undefined: "light", light: "dark", dark: null }[root.dataset.theme];
    if (next) root.dataset.theme = next;
    else delete root.dataset.theme;
    remember("theme", next);
    themes();
    onTheme();
  });
}
