// The item under review: what keys and fields do beyond pressing a button. Without this file everything can still be
// decided; the reason then does not follow the policy, and the lease is not counted down.
const LOW_SECONDS = 60;

// Show or blur all that was written, together.
function showAll() {
  const switches = [...document.querySelectorAll(".harm-toggle")];
  const shown = switches.every((each) => each.checked);
  for (const each of switches) if (each.checked === shown) each.click();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-show-all]")) showAll();
});

// Escape leaves a field first, and the page only then.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])")) return;
  event.target.blur();
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });

// `o` opens a row, as Enter does.
document.addEventListener("keydown", (event) => {
  if (event.key !== "o" || event.ctrlKey || event.metaKey || event.altKey) return;
  const link = document.activeElement?.closest("[data-row]")?.querySelector("a.row-link");
  if (link && !event.target.matches("input, textarea, select")) link.click();
});

// The reason begins with what the rules of the policy found, until somebody has written their own.
const form = document.querySelector("[data-decide]");
const reasons = JSON.parse(document.getElementById("reasons")?.textContent ?? "{}");
if (form) {
  const reason = form.elements.namedItem("reason");
  let given = Object.values(reasons).includes(reason?.value) ? reason.value : null;
  form.addEventListener("change", (event) => {
    // A suspension ends: a week, unless somebody says otherwise.
    const seconds = form.elements.namedItem("seconds");
    if (event.target.name === "action" && event.target.value === "suspend" && !seconds.value) seconds.value = "604800";
    if (event.target.name !== "policy") return;
    for (const each of document.querySelectorAll("[data-policy]")) each.hidden = each.dataset.policy !== event.target.value;
    if (!reason || (reason.value.trim() && reason.value !== given)) return;
    given = reason.value = reasons[event.target.value] ?? "";
  });
  // A second press while the first is on its way would decide the next item unseen.
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "true";
  });
  addEventListener("pageshow", () => delete form.dataset.sent);
}

function countDown() {
  const until = document.querySelector("[data-until]");
  if (!until) return;
  const left = Math.max(0, Math.round((Date.parse(until.dataset.until) - Date.now()) / 1000));
  until.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  until.closest(".lease").dataset.tone = left < LOW_SECONDS ? "warn" : "";
}
setInterval(countDown, 1000);
countDown();

// Taken away while one was thinking: say so, and let nothing be sent that would be refused.
document.addEventListener("htmx:afterSwap", () => {
  if (document.querySelector("[data-lease-gone]") && form) {
    for (const each of form.querySelectorAll("button")) each.disabled = true;
  }
  countDown();
});
