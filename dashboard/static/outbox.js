// Edits that the server has not confirmed, kept in the browser one entry a key so that tabs do not overwrite another's.

const OWNER = "leadline-tab";
const GONE = 15000;

export function identifier() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A tab keeps its name through reloads; a copied tab copies the name too and takes another when the first still lives.
async function ownName() {
  const held = sessionStorage.getItem(OWNER);
  if (held && await claim(held, 800)) return held;
  const made = identifier();
  sessionStorage.setItem(OWNER, made);
  await claim(made, 0);
  return made;
}

function claim(name, patience) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const stop = new AbortController();
    const late = setTimeout(() => stop.abort(), patience || 1000);
    navigator.locks.request(`${OWNER}:${name}`, { signal: stop.signal }, () => {
      clearTimeout(late);
      resolve(true);
      return new Promise(() => {});
    }).catch(() => resolve(false));
  });
}

async function livingTabs() {
  if (!navigator.locks) return null;
  const { held } = await navigator.locks.query();
  return new Set(held.map(({ name }) => name).filter((name) => name.startsWith(`${OWNER}:`))
    .map((name) => name.slice(OWNER.length + 1)));
}

export class Outbox {
  constructor(project, onChange) {
    this.prefix = `leadline-outbox:${project}:`;
    this.onChange = onChange;
    this.tab = globalThis.leadlineTab ??= ownName();
    this.own = new Set();
  }

  put(entry) {
    this.own.add(entry.gesture);
    const kept = { ...entry, made: Date.now(), tab: sessionStorage.getItem(OWNER) };
    localStorage.setItem(this.prefix + entry.gesture, JSON.stringify(kept));
    this.onChange();
  }

  get(gesture) {
    const text = localStorage.getItem(this.prefix + gesture);
    return text === null ? null : JSON.parse(text);
  }

  drop(gesture) {
    const held = this.get(gesture);
    this.own.delete(gesture);
    localStorage.removeItem(this.prefix + gesture);
    this.onChange();
    return held;
  }

  entries() {
    return Object.keys(localStorage).filter((key) => key.startsWith(this.prefix))
      .map((key) => JSON.parse(localStorage.getItem(key))).sort((a, b) => a.made - b.made);
  }

  count() {
    return this.own.size;
  }

  // Entries of this tab, and of tabs that are no longer there, in the order they were made.
  async orphans() {
    const name = await this.tab;
    const living = await livingTabs();
    const gone = ({ tab, made }) => (living ? !living.has(tab) : Date.now() - made > GONE);
    const found = this.entries().filter((entry) => entry.tab === name || gone(entry));
    for (const { gesture } of found) this.own.add(gesture);
    this.onChange();
    return found;
  }
}
