// Watches the connection. While it is lost the server is asked quietly whether it is back; the page is then opened anew at
// its address. The session that was lost cannot be taken up: BokehJS drops the arrays of a document it fetches again.

const FIRST = 300;
const LONGEST = 5000;
const ANSWER = 3000;

const wait = (time) => new Promise((resolve) => { setTimeout(resolve, time); });

export class Link {
  constructor(address, changed) {
    this.address = address;
    this.changed = changed;
    this.lost = null;
    this.ended = false;
    window.addEventListener("beforeunload", () => this.end());
  }

  watch(held) {
    held.on_event("connection_lost", () => this.down());
  }

  down() {
    if (this.ended || this.lost) return;
    this.lost = new Date();
    this.changed();
    this.poll();
  }

  // Whether a server that owes an answer for a while is still there; a cut line alone does not end a connection.
  async suspect(owes) {
    if (!this.lost && !(await this.answers()) && owes()) this.down();
  }

  async answers() {
    try {
      const found = await fetch(this.address, { cache: "no-store", signal: AbortSignal.timeout(ANSWER) });
      return found.ok;
    } catch {
      return false;
    }
  }

  async poll() {
    for (let pause = FIRST; ; pause = Math.min(pause * 1.5, LONGEST)) {
      await wait(pause);
      if (this.ended) return;
      // Pictures that were asked for over the dead line hold every connection that the browser grants a server.
      window.stop();
      if (!(await this.answers()) || this.ended) continue;
      location.reload();
      return;
    }
  }

  end() {
    this.ended = true;
  }
}
