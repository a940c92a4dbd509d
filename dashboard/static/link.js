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
    this.leaving = false;
    window.addEventListener("beforeunload", () => { this.leaving = true; });
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

  // Whether a server that owes an answer for a while is still there; a cut line alone does not end a connection.
  async suspect(owes) {
    if (!this.lost && !(await this.answers()) && owes()) this.down(null);
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
      if (!this.lost || this.ended || this.leaving) return;
      // Pictures that were asked for over the dead line hold every connection that the browser grants a server.
      window.stop();
      if (!(await this.answers()) || !this.lost || this.ended || this.leaving) continue;
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
