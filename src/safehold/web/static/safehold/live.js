// Pages that stay open: relative times stay true, polling sleeps while nobody looks, and failures are said.
import { toast } from "./toast.js";

const TICK_MS = 30_000;

function relative(moment, now) {
  const seconds = (now - moment) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) return "now";
  if (size >= 7 * 86400) return null; // the server has written the day, which stays true
  const amount = size < 3570 ? `${Math.round(size / 60)}m` : size < 84600 ? `${Math.round(size / 3600)}h` : `${Math.round(size / 86400)}d`;
  return seconds > 0 ? `${amount} ago` : `in ${amount}`;
}

function refreshTimes() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const words = relative(Date.parse(element.dateTime), now);
    if (words && element.textContent !== words) element.textContent = words;
  }
}

setInterval(refreshTimes, TICK_MS);
document.addEventListener("visibilitychange", () => document.hidden || refreshTimes());

// data-live on an element that htmx polls for: no request while the tab is hidden.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.closest("[data-live]")) event.preventDefault();
});
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.elt.closest("[data-live]")) return; // the next poll will do
  const status = event.detail.xhr.status;
  toast(status === 403 ? "You may not do that." : status === 409 ? "Somebody else was faster. Reload to see what changed." : `That did not work (${status}). Nothing was saved.`, "bad");
});
document.addEventListener("htmx:sendError", (event) => {
  if (!event.detail.elt.closest("[data-live]")) toast("The server can't be reached. Nothing was saved.", "bad");
});
// A view may answer with HX-Trigger: {"toast": {"text": ..., "tone": ...}}
document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.tone));
