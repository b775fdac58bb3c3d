// The stream of news, and the judgement on how new the page is. That goes by when the last message
// came and not by whether the connection reports an error: one that hangs reports none.
import { serverNow, setClock } from "./clock.js";

const SILENT_MS = 7_000; // without any message: the server sends one every two seconds
const AGAIN_MS = 2_000; // until a stream that ended is opened anew

const root = document.documentElement;
const notice = document.getElementById("notice");
const favicon = document.getElementById("favicon");
const name = document.title.split(" · ").slice(1).join(" · ");

let source = null;
let heard = performance.now();
let heardAt = serverNow();
let paused = false;
let over = false; // what the page is about is no longer known
let held = {};
let again = null;

/** Begin to follow; `show` is given {section: html}. Returns what pauses and goes on. */
export function startStream(show) {
  const take = (sections) => {
    if (!paused) return show(sections);
    Object.assign(held, sections);
    root.dataset.held = Object.keys(held).join(" ");
  };
  open(take);
  setInterval(() => {
    if (source.readyState === EventSource.CLOSED) openLater(take);
    applyFreshness();
  }, 500);
  // A page that comes back from the browser's cache has an ended stream.
  addEventListener("pageshow", (event) => event.persisted && open(take));
  addEventListener("pagehide", () => source?.close());
  return {
    pause(value) {
      paused = value;
      root.classList.toggle("paused", value);
      if (!value) {
        const sections = held;
        held = {};
        delete root.dataset.held;
        show(sections);
      }
      applyFreshness();
    },
  };
}

function open(take) {
  source?.close();
  again = null;
  source = new EventSource(`/stream?page=${encodeURIComponent(root.dataset.link)}`);
  const alive = (message) => {
    heard = performance.now();
    const told = JSON.parse(message.data);
    setClock(told.now_ms);
    heardAt = told.now_ms;
    return told;
  };
  source.addEventListener("sections", (message) => {
    over = false;
    take(alive(message).html);
    root.dataset.seq = message.lastEventId;
    applyFreshness();
  });
  source.addEventListener("over", (message) => {
    alive(message);
    over = true;
    applyFreshness();
  });
  source.addEventListener("beat", (message) => {
    alive(message);
    applyFreshness();
  });
}

function openLater(take) {
  again ??= setTimeout(() => open(take), AGAIN_MS);
}

function clockTime(ms) {
  return new Date(ms).toISOString().slice(11, 19);
}

/** Judge every badge by the clock, and the page by the last message. */
export function applyFreshness() {
  const silent = performance.now() - heard;
  const gone = silent > SILENT_MS;
  root.classList.toggle("gone", gone);
  root.dataset.stream = gone ? "gone" : "live";
  const now = serverNow();
  for (const badge of document.querySelectorAll("[data-freshness]")) {
    let state = badge.dataset.freshness;
    const age = now - Number(badge.dataset.heard ?? now);
    if (state === "live" && age > Number(badge.dataset.bound ?? Infinity)) state = "stale";
    let words = state;
    if (state === "stale" && badge.dataset.heard) words = `stale for ${lasting(age)}`;
    if (gone) {
      state = "stale";
      words = `disconnected for ${lasting(silent)}`;
    } else if (paused) {
      words = `paused, ${words}`;
    }
    put(badge, words);
    badge.className = `fresh fresh-${gone || paused ? "stale" : state.replace(" ", "-")}`;
  }
  for (const ago of document.querySelectorAll("[data-ago]")) put(ago, coarse(now - Number(ago.dataset.ago)));
  const bar = document.querySelector(".bar");
  put(document.querySelector("title"), `${gone ? "✕ disconnected" : bar.dataset.title} · ${name}`);
  const icon = gone ? "/static/icons/gone.svg" : bar.dataset.icon;
  if (favicon.getAttribute("href") !== icon) favicon.setAttribute("href", icon);
  // The same words each time: a screen reader need not hear each second.
  let said = over ? "What this page is about has been forgotten: nothing was told of it for long." : "";
  if (gone) said = `The console has not answered since ${clockTime(heardAt)} UTC. What is shown is of then. It is tried again.`;
  put(notice, said);
  notice.hidden = !said;
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function lasting(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 120 ? `${seconds} s` : coarse(ms);
}

function coarse(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "under 1 min";
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} days`;
}
