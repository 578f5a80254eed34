/*
 * <verify-decision>: checks, in the visitor's own browser, that what this page says is what the ledger holds.
 *
 * Nothing here trusts the server's word for it: the hashes and the signature are computed by the browser (WebCrypto).
 * What is trusted is the log's public key; give it in `data-vkey` where you have it from elsewhere than this server.
 *
 * HTML contract (no inline script or style; works under `script-src 'self'; connect-src 'self'`):
 *
 *   <script type="module" src="{% static 'safehold/verify.js' %}"></script>
 *
 *   <verify-decision data-kind="decision" data-id="dec_01..." data-proof="{% url 'record:proof' 'decision' decision.id %}">
 *     {{ opening|json_script }}  {# <script type="application/json">{"salt": "<64 hex>", "text": "<canonical JSON>"}</script> #}
 *     <button type="button" data-verify-start>Verify this decision</button>
 *     <p role="status" data-verify-result></p>
 *     <ol data-verify-steps></ol>
 *   </verify-decision>
 *
 * - The JSON script is for the affected person only (it lets its reader open the ledger's commitment): `opening` is
 *   `safehold.record.opening.opening(row)`. Leave it out for other readers: that step is then reported as not checked.
 * - What the page shows of the row may be marked anywhere on the page: <p data-verify-field="reason">...</p> must have
 *   the row's `reason` as its text (white space around it aside); a dotted name leads into a JSON column
 *   (`texts.en.what`). A difference fails the check. Where several rows are on one page, `data-verify-row="decision"`
 *   beside it says of which kind of row it is.
 * - <code data-verify-open="action">...</code> marks what the entry itself says in clear; it is checked without an opening.
 * - `data-verify-start="id"` on a button elsewhere starts the element with that id; several ids, one after a space.
 * - Without a button the check starts at once. `data-verify-result` and `data-verify-steps` are made where missing.
 * - In another language: <div data-verify-words>{{ words|json_script }}</div> ({"passed": "..."}) anywhere outside of the
 *   element gives words in place of those of WORDS below, by their names.
 * - States for CSS: the element has data-state="idle|running|passed|failed|incomplete"; each step is an <li> with
 *   data-state="passed|failed|skipped" and its words in text, so colour never carries the meaning alone.
 * - When it is done the element dispatches a bubbling `verified` event with detail {state, steps, proof}.
 */

const encoder = new TextEncoder();

/** Everything a visitor reads, by name; `{name}` is filled in. */
export const WORDS = {
  step: "{title}: {verdict}.",
  stepPassed: "passed",
  stepFailed: "failed",
  stepSkipped: "not checked",
  running: "Checking…",
  passed: "Verified: this is what the ledger holds, and the log has signed it.",
  failed: "Not verified: see which step failed. Please tell us, or the dispute body you trust.",
  incomplete: "What could be checked here is right; a step was left out, as said below.",
  hasEntry: "The ledger has an entry",
  entryMade: "Entry {number}, made {at}.",
  anotherEntry: "The server sent another entry's proof.",
  saysSame: "The entry says what this page says",
  fieldsSame: "{count} fields, exactly as they were recorded.",
  openSame: "{count} fields that the entry names openly, exactly as this page has them.",
  onlyAffected: "Only the affected person's own page can check this.",
  differs: "The record differs from what the ledger took down.",
  notCovered: "The ledger's entry does not cover “{field}”, which this page shows.",
  fieldDiffers: "“{field}” on this page differs from the record.",
  inLog: "The entry is in the log",
  hashes: "{count} hashes lead from it to the log's root {root}.",
  otherRoot: "The proof leads to another log than the signed one.",
  isSigned: "The log has signed it",
  signedBy: "Signed by {name} with key {key}, for {size} entries.",
  badSalt: "The page's salt is no hexadecimal number.",
  notWithin: "The entry's number is not within the log.",
  tooLong: "The proof is too long.",
  tooShort: "The proof is too short.",
  noNote: "The checkpoint is no signed note.",
  unreadable: "The checkpoint can't be read.",
  noKey: "The log's public key is no Ed25519 key.",
  keyName: "The log's public key does not fit its own name.",
  otherLog: "The checkpoint is another log's.",
  unsigned: "The log has not signed this checkpoint.",
  wrongSignature: "The log's signature is wrong.",
  oldBrowser: "This browser can't check Ed25519 signatures; a newer one can.",
  answered: "The server answered {status}.",
  notYet: "The log has not signed a checkpoint over this entry yet. Try again in a minute.",
  unchecked: "It could not be checked: {error}",
  itself: "The check itself",
};

/** One of WORDS, or what the page has in its place, filled in. */
function fill(words, name, values = {}) {
  const text = words[name] ?? WORDS[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

/** What ends a check: one of WORDS with its values, or a sentence of the server's. */
class Ended extends Error {
  constructor(name, values = {}) {
    super(fill({}, name, values));
    Object.assign(this, { word: name, values });
  }
}

/** A check that did not hold. */
class Failed extends Ended {}

/** A check that could not be made. */
class Skipped extends Ended {}

const bytesOfBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const base64OfBytes = (bytes) => btoa(String.fromCharCode(...bytes));
const hexOfBytes = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function bytesOfHex(text) {
  if (!/^([0-9a-f]{2})+$/.test(text)) throw new Failed("badSalt");
  return Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
}

function concat(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A number as the page's language writes it. */
const counted = (number) => number.toLocaleString(globalThis.document?.documentElement.lang || "en");

const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
const equal = (left, right) => left.length === right.length && left.every((byte, at) => byte === right[at]);

/** RFC 9162, section 2.1.1. */
export const leafHash = (data) => sha256(Uint8Array.of(0), data);
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/** The root that an inclusion proof leads to: RFC 9162, section 2.1.3.2. Sizes beyond 2**53 do not occur. */
export async function rootFromProof(leaf, index, size, proof) {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new Failed("notWithin");
  }
  let [node, last, current] = [index, size - 1, leaf];
  const up = () => ([node, last] = [Math.floor(node / 2), Math.floor(last / 2)]);
  for (const sibling of proof) {
    if (last === 0) throw new Failed("tooLong");
    if (node % 2 === 1 || node === last) {
      current = await nodeHash(sibling, current);
      while (node % 2 === 0 && node !== 0) up();
    } else {
      current = await nodeHash(current, sibling);
    }
    up();
  }
  if (last !== 0) throw new Failed("tooShort");
  return current;
}

/** A C2SP checkpoint: {text, origin, size, root, signatures: [{name, keyId, bytes}]}. */
export function parseCheckpoint(note) {
  const end = note.lastIndexOf("\n\n");
  if (end < 0) throw new Failed("noNote");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  if (!origin || !/^(0|[1-9]\d*)$/.test(size ?? "") || !root) throw new Failed("unreadable");
  const signatures = [];
  for (const line of note.slice(end + 2).split("\n")) {
    const found = /^— (\S+) (\S+)$/.exec(line);
    if (!found) continue;
    const data = bytesOfBase64(found[2]);
    signatures.push({ name: found[1], keyId: hexOfBytes(data.slice(0, 4)), bytes: data.slice(4) });
  }
  return { text, origin, size: Number(size), root: bytesOfBase64(root), signatures };
}

/** A C2SP verifier key, `name+hash+base64`: {name, keyId, bytes}. Its hash must belong to its name and key. */
export async function parseVerifierKey(vkey) {
  const [name, keyId, encoded] = vkey.trim().split(/\+(.*?)\+(.*)/s);
  const key = encoded ? bytesOfBase64(encoded) : new Uint8Array();
  if (key.length !== 33 || key[0] !== 1) throw new Failed("noKey");
  const hash = await sha256(encoder.encode(`${name}\n`), key);
  if (hexOfBytes(hash.slice(0, 4)) !== keyId) throw new Failed("keyName");
  return { name, keyId, bytes: key.slice(1) };
}

async function checkSignature(checkpoint, vkey) {
  const key = await parseVerifierKey(vkey);
  if (key.name !== checkpoint.origin) throw new Failed("otherLog");
  const signature = checkpoint.signatures.find((one) => one.name === key.name && one.keyId === key.keyId);
  if (!signature) throw new Failed("unsigned");
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key.bytes, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    throw new Skipped("oldBrowser");
  }
  const message = encoder.encode(checkpoint.text);
  if (!(await crypto.subtle.verify({ name: "Ed25519" }, imported, signature.bytes, message))) {
    throw new Failed("wrongSignature");
  }
  return ["signedBy", { name: key.name, key: key.keyId, size: counted(checkpoint.size) }];
}

/** How long to wait for a checkpoint that covers a new entry: tries, one second apart. */
const TRIES = 15;

async function fetchProof(url) {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const response = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
    if (response.status === 202) {
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get("Retry-After") ?? 1)));
      continue;
    }
    const answer = await response.json();
    if (!response.ok) throw new Failed(answer.error ?? "answered", { status: response.status });
    return answer;
  }
  throw new Skipped("notYet");
}

function shownText(element) {
  return element.textContent.trim();
}

/** The page's words for a stored value. */
function storedText(value) {
  return value === null ? "" : typeof value === "string" ? value.trim() : JSON.stringify(value);
}

/** Fails unless every field that the page shows is in `row` with the text that the page has. */
function compare(row, shown) {
  for (const [field, text] of shown) {
    const value = field.split(".").reduce((inside, name) => inside?.[name], row);
    if (value === undefined) throw new Failed("notCovered", { field });
    if (storedText(value) !== text) throw new Failed("fieldDiffers", { field });
  }
}

/**
 * Run all checks in order. `page` is {kind, id, row: {salt, text} | null, shown: [[field, text]],
 * open: [[field, text]], proofUrl, vkey, words}.
 * Calls `report(title, state, words)` after each; the state it returns is "passed", "failed" or "incomplete".
 */
export async function verify(page, report) {
  let state = "passed";
  const say = (name, values) => fill(page.words ?? {}, name, values);
  const step = async (title, check) => {
    try {
      report(say(title), "passed", say(...(await check())));
      return true;
    } catch (error) {
      const skipped = error instanceof Skipped;
      const words =
        error instanceof Ended ? say(error.word, error.values) : say("unchecked", { error: error.message });
      report(say(title), skipped ? "skipped" : "failed", words);
      if (!skipped) state = "failed";
      else if (state === "passed") state = "incomplete";
      return false;
    }
  };

  let proof, entry, root, checkpoint;
  const fetched = await step("hasEntry", async () => {
    proof = await fetchProof(page.proofUrl);
    entry = JSON.parse(proof.entry);
    if (entry.kind !== page.kind || entry.id !== page.id) throw new Failed("anotherEntry");
    return ["entryMade", { number: counted(proof.index), at: entry.at }];
  });
  if (!fetched) return { state, proof };

  await step("saysSame", async () => {
    compare(entry, page.open);
    if (!page.row) {
      if (!page.open.length) throw new Skipped("onlyAffected");
      return ["openSame", { count: page.open.length }];
    }
    const commitment = hexOfBytes(await sha256(bytesOfHex(page.row.salt), encoder.encode(page.row.text)));
    if (commitment !== entry.commitment) throw new Failed("differs");
    const row = JSON.parse(page.row.text);
    compare(row, page.shown);
    return ["fieldsSame", { count: Object.keys(row).length }];
  });
  await step("inLog", async () => {
    checkpoint = parseCheckpoint(proof.checkpoint);
    const leaf = await leafHash(encoder.encode(proof.entry));
    root = await rootFromProof(leaf, proof.index, checkpoint.size, proof.proof.map(bytesOfBase64));
    if (!equal(root, checkpoint.root)) throw new Failed("otherRoot");
    return ["hashes", { count: proof.proof.length, root: base64OfBytes(root) }];
  });
  await step("isSigned", () => checkSignature(checkpoint ?? parseCheckpoint(proof.checkpoint), page.vkey ?? proof.vkey));
  return { state, proof };
}

if (globalThis.customElements) {
  customElements.define(
    "verify-decision",
    class extends HTMLElement {
      connectedCallback() {
        this.dataset.state = "idle";
        const elsewhere = this.id && document.querySelector(`[data-verify-start~="${CSS.escape(this.id)}"]`);
        const start = this.querySelector("[data-verify-start]") ?? elsewhere;
        if (start) start.addEventListener("click", () => this.run());
        else this.run();
      }

      /** The element marked with `attribute`, made if the page has none. */
      part(attribute, tag) {
        const found = this.querySelector(`[${attribute}]`);
        if (found) return found;
        const made = document.createElement(tag);
        made.setAttribute(attribute, "");
        return this.appendChild(made);
      }

      async run() {
        if (this.dataset.state === "running") return;
        const result = this.part("data-verify-result", "p");
        const steps = this.part("data-verify-steps", "ol");
        const row = this.querySelector('script[type="application/json"]');
        const given = document.querySelector("[data-verify-words] script");
        const words = given ? JSON.parse(given.textContent) : {};
        result.setAttribute("role", "status");
        steps.replaceChildren();
        this.settle("running", result, words);
        const taken = [];
        const report = (title, state, said) => {
          const item = document.createElement("li");
          const verdict = fill(words, { passed: "stepPassed", failed: "stepFailed", skipped: "stepSkipped" }[state]);
          const heading = document.createElement("strong");
          item.dataset.state = state;
          heading.textContent = fill(words, "step", { title, verdict });
          item.append(heading, ` ${said}`);
          steps.append(item);
          taken.push({ title, state, words: said });
        };
        let outcome;
        try {
          outcome = await verify(
            {
              kind: this.dataset.kind,
              id: this.dataset.id,
              row: row ? JSON.parse(row.textContent) : null,
              shown: this.marked("data-verify-field"),
              open: this.marked("data-verify-open"),
              proofUrl: this.dataset.proof,
              vkey: this.dataset.vkey,
              words,
            },
            report,
          );
        } catch (error) {
          report(fill(words, "itself"), "failed", error.message);
          outcome = { state: "failed" };
        }
        this.settle(outcome.state, result, words);
        this.dispatchEvent(new CustomEvent("verified", { bubbles: true, detail: { ...outcome, steps: taken } }));
      }

      /** [field, text] of everything that the page marks with this attribute as this row's. */
      marked(name) {
        return Array.from(document.querySelectorAll(`[${name}]`))
          .filter((element) => (element.dataset.verifyRow ?? this.dataset.kind) === this.dataset.kind)
          .map((element) => [element.getAttribute(name), shownText(element)]);
      }

      settle(state, result, words) {
        this.dataset.state = state;
        result.textContent = fill(words, state);
      }
    },
  );
}
