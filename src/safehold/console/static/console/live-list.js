// The list of decisions as they are made. It asks for what is new every few seconds, while somebody looks at the tab and
// nobody points at the list or walks it with the keyboard: what one is about to press never moves away.
const list = document.querySelector("[data-live-list]");

if (list) {
  const state = document.querySelector("[data-live-state]");
  const every = Number(list.dataset.every) * 1000;
  const most = Number(list.dataset.most);
  let cursor = list.dataset.cursor;
  let failures = 0;

  const held = () => list.matches(":hover") || list.contains(document.activeElement);

  function say(text, paused) {
    if (state.textContent !== text) state.textContent = text;
    state.toggleAttribute("data-paused", paused);
  }

  async function ask() {
    if (document.hidden) return;
    if (held()) return say("Paused while you look", true);
    const response = await fetch(`${list.dataset.url}?after=${cursor}`, { headers: { Accept: "text/html" } });
    if (response.redirected || response.status === 403) return location.reload(); // signed out meanwhile
    if (!response.ok) throw new Error(`the list answered ${response.status}`);
    const text = await response.text();
    cursor = response.headers.get("X-Cursor") ?? cursor;
    failures = 0;
    if (held()) return say("Paused while you look", true);
    say("Live", false);
    if (!text.trim()) return;
    const fresh = document.createRange().createContextualFragment(text);
    list.querySelector(".empty")?.remove();
    list.prepend(fresh);
    for (const row of [...list.querySelectorAll(".live-row")].slice(most)) row.remove();
    list.scrollTop = 0;
  }

  async function again() {
    try {
      await ask();
    } catch (error) {
      failures += 1;
      say("The server does not answer; trying again", true);
      console.warn(error);
    }
    setTimeout(again, every * Math.min(2 ** failures, 20));
  }

  document.addEventListener("visibilitychange", () => document.hidden || ask().catch(console.warn));
  setTimeout(again, every);
}
