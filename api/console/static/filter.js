// Shows some rows of a long table: those whose name holds a text, or that changed. The text is kept
// in the page's address, which can be handed on.
const input = document.querySelector("[data-filter]");
const moved = document.querySelector("[data-filter-moved]");

export function startFilter() {
  if (!input) return;
  const asked = new URLSearchParams(location.search);
  input.value = asked.get("q") ?? "";
  moved.checked = asked.has("changed");
  const changed = () => {
    const address = new URL(location.href);
    if (input.value) address.searchParams.set("q", input.value);
    else address.searchParams.delete("q");
    if (moved.checked) address.searchParams.set("changed", "1");
    else address.searchParams.delete("changed");
    history.replaceState(null, "", address);
    applyFilter();
  };
  input.addEventListener("input", changed);
  moved.addEventListener("change", changed);
}

/** Hide the rows that are not asked for; called again after each change of the table. */
export function applyFilter() {
  if (!input) return;
  const place = document.getElementById(input.dataset.filter);
  const text = input.value.toLowerCase();
  let shown = 0;
  const rows = place.querySelectorAll("tr[data-name]");
  for (const row of rows) {
    row.hidden = !row.dataset.name.includes(text) || (moved.checked && row.dataset.state === "ok");
    shown += !row.hidden;
  }
  const none = place.querySelector("[data-none]");
  if (none) none.hidden = shown > 0 || rows.length === 0;
}
