// What a text would do, asked from the server: one question at a time, and an older one is given up, which ends it there.
const POLL_MS = 500;
let asking = null;

export function csrf() {
  return document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
}

export async function ask(url, body, signal) {
  const response = await fetch(url, {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf() },
    body: JSON.stringify(body),
  });
  if (response.redirected || response.status === 403) location.reload(); // signed out meanwhile
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return response;
}

// It runs in a process of its own: asked for now and then, until it is there.
async function found(url, signal, tell) {
  for (;;) {
    await new Promise((wake) => setTimeout(wake, POLL_MS));
    const response = await fetch(url, { signal });
    if (response.status === 200) return response.text();
    if (response.status !== 202) throw new Error(`the server answered ${response.status}`);
    tell(await response.json());
  }
}

// A line above what the last trial found, which stays readable until this one is there.
function waitingLine(box) {
  const line = box.querySelector(".trial-waiting") ?? box.insertBefore(document.createElement("div"), box.firstChild);
  line.className = "trial-waiting small muted";
  const bar = document.createElement("progress");
  const words = document.createElement("span");
  bar.setAttribute("aria-label", "Events decided again");
  words.textContent = "Reading the policies …";
  line.replaceChildren(bar, words);
  return ({ done, of }) => {
    if (!of) return;
    bar.max = of;
    bar.value = done;
    words.textContent = `${done.toLocaleString("en")} of ${of.toLocaleString("en")} events decided again`;
  };
}

// `what`: {path, text} of a file, {change} for all files of a change, or both.
export async function tryOut(box, what) {
  asking?.abort();
  const mine = (asking = new AbortController());
  box.setAttribute("aria-busy", "true");
  const tell = waitingLine(box);
  try {
    const { trial } = await (await ask(box.dataset.try, what, mine.signal)).json();
    const html = await found(box.dataset.try.replace("/try/", `/tried/${trial}/`), mine.signal, tell);
    box.replaceChildren(document.createRange().createContextualFragment(html));
  } catch (error) {
    if (mine.signal.aborted) return;
    const said = document.createElement("p");
    said.className = "problem";
    said.textContent = `Not tried: ${error.message}.`;
    box.replaceChildren(said);
  }
  if (asking === mine) box.removeAttribute("aria-busy");
}

for (const box of document.querySelectorAll("[data-trial-now]")) {
  tryOut(box, { change: box.dataset.change });
}
