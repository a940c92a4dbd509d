// Watches the page from within: when messages of the server come in, when figures are painted, when input was given.
(() => {
  const HEADER = 60;
  const NativeSocket = window.WebSocket;
  const log = { frames: [], sends: [], paints: [], changes: [], acks: [], input: null, last: null };
  const firsts = {}, watched = new WeakSet();
  let wanted = [], useful = null, hooked = false, moving = false, lastMotion = 0;

  class WatchedSocket extends NativeSocket {
    constructor(...words) {
      super(...words);
      this.addEventListener("message", ({ data }) => {
        const now = performance.now(), size = typeof data === "string" ? data.length : data.byteLength;
        log.frames.push([now, size]);
        if (size > HEADER) lastMotion = now;
      });
    }
    send(data) {
      log.sends.push(performance.now());
      super.send(data);
    }
  }
  window.WebSocket = WatchedSocket;

  // What counts is the last input: the end of a drag, the last notch of a wheel. A mere move counts when asked for.
  const input = (event) => {
    if (event.type === "pointermove" && !moving) return;
    log.input ??= event.timeStamp;
    log.last = event.timeStamp;
  };
  for (const kind of ["keydown", "wheel", "pointerup", "pointerdown", "pointermove"]) {
    window.addEventListener(kind, input, { capture: true, passive: true });
  }

  function* views(nodes, seen) {
    for (const view of nodes) {
      if (!view || seen.has(view)) continue;
      seen.add(view);
      yield view;
      const children = typeof view.children === "function" ? view.children() : [];
      yield* views(children, seen);
    }
  }

  function hook() {
    const found = globalThis.Bokeh?.index;
    if (!found || hooked) return hooked;
    for (const view of views([...(found.roots ?? [])], new Set())) {
      if (typeof view._actual_paint !== "function") continue;
      let owner = Object.getPrototypeOf(view);
      while (owner && !Object.hasOwn(owner, "_actual_paint")) owner = Object.getPrototypeOf(owner);
      const paint = owner._actual_paint;
      owner._actual_paint = function (...words) {
        const began = performance.now();
        paint.apply(this, words);
        const entry = [this.model.name ?? "", performance.now(), performance.now() - began, null];
        log.paints.push(entry);
        lastMotion = entry[1];
        requestAnimationFrame(() => { entry[3] = lastMotion = performance.now(); });
      };
      hooked = true;
      break;
    }
    return hooked;
  }

  // Which figures draw the data of a source that changed.
  function listen() {
    for (const held of globalThis.Bokeh?.documents ?? []) {
      if (watched.has(held)) continue;
      watched.add(held);
      held.on_change((event) => {
        if (event.attr === "data" || event.attr === "start") log.changes.push([event.model.id, performance.now()]);
      });
    }
  }

  function owners() {
    const found = new Map();
    for (const model of figures()) {
      for (const drawn of [...model.renderers, ...model.center]) {
        const source = drawn.data_source ?? drawn.source;
        if (source) found.set(source.id, [...(found.get(source.id) ?? []), model.name ?? ""]);
      }
    }
    return found;
  }

  function deep(selector, root = document) {
    const found = root.querySelector(selector);
    if (found) return found;
    for (const node of root.querySelectorAll("*")) {
      const inner = node.shadowRoot && deep(selector, node.shadowRoot);
      if (inner) return inner;
    }
    return null;
  }

  const figures = () => (globalThis.Bokeh?.documents ?? []).flatMap((held) => [...held._all_models.values()])
    .filter((model) => model.type === "Figure");

  function filled(model) {
    return model.renderers.some((drawn) => {
      const data = drawn.data_source?.data ?? {};
      return Object.values(data).some((column) => column?.length > 0);
    });
  }

  // A thing is there once its figure has data and was painted since, or its element is in the page.
  function look() {
    const now = performance.now();
    for (const { name, figure, selector, tiles } of wanted) {
      if (firsts[name] !== undefined) continue;
      if (figure) {
        const model = figures().find((each) => each.name === figure);
        if (model && filled(model) && log.paints.some(([painted]) => painted === figure)) firsts[name] = now;
      } else if (tiles) {
        const model = figures().find((each) => each.name === tiles);
        const source = model?.renderers.find((drawn) => drawn.tile_source)?.tile_source;
        if ([...(source?.tiles.values() ?? [])].some((tile) => tile.loaded)) firsts[name] = now;
      } else if (deep(selector)) firsts[name] = now;
    }
    if (wanted.length && wanted.every(({ name }) => firsts[name] !== undefined)) {
      requestAnimationFrame(() => { useful = performance.now(); });
      return;
    }
    requestAnimationFrame(look);
  }

  window.pageTiming = {
    deep,
    first(things) {
      wanted = things;
      requestAnimationFrame(look);
    },
    useful: () => ({ useful, firsts }),
    box(name) {
      const model = figures().find((each) => each.name === name);
      for (const view of views([...(globalThis.Bokeh?.index?.roots ?? [])], new Set())) {
        if (view.model !== model) continue;
        const { left, top } = view.el.getBoundingClientRect(), inner = view.frame.bbox;
        return { x: left + inner.left, y: top + inner.top, width: inner.width, height: inner.height };
      }
      return null;
    },
    acknowledged: (longest = 30000) => new Promise((resolve, reject) => {
      if (log.acks.length) return resolve();
      const told = deep(".toasts")?.textContent ?? "";
      const late = setTimeout(() => reject(new Error(`an edit was not acknowledged; the page says: ${told}`)), longest);
      window.addEventListener("leadline-refused", () => reject(new Error("an edit was refused")), { once: true });
      window.addEventListener("leadline-stored", () => { clearTimeout(late); resolve(); }, { once: true });
    }),
    still: (quiet, longest = 10000) => new Promise((resolve) => {
      const began = performance.now();
      const wait = () => {
        const now = performance.now();
        if (now - lastMotion >= quiet || now - began >= longest) return resolve();
        setTimeout(wait, 20);
      };
      wait();
    }),
    arm(pointer = false) {
      moving = pointer;
      hook();
      listen();
      for (const name of ["frames", "sends", "paints", "changes", "acks"]) log[name].length = 0;
      log.input = log.last = null;
      lastMotion = performance.now();
    },
    // Resolves with what happened once, after what was waited for, neither the server nor a figure stirs for `quiet` ms.
    settled: (quiet, { stored = false, longest = 10000 } = {}) => new Promise((resolve) => {
      const began = performance.now();
      const wait = () => {
        const now = performance.now();
        // A drag may have been painted to its end before the button is let go.
        const since = log.last !== null && now - log.last > 1000 ? log.input : log.last;
        const answered = since !== null && log.paints.some(([, at]) => at > since) && (!stored || log.acks.length);
        const still = answered && now - Math.max(lastMotion, log.last) >= quiet;
        if (!still && now - began < longest) return setTimeout(wait, 20);
        const names = owners();
        const changes = log.changes.flatMap(([id, time]) => (names.get(id) ?? []).map((name) => [name, time]));
        resolve(JSON.parse(JSON.stringify({ ...log, changes, late: !still })));
      };
      wait();
    }),
  };

  window.addEventListener("leadline-stored", () => { log.acks.push(performance.now()); lastMotion = performance.now(); });
  const waiting = setInterval(() => { if (hook()) clearInterval(waiting); }, 10);
})();
