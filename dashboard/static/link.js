// Watches the connection. While it is lost the server is asked quietly whether it is back: a session that still lives is
// taken up again, otherwise the page is opened anew at its address.

const SESSION = 12000;
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
    this.tried = false;
  }

  watch(held) {
    held.on_event("connection_lost", (_, event) => this.down(event));
    held.on_event("client_reconnected", () => this.up());
  }

  down(event) {
    if (this.ended) return;
    this.event = event;
    if (this.lost) return;
    this.lost = new Date();
    this.tried = false;
    this.changed();
    this.poll();
  }

  up() {
    if (this.ended || !this.lost) return;
    this.lost = null;
    this.changed();
  }

  // Whether a server that has not answered for a while is still there; a cut line alone does not end a connection.
  async suspect() {
    if (!this.lost && !(await this.answers())) this.down(null);
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
    for (let pause = FIRST; this.lost && !this.ended; pause = Math.min(pause * 1.5, LONGEST)) {
      await wait(pause);
      if (!this.lost || this.ended || !(await this.answers())) continue;
      if (!this.event || this.tried || Date.now() - this.lost > SESSION) {
        location.reload();
        return;
      }
      this.tried = true;
      this.event.reconnect();
      await wait(ANSWER);
    }
  }

  end() {
    this.ended = true;
  }
}
