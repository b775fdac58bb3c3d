// What a page does beyond being read: it keeps itself new, and says when it cannot.
// The server renders everything; nothing here makes a text of what the log holds.
import { startActing } from "./acting.js";
import { startCharts, updateCharts } from "./charts.js";
import { applyFilter, startFilter } from "./filter.js";
import { applyFreshness, startStream } from "./live.js";
import { morphInside } from "./morph.js";
import { applyTimes, startSwitches } from "./switches.js";

const root = document.documentElement;

// What the script alone can do is not there without it.
for (const element of document.querySelectorAll("[data-needs-script]")) element.hidden = false;

function refreshed() {
  applyTimes(document);
  applyFilter();
  applyFreshness();
}

/** Put new sections where they belong. */
function show(sections) {
  for (const [name, html] of Object.entries(sections)) {
    const place = document.querySelector(`[data-live="${CSS.escape(name)}"]`);
    if (place) morphInside(place, html);
  }
  updateCharts();
  refreshed();
  root.dataset.shown = String(Number(root.dataset.shown ?? 0) + 1);
}

const stream = startStream(show);
startSwitches({ onPause: stream.pause, onTimes: () => applyTimes(document), onTheme: updateCharts });
startFilter();
startActing();
startCharts();
refreshed();
root.dataset.ready = "true";
