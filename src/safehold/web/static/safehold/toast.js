// Messages at the edge. Good news leaves by itself; anything that needs a person stays until dismissed.
const STAY_MS = 6000;
const box = document.getElementById("toasts");

/** Say something to screen readers only. */
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = "";
  requestAnimationFrame(() => (said.textContent = text));
}

/** Show a message. tone: info, good, warn, bad. */
export function toast(text, tone = "info") {
  const item = Object.assign(document.createElement("div"), { className: "toast" });
  item.setAttribute("role", tone === "bad" ? "alert" : "status");
  item.dataset.tone = tone;
  item.dataset.toast = "";
  const dot = Object.assign(document.createElement("span"), { className: "dot" });
  const close = Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "×" });
  close.setAttribute("aria-label", "Dismiss");
  close.dataset.dismiss = "";
  item.append(dot, Object.assign(document.createElement("span"), { textContent: text }), close);
  box.append(item);
  plan(item);
}

function leave(item) {
  item.classList.add("is-leaving");
  setTimeout(() => item.remove(), 200);
}

function plan(item) {
  if (!["good", "info"].includes(item.dataset.tone)) return;
  let timer = setTimeout(leave, STAY_MS, item);
  const stop = () => clearTimeout(timer);
  const again = () => (timer = setTimeout(leave, STAY_MS, item));
  item.addEventListener("mouseenter", stop);
  item.addEventListener("mouseleave", again);
  item.addEventListener("focusin", stop);
  item.addEventListener("focusout", again);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) leave(event.target.closest("[data-toast]"));
});
for (const item of box?.querySelectorAll("[data-toast]") ?? []) plan(item);
