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
 *   the row's `reason` as its text (white space around it aside). A difference fails the check.
 * - Without a button the check starts at once. `data-verify-result` and `data-verify-steps` are made where missing.
 * - States for CSS: the element has data-state="idle|running|passed|failed|incomplete"; each step is an <li> with
 *   data-state="passed|failed|skipped" and its words in text, so colour never carries the meaning alone.
 * - When it is done the element dispatches a bubbling `verified` event with detail {state, steps, proof}.
 */

const encoder = new TextEncoder();

/** A check that did not hold; its message is for the visitor. */
class Failed extends Error {}

/** A check that could not be made; its message says why. */
class Skipped extends Error {}

const bytesOfBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const base64OfBytes = (bytes) => btoa(String.fromCharCode(...bytes));
const hexOfBytes = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function bytesOfHex(text) {
  if (!/^([0-9a-f]{2})+$/.test(text)) throw new Failed("The page's salt is no hexadecimal number.");
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

const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
const equal = (left, right) => left.length === right.length && left.every((byte, at) => byte === right[at]);

/** RFC 9162, section 2.1.1. */
export const leafHash = (data) => sha256(Uint8Array.of(0), data);
export const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

/** The root that an inclusion proof leads to: RFC 9162, section 2.1.3.2. Sizes beyond 2**53 do not occur. */
export async function rootFromProof(leaf, index, size, proof) {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new Failed("The entry's number is not within the log.");
  }
  let [node, last, current] = [index, size - 1, leaf];
  const up = () => ([node, last] = [Math.floor(node / 2), Math.floor(last / 2)]);
  for (const sibling of proof) {
    if (last === 0) throw new Failed("The proof is too long.");
    if (node % 2 === 1 || node === last) {
      current = await nodeHash(sibling, current);
      while (node % 2 === 0 && node !== 0) up();
    } else {
      current = await nodeHash(current, sibling);
    }
    up();
  }
  if (last !== 0) throw new Failed("The proof is too short.");
  return current;
}

/** A C2SP checkpoint: {text, origin, size, root, signatures: [{name, keyId, bytes}]}. */
export function parseCheckpoint(note) {
  const end = note.lastIndexOf("\n\n");
  if (end < 0) throw new Failed("The checkpoint is no signed note.");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  if (!origin || !/^(0|[1-9]\d*)$/.test(size ?? "") || !root) throw new Failed("The checkpoint can't be read.");
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
  if (key.length !== 33 || key[0] !== 1) throw new Failed("The log's public key is no Ed25519 key.");
  const hash = await sha256(encoder.encode(`${name}\n`), key);
  if (hexOfBytes(hash.slice(0, 4)) !== keyId) throw new Failed("The log's public key does not fit its own name.");
  return { name, keyId, bytes: key.slice(1) };
}

async function checkSignature(checkpoint, vkey) {
  const key = await parseVerifierKey(vkey);
  if (key.name !== checkpoint.origin) throw new Failed("The checkpoint is another log's.");
  const signature = checkpoint.signatures.find((one) => one.name === key.name && one.keyId === key.keyId);
  if (!signature) throw new Failed("The log has not signed this checkpoint.");
  let imported;
  try {
    imported = await crypto.subtle.importKey("raw", key.bytes, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    throw new Skipped("This browser can't check Ed25519 signatures; a newer one can.");
  }
  const message = encoder.encode(checkpoint.text);
  if (!(await crypto.subtle.verify({ name: "Ed25519" }, imported, signature.bytes, message))) {
    throw new Failed("The log's signature is wrong.");
  }
  return `Signed by ${key.name} with key ${key.keyId}, for ${checkpoint.size.toLocaleString("en")} entries.`;
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
    if (!response.ok) throw new Failed(answer.error ?? `The server answered ${response.status}.`);
    return answer;
  }
  throw new Skipped("The log has not signed a checkpoint over this entry yet. Try again in a minute.");
}

function shownText(element) {
  return element.textContent.trim();
}

/** The page's words for a stored value. */
function storedText(value) {
  return value === null ? "" : typeof value === "string" ? value.trim() : JSON.stringify(value);
}

/**
 * Run all checks in order. `page` is {kind, id, row: {salt, text} | null, shown: [[field, text]], proofUrl, vkey}.
 * Calls `report(title, state, words)` after each and returns "passed", "failed" or "incomplete".
 */
export async function verify(page, report) {
  let state = "passed";
  const step = async (title, check) => {
    try {
      report(title, "passed", await check());
      return true;
    } catch (error) {
      const skipped = error instanceof Skipped;
      const words = error instanceof Failed || skipped ? error.message : `It could not be checked: ${error.message}`;
      report(title, skipped ? "skipped" : "failed", words);
      if (!skipped) state = "failed";
      else if (state === "passed") state = "incomplete";
      return false;
    }
  };

  let proof, entry, root, checkpoint;
  const fetched = await step("The ledger has an entry", async () => {
    proof = await fetchProof(page.proofUrl);
    entry = JSON.parse(proof.entry);
    if (entry.kind !== page.kind || entry.id !== page.id) throw new Failed("The server sent another entry's proof.");
    return `Entry ${proof.index.toLocaleString("en")}, made ${entry.at}.`;
  });
  if (!fetched) return { state, proof };

  await step("The entry says what this page says", async () => {
    if (!page.row) throw new Skipped("Only the affected person's own page can check this.");
    const commitment = hexOfBytes(await sha256(bytesOfHex(page.row.salt), encoder.encode(page.row.text)));
    if (commitment !== entry.commitment) throw new Failed("The record differs from what the ledger took down.");
    const row = JSON.parse(page.row.text);
    for (const [field, text] of page.shown) {
      if (!(field in row)) throw new Failed(`The ledger's entry does not cover “${field}”, which this page shows.`);
      if (storedText(row[field]) !== text) throw new Failed(`“${field}” on this page differs from the record.`);
    }
    return `${Object.keys(row).length} fields, exactly as they were recorded.`;
  });
  await step("The entry is in the log", async () => {
    checkpoint = parseCheckpoint(proof.checkpoint);
    const leaf = await leafHash(encoder.encode(proof.entry));
    root = await rootFromProof(leaf, proof.index, checkpoint.size, proof.proof.map(bytesOfBase64));
    if (!equal(root, checkpoint.root)) throw new Failed("The proof leads to another log than the signed one.");
    return `${proof.proof.length} hashes lead from it to the log's root ${base64OfBytes(root)}.`;
  });
  await step("The log has signed it", () => checkSignature(checkpoint ?? parseCheckpoint(proof.checkpoint), page.vkey ?? proof.vkey));
  return { state, proof };
}

const RESULTS = {
  running: "Checking…",
  passed: "Verified: this is what the ledger holds, and the log has signed it.",
  failed: "Not verified: see which step failed. Please tell us, or the dispute body you trust.",
  incomplete: "What could be checked here is right; a step was left out, as said below.",
};

if (globalThis.customElements) {
  customElements.define(
    "verify-decision",
    class extends HTMLElement {
      connectedCallback() {
        this.dataset.state = "idle";
        const start = this.querySelector("[data-verify-start]");
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
        result.setAttribute("role", "status");
        steps.replaceChildren();
        this.settle("running", result);
        const taken = [];
        const report = (title, state, words) => {
          const item = document.createElement("li");
          const verdict = { passed: "passed", failed: "failed", skipped: "not checked" }[state];
          const heading = document.createElement("strong");
          item.dataset.state = state;
          heading.textContent = `${title}: ${verdict}.`;
          item.append(heading, ` ${words}`);
          steps.append(item);
          taken.push({ title, state, words });
        };
        let outcome;
        try {
          outcome = await verify(
            {
              kind: this.dataset.kind,
              id: this.dataset.id,
              row: row ? JSON.parse(row.textContent) : null,
              shown: Array.from(document.querySelectorAll("[data-verify-field]"), (element) => [
                element.dataset.verifyField,
                shownText(element),
              ]),
              proofUrl: this.dataset.proof,
              vkey: this.dataset.vkey,
            },
            report,
          );
        } catch (error) {
          report("The check itself", "failed", error.message);
          outcome = { state: "failed" };
        }
        this.settle(outcome.state, result);
        this.dispatchEvent(new CustomEvent("verified", { bubbles: true, detail: { ...outcome, steps: taken } }));
      }

      settle(state, result) {
        this.dataset.state = state;
        result.textContent = RESULTS[state];
      }
    },
  );
}
