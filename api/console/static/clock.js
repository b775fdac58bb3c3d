// The server's clock: a browser's own may be wrong, and freshness is told by the server's.
let ahead = Number(document.documentElement.dataset.now) - Date.now();

/** Take over the server's time in milliseconds, as it is now. */
export function setClock(ms) {
  if (Number.isFinite(ms)) ahead = ms - Date.now();
}

/** Milliseconds since 1970 by the server's clock. */
export function serverNow() {
  return Date.now() + ahead;
}
