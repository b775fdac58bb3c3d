// What a person does about an incident: one request each, and what became of it in words.
import { serverNow } from "./clock.js";

const form = document.querySelector("form.act");
const dialog = document.getElementById("sure");

export function startActing() {
  if (!form) return;
  const by = form.querySelector("#by");
  try {
    if (by) by.value = localStorage.getItem("driftlog.by") ?? "";
  } catch {
    // No storage: the name is typed each time.
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of form.querySelectorAll("[data-act]")) {
    button.addEventListener("click", async () => {
      if (button.dataset.act === "accept_reference" && !(await sure())) return;
      await act(button.dataset.act);
    });
  }
}

function sure() {
  return new Promise((resolve) => {
    const answer = (event) => {
      const value = event.target.dataset?.sure;
      if (value === undefined) return;
      dialog.close(value);
    };
    dialog.addEventListener("click", answer);
    dialog.addEventListener(
      "close",
      () => {
        dialog.removeEventListener("click", answer);
        resolve(dialog.returnValue === "yes");
      },
      { once: true },
    );
    dialog.returnValue = "no";
    dialog.showModal();
  });
}

async function act(action) {
  const told = form.querySelector("[data-told]");
  const by = form.querySelector("#by");
  const note = form.querySelector("#note");
  if (by && !by.value.trim()) {
    told.textContent = "Say who you are first: it is written down with what you do.";
    by.focus();
    return;
  }
  if (action === "note" && !note.value.trim()) {
    told.textContent = "The note is empty: write one first.";
    note.focus();
    return;
  }
  const body = {
    action: action === "speak" ? "silence" : action,
    alert_id: form.dataset.alert,
    model: form.dataset.model,
    note: note.value.trim(),
  };
  if (by) body.by = by.value.trim();
  // A silence that has ended already ends the one there is.
  const lasting = action === "silence" ? Number(form.querySelector("#for").value) : 0;
  if (body.action === "silence") body.until_ms = Math.round(serverNow()) + lasting;
  if (action === "accept_reference") body.version = form.dataset.version;
  const buttons = [...form.querySelectorAll("button")];
  buttons.forEach((one) => (one.disabled = true));
  told.textContent = "Writing…";
  try {
    const answer = await fetch("/api/v1/actions", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.detail ?? `the console answered ${answer.status}`);
    told.textContent = "Written down.";
    note.value = "";
    try {
      if (by) localStorage.setItem("driftlog.by", body.by);
    } catch {
      // As above.
    }
  } catch (error) {
    told.textContent = `Not done: ${error.message}`;
  } finally {
    buttons.forEach((one) => (one.disabled = false));
  }
}
